package alerts

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// TestConfirmationsGoFirst: however much waits, and however little the relay
// takes, who asks for a mail gets it before alerts, and those before digests.
func TestConfirmationsGoFirst(t *testing.T) {
	m := newMemory()
	m.subscribe(sub("ann", ""))
	put := func(n int, kind string, made time.Time) {
		for i := range n {
			m.put(store.Delivery{ID: fmt.Sprint(kind, i), Subscription: "ann", Kind: kind, Raw: []byte(kind), State: store.Queued, Created: made, Due: dueSince(kind, made)})
		}
	}
	put(40, KindDigest, day(1))
	put(20, KindAlert, day(2))
	put(3, KindManage, day(3))
	r := &relay{}
	p := &Postman{Outbox: m, Subscribers: m, Backlog: m, Sender: r, PerHour: 30, Batch: 7, Log: slog.New(slog.DiscardHandler)}
	kinds := func(now time.Time) string {
		n := len(r.took)
		if _, _, err := p.Deliver(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		var order []string
		for _, took := range r.took[n:] {
			d := strings.Fields(took)[2]
			if got[d]++; got[d] == 1 {
				order = append(order, d)
			}
		}
		for i, k := range order {
			order[i] = fmt.Sprint(got[k], " ", k)
		}
		return strings.Join(order, ", ")
	}
	now := day(3).Add(time.Hour)
	if got := kinds(now); got != "3 manage, 20 alert, 4 digest" { // of 30 an hour 3 are kept
		t.Errorf("first %s", got)
	}
	m.deliveries = append(m.deliveries, store.Delivery{ID: "new", Subscription: "ann", Kind: KindManage, Raw: []byte(KindManage), State: store.Queued, Created: now, Due: dueSince(KindManage, now)})
	if got := kinds(now.Add(time.Minute)); got != "1 manage" {
		t.Errorf("in the hour that is full for others: %s", got)
	}
	if got := kinds(now.Add(2 * time.Hour)); got != "27 digest" {
		t.Errorf("an hour later: %s", got)
	}
	if d := (store.Delivery{Created: day(3), Due: dueSince(KindConfirm, day(3))}); !DueFrom(d).Equal(day(3)) {
		t.Errorf("shown as due since %s", DueFrom(d))
	}
}
