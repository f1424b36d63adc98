package crawl

import (
	"context"
	"io"
	"net/http"
	"net/url"
)

// A Fetcher makes the requests.
type Fetcher struct {
	UserAgent string
	Transport http.RoundTripper
}

// An Answer is a page as received: status 200, complete, decoded.
type Answer struct {
	URL    *url.URL
	Header http.Header
	Body   []byte
}

// A Download is a paper being received. Reading Body to the end fails if the
// answer is cut or over the cap.
type Download struct {
	Header      http.Header
	NotModified bool
	Body        io.ReadCloser
}

// Get fetches a page. (first sketch; the crawl room replaces it)
func (f *Fetcher) Get(ctx context.Context, src Source, address, accept string) (*Answer, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: f.Transport}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != 200 {
		err = &Error{Status: resp.StatusCode, URL: address}
	}
	return &Answer{URL: resp.Request.URL, Header: resp.Header, Body: b}, err
}

// Download fetches a paper. (first sketch)
func (f *Fetcher) Download(ctx context.Context, src Source, address, etag, modified string) (*Download, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: f.Transport}).Do(req)
	if err != nil {
		return nil, err
	}
	return &Download{Header: resp.Header, Body: resp.Body}, nil
}
