package crawl

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gocolly/colly/v2"
)

// collyAsk asks for one page once, or posts a search where there is one, and
// gives the exact bytes of the answer, whatever the status. colly is a thin shell here, and every habit of it that could hurt is
// taken away: it reads COLLY_* from the environment at the end of NewCollector
// (so the fields are set after that), cuts bodies at MaxBodySize without a word
// (the receiver makes an error of it), fetches robots.txt outside the context
// and the pace (ours decides before), follows redirects and keeps cookies,
// rewrites the address as a browser would (the server must be asked for what
// robots.txt was asked about) and recodes text by the header alone.
func collyAsk(ctx context.Context, chain http.RoundTripper, u *url.URL, header http.Header, search string) (*reply, error) {
	c := colly.NewCollector()
	c.Context = ctx
	c.UserAgent = header.Get("User-Agent")
	c.Headers = nil
	c.AllowedDomains, c.DisallowedDomains = nil, nil
	c.URLFilters, c.DisallowedURLFilters = nil, nil
	c.MaxDepth, c.MaxRequests, c.MaxBodySize = 0, 0, 0
	c.CacheDir, c.CacheExpiration = "", 0
	c.AllowURLRevisit = true
	c.IgnoreRobotsTxt = true
	c.ParseHTTPErrorResponse = true
	c.Async, c.CheckHead, c.DetectCharset, c.TraceHTTP = false, false, false, false
	c.SetClient(&http.Client{
		Transport:     chain,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})

	r := &reply{url: u}
	c.OnRequest(func(q *colly.Request) { *q.URL = *u })
	c.OnResponseHeaders(func(a *colly.Response) {
		r.status, r.header = a.StatusCode, a.Headers.Clone()
		a.Headers.Del("Content-Type") // or colly would recode the body
	})
	c.OnResponse(func(a *colly.Response) { r.body = a.Body })
	method, body := http.MethodGet, io.Reader(nil)
	if search != "" {
		method, body = http.MethodPost, strings.NewReader(search)
	}
	if err := c.Request(method, u.String(), body, nil, header); err != nil {
		return nil, err
	}
	return r, nil
}
