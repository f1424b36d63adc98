package mail

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/storetest"
)

// A pair is a bench with a second relay.
type pair struct {
	*bench
	other    *rudeRelay
	switches []alerts.Switch
}

func newPair(t *testing.T, dir string, first, second *rudeRelay, a *authority, n int) *pair {
	t.Helper()
	p := &pair{bench: newBench(t, dir, first, a, n), other: second}
	p.join(a)
	return p
}

// join has the postman know both relays, as it does when a process begins.
func (p *pair) join(a *authority) {
	p.postman = &alerts.Postman{
		Outbox: p.store, Subscribers: p.store, Sender: p.relay, Name: "first", Clock: time.Now, Log: slog.New(slog.NewTextHandler(p.log, nil)),
		Fallback: &alerts.Route{Name: "second", Sender: relayTo(p.other, a)}, Backlog: p.store,
		Switched: func(_ context.Context, _ time.Time, s alerts.Switch) error {
			p.switches = append(p.switches, s)
			return nil
		},
	}
}

// copies counts what a relay took, by recipient.
func copies(h *rudeRelay) map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]int{}
	for _, m := range h.ledger {
		out[strings.TrimSuffix(m.To, "@example.net")]++
	}
	return out
}

// S17: with a second relay, what the first does before the last byte stops no mail:
// the message it does it to goes to the second at once, and so does the rest. What
// the first says of the message or its recipient is the answer, and what is in doubt
// at the first is never sent to the second.
func TestPromiseSecondRelay(t *testing.T) {
	a := newAuthority(t)
	tables := storetest.Promised(1, 1, 3, 3)
	some := "421 550 gone"
	if storetest.Promised(0, 0, 1, 1) == 1 {
		some = ""
	}
	var does []string
	mode, n := "", 0
	for line := range strings.Lines(strings.TrimSpace(matrix)) {
		words := strings.Fields(line)
		if words[1] == "421" {
			if n++; n > tables {
				return
			}
			mode, does = words[0], words[1:]
			continue
		}
		for i, want := range words[1:] {
			if some != "" && !strings.Contains(some, does[i]) {
				continue
			}
			for _, takes := range []bool{false, true} {
				if takes && want != "U" {
					continue
				}
				c := cell{mode: mode, stage: Stage(strings.ReplaceAll(words[0], "_", " ")), does: does[i], want: want, takes: takes}
				t.Run(fmt.Sprintf("%s/%s/%s/takes %v", c.mode, c.stage, c.does, c.takes), func(t *testing.T) {
					dir := t.TempDir()
					synctest.Test(t, func(t *testing.T) { c.checkPair(t, dir, a) })
				})
			}
		}
	}
}

func (c cell) checkPair(t *testing.T, dir string, a *authority) {
	t.Helper()
	rude := func() *rudeRelay {
		h := &rudeRelay{tls: a.good, implicit: c.mode == "implicit", username: "alerts"}
		if c.mode == "none" {
			h.tls, h.username = nil, ""
		}
		return h
	}
	first, second := rude(), rude()
	first.at, first.does, first.times, first.takes = c.stage, c.does, 1, c.takes
	p := newPair(t, dir, first, second, a, 3)
	if c.mode == "none" {
		for _, r := range []*Relay{p.relay, p.postman.Fallback.Sender.(*Relay)} {
			r.TLS, r.Host, r.Username = TLSNone, "127.0.0.1", ""
		}
	}
	p.deliver()
	rows := p.rows()
	bySecond := map[string]string{"A": "s0 s1 s2", "O": "s0 s1 s2", "U": "s1 s2"}[c.want]
	for i := range 3 {
		id, row := fmt.Sprint("s", i), rows[fmt.Sprint("d", i)]
		there := strings.Contains(bySecond, id)
		wants := map[bool]int{true: 1}[there]
		if got := copies(second)[id]; got != wants {
			t.Errorf("the second relay has %d copies to %s, want %d", got, id, wants)
		}
		if sent := row.State == store.Sent; sent != (there || i > 0 || c.want == "-") {
			t.Errorf("%s is %s: %s", row.ID, row.State, row.LastError)
		}
		if via := map[bool]string{true: "second", false: "first"}[there]; row.State == store.Sent && row.Via != via {
			t.Errorf("%s is noted as gone through %q, want %q", row.ID, row.Via, via)
		}
	}
	if c.want == "U" && (rows["d0"].Doubts != 0 && rows["d0"].Via != "first" || rows["d0"].State != store.Queued) {
		t.Errorf("in doubt: %+v", rows["d0"])
	}
	// No secret and no address of a reader goes to the log, nor to the operator.
	for _, bad := range []string{secretTo, testPassword, "example.net"} {
		if strings.Contains(p.log.String()+fmt.Sprint(p.switches), bad) {
			t.Errorf("%q is in the log or is told: %s %v", bad, p.log, p.switches)
		}
	}
	if bySecond != "" && (len(p.switches) != 1 || !p.switches[0].Fallback || p.switches[0].Why == "") {
		t.Errorf("told: %+v", p.switches)
	}
	for range 4 { // the first behaves from now on
		time.Sleep(25 * time.Hour)
		p.deliver()
	}
	one, two := copies(first), copies(second)
	for i := range 3 {
		id := fmt.Sprint("s", i)
		want := 1
		switch {
		case i > 0:
		case c.want == "F":
			want = 0
		case c.takes:
			want = 2
		}
		if one[id]+two[id] != want || one[id] > 0 && two[id] > 0 {
			t.Errorf("%s has %d copies from the first and %d from the second, want %d of one", id, one[id], two[id], want)
		}
	}
	for _, h := range []*rudeRelay{first, second} {
		if len(h.complaints) > 0 {
			t.Errorf("a relay complains: %q", h.complaints)
		}
	}
	synctest.Wait()
}

// The first relay is tried first, always: while it is away after 1, 5, 15 and 60
// minutes and then each hour, and mail goes back to it when it takes a message. The
// operator hears of each switch once.
func TestTheFirstRelayIsTriedAgain(t *testing.T) {
	a, dir := newAuthority(t), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		first, second := &rudeRelay{at: StageConnect, does: "gone", times: 1 << 30, tls: a.good}, &rudeRelay{tls: a.good}
		p := newPair(t, dir, first, second, a, 1)
		n := 0
		another := func() {
			n++
			d := store.Delivery{ID: fmt.Sprint("x", n), Subscription: "s0", Raw: testMessage("s0"), Created: time.Now(), Due: time.Now()}
			if err := p.store.Advance(t.Context(), "m", store.Position{Seq: uint64(n)}, store.Position{Seq: uint64(n + 1)}, nil, []store.Delivery{d}); err != nil {
				t.Fatal(err)
			}
			p.deliver()
			if row := p.rows()[d.ID]; row.State != store.Sent {
				t.Fatalf("message %d is %s: %s", n, row.State, row.LastError)
			}
		}
		p.deliver()
		begun := time.Now()
		asked := []time.Duration{}
		dials := first.dials
		for time.Since(begun) < 5*time.Hour {
			time.Sleep(time.Minute)
			if another(); first.dials > dials {
				asked, dials = append(asked, time.Since(begun).Round(time.Minute)), first.dials
			}
		}
		for i, least := range []time.Duration{time.Minute, 6 * time.Minute, 21 * time.Minute, 81 * time.Minute, 141 * time.Minute, 201 * time.Minute, 261 * time.Minute} {
			if i >= len(asked) || asked[i] < least || asked[i] > least+least/5+3*time.Minute {
				t.Fatalf("the first was asked after %v", asked)
			}
		}
		first.mu.Lock()
		first.times = 0 // it is back
		first.mu.Unlock()
		time.Sleep(70 * time.Minute)
		for range 3 {
			another()
		}
		if got := copies(first)["s0"]; got != 3 {
			t.Errorf("when it was back the first took %d of 3 messages", got)
		}
		if len(p.switches) != 2 || !p.switches[0].Fallback || p.switches[0].From != "first" || p.switches[1].Fallback {
			t.Errorf("told: %+v", p.switches)
		}
		synctest.Wait()
	})
}

// Both are down: nothing is lost, neither is hammered, and each message waits.
func TestBothRelaysAway(t *testing.T) {
	a, dir := newAuthority(t), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		first, second := &rudeRelay{at: StageAuth, does: "535", times: 2, tls: a.good, username: "alerts"}, &rudeRelay{at: StageBanner, does: "421", times: 2, tls: a.good}
		p := newPair(t, dir, first, second, a, 3)
		for range 5 {
			p.deliver()
		}
		if first.dials != 1 || second.dials != 1 {
			t.Errorf("asked %d and %d times", first.dials, second.dials)
		}
		for id, d := range p.rows() {
			if d.State != store.Queued || d.Doubts > 0 || d.Attempts > 0 {
				t.Errorf("%s is %s, %d doubts", id, d.State, d.Doubts)
			}
		}
		if len(p.switches) > 0 {
			t.Errorf("told that mail goes: %v", p.switches)
		}
		for range 120 {
			time.Sleep(time.Minute)
			p.deliver()
		}
		for i := range 3 {
			id := fmt.Sprint("s", i)
			if n := copies(first)[id] + copies(second)[id]; n != 1 {
				t.Errorf("%s has %d copies", id, n)
			}
		}
		synctest.Wait()
	})
}

// What was before its last byte at the second relay when the process died is
// repeated by the second, though the first is well.
func TestADoubtAtTheSecondStaysThere(t *testing.T) {
	a, dir := newAuthority(t), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		first, second := &rudeRelay{tls: a.good}, &rudeRelay{tls: a.good}
		p := newPair(t, dir, first, second, a, 2)
		claimed, err := p.store.Lease(t.Context(), time.Now(), time.Hour, 1)
		if err != nil || len(claimed) != 1 {
			t.Fatal(err, claimed)
		}
		d := claimed[0]
		d.Via, d.Due = "second", time.Now().Add(15*time.Minute)
		if err := p.store.Dot(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if err := p.store.Close(); err != nil { // the process dies
			t.Fatal(err)
		}
		if p.store, err = bolt.Open(dir); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.store.Close() })
		if err := p.store.FreeClaims(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.join(a)
		second.at, second.does, second.times = StageConnect, "gone", 1 // and is away when its time comes
		for range 40 {
			time.Sleep(time.Minute)
			p.deliver()
		}
		if row := p.rows()[d.ID]; row.State != store.Sent || row.Via != "second" {
			t.Errorf("it is %s via %s: %s", row.State, row.Via, row.LastError)
		}
		if len(copies(first)) != 1 || len(copies(second)) != 1 {
			t.Errorf("the first took %v, the second %v", copies(first), copies(second))
		}
		if len(p.switches) != 1 || p.switches[0].Fallback {
			t.Errorf("told: %v", p.switches) // that mail goes through the first, and nothing of the repeat
		}
		synctest.Wait()
	})
}

// A message in doubt at a relay that stays away for five days is uncertain in the
// end, and no mail waits for it.
func TestADoubtAtARelayThatStaysAway(t *testing.T) {
	a, dir := newAuthority(t), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		first, second := &rudeRelay{tls: a.good, at: StageDot, does: "gone", times: 1}, &rudeRelay{tls: a.good}
		p := newPair(t, dir, first, second, a, 3)
		p.deliver()
		first.mu.Lock()
		first.at, first.times = StageConnect, 1<<30
		first.mu.Unlock()
		for range 6 * 24 * 2 {
			time.Sleep(30 * time.Minute)
			p.deliver()
		}
		if row := p.rows()["d0"]; row.State != store.Uncertain || row.Failure != store.FailedExpired || !row.Lost() {
			t.Errorf("it is %s, %s", row.State, row.Failure)
		}
		if got := copies(second); got["s0"] != 0 || got["s1"] != 1 || got["s2"] != 1 {
			t.Errorf("the second took %v", got)
		}
		synctest.Wait()
	})
}

// Limits are each relay's own, also after a restart; that the first has been given
// all it takes is no reason to use the second.
func TestLimitsOfEachRelay(t *testing.T) {
	a, dir := newAuthority(t), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		first, second := &rudeRelay{tls: a.good}, &rudeRelay{tls: a.good}
		p := newPair(t, dir, first, second, a, 40)
		limits := func() { p.postman.PerDay, p.postman.Fallback.PerDay, p.postman.Fallback.PerHour = 10, 20, 5 }
		limits()
		p.deliver()
		took := func(one, two int) {
			t.Helper()
			if x, y := len(copies(first)), len(copies(second)); x != one || y != two {
				t.Fatalf("they took %d and %d messages, want %d and %d", x, y, one, two)
			}
		}
		took(9, 0) // a tenth is kept for service mail
		first.mu.Lock()
		first.at, first.does, first.times = StageConnect, "gone", 1<<30
		first.mu.Unlock()
		time.Sleep(time.Hour)
		p.deliver() // the first is full, not away: it is not even asked
		took(9, 0)
		time.Sleep(24 * time.Hour)
		p.deliver()
		took(9, 5)
		p.join(a) // a restart frees nothing
		limits()
		p.deliver()
		took(9, 5)
		for range 10 {
			time.Sleep(61 * time.Minute)
			p.deliver()
		}
		took(9, 18)
		synctest.Wait()
	})
}

// TestPromiseTwoRelaysAtRandom: both relays fail at random stages, and the process
// dies now and then; nothing is lost, nothing comes twice but what was in doubt, and
// that from one relay alone.
func TestPromiseTwoRelaysAtRandom(t *testing.T) {
	rounds := storetest.Promised(2, 5, 80, 1000)
	seed := storetest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 17))
	a := newAuthority(t)
	stages := []Stage{StageConnect, StageBanner, StageEHLO, StageSTARTTLS, StageMail, StageRcpt, StageData, StageBody, StageDot, StageDot}
	does := []string{"421", "451", "garbage", "hang", "gone"} // nothing that ends a message for good
	doubted, twice := 0, 0
	for round := range rounds {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			first, second := &rudeRelay{tls: a.good}, &rudeRelay{tls: a.good}
			var both [2][]*rudeRelay
			const n = 8
			p := newPair(t, dir, first, second, a, n)
			for step := range 60 {
				// Each step has relays of its own: what one does never changes while it is asked.
				for k := range both {
					h := &rudeRelay{tls: a.good, at: stages[rng.IntN(len(stages))], does: does[rng.IntN(len(does))]}
					if step < 30 {
						h.times = rng.IntN(4)
					}
					h.takes = h.at == StageDot && !strings.HasPrefix(h.does, "4") && rng.IntN(2) == 0
					both[k] = append(both[k], h)
				}
				p.relay.Dial = both[0][step].dial
				p.postman.Fallback.Sender.(*Relay).Dial = both[1][step].dial
				p.postman.Connections = 1 + rng.IntN(3)
				p.deliver()
				if rng.IntN(4) == 0 {
					p.join(a)
				}
				time.Sleep(time.Duration(rng.IntN(50)+1) * time.Minute)
			}
			one, two := map[string]int{}, map[string]int{}
			for step := range both[0] {
				for id, n := range copies(both[0][step]) {
					one[id] += n
				}
				for id, n := range copies(both[1][step]) {
					two[id] += n
				}
			}
			for i := range n {
				id, d := fmt.Sprint("s", i), p.rows()[fmt.Sprint("d", i)]
				got := one[id] + two[id]
				switch {
				case d.State != store.Sent && d.State != store.Uncertain:
					t.Errorf("round %d: %s is %s: %s", round, d.ID, d.State, d.LastError)
				case d.State == store.Sent && got == 0:
					t.Errorf("round %d: %s is lost", round, d.ID)
				case got > 1+d.Doubts || got > 2:
					t.Errorf("round %d: %s came %d times after %d doubts", round, d.ID, got, d.Doubts)
				case one[id] > 0 && two[id] > 0:
					t.Errorf("round %d: %s came from both", round, d.ID)
				}
				if d.Doubts > 0 {
					doubted++
				}
				if got > 1 {
					twice++
				}
			}
			synctest.Wait()
		})
	}
	t.Logf("%d rounds: %d messages were in doubt, %d came twice", rounds, doubted, twice)
	if doubted == 0 {
		t.Error("nothing was ever in doubt: this proves little")
	}
}
