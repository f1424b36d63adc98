package main

import (
	"slices"
	"testing"

	"ccgwatch/alerts/judge"
	"ccgwatch/config/catalogue"
	"ccgwatch/store/query"
)

// Who follows a body hears of what came after it, and of the cluster it is in;
// nobody hears of what was before, or of a neighbour.
func TestFollowedAs(t *testing.T) {
	t.Parallel()
	bodies := []judge.Body{
		{ID: "old-ccg", Name: "NHS Old CCG", Codes: []string{"04C"}, Until: "2022-06-30", Successors: []string{"one-icb"}},
		{ID: "older-pct", Name: "Older PCT", Successors: []string{"old-ccg"}},
		{ID: "one-icb", Name: "NHS One ICB", Aliases: []string{"NHS One Integrated Care Board"}},
		{ID: "two-icb", Name: "NHS Two ICB"},
		{ID: "one-two", Name: "NHS One and Two ICB Cluster", Aliases: []string{"OT cluster"}},
		{ID: "ring-a", Name: "Ring A", Successors: []string{"ring-b"}},
		{ID: "ring-b", Name: "Ring B", Successors: []string{"ring-a"}},
	}
	names := followedAs(bodies, []catalogue.Cluster{{ID: "ot", Name: "One with Two", Members: []string{"one-icb", "two-icb"}}})
	for _, tt := range []struct {
		query string
		of    []string // the bodies whose news it brings
	}{
		{"body:old-ccg", []string{"old-ccg", "one-icb", "one-two"}},
		{"body:04C", []string{"old-ccg", "one-icb", "one-two"}},
		{"body:older-pct", []string{"old-ccg", "older-pct", "one-icb", "one-two"}},
		{"body:one-icb", []string{"one-icb", "one-two"}},
		{"body:two-icb", []string{"one-two", "two-icb"}},
		{"body:ot", []string{"one-icb", "two-icb"}},
		{`body:"OT cluster"`, []string{"one-icb", "one-two", "two-icb"}},
		{"body:ring-a", []string{"ring-a", "ring-b"}},
	} {
		q, err := query.Parse(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, b := range bodies {
			if q.Match(query.Facts{Bodies: names[b.ID]}) {
				got = append(got, b.ID)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, tt.of) {
			t.Errorf("%s brings the news of %v, want %v", tt.query, got, tt.of)
		}
	}
}

// In the catalogue, Leicester's former group leads to its board and the cluster.
func TestFollowingLeicestersFormerGroup(t *testing.T) {
	t.Parallel()
	rules, err := loadRules()
	if err != nil {
		t.Fatal(err)
	}
	clusters, err := catalogue.Clusters()
	if err != nil {
		t.Fatal(err)
	}
	names := followedAs(rules.Bodies, clusters)
	for _, id := range []string{"nhs-leicester-leicestershire-and-rutland-icb", "nhs-leicester-leicestershire-rutland-and-northamptonshire-icb-cluster"} {
		if !slices.Contains(names[id], "nhs-leicester-city-ccg") {
			t.Errorf("who follows Leicester City CCG does not hear of %s", id)
		}
	}
	if slices.Contains(names["nhs-northamptonshire-icb"], "nhs-leicester-city-ccg") {
		t.Error("who follows Leicester City CCG hears of Northamptonshire's board")
	}
}
