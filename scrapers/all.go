// Package scrapers is the list of what can be read: rows, which a platform's
// package knows how to read, and sites of their own kind, one short file each
// in this folder. It makes values out of them (crawl.Source) and does nothing
// else: what is followed, and when, is cmd's business, and fetching is crawl's.
package scrapers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ccgwatch/scrapers/boards"
	"ccgwatch/scrapers/cmis"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/scrapers/feeds"
	"ccgwatch/scrapers/moderngov"
	"ccgwatch/scrapers/ocds"
	"ccgwatch/scrapers/page"
)

// Sites are the sites of their own kind, by id. Each has a file <id>.go in this
// folder, which is the only place that knows how to read it, and a line here;
// without the line the linter says that the file's function is unused. None is
// followed before somebody asks for it by its id.
func Sites() []crawl.Source {
	return []crawl.Source{
		// One line for each: exampleshire(),
	}
}

// SitePlatform stands for the platform of a site of its own kind.
const SitePlatform = "site"

// A Row is a source that a platform's package knows how to read.
type Row struct {
	ID, Name   string
	Body       string        // id of the publishing body, "" where every item names its own
	Platform   string        // one of Platforms
	Base       string        // root of the site
	Page       string        // boards: path of the page with the list; cmis: of the meetings page; feed, page: of the feed or page; whatdotheyknow: of the body's page
	Layout     string        // boards: see that package; "" looks at the page; moderngov: "" or Decisions
	Hosts      []string      // further hosts that may be asked
	Committees []string      // moderngov, cmis: words of their names, none for all
	Pace       time.Duration // least time between two requests, zero for the platform's own
}

// Decisions is the layout of a moderngov row that follows decisions and forward
// plans instead of meetings.
const Decisions = "decisions"

// Platforms are those that Build can read.
func Platforms() []string {
	return []string{"find-a-tender", "contracts-finder", "moderngov", "cmis", "boards", "whatdotheyknow", "feed", "page", "ccgwatch"}
}

// Build makes the source of a row.
func Build(r Row) (crawl.Source, error) {
	if c, ok := crawl.ParseCapture(r.Base); ok {
		return archived(r, c)
	}
	var c crawl.Source
	var err error
	switch r.Platform {
	case "find-a-tender":
		c = ocds.FindATender(r.ID, r.Name, r.Base, r.Pace)
	case "contracts-finder":
		c = ocds.ContractsFinder(r.ID, r.Name, r.Base, r.Pace)
	case "moderngov":
		c = moderngov.Source(moderngov.Options{ID: r.ID, Name: r.Name, Body: r.Body, Base: r.Base, Pace: r.Pace, Committees: r.Committees, Decisions: r.Layout == Decisions})
	case "boards":
		c, err = boards.Source(boards.Options{ID: r.ID, Name: r.Name, Body: r.Body, Base: r.Base, Page: r.Page, Layout: r.Layout, Pace: r.Pace})
	case "cmis":
		c, err = cmis.Source(cmis.Options{ID: r.ID, Name: r.Name, Body: r.Body, Base: r.Base, Page: r.Page, Pace: r.Pace, Committees: r.Committees})
	case "whatdotheyknow":
		c, err = feeds.WhatDoTheyKnow(feeds.Options{ID: r.ID, Name: r.Name, Body: r.Body, Base: r.Base, Page: r.Page, Pace: r.Pace})
	case "feed":
		c, err = feeds.Source(feeds.Options{ID: r.ID, Name: r.Name, Body: r.Body, Base: r.Base, Page: r.Page, Pace: r.Pace})
	case "ccgwatch":
		c, err = feeds.CCGWatch(feeds.Options{ID: r.ID, Name: r.Name, Body: r.Body, Base: r.Base, Pace: r.Pace})
	case "page":
		c, err = page.Source(page.Options{ID: r.ID, Name: r.Name, Body: r.Body, Base: r.Base, Page: r.Page, Pace: r.Pace})
	default:
		err = fmt.Errorf("platform %q cannot be read yet: %s can", r.Platform, strings.Join(Platforms(), ", "))
	}
	if err != nil {
		return crawl.Source{}, err
	}
	c.Hosts = slices.Concat(c.Hosts, r.Hosts)
	return c, nil
}
