package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/config"
	"ccgwatch/config/catalogue"
	"ccgwatch/scrapers"
	"ccgwatch/scrapers/crawl"
)

// A source is one that is followed: what the crawler needs, and when to look.
type source struct {
	ID, Name, Body, Platform, Base string
	Schedule                       config.Schedule
	crawl                          crawl.Source
	release                        bool // for one visit: the operator vouches for what it shows
	// usual: nobody chose the schedule, it is its platform's. Then the source
	// keeps to it later by spread, and less often while it has no news.
	usual  bool
	spread time.Duration
	row    catalogue.Source // what it was made of
}

// next is when the source is due after a moment, in London's time.
func (s source) next(after time.Time) time.Time {
	at := s.Schedule.Next(after.Add(-s.spread))
	if at.IsZero() {
		return at
	}
	return at.Add(s.spread)
}

// shortestLongest is the least that longest gives. It is asked of every source at
// every tick: what is due within it need not be reckoned out.
const shortestLongest = 25 * time.Hour

// longest is the longest wait that the schedule can ask for, roughly.
func (s source) longest(from time.Time) time.Duration {
	first := s.next(from)
	d := max(shortestLongest, first.Sub(from)+time.Hour, s.next(first).Sub(first)+time.Hour)
	if s.usual {
		d += dormantWait
	}
	return d
}

func newSource(c crawl.Source, schedule string) (source, error) {
	s, err := config.ParseSchedule(schedule)
	if err != nil {
		return source{}, fmt.Errorf("source %s: schedule: %w", c.ID, err)
	}
	return source{ID: c.ID, Name: c.Name, Body: c.Body, Platform: c.Platform, Base: c.Base, Schedule: s, crawl: c}, nil
}

// followed lists the sources of a configuration: the built-in ones, unless they
// are switched off, with the operator's fields laid over them, and the
// operator's own: rows, and of the sites of their own kind those that are named.
func followed(cfg config.Config, sites []crawl.Source) ([]source, error) {
	builtin, err := catalogue.Builtin()
	if err != nil {
		return nil, err
	}
	var rows []catalogue.Source
	if cfg.Group.BuiltinSources {
		rows = slices.Clone(builtin)
	}
	national, err := nationalFor(cfg.Path)
	if err != nil {
		return nil, err
	}
	var off []string
	for _, c := range cfg.Sources {
		i := slices.IndexFunc(rows, func(r catalogue.Source) bool { return r.ID == c.ID })
		if i < 0 {
			own := sites
			if c.Platform != nil { // a row that was there before a site took its id stays one
				own = nil
			}
			row := rowFor(c.ID, builtin, own)
			if n, ok := nationalRow(national, c.ID); ok && row.Platform == "" && c.Platform == nil {
				row = n
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
		s, err := build(r, committeesOf(cfg, r.ID), sites)
		if err != nil {
			if at := lineOf(cfg, r.ID); at > 0 {
				return nil, fmt.Errorf("%s:%d: source %q: %w", cfg.Path, at, r.ID, err)
			}
			return nil, fmt.Errorf("config: source %q: %w", r.ID, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// lineOf is where a source stands in the file of the settings, 0 for nowhere.
func lineOf(cfg config.Config, id string) int {
	i := slices.IndexFunc(cfg.Sources, func(s config.Source) bool { return s.ID == id })
	if i < 0 || cfg.Path == "" {
		return 0
	}
	return cfg.Sources[i].Line
}

// rowFor is what is known of an id before the operator has said anything.
func rowFor(id string, builtin []catalogue.Source, sites []crawl.Source) catalogue.Source {
	if i := slices.IndexFunc(builtin, func(r catalogue.Source) bool { return r.ID == id }); i >= 0 {
		return builtin[i]
	}
	if i := siteIndex(sites, id); i >= 0 {
		s := sites[i]
		return catalogue.Source{ID: s.ID, Name: s.Name, Body: s.Body, Platform: scrapers.SitePlatform, Base: s.Base, Delay: s.Pace}
	}
	return catalogue.Source{ID: id}
}

func siteIndex(sites []crawl.Source, id string) int {
	return slices.IndexFunc(sites, func(s crawl.Source) bool { return s.ID == id })
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
		captured, archived := crawl.ParseCapture(r.Base)
		for _, n := range national {
			if n.Base != "" && n.Base == r.Base && (r.Platform != "boards" || n.Page == r.Page) {
				r.Body = n.Body
			}
			if archived && r.Body == "" && n.Base != "" && bareHost(n.Base) == bareHost(captured.Of) { // whose site it was
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

// build turns a row into a source, by its platform or as a site of its own kind.
func build(r catalogue.Source, committees []string, sites []crawl.Source) (source, error) {
	if r.Name == "" {
		r.Name = r.ID
	}
	usual := r.Schedule == ""
	if usual {
		r.Schedule = config.UsualSchedule(r.Platform)
	}
	if err := nameBody(&r); err != nil {
		return source{}, err
	}
	var c crawl.Source
	var err error
	if i := siteIndex(sites, r.ID); i >= 0 && r.Platform == scrapers.SitePlatform {
		c, err = ownSite(sites[i], r, committees)
	} else {
		c, err = scrapers.Build(scrapers.Row{
			ID: r.ID, Name: r.Name, Body: r.Body, Platform: r.Platform, Base: r.Base, Page: r.Page, Layout: r.Layout,
			Hosts: r.Hosts, Committees: committees, Pace: r.Delay,
		})
	}
	if err != nil {
		return source{}, err
	}
	s, err := newSource(c, r.Schedule)
	s.row = r
	if s.usual = usual && err == nil; s.usual && c.Whole { // a feed of notices is alone on its host
		s.spread = spread(s.ID, s.Schedule)
	}
	return s, err
}

// ownSite is a site of its own kind with what the operator may say about it.
// Where it is and how it is read is for its file to say.
func ownSite(site crawl.Source, r catalogue.Source, committees []string) (crawl.Source, error) {
	if r.Base != site.Base || r.Page != "" || r.Layout != "" || len(committees) > 0 {
		return crawl.Source{}, fmt.Errorf("it is read in its own way from %s: base, page, layout and committees cannot be set", site.Base)
	}
	site.Name, site.Body, site.Platform, site.Pace = r.Name, r.Body, scrapers.SitePlatform, r.Delay
	site.Hosts = slices.Concat(site.Hosts, r.Hosts)
	return site, nil
}

// loadConfig reads the file; the default one may be absent.
func loadConfig(path string, mustExist bool) (config.Config, error) {
	known, err := knownNames(scrapers.Sites())
	if err != nil {
		return config.Config{}, err
	}
	if !mustExist && !exists(path) {
		return withContact(config.Default()), nil
	}
	national, err := nationalFor(path)
	if err != nil {
		return config.Config{}, err
	}
	for _, n := range national {
		if _, ok := nationalRow(national, n.ID); ok {
			known.Builtin = append(known.Builtin, n.ID)
		}
	}
	cfg, err := known.Load(path)
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

// knownNames are the names that a configuration may use without explaining them.
func knownNames(sites []crawl.Source) (config.Known, error) {
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
	for _, x := range sites {
		k.Builtin = append(k.Builtin, x.ID)
	}
	relays, err := catalogue.Relays()
	if err != nil {
		return k, err
	}
	for _, x := range relays {
		k.Relays = append(k.Relays, config.Relay(x))
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
	if r, err = withVocabulary(r); err != nil {
		return r, err
	}
	return withCharter(r)
}

type sourcesCmd struct {
	Where []string `arg:"" optional:""`
	All   bool
	JSON  bool `name:"json"`
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
	list, err := followed(cfg, scrapers.Sites())
	if err != nil {
		return &exitError{exitUsage, err}
	}
	var national []catalogue.Listing
	var sites []crawl.Source
	if c.All {
		if national, err = nationalFor(cfg.Path); err != nil {
			return err
		}
		sites = scrapers.Sites()
	}
	if words := strings.Join(c.Where, " "); words != "" {
		if !c.All {
			return usagef("where is for the catalogue: ccgwatch sources --all %s", words)
		}
		place, err := whereIs(words)
		if err != nil {
			return err
		}
		if place.Says != "" {
			fmt.Fprintln(e.stderr, place.Says)
		}
		national, sites = catalogue.Find(national, place), nil
		list = slices.DeleteFunc(list, func(s source) bool {
			return !slices.ContainsFunc(national, func(n catalogue.Listing) bool { return n.Base == s.Base || n.Body != "" && n.Body == s.Body })
		})
	}
	rows := listed(list, sites, national)
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

// listed are the followed sources, and after them the sites and places that are not.
func listed(list []source, sites []crawl.Source, national []catalogue.Listing) []jsonSource {
	var rows []jsonSource
	for _, s := range list {
		rows = append(rows, jsonSource{ID: s.ID, Name: s.Name, Body: s.Body, Platform: s.Platform, Base: s.Base, Schedule: s.Schedule.String(), Followed: true})
	}
	for _, s := range sites {
		if !slices.ContainsFunc(rows, func(r jsonSource) bool { return r.ID == s.ID }) {
			rows = append(rows, jsonSource{ID: s.ID, Name: s.Name, Body: s.Body, Platform: scrapers.SitePlatform, Base: s.Base})
		}
	}
	for _, n := range national {
		if siteIndex(sites, n.ID) >= 0 { // what reads it is a better entry than where it is
			continue
		}
		if !slices.ContainsFunc(rows, func(r jsonSource) bool { return r.Base == n.Base && r.Followed && (n.Page == "" || r.Body == n.Body) }) {
			rows = append(rows, jsonSource{ID: n.ID, Name: n.Name, Body: n.Body, Platform: n.Platform, Base: n.Base + n.Page, Note: n.Note})
		}
	}
	return rows
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
	switch platform {
	case "":
		platform = "unknown system"
	case scrapers.SitePlatform:
		platform = "a site of its own kind"
	}
	_, err := fmt.Fprintf(e.stdout, "%-18s %s\n%-18s %s, %s\n%-18s %s\n", r.ID, r.Name, "", platform, r.Base, "", withNote(when, r.Note))
	return err
}

// withNote puts a remark behind when a source is looked at. Some remarks begin with
// the very words that stand before them.
func withNote(when, note string) string {
	if note == "" {
		return when
	}
	return when + "; " + strings.TrimPrefix(note, when+": ")
}
