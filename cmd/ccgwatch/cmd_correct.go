package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

type correctCmd struct {
	Key      string `arg:"" optional:""`
	Source   string
	Reason   string
	Hold     bool
	Withdraw bool
	Restore  bool
	Set      []string `sep:"none"`
	Redact   []string `sep:"none"`
	Note     string
	Mail     bool
	NoMail   bool `name:"no-mail"`
	List     bool
	JSON     bool `name:"json"`
}

func (c *correctCmd) Run(e *env) error {
	if c.List {
		return c.list(e)
	}
	act, err := c.act()
	switch {
	case err != nil:
		return err
	case c.Key == "":
		return usagef("which item? give its key, as 'ccgwatch items' lists it, or its address")
	case strings.TrimSpace(c.Reason) == "":
		return usagef("--reason is missing: the pages show it to everybody")
	case c.Mail && c.NoMail:
		return usagef("--mail or --no-mail, not both")
	}
	return e.query(func(a *app) error {
		it, err := a.oneItem(e, c.Source, c.Key)
		if err != nil {
			return err
		}
		x := store.Correction{
			At: e.now(), Source: it.Source, Key: it.Key, Act: act, Reason: oneLine(c.Reason), Note: strings.TrimSpace(c.Note), Strike: c.Redact,
			Mail: c.Mail || !c.NoMail && (act == store.ActCorrect || act == store.ActWithdraw),
		}
		if x.Fields, err = c.fields(it); err != nil {
			return err
		}
		if err := x.Check(); err != nil {
			return usagef("%w", err)
		}
		if x, err = a.store.Correct(e.ctx, x); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.stdout, x)
		}
		fmt.Fprintf(e.stdout, "correction %d: %s\n", x.N, correctionLine(x))
		if x.Mail {
			fmt.Fprintln(e.stdout, "whoever was mailed about it is written to with the next mail")
		}
		return nil
	})
}

// act is what is asked for: exactly one thing.
func (c *correctCmd) act() (store.Act, error) {
	var acts []store.Act
	for _, x := range []struct {
		asked bool
		act   store.Act
	}{
		{c.Hold, store.ActHold}, {c.Withdraw, store.ActWithdraw}, {len(c.Set) > 0, store.ActCorrect},
		{len(c.Redact) > 0, store.ActRedact}, {c.Note != "", store.ActNote}, {c.Restore, store.ActRestore},
	} {
		if x.asked {
			acts = append(acts, x.act)
		}
	}
	if len(acts) != 1 {
		return "", usagef("say one of --hold, --withdraw, --set, --redact, --note and --restore")
	}
	return acts[0], nil
}

// fields are what --set says, with what the source says of them now.
func (c *correctCmd) fields(it store.Item) ([]store.FieldChange, error) {
	var out []store.FieldChange
	for _, s := range c.Set {
		name, value, ok := strings.Cut(s, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, usagef("--set %q: expected FIELD=VALUE", s)
		}
		old, known := it.Correctable(name)
		if !known {
			return nil, usagef("--set %s: the item has no such field; 'ccgwatch show %s' lists them", name, c.Key)
		}
		value = strings.TrimSpace(value)
		if wantsTime(name) && value != "" {
			t, err := parseTime(value)
			if err != nil {
				return nil, usagef("--set %s: %w", name, err)
			}
			value = stamp(t)
		}
		if slices.ContainsFunc(out, func(f store.FieldChange) bool { return f.Name == name }) {
			return nil, usagef("--set %s: given twice", name)
		}
		out = append(out, store.FieldChange{Name: name, Old: old, New: value})
	}
	return out, nil
}

// wantsTime tells of the fields that hold a moment.
func wantsTime(name string) bool {
	return name == store.FieldWhen || strings.HasPrefix(name, "notice.") && (strings.HasSuffix(name, "_end") || strings.HasSuffix(name, "_start"))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// oneItem is the item that a key, the end of one or an address names.
func (a *app) oneItem(e *env, source, key string) (store.Item, error) {
	if err := a.knowsSource(source); err != nil {
		return store.Item{}, err
	}
	found, err := a.itemsByKey(e, source, key)
	if err != nil {
		return store.Item{}, err
	}
	switch len(found) {
	case 0:
		return store.Item{}, fmt.Errorf("nothing is known under %q: 'ccgwatch items' lists the keys", key)
	case 1:
		return found[0], nil
	}
	var in []string
	for _, it := range found {
		in = append(in, it.Source)
	}
	return store.Item{}, usagef("%q is in %s: say which with --source", key, strings.Join(in, " and "))
}

func correctionLine(c store.Correction) string {
	words := map[store.Act]string{
		store.ActHold: "held back", store.ActWithdraw: "withdrawn", store.ActCorrect: "corrected", store.ActRedact: "words left out",
		store.ActNote: "annotated", store.ActRestore: "as the source has it again",
	}[c.Act]
	line := fmt.Sprintf("%s %s is %s: %s", c.Source, c.Key, words, c.Reason)
	if c.Act == store.ActRedact || c.Act == store.ActNote {
		line = fmt.Sprintf("%s %s: %s: %s", c.Source, c.Key, words, c.Reason)
	}
	for _, f := range c.Fields {
		line += fmt.Sprintf("\n    %s: %q, the source says %q", f.Name, f.New, f.Old)
	}
	if c.Note != "" {
		line += "\n    “" + oneLine(c.Note) + "”"
	}
	return line
}

func (c *correctCmd) list(e *env) error {
	if c.Key != "" {
		return usagef("--list lists all of them")
	}
	return e.look(func(a *app) error {
		all, err := a.store.Corrections(e.ctx, 0)
		if err != nil {
			return err
		}
		for _, x := range all {
			if c.JSON {
				err = printJSON(e.stdout, x)
			} else {
				_, err = fmt.Fprintf(e.stdout, "%4d  %s  %s\n", x.N, x.At.In(london()).Format("2006-01-02 15:04"), correctionLine(x))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// asCorrected writes letters by what is shown now: what was judged says what
// the source says.
func (a *app) asCorrected(compose func(alerts.Letter) (alerts.Message, error)) func(alerts.Letter) (alerts.Message, error) {
	return func(l alerts.Letter) (alerts.Message, error) {
		edits, err := a.store.Edits(context.Background())
		if err != nil {
			return alerts.Message{}, err
		}
		if l.Alert != nil {
			alert := *l.Alert
			alert.Things = slices.Clone(alert.Things)
			for i, t := range alert.Things {
				t.Findings = slices.Clone(t.Findings)
				for k, f := range t.Findings {
					t.Findings[k] = edits.Finding(f)
				}
				alert.Things[i] = t
			}
			l.Alert = &alert
		}
		return compose(l)
	}
}
