package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// Whoever follows next (RFC 5005) has read every finding once, and each part is
// a feed by itself with the id of the whole.
func TestFeedsAreReadToTheirEnd(t *testing.T) {
	s, st := sample()
	st.findings, st.changes = nil, nil
	var all, ofBody []string
	for i := range 230 {
		source, change := "leicester", uint64(i/3+1) // three of each change
		if change%4 == 0 {
			source = "uhl"
		}
		st.findings = append(st.findings, store.Finding{ID: fmt.Sprint("g", i), At: at("2026-08-01 06:06").Add(time.Duration(i) * time.Minute), Change: change, Source: source, Key: "k", Kind: store.KindPage, Topic: store.TopicPapers, Title: "Page", Quote: strings.Repeat("long & ", i%160)})
		if i%3 == 0 {
			st.changes = append(st.changes, store.Change{Seq: change, At: at("2026-08-01 06:05"), Source: source, Key: "k", Kind: store.KindPage, Op: store.OpAmended})
		}
		all = append([]string{fmt.Sprint("g", i)}, all...)
		if source == "leicester" {
			ofBody = append([]string{fmt.Sprint("g", i)}, ofBody...)
		}
	}
	h := s.Handler()
	for target, want := range map[string][]string{"/feed.atom": all, "/feed.atom?q=page": all, "/body/leicester-city-council/feed.atom": ofBody} {
		var got []string
		id := ""
		parts := 0
		for at := target; at != ""; parts++ {
			f, _ := getFeed(t, h, at)
			for _, e := range f.all("entry") {
				got = append(got, strings.TrimPrefix(e.link("alternate"), "https://watch.example.org/finding/"))
			}
			if own := f.one(t, "id").text; id != "" && own != id {
				t.Errorf("%s has the id %s, the feed %s", at, own, id)
			} else {
				id = own
			}
			if first := f.link("first"); first != "https://watch.example.org"+target {
				t.Errorf("%s begins at %s", at, first)
			}
			at = strings.TrimPrefix(f.link("next"), "https://watch.example.org")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", target, diff)
		}
		if parts < 4 {
			t.Errorf("%s has %d parts", target, parts)
		}
	}
	for _, target := range []string{"/feed.atom?before=x", "/body/leicester-city-council/feed.atom?before=x"} {
		if w := ask(h, "GET", target); w.Code != 400 {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

func TestFeedOfAProcurement(t *testing.T) {
	s, _ := sample()
	s = withThreads(s)
	h := s.Handler()
	f, _ := getFeed(t, h, "/thread/ocds-h6vhtk-0000aa/feed.atom")
	var got []string
	for _, e := range f.all("entry") {
		got = append(got, e.one(t, "updated").text+" "+e.one(t, "title").text+" | "+e.one(t, "summary").text+" | "+e.link("via"))
	}
	want := []string{
		"2026-08-11T09:00:00Z The buyer intends to award; the notice does not say that a contract is made: Night nursing | “Not yet awarded.” (from the notice). Stage: intention to award; the notice of 10 August 2026 said tender. | ",
		"2026-08-10T09:00:00Z Open for bids: Night <b>nursing</b> | “Tenders are <i>invited</i>.” (from the notice). | https://notices.example.org/1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("the latest first (-want +got)\n", diff)
	}
	if w := ask(h, "GET", "/thread/none/feed.atom"); w.Code != 404 {
		t.Error(w.Code)
	}
	checkICal(t, fetchData(t, h, "/thread/ocds-h6vhtk-0000bb/calendar.ics"))
}
