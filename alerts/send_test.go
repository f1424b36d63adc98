package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// relay is the far end: it keeps what it took, and fails as it is told.
type relay struct {
	took []string
	fail func(n int, to string) error // nth attempt, from 0
	n    int
}

func (r *relay) Send(_ context.Context, d store.Delivery, to string) error {
	n := r.n
	r.n++
	if r.fail != nil {
		if err := r.fail(n, to); err != nil {
			return err
		}
	}
	r.took = append(r.took, to+" "+d.ID+" "+string(d.Raw))
	return nil
}

func postman(m *memory, r *relay) *Postman {
	return &Postman{Outbox: m, Subscribers: m, Sender: r, Batch: 2, Log: slog.New(slog.DiscardHandler)}
}

func queue(m *memory, at time.Time, n int) {
	for i := range n {
		id := fmt.Sprint("s", i)
		if _, ok := m.subs[id]; !ok {
			m.subscribe(sub(id, ""))
		}
		m.put(store.Delivery{ID: fmt.Sprint("d", i), Subscription: id, Raw: fmt.Append(nil, "mail ", i), State: store.Queued, Created: at, Due: at})
	}
}

func deliver(t testing.TB, p *Postman, now time.Time) string {
	t.Helper()
	sent, failed, err := p.Deliver(context.Background(), now)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(sent, " sent, ", failed, " failed")
}

func TestDeliver(t *testing.T) {
	m, r := newMemory(), &relay{}
	queue(m, day(2), 5)
	m.deliveries[3].Due = day(3)
	if got := deliver(t, postman(m, r), day(2)); got != "4 sent, 0 failed" {
		t.Error(got)
	}
	if got := deliver(t, postman(m, r), day(2)); got != "0 sent, 0 failed" {
		t.Error(got)
	}
	if got := deliver(t, postman(m, r), day(3)); got != "1 sent, 0 failed" {
		t.Error(got)
	}
	want := []string{
		"s0@example.net d0 mail 0", "s1@example.net d1 mail 1", "s2@example.net d2 mail 2", "s4@example.net d4 mail 4", "s3@example.net d3 mail 3",
	}
	if d := cmp.Diff(want, r.took); d != "" {
		t.Error(d)
	}
}

// TestOneBadAddress: a message that always fails holds up nobody.
func TestOneBadAddress(t *testing.T) {
	m, r := newMemory(), &relay{}
	queue(m, day(2), 9)
	r.fail = func(_ int, to string) error {
		if to < "s7" {
			return errors.New("451 not now, " + strings.ToUpper(to))
		}
		return nil
	}
	if got := deliver(t, postman(m, r), day(2)); got != "2 sent, 7 failed" {
		t.Error(got)
	}
	for _, d := range m.deliveries {
		if strings.Contains(strings.ToLower(d.LastError), "@example") {
			t.Errorf("the address is in the error: %s", d.LastError)
		}
	}
}

// TestBackOff follows one message through failures.
func TestBackOff(t *testing.T) {
	plain := func(int, string) error { return errors.New("451 try later") }
	refused := func(int, string) error { return fmt.Errorf("550 no such user: %w", ErrRefused) }
	uncertain := func(int, string) error { return fmt.Errorf("%w: connection lost", ErrUncertain) }
	for _, tt := range []struct {
		name  string
		fail  []func(int, string) error
		waits []time.Duration
		state store.DeliveryState
	}{
		{"it waits longer each time", []func(int, string) error{plain, plain, plain, plain, plain},
			[]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, time.Hour}, store.Sent},
		{"refused is final", []func(int, string) error{plain, refused}, []time.Duration{time.Minute}, store.Failed},
		{"uncertain is repeated once", []func(int, string) error{uncertain}, []time.Duration{15 * time.Minute}, store.Sent},
		{"and not twice", []func(int, string) error{uncertain, uncertain}, []time.Duration{15 * time.Minute}, store.Failed},
		{"not even with a plain failure between", []func(int, string) error{uncertain, plain, uncertain}, []time.Duration{15 * time.Minute, 5 * time.Minute}, store.Failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, r := newMemory(), &relay{}
			queue(m, day(2), 1)
			r.fail = func(n int, to string) error {
				if n < len(tt.fail) {
					return tt.fail[n](n, to)
				}
				return nil
			}
			now := day(2)
			for _, w := range tt.waits {
				deliver(t, postman(m, r), now)
				if got := m.deliveries[0].Due.Sub(now); got != w {
					t.Fatalf("waits %s, want %s", got, w)
				}
				deliver(t, postman(m, r), now.Add(w-time.Second)) // too early: nothing
				now = now.Add(w)
			}
			deliver(t, postman(m, r), now)
			deliver(t, postman(m, r), now.AddDate(0, 1, 0))
			d := m.deliveries[0]
			if d.State != tt.state || d.Attempts != r.n {
				t.Errorf("%s after %d attempts (relay saw %d): %s", d.State, d.Attempts, r.n, d.LastError)
			}
		})
	}
}

func TestGiveUp(t *testing.T) {
	m, r := newMemory(), &relay{fail: func(int, string) error { return errors.New("no route to host") }}
	queue(m, day(2), 1)
	now := day(2)
	for m.deliveries[0].State == store.Queued && now.Before(day(20)) {
		deliver(t, postman(m, r), now)
		now = now.Add(10 * time.Minute)
	}
	d := m.deliveries[0]
	if days := now.Sub(day(2)).Hours() / 24; d.State != store.Failed || days < 4.9 || days > 5.2 || !strings.HasPrefix(d.LastError, "given up") {
		t.Errorf("%s after %.1f days: %s", d.State, days, d.LastError)
	}
}

// TestEnded: whoever unsubscribed after the match, or even after the claim, gets nothing.
func TestEnded(t *testing.T) {
	m, r := newMemory(), &relay{}
	m.subscribe(sub("s0", ""))
	m.commit(day(2), change("1", "tenders"))
	follow(t, matcher(m))
	queue(m, day(2), 4)
	if err := m.End(t.Context(), "s0", day(2)); err != nil {
		t.Fatal(err)
	}
	r.fail = func(n int, _ string) error { // s2 ends while s1's mail is on its way
		if n == 0 {
			return m.End(t.Context(), "s2", day(2))
		}
		return nil
	}
	p := postman(m, r)
	p.Batch = 10
	if got := deliver(t, p, day(30)); got != "2 sent, 0 failed" {
		t.Error(got)
	}
	if d := cmp.Diff([]string{"s1@example.net d1 mail 1", "s3@example.net d3 mail 3"}, r.took); d != "" {
		t.Error(d)
	}
	for _, d := range m.deliveries {
		if (d.Subscription == "s0" || d.Subscription == "s2") && d.State != store.Suppressed {
			t.Errorf("%s is %s", d.ID, d.State)
		}
	}
}

// TestSendPowerFailure cuts the power around every transaction: nothing is
// lost, what comes twice comes byte for byte, and only around a cut.
func TestSendPowerFailure(t *testing.T) {
	whole, r := newMemory(), &relay{}
	queue(whole, day(2), 5)
	deliver(t, postman(whole, r), day(2))
	for at := range 2 * whole.writes {
		m, r := newMemory(), &relay{}
		queue(m, day(2), 5)
		moment := 0
		m.cut = func() bool { moment++; return moment-1 == at }
		now := day(2)
		for range 3 {
			if _, _, err := postman(m, r).Deliver(context.Background(), now); err != nil && !errors.Is(err, errPower) {
				t.Fatal(err)
			}
			now = now.Add(2 * time.Hour)
		}
		count := map[string]int{}
		for _, x := range r.took {
			count[x]++
		}
		if len(count) != 5 || len(r.took) > 6 {
			t.Errorf("power cut at moment %d: %q", at, r.took)
		}
	}
}

// TestStopped: a daemon that is told to stop gives back what it claimed.
func TestStopped(t *testing.T) {
	m, r := newMemory(), &relay{}
	queue(m, day(2), 5)
	ctx, cancel := context.WithCancel(t.Context())
	r.fail = func(n int, _ string) error {
		if n == 1 {
			cancel()
		}
		return nil
	}
	p := postman(m, r)
	p.Batch = 5
	sent, _, err := p.Deliver(ctx, day(2))
	if sent != 2 || !errors.Is(err, context.Canceled) {
		t.Fatal(sent, err)
	}
	r.fail = nil
	if got := deliver(t, p, day(2)); got != "3 sent, 0 failed" {
		t.Error(got)
	}
}
