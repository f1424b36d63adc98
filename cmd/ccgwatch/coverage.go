package main

import (
	"context"
	"fmt"
	"io"

	"ccgwatch/alerts/web"
	"ccgwatch/scrapers/ocds"
	"ccgwatch/store"
)

// jsonCoverage is how much of what is followed is read, and what is not seen.
type jsonCoverage struct {
	Sources int                     `json:"sources"`
	By      map[store.Condition]int `json:"by_condition"`
	Unread  int                     `json:"unread_papers"`
	Bodies  int                     `json:"bodies_without_source"` // of the group's areas, their own pages
	Never   []string                `json:"never_read"`            // followed, and not read completely once
}

// covered is what the pages say of how completely a source is watched.
func (a *app) covered(ctx context.Context, id string) (web.Covered, error) {
	snap, err := a.store.Snapshot(ctx, id, []string{})
	if err != nil {
		return web.Covered{}, err
	}
	c := web.Covered{Since: snap.Baseline}
	if x, ok := ocds.Audited(snap.Notes); ok {
		c.Says = auditWords(x)
	}
	if !a.whole(id) { // a feed of notices has no papers
		return c, nil
	}
	n, known, err := a.said.Unread(ctx, id)
	switch {
	case err != nil:
		return web.Covered{}, err
	case !known:
		c.Says = append(c.Says, "whether all papers could be read is still being worked out")
	case n > 0:
		c.Says = append(c.Says, count(n, "paper")+" with pages that could not be read: pictures, or text that is none")
	}
	return c, nil
}

// coverage sums up the lines of the status.
func (a *app) coverage(rows []jsonStatus, today string) jsonCoverage {
	c := jsonCoverage{Sources: len(rows), By: map[store.Condition]int{}, Bodies: len(a.unfollowed(today)), Never: []string{}}
	for _, r := range rows {
		c.By[r.Condition]++
		if r.LastComplete == "" {
			c.Never = append(c.Never, r.Source)
		}
		for _, p := range r.Problems {
			if isPaper(p) {
				c.Unread++
			}
		}
	}
	return c
}

// printCoverage says it in two lines.
func printCoverage(w io.Writer, c jsonCoverage) error {
	read := c.By[store.OK] + c.By[store.Quiet]
	s := fmt.Sprintf("\ncoverage: %d of %s read completely at the last look", read, count(c.Sources, "source"))
	if c.Unread > 0 {
		s += fmt.Sprintf("; %s could not be read", count(c.Unread, "paper"))
	}
	if c.Bodies > 0 {
		s += fmt.Sprintf("; %s of the area without a source of their own", plural(c.Bodies, "body", "bodies"))
	}
	_, err := fmt.Fprintf(w, "%s\nnot seen: meetings in private, orders under frameworks, contracts below the thresholds; the page /coverage tells all\n", s)
	return err
}

func (a *app) whole(id string) bool {
	for _, s := range a.sources {
		if s.ID == id {
			return s.crawl.Whole
		}
	}
	return false
}
