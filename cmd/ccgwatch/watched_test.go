package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/scrapers/ocds"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// How often a procurement is read again: the nearer its deadline the oftener,
// never once it is over, and a quarter as often where it is far away.
func TestProcessEvery(t *testing.T) {
	now := time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC)
	days := func(n int) time.Time { return now.AddDate(0, 0, n) }
	for _, c := range []struct {
		name string
		p    process
		want int // days; 0: not at all
	}{
		{"closes this week", process{stage: "tender", at: days(-20), deadline: days(3), near: true}, 1},
		{"closes next month", process{stage: "tender", at: days(-20), deadline: days(30), near: true}, 3},
		{"closed, no outcome yet", process{stage: "tender", at: days(-60), deadline: days(-20), near: true}, 7},
		{"closed long ago", process{stage: "tender", at: days(-300), deadline: days(-200), near: true}, 0},
		{"an intention in its standstill", process{stage: "intention", at: days(-2), deadline: days(6), near: true}, 1},
		{"an intention never confirmed", process{stage: "intention", at: days(-80), deadline: days(-70), near: true}, 3},
		{"planned, no date", process{stage: "planned", at: days(-80), near: true}, 14},
		{"heard of last year", process{stage: "pipeline", at: days(-400), near: true}, 0},
		{"awarded", process{stage: "contract", at: days(-1), near: true}, 0},
		{"cancelled", process{stage: "cancelled", at: days(-1), near: true}, 0},
		{"far away", process{stage: "tender", at: days(-20), deadline: days(30)}, 12},
	} {
		got, ok := c.p.every(now)
		if ok != (c.want > 0) || got != time.Duration(c.want)*24*time.Hour {
			t.Errorf("%s: every %s, %v", c.name, got, ok)
		}
	}
}

// The list follows the findings: a later stage takes a procurement off, what is
// only a mention and what comes from another source is not on.
func TestWatchlist(t *testing.T) {
	st, err := bolt.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	now := time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC)
	seq := uint64(0)
	find := func(source, key, stage string, areas ...string) store.Finding {
		seq++
		return store.Finding{
			ID: fmt.Sprint(seq), At: now.Add(time.Duration(seq) * time.Minute), Change: seq, Source: source, Key: key, Kind: store.KindNotice,
			Tier: store.TierCertain, Stage: stage, Areas: areas, Deadline: &store.Deadline{Stated: now.AddDate(0, 0, 20).Format(time.RFC3339)},
		}
	}
	w := &watchlist{areas: []string{"leicester"}}
	check := func(want string) {
		t.Helper()
		list, err := w.list(t.Context(), st, "fts", now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, x := range list {
			got = append(got, fmt.Sprint(x.ID, "/", x.Every.Hours()/24))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("watched: %s, want %s", s, want)
		}
	}
	put := func(list ...store.Finding) {
		t.Helper()
		pos, err := st.Position(t.Context(), alerts.Follower)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Advance(t.Context(), alerts.Follower, pos, store.Position{Seq: seq}, list, nil); err != nil {
			t.Fatal(err)
		}
	}
	check("")
	mention := find("fts", "ocid-d/4", "tender")
	mention.Tier = store.TierMention
	put(find("fts", "ocid-b/1", "tender", "rutland"), find("fts", "ocid-a/2", "tender", "leicester"), find("cf", "ocid-c/3", "tender"), mention)
	check("ocid-a/3 ocid-b/12")
	over := find("fts", "ocid-a/5", "contract", "leicester")
	over.Deadline = &store.Deadline{Stated: now.AddDate(0, 0, -1).Format(time.RFC3339)}
	put(over, find("fts", "ocid-b/6", "intention", "leicester"))
	check("ocid-b/3")
}

func TestAuditWords(t *testing.T) {
	at := time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC)
	for want, a := range map[string]ocds.Audit{
		"955 notices between numbers 075502-2026 and 076460-2026; 3 numbers never seen; 1 number missing and still asked for; 2 found only by number": {From: "075502-2026", To: "076460-2026", Seen: 955, Never: 3, Asking: 1, Found: 2},
		"2 notices found only by the second interface, last compared Monday 10 August 2026, 10:00":                                                    {Crossed: at, Only: 2},
		"1 procurement watched for edits in place, 0 read again so far":                                                                               {Watched: 1},
		"": {},
	} {
		if got := strings.Join(auditWords(a), "\n"); got != want {
			t.Errorf("%+v reads %q", a, got)
		}
	}
}
