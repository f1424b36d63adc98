package judge

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"ccgwatch/store"
)

// Findings says what a change means: the findings it gives rise to, in a fixed
// order and with ids that are the same whenever it is judged again. it is the
// item after the change; text gives the pages of a document by the SHA-256 of
// its bytes. A document whose text cannot be had is not guessed at: the finding
// about the papers says that it could not be read.
func (j *Judge) Findings(c store.Change, it store.Item, text func(sha string) ([]string, error)) ([]store.Finding, error) {
	return j.FindingsBeside(c, it, text, Beside{})
}

// find gathers the findings of the change.
func (f *finder) find() error {
	c := f.c
	f.place()
	if c.Op == store.OpDue {
		if c.Kind != store.KindNotice {
			f.came()
		}
		return nil
	}
	switch c.Kind {
	case store.KindNotice:
		if f.it.Notice == nil {
			return fmt.Errorf("judging change %d: the notice %s of %s has no contents", c.Seq, c.Key, c.Source)
		}
		f.notice()
	case store.KindMeeting, store.KindPaper:
		f.meeting()
		f.decision()
		f.minutes()
		unread, err := f.documents()
		if err != nil {
			return err
		}
		f.parts()
		f.papers(unread)
	case store.KindRequest:
		f.request()
	case store.KindPage:
		f.page()
	}
	return nil
}

// A finder gathers the findings of one change.
type finder struct {
	j    *Judge
	c    store.Change
	it   store.Item
	text func(sha string) ([]string, error)

	beside   Beside
	body     *Body
	bodyName string
	areas    []string
	said     map[string]bool // sentences that count once in a change
	// repeats names, by document, the earlier documents of the item that already
	// print what the rules notice in it.
	repeats map[string][]string
	missing map[string]string // by document, the pages that could not be read: "page 3"
	out     []store.Finding
}

// place resolves the body and its areas.
func (f *finder) place() {
	if f.it.Notice != nil {
		f.body = f.j.reg.buyer(f.it.Notice)
		f.bodyName = buyerNames(f.it.Notice)
		f.areas = f.j.reg.areasOf(f.it.Notice)
		return
	}
	if f.body = f.j.reg.bodies[f.it.Body]; f.body != nil {
		f.bodyName, f.areas = f.body.Name, f.body.Areas
	}
}

// add completes a finding and keeps it. part is what tells it from others of
// the same rule: a document's hash, an agenda item's key.
func (f *finder) add(x store.Finding, part string) {
	c := f.c
	x.At, x.Change, x.Source, x.Key, x.Kind, x.What = c.At, c.Seq, c.Source, c.Key, c.Kind, c.What
	x.Rules, x.Silent = f.j.Version(), c.Silent
	if x.Title == "" {
		x.Title = first(f.it.Title, c.Title)
	}
	if x.URL == "" {
		x.URL = first(f.it.URL, c.URL)
	}
	if x.Thread == "" {
		x.Thread = c.Source + "/" + c.Key
	}
	if f.body != nil {
		x.Body = f.body.ID
	} else {
		x.Body = f.it.Body
	}
	x.BodyName, x.Areas = f.bodyName, f.areas
	x.Text = Redact(x.Text)
	x.Committee = f.it.Fields[store.FieldCommittee]
	if x.When.IsZero() {
		x.When = f.it.When()
	}
	sum := sha256.New()
	for _, s := range []string{c.Source, c.Key, fmt.Sprint(c.Seq), x.Rule, string(x.Topic), part, fmt.Sprint(x.Page), x.Quote} {
		_, _ = fmt.Fprintf(sum, "%d:%s;", len(s), s)
	}
	x.ID = hex.EncodeToString(sum.Sum(nil))
	f.out = append(f.out, x)
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// notice gives the findings of a procurement notice. One that has to do with
// neither health nor care gives none.
func (f *finder) notice() {
	r := f.j.read(f.it.Notice)
	f.judged(r, r.verdict())
}

// judged is notice for one that was read already.
func (f *finder) judged(r *reading, v Verdict) {
	n := f.it.Notice
	if v.Care == careNone && v.Outsourcing == outsourcingNone {
		return
	}
	x := store.Finding{
		Stage: v.Stage, Regime: v.Regime, Deadline: v.Deadline, Thread: n.OCID, Title: Redact(n.Title),
		Quote: r.showing(v), Text: Redact(noticeText(n, v)),
	}
	x.Why = "judged " + v.Stage + " under " + v.Regime + ", about " + v.Care
	for _, e := range v.Evidence {
		x.Why += "; " + e.Rule
	}
	tier := noticeTier(v.Care, v.Outsourcing)
	if topic := noticeTopic(v.Stage); topic != "" && concerns(v.Care, v.Outsourcing) {
		x.Topic, x.Tier, x.Rule = topic, tier, "notice: "+v.Stage
		f.add(x, n.Release)
	}
	if v.Outsourcing != outsourcingNone {
		x.Topic, x.Tier, x.Rule = store.TopicOutsourcing, store.Tier(v.Outsourcing), "notice: outsourcing"
		f.add(x, n.Release)
	}
}

// noticeTopic sorts stages: before a decision, and from the decision on. What
// is unclear may be an award.
func noticeTopic(stage string) store.Topic {
	switch stage {
	case stagePipeline, stageEngagement, stagePlanned, stageTender, stageTenderUpdate:
		return store.TopicTenders
	}
	return store.TopicAwards
}

// showing is the sentence of a notice that shows best what it is: the one that
// decided its stage, else the one that prints the deadline, else the first of
// the description, else the title.
func (r *reading) showing(v Verdict) string {
	if r.shown != "" {
		return r.shown
	}
	if v.Deadline != nil && v.Deadline.Quote != "" {
		return v.Deadline.Quote
	}
	for _, p := range r.parts {
		for i, s := range p.sentences {
			if p.where == "tender.title" || s.heading || len(s.words) < 5 || p.tallies[i].has(r.j.lists["person"]) {
				continue
			}
			return r.j.safeQuote(s, p.tallies[i], hit{})
		}
	}
	return first(Redact(r.n.Title), "The notice has no text.")
}

// noticeText is what a search may match beside title and quote.
func noticeText(n *store.Notice, v Verdict) string {
	parts := []string{v.Buyer}
	for _, s := range v.Suppliers {
		parts = append(parts, s.Name)
	}
	parts = append(parts, strings.Join(v.Places, " "), strings.Join(n.CPV, " "), n.Description)
	return clip(strings.Join(parts, "\n"), 2000)
}

// clip cuts a text to n characters at most, between words where it can.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	s = string([]rune(s)[:n])
	if i := strings.LastIndexAny(s, " \n"); i > len(s)/2 {
		s = s[:i]
	}
	return s + "…"
}

// concerned are the documents a change brought, and those it read first.
func (f *finder) concerned() []store.Document {
	var out []store.Document
	if f.c.Has(store.DocumentAdded) || f.c.Has(store.DocumentReplaced) || f.c.Has(store.MinutesPublished) || f.c.Has(store.NewMeeting) || f.c.Has(store.AgendaPublished) {
		for _, d := range f.c.Documents {
			if !f.c.Has(store.DocumentRemoved) || f.holds(d) {
				out = append(out, d)
			}
		}
	}
	return append(out, f.c.Read...)
}

// holds tells whether the item still has the document: a change may name
// documents that came and others that went.
func (f *finder) holds(d store.Document) bool {
	for _, x := range f.it.Documents {
		if docKey(x) == docKey(d) {
			return true
		}
	}
	return false
}

func docKey(d store.Document) string { return first(d.Key, d.URL, d.Title) }

// before are the passages of the version that d replaced, where its text is
// still to be had.
func (f *finder) before(d store.Document) map[string]bool {
	out := map[string]bool{}
	for _, x := range f.c.Fields {
		if x.Name != "document "+d.Key && x.Name != "document "+d.URL || x.Old == "" || x.Old == d.SHA256 {
			continue
		}
		pages, err := f.text(x.Old)
		if err != nil {
			continue // all of the new version is news then
		}
		for _, p := range f.j.Passages(pages) {
			out[sayKey(p.Quote)] = true
		}
	}
	return out
}

// sayKey makes two printings of a sentence equal.
func sayKey(quote string) string { return plainWords(quote) }

// parts judges the items of an agenda.
func (f *finder) parts() {
	if !f.c.Has(store.AgendaPublished) && !f.c.Has(store.ItemAdded) {
		return
	}
	for _, p := range f.c.Parts {
		f.passages(f.j.Passages([]string{p.Title + "\n\n" + p.Text}), store.Finding{Document: Redact(agendaItem(p))}, p.Key)
	}
}

func agendaItem(p store.Part) string {
	if p.Number != "" {
		return "Agenda item " + p.Number + ": " + p.Title
	}
	return "Agenda item: " + p.Title
}

// request gives a finding for a request under the Freedom of Information Act.
func (f *finder) request() {
	for _, x := range []struct {
		what  store.What
		quote string
	}{
		{store.RequestNew, "A request was made: " + Redact(f.c.Title) + "."},
		{store.RequestEvent, "Something happened to the request: " + Redact(f.c.Title) + "."},
	} {
		if f.c.Has(x.what) {
			f.add(store.Finding{Topic: store.TopicFOI, Tier: store.TierMention, Rule: "request: " + string(x.what), Quote: x.quote}, "")
		}
	}
}
