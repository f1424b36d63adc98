package web

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// Which dates fit a search is asked of all of them, and what was answered is
// remembered: programs ask for the same calendar again and again, and after a
// change only what is new is asked.

// A searched is what fits a search.
type searched struct {
	query query.Query
	wants query.Wants
	wordy bool

	mu     sync.Mutex
	things map[uint64]bool // items in which something found fits
	upTo   uint64          // in changes up to this one
	turned int             // as of the datebook
	own    map[*occasion]bool
	whose  map[whose]bool
}

// A whose is all that a search without words asks about a meeting.
type whose struct {
	source, body, committee string
	listing                 bool
}

// searches are those that were made last.
type searches struct {
	mu    sync.Mutex
	known map[string]*searched
}

// How many searches are remembered, and how many items and dates of one of them:
// a search that fits more is no trouble to make again.
const (
	mostSearches   = 128
	mostRemembered = 5_000
)

func (x *searches) get(q query.Query) *searched {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := q.String()
	if s := x.known[key]; s != nil {
		return s
	}
	if x.known == nil || len(x.known) >= mostSearches {
		x.known = map[string]*searched{}
	}
	s := &searched{query: q, wants: q.Wants(), wordy: q.Wordy(), turned: -1}
	x.known[key] = s
	return s
}

// forget keeps a search from growing: what was remembered of many is dropped.
func (x *searches) forget(s *searched) {
	s.mu.Lock()
	large := len(s.things) > mostRemembered || len(s.own) > mostRemembered
	s.mu.Unlock()
	if large {
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.known, s.query.String())
	}
}

// searchedFor is what fits a search, as of the findings that the datebook has.
func (s *site) searchedFor(ctx context.Context, q query.Query) (*searched, error) {
	book := s.record.dates.book
	book.mu.Lock()
	turned := book.turned
	book.mu.Unlock()
	x := s.searches.get(q)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.turned != turned {
		x.things, x.own, x.whose, x.upTo, x.turned = map[uint64]bool{}, map[*occasion]bool{}, map[whose]bool{}, 0, turned
		if err := s.fromIndex(ctx, x); err != nil {
			x.turned = -1 // half of it is no answer: the next one asks anew
			return nil, err
		}
	}
	upTo := book.position()
	if x.upTo >= upTo {
		return x, nil
	}
	err := s.Outbox.Findings(ctx, x.upTo, func(f store.Finding) bool {
		if f.Change > upTo {
			return false
		}
		if x.query.Match(s.Facts(f)) {
			x.things[thingOf(f.Source, f.Key)] = true
		}
		return true
	})
	if err == nil {
		x.upTo = upTo
	}
	return x, err
}

// fromIndex takes what the search index knows, if there is one. What was corrected
// since is asked itself: the index may know of something that was taken back.
func (s *site) fromIndex(ctx context.Context, x *searched) error {
	if !s.indexed(ctx) {
		return nil // all findings are asked
	}
	done, _, err := s.Index.Place(ctx)
	if err != nil {
		return err
	}
	corrected, few, err := s.correctedSince(ctx, done)
	if err != nil || !few {
		return err
	}
	things, ask, err := s.Index.Things(ctx, x.query)
	if err != nil {
		return err
	}
	if !ask {
		for _, t := range things {
			x.things[t] = true
		}
	} else if err := s.askFound(ctx, x); err != nil {
		return err
	}
	for at := range corrected {
		if err := s.askAgain(ctx, x, at, done); err != nil {
			return err
		}
	}
	x.upTo = done
	return nil
}

// mostUnindexed is how many entries of the log are looked through for
// corrections that the index does not know.
const mostUnindexed = 2000

// correctedSince are the items that were corrected in the entries of the log after
// one; few is false where there are too many to look through.
func (s *site) correctedSince(ctx context.Context, after uint64) (corrected map[ref]bool, few bool, err error) {
	list, err := s.Ledger.Changes(ctx, after, mostUnindexed+1)
	if err != nil || len(list) > mostUnindexed {
		return nil, false, err
	}
	corrected = map[ref]bool{}
	for _, c := range list {
		if c.Op == store.OpCorrected {
			corrected[ref{c.Source, c.Key}] = true
		}
	}
	return corrected, true, nil
}

// askFound asks the query about what may fit it.
func (s *site) askFound(ctx context.Context, x *searched) error {
	var failed error
	err := s.Index.Found(ctx, x.query, store.FoundPlace{}, func(v store.Found) bool {
		if x.things[v.Thing] {
			return true
		}
		f, err := s.Outbox.Finding(ctx, v.ID)
		switch {
		case isNotFound(err):
			return true
		case err != nil:
			failed = err
			return false
		}
		if f.Retired == "" && x.query.Match(s.Facts(f)) {
			x.things[v.Thing] = true
		}
		return true
	})
	return errors.Join(err, failed)
}

// askAgain asks the query about what is shown of the findings in one item, in
// changes up to one.
func (s *site) askAgain(ctx context.Context, x *searched, at ref, upTo uint64) error {
	delete(x.things, thingOf(at.source, at.key))
	for _, seq := range s.record.seqs(want{item: &at, due: true}, math.MaxInt) {
		if seq > upTo {
			continue
		}
		found, err := s.findingsOf(ctx, seq)
		if err != nil {
			return err
		}
		for _, f := range found {
			if f.Source == at.source && f.Key == at.key && x.query.Match(s.Facts(f)) {
				x.things[thingOf(at.source, at.key)] = true
				return nil
			}
		}
	}
	return nil
}

// fits tells whether an occasion fits the search: if something found in an item
// that tells of it does, or what a list says of a meeting.
func (d *diary) fits(ctx context.Context, o *occasion) (bool, error) {
	x := d.hits
	if x == nil {
		return true, nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if o.due != nil {
		return d.record.dates.book.toldBy(o.due, x.things), nil
	}
	if slices.ContainsFunc(o.told, func(t uint64) bool { return x.things[t] }) {
		return true, nil
	}
	if ok, known := x.own[o]; known {
		return ok, nil
	}
	of := whose{o.source, o.body, o.committee, o.listing()}
	if ok, known := x.whose[of]; known && !x.wordy {
		return ok, nil
	}
	if g := o.gist.Load(); g != nil && !x.wants.In(*g) {
		return false, nil
	}
	p, err := d.asked(ctx, o)
	if err != nil || p == nil {
		return false, err
	}
	ok := x.query.MatchPrepared(p)
	if x.wordy {
		x.own[o] = ok
	} else {
		x.whose[of] = ok
	}
	return ok, nil
}

// asked is what a search is asked about a meeting; nil: it is not shown any more.
func (d *diary) asked(ctx context.Context, o *occasion) (*query.Prepared, error) {
	date, ok, err := d.date(ctx, o)
	if err != nil || !ok {
		return nil, err
	}
	it, err := d.Ledger.Item(ctx, o.source, o.key)
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	p := query.Prepare(d.Facts(d.aboutDate(date, it)))
	if o.gist.Load() == nil {
		g := p.Gist()
		o.gist.Store(&g)
	}
	return p, nil
}

// toldBy tells whether one of some items tells of a deadline.
func (b *datebook) toldBy(x *owing, things map[uint64]bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(x.matter.told, func(t telling) bool { return t.kind == x.kind && things[t.thing] })
}
