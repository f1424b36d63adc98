package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"ccgwatch/alerts/judge"
	"ccgwatch/scrapers/ocds"
)

type judgeCmd struct {
	File  []string `arg:""`
	Score string   `name:"score"`
	JSON  bool     `name:"json"`

	verdicts map[string]judge.Verdict // by ocid and release, for the score
}

func (c *judgeCmd) Run(e *env) error {
	rules, err := loadRules()
	if err != nil {
		return err
	}
	j, err := judge.New(rules)
	if err != nil {
		return err
	}
	var labels []judge.Label
	if c.Score != "" {
		if labels, err = readLabels(c.Score); err != nil {
			return err
		}
		c.verdicts = map[string]judge.Verdict{}
	}
	for _, name := range c.File {
		b, err := readInput(e, name)
		if err != nil {
			return err
		}
		if err := c.file(e, j, name, b); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if c.verdicts != nil {
		return c.score(e, labels)
	}
	return nil
}

// readInput reads a file, "-" being the standard input.
func readInput(e *env, name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(e.stdin)
	}
	return os.ReadFile(name)
}

// file tells by the bytes what it is given.
func (c *judgeCmd) file(e *env, j *judge.Judge, name string, b []byte) error {
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	switch {
	case bytes.HasPrefix(trimmed, []byte("{")):
		return c.notices(e, j, trimmed)
	case bytes.Contains(b[:min(len(b), 1024)], []byte("%PDF-")), bytes.HasPrefix(b, []byte("PK\x03\x04")):
		reader, err := newReader(os.TempDir())
		if err != nil {
			return err
		}
		pages, err := reader.Read(e.ctx, bytes.NewReader(b))
		if err != nil {
			return err
		}
		return c.passages(e, j, pages)
	case len(b) == 0:
		return fmt.Errorf("the file is empty")
	case !utf8.Valid(b):
		return fmt.Errorf("neither an OCDS package, a PDF, an office document nor text in UTF-8")
	}
	return c.passages(e, j, strings.Split(string(b), "\f"))
}

func (c *judgeCmd) notices(e *env, j *judge.Judge, b []byte) error {
	items, problems, err := ocds.DecodePackage(b, "")
	if err != nil {
		return err
	}
	for _, p := range problems {
		fmt.Fprintf(e.stderr, "ccgwatch: could not read %s: %s\n", p.What, p.Detail)
	}
	for _, it := range items {
		v := j.Notice(it.Notice)
		if c.verdicts != nil {
			c.verdicts[v.OCID+" "+v.Release] = v
			continue
		}
		if c.JSON {
			if err := printJSON(e.stdout, v); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(e.stdout, "%s %s: %s\n  stage %s, regime %s, care %s, outsourcing %s\n", v.Release, v.Buyer, v.Title, v.Stage, v.Regime, v.Care, v.Outsourcing)
		for _, x := range v.Evidence {
			fmt.Fprintf(e.stdout, "  %s: “%s” (%s)\n", x.Rule, x.Quote, x.Where)
		}
	}
	return nil
}

func (c *judgeCmd) passages(e *env, j *judge.Judge, pages []string) error {
	for _, p := range j.Passages(pages) {
		if c.JSON {
			if err := printJSON(e.stdout, p); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(e.stdout, "page %d, %s (%s): “%s”\n", p.Page, p.Tier, p.Rule, p.Quote)
	}
	return nil
}
