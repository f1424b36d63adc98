package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"ccgwatch/config"
	"ccgwatch/config/catalogue"
	"ccgwatch/scrapers"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/scrapers/feeds"
	"ccgwatch/store"
)

type addCmd struct {
	URL        string `arg:"" name:"url"`
	ID         string `name:"id"`
	Name       string
	Body       string
	Committees []string
	Platform   string
	Layout     string
	Decisions  bool
	Yes        bool
}

// Run looks at the site, shows what following it would mean, and writes the row.
// Until the last step nothing is changed.
func (c *addCmd) Run(e *env) error {
	cfg, err := e.config()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	u, err := webAddress(c.URL)
	if err != nil {
		return err
	}
	fetch, err := newFetcher(cfg, e.data, e.log)
	if err != nil {
		return err
	}
	fetch.RawDir = ""
	defer fetch.Close()
	guesses, err := c.guesses(e, fetch, u)
	if err != nil {
		return err
	}
	var failed error
	for _, g := range guesses {
		g := guess(g)
		if g.Platform == "whatdotheyknow" {
			fmt.Fprintf(e.stdout, "WhatDoTheyKnow is off by default: %s.\n", feeds.WhyOff)
		}
		row, seen, requests, err := c.look(e, cfg, fetch, g)
		if err != nil {
			if e.ctx.Err() != nil {
				return e.ctx.Err()
			}
			if wrong := (*exitError)(nil); errors.As(err, &wrong) {
				return err
			}
			failed = errors.Join(failed, fmt.Errorf("as %s: %w", platformWords(row), err))
			if stop := g.otherwise(err); stop != nil {
				return fmt.Errorf("%w\n%w", stop, failed)
			}
			continue
		}
		if failed != nil { // what is followed is less than what is there
			fmt.Fprintf(e.stderr, "ccgwatch: could not be read %v\n", failed)
		}
		if err := c.show(e, g.Why, row, seen, requests); err != nil {
			return err
		}
		return c.write(e, cfg, row)
	}
	return fmt.Errorf("nothing that could be followed was found at %s:\n%w", c.URL, failed)
}

// A guess is a way in which a site may be read.
type guess scrapers.Guess

// otherwise is why no other way is tried after this one has failed, nil if one is:
// a page of a committee system that does not answer now is not a board's list of
// papers, though it looks like one.
func (g guess) otherwise(err error) error {
	if !g.Sure {
		return nil
	}
	return fmt.Errorf("%s (%s), and could not be read as such now (%s): try again later; with --platform page the one page is compared as text",
		g.Platform, g.Why, crawl.ReasonOf(err))
}

// webAddress reads what somebody gave as an address.
func webAddress(s string) (*url.URL, error) {
	if !strings.Contains(s, "://") && strings.Contains(s, ".") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, usagef("%q is no address beginning with https://", s)
	}
	u.Fragment = ""
	return u, nil
}

// guesses fetches the page, and where it only links to a committee system, takes
// that for the likeliest. What the operator says goes before what is recognised.
func (c *addCmd) guesses(e *env, fetch *crawl.Fetcher, u *url.URL) ([]scrapers.Guess, error) {
	if r, ok := noticesAt(u); ok && c.Platform == "" && c.Layout == "" {
		return []scrapers.Guess{{Row: scrapers.Row{Platform: r.Platform, Base: r.Base}, Why: "its address is that of the notice service"}}, nil
	}
	list, err := recognise(e.ctx, fetch, u)
	root, page := scrapers.Apart(u)
	if c.Platform != "" || c.Layout != "" {
		row := scrapers.Row{Platform: cmp.Or(c.Platform, "boards"), Layout: c.Layout, Base: root, Page: page}
		if i := slices.IndexFunc(list, func(g scrapers.Guess) bool { return g.Platform == row.Platform }); i >= 0 {
			row = list[i].Row
			row.Layout = c.Layout
		} else if row.Platform == "moderngov" || row.Platform == "cmis" {
			path, _, _ := strings.Cut(page, "?")
			row.Base, row.Page = strings.TrimSuffix(root+path, "/"), ""
		}
		return []scrapers.Guess{{Row: row, Why: "you say so"}}, nil
	}
	return list, err
}

// recognise asks for one page of a site that is not followed yet, and says what
// it may be.
func recognise(ctx context.Context, fetch *crawl.Fetcher, u *url.URL) ([]scrapers.Guess, error) {
	src := crawl.Source{ID: "new", Base: u.Scheme + "://" + u.Host}
	a, err := fetch.Get(ctx, src, crawl.ContentAddress(u.String()), "")
	if err != nil {
		if list := scrapers.RecogniseAddress(u); len(list) > 0 && ctx.Err() == nil {
			return list, nil
		}
		return nil, err
	}
	p, err := crawl.NewPage(a.URL.String(), a.Header, a.Body)
	if err != nil {
		return nil, err
	}
	return scrapers.Recognise(p), nil
}

// look crawls once as the row would be followed, keeping nothing.
func (c *addCmd) look(e *env, cfg config.Config, fetch *crawl.Fetcher, g guess) (catalogue.Source, []store.Item, int, error) {
	row := catalogue.Source{ID: c.ID, Name: c.Name, Body: c.Body, Platform: g.Platform, Base: g.Base, Page: g.Page, Layout: g.Layout}
	if c.Decisions && row.Platform == "moderngov" {
		row.Layout = scrapers.Decisions
	}
	if err := c.known(cfg, &row); err != nil {
		return row, nil, 0, err
	}
	if cfg.Fetch.DelayGiven {
		row.Delay = notZero(time.Duration(cfg.Fetch.Delay))
	}
	s, err := build(row, c.Committees, nil)
	if err != nil {
		return row, nil, 0, err
	}
	row.Schedule = s.Schedule.String()
	show := newProgress(e)
	defer show.clear()
	var seen []store.Item
	read, err := previewReader(e.data)
	if err != nil {
		return row, nil, 0, err
	}
	crawler := &crawl.Crawler{Fetch: fetch, Read: read, Progress: show.draw}
	report, err := crawler.Visit(e.ctx, s.crawl, crawl.Visit{Now: e.now()}, func(x store.Sighting) error {
		seen = append(seen, x.Items...)
		return nil
	})
	if err == nil && len(seen) == 0 && row.Platform != "whatdotheyknow" {
		err = errors.New("it lists nothing")
	}
	return row, seen, report.Requests, err
}

// known gives the row the id, name and body of the catalogue where that knows
// the site, and otherwise an id made of its host.
func (c *addCmd) known(cfg config.Config, row *catalogue.Source) error {
	national, err := nationalFor(cmp.Or(cfg.Path, "x"))
	if err != nil {
		return err
	}
	for _, n := range national {
		if sameSite(n.Base, row.Base) && n.Platform == row.Platform && (n.Page == "" || strings.Trim(n.Page, "/") == strings.Trim(row.Page, "/")) && row.Layout != scrapers.Decisions {
			row.ID, row.Name, row.Body = cmp.Or(row.ID, n.ID), cmp.Or(row.Name, n.Name), cmp.Or(row.Body, n.Body)
			if n.Layout != "" && row.Layout == "" {
				row.Layout = n.Layout
			}
		}
	}
	if c.ID == "" {
		if err := c.followedAlready(cfg, *row); err != nil {
			return err
		}
	}
	if row.ID == "" {
		row.ID = idOf(row)
	}
	for n, id := 2, row.ID; slices.ContainsFunc(cfg.Sources, func(s config.Source) bool { return s.ID == row.ID }); n++ {
		if c.ID != "" {
			return usagef("%s has a source with the id %q already", cfg.Path, c.ID)
		}
		row.ID = fmt.Sprintf("%s-%d", id, n)
	}
	return nil
}

// followedAlready refuses to follow a site a second time, which would tell
// everything twice; whoever wants that (other committees of it) gives it an id.
func (c *addCmd) followedAlready(cfg config.Config, row catalogue.Source) error {
	list, err := followed(cfg, scrapers.Sites())
	if err != nil {
		return err
	}
	same := func(a, b string) bool { return strings.Trim(a, "/") == strings.Trim(b, "/") }
	for _, s := range list {
		r := s.row
		if s.Platform != row.Platform || !sameSite(r.Base, row.Base) || (r.Layout == scrapers.Decisions) != (row.Layout == scrapers.Decisions) {
			continue
		}
		if paged := row.Platform != "moderngov" && row.Platform != "cmis"; paged && !same(r.Page, row.Page) {
			continue
		}
		return usagef("%s is followed already, as %q; with --id NAME it is followed a second time, and told twice", platformWords(row), s.ID)
	}
	return nil
}

// sameSite tells whether two addresses are of one site: http or https, with or
// without "www." and a slash at the end.
func sameSite(a, b string) bool {
	bare := func(s string) string {
		_, rest, _ := strings.Cut(s, "://")
		host, path, _ := strings.Cut(strings.TrimRight(rest, "/"), "/")
		return strings.TrimPrefix(strings.ToLower(host), "www.") + "/" + path
	}
	return bare(a) == bare(b)
}

// idOf makes an id of a site's host, and of what is followed there.
func idOf(row *catalogue.Source) string {
	base, archived := row.Base, false
	if c, ok := crawl.ParseCapture(base); ok {
		base, archived = c.Of, true
	}
	u, err := url.Parse(base)
	if err != nil {
		return "new"
	}
	var words []string
	for _, w := range strings.FieldsFunc(strings.ToLower(u.Hostname()), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }) {
		if !slices.Contains([]string{"www", "democracy", "moderngov", "cmis", "gov", "nhs", "uk", "co", "com", "org", "icb", "councillors", "meetings"}, w) {
			words = append(words, w)
		}
	}
	if row.Platform == "whatdotheyknow" {
		words = []string{"foi", strings.ReplaceAll(row.Page[strings.LastIndexByte(row.Page, '/')+1:], "_", "-")}
	}
	id := strings.Trim(strings.Join(words, "-"), "-")
	if row.Layout == scrapers.Decisions {
		id += "-decisions"
	}
	if archived {
		id += "-archived"
	}
	if id == "" {
		id = row.Platform
	}
	return strings.Trim(id[:min(len(id), 60)], "-")
}

// show says what was recognised, what is there, and how often it would be asked.
func (c *addCmd) show(e *env, why string, row catalogue.Source, seen []store.Item, requests int) error {
	s, err := config.ParseSchedule(row.Schedule)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "Recognised as %s (%s).\n", platformWords(row), why)
	groups := map[string]int{}
	for _, it := range seen {
		groups[cmp.Or(it.Fields[store.FieldCommittee], string(it.Kind)+"s")]++
	}
	fmt.Fprintf(e.stdout, "%s now:\n", plural(len(seen), "thing is published there", "things are published there"))
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		fmt.Fprintf(w, "  %d\t%s\n", groups[name], name)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := printTable(e.stdout, newestItems(seen, e.now(), 8)); err != nil {
		return err
	}
	if isArchived(row.Base) {
		_, err = fmt.Fprintln(e.stdout, "It is in an archive of the web: what stands there does not change any more, and is not looked at again.")
		return err
	}
	visits := 0
	for at, end := e.now(), e.now().AddDate(0, 0, 7); ; visits++ {
		if at = s.Next(at); at.IsZero() || at.After(end) {
			break
		}
	}
	_, err = fmt.Fprintf(e.stdout, "It would be looked at %s: %s a visit, about %d a year, papers besides.\n", s.Words(), count(requests, "request"), visits*requests*52)
	return err
}

func platformWords(row catalogue.Source) string {
	s := row.Platform + " at " + row.Base + row.Page
	if row.Layout != "" {
		s += ", " + row.Layout
	}
	return s
}

// newestItems are those nearest to now, for a look.
func newestItems(list []store.Item, now time.Time, n int) []store.Item {
	list = slices.Clone(list)
	far := func(it store.Item) time.Duration {
		t := it.When()
		if t.IsZero() {
			t = it.Published
		}
		if t.IsZero() {
			return 1 << 62
		}
		return t.Sub(now).Abs()
	}
	slices.SortStableFunc(list, func(a, b store.Item) int { return cmp.Compare(far(a), far(b)) })
	return list[:min(len(list), n)]
}

// printTable shows items, their dates and documents.
func printTable(w io.Writer, list []store.Item) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "WHEN\tWHAT\tTITLE\tKEY, ADDRESS")
	for _, it := range list {
		when := "-"
		if at := it.When(); !at.IsZero() {
			when = at.In(london()).Format("2 Jan 2006 15:04")
		} else if !it.Published.IsZero() {
			when = it.Published.In(london()).Format("2 Jan 2006")
		}
		title := it.Title
		if it.Cancelled() {
			title += " (CANCELLED)"
		}
		if d := it.Fields[store.FieldDoubt]; d != "" {
			title += " (doubt: " + d + ")"
		}
		if it.Stub {
			title += " (list only)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", when, it.Kind, title, it.Key)
		for _, d := range it.Documents {
			fmt.Fprintf(t, "\t%s\t%s\t%s\n", d.Role, d.Title, d.URL)
		}
	}
	return t.Flush()
}

// write appends the row to the settings, if that is wanted.
func (c *addCmd) write(e *env, cfg config.Config, row catalogue.Source) error {
	said := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	x := config.Source{ID: row.ID, Name: said(row.Name), Platform: said(row.Platform), Base: said(row.Base), Body: said(row.Body), Page: said(row.Page), Layout: said(row.Layout)}
	if len(c.Committees) > 0 {
		x.Committees = &c.Committees
	}
	off := false
	if isArchived(row.Base) { // read once, on request
		x.Enabled = &off
	}
	text, err := x.TOML()
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "\nThis goes into %s:\n\n%s\n", e.configPath, text)
	if !c.Yes {
		fmt.Fprint(e.stdout, "Write it? [no] ")
		line, err := bufio.NewReader(io.LimitReader(e.stdin, 1000)).ReadString('\n')
		if errors.Is(err, context.Canceled) {
			return errors.New("stopped: nothing was written")
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if a := strings.ToLower(strings.TrimSpace(line)); a != "y" && a != "yes" {
			fmt.Fprintln(e.stdout, "Nothing was written; --yes writes without asking.")
			return nil
		}
	}
	if err := appendSource(e.configPath, text); err != nil {
		return err
	}
	if isArchived(row.Base) {
		_, err = fmt.Fprintf(e.stdout, "Written, switched off. 'ccgwatch crawl %s --since 2013-04-01' reads what is there of a time, silently: it is shown and found, and mailed to nobody.\n", row.ID)
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "Written. 'ccgwatch crawl %s' takes the first look, which is mailed to nobody; a daemon that runs is to be started anew.\n", row.ID)
	return err
}

// appendSource adds a source at the end of the settings. The whole is read as it
// will stand before anything is touched; then a file beside it takes its place
// at once, so that a crash leaves the old one or the new one. What stood there
// stays, byte for byte.
func appendSource(path, text string) error {
	target := path
	if at, err := filepath.EvalSymlinks(path); err == nil {
		target = at
	}
	old, err := os.ReadFile(target)
	mode := fs.FileMode(0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("adding to %s: %w", path, err)
	default:
		info, err := os.Stat(target)
		if err != nil {
			return fmt.Errorf("adding to %s: %w", path, err)
		}
		mode = info.Mode().Perm()
	}
	whole := bytes.Clone(old)
	if len(whole) > 0 && !bytes.HasSuffix(whole, []byte("\n")) {
		whole = append(whole, '\n')
	}
	if len(whole) > 0 {
		whole = append(whole, '\n')
	}
	whole = append(whole, text...)
	tmp := target + ".new"
	defer func() { _ = os.Remove(tmp) }()
	if err := writeWhole(tmp, whole); err != nil {
		return fmt.Errorf("adding to %s: %w", path, err)
	}
	if err := os.Chmod(tmp, mode); err != nil {
		return fmt.Errorf("adding to %s: %w", path, err)
	}
	cfg, err := loadConfig(tmp, true)
	if err == nil {
		_, err = followed(cfg, scrapers.Sites())
	}
	if err != nil {
		return fmt.Errorf("with the new source the settings cannot be read; nothing was written: %w", err)
	}
	if now, err := os.ReadFile(target); err == nil && !bytes.Equal(now, old) {
		return fmt.Errorf("%s was changed by somebody else meanwhile; nothing was written", path)
	}
	if err := os.Rename(tmp, target); err != nil {
		return fmt.Errorf("adding to %s: %w", path, err)
	}
	return syncDir(filepath.Dir(target))
}
