package judge

import (
	"slices"
	"strings"
	"testing"
)

// The words that tell no procurement from another are data: another list makes
// another name of a service.
func TestWordsThatTellNothingAreData(t *testing.T) {
	r := shippedRules(t)
	name := func(title string) string {
		t.Helper()
		j, err := New(r)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(j.NewHandles().core(title), " ")
	}
	const title = "Re-procurement of the Community Nursing Services Contract for Anytown Borough, March"
	if got := name(title); got != "community nursing anytown" {
		t.Errorf("by the shipped lists the name is %q", got)
	}
	lists := map[string][]string{}
	for k, v := range r.Lists {
		lists[k] = slices.Clone(v)
	}
	r.Lists = lists
	r.Lists["join-usual"] = append(r.Lists["join-usual"], "anytown")
	r.Lists["join-bodies"] = slices.DeleteFunc(r.Lists["join-bodies"], func(w string) bool { return w == "borough" })
	if got := name(title); got != "community nursing borough" {
		t.Errorf("by other lists the name is %q", got)
	}
	j, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	if got := j.supplierWords("Community Nursing Group Ltd"); got != nil {
		t.Errorf("shared words alone are taken for a company: %v", got)
	}
	r.Lists["join-shared"] = []string{"community"}
	if j, err = New(r); err != nil {
		t.Fatal(err)
	}
	if got := j.supplierWords("Community Nursing Group Ltd"); strings.Join(got, " ") != "community nursing" {
		t.Errorf("the company is %v", got)
	}
}

// A slip of the pen in them is an error, and not a word that is never met; so is
// a list that is not there, and a rule that takes one for phrases.
func TestWordsThatTellNothingAreChecked(t *testing.T) {
	for _, bad := range []string{"Nurse", "home care", "services", "non-urgent", ""} {
		r := shippedRules(t)
		r.Lists = map[string][]string{}
		for k, v := range shippedRules(t).Lists {
			r.Lists[k] = v
		}
		r.Lists["join-shared"] = append(slices.Clone(r.Lists["join-shared"]), bad)
		if _, err := New(r); err == nil || !strings.Contains(err.Error(), "join-shared") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	r := shippedRules(t)
	lists := r.Lists
	r.Lists = map[string][]string{}
	for k, v := range lists {
		if k != "join-small" {
			r.Lists[k] = v
		}
	}
	if _, err := New(r); err == nil || !strings.Contains(err.Error(), "join-small") {
		t.Errorf("without a list: %v", err)
	}
	r = shippedRules(t)
	r.Terms = append(slices.Clone(r.Terms), Term{Term: "x", Also: []string{"@join-small"}, Weight: 1})
	if _, err := New(r); err == nil || !strings.Contains(err.Error(), "join-small") {
		t.Errorf("named by a term: %v", err)
	}
}
