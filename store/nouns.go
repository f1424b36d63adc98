package store

import "time"

// A Kind says what an item is.
type Kind string

// The kinds of item, as they appear in --kind and in JSON.
const (
	KindNotice  Kind = "notice"
	KindMeeting Kind = "meeting"
	KindPaper   Kind = "paper"
	KindRequest Kind = "request"
	KindPage    Kind = "page"
)

// Names of fields that more than one package reads. Times are RFC 3339 with
// the offset of Europe/London; every other value is plain text.
const (
	FieldWhen         = "when"          // start of a meeting, or the meeting a paper is for
	FieldVenue        = "venue"         // where
	FieldStatus       = "status"        // StatusConfirmed, StatusCancelled, else the source's own word
	FieldCommittee    = "committee"     // its name
	FieldAgenda       = "agenda"        // Published once there is an agenda, else absent
	FieldMinutes      = "minutes"       // Published once there are minutes, else absent
	FieldHeading      = "heading"       // the heading a paper stands under
	FieldDoubt        = "doubt"         // what on the page contradicts itself, in words; never corrected
	FieldBuyer        = "buyer"         // name of a notice's buyer, as printed
	FieldText         = "text"          // of a page, or of its first section; "text: HEADING" of the others
	FieldSummary      = "summary"       // what a feed says about its entry
	FieldOpens        = "opens"         // first day of a consultation
	FieldCloses       = "closes"        // its last day
	FieldEnds         = "ends"          // end of an event
	FieldOnline       = "online"        // how to take part in it from afar: the source's word or an address
	FieldOccasion     = "occasion"      // OccasionEvent: no formal meeting but an event for the public
	FieldRegisterBy   = "register_by"   // until when one can register for it
	FieldRegisterSays = "register_says" // the sentence that says so
	FieldListedIn     = "listed_in"     // the document, and its page, in which alone a meeting is listed
	FieldWhenSays     = "when_says"     // the sentence in which an event's day was read
	FieldClosesSays   = "closes_says"   // that of a consultation's last day
	FieldDatesSure    = "dates_sure"    // how surely dates were read out of words: "closes certain, register by likely"
	FieldDatesUnread  = "dates_unread"  // sentences whose dates can be read in more than one way, and why
	FieldEventAt      = "event_at"      // when the last thing happened to a request; Published is when it was made, if that is known
)

// Values of the fields above.
const (
	Published       = "published"
	StatusConfirmed = "confirmed"
	StatusCancelled = "cancelled"
	OccasionEvent   = "event"
)

// An Item is one published thing. Source and Key identify it for good: a key
// is made of the publisher's own ids ("meeting/15062"), never of an address
// that changes when the thing moves.
type Item struct {
	Source    string            `json:"source"`
	Key       string            `json:"key"`
	Kind      Kind              `json:"kind"`
	Body      string            `json:"body,omitempty"` // id of the publishing or buying body, "" when unknown
	Title     string            `json:"title"`
	URL       string            `json:"url"`
	Published time.Time         `json:"published,omitzero"` // as far as the source says
	FirstSeen time.Time         `json:"first_seen,omitzero"`
	Changed   time.Time         `json:"changed,omitzero"`
	Fields    map[string]string `json:"fields,omitempty"`
	Parts     []Part            `json:"parts,omitempty"` // agenda items
	Documents []Document        `json:"documents,omitempty"`
	Notice    *Notice           `json:"notice,omitempty"`

	// Stub marks an item of which this sighting read only the list entry: its
	// title, address and listed fields. Everything else keeps its last known value.
	Stub bool `json:"stub,omitempty"`

	// Missing counts the complete sightings in a row that did not show the
	// item; Withdrawn is when it was declared no longer listed.
	Missing   int       `json:"missing,omitempty"`
	Unrest    *Unrest   `json:"unrest,omitempty"`
	Withdrawn time.Time `json:"withdrawn,omitzero"`
}

// When is the item's meeting time, or zero.
func (it Item) When() time.Time {
	t, err := time.Parse(time.RFC3339, it.Fields[FieldWhen])
	if err != nil {
		return time.Time{}
	}
	return t
}

// Cancelled tells whether the source says that a meeting is cancelled.
func (it Item) Cancelled() bool { return it.Fields[FieldStatus] == StatusCancelled }

// A Part is one item of an agenda.
type Part struct {
	Key        string `json:"key"` // "item/500123"
	Number     string `json:"number,omitempty"`
	Title      string `json:"title"`
	Text       string `json:"text,omitempty"` // plain text
	Restricted bool   `json:"restricted,omitempty"`
	// Late marks a part that was added to an agenda already published (a
	// supplement), where the source says so.
	Late bool `json:"late,omitempty"`
}

// A Role says what a document is to its item.
type Role string

// The roles of documents.
const (
	RoleReport     Role = "report"
	RolePack       Role = "pack"       // all reports of an agenda in one file
	RoleFrontsheet Role = "frontsheet" // the agenda alone
	RoleMinutes    Role = "minutes"
	RoleDecisions  Role = "decisions"  // what was decided, days after the meeting
	RoleSupplement Role = "supplement" // late papers that no item of the agenda shows
)

// A Document is a file that belongs to an item. Key is unique within the source.
type Document struct {
	Key   string `json:"key,omitempty"` // "document/300386", "pack/g15028/T10"
	Title string `json:"title"`
	URL   string `json:"url"`
	Role  Role   `json:"role,omitempty"`
	Part  string `json:"part,omitempty"` // key of the agenda item it belongs to

	// What reading the file gave. SHA256 is empty until the file was read once.
	SHA256   string `json:"sha256,omitempty"`
	Pages    int    `json:"pages,omitempty"`
	Size     int64  `json:"size,omitempty"`
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"` // Last-Modified, verbatim
	// Since is when the file with these bytes was first seen; zero where that was
	// before it was noted down.
	Since time.Time `json:"since,omitzero"`
	// Unread are the pages whose text could not be read although the file could,
	// as "3, 7-9"; see Unreadable.
	Unread       string    `json:"unread,omitempty"`
	Fetched      time.Time `json:"fetched,omitzero"` // last look, whatever came of it
	Failed       string    `json:"failed,omitempty"` // why the last look failed, in words
	FailedReason string    `json:"failed_reason,omitempty"`
	FailedAt     time.Time `json:"failed_at,omitzero"` // since when it has been failing
}

// An Op is what a change did to an item.
type Op string

// The ops of the change log.
const (
	OpAdded     Op = "added"
	OpAmended   Op = "amended"
	OpWithdrawn Op = "withdrawn"
	OpDue       Op = "due"
)

// A What names one happening within a change; a change may carry several.
type What string

// The whats, as scripts and the replica's truth name them.
const (
	NewMeeting       What = "new_meeting"
	AgendaPublished  What = "agenda_published"
	ItemAdded        What = "item_added"
	MeetingMoved     What = "meeting_moved"
	MeetingCancelled What = "meeting_cancelled"
	MeetingRestored  What = "meeting_restored"
	MinutesPublished What = "minutes_published"
	DocumentAdded    What = "document_added"
	DocumentReplaced What = "document_replaced"
	DocumentRemoved  What = "document_removed"
	NoticeNew        What = "notice_new"
	NoticeUpdated    What = "notice_updated"
	RequestNew       What = "foi_request_new"
	RequestEvent     What = "foi_request_event"
	PageChanged      What = "page_changed"
)

// A Change is one entry of the change log, the truth that everything
// downstream follows. Entries are never altered.
type Change struct {
	Seq    uint64        `json:"seq"`
	At     time.Time     `json:"at"`
	Source string        `json:"source"`
	Key    string        `json:"key"`
	Kind   Kind          `json:"kind"`
	Op     Op            `json:"op"`
	What   []What        `json:"what"`
	Title  string        `json:"title"`
	URL    string        `json:"url"`
	Fields []FieldChange `json:"fields,omitempty"`
	// Documents are the ones concerned by the document whats, as they stood
	// after the change (for document_removed: before it).
	Documents []Document `json:"documents,omitempty"`
	// Read lists documents that were known before and whose text was read for
	// the first time now; that is no news by itself, but what they say may be.
	Read []Document `json:"read,omitempty"`
	// Parts are the agenda items concerned by agenda_published and item_added.
	Parts []Part `json:"parts,omitempty"`
	// Silent entries (baseline, backfill) are judged, indexed and shown, and never mailed.
	Silent bool `json:"silent,omitempty"`
	// Due says what has fallen due, of an entry with OpDue and of no other.
	Due *Due `json:"due,omitempty"`
	// Batch is the Seq of the first change of the same commit.
	Batch uint64 `json:"batch"`
}

// A FieldChange is one field's value before and after.
type FieldChange struct {
	Name string `json:"name"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Has tells whether the change carries w.
func (c Change) Has(w What) bool {
	for _, x := range c.What {
		if x == w {
			return true
		}
	}
	return false
}

// A Snapshot is what a source is known to publish, after every sighting so far.
type Snapshot struct {
	Source   string
	Rev      uint64    // counts the commits; Commit refuses a stale one
	Baseline time.Time // when the first complete sighting was committed; zero before
	Cursor   string    // a feed's own mark: everything before it was read completely
	Held     string    // fingerprint of a sighting that waits for a second one like it, or ""
	Notes    string    // what else a feed remembers from visit to visit, in its own words; see Sighting
	Items    map[string]Item
}

// A Sighting is what one crawl of a source saw. It is either complete, in the
// sense of its fields below, or an error: nothing in between reaches Diff.
type Sighting struct {
	Source string
	At     time.Time
	// Whole marks a list read from end to end: absence means withdrawn. In a
	// feed absence means nothing.
	Whole bool
	// From and To bound a whole list: of the items that are absent only those
	// whose When lies in [From, To) are missing. Zero is unbounded.
	From, To time.Time
	// None: the source itself says that it lists nothing.
	None bool
	// Cursor is the new mark of a feed, "" leaves the old one.
	Cursor string
	// Notes replace the feed's notes, "" leaves the old ones.
	Notes string
	// Last is true unless more sightings of the same visit follow (a feed read
	// in many windows is committed as it goes).
	Last bool
	// Silent marks a backfill: its changes are logged silent, and it is no baseline.
	Silent   bool
	Items    []Item
	Problems []Problem
	// Quiet are keys of items that are no news when they are new: they stood in
	// what was read before.
	Quiet map[string]bool
	// Same are items that were known under another key, by the key they have now.
	// An old key that is still shown, or a new one that was known, is none.
	Same map[string]string
}

// A Problem is something a crawl could not read or did not believe. It changes
// a source's health, never its snapshot.
type Problem struct {
	Reason Reason    `json:"reason"`
	What   string    `json:"what"`          // what was being read, in words
	URL    string    `json:"url,omitempty"` // where
	Detail string    `json:"detail,omitempty"`
	Since  time.Time `json:"since,omitzero"` // first crawl that met it
}

// PaperProblem begins the What of a problem with one paper; its title follows.
const PaperProblem = "paper: "

// A Reason is one of a fixed list of why something could not be read.
type Reason string

// The reasons.
const (
	ReasonNetwork   Reason = "network"   // DNS, connect, TLS, reset, time-out
	ReasonRefused   Reason = "refused"   // 401, 403, a challenge page
	ReasonMissing   Reason = "missing"   // 404, 410, a soft 404
	ReasonServer    Reason = "server"    // 5xx
	ReasonBusy      Reason = "busy"      // 429 or 503 that outlasted our patience
	ReasonRobots    Reason = "robots"    // robots.txt disallows it, or could not be read
	ReasonTooLarge  Reason = "too large" // over a cap
	ReasonTruncated Reason = "truncated" // shorter than announced
	ReasonFormat    Reason = "format"    // not what was expected: an error page, another layout, broken data
	ReasonEmpty     Reason = "empty"     // lists nothing where there was something
	ReasonShrunk    Reason = "shrunk"    // too much gone or altered at once; held back
	ReasonGap       Reason = "gap"       // a feed window that could not be read completely
	ReasonBlocked   Reason = "blocked"   // an address we refuse to connect to
	ReasonStalled   Reason = "stalled"   // the crawl's watchdog ended it
	ReasonUnstable  Reason = "unstable"  // it reads differently at every look, or by turns
)

// Health is what is known of a source's last visits.
type Health struct {
	Source       string       `json:"source"`
	LastTry      time.Time    `json:"last_try,omitzero"`
	LastComplete time.Time    `json:"last_complete,omitzero"` // last visit that read everything it set out to
	FailingSince time.Time    `json:"failing_since,omitzero"` // first of the failed visits in a row; zero when the last one was complete
	Problems     []Problem    `json:"problems,omitempty"`     // of the last visit
	Counts       map[Kind]int `json:"counts,omitempty"`       // items seen by the last complete visit of a whole list, or added by that of a feed
	Requests     int          `json:"requests,omitempty"`     // made by the last visit
	Took         string       `json:"took,omitempty"`
	Failed       int          `json:"failed,omitempty"` // visits in a row; see FailingSince
	Rhythm       Rhythm       `json:"rhythm,omitzero"`
	// Sent is what the site had to answer in each of the last thirteen months, by
	// the months of London ("2026-08").
	Sent []DayCount `json:"sent,omitempty"`
}

// A Topic is what a finding is about, as users named it.
type Topic string

// The topics.
const (
	TopicTenders       Topic = "tenders"
	TopicOutsourcing   Topic = "outsourcing"
	TopicMeetings      Topic = "meetings"
	TopicAwards        Topic = "awards"
	TopicPapers        Topic = "papers"
	TopicDeadlines     Topic = "deadlines"
	TopicConsultations Topic = "consultations"
	TopicFOI           Topic = "foi"
)

// A Tier says how sure the rules are. Only certain and likely are mailed at once.
type Tier string

// The tiers.
const (
	TierCertain Tier = "certain"
	TierLikely  Tier = "likely"
	TierMention Tier = "mention"
)

// A Finding is what a change means. ID is a hash of what it was found in and
// by which rule, so that judging again gives the same one.
type Finding struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Change   uint64    `json:"change"` // Seq
	Source   string    `json:"source"`
	Key      string    `json:"key"`
	Kind     Kind      `json:"kind"`
	Topic    Topic     `json:"topic"`
	Tier     Tier      `json:"tier"`
	What     []What    `json:"what,omitempty"` // of the change
	Title    string    `json:"title"`
	URL      string    `json:"url"`
	Document string    `json:"document,omitempty"` // title of the document quoted
	SHA256   string    `json:"sha256,omitempty"`   // its archived bytes
	Quote    string    `json:"quote"`
	Page     int       `json:"page"` // 1 is the first page; 0 where there are no pages
	// All that a document says on the topic is one finding. Quote and Page are its
	// best sentence; where there are several, Quotes are the best of them, that one
	// first, Others further ones in reading order, and More counts all that are not
	// in Quotes: it may exceed Others.
	Quotes []Mention `json:"quotes,omitempty"`
	Others []Mention `json:"others,omitempty"`
	More   int       `json:"more,omitempty"`
	// AlsoIn are the other documents of the change, or of other items of the same
	// meeting, that print the best sentence: a pack and its parts.
	AlsoIn   []Elsewhere `json:"also_in,omitempty"`
	Rule     string      `json:"rule"`
	Why      string      `json:"why,omitempty"`    // in words, for explain
	Moves    []Move      `json:"moves,omitempty"`  // what the notice changed in its procurement, or what fell due
	Also     []Topic     `json:"also,omitempty"`   // further topics it is matched under: a reminder about a tender is for those who asked for tenders
	Joins    []Joint     `json:"joins,omitempty"`  // procurements that the item speaks of; of a notice, what speaks of it
	Unsaid   []string    `json:"unsaid,omitempty"` // what the notices of an award do not say, in two or three words each
	Stage    string      `json:"stage,omitempty"`
	Regime   string      `json:"regime,omitempty"`
	Deadline *Deadline   `json:"deadline,omitempty"`
	When     time.Time   `json:"when,omitzero"` // of the meeting
	Body     string      `json:"body,omitempty"`
	BodyName string      `json:"body_name,omitempty"`
	Areas    []string    `json:"areas,omitempty"`
	// Committee is the name of who meets, for what a meeting or its papers say.
	Committee string `json:"committee,omitempty"`
	Thread    string `json:"thread"`
	Text      string `json:"text,omitempty"` // further words a search may match: description, suppliers, committee
	Rules     string `json:"rules"`          // version of the rules that found it
	// Retired is the version of the rules that finds it no longer; such a finding
	// is in no list, and is kept because messages that were sent refer to it.
	Retired string `json:"retired,omitempty"`
	Silent  bool   `json:"silent,omitempty"`
}

// A Deadline is a date by which something can still be done, as the notice
// states it and as the rule gives it, with who may act. Dates are RFC 3339
// with London's offset, or "" when unknown.
type Deadline struct {
	Stated   string `json:"stated"`
	Computed string `json:"computed"`
	Kind     string `json:"kind"` // tender, interest, engagement, standstill, representations, futurenotice
	Who      string `json:"who"`  // in words
	Quote    string `json:"quote,omitempty"`
}

// Date is the stated date, else the computed one, else zero.
func (d *Deadline) Date() time.Time {
	if d == nil {
		return time.Time{}
	}
	for _, s := range []string{d.Stated, d.Computed} {
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			return t
		}
	}
	return time.Time{}
}

// A State is where a subscription stands.
type State string

// The states of a subscription.
const (
	StatePending    State = "pending"
	StateConfirmed  State = "confirmed"
	StateSuppressed State = "suppressed"
	StateEnded      State = "ended"
)

// A Subscription is one address, one query and how often.
type Subscription struct {
	ID         string    `json:"id"` // random, 128 bits, hex
	Address    string    `json:"address"`
	Query      string    `json:"query"` // as typed; "" is everything
	Often      string    `json:"often"`
	State      State     `json:"state"`
	Created    time.Time `json:"created"`
	Consent    string    `json:"consent"` // how, in the operator's words or the form's version
	ConsentAt  time.Time `json:"consent_at"`
	Ended      time.Time `json:"ended,omitzero"`       // or suppressed
	Stopped    string    `json:"stopped,omitempty"`    // why it was suppressed: the Effect of the Ruling that did it
	LastDigest time.Time `json:"last_digest,omitzero"` // end of the period of the last digest queued
	// Since is the Seq after which changes count for this subscription: what
	// was known before it was made is not mailed.
	Since uint64 `json:"since"`
	// Proof is how consent was given on a page; nil where Consent says it all.
	Proof *Proof `json:"proof,omitempty"`
}

// DeliveryState is where a delivery stands in the outbox.
type DeliveryState string

// The states of a delivery.
const (
	Queued  DeliveryState = "queued"
	Claimed DeliveryState = "claimed"
	// Dotting: the last byte is about to be sent, or was; until the outcome is
	// settled nobody knows whether the message was taken.
	Dotting DeliveryState = "dotting"
	Sent    DeliveryState = "sent"
	Failed  DeliveryState = "failed"
	// Uncertain: two attempts broke off after the last byte. It may have come
	// once, twice or not at all, and is not tried again.
	Uncertain  DeliveryState = "uncertain"
	Suppressed DeliveryState = "suppressed"
	// Folded: it waited for days, and one message took the place of several.
	Folded DeliveryState = "folded"
	// OnHold: more alerts were queued in a day than can be usual. It is not sent
	// before the operator has said so: then it is queued, or suppressed.
	OnHold DeliveryState = "held"
)

// Why a delivery failed, or (soft) what it met once while it is still queued.
const (
	FailedHard    = "hard"    // there is no such address
	FailedSoft    = "soft"    // refused for another reason, twice, a day apart
	FailedRefused = "refused" // the message was refused when all of it was there, or could not be sent as it is
	FailedExpired = "expired" // tried for as long as is sensible
	// FailedCorrected: taken back before it was sent, because the operator corrected
	// an item that it speaks of (see Corrections.Correct).
	FailedCorrected = "corrected"
)

// A Delivery is one message owed to one subscription. ID is a hash of the
// subscription and what it tells, so that a second decision to send the same
// thing falls together with the first. Raw is frozen before the first attempt
// and never rendered again.
type Delivery struct {
	ID           string        `json:"id"`
	Subscription string        `json:"subscription"`
	Kind         string        `json:"kind"` // alert, digest, confirm or manage
	MessageID    string        `json:"message_id"`
	Subject      string        `json:"subject"`
	Findings     []string      `json:"findings,omitempty"`
	More         int           `json:"more,omitempty"` // things it counts and does not show
	Raw          []byte        `json:"-"`
	State        DeliveryState `json:"state"`
	Created      time.Time     `json:"created"`
	Due          time.Time     `json:"due"`
	Lease        time.Time     `json:"lease,omitzero"` // a claim is free again after this
	// Attempts counts those that were about this message; that the relay was
	// away is not one.
	Attempts int `json:"attempts,omitempty"`
	// Doubts counts the attempts that broke off after the last byte; 2 is the most.
	Doubts int `json:"doubts,omitempty"`
	// Via is the relay that was last sent the message's end, by host and port; "" for
	// none, or one without a name. What is in doubt is repeated by that one alone.
	Via       string    `json:"via,omitempty"`
	Failure   string    `json:"failure,omitempty"` // FailedHard, ...
	SentAt    time.Time `json:"sent_at,omitzero"`
	LastError string    `json:"last_error,omitempty"`
	// Carries are deliveries that came to nothing and whose news this one
	// brings; Carried is the one that does so for this one, "" while none does.
	Carries []string `json:"carries,omitempty"`
	Carried string   `json:"carried,omitempty"`
	// Also are further subscriptions of the same address that an alert speaks
	// for: some of what it tells is what they asked for, too, and they get no
	// alert of their own about that.
	Also []string `json:"also,omitempty"`
	// Periods, of a digest that tells several subscriptions of an address, is
	// what it tells each of; Subscription is the first of them. If one of them
	// ends before it is sent, it is not sent, and the others are owed theirs again.
	Periods []Period `json:"periods,omitempty"`
	// Period, of a digest that tells one subscription, is what it tells it of; zero
	// in those made before it was noted.
	Period Period `json:"period,omitzero"`
	// About are the items that it shows beside those of its findings: the coming
	// meetings of a digest, what a correction is about.
	About []ItemRef `json:"about,omitempty"`
	// Edits is the number of the last correction that was known when its words were
	// chosen, 0 for none: of what was corrected since, it may say what is not shown.
	Edits uint64 `json:"edits,omitempty"`
	// WasHeld: it was OnHold when it was taken back; so is what takes its place.
	WasHeld bool `json:"was_held,omitempty"`
}

// Tells lists the subscriptions that a delivery tells all of what they asked
// for: the one it is owed to first.
func (d Delivery) Tells() []string {
	ids := []string{d.Subscription}
	for _, p := range d.Periods {
		if p.Subscription != d.Subscription {
			ids = append(ids, p.Subscription)
		}
	}
	return ids
}

// TakenBack tells whether the delivery was taken back because of a correction, and
// nothing has taken its place.
func (d Delivery) TakenBack() bool { return d.Failure == FailedCorrected && d.Carried == "" }

// Aside tells whether the delivery is on hold, or was taken back because of a
// correction, whatever became of it since (see Outbox.Aside).
func (d Delivery) Aside() bool { return d.State == OnHold || d.Failure == FailedCorrected }

// Lost tells whether the delivery is over, its news was not certainly brought,
// and another message may still bring it: not where there is no such address.
// An alert that was stopped because its own subscription ended is lost to those
// it spoke for.
func (d Delivery) Lost() bool {
	return d.Carried == "" && (d.State == Uncertain || d.State == Failed && d.Failure != FailedHard || d.State == Suppressed && len(d.Also) > 0)
}

// Doubted is the delivery after an attempt of which nobody knows whether it
// was taken: the first time it is to be repeated, byte for byte, at Due; the
// second time it is left at that.
func (d Delivery) Doubted() Delivery {
	d.Attempts++
	d.Doubts++
	d.Lease = time.Time{}
	if d.State = Queued; d.Doubts > 1 {
		d.State = Uncertain
	}
	return d
}
