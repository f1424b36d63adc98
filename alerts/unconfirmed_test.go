package alerts_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/storetest"
)

// rounds is how often a promise is tried: few by default, more where CI or a
// soak asks for it.
func rounds(few, promises, soak int) int {
	switch {
	case os.Getenv("CCGWATCH_SOAK") != "":
		return soak
	case os.Getenv("CCGWATCH_PROMISES") != "":
		return promises
	}
	return few
}

// quickDir is a directory for many small commits: in memory where there is such
// a place, because how long a disk takes is not what is tried here.
func quickDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "ccgwatch-test-") //nolint:usetesting // t.TempDir cannot be told where
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// A crowd is people, strangers and the operator at the desk, and what the test
// knows of them. It never asks the store what is allowed.
type crowd struct {
	*office
	r      *rand.Rand
	people [][]string // each with the ways to write their address
	boxOf  map[string]int
	wanted map[string]map[string]bool // address in small letters -> subscriptions whose token was posted
	leaves map[string]bool            // address in small letters: ended all by their link, and may be told so once
	mails  map[int][]time.Time        // service mails of each person since they last confirmed, and all of the last day
	since  map[int]int                // how many of them were asked for since then
	asks   int                        // how often anything was asked for
	asked  map[int64]int              // which of these it was, by the second
	known  map[int64]bool             // whether the address had a confirmed subscription then
	before map[int]int                // how many there were when each person last confirmed
	all    []time.Time
	tokens []letter // with a confirmation or a link
	step   int
	follow uint64
}

// TestPromiseUnconfirmed: whatever strangers do, nobody gets anything but the
// question until their own link was used, and not more than three questions a
// day and five in all; nor do all together get more than 200 in an hour. The
// judge is what the Sender was given.
func TestPromiseUnconfirmed(t *testing.T) {
	seed := storetest.Seed(t)
	c := &crowd{
		office: newOfficeIn(t, quickDir(t)), r: rand.New(rand.NewPCG(seed, 7)), boxOf: map[string]int{}, wanted: map[string]map[string]bool{}, leaves: map[string]bool{},
		mails: map[int][]time.Time{}, since: map[int]int{}, asked: map[int64]int{}, known: map[int64]bool{}, before: map[int]int{},
	}
	for i := range 12 {
		name := fmt.Sprint("person", i)
		ways := []string{name + "@example.net", strings.ToUpper(name) + "@Example.net", name + "+news@example.net"}
		if i%3 == 0 {
			ways = append(ways, "per.son"+fmt.Sprint(i)+"@gmail.com", "person"+fmt.Sprint(i)+"@googlemail.com", "P.erson"+fmt.Sprint(i)+"+x@gmail.com")
			ways = ways[3:]
		}
		c.people = append(c.people, ways)
		for _, w := range ways {
			c.boxOf[strings.ToLower(w)] = i
		}
	}
	few := 600
	if testing.Short() { // under the race detector: this is one goroutine
		few = 150
	}
	n := rounds(few, 10_000, 100_000)
	confirmations, others := 0, 0
	for c.step = range n {
		c.do()
		a, b := c.judge()
		confirmations, others = confirmations+a, others+b
	}
	if confirmations < n/50 || others < n/50 {
		t.Errorf("in %d steps only %d confirmations and %d other mails were sent: this proves nothing", n, confirmations, others)
	}
	t.Logf("%d steps, %d confirmations, %d other mails", n, confirmations, others)
}

func (c *crowd) anybody() string {
	p := c.people[c.r.IntN(len(c.people))]
	return p[c.r.IntN(len(p))]
}

func (c *crowd) do() {
	ctx := c.t.Context()
	c.now = c.now.Add(time.Duration(c.r.IntN(3*60*60)) * time.Second)
	switch x := c.r.IntN(100); {
	case x < 35:
		c.stranger(c.anybody())
	case x < 45: // somebody opens a link that came, or a wrong one
		if len(c.tokens) > 0 {
			c.use(c.tokens[len(c.tokens)-1-c.r.IntN(min(len(c.tokens), 20))])
		}
	case x < 55:
		if len(c.tokens) > 0 {
			c.misuse(c.tokens[c.r.IntN(len(c.tokens))].confirm)
		}
	case x < 63:
		address := c.anybody()
		c.ask(address)
		c.must(notBusy(c.AskLink(ctx, c.now, address, netip.Addr{})))
	case x < 80: // news for everybody, whoever they are
		c.news()
	case x < 83:
		c.end()
	case x < 86:
		address := c.anybody()
		_, err := c.store.Erase(ctx, address)
		c.must(err)
		delete(c.wanted, strings.ToLower(address))
		delete(c.leaves, strings.ToLower(address))
	case x < 89:
		c.now = c.now.Add(time.Duration(c.r.IntN(10*24)) * time.Hour)
		_, err := c.Tidy(ctx, c.now, nil)
		c.must(err)
	case x < 92:
		c.restart()
	case x < 93: // a flood from everywhere
		c.flood(30)
	case x < 94:
		c.now = c.now.Add(-time.Duration(c.r.IntN(50)) * time.Minute) // the clock is set right
	}
	if c.step%300 == 100 {
		c.flood(230) // more than are taken in an hour
	}
	if c.r.IntN(4) > 0 {
		c.send()
	}
}

func (c *crowd) flood(n int) {
	for i := range n {
		c.now = c.now.Add(time.Second)
		c.stranger(fmt.Sprintf("flood%d.%d@example%d.org", c.step, i, i))
	}
}

func notBusy(err error) error {
	if errors.Is(err, alerts.ErrBusy) {
		return nil
	}
	return err
}

func (c *crowd) ask(address string) {
	c.asks++
	c.asked[c.now.Unix()] = c.asks
	c.known[c.now.Unix()] = len(c.wanted[strings.ToLower(address)]) > 0
}

func (c *crowd) stranger(address string) {
	c.ask(address)
	c.must(notBusy(c.SignUp(c.t.Context(), c.now, alerts.Application{
		Address: address, Query: []string{"", "dialysis", "hospice"}[c.r.IntN(3)], Often: []string{store.Weekly, store.Both}[c.r.IntN(2)],
		Form: "1", Client: netip.AddrFrom4([4]byte{192, 0, 2, byte(c.r.IntN(250))}),
	})))
}

// use posts the token of a confirmation, or ends all by a link.
func (c *crowd) use(l letter) {
	ctx := c.t.Context()
	if l.confirm == "" {
		if a := strings.ToLower(l.to); c.r.IntN(4) == 0 && c.EndAll(ctx, c.now, l.manage) == nil {
			c.leaves[a] = c.leaves[a] || len(c.wanted[a]) > 0
			delete(c.wanted, a)
		}
		return
	}
	s, err := c.Confirm(ctx, c.now, l.confirm)
	if err != nil {
		return
	}
	a := strings.ToLower(l.to)
	if c.wanted[a] == nil {
		c.wanted[a] = map[string]bool{}
	}
	c.wanted[a][s.ID] = true
	if p, ok := c.boxOf[a]; ok {
		c.since[p], c.before[p] = 0, c.asks
	}
}

// misuse posts what is no token of a confirmation.
func (c *crowd) misuse(token string) {
	b := []byte(token + strings.Repeat("A", 43))[:43]
	b[c.r.IntN(40)] ^= 1
	for _, bad := range []string{string(b), token + "A", strings.ToLower(token) + "x"} {
		if _, err := c.Confirm(c.t.Context(), c.now, bad); err == nil {
			c.t.Fatalf("step %d: the wrong token %q confirmed", c.step, bad)
		}
	}
}

// news queues an alert to some subscriptions, without a look at their state:
// the outbox must hold back what is not wanted.
func (c *crowd) news() {
	ctx := c.t.Context()
	subs, err := c.store.Subscriptions(ctx, "", 0)
	c.must(err)
	var ds []store.Delivery
	for range min(4, len(subs)) {
		s := subs[c.r.IntN(len(subs))]
		raw := fmt.Sprintf("To: %s\r\nDate: %s\r\n\r\nnews", s.Address, c.now.Format(time.RFC1123Z))
		ds = append(ds, store.Delivery{
			ID: fmt.Sprintf("%06x%02x", c.step, len(ds)), Subscription: s.ID, Kind: []string{alerts.KindAlert, alerts.KindDigest}[c.r.IntN(2)],
			Raw: []byte(raw), State: store.Queued, Created: c.now, Due: c.now,
		})
	}
	c.must(c.store.Advance(ctx, "test", store.Position{Seq: c.follow}, store.Position{Seq: c.follow + 1}, nil, ds))
	c.follow++
}

func (c *crowd) end() {
	subs, err := c.store.Subscriptions(c.t.Context(), "", 0)
	c.must(err)
	if len(subs) == 0 {
		return
	}
	s := subs[c.r.IntN(len(subs))]
	c.must(c.store.End(c.t.Context(), s.ID, c.now))
	delete(c.wanted[strings.ToLower(s.Address)], s.ID)
}

// judge reads what was sent since it last did.
func (c *crowd) judge() (confirmations, others int) {
	got := c.box.got
	c.box.got = nil
	for _, l := range got {
		a := strings.ToLower(l.to)
		if l.confirm != "" || l.manage != "" {
			c.tokens = append(c.tokens, l)
			c.count(l)
		}
		if l.confirm != "" && l.manage == "" && !strings.Contains(l.text, "/u/") {
			confirmations++
			continue
		}
		others++
		if c.leaves[a] && strings.Contains(l.text, "our last mail to you") {
			delete(c.leaves, a)
			continue
		}
		if len(c.wanted[a]) == 0 {
			c.t.Fatalf("step %d: %s never confirmed and was sent:\n%s", c.step, l.to, l.text)
		}
	}
	return confirmations, others
}

// count holds the service mails to the caps, by the time at which they were
// asked for.
func (c *crowd) count(l letter) {
	in := func(all []time.Time, last time.Duration) int {
		n := 1
		for _, t := range all {
			if d := l.at.Sub(t); d < last && d > -last {
				n++
			}
		}
		return n
	}
	if n := in(c.all, time.Hour); n > 200 {
		c.t.Fatalf("step %d: %d service mails within an hour", c.step, n)
	}
	c.all = append(c.all, l.at)
	if len(c.all) > 2000 {
		c.all = c.all[1000:]
	}
	p, ok := c.boxOf[strings.ToLower(l.to)]
	if !ok {
		return
	}
	if n := in(c.mails[p], 24*time.Hour); n > 3 {
		c.t.Fatalf("step %d: %d service mails to person %d in 24 hours", c.step, n, p)
	}
	c.mails[p] = append(c.mails[p], l.at)
	// What they were when it was asked for counts: it may be sent after they
	// answered, or after they left.
	if !c.known[l.at.Unix()] && c.asked[l.at.Unix()] > c.before[p] {
		if c.since[p]++; c.since[p] > 5 {
			c.t.Fatalf("step %d: %d service mails to person %d, who never answered", c.step, c.since[p], p)
		}
	}
}
