package crawl

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"ccgwatch/store"
)

const (
	robotsAge  = 24 * time.Hour  // RFC 9309, 2.4
	refusalAge = 5 * time.Minute // how long a robots.txt that could not be read is not tried again
)

// rulebook keeps what each server's robots.txt said, by scheme, host and port.
type rulebook struct {
	mu sync.Mutex
	m  map[string]*ruling
}

// ruling is one server's robots.txt: its rules, or why it could not be read.
type ruling struct {
	turn  chan struct{} // of whoever reads or fetches it
	rules rules
	err   error
	at    time.Time // when fetched, zero before
}

func (b *rulebook) of(u *url.URL) *ruling {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m == nil {
		b.m = map[string]*ruling{}
	}
	key := u.Scheme + "://" + u.Host
	if b.m[key] == nil {
		b.m[key] = &ruling{turn: make(chan struct{}, 1)}
	}
	return b.m[key]
}

// allowed asks the server's robots.txt about an address and returns its
// Crawl-delay.
func (f *Fetcher) allowed(ctx context.Context, t *task, u *url.URL) (time.Duration, error) {
	g := f.rulebook.of(u)
	resume := t.watch.pause() // while another visit fetches it
	select {
	case g.turn <- struct{}{}:
		resume()
	case <-ctx.Done():
		resume()
		return 0, ctx.Err()
	}
	defer func() { <-g.turn }()

	age := f.Now().Sub(g.at)
	if g.at.IsZero() || age < 0 || age >= robotsAge || g.err != nil && age >= refusalAge {
		r, err, keep := f.readRobots(ctx, t, u)
		if !keep {
			return 0, err
		}
		g.rules, g.err, g.at = r, err, f.Now()
	}
	if g.err != nil {
		return 0, g.err
	}
	path := u.EscapedPath()
	if u.RawQuery != "" || u.ForceQuery {
		path += "?" + u.RawQuery
	}
	switch {
	case !g.rules.allows(path):
		return 0, Errorf(store.ReasonRobots, "robots.txt disallows it")
	case g.rules.delay > orElse(f.Patience, 15*time.Minute):
		return 0, Errorf(store.ReasonRobots, "robots.txt asks for %s between two requests, which is no crawl", g.rules.delay)
	}
	return g.rules.delay, nil
}

// Reach asks a source's server for its robots.txt, as every visit does first,
// and for nothing else. The error, an *Error or the context's, says why a
// visit would not get far.
func (f *Fetcher) Reach(ctx context.Context, src Source) error {
	t := f.task(src, nil)
	u, err := f.begin(t, src.Base)
	if err != nil {
		return err
	}
	if _, err := f.allowed(ctx, t, u); err != nil {
		return withURL(err, src.Base)
	}
	return nil
}

// readRobots fetches a server's robots.txt through the same chain as
// everything else. The bool is false if the outcome says nothing about
// robots.txt and must not be remembered.
func (f *Fetcher) readRobots(ctx context.Context, t *task, of *url.URL) (rules, error, bool) {
	u := &url.URL{Scheme: of.Scheme, Host: of.Host, Path: "/robots.txt"}
	limit := f.timeout(t.src)
	r, err := f.follow(ctx, t, u, true, func(ctx context.Context, u *url.URL) (*reply, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no complete answer within %s", limit))
		defer cancel()
		r, err := collyAsk(ctx, receiver{f.transport, orElse(f.MaxPage, 20<<20)}, u, f.header("gzip", "text/plain"), "")
		if err != nil {
			return nil, failure(ctx, err)
		}
		return r, nil
	})
	if err == nil {
		text, err := toUTF8(r.body, r.header.Get("Content-Type"))
		return parseRobots(text, product(f.UserAgent)), err, true
	}
	if ctx.Err() != nil {
		return rules{}, err, false
	}
	e := (*Error)(nil)
	switch errors.As(err, &e); {
	case e == nil:
		return rules{}, err, false
	case e.Status == http.StatusTooManyRequests, e.Status >= 500:
		return rules{}, &Error{Reason: store.ReasonRobots, Status: e.Status, Err: fmt.Errorf("robots.txt could not be read")}, true
	case e.Status >= 400, e.Status == http.StatusNoContent, errors.Is(err, errRedirects):
		return rules{}, nil, true // there is none
	case e.Reason == store.ReasonBusy:
		return rules{}, err, false // the host is closed to us; nobody was asked
	case e.Reason == store.ReasonBlocked, unreachable(err):
		return rules{}, err, true
	}
	return rules{}, &Error{Reason: store.ReasonRobots, Err: fmt.Errorf("robots.txt could not be read: %w", e)}, true
}

// unreachable: no conversation came about at all, so that robots.txt is not
// what is wrong.
func unreachable(err error) bool {
	var (
		dns  *net.DNSError
		op   *net.OpError
		cert *tls.CertificateVerificationError
		rec  tls.RecordHeaderError
		host x509.HostnameError
	)
	return errors.As(err, &dns) || errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") ||
		errors.As(err, &cert) || errors.As(err, &rec) || errors.As(err, &host)
}
