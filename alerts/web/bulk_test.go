package web

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

func gzipReader(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }

// checkCSV reads a table as RFC 4180 has it, and as a spreadsheet that computes.
func checkCSV(t testing.TB, raw []byte, columns []string) [][]string {
	t.Helper()
	if len(regexp.MustCompile(`[^\r]\n|\r[^\n]`).Find(raw)) > 0 || !bytes.HasSuffix(raw, []byte("\r\n")) {
		t.Error("a line does not end with CRLF")
	}
	r := csv.NewReader(bytes.NewReader(raw))
	r.FieldsPerRecord = len(columns)
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(columns, rows[0]); diff != "" {
		t.Error(diff)
	}
	for _, row := range rows[1:] {
		for i, c := range row {
			if c != "" && strings.ContainsAny(c[:1], "=+-@\t\r\n\x00") || strings.ContainsAny(c, "\r\n\t\x00") || strings.ContainsAny(first(c), "＝＋－＠") {
				t.Errorf("%s is computed: %q", columns[i], c)
			}
		}
	}
	return rows[1:]
}

func TestTables(t *testing.T) {
	s, st := rich()
	st.items[0].Title = `=HYPERLINK("https://evil.example.net","x")`
	h := s.Handler()
	for name, columns := range map[string][]string{"items.csv": ItemColumns(), "findings.csv": FindingColumns(), "notices.csv": NoticeColumns(), "meetings.csv": DateColumns()} {
		raw := fetchData(t, h, "/data/"+name)
		rows := checkCSV(t, raw, columns)
		if len(rows) < 2 {
			t.Errorf("%s has %d lines", name, len(rows))
		}
		marked := fetchData(t, h, "/data/"+name+"?bom=1")
		if !bytes.Equal(marked, append([]byte("\xef\xbb\xbf"), raw...)) {
			t.Errorf("%s with the mark of Excel differs", name)
		}
	}
	rows := checkCSV(t, fetchData(t, h, "/data/items.csv"), ItemColumns())
	if got := rows[0][4]; got != `'=HYPERLINK("https://evil.example.net","x")` {
		t.Error(got)
	}
	var got []string
	for _, row := range checkCSV(t, fetchData(t, h, "/data/notices.csv"), NoticeColumns()) {
		got = append(got, row[1]+" "+row[8]+" "+row[9]+" "+row[10]+" "+row[11])
	}
	if diff := cmp.Diff([]string{"055555-2026 NHS Test ICB   ", "000001-2026 NHS Example ICB   1200000.50", "000002-2026 NHS Example ICB Hearwell Ltd; Jo Bloggs GB-COH 07382763 1200000"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCellsAreNeverComputed(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "Podiatry": "Podiatry", "a=b": "a=b", "=1+1": "'=1+1", "+44": "'+44", "-5": "'-5", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'=1", "\r=1": "'=1", "\n=1": "'=1", "\x00=1": "'=1", " =1": "'=1",
		"\u00a0=1": "'=1", "\u200b=1": "'=1", "\ufeff=1": "'=1", "＝1": "'＝1", "'=1": "''=1", "a\nb": "a b", `say "a", b`: `say "a", b`, "\u202e=1": "'=1",
	} {
		if got := cell(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// FuzzCell: no text is computed, and each comes out of the table as one cell.
func FuzzCell(f *testing.F) {
	for _, s := range []string{"=1", "a,b\"c\r\nd", "\ufeff\u202e+1", " \t@", "'-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		tab, err := NewTable(&b, false, []string{"a", "b"})
		if err != nil {
			t.Fatal(err)
		}
		if err := tab.Row(s, "x"); err != nil {
			t.Fatal(err)
		}
		if err := tab.Close(); err != nil {
			t.Fatal(err)
		}
		rows := checkCSV(t, b.Bytes(), []string{"a", "b"})
		if len(rows) != 1 || rows[0][1] != "x" {
			t.Error(rows)
		}
	})
}

// checkOCDS holds a package to what the standard demands of one: what must be
// there, closed codelists, dates with a time, ids within the release that are
// there once and refer to something, addresses that are addresses.
func checkOCDS(t testing.TB, raw []byte) OCDSPackage {
	t.Helper()
	var p OCDSPackage
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatal(err)
	}
	date := func(what, s string, must bool) {
		if _, err := time.Parse(time.RFC3339, s); err != nil && (must || s != "") {
			t.Errorf("%s: %v", what, err)
		}
	}
	address := func(s string) {
		if u, err := url.Parse(s); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			t.Errorf("it leads to %q", s)
		}
	}
	list := func(what, s string, of ...string) {
		if s != "" && !slices.Contains(of, s) {
			t.Errorf("%s %q is not on the list", what, s)
		}
	}
	if p.Version != "1.1" || p.Publisher.Name == "" || len(p.Releases) == 0 {
		t.Errorf("%+v", p)
	}
	address(p.URI)
	address(p.License)
	address(p.PublicationPolicy)
	date("publishedDate", p.PublishedDate, true)
	for _, r := range p.Releases {
		if !regexp.MustCompile(`^ocds-[a-z0-9]{6}-.+`).MatchString(r.OCID) || r.ID == "" || strings.Contains(r.ID, "#") || len(r.Tag) == 0 || r.InitiationType != "tender" {
			t.Errorf("%+v", r)
		}
		date("date", r.Date, true)
		for _, tag := range r.Tag {
			list("tag", tag, ocdsTags()...)
		}
		parties := map[string]OCDSParty{}
		for _, x := range r.Parties {
			if parties[x.ID].ID != "" || x.ID == "" || x.Name == "" || len(x.Roles) == 0 {
				t.Errorf("the party %+v", x)
			}
			parties[x.ID] = x
			for _, role := range x.Roles {
				list("role", role, "buyer", "supplier")
			}
		}
		refer := func(x OCDSReference, role string) {
			if p := parties[x.ID]; p.Name != x.Name || !slices.Contains(p.Roles, role) {
				t.Errorf("%+v is no %s among the parties", x, role)
			}
		}
		if r.Buyer != nil {
			refer(*r.Buyer, "buyer")
		}
		documents := func(all []OCDSDocument) {
			for _, d := range all {
				address(d.URL)
				list("document", d.DocumentType, "tenderNotice", "awardNotice", "contractNotice", "plannedProcurementNotice")
			}
		}
		if r.Planning != nil {
			documents(r.Planning.Documents)
			for _, m := range r.Planning.Milestones {
				date("milestone", m.DueDate, true)
			}
		}
		if x := r.Tender; x != nil {
			if x.ID == "" {
				t.Error("a tender without an id")
			}
			list("tender", x.Status, "planning", "planned", "active", "cancelled", "unsuccessful", "complete", "withdrawn")
			list("method", x.ProcurementMethod, "open", "selective", "limited", "direct")
			list("category", x.MainProcurementCategory, "goods", "works", "services")
			for _, p := range []*OCDSPeriod{x.TenderPeriod, x.EnquiryPeriod, x.ContractPeriod} {
				if p != nil {
					date("period", p.StartDate, false)
					date("period", p.EndDate, false)
				}
			}
			documents(x.Documents)
		}
		awards := map[string]bool{}
		for _, x := range r.Awards {
			awards[x.ID] = x.ID != ""
			list("award", x.Status, "pending", "active", "cancelled", "unsuccessful")
			for _, s := range x.Suppliers {
				refer(s, "supplier")
			}
			documents(x.Documents)
		}
		for _, x := range r.Contracts {
			if x.ID == "" || !awards[x.AwardID] {
				t.Errorf("the contract %+v is of no award", x)
			}
			list("contract", x.Status, "pending", "active", "cancelled", "terminated")
			date("signed", x.DateSigned, false)
			documents(x.Documents)
		}
	}
	return p
}

func TestOCDSOfAProcurement(t *testing.T) {
	s, _ := rich()
	p := checkOCDS(t, fetchData(t, s.Handler(), apiRoot+"threads/ocds-h6vhtk-0000bb/ocds"))
	if len(p.Releases) != 2 || p.Publisher.Name != "Our NHS" || p.PublishedDate != "2026-08-11T10:00:00+01:00" || p.License != licence {
		t.Fatalf("%+v", p)
	}
	tender, award := p.Releases[0], p.Releases[1]
	want := OCDSTender{
		ID: "C 12", Title: "Night nursing", Description: "Nursing at night. Ask [mail address left out] or [telephone number left out].", Status: "active", Items: []OCDSItem{{"1", OCDSClassification{"CPV", "85141200"}}},
		Value: &OCDSValue{"1200000.50", "GBP"}, ProcurementMethod: "open", MainProcurementCategory: "services", TenderPeriod: &OCDSPeriod{EndDate: "2026-09-11T23:59:59+01:00"},
		Documents:  []OCDSDocument{{"000001-2026", "tenderNotice", "Original notice", "https://notices.example.org/1", "en"}},
		Amendments: []OCDSAmendment{{"000001-2026-1", "A later date II.2: was “1 September”, is “11 September”"}},
	}
	if diff := cmp.Diff(&want, tender.Tender); diff != "" {
		t.Error("(-want +got)\n", diff)
	}
	if diff := cmp.Diff([]string{"tender"}, tender.Tag); diff != "" {
		t.Error(diff)
	}
	if award.Parties[1].Address != nil || award.Parties[1].Identifier.ID != "07382763" || award.Contracts[0].Status != "" || award.Contracts[0].DateSigned != "2026-08-09T10:00:00+01:00" || award.Contracts[0].Period.EndDate != "2029-09-30T23:59:59+01:00" {
		t.Errorf("%+v", award)
	}
}

// A release says no more than the standard knows: what cannot be one is left out.
func TestOCDSLeavesOutWhatIsNone(t *testing.T) {
	p := Publication{Name: "x", Base: "https://watch.example.org", Zone: london()}
	good := store.Notice{OCID: "ocds-h6vhtk-1", Release: "1", Date: at("2026-01-01 00:00"), Tags: []string{"tender"}}
	for name, spoil := range map[string]func(*store.Notice){
		"no ocid": func(n *store.Notice) { n.OCID = "" }, "no id": func(n *store.Notice) { n.Release = "" }, "no date": func(n *store.Notice) { n.Date = time.Time{} }, "no tag of the standard": func(n *store.Notice) { n.Tags = []string{"cats"} },
	} {
		n := good
		spoil(&n)
		if _, ok := p.Release(store.Item{Notice: &n}); ok {
			t.Errorf("%s: a release", name)
		}
	}
	if _, ok := p.Release(store.Item{}); ok {
		t.Error("no notice: a release")
	}
	for _, value := range []string{"", "1e9", "-1", "NaN", "a lot", "01", "1.", "1,000"} {
		n := good
		n.Value = value
		if r, ok := p.Release(store.Item{Notice: &n}); !ok || r.Tender.Value != nil {
			t.Errorf("%q is an amount", value)
		}
	}
}

// FuzzOCDS: whatever a notice says, what comes out of it is a package.
func FuzzOCDS(f *testing.F) {
	f.Add("tender", "active", "2026-01-01", "12.5", "GBP", "Name", "https://example.org/")
	f.Add("awardUpdate", "pending", "2026-01-01T10:00:00Z", "x", "gbp", "", "javascript:x")
	f.Add("contract", "", "yesterday", "", "", "a@b.example", "")
	f.Fuzz(func(t *testing.T, tag, status, date, value, currency, name, link string) {
		n := store.Notice{
			OCID: "ocds-h6vhtk-1", Release: "1", Date: at("2026-01-01 00:00"), Tags: []string{tag, "planning"}, Title: name, Buyers: []store.Party{{Name: "n" + name}, {ID: "x", Name: "y"}}, Suppliers: []store.Party{{Name: "s" + name}, {ID: "x", Name: "z"}},
			TenderStatus: status, AwardStatus: []string{status}, ContractStatus: []string{status}, TenderEnd: date, EnquiryEnd: date, EngagementEnd: date, FutureNotice: date, Signed: date, ContractStart: date, ContractEnd: date, Value: value, Currency: currency, Related: []string{name},
		}
		r, ok := p0().Release(store.Item{URL: link, Notice: &n})
		if !ok {
			t.Fatal("it is a notice")
		}
		raw, err := json.Marshal(p0().Package("https://watch.example.org/x", []OCDSRelease{r}))
		if err != nil {
			t.Fatal(err)
		}
		checkOCDS(t, raw)
	})
}

func p0() Publication {
	return Publication{Name: "x", Base: "https://watch.example.org", Zone: london()}
}

// The bulk files hold everything, a line each, and are the same twice.
func TestBulkFilesHoldEverything(t *testing.T) {
	s, st := rich()
	h := s.Handler()
	lines := func(name string) (out []map[string]any) {
		t.Helper()
		for l := range bytes.Lines(fetchData(t, h, "/data/"+name)) {
			var x map[string]any
			if err := json.Unmarshal(l, &x); err != nil {
				t.Fatal(name, err)
			}
			out = append(out, x)
		}
		return out
	}
	for name, want := range map[string]int{"all.jsonl.gz": len(st.items), "changes.jsonl.gz": len(st.changes), "changes-2026.jsonl.gz": len(st.changes), "findings.jsonl.gz": len(st.findings)} {
		if got := len(lines(name)); got != want {
			t.Errorf("%s has %d lines, want %d", name, got, want)
		}
	}
	for _, x := range lines("ocds.jsonl.gz") {
		raw, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		checkOCDS(t, raw)
	}
	v := validator{t, described(t, h)}
	schemas := v.root["components"].(map[string]any)["schemas"].(map[string]any)
	for name, schema := range map[string]string{"all.jsonl.gz": "ItemDetail", "changes.jsonl.gz": "ChangeLine", "findings.jsonl.gz": "FindingLine"} {
		for i, x := range lines(name) {
			v.check(fmt.Sprint(name, i), schemas[schema].(map[string]any), any(x))
		}
	}
	for _, name := range []string{"/data/changes-2025.jsonl.gz", "/data/changes-20x6.jsonl.gz", "/data/nothing.csv", "/data/..%2fitems.csv", "/data/items.csv?bom=2", "/data/items.csv?x=1"} {
		if w := ask(h, "GET", name); w.Code != 404 && w.Code != 400 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	for _, f := range bulkFiles() {
		if a, b := ask(s.Handler(), "GET", "/data/"+f.Name), ask(s.Handler(), "GET", "/data/"+f.Name); !bytes.Equal(a.Body.Bytes(), b.Body.Bytes()) || a.Header().Get("ETag") != b.Header().Get("ETag") {
			t.Errorf("%s is another one each time", f.Name)
		}
	}
}

// A file is made once for many, anew when the record has moved on and not more
// often than every ten minutes; a download that broke off goes on.
func TestBulkFilesAreMadeOnce(t *testing.T) {
	s, st := rich()
	now := s.Now()
	s.Now = func() time.Time { return now }
	h := s.Handler()
	get := func(change ...func(*http.Request)) (int, string, int) {
		st.reads = 0
		w := ask(h, "GET", "/data/findings.csv", append(change, func(r *http.Request) { r.RemoteAddr = "127.0.0.1:1" })...)
		return w.Code, w.Body.String(), st.reads
	}
	_, whole, reads := get()
	if reads < len(st.findings) {
		t.Fatal(reads)
	}
	if _, again, reads := get(); again != whole || reads > 0 {
		t.Errorf("asked again, %d findings were read", reads)
	}
	if code, rest, _ := get(func(r *http.Request) { r.Header.Set("Range", "bytes=100-") }); code != 206 || rest != whole[100:] {
		t.Errorf("the rest of a download: %d", code)
	}
	st.findings = append(st.findings, store.Finding{ID: "f9", Change: 6, At: at("2026-08-12 11:00"), Title: "Another"})
	st.changes = append(st.changes, store.Change{Seq: 7, At: at("2026-08-12 11:30"), Source: "uhl", Key: "k", Op: store.OpAdded})
	if _, again, _ := get(); again != whole {
		t.Error("made anew at once")
	}
	now = now.Add(shelfFresh)
	if _, again, _ := get(); !strings.Contains(again, "f9") {
		t.Error("after ten minutes it is still the old one")
	}
	// So many at once and no more.
	v := &site{Server: s, queueOfFiles: make(chan struct{}, 1)}
	v.queueOfFiles <- struct{}{}
	mux := http.NewServeMux()
	mux.Handle("/data/{file}", v.data(0, v.bulk))
	if w := ask(mux, "GET", "/data/items.csv"); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Error(w.Code, w.Header())
	}
}
