package judge

import (
	"fmt"
	"slices"
	"strings"

	"ccgwatch/store"
)

// Beside is what stands beside the item that a change is about. Some sites list
// the pack of a meeting as one thing and its reports as others: what both print
// is told once, and says where else it stands.
type Beside struct {
	// Items are the other items of the source with the same Sitting; nil: there
	// are none. It is asked only where a paper says something.
	Items func() ([]store.Item, error)
	// Passages are those of a paper by its hash; nil: they are read from its text.
	Passages func(sha string) ([]Passage, error)
}

// Sitting names the meeting that an item is of or for: its committee and day.
// Two items of a source that have the same one speak of the same meeting; "" is
// an item without a date, or one that is no meeting's.
func Sitting(it store.Item) string {
	day, _, ok := strings.Cut(it.Fields[store.FieldWhen], "T")
	if !ok || it.Kind != store.KindMeeting && it.Kind != store.KindPaper || it.Fields[store.FieldOccasion] != "" {
		return ""
	}
	return it.Body + "\n" + plainWords(it.Fields[store.FieldCommittee]) + "\n" + day
}

// FindingsBeside is Findings for a change of an item that has others beside it.
// A sentence that a paper of another item of the same meeting printed before, or
// prints in the same crawl and is told of there, gives no second finding; one
// that the other has as less sure than this one does. What only one of them
// prints is told, whichever came first.
func (j *Judge) FindingsBeside(c store.Change, it store.Item, text func(sha string) ([]string, error), beside Beside) ([]store.Finding, error) {
	if c.Op != store.OpAdded && c.Op != store.OpAmended && c.Op != store.OpDue {
		return nil, nil
	}
	f := &finder{j: j, c: c, it: it, text: text, beside: beside, said: map[string]bool{}, repeats: map[string][]string{}, missing: map[string]string{}}
	if err := f.find(); err != nil {
		return nil, err
	}
	return f.out, nil
}

// A neighbour is a paper of another item of the same meeting.
type neighbour struct {
	item     store.Item
	doc      store.Document
	mentions []mention
}

// neighbours are the papers beside the item that have been read.
func (f *finder) neighbours() ([]neighbour, error) {
	if f.beside.Items == nil || Sitting(f.it) == "" {
		return nil, nil
	}
	items, err := f.beside.Items()
	if err != nil {
		return nil, fmt.Errorf("reading what stands beside %s of %s: %w", f.c.Key, f.c.Source, err)
	}
	var out []neighbour
	for _, it := range items {
		if it.Key == f.c.Key || Sitting(it) != Sitting(f.it) || it.Unstable() {
			continue
		}
		for _, d := range it.Documents {
			if d.SHA256 == "" {
				continue
			}
			n := neighbour{item: it, doc: d}
			ps, err := f.passagesOf(d.SHA256)
			if err != nil {
				continue // it said nothing then either
			}
			for _, p := range ps {
				n.mentions = append(n.mentions, mention{Passage: p, key: sayKey(p.Quote)})
			}
			out = append(out, n)
		}
	}
	return out, nil
}

func (f *finder) passagesOf(sha string) ([]Passage, error) {
	if f.beside.Passages != nil {
		return f.beside.Passages(sha)
	}
	pages, err := f.text(sha)
	if err != nil {
		return nil, err
	}
	return f.j.Passages(pages), nil
}

// shared leaves of some papers what no neighbour has said.
func (f *finder) shared(papers []*paper) error {
	if !slices.ContainsFunc(papers, func(p *paper) bool { return len(p.mentions) > 0 }) {
		return nil
	}
	near, err := f.neighbours()
	if err != nil {
		return err
	}
	for _, p := range papers {
		repeated := map[string]bool{}
		kept := p.mentions[:0:0]
		for _, m := range p.mentions {
			name, told := f.elsewhere(p.doc, &m, near)
			if !told {
				kept = append(kept, m)
			} else if !repeated[name] {
				repeated[name] = true
				f.repeats[docKey(p.doc)] = append(f.repeats[docKey(p.doc)], name)
			}
		}
		p.mentions = kept
	}
	return nil
}

// elsewhere looks for a sentence in the papers beside. told: it is told of one
// of them, whose name is given. Else the mention says where it stands too.
func (f *finder) elsewhere(d store.Document, m *mention, near []neighbour) (name string, told bool) {
	var also []store.Elsewhere
	for _, n := range near {
		i := slices.IndexFunc(n.mentions, func(x mention) bool { return sameSentence(x.key, m.key) })
		if i < 0 {
			continue
		}
		name := first(n.doc.Title, n.item.Title, "another paper")
		if f.after(d, n) && rank(n.mentions[i].Tier) >= rank(m.Tier) {
			return name, true
		}
		also = append(also, store.Elsewhere{Key: n.item.Key, Document: name, URL: first(n.doc.URL, n.item.URL), Page: n.mentions[i].Page})
	}
	m.also = append(m.also, also...)
	return "", false
}

// after tells whether what a neighbour says was told before the paper d came, or
// is told with it and before it. Of two that came in one crawl the parts are
// before the pack, the short before the long, and else their keys decide: both
// sides ask, and must come to the same answer.
func (f *finder) after(d store.Document, n neighbour) bool {
	for _, x := range f.it.Documents {
		if docKey(x) == docKey(d) && x.SHA256 == d.SHA256 {
			d.Role, d.Pages = x.Role, x.Pages
		}
	}
	switch since := n.doc.Since; {
	case since.IsZero(): // before it was noted down
		return f.noted(d) || rolesLast(n.doc) < rolesLast(d)
	case !since.Equal(f.c.At):
		return since.Before(f.c.At)
	}
	for _, order := range []int{rolesLast(n.doc) - rolesLast(d), n.doc.Pages - d.Pages, strings.Compare(n.item.Key, f.c.Key)} {
		if order != 0 {
			return order < 0
		}
	}
	return false
}
