package crawl

import (
	"context"
	"net/url"
	"sync"
	"time"

	"ccgwatch/store"
)

// lanes holds one lane for each host, shared by every source and visit.
type lanes struct {
	mu sync.Mutex
	m  map[string]*lane
}

// of returns the lane of an address. http and https on their own ports are one
// host, and so are a name with and without "www."; any other port is a server of
// its own.
func (ls *lanes) of(u *url.URL) *lane {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.m == nil {
		ls.m = map[string]*lane{}
	}
	name := bare(u.Host)
	l := ls.m[name]
	if l == nil {
		l = &lane{turn: make(chan struct{}, 1)}
		ls.m[name] = l
	}
	return l
}

// lane is the queue in front of one host: one request at a time.
type lane struct {
	turn chan struct{} // holds a token while somebody is being served

	mu     sync.Mutex
	start  time.Time     // of the last request
	gap    time.Duration // it wants after it
	end    time.Time     // of its answer
	closed time.Time     // the site wants no request before
}

// enter waits for our turn, for the pace, and for as long as the host is
// closed; a nil error must be followed by leave. Waiting at a closed host uses
// up the task's patience; what would take more of it is ReasonBusy at once.
func (l *lane) enter(ctx context.Context, t *task, gap time.Duration) error {
	defer t.watch.pause()()
	for {
		if wait := l.closedFor(); wait > 0 {
			if wait > t.left {
				return Errorf(store.ReasonBusy, "the site asked to be left alone for another %s", wait.Round(time.Second))
			}
			t.left -= wait
			if err := sleep(ctx, wait); err != nil {
				return err
			}
		}
		select {
		case l.turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if l.closedFor() > 0 { // by whoever was before us; do not keep others waiting in line
			l.leave()
			continue
		}
		if err := sleep(ctx, l.paceFor(gap)); err != nil {
			l.leave()
			return err
		}
		l.mu.Lock()
		l.start, l.gap = time.Now(), gap
		l.mu.Unlock()
		return nil
	}
}

func (l *lane) leave() {
	l.mu.Lock()
	l.end = time.Now()
	l.mu.Unlock()
	<-l.turn
}

// rest is kept after an answer that took longer than the pause itself: a site is
// not yet done with a request when its last byte has come, and counts the next one
// beside it.
const rest = 100 * time.Millisecond

// began counts the pause from when the request was on its way, and again from
// when its answer began, and not from when we set out to make it: a site that took
// long to be reached, or was slow to turn to it (a proxy in between, a busy
// machine), would otherwise see the next request sooner than it asked for.
func (l *lane) began() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start = time.Now()
}

func (l *lane) closedFor() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.closed)
}

// paceFor: sources that share a host each keep their own pace after the
// other's requests too, so the longer one holds between them.
func (l *lane) paceFor(gap time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.start.IsZero() {
		return 0
	}
	gap = max(gap, l.gap)
	return max(time.Until(l.start.Add(gap)), time.Until(l.end.Add(min(gap, rest))))
}

// close keeps everybody away from the host for a while.
func (l *lane) close(wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Now().Add(wait); until.After(l.closed) {
		l.closed = until
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gap between two requests of a source, before robots.txt has its say.
func (f *Fetcher) gap(src Source) time.Duration {
	return max(0, orElse(src.Pace, orElse(f.Delay, 5*time.Second)))
}
