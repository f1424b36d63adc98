package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// A listing is what the commands that list share.
type listing struct {
	Source string
	Kind   string
	Since  string
	JSON   bool `name:"json"`
}

// filter checks the flags and returns the time of --since.
func (l listing) filter(a *app) (time.Time, error) {
	if err := oneOf("--kind", l.Kind, store.KindNotice, store.KindMeeting, store.KindPaper, store.KindRequest, store.KindPage); err != nil {
		return time.Time{}, err
	}
	if err := a.knowsSource(l.Source); err != nil {
		return time.Time{}, err
	}
	if l.Since == "" {
		return time.Time{}, nil
	}
	t, err := parseTime(l.Since)
	if err != nil {
		return t, usagef("--since: %w", err)
	}
	return t, nil
}

// knowsSource refuses the name of a source that is neither followed nor was ever
// visited: with a slip of the pen nothing would be found, and that looks like no news.
func (a *app) knowsSource(id string) error {
	if id == "" || slices.ContainsFunc(a.sources, func(s source) bool { return s.ID == id }) {
		return nil
	}
	h, err := a.health(context.Background(), id)
	if err == nil && h.LastTry.IsZero() {
		return usagef("--source %q: there is no such source: 'ccgwatch sources' lists those followed", id)
	}
	return err
}

// oneOf refuses a value that is none of the known.
func oneOf[T ~string](flag, value string, known ...T) error {
	if value == "" || slices.Contains(known, T(value)) {
		return nil
	}
	var names []string
	for _, k := range known {
		names = append(names, string(k))
	}
	return usagef("%s %q: expected %s or %s", flag, value, strings.Join(names[:len(names)-1], ", "), names[len(names)-1])
}

// keeps tells whether something of a source and kind at a time is asked for.
func (l listing) keeps(source string, kind store.Kind, at, since time.Time) bool {
	return (l.Source == "" || l.Source == source) && (l.Kind == "" || store.Kind(l.Kind) == kind) && (since.IsZero() || !at.Before(since))
}

// printJSON writes one object a line.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// jsonItem is a line of items --json.
type jsonItem struct {
	Source    string            `json:"source"`
	Key       string            `json:"key"`
	Kind      store.Kind        `json:"kind"`
	Body      string            `json:"body"`
	Title     string            `json:"title"`
	URL       string            `json:"url"`
	Published string            `json:"published"`
	FirstSeen string            `json:"first_seen"`
	Changed   string            `json:"changed"`
	Withdrawn string            `json:"withdrawn,omitempty"`
	Fields    map[string]string `json:"fields"`
	Documents []jsonDocument    `json:"documents"`
}

type jsonDocument struct {
	Key    string `json:"key,omitempty"`
	Title  string `json:"title"`
	URL    string `json:"url"`
	SHA256 string `json:"sha256"`
	Pages  int    `json:"pages"`
	Unread string `json:"unread,omitempty"` // pages, as "3, 7-9"
	Since  string `json:"since,omitempty"`  // when these bytes were first seen
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(london()).Format(time.RFC3339)
}

func documentsJSON(docs []store.Document) []jsonDocument {
	out := make([]jsonDocument, 0, len(docs))
	for _, d := range docs {
		out = append(out, jsonDocument{d.Key, d.Title, d.URL, d.SHA256, d.Pages, d.Unread, stamp(d.Since)})
	}
	return out
}

func itemJSON(it store.Item) jsonItem {
	fields := it.Fields
	if fields == nil {
		fields = map[string]string{}
	}
	return jsonItem{
		it.Source, it.Key, it.Kind, it.Body, it.Title, it.URL, stamp(it.Published), stamp(it.FirstSeen), stamp(it.Changed),
		stamp(it.Withdrawn), fields, documentsJSON(it.Documents),
	}
}

type itemsCmd struct {
	listing
	All bool
}

func (c *itemsCmd) Run(e *env) error {
	return e.look(func(a *app) error {
		since, err := c.filter(a)
		if err != nil {
			return err
		}
		var failed error
		shown, hidden := 0, 0
		err = a.store.Items(e.ctx, c.Source, func(it store.Item) bool {
			if !c.keeps(it.Source, it.Kind, it.Changed, since) {
				return true
			}
			if !it.Withdrawn.IsZero() && !c.All {
				hidden++
				return true
			}
			shown++
			if c.JSON {
				failed = printJSON(e.stdout, itemJSON(it))
			} else {
				_, failed = fmt.Fprintf(e.stdout, "%s  %s  %s\n", it.Source, it.Key, itemLine(it))
			}
			return failed == nil
		})
		if err = errors.Join(err, failed); err == nil {
			sayEmpty(e, c.JSON, shown, hidden, "no items fit", "no longer listed")
		}
		return err
	})
}

// itemLine is an item in a line for people.
func itemLine(it store.Item) string {
	s := it.Title
	if when := it.When(); !when.IsZero() {
		s += ", " + wallTime(when)
	} else if !it.Published.IsZero() {
		s += ", " + it.Published.In(london()).Format("2 January 2006")
	}
	if it.Cancelled() {
		s += ", CANCELLED"
	}
	if !it.Withdrawn.IsZero() {
		s += ", no longer listed since " + it.Withdrawn.In(london()).Format("2 January 2006")
	}
	if n := len(it.Documents); n > 0 {
		s += fmt.Sprintf(" (%s)", count(n, "paper"))
	}
	return s
}

// wallTime writes a moment as people do; midnight means that no hour is known.
func wallTime(t time.Time) string {
	t = t.In(london())
	if t.Hour() == 0 && t.Minute() == 0 {
		return t.Format("Monday 2 January 2006")
	}
	return t.Format("Monday 2 January 2006, 15:04")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// jsonChange is a line of changes --json.
type jsonChange struct {
	Seq       uint64              `json:"seq"`
	At        string              `json:"at"`
	Source    string              `json:"source"`
	Key       string              `json:"key"`
	Kind      store.Kind          `json:"kind"`
	Op        store.Op            `json:"op"`
	What      []store.What        `json:"what"`
	Title     string              `json:"title"`
	URL       string              `json:"url"`
	Fields    []store.FieldChange `json:"fields"`
	Documents []jsonDocument      `json:"documents"`
	Silent    bool                `json:"silent,omitempty"`
}

func changeJSON(c store.Change) jsonChange {
	what, fields := c.What, c.Fields
	if what == nil {
		what = []store.What{}
	}
	if fields == nil {
		fields = []store.FieldChange{}
	}
	return jsonChange{c.Seq, stamp(c.At), c.Source, c.Key, c.Kind, c.Op, what, c.Title, c.URL, fields, documentsJSON(c.Documents), c.Silent}
}

type changesCmd struct {
	listing
	All bool
}

func (c *changesCmd) Run(e *env) error {
	return e.look(func(a *app) error {
		since, err := c.filter(a)
		if err != nil {
			return err
		}
		shown, hidden := 0, 0
		err = a.eachChange(e, func(x store.Change) error {
			if !c.keeps(x.Source, x.Kind, x.At, since) {
				return nil
			}
			// A paper that was known and is read for the first time is no news to
			// anybody who reads the log; what it says may be, in findings.
			if (x.Silent || len(x.What)+len(x.Fields) == 0) && !c.All {
				hidden++
				return nil
			}
			shown++
			if c.JSON {
				return printJSON(e.stdout, changeJSON(x))
			}
			_, err := fmt.Fprintf(e.stdout, "%s  %s  %s  %s\n", x.At.In(london()).Format("2006-01-02 15:04"), x.Source, x.Key, changeLine(x))
			return err
		})
		if err == nil {
			sayEmpty(e, c.JSON, shown, hidden, "no changes fit", ofFirstLook)
		}
		return err
	})
}

// eachChange pages through the log.
func (a *app) eachChange(e *env, f func(store.Change) error) error {
	for after := uint64(0); ; {
		page, err := a.store.Changes(e.ctx, after, 500)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, x := range page {
			if err := f(x); err != nil {
				return err
			}
			after = x.Seq
		}
	}
}

// changeLine is a change in a line for people.
func changeLine(c store.Change) string {
	var words []string
	for _, w := range c.What {
		words = append(words, strings.ReplaceAll(string(w), "_", " "))
	}
	if len(words) == 0 {
		words = []string{string(c.Op)}
	}
	s := strings.Join(words, ", ") + ": " + c.Title
	if c.Due != nil {
		s = c.Due.Kind + ": " + c.Due.Words + " " + c.Title
	}
	for _, f := range c.Fields {
		if f.Name == store.FieldWhen {
			s += " (from " + readableTime(f.Old) + " to " + readableTime(f.New) + ")"
		}
	}
	for _, d := range c.Documents {
		s += "\n      " + d.Title + "  " + d.URL
	}
	return s
}

func readableTime(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return s
	}
	return wallTime(t)
}

// jsonFinding is a line of findings --json.
type jsonFinding struct {
	ID       string            `json:"id"`
	At       string            `json:"at"`
	Source   string            `json:"source"`
	Key      string            `json:"key"`
	Topic    store.Topic       `json:"topic"`
	Tier     store.Tier        `json:"tier"`
	Title    string            `json:"title"`
	URL      string            `json:"url"`
	Document string            `json:"document,omitempty"`
	Quote    string            `json:"quote"`
	Page     int               `json:"page"`
	Quotes   []jsonQuote       `json:"quotes,omitempty"`
	Others   []jsonQuote       `json:"others,omitempty"` // further sentences, those that are kept
	More     int               `json:"more,omitempty"`   // all that are not in quotes
	AlsoIn   []store.Elsewhere `json:"also_in,omitempty"`
	Stage    string            `json:"stage,omitempty"`
	Regime   string            `json:"regime,omitempty"`
	Deadline *store.Deadline   `json:"deadline"`
	Thread   string            `json:"thread"`
	Moves    []store.Move      `json:"moves,omitempty"`
	Joins    []store.Joint     `json:"joins,omitempty"` // procurements that the item speaks of; of a notice, what speaks of it
	Unsaid   []string          `json:"unsaid,omitempty"`
	Body     string            `json:"body,omitempty"`
	Areas    []string          `json:"areas,omitempty"`
	Silent   bool              `json:"silent,omitempty"`
}

// A jsonQuote is one of the best sentences of a document, the first of them the
// finding's own.
type jsonQuote struct {
	Page  int        `json:"page"`
	Tier  store.Tier `json:"tier"`
	Quote string     `json:"quote"`
	URL   string     `json:"url"`
}

func quotesJSON(f store.Finding, ms []store.Mention) []jsonQuote {
	var out []jsonQuote
	for _, m := range ms {
		out = append(out, jsonQuote{m.Page, m.Tier, m.Quote, atPage(f.URL, m.Page)})
	}
	return out
}

// atPage is the address of a page of a paper, as readers of PDF understand it.
func atPage(address string, page int) string {
	if page <= 0 || address == "" || strings.Contains(address, "#") {
		return address
	}
	return fmt.Sprintf("%s#page=%d", address, page)
}

func findingJSON(f store.Finding) jsonFinding {
	return jsonFinding{
		f.ID, stamp(f.At), f.Source, f.Key, f.Topic, f.Tier, f.Title, f.URL, f.Document, f.Quote, f.Page, quotesJSON(f, f.Quotes), quotesJSON(f, f.Others), f.More, f.AlsoIn,
		f.Stage, f.Regime, f.Deadline, f.Thread, f.Moves, f.Joins, f.Unsaid, f.Body, f.Areas, f.Silent,
	}
}

type findingsCmd struct {
	listing
	Topic string
	Tier  string
	Query string
	All   bool
}

func (c *findingsCmd) Run(e *env) error {
	return e.look(func(a *app) error {
		since, err := c.filter(a)
		if err != nil {
			return err
		}
		if err := cmp.Or(
			oneOf("--topic", c.Topic, store.TopicTenders, store.TopicOutsourcing, store.TopicMeetings, store.TopicAwards, store.TopicPapers,
				store.TopicDeadlines, store.TopicConsultations, store.TopicFOI),
			oneOf("--tier", c.Tier, store.TierCertain, store.TierLikely, store.TierMention),
		); err != nil {
			return err
		}
		match, err := a.findingFilter(c.Query)
		if err != nil {
			return usagef("--query: %w", err)
		}
		var failed error
		shown, hidden := 0, 0
		err = a.store.Findings(e.ctx, 0, func(f store.Finding) bool {
			if !c.keeps(f.Source, f.Kind, f.At, since) || c.Topic != "" && string(f.Topic) != c.Topic || c.Tier != "" && string(f.Tier) != c.Tier {
				return true
			}
			f, ok := match(f)
			if !ok {
				return true
			}
			if f.Silent && !c.All {
				hidden++
				return true
			}
			shown++
			if c.JSON {
				failed = printJSON(e.stdout, findingJSON(f))
			} else {
				_, failed = fmt.Fprintf(e.stdout, "%s  %s  %s, %s: %s\n%s", f.At.In(london()).Format("2006-01-02 15:04"), f.ID[:min(12, len(f.ID))], f.Topic, f.Tier, f.Title, quoteLines(f))
			}
			return failed == nil
		})
		if err = errors.Join(err, failed); err == nil {
			sayEmpty(e, c.JSON, shown, hidden, "no findings fit", ofFirstLook)
		}
		return err
	})
}

func quoteLines(f store.Finding) string {
	var b strings.Builder
	best := f.Best()
	for i, m := range best {
		if m.Quote == "" {
			continue
		}
		fmt.Fprintf(&b, "    “%s”", m.Quote)
		if len(best) > 1 && m.Page > 0 {
			fmt.Fprintf(&b, " (page %d)", m.Page)
		}
		fmt.Fprintln(&b)
		for _, o := range f.AlsoIn {
			if i == 0 {
				fmt.Fprintf(&b, "      also in %s, page %d  %s\n", o.Document, o.Page, o.URL)
			}
		}
	}
	if f.More > 0 {
		fmt.Fprintf(&b, "    and %d more\n", f.More)
	}
	for _, m := range f.Moves {
		fmt.Fprintf(&b, "    %s\n", m.Words)
	}
	where := f.URL
	if f.Page > 0 {
		where = fmt.Sprintf("%s, page %d  %s", f.Document, f.Page, f.URL)
	}
	fmt.Fprintf(&b, "    %s\n", where)
	return b.String()
}
