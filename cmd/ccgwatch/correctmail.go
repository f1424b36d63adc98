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

// mailCorrections makes anew what a correction took back, and queues the letters
// about those that ask for them, to those who were mailed about the item. Queueing
// and the place are two steps: a crash in between has the same correction queued
// again, which by its id queues nothing twice.
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
		// A correction that was made this moment may be known before what it alters is.
		if edits, err := a.store.Edits(ctx); err != nil || edits.N() < c.N {
			return err
		}
		if err := a.followCorrection(ctx, now, c); err != nil {
			return fmt.Errorf("correction %d: %w", c.N, err)
		}
		if err := a.store.Advance(ctx, correctionFollower, pos, store.Position{Seq: c.N}, nil, nil); err != nil {
			return err
		}
	}
}

// followCorrection does what a correction means for mail. What is made anew comes
// first: whoever is told in the words of the correction needs no letter about it.
func (a *app) followCorrection(ctx context.Context, now time.Time, c store.Correction) error {
	if c.Act != store.ActNote { // which takes back nothing
		made, err := a.matcher.Again(ctx, now, c.Act == store.ActRestore)
		if err != nil {
			return err
		}
		if made > 0 {
			a.log.Info("alerts that waited were made again as corrected", "correction", c.N, "alerts", made)
		}
	}
	if c.Mail {
		if err := a.mailCorrection(ctx, now, c, ""); err != nil {
			return err
		}
	}
	if hides := c.Act == store.ActHold || c.Act == store.ActWithdraw; c.Act == store.ActNote || hides && c.Mail {
		return nil
	}
	// Letters about earlier corrections of the item that had not been sent were taken
	// back with the rest.
	all, err := a.store.Corrections(ctx, 0)
	if err != nil {
		return err
	}
	for _, earlier := range all {
		if earlier.Mail && earlier.N < c.N && earlier.Source == c.Source && earlier.Key == c.Key {
			if err := a.mailCorrection(ctx, now, earlier, fmt.Sprintf(" after %d", c.N)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *app) mailCorrection(ctx context.Context, now time.Time, c store.Correction, round string) error {
	edits, err := a.store.Edits(ctx)
	if err != nil {
		return err
	}
	found, err := a.corrector.FindingsOf(ctx, c.Source, c.Key)
	if err != nil || len(found) == 0 {
		return err
	}
	for i, f := range found {
		found[i] = a.publicly(edits, f)
	}
	queued, err := a.corrector.Correct(ctx, now, alerts.Correction{
		ID: strconv.FormatUint(c.N, 10), N: c.N, Edits: edits.N(), Round: round, Words: correctionLetter(edits.Of(c.Source, c.Key), c), About: found,
	})
	if queued > 0 {
		a.log.Info("correction mailed", "correction", c.N, "letters", queued)
	}
	return err
}

// publicly is a finding as a letter may speak of it: of what is out of sight
// nothing but what kind of thing it was, and whose.
func (a *app) publicly(edits *store.Edits, f store.Finding) store.Finding {
	if edits.Shows(f.Source, f.Key) {
		return edits.Finding(f)
	}
	return store.Finding{
		ID: f.ID, At: f.At, Change: f.Change, Source: f.Source, Key: f.Key, Kind: f.Kind, Topic: f.Topic, Tier: f.Tier, What: f.What,
		Title: "a " + string(f.Kind) + " that we do not show any more", Body: f.Body, BodyName: a.bodies[f.Body].Name, Areas: f.Areas, Thread: f.Thread,
	}
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
