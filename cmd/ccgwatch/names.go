package main

import (
	"slices"
	"strings"

	"ccgwatch/alerts/judge"
	"ccgwatch/config/catalogue"
)

// followedAs gives, for each body, every name by which its news are asked for:
// its own; those of the bodies that it took over from, so that who follows a
// clinical commissioning group hears of the board after it; and of a cluster of
// boards, which meet as one, each other's way round: what a board does is news
// of its cluster, what the cluster does is news of each of its boards.
func followedAs(bodies []judge.Body, clusters []catalogue.Cluster) map[string][]string {
	own, before := map[string][]string{}, map[string][]string{}
	for _, b := range bodies {
		own[b.ID] = slices.Concat([]string{b.ID, b.Name}, b.Codes, b.Aliases)
		for _, next := range b.Successors {
			before[next] = append(before[next], b.ID)
		}
	}
	out := make(map[string][]string, len(bodies))
	for _, b := range bodies {
		seen := map[string]bool{}
		var add func(id string)
		add = func(id string) {
			if seen[id] {
				return // two that name each other
			}
			seen[id] = true
			out[b.ID] = append(out[b.ID], own[id]...)
			for _, old := range before[id] {
				add(old)
			}
		}
		add(b.ID)
		for _, c := range clusters {
			switch {
			case slices.Contains(c.Members, b.ID):
				out[b.ID] = append(out[b.ID], c.ID, c.Name, c.ID+" cluster")
			case slices.ContainsFunc(b.Aliases, func(a string) bool { return strings.EqualFold(a, c.ID+" cluster") }):
				for _, m := range c.Members {
					add(m)
				}
			}
		}
	}
	return out
}
