package alerts

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// S13: what the operator is sent a copy of is what a reader of everything is told in
// the same run, each week, whoever else there is; and it takes nothing from anybody.
func TestEverythingIsWhatAReaderOfEverythingIsTold(t *testing.T) {
	m := newMemory()
	m.subscribe(weekly("all", ""))
	m.subscribe(weekly("few", "dialysis"))
	x, g := matcher(m), digester(t, m)
	m.items["s/7"] = meetingItem("7", "Board", day(25))
	last := time.Time{}
	for week := range 3 {
		monday := 10 + 7*week
		m.commit(day(monday), change("1", "tenders one"))
		m.commit(day(monday+1), change("2", "outsourcing two"))
		follow(t, x)
		now := g.Schedule.Last(day(monday + 5)).Add(time.Minute)
		if _, some, err := g.RunOf(t.Context(), store.Weekly, now); err != nil || some {
			t.Fatal("a run before there was one", err)
		}
		due(t, g, now)
		slot, some, err := g.RunOf(t.Context(), store.Weekly, now)
		if err != nil || !some || slot.After(now) {
			t.Fatal(slot, some, err)
		}
		if _, some, err := g.RunOf(t.Context(), store.Daily, now); err != nil || some {
			t.Fatal("nobody has a daily digest", err)
		}
		before := m.show()
		d, err := g.Everything(t.Context(), store.Weekly, slot, last, now)
		if err != nil {
			t.Fatal(err)
		}
		last = slot
		if m.show() != before {
			t.Error("the outbox is another")
		}
		if d := cmp.Diff(told(m, "all")[week], showDigest(d)); d != "" {
			t.Errorf("week %d: -reader +copy:\n%s", week, d)
		}
	}
}

// told are the digests of a subscription, in their order.
func told(m *memory, subscription string) (all []string) {
	for _, d := range m.deliveries {
		if d.Subscription == subscription {
			all = append(all, string(d.Raw))
		}
	}
	return all
}
