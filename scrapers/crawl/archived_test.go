package crawl_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Addresses of captures, and addresses that only look like some.
func TestParseCapture(t *testing.T) {
	for address, want := range map[string]crawl.Capture{
		"https://webarchive.nationalarchives.gov.uk/ukgwa/20220630120000/https://a.nhs.uk/board/?y=1": {Archive: "https://webarchive.nationalarchives.gov.uk/ukgwa", Stamp: "20220630120000", Of: "https://a.nhs.uk/board/?y=1"},
		"https://webarchive.nationalarchives.gov.uk/ukgwa/20220630120000mp_/https://a.nhs.uk/p.pdf":   {Archive: "https://webarchive.nationalarchives.gov.uk/ukgwa", Stamp: "20220630120000", Of: "https://a.nhs.uk/p.pdf"},
		"https://webarchive.nationalarchives.gov.uk/20100702214809/http:/a.nhs.uk/index.asp":          {Archive: "https://webarchive.nationalarchives.gov.uk", Stamp: "20100702214809", Of: "http://a.nhs.uk/index.asp"},
		"https://web.archive.org/web/20190301id_/http://www.a.nhs.uk:80/":                             {Archive: "https://web.archive.org/web", Stamp: "20190301", Of: "http://www.a.nhs.uk:80/"},
		"http://127.0.0.1:8080/coll/20220630/https://a.nhs.uk":                                        {Archive: "http://127.0.0.1:8080/coll", Stamp: "20220630", Of: "https://a.nhs.uk"},
	} {
		if got, ok := crawl.ParseCapture(address); !ok || got != want {
			t.Errorf("%s: %v\n%s", address, ok, cmp.Diff(want, got))
		}
	}
	for _, address := range []string{
		"", "https://a.nhs.uk/board/", "https://a.nhs.uk/20220630/papers.pdf", "https://a.nhs.uk/x/20229930120000/https://b.nhs.uk/", "https://a.nhs.uk/20220630/ftp://b/",
		"https://a.nhs.uk/share?u=/20220630/https://b.nhs.uk/", "https://webarchive.nationalarchives.gov.uk/ukgwa/*/https://a.nhs.uk/", "https://a.nhs.uk/20220630/https://",
	} {
		if got, ok := crawl.ParseCapture(address); ok {
			t.Errorf("%q is taken for %+v", address, got)
		}
	}
	for address, want := range map[string]string{
		"https://webarchive.nationalarchives.gov.uk/ukgwa/20220630120000/https://a.nhs.uk/": "https://webarchive.nationalarchives.gov.uk/ukgwa/20220630120000mp_/https://a.nhs.uk/",
		"https://web.archive.org/web/20220630120000/https://a.nhs.uk/":                      "https://web.archive.org/web/20220630120000id_/https://a.nhs.uk/",
		"https://a.nhs.uk/": "https://a.nhs.uk/",
	} {
		if got := crawl.ContentAddress(address); got != want {
			t.Errorf("%s is had at %s, want %s", address, got, want)
		}
	}
}

const replayed = "https://webarchive.nationalarchives.gov.uk/ukgwa/20220612103000mp_/http://www.a.nhs.uk:80/board/"

// A replayed page is the page that was captured: its own links, and nothing of
// the archive's.
func TestUnarchive(t *testing.T) {
	const body = `<html><head><!-- WB Insert --><script>x("/ukgwa/1/https://no")</script><!-- End WB Insert --></head><body>
<!-- BEGIN WAYBACK TOOLBAR INSERT --><a href="/web/x">toolbar</a><!-- END WAYBACK TOOLBAR INSERT -->
<div id="ukgwa-banner"><a href="/ukgwa/20200101000000mp_/https://www.a.nhs.uk/other.pdf">2020</a></div><div id="wm-ipp-base">x</div>
<a href="/ukgwa/20220612103000mp_/https://www.a.nhs.uk/a.pdf">root</a>
<a href='https://webarchive.nationalarchives.gov.uk/ukgwa/20220612103000/http://www.a.nhs.uk:80/b.pdf'>host</a>
<a href="//webarchive.nationalarchives.gov.uk/20120612103000mp_/http:/www.a.nhs.uk/c.pdf">old</a>
<a href="/ukgwa/20220612103000mp_/http://webarchive.nationalarchives.gov.uk/20130101000000/http://dh.gov.uk/d.pdf">archive in archive</a>
<a href="/ukgwa/*/https://www.a.nhs.uk/board/">all</a>
<a href="e.pdf">relative</a>
<p>Papers at /ukgwa/ and 20220612/https are words.</p></body></html>
<!-- FILE ARCHIVED ON 10:30:00 Jun 12, 2022 -->`
	p, err := crawl.NewPage(replayed, http.Header{}, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	in, c, ok := crawl.Unarchive(p)
	if !ok || in.URL.String() != "http://www.a.nhs.uk/board/" || !c.At().Equal(time.Date(2022, 6, 12, 10, 30, 0, 0, time.UTC)) {
		t.Fatalf("%v %s %+v", ok, in.URL, c)
	}
	d, err := in.HTML()
	if err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, a := range d.Find("a[href]").EachIter() {
		links = append(links, in.Abs(a.AttrOr("href", "")))
	}
	want := []string{
		"https://www.a.nhs.uk/a.pdf", "http://www.a.nhs.uk/b.pdf", "http://www.a.nhs.uk/c.pdf", "http://webarchive.nationalarchives.gov.uk/20130101000000/http://dh.gov.uk/d.pdf",
		"https://www.a.nhs.uk/board/", "http://www.a.nhs.uk/board/e.pdf",
	}
	if diff := cmp.Diff(want, links); diff != "" {
		t.Error(diff)
	}
	if text := d.Text(); !strings.Contains(text, "Papers at /ukgwa/ and 20220612/https are words.") || strings.Contains(text, "toolbar") || d.Find("script").Length() > 0 {
		t.Error(text)
	}
	if err := in.Ends(); err != nil {
		t.Error(err)
	}
	// A file is left as it is.
	file := []byte("%PDF-1.4\n/URI (\"/ukgwa/20220612103000mp_/https://www.a.nhs.uk/a.pdf\")\n%%EOF")
	if p, err = crawl.NewPage(replayed, http.Header{}, file); err != nil {
		t.Fatal(err)
	}
	if in, _, ok = crawl.Unarchive(p); !ok || string(in.Body) != string(file) {
		t.Errorf("%q", in.Body)
	}
}

// A source in an archive gives the keys of the site as it was and the addresses of the
// archive, asks nobody else, and lives at the time of the capture.
func TestArchived(t *testing.T) {
	var planned crawl.Visit
	src := crawl.Source{ID: "a", Base: "https://www.a.nhs.uk", Hosts: []string{"cdn.a.nhs.uk"}, Whole: true, Plan: func(v crawl.Visit) []crawl.Request {
		planned = v
		return []crawl.Request{{URL: "https://www.a.nhs.uk/board/", Parse: func(p *crawl.Page) error {
			doc := []store.Document{{Key: "document/x.pdf", URL: p.Abs("x.pdf")}}
			p.Add(store.Item{Key: "paper", URL: p.URL.String(), Documents: doc})
			p.Update("paper", func(it *store.Item) {
				it.Documents = append(it.Documents, store.Document{Key: "y", URL: "https://www.a.nhs.uk/y.pdf"})
			})
			p.Follow(crawl.Request{URL: p.Abs("next/"), Parse: func(*crawl.Page) error { return nil }})
			if doc[0].URL != "https://www.a.nhs.uk/board/x.pdf" {
				t.Errorf("the source sees %s", doc[0].URL)
			}
			return nil
		}, Or: func(error) []crawl.Request { return []crawl.Request{{URL: "https://www.a.nhs.uk/old/"}} }}}
	}}
	c, ok := crawl.ParseCapture("https://archive.example/w/20220612103000/https://www.a.nhs.uk")
	if !ok {
		t.Fatal("no capture")
	}
	in := crawl.Archived(src, c)
	list := in.Plan(crawl.Visit{Now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	const at = "https://archive.example/w/20220612103000mp_/https://www.a.nhs.uk/"
	if in.Base != "https://archive.example/w/20220612103000/https://www.a.nhs.uk" || in.Hosts != nil || len(list) != 1 || list[0].URL != at+"board/" || !planned.Now.Equal(c.At()) {
		t.Fatalf("%+v %+v", in, planned.Now)
	}
	if or := list[0].Or(nil); len(or) != 1 || or[0].URL != at+"old/" {
		t.Errorf("%+v", or)
	}
	page := func(address, body string) *crawl.Page {
		p, err := crawl.NewPage(address, http.Header{}, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := page("https://archive.example/w/20220501000000mp_/https://www.a.nhs.uk/board/", "<html></html>")
	if err := list[0].Parse(p); err != nil {
		t.Fatal(err)
	}
	it := p.Items()[0]
	if it.Key != "paper" || it.URL != at+"board/" || it.Documents[0].URL != at+"board/x.pdf" || p.Requests()[0].URL != at+"board/next/" {
		t.Errorf("%+v %+v", it, p.Requests())
	}
	for name, bad := range map[string]*crawl.Page{
		"another site": page("https://www.a.nhs.uk/board/", "<html></html>"),
		"years later":  page("https://archive.example/w/20240101000000mp_/https://www.a.nhs.uk/board/", "<html></html>"),
		"a frame":      page("https://archive.example/w/20220612103000/https://www.a.nhs.uk/board/", `<html><iframe id="replay_iframe"></iframe></html>`),
	} {
		if err := list[0].Parse(bad); err == nil || len(bad.Items()) > 0 {
			t.Errorf("%s: %v, %v", name, err, bad.Items())
		}
	}
}

// Whatever an archive gives, taking its additions back ends, and changes nothing
// of a page that has none.
func FuzzUnarchive(f *testing.F) {
	f.Add(`<a href="/ukgwa/20220612103000mp_/https://www.a.nhs.uk/a.pdf">x</a>`)
	f.Add(`<!-- WB Insert --><!-- End WB Insert --><!-- WB Insert -->`)
	f.Add("'//webarchive.nationalarchives.gov.uk/1234/http:/")
	f.Add("\xff\xfe<html")
	f.Fuzz(func(t *testing.T, body string) {
		p, err := crawl.NewPage(replayed, http.Header{}, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		in, _, ok := crawl.Unarchive(p)
		if !ok {
			t.Fatal("the address is one of an archive")
		}
		if string(p.Body) != body {
			t.Error("the answer itself was changed")
		}
		if !strings.Contains(body, "://") && !strings.Contains(body, ":/") && !strings.Contains(body, "<!--") && string(in.Body) != body {
			t.Errorf("%q became %q", body, in.Body)
		}
		if len(in.Body) > len(body) {
			t.Errorf("%q grew to %q", body, in.Body)
		}
	})
}
