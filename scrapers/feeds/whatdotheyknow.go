package feeds

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// WhyOff says why no feed of WhatDoTheyKnow is followed unless somebody asks
// for it, and what to do first.
const WhyOff = "its robots.txt closes the feeds to all programs; before following one, ask the WhatDoTheyKnow team, " +
	"who offer feeds to those who ask (whatdotheyknow.com/help/api), to let the agent \"ccgwatch\" in by robots.txt; " +
	"until then use their own e-mail alerts"

// mostEvents is how many a feed shows.
const mostEvents = 25

// WhatDoTheyKnow is the feed of the requests made to one public body on
// whatdotheyknow.com or another Alaveteli site. Page is the body's page there
// ("/body/leicester_city_council") or its feed. Who made a request, and what
// they wrote, is not kept.
func WhatDoTheyKnow(o Options) (crawl.Source, error) {
	fail := func(err error) (crawl.Source, error) {
		return crawl.Source{}, fmt.Errorf("whatdotheyknow source %s: %w", o.ID, err)
	}
	if _, err := at(o); err != nil {
		return fail(err)
	}
	m := regexp.MustCompile(`^(?:https?://[^/]+)?/?(?:feed/)?body/([a-z0-9_-]+?)(?:\.json)?/?$`).FindStringSubmatch(o.Page)
	if m == nil {
		return fail(fmt.Errorf("page %q names no public body: expected /body/ and its name there, such as /body/leicester_city_council", o.Page))
	}
	rd := newReader()
	base := strings.TrimSuffix(o.Base, "/")
	return crawl.Source{
		ID: o.ID, Name: o.Name, Body: o.Body, Platform: "whatdotheyknow", Base: o.Base, Kind: store.KindRequest, Pace: o.Pace,
		Plan: func(v crawl.Visit) []crawl.Request {
			return []crawl.Request{crawl.Again(crawl.Request{
				URL: base + "/feed/body/" + m[1] + ".json", Accept: "application/json",
				Parse: func(p *crawl.Page) error { return rd.events(p, v, base) },
			}, 2)}
		},
	}, nil
}

// A foiEvent is what happened to a request, as the feed has it. It names the
// requester too, and quotes letters: neither is read.
type foiEvent struct {
	ID      uint64 `json:"id"`
	Type    string `json:"event_type"`
	At      string `json:"created_at"`
	State   string `json:"display_status"`
	Known   string `json:"calculated_state"`
	Request struct {
		Slug  string `json:"url_title"`
		Title string `json:"title"`
		State string `json:"display_status"`
	} `json:"info_request"`
}

// told is what an event means to readers, "" for what only keeps the site tidy.
func told(kind string) string {
	switch kind {
	case "sent", "resent":
		return "request sent"
	case "followup_sent", "followup_resent":
		return "follow-up sent"
	case "response":
		return "response"
	case "overdue":
		return "answer overdue"
	case "very_overdue":
		return "answer long overdue"
	case "status_update":
		return "state changed"
	}
	return ""
}

// events folds the feed's events into requests: each is known by its name on
// the site, and carries the last thing that happened to it. A request whose
// sending is not in the feed is an old one (Published stays zero).
func (rd *reader) events(p *crawl.Page, v crawl.Visit, base string) error {
	body := bytes.TrimSpace(p.Body)
	if len(body) == 0 || body[0] != '[' {
		if err := p.StandIn(); err != nil {
			return err
		}
		return crawl.Errorf(store.ReasonFormat, "not the list of events that the site gives")
	}
	var list []foiEvent
	if err := json.Unmarshal(body, &list); err != nil {
		if strings.Contains(err.Error(), "unexpected end") {
			return crawl.Errorf(store.ReasonTruncated, "the feed has no end: %w", err)
		}
		return crawl.Errorf(store.ReasonFormat, "reading the feed: %w", err)
	}
	last, _ := strconv.ParseUint(v.Old.Cursor, 10, 64)
	low, high := ^uint64(0), last
	order := []string{}
	by := map[string][]foiEvent{}
	for i, e := range list {
		low, high = min(low, e.ID), max(high, e.ID)
		if _, ok := rd.time(e.At); !ok || e.ID == 0 || e.Request.Slug == "" || strings.ContainsAny(e.Request.Slug, "/?# ") {
			return crawl.Errorf(store.ReasonFormat, "event %d of the feed has no number, time or request", i+1)
		}
		if told(e.Type) == "" {
			continue
		}
		if by[e.Request.Slug] == nil {
			order = append(order, e.Request.Slug)
		}
		by[e.Request.Slug] = append(by[e.Request.Slug], e)
	}
	for _, slug := range order {
		p.Add(rd.request(slug, by[slug], base))
	}
	if last > 0 && len(list) >= mostEvents && low > last {
		p.Problem(store.ReasonGap, "requests between two visits", fmt.Sprintf("the feed shows %d events, and all of them are new", len(list)))
	}
	if v.Backfill() {
		p.Checkpoint("")
		return nil
	}
	p.Checkpoint(strconv.FormatUint(high, 10))
	return nil
}

func (rd *reader) request(slug string, events []foiEvent, base string) store.Item {
	when := func(e foiEvent) time.Time { t, _ := rd.time(e.At); return t }
	newest(events, when)
	e := events[0]
	it := store.Item{
		Key: "request/" + slug, Kind: store.KindRequest, Title: rd.plain(e.Request.Title, false), URL: base + "/request/" + slug,
		Fields: map[string]string{
			FieldEvent:   told(e.Type),
			FieldEventAt: when(e).In(rd.london).Format(time.RFC3339),
			FieldState:   strings.ReplaceAll(first(e.State, e.Known), "_", " "),
		},
	}
	if it.Title == "" {
		it.Title = strings.ReplaceAll(slug, "_", " ")
	}
	for _, x := range events {
		if x.Type == "sent" {
			it.Published = when(x)
		}
	}
	return it
}
