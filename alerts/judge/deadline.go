package judge

import (
	"strings"
	"time"

	"ccgwatch/store"
)

// Who may act, in words: the reader's own lever is another one.
const (
	whoRepresentations = "only providers may make representations to the buyer; residents can still use the press, the council's health scrutiny committee, governors, a question to the board or an FOI request"
	whoStandstill      = "only bidders may challenge the award during the standstill; residents can still use the press, scrutiny, a question to the board or an FOI request"
	whoTender          = "providers that want the contract may bid until then; residents can still write to the buyer, to councillors and to scrutiny before the award"
	whoInterest        = "providers may say until then that they are interested; residents can still write to the buyer and to scrutiny"
	whoEngagement      = "providers are asked for their views; residents may write to the buyer or ask scrutiny to look at it before the tender"
)

// deadline is the date by which something can still be done: what the notice
// prints, and beside it what the rule gives.
func (r *reading) deadline(v Verdict) *store.Deadline {
	switch v.Stage {
	case stageIntention:
		if v.Regime == regimePSR || v.Regime == regimePSRWales {
			return r.representations(v.Regime)
		}
		return r.standstill() // what it says of one; no law computes it
	case stageOther:
		if v.Regime == regimePSR || v.Regime == regimePSRWales {
			return r.window()
		}
	case stageAward:
		if v.Regime == regimeAct {
			return r.standstill()
		}
	case stageTender, stageTenderUpdate, stagePlanned:
		return r.submission(v.Stage)
	case stageEngagement:
		return r.engagement()
	}
	return nil
}

// representations is the window of the Provider Selection Regime.
func (r *reading) representations(regime string) *store.Deadline {
	d := &store.Deadline{Kind: "representations", Who: whoRepresentations}
	if at, e, ok := r.statedIn("about-standstill"); ok {
		d.Stated, d.Quote = r.j.stamp(at), e.Quote
		r.note("deadline: stated", e)
	}
	if r.n.Date.IsZero() || r.devolved() {
		return given(d)
	}
	compute := r.j.dates.psrStandstill
	rule := "reg. 12 of SI 2023/1348: eight working days after the day the standstill begins, which is the day after publication"
	if regime == regimePSRWales {
		compute = r.j.dates.psrWalesStandstill
		rule = "PSR Wales 2025: eight working days after the day of publication, on which the standstill begins"
	}
	if r.n.Updates() {
		rule = ""
	}
	if at, ok := compute(r.n.Date); ok && rule != "" {
		d.Computed = r.j.stamp(at)
		r.field("deadline: computed by "+rule, d.Computed, "date")
		r.differ(d)
	} else if rule != "" {
		r.field("deadline: not computed, the bank holidays of that year are not known", r.n.Date.Format(time.DateOnly), "date")
	}
	return given(d)
}

// window is the time for representations where a notice states one and the
// stage is unclear: nothing is computed for what may not be an intention.
func (r *reading) window() *store.Deadline {
	d := &store.Deadline{Kind: "representations", Who: whoRepresentations}
	if at, e, ok := r.statedIn("about-standstill"); ok {
		d.Stated, d.Quote = r.j.stamp(at), e.Quote
		r.note("deadline: stated", e)
	}
	return given(d)
}

// differ notes that the two dates are not on one day. It does not say who is right.
func (r *reading) differ(d *store.Deadline) {
	if Differ(d) {
		r.field("deadline: the notice and the rule differ", d.Stated[:10]+" and "+d.Computed[:10], "date")
	}
}

// Differ tells whether a deadline has a stated and a computed date and the two
// are not on one day. Notices often count a working day less than the
// regulations do; which of the two holds is not ours to say.
func Differ(d *store.Deadline) bool {
	return d != nil && len(d.Stated) >= 10 && len(d.Computed) >= 10 && d.Stated[:10] != d.Computed[:10]
}

// HolidaysUntil is the last day up to which working days can be counted: after
// it no date is computed until the table of bank holidays is brought up to date.
func (j *Judge) HolidaysUntil() time.Time { return j.dates.known() }

// standstill is the window of the Procurement Act 2023, where the notice
// speaks of one: below the threshold and for light-touch contracts there may
// be none.
func (r *reading) standstill() *store.Deadline {
	d := &store.Deadline{Kind: "standstill", Who: whoStandstill}
	if at, e, ok := r.statedIn("about-standstill"); ok {
		d.Stated, d.Quote = r.j.stamp(at), e.Quote
		r.note("deadline: stated", e)
	} else if at := r.j.printed(r.n.StandstillEnd); !at.IsZero() {
		d.Stated = r.j.stamp(at)
		r.field("deadline: field", r.n.StandstillEnd, "awards.standstillPeriod.endDate")
	}
	if d.Stated == "" {
		return nil
	}
	if r.n.NoticeType == "UK6" && !r.n.Updates() && !r.n.Date.IsZero() {
		if at, ok := r.j.dates.actStandstill(r.n.Date); ok {
			d.Computed = r.j.stamp(at)
			r.field("deadline: computed by s. 51 of the Procurement Act 2023: at least eight working days beginning with the day of publication", d.Computed, "date")
			r.differ(d)
		} else {
			r.field("deadline: not computed, the bank holidays of that year are not known", r.n.Date.Format(time.DateOnly), "date")
		}
	}
	return given(d)
}

// submission is the last day to bid. The enquiry deadline is none, nor is the
// day on which a further notice is planned.
func (r *reading) submission(stage string) *store.Deadline {
	d := &store.Deadline{Kind: "tender", Who: whoTender}
	if at, e, ok := r.statedIn("about-deadline"); ok {
		d.Stated, d.Quote = r.j.stamp(at), e.Quote
		r.note("deadline: stated", e)
		return given(d)
	}
	for _, f := range []struct{ value, where, kind, who string }{
		{r.n.TenderEnd, "tender.tenderPeriod.endDate", "tender", whoTender},
		{r.n.InterestEnd, "tender.expressionOfInterestDeadline", "interest", whoInterest},
	} {
		if at := r.j.printed(f.value); !at.IsZero() {
			d.Stated, d.Kind, d.Who = r.j.stamp(at), f.kind, f.who
			r.field("deadline: field", f.value, f.where)
			return given(d)
		}
	}
	if stage == stagePlanned {
		if at, e, ok := r.statedIn("about-interest"); ok {
			d.Stated, d.Quote, d.Kind, d.Who = r.j.stamp(at), e.Quote, "interest", whoInterest
			r.note("deadline: stated", e)
			return given(d)
		}
	}
	return nil
}

func (r *reading) engagement() *store.Deadline {
	d := &store.Deadline{Kind: "engagement", Who: whoEngagement}
	if at, e, ok := r.statedIn("about-interest"); ok {
		d.Stated, d.Quote = r.j.stamp(at), e.Quote
		r.note("deadline: stated", e)
		return given(d)
	}
	for _, f := range []struct{ value, where string }{
		{r.n.EngagementEnd, "planning.milestones"},
		{r.n.InterestEnd, "tender.expressionOfInterestDeadline"},
		{r.n.TenderEnd, "tender.tenderPeriod.endDate"},
	} {
		if at := r.j.printed(f.value); !at.IsZero() {
			d.Stated = r.j.stamp(at)
			r.field("deadline: field", f.value, f.where)
			return given(d)
		}
	}
	return nil
}

// given is d, or nil when it holds no date.
func given(d *store.Deadline) *store.Deadline {
	if d.Stated == "" && d.Computed == "" {
		return nil
	}
	return d
}

// statedIn finds the date that ends something in the first sentence about it
// that has one.
func (r *reading) statedIn(list string) (time.Time, Evidence, bool) {
	g := r.j.lists[list]
	for _, p := range r.parts {
		for i, t := range p.tallies {
			h, ok := t.first(g)
			if !ok {
				continue
			}
			s := p.sentences[i]
			if at, ok := r.j.dates.ending(s.text, s.words[h.from].start, r.n.Date); ok {
				return at, Evidence{Quote: r.j.safeQuote(s, t, h), Where: p.where}, true
			}
		}
	}
	return time.Time{}, Evidence{}, false
}

// ending is the date in a sentence by which something ends: the last one that
// a word like "by" or "until" leads to. Dates that a word like "from" leads to
// begin something.
func (c *calendar) ending(text string, about int, ref time.Time) (time.Time, bool) {
	var best time.Time
	score := 0
	for _, d := range c.dates(text, ref) {
		lead := strings.ToLower(text[max(0, d.from-60):d.from])
		begin, end := lastOf(lead, "from", "begin", "begins", "starts", "start", "commence", "commences", "commencing", "published", "dated", "on", "awarded"), lastOf(lead, "by", "until", "till", "to", "end", "ends", "ending", "before", "close", "closes", "closing", "deadline", "midnight", "than", "expires", "is", "new", "extended")
		s := 0
		switch {
		case end >= 0 && (end > begin || strings.Contains(lead[end:], " on ") || strings.HasSuffix(strings.TrimSpace(lead), " on")) && !startsOnly(lead, end):
			s = 2
		case d.from > about && begin < 0:
			s = 1
		}
		if s > 0 && s >= score {
			score, best = s, d.at
		}
	}
	return best, score > 0
}

// startsOnly tells whether a word of beginning stands between the last word of
// ending and the date.
func startsOnly(lead string, end int) bool {
	return lastOf(lead[end:], "from", "begin", "begins", "starts", "start", "commence", "commences", "commencing", "published", "dated", "awarded") >= 0
}

// lastOf is where the last of the words begins in text, or -1.
func lastOf(text string, list ...string) int {
	at := -1
	for _, w := range words(text) {
		for _, x := range list {
			if w.text == x {
				at = w.start
			}
		}
	}
	return at
}
