package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/config/catalogue"
	"ccgwatch/store"
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
	return e.query(func(a *app) error {
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

// letterTemplates are the group's own templates over those that come with the program.
func (a *app) letterTemplates(dir string) (*template.Template, error) {
	built, err := catalogue.Letters()
	if err != nil {
		return nil, err
	}
	t := template.New("letters").Option("missingkey=error").Funcs(template.FuncMap{"wrap": wrapText, "indent": indentText, "join": joinNames})
	if err := parseLetters(t, built); err != nil {
		return nil, err
	}
	if dir = orDefault(dir, a.cfg.Letters.Templates); dir == "" {
		return t, nil
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return t, parseLetters(t, os.DirFS(dir))
}

func parseLetters(t *template.Template, files fs.FS) error {
	names, err := fs.Glob(files, "*.txt")
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == "README.txt" {
			continue
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return fmt.Errorf("templates: %w", err)
		}
		if _, err := t.New(name).Parse(string(b)); err != nil {
			return fmt.Errorf("templates: %w", err)
		}
	}
	return nil
}

// letterData is what a template is given; config/catalogue/letters/README.txt
// explains it.
type letterData struct {
	To        letterTo
	Today     string
	Group     letterGroup
	Title     string
	Stage     string
	Law       string
	PSR, Act  bool
	Buyers    []string
	Values    []string
	Contract  string
	Page      string
	Deadline  string
	Who       string
	Steps     []letterStep
	Suppliers []letterSupplier
	Outside   bool
	Unsaid    []string
	Conflicts string
	Deciders  []string
	Overdue   []string
	Links     []string
}

type (
	letterTo       struct{ Name, Kind string }
	letterGroup    struct{ Name, Email, Page string }
	letterSupplier struct{ Name, Class string }
	letterStep     struct {
		Date, What, Number, URL, Quote string
		Moves                          []string
	}
)

func (a *app) letterBase(e *env) letterData {
	g := letterGroup{Name: a.cfg.Group.Name, Email: a.cfg.Group.Email, Page: a.cfg.Group.URL}
	if g.Email == noContact {
		g.Email = ""
	}
	if g.Email == "" && g.Name == "CCGWatch" { // nobody said who they are
		g.Name = ""
	}
	return letterData{Today: e.now().In(london()).Format("2 January 2006"), Group: g}
}

func (a *app) bodyLetter(e *env, t *template.Template, b judge.Body, to string) (letter, error) {
	d := a.letterBase(e)
	d.To = letterTo{Name: b.Name, Kind: b.Kind}
	return finishLetter(t, "body-"+to+".txt", d, "letter-"+b.ID+"-"+to)
}

func (a *app) threadLetter(e *env, t *template.Template, th *judge.Thread, to string) (letter, error) {
	d := a.letterBase(e)
	d.Title, d.Stage, d.Buyers = th.Title, letterStage(th.Stage), th.Buyers
	d.PSR, d.Act = th.Regime == "psr", th.Regime == "pa2023"
	d.Law = map[string]string{
		"psr": "the Provider Selection Regime (Health Care Services (Provider Selection Regime) Regulations 2023)", "psr_wales": "the Provider Selection Regime of Wales",
		"pa2023": "the Procurement Act 2023", "pcr2015": "the Public Contracts Regulations 2015",
	}[th.Regime]
	if b, ok := a.bodies[th.Body]; ok {
		d.To = letterTo{b.Name, b.Kind}
	} else if len(th.Buyers) > 0 {
		d.To.Name = th.Buyers[0]
	}
	for _, v := range th.Values {
		d.Values = append(d.Values, fmt.Sprintf("Value stated (%s, notice %s): %s", v.Of, v.Release, v))
	}
	d.Contract = contractWords(th)
	if base := a.links.Home(); base != "" {
		d.Page = base + "/thread/" + th.ID
	}
	if x := th.Deadline; x != nil && x.Date().After(e.now()) {
		d.Who = x.Who
		d.Deadline = letterDeadline(x)
	}
	for _, s := range th.Steps {
		step := letterStep{Date: s.At.In(london()).Format("2 January 2006"), What: letterStage(s.Stage), Number: s.Release, URL: s.URL, Quote: s.Quote}
		for _, m := range s.Moves {
			step.Moves = append(step.Moves, m.Words)
		}
		d.Steps = append(d.Steps, step)
	}
	for _, p := range th.Suppliers {
		d.Suppliers = append(d.Suppliers, letterSupplier{p.Name, classWords(p.Class)})
		d.Outside = d.Outside || p.Class != "nhs"
	}
	d.Unsaid = th.Unsaid()
	d.Conflicts, d.Deciders = th.Interest.Quote, th.Interest.Deciders
	for _, o := range a.judge.Overdue(th, e.now()) {
		d.Overdue = append(d.Overdue, o.Words)
	}
	for _, l := range th.Links {
		d.Links = append(d.Links, l.Evidence)
	}
	return finishLetter(t, "thread-"+to+".txt", d, "letter-"+th.ID+"-"+to)
}

// letterDeadline says what can still be met: what the notice says and what the
// rule gives.
func letterDeadline(d *store.Deadline) string {
	what := map[string]string{
		"tender": "Tenders close", "interest": "Interest must be shown by", "engagement": "The engagement closes", "standstill": "The standstill ends",
		"representations": "Providers may make representations until",
	}[d.Kind]
	if what == "" {
		what = "The date is"
	}
	switch {
	case d.Stated == "":
		return fmt.Sprintf("%s %s, as we count by the rule; the notice gives no date.", what, readableTime(d.Computed))
	case d.Computed != "" && d.Stated[:10] != d.Computed[:10]:
		return fmt.Sprintf("%s %s, the notice says; by the rule we count %s.", what, readableTime(d.Stated), readableTime(d.Computed))
	}
	return fmt.Sprintf("%s %s, the notice says.", what, readableTime(d.Stated))
}

// finishLetter renders, and checks that nothing is left that only a program
// would understand.
func finishLetter(t *template.Template, name string, d letterData, id string) (letter, error) {
	if t.Lookup(name) == nil {
		return letter{}, fmt.Errorf("templates: there is no %s", name)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, d); err != nil {
		return letter{}, fmt.Errorf("templates: %w", err)
	}
	text := strings.TrimSpace(squeeze(b.String())) + "\n"
	if strings.Contains(text, "<no value>") || strings.Contains(text, "{{") {
		return letter{}, errors.New("templates: " + name + " leaves something unfilled")
	}
	return letter{id: strings.Map(fileRune, id), text: text}, nil
}

// fileRune keeps what every system takes in the name of a file.
func fileRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
		return r
	}
	return '-'
}

// squeeze leaves no spaces at the ends of lines and at most one empty line.
func squeeze(s string) string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimRight(line, " \t\r")
		if line == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// wrapText breaks a text into lines of at most n characters, between words.
func wrapText(n int, text string) string {
	return strings.Join(wrapLines(strings.Join(strings.Fields(text), " "), n), "\n")
}

func indentText(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }

// joinNames is "A", "A and B" or "A, B and C".
func joinNames(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// letterStage is a stage in words that claim no more than a notice does.
func letterStage(stage string) string {
	words := map[string]string{
		"pipeline": "planned for later (pipeline notice)", "engagement": "early engagement with providers", "planned": "planned procurement",
		"tender": "open for tenders", "tender_update": "change to a tender notice", "intention": "intention to award", "award": "award notice",
		"contract": "contract details notice", "confirmation": "notice that confirms an award", "modification": "notice of a change to a contract",
		"performance": "report on a contract's performance", "termination": "end of a contract", "cancelled": "cancelled",
	}[stage]
	return orDefault(words, "unclear from the notice")
}

func classWords(class string) string {
	return orDefault(map[string]string{
		"nhs": "NHS body", "public": "other public body", "primary_care": "general practice", "charity_cic": "charity, society or community interest company",
		"company": "company", "individual": "individual",
	}[class], "unclear what it is")
}
