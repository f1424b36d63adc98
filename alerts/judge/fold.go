package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ccgwatch/store"
)

// stepsMost bounds how many notices of one thread are folded: dynamic markets
// have hundreds. The first ones and the latest are kept.
const (
	stepsMost  = 120
	stepsFirst = 20
)

// Fold puts the notices of a bundle together into a thread, in the order of
// their dates and numbers; the order of items makes no difference. What a
// sparse notice lacks it inherits from the notices before it (from the next
// that has it where there are none), values are never added, and nothing that
// was known is lost because a later notice does not repeat it.
func (j *Judge) Fold(items []store.Item, b Bundle) Thread {
	var mine []store.Item
	for _, it := range inOrder(items) {
		if slices.Contains(b.OCIDs, it.Notice.OCID) {
			mine = append(mine, it)
		}
	}
	t := Thread{OCIDs: b.OCIDs, Links: b.Links, Possible: b.Possible, Buyers: []string{}, Suppliers: []Party{}, Values: []Worth{}, CPV: []string{}, Places: []string{}}
	if len(mine) == 0 {
		return t
	}
	t.ID = mine[0].Notice.OCID
	if n := len(mine); n > stepsMost {
		t.Cut = n - stepsMost
		mine = slices.Concat(mine[:stepsFirst], mine[n-stepsMost+stepsFirst:])
	}
	f := &folding{j: j, t: &t, psr: map[string]string{}}
	f.inherit(mine)
	f.judge()
	for i := range t.Steps {
		f.step(&t.Steps[i])
	}
	f.finish()
	return t
}

// A folding is a thread in the making.
type folding struct {
	j     *Judge
	t     *Thread
	psr   map[string]string // process -> the regime that its text names
	care  string
	state state
}

// inherit makes the steps: each notice with what it lacks filled in.
func (f *folding) inherit(items []store.Item) {
	eff := make([]store.Notice, len(items))
	lacks := make([][]string, len(items))
	for i, it := range items {
		eff[i] = *it.Notice
	}
	fill := func(name string, has func(n *store.Notice) bool, copyTo func(to, from *store.Notice)) {
		// Within a process first, forwards, then backwards for those that came before anybody said it.
		for i := range eff {
			if has(items[i].Notice) {
				continue
			}
			from := -1
			for k := i - 1; k >= 0 && from < 0; k-- {
				if eff[k].OCID == eff[i].OCID && has(items[k].Notice) {
					from = k
				}
			}
			for k := i + 1; k < len(eff) && from < 0; k++ {
				if eff[k].OCID == eff[i].OCID && has(items[k].Notice) {
					from = k
				}
			}
			if from >= 0 {
				copyTo(&eff[i], items[from].Notice)
				lacks[i] = append(lacks[i], name)
			}
		}
	}
	fill("buyer", func(n *store.Notice) bool { return len(n.Buyers) > 0 }, func(to, from *store.Notice) { to.Buyers = from.Buyers })
	fill("cpv", func(n *store.Notice) bool { return len(n.CPV) > 0 }, func(to, from *store.Notice) { to.CPV = from.CPV })
	fill("places", func(n *store.Notice) bool { return len(n.Places) > 0 }, func(to, from *store.Notice) { to.Places = from.Places })
	fill("title", func(n *store.Notice) bool { return !titleless(n) }, func(to, from *store.Notice) { to.Title = from.Title })
	fill("legal basis", func(n *store.Notice) bool { return n.LegalBasis != "" }, func(to, from *store.Notice) { to.LegalBasis = from.LegalBasis })
	for i, it := range items {
		it.Notice = &eff[i]
		it.Title = cmp.Or(eff[i].Title, it.Title)
		f.t.Steps = append(f.t.Steps, Step{
			Source: it.Source, Key: it.Key, OCID: eff[i].OCID, Release: eff[i].Release, Type: eff[i].NoticeType, At: eff[i].Date, Title: it.Title, URL: it.URL,
			Inherited: lacks[i], Withdrawn: it.Withdrawn, FirstSeen: it.FirstSeen, item: it,
		})
	}
}

// judge reads each notice by itself, then once more in the light of the others:
// a notice of the Provider Selection Regime need not repeat under which law it
// is made, and a correction not what is being bought.
func (f *folding) judge() {
	for i := range f.t.Steps {
		s := &f.t.Steps[i]
		s.reading = f.j.read(s.item.Notice)
		s.verdict = s.reading.verdict()
		if v := s.verdict; (v.Regime == regimePSR || v.Regime == regimePSRWales) && s.reading.says(regimeList(v.Regime)) {
			if f.psr[s.OCID] == "" {
				f.psr[s.OCID] = v.Regime
			}
		}
		if careRank(s.verdict.Care) > careRank(f.care) && !slices.Contains(s.Inherited, "cpv") {
			f.care = s.verdict.Care
		}
	}
	for i := range f.t.Steps {
		s := &f.t.Steps[i]
		v := &s.verdict
		if psr := f.psr[s.OCID]; psr != "" && v.Regime != psr && (v.Regime == regimeOld || v.Regime == regimePSR) && !strings.HasPrefix(s.item.Notice.LegalBasis, "UKPGA") {
			v.Regime = psr
			v.Stage = s.reading.stageUnder(s.reading.stage(), psr)
			s.Inherited = append(s.Inherited, "regime")
			v.Deadline = s.reading.deadline(*v)
		}
		if sparse := s.item.Notice.Updates() || slices.Contains(s.Inherited, "cpv"); sparse && careRank(v.Care) < careRank(f.care) {
			v.Care = f.care
			s.Inherited = append(s.Inherited, "care")
			v.Outsourcing = s.reading.outsourcing(*v)
		}
		v.Evidence = s.reading.ev
	}
}

// regimeList is the list whose words name the regime in a text.
func regimeList(regime string) string {
	if regime == regimePSRWales {
		return "psr-wales"
	}
	return "psr"
}

func careRank(care string) int {
	return slices.Index([]string{careNone, careWorks, careGoods, careSupport, careSocial, careHealth}, care)
}

// step adds one notice to what is known and notes what it changed.
func (f *folding) step(s *Step) {
	v := &s.verdict
	s.Stage, s.Regime, s.Deadline, s.Evidence = v.Stage, v.Regime, v.Deadline, v.Evidence
	if len(v.Suppliers) > 0 {
		s.Suppliers = v.Suppliers
	}
	s.Quote = s.reading.showing(*v)
	s.Worth = worthOf(s)
	s.Moves = f.state.take(f.j, s)
	f.label(s)

	t := f.t
	n := s.item.Notice
	for _, b := range n.Buyers {
		if b.Name != "" && !slices.ContainsFunc(t.Buyers, func(x string) bool { return plainName(x) == plainName(b.Name) }) {
			t.Buyers = append(t.Buyers, b.Name)
		}
	}
	if b := f.j.bodyOf(n); b != nil {
		t.Body = b.ID
	}
	for _, c := range n.CPV {
		if !slices.Contains(t.CPV, c) {
			t.CPV = append(t.CPV, c)
		}
	}
	for _, p := range v.Places {
		if !slices.Contains(t.Places, p) {
			t.Places = append(t.Places, p)
		}
	}
	for _, p := range s.Suppliers {
		f.supplier(p, s)
	}
	if s.Worth != nil {
		t.Values = slices.DeleteFunc(t.Values, func(w Worth) bool { return w.Of == s.Worth.Of })
		t.Values = append(t.Values, *s.Worth)
	}
	if s.Stage != stageIntention && realDay(n.Signed) {
		t.Signed = n.Signed
	}
	if realDay(n.ContractStart) {
		t.Starts = n.ContractStart
	}
	if realDay(n.ContractEnd) {
		t.Ends = n.ContractEnd
	}
	if rankOutsourcing(v.Outsourcing) > rankOutsourcing(t.Outsourcing) {
		t.Outsourcing = v.Outsourcing
	}
}

// label says of a move against a notice of another process what binds the two:
// whoever reads of it must know that the link is the weaker one.
func (f *folding) label(s *Step) {
	for i := range s.Moves {
		m := &s.Moves[i]
		for _, x := range f.t.Steps {
			if m.Since == "" || x.Release != m.Since || x.OCID == s.OCID {
				continue
			}
			var why []string
			for _, l := range f.t.Links {
				if l.A == s.OCID || l.B == s.OCID || l.A == x.OCID || l.B == x.OCID {
					why = append(why, l.Evidence)
				}
			}
			m.Words += fmt.Sprintf(" That notice stands under another process (%s); we take them for one procurement: %s.", x.OCID, strings.Join(why, "; "))
			break
		}
	}
}

// bodyOf is the body that buys, or is bought for, as far as the register knows it.
func (j *Judge) bodyOf(n *store.Notice) *Body { return j.reg.buyer(n) }

func rankOutsourcing(o string) int {
	return slices.Index([]string{"", outsourcingNone, string(store.TierMention), string(store.TierLikely), string(store.TierCertain)}, o)
}

// realDay tells a date from what systems print where they have none: 2001, 1900, 2099.
func realDay(s string) bool {
	return len(s) >= 10 && s[:4] >= "2005" && s[:4] < "2090"
}

// finish draws what the steps come to.
func (f *folding) finish() {
	t := f.t
	t.Care = cmp.Or(f.care, careNone)
	t.Outsourcing = cmp.Or(t.Outsourcing, outsourcingNone)
	t.Stage = f.state.stage
	for _, s := range t.Steps {
		switch {
		case f.psr[s.OCID] != "":
			t.Regime = f.psr[s.OCID]
		case t.Regime == "" || s.Regime != regimeOld && t.Regime == regimeOld:
			t.Regime = s.Regime
		}
	}
	// A notice of its own, not a correction, gives the title; the latest of them.
	for _, s := range t.Steps {
		if !slices.Contains(s.Inherited, "title") && (t.Title == "" || !s.item.Notice.Updates()) {
			t.Title = s.Title
		}
	}
	if t.Title == "" {
		t.Title = t.Steps[0].Title
	}
	t.Title = Redact(t.Title)
	for i := range t.Steps {
		t.Steps[i].Title = Redact(t.Steps[i].Title)
	}
	t.Deadline = f.state.open(t)
	if t.Stage == stageCancelled && len(t.Suppliers) == 0 || len(t.Suppliers) > 0 && allNHS(t.Suppliers) {
		t.Outsourcing = outsourcingNone
	}
	for i := range t.Steps {
		s := &t.Steps[i]
		if !t.Concerns() { // it costs as much as all the rest
			break
		}
		s.areas = f.j.reg.areasOf(s.item.Notice)
		for _, a := range s.areas {
			if !slices.Contains(t.Areas, a) {
				t.Areas = append(t.Areas, a)
			}
		}
	}
	t.Interest = f.j.interest(t)
	t.Charter = f.j.charter(t)
}

func allNHS(ps []Party) bool {
	return !slices.ContainsFunc(ps, func(p Party) bool { return p.Class != "nhs" })
}

// supplier adds a supplier with its number, unless it is known: by its number
// or by its name, whatever the company's ending.
func (f *folding) supplier(s Supplier, step *Step) {
	p := Party{Supplier: s, Release: step.Release}
	for _, x := range step.item.Notice.Suppliers {
		if x.Name == s.Name {
			p.Scheme, p.Number = registered(x)
		}
	}
	for i, old := range f.t.Suppliers {
		if sameSupplier(old.Name, old.Scheme+old.Number, p.Name, p.Scheme+p.Number) {
			if old.Number == "" && p.Number != "" {
				p.Release = old.Release
				p.Look = lookups(p)
				f.t.Suppliers[i] = p
			}
			return
		}
	}
	p.Look = lookups(p)
	f.t.Suppliers = append(f.t.Suppliers, p)
}

func sameSupplier(nameA, idA, nameB, idB string) bool {
	return idA != "" && idA == idB || firmName(nameA) == firmName(nameB)
}

// firmName is a name without what companies end in.
func firmName(name string) string {
	ws := strings.Fields(plainName(name))
	for len(ws) > 1 && slices.Contains([]string{"limited", "ltd", "plc", "llp", "cic", "lp", "c", "i"}, ws[len(ws)-1]) {
		ws = ws[:len(ws)-1]
	}
	return strings.Join(ws, " ")
}
