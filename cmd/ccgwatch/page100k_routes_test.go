package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"ccgwatch/alerts/judge"
	"ccgwatch/alerts/web"
)

// notBenched are the routes of the pages that BenchmarkPage100k does not ask
// for, and why.
func notBenched() map[string]string {
	const token = "needs a token that was mailed, and shows one person's subscriptions"
	return map[string]string{
		"/":                 "what there is not",
		"/api/":             "what there is not",
		"/c/{token}":        token,
		"/m/{token}":        token,
		"/m/{token}/{id}":   token,
		"/m/{token}/erase":  token,
		"/m/{token}/export": token,
		"/u/{token}":        token,
		"/u/{token}/link":   "is posted to",
		"/data/{file}":      "a file with everything of a kind, which is no page",
	}
}

// allBenchPages are one or more of each route, and of each filter of a list its
// first page and one far down.
func allBenchPages(a *app) []benchPage {
	at := func(path string, values ...string) string {
		v := url.Values{}
		for i := 0; i < len(values); i += 2 {
			v.Set(values[i], values[i+1])
		}
		return path + "?" + v.Encode()
	}
	body := a.rules.Bodies[7].ID
	notice, meeting := "ocds-bench-010002/1", "meeting/050000"
	far := fmt.Sprintf("50000-%064d", 50_000)
	return append(benchPages(a), []benchPage{
		{"healthz", "/healthz"},
		{"style", "/style.css"},
		{"search-script", "/search.js"},
		{"deadlines-second", "/deadlines?page=2"},
		{"suppliers-far", "/suppliers?page=20"},
		{"suppliers-class", "/suppliers?class=company"},
		{"findings-far", at("/findings", "before", far)},
		{"findings-topic-far", at("/findings", "topic", "tenders", "before", far)},
		{"findings-topic-rare", "/findings?topic=consultations"},
		{"findings-topic-other", "/findings?topic=outsourcing"},
		{"findings-source-big", "/findings?source=big"},
		{"findings-source-none", "/findings?source=contracts-finder"},
		{"findings-words-far", at("/findings", "q", "1a", "before", far)},
		{"findings-words-topic", "/findings?q=1a&topic=outsourcing&source=big"},
		{"meetings-body", "/meetings?body=big"},
		{"meetings-second", "/meetings?page=2"},
		{"meetings-far", "/meetings?page=8"},
		{"record-far", "/items?before=50000"},
		{"record-first", "/items?before=100"},
		{"record-of-source", "/items?source=big"},
		{"record-of-kind-far", "/items?kind=meeting&before=50000"},
		{"record-of-body-far", at("/items", "body", body, "before", "50000")},
		{"record-of-meetings-of-body", at("/items", "body", body, "kind", "meeting")},
		{"record-of-papers", "/items?kind=paper"},
		{"record-of-requests", "/items?kind=request"},
		{"bodies-second", "/bodies?page=2"},
		{"bodies-named", "/bodies?q=nhs"},
		{"body-big", "/body/big"},
		{"feed-topic", "/feed.atom?topic=tenders"},
		{"feed-far", at("/feed.atom", "before", far)},
		{"feed-of-phrase", at("/feed.atom", "q", `"1a 2b"`)},
		{"feed-of-body-far", at("/body/"+body+"/feed.atom", "before", far)},
		{"feed-of-body-big", "/body/big/feed.atom"},
		{"search-second", "/search?q=1a&page=2"},
		{"search-far", "/search?q=1a&page=20"},
		{"search-topic", "/search?q=1a&topic=outsourcing"},
		{"search-source", "/search?q=1a&source=big&kind=meeting"},
		{"search-year", "/search?q=1a&year=2026"},
		{"api-item-notice", at("/api/v1/item", "source", "find-a-tender", "key", notice)},
		{"api-item-meeting", at("/api/v1/item", "source", "big", "key", meeting)},
		{"api-items-most", "/api/v1/items?limit=200"},
		{"api-items-meetings", "/api/v1/items?kind=meeting&limit=200"},
		{"api-items-far", "/api/v1/items?limit=200&cursor=50000"},
		{"api-changes-first", "/api/v1/changes"},
		{"api-changes-json", "/api/v1/changes?format=json&after=50000"},
		{"api-finding", fmt.Sprintf("/api/v1/findings/%064d", 50_000)},
		{"api-findings-most", "/api/v1/findings?limit=200"},
		{"api-findings-far", at("/api/v1/findings", "limit", "200", "cursor", far)},
		{"api-findings-topic", "/api/v1/findings?topic=outsourcing&limit=200"},
		{"api-threads-body", at("/api/v1/threads", "body", body)},
		{"api-threads-stage", "/api/v1/threads?stage=award"},
		{"api-meetings-most", "/api/v1/meetings?limit=200"},
		{"api-meetings-body", "/api/v1/meetings?body=big&limit=200"},
		{"api-deadlines-most", "/api/v1/deadlines?limit=200"},
		{"api-deadlines-body", at("/api/v1/deadlines", "body", body)},
		{"api-deadlines-end", "/api/v1/deadlines?limit=200&cursor=1000"},
		{"api-body", "/api/v1/bodies/" + body},
		{"api-bodies-most", "/api/v1/bodies?limit=200"},
		{"calendar-deadlines", "/calendar.ics?what=deadlines"},
		{"calendar-later", "/calendar.ics?from=2026-08-20"},
		{"calendar-source", "/calendar.ics?source=big"},
		{"calendar-half-a-year-back", "/calendar.ics?from=2026-01-01"},
		{"manage-preview", at("/subscribe", "q", `"1a 2b" OR topic:tenders`)},
	}...)
}

// Whatever route is added is asked for over 100,000 items, too, or it is said why
// not.
func TestEveryRouteIsBenched(t *testing.T) {
	a := &app{}
	for i := range 10 {
		a.rules.Bodies = append(a.rules.Bodies, judge.Body{ID: fmt.Sprint("body-", i), Name: fmt.Sprint("Body ", i)})
	}
	patterns := routesOf(t)
	paths, ok := web.Description("", "", true)["paths"].(map[string]any)
	if !ok || len(paths) < 10 {
		t.Fatal("the interface is described otherwise now")
	}
	for path := range paths {
		if strings.HasSuffix(path, "/") {
			path += "{$}"
		}
		patterns = append(patterns, path)
	}
	mux := http.NewServeMux()
	for _, p := range patterns {
		mux.Handle(p, http.NotFoundHandler())
	}
	asked, names := map[string]bool{}, map[string]bool{}
	for _, p := range allBenchPages(a) {
		_, pattern := mux.Handler(httptest.NewRequestWithContext(t.Context(), http.MethodGet, p.target, nil))
		asked[pattern] = true
		if names[p.name] {
			t.Errorf("two pages of the benchmark are called %s", p.name)
		}
		names[p.name] = true
	}
	for _, p := range patterns {
		switch why := notBenched()[p]; {
		case !asked[p] && why == "":
			t.Errorf("no page of the benchmark is of the route %s", p)
		case asked[p] && why != "":
			t.Errorf("%s is asked for, and said not to be, because: %s", p, why)
		}
	}
	for p := range notBenched() {
		if !slices.Contains(patterns, p) {
			t.Errorf("there is no route %s any more", p)
		}
	}
}
