// Package crawltest plays web sites from a txtar archive, so that a source can
// be tested without a network.
//
// A file whose name is an http or https address is the answer to a GET of that
// address; other files are the test's own business ("want"). The content type
// follows from the name and the first bytes, the status is 200. Where the first
// line begins with "HTTP ", it gives the status, the lines up to the first empty
// one are headers, and the rest is the body:
//
//	-- https://exampleshire.example/old --
//	HTTP 301
//	Location: /new
//
//	-- https://exampleshire.example/new --
//	<h1>Board papers</h1>
//
// An address given twice answers with each in turn, and goes on with the last.
package crawltest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/tools/txtar"
)

// A Site answers requests from an archive. It is an http.RoundTripper and may
// be asked by several goroutines.
type Site struct {
	mu      sync.Mutex
	pages   map[string][]*page
	missing map[string]bool
	log     []Asked
}

// Asked is one request that was made.
type Asked struct {
	URL    string
	Header http.Header
	At     time.Time // virtual in a synctest bubble
}

type page struct {
	status int
	header http.Header
	body   []byte
	asked  bool
}

// Open reads an archive. It panics if the head of an answer is malformed: the
// fixture is part of the test's source.
func Open(a *txtar.Archive) *Site {
	s := &Site{pages: map[string][]*page{}, missing: map[string]bool{}}
	for _, f := range a.Files {
		if !strings.HasPrefix(f.Name, "http://") && !strings.HasPrefix(f.Name, "https://") {
			continue
		}
		u, err := url.Parse(f.Name)
		if err != nil {
			panic(fmt.Sprintf("fixture %s: %v", f.Name, err))
		}
		p, err := parse(u, f.Data)
		if err != nil {
			panic(fmt.Sprintf("fixture %s: %v", f.Name, err))
		}
		s.pages[name(u)] = append(s.pages[name(u)], p)
	}
	return s
}

// name is how an address is looked up: as a client would ask for it.
func name(u *url.URL) string {
	v := *u
	v.Fragment, v.RawFragment = "", ""
	if v.Path == "" {
		v.Path = "/"
	}
	return v.String()
}

func parse(u *url.URL, data []byte) (*page, error) {
	p := &page{status: http.StatusOK, header: http.Header{}, body: data}
	if bytes.HasPrefix(data, []byte("HTTP ")) {
		lines := strings.Split(string(data), "\n")
		status, _, _ := strings.Cut(strings.TrimSpace(lines[0][len("HTTP "):]), " ")
		n, err := strconv.Atoi(status)
		if err != nil {
			return nil, fmt.Errorf("first line %q: want \"HTTP 403\"", lines[0])
		}
		p.status, p.body = n, nil
		for i, line := range lines[1:] {
			if strings.TrimSpace(line) == "" {
				p.body = []byte(strings.Join(lines[i+2:], "\n"))
				break
			}
			k, v, ok := strings.Cut(line, ":")
			if !ok {
				return nil, fmt.Errorf("header line %q has no colon", line)
			}
			p.header.Add(textproto.TrimString(k), textproto.TrimString(v))
		}
	}
	if p.header.Get("Content-Type") == "" {
		p.header.Set("Content-Type", contentType(u, p.body))
	}
	return p, nil
}

func contentType(u *url.URL, body []byte) string {
	text := bytes.TrimSpace(body)
	switch {
	case u.Path == "/robots.txt":
		return "text/plain"
	case bytes.HasPrefix(text, []byte("%PDF-")):
		return "application/pdf"
	case bytes.HasPrefix(text, []byte("<?xml")):
		return "text/xml; charset=utf-8"
	case bytes.HasPrefix(text, []byte("{")), bytes.HasPrefix(text, []byte("[")):
		return "application/json"
	case path.Ext(u.Path) == ".ics":
		return "text/calendar; charset=utf-8"
	}
	return "text/html; charset=utf-8"
}

// RoundTrip answers from the archive: robots.txt that is not in it is a 404,
// and so is any other address, which Missing then names.
func (s *Site) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := name(r.URL)
	s.log = append(s.log, Asked{key, r.Header.Clone(), time.Now()})
	p := s.next(key)
	if p == nil {
		if r.URL.Path != "/robots.txt" {
			s.missing[key] = true
		}
		p = &page{status: http.StatusNotFound, header: http.Header{"Content-Type": {"text/plain"}}, body: []byte("the fixture has no page " + key + "\n")}
	}
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", p.status, http.StatusText(p.status)),
		StatusCode: p.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        p.header.Clone(),
		Body:          io.NopCloser(bytes.NewReader(p.body)),
		ContentLength: int64(len(p.body)),
		Request:       r,
	}, nil
}

func (s *Site) next(key string) *page {
	pages := s.pages[key]
	if len(pages) == 0 {
		return nil
	}
	for _, p := range pages {
		if !p.asked {
			p.asked = true
			return p
		}
	}
	return pages[len(pages)-1]
}

// Unasked names the pages of the archive that nobody has asked for, sorted.
func (s *Site) Unasked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for key, pages := range s.pages {
		for _, p := range pages {
			if !p.asked {
				out = append(out, key)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Missing names the addresses that were asked for and are not in the archive, sorted.
func (s *Site) Missing() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for key := range s.missing {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

// Asked returns every request so far, robots.txt included, in order.
func (s *Site) Asked() []Asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}
