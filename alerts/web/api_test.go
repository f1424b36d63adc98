package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// A validator holds values to the schemas of an OpenAPI 3.1 description: what of
// JSON Schema stands in ours, and nothing else may stand there.
type validator struct {
	t    testing.TB
	root map[string]any
}

func (v validator) check(at string, schema map[string]any, x any) {
	v.t.Helper()
	for word := range schema {
		if !slices.Contains([]string{"$ref", "type", "properties", "required", "additionalProperties", "items", "enum", "anyOf", "description", "format", "minimum"}, word) {
			v.t.Fatalf("%s: the schema has a %s, which nobody checks", at, word)
		}
	}
	if ref, ok := schema["$ref"].(string); ok {
		name, found := strings.CutPrefix(ref, "#/components/schemas/")
		target, ok := v.root["components"].(map[string]any)["schemas"].(map[string]any)[name].(map[string]any)
		if !found || !ok {
			v.t.Fatalf("%s: there is no %s", at, ref)
		}
		v.check(at, target, x)
	}
	if any, ok := schema["anyOf"].([]any); ok {
		if x == nil && len(any) == 2 && any[1].(map[string]interface{})["type"] == "null" {
			return
		}
		v.check(at, any[0].(map[string]interface{}), x)
		return
	}
	kind, _ := schema["type"].(string)
	ok := true
	switch y := x.(type) {
	case string:
		ok = kind == "string" || kind == ""
	case bool:
		ok = kind == "boolean" || kind == ""
	case float64:
		ok = kind == "number" || kind == "integer" && y == math.Trunc(y) || kind == ""
	case nil:
		ok = kind == "null"
	case []any:
		ok = kind == "array" || kind == ""
		items, _ := schema["items"].(map[string]any)
		for i, e := range y {
			v.check(fmt.Sprint(at, "[", i, "]"), items, e)
		}
	case map[string]any:
		ok = kind == "object" || kind == ""
		v.object(at, schema, y)
	}
	if !ok {
		v.t.Errorf("%s is a %T and should be %s", at, x, kind)
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, x) {
		v.t.Errorf("%s is %v, which is none of %v", at, x, enum)
	}
}

func (v validator) object(at string, schema, x map[string]any) {
	v.t.Helper()
	if schema["$ref"] != nil {
		return
	}
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := x[name.(string)]; !ok {
			v.t.Errorf("%s has no %s", at, name)
		}
	}
	props, _ := schema["properties"].(map[string]any)
	for name, value := range x {
		if p, ok := props[name].(map[string]any); ok {
			v.check(at+"."+name, p, value)
			continue
		}
		switch more := schema["additionalProperties"].(type) {
		case bool:
			v.t.Errorf("%s has a %s, which is not described", at, name)
		case map[string]any:
			v.check(at+"."+name, more, value)
		}
	}
}

// described is the description as it is served.
func described(t testing.TB, h http.Handler) map[string]any {
	t.Helper()
	w := ask(h, "GET", apiRoot+"openapi.json")
	var d map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &d); w.Code != 200 || err != nil {
		t.Fatal(w.Code, err)
	}
	return d
}

// apiExamples are requests of every endpoint, with the path they are of.
func apiExamples() map[string]string {
	return map[string]string{
		"": "", "items": "items", "items?kind=notice&limit=1": "items", "items?body=leicester-city-council": "items",
		"item?source=leicester&key=meeting%2F15033": "item", "item?source=find-a-tender&key=notice%2F055555-2026": "item",
		"changes?format=json": "changes", "changes?format=json&after=2&limit=2": "changes",
		"findings": "findings", "findings?q=podiatry&limit=1": "findings", "findings?topic=tenders": "findings", "findings/f2": "findings/{id}", "findings/f3": "findings/{id}",
		"threads": "threads", "threads?q=unicorns": "threads", "threads/ocds-h6vhtk-0000bb": "threads/{id}", "threads/ocds-h6vhtk-0000aa/ocds": "threads/{id}/ocds",
		"meetings": "meetings", "meetings?limit=1&cursor=1": "meetings", "deadlines": "deadlines", "bodies": "bodies", "bodies?limit=1": "bodies", "bodies/nhs-test-icb": "bodies/{id}",
		"sources": "sources", "openapi.json": "openapi.json",
	}
}

// rich is the sample with procurements, notices of them and everything else
// that the data can show.
func rich() (Server, *state) {
	s, st := sample()
	s = withThreads(s)
	st.items = append(st.items, store.Item{
		Source: "find-a-tender", Key: "k1", Kind: store.KindNotice, Title: "Night nursing", URL: "https://notices.example.org/1", FirstSeen: at("2026-08-10 09:10"),
		Notice: &store.Notice{
			OCID: "ocds-h6vhtk-0000aa", Release: "000001-2026", Date: at("2026-08-10 09:00"), Tags: []string{"tender", "made-up"}, Feed: "find-a-tender", Title: "Night nursing",
			Description: "Nursing at night. Ask jane.doe@icb.example.org or 0116 496 0123.", Buyers: []store.Party{{ID: "GB-NHS-QK1", Name: "NHS Example ICB", Scheme: "GB-NHS", Number: "QK1", Postcode: "LE1 1AA", Region: "UKF21"}},
			CPV: []string{"85141200"}, Category: "services", Method: "open", TenderStatus: "active", TenderEnd: "2026-09-11", Value: "1200000.50", Currency: "GBP", Reference: "C 12",
			Amendments: []store.Amendment{{Description: "A later date", Where: "II.2", Old: "1 September", New: "11 September"}}, Related: []string{"ocds-h6vhtk-0000cc"},
		}}, store.Item{
		Source: "find-a-tender", Key: "k2", Kind: store.KindNotice, Title: "Night nursing", URL: "javascript:alert(1)", FirstSeen: at("2026-08-11 09:10"),
		Notice: &store.Notice{
			OCID: "ocds-h6vhtk-0000bb", Release: "000002-2026", Date: at("2026-08-11 09:00"), Tags: []string{"award", "contract"}, Title: "Night nursing", Buyers: []store.Party{{Name: "NHS Example ICB"}},
			Suppliers: []store.Party{{Name: "Hearwell Ltd", Scheme: "GB-COH", Number: "07382763", Postcode: "LE2 2BB"}, {Name: "Jo Bloggs", Postcode: "LE9 9ZZ"}}, AwardStatus: []string{"active"}, ContractStatus: []string{"nonsense"},
			Value: "1200000", Currency: "GBP", Signed: "2026-08-09T10:00:00+01:00", ContractStart: "2026-10-01", ContractEnd: "2029-09-30",
		}})
	return s, st
}

// The description is OpenAPI 3.1, and every answer is what it describes.
func TestAnswersAreAsDescribed(t *testing.T) {
	s, _ := rich()
	h := s.Handler()
	d := described(t, h)
	v := validator{t, d}
	seen := map[string]bool{}
	for target, path := range apiExamples() {
		w := ask(h, "GET", apiRoot+target)
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("ETag") == "" || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v %s", target, w.Code, w.Header(), w.Body)
			continue
		}
		op, ok := d["paths"].(map[string]any)[apiRoot+path].(map[string]any)
		if !ok {
			t.Errorf("%s is not described", path)
			continue
		}
		seen[apiRoot+path] = true
		schema := op["get"].(map[string]any)["responses"].(map[string]any)["200"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)["schema"].(map[string]any)
		var x any
		if err := json.Unmarshal(w.Body.Bytes(), &x); err != nil {
			t.Errorf("%s: %v", target, err)
		}
		v.check(target, schema, x)
		again := ask(h, "GET", apiRoot+target, func(r *http.Request) { r.Header.Set("If-None-Match", w.Header().Get("ETag")) })
		if again.Code != 304 {
			t.Errorf("%s again: %d", target, again.Code)
		}
	}
	for path := range d["paths"].(map[string]any) {
		if !seen[path] {
			t.Errorf("%s is described and no example shows it", path)
		}
	}
	// The lines of the log are each as described too.
	schema := d["components"].(map[string]any)["schemas"].(map[string]any)["ChangeLine"].(map[string]any)
	for line := range bytes.Lines(ask(h, "GET", apiRoot+"changes").Body.Bytes()) {
		var x any
		if err := json.Unmarshal(line, &x); err != nil {
			t.Fatal(err)
		}
		v.check("changes", schema, x)
	}
}

// A real validator of OpenAPI agrees, where there is one; it takes seconds to
// load and is asked at a pull request.
func TestPromiseDescriptionIsOpenAPI(t *testing.T) {
	s, _ := rich()
	h := s.Handler()
	d := described(t, h)
	if d["openapi"] != "3.1.0" || d["info"].(map[string]any)["title"] == "" || d["info"].(map[string]any)["version"] == "" {
		t.Error(d["openapi"], d["info"])
	}
	operations := map[string]bool{}
	for path, item := range d["paths"].(map[string]any) {
		op := item.(map[string]any)["get"].(map[string]any)
		if id := op["operationId"].(string); operations[id] || !regexp.MustCompile(`^[a-z_]+$`).MatchString(id) {
			t.Errorf("%s: operationId %q", path, id)
		} else {
			operations[id] = true
		}
		inPath := map[string]bool{}
		for _, p := range op["parameters"].([]any) {
			x := p.(map[string]any)
			if x["in"] == "path" {
				inPath["{"+x["name"].(string)+"}"] = x["required"] == true
			}
		}
		for _, name := range regexp.MustCompile(`\{[^}]*\}`).FindAllString(path, -1) {
			if !inPath[name] {
				t.Errorf("%s does not describe %s", path, name)
			}
		}
	}
	if os.Getenv("CCGWATCH_PROMISES") != "1" && os.Getenv("CCGWATCH_SOAK") != "1" {
		return
	}
	if err := exec.Command("python3", "-c", "import openapi_spec_validator").Run(); err != nil {
		t.Log("SKIPPED: Python's openapi-spec-validator is not installed, our description was checked by us alone:", err)
		return
	}
	cmd := exec.Command("python3", "-c", "import sys,json,openapi_spec_validator as v; v.validate(json.load(sys.stdin)); print(v.OpenAPIV31SpecValidator.__name__)")
	cmd.Stdin = ask(h, "GET", apiRoot+"openapi.json").Body
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("openapi-spec-validator: %v\n%s", err, out)
	}
}

// Following next shows every line once, whatever the limit.
func TestListsAreReadByFollowingNext(t *testing.T) {
	s, st := rich()
	for i := range 25 {
		st.findings = append(st.findings, store.Finding{ID: fmt.Sprint("n", i), At: at("2026-08-12 09:10"), Change: 6, Source: "leicester", Key: "meeting/2", Kind: store.KindMeeting, Topic: store.TopicMeetings, Tier: store.TierLikely, Title: "x"})
	}
	h := s.Handler()
	for list, id := range map[string]string{"items": "key", "findings": "id", "threads": "id", "meetings": "uid", "deadlines": "uid", "bodies": "id", "changes?format=json": "seq"} {
		read := func(limit int) (out []string) {
			target := apiRoot + list
			if limit > 0 && list != "threads" {
				target += map[bool]string{true: "&", false: "?"}[strings.Contains(list, "?")] + "limit=" + strconv.Itoa(limit)
			}
			for parts := 0; target != ""; parts++ {
				w := ask(h, "GET", target)
				var x struct {
					Data []map[string]any
					Next string
				}
				if err := json.Unmarshal(w.Body.Bytes(), &x); w.Code != 200 || err != nil || parts > 100 {
					t.Fatal(target, w.Code, err, w.Body)
				}
				for _, line := range x.Data {
					out = append(out, fmt.Sprint(line[id]))
				}
				target = strings.TrimPrefix(x.Next, "https://watch.example.org")
			}
			return out
		}
		whole := read(0)
		if len(whole) == 0 {
			t.Errorf("%s is empty", list)
		}
		for _, limit := range []int{1, 2, 7} {
			if diff := cmp.Diff(whole, read(limit)); diff != "" {
				t.Errorf("%s by %d (-whole +parts)\n%s", list, limit, diff)
			}
		}
	}
}

// What does not work is told as RFC 9457 has it.
func TestProblems(t *testing.T) {
	s, _ := rich()
	h := s.Handler()
	for target, want := range map[string]int{
		"nothing": 404, "items?kind=cats": 400, "items?limit=0": 400, "items?limit=100000": 400, "items?cursor=x": 400, "items?nonsense=1": 400, "items?limit=1&limit=2": 400, "items?body=%0a": 400,
		"item": 400, "item?source=leicester": 400, "item?source=leicester&key=none": 404, "findings?q=topic:": 400, "findings?cursor=x": 400, "findings/none": 404, "threads/none": 404, "threads/none/ocds": 404,
		"threads?stage=cats": 400, "threads?cursor=-1": 400, "bodies/none": 404, "bodies?cursor=999": 400, "changes?after=x": 400, "changes?after=7": 410, "changes?after=-1": 400, "meetings?q=%22": 400, "items?%zz": 400,
	} {
		w := ask(h, "GET", apiRoot+target)
		var p Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != want || p.Status != want || p.Title == "" || p.Type != "about:blank" || w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d, want %d: %s", target, w.Code, want, w.Body)
		}
		if want == 410 && p.Latest != 6 {
			t.Errorf("the end of the log: %+v", p)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		if w := ask(h, method, apiRoot+"items"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
	w := ask(h, "OPTIONS", apiRoot+"items", func(r *http.Request) {
		r.Header.Set("Origin", "https://elsewhere.example.org")
		r.Header.Set("Access-Control-Request-Method", "GET")
	})
	if w.Code != 204 || w.Header().Get("Access-Control-Allow-Methods") != "GET, HEAD" || w.Body.Len() > 0 {
		t.Errorf("OPTIONS: %d %v", w.Code, w.Header())
	}
}

// Whoever keeps a copy asks with the number it was given, for years.
func TestChangesAreFollowed(t *testing.T) {
	a := newArchive(t)
	a.see("leicester", true, aMeeting("m/1", "Scrutiny", "2026-08-19T17:30:00+01:00", "confirmed"))
	copied, after, tag := "", "0", ""
	follow := func() int {
		w := ask(a.handler, "GET", apiRoot+"changes?after="+after, func(r *http.Request) { r.Header.Set("If-None-Match", tag) })
		if w.Code == 304 {
			return 304
		}
		if w.Header().Get("Content-Type") != "application/jsonl; charset=utf-8" {
			t.Error(w.Header())
		}
		copied += w.Body.String()
		after, tag = w.Header().Get("CCGWatch-After"), w.Header().Get("ETag")
		if latest := w.Header().Get("CCGWatch-Latest"); latest != after {
			t.Errorf("after %s, latest %s", after, latest)
		}
		return w.Code
	}
	for i := range 5 {
		a.see("leicester", true, aMeeting("m/1", "Scrutiny", fmt.Sprintf("2026-09-0%dT17:30:00+01:00", i+1), "confirmed"))
		if code := follow(); code != 200 {
			t.Fatal(code)
		}
	}
	follow() // nothing new
	if code := follow(); code != 304 {
		t.Errorf("nothing new: %d", code)
	}
	if got := ask(a.handler, "GET", apiRoot+"changes").Body.String(); got != copied || strings.Count(got, "\n") != 6 {
		t.Errorf("the copy differs from the log:\n%s\n%s", copied, got)
	}
}

// 1000 questions a minute are too many; a little later some are answered again.
func TestQuota(t *testing.T) {
	s, _ := rich()
	now := s.Now()
	s.Now = func() time.Time { return now }
	h := s.Handler()
	from := func(addr string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(addr), 1234).String() }
	}
	count := func(n int, addr string) (ok int) {
		for range n {
			w := ask(h, "GET", apiRoot+"bodies/nhs-test-icb", from(addr))
			switch {
			case w.Code == 200:
				ok++
			case w.Code != 429 || w.Header().Get("Retry-After") == "" || w.Header().Get("Content-Type") != "application/problem+json":
				t.Fatal(w.Code, w.Header())
			}
		}
		return ok
	}
	if got := count(300, "198.51.100.7"); got != askedAtOnce {
		t.Errorf("%d were answered", got)
	}
	if got := count(10, "198.51.100.8"); got != 10 {
		t.Errorf("somebody else pays for it: %d", got)
	}
	now = now.Add(time.Minute)
	if got := count(300, "198.51.100.7"); got != askedAMinute {
		t.Errorf("%d a minute", got)
	}
	if got := count(300, "2001:db8::1") + count(300, "2001:db8::2"); got != askedAtOnce {
		t.Errorf("%d from one network", got)
	}
	if got := count(300, "127.0.0.1"); got != 300 {
		t.Errorf("%d from this machine", got)
	}
	var q quota
	for i := range 3 * quotasKept {
		q.ask(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1, now)
		if len(q.full) > quotasKept {
			t.Fatalf("%d are remembered", len(q.full))
		}
	}
}

// No answer of the data holds an address of a person, a telephone number, where
// a supplier lives, or anything of subscribers.
func TestDataHoldNothingPersonal(t *testing.T) {
	s, st := rich()
	st.findings[1].Quote = "Write to jane.doe@icb.example.org or ring (0116) 496 0123, +44 20 7946 0958 or 020 7946 0958."
	st.findings[1].Deadline.Who = "jo@example.org"
	st.items[0].Fields["venue"] = "Town Hall, ring 0116 496 0123"
	st.items[0].Parts[0].Text = "Questions to clerk@council.example.org"
	st.changes[2].Fields = append(st.changes[2].Fields, store.FieldChange{Name: "contact", Old: "a@b.example.org", New: "c@b.example.org"})
	h := s.Handler()
	targets := []string{"/calendar.ics", "/thread/ocds-h6vhtk-0000aa/calendar.ics", "/body/leicester-city-council/calendar.ics"}
	for target := range apiExamples() {
		targets = append(targets, apiRoot+target)
	}
	targets = append(targets, apiRoot+"changes")
	for _, f := range bulkFiles() {
		targets = append(targets, "/data/"+f.Name)
	}
	personal := regexp.MustCompile(`[a-z]@[a-z]+\.|496.?0123|7946.?0958|LE2 2BB|LE9 9ZZ|` + regexp.QuoteMeta(canary))
	for _, target := range targets {
		raw := fetchData(t, h, target)
		if found := personal.Find(bytes.ReplaceAll(raw, []byte("alerts@watch.example.org"), nil)); found != nil {
			t.Errorf("%s holds %q", target, found)
		}
	}
	for text, want := range map[string]string{
		"Notice 012345-2026 and 2026/S 000-012345": "", "£1,200,000 for 2026-2029": "", "SW1A 2AA": "", "ocds-h6vhtk-0000aa": "", "07382763": "", "10:00 to 12:00 on 01 02 2026": "",
		"ring 07700 900123": "ring [telephone number left out]", "0808 157 0192.": "[telephone number left out].", "a.b@c.example": "[mail address left out]",
	} {
		if want == "" {
			want = text
		}
		if got := impersonal(text); got != want {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

// fetchData is an answer, unpacked.
func fetchData(t testing.TB, h http.Handler, target string) []byte {
	t.Helper()
	w := ask(h, "GET", target, func(r *http.Request) { r.RemoteAddr = "127.0.0.1:1" })
	if w.Code != 200 {
		t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	if strings.HasSuffix(target, ".gz") {
		return unpack(t, w.Body)
	}
	return w.Body.Bytes()
}

// The page explains everything there is, and everything on it is there.
func TestDataPage(t *testing.T) {
	s, _ := rich()
	h := s.Handler()
	d := read(t, h, "/data")
	all := words(d, "main")
	for _, e := range endpoints() {
		if !strings.Contains(all, apiRoot+e.Path) || !strings.Contains(all, strings.Join(strings.Fields(e.About), " ")) {
			t.Errorf("%s is not explained", e.Path)
		}
	}
	links := map[string]bool{}
	for _, a := range d.Find("main a").EachIter() {
		links[a.AttrOr("href", "")] = true
	}
	for _, f := range bulkFiles() {
		if !links["/data/"+f.Name] {
			t.Errorf("%s is not on the page", f.Name)
		}
	}
	if !links["/data/changes-2026.jsonl.gz"] || !links["/calendar.ics"] || !links[apiRoot+"openapi.json"] {
		t.Error(links)
	}
	for at := range links {
		if u, err := url.Parse(at); err == nil && u.Host == "" && u.Path != "" {
			if w := ask(h, "GET", at, func(r *http.Request) { r.RemoteAddr = "127.0.0.1:1" }); w.Code != 200 {
				t.Errorf("%s: %d", at, w.Code)
			}
		}
	}
	for _, page := range []string{"/about", "/body/leicester-city-council", "/meetings", "/thread/ocds-h6vhtk-0000aa"} {
		if read(t, h, page).Find("main a[href^='/data']").Length() == 0 {
			t.Errorf("%s does not lead there", page)
		}
		for _, a := range read(t, h, page).Find("main a[href$='.ics'], main a[href$='/ocds'], main a[href$='.atom']").EachIter() {
			if w := ask(h, "GET", a.AttrOr("href", "")); w.Code != 200 {
				t.Errorf("%s leads to %s: %d", page, a.AttrOr("href", ""), w.Code)
			}
		}
	}
	s.Thread, s.Threads = nil, nil
	if w := ask(s.Handler(), "GET", apiRoot+"threads"); w.Code != 404 {
		t.Errorf("procurements where there are none: %d", w.Code)
	}
	if got := described(t, s.Handler())["paths"].(map[string]any)[apiRoot+"threads"]; got != nil {
		t.Error("they are described")
	}
}

// The store breaks: programs learn that too, and not how.
func TestDataOfABrokenStore(t *testing.T) {
	s, st := rich()
	h := s.Handler()
	st.broken = fmt.Errorf("the disk %s is gone", os.DevNull)
	for _, target := range []string{apiRoot + "items", apiRoot + "changes", "/calendar.ics", "/data/items.csv", "/data/all.jsonl.gz"} {
		w := ask(h, "GET", target)
		if w.Code != 500 || strings.Contains(w.Body.String(), os.DevNull) || w.Header().Get("Content-Disposition") != "" {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

func unpack(t testing.TB, r io.Reader) []byte {
	t.Helper()
	z, err := gzipReader(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
