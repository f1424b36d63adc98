package alerts

import (
	"testing"

	"ccgwatch/store"
)

// Two findings of one sentence are told as one; what the notice changed, and
// what it does not say, must not get lost with the second.
func TestFolderKeepsWhatMoved(t *testing.T) {
	stage := store.Move{Kind: "stage", Words: "Stage: award."}
	late := store.Move{Kind: "late", Words: "Published late."}
	f := newFolder(5)
	base := store.Finding{Source: "fts", Key: "o/1", Quote: "It was awarded.", Topic: store.TopicAwards, Tier: store.TierCertain}
	a, b, c := base, base, base
	a.ID, a.Topic = "a", store.TopicDeadlines
	a.Moves = []store.Move{late}
	b.ID, b.Moves, b.Unsaid = "b", []store.Move{stage}, []string{"the price"}
	c.ID, c.Topic, c.Moves = "c", store.TopicOutsourcing, []store.Move{stage}
	for _, x := range []store.Finding{a, b, c} {
		f.add(x)
	}
	things := f.done()
	if len(things) != 1 || len(things[0].Findings) != 1 {
		t.Fatalf("%+v", things)
	}
	got := things[0].Lead()
	if got.ID != "c" || len(got.Moves) != 2 || len(got.Unsaid) != 1 {
		t.Errorf("%+v", got)
	}
	if len(a.Moves) != 1 || len(b.Moves) != 1 {
		t.Error("the findings themselves were altered")
	}
}
