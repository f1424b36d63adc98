package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"ccgwatch/store"
)

type showCmd struct {
	Key  string `arg:""`
	JSON bool   `name:"json"`
	listingSource
}

type listingSource struct {
	Source string
}

func (c *showCmd) Run(e *env) error {
	return e.look(func(a *app) error {
		if err := a.knowsSource(c.Source); err != nil {
			return err
		}
		if th, ok, err := a.threadByID(e, c.Key); err != nil || ok {
			if err != nil {
				return err
			}
			return a.showThread(e, th, c.JSON)
		}
		it, err := a.oneItem(e, c.Source, c.Key)
		if err != nil {
			return err
		}
		return a.show(e, it, c.JSON)
	})
}

// itemsByKey finds items by key, by the last part of a key (a notice number, a
// meeting's number), or by address.
func (a *app) itemsByKey(e *env, source, key string) ([]store.Item, error) {
	var exact, ends []store.Item
	err := a.store.Items(e.ctx, source, func(it store.Item) bool {
		switch {
		case it.Key == key, it.URL == key:
			exact = append(exact, it)
		case strings.HasSuffix(it.Key, "/"+key):
			ends = append(ends, it)
		}
		return true
	})
	if len(exact) > 0 {
		return exact, err
	}
	return ends, err
}

func (a *app) show(e *env, it store.Item, asJSON bool) error {
	var history []store.Change
	err := a.eachChange(e, func(c store.Change) error {
		if c.Source == it.Source && c.Key == it.Key {
			history = append(history, c)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if asJSON {
		return a.showJSON(e, it, history)
	}
	w := e.stdout
	showHead(w, it)
	if it.Notice != nil {
		if err := a.showInThread(e, it); err != nil {
			return err
		}
		fmt.Fprintf(w, "\n%s\n", it.Notice.Description)
	}
	if err := a.printSpeaks(e.ctx, w, it); err != nil {
		return err
	}
	showParts(w, it.Parts)
	for _, d := range it.Documents {
		showDocument(w, d)
	}
	edits, err := a.store.Edits(e.ctx)
	if err != nil {
		return err
	}
	if x := edits.Of(it.Source, it.Key); x != nil {
		fmt.Fprintln(w, "\nCorrected by you (what stands above is the source's):")
		for _, c := range x.Log {
			fmt.Fprintf(w, "  %s  %s\n", c.At.In(london()).Format("2006-01-02 15:04"), strings.ReplaceAll(correctionLine(c), "\n", "\n  "))
		}
	}
	fmt.Fprintln(w, "\nWhat changed:")
	for _, c := range history {
		silent := map[bool]string{true: "  (silent)"}[c.Silent]
		fmt.Fprintf(w, "  %s  %s%s\n", c.At.In(london()).Format("2006-01-02 15:04"), strings.ReplaceAll(changeLine(c), "\n", "\n  "), silent)
	}
	return nil
}

// showJSON is the line of items --json with all that is kept beside it.
func (a *app) showJSON(e *env, it store.Item, history []store.Change) error {
	joints, err := a.joined.OfItem(e.ctx, it.Source, it.Key)
	if err != nil {
		return err
	}
	lines := make([]jsonChange, 0, len(history))
	for _, c := range history {
		lines = append(lines, changeJSON(c))
	}
	return printJSON(e.stdout, struct {
		jsonItem
		Parts   []store.Part  `json:"parts,omitempty"`
		Notice  *store.Notice `json:"notice,omitempty"`
		Joins   []store.Joint `json:"joins,omitempty"`
		History []jsonChange  `json:"history"`
	}{itemJSON(it), it.Parts, it.Notice, joints, lines})
}

func showHead(w io.Writer, it store.Item) {
	fmt.Fprintf(w, "%s\n%s\n\n", itemLine(it), it.URL)
	fmt.Fprintf(w, "source      %s\nkey         %s\nkind        %s\n", it.Source, it.Key, it.Kind)
	if it.Body != "" {
		fmt.Fprintf(w, "body        %s\n", it.Body)
	}
	fmt.Fprintf(w, "first seen  %s\n", stamp(it.FirstSeen))
	for _, name := range slices.Sorted(maps.Keys(it.Fields)) {
		fmt.Fprintf(w, "%-11s %s\n", name, it.Fields[name])
	}
}

func showParts(w io.Writer, parts []store.Part) {
	for _, p := range parts {
		fmt.Fprintf(w, "\n%s %s", p.Number, p.Title)
		if p.Restricted {
			fmt.Fprint(w, " (not for publication, the agenda says)")
		}
	}
	if len(parts) > 0 {
		fmt.Fprintln(w)
	}
}

func showDocument(w io.Writer, d store.Document) {
	fmt.Fprintf(w, "\n%s\n  %s\n", d.Title, d.URL)
	if d.SHA256 != "" {
		fmt.Fprintf(w, "  archived: %s, %s%s\n", d.SHA256, count(d.Pages, "page"), keptSince(d))
	}
	if d.Unread != "" {
		fmt.Fprintf(w, "  these pages could not be read: %s\n", d.Unread)
	}
	if d.Failed != "" {
		fmt.Fprintf(w, "  could not be read since %s: %s\n", stamp(d.FailedAt), d.Failed)
	}
}

// keptSince is since when a paper's copy is kept, or when it was last looked at
// where that was not noted down.
func keptSince(d store.Document) string {
	switch {
	case !d.Since.IsZero():
		return ", since " + stamp(d.Since)
	case !d.Fetched.IsZero():
		return ", looked at " + stamp(d.Fetched)
	}
	return ""
}

type explainCmd struct {
	Finding string `arg:""`
	JSON    bool   `name:"json"`
}

func (c *explainCmd) Run(e *env) error {
	return e.look(func(a *app) error {
		f, err := a.findingByID(e, c.Finding)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.stdout, f)
		}
		w := e.stdout
		fmt.Fprintf(w, "%s, %s: %s\n%s\n", f.Topic, f.Tier, f.Title, quoteLines(f))
		for _, m := range f.Others { // a list shows the best alone
			page := ""
			if m.Page > 0 {
				page = fmt.Sprintf(" (page %d)", m.Page)
			}
			fmt.Fprintf(w, "also     “%s”%s\n", m.Quote, page)
		}
		if n := f.More - len(f.Others); n > 0 && len(f.Others) > 0 {
			fmt.Fprintf(w, "also     %s\n", plural(n, "further sentence, which is not kept", "further sentences, which are not kept"))
		}
		fmt.Fprintf(w, "rule     %s (rules %s)\n", f.Rule, f.Rules)
		if f.Retired != "" {
			fmt.Fprintf(w, "retired  the rules of version %s find it no longer; it is in no list\n", f.Retired)
		}
		if f.Why != "" {
			fmt.Fprintf(w, "why      %s\n", f.Why)
		}
		if f.Stage != "" {
			fmt.Fprintf(w, "stage    %s, regime %s\n", f.Stage, f.Regime)
		}
		if f.Deadline != nil {
			fmt.Fprintf(w, "deadline the notice says: %s; by the rule: %s; %s\n", orNone(readableTime(f.Deadline.Stated)), orNone(readableTime(f.Deadline.Computed)), f.Deadline.Who)
		}
		if err := a.explainThread(e, f); err != nil {
			return err
		}
		if f.SHA256 != "" {
			fmt.Fprintf(w, "archived %s\n", f.SHA256)
		}
		fmt.Fprintf(w, "from     change %d of %s, %s, seen %s\n", f.Change, f.Source, f.Key, stamp(f.At))
		return a.explainMailed(e, f)
	})
}

// explainMailed says to whom a finding went, by subscription and not by address.
func (a *app) explainMailed(e *env, f store.Finding) error {
	w := e.stdout
	if f.Silent {
		fmt.Fprintln(w, "mailed   to nobody: it was there at the first look, or came by a backfill")
		return nil
	}
	n := 0
	err := a.store.Deliveries(e.ctx, func(d store.Delivery) bool {
		if slices.Contains(d.Findings, f.ID) {
			n++
			fmt.Fprintf(w, "mailed   in %s %s to subscription %s: %s\n", d.Kind, d.MessageID, d.Subscription, d.State)
		}
		return true
	})
	if n == 0 {
		fmt.Fprintln(w, "mailed   to nobody so far: no subscription asks for it, or it waits for a digest")
	}
	return err
}

func orNone(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// findingByID finds a finding by id or by the beginning of one.
func (a *app) findingByID(e *env, id string) (store.Finding, error) {
	f, err := a.store.Finding(e.ctx, id)
	if !errors.Is(err, store.ErrNotFound) {
		return f, err
	}
	var found []store.Finding
	err = a.store.Findings(e.ctx, 0, func(f store.Finding) bool {
		if len(id) >= 6 && strings.HasPrefix(f.ID, id) {
			found = append(found, f)
		}
		return len(found) < 2
	})
	switch {
	case err != nil:
		return f, err
	case len(found) == 0:
		return f, fmt.Errorf("there is no finding %q: 'ccgwatch findings' lists them", id)
	case len(found) > 1:
		return f, usagef("%q is the beginning of more than one finding: give more of it", id)
	}
	return found[0], nil
}
