package judge

import (
	"os"
	"path/filepath"
	"testing"

	"ccgwatch/config/catalogue"
	"ccgwatch/store"
)

// shippedRules are the rules of the catalogue, converted as cmd does it.
func shippedRules(t testing.TB) Rules {
	t.Helper()
	v, err := catalogue.Terms()
	if err != nil {
		t.Fatal(err)
	}
	days, err := catalogue.Holidays()
	if err != nil {
		t.Fatal(err)
	}
	r := Rules{Version: v.Version, Lists: v.Lists, Holidays: days}
	for _, x := range v.Terms {
		r.Terms = append(r.Terms, Term{
			Term: x.Term, Also: x.Also, Weak: x.Weak, Caps: x.Caps, Weight: x.Weight,
			Topic: store.Topic(x.Topic), Needs: x.Needs, Not: x.Not, Why: x.Why,
		})
	}
	for _, x := range v.Acts {
		a := Act{Name: x.Name, Tier: store.Tier(x.Tier), Plain: x.Plain, Any: x.Any, With: x.With, Not: x.Not, Why: x.Why}
		for _, topic := range x.Topics {
			a.Topics = append(a.Topics, store.Topic(topic))
		}
		r.Acts = append(r.Acts, a)
	}
	for _, x := range []struct {
		from []catalogue.Rule
		to   *[]Rule
	}{{v.Notices.Care, &r.Notices.Care}, {v.Notices.Outsourcing, &r.Notices.Outsourcing}, {v.Notices.Supplier, &r.Notices.Supplier}} {
		for _, rule := range x.from {
			*x.to = append(*x.to, Rule(rule))
		}
	}
	return r
}

func shippedJudge(t testing.TB) *Judge {
	t.Helper()
	j, err := New(shippedRules(t))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// shared is the folder of recorded data, which stays outside the repository.
// Tests that need it are skipped where it is absent.
func shared(t testing.TB, path ...string) string {
	t.Helper()
	dir := os.Getenv("CCGWATCH_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	full := filepath.Join(append([]string{dir}, path...)...)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("SKIPPED, recorded data is absent: %v (set CCGWATCH_SHARED)", err)
	}
	return full
}
