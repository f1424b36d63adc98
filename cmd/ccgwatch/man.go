package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// manCmd writes the manual: a page for the program and one for each command, out
// of the same texts as 'ccgwatch help'. Packages are made with it.
type manCmd struct {
	Dir string `arg:""`
}

func (c *manCmd) Run(e *env) error {
	root, err := commandWords()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil { //nolint:gosec // a manual is for everybody
		return fmt.Errorf("the manual's directory: %w", err)
	}
	text, err := helpTexts.ReadFile("help/ccgwatch.txt")
	if err != nil {
		return fmt.Errorf("the program has no help: %w", err)
	}
	pages := map[string]string{"ccgwatch": manPage("ccgwatch", "watches what NHS bodies and councils publish", string(text), root)}
	for _, w := range root.below {
		_, rest, err := helpOf(w.name)
		if err != nil {
			return err
		}
		pages["ccgwatch-"+w.name] = manPage("ccgwatch-"+w.name, w.about, rest, word{})
	}
	for name, page := range pages {
		err = errors.Join(err, os.WriteFile(filepath.Join(c.Dir, name+".1"), []byte(page), 0o644)) //nolint:gosec // as above
	}
	if err != nil {
		return fmt.Errorf("the manual: %w", err)
	}
	return nil
}

// manPage is man(7) source. The text keeps its lines, as the help has them: its
// tables are laid out by hand.
func manPage(name, about, text string, root word) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1\n.SH NAME\n%s \\- %s\n", strings.ToUpper(roff(name)), roff(name), roff(about))
	usage, rest := usageOf(text)
	if usage != "" {
		fmt.Fprintf(&b, ".SH SYNOPSIS\n.nf\n%s.fi\n", verbatim(usage))
	}
	fmt.Fprintf(&b, ".SH DESCRIPTION\n.nf\n%s.fi\n", verbatim(rest))
	if name != "ccgwatch" {
		b.WriteString(".SH SEE ALSO\n.BR ccgwatch (1)\n")
		return b.String()
	}
	b.WriteString(".SH SEE ALSO\n")
	for i, w := range root.below {
		sep := ",\n"
		if i == len(root.below)-1 {
			sep = "\n"
		}
		fmt.Fprintf(&b, ".BR %s (1)%s", roff("ccgwatch-"+w.name), sep)
	}
	return b.String()
}

// usageOf takes the lines that say how a command is called out of its help.
func usageOf(text string) (usage, rest string) {
	var u, r []string
	in := false
	for line := range strings.Lines(text) {
		after, starts := strings.CutPrefix(line, "Usage: ")
		switch {
		case starts:
			in, line = true, after
			u = append(u, line)
		case in && strings.HasPrefix(line, "       "):
			u = append(u, strings.TrimPrefix(line, "       "))
		default:
			in = false
			r = append(r, line)
		}
	}
	return strings.Join(u, ""), strings.TrimLeft(strings.Join(r, ""), "\n")
}

func verbatim(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = roff(strings.TrimRight(line, "\n"))
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// roff writes what man would read as its own signs.
func roff(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(s)
}
