package crawl

import (
	"sync"
	"time"
)

// watchdog fires when a visit gets nowhere for so long. Waiting for a host, be
// it for its pace, a Retry-After or another visit's turn, is no stall. A nil
// watchdog watches nothing.
type watchdog struct {
	limit time.Duration

	mu      sync.Mutex
	timer   *time.Timer
	left    time.Duration
	since   time.Time // when it was last started
	pauses  int
	stopped bool
}

func watch(limit time.Duration, bark func()) *watchdog {
	w := &watchdog{limit: limit, left: limit, since: time.Now()}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(limit, bark)
	return w
}

// fed: something was finished.
func (w *watchdog) fed() {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left, w.since = w.limit, time.Now()
	if w.pauses == 0 && !w.stopped {
		w.timer.Reset(w.limit)
	}
}

// pause stops the watch until the function it returns is called.
func (w *watchdog) pause() (resume func()) {
	if w == nil {
		return func() {}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pauses++; w.pauses == 1 {
		w.timer.Stop()
		w.left -= time.Since(w.since)
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.pauses--; w.pauses == 0 && !w.stopped {
			w.since = time.Now()
			w.timer.Reset(max(w.left, time.Millisecond))
		}
	}
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
}
