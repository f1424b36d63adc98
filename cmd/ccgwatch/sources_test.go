package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/config/catalogue"
	"ccgwatch/scrapers"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// ownSites stands for scrapers.Sites: the mechanism must work before the first
// site of its own kind is there.
func ownSites() []crawl.Source {
	return []crawl.Source{{
		ID: "exampleshire", Name: "Exampleshire Hospitals: board papers", Base: "https://exampleshire.example", Kind: store.KindPaper, Whole: true,
		Pace: 9 * time.Second, Hosts: []string{"papers.exampleshire.example"}, Plan: func(crawl.Visit) []crawl.Request { return nil },
	}}
}

func follow(t *testing.T, toml string) ([]source, error) {
	t.Helper()
	known, err := knownNames(ownSites())
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := known.Parse("ccgwatch.toml", []byte("[group]\nbuiltin_sources = false\n"+toml))
	if err != nil {
		return nil, err
	}
	return followed(cfg, ownSites())
}

// A site of its own kind is followed by its id alone.
func TestOwnSiteIsFollowedByID(t *testing.T) {
	list, err := follow(t, `
[[source]]
id = "exampleshire"
`)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d sources, %v", len(list), err)
	}
	s := list[0]
	got := []string{s.ID, s.Name, s.Platform, s.Base, s.Schedule.String(), s.crawl.Pace.String(), strings.Join(s.crawl.Hosts, " ")}
	want := []string{"exampleshire", "Exampleshire Hospitals: board papers", "site", "https://exampleshire.example", "35 7,17 * * *", "9s", "papers.exampleshire.example"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("source (-want +got):\n%s", d)
	}
	if s.crawl.Plan == nil || !s.crawl.Whole {
		t.Error("what the site's file says is lost")
	}

	if list, err = follow(t, ""); err != nil || len(list) != 0 {
		t.Errorf("followed though nobody asked for it: %v %v", list, err)
	}
}

func TestOperatorOverOwnSite(t *testing.T) {
	list, err := follow(t, `
[[source]]
id = "exampleshire"
name = "Our hospital"
body = "leicester-city-council"
schedule = "1 6 * * *"
delay = "20s"
hosts = ["cdn.example"]
`)
	if err != nil {
		t.Fatal(err)
	}
	s := list[0]
	got := []string{s.Name, s.Body, s.crawl.Name, s.Schedule.String(), s.crawl.Pace.String(), strings.Join(s.crawl.Hosts, " ")}
	want := []string{"Our hospital", "leicester-city-council", "Our hospital", "1 6 * * *", "20s", "papers.exampleshire.example cdn.example"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("source (-want +got):\n%s", d)
	}
	for _, line := range []string{`base = "https://elsewhere.example"`, `page = "/x"`, `layout = "two-hop"`, `committees = ["health"]`} {
		if _, err := follow(t, "[[source]]\nid = \"exampleshire\"\n"+line+"\n"); err == nil || !strings.Contains(err.Error(), "exampleshire") {
			t.Errorf("%s: error %v, want one that names the source", line, err)
		}
	}
	list, err = follow(t, "[[source]]\nid = \"exampleshire\"\nplatform = \"moderngov\"\nbase = \"https://mine.example\"\n")
	if err != nil || list[0].Platform != "moderngov" || list[0].Name != "exampleshire" || list[0].crawl.Pace != 0 {
		t.Errorf("an operator's own row of the same id: %+v, %v", list, err)
	}
	if _, err := follow(t, "[[source]]\nid = \"exampleshre\"\n"); err == nil || !strings.Contains(err.Error(), `did you mean "exampleshire"?`) {
		t.Errorf("a slip in the id: %v", err)
	}
}

func TestOwnSiteInTheList(t *testing.T) {
	national := []catalogue.Listing{{ID: "exampleshire", Name: "Exampleshire", Base: "https://exampleshire.example"}, {ID: "other", Name: "Other", Base: "https://other.example"}}
	ids := func(rows []jsonSource) (out []string) {
		for _, r := range rows {
			out = append(out, r.ID+" "+r.Platform+map[bool]string{true: "followed", false: "not"}[r.Followed])
		}
		return out
	}
	if d := cmp.Diff([]string{"exampleshire sitenot", "other not"}, ids(listed(nil, ownSites(), national))); d != "" {
		t.Errorf("not followed (-want +got):\n%s", d)
	}
	list, err := follow(t, "[[source]]\nid = \"exampleshire\"\n")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"exampleshire sitefollowed", "other not"}, ids(listed(list, ownSites(), national))); d != "" {
		t.Errorf("followed (-want +got):\n%s", d)
	}
}

// The catalogue and the list of sites agree: no id twice, every body known.
func TestSitesFitTheCatalogue(t *testing.T) {
	builtin, err := catalogue.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	bodies, err := catalogue.Bodies()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scrapers.Sites() {
		if slices.ContainsFunc(builtin, func(r catalogue.Source) bool { return r.ID == s.ID }) {
			t.Errorf("%s is a row and a site", s.ID)
		}
		if s.Body != "" && !slices.ContainsFunc(bodies, func(b catalogue.Body) bool { return b.ID == s.Body }) {
			t.Errorf("%s: no body %q in bodies.csv", s.ID, s.Body)
		}
	}
	for _, r := range builtin {
		if _, err := build(r, nil, nil); err != nil {
			t.Errorf("%s: %v", r.ID, err)
		}
	}
}

// A row of the catalogue needs nothing but its id; a site's decisions are a
// source of their own beside its meetings.
func TestRowsOfTheCatalogueAndDecisions(t *testing.T) {
	national, err := catalogue.National()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, l := range national {
		row, ok := nationalRow(national, l.ID)
		if !ok {
			continue
		}
		n++
		if _, err := build(row, nil, nil); err != nil {
			t.Errorf("%s cannot be followed: %v", l.ID, err)
		}
	}
	if n < 500 {
		t.Errorf("%d rows can be followed", n)
	}
	list, err := follow(t, `
[[source]]
id = "kirklees-decisions"
platform = "moderngov"
base = "https://democracy.kirklees.gov.uk"
layout = "decisions"
`)
	if err != nil || len(list) != 1 || list[0].crawl.Kind != store.KindPaper || list[0].Body != "kirklees-council" {
		t.Errorf("%+v %v", list, err)
	}
	if _, err := follow(t, "[[source]]\nid = \"x\"\nplatform = \"boards\"\nbase = \"https://x.example\"\nlayout = \"decisions\"\n"); err == nil {
		t.Error("a board's page has decisions")
	}
}
