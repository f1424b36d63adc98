package mail

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A narrow relay lets one have so many connections at a time.
type narrow struct {
	*rudeRelay
	most  int
	after time.Duration // how long it takes to refuse one
	slow  time.Duration // how long it takes over each thing it is told

	mu      sync.Mutex
	open    int
	refused int
	peak    int
}

func (n *narrow) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open >= n.most {
		n.refused++
		go func() {
			defer server.Close()
			time.Sleep(n.after)
			_, _ = fmt.Fprint(server, "421 4.7.0 too many connections\r\n")
		}()
		return client, nil
	}
	n.open++
	n.peak = max(n.peak, n.open)
	go func() {
		n.serve(slowly{server, n.slow})
		_ = server.Close()
		n.mu.Lock()
		defer n.mu.Unlock()
		n.open--
	}()
	return client, nil
}

// slowly is a server's end that takes its time: in a synctest bubble whoever can set
// out beside it has done so by then.
type slowly struct {
	net.Conn
	pause time.Duration
}

func (s slowly) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	n, err := s.Conn.Read(p)
	return n, err //nolint:wrapcheck // it stands for the connection
}

// A relay that allows a single connection and took a while to refuse the second
// stopped all mail for a quarter of an hour: by then the first was free, so it was
// taken for a relay that is away.
func TestOneConnectionIsEnoughWhenTheSecondIsRefusedLate(t *testing.T) {
	a := newAuthority(t)
	for _, perConn := range []int{0, 1, 3} {
		t.Run(fmt.Sprint(perConn, " messages each"), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				n := &narrow{rudeRelay: &rudeRelay{tls: a.good, perConn: perConn}, most: 1, after: time.Minute, slow: 10 * time.Millisecond}
				b := newBench(t, dir, n.rudeRelay, a, 12)
				b.relay.Dial, b.postman.Connections = n.dial, 2
				b.deliver()
				want := map[string]int{}
				for i := range 12 {
					want[fmt.Sprint("s", i)] = 1
				}
				b.checkLedger(want)
				if n.refused == 0 || n.refused > 2 || n.peak != 1 || b.log.Len() > 0 {
					t.Errorf("%d were refused, %d open at a time\n%s", n.refused, n.peak, b.log)
				}
			})
		})
	}
}

// TestFewerConnectionsThanAsked: a relay that lets us have two connections of six
// is sent all there is over those, without a pause, and is not asked for more
// until the round is over. One that hangs up after each message is no such relay.
func TestFewerConnectionsThanAsked(t *testing.T) {
	a := newAuthority(t)
	for _, tt := range []struct{ most, perConn, refused, peak int }{{2, 0, 5, 2}, {6, 0, 0, 6}, {1, 0, 5, 1}, {6, 1, 0, 6}} {
		t.Run(fmt.Sprintf("%d at a time, %d messages each", tt.most, tt.perConn), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				n := &narrow{rudeRelay: &rudeRelay{tls: a.good, perConn: tt.perConn}, most: tt.most}
				b := newBench(t, dir, n.rudeRelay, a, 40)
				b.relay.Dial, b.postman.Connections = n.dial, 6
				b.deliver()
				want := map[string]int{}
				for i := range 40 {
					want[fmt.Sprint("s", i)] = 1
				}
				b.checkLedger(want)
				if n.refused > tt.refused || n.peak > tt.peak || b.log.Len() > 0 {
					t.Errorf("%d were refused, %d open at a time\n%s", n.refused, n.peak, b.log)
				}
				synctest.Wait()
				if n.open != 0 {
					t.Errorf("%d connections are left open", n.open)
				}
			})
		})
	}
}
