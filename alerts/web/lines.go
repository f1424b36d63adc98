package web

import (
	"encoding/json"
	"io"
	"net/url"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// The lines of the data: one JSON object each, with the names that scripts rely
// on (ccgwatch items --json and its siblings). Times are RFC 3339 with London's
// offset, "" where there is none. The doc tags are the words of the description
// of the interface, which is made from these types.

// An ItemLine is one published thing.
type ItemLine struct {
	Source    string            `json:"source" doc:"Id of the source that publishes it."`
	Key       string            `json:"key" doc:"Its key within the source; with the source it names the item for good."`
	Kind      store.Kind        `json:"kind" doc:"What it is."`
	Body      string            `json:"body" doc:"Id of the body that publishes or buys, empty when unknown."`
	Title     string            `json:"title" doc:"Title, as published."`
	URL       string            `json:"url" doc:"Where the source shows it; empty where that is no http or https address."`
	Published string            `json:"published" doc:"When it was published, as far as the source says."`
	FirstSeen string            `json:"first_seen" doc:"When we saw it first."`
	Changed   string            `json:"changed" doc:"When we last saw it changed."`
	Withdrawn string            `json:"withdrawn,omitempty" doc:"Since when the source lists it no longer."`
	Fields    map[string]string `json:"fields" doc:"What else the source says, by name: when, venue, status, committee and others."`
	Documents []DocumentLine    `json:"documents" doc:"The files that belong to it."`
}

// A DocumentLine is a file of an item.
type DocumentLine struct {
	Key    string `json:"key,omitempty" doc:"Its key within the source."`
	Title  string `json:"title" doc:"Title, as published."`
	URL    string `json:"url" doc:"Where the source keeps it; empty where that is no http or https address."`
	SHA256 string `json:"sha256" doc:"SHA-256 of the bytes we read, empty before that."`
	Pages  int    `json:"pages" doc:"How many pages it has, 0 when unknown."`
}

// An ItemDetail is an item with all that is kept of it.
type ItemDetail struct {
	ItemLine
	Parts   []PartLine    `json:"parts,omitempty" doc:"The items of an agenda."`
	Notice  *store.Notice `json:"notice,omitempty" doc:"A procurement notice as it was read, without the addresses of suppliers."`
	History []ChangeLine  `json:"history,omitempty" doc:"What the log says of it, newest first; the first twenty entries."`
}

// A PartLine is one item of an agenda.
type PartLine struct {
	Number     string `json:"number,omitempty" doc:"Its number on the agenda."`
	Title      string `json:"title" doc:"Title, as published."`
	Text       string `json:"text,omitempty" doc:"What the agenda says under it."`
	Restricted bool   `json:"restricted,omitempty" doc:"The agenda says that it is not for the public."`
	Late       bool   `json:"late,omitempty" doc:"It was added after the agenda was published."`
}

// A ChangeLine is one entry of the change log.
type ChangeLine struct {
	Seq       uint64              `json:"seq" doc:"Its number in the log; numbers only grow."`
	At        string              `json:"at" doc:"When we saw it."`
	Source    string              `json:"source" doc:"Id of the source."`
	Key       string              `json:"key" doc:"Key of the item."`
	Kind      store.Kind          `json:"kind" doc:"What the item is."`
	Op        store.Op            `json:"op" doc:"What happened to it: added, amended, withdrawn, due when a date has come, corrected when an operator corrected it."`
	What      []store.What        `json:"what" doc:"What it means, in fixed words; there may be several."`
	Title     string              `json:"title" doc:"Title at the time."`
	URL       string              `json:"url" doc:"Where the source shows it."`
	Fields    []store.FieldChange `json:"fields" doc:"What was changed, with the value before and after."`
	Documents []DocumentLine      `json:"documents" doc:"The files concerned."`
	Silent    bool                `json:"silent,omitempty" doc:"It was there when we began to watch, and is no news."`
}

// A FindingLine is what a change means, by our rules.
type FindingLine struct {
	ID       string          `json:"id" doc:"Its id, for good."`
	At       string          `json:"at" doc:"When it was found."`
	Source   string          `json:"source" doc:"Id of the source."`
	Key      string          `json:"key" doc:"Key of the item."`
	Kind     store.Kind      `json:"kind" doc:"What the item is."`
	Topic    store.Topic     `json:"topic" doc:"What it is about."`
	Tier     store.Tier      `json:"tier" doc:"How sure the rules are: certain, likely, or a mention of the words."`
	Title    string          `json:"title" doc:"Title of the item."`
	URL      string          `json:"url" doc:"Where the source shows it."`
	Document string          `json:"document,omitempty" doc:"Title of the file that is quoted."`
	Quote    string          `json:"quote" doc:"The sentence it rests on."`
	Page     int             `json:"page" doc:"The page of the sentence, 0 where there are no pages."`
	Stage    string          `json:"stage,omitempty" doc:"Where a procurement stands."`
	Regime   string          `json:"regime,omitempty" doc:"The law it is bought under."`
	Deadline *store.Deadline `json:"deadline" doc:"Until when something can be done, as stated and as counted by the rule; null for none."`
	Thread   string          `json:"thread" doc:"The procurement or item it belongs to: an ocid for notices."`
	Moves    []store.Move    `json:"moves,omitempty" doc:"What the notice changed against earlier ones."`
	Unsaid   []string        `json:"unsaid,omitempty" doc:"What the notices of an award do not say."`
	Body     string          `json:"body,omitempty" doc:"Id of the body."`
	BodyName string          `json:"body_name,omitempty" doc:"Its name."`
	Areas    []string        `json:"areas,omitempty" doc:"Ids of the areas."`
	Silent   bool            `json:"silent,omitempty" doc:"It was there when we began to watch."`
	PageURL  string          `json:"page_url,omitempty" doc:"Our page about it."`
}

// A ThreadLine is one procurement, folded from its notices.
type ThreadLine struct {
	judge.Thread
	Overdue []judge.Overdue `json:"overdue" doc:"What its notices wait for."`
	Who     string          `json:"who,omitempty" doc:"Who may act until the deadline."`
}

// A BodyLine is a body that publishes or buys.
type BodyLine struct {
	ID         string   `json:"id" doc:"Its id, as in addresses and in a search for body:."`
	Name       string   `json:"name" doc:"Its name."`
	Kind       string   `json:"kind,omitempty" doc:"icb, ccg, trust, council, nhs-england, csu or other; empty when unknown."`
	Areas      []string `json:"areas" doc:"Names of its areas."`
	Aliases    []string `json:"aliases" doc:"Other names."`
	Codes      []string `json:"codes" doc:"Official codes (ODS, GSS)."`
	Since      string   `json:"since,omitempty" doc:"First day, YYYY-MM-DD."`
	Until      string   `json:"until,omitempty" doc:"Last day, YYYY-MM-DD."`
	Successors []string `json:"successors" doc:"Ids of the bodies that followed it."`
	Sources    []string `json:"sources" doc:"Ids of the sources that are read of it."`
}

// A SourceLine is a followed source and how it is.
type SourceLine struct {
	ID           string             `json:"id" doc:"Its id."`
	Name         string             `json:"name" doc:"Its name."`
	Base         string             `json:"base" doc:"Its address."`
	Platform     string             `json:"platform" doc:"What kind of site it is."`
	Body         string             `json:"body,omitempty" doc:"Id of the body that publishes there."`
	Schedule     string             `json:"schedule" doc:"When it is looked at, in words."`
	Next         string             `json:"next" doc:"The next look."`
	State        string             `json:"state" doc:"How it is: ok, bad or new." enum:"ok,bad,new"`
	Words        string             `json:"words" doc:"The same in words."`
	LastTry      string             `json:"last_try" doc:"The last look."`
	LastComplete string             `json:"last_complete" doc:"The last look that read everything."`
	FailingSince string             `json:"failing_since,omitempty" doc:"Since when looks have failed."`
	Counts       map[store.Kind]int `json:"counts" doc:"How many items the last complete look listed, by kind."`
	Problems     []ProblemLine      `json:"problems" doc:"What the last look could not read."`
}

// A ProblemLine is something that could not be read.
type ProblemLine struct {
	Reason store.Reason `json:"reason" doc:"Why, in fixed words."`
	What   string       `json:"what" doc:"What was being read."`
	URL    string       `json:"url,omitempty" doc:"Where."`
	Since  string       `json:"since,omitempty" doc:"Since when."`
}

// A DateLine is a meeting or a deadline, as the calendars have it.
type DateLine struct {
	UID       string          `json:"uid" doc:"Its id, for good; the UID of the calendars."`
	Kind      string          `json:"kind" doc:"meeting or deadline." enum:"meeting,deadline"`
	Source    string          `json:"source" doc:"Id of the source."`
	Key       string          `json:"key" doc:"Key of the item, or of one of the papers it is known from."`
	Body      string          `json:"body" doc:"Id of the body, empty when unknown."`
	BodyName  string          `json:"body_name" doc:"Its name."`
	Committee string          `json:"committee,omitempty" doc:"Name of the committee."`
	Title     string          `json:"title" doc:"Title, as published."`
	Start     string          `json:"start" doc:"When it begins or is due: a time, or YYYY-MM-DD where only the day is known."`
	AllDay    bool            `json:"all_day" doc:"Only the day is known."`
	Venue     string          `json:"venue,omitempty" doc:"Where."`
	Status    string          `json:"status" doc:"confirmed; cancelled, as the source says; or tentative, which is listed no longer." enum:"confirmed,tentative,cancelled"`
	Agenda    bool            `json:"agenda,omitempty" doc:"There is an agenda or papers."`
	Doubt     string          `json:"doubt,omitempty" doc:"What the source says that contradicts itself."`
	Deadline  *store.Deadline `json:"deadline,omitempty" doc:"Of a deadline: as stated and as counted."`
	Thread    string          `json:"thread,omitempty" doc:"Of a deadline: the procurement."`
	Sequence  int             `json:"sequence" doc:"How often it was changed, counted from the log."`
	Modified  string          `json:"modified" doc:"When it was last changed."`
	URL       string          `json:"url" doc:"Where the source shows it."`
	PageURL   string          `json:"page_url" doc:"Our page about it."`
}

// londonStamp is a moment as the commands print it.
func londonStamp(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format(time.RFC3339)
}

// safeURL is an address of the web, or nothing.
func safeURL(raw string) string {
	if l := webLink(raw); l != nil {
		return l.URL
	}
	return ""
}

func documentLines(docs []store.Document) []DocumentLine {
	out := make([]DocumentLine, 0, len(docs))
	for _, d := range docs {
		out = append(out, DocumentLine{d.Key, impersonal(d.Title), safeURL(d.URL), d.SHA256, d.Pages})
	}
	return out
}

// MakeItemLine is an item as the data give it.
func MakeItemLine(it store.Item, zone *time.Location) ItemLine {
	fields := make(map[string]string, len(it.Fields))
	for k, v := range it.Fields {
		fields[k] = impersonal(v)
	}
	return ItemLine{
		it.Source, it.Key, it.Kind, it.Body, impersonal(it.Title), safeURL(it.URL), londonStamp(it.Published, zone), londonStamp(it.FirstSeen, zone),
		londonStamp(it.Changed, zone), londonStamp(it.Withdrawn, zone), fields, documentLines(it.Documents),
	}
}

// MakeItemDetail is an item with all that is kept of it but its history.
func MakeItemDetail(it store.Item, zone *time.Location) ItemDetail {
	d := ItemDetail{ItemLine: MakeItemLine(it, zone), Notice: impersonalNotice(it.Notice)}
	for _, p := range it.Parts {
		d.Parts = append(d.Parts, PartLine{p.Number, impersonal(p.Title), impersonal(p.Text), p.Restricted, p.Late})
	}
	return d
}

// MakeChangeLine is a change as the data give it.
func MakeChangeLine(c store.Change, zone *time.Location) ChangeLine {
	what := c.What
	if what == nil {
		what = []store.What{}
	}
	fields := make([]store.FieldChange, 0, len(c.Fields))
	for _, f := range c.Fields {
		fields = append(fields, store.FieldChange{Name: f.Name, Old: impersonal(f.Old), New: impersonal(f.New)})
	}
	return ChangeLine{
		c.Seq, londonStamp(c.At, zone), c.Source, c.Key, c.Kind, c.Op, what, impersonal(c.Title), safeURL(c.URL), fields, documentLines(c.Documents), c.Silent,
	}
}

// MakeFindingLine is a finding as the data give it; base is the address of the pages.
func MakeFindingLine(f store.Finding, base string, zone *time.Location) FindingLine {
	x := FindingLine{
		ID: f.ID, At: londonStamp(f.At, zone), Source: f.Source, Key: f.Key, Kind: f.Kind, Topic: f.Topic, Tier: f.Tier, Title: impersonal(f.Title), URL: safeURL(f.URL),
		Document: impersonal(f.Document), Quote: impersonal(f.Quote), Page: f.Page, Stage: f.Stage, Regime: f.Regime, Thread: f.Thread,
		Unsaid: f.Unsaid, Body: f.Body, BodyName: impersonal(f.BodyName), Areas: f.Areas, Silent: f.Silent, PageURL: base + "/finding/" + url.PathEscape(f.ID),
	}
	if d := f.Deadline; d != nil {
		c := *d
		c.Who, c.Quote = impersonal(d.Who), impersonal(d.Quote)
		x.Deadline = &c
	}
	for _, m := range f.Moves {
		m.Was, m.Now, m.Words = impersonal(m.Was), impersonal(m.Now), impersonal(m.Words)
		x.Moves = append(x.Moves, m)
	}
	return x
}

// MakeDateLine is a meeting or deadline as the data give it.
func MakeDateLine(d Date, zone *time.Location) DateLine {
	x := DateLine{
		UID: d.UID, Kind: d.Kind, Source: d.Source, Key: d.Key, Body: d.Body, BodyName: impersonal(d.BodyName), Committee: impersonal(d.Committee), Title: impersonal(d.Title),
		Start: londonStamp(d.Start, zone), AllDay: d.AllDay, Venue: d.Place, Status: "confirmed", Agenda: d.Agenda, Doubt: impersonal(d.Doubt), Deadline: d.Deadline, Thread: d.Thread,
		Sequence: d.Sequence, Modified: londonStamp(d.Modified, zone), URL: d.Link, PageURL: d.URL,
	}
	if d.AllDay {
		x.Start = d.Start.In(zone).Format(time.DateOnly)
	}
	switch d.Status {
	case EventCancelled:
		x.Status = "cancelled"
	case EventTentative:
		x.Status = "tentative"
	}
	return x
}

// writeLine writes one object and ends the line.
func writeLine(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
