package judge

import (
	"slices"
	"strings"

	"ccgwatch/store"
)

// A paper is a document of a change with what the rules notice in it.
type paper struct {
	doc      store.Document
	pages    []string
	mentions []mention
}

// A mention is a sentence noticed in a paper, and where else it stands.
type mention struct {
	Passage
	key  string // see sayKey
	also []store.Elsewhere
}

// documents judges the papers that came, changed or were read for the first
// time, and returns those whose text could not be had. All that a paper says on
// a topic is one finding. A sentence that another paper of the change prints as
// well is told once: a pack is compared with its parts, and the parts have it.
// One that a paper prints which the item had before is no news at all, nor is
// one that a paper of the same meeting has that stands beside the item.
func (f *finder) documents() (unread map[string]bool, err error) {
	unread = map[string]bool{}
	var papers []*paper
	for _, d := range f.concerned() {
		if d.SHA256 == "" {
			if d.Failed != "" {
				unread[docKey(d)] = true
			}
			continue
		}
		pages, err := f.text(d.SHA256)
		if err != nil {
			unread[docKey(d)] = true
			continue
		}
		if missing := store.Unreadable(pages); len(missing) > 0 {
			f.missing[docKey(d)] = pagesInWords(missing)
		}
		papers = append(papers, &paper{doc: d, pages: pages, mentions: f.noticed(d, pages)})
	}
	order := slices.Clone(papers)
	slices.SortStableFunc(order, func(a, b *paper) int { return rolesLast(a.doc) - rolesLast(b.doc) })
	for i, p := range order {
		f.fresh(p, order[:i])
	}
	if err := f.shared(papers); err != nil {
		return nil, err
	}
	for _, p := range papers {
		for _, m := range p.mentions {
			f.said[m.key] = true
		}
		f.paper(p)
		f.numbered(p.pages, p.doc)
	}
	return unread, nil
}

// rolesLast puts what repeats others behind them.
func rolesLast(d store.Document) int {
	if d.Role == store.RolePack {
		return 1
	}
	return 0
}

func pagesInWords(pages []int) string {
	if len(pages) == 1 {
		return "page " + store.PageList(pages)
	}
	return "pages " + store.PageList(pages)
}

// noticed are the passages of a document, each sentence once, without those of
// the version that it replaced.
func (f *finder) noticed(d store.Document, pages []string) []mention {
	var out []mention
	before, said := f.before(d), map[string]bool{}
	for _, p := range f.j.Passages(pages) {
		key := sayKey(p.Quote)
		if before[key] || said[key] {
			continue
		}
		said[key] = true
		out = append(out, mention{Passage: p, key: key})
	}
	return out
}

// fresh leaves of a paper what no other has said: neither another of this
// change, which then says where else it stands, nor one that the item had.
func (f *finder) fresh(p *paper, others []*paper) {
	if len(p.mentions) == 0 {
		return
	}
	known := f.earlier(p.doc)
	repeated := map[string]bool{}
	p.mentions = slices.DeleteFunc(p.mentions, func(m mention) bool {
		for _, o := range others {
			if i := slices.IndexFunc(o.mentions, func(x mention) bool { return sameSentence(x.key, m.key) }); i >= 0 {
				o.mentions[i].also = append(o.mentions[i].also, store.Elsewhere{Document: p.doc.Title, URL: p.doc.URL, Page: m.Page})
				return true
			}
		}
		for _, o := range known {
			if slices.ContainsFunc(o.mentions, func(x mention) bool { return sameSentence(x.key, m.key) }) {
				if name := first(o.doc.Title, "another paper"); !repeated[name] {
					repeated[name] = true
					f.repeats[docKey(p.doc)] = append(f.repeats[docKey(p.doc)], name)
				}
				return true
			}
		}
		return false
	})
}

// earlier are the papers that the item had before this change, as far as that
// is known: by the time they were first seen. Of those seen before that was
// noted down, a pack is taken to follow its parts.
func (f *finder) earlier(d store.Document) []*paper {
	var out []*paper
	concerned := f.concerned()
	for _, x := range f.it.Documents {
		switch {
		case x.SHA256 == "" || docKey(x) == docKey(d) || slices.ContainsFunc(concerned, func(c store.Document) bool { return docKey(c) == docKey(x) }):
			continue
		case !x.Since.IsZero():
			if !x.Since.Before(f.c.At) {
				continue
			}
		case rolesLast(x) >= rolesLast(d) && !f.noted(d):
			continue
		}
		pages, err := f.text(x.SHA256)
		if err != nil {
			continue
		}
		p := &paper{doc: x}
		for _, got := range f.j.Passages(pages) {
			p.mentions = append(p.mentions, mention{Passage: got, key: sayKey(got.Quote)})
		}
		out = append(out, p)
	}
	return out
}

// noted tells whether it was noted down when the document, as it stands in the
// item, was first seen: then one without a note was there before it.
func (f *finder) noted(d store.Document) bool {
	for _, x := range f.it.Documents {
		if docKey(x) == docKey(d) {
			return !x.Since.IsZero() && x.SHA256 == d.SHA256
		}
	}
	return false
}

// sameSentence tells whether two sentences, in plain words, are one: a pack
// sets it as its part does, or cuts it elsewhere.
func sameSentence(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return a == b || strings.Count(a, " ") >= 7 && strings.Contains(" "+b+" ", " "+a+" ")
}

// paper gives the findings of a paper; of an archive of papers, those of each.
func (f *finder) paper(p *paper) {
	files := store.Files(p.pages)
	if len(files) == 0 {
		f.group(p.mentions, store.Finding{Document: recognised(p.doc.Title, p.pages, p.mentions), SHA256: p.doc.SHA256, URL: p.doc.URL}, p.doc.SHA256)
		return
	}
	for i, file := range files {
		end := len(p.pages)
		if i+1 < len(files) {
			end = files[i+1].Page - 1
		}
		var in []mention
		for _, m := range p.mentions {
			if m.Page >= file.Page && m.Page <= end {
				in = append(in, m)
			}
		}
		name := recognised(p.doc.Title+": "+file.Name, p.pages, in)
		for k := range in {
			in[k].Page -= file.Page - 1
		}
		f.group(in, store.Finding{Document: name, SHA256: p.doc.SHA256, URL: p.doc.URL}, p.doc.SHA256+"/"+file.Name)
	}
}

// recognised says beside the name of a document that a sentence of it was not
// read but recognised in a picture, where letters are easily mistaken.
func recognised(name string, pages []string, ms []mention) string {
	for _, m := range ms {
		if m.Page > 0 && m.Page <= len(pages) && store.Recognised(pages[m.Page-1]) {
			return name + " (words recognised in a picture)"
		}
	}
	return name
}

// passages gives the findings of a text that has no pages, without what the
// change has said before.
func (f *finder) passages(ps []Passage, x store.Finding, part string) {
	var ms []mention
	for _, p := range ps {
		key := sayKey(p.Quote)
		if f.said[key] {
			continue
		}
		f.said[key] = true
		p.Page = 0
		ms = append(ms, mention{Passage: p, key: key})
	}
	f.group(ms, x, part)
}

// group gives one finding for every topic of the mentions. It is the finding of
// the best of them, and has its id.
func (f *finder) group(ms []mention, x store.Finding, part string) {
	x.Text = f.it.Fields[store.FieldCommittee]
	var topics []store.Topic
	by := map[store.Topic][]mention{}
	for _, m := range ms {
		for _, t := range m.Topics {
			if by[t] == nil {
				topics = append(topics, t)
			}
			by[t] = append(by[t], m)
		}
	}
	for _, t := range topics {
		y := x
		y.Topic = t
		gather(&y, by[t])
		f.add(y, part)
	}
}

// gather makes one finding of mentions in reading order: the best first, by
// tier, a reported act before a word, then as they are read.
func gather(x *store.Finding, ms []mention) {
	order := slices.Clone(ms)
	slices.SortStableFunc(order, func(a, b mention) int { return worth(b.Passage) - worth(a.Passage) })
	best := order[0]
	x.Quote, x.Page, x.Rule, x.Why, x.Tier = best.Quote, best.Page, best.Rule, best.Why, best.Tier
	for _, a := range best.also {
		if len(x.AlsoIn) < maxListed && !slices.ContainsFunc(x.AlsoIn, func(o store.Elsewhere) bool { return o.Document == a.Document && o.URL == a.URL }) {
			x.AlsoIn = append(x.AlsoIn, a)
		}
	}
	if len(ms) == 1 {
		return
	}
	shown := map[string]bool{}
	for _, m := range order[:min(len(order), store.BestMentions)] {
		shown[m.key] = true
		x.Quotes = append(x.Quotes, store.Mention{Page: m.Page, Quote: m.Quote, Tier: m.Tier})
	}
	x.More = len(ms) - len(x.Quotes)
	for _, m := range ms {
		if !shown[m.key] && len(x.Others) < store.OtherMentions {
			x.Others = append(x.Others, store.Mention{Page: m.Page, Quote: m.Quote, Tier: m.Tier})
		}
	}
}

// worth orders passages.
func worth(p Passage) int {
	w := map[store.Tier]int{store.TierCertain: 4, store.TierLikely: 2}[p.Tier]
	if !strings.HasPrefix(p.Rule, "term:") {
		w++
	}
	return w
}
