package web

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// papersKept are papers in memory, by hash.
type papersKept struct {
	store.Archive
	text map[string][]string
}

func (a papersKept) Text(_ context.Context, sha string) ([]string, error) {
	if t, ok := a.text[sha]; ok {
		return t, nil
	}
	return nil, store.ErrNotFound
}

// saidByUs are corrections in memory.
type saidByUs struct{ list *[]store.Correction }

func (c saidByUs) Correct(context.Context, store.Correction) (store.Correction, error) {
	panic("no page corrects")
}

func (c saidByUs) Corrections(context.Context, uint64) ([]store.Correction, error) {
	return append([]store.Correction{}, *c.list...), nil
}

func (c saidByUs) Edits(context.Context) (*store.Edits, error) {
	return store.FoldCorrections(*c.list), nil
}

// keptPaper is the page of the sample's paper with a hash of these letters, at a page.
func keptPaper(letters string, page ...int) string {
	v := url.Values{"source": {"leicester"}, "key": {"meeting/15033"}, "sha": {strings.Repeat(letters, 32)}}
	for _, n := range page {
		v.Set("page", fmt.Sprint(n))
	}
	return "/paper?" + v.Encode()
}

// recorded is the sample with all that the record's pages need, and two awards.
func recorded() (Server, *[]store.Correction) {
	s, st := sample()
	award := func(n int, ocid, number, value, signed string, suppliers ...store.Party) {
		key := ocid + "/" + number
		st.items = append(st.items, store.Item{Source: "find-a-tender", Key: key, Kind: store.KindNotice, Title: "Award " + number, URL: "https://tender.example.org/" + number, FirstSeen: at("2026-08-11 08:17"),
			Notice: &store.Notice{OCID: ocid, Release: number, Date: at("2026-07-20 09:00"), Buyers: []store.Party{{Name: "NHS Test ICB"}}, Suppliers: suppliers, Value: value, Currency: "GBP", Signed: signed}})
		st.changes = append(st.changes, store.Change{Seq: uint64(10 + n), At: at("2026-08-12 09:10"), Source: "find-a-tender", Key: key, Kind: store.KindNotice, Op: store.OpAdded, What: []store.What{store.NoticeNew}})
		st.findings = append(st.findings, store.Finding{ID: fmt.Sprint("a", n), At: at("2026-08-12 09:11"), Change: uint64(10 + n), Source: "find-a-tender", Key: key, Kind: store.KindNotice, Topic: store.TopicAwards, Tier: store.TierCertain,
			Title: "Award " + number, Stage: "award", Thread: ocid})
	}
	acme := store.Party{Name: "Acme Health Limited", Scheme: "GB-COH", Number: "07382763"}
	award(0, "ocds-1", "000001-2026", "1200000", "2026-07-01", acme)
	award(1, "ocds-2", "000002-2026", "", "", store.Party{Name: "ACME HEALTH LTD."})
	award(2, "ocds-3", "000003-2026", "300000", "2026-07-20", store.Party{Name: "Vale Hospice", Scheme: "GB-CHC", Number: "1000001"})
	award(3, "ocds-4", "000004-2026", "0.01", "1900-01-01", store.Party{Name: "Dr A Example"})
	s.Provider = func(p store.Party, _ []string) judge.Party {
		x := judge.Party{Supplier: judge.Supplier{Name: p.Name, Class: "company", Evidence: "company number"}, Scheme: p.Scheme, Number: p.Number}
		switch {
		case p.Scheme == "GB-CHC":
			x.Class = "charity_cic"
		case strings.HasPrefix(p.Name, "Dr "):
			x.Class = "individual"
		}
		return x
	}
	s.Plain = func(t string) string { return t }
	s.Archive = papersKept{text: map[string][]string{strings.Repeat("ab", 32): {
		"1", "2", "3", "4", "5", "6",
		"Cllr Jane Doe declared an interest in item 5 as a trustee of Vale Hospice and left the room.\n\nThe board is asked to approve a competitive process for podiatry. Members are asked to declare any interests. Three bids were received from Acme Health Limited and two others.",
	}}}
	list := &[]store.Correction{}
	edits := saidByUs{list}
	s.Corrections = edits
	public := store.Public{Ledger: s.Ledger, Outbox: s.Outbox, Edits: edits.Edits}
	s.Ledger, s.Outbox = public, public
	return s, list
}

func TestSupplierPage(t *testing.T) {
	s, _ := recorded()
	h := s.Handler()
	d := read(t, h, "/suppliers")
	var got []string
	d.Find("main .list li").Each(func(_ int, x *goquery.Selection) {
		got = append(got, x.Find("a").AttrOr("href", "")+" "+strings.Join(strings.Fields(x.Text()), " "))
	})
	want := []string{
		"/supplier/gb-coh-07382763 Acme Health Limited company · 2 notices, the latest 20 July 2026",
		"/supplier/gb-chc-1000001 Vale Hospice charity, society or community interest company · 1 notice, the latest 20 July 2026",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("a name without a number is put to the one number of that name, and a person has no page (-want +got)\n", diff)
	}
	d = read(t, h, "/supplier/gb-coh-07382763")
	for selector, want := range map[string]string{
		"dl.facts":                "What it iscompany; shown by: company number NumberGB-COH 07382763 Also printed asACME HEALTH LTD. Named in2 notices of 2 procurements; 1 of 2 state a value",
		"article:first-of-type p": "20 July 2026 · Notice of an award · NHS Test ICB Value: £1,200,000. Signed, it says: 1 July 2026. Printed there as Acme Health Limited. Source at tender.example.org",
	} {
		if got := words(d, selector); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s\n got %s\nwant %s", selector, got, want)
		}
	}
	if w := ask(h, "GET", "/supplier/acme-health"); w.Code != 200 || !strings.Contains(w.Body.String(), "GB-COH 07382763") {
		t.Error("the name does not lead to the same page:", w.Code)
	}
	for _, target := range []string{"/supplier/dr-a-example", "/supplier/nobody", "/supplier/gb-coh-07382763?page=2"} {
		if w := ask(h, "GET", target); w.Code != 404 {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

// Two firms of one name with a number each are two; who gives no number is
// then neither of them.
func TestSuppliersOfOneNameAreNotMixedUp(t *testing.T) {
	p := func(name, number string) *judge.Party {
		return &judge.Party{Supplier: judge.Supplier{Name: name, Class: "company"}, Scheme: map[bool]string{true: "GB-COH"}[number != ""], Number: number}
	}
	notice := func(key string, ps ...*judge.Party) *noticed {
		return &noticed{ref: ref{"s", key}, at: at("2026-01-01 00:00"), suppliers: ps}
	}
	for _, c := range []struct {
		name string
		all  []*noticed
		want string
	}{
		{"two numbers", []*noticed{notice("1", p("Care Ltd", "00000001")), notice("2", p("CARE LIMITED", "00000002")), notice("3", p("Care", ""))}, "care 1; gb-coh-00000001 1; gb-coh-00000002 1"},
		{"renamed", []*noticed{notice("1", p("Old Name Ltd", "00000001")), notice("2", p("New Name Ltd", "00000001")), notice("3", p("Old Name", ""))}, "gb-coh-00000001 3"},
		{"no number at all", []*noticed{notice("1", p("Care Ltd", "")), notice("2", p("The Care Ltd", ""))}, "care 2"},
		{"named twice in one notice", []*noticed{notice("1", p("Care Ltd", ""), p("Care Limited", ""))}, "care 1"},
	} {
		var got []string
		for _, x := range group(c.all, nil).list {
			got = append(got, fmt.Sprintf("%s %d", x.ID, x.Notices()))
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: %s, want %s", c.name, strings.Join(got, "; "), c.want)
		}
	}
}

// A chart says of how many it is, and the table says what the drawing says.
func TestNumbers(t *testing.T) {
	s, _ := recorded()
	d := read(t, s.Handler(), "/numbers")
	for selector, want := range map[string]string{
		"section.chart:nth-of-type(1) > p:nth-of-type(1)": "Of 4 procurements with a notice of an award or a contract, 4 name a supplier and 2 state a value in pounds.",
		"section.chart:nth-of-type(1) tbody":              "charity, society or community interest company 1 1 £300,000 company 2 1 £1,200,000 individual 1 0 £0",
		"section.chart:nth-of-type(2) > p:nth-of-type(1)": "5 notices on health and care dated since March 2025, of 5 that are on these pages, and of 5 notices read in all.",
		"section.chart:nth-of-type(3) > p:nth-of-type(1)": "Of 4 notices of an award or a contract, 2 say when the contract was signed.",
		"section.chart:nth-of-type(3) tbody":              "before the day of signature or on it 1 1 to 30 days after it 1 31 to 90 days after it 0 91 to 365 days after it 0 more than a year after it 0",
		"section.chart:nth-of-type(4) > p:nth-of-type(1)": "0 meetings whose first papers came while we watched.",
	} {
		if got := words(d, selector); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s\n got %s\nwant %s", selector, got, want)
		}
	}
	d.Find("section.chart > svg").Each(func(_ int, x *goquery.Selection) {
		for _, id := range strings.Fields(x.AttrOr("aria-labelledby", "nothing")) {
			if strings.TrimSpace(d.Find("#"+id).Text()) == "" {
				t.Errorf("a drawing is labelled by %s, which says nothing", id)
			}
		}
		if x.AttrOr("role", "") != "img" {
			t.Error("a drawing is no image to who cannot see it")
		}
	})
	if d.Find("[style], script").Length() > 0 {
		t.Error("the policy of the pages forbids that")
	}
	if got := d.Find("section.chart:nth-of-type(1) rect:not(.rail)").Map(func(_ int, x *goquery.Selection) string { return x.AttrOr("width", "") }); cmp.Diff(got, []string{"25%", "100%", "0%"}) != "" {
		t.Error(got)
	}
}

func TestPapersBeforeAMeeting(t *testing.T) {
	s, st := sample()
	r := newRecord(&s, london())
	it := func(key string) store.Item {
		return store.Item{Source: "leicester", Key: key, Kind: store.KindMeeting, Fields: map[string]string{store.FieldWhen: "2026-08-19T10:00:00+01:00"}}
	}
	pack := []store.Document{{Role: store.RolePack}}
	st.items = nil
	for i, c := range []store.Change{
		{At: at("2026-08-11 22:30"), What: []store.What{store.AgendaPublished}},                                                       // 23:30 in London: eight days
		{At: at("2026-08-11 23:30"), What: []store.What{store.DocumentAdded}, Documents: pack},                                        // after midnight: seven
		{At: at("2026-08-19 09:30"), What: []store.What{store.AgendaPublished}},                                                       // half an hour after it began
		{At: at("2026-08-19 08:30"), What: []store.What{store.AgendaPublished}},                                                       // and before it
		{At: at("2026-08-01 08:30"), What: []store.What{store.AgendaPublished}, Silent: true},                                         // was there
		{At: at("2026-08-20 08:30"), What: []store.What{store.DocumentAdded}, Documents: []store.Document{{Role: store.RoleMinutes}}}, // minutes are no papers
	} {
		c.Seq, c.Source, c.Key, c.Kind, c.Op = uint64(i+1), "leicester", fmt.Sprint(i), store.KindMeeting, store.OpAmended
		st.items = append(st.items, it(c.Key))
		if err := r.add(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	want := map[ref]int{{"leicester", "0"}: 8, {"leicester", "1"}: 7, {"leicester", "2"}: -1, {"leicester", "3"}: 0}
	if diff := cmp.Diff(want, r.leads, cmp.AllowUnexported(ref{})); diff != "" {
		t.Error("(-want +got)\n", diff)
	}
}

func TestPaperOpensAtThePage(t *testing.T) {
	s, _ := recorded()
	h := s.Handler()
	// The finding leads to the page, and the page to the source at that page.
	if got := read(t, h, "/finding/f1").Find("figcaption a").AttrOr("href", ""); got != keptPaper("ab", 7) {
		t.Error("the finding leads to", got)
	}
	d := read(t, h, keptPaper("ab", 7))
	if got := d.Find("a[rel~=external]").First().AttrOr("href", ""); got != "https://council.example.org/documents/s300386/x.pdf#page=7" {
		t.Error("the source is opened at", got)
	}
	for selector, want := range map[string]string{
		"h1":     "Podiatry report, page 7",
		".found": "Found here: The board is asked to approve a competitive process for podiatry. Outsourcing",
		".turn":  "Page 7 of 7 Previous pagePrevious page",
	} {
		if got := words(d, selector); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s: %s", selector, got)
		}
	}
	if all := words(d, "main"); !strings.Contains(all, "approve a competitive process") || !strings.Contains(all, strings.Repeat("ab", 32)) || !strings.Contains(all, "something was found on page 7") {
		t.Error(all)
	}
	for target, code := range map[string]int{
		keptPaper("ab", 8): 404, keptPaper("ab", 0): 400, keptPaper("cd"): 404, "/paper?source=leicester&key=meeting/15033&sha=../x": 400, "/paper": 400,
		strings.Replace(keptPaper("ab"), "15033", "15019", 1): 404, // another item does not have it
	} {
		if w := ask(h, "GET", target); w.Code != code {
			t.Errorf("%s: %d, want %d", target, w.Code, code)
		}
	}
}

// A paper that the site replaced can still be read as it was quoted.
func TestPaperThatWasReplaced(t *testing.T) {
	s, _ := recorded()
	st := s.Outbox.(store.Public).Outbox.(memory).state
	st.items[0].Documents[0].SHA256 = strings.Repeat("ef", 32)
	d := read(t, s.Handler(), keptPaper("ab", 7))
	if got := words(d, ".held"); !strings.Contains(got, "has replaced this paper") {
		t.Error(got)
	}
}

func TestRegister(t *testing.T) {
	s, _ := recorded()
	s.Thread = func(_ context.Context, id string) (judge.Thread, error) {
		t := judge.Thread{ID: id, Title: "Service " + id, Stage: "award", Buyers: []string{"NHS Test ICB"}, Suppliers: []judge.Party{{Supplier: judge.Supplier{Name: "Acme Health Limited", Class: "company"}, Scheme: "GB-COH", Number: "07382763"}}}
		if id == "ocds-1" {
			t.Interest = judge.Interest{Conflicts: "declared", Quote: "One member withdrew.", Release: "000001-2026", URL: "https://tender.example.org/000001-2026", Deciders: []string{"Director of Finance"}}
			t.Charter = []judge.Answer{{ID: "bidders", Says: []judge.Said{{Field: "number of bids", Words: "3", Release: "000001-2026"}}}}
		}
		return t, nil
	}
	h := s.Handler()
	d := read(t, h, "/register")
	if got := words(d, "article:nth-of-type(1) dl"); got != "InterestsThe notice tells of one: One member withdrew. (notice 000001-2026; Source at tender.example.org) Who decidedDirector of Finance (as the notice names the roles) Biddersnumber of bids: 3 (notice 000001-2026; no link that is safe to follow) Named as supplierAcme Health Limited: company" {
		t.Error(got)
	}
	if got := words(d, "article:nth-of-type(2) dl"); !strings.HasPrefix(got, "InterestsThe notices say nothing. Who decidedThe notices say nothing.") {
		t.Error(got)
	}
	d = read(t, h, "/register?of=papers")
	var got []string
	d.Find("figure.card").Each(func(_ int, x *goquery.Selection) {
		got = append(got, words(goquery.NewDocumentFromNode(x.Nodes[0]), "blockquote")+" | "+strings.Join(strings.Fields(x.Find("figcaption").Text()), " "))
	})
	want := []string{
		"(name) declared an interest in item 5 as a trustee of Vale Hospice and left the room. | On interests: Podiatry report, page 7, of Overview Select Committee, 19 August 2026. Read the page · Source at council.example.org",
		"Three bids were received from Acme Health Limited and two others. | On bidders: Podiatry report, page 7, of Overview Select Committee, 19 August 2026. Read the page · Source at council.example.org",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got)\n", diff)
	}
	if got := words(d, "main"); !strings.Contains(got, "2 sentences in 1 paper kept.") || strings.Contains(got, "Jane") {
		t.Error(got)
	}
}

func TestNamesOfSpeakersAreLeftOut(t *testing.T) {
	for in, want := range map[string]string{
		"Jane Doe, Ann O'Hara and John Roe declared interests.": "(name), (name) and (name) declared interests.",
		"NHS Mercia Vale and Vale Hospice had declared none.":   "NHS Mercia Vale and Vale Hospice had declared none.",
		"Jane Doe declared an interest.":                        "(name) declared an interest.",
		"Dr J. Smith advised of an interest.":                   "(name) advised of an interest.",
		"Councillor Mary O'Brien left the meeting.":             "(name) left the meeting.",
		"Jane Doe (Lay Member) declared an interest.":           "(name) (Lay Member) declared an interest.",
		"The Integrated Care Board noted the interests":         "The Integrated Care Board noted the interests",
		"Vale Health Limited has submitted a bid.":              "Vale Health Limited has submitted a bid.",
		"No declarations of interest were made by the members.": "No declarations of interest were made by the members.",
	} {
		if got := newNames().leaveOut(in); got != want {
			t.Errorf("%q becomes %q", in, got)
		}
	}
}

// What the people who run this say stands on the thing's own page, with why; of
// what is held back nothing is shown anywhere but that, not even in counts.
func TestCorrectionsReachEveryPage(t *testing.T) {
	s, list := recorded()
	h := s.Handler()
	notice := itemPath("find-a-tender", "notice/055555-2026")
	pages := []string{"/", "/deadlines", "/findings", "/items", "/body/nhs-test-icb", "/feed.atom", "/body/nhs-test-icb/feed.atom", "/corrections", "/numbers", "/suppliers"}
	say := func(c store.Correction) {
		c.N, c.At, c.Source, c.Key, c.Kind = uint64(len(*list)+1), at("2026-08-12 11:00"), "find-a-tender", "notice/055555-2026", store.KindNotice
		*list = append(*list, c)
		st := s.Outbox.(store.Public).Outbox.(memory).state
		st.mu.Lock()
		st.changes = append(st.changes, store.Change{Seq: uint64(20 + len(*list)), At: c.At, Source: c.Source, Key: c.Key, Kind: c.Kind, Op: store.OpCorrected, Title: "Community podiatry service", Silent: true})
		st.mu.Unlock()
	}
	seen := func(word string) (on []string) {
		for _, p := range pages {
			if strings.Contains(ask(h, "GET", p).Body.String(), word) {
				on = append(on, p)
			}
		}
		return on
	}
	if got := seen("Community podiatry service"); len(got) < 5 {
		t.Fatal("only on", got)
	}
	say(store.Correction{Act: store.ActCorrect, Reason: "It is about feet", Fields: []store.FieldChange{{Name: "title", Old: "Community podiatry service", New: "Foot clinics"}}})
	say(store.Correction{Act: store.ActNote, Reason: "We asked", Note: "The clerk says it is for adults only."})
	if got := seen("Community podiatry service"); len(got) != 1 || got[0] != "/corrections" { // which says what it was
		t.Error("the old title stands on", got)
	}
	if got := seen("Foot clinics"); len(got) < 6 {
		t.Error("the new title only on", got)
	}
	if got := words(read(t, h, notice), ".edits"); !strings.Contains(got, "It is about feet") || !strings.Contains(got, "the source says Community podiatry service; it should read Foot clinics") || !strings.Contains(got, "for adults only") {
		t.Error(got)
	}
	if got := words(read(t, h, "/finding/f2"), ".edits"); !strings.Contains(got, "for adults only") {
		t.Error(got)
	}

	say(store.Correction{Act: store.ActWithdraw, Reason: "Not for the public"})
	if got := seen("Foot clinics"); got != nil {
		t.Error("what was withdrawn stands on", got)
	}
	if got := seen("podiatry service"); got != nil {
		t.Error("what was withdrawn stands on", got)
	}
	for _, target := range []string{notice, "/finding/f2"} {
		w := ask(h, "GET", target)
		if w.Code != 410 || !strings.Contains(w.Body.String(), "Not for the public") || strings.Contains(w.Body.String(), "Foot") {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	if got := words(read(t, h, "/corrections"), "main ol"); !strings.Contains(got, "Withdrawn from these pages") || strings.Contains(got, "Foot") || strings.Contains(got, "adults") {
		t.Error(got)
	}
	if got := words(read(t, h, "/numbers"), "main"); !strings.Contains(got, "of 4 that are on these pages") {
		t.Error("what was withdrawn is counted:", got)
	}
}

func TestDifference(t *testing.T) {
	show := func(ps []piece) string {
		var out []string
		for _, p := range ps {
			out = append(out, map[int]string{-1: "[-", 0: "", 1: "[+"}[p.Op]+p.Text+map[bool]string{true: "]"}[p.Op != 0])
		}
		return strings.Join(out, " ")
	}
	long := strings.TrimSpace(strings.Repeat("and so on ", 20))
	for _, c := range []struct{ name, old, now, want string }{
		{"short values are one piece", "3 May 2026", "4 May 2026", "[-3 May 2026] [+4 May 2026]"},
		{"nothing before", "", "Town Hall", "[+Town Hall]"},
		{"nothing after", "Town Hall", "", "[-Town Hall]"},
		{"one word", "The clinic will close at the end of the month, the board has decided today.", "The clinic will open at the end of the month, the board has decided today.",
			"The clinic will [-close] [+open] at the end of the month, the board has decided today."},
		{"a word at the end", "The clinic will close at the end of the month and of the year", "The clinic will close at the end of the month and of the year perhaps",
			"The clinic will close at the end of the month and of the year [+perhaps]"},
		{"what stayed is shortened", "begin " + long + " end", "Begin " + long + " end", "[-begin] [+Begin] and so on and so on and so … on and so on and so on end"},
		{"another text", strings.Repeat("alpha beta ", 10), strings.Repeat("gamma delta ", 10), "[-" + strings.Repeat("alpha beta ", 10) + "] [+" + strings.Repeat("gamma delta ", 10) + "]"},
	} {
		got := show(difference(c.old, c.now))
		if c.name == "what stayed is shortened" {
			if !strings.HasPrefix(got, "[-begin] [+Begin]") || !strings.HasSuffix(got, " …") || len(got) > 70 {
				t.Errorf("%s: %s", c.name, got)
			}
			continue
		}
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// Out of a difference both texts can be read again.
func FuzzDifference(f *testing.F) {
	f.Add("a b c d e f", "a b x d e f")
	f.Add(strings.Repeat("one two three ", 12), strings.Repeat("one three ", 12))
	f.Fuzz(func(t *testing.T, old, now string) {
		a, b := strings.Fields(old), strings.Fields(now)
		if len(a) > 200 || len(b) > 200 {
			return
		}
		var x, y []string
		for _, p := range merge(align(a, b)) {
			if p.Op <= 0 {
				x = append(x, strings.Fields(p.Text)...)
			}
			if p.Op >= 0 {
				y = append(y, strings.Fields(p.Text)...)
			}
		}
		if strings.Join(x, " ") != strings.Join(a, " ") || strings.Join(y, " ") != strings.Join(b, " ") {
			t.Errorf("%q and %q became %q and %q", old, now, x, y)
		}
	})
}

// A history marks words so that they can be told without colours.
func TestHistoryMarksWords(t *testing.T) {
	s, st := sample()
	st.changes[1].Fields = []store.FieldChange{{Name: "text", Old: "The clinic will close at the end of the month, the board has decided today.", New: "The clinic will open at the end of the month, the board has decided today."}}
	d := read(t, s.Handler(), itemPath("find-a-tender", "notice/055555-2026"))
	if got := words(d, ".history li ul li"); got != "Text: The clinic will [removed: close] [added: open] at the end of the month, the board has decided today." {
		t.Error(got)
	}
	if d.Find(".history del").Length() != 1 || d.Find(".history ins").Length() != 1 {
		t.Error("the words are not marked")
	}
}

func TestDaysLeft(t *testing.T) {
	s, _ := sample()
	v := &site{Server: s, zone: london()} // it is Wednesday 12 August, 13:00 in London
	for when, want := range map[string]string{"2026-08-12 21:00": "today", "2026-08-12 23:30": "tomorrow", "2026-08-14 09:00": "2 days left", "2026-11-12 09:00": "92 days left"} {
		if got := v.left(at(when)); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
}
