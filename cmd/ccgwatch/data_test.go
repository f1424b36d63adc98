package main

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts/web"
	"ccgwatch/store"
)

// Scripts that read --json can read the data of the pages: what both have has
// the same name and the same value.
func TestTheDataSayWhatTheCommandsSay(t *testing.T) {
	now := time.Date(2026, 8, 12, 12, 0, 0, 0, time.UTC)
	it := store.Item{
		Source: "leicester", Key: "m/1", Kind: store.KindMeeting, Body: "b", Title: "Scrutiny", URL: "https://council.example.org/1", Published: now, FirstSeen: now, Changed: now, Withdrawn: now,
		Fields: map[string]string{"when": "2026-08-19"}, Documents: []store.Document{{Key: "d", Title: "Report", URL: "https://council.example.org/d", SHA256: "ab", Pages: 3}},
	}
	change := store.Change{
		Seq: 3, At: now, Source: "leicester", Key: "m/1", Kind: store.KindMeeting, Op: store.OpAmended, What: []store.What{store.MeetingMoved}, Title: "Scrutiny", URL: "https://council.example.org/1",
		Fields: []store.FieldChange{{Name: "when", Old: "a", New: "b"}}, Documents: it.Documents, Silent: true,
	}
	finding := store.Finding{
		ID: "f", At: now, Source: "leicester", Key: "m/1", Kind: store.KindMeeting, Topic: store.TopicPapers, Tier: store.TierLikely, Title: "Scrutiny", URL: "https://council.example.org/1", Document: "Report", Quote: "q", Page: 2,
		Stage: "tender", Regime: "psr", Deadline: &store.Deadline{Stated: "2026-09-01", Kind: "tender"}, Thread: "t", Moves: []store.Move{{Kind: "stage", Words: "w"}}, Unsaid: []string{"u"}, Body: "b", Areas: []string{"a"}, Silent: true,
	}
	for name, pair := range map[string][2]any{
		"items": {itemJSON(it), web.MakeItemLine(it, london())}, "changes": {changeJSON(change), web.MakeChangeLine(change, london())}, "findings": {findingJSON(finding), web.MakeFindingLine(finding, "", london())},
	} {
		var values [2]map[string]any
		for i, x := range pair {
			b, err := json.Marshal(x)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &values[i]); err != nil {
				t.Fatal(err)
			}
		}
		command, data := values[0], values[1]
		for _, k := range slices.Sorted(maps.Keys(command)) {
			if diff := cmp.Diff(command[k], data[k]); diff != "" {
				t.Errorf("%s: %s (-command +data)\n%s", name, k, diff)
			}
		}
	}
}
