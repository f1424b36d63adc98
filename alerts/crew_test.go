package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// A counter is a far end that takes as long as it is told, and notes who was
// under way together.
type counter struct {
	long func(to string) time.Duration // before the dot
	wait time.Duration                 // for the answer to it
	fail func(to string) error

	mu    sync.Mutex
	now   []string
	most  int
	sent  []string // "begin s0" and "end s0", without domains
	twice bool     // two messages to one address were under way
}

func (c *counter) Send(_ context.Context, _ store.Delivery, to string, beforeDot func() error) error {
	name, _, _ := strings.Cut(to, "@")
	c.mu.Lock()
	c.twice = c.twice || slices.Contains(c.now, name)
	c.now = append(c.now, name)
	c.most = max(c.most, len(c.now))
	c.sent = append(c.sent, "begin "+name)
	c.mu.Unlock()
	if c.long != nil {
		time.Sleep(c.long(name))
	}
	var err error
	if c.fail != nil {
		err = c.fail(name)
	}
	if err == nil || errors.Is(err, ErrUncertain) {
		if err := beforeDot(); err != nil {
			return err
		}
		time.Sleep(c.wait)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.now, name)
	c.now = slices.Delete(c.now, i, i+1)
	c.sent = append(c.sent, "end "+name)
	return err
}

func seconds(n int) func(string) time.Duration {
	return func(string) time.Duration { return time.Duration(n) * time.Second }
}

func several(m *memory, c *counter, connections int) *Postman {
	return &Postman{Outbox: m, Subscribers: m, Sender: c, Clock: time.Now, Connections: connections, Log: slog.New(slog.DiscardHandler)}
}

// TestSeveralUnderWay: as many messages are under way as there are connections,
// once the relay has taken one; a slow one holds up nobody else.
func TestSeveralUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, c := newMemory(), &counter{}
		queue(m, time.Now(), 10)
		c.long = func(to string) time.Duration {
			if to == "s1" {
				return time.Minute
			}
			return time.Second
		}
		begun := time.Now()
		if got := deliver(t, several(m, c, 3), time.Now()); got != "10 sent, 0 failed" {
			t.Error(got)
		}
		// s0 alone, then s1 beside the rest, two at a time.
		if took := time.Since(begun); c.most != 3 || took != 61*time.Second {
			t.Errorf("%d at a time, in %s", c.most, took)
		}
		if d := cmp.Diff([]string{"begin s0", "end s0"}, c.sent[:2]); d != "" {
			t.Error(d)
		}
		if last := c.sent[len(c.sent)-1]; last != "end s1" {
			t.Errorf("the last to end is %s", last)
		}
	})
}

// TestOneAddressInOrder: what one address is sent goes one after the other.
func TestOneAddressInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, c := newMemory(), &counter{long: seconds(1)}
		queue(m, time.Now(), 3)
		for i := range 3 {
			m.put(store.Delivery{ID: fmt.Sprint("x", i), Subscription: "s0", State: store.Queued, Raw: []byte("x"), Created: time.Now(), Due: time.Now()})
		}
		if got := deliver(t, several(m, c, 4), time.Now()); got != "6 sent, 0 failed" || c.twice {
			t.Error(got, c.sent)
		}
	})
}

// TestAwayIsAskedOnce: with many connections, too, a relay that is away is asked
// once, and one that breaks off with four under way has failed once: it is asked
// again after a minute and not after an hour.
func TestAwayIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, c := newMemory(), &counter{long: seconds(1), fail: func(string) error { return ErrAway }}
		queue(m, time.Now(), 20)
		p := several(m, c, 4)
		deliver(t, p, time.Now())
		if len(c.sent) != 2 {
			t.Fatal("asked: ", c.sent)
		}
		p.Resume()
		p.ways[0].pause = pause{}
		n := 0
		c.fail = func(string) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			if n++; n > 5 { // with four under way
				return ErrUncertain
			}
			return nil
		}
		time.Sleep(2 * time.Minute)
		if got := deliver(t, p, time.Now()); got != "5 sent, 4 failed" {
			t.Error(got)
		}
		if wait := time.Until(p.ways[0].pause.until); wait < 50*time.Second || wait > 70*time.Second {
			t.Errorf("it is asked again in %s", wait)
		}
		free := 0
		for _, d := range m.deliveries {
			if d.State == store.Claimed || d.State == store.Dotting {
				t.Errorf("%s is %s", d.ID, d.State)
			}
			if d.State == store.Queued && d.Doubts == 0 {
				free++
			}
		}
		if free != 11 {
			t.Errorf("%d wait without a doubt", free)
		}
	})
}

// TestQuotaOfSeveral: what is under way counts for what the relay takes in an hour.
func TestQuotaOfSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, c := newMemory(), &counter{long: seconds(1)}
		queue(m, time.Now(), 30)
		p := several(m, c, 8)
		p.PerHour = 10 // of which one is kept for confirmations
		if got := deliver(t, p, time.Now()); got != "9 sent, 0 failed" {
			t.Error(got)
		}
	})
}

// TestRefusalUsesNoQuota: a message that is refused leaves room for another.
func TestRefusalUsesNoQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, c := newMemory(), &counter{long: seconds(1)}
		queue(m, time.Now(), 12)
		c.fail = func(to string) error {
			if to == "s3" || to == "s8" {
				return ErrRefused
			}
			return nil
		}
		p := several(m, c, 8)
		p.PerHour = 10
		if got := deliver(t, p, time.Now()); got != "9 sent, 2 failed" {
			t.Error(got)
		}
	})
}

// A witness notes in which order the outbox is asked for what.
type witness struct {
	*memory
	mu    sync.Mutex
	asked []string
}

func (w *witness) note(what, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, what+" "+id)
}

func (w *witness) Dot(ctx context.Context, d store.Delivery) error {
	w.note("dot", d.ID)
	return w.memory.Dot(ctx, d)
}

func (w *witness) SettleSoon(ctx context.Context, d store.Delivery) <-chan error {
	w.note("settle", d.ID)
	return w.memory.SettleSoon(ctx, d)
}

// TestDoubtsAreAsManyAsConnections: whenever the process dies, no more messages
// are in doubt than are under way at a time: the outcome of one is entered before
// the next takes its place.
func TestDoubtsAreAsManyAsConnections(t *testing.T) {
	for _, connections := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			m := &witness{memory: newMemory()}
			queue(m.memory, time.Now(), 40)
			p := several(m.memory, &counter{wait: time.Second}, connections)
			p.Outbox = m
			deliver(t, p, time.Now())
			doubts, most := 0, 0
			for _, a := range m.asked {
				if strings.HasPrefix(a, "dot") {
					doubts++
				} else {
					doubts--
				}
				most = max(most, doubts)
			}
			if len(m.asked) != 80 || doubts != 0 || most != connections {
				t.Errorf("%d connections: %d in doubt at a time, %d in the end: %q", connections, most, doubts, m.asked)
			}
		})
	}
}

// TestStoppedWithSeveral: what was under way when it was told to stop is settled,
// and the rest is free.
func TestStoppedWithSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, c := newMemory(), &counter{long: seconds(2)}
		queue(m, time.Now(), 20)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		sent, failed, err := several(m, c, 4).Deliver(ctx, time.Now())
		if sent != 5 || failed != 0 || !errors.Is(err, context.Canceled) {
			t.Error(sent, failed, err)
		}
		for i, d := range m.deliveries {
			if want := map[bool]store.DeliveryState{true: store.Sent, false: store.Queued}[i < 5]; d.State != want {
				t.Errorf("%s is %s", d.ID, d.State)
			}
		}
	})
}

// A slowDisk takes seconds to know what became of a message, and notes when it does.
type slowDisk struct {
	*memory
	mu   sync.Mutex
	seen []string
}

func (s *slowDisk) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, what)
}

func (s *slowDisk) SettleSoon(ctx context.Context, d store.Delivery) <-chan error {
	done := make(chan error, 1)
	go func() {
		time.Sleep(5 * time.Second)
		err := <-s.memory.SettleSoon(ctx, d)
		s.note("kept")
		done <- err
	}()
	return done
}

func (s *slowDisk) Send(_ context.Context, _ store.Delivery, _ string, dot func() error) error {
	s.note("named")
	return dot()
}

// TestSentIsKnownBeforeTheNextIsNamed: on one connection the next recipient is not
// named before the disk knows what became of the message before (promises.md, 6.2).
func TestSentIsKnownBeforeTheNextIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowDisk{memory: newMemory()}
		queue(s.memory, time.Now(), 4)
		p := several(s.memory, &counter{}, 1)
		p.Outbox, p.Sender = s, s
		if got := deliver(t, p, time.Now()); got != "4 sent, 0 failed" {
			t.Error(got)
		}
		if got, want := strings.Join(s.seen, " "), strings.TrimSpace(strings.Repeat("named kept ", 4)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
