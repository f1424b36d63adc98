package judge

import (
	"slices"
	"strings"

	"ccgwatch/store"
)

// ThreadFindings is Findings for a change of a notice whose thread is known. The
// notice is read in the light of the others, and what it changed in its
// procurement is found too: the stage goes with the finding of the notice
// itself, a moved date, another value, another supplier and a late publication
// are findings of their own. What fell due is one finding. The thread must hold
// the item as it stands now.
func (j *Judge) ThreadFindings(c store.Change, t *Thread) []store.Finding {
	s := t.Step(c.Source, c.Key)
	if s == nil {
		return nil
	}
	if !t.Concerns() {
		return nil
	}
	f := &finder{j: j, c: c, it: s.item, said: map[string]bool{}, body: j.bodyOf(s.item.Notice), bodyName: buyerNames(s.item.Notice), areas: s.areas}
	switch c.Op {
	case store.OpDue:
		if c.Due != nil {
			f.due(t, s)
		}
	case store.OpAdded, store.OpAmended:
		f.judged(s.reading, s.verdict)
		f.inThread(t, s)
	}
	for i := range f.out {
		f.out[i].Thread = t.ID
	}
	return f.out
}

// noticeTier is how sure it is that a notice is about care.
func noticeTier(care, outsourcing string) store.Tier {
	switch {
	case care == careHealth || care == careSocial:
		return store.TierCertain
	case outsourcing != outsourcingNone:
		return store.TierLikely
	}
	return store.TierMention
}

// inThread adds what the notice changed.
func (f *finder) inThread(t *Thread, s *Step) {
	if !concerns(s.verdict.Care, s.verdict.Outsourcing) {
		return
	}
	moves := s.Moves
	if f.c.Op == store.OpAmended { // it was told when it came what it changed then
		moves = f.j.edits(f.c, s)
	}
	var unsaid []string
	if progress(s.Stage) >= progress(stageIntention) && len(s.Suppliers) > 0 {
		unsaid = t.Unsaid()
	}
	for i := range f.out {
		x := &f.out[i]
		if x.Topic != store.TopicOutsourcing || noticeTopic(s.Stage) == store.TopicAwards {
			x.Unsaid = unsaid
		}
		for _, m := range moves {
			if m.Kind == moveStage {
				x.Moves = append(x.Moves, m)
			}
		}
	}
	for _, m := range moves {
		if m.Kind == moveStage && len(f.out) > 0 {
			continue
		}
		x := f.about(t, s, m)
		x.Topic = store.TopicAwards
		if m.Kind == moveDeadline {
			x.Topic = store.TopicDeadlines
			if d := s.Deadline; d != nil && d.Quote != "" {
				x.Quote = d.Quote
			}
		} else if topic := noticeTopic(s.Stage); topic != "" {
			x.Topic = topic
		}
		f.add(x, s.Release+" "+m.Kind+" "+m.Was+" "+m.Now)
	}
}

// about is a finding about one move of a thread.
func (f *finder) about(t *Thread, s *Step, m store.Move) store.Finding {
	x := store.Finding{
		Tier: noticeTier(s.verdict.Care, s.verdict.Outsourcing), Rule: "thread: " + m.Kind, Title: t.Title, Quote: s.Quote,
		Stage: s.Stage, Regime: s.Regime, Deadline: s.Deadline, Moves: []store.Move{m}, Text: Redact(noticeText(f.it.Notice, s.verdict)),
		Why: m.Words,
	}
	for _, topic := range []store.Topic{noticeTopic(t.Stage), noticeTopic(s.Stage)} {
		if topic != "" && !slices.Contains(x.Also, topic) {
			x.Also = append(x.Also, topic)
		}
	}
	if t.Outsourcing == string(store.TierCertain) || t.Outsourcing == string(store.TierLikely) {
		x.Also = append(x.Also, store.TopicOutsourcing)
	}
	return x
}

// due is the finding about what fell due.
func (f *finder) due(t *Thread, s *Step) {
	d := f.c.Due
	care, out := s.verdict.Care, s.verdict.Outsourcing
	if !concerns(care, out) {
		return
	}
	x := f.about(t, s, store.Move{Kind: d.Kind, Now: d.On.Format("2006-01-02T15:04:05Z07:00"), Since: s.Release, Words: d.Words})
	x.Topic = store.TopicDeadlines
	if d.Kind == store.DueOverdue {
		x.Deadline = nil // it has passed, or there was none
	} else if s.Deadline != nil && s.Deadline.Quote != "" {
		x.Quote = s.Deadline.Quote
	}
	f.add(x, d.Key)
}

// edits are what an edit of the notice in its place changed, as far as the log
// keeps what was: dates, values and suppliers.
func (j *Judge) edits(c store.Change, s *Step) []store.Move {
	var out []store.Move
	value := map[string]store.FieldChange{}
	for _, x := range c.Fields {
		switch x.Name {
		case "tender_end", "interest_end", "engagement_end", "standstill_end":
			kind := map[string]string{"tender_end": "tender", "interest_end": "interest", "engagement_end": "engagement", "standstill_end": "standstill"}[x.Name]
			was := &store.Deadline{Stated: j.stamp(j.printed(x.Old)), Kind: kind}
			now := &store.Deadline{Stated: j.stamp(j.printed(x.New)), Kind: kind}
			if m := j.deadlineMove(was, now, s.Release); m != nil {
				out = append(out, *m)
			}
		case "value", "value_max", "currency":
			value[x.Name] = x
		case "suppliers":
			if x.Old != "" && x.New != "" {
				out = append(out, store.Move{Kind: moveSupplier, Was: x.Old, Now: x.New, Since: s.Release,
					Words: "Supplier: the notice was edited; it now names " + supplierNames(s) + "."})
			}
		}
	}
	if len(value) > 0 && s.Worth != nil {
		was := *s.Worth
		if x, ok := value["value"]; ok {
			was.Value = x.Old
		}
		if x, ok := value["value_max"]; ok {
			was.Max = x.Old
		}
		if x, ok := value["currency"]; ok {
			was.Currency = x.Old
		}
		if told(was.Value) && (!sameAmount(was.Value, s.Worth.Value) || !sameAmount(was.Max, s.Worth.Max)) {
			out = append(out, store.Move{Kind: moveValue, Was: was.String(), Now: s.Worth.String(), Since: s.Release,
				Words: "Value: the notice was edited; it now says " + s.Worth.String() + ", it said " + was.String() + "."})
		}
	}
	return out
}

func supplierNames(s *Step) string {
	var names []string
	for _, p := range s.Suppliers {
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return "nobody"
	}
	return shorten(names)
}

// Unsaid are the questions of the charter that the notices do not answer, each
// in a few words.
func (t *Thread) Unsaid() []string {
	var out []string
	for _, a := range t.Charter {
		if !a.Stated {
			out = append(out, a.Short)
		}
	}
	return out
}

// Names are the words by which a thread can be searched: its titles, buyers and suppliers.
func (t *Thread) Names() string {
	parts := append([]string{t.Title}, t.Buyers...)
	for _, p := range t.Suppliers {
		parts = append(parts, p.Name)
	}
	for _, s := range t.Steps {
		if !slices.Contains(parts, s.Title) {
			parts = append(parts, s.Title)
		}
	}
	return strings.Join(parts, "\n")
}
