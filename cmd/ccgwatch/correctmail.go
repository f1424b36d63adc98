package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// correctionFollower keeps its place in the list of corrections: by number.
const correctionFollower = "corrections"

// mailCorrections queues the letters about corrections that ask for them, to
// those who were mailed about the item. Queueing and the place are two steps: a
// crash in between has the same correction queued again, which by its id queues
// nothing twice.
func (a *app) mailCorrections(ctx context.Context, now time.Time) error {
	for {
		pos, err := a.store.Position(ctx, correctionFollower)
		if err != nil {
			return err
		}
		all, err := a.store.Corrections(ctx, pos.Seq)
		if err != nil || len(all) == 0 {
			return err
		}
		c := all[0]
		if c.Mail {
			if err := a.mailCorrection(ctx, now, c); err != nil {
				return fmt.Errorf("correction %d: %w", c.N, err)
			}
		}
		if err := a.store.Advance(ctx, correctionFollower, pos, store.Position{Seq: c.N}, nil, nil); err != nil {
			return err
		}
	}
}

func (a *app) mailCorrection(ctx context.Context, now time.Time, c store.Correction) error {
	edits, err := a.store.Edits(ctx)
	if err != nil {
		return err
	}
	found, err := a.corrector.FindingsOf(ctx, c.Source, c.Key)
	if err != nil || len(found) == 0 {
		return err
	}
	edit := edits.Of(c.Source, c.Key)
	for i, f := range found {
		found[i] = publicly(edit, f)
	}
	queued, err := a.corrector.Correct(ctx, now, alerts.Correction{ID: strconv.FormatUint(c.N, 10), Words: correctionLetter(edit, c), About: found})
	if queued > 0 {
		a.log.Info("correction mailed", "correction", c.N, "letters", queued)
	}
	return err
}

// publicly is a finding as a letter may speak of it: of what is out of sight
// nothing but what kind of thing it was, and where.
func publicly(x *store.Edit, f store.Finding) store.Finding {
	if x != nil && x.Hidden != "" {
		f.Title, f.Quote, f.Document, f.URL, f.Text, f.Why, f.Moves = "a "+string(f.Kind)+" that we do not show any more", "", "", "", "", "", nil
		return f
	}
	return x.Finding(f)
}

// correctionLetter is what was wrong and what is right, in paragraphs.
func correctionLetter(x *store.Edit, c store.Correction) string {
	var paras []string
	switch c.Act {
	case store.ActWithdraw:
		paras = append(paras, "We have withdrawn it from our pages.")
	case store.ActHold:
		paras = append(paras, "We hold it back until we have looked into it.")
	case store.ActRestore:
		paras = append(paras, "It is shown again as the source has it.")
	case store.ActRedact:
		paras = append(paras, "Some words are left out of it now.")
	}
	for _, f := range c.Fields {
		paras = append(paras, fmt.Sprintf("%s: we wrote what the source says, %q. It should read %q.", strings.ReplaceAll(strings.TrimPrefix(f.Name, "notice."), "_", " "), readableTime(f.Old), readableTime(f.New)))
	}
	if c.Note != "" {
		paras = append(paras, c.Note)
	}
	paras = append(paras, "Why: "+c.Reason)
	text := strings.Join(paras, "\n\n")
	if x != nil && x.Hidden != "" && c.Act != x.Hidden { // corrected first, and hidden before the letter was made
		return "Why: " + x.Reason
	}
	return x.Clean(text)
}
