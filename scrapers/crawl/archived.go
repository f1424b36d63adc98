package crawl

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// A Capture is an address in an archive of the web: what stood at an address at
// a time, under the archive's own. The UK Government Web Archive and others that
// replay with pywb, and the Internet Archive, write it so:
//
//	https://webarchive.nationalarchives.gov.uk/ukgwa/20220630120000/https://a.nhs.uk/board/
//
// Two letters and "_" after the time say in which form it is wanted.
type Capture struct {
	Archive string // what stands before the time, without the last slash
	Stamp   string // the time as printed: the digits of YYYYMMDDhhmmss, at least of a day; UTC
	Of      string // the address that was captured
}

// captureForm is an address of a capture: archive, time, form, scheme, and the rest of
// the address that was captured. Old archives lose one of the two slashes.
const captureForm = `^(https?://[^/?#\s]+(?:/[A-Za-z][\w-]*){0,3})/(\d{8,14})(?:[a-z]{2}_)?/(https?):/{1,2}([^/].*)$`

// ParseCapture takes the address of a capture apart; false for any other address.
func ParseCapture(address string) (Capture, bool) {
	m := regexp.MustCompile(captureForm).FindStringSubmatch(address)
	if m == nil {
		return Capture{}, false
	}
	c := Capture{Archive: m[1], Stamp: m[2], Of: m[3] + "://" + m[4]}
	if c.At().IsZero() {
		return Capture{}, false
	}
	return c, true
}

// At is the time of the capture, zero if its digits are none.
func (c Capture) At() time.Time {
	t, err := time.Parse("20060102150405", (c.Stamp + "000000")[:14])
	if err != nil {
		return time.Time{}
	}
	return t
}

// Address is where a page of the same time is asked for: as it was captured,
// without the archive's frame around it.
func (c Capture) Address(of string) string {
	form := "mp_"
	if strings.HasSuffix(c.Archive, "//web.archive.org/web") {
		form = "id_"
	}
	return c.Archive + "/" + c.Stamp + form + "/" + of
}

// Base is the address of a capture for people and settings, without the form.
func (c Capture) Base(of string) string { return c.Archive + "/" + c.Stamp + "/" + of }

// ContentAddress is the address at which a page itself is had: another one only
// for a capture, which an archive shows in a frame of its own.
func ContentAddress(address string) string {
	if c, ok := ParseCapture(address); ok {
		return c.Address(c.Of)
	}
	return address
}

// laterMost is how much later than asked a page may have been captured: an
// archive gives the nearest it has, and the name of a site that is no more may
// be somebody else's by then.
const laterMost = 366 * 24 * time.Hour

// Archived makes a source that is read from captures instead of its site. The
// source itself notices nothing: its addresses are asked of the archive, and on
// the pages that come the archive's addresses and additions are taken back. So
// the keys are those the live site would give, whatever capture they come from,
// and the addresses of what is found lead to the archive, where it can be had.
// For the source it is the time of the capture: what was to come then is.
func Archived(src Source, c Capture) Source {
	a := &archived{c, links(c)}
	plan := src.Plan
	src.Base, src.Hosts = c.Base(src.Base), nil // the site itself is not asked
	src.Plan = func(v Visit) []Request {
		if at := c.At(); at.Before(v.Now) {
			v.Now = at
		}
		return a.requests(plan(v))
	}
	return src
}

// archived turns what goes between a source and the crawler.
type archived struct {
	Capture
	links *regexp.Regexp
}

// links matches an address of the archive where a page of it may name one: after
// a quote, an equals sign or a space, with or without host.
func links(c Capture) *regexp.Regexp {
	host := c.Archive
	if u, err := url.Parse(c.Archive); err == nil {
		host = u.Host
	}
	return regexp.MustCompile(`(["'=\s(,])(?:(?:https?:)?//` + regexp.QuoteMeta(host) + `)?(?:/[A-Za-z][\w-]*){0,3}/(?:\d{4,14}|\*)(?:[a-z]{2}_)?/(https?):/{1,2}`)
}

func (a *archived) requests(list []Request) []Request {
	if list == nil { // it means something else than an empty one, see Request.Or
		return nil
	}
	out := make([]Request, 0, len(list))
	for _, r := range list {
		out = append(out, a.request(r))
	}
	return out
}

func (a *archived) request(r Request) Request {
	r.URL = a.out(r.URL)
	r.Parse, r.Absent = a.parse(r.Parse), a.parse(r.Absent)
	if or := r.Or; or != nil {
		r.Or = func(err error) []Request { return a.requests(or(err)) }
	}
	return r
}

// out is where something of the site is asked for.
func (a *archived) out(address string) string {
	if address == "" || strings.HasPrefix(address, a.Archive+"/") {
		return address
	}
	if _, ok := ParseCapture(address); ok || !strings.HasPrefix(address, "http") {
		return address
	}
	return a.Address(address)
}

func (a *archived) parse(read func(*Page) error) func(*Page) error {
	if read == nil {
		return nil
	}
	return func(p *Page) error {
		in, got, ok := unarchive(p, a.links)
		switch {
		case !ok:
			return Errorf(store.ReasonFormat, "the answer is no page of an archive: it came from %s", clip(p.URL.String(), 200))
		case got.At().Sub(a.At()) > laterMost:
			return Errorf(store.ReasonMissing, "the nearest capture is of %s, long after %s", got.At().Format(time.DateOnly), a.At().Format(time.DateOnly))
		case bytes.Contains(in.Body, []byte(`id="replay_iframe"`)):
			return Errorf(store.ReasonFormat, "the archive shows its frame instead of the page")
		}
		if err := read(in); err != nil {
			return err
		}
		p.got = in.got
		p.got.follow = a.requests(in.got.follow)
		for i := range p.got.items {
			a.outItem(&p.got.items[i])
		}
		for i, u := range p.got.updates {
			p.got.updates[i].set = func(it *store.Item) { u.set(it); a.outItem(it) }
		}
		return nil
	}
}

// outItem has an item's addresses lead to the archive.
func (a *archived) outItem(it *store.Item) {
	it.URL = a.out(it.URL)
	it.Documents = slices.Clone(it.Documents) // the source may hold on to its own
	for i := range it.Documents {
		it.Documents[i].URL = a.out(it.Documents[i].URL)
	}
}

// Unarchive gives the page that was captured, as it was on its site, and where
// it was found; false for a page that comes from no archive.
func Unarchive(p *Page) (*Page, Capture, bool) {
	c, ok := ParseCapture(p.URL.String())
	if !ok {
		return p, c, false
	}
	return unarchive(p, links(c))
}

func unarchive(p *Page, links *regexp.Regexp) (*Page, Capture, bool) {
	c, ok := ParseCapture(p.URL.String())
	if !ok {
		return p, c, false
	}
	u, err := url.Parse(c.Of)
	if err != nil || u.Host == "" {
		return p, c, false
	}
	in := &Page{URL: plainPort(u), Header: p.Header, Body: p.Body, seen: p.seen}
	if kind := http.DetectContentType(p.Body); !isText(strings.Split(kind, ";")[0]) {
		return in, c, true
	}
	in.Body = links.ReplaceAll(in.Body, []byte("$1$2://"))
	in.Body = regexp.MustCompile(`(http://[^/"'\s:]+):80([/"'])`).ReplaceAll(in.Body, []byte("$1$2"))
	for _, mark := range [][2]string{
		{"<!-- WB Insert -->", "<!-- End WB Insert -->"},
		{"<!-- BEGIN WAYBACK TOOLBAR INSERT -->", "<!-- END WAYBACK TOOLBAR INSERT -->"},
	} {
		in.Body = without(in.Body, mark[0], mark[1])
	}
	if d, err := in.HTML(); err == nil { // what is no page of the site stays out of what is read
		d.Find("[id^=ukgwa], [class^=ukgwa], [id^=wm-ipp], #webArchiveInfobox, #_wb_frame_top_banner, #wb_iframe_div").Remove()
	}
	return in, c, true
}

// plainPort leaves out a port that says nothing: old archives print it.
func plainPort(u *url.URL) *url.URL {
	if p := u.Port(); p != "" && p == defaultPort(u.Scheme) {
		u.Host = u.Hostname()
	}
	return u
}

// without cuts out what stands between two marks, the marks included.
func without(body []byte, from, to string) []byte {
	before, rest, ok := bytes.Cut(body, []byte(from))
	if !ok {
		return body
	}
	if _, after, ok := bytes.Cut(rest, []byte(to)); ok {
		return slices.Concat(before, after)
	}
	return body
}

// String names the capture for people.
func (c Capture) String() string {
	return fmt.Sprintf("%s as of %s", c.Of, c.At().Format(time.DateOnly))
}
