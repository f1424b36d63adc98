package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts/judge"
)

type letterCmd struct {
	About     string `arg:"" optional:""`
	AllICBs   bool   `name:"all-icbs"`
	To        string
	Templates string
	Out       string
	Marked    bool `hidden:""`
}

func (c *letterCmd) Run(e *env) error {
	if err := oneOf("--to", c.To, "commissioner", "councillor", "mp", "foi"); err != nil {
		return err
	}
	switch {
	case c.AllICBs && c.About != "":
		return usagef("--all-icbs writes to every integrated care board: leave %q out", c.About)
	case !c.AllICBs && c.About == "":
		return usagef("what is the letter about? give a procurement (its ocid or a notice number), a body, or --all-icbs")
	}
	if c.Out != "" && e.shared == nil {
		return c.toFiles(e)
	}
	return c.print(e)
}

// print writes the letters one below the other.
func (c *letterCmd) print(e *env) error {
	e.args = absoluteFlag(e.args, "--templates")
	return e.look(func(a *app) error {
		letters, err := c.write(e, a)
		if err != nil {
			return err
		}
		for i, l := range letters {
			if c.Marked || len(letters) > 1 {
				if i > 0 {
					fmt.Fprintln(e.stdout)
				}
				fmt.Fprintf(e.stdout, "%s%s.txt%s\n", markBefore, l.id, markAfter)
			}
			fmt.Fprint(e.stdout, l.text)
		}
		fmt.Fprintf(e.stderr, "ccgwatch: nothing was sent; read it, put your name and address where it says [YOUR NAME], and send it yourself\n")
		return nil
	})
}

// A line between letters names the file that each would be.
const (
	markBefore = "===== "
	markAfter  = " ====="
)

// toFiles writes each letter into a file of its own. The letters may be made by
// the process that has the store open; the files are ours.
func (c *letterCmd) toFiles(e *env) error {
	var b bytes.Buffer
	inner := *e
	inner.stdout, inner.args = &b, append(withoutFlag(e.args, "--out"), "--marked")
	marked := *c
	marked.Marked, marked.Out = true, ""
	if err := marked.print(&inner); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o750); err != nil {
		return err
	}
	for part := range strings.SplitSeq("\n"+b.String(), "\n"+markBefore) {
		name, text, ok := strings.Cut(part, markAfter+"\n")
		if !ok {
			continue
		}
		file := filepath.Join(c.Out, filepath.Base(name))
		if err := os.WriteFile(file, []byte(strings.TrimRight(text, "\n")+"\n"), 0o600); err != nil {
			return err
		}
		fmt.Fprintln(e.stdout, file)
	}
	return nil
}

// withoutFlag leaves a flag and its value out of a command line.
func withoutFlag(args []string, flag string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == flag:
			i++
		case strings.HasPrefix(args[i], flag+"="):
		default:
			out = append(out, args[i])
		}
	}
	return out
}

// absoluteFlag makes the path of a flag absolute, for a process that runs in
// another directory.
func absoluteFlag(args []string, flag string) []string {
	out := slices.Clone(args)
	for i := range out {
		value, at := "", i
		if v, ok := strings.CutPrefix(out[i], flag+"="); ok {
			value = v
		} else if out[i] == flag && i+1 < len(out) {
			value, at = out[i+1], i+1
		}
		path, err := filepath.Abs(value)
		if value == "" || err != nil {
			continue
		}
		if at == i {
			path = flag + "=" + path
		}
		out[at] = path
	}
	return out
}

// A letter is one that was written.
type letter struct {
	id   string // for the name of a file
	text string
}

func (c *letterCmd) write(e *env, a *app) ([]letter, error) {
	t, err := a.letterTemplates(c.Templates)
	if err != nil {
		return nil, err
	}
	if c.AllICBs {
		var out []letter
		for _, b := range a.rules.Bodies {
			if b.Kind == "icb" && lives(b, e.now()) {
				l, err := a.bodyLetter(e, t, b, orDefault(c.To, "foi"))
				if err != nil {
					return nil, err
				}
				out = append(out, l)
			}
		}
		return out, nil
	}
	names, err := a.threads.Named(e.ctx, c.About)
	if err != nil {
		return nil, err
	}
	if len(names) > 1 {
		return nil, usagef("%q is in %s: say which", c.About, strings.Join(names, " and "))
	}
	if len(names) == 1 {
		th, err := a.threads.Of(e.ctx, names[0], false)
		if err != nil {
			return nil, err
		}
		l, err := a.threadLetter(e, t, &th, orDefault(c.To, "commissioner"))
		return []letter{l}, err
	}
	b, err := a.bodyNamed(c.About, e.now())
	if err != nil {
		return nil, err
	}
	if ended, ok := a.endedAs(c.About); ok && ended.ID != b.ID {
		fmt.Fprintf(e.stderr, "ccgwatch: %s ended on %s; the letter is to %s, which took over\n", ended.Name, ended.Until, b.Name)
	}
	l, err := a.bodyLetter(e, t, b, orDefault(c.To, "foi"))
	return []letter{l}, err
}

func orDefault(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// lives tells whether a body exists at a time; a cluster of bodies is none.
func lives(b judge.Body, now time.Time) bool {
	day := now.In(london()).Format(time.DateOnly)
	return b.Since != "" && b.Since <= day && (b.Until == "" || b.Until >= day)
}

// bodyNamed finds a body by id, name, other name or code, and follows one that
// has ended to the one that took over.
func (a *app) bodyNamed(name string, now time.Time) (judge.Body, error) {
	found := a.bodiesCalled(name)
	if len(found) == 0 {
		return judge.Body{}, fmt.Errorf("no procurement and no body is known under %q: 'ccgwatch threads' lists procurements, 'ccgwatch sources --all' many bodies", name)
	}
	day := now.In(london()).Format(time.DateOnly)
	var now1 []judge.Body
	for _, b := range found {
		for hops := 0; b.Until != "" && b.Until < day && len(b.Successors) > 0 && hops < 5; hops++ {
			next, ok := a.bodies[b.Successors[0]]
			if !ok {
				break
			}
			b = next
		}
		if !slices.ContainsFunc(now1, func(x judge.Body) bool { return x.ID == b.ID }) {
			now1 = append(now1, b)
		}
	}
	if len(now1) > 1 {
		var names []string
		for _, b := range now1 {
			names = append(names, b.ID)
		}
		return judge.Body{}, usagef("%q is a name of %s: say which", name, strings.Join(names, " and "))
	}
	return now1[0], nil
}

func (a *app) bodiesCalled(name string) []judge.Body {
	var out []judge.Body
	for _, b := range a.rules.Bodies {
		if slices.ContainsFunc(append(append([]string{b.ID, b.Name}, b.Aliases...), b.Codes...), func(s string) bool { return strings.EqualFold(s, name) }) {
			out = append(out, b)
		}
	}
	return out
}

func (a *app) endedAs(name string) (judge.Body, bool) {
	for _, b := range a.bodiesCalled(name) {
		if b.Until != "" {
			return b, true
		}
	}
	return judge.Body{}, false
}
