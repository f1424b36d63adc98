package web

import (
	"context"
	"fmt"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// lookBack is how far a preview looks.
const lookBack = 90 * 24 * time.Hour

// maxPreview is how many findings a preview shows.
const maxPreview = 10

// A preview is what a choice would have brought lately.
type preview struct {
	Count  int // findings
	Things int // items they are about
	Mails  int // alerts, for who wants them at once
	Days   int // on which there was something, for who wants them daily
	List   []shown
	From   time.Time // as far back as it looked
	Cut    bool      // no further, because there was too much to look at
	Often  string
	Weekly bool // a digest tells it, too
	AtOnce bool
	Now    time.Time
}

const month = 30 * 24 * time.Hour

// Monthly says how many mails a month that is, "" if what is known is too short
// to say. It is rounded up: nobody is promised less than will come.
func (p preview) Monthly() string {
	known := p.Now.Sub(p.From)
	a := func(n int) int { return int((time.Duration(n)*month + known - 1) / known) }
	if p.Often == store.Weekly {
		return "one mail a week, a quiet week included"
	}
	if known < 14*24*time.Hour {
		return ""
	}
	mails := func(n int) string {
		switch n {
		case 0:
			return "less than one mail a month"
		case 1:
			return "about one mail a month"
		}
		return fmt.Sprintf("about %d mails a month", n)
	}
	switch p.Often {
	case store.Daily:
		return mails(a(p.Days)) + ", each for a day with something new"
	case store.Both:
		return mails(a(p.Mails)) + ", and one a week"
	}
	return mails(a(p.Mails))
}

// preview asks the query about the findings of the last 90 days, newest first.
// Alerts tell what is certain or likely, one mail for each look at a source;
// digests tell all of it.
func (s *site) preview(ctx context.Context, q query.Query, often string) (preview, error) {
	now := s.Now()
	p := preview{From: now.Add(-lookBack), Often: often, Weekly: store.Digested(often), AtOnce: store.AtOnce(often), Now: now}
	high, err := s.Ledger.LastSeq(ctx)
	if err != nil {
		return p, err
	}
	if first, err := s.Ledger.Changes(ctx, 0, 1); err != nil {
		return p, err
	} else if len(first) > 0 && first[0].At.After(p.From) {
		p.From = first[0].At
	}
	days := map[time.Time]bool{}
	if ok, err := s.previewFound(ctx, q, &p); ok || err != nil {
		return p, err
	}
	things, mails := map[string]bool{}, map[string]bool{}
	looked, past := 0, false
	for step := uint64(500); high > 0 && !past; step = min(4*step, mostMatched/2) {
		if looked >= mostMatched {
			p.Cut = true
			break
		}
		low := high - min(high, step)
		var part []store.Finding
		err := s.Outbox.Findings(ctx, low, func(x store.Finding) bool {
			if x.Change > high {
				return false
			}
			if x.At.Before(p.From) {
				past = true
				return true
			}
			looked++
			atOnce := x.Tier == store.TierCertain || x.Tier == store.TierLikely
			if x.Silent || !p.Weekly && !atOnce || !q.Match(s.Facts(x)) {
				return true
			}
			p.Count++
			things[x.Source+"\x00"+x.Key] = true
			if atOnce {
				mails[x.Source+"\x00"+x.At.UTC().String()] = true
			}
			days[dayOf(x.At, s.zone)] = true
			part = append(part, x)
			return true
		})
		if err != nil {
			return p, err
		}
		for i := len(part) - 1; i >= 0 && len(p.List) < maxPreview; i-- {
			p.List = append(p.List, s.show(part[i]))
		}
		if p.Cut = looked >= mostMatched && low > 0 && !past; p.Cut && len(part) > 0 {
			p.From = part[0].At
		}
		high = low
	}
	p.Things, p.Mails, p.Days = len(things), len(mails), len(days)
	return p, nil
}
