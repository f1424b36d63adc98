package crawl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"ccgwatch/store"
)

const (
	// A paper must come in at slowest bytes a second, looked at once per time-out,
	// and be there after longest: a page's time-out would cut a board pack of
	// 12 MB on a slow line, no limit would let a drip hold the host for ever.
	slowest = 8 << 10
	longest = 8 * time.Minute
)

// paper asks for a paper once. The answer of a 200 is a stream.
func (f *Fetcher) paper(ctx context.Context, t *task, u *url.URL, h http.Header, conditional bool) (*reply, error) {
	limit := f.timeout(t.src)
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, &Error{Reason: store.ReasonFormat, Err: err}
	}
	req.Header = h
	flow := startFlow(cancel, limit)
	client := &http.Client{
		Transport:     receiver{f.transport, orElse(f.MaxPaper, 200<<20)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		err = failure(ctx, err)
		flow.stop()
		return nil, err
	}
	r := &reply{url: u, status: resp.StatusCode, header: resp.Header}
	if resp.StatusCode == http.StatusOK {
		r.stream = &stream{ctx: ctx, flow: flow, body: resp.Body}
		return r, nil
	}
	defer flow.stop()
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotModified && conditional {
		r.same = true
		return r, nil
	}
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, failure(ctx, err)
	}
	return r, sane(r.status, r.header, r.body)
}

// flow ends a download that does not flow.
type flow struct {
	n      atomic.Int64
	cancel context.CancelCauseFunc
	period time.Duration

	mu    sync.Mutex
	timer *time.Timer
	seen  int64
	spent time.Duration
}

func startFlow(cancel context.CancelCauseFunc, period time.Duration) *flow {
	fl := &flow{cancel: cancel, period: period}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.timer = time.AfterFunc(period, fl.look)
	return fl
}

func (fl *flow) look() {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	n := fl.n.Load()
	fl.spent += fl.period
	switch {
	case n-fl.seen < int64(slowest*fl.period.Seconds()):
		fl.cancel(fmt.Errorf("%d bytes in %s, which is no flow", n-fl.seen, fl.period))
		return
	case fl.spent >= longest:
		fl.cancel(fmt.Errorf("not there after %s", fl.spent))
		return
	}
	fl.seen = n
	fl.timer.Reset(fl.period)
}

func (fl *flow) stop() {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.timer.Stop()
	fl.cancel(nil)
}

// stream is the body of a download.
type stream struct {
	ctx  context.Context // of the download, which the stream ends
	flow *flow
	body io.ReadCloser
	// failed is called once if the stream ends early, leave when it is closed.
	failed func()
	leave  func()
}

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	s.flow.n.Add(int64(n))
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	err = failure(s.ctx, err)
	if s.failed != nil {
		s.failed()
		s.failed = nil
	}
	return n, err
}

func (s *stream) Close() error {
	err := s.body.Close()
	if s.leave != nil {
		s.leave()
	}
	s.flow.stop()
	return err
}
