package ocds

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

var update = flag.Bool("update", false, "write what is decoded into testdata")

// Each fixture is a package in the shape of a real one and what must come of it.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 7 {
		t.Fatal(len(files), "fixtures", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			items, problems, err := DecodePackage(a.Files[0].Data, "")
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			enc := json.NewEncoder(&out)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", " ")
			if err := enc.Encode(map[string]any{"items": items, "problems": problems}); err != nil {
				t.Fatal(err)
			}
			for _, person := range []string{"Bloggs", "Sam Roe", "@", "01234 567890", "01234\"", "javascript"} {
				if strings.Contains(out.String(), person) {
					t.Errorf("%q came through", person)
				}
			}
			if *update {
				a.Files[1].Data = out.Bytes()
				if err := os.WriteFile(name, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(a.Files[1].Data), out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// one wraps a release between two sound ones, so that each case shows that
// nothing else on the page is lost.
func one(release string) []byte {
	return []byte(`{"releases":[{"ocid":"ocds-h6vhtk-000001","id":"000001-2026","date":"2026-08-10T09:00:00+01:00","tender":{"title":"Before"}},` +
		release + `,{"ocid":"ocds-h6vhtk-000003","id":"000003-2026","date":"2026-08-10T09:00:00+01:00","tender":{"title":"After"}}]}`)
}

const ids = `"ocid":"ocds-h6vhtk-000002","id":"000002-2026","date":"2026-08-10T09:00:00+01:00"`

// A release with a fault stays an item with what can be read, and says what cannot.
func TestFaultyRelease(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, c := range []struct {
		name, release string
		title         string
		flag          string // part of a flag, "" for none at all
		check         func(*store.Notice) any
		want          any
	}{
		{name: "number out of reach", release: `{` + ids + `,"tender":{"title":"T","x":1e9999,"value":{"amount":5,"currency":"GBP"}}}`,
			title: "T", flag: `tender.x: "1e9999"`, check: func(n *store.Notice) any { return n.Value }, want: "5"},
		{name: "leading zeros", release: `{` + ids + `,"tender":{"title":"T","value":{"amount":000,"currency":"GBP"}}}`,
			title: "T", flag: `tender.value.amount: "000"`, check: func(n *store.Notice) any { return n.Value }, want: ""},
		{name: "NaN", release: `{` + ids + `,"tender":{"title":"T","n":NaN}}`, title: "T", flag: `"NaN"`},
		{name: "hexadecimal", release: `{` + ids + `,"tender":{"title":"T","n":0x10}}`, title: "T", flag: `"0x10"`},
		{name: "400 digits", release: `{` + ids + `,"tender":{"title":"T","n":` + strings.Repeat("9", 400) + `}}`, title: "T", flag: "no usable number"},
		{name: "2^63", release: `{` + ids + `,"tender":{"title":"T","value":{"amount":9223372036854775808}}}`, title: "T", flag: "no usable amount"},
		{name: "minus nothing", release: `{` + ids + `,"tender":{"title":"T","value":{"amount":-0}}}`, title: "T", check: func(n *store.Notice) any { return n.Value }, want: "0"},
		{name: "negative", release: `{` + ids + `,"tender":{"title":"T","value":{"amount":-5}}}`, title: "T", flag: "no usable amount", check: func(n *store.Notice) any { return n.Value }, want: ""},
		{name: "amount in words", release: `{` + ids + `,"tender":{"title":"T","value":{"amount":"TBC"}}}`, title: "T", flag: `"TBC" is no usable amount`},
		{name: "amount as text", release: `{` + ids + `,"tender":{"title":"T","value":{"amount":"£1,234.50"}}}`, title: "T", check: func(n *store.Notice) any { return n.Value }, want: "1234.5"},
		{name: "value is a number", release: `{` + ids + `,"tender":{"title":"T","value":12}}`, title: "T", check: func(n *store.Notice) any { return n.Value }, want: "12"},
		{name: "null everywhere", release: `{` + ids + `,"tag":null,"parties":null,"buyer":null,"planning":null,"tender":null,"awards":null,"contracts":[null],"relatedProcesses":null}`, title: "Notice 000002-2026"},
		{name: "empty PHP arrays for objects", release: `{` + ids + `,"buyer":[],"tender":{"title":"T","value":[],"tenderPeriod":[]},"planning":[],"buyerID":[]}`, title: "T"},
		{name: "objects in a list of one", release: `{` + ids + `,"tender":[{"title":"T","tenderPeriod":[{"endDate":"2026-09-01"}]}]}`, title: "T", check: func(n *store.Notice) any { return n.TenderEnd }, want: "2026-09-01"},
		{name: "lists that are objects", release: `{` + ids + `,"tag":{"0":"award","2":"contract"},"awards":{"1":{"status":"active","title":"A"},"3":{"status":"pending"}}}`, title: "A",
			check: func(n *store.Notice) any { return []any{n.Tags, n.AwardStatus} }, want: []any{[]string{"award", "contract"}, []string{"active", "pending"}}},
		{name: "one award not in a list", release: `{` + ids + `,"awards":{"status":"active","title":"A"}}`, title: "A"},
		{name: "two tenders", release: `{` + ids + `,"tender":[{"title":"T"},{"title":"U"}]}`, title: "T", flag: "only the first is read"},
		{name: "text for a list", release: `{` + ids + `,"tag":"tender","awards":"none","tender":{"title":"T"}}`, title: "T", flag: "awards: text where a list should be",
			check: func(n *store.Notice) any { return n.Tags }, want: []string{"tender"}},
		{name: "number for an object", release: `{` + ids + `,"tender":7}`, title: "Notice 000002-2026", flag: "tender: a number where an object should be"},
		{name: "object for a text", release: `{` + ids + `,"tender":{"title":{"en":"T"},"description":"D"}}`, title: "D", flag: "tender.title: an object where a text should be"},
		{name: "list in a list", release: `{` + ids + `,"tender":{"title":"T"},"awards":[[{"title":"A"}]]}`, title: "T", flag: "awards[0]"},
		{name: "key twice", release: `{` + ids + `,"tender":{"title":"T","title":"U","description":"D"}}`, title: "D", flag: `the key "title" stands twice`},
		{name: "key twice with one value", release: `{` + ids + `,"tender":{"title":"T","title":"T"}}`, title: "T"},
		{name: "key in two spellings", release: `{` + ids + `,"tender":{"title":"T","Title":"U","description":"D"}}`, title: "D", flag: `stands twice`},
		{name: "tender twice", release: `{` + ids + `,"tender":{"title":"T"},"tender":{"title":"U"}}`, title: "Notice 000002-2026", flag: `release: the key "tender" stands twice`},
		{name: "depth 64", release: `{` + ids + `,"tender":{"title":"T","x":` + deep(62) + `}}`, title: "T"},
		{name: "depth 65", release: `{` + ids + `,"tender":{"title":"T","x":` + deep(63) + `}}`, title: "T", flag: "nested deeper than 64"},
		{name: "depth 10,000", release: `{` + ids + `,"tender":{"title":"T"},"x":` + deep(10000) + `}`, title: "T", flag: "nested deeper"},
		{name: "comma at the end", release: `{` + ids + `,"tender":{"title":"T","lots":[{"id":"1"},]}}`, title: "T", flag: "tender: broken"},
		{name: "comma missing", release: `{` + ids + `,"tender":{"title":"T"} "awards":[]}`, title: "T", flag: "release: broken"},
		{name: "comment", release: `{` + ids + `,/* x */"tender":{"title":"T"}}`, title: "Notice 000002-2026", flag: "release: broken"},
		{name: "broken UTF-8", release: `{` + ids + ",\"tender\":{\"title\":\"caf\xe9 \xff\"}}", title: "caf\ufffd \ufffd"},
		{name: "half a surrogate", release: `{` + ids + `,"tender":{"title":"a\ud800b\ud83d\ude00"}}`, title: "a\ufffdb\U0001F600"},
		{name: "NUL and bells", release: `{` + ids + `,"tender":{"title":"a\u0000b\u0007c\u001b[31m"}}`, title: "abc[31m"},
		{name: "bidirectional", release: `{` + ids + `,"tender":{"title":"\u202egnp.exe\u202c \u2067x\u2069\u200b\ufeff"}}`, title: "gnp.exe x"},
		{name: "a raw line end in a text", release: `{` + ids + ",\"tender\":{\"title\":\"a\nb\"}}", title: "a b"},
		{name: "a broken escape", release: `{` + ids + `,"tender":{"title":"a\qb\u12"}}`, title: "aqbu12", flag: "broken escape"},
		{name: "composed", release: `{` + ids + `,"tender":{"title":"Cafe\u0301"}}`, title: "Café"},
		{name: "a script", release: `{` + ids + `,"tender":{"title":"<script>alert(1)</script>A<img src=x onerror=alert(1)>"}}`, title: "A"},
		{name: "a template and a formula", release: `{` + ids + `,"tender":{"title":"=1+1 {{.}} $(id)"}}`, title: "=1+1 {{.}} $(id)"},
		{name: "a very long title", release: `{` + ids + `,"tender":{"title":"` + strings.Repeat("ä", 5_000_000) + `"}}`, title: strings.Repeat("ä", maxLine/2) + "…", flag: "tender.title: too long, cut"},
		{name: "no time zone", release: `{` + ids + `,"tender":{"title":"T","tenderPeriod":{"endDate":"2026-08-25T12:00:00"}}}`, title: "T", flag: "taken for London time",
			check: func(n *store.Notice) any { return n.TenderEnd }, want: "2026-08-25T12:00:00+01:00"},
		{name: "offset +25:00", release: `{` + ids + `,"tender":{"title":"T","tenderPeriod":{"endDate":"2026-08-25T12:00:00+25:00"}}}`, title: "T", flag: "is no date", check: func(n *store.Notice) any { return n.TenderEnd }, want: ""},
		{name: "24:00", release: `{` + ids + `,"tender":{"title":"T","tenderPeriod":{"endDate":"2026-08-25T24:00:00Z"}}}`, title: "T", flag: "is no date"},
		{name: "empty date", release: `{` + ids + `,"tender":{"title":"T","tenderPeriod":{"endDate":""}}}`, title: "T"},
		{name: "unknown codes", release: `{` + ids + `,"tag":["surprise"],"tender":{"title":"T","status":"hovering","legalBasis":{"scheme":"LEX","id":"9"}}}`, title: "T",
			check: func(n *store.Notice) any { return []any{n.Tags, n.TenderStatus, n.LegalBasis} }, want: []any{[]string{"surprise"}, "hovering", "LEX/9"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			items, problems, err := DecodePackage(one(c.release), "")
			if err != nil || len(problems) > 0 {
				t.Fatal(err, problems)
			}
			if len(items) != 3 || items[0].Title != "Before" || items[2].Title != "After" || len(items[0].Notice.Flags)+len(items[2].Notice.Flags) > 0 {
				t.Fatalf("the page was lost: %d items", len(items))
			}
			it := items[1]
			if it.Key != "ocds-h6vhtk-000002/000002-2026" || it.Kind != store.KindNotice || it.URL != "https://www.find-tender.service.gov.uk/Notice/000002-2026" || it.Published.IsZero() {
				t.Errorf("%+v", it)
			}
			if it.Title != c.title || it.Notice.Title != c.title {
				t.Errorf("title %q, want %q", it.Title, c.title)
			}
			flagged := slices.ContainsFunc(it.Notice.Flags, func(s string) bool { return strings.Contains(s, c.flag) })
			if c.flag == "" && len(it.Notice.Flags) > 0 || c.flag != "" && !flagged {
				t.Errorf("flags %q, want %q", it.Notice.Flags, c.flag)
			}
			if c.check != nil {
				if diff := cmp.Diff(c.want, c.check(it.Notice)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// A release without usable ids is a problem; its neighbours are items.
func TestReleaseWithoutIDs(t *testing.T) {
	for name, release := range map[string]string{
		"no ocid":       `{"id":"1"}`,
		"no id":         `{"ocid":"ocds-h6vhtk-000002"}`,
		"null":          `null`,
		"a text":        `"x"`,
		"empty":         `{}`,
		"empty ids":     `{"ocid":"","id":""}`,
		"line end":      `{"ocid":"ocds-h6vhtk-000002\r\nBcc: x","id":"1"}`,
		"path":          `{"ocid":"ocds-h6vhtk-000002/../../x","id":"1"}`,
		"dots":          `{"ocid":"ocds-h6vhtk-000002","id":"../1"}`,
		"very long":     `{"ocid":"` + strings.Repeat("o", 1<<20) + `","id":"1"}`,
		"two ids":       `{"ocid":"ocds-h6vhtk-000002","id":"1","id":"2"}`,
		"two spellings": `{"ocid":"ocds-h6vhtk-000002","id":"1","ID":"2"}`,
		"an object":     `{"ocid":{"x":1},"id":"1"}`,
	} {
		t.Run(name, func(t *testing.T) {
			items, problems, err := DecodePackage(one(release), feedFTS)
			if err != nil || len(items) != 2 || len(problems) != 1 {
				t.Fatal(err, len(items), problems)
			}
			if p := problems[0]; p.Reason != store.ReasonFormat || p.What != "release 2 of 3" || len(p.Detail) > 400 || strings.ContainsAny(p.Detail, "\r") {
				t.Errorf("%+v", p)
			}
		})
	}
}

// An answer that is no package, or not all of one, is an error with a reason,
// and never a page without notices.
func TestNoPackage(t *testing.T) {
	for _, c := range []struct {
		name, body string
		reason     store.Reason
		says       string
	}{
		{"nothing", "", store.ReasonTruncated, ""},
		{"a web page", "<!DOCTYPE html><html><body>Sorry</body></html>", store.ReasonFormat, "<!DOCTYPE"},
		{"a text", "Rate limit of 12 exceeded. Please retry after 120 seconds.", store.ReasonFormat, "Rate limit"},
		{"an error", `{"timestamp":"x","status":404,"error":"Not found","message":"","exception":"'identifier' is not found"}`, store.ReasonFormat, "status 404, error Not found, exception 'identifier'"},
		{"an error of Contracts Finder", `{"code":"ValidationError","errors":3200}`, store.ReasonFormat, "code ValidationError, errors 3200"},
		{"an error alone", `{"error":"busy"}`, store.ReasonFormat, "error busy"},
		{"no releases", `{"uri":"x","version":"1.1"}`, store.ReasonFormat, "no list of releases"},
		{"releases null", `{"releases":null}`, store.ReasonFormat, ""},
		{"releases an object", `{"releases":{}}`, store.ReasonFormat, ""},
		{"a list", `[{"releases":[]}]`, store.ReasonFormat, ""},
		{"cut in a release", `{"releases":[{"ocid":"ocds-h6vhtk-000001","id":"1","tender":{"title":"T`, store.ReasonTruncated, ""},
		{"cut after a release", `{"releases":[{"ocid":"ocds-h6vhtk-000001","id":"1"}`, store.ReasonTruncated, ""},
		{"cut after the releases", `{"releases":[]`, store.ReasonTruncated, ""},
		{"cut before the links", `{"releases":[],`, store.ReasonTruncated, ""},
		{"two documents", `{"releases":[]}{"releases":[]}`, store.ReasonFormat, "goes on after its end"},
		{"releases twice", `{"releases":[{"ocid":"a","id":"b"}],"releases":[]}`, store.ReasonFormat, "stands twice"},
		{"comma at the end", `{"releases":[],}`, store.ReasonFormat, ""},
		{"comma at the end of the list", `{"releases":[{"ocid":"a","id":"b"},]}`, store.ReasonFormat, ""},
		{"brackets crossed", `{"releases":[{"ocid":"a","id":"b","x":[1,2}]}]}`, store.ReasonFormat, ""},
		{"JSONP", `cb({"releases":[]});`, store.ReasonFormat, ""},
		{"byte order mark", "\ufeff" + `{"releases":[]}`, store.ReasonFormat, ""},
		{"UTF-16", "\xff\xfe{\x00}\x00", store.ReasonFormat, ""},
		{"compressed", "\x1f\x8b\x08\x00\x00\x00", store.ReasonFormat, ""},
		{"links unreadable", `{"releases":[],"links":"more"}`, store.ReasonFormat, "links"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := openPage([]byte(c.body))
			var e *crawl.Error
			if !errors.As(err, &e) {
				t.Fatalf("err = %v", err)
			}
			if e.Reason != c.reason || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 300 {
				t.Errorf("%s: %v", e.Reason, err)
			}
			if _, _, err := DecodePackage([]byte(c.body), ""); err == nil && c.name != "links unreadable" {
				t.Error("DecodePackage takes it")
			}
		})
	}
}

func TestOpenPage(t *testing.T) {
	for _, c := range []struct {
		body, next string
		n          int
	}{
		{`{"releases":[]}`, "", 0},
		{`{"releases":[{},{}],"links":{"next":"https://a.example/?c=1"}}`, "https://a.example/?c=1", 2},
		{`{"links":[{"rel":"prev","href":"p"},{"rel":"next","href":"n"}],"releases":[1]}`, "n", 1},
		{`{"releases":[],"links":null}`, "", 0},
		{`{"releases":[],"links":[]}`, "", 0},
		{`{"releases":["]}{[\"\\"] , "links":{"prev":"x","next":null}}`, "", 1},
	} {
		p, err := openPage([]byte(c.body))
		if err != nil || p.next != c.next || len(p.releases) != c.n {
			t.Errorf("%s: %q, %d releases, %v", c.body, p.next, len(p.releases), err)
		}
	}
}

// The same key twice: the page reports it twice, the visit keeps the last.
func TestSameReleaseTwice(t *testing.T) {
	b := []byte(`{"releases":[{` + ids + `,"tender":{"title":"First"}},{` + ids + `,"tender":{"title":"Last"}},{"ocid":"ocds-h6vhtk-999999","id":"000002-2026","tender":{"title":"Other process"}}]}`)
	items, _, err := DecodePackage(b, "")
	if err != nil || len(items) != 3 || items[0].Key != items[1].Key || items[1].Key == items[2].Key {
		t.Fatal(err, items)
	}
}

func TestFeedOf(t *testing.T) {
	for _, c := range []struct{ ocid, given, feed, address string }{
		{"ocds-h6vhtk-1", "", feedFTS, "https://www.find-tender.service.gov.uk/Notice/1"},
		{"ocds-b5fd17raw-1", "", feedCF, "https://www.contractsfinder.service.gov.uk/Published/OCDS/Record/ocds-b5fd17raw-1"},
		{"ocds-r6ebe6-1", "", "", ""},
		{"ocds-r6ebe6-1", feedFTS, feedFTS, "https://www.find-tender.service.gov.uk/Notice/1"},
	} {
		items, _, err := DecodePackage([]byte(fmt.Sprintf(`{"releases":[{"ocid":%q,"id":"1"}]}`, c.ocid)), c.given)
		if err != nil || len(items) != 1 || items[0].Notice.Feed != c.feed || items[0].URL != c.address {
			t.Errorf("%v: %+v", c, items)
		}
	}
}
