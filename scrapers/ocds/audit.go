package ocds

import (
	"cmp"
	"slices"
	"time"

	"ccgwatch/scrapers/crawl"
)

// The audit asks, after the feed, for what the feed may not have shown: notice
// numbers that were passed over, processes that are worth a second look, and
// (crosscheck.go) what only the second interface of Contracts Finder lists. It
// asks little at a time, so that it is spread over the day's visits, and when
// one of its questions fails the visit is complete all the same.

const (
	// auditVisit and auditDay bound what is asked beside the feed.
	auditVisit = 12
	auditDay   = 100
	// auditBackfill bounds the missing numbers that a backfill asks for.
	auditBackfill = 100
	// askAgain is when a question that failed is put again, at the earliest.
	askAgain = 20 * time.Hour
)

// An audit is the part of a walk that remembers. It is a value: each page hands
// on its own.
type audit struct {
	notes notes
	now   time.Time
	watch []crawl.Watched // due, the longest overdue first
	did   int             // questions of this visit
	most  int
	// cross: the second interface is to be compared; ids are the notices seen
	// for it.
	cross bool
	ids   *chunk
}

// newAudit begins with what the visit knows. A backfill looks for the numbers
// that its own span leaves out, and keeps no notes of them.
func (f feed) newAudit(v crawl.Visit) audit {
	a := audit{notes: openNotes(v.Old.Notes).clone(), now: v.Now, most: auditVisit}
	a.cross = f.again && (v.Backfill() || a.notes.crossDue(v.Now))
	if v.Backfill() {
		a.notes.Numbers, a.most = nil, auditBackfill
		a.now = v.Now.Add(-gapWaits(0)) // what is missing is asked for at once
		return a
	}
	watched := map[string]bool{}
	for _, w := range v.Watch {
		watched[w.ID] = checkID("ocid", w.ID) == nil
	}
	a.notes.forget(v.Now, watched)
	a.notes.Watched = len(v.Watch)
	age := func(w crawl.Watched) time.Duration {
		read := a.notes.Read[w.ID]
		if read.Before(w.Since) {
			read = w.Since
		}
		return v.Now.Sub(read)
	}
	for _, w := range v.Watch {
		if watched[w.ID] && age(w) >= w.Every {
			a.watch = append(a.watch, w)
		}
	}
	overdue := func(w crawl.Watched) float64 { return float64(age(w)) / float64(max(w.Every, time.Hour)) }
	slices.SortStableFunc(a.watch, func(x, y crawl.Watched) int { return cmp.Compare(overdue(y), overdue(x)) })
	return a
}

// take decodes releases onto a page and remembers their numbers.
func (w walk) take(p *crawl.Page, releases [][]byte) walk {
	ids := w.add(p, releases)
	if w.again {
		if w.audit.cross {
			w.audit.ids = &chunk{w.audit.ids, ids}
		}
		return w
	}
	w.audit.notes = w.audit.notes.saw(ids, w.audit.now)
	return w
}

// note keeps the notes as they are after this page.
func (w walk) note(p *crawl.Page) {
	if !w.backfill || w.again {
		p.Note(w.audit.notes.String())
	}
}

// goOn asks the next question, if there is one. What is noted meanwhile is how
// it stands if the question fails.
func (w walk) goOn(p *crawl.Page) {
	now := w.audit.now
	if w.backfill {
		now = now.Add(gapWaits(0))
	}
	if w.audit.did < w.audit.most {
		if r, failed, ok := w.question(now); ok {
			w.audit.notes = failed
			w.note(p)
			p.Follow(r)
			return
		}
	}
	w.note(p)
}

// question is the next one: the newest missing number, else the process that is
// longest overdue. failed are the notes if it cannot be answered.
func (w walk) question(now time.Time) (r crawl.Request, failed notes, ok bool) {
	notes := w.audit.notes.clone()
	w.audit.did++
	for _, y := range slices.Backward(notes.Numbers) {
		n, due := y.due(now)
		if !due {
			continue
		}
		if !w.backfill && !notes.spend(now, w.zone, auditDay) {
			return r, notes, false
		}
		failed = notes.clone()
		w.audit.notes = notes
		later := failed.year(y.Year)
		later.Gaps[later.at(n)].Next = now.Add(askAgain)
		return w.number(y.Year, n, now), failed, true
	}
	if len(w.audit.watch) == 0 || !notes.spend(now, w.zone, auditDay) {
		return r, notes, false
	}
	id := w.audit.watch[0].ID
	w.audit.watch = w.audit.watch[1:]
	if notes.Read == nil {
		notes.Read = map[string]time.Time{}
	}
	notes.Read[id] = now
	w.audit.notes = notes
	return w.record(id), notes, true
}

// number asks for a notice by its number.
func (w walk) number(year, n int, now time.Time) crawl.Request {
	id := numberID(year, n)
	absent := func(p *crawl.Page) error {
		w := w
		w.audit.notes = w.audit.notes.clone()
		w.audit.notes.year(year).asked(n, now)
		w.goOn(p)
		return nil
	}
	return crawl.Request{
		URL: w.base + "/api/1.0/ocdsReleasePackages/" + id, Accept: "application/json",
		Detail: "notice " + id + ", which the feed passed over", Absent: absent,
		Parse: func(p *crawl.Page) error {
			pkg, err := openPage(p.Body)
			if err != nil {
				return err
			}
			w := w
			if !slices.Contains(w.add(p, pkg.releases), id) {
				return absent(p)
			}
			w.audit.notes = w.audit.notes.clone()
			w.audit.notes.year(year).found(n, now)
			w.goOn(p)
			return nil
		},
	}
}

// record reads a process again, all its notices: one that was edited in place
// is amended by it. A process that has no record tells nothing.
func (w walk) record(ocid string) crawl.Request {
	address := w.base + "/api/1.0/ocdsRecordPackages/" + ocid
	if w.decoder.feed == feedCF {
		address = w.base + "/Published/OCDS/Record/" + ocid
	}
	return crawl.Request{
		URL: address, Accept: "application/json", Detail: "process " + ocid + ", read again",
		Absent: func(p *crawl.Page) error {
			w.goOn(p)
			return nil
		},
		Parse: func(p *crawl.Page) error {
			releases, err := recordReleases(p.Body)
			if err != nil {
				return err
			}
			w := w
			ids := w.add(p, releases)
			if !w.again {
				w.audit.notes = w.audit.notes.saw(ids, w.audit.now)
			}
			w.goOn(p)
			return nil
		},
	}
}

// recordReleases are the releases of a record package. The compiled release is
// nobody's notice, and releases that are only linked say nothing.
func recordReleases(b []byte) ([][]byte, error) {
	top, err := openObject(b)
	if err != nil {
		return nil, err
	}
	if top["records"] == nil {
		return nil, notPackage(top)
	}
	releases, err := within(top["records"], "records", "")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(releases, func(raw []byte) bool {
		list, err := splitObject(raw)
		return err == nil && !slices.ContainsFunc(list, func(m member) bool { return m.key == "ocid" })
	}), nil
}

// A chunk is a list that pages can add to without disturbing each other.
type chunk struct {
	before *chunk
	ids    []string
}

// all gathers the GUIDs of release ids.
func (c *chunk) all() map[string]bool {
	out := map[string]bool{}
	for ; c != nil; c = c.before {
		for _, id := range c.ids {
			if g := guidOf(id); g != "" {
				out[g] = true
			}
		}
	}
	return out
}
