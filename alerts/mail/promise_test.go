package mail

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/storetest"
)

// A stamped sender notes when each message was taken, and when the permission
// to end it was asked for.
type stamped struct {
	*Relay
	mu    sync.Mutex
	taken []time.Time
	asked map[string]time.Time // by delivery: the last beforeDot that was allowed
}

func (s *stamped) Send(ctx context.Context, d store.Delivery, to string, beforeDot func() error) error {
	err := s.Relay.Send(ctx, d, to, func() error {
		now := time.Now()
		err := beforeDot()
		if err == nil {
			s.mu.Lock()
			s.asked[d.ID] = now
			s.mu.Unlock()
		}
		return err
	})
	if err == nil {
		s.mu.Lock()
		s.taken = append(s.taken, time.Now())
		s.mu.Unlock()
	}
	return err
}

// TestPromiseRelayAway (P6): a relay that is away for days loses nothing, and is
// not flooded when it is back. For 4 days and 23 hours: all is sent, at the pace
// that was set, and alerts older than three days as one to each reader. For six
// days: what was given up is in the next digest, and the operator is told.
func TestPromiseRelayAway(t *testing.T) {
	readers := storetest.Promised(4, 6, 20, 100)
	every := time.Duration(storetest.Promised(60, 60, 10, 5)) * time.Minute // looks at the clock
	for _, tt := range []struct {
		name    string
		away    time.Duration
		expires bool
	}{{"4 days and 23 hours", 4*24*time.Hour + 23*time.Hour, false}, {"6 days", 6 * 24 * time.Hour, true}} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) { relayAway(t, dir, readers, every, tt.away, tt.expires) })
		})
	}
}

func relayAway(t *testing.T, dir string, readers int, every, away time.Duration, expires bool) {
	t.Helper()
	time.Sleep(time.Until(murdered))
	st, err := bolt.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	h := &rudeRelay{at: StageConnect, does: "gone", times: 1 << 30}
	s := &stamped{Relay: &Relay{Host: "127.0.0.1", TLS: TLSNone, From: "alerts@group.example", Dial: h.dial}, asked: map[string]time.Time{}}
	m, g, p, err := office(st, s.Relay)
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	p.Sender, p.Clock, p.Gap, p.Log = s, time.Now, time.Second, slog.New(slog.NewTextHandler(&said, nil))
	oftens := []string{store.Instant, store.Both, store.Weekly}
	for i := range readers {
		sub := store.Subscription{ID: fmt.Sprintf("%032x", i), Address: fmt.Sprintf("r%d@example.net", i), Often: oftens[i%3], State: store.StateConfirmed,
			Created: murdered, ConsentAt: murdered, Consent: "a test"}
		if err := st.Subscribe(t.Context(), sub); err != nil {
			t.Fatal(err)
		}
	}
	events := 0
	tick := func() {
		for {
			crawled, err := crawlEvents(t.Context(), st, events, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if !crawled {
				break
			}
		}
		for more := true; more; {
			if more, err = m.Step(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := g.DueDigests(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.Deliver(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	back := murdered.Add(away)
	for time.Now().Before(back) {
		if time.Since(murdered) >= time.Duration(events)*6*time.Hour {
			events++
		}
		tick()
		time.Sleep(every)
	}
	h.mu.Lock()
	h.times = 0
	dials := h.dials
	h.mu.Unlock()
	if dials > int(away/(50*time.Minute))+10 {
		t.Errorf("it was asked %d times while it was away", dials)
	}
	for end := time.Now().AddDate(0, 0, 8); time.Now().Before(end); time.Sleep(every) {
		tick()
	}
	checkPace(t, s.taken)
	checkNothingLost(t, st, h, events, readers, expires)
	if told := strings.Contains(said.String(), "level=ERROR"); told != expires {
		t.Errorf("the operator is told: %v", told)
	}
	synctest.Wait()
}

func checkPace(t *testing.T, taken []time.Time) {
	t.Helper()
	for i := range taken {
		if i > 0 && taken[i].Sub(taken[i-1]) < time.Second {
			t.Fatalf("message %d came %s after the one before", i, taken[i].Sub(taken[i-1]))
		}
	}
}

// checkNothingLost looks for every event in what reached every reader.
func checkNothingLost(t *testing.T, st *bolt.Store, h *rudeRelay, events, readers int, expires bool) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	told := map[string]int{} // by address and event: mails
	for _, m := range h.ledger {
		_, text, _ := parts(t, []byte(m.Raw))
		seen := map[string]bool{}
		for _, name := range eventIn.FindAllString(text, -1) {
			if !seen[name] {
				told[m.To+" "+name]++
			}
			seen[name] = true
		}
	}
	shown := func(i, n int) int { return told[fmt.Sprintf("r%d@example.net %s", i, eventName(n))] }
	for i := range readers {
		for n := range events {
			if k := shown(i, n); k == 0 && i%3 == 0 {
				t.Errorf("reader %d was never told of event %d", i, n)
			} else if i%3 == 0 && k > 1 {
				t.Errorf("reader %d was told of event %d in %d mails", i, n, k)
			}
		}
	}
	given, old := 0, map[string]int{}
	err := st.Deliveries(t.Context(), func(d store.Delivery) bool {
		switch {
		case d.State == store.Failed && d.Failure == store.FailedExpired:
			if given++; d.Carried == "" {
				t.Errorf("%s was given up, and no digest carries it", d.ID)
			}
		case d.State == store.Folded:
		case d.State != store.Sent:
			t.Errorf("%s is %s", d.ID, d.State)
		case d.Kind == alerts.KindAlert && d.SentAt.Sub(d.Created) >= 72*time.Hour:
			old[d.Subscription]++
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, n := range old {
		if n > 1 {
			t.Errorf("%s got %d mails that were older than three days", id, n)
		}
	}
	if len(old) == 0 || expires != (given > 0) {
		t.Errorf("%d readers got old alerts as one; %d messages were given up", len(old), given)
	}
	t.Logf("%d events, %d mails, %d given up", events, len(h.ledger), given)
}

// TestPromiseUnsubscribed (P8): while eight senders are at work, nobody's mail
// may be ended after the answer to their wish to go; what was before its last
// byte then is stopped there.
func TestPromiseUnsubscribed(t *testing.T) {
	rounds := storetest.Promised(3, 15, 500, 5000)
	seed := storetest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	x, err := newLedger(filepath.Join(dir, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	st, err := bolt.Open(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	var senders [8]*stamped
	for i := range senders {
		senders[i] = &stamped{Relay: &Relay{Host: "127.0.0.1", Port: x.port(), TLS: TLSNone, From: "alerts@group.example"}, asked: map[string]time.Time{}}
	}
	gone, stopped := 0, 0
	for round := range rounds {
		var ds []store.Delivery
		for i := range 12 {
			id := fmt.Sprintf("%d-%d", round, i)
			sub := store.Subscription{ID: id, Address: id + "@example.net", State: store.StateConfirmed, Created: murdered, ConsentAt: murdered}
			if err := st.Subscribe(t.Context(), sub); err != nil {
				t.Fatal(err)
			}
			ds = append(ds, store.Delivery{ID: "d" + id, Subscription: id, Kind: alerts.KindAlert, Raw: testMessage(id), Created: murdered, Due: murdered})
		}
		from, err := st.Position(t.Context(), "m")
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Advance(t.Context(), "m", from, store.Position{Seq: from.Seq + 1}, nil, ds); err != nil {
			t.Fatal(err)
		}
		leaver := fmt.Sprintf("%d-%d", round, rng.IntN(12))
		wait := time.Duration(rng.Int64N(int64(50 * time.Millisecond)))
		var wg sync.WaitGroup
		for _, s := range senders {
			wg.Go(func() {
				p := &alerts.Postman{Outbox: st, Subscribers: st, Sender: s, Batch: 2, Log: slog.New(slog.DiscardHandler)}
				if _, _, err := p.Deliver(context.Background(), murdered); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(wait)
		if err := st.End(t.Context(), leaver, murdered); err != nil {
			t.Fatal(err)
		}
		answered := time.Now()
		wg.Wait()
		ended := time.Time{}
		for _, s := range senders {
			s.mu.Lock()
			if at, ok := s.asked["d"+leaver]; ok {
				ended = at
			}
			s.mu.Unlock()
		}
		x.mu.Lock()
		copies := 0
		for _, e := range x.all {
			if e.To == leaver+"@example.net" {
				copies++
			}
		}
		others := len(x.all) - copies
		x.all = nil
		x.mu.Unlock()
		switch {
		case others != 11:
			t.Fatalf("round %d: the others got %d mails of 11", round, others)
		case copies > 1:
			t.Errorf("round %d: %d copies", round, copies)
		case copies == 1 && !ended.Before(answered):
			t.Errorf("round %d: its mail was ended %s after the answer", round, ended.Sub(answered))
		case copies == 1:
			gone++
		default:
			stopped++
		}
	}
	t.Logf("%d rounds: %d mails had gone, %d were stopped", rounds, gone, stopped)
	if rounds >= 100 && (gone == 0 || stopped == 0) {
		t.Error("the race was always won by the same")
	}
}
