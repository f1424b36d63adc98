package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts"
	"ccgwatch/alerts/judge"
	"ccgwatch/alerts/web"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/storetest"
)

// A life is a record in which everything that can happen does, at random: few
// titles, references and processes, so that they meet.
type life struct {
	t   *testing.T
	a   *app
	r   *rand.Rand
	now time.Time

	notices  []store.Item
	meetings map[string]store.Item
	papers   int
	joined   int // procurements of which something spoke when all was compared
	quoted   int // sentences of papers, then
}

func (l *life) pick(from ...string) string { return from[l.r.IntN(len(from))] }

func (l *life) ocid() string { return fmt.Sprintf("ocds-h6vhtk-%06x", 1+l.r.IntN(9)) }

func (l *life) release() string { return fmt.Sprintf("%06d-2026", 1+l.r.IntN(14)) }

// about are words in which a procurement may be met.
func (l *life) about() string {
	return l.pick("Community nursing at home", "Community stoma nursing at home", "Sexual health outreach", "Non-emergency patient transport", "Wheelchair repairs",
		"the tender "+l.release(), l.ocid(), "reference MV-2026-014"+l.pick("4", "5"), "Hearwell Clinics")
}

func (l *life) notice() store.Item {
	fill := func(n *store.Notice) {
		n.Title = l.pick("Community nursing at home", "Community stoma nursing at home", "Sexual health outreach", "Non-emergency patient transport", "Wheelchair repairs")
		switch l.r.IntN(4) {
		case 0:
			intention(n)
			n.Suppliers = []store.Party{{Name: l.pick("Hearwell Clinics Limited", "Serco Ltd")}}
		case 1:
			n.NoticeType, n.Tags = "UK6", []string{"award"}
			n.Suppliers = []store.Party{{Name: l.pick("Hearwell Clinics Limited", "Serco Ltd")}}
		default:
			tenderUntil("2026-10-02T12:00:00+01:00")(n)
		}
		if l.r.IntN(3) == 0 {
			n.Reference = "MV-2026-014" + l.pick("4", "5")
		}
		if l.r.IntN(4) == 0 {
			n.Description += " See notice " + l.release() + "."
		}
		if l.r.IntN(6) == 0 {
			n.Related = []string{l.ocid()}
		}
	}
	return dueNotice(l.ocid(), l.release(), l.now.Add(-time.Duration(l.r.IntN(2000))*time.Hour), fill)
}

func (l *life) meeting() {
	key := fmt.Sprintf("meeting/%d", 1+l.r.IntN(6))
	it := boardMeeting(key, l.now.AddDate(0, 0, l.r.IntN(60)-20).Format(time.RFC3339))
	for i := range 1 + l.r.IntN(3) {
		it.Parts = append(it.Parts, store.Part{Key: fmt.Sprintf("%s/%d", key, i), Title: l.pick("Procurement of ", "Update: ", "Award of contract: ") + l.about()})
	}
	if l.r.IntN(2) == 0 {
		text := "The Board is asked to approve the outsourcing of services. It is proposed to procure " + l.about() + " from a private provider."
		if l.r.IntN(2) == 0 {
			text += "\n\nA member declared an interest in " + l.about() + " and left the meeting.\n\nThree bids were received for it from Hearwell Clinics and others."
		}
		if l.papers == 0 || l.r.IntN(4) > 0 { // else a paper that was somewhere else already
			l.papers++
		}
		sha, _, err := l.a.store.Keep(l.t.Context(), strings.NewReader(fmt.Sprint("paper ", l.papers)))
		must(l.t, err)
		if _, err := l.a.store.Text(l.t.Context(), sha); err != nil && l.r.IntN(8) > 0 { // else one that could not be read
			must(l.t, l.a.store.KeepText(l.t.Context(), sha, []string{text}))
		}
		it.Documents = []store.Document{{Key: key + "/pack", Title: "Pack", URL: "https://icb.example.org/pack.pdf", SHA256: sha, Pages: 1, Unread: l.pick("", "1")}}
	}
	l.meetings[key] = it
	if l.r.IntN(8) == 0 {
		delete(l.meetings, key) // it is listed no longer
	}
	var all []store.Item
	for _, k := range slices.Sorted(maps.Keys(l.meetings)) {
		all = append(all, l.meetings[k])
	}
	lists(l.t, l.a, "mercia-vale-icb", l.now, all...)
}

// correct has the operator say something of an item.
func (l *life) correct() {
	c := store.Correction{At: l.now, Source: "tenders", Reason: "test"}
	if len(l.notices) > 0 {
		c.Key = l.notices[l.r.IntN(len(l.notices))].Key
	}
	if len(l.notices) == 0 || l.r.IntN(2) == 0 {
		c.Source, c.Key = "mercia-vale-icb", fmt.Sprintf("meeting/%d", 1+l.r.IntN(6))
	}
	switch l.r.IntN(6) {
	case 0:
		c.Act = store.ActHold
	case 1:
		c.Act = store.ActWithdraw
	case 2:
		c.Act, c.Fields = store.ActCorrect, []store.FieldChange{{Name: "title", New: l.about()}}
	case 3:
		c.Act, c.Strike = store.ActRedact, []string{l.pick("nursing", "transport", "Hearwell")}
	default:
		c.Act = store.ActRestore
	}
	if _, err := l.a.store.Correct(l.t.Context(), c); err != nil {
		return // an item that was never there
	}
	l.follow()
}

func (l *life) decide() {
	d := store.Decision{A: l.ocid(), B: l.ocid(), Join: l.r.IntN(2) == 0, Why: "test", At: l.now}
	if l.r.IntN(2) == 0 {
		d.B = store.DecisionItem("mercia-vale-icb", fmt.Sprintf("meeting/%d", 1+l.r.IntN(6)))
	}
	if err := l.a.store.Decide(l.t.Context(), d); err != nil {
		l.t.Fatal(err)
	}
	l.a.derive(l.t.Context())
}

func (l *life) follow() {
	if err := l.a.follow(l.t.Context(), l.now); err != nil {
		l.t.Fatal(err)
	}
}

func (l *life) step() string {
	l.now = l.now.Add(time.Duration(1+l.r.IntN(30)) * time.Hour)
	switch n := l.r.IntN(20); {
	case n < 9:
		var more []store.Item
		for range 1 + l.r.IntN(3) {
			it := l.notice()
			if !slices.ContainsFunc(more, func(x store.Item) bool { return x.Key == it.Key }) {
				more = append(more, it)
			}
		}
		l.notices = append(l.notices, more...)
		appear(l.t, l.a, l.now, more...)
		return "notices"
	case n < 14:
		l.meeting()
		return "a meeting"
	case n < 17:
		l.correct()
		return "a correction"
	case n < 19:
		l.decide()
		return "a decision"
	}
	// Judged again by other rules, here: those by which every third finding is none.
	all := l.a.matcher.Judge
	l.a.matcher.Judge = func(ctx context.Context, c store.Change, it store.Item) ([]store.Finding, error) {
		if c.Seq%3 == 0 {
			return nil, nil
		}
		return all(ctx, c, it)
	}
	if l.r.IntN(2) == 0 {
		l.a.matcher.Judge = all
	}
	if _, err := l.a.matcher.Rejudge(l.t.Context(), fmt.Sprint("test ", l.now.Unix()), nil); err != nil {
		l.t.Fatal(err)
	}
	l.a.matcher.Judge = all
	if err := l.a.derived.Clear(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	l.follow()
	return "judging again"
}

// same compares what is kept with what comes of the record as it is.
func (l *life) same(what string) {
	t, a, ctx := l.t, l.a, l.t.Context()
	fresh := &alerts.Joined{Ledger: a.public, Outbox: a.store, Shown: a.public.Shown, Marks: a.store, Judge: a.judge}
	anew := &alerts.ThreadList{Threads: a.threads, Ledger: a.store, Outbox: a.store, Shown: a.public.Shown}
	must(t, anew.Follow(ctx))
	if behind, err := a.joined.Behind(ctx); behind || err != nil {
		t.Fatalf("after %s: behind %v, %v", what, behind, err)
	}
	for i := 1; i <= 6; i++ {
		key := fmt.Sprintf("meeting/%d", i)
		was, err := a.joined.KnownOfItem(ctx, "mercia-vale-icb", key)
		must(t, err)
		is, err := fresh.OfItem(ctx, "mercia-vale-icb", key)
		must(t, err)
		if d := cmp.Diff(is, was); d != "" {
			t.Fatalf("after %s: of %s (- anew, + kept)\n%s", what, key, d)
		}
	}
	var order []string
	must(t, a.threads.Recent(ctx, 0, func(f store.Finding) bool { order = append(order, f.Thread); return true }))
	kept, _, err := a.listed.Newest(ctx, 0, 1000)
	must(t, err)
	again, _, err := anew.Newest(ctx, 0, 1000)
	must(t, err)
	if d := cmp.Diff(again, kept); d != "" {
		t.Fatalf("after %s: the list (- anew, + kept)\n%s", what, d)
	}
	var listed []string
	for _, x := range kept {
		listed = append(listed, x.Thread)
		th, err := a.threads.Of(ctx, x.Thread, true)
		if !isMissing(err) {
			must(t, err)
		}
		if !x.Known || x.Stage != th.Stage {
			t.Fatalf("after %s: %s stands at %q, and is listed at %+v", what, x.Thread, th.Stage, x)
		}
		folded, err := a.listed.Fold(ctx, x.Thread)
		if !isMissing(err) {
			must(t, err)
		}
		if !folded.Equal(&th) {
			t.Fatalf("after %s: %s is remembered otherwise than it is", what, x.Thread)
		}
		was, err := a.joined.KnownOfThread(ctx, &th)
		must(t, err)
		is, err := fresh.OfThread(ctx, &th)
		must(t, err)
		if d := cmp.Diff(is, was); d != "" {
			t.Fatalf("after %s: what speaks of %s (- anew, + kept)\n%s", what, x.Thread, d)
		}
		if len(was) > 0 {
			l.joined++
		}
	}
	if d := cmp.Diff(order, listed); d != "" {
		t.Fatalf("after %s: the order (- by the findings, + kept)\n%s", what, d)
	}
	l.samePapers(what)
}

// samePapers compares what papers come to.
func (l *life) samePapers(what string) {
	t, a, ctx := l.t, l.a, l.t.Context()
	anew := &alerts.Papers{Ledger: a.public, Archive: a.store, Said: web.Sayings(a.judge.Plain)}
	must(t, anew.Follow(ctx))
	is, err := anew.Quoted(ctx, 0, 1000)
	must(t, err)
	was, err := a.said.Quoted(ctx, 0, 1000)
	must(t, err)
	if d := cmp.Diff(is, was); d != "" || len(was.List) != was.All {
		t.Fatalf("after %s: what papers say, %d in all (- anew, + kept)\n%s", what, was.All, d)
	}
	unread, known, err := a.said.Unread(ctx, "mercia-vale-icb")
	must(t, err)
	if n := l.unread(); !known || unread != n {
		t.Fatalf("after %s: %d papers could not be read, and %d are counted", what, n, unread)
	}
	l.quoted += was.All
}

// unread counts the papers with pages that could not be read.
func (l *life) unread() (n int) {
	must(l.t, l.a.public.Items(l.t.Context(), "mercia-vale-icb", func(it store.Item) bool {
		for _, d := range it.Documents {
			if it.Withdrawn.IsZero() && d.Unread != "" {
				n++
			}
		}
		return true
	}))
	return n
}

// behind compares what is told before what has just happened is worked out: no
// procurement as it was, no sentence of what is shown no more.
func (l *life) behind(what string) {
	t, a, ctx := l.t, l.a, l.t.Context()
	must(t, a.threads.Recent(ctx, 0, func(f store.Finding) bool {
		is, err := a.threads.Of(ctx, f.Thread, true)
		was, again := a.listed.Fold(ctx, f.Thread)
		if isMissing(err) != isMissing(again) || !was.Equal(&is) {
			t.Fatalf("%s, not worked out yet: %s is remembered otherwise than it is", what, f.Thread)
		}
		return true
	}))
	page, err := a.said.Quoted(ctx, 0, 1000)
	must(t, err)
	for _, s := range page.List {
		it, err := a.public.Item(ctx, s.Source, s.Key)
		if err != nil || s.Item != it.Title || !slices.ContainsFunc(it.Documents, func(d store.Document) bool { return d.SHA256 == s.SHA }) {
			t.Fatalf("%s, not worked out yet: %q is quoted of %s", what, s.Quote, s.Key)
		}
	}
	if unread, known, err := a.said.Unread(ctx, "mercia-vale-icb"); err != nil || known && unread != l.unread() {
		t.Fatalf("%s, not worked out yet: %d papers are counted that could not be read, not %d, %v", what, unread, l.unread(), err)
	}
}

func isMissing(err error) bool { return errors.Is(err, store.ErrNotFound) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is kept as the log goes on is what would be worked out from nothing,
// whatever happened: notices, meetings with papers, corrections that hold,
// withdraw, alter, redact and restore, the operator's joining and parting, and
// judging again.
func TestPromiseWhatIsKeptIsWhatWouldBeWorkedOutAnew(t *testing.T) {
	a := dueApp(t)
	l := &life{t: t, a: a, r: rand.New(rand.NewPCG(storetest.Seed(t), 7)), now: at("2026-05-01T07:00"), meetings: map[string]store.Item{}}
	for i := range storetest.Promised(12, 25, 60, 400) {
		a.daemon.Store(l.r.IntN(2) == 0) // which works out beside everything else
		what := fmt.Sprintf("step %d, %s", i, l.step())
		l.behind(what)
		a.daemon.Store(false)
		a.derive(t.Context())
		l.same(what)
	}
	if l.joined == 0 || l.quoted == 0 && !testing.Short() { // which takes few steps
		t.Errorf("%d were joined, %d sentences quoted: the test looks at nothing", l.joined, l.quoted)
	}
}

// The file goes on where it stood after a start, and one that is damaged, gone or
// of other rules is made again.
func TestWhatWasWorkedOutOutlivesAStart(t *testing.T) {
	data := t.TempDir()
	open := func() *app {
		t.Helper()
		a, err := demoApp(data, "http://127.0.0.1:1", slog.New(slog.DiscardHandler))
		must(t, err)
		return a
	}
	a := open()
	lists(t, a, "mercia-vale-icb", at("2026-05-02T07:00"), boardMeeting("meeting/1", "2026-05-07T13:00:00+01:00", store.Part{Key: "1", Title: "Tender 000001-2026"}))
	const nursing = "ocds-h6vhtk-00000a"
	appear(t, a, at("2026-09-02T07:00"), dueNotice(nursing, "000001-2026", at("2026-09-02T06:00"), tenderUntil("2026-10-02T12:00:00+01:00")))
	must(t, a.Close())
	file := filepath.Join(a.data, bolt.DerivedFile)
	whole, err := os.ReadFile(file)
	must(t, err)
	wanted := []string{"meeting/1 certain"}
	known := func(a *app) []string { t.Helper(); return knownOf(t, a, nursing) }
	a = open()
	if d := cmp.Diff(wanted, known(a)); d != "" {
		t.Errorf("after a start, before anything was followed:\n%s", d)
	}
	if behind, err := a.joined.Behind(t.Context()); behind || err != nil {
		t.Errorf("behind %v, %v", behind, err)
	}
	must(t, a.Close())

	torn := slices.Clone(whole)
	clear(torn[2*os.Getpagesize():]) // all but the two heads, which are sound
	for name, bytes := range map[string][]byte{"gone": nil, "empty": {}, "cut": whole[:len(whole)/2], "torn": torn, "no database": []byte("not a database at all")} {
		must(t, os.Remove(file))
		if bytes != nil {
			must(t, os.WriteFile(file, bytes, 0o600))
		}
		a := open()
		a.derive(t.Context())
		if d := cmp.Diff(wanted, known(a)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
		must(t, a.Close())
	}
}

// A copy that took the store's place was shown with what had been worked out from
// the store it took the place of: what an operator had parted since stayed parted.
func TestARestoredCopyIsNotShownWithWhatWasWorkedOutFromAnother(t *testing.T) {
	a := dueApp(t)
	const nursing, item = "ocds-h6vhtk-00000a", "meeting/1"
	lists(t, a, "mercia-vale-icb", at("2026-05-02T07:00"), boardMeeting(item, "2026-05-07T13:00:00+01:00", store.Part{Key: "1", Title: "Tender 000001-2026"}))
	appear(t, a, at("2026-09-02T07:00"), dueNotice(nursing, "000001-2026", at("2026-09-02T06:00"), tenderUntil("2026-10-02T12:00:00+01:00")))
	known := func(a *app) []string { t.Helper(); return knownOf(t, a, nursing) }
	wanted := []string{item + " certain"}
	if d := cmp.Diff(wanted, known(a)); d != "" {
		t.Fatal("before the copy\n", d)
	}
	made, err := a.makeCopy(t.Context(), filepath.Join(a.data, "backups"), at("2026-09-02T08:00"), 3, noLimit)
	must(t, err)
	must(t, a.store.Decide(t.Context(), store.Decision{A: nursing, B: store.DecisionItem("mercia-vale-icb", item), Why: "test", At: at("2026-09-02T09:00")}))
	a.derive(t.Context())
	if got := known(a); len(got) > 0 {
		t.Fatalf("parted, and still %q", got)
	}
	must(t, a.Close())
	e := &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard, data: a.data, asOf: at("2026-09-02T10:00"), log: a.log}
	_, err = e.restore(made.dir, asidePrefix)
	must(t, err)
	a, err = demoApp(a.data, "http://127.0.0.1:1", slog.New(slog.DiscardHandler))
	must(t, err)
	defer closeApp(t, a)
	if behind, err := a.joined.Behind(t.Context()); !behind || err != nil {
		t.Errorf("before anything was worked out: behind %v, %v", behind, err)
	}
	a.derive(t.Context())
	if d := cmp.Diff(wanted, known(a)); d != "" {
		t.Error("of the copy\n", d)
	}
}

// Until all is worked out the page of a procurement says so.
func TestAPageSaysThatWhatDiscussesAProcurementIsStillBeingRead(t *testing.T) {
	a := dueApp(t)
	const nursing = "ocds-h6vhtk-00000a"
	appear(t, a, at("2026-09-02T07:00"), dueNotice(nursing, "000001-2026", at("2026-09-02T06:00"), tenderUntil("2026-10-02T12:00:00+01:00")))
	lists(t, a, "mercia-vale-icb", at("2026-09-03T07:00"), boardMeeting("meeting/1", "2026-09-07T13:00:00+01:00", store.Part{Key: "1", Title: "Tender 000001-2026"}))
	says := func(target, words string) bool {
		t.Helper()
		return strings.Contains(page(t, a, at("2026-09-04T07:00"), target).Find("main").Text(), words)
	}
	const thread, item = "/thread/" + nursing, "/item?source=mercia-vale-icb&key=meeting/1"
	must(t, a.derived.Clear(t.Context()))
	if !says(thread, "is still being read") || !says(item, "is still being worked out") || says(thread, "Where it is discussed") {
		t.Error("with nothing worked out the pages do not say so")
	}
	if !says("/threads", "Community nursing at home") || !says("/threads?stage=tender", "Community nursing at home") {
		t.Error("with nothing worked out the list is not there")
	}
	a.derive(t.Context())
	if says(thread, "is still being read") || says(item, "is still being worked out") || !says(thread, "Where it is discussed") {
		t.Error("with all worked out the pages say otherwise")
	}
}

// knownOf is what is known, as far as it is worked out, to speak of a procurement,
// and how surely.
func knownOf(t *testing.T, a *app, ocid string) (out []string) {
	t.Helper()
	list, err := a.joined.KnownOfThread(t.Context(), &judge.Thread{ID: ocid, OCIDs: []string{ocid}})
	must(t, err)
	for _, m := range list {
		out = append(out, m.Key+" "+m.Strength)
	}
	return out
}
