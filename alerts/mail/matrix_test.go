package mail

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// The matrix of P4: what a relay does once, by stage, and what becomes of the
// message it does it to.
//
//	A  nothing is sent to anybody for a minute; then it is
//	O  the same, for half an hour, and the operator is told
//	D  this message waits 15 minutes; the others go at once
//	S  this message waits a day; the others go at once
//	F  this message failed; the others go at once
//	U  in doubt: this message is repeated once after 15 minutes; the others wait a minute
//	-  it is never asked, all go at once
//
// In the first table there is STARTTLS: banner, ehlo and starttls are in clear,
// the rest is in TLS. In the second all is in TLS, and STARTTLS is never asked
// for; what comes in clear at "connect" is no TLS. In the third there is none, as
// to a relay on this machine. The second and the third are the 252 cells of nine
// stages, fourteen behaviours, in TLS and in clear; "body" is beside them.
const matrix = `
starttls    421 450 451 452 454 500 550 552 554 garbage huge endless hang gone
connect     A   A   A   A   A   A   A   A   A   A       A    A       A    A
banner      A   A   A   A   A   A   A   A   A   A       A    A       A    A
ehlo        A   A   A   A   A   O   O   O   O   A       A    A       A    A
starttls    A   A   A   A   A   O   O   O   O   A       A    A       A    A
ehlo_again  A   A   A   A   A   O   O   O   O   A       A    A       A    A
auth        A   A   A   A   A   O   O   O   O   A       A    A       A    A
mail        A   A   A   A   A   O   O   O   O   A       A    A       A    A
rcpt        A   D   D   D   D   S   S   S   S   A       A    A       A    A
data        A   D   D   D   D   S   S   S   S   A       A    A       A    A
body        A   A   A   A   A   A   A   A   A   A       A    A       A    A
dot         D   D   D   D   D   F   F   F   F   U       U    U       U    U
implicit    421 450 451 452 454 500 550 552 554 garbage huge endless hang gone
connect     O   O   O   O   O   O   O   O   O   O       O    O       A    A
banner      A   A   A   A   A   A   A   A   A   A       A    A       A    A
ehlo        A   A   A   A   A   O   O   O   O   A       A    A       A    A
starttls    -   -   -   -   -   -   -   -   -   -       -    -       -    -
auth        A   A   A   A   A   O   O   O   O   A       A    A       A    A
mail        A   A   A   A   A   O   O   O   O   A       A    A       A    A
rcpt        A   D   D   D   D   S   S   S   S   A       A    A       A    A
data        A   D   D   D   D   S   S   S   S   A       A    A       A    A
body        A   A   A   A   A   A   A   A   A   A       A    A       A    A
dot         D   D   D   D   D   F   F   F   F   U       U    U       U    U
none        421 450 451 452 454 500 550 552 554 garbage huge endless hang gone
connect     A   A   A   A   A   A   A   A   A   A       A    A       A    A
banner      A   A   A   A   A   A   A   A   A   A       A    A       A    A
ehlo        A   A   A   A   A   O   O   O   O   A       A    A       A    A
starttls    -   -   -   -   -   -   -   -   -   -       -    -       -    -
auth        -   -   -   -   -   -   -   -   -   -       -    -       -    -
mail        A   A   A   A   A   O   O   O   O   A       A    A       A    A
rcpt        A   D   D   D   D   S   S   S   S   A       A    A       A    A
data        A   D   D   D   D   S   S   S   S   A       A    A       A    A
body        A   A   A   A   A   A   A   A   A   A       A    A       A    A
dot         D   D   D   D   D   F   F   F   F   U       U    U       U    U
`

func TestMatrix(t *testing.T) {
	a := newAuthority(t)
	cells := map[string]int{}
	var does []string
	mode := ""
	for line := range strings.Lines(strings.TrimSpace(matrix)) {
		words := strings.Fields(line)
		if words[1] == "421" {
			mode, does = words[0], words[1:]
			continue
		}
		stage := Stage(strings.ReplaceAll(words[0], "_", " "))
		for i, want := range words[1:] {
			for _, takes := range []bool{false, true} {
				if takes && stage != StageDot {
					continue
				}
				if takes && want != "U" {
					continue // a relay that refuses and keeps it is not to be found out
				}
				cells[mode]++
				cell{mode: mode, stage: stage, does: does[i], want: want, takes: takes}.test(t, a)
			}
		}
	}
	if cells["starttls"] != 11*14+5 || cells["implicit"] != 10*14+5 || cells["none"] != 10*14+5 {
		t.Errorf("the matrix has %v cells", cells)
	}
	t.Logf("%v cells", cells)
}

type cell struct {
	mode  string
	stage Stage
	does  string
	want  string
	takes bool
}

func (c cell) test(t *testing.T, a *authority) {
	t.Helper()
	name := fmt.Sprintf("%s/%s/%s", c.mode, c.stage, c.does)
	if c.takes {
		name += " and takes it"
	}
	t.Run(name, func(t *testing.T) {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			h := &rudeRelay{tls: a.good, implicit: c.mode == "implicit", username: "alerts", at: c.stage, does: c.does, times: 1, takes: c.takes}
			b := newBench(t, dir, h, a, 3)
			if c.mode == "none" {
				h.tls, h.username = nil, ""
				b.relay.TLS, b.relay.Host, b.relay.Username = TLSNone, "127.0.0.1", ""
			}
			c.check(t, b, h)
			synctest.Wait()
		})
	})
}

func (c cell) check(t *testing.T, b *bench, h *rudeRelay) {
	t.Helper()
	begun := time.Now()
	b.deliver()
	took := time.Since(begun)
	wait := map[string]time.Duration{"A": time.Minute, "O": 30 * time.Minute, "D": 15 * time.Minute, "S": 24 * time.Hour, "U": 15 * time.Minute}[c.want]
	rows := b.rows()
	first, others := rows["d0"], []store.Delivery{rows["d1"], rows["d2"]}

	wantState, wantOthers, copies := store.Queued, store.Sent, 1
	switch c.want {
	case "A", "O", "U":
		wantOthers = store.Queued
	case "F":
		wantState, copies = store.Failed, 0
	case "-":
		wantState = store.Sent
	}
	if c.takes {
		copies = 2
	}
	if first.State != wantState {
		t.Errorf("its message is %s (%s), want %s", first.State, first.LastError, wantState)
	}
	if due := time.Until(first.Due); wait > 0 && (due < wait || due > wait+wait/10) {
		t.Errorf("it is due in %s, want %s to a tenth more", due, wait)
	}
	for _, d := range others {
		if d.State != wantOthers || d.State == store.Queued && !d.Due.Equal(b.begun) {
			t.Errorf("%s is %s and due %s", d.ID, d.State, d.Due)
		}
	}
	for _, bad := range []string{secretTo, testPassword, "\x1b", "example.net"} {
		if strings.Contains(first.LastError+b.log.String(), bad) {
			t.Errorf("%q is in the error or the log: %s\n%s", bad, first.LastError, b.log)
		}
	}
	if told := strings.Contains(b.log.String(), "level=ERROR"); told != (c.want == "O") {
		t.Errorf("the operator is told: %v\n%s", told, b.log)
	}
	if want := c.patience(); took != want {
		t.Errorf("it took %s, want %s", took, want)
	}
	dials := h.dials
	b.deliver() // at once again: a pause is a pause
	if wantOthers == store.Queued && h.dials != dials {
		t.Error("it was asked again within the pause")
	}

	for range 4 { // the relay behaves from now on
		time.Sleep(25 * time.Hour)
		b.deliver()
	}
	if first = b.rows()["d0"]; c.want != "F" && first.State != store.Sent {
		t.Errorf("in the end its message is %s (%s)", first.State, first.LastError)
	}
	if c.want == "U" && first.Doubts != 1 || c.want != "U" && first.Doubts != 0 {
		t.Errorf("%d doubts are noted", first.Doubts)
	}
	b.checkLedger(map[string]int{"s0": copies, "s1": 1, "s2": 1})
}

// patience is how long the relay is waited for.
func (c cell) patience() time.Duration {
	switch {
	case c.want == "-", c.does == "gone":
		return 0
	case c.stage == StageBody: // this relay reads no more, whatever it says
		return 180 * time.Second
	case c.does != "hang":
		return 0
	case c.stage == StageData:
		return 120 * time.Second
	case c.stage == StageDot:
		return 600 * time.Second
	}
	return 300 * time.Second
}

// A bench is a postman with a real store, a Relay and messages to s0, s1, ...
type bench struct {
	t       *testing.T
	h       *rudeRelay
	store   *bolt.Store
	relay   *Relay
	postman *alerts.Postman
	begun   time.Time
	log     *strings.Builder
}

func newBench(t *testing.T, dir string, h *rudeRelay, a *authority, n int) *bench {
	t.Helper()
	s, err := bolt.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b := &bench{t: t, h: h, store: s, relay: relayTo(h, a), begun: time.Now(), log: &strings.Builder{}}
	b.postman = &alerts.Postman{Outbox: s, Subscribers: s, Sender: b.relay, Clock: time.Now, Log: slog.New(slog.NewTextHandler(b.log, nil))}
	var ds []store.Delivery
	for i := range n {
		id := fmt.Sprint("s", i)
		if err := s.Subscribe(context.Background(), store.Subscription{ID: id, Address: id + "@example.net", State: store.StateConfirmed}); err != nil {
			t.Fatal(err)
		}
		ds = append(ds, store.Delivery{ID: fmt.Sprint("d", i), Subscription: id, Raw: testMessage(id), Created: b.begun, Due: b.begun})
	}
	if err := s.Advance(context.Background(), "m", store.Position{}, store.Position{Seq: 1}, nil, ds); err != nil {
		t.Fatal(err)
	}
	return b
}

// testMessage has lines that begin with a dot, which must arrive as they are.
func testMessage(id string) []byte {
	return []byte("To: " + id + "@example.net\r\nMessage-ID: <" + id + "@group.example>\r\n\r\n.\r\n..\r\n.hello " + id + "\r\n" + strings.Repeat("A line of many.\r\n", 4000))
}

func (b *bench) deliver() {
	b.t.Helper()
	if _, _, err := b.postman.Deliver(context.Background(), time.Now()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) rows() map[string]store.Delivery {
	b.t.Helper()
	out := map[string]store.Delivery{}
	if err := b.store.Deliveries(context.Background(), func(d store.Delivery) bool { out[d.ID] = d; return true }); err != nil {
		b.t.Fatal(err)
	}
	return out
}

// checkLedger compares what the relay took, and that it was done properly:
// each copy whole and the same, to one recipient, never in clear.
func (b *bench) checkLedger(want map[string]int) {
	b.t.Helper()
	b.h.mu.Lock()
	defer b.h.mu.Unlock()
	got := map[string]int{}
	for _, m := range b.h.ledger {
		id := strings.TrimSuffix(m.To, "@example.net")
		got[id]++
		if m.Raw != string(testMessage(id)) || m.From != "alerts@group.example" {
			b.t.Errorf("a copy to %s from %s is not the message: %q", m.To, m.From, m.Raw)
		}
	}
	for id, n := range want {
		if got[id] != n {
			b.t.Errorf("%s has %d copies, want %d", id, got[id], n)
		}
	}
	if len(b.h.complaints) > 0 {
		b.t.Errorf("the relay complains: %q", b.h.complaints)
	}
}
