package judge

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// A Bundle is a set of processes that make one thread.
type Bundle struct {
	OCIDs    []string
	Links    []Link // that hold it together
	Possible []Link // from one of its processes to another's
}

// Bind puts the processes of some notices together and returns the bundle that
// holds ocid. Beyond what one ocid says of itself it takes, in this order: the
// operator's word; a notice that stands under two ocids; and, as a weaker link,
// the same title and buyer together with either the same reference or one
// notice naming the other. Title and buyer alone bind nothing: a council may
// publish eighty calls under one title. What the operator parted stays apart,
// whatever else would join it.
func (j *Judge) Bind(ocid string, items []store.Item, decisions []store.Decision) Bundle {
	ps := j.processes(items)
	edges := j.edges(ps, decisions)
	group := map[string]string{}
	var find func(string) string
	find = func(o string) string {
		if p, ok := group[o]; ok && p != o {
			group[o] = find(p)
			return group[o]
		}
		return o
	}
	parted := partings(decisions)
	apart := func(a, b string) bool {
		return slices.ContainsFunc(parted, func(p [2]string) bool {
			x, y := find(p[0]), find(p[1])
			return x == a && y == b || x == b && y == a
		})
	}
	var links []Link
	for _, e := range edges {
		a, b := find(e.A), find(e.B)
		if a == b || e.Strength == LinkPossible || apart(a, b) {
			continue
		}
		group[max(a, b)] = min(a, b)
		links = append(links, e)
	}
	home := find(ocid)
	out := Bundle{OCIDs: []string{}}
	for _, p := range ps {
		if find(p.ocid) == home {
			out.OCIDs = append(out.OCIDs, p.ocid)
		}
	}
	for _, e := range links {
		if find(e.A) == home {
			out.Links = append(out.Links, e)
		}
	}
	told := map[string]bool{}
	for _, e := range edges {
		a, b := find(e.A), find(e.B)
		if (a == home) == (b == home) || apart(a, b) {
			continue
		}
		if a != home { // the other one is B
			e.A, e.B = e.B, e.A
		}
		if e.Strength = LinkPossible; !told[find(e.B)] {
			told[find(e.B)] = true
			out.Possible = append(out.Possible, e)
		}
	}
	for i := range out.Possible {
		for _, p := range ps {
			if p.ocid == out.Possible[i].B {
				out.Possible[i].Title, out.Possible[i].URL = p.title, p.url
			}
		}
	}
	return out
}

// A process is what its notices say together.
type process struct {
	ocid       string
	at         time.Time // of the earliest notice
	first      string    // its number
	titles     map[string]bool
	references map[string]bool
	buyers     []store.Party
	latest     time.Time
	numbers    map[string]bool
	names      map[string]bool // numbers and ocids of others
	related    map[string]bool
	title, url string
}

// processes sorts notices into processes, the earliest first.
func (j *Judge) processes(items []store.Item) []*process {
	by := map[string]*process{}
	var out []*process
	for _, it := range inOrder(items) {
		n := it.Notice
		p := by[n.OCID]
		if p == nil {
			p = &process{ocid: n.OCID, at: n.Date, first: n.Release, titles: map[string]bool{}, references: map[string]bool{},
				numbers: map[string]bool{}, names: map[string]bool{}, related: map[string]bool{}, title: n.Title, url: it.URL}
			by[n.OCID] = p
			out = append(out, p)
		}
		p.latest = n.Date
		p.numbers[n.Release] = true
		if t := plainWords(n.Title); t != "" && !titleless(n) {
			p.titles[t] = true
		}
		if n.Reference != "" {
			p.references[plainWords(n.Reference)] = true
		}
		p.buyers = append(p.buyers, n.Buyers...)
		for _, x := range store.Named(n) {
			p.names[x] = true
		}
		for _, x := range n.Related {
			p.related[x] = true
		}
	}
	return out
}

// titleless tells that a notice has no title of its own: the platform's reader
// then puts its number, or the beginning of its text.
func titleless(n *store.Notice) bool {
	return n.Title == "" || n.Title == "Notice "+n.Release ||
		strings.HasSuffix(n.Title, "…") && strings.HasPrefix(n.Description, strings.TrimSuffix(n.Title, "…"))
}

// inOrder sorts notices by time, number and place, each key once.
func inOrder(items []store.Item) []store.Item {
	var out []store.Item
	for _, it := range items {
		if it.Notice != nil {
			out = append(out, it)
		}
	}
	slices.SortFunc(out, func(a, b store.Item) int {
		return cmp.Or(a.Notice.Date.Compare(b.Notice.Date), numberOrder(a.Notice.Release, b.Notice.Release),
			strings.Compare(a.Notice.OCID, b.Notice.OCID), strings.Compare(a.Source, b.Source), strings.Compare(a.Key, b.Key))
	})
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(it store.Item) bool {
		k := it.Notice.OCID + "\x00" + it.Notice.Release
		was := seen[k]
		seen[k] = true
		return was
	})
}

// numberOrder compares notice numbers (nnnnnn-yyyy) by year first.
func numberOrder(a, b string) int {
	key := func(s string) string {
		if len(s) == 11 && s[6] == '-' {
			return s[7:] + s[:6]
		}
		return s
	}
	return strings.Compare(key(a), key(b))
}

// edges are all that could bind two processes, the strongest first.
func (j *Judge) edges(ps []*process, decisions []store.Decision) []Link {
	var out []Link
	for i, p := range ps {
		for _, q := range ps[i+1:] {
			if l, ok := j.edge(p, q); ok {
				out = append(out, l)
			}
		}
	}
	known := map[string]bool{}
	for _, p := range ps {
		known[p.ocid] = true
	}
	for pair, d := range lastDecisions(decisions) {
		if d.Join && known[pair[0]] && known[pair[1]] {
			why := "joined by the operator"
			if d.Why != "" {
				why += ": " + d.Why
			}
			out = append(out, Link{A: pair[0], B: pair[1], Strength: LinkOperator, Evidence: why})
		}
	}
	rank := func(l Link) int {
		return slices.Index([]string{LinkOperator, LinkNumber, LinkWeaker, LinkPossible}, l.Strength)
	}
	slices.SortFunc(out, func(a, b Link) int {
		return cmp.Or(rank(a)-rank(b), strings.Compare(a.A, b.A), strings.Compare(a.B, b.B))
	})
	return out
}

// edge is what speaks for two processes being one.
func (j *Judge) edge(p, q *process) (Link, bool) {
	l := Link{A: p.ocid, B: q.ocid}
	if n := inBoth(p.numbers, q.numbers); n != "" {
		l.Strength, l.Evidence = LinkNumber, "the notice "+n+" stands under both"
		return l, true
	}
	buyer := j.sameBuyer(p, q)
	if buyer == "" {
		return l, false
	}
	title, ref := inBoth(p.titles, q.titles) != "", inBoth(p.references, q.references)
	names := ""
	for _, x := range []struct{ from, to *process }{{q, p}, {p, q}} {
		if x.from.names[x.to.ocid] {
			names = x.to.ocid
		}
		if n := inBoth(x.from.names, x.to.numbers); n != "" {
			names = n
		}
	}
	related := p.related[q.ocid] || q.related[p.ocid]
	clash := ref == "" && len(p.references) > 0 && len(q.references) > 0
	var why []string
	if ref != "" {
		why = append(why, "the same reference ("+ref+")")
	}
	if title {
		why = append(why, "the same title")
	}
	if names != "" {
		why = append(why, "one names "+names)
	}
	if related {
		why = append(why, "one is marked as related to the other")
	}
	l.Evidence = strings.Join(append(why, buyer), ", ")
	switch {
	case title && (ref != "" || names != ""):
		l.Strength = LinkWeaker
	case ref != "" || names != "" || related || title && !clash:
		l.Strength = LinkPossible
	default:
		return l, false
	}
	return l, true
}

// sameBuyer tells in words why two processes have the same buyer, or "". A
// body that was merged into another counts as that one.
func (j *Judge) sameBuyer(p, q *process) string {
	at := p.latest
	if q.latest.After(at) {
		at = q.latest
	}
	for _, a := range p.buyers {
		for _, b := range q.buyers {
			if a.Name != "" && plainName(a.Name) == plainName(b.Name) {
				return "the same buyer"
			}
			x, y := j.reg.find(a, at), j.reg.find(b, at)
			if x != nil && y != nil && x.ID == y.ID {
				return "the same buyer under another name (" + x.Name + ")"
			}
			if a.ID != "" && a.ID == b.ID && strings.HasPrefix(a.ID, "GB-") && !strings.HasPrefix(a.ID, "GB-FTS-") {
				return "the same buyer by its id (" + a.ID + ")"
			}
		}
	}
	return ""
}

// inBoth is the first, in order, of what two sets have in common.
func inBoth(a, b map[string]bool) string {
	best := ""
	for x := range a {
		if b[x] && (best == "" || x < best) {
			best = x
		}
	}
	return best
}

func pairOf(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }

func lastDecisions(ds []store.Decision) map[[2]string]store.Decision {
	last := map[[2]string]store.Decision{}
	for _, d := range ds {
		last[pairOf(d.A, d.B)] = d
	}
	return last
}

// partings are the pairs that the operator wants apart.
func partings(ds []store.Decision) [][2]string {
	var out [][2]string
	for pair, d := range lastDecisions(ds) {
		if !d.Join {
			out = append(out, pair)
		}
	}
	return out
}
