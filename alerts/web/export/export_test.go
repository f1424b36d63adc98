package export

import (
	"crypto/sha256"
	"errors"
	"hash/maphash"
	"log/slog"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// Files have names that every file system keeps, and no two pages have one.
func TestNames(t *testing.T) {
	for address, want := range map[string]string{
		"/":                            "index.html",
		"/findings":                    "findings.html",
		"/findings?topic=tenders":      "list/topic/tenders.html",
		"/findings?q=a+b":              "search.html",
		"/body/leicester":              "body/leicester.html",
		"/body/leicester/feed.atom":    "body/leicester.atom",
		"/suppliers?page=2":            "suppliers-page-2.html",
		"/suppliers?page=1":            "suppliers.html",
		"/items?body=leicester":        "list/body/leicester.html",
		"/data/items.csv":              "data/items.csv",
		"/help#words":                  "help.html",
		"/subscribe":                   "",
		"/m/token":                     "",
		"/api/v1/items":                "",
		"/item?source=a":               "",
		"//elsewhere.example/findings": "",
		"https://elsewhere.example/":   "",
	} {
		got, ok := targetOf(address)
		if ok != (want != "") || ok && got.File != want {
			t.Errorf("%s is %q (%v), want %q", address, got.File, ok, want)
		}
	}
	seen := map[string]string{}
	for _, key := range []string{"a", "A", "a/b", "a-b", "a?b", "con", "CON", "com1", "ä", "", ".", "..", "a.", strings.Repeat("x", 500), strings.Repeat("x", 499), "a-0123456789", "a b"} {
		f := ItemFile("source", key)
		if other, ok := seen[f]; ok {
			t.Errorf("%q and %q are both %s", key, other, f)
		}
		if seen[f] = key; !safePath(f) || strings.Contains(f, "..") {
			t.Errorf("%q becomes %s", key, f)
		}
	}
}

// A list of files that names what is not below the export is not believed.
func TestSumsOfOthers(t *testing.T) {
	sum := strings.Repeat("a", 64)
	for _, line := range []string{sum + "  ../x", sum + "  /etc/passwd", sum + "  a//b", sum + " x", "b  x", sum + "  .ssh/id", sum + "  A"} {
		if _, err := parseSums(strings.NewReader(header + "\n" + line + "\n")); !errors.Is(err, ErrForeign) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func FuzzSums(f *testing.F) {
	f.Add(header + "\n" + strings.Repeat("a", 64) + "  a/b.html\n")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseSums(strings.NewReader(s))
		for name := range got {
			if err == nil && !safePath(name) {
				t.Errorf("%q", name)
			}
		}
	})
}

// Every address becomes a file below the export, or none.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/item?source=a&key=b%2f..", "/body/%2e%2e", "/finding/x?page=2", "/data/../../x", "/paper?source=a&key=b&sha=c&page=9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := targetOf(s)
		if ok && !safePath(got.File) {
			t.Errorf("%q becomes %q", s, got.File)
		}
		if ok && got.Get != "" {
			if _, err := url.Parse(got.Get); err != nil {
				t.Errorf("%q is asked for as %q", s, got.Get)
			}
		}
	})
}

// NHS numbers are told by their last digit.
func TestScan(t *testing.T) {
	x := &run{o: Options{Contact: "us@example.org", Subscriber: func(a string) bool { return a == "reader@example.org" || a == "us@example.org" }}}
	for body, bad := range map[string]bool{
		"<p>NHS number 9434765919</p>": true, "<p>943 476 5919</p>": true, "<p>943-<b>476-5919</b></p>": true, "<p>943 476 5918</p>": false, "ocds 9434765919": false,
		"<p>Reader@Example.org</p>": true, `<a href="mailto:reader@example.org">x</a>`: true, "<p>reader&#64;example.org</p>": true, "<p>us@example.org</p>": false, "<p>clerk@council.example</p>": false,
	} {
		_, err := x.scan("page.html", []byte(body))
		var private *PrivateError
		if errors.As(err, &private) != bad {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// The link check finds what leads nowhere: a file that is not there, and a place
// in a page that has none of that name.
func TestBrokenLinksAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		links []link
		want  *BrokenLinkError
	}{
		"all is there":          {[]link{{target{File: "b.html"}, ""}, {target{File: "b.html"}, "here"}}, nil},
		"a file that is not":    {[]link{{target{File: "b.html"}, ""}, {target{File: "c.html"}, ""}}, &BrokenLinkError{"a.html", "c.html"}},
		"a place that is not":   {[]link{{target{File: "b.html"}, "there"}}, &BrokenLinkError{"a.html", "b.html#there"}},
		"a place in what is no": {[]link{{target{File: "c.html"}, "here"}}, &BrokenLinkError{"a.html", "c.html"}},
	} {
		x := &run{o: Options{Log: slog.New(slog.DiscardHandler)}, seed: maphash.MakeSeed(), out: &staging{now: map[string]string{"a.html": "", "b.html": ""}}}
		x.reset()
		x.pagesMade = map[string]*page{"a.html": {links: c.links}, "b.html": {ids: []string{"here"}}}
		x.settle()
		var broken *BrokenLinkError
		if err := x.check(); errors.As(err, &broken) != (c.want != nil) || c.want != nil && *broken != *c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// memories are what a run may leave, and what none leaves: places outside of the
// lists, files outside of the export.
func memories() (good, bad []memory) {
	whole := func(alter func(*memory)) memory {
		m := memory{
			Format: memoryFormat, Same: "x", Sums: strings.Repeat("a", 64), Latest: 7, Tail: "t",
			Items: map[string]subject{"a\x00b": {"sum", 7}}, Files: []string{"a.html", "item/b.html"}, Gets: []string{"/a", ""},
			Pages: []kept{{File: 1, Size: 9, Key: "k", Links: []int32{0, 1}, At: []string{"", "x"}, Lost: []int32{1}, IDs: []string{"x"}, Addresses: []string{"clerk@council.example"}, Open: true}},
			Found: "f", Parts: map[string]partKept{"2026q3": {"key", 2, map[string]int64{"search/2026q3/0.js": 4}}}, Data: map[string]int64{"data/items.csv": 5},
		}
		alter(&m)
		return m
	}
	good = []memory{whole(func(*memory) {}), whole(func(m *memory) { m.Pages, m.Items, m.Parts, m.Data = nil, nil, nil, nil }), {Format: memoryFormat}}
	for _, alter := range []func(*memory){
		func(m *memory) { m.Format++ },
		func(m *memory) { m.Gets = m.Gets[:1] },
		func(m *memory) { m.Pages[0].File = 2 },
		func(m *memory) { m.Pages[0].File = -1 },
		func(m *memory) { m.Pages[0].Links[1] = 2 },
		func(m *memory) { m.Pages[0].At = m.Pages[0].At[:1] },
		func(m *memory) { m.Pages[0].Lost[0] = 1 << 30 },
		func(m *memory) { m.Files[0] = "../secret" },
		func(m *memory) { m.Files[0] = "/etc/passwd" },
	} {
		bad = append(bad, whole(alter))
	}
	return good, bad
}

// The memory of a run is read back as it was left; what no run leaves is refused.
func TestMemoryIsReadAsItWasLeft(t *testing.T) {
	good, bad := memories()
	for i, m := range good {
		b, err := m.bytes()
		if err != nil {
			t.Fatal(err)
		}
		got, err := readMemory(b)
		if err != nil || !reflect.DeepEqual(*got, m) {
			t.Errorf("%d: %+v, %v, want %+v", i, got, err, m)
		}
		b[len(b)-1] ^= 1
		if _, err := readMemory(b); !errors.Is(err, errMemory) {
			t.Errorf("%d: one bit is another: %v", i, err)
		}
	}
	for i, m := range bad {
		b, err := m.bytes()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readMemory(b); !errors.Is(err, errMemory) {
			t.Errorf("bad %d is read: %v", i, err)
		}
	}
}

// Whatever stands where the memory of the last run should, nothing of it leads
// outside of its lists, or of the export.
func FuzzMemory(f *testing.F) {
	good, bad := memories()
	for _, m := range append(good, bad...) {
		b, err := m.bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[sha256.Size:])
		f.Add(b[sha256.Size : len(b)/2])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := sha256.Sum256(b)
		m, err := readMemory(append(sum[:], b...))
		if err != nil {
			return
		}
		for i, file := range m.Files {
			if _ = m.Gets[i]; !safePath(file) {
				t.Errorf("%q is no file of an export", file)
			}
		}
		for _, k := range m.Pages {
			_ = m.Files[k.File]
			for i, to := range k.Links {
				_, _ = m.Gets[to], k.At[i]
			}
			for _, to := range k.Lost {
				_ = m.Files[to]
			}
		}
	})
}

// Ten digits are taken for a patient's number where they are printed as one, or
// are called one.
func TestNHSNumbersInText(t *testing.T) {
	for text, want := range map[string]bool{
		"943 476 5919": true, "943-476-5919": true, "(943\u00a0476\u00a05919)": true, "1943 476 5919": false, "943 476 59190": false, "943 4765919": false,
		"9434765919": false, "NHS number: 9434765919": true, "nhs no 943 4765919.": true, "NHS  Num (9434765919)": true, "Our NHS norm 9434765919": false,
		"NHS number of the patient who wrote to us is not here 9434765919": false, "943  476  5919": false, "12943 476 5919 and 943 476 5919": true,
	} {
		if got := holdsNHSNumber(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// An address at the end of a sentence of a calendar leads to its file, too.
func TestAddressesInSentences(t *testing.T) {
	x := &run{o: Options{URL: "https://example.org/watch"}, base: "http://localhost", gone: map[string]bool{}}
	for in, want := range map[string]string{
		"DESCRIPTION:See http://localhost/help.":                                           "DESCRIPTION:See https://example.org/watch/help.html.",
		"DESCRIPTION:(http://localhost/data/meetings.csv), or not":                         "DESCRIPTION:(https://example.org/watch/data/meetings.csv), or not",
		"DESCRIPTION:Later ones: http://localhost/calendar.ics?from=2026-08-01. ":          "DESCRIPTION:Later ones: https://example.org/watch/data/meetings.csv. ",
		"DESCRIPTION:http://localhost/body/nhs/calendar.ics?from=2026-08-01&what=meetings": "DESCRIPTION:https://example.org/watch/data/meetings.csv",
		"URL:http://localhost/": "URL:https://example.org/watch/index.html",
	} {
		got, links := x.rewriteData("calendar.ics", []byte(in+"\r\n"))
		if unfolded := strings.ReplaceAll(string(got), "\r\n ", ""); unfolded != want+"\r\n" || len(links) != 1 {
			t.Errorf("%q: %q with %d links, want %q", in, got, len(links), want)
		}
	}
}
