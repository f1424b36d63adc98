package crawl

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"ccgwatch/store"
)

const (
	// A page that unpacks to more than maxRatio times its size on the wire is a
	// bomb; the first freeRatio bytes are let through unjudged.
	maxRatio  = 100
	freeRatio = 1 << 20
	// maxRefusal is how much is read of an answer that is an error anyway.
	maxRefusal = 64 << 10
)

// receiver is the part of the chain between the transport and whoever reads: it
// unpacks, counts, and makes an error of everything that is not complete.
type receiver struct {
	next http.RoundTripper
	max  int64 // bytes after unpacking
}

func (r receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	encoding := strings.ToLower(strings.TrimSpace(strings.Join(resp.Header.Values("Content-Encoding"), ",")))
	wire := &wire{r: resp.Body, want: resp.ContentLength}
	body := &body{wire: wire, out: wire, max: r.max, closer: resp.Body}
	switch {
	case resp.StatusCode == http.StatusNotModified || resp.StatusCode == http.StatusNoContent:
		wire.want = -1 // a 304 may state the length of what it does not send
	case encoding == "gzip" || encoding == "x-gzip":
		body.packed = true
	case encoding != "" && encoding != "identity" && resp.StatusCode == http.StatusOK:
		_ = resp.Body.Close()
		return nil, Errorf(store.ReasonFormat, "content encoding %q, which we did not ask for", clip(encoding, 40))
	}
	resp.Header.Del("Content-Encoding")
	resp.ContentLength, resp.Uncompressed = -1, true
	resp.Body = body
	if resp.StatusCode != http.StatusOK {
		resp.Body = lenient{io.LimitReader(body, maxRefusal), body}
	}
	return resp, nil
}

// wire counts what comes in and notices when it is less than announced.
type wire struct {
	r    io.Reader
	n    int64
	want int64 // Content-Length, -1 if unknown
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.n += int64(n)
	if errors.Is(err, io.EOF) && w.want >= 0 && w.n < w.want {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// body gives the unpacked bytes up to the cap.
type body struct {
	wire   *wire
	out    io.Reader
	packed bool // not yet opened
	gzip   bool
	n, max int64
	closer io.Closer
}

func (b *body) Read(p []byte) (int, error) {
	if b.packed {
		z, err := gzip.NewReader(bufio.NewReader(b.wire))
		if err != nil {
			return 0, incomplete(err)
		}
		b.packed, b.gzip, b.out = false, true, z
	}
	n, err := b.out.Read(p)
	b.n += int64(n)
	if b.n > b.max {
		return 0, Errorf(store.ReasonTooLarge, "more than %d bytes", b.max)
	}
	if b.gzip && b.n > freeRatio && b.n > maxRatio*b.wire.n {
		return 0, Errorf(store.ReasonTooLarge, "it unpacks to more than %d times its size", maxRatio)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, incomplete(err)
	}
	return n, err
}

func (b *body) Close() error { return b.closer.Close() }

// incomplete: whatever ends an answer early, other than our own deadline, has
// truncated it. An EOF met while unpacking is early.
func incomplete(err error) error {
	var timeout net.Error
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &Error{Reason: store.ReasonTruncated, Err: err}
}

// lenient reads the body of a refusal: the status has said all, so a broken or
// endless body is no error of its own.
type lenient struct {
	r io.Reader
	io.Closer
}

func (l lenient) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		err = io.EOF
	}
	return n, err
}
