package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"ccgwatch/config"
	"ccgwatch/config/catalogue"
	"ccgwatch/scrapers"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/scrapers/feeds"
	"ccgwatch/store"
)

type tryCmd struct {
	What     string `arg:""`
	Platform string
	Layout   string
	JSON     bool `name:"json"`
}

func (c *tryCmd) Run(e *env) error {
	cfg, err := e.config()
	if err != nil {
		return &exitError{exitUsage, err}
	}
	fetch, err := newFetcher(cfg, e.data, e.log)
	if err != nil {
		return err
	}
	fetch.RawDir = "" // keeps nothing
	defer fetch.Close()
	candidates, sure, err := c.candidates(e, fetch)
	if err != nil {
		return err
	}
	var failed error
	for i, s := range candidates {
		err := c.visit(e, fetch, s)
		if err == nil {
			if failed != nil {
				fmt.Fprintf(e.stderr, "ccgwatch: what was tried before that: %v\n", failed)
			}
			return nil
		}
		if e.ctx.Err() != nil {
			return e.ctx.Err()
		}
		failed = errors.Join(failed, err)
		if i < len(sure) {
			if stop := sure[i].otherwise(err); stop != nil {
				return fmt.Errorf("%w\n%w", stop, failed)
			}
		}
	}
	return failed
}

// visit crawls one source, stores nothing, and prints what it saw.
func (c *tryCmd) visit(e *env, fetch *crawl.Fetcher, s source) error {
	show := newProgress(e)
	read, err := previewReader(e.data)
	if err != nil {
		return err
	}
	crawler := &crawl.Crawler{Fetch: fetch, Read: read, Progress: show.draw}
	var seen []store.Item
	report, err := crawler.Visit(e.ctx, s.crawl, crawl.Visit{Now: e.now()}, func(x store.Sighting) error {
		seen = append(seen, x.Items...)
		return nil
	})
	show.clear()
	if err != nil {
		return whyRefused(s, err)
	}
	if !c.JSON && len(seen) > 0 {
		if err := printTable(e.stdout, seen); err != nil {
			return err
		}
	}
	for _, it := range seen {
		if !c.JSON {
			break
		}
		if err := printJSON(e.stdout, itemJSON(it)); err != nil {
			return err
		}
	}
	for _, p := range report.Problems {
		fmt.Fprintf(e.stderr, "ccgwatch: could not read %s: %s\n", p.What, problemText(p))
	}
	fmt.Fprintf(e.stderr, "%s: read as %s, %s in %s\n", s.Base, s.Platform, count(len(seen), "item"), count(report.Requests, "request"))
	return nil
}

// previewReader reads papers for a look that keeps nothing, not even the reader's
// own compiled code where there is none yet.
func previewReader(data string) (func(context.Context, io.Reader) ([]string, error), error) {
	r, err := newReader(data)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(r.CacheDir); err != nil {
		r.CacheDir = ""
	}
	return r.Read, nil
}

// whyRefused adds what a refusal by WhatDoTheyKnow means and what to do.
func whyRefused(s source, err error) error {
	if s.Platform == "whatdotheyknow" && crawl.ReasonOf(err) == store.ReasonRobots {
		return fmt.Errorf("%w\nWhatDoTheyKnow: %s", err, feeds.WhyOff)
	}
	return err
}

// candidates are the ways to read what was named: the followed source, the site
// of its own kind, the row of the catalogue, or what the address looks like; of
// the last the guesses too, one for each.
func (c *tryCmd) candidates(e *env, fetch *crawl.Fetcher) ([]source, []guess, error) {
	list, err := c.named(e)
	if err != nil || list != nil {
		return list, nil, err
	}
	u, err := webAddress(c.What)
	if err != nil {
		return nil, nil, usagef("%q is neither a source ('ccgwatch sources --all' lists them) nor an address beginning with https://", c.What)
	}
	cfg, err := e.config()
	if err != nil {
		return nil, nil, err
	}
	if c.Platform != "" || c.Layout != "" {
		u.RawQuery = ""
		list, err = c.guess(cfg, rowOf(u))
		return list, nil, err
	}
	if r, ok := noticesAt(u); ok {
		list, err = c.guess(cfg, r)
		return list, nil, err
	}
	guesses, err := recognise(e.ctx, fetch, u)
	if err != nil {
		return nil, nil, err
	}
	var out []source
	var all []guess
	for _, g := range guesses {
		r := catalogue.Source{ID: "try", Name: u.Host, Platform: g.Platform, Base: g.Base, Page: g.Page, Layout: g.Layout}
		if cfg.Fetch.DelayGiven {
			r.Delay = notZero(time.Duration(cfg.Fetch.Delay))
		}
		s, err := build(r, nil, nil)
		if err != nil {
			return nil, nil, err
		}
		out, all = append(out, s), append(all, guess(g))
	}
	return out, all, nil
}

// named is what is known under the name that was given, nil for none.
func (c *tryCmd) named(e *env) ([]source, error) {
	cfg, err := e.config()
	if err != nil {
		return nil, err
	}
	sites := scrapers.Sites()
	list, err := followed(cfg, sites)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(list, func(s source) bool { return s.ID == c.What }); i >= 0 {
		return list[i : i+1], nil
	}
	if siteIndex(sites, c.What) >= 0 {
		s, err := build(rowFor(c.What, nil, sites), nil, sites)
		return []source{s}, err
	}
	national, err := nationalFor(cfg.Path)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(national, func(n catalogue.Listing) bool { return n.ID == c.What }); i >= 0 {
		n := national[i]
		if n.Base == "" {
			return nil, fmt.Errorf("%s: no address is known: %s", n.ID, n.Note)
		}
		return c.guess(cfg, catalogue.Source{ID: n.ID, Name: n.Name, Body: n.Body, Platform: n.Platform, Base: n.Base, Page: n.Page, Layout: n.Layout})
	}
	return nil, nil
}

// noticesAt is the row of a notice service, where the address is one's.
func noticesAt(u *url.URL) (catalogue.Source, bool) {
	r := rowOf(&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path})
	return r, r.Platform == "find-a-tender" || r.Platform == "contracts-finder"
}

// rowOf makes a row of an address: the page of a committee system gives its
// root, any other page is taken for a list of board papers.
func rowOf(u *url.URL) catalogue.Source {
	r := catalogue.Source{ID: "try", Name: u.Host, Page: u.Path}
	switch file := path.Base(u.Path); {
	case strings.HasSuffix(u.Path, ".aspx"):
		u.Path = strings.TrimSuffix(u.Path, file)
		r.Platform, r.Page = "moderngov", ""
	case strings.Contains(u.Host, "find-tender"):
		u.Path, r.Platform, r.Page = "", "find-a-tender", ""
	case strings.Contains(u.Host, "contractsfinder"):
		u.Path, r.Platform, r.Page = "", "contracts-finder", ""
	case strings.Trim(u.Path, "/") == "fts": // a replica's
		r.Platform = "find-a-tender"
	case strings.Trim(u.Path, "/") == "cf":
		r.Platform = "contracts-finder"
	}
	if r.Platform == "" && strings.Trim(u.Path, "/") != "" {
		u.Path = ""
	}
	r.Base = strings.TrimSuffix(u.String(), "/")
	return r
}

// guess lists the sources that a row could be, the likeliest first.
func (c *tryCmd) guess(cfg config.Config, r catalogue.Source) ([]source, error) {
	if cfg.Fetch.DelayGiven {
		r.Delay = notZero(time.Duration(cfg.Fetch.Delay))
	}
	if c.Platform != "" {
		r.Platform = c.Platform
	}
	if c.Layout != "" {
		r.Platform, r.Layout = "boards", c.Layout
	}
	var rows []catalogue.Source
	with := func(platform, layout string) {
		x := r
		x.Platform, x.Layout = platform, layout
		if platform == "moderngov" {
			x.Base = strings.TrimSuffix(r.Base+r.Page, "/")
		}
		rows = append(rows, x)
	}
	switch {
	case r.Platform == "boards" && r.Layout == "":
		with("boards", "two-hop")
		with("boards", "accordion")
	case r.Platform != "":
		rows = append(rows, r)
	default:
		with("moderngov", "")
		with("boards", "two-hop")
		with("boards", "accordion")
	}
	var out []source
	for _, x := range rows {
		s, err := build(x, nil, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
