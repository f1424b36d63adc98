package web

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"ccgwatch/store/query"
)

// typed is the search with the area as a part of it.
func (x DatesWant) typed() string {
	if x.Area == "" {
		return x.Query
	}
	area := `area:"` + strings.ReplaceAll(x.Area, `"`, " ") + `"`
	if strings.TrimSpace(x.Query) == "" {
		return area
	}
	return "(" + x.Query + ") " + area
}

// A diary is the datebook at one moment, as one asks it for some dates.
type diary struct {
	*site
	want  DatesWant
	query query.Query
	hits  *searched // what fits the search; nil where nothing is searched for
	names *naming
	read  map[string]time.Time // when each source was read last
	all   []*occasion          // from the beginning of the time that is shown
	from  time.Time            // which is this moment
	until time.Time            // of the last entry of the log
	upTo  uint64               // the last entry that was judged
	base  string
}

// withDates calls f with the datebook as the log stands, perhaps several times.
func (s *site) withDates(ctx context.Context, x DatesWant, base string, f func(*diary) error) error {
	q, wrong := parse(x.typed())
	if wrong != nil {
		return badRequest("The search cannot be read: we " + line(wrong.Expected, 200) + ".")
	}
	book := s.record.dates.book
	for range 6 {
		before, err := s.Ledger.LastSeq(ctx)
		if err != nil {
			return err
		}
		if err := s.record.follow(ctx); err != nil {
			return err
		}
		if !s.record.behind().IsZero() {
			continue // a calendar of half the log would number its changes wrongly
		}
		if err := book.follow(ctx, s); err != nil {
			return err
		}
		if !book.caughtUp() {
			continue
		}
		if err := s.settle(ctx); err != nil {
			return err
		}
		d := &diary{site: s, want: x, query: q, names: s.names(), read: map[string]time.Time{}, base: base}
		healths, err := s.Ledger.Healths(ctx)
		if err != nil {
			return err
		}
		for _, h := range healths {
			d.read[h.Source] = latest(h.LastTry, h.LastComplete)
		}
		var last uint64
		last, d.until = s.record.end()
		d.upTo = min(last, book.position())
		d.from = d.until.Add(-keptBehind)
		d.all = book.since(dayOf(d.from, s.zone))
		if x.typed() != "" {
			if d.hits, err = s.searchedFor(ctx, q); err != nil {
				return err
			}
		}
		err = f(d)
		if d.hits != nil {
			s.searches.forget(d.hits)
		}
		if err != nil {
			return err
		}
		// An item that was read later than the log would be newer than its number.
		if after, err := s.Ledger.LastSeq(ctx); err != nil || after == before {
			return err
		}
	}
	return &fault{status: http.StatusServiceUnavailable, title: "The record is being read", text: "Please try again in a moment.", retry: 5 * time.Second}
}

func (b *datebook) caughtUp() bool {
	b.reading.Lock()
	defer b.reading.Unlock()
	return b.whole
}

func (b *datebook) position() uint64 {
	b.reading.Lock()
	defer b.reading.Unlock()
	return b.found
}

// end is the last entry read, and when it was made.
func (r *record) end() (uint64, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last, r.until
}

// takes tells whether a date is asked for.
func (d *diary) takes(ctx context.Context, o *occasion) (bool, error) {
	x := &d.want
	switch {
	case o.due == nil && (x.What == "deadlines" || len(x.Threads) > 0), o.due != nil && (x.What == "meetings" || x.Committee != "" || o.start.Before(d.from)):
		return false, nil
	case x.Source != "" && x.Source != o.source, x.Body != "" && x.Body != d.bodyOfDate(o):
		return false, nil
	case len(x.Threads) > 0 && !slices.Contains(x.Threads, o.due.thread):
		return false, nil
	case x.Committee != "" && !strings.EqualFold(line(x.Committee, 200), line(o.committee, 200)):
		return false, nil
	}
	return d.fits(ctx, o)
}

// bodyOfDate is the id of the body that an occasion is of.
func (d *diary) bodyOfDate(o *occasion) string {
	if o.due == nil {
		if info, ok := d.names.sources[o.source]; ok {
			if id := info.publisher(); id != "" {
				return id
			}
		}
	}
	return o.body
}

// date is an occasion as it is shown; ok is false where it is none any more. One
// of a source that was read again since is read again.
func (d *diary) date(ctx context.Context, o *occasion) (out Date, ok bool, err error) {
	n, read := 0, d.read[o.source]
	var list []revision
	if o.due != nil {
		list = d.record.revisionsOf(o.due)
		n, read = sort.Search(len(list), func(i int) bool { return list[i].seq > d.upTo }), time.Time{}
	}
	m := o.made.Load()
	if m == nil || m.revisions != n || !m.read.Equal(read) {
		m = &made{revisions: n, read: read}
		switch {
		case o.due != nil:
			m.Date, ok, err = d.deadline(ctx, o, list[:n])
		case o.sitting != nil:
			m, err = d.seatedAgain(ctx, o)
			ok = m != nil
		default:
			m.Date, ok, err = d.listedAgain(ctx, o)
		}
		if err != nil || !ok {
			return out, false, err
		}
		d.record.dates.book.keep(o, m)
	}
	out = m.Date
	out.URL = d.base + out.URL
	return out, true, nil
}

func (d *diary) deadline(ctx context.Context, o *occasion, list []revision) (Date, bool, error) {
	f, err := d.Outbox.Finding(ctx, o.due.last)
	if isNotFound(err) {
		return Date{}, false, nil
	}
	if err != nil {
		return Date{}, false, err
	}
	x, ok := d.deadlineDate(f, o, list, d.upTo)
	return x, ok, nil
}

// listedAgain is a meeting as it is now. Where it is at another time, of which
// the log does not tell, it is listed there from now on.
func (d *diary) listedAgain(ctx context.Context, o *occasion) (Date, bool, error) {
	it, err := d.Ledger.Item(ctx, o.source, o.key)
	if isNotFound(err) {
		return Date{}, false, nil
	}
	if err != nil {
		return Date{}, false, err
	}
	x, ok := d.meetingDate(o, it)
	if ok && !x.Start.Equal(o.start) {
		r := d.record
		r.mu.Lock()
		defer r.mu.Unlock()
		if m := r.dates.meetings[ref{o.source, o.key}]; m != nil && m.listed == o {
			m.listed = r.dates.book.replace(o, meetingOccasion(it, o.revisions, d.zone))
		}
	}
	return x, ok, nil
}

// seatedAgain is the same for a meeting that papers tell of.
func (d *diary) seatedAgain(ctx context.Context, o *occasion) (*made, error) {
	r := d.record
	r.mu.Lock()
	var papers []string
	if m := r.dates.sittings[*o.sitting]; m != nil {
		papers = m.papers
	}
	r.mu.Unlock()
	now, err := d.sittingOccasion(ctx, *o.sitting, o.revisions, papers, d.read[o.source])
	if err != nil {
		return nil, err
	}
	m := now.made.Load()
	if !now.start.Equal(o.start) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if x := r.dates.sittings[*o.sitting]; x != nil && x.listed == o {
			x.listed = r.dates.book.replace(o, now)
		}
	}
	return m, nil
}

// revisionsOf are the entries of the log that changed what is shown of a deadline.
func (r *record) revisionsOf(x *owing) []revision {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x.thread != "" {
		return r.dates.notices[x.thread]
	}
	if m := r.dates.meetings[x.item]; m != nil {
		return m.revisions
	}
	return nil
}

// mostMade is how many dates are remembered as they were shown.
const mostMade = 3000

// keep remembers a date as it is shown. When they are too many all are forgotten.
func (b *datebook) keep(o *occasion, m *made) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.made) >= mostMade {
		for _, x := range b.made {
			x.made.Store(nil)
		}
		b.made = b.made[:0]
	}
	if o.made.Swap(m) == nil {
		b.made = append(b.made, o)
	}
}

// byTime is the order of all lists. It puts right what is found to be at another
// time when it is shown.
func byTime(a, b Date) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.UID, b.UID)) }

// part are the dates asked for, n of them after some, the earliest first.
func (s *site) part(ctx context.Context, x DatesWant, base string, after, n int) (out []Date, more bool, err error) {
	err = s.withDates(ctx, x, base, func(d *diary) error {
		out, more = nil, false
		passed := 0
		for _, o := range d.all {
			ok, err := d.takes(ctx, o)
			if err != nil {
				return err
			}
			switch {
			case !ok:
				continue
			case passed < after:
				passed++
				continue
			case len(out) == n:
				more = true
				return nil
			}
			date, ok, err := d.date(ctx, o)
			if err != nil {
				return err
			}
			if ok {
				out = append(out, date)
			}
		}
		if passed < after {
			return badCursor()
		}
		slices.SortFunc(out, byTime)
		return nil
	})
	return out, more, err
}

// nearest are those of the dates asked for that are nearest, the earliest first:
// of what is ahead of the end of the log the soonest, and as far as there is room
// of what is over the latest. before and after tell whether there are others.
func (s *site) nearest(ctx context.Context, x DatesWant, base string, most int) (out []Date, before, after bool, err error) {
	err = s.withDates(ctx, x, base, func(d *diary) error {
		out, before, after = nil, false, false
		today := dayOf(d.until, s.zone)
		now := sort.Search(len(d.all), func(i int) bool { return !d.all[i].start.Before(today) })
		take := func(list iter.Seq2[int, *occasion], more *bool) error {
			for _, o := range list {
				ok, err := d.takes(ctx, o)
				if err != nil {
					return err
				}
				if !ok {
					continue
				}
				if len(out) == most {
					*more = true
					return nil
				}
				date, ok, err := d.date(ctx, o)
				if err != nil {
					return err
				}
				if ok {
					out = append(out, date)
				}
			}
			return nil
		}
		if err := take(slices.All(d.all[now:]), &after); err != nil {
			return err
		}
		if err := take(slices.Backward(d.all[:now]), &before); err != nil {
			return err
		}
		slices.SortFunc(out, byTime)
		return nil
	})
	return out, before, after, err
}

// each are all dates asked for, the earliest first, one at a time.
func (s *site) each(ctx context.Context, x DatesWant, base string) iter.Seq2[Date, error] {
	return func(yield func(Date, error) bool) {
		var taken []*occasion
		var at *diary
		err := s.withDates(ctx, x, base, func(d *diary) error {
			taken, at = nil, d
			for _, o := range d.all {
				ok, err := d.takes(ctx, o)
				if err != nil {
					return err
				}
				if ok {
					taken = append(taken, o)
				}
			}
			return nil
		})
		for _, o := range taken {
			date, ok, dateErr := at.date(ctx, o)
			if dateErr != nil {
				err = dateErr
			}
			if err != nil {
				break
			}
			if ok && !yield(date, nil) {
				return
			}
		}
		if err != nil {
			yield(Date{}, err)
		}
	}
}

// prepare works out what the first visitors would wait for: the numbers, the
// suppliers, and the first page of the register.
func (s *site) prepare(ctx context.Context) error {
	s.survey.prepare()
	s.charts()
	ids := s.survey.awarded()
	_, err := s.registered(ctx, ids[:min(len(ids), entriesPerPage)])
	return err
}

// readAhead reads the log and the findings to their end, and what searches ask
// of the meetings of the time that is shown.
func (s *site) readAhead(ctx context.Context) error {
	for {
		if err := s.followAll(ctx); err != nil {
			return err
		}
		if err := s.record.dates.book.follow(ctx, s); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.record.behind().IsZero() && !s.survey.behind() && s.record.dates.book.caughtUp() {
			break
		}
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	return s.withDates(ctx, DatesWant{What: "meetings"}, "", func(d *diary) error {
		for _, o := range d.all {
			if o.due == nil && o.gist.Load() == nil {
				if _, err := d.asked(ctx, o); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
