package crawl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"ccgwatch/store"
)

const maxRedirects = 5

var errRedirects = fmt.Errorf("more than %d redirects", maxRedirects)

// follow asks an address and where it redirects to, each step with its own
// check of address, robots.txt and pace. robots marks the request for
// robots.txt itself.
func (f *Fetcher) follow(ctx context.Context, t *task, u *url.URL, robots bool, send sender) (*reply, error) {
	asked := u
	if !robots {
		u = f.moved(t.src, u)
	}
	var missing error // under the address that we took it to have moved to
	var there string
	for hops := 0; ; hops++ {
		r, err := f.persist(ctx, t, u, robots, send)
		if err != nil && u != asked {
			if hops == 0 && ReasonOf(err) == store.ReasonMissing { // perhaps this page has not moved
				missing, there, u = err, u.String(), asked
				continue
			}
			if ReasonOf(err) != store.ReasonMissing {
				f.moves.forget(asked)
			}
		}
		if err != nil || !isRedirect(r.status) {
			return r, err
		}
		if hops == maxRedirects {
			return nil, &Error{Reason: store.ReasonFormat, Status: r.status, Err: errRedirects}
		}
		next, err := f.target(t.src, u, r.header.Get("Location"), robots)
		if err != nil {
			f.refused(t.src, r.header.Get("Location"), err)
			return nil, err
		}
		if !robots {
			f.moves.learn(u, next, f.Now())
		}
		if missing != nil && next.String() == there {
			return nil, missing
		}
		u = next
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// persist asks one address until it answers or our tries are used up.
func (f *Fetcher) persist(ctx context.Context, t *task, u *url.URL, robots bool, send sender) (*reply, error) {
	var n tries
	var last error
	for {
		gap := f.gap(t.src)
		if !robots {
			delay, err := f.allowed(ctx, t, u)
			if err != nil {
				return nil, err
			}
			gap = max(gap, delay)
		}
		l := f.lanes.of(u)
		if err := l.enter(ctx, t, gap); err != nil {
			if last != nil && ctx.Err() == nil {
				return nil, last
			}
			return nil, err
		}
		if t.sent != nil {
			*t.sent++
		}
		r, err := send(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			WroteRequest: func(httptrace.WroteRequestInfo) { l.began() }, GotFirstResponseByte: l.began,
		}), u)
		if err != nil && ctx.Err() != nil {
			l.leave()
			return nil, ctx.Err()
		}
		var next step
		next, last = n.judge(r, err, t.src, time.Now())
		if next.wait > 0 {
			f.Log.Info("waiting", "source", t.src.ID, "host", u.Host, "for", next.wait.Round(time.Second), "again", next.again, "because", clip(last.Error(), 300))
			l.close(min(next.wait, maxWait))
		}
		if last == nil && r.stream != nil {
			s := r.stream.(*stream) // paper makes no other
			s.hold(l)
			return r, nil
		}
		l.leave()
		if last == nil || !next.again {
			return r, last
		}
	}
}

// hold keeps the lane until the stream is closed, or its context ends because
// it does not flow or the visit is over: a caller that forgets to close must
// not shut the host for good.
func (s *stream) hold(l *lane) {
	stop := context.AfterFunc(s.ctx, l.leave)
	s.leave = func() {
		if stop() {
			l.leave()
		}
	}
	s.failed = func() { l.close(backoff(0)) }
}

// maxWait is the longest a host is kept closed for one answer.
const maxWait = 24 * time.Hour

// tries counts what was tried for one address.
type tries struct{ waits, faults, forbidden int }

// step says what comes after an answer: closing the host for a while, and
// whether to ask again after it.
type step struct {
	wait  time.Duration
	again bool
}

const (
	maxFaults    = 3 // repeats after a 5xx or a fault of the network
	maxForbidden = 2 // repeats after a 403 of a site that means "too fast" by it
	tooMany      = 120 * time.Second
)

func backoff(n int) time.Duration { return 5 * time.Second << min(n, 10) }

// judge decides what an answer or failure means. A nil error is an answer to
// keep: 200, a redirect, or a 304 that we asked for.
func (n *tries) judge(r *reply, err error, src Source, now time.Time) (step, error) {
	var e *Error
	if err != nil {
		if !errors.As(err, &e) {
			e = &Error{Reason: store.ReasonNetwork, Err: err}
		}
		if e.Reason == store.ReasonNetwork || e.Reason == store.ReasonTruncated {
			return n.fault(), e
		}
		return step{}, e
	}
	asked, told := retryAfter(r.header, now)
	switch s := r.status; {
	case s == http.StatusOK || isRedirect(s) || r.same:
		return step{}, nil
	case s == http.StatusTooManyRequests || s == http.StatusServiceUnavailable && told:
		if !told {
			asked = tooMany
		}
		wait := max(asked, backoff(n.waits))
		n.waits++
		return step{wait, wait <= maxWait}, &Error{Reason: store.ReasonBusy, Status: s, Err: fmt.Errorf("we are to wait %s", asked)}
	case s == http.StatusForbidden && src.ForbiddenWait > 0:
		n.forbidden++
		return step{max(src.ForbiddenWait, asked), n.forbidden <= maxForbidden}, &Error{Reason: store.ReasonRefused, Status: s}
	case s == http.StatusServiceUnavailable:
		return n.fault(), &Error{Reason: store.ReasonBusy, Status: s}
	case s >= 500:
		return n.fault(), &Error{Reason: store.ReasonServer, Status: s}
	default:
		return step{}, &Error{Reason: reasonOfStatus(s), Status: s}
	}
}

func (n *tries) fault() step {
	n.faults++
	if n.faults > maxFaults {
		return step{}
	}
	return step{backoff(n.faults - 1), true}
}

func reasonOfStatus(s int) store.Reason {
	switch s {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired, http.StatusUnavailableForLegalReasons:
		return store.ReasonRefused
	case http.StatusNotFound, http.StatusGone:
		return store.ReasonMissing
	}
	return store.ReasonFormat
}
