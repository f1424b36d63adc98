package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// Councils, boards and requests whose answers are spoiled: 15 of 100 are late,
// cut, of the wrong type, an error page with status 200, or not there at all.
// Crawled once a day, every row of the truth is carried by exactly one change,
// and nothing else is in the log.
//
// It reads a month with three seeds where CCGWATCH_SOAK is set (Rutland's robots.txt
// asks for two seconds between requests: a seed takes a quarter of an hour), and
// else three days of a few. By hand, CCGWATCH_REPLAY_SEEDS names the seeds of a
// whole month and CCGWATCH_REPLAY_ONLY the sources.
func TestReplayNationWithFaults(t *testing.T) {
	only := strings.Fields(os.Getenv("CCGWATCH_REPLAY_ONLY"))
	seeds, end := strings.Fields(os.Getenv("CCGWATCH_REPLAY_SEEDS")), parse(t, "2026-09-08T18:00")
	switch {
	case len(seeds) > 0:
	case os.Getenv("CCGWATCH_SOAK") != "":
		seeds = []string{"1", "2", "7"}
	default:
		seeds, end = []string{"1"}, parse(t, "2026-08-12T18:00")
		if len(only) == 0 {
			only = []string{"uhl", "leicestershire"}
		}
	}
	for _, seed := range seeds {
		t.Run("seed "+seed, func(t *testing.T) { replayNation(t, seed, end, only) })
	}
}

// The same sites by their own names, through [fetch] proxy, each with the pace
// that its own robots.txt asks for: everything is carried once, and nobody is
// asked sooner than he wants to be. Minutes, for one site wants two seconds
// between requests.
func TestReplayByHostName(t *testing.T) {
	if os.Getenv("CCGWATCH_SOAK") == "" {
		t.Skip("SKIPPED: part of make soak")
	}
	r := startReplica(t, "-clock", "2026-08-09T00:00:00", "-rate", "off", "-wdtk-allow")
	names := strings.NewReplacer(
		r.base+"/moderngov/leicester", "http://cabinet.leicester.gov.uk", r.base+"/moderngov/leics", "http://democracy.leics.gov.uk",
		r.base+"/moderngov/rutland", "http://rutlandcounty.moderngov.co.uk", r.base+"/icb", "http://leicesterleicestershireandrutland.icb.nhs.uk",
		r.base+"/trust", "http://www.uhleicester.nhs.uk", r.base+"/cmis/cmis5", "http://cmis.harborough.gov.uk/cmis5", r.base+"/wdtk", "http://www.whatdotheyknow.com",
		"[fetch]\n", fmt.Sprintf("[fetch]\nproxy = %q\n", r.base))
	d := newDesk(t, names.Replace(nationConfig(r.base)))
	start, end := parse(t, "2026-08-09T07:00"), parse(t, "2026-08-14T07:00")
	for now := start; !now.After(end); now = now.AddDate(0, 0, 1) {
		r.moveTo(now)
		d.run(done, "crawl", "--as-of", now.Format(time.RFC3339))
	}
	checkNation(t, r.truth(start, end, ""), decodeLines[jsonChange](t, d.run(done, "changes", "--json")), nil)
	for name, n := range r.behaviour() {
		t.Errorf("%s: %d requests sooner than its robots.txt asks for", name, n)
	}
}

// nationSites are the replica's names of sources by ours.
func nationSites() map[string]string {
	return map[string]string{
		"cmis": "cmis", "uhl": "trust", "llr-icb": "icb", "wdtk-city": "wdtk", "wdtk-icb": "wdtk", "wdtk-uhl": "wdtk", "wdtk-lpt": "wdtk",
		"leicester": "moderngov/leicester", "leicestershire": "moderngov/leics", "rutland": "moderngov/rutland",
	}
}

// wdtkBodies are the public bodies whose requests our sources follow. The
// replica's truth calls them all wdtk, and names the body in its detail.
func wdtkBodies() map[string]string {
	return map[string]string{"wdtk-city": "leicester_city_council", "wdtk-icb": "nhs_leicester_leicestershire_and_rutland_icb",
		"wdtk-uhl": "university_hospitals_of_leicester_nhs_trust", "wdtk-lpt": "leicestershire_partnership_nhs_trust"}
}

// nationFollows tells whether a row of the truth is about what the sources
// follow, all of them where only names none.
func nationFollows(row truth, only []string) bool {
	bodies := wdtkBodies()
	for ours, theirs := range nationSites() {
		if theirs != row.Source || len(only) > 0 && !slices.Contains(only, ours) {
			continue
		}
		if body, request := bodies[ours]; !request || slices.Contains(strings.Fields(row.Detail), "body="+body) {
			return true
		}
	}
	return false
}

// A request to one body was wanted of a source that follows another: a cut of
// the replay with only the board's requests missed those made to the trust.
func TestReplayWantsOfASourceOnlyTheRequestsToItsBody(t *testing.T) {
	toTrust := truth{Source: "wdtk", Kind: "foi_request_new", Key: "request/x", Detail: "body=university_hospitals_of_leicester_nhs_trust event=sent state=waiting_response"}
	for _, c := range []struct {
		name string
		row  truth
		only []string
		want bool
	}{
		{"another body's requests", toTrust, []string{"wdtk-icb"}, false},
		{"its own body's requests", toTrust, []string{"wdtk-icb", "wdtk-uhl"}, true},
		{"everything is followed", toTrust, nil, true},
		{"a body that nobody follows", truth{Source: "wdtk", Detail: "body=another_council"}, nil, false},
		{"the trust's papers", truth{Source: "trust"}, []string{"uhl"}, true},
		{"another site", truth{Source: "icb"}, []string{"uhl"}, false},
	} {
		if got := nationFollows(c.row, c.only); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func nationConfig(base string) string {
	var b strings.Builder
	// The replica counts a request as open until its handler has returned, which
	// on a busy machine is later than the last byte: one millisecond is too short.
	b.WriteString(strings.Replace(monthConfig(base), `delay = "1ms"`, `delay = "25ms"`, 1))
	fmt.Fprintf(&b, "[[source]]\nid = \"cmis\"\nplatform = \"cmis\"\nbase = %q\n", base+"/cmis/cmis5")
	for id, body := range wdtkBodies() {
		fmt.Fprintf(&b, "[[source]]\nid = %q\nplatform = \"whatdotheyknow\"\nbase = %q\npage = %q\n", id, base+"/wdtk", "/body/"+body)
	}
	return b.String()
}

func replayNation(t *testing.T, seed string, end time.Time, only []string) {
	t.Helper()
	r := startReplica(t, "-clock", "2026-08-09T00:00:00", "-rate", "off", "-seed", seed, "-faults", "-fault-rate", "0.15", "-drip", "200ms", "-wdtk-allow")
	d := newDesk(t, nationConfig(r.base))
	start := parse(t, "2026-08-09T07:00")
	at := func(now time.Time) string { return now.Format(time.RFC3339) }
	any := []int{exitDone, exitSome, exitFailed}
	crawl := func(now time.Time) { d.run(any, append([]string{"crawl", "--as-of", at(now)}, only...)...) }
	r.moveTo(start)
	for i := range 4 { // the baseline: until every source was read once
		crawl(start.Add(time.Duration(i) * time.Minute))
	}
	for now := start.AddDate(0, 0, 1); now.Before(end); now = now.AddDate(0, 0, 1) {
		r.moveTo(now)
		crawl(now)
	}
	r.moveTo(end)
	for i := range 5 { // what the last day's faults hid
		crawl(end.Add(time.Duration(i) * time.Hour))
	}
	checkNation(t, r.truth(start, end, ""), decodeLines[jsonChange](t, d.run(done, "changes", "--json")), only)
	for _, f := range decodeLines[jsonFinding](t, d.run(done, "findings", "--json")) {
		for _, word := range []string{"unexpected error", "sharepoint", "correlation", "service unavailable"} {
			if strings.Contains(strings.ToLower(f.Title+" "+f.Quote), word) {
				t.Errorf("a finding from a spoiled answer: %s: %s", f.Title, f.Quote)
			}
		}
	}
	r.manners()
}

// nationKey names a row of the truth as our changes can be named: a document of
// CMIS has neither number nor address, only a meeting and a title.
func nationKey(row truth) string {
	if row.Source == "cmis" && strings.HasPrefix(row.Kind, "document_") {
		return row.Source + " " + row.Kind + " " + row.Detail + " " + row.Title
	}
	return row.Source + " " + row.Kind + " " + row.Key
}

// checkNation holds the log against the truth. Left out are the exceptions of
// the month's replay (a soft 404 and an emptied page are health, not news), and
// minutes on the replica's CMIS, which shows none.
func checkNation(t *testing.T, rows []truth, changes []jsonChange, only []string) {
	t.Helper()
	sites, want := nationSites(), map[string]bool{}
	for _, row := range rows {
		switch {
		case !nationFollows(row, only), row.Kind == "page_links_removed", row.Source == "trust" && row.Kind == "document_removed",
			row.Source == "cmis" && row.Kind == "minutes_published":
			continue
		}
		want[nth(want, nationKey(row))] = true
	}
	seen := map[string]int{}
	for _, c := range changes {
		site := sites[c.Source]
		for _, w := range c.What {
			if !strings.HasPrefix(string(w), "document_") {
				seen[site+" "+string(w)+" "+c.Key]++
				continue
			}
			for _, doc := range c.Documents {
				k := site + " " + string(w) + " " + doc.Key
				if site == "cmis" {
					k = site + " " + string(w) + " " + c.Key + " " + doc.Title
				}
				if want[numbered(k, 1)] || len(c.What) == 1 {
					seen[k]++
				}
			}
		}
		if len(c.What) == 0 || slices.Equal(c.What, []store.What{}) {
			t.Logf("change %d says nothing the truth knows: %s %s %v", c.Seq, c.Source, c.Key, c.Fields)
		}
	}
	got := map[string]int{}
	for k, n := range seen {
		for ; n > 0; n-- {
			got[numbered(k, n)]++
		}
	}
	compare(t, "nation", want, got)
}

// A key that the truth has twice (a request to which two things happened) is
// wanted twice, and no more often.
func numbered(key string, n int) string { return fmt.Sprintf("%s, %d", key, n) }

func nth(want map[string]bool, key string) string {
	n := 1
	for want[numbered(key, n)] {
		n++
	}
	return numbered(key, n)
}
