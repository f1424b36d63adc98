package alerts

import (
	"fmt"
	"testing"
	"time"

	"ccgwatch/store"
)

// Whoever was ever mailed was remembered until the next start, by address, also
// who had left or was erased: one more for each who came.
func TestAddressesThatAreMailedNoMoreAreForgotten(t *testing.T) {
	p := &Postman{PerAddress: 5, quota: quota{to: map[string][]time.Time{}}}
	start := time.Date(2026, 9, 7, 7, 30, 0, 0, time.UTC)
	for d := range 700 {
		p.note(fmt.Sprintf("Visitor%d@example.net", d), start.AddDate(0, 0, d))
		if n := len(p.quota.to); n > 3 {
			t.Fatalf("after %d days %d addresses are remembered", d+1, n)
		}
	}
	// What counts is not forgotten.
	now := start.AddDate(2, 0, 0)
	for i := range p.PerAddress {
		p.note("ann@example.org", now.Add(time.Duration(i)*time.Minute))
	}
	for h := range 23 {
		p.note(fmt.Sprintf("other%d@example.org", h), now.Add(time.Duration(h)*time.Hour))
	}
	if until := p.fullFor("Ann@example.org", now.Add(23*time.Hour)); until.IsZero() {
		t.Error("five mails of a day were forgotten before the day was over")
	}
}

// A domain of which one message came back was remembered for ever, and so was how
// often it had refused us.
func TestDomainsThatFailedLongAgoAreForgotten(t *testing.T) {
	x := &Domains{Key: func(domain string) string { return "key of " + domain }, read: true, holds: map[string]store.Hold{}, failed: map[string]map[string]failure{}, policy: map[string]int{}}
	start := time.Date(2026, 9, 7, 7, 30, 0, 0, time.UTC)
	fail := func(d int) {
		t.Helper()
		sub := store.Subscription{ID: fmt.Sprint("s", d), Address: fmt.Sprintf("somebody@d%d.example", d)}
		if err := x.Failed(t.Context(), start.AddDate(0, 0, d), store.Delivery{ID: fmt.Sprint("m", d)}, sub, d%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	most := int((giveUp+lookedAtDay)/(24*time.Hour)) + 2
	for d := range 700 {
		fail(d)
		if len(x.failed) > most || len(x.policy) > most {
			t.Fatalf("after %d days %d domains that failed are remembered, and %d that refused", d+1, len(x.failed), len(x.policy))
		}
	}
	if len(x.failed) < 2 {
		t.Errorf("%d domains that failed are remembered of a week in which one did each day", len(x.failed))
	}
}
