package crawl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"ccgwatch/store"
)

// A Fetcher makes every request of the program. It asks robots.txt first,
// keeps one request at a time to a host across all sources that share it, waits
// as long as it is told to, refuses inner addresses when it connects, and gives
// either a complete answer or an error: never a part.
//
// The zero value works, apart from the User-Agent that the operator owes the
// sites. A Fetcher is shared by all visits, must not be copied, and its fields
// must not change after the first request.
type Fetcher struct {
	// UserAgent names the program and whom to write to:
	// "ccgwatch/0.1 (+mailto:alerts@example.org; Save our NHS)". robots.txt is
	// read for the part before the slash.
	UserAgent string
	// Delay is the least time between the starts of two requests to a host where
	// the source does not say (Source.Pace); zero is 5 s, negative is none.
	Delay time.Duration
	// AllowPrivate lists networks that may be connected to although they are
	// private, and there on any port. Empty for ordinary use.
	AllowPrivate []netip.Prefix
	// Proxy is the address of a proxy, "" for none; the environment's proxies are
	// ignored. Behind a proxy it is the proxy that must refuse inner addresses:
	// we see only its own.
	Proxy string
	// RawDir keeps the answers for re-parsing and for conditional requests; "" keeps none.
	RawDir string
	// RawKeep is how long they are kept; zero is 14 days.
	RawKeep time.Duration
	// RawMax bounds all kept answers, in bytes as stored; zero is 2 GiB.
	RawMax int64
	// Transport replaces the guarded one, for tests.
	Transport http.RoundTripper
	// Dated, if set, is told the Date of every answer that has one, as the site
	// gave it. It is called by several visits at once.
	Dated func(time.Time)
	// Log receives waits and refused addresses; nil is silent.
	Log *slog.Logger
	// MaxPage and MaxPaper are caps in bytes after decoding; zero is 20 MiB and
	// 200 MiB. More is an error.
	MaxPage, MaxPaper int64
	// Timeout is for one page from dialling to the last byte where the source
	// does not say (Source.Timeout); zero is 60 s. A paper may take longer as
	// long as it flows.
	Timeout time.Duration
	// Patience is how long in all one request may wait because the site asks us
	// to; zero is 15 minutes. What would take longer is ReasonBusy.
	Patience time.Duration
	// Now dates the kept answers and robots.txt; nil is time.Now.
	Now func() time.Time

	once      sync.Once
	err       error // of the settings
	transport http.RoundTripper
	own       *http.Transport // the guarded one, nil if Transport is set
	lanes     lanes
	rulebook  rulebook
	moves     moves
	raw       *rawStore
}

// An Answer is a page as received: status 200, complete, decoded.
type Answer struct {
	URL    *url.URL // after redirects
	Header http.Header
	Body   []byte // UTF-8 for text types, raw otherwise
	// Stored: the site said that nothing changed since the answer we keep, and
	// this is that answer.
	Stored bool
}

// A Download is a paper being received. Reading Body to the end fails if the
// answer is cut, over the cap or too slow. The host is not asked anything else
// until Body is closed.
type Download struct {
	URL         *url.URL // after redirects
	Header      http.Header
	NotModified bool
	Body        io.ReadCloser // never nil
}

// reply is what one address answered, whatever the status.
type reply struct {
	url    *url.URL
	status int
	header http.Header
	body   []byte        // of a page, or the beginning of a refusal
	stream io.ReadCloser // of a paper
	stored bool          // the answer we keep, which a 304 confirmed
	same   bool          // a 304 to validators of the caller
}

// sender asks one address once.
type sender func(ctx context.Context, u *url.URL) (*reply, error)

// task is what belongs to one call of Get or Download.
type task struct {
	src   Source
	watch *watchdog // of the visit, or nil
	left  time.Duration
	fresh bool // no validators for pages
	sent  *int // counts what goes over the line, nil for nobody
}

func (f *Fetcher) task(src Source, w *watchdog) *task {
	return &task{src: src, watch: w, left: orElse(f.Patience, 15*time.Minute)}
}

func orElse[T int64 | time.Duration](v, other T) T {
	if v == 0 {
		return other
	}
	return v
}

// setUp builds what the fields describe.
func (f *Fetcher) setUp() error {
	f.once.Do(func() {
		if f.Log == nil {
			f.Log = slog.New(slog.DiscardHandler)
		}
		if f.Now == nil {
			f.Now = time.Now
		}
		f.raw = newRawStore(f.RawDir, orElse(f.RawKeep, 14*24*time.Hour), orElse(f.RawMax, 2<<30))
		if f.transport = f.Transport; f.transport == nil {
			f.own, f.err = guardedTransport(f.AllowPrivate, f.Proxy, nil)
			f.transport = f.own
		}
		if f.Dated != nil {
			f.transport = dated{f.transport, f.Dated}
		}
	})
	return f.err
}

// Close closes idle connections. The Fetcher can be used again.
func (f *Fetcher) Close() {
	if f.setUp() == nil && f.own != nil {
		f.own.CloseIdleConnections()
	}
}

// Prune removes kept answers older than RawKeep, and the oldest of the rest if
// they are more than RawMax.
func (f *Fetcher) Prune(now time.Time) error {
	if err := f.setUp(); err != nil {
		return err
	}
	return f.raw.prune(now)
}

// Get fetches a page of a source. Redirects are followed within the source's
// hosts, the name with and without "www." being one. The error is an *Error, or the context's.
func (f *Fetcher) Get(ctx context.Context, src Source, address, accept string) (*Answer, error) {
	return f.get(ctx, f.task(src, nil), Request{URL: address, Accept: accept})
}

func (f *Fetcher) get(ctx context.Context, t *task, q Request) (*Answer, error) {
	address := q.URL
	u, err := f.begin(t, address)
	if err != nil {
		return nil, err
	}
	r, err := f.follow(ctx, t, u, false, func(ctx context.Context, u *url.URL) (*reply, error) {
		if q.Search != "" {
			return f.search(ctx, t, u, q)
		}
		return f.page(ctx, t, u, q.Accept)
	})
	if err != nil {
		return nil, withURL(err, address)
	}
	body, err := toUTF8(r.body, r.header.Get("Content-Type"))
	if err != nil {
		return nil, withURL(err, address)
	}
	return &Answer{URL: r.url, Header: r.header, Body: body, Stored: r.stored}, nil
}

// Download fetches a paper of a source. With validators of bytes we have, the
// answer may be NotModified. The caller closes Body.
func (f *Fetcher) Download(ctx context.Context, src Source, address, etag, modified string) (*Download, error) {
	return f.download(ctx, f.task(src, nil), address, etag, modified)
}

func (f *Fetcher) download(ctx context.Context, t *task, address, etag, modified string) (*Download, error) {
	u, err := f.begin(t, address)
	if err != nil {
		return nil, err
	}
	conditional := etag != "" || modified != ""
	r, err := f.follow(ctx, t, u, false, func(ctx context.Context, u *url.URL) (*reply, error) {
		h := f.header("identity", "")
		setNonEmpty(h, "If-None-Match", etag)
		setNonEmpty(h, "If-Modified-Since", modified)
		return f.paper(ctx, t, u, h, conditional)
	})
	if err != nil {
		return nil, withURL(err, address)
	}
	d := &Download{URL: r.url, Header: r.header, Body: r.stream}
	if r.status == http.StatusNotModified {
		d.NotModified, d.Body = true, http.NoBody
	}
	return d, nil
}

// begin checks the settings and the address.
func (f *Fetcher) begin(t *task, address string) (*url.URL, error) {
	if err := f.setUp(); err != nil {
		return nil, withURL(err, address)
	}
	u, err := f.address(t.src, address)
	if err != nil {
		f.refused(t.src, address, err)
		return nil, withURL(err, address)
	}
	return u, nil
}

func (f *Fetcher) refused(src Source, address string, err error) {
	if e := (*Error)(nil); errors.As(err, &e) && e.Reason == store.ReasonBlocked {
		f.Log.Warn("refused to connect", "source", src.ID, "url", clip(address, 300), "err", clip(err.Error(), 300))
	}
}

// header of every request. Only gzip is asked for, and only we unpack it, so
// that the caps count what comes out.
func (f *Fetcher) header(encoding, accept string) http.Header {
	if accept == "" {
		accept = "*/*"
	}
	return http.Header{
		"User-Agent":      {f.UserAgent},
		"Accept":          {accept},
		"Accept-Encoding": {encoding},
	}
}

func setNonEmpty(h http.Header, name, value string) {
	if value != "" {
		h.Set(name, value)
	}
}

func (f *Fetcher) timeout(src Source) time.Duration {
	return orElse(src.Timeout, orElse(f.Timeout, 60*time.Second))
}

// page asks for a page once, with our validators if we hold its last answer.
func (f *Fetcher) page(ctx context.Context, t *task, u *url.URL, accept string) (*reply, error) {
	h := f.header("gzip", accept)
	var held *rawAnswer
	if !t.fresh {
		held = f.raw.last(u.String(), accept, f.Now())
	}
	if held != nil {
		setNonEmpty(h, "If-None-Match", held.Header.Get("ETag"))
		setNonEmpty(h, "If-Modified-Since", held.Header.Get("Last-Modified"))
	}
	limit := f.timeout(t.src)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no complete answer within %s", limit))
	defer cancel()
	r, err := collyAsk(ctx, receiver{f.transport, orElse(f.MaxPage, 20<<20)}, u, h, "")
	if err != nil {
		return nil, failure(ctx, err)
	}
	if err := sane(r.status, r.header, r.body); err != nil {
		return nil, err
	}
	switch {
	case r.status == http.StatusNotModified && held != nil:
		r.status, r.header, r.body, r.stored = http.StatusOK, held.Header, held.body, true
	case r.status == http.StatusOK:
		if err := f.raw.keep(u, accept, r, f.Now()); err != nil {
			f.Log.Warn("could not keep a raw answer", "source", t.src.ID, "err", err)
		}
	}
	return r, nil
}

// search posts a search once. Nothing of it is kept, and where it is redirected
// to nothing is posted again.
func (f *Fetcher) search(ctx context.Context, t *task, u *url.URL, q Request) (*reply, error) {
	h := f.header("gzip", q.Accept)
	h.Set("Content-Type", "application/json")
	limit := f.timeout(t.src)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no complete answer within %s", limit))
	defer cancel()
	r, err := collyAsk(ctx, receiver{f.transport, orElse(f.MaxPage, 20<<20)}, u, h, q.Search)
	if err != nil {
		return nil, failure(ctx, err)
	}
	if isRedirect(r.status) {
		return nil, &Error{Reason: store.ReasonFormat, Status: r.status, Err: errors.New("a search that is redirected")}
	}
	return r, sane(r.status, r.header, r.body)
}
