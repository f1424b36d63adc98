package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// relay is the far end: it keeps what it took, and fails as it is told.
type relay struct {
	took   []string
	fail   func(n int, to string) error // nth attempt, from 0
	atDot  bool                         // beforeDot is called, and then it fails; a nil error is also taken
	before func(n int)                  // is called before the dot
	n      int
	closed int
}

func (r *relay) Send(_ context.Context, d store.Delivery, to string, beforeDot func() error) error {
	n := r.n
	r.n++
	var err error
	if r.fail != nil {
		err = r.fail(n, to)
	}
	if err != nil && !r.atDot && !errors.Is(err, ErrUncertain) {
		return err
	}
	if r.before != nil {
		r.before(n)
	}
	if err := beforeDot(); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	r.took = append(r.took, to+" "+d.ID+" "+string(d.Raw))
	return nil
}

func (r *relay) Close() error { r.closed++; return nil }

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
	deferred, soft := errors.New("451 try later"), fmt.Errorf("%w: 552 full", ErrSoft)
	refused, nobody := fmt.Errorf("554 spam: %w", ErrRefused), fmt.Errorf("550 5.1.1: %w", ErrNoAddress)
	uncertain, away := fmt.Errorf("%w: connection lost", ErrUncertain), fmt.Errorf("%w: no route", ErrAway)
	operator := fmt.Errorf("%w: 535 wrong password", ErrOperator)
	const m, h = time.Minute, time.Hour
	for _, tt := range []struct {
		name  string
		fail  []error
		waits []time.Duration
		want  string
	}{
		{"put off: it waits longer each time", []error{deferred, deferred, deferred, deferred, deferred, deferred, deferred},
			[]time.Duration{15 * m, 30 * m, h, 2 * h, 4 * h, 4 * h, 4 * h}, "sent, 8 attempts"},
		{"away: that is no attempt", []error{away, away, away, away, away}, []time.Duration{m, 5 * m, 15 * m, h, h}, "sent, 1 attempts"},
		{"the operator is wanted: a look every half hour", []error{operator, operator, operator}, []time.Duration{30 * m, 30 * m, 30 * m}, "sent, 1 attempts"},
		{"refused is final", []error{deferred, refused}, []time.Duration{15 * m}, "failed refused, 2 attempts"},
		{"no such address is final", []error{nobody}, nil, "failed hard, 1 attempts"},
		{"soft is tried a day later", []error{soft}, []time.Duration{24 * h}, "sent, 2 attempts"},
		{"and once only", []error{soft, soft}, []time.Duration{24 * h}, "failed soft, 2 attempts"},
		{"whatever came in between", []error{soft, deferred, away, soft}, []time.Duration{24 * h, 30 * m, m}, "failed soft, 3 attempts"},
		{"uncertain is repeated once", []error{uncertain}, []time.Duration{15 * m}, "sent, 2 attempts"},
		{"and not twice", []error{uncertain, uncertain}, []time.Duration{15 * m}, "uncertain, 2 attempts"},
		{"not even with another failure between", []error{uncertain, deferred, uncertain}, []time.Duration{15 * m, 30 * m}, "uncertain, 3 attempts"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mem, r := newMemory(), &relay{}
			queue(mem, day(2), 1)
			r.fail = func(n int, to string) error {
				if n < len(tt.fail) {
					return tt.fail[n]
				}
				return nil
			}
			now, p := day(2), postman(mem, r)
			for i, w := range tt.waits {
				deliver(t, p, now)
				got := mem.deliveries[0].Due.Sub(now)
				if got < w || got > w+w/10 {
					t.Fatalf("after failure %d it waits %s, want %s to a tenth more", i+1, got, w)
				}
				deliver(t, p, now.Add(got-time.Second)) // too early: nothing
				if r.n != i+1 {
					t.Fatalf("attempt %d came too early", r.n)
				}
				now = now.Add(got)
			}
			deliver(t, p, now)
			deliver(t, p, now.AddDate(0, 1, 0))
			d := mem.deliveries[0]
			got := strings.ReplaceAll(fmt.Sprintf("%s %s, %d attempts", d.State, d.Failure, d.Attempts), " ,", ",")
			if got != tt.want {
				t.Errorf("%s: %s; want %s", got, d.LastError, tt.want)
			}
		})
	}
}

// TestGiveUp: five days of failures, of whatever kind, are enough.
func TestGiveUp(t *testing.T) {
	for name, err := range map[string]error{"deferred": errors.New("451"), "away": ErrAway, "operator": ErrOperator} {
		m, r := newMemory(), &relay{fail: func(int, string) error { return err }}
		queue(m, day(2), 60)
		p, now := postman(m, r), day(2)
		open := func() (n int) {
			for _, d := range m.deliveries {
				if d.State == store.Queued {
					n++
				}
			}
			return n
		}
		for ; open() > 0 && now.Before(day(20)); now = now.Add(time.Minute) {
			deliver(t, p, now)
			if n, old := open(), now.Sub(day(2)); n < 60 && old < giveUp {
				t.Fatalf("%s: given up after %s", name, old)
			}
		}
		if old := now.Sub(day(2)); old > giveUp+65*time.Minute {
			t.Errorf("%s: not given up before %s", name, old)
		}
		for _, d := range m.deliveries {
			if d.State != store.Failed || d.Failure != store.FailedExpired || !strings.HasPrefix(d.LastError, "given up") {
				t.Fatalf("%s: %s %s: %s", name, d.State, d.Failure, d.LastError)
			}
		}
		if errors.Is(err, ErrAway) && r.n > 6*24*2 {
			t.Errorf("%s: %d attempts", name, r.n)
		}
	}
}

// TestAway: when nothing can be sent the relay is asked once, not once a
// message; the rest is due as before, and whoever met it goes behind.
func TestAway(t *testing.T) {
	m, r := newMemory(), &relay{}
	queue(m, day(2), 30)
	away := true
	r.fail = func(_ int, to string) error {
		if away || to == "s0@example.net" {
			return ErrAway
		}
		return nil
	}
	p, now := postman(m, r), day(2)
	for range 3 { // within the pause nobody is asked
		deliver(t, p, now)
		now = now.Add(10 * time.Second)
	}
	if r.n != 1 || r.closed == 0 {
		t.Errorf("asked %d times, closed %d times", r.n, r.closed)
	}
	p.Resume() // the operator looks
	deliver(t, p, now)
	if r.n != 2 {
		t.Errorf("asked %d times", r.n)
	}
	for _, d := range m.deliveries[2:] {
		if d.State != store.Queued || !d.Due.Equal(day(2)) || d.Attempts != 0 {
			t.Errorf("%s: %s, due %s, %d attempts", d.ID, d.State, d.Due, d.Attempts)
		}
	}
	// Now it is one message alone that drives the relay away, each time.
	away = false
	for range 3 {
		now = now.Add(2 * time.Hour)
		deliver(t, p, now)
		queue(m, now, 30)
	}
	if len(r.took) != 29 {
		t.Errorf("%d of 29 messages got past the bad one", len(r.took))
	}
}

// TestPoison (P5): bad addresses in front, and among the rest, hold up nobody.
func TestPoison(t *testing.T) {
	m, r := newMemory(), &relay{}
	queue(m, day(2), 1000)
	bad := func(to string) int { // 1 gone, 2 cannot be sent
		var n int
		fmt.Sscanf(to, "s%d@", &n)
		switch {
		case n < 100, n%10 < 3:
			return 1
		case n%10 == 5:
			return 2
		}
		return 0
	}
	r.fail = func(_ int, to string) error { return []error{nil, ErrNoAddress, ErrRefused}[bad(to)] }
	p := postman(m, r)
	p.Batch = 50
	good := 0
	for i := range 1000 {
		if bad(fmt.Sprintf("s%d@", i)) == 0 {
			good++
		}
	}
	if got, want := deliver(t, p, day(2)), fmt.Sprint(good, " sent, ", 1000-good, " failed"); got != want || r.n != 1000 {
		t.Errorf("%s in %d attempts, want %s", got, r.n, want)
	}
}

// TestPace: a minute has so many messages and no more, and no claim is used
// that ran out meanwhile.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMemory(), &relay{}
		begun := time.Now()
		queue(m, begun, 100)
		var at []time.Duration
		r.fail = func(int, string) error { at = append(at, time.Since(begun)); return nil }
		p := postman(m, r)
		p.Gap, p.Clock, p.Batch, p.Lease = time.Second, time.Now, 40, 30*time.Second
		if got := deliver(t, p, begun); got != "100 sent, 0 failed" {
			t.Error(got)
		}
		for i, x := range at {
			if x != time.Duration(i)*time.Second {
				t.Fatalf("message %d after %s", i, x)
			}
		}
		for i, d := range m.deliveries {
			if d.SentAt.Before(begun.Add(time.Duration(i/40) * time.Second)) {
				t.Errorf("%s is said to have been sent %s after the beginning", d.ID, d.SentAt.Sub(begun))
			}
		}
	})
}

// The pause between two messages was also made after those that were not sent at
// all: nobody wanted them any more, or no connection could be had.
func TestWhatNeverBeganCostsNoPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := newMemory(), &relay{}
		begun := time.Now()
		queue(m, begun, 8)
		r.fail = func(n int, _ string) error {
			if n == 0 {
				return ErrAway
			}
			return nil
		}
		r.before = func(int) {
			for _, id := range []string{"s2", "s3", "s4"} {
				if err := m.End(t.Context(), id, begun); err != nil {
					t.Fatal(err)
				}
			}
		}
		p := postman(m, r)
		p.Gap, p.Clock, p.Batch, p.Lease = time.Minute, time.Now, 8, 24*time.Hour
		if got := deliver(t, p, begun); got != "0 sent, 1 failed" {
			t.Fatal(got)
		}
		p.Resume()
		if got := deliver(t, p, begun); got != "5 sent, 0 failed" {
			t.Error(got)
		}
		if took := time.Since(begun); took != 4*time.Minute {
			t.Errorf("five messages took %s, want four pauses of a minute", took)
		}
	})
}

// TestUnsubscribedBeforeTheEnd: whoever leaves while the message is on its way
// gets nothing, as long as its last byte is not sent.
func TestUnsubscribedBeforeTheEnd(t *testing.T) {
	m, r := newMemory(), &relay{}
	queue(m, day(2), 3)
	r.before = func(n int) {
		if n == 1 {
			if err := m.End(t.Context(), "s1", day(2)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := deliver(t, postman(m, r), day(2)); got != "2 sent, 0 failed" || len(r.took) != 2 {
		t.Error(got, r.took)
	}
	if d := m.deliveries[1]; d.State != store.Suppressed {
		t.Errorf("%s", d.State)
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
		for _, d := range m.deliveries {
			if d.State != store.Sent {
				t.Errorf("power cut at moment %d: %s is %s", at, d.ID, d.State)
			}
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
