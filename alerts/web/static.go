package web

import (
	"bytes"
	"context"
	"html/template"
	"net/http"
	"net/url"
	"strings"
)

// Static answers the pages in process, for whoever makes files of them. It shows
// what the server shows, and counts nobody.
type Static struct {
	*Data
	handler http.Handler
}

// Static reads the whole record and gives its pages. The Desk must be nil: nobody
// signs up in a file. Cost: the log once.
func (s Server) Static(ctx context.Context) (*Static, error) {
	v, h := s.join()
	v.quota.free = true
	x := &Static{&Data{v}, h}
	if err := x.read(ctx); err != nil {
		return nil, err
	}
	for v.survey.behind() {
		if err := v.followAll(ctx); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// An Answer is what a page or feed is answered with.
type Answer struct {
	Status int
	Type   string // media type, without parameters
	Body   []byte
}

// Get asks for a path with its parameters, such as /item?source=a&key=b. It may
// be called at once from several places.
func (x *Static) Get(ctx context.Context, path string) (Answer, error) {
	u, err := url.Parse(path)
	if err != nil {
		return Answer{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+u.RequestURI(), http.NoBody)
	if err != nil {
		return Answer{}, err
	}
	r.RemoteAddr = "127.0.0.1:1"
	w := &frozen{head: http.Header{}, status: http.StatusOK}
	x.handler.ServeHTTP(w, r)
	media, _, _ := strings.Cut(w.head.Get("Content-Type"), ";")
	return Answer{w.status, media, w.body.Bytes()}, ctx.Err()
}

// Base is where links in feeds and data lead.
func (x *Static) Base() string {
	return x.site.address(&http.Request{Host: "localhost"})
}

// Frame puts what an export says itself into the frame around all pages. here is
// the entry of the menu that it is.
func (x *Static) Frame(title, here string, main template.HTML) ([]byte, error) {
	w := &frozen{head: http.Header{}}
	err := x.site.render(w, http.StatusOK, "static", view{Title: title, Here: here, Body: main})
	return w.body.Bytes(), err
}

// Body names a body by its id, "" for one that has no page.
func (x *Static) Body(id string) string {
	if b, ok := x.site.bodyOf(id); ok {
		return b.Name
	}
	return ""
}

// SourceName names a source by its id.
func (x *Static) SourceName(id string) string { return x.site.sourceName(id) }

// frozen is an answer in memory.
type frozen struct {
	head   http.Header
	status int
	body   bytes.Buffer
}

func (k *frozen) Header() http.Header         { return k.head }
func (k *frozen) WriteHeader(status int)      { k.status = status }
func (k *frozen) Write(b []byte) (int, error) { return k.body.Write(b) }
