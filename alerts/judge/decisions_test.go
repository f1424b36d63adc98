package judge

import (
	"strings"
	"testing"

	"ccgwatch/store"
)

// A key decision about health or care is told when it is listed, with the rule
// on notice; others are not.
func TestKeyDecisions(t *testing.T) {
	j := shippedJudge(t)
	j.reg = shippedRegister(t)
	for _, test := range []struct {
		name, key, title string
		fields           map[string]string
		want             string
	}{
		{"planned", "issue/7", "Substance misuse service", map[string]string{"key decision": "yes", "due": "Not before 1 Dec 2026", "notice": "2026-10-30"},
			"Leicester City Council lists a key decision to be made: Substance misuse service; due: Not before 1 Dec 2026; notice of it was first published on 30 October 2026, so that by the rule of 28 clear days it can be made from 28 November 2026 on."},
		{"made", "decision/8", "Extra Care Housing", map[string]string{"key decision": "yes", "decided": "2026-12-01"},
			"Leicester City Council has published a key decision: Extra Care Housing; decided: 1 December 2026."},
		{"by its department", "issue/9", "Contract 17", map[string]string{"key decision": "yes", "department": "Public Health"}, "Leicester City Council lists a key decision to be made: Contract 17."},
		{"no key decision", "issue/10", "Substance misuse service", map[string]string{"key decision": "no"}, ""},
		{"not said whether", "issue/11", "Substance misuse service", nil, ""},
		{"of something else", "issue/12", "Bridge repairs", map[string]string{"key decision": "yes"}, ""},
		{"health and safety is no care", "issue/13", "Health and safety policy", map[string]string{"key decision": "yes"}, ""},
		{"a paper of another kind", "document/14", "Substance misuse service", map[string]string{"key decision": "yes"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			it := store.Item{Source: "s", Key: test.key, Kind: store.KindPaper, Body: city, Title: test.title, Fields: test.fields}
			found, err := j.Findings(store.Change{Seq: 1, At: clock("2026-11-02"), Source: "s", Key: test.key, Kind: store.KindPaper, Op: store.OpAdded, What: []store.What{store.DocumentAdded}, Title: test.title}, it,
				func(string) ([]string, error) { return nil, store.ErrNotFound })
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, f := range found {
				if strings.HasPrefix(f.Rule, "decision: ") {
					got = f.Quote
				}
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
