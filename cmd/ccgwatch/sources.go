package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/config"
	"ccgwatch/config/catalogue"
	"ccgwatch/scrapers/boards"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/scrapers/moderngov"
	"ccgwatch/scrapers/ocds"
)

// A source is one that is followed: what the crawler needs, and when to look.
type source struct {
	ID, Name, Body, Platform, Base string
	Schedule                       config.Schedule
	crawl                          crawl.Source
}

// next is when the source is due after a moment, in London's time.
func (s source) next(after time.Time) time.Time { return s.Schedule.Next(after) }

// longest is the longest wait that the schedule can ask for, roughly.
func (s source) longest(from time.Time) time.Duration {
	first := s.Schedule.Next(from)
	return max(24*time.Hour, first.Sub(from), s.Schedule.Next(first).Sub(first)) + time.Hour
}

func newSource(c crawl.Source, schedule string) (source, error) {
	s, err := config.ParseSchedule(schedule)
	if err != nil {
		return source{}, fmt.Errorf("source %s: schedule: %w", c.ID, err)
	}
	return source{ID: c.ID, Name: c.Name, Body: c.Body, Platform: c.Platform, Base: c.Base, Schedule: s, crawl: c}, nil
}

// followed lists the sources of a configuration: the built-in ones, unless they
// are switched off, with the operator's fields laid over them, and the operator's own.
func followed(cfg config.Config) ([]source, error) {
	builtin, err := catalogue.Builtin()
	if err != nil {
		return nil, err
	}
	var rows []catalogue.Source
	if cfg.Group.BuiltinSources {
		rows = slices.Clone(builtin)
	}
	var off []string
	for _, c := range cfg.Sources {
		i := slices.IndexFunc(rows, func(r catalogue.Source) bool { return r.ID == c.ID })
		if i < 0 {
			row := catalogue.Source{ID: c.ID}
			if j := slices.IndexFunc(builtin, func(r catalogue.Source) bool { return r.ID == c.ID }); j >= 0 {
				row = builtin[j]
			}
			rows = append(rows, row)
			i = len(rows) - 1
		}
		overlay(&rows[i], c)
		if c.Enabled != nil && !*c.Enabled {
			off = append(off, c.ID)
		}
	}
	var out []source
	for _, r := range rows {
		if slices.Contains(off, r.ID) {
			continue
		}
		if cfg.Fetch.DelayGiven && !paced(cfg, r.ID) {
			r.Delay = notZero(time.Duration(cfg.Fetch.Delay))
		}
		s, err := build(r, committeesOf(cfg, r.ID))
		if err != nil {
			return nil, fmt.Errorf("config: source %q: %w", r.ID, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// overlay lays what the operator said over a row.
func overlay(r *catalogue.Source, c config.Source) {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&r.Name, c.Name)
	set(&r.Platform, c.Platform)
	set(&r.Base, c.Base)
	set(&r.Body, c.Body)
	set(&r.Page, c.Page)
	set(&r.Layout, c.Layout)
	if c.Schedule != nil {
		r.Schedule = c.Schedule.String()
	}
	if c.Delay != nil {
		r.Delay = notZero(time.Duration(*c.Delay))
	}
	if c.Hosts != nil {
		r.Hosts = *c.Hosts
	}
}

// notZero keeps "no pause" apart from "not said".
func notZero(d time.Duration) time.Duration { return max(d, time.Microsecond) }

// paced tells whether the operator set a source's own delay.
func paced(cfg config.Config, id string) bool {
	return slices.ContainsFunc(cfg.Sources, func(c config.Source) bool { return c.ID == id && c.Delay != nil })
}

func committeesOf(cfg config.Config, id string) []string {
	for _, c := range cfg.Sources {
		if c.ID == id && c.Committees != nil {
			return *c.Committees
		}
	}
	return nil
}

// nameBody gives a row the id of its body: what the operator wrote may be an
// id, a code or a name; where nothing was written, the catalogue may know whose
// site it is.
func nameBody(r *catalogue.Source) error {
	if r.Body == "" {
		national, err := catalogue.National()
		if err != nil {
			return err
		}
		for _, n := range national {
			if n.Base != "" && n.Base == r.Base && (r.Platform != "boards" || n.Page == r.Page) {
				r.Body = n.Body
			}
		}
		return nil
	}
	bodies, err := catalogue.Bodies()
	if err != nil {
		return err
	}
	for _, b := range bodies {
		if b.ID == r.Body || b.Name == r.Body || slices.Contains(b.Codes, r.Body) || slices.Contains(b.Aliases, r.Body) {
			r.Body = b.ID
			return nil
		}
	}
	return nil
}

// build turns a row into a source, by its platform.
func build(r catalogue.Source, committees []string) (source, error) {
	if r.Name == "" {
		r.Name = r.ID
	}
	if r.Schedule == "" {
		r.Schedule = config.UsualSchedule(r.Platform)
	}
	if err := nameBody(&r); err != nil {
		return source{}, err
	}
	var c crawl.Source
	var err error
	switch r.Platform {
	case "find-a-tender":
		c = ocds.FindATender(r.ID, r.Name, r.Base, r.Delay)
	case "contracts-finder":
		c = ocds.ContractsFinder(r.ID, r.Name, r.Base, r.Delay)
	case "moderngov":
		c = moderngov.Source(moderngov.Options{ID: r.ID, Name: r.Name, Body: r.Body, Base: r.Base, Pace: r.Delay, Committees: committees})
	case "boards":
		c, err = boards.Source(boards.Options{ID: r.ID, Name: r.Name, Body: r.Body, Base: r.Base, Page: r.Page, Layout: r.Layout, Pace: r.Delay})
	default:
		err = fmt.Errorf("platform %q cannot be read yet: find-a-tender, contracts-finder, moderngov and boards can", r.Platform)
	}
	if err != nil {
		return source{}, err
	}
	c.Hosts = append(c.Hosts, r.Hosts...)
	return newSource(c, r.Schedule)
}

// loadConfig reads the file; the default one may be absent.
func loadConfig(path string, mustExist bool) (config.Config, error) {
	known, err := knownNames()
	if err != nil {
		return config.Config{}, err
	}
	if !mustExist && !exists(path) {
		return withContact(config.Default()), nil
	}
	cfg, err := known.Load(path)
	switch {
	case err != nil:
	case cfg.SMTP.Host != "":
		// Better than to count messages as sent that lie in a directory.
		err = fmt.Errorf("%s: smtp.host is set, but this version sends no mail: it writes messages to files in outbox/ of the data directory; leave smtp.host empty", path)
	case cfg.Mailbox.Host != "":
		err = fmt.Errorf("%s: mailbox.host is set, but this version reads no mailbox; leave it empty", path)
	}
	return withContact(cfg), err
}

// withContact gives mail that is only written to files a sender.
func withContact(cfg config.Config) config.Config {
	if cfg.Group.Email == "" {
		cfg.Group.Email = noContact
	}
	return cfg
}

// noContact stands in From while no address is configured; example.org is
// reserved (RFC 2606) and nobody's.
const noContact = "alerts@example.org"

func knownNames() (config.Known, error) {
	var k config.Known
	areas, err := catalogue.Areas()
	if err != nil {
		return k, err
	}
	bodies, err := catalogue.Bodies()
	if err != nil {
		return k, err
	}
	builtin, err := catalogue.Builtin()
	if err != nil {
		return k, err
	}
	for _, x := range areas {
		k.Areas = append(k.Areas, x.ID)
	}
	for _, x := range bodies {
		k.Bodies = append(append(append(k.Bodies, x.ID, x.Name), x.Codes...), x.Aliases...)
	}
	for _, x := range builtin {
		k.Builtin = append(k.Builtin, x.ID)
	}
	return k, nil
}

// loadRules gathers what the judge works by from the catalogue.
func loadRules() (judge.Rules, error) {
	var r judge.Rules
	bodies, err := catalogue.Bodies()
	if err != nil {
		return r, err
	}
	for _, b := range bodies {
		r.Bodies = append(r.Bodies, judge.Body(b))
	}
	areas, err := catalogue.Areas()
	if err != nil {
		return r, err
	}
	for _, a := range areas {
		r.Areas = append(r.Areas, judge.Area(a))
	}
	return withVocabulary(r)
}

type sourcesCmd struct {
	All  bool
	JSON bool `name:"json"`
}

// jsonSource is a line of sources --json.
type jsonSource struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Body     string `json:"body"`
	Platform string `json:"platform"`
	Base     string `json:"base"`
	Schedule string `json:"schedule,omitempty"`
	Followed bool   `json:"followed"`
	Note     string `json:"note,omitempty"`
}

func (c *sourcesCmd) Run(e *env) error {
	cfg, err := e.config()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	list, err := followed(cfg)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	var rows []jsonSource
	for _, s := range list {
		rows = append(rows, jsonSource{ID: s.ID, Name: s.Name, Body: s.Body, Platform: s.Platform, Base: s.Base, Schedule: s.Schedule.String(), Followed: true})
	}
	if c.All {
		national, err := catalogue.National()
		if err != nil {
			return err
		}
		for _, n := range national {
			if !slices.ContainsFunc(rows, func(r jsonSource) bool { return r.Base == n.Base && r.Followed && (n.Page == "" || r.Body == n.Body) }) {
				rows = append(rows, jsonSource{ID: n.ID, Name: n.Name, Body: n.Body, Platform: n.Platform, Base: n.Base + n.Page, Note: n.Note})
			}
		}
	}
	for _, r := range rows {
		if c.JSON {
			err = printJSON(e.stdout, r)
		} else {
			err = printSource(e, r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func printSource(e *env, r jsonSource) error {
	when := "not followed"
	if r.Followed {
		s, err := config.ParseSchedule(r.Schedule)
		if err != nil {
			return err
		}
		when = s.Words()
	}
	platform := r.Platform
	if platform == "" {
		platform = "unknown system"
	}
	_, err := fmt.Fprintf(e.stdout, "%-18s %s\n%-18s %s, %s\n%-18s %s\n", r.ID, r.Name, "", platform, r.Base, "", strings.TrimSpace(when+"  "+r.Note))
	return err
}
