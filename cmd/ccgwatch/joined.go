package main

import (
	"context"
	"fmt"
	"io"

	"ccgwatch/alerts"
	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// joinsTold is how many joints a finding carries: a mail names a few.
const joinsTold = 3

// told is what was found, with what it is joined to; that this cannot be said
// is no reason to lose what was found.
func (a *app) told(ctx context.Context, it store.Item, found []store.Finding) ([]store.Finding, error) {
	with, err := a.withJoins(ctx, it, found)
	if err != nil && ctx.Err() == nil {
		a.log.Error("what an item is joined to cannot be told", "source", it.Source, "key", it.Key, "err", err)
		return found, nil
	}
	return with, err
}

// withJoins says in findings of which procurements their item speaks, and in
// those of a notice what speaks of its procurement. Only what is certain or
// likely is said; the pages show the rest.
func (a *app) withJoins(ctx context.Context, it store.Item, found []store.Finding) ([]store.Finding, error) {
	if len(found) == 0 {
		return found, nil
	}
	var joints []store.Joint
	if it.Notice == nil {
		all, err := a.joined.Speaks(ctx, it, found)
		if err != nil {
			return nil, err
		}
		joints = all
	} else {
		all, err := a.joined.Spoken(ctx, it, found[0].Thread)
		if err != nil {
			return nil, err
		}
		for _, m := range all {
			j := m.Joint
			j.Title, j.Where, j.URL = m.ItemTitle, a.bodyName(m), m.ItemURL
			j.Source, j.Key = m.Source, m.Key
			joints = append(joints, j)
		}
	}
	var told []store.Joint
	for _, j := range joints {
		if store.JointRank(j.Strength) >= store.JointRank(store.JointLikely) && len(told) < joinsTold {
			told = append(told, j)
		}
	}
	for i := range found {
		found[i].Joins = told
	}
	return found, nil
}

// bodyName is whose words a mention is.
func (a *app) bodyName(m alerts.Mention) string {
	if b, ok := a.bodies[m.Body]; ok {
		return b.Name
	}
	return a.sourceName(m.Source)
}

// strengthWords say how sure a joint is.
func strengthWords(strength string) string {
	if strength == store.JointOperator {
		return "joined by the operator"
	}
	return strength
}

// printDiscussed lists what speaks of a thread.
func (a *app) printDiscussed(ctx context.Context, w io.Writer, t *judge.Thread, indent string) error {
	list, err := a.joined.OfThread(ctx, t)
	if err != nil || len(list) == 0 {
		return err
	}
	fmt.Fprintf(w, "%sDiscussed in:\n", indent)
	for _, m := range list {
		when := ""
		if !m.When.IsZero() {
			when = m.When.In(london()).Format(" (2 January 2006)")
		}
		fmt.Fprintf(w, "%s  %s: %s%s, %s; %s\n", indent, strengthWords(m.Strength), m.ItemTitle, when, a.bodyName(m), m.Evidence)
		if m.Quote != "" {
			fmt.Fprintf(w, "%s    “%s”%s\n", indent, m.Quote, placeWords(m.Joint))
		}
		fmt.Fprintf(w, "%s    %s %s\n", indent, m.Source, m.Key)
	}
	return nil
}

func placeWords(j store.Joint) string {
	switch {
	case j.Page > 0:
		return fmt.Sprintf(" (page %d of %s)", j.Page, j.Where)
	case j.Where != "":
		return " (" + j.Where + ")"
	}
	return ""
}

// printSpeaks lists the procurements that an item speaks of.
func (a *app) printSpeaks(ctx context.Context, w io.Writer, it store.Item) error {
	list, err := a.joined.OfItem(ctx, it.Source, it.Key)
	if err != nil {
		return err
	}
	for _, j := range list {
		fmt.Fprintf(w, "part of     %s %s (%s: %s)\n", j.Thread, j.Title, strengthWords(j.Strength), j.Evidence)
		if j.Quote != "" {
			fmt.Fprintf(w, "            “%s”%s\n", j.Quote, placeWords(j))
		}
	}
	return nil
}

// decideItem stores the operator's word that an item speaks of a procurement,
// or does not.
func (a *app) decideItem(e *env, ocid string, it store.Item, why string, join bool) error {
	d := store.Decision{A: ocid, B: store.DecisionItem(it.Source, it.Key), Join: join, Why: why, At: e.now()}
	if err := a.store.Decide(e.ctx, d); err != nil {
		return err
	}
	if join {
		fmt.Fprintf(e.stdout, "noted: %s of %s is about %s\n", it.Key, it.Source, ocid)
	} else {
		fmt.Fprintf(e.stdout, "noted: %s of %s is not about %s\n", it.Key, it.Source, ocid)
	}
	return nil
}

// datesOf are the dates before an item, for its page; with papers also those
// that the first pages of its papers state.
func (a *app) datesOf(ctx context.Context, it store.Item, papers bool) []store.Deadline {
	var texts []string
	if papers {
		texts = judge.FrontTexts(it, func(sha string) ([]string, error) { return a.store.Text(ctx, sha) })
	}
	out := a.judge.OpenDates(it, texts)
	for _, d := range a.judge.MeetingDates(it, texts) {
		if d.Kind == judge.DeadlinePapers {
			out = append(out, d)
		}
	}
	return out
}
