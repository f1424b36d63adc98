/*
Ccgwatch watches what NHS bodies and councils in England publish about health
and care services (tender notices, board papers, committee agendas) and writes
to subscribers when something moves, in time to act.

	go run ./cmd/ccgwatch demo     # see it work
	go run ./cmd/ccgwatch help     # the commands

# The path of one change

Suppose a care board puts a pack of papers on its site on a Thursday afternoon,
and page 7 asks the board to approve insourcing of weekend lists. This is how a
subscriber comes to read that sentence.

Tick. The daemon (daemon.go) wakes every 30 seconds and asks the diary in the
store whose time has come: wall-clock instants, because timers stand still while
a laptop sleeps. The source llr-icb is due.

Fetch. package scrapers/crawl asks for the board's list of meetings: robots.txt
first, one request at a time per host, a pause between, what the site says about
waiting obeyed, the address of the peer checked at connect, caps that are errors.

Parse. package scrapers/boards turns the list, and then each meeting's page, into
store.Items. It does no I/O and reads no clock. The pack is a store.Document of
the September meeting; it is new, so crawl downloads it into the archive under its
SHA-256 and has a child process (scrapers/document) take the text out page by
page.

Guard. store.Guard looks at the sighting as a whole. Had the page been empty, or a
third of the meetings gone at once, it would stop here: the source's health says
so, and what is known stays as it is.

Diff. store.Diff compares what was seen with what is known, both values, and
gives the next snapshot and one store.Change: amended, document_added.

Commit. The store (store/bolt) writes snapshot and change in one transaction. From
here on the change log is the truth; everything below follows it and can be
killed at any point and start again from where it was.

Judge and match. alerts.Matcher takes the next commit of the log. package
alerts/judge reads the pages and finds the sentence; a store.Finding says topic
outsourcing, tier certain, page 7, with the sentence as quoted. Each subscription
whose query fits (store/query) is owed one alert. alerts/mail renders it; findings,
deliveries with their frozen bytes, and the follower's place go in in one
transaction.

A procurement notice goes the same way, and is judged in its thread: alerts.Threads
gathers the notices of its procurement out of the store, and judge.Fold puts them in
order, so that a correction of two lines is read for what it corrects. Once a day
(due.go) the threads are asked what has fallen due; a reminder or an overdue step is
an entry of the log like any other, with a key under which it is logged once.

Index. store/index, another follower, files the meeting and page 7 under their words
once they are judged, in a file of its own that can be deleted at any time; the
search, the feeds and the lists that are searched ask it.

Derive. Three more followers keep what would take long to work out for a page: which
papers speak of which procurement (alerts.Joined), the procurements in order with the
stage of each (alerts.ThreadList), and what papers say of interests and bidders and
how many could not be read (alerts.Papers). Their rows stand in a file of their own (a
store.Derived, store/bolt), change by change, with the place in the log in the same
transaction; it can be deleted, too, and is never the truth.

Send. alerts.Postman leases the delivery, hands it to a sender (alerts/mail: files,
or a relay), and settles it. A crash in between repeats the same bytes under the
same Message-ID; just before the last byte goes to a relay the store notes that, so
that a message which may have been taken is repeated once, never twice, and never
through the second relay where there is one (alerts/route.go). What waited for three days is folded (alerts/fold.go); what came to nothing is told in the
next digest (alerts/lost.go).

On Friday at 07:30 the digest (alerts/digest.go) says it again among what is coming,
what changed, what could not be read and since when; and if nothing happened, it
says that. Who runs it may get a copy of each run (cmd/ccgwatch/digestcopy.go).

What people answer, and what comes back, is read every five minutes
(alerts/mail/inbox): a message is told for what it is without any I/O, done once, and
remembered. Bounces name the delivery they are about in the address they come to.

What the operator says about an item (cmd_correct.go) stands beside what its source
says (store.Correction) and never in its place: crawling and judging read the store
itself, and whatever is shown or mailed is read through a store.Public. A message
carries by which correction its words go; the store takes back what has not been sent
(store/bolt/recall.go), and alerts.Matcher.Again makes of it what may still be said.
What a source did to an item while it was out of sight is told when it is restored
(alerts/missed.go). What was said is noted beside the store, too (correctlog.go): a
copy that takes the store's place and is older is corrected again.

# Where to look

	scrapers   find      all.go, the list; crawl, ocds, moderngov, cmis, boards, feeds, page, document
	store      remember  nouns, Diff, Guard, the roles; bolt, index, query, storetest
	alerts     tell      match, digest, send, desk; judge, mail, web
	config     is what the operator says; config/catalogue is what is known beforehand
	cmd        joins them, and nothing imports it

Who may import whom is a table in imports_test.go.
*/
package main
