package main

import (
	"fmt"
	"strings"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

type searchCmd struct {
	listing
	Query  []string `arg:"" optional:""`
	Until  string
	Topic  string
	Body   string
	Newest bool
	Limit  int `default:"20"`
}

// jsonHit is a line of search --json.
type jsonHit struct {
	Source string        `json:"source"`
	Key    string        `json:"key"`
	Kind   store.Kind    `json:"kind"`
	Title  string        `json:"title"`
	URL    string        `json:"url"`
	Date   string        `json:"date"`
	Bodies []string      `json:"bodies"`
	Topics []store.Topic `json:"topics"`
	Places []jsonSpot    `json:"places"`
	More   int           `json:"more"`
}

type jsonSpot struct {
	Part   string `json:"part,omitempty"`
	Name   string `json:"name,omitempty"`
	URL    string `json:"url,omitempty"` // opens at the page
	SHA256 string `json:"sha256,omitempty"`
	Page   int    `json:"page"`
	Text   string `json:"text"`
}

// Run searches what is published. The query is one argument or several; a
// minus sign at the beginning needs -- before it.
func (c *searchCmd) Run(e *env) error {
	return e.look(func(a *app) error {
		s, err := c.search(a)
		if err != nil {
			return err
		}
		if e.shared == nil { // otherwise the daemon sees to it
			if err := a.follow(e.ctx, e.now()); err != nil {
				return err
			}
			if err := a.indexAll(e.ctx, sayBuilding(e.stderr)); err != nil {
				return err
			}
		}
		x, err := a.index()
		if err != nil {
			return err
		}
		r, err := x.Search(e.ctx, s)
		if err != nil {
			return err
		}
		if r.Done < r.End {
			fmt.Fprintf(e.stderr, "ccgwatch: the search is being built: %d of %d changes are in it, and this is not complete\n", r.Done, r.End)
		}
		if r.Partly {
			fmt.Fprintln(e.stderr, "ccgwatch: too much fits in part: only the newest of it was looked at word by word")
		}
		if c.JSON {
			for _, h := range r.Hits {
				if err := printJSON(e.stdout, hitJSON(h)); err != nil {
					return err
				}
			}
			return nil
		}
		return printHits(e, r)
	})
}

func (c *searchCmd) search(a *app) (store.Search, error) {
	s := store.Search{Limit: c.Limit, ByDate: c.Newest, Text: 240}
	var err error
	if s.Since, err = c.filter(a); err != nil {
		return s, err
	}
	if c.Until != "" {
		if s.Until, err = parseTime(c.Until); err != nil {
			return s, usagef("--until: %w", err)
		}
	}
	if c.Limit < 1 || c.Limit > 1000 {
		return s, usagef("--limit %d: expected 1 to 1000", c.Limit)
	}
	typed := strings.Join(c.Query, " ")
	if s.Query, err = query.Parse(typed); err != nil {
		return s, usagef("the query cannot be read: %w", err)
	}
	if err := a.checkQuery(typed); err != nil {
		return s, usagef("%w", err)
	}
	for _, x := range []struct{ flag, field, value string }{{"--source", "source", c.Source}, {"--kind", "kind", c.Kind}, {"--topic", "topic", c.Topic}, {"--body", "body", c.Body}} {
		if x.value == "" {
			continue
		}
		q, err := query.Field(x.field, x.value)
		if err != nil {
			return s, usagef("%s: %w", x.flag, err)
		}
		s.Query = query.And(s.Query, q)
	}
	return s, nil
}

func hitJSON(h store.Hit) jsonHit {
	out := jsonHit{h.Source, h.Key, h.Kind, h.Title, h.URL, stamp(h.Date), h.Bodies, h.Topics, []jsonSpot{}, h.More}
	if out.Bodies == nil {
		out.Bodies = []string{}
	}
	if out.Topics == nil {
		out.Topics = []store.Topic{}
	}
	for _, p := range h.Places {
		out.Places = append(out.Places, jsonSpot{p.Part, p.Name, atPage(p.URL, p.Page), p.SHA256, p.Page, piecesText(p.Text, "", "")})
	}
	return out
}

func piecesText(pieces []query.Piece, before, after string) string {
	var b strings.Builder
	for _, p := range pieces {
		if p.Hit {
			b.WriteString(before + p.Text + after)
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

func printHits(e *env, r store.SearchResult) error {
	w := e.stdout
	order := "the best first"
	if r.ByDate {
		order = "the latest first"
	}
	switch {
	case r.Items == 0:
		_, err := fmt.Fprintln(w, "nothing fits")
		return err
	case len(r.Hits) < r.Items:
		fmt.Fprintf(w, "%s; the first %d, %s:\n", count(r.Items, "item"), len(r.Hits), order)
	default:
		fmt.Fprintf(w, "%s, %s:\n", count(r.Items, "item"), order)
	}
	for _, h := range r.Hits {
		fmt.Fprintf(w, "\n%s, %s  %s  %s\n  %s\n  %s\n", h.Kind, h.Date.In(london()).Format("2 January 2006"), h.Source, h.Key, h.Title, h.URL)
		for _, p := range h.Places {
			where := p.Name
			if p.Page > 0 {
				where = fmt.Sprintf("%s, page %d  %s", p.Name, p.Page, atPage(p.URL, p.Page))
			}
			if where != "" {
				fmt.Fprintf(w, "    %s\n", where)
			}
			if t := piecesText(p.Text, "[", "]"); t != "" {
				fmt.Fprintf(w, "      %s\n", t)
			}
		}
		if h.More > 0 {
			fmt.Fprintf(w, "    and %s\n", plural(h.More, "further place", "further places"))
		}
	}
	return nil
}
