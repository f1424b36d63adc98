package web

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// surveyed is how many findings are read on in one request.
const surveyed = 4000

// A survey is what the findings come to, kept in memory and read on as they
// come: what can still be acted on, and of each notice with a finding the few
// facts that pages count. Whatever is shown as one thing is read from the store
// again, so that a finding retired or an item withheld since is left out; counts
// are put right when the log says that an item was corrected.
type survey struct {
	server *Server
	zone   *time.Location

	mu      sync.Mutex
	last    uint64 // findings of changes up to this one are in it
	whole   bool
	version int               // changes with what is in it
	windows map[string]window // by procurement, or by item
	notices map[ref]*noticed  // replaced, never altered
	week    []fresh           // of the last days, oldest first
	parties map[party]*judge.Party
	inOrder *ordered
	counted *tallied

	// What they come to, kept as they come and go.
	tally  tallies
	awards awards
	firms  firms
}

// What is worked out of the survey is kept until there is something new.
type (
	ordered struct {
		version int
		windows []window
	}
	tallied struct {
		version int
		last    uint64
		day     time.Time
		charts  []chart
	}
)

// A window is a date by which something can still be done, by the latest
// finding of a procurement.
type window struct {
	finding string
	until   time.Time
}

// party is what tells a supplier as printed from another one.
type party struct{ name, id, scheme, number string }

// noticed is what is counted of a notice: nothing while it has no date, which is
// that of one that is not shown.
type noticed struct {
	ref
	at        time.Time // as the notice is dated
	stage     string
	thread    string
	value     float64 // 0 where none is stated
	currency  string
	signed    time.Time // the contract, as the notice has it
	suppliers []*judge.Party
}

// fresh is a finding of the last days.
type fresh struct {
	at    time.Time
	topic store.Topic
}

func newSurvey(s *Server, zone *time.Location) *survey {
	return &survey{server: s, zone: zone, windows: map[string]window{}, notices: map[ref]*noticed{}, parties: map[party]*judge.Party{}}
}

// follow reads on in the findings, up to surveyed of them, as far as the log is
// judged, and again what was corrected since.
func (v *survey) follow(ctx context.Context, corrected []ref) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, x := range corrected {
		if row := v.notices[x]; row != nil {
			if err := v.read(ctx, noticed{ref: x, stage: row.stage, thread: row.thread}); err != nil {
				return err
			}
			v.version++
		}
	}
	judged, err := v.server.Outbox.Position(ctx, follower)
	if err != nil {
		return err
	}
	if v.last >= judged.Seq {
		v.whole = true
		return nil
	}
	var page []store.Finding
	cut := false
	err = v.server.Outbox.Findings(ctx, v.last, func(x store.Finding) bool {
		if x.Change > judged.Seq {
			return false
		}
		if len(page) >= surveyed && x.Change != page[len(page)-1].Change {
			cut = true
			return false
		}
		x.Text, x.Quote = "", ""
		page = append(page, x)
		return true
	})
	if err != nil {
		return err
	}
	for _, x := range page {
		if err := v.add(ctx, x); err != nil {
			return err
		}
	}
	v.version++
	if v.last, v.whole = judged.Seq, !cut; cut {
		v.last = page[len(page)-1].Change
	}
	return nil
}

// closed are the stages in which nobody may bid or object any more.
func closed(stage string) bool {
	return slices.Contains([]string{"contract", "confirmation", "modification", "performance", "termination", "cancelled"}, stage)
}

func (v *survey) add(ctx context.Context, x store.Finding) error {
	of := x.Thread
	if x.Kind != store.KindNotice || of == "" {
		of = x.Source + "\x00" + x.Key
	}
	switch until := x.Deadline.Date(); {
	case !until.IsZero():
		v.windows[of] = window{x.ID, until}
	case closed(x.Stage), x.Stage == "award":
		delete(v.windows, of)
	}
	if !x.Silent {
		v.week = append(v.week, fresh{x.At, x.Topic})
	}
	if x.Kind != store.KindNotice || x.Stage == "" {
		return nil
	}
	at := ref{x.Source, x.Key}
	return v.read(ctx, noticed{ref: at, stage: x.Stage, thread: cmp.Or(x.Thread, x.Key)})
}

// read takes what a notice says now. One that is not shown counts nowhere.
func (v *survey) read(ctx context.Context, row noticed) error {
	it, err := v.server.Ledger.Item(ctx, row.source, row.key)
	if errors.Is(err, store.ErrNotFound) || err == nil && it.Notice == nil {
		v.set(&row)
		return nil
	}
	if err != nil {
		return err
	}
	n := it.Notice
	row.at, row.currency = cmp.Or(n.Date, it.Published, it.FirstSeen), n.Currency
	row.value = amount(n.Value)
	if row.value == 0 {
		row.value = amount(n.ValueMax)
	}
	row.signed = dayIn(n.Signed, v.zone)
	if v.server.Provider != nil && awarding(row.stage) {
		for _, p := range n.Suppliers {
			k := party{p.Name, p.ID, p.Scheme, p.Number}
			known := v.parties[k]
			if known == nil {
				x := v.server.Provider(p, n.CPV)
				known = &x
				v.parties[k] = known
			}
			row.suppliers = append(row.suppliers, known)
		}
	}
	v.set(&row)
	return nil
}

// set counts a notice in the place of what was known of it.
func (v *survey) set(is *noticed) {
	was := v.notices[is.ref]
	if was != nil && was.equal(is) {
		return
	}
	v.notices[is.ref] = is
	if was != nil && was.at.IsZero() {
		was = nil
	}
	if is.at.IsZero() {
		is = nil
	}
	v.tally.replace(was, is, v.zone)
	v.awards.replace(was, is)
	v.firms.replace(was, is)
}

func (n *noticed) equal(m *noticed) bool {
	return n.ref == m.ref && n.at.Equal(m.at) && n.stage == m.stage && n.thread == m.thread && n.value == m.value && n.currency == m.currency &&
		n.signed.Equal(m.signed) && slices.Equal(n.suppliers, m.suppliers)
}

// inTime is the order of lists of notices, the newest first.
func (n *noticed) inTime(m *noticed) int {
	return cmp.Or(m.at.Compare(n.at), cmp.Compare(n.source, m.source), cmp.Compare(n.key, m.key))
}

// prepare puts together what pages ask for, before the first of them does.
func (v *survey) prepare() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tally.settle(v.awards.threads)
	v.awards.settle()
	v.firms.settle()
}

// awarding are the stages of a notice that names who is to have the contract.
func awarding(stage string) bool {
	return slices.Contains([]string{"intention", "award", "contract", "confirmation", "modification"}, stage)
}

// amount is a value that says something: nothing, a penny and a pound are what
// forms are filled with where nobody says.
func amount(digits string) float64 {
	x, err := strconv.ParseFloat(digits, 64)
	if err != nil || x <= 1 || x > 1e12 {
		return 0
	}
	return x
}

// dayIn is the beginning of the day that a field names, zero where it names
// none that can be: systems print 1900 and 2099 where they have none.
func dayIn(field string, zone *time.Location) time.Time {
	if len(field) < 10 {
		return time.Time{}
	}
	if t, err := time.Parse(time.RFC3339, field); err == nil {
		field = t.In(zone).Format(time.DateOnly)
	}
	t, err := time.ParseInLocation(time.DateOnly, field[:10], zone)
	if err != nil || t.Year() < 2005 || t.Year() > 2090 {
		return time.Time{}
	}
	return t
}

// open are the windows that have not closed, the soonest first. The list is put
// in order when there is something new, and not for every reader.
func (v *survey) open(now time.Time) []window {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.inOrder == nil || v.inOrder.version != v.version {
		x := &ordered{version: v.version}
		for k, w := range v.windows {
			if w.until.Before(now.AddDate(0, -3, 0)) {
				delete(v.windows, k)
				continue
			}
			x.windows = append(x.windows, w)
		}
		slices.SortFunc(x.windows, func(a, b window) int {
			return cmp.Or(a.until.Compare(b.until), cmp.Compare(a.finding, b.finding))
		})
		v.inOrder = x
	}
	all := v.inOrder.windows
	from, _ := slices.BinarySearchFunc(all, now, func(w window, t time.Time) int {
		if w.until.After(t) {
			return 1
		}
		return -1
	})
	return all[from:]
}

// since counts the findings that came after a moment, by topic.
func (v *survey) since(from time.Time) map[store.Topic]int {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.week = slices.DeleteFunc(v.week, func(f fresh) bool { return f.at.Before(from.AddDate(0, 0, -1)) })
	out := map[store.Topic]int{}
	for _, f := range v.week {
		if f.at.After(from) {
			out[f.topic]++
		}
	}
	return out
}

// behind tells whether there is more to read.
func (v *survey) behind() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return !v.whole
}

// followAll reads on in the table of contents and the survey.
func (s *site) followAll(ctx context.Context) error {
	if err := s.record.follow(ctx); err != nil {
		return err
	}
	return s.survey.follow(ctx, s.record.takeCorrected())
}

// behindAll is the date up to which the pages know the record; zero when they
// know all of it.
func (s *site) behindAll() time.Time {
	if at := s.record.behind(); !at.IsZero() || !s.survey.behind() {
		return at
	}
	return s.record.upTo()
}
