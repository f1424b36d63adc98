package main

import (
	"context"
	"math"

	"github.com/rogpeppe/go-internal/testscript"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// otherRulesCmd makes the store of the script look as if other rules, of version
// 0, had judged it: they found nothing of what is found but a word of their own
// in the first change.
func otherRulesCmd(ts *testscript.TestScript, _ bool, _ []string) {
	s, err := bolt.Open(ts.MkAbs("data"))
	ts.Check(err)
	ctx := context.Background()
	_, _, err = s.Rejudge(ctx, 0, math.MaxUint64-1, "0", []store.Finding{{
		ID: "00000000old", Change: 1, Source: "tenders", Key: "k", Kind: store.KindNotice, Topic: store.TopicTenders, Tier: store.TierCertain,
		Title: "Found by the old rules", Quote: "an old word", Rule: "old", Rules: "0",
	}})
	ts.Check(err)
	ts.Check(s.Close())
}
