package moderngov

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

const decisionList = "/mgDelegatedDecisions.aspx?bcr=1&DM=0&DS=2&K=0&DR=03%2F07%2F2026-12%2F08%2F2026&V=0"

// Decisions made at a meeting are linked by the number of their agenda item, which
// may well be the number of another decision too: that one's page was read for it,
// and its text and papers told under the wrong title.
func TestADecisionMadeAtAMeetingIsNotTakenForTheOneWithItsNumber(t *testing.T) {
	c := fixture(t, "decisions.txtar")
	list := strings.Replace(c.answers[decisionList], "ieDecisionDetails.aspx?ID=78", "ieDecisionDetails.aspx?AIId=77", 1)
	c = c.with(map[string]string{decisionList: list, "/ieDecisionDetails.aspx?AIId=77": c.answers["/ieDecisionDetails.aspx?ID=78"]})
	s, err := c.decisions(t, today(), store.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, it := range s.Items {
		if strings.HasPrefix(it.Key, "decision/") {
			got = append(got, it.Key+" "+it.Title+" "+it.URL+" "+it.Fields[FieldText])
		}
	}
	if d := cmp.Diff([]string{
		"decision/77 School nursing: award of contract " + base + "/ieDecisionDetails.aspx?ID=77 To award the contract for school nursing.",
		"decision/item-77 Minutes " + base + "/ieDecisionDetails.aspx?AIId=77 ",
	}, got); d != "" {
		t.Error("(-want +got)\n", d)
	}
}

// A plan whose items are written in a way we do not know is not a plan without
// items: any page says "no" somewhere.
func TestAPlanInAnotherTemplateIsNoEmptyPlan(t *testing.T) {
	const plan = "/mgListPlanItems.aspx?PlanId=11&RP=3"
	page := func(inside string) string {
		return `<html><body><div id="modgov"><h1 class="mgMainTitleTxt">Forward Plan</h1>` + inside + `<div class="mgFooter"></div></div></body></html>`
	}
	for _, c := range []struct {
		inside string
		items  int // -1: cannot be read
	}{
		{`<p>Plan no 11 from 1 August 2026. A decision that is no longer key is marked.</p><ul><li><a href="mgNewPlanItem.aspx?Id=901">Recommissioning of home care</a></li></ul>`, -1},
		{`<p>There are no items on this plan.</p>`, 0},
		{`<p>No forward plan items have been published.</p>`, 0},
		{`<ul><li><a href="ieIssueDetails.aspx?IId=901&amp;Opt=3">Recommissioning of home care</a></li></ul>`, 1},
	} {
		whole := fixture(t, "decisions.txtar")
		s, err := whole.with(map[string]string{plan: page(c.inside), "/ieIssueDetails.aspx?IId=901": whole.answers["/mgIssueHistoryHome.aspx?IId=901"]}).decisions(t, today(), store.Snapshot{})
		n := 0
		for _, it := range s.Items {
			if strings.HasPrefix(it.Key, "issue/") && !it.Stub && it.Fields[FieldNotice] == "2026-07-20" {
				n++
			}
		}
		if (err != nil) != (c.items < 0) || err == nil && n != c.items {
			t.Errorf("%s: %d items, %v", c.inside, n, err)
		}
	}
}

// Plans that were there and of which the page says nothing any more are a fault of
// the page, and not the end of all plans.
func TestForwardPlansThatVanishFromTheirPageAreToldAsAFault(t *testing.T) {
	whole := fixture(t, "decisions.txtar")
	first, err := whole.decisions(t, today(), store.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	old, _ := store.Diff(store.Snapshot{}, first)
	old.Baseline = today()
	bare := whole.with(map[string]string{"/mgPlansHome.aspx?bcr=1": `<html><body><div id="modgov"><h1 class="mgMainTitleTxt">Plans</h1><div class="plan-cards"></div><div class="mgFooter"></div></div></body></html>`})
	s, err := bare.decisions(t, today(), old)
	if err != nil || len(s.Problems) != 1 || s.Problems[0].Reason != store.ReasonMissing {
		t.Fatalf("%v %+v", err, s.Problems)
	}
	if _, changes := store.Diff(old, s); len(changes) != 0 {
		t.Errorf("%+v", changes)
	}
	if s, err = bare.decisions(t, today(), store.Snapshot{}); err != nil || len(s.Problems) != 0 {
		t.Errorf("a site that has no plans: %v %+v", err, s.Problems)
	}
}

// A table of decisions whose links lead nowhere we know is not an empty table.
func TestATableOfDecisionsInAnotherTemplateIsNotEmpty(t *testing.T) {
	whole := fixture(t, "decisions.txtar")
	list := strings.ReplaceAll(whole.answers[decisionList], "ieDecisionDetails.aspx?ID=", "mgDecision.aspx?Number=")
	list = strings.ReplaceAll(list, "mgIssueHistoryHome.aspx?IId=", "mgDecision.aspx?Number=")
	s, err := whole.with(map[string]string{decisionList: list}).decisions(t, today(), store.Snapshot{})
	if err == nil {
		t.Errorf("read as %d items", len(s.Items))
	}
}
