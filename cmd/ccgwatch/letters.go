package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/template"

	"ccgwatch/alerts/judge"
	"ccgwatch/config/catalogue"
	"ccgwatch/store"
)

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
