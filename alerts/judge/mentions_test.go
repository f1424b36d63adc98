package judge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// aPack is 400 pages on which the same thing is said in many ways.
func aPack() []string {
	pages := make([]string, 400)
	for i := range pages {
		pages[i] = "The committee noted the report and thanked the authors."
	}
	services := strings.Fields("dermatology ophthalmology audiology podiatry physiotherapy cardiology endoscopy phlebotomy radiology maternity dialysis neurology urology oncology rheumatology")
	for i, s := range services {
		pages[20*i+9] = "The outsourcing of the " + s + " service to a private provider was discussed."
	}
	return pages
}

// A pack gives one finding a topic, however often it says the same.
func TestAPackOf400PagesGivesOneFinding(t *testing.T) {
	j, it := exampleJudge(t), scrutinyMeeting()
	pack := store.Document{Key: "pack", Title: "Reports pack", URL: "https://example.org/pack.pdf", Role: store.RolePack, SHA256: "aaa"}
	it.Documents = []store.Document{pack}
	c := change(it, store.OpAmended, store.DocumentAdded)
	c.Documents = it.Documents
	got, err := j.Findings(c, it, papers(map[string][]string{"aaa": aPack()}))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 { // and the one that says the pack came
		t.Fatalf("%d findings: %q", len(got), summary(got))
	}
	f := got[0]
	if len(f.Quotes) != 3 || f.More != 12 || len(f.Others) != 12 {
		t.Errorf("%d quotes, %d more, %d others, want 3, 12 and 12", len(f.Quotes), f.More, len(f.Others))
	}
	if f.Quote != f.Quotes[0].Quote || f.Page != f.Quotes[0].Page || f.Page != 10 {
		t.Errorf("the best is %q on page %d, the first of the quotes %+v", f.Quote, f.Page, f.Quotes[0])
	}
	pages := map[int]bool{}
	for _, m := range f.Mentions() {
		pages[m.Page] = true
	}
	if len(pages) != 15 {
		t.Errorf("the mentions stand on %d pages, want 15", len(pages))
	}
}

// The finding of a document keeps the id that its best sentence had when every
// sentence was a finding of its own: what was told of it stays told.
func TestTheBestSentenceKeepsTheIDOfTheFinding(t *testing.T) {
	j, it := exampleJudge(t), scrutinyMeeting()
	doc := store.Document{Key: "d", Title: "Report", URL: "https://example.org/d", SHA256: "aaa"}
	c := change(it, store.OpAmended, store.DocumentAdded)
	c.Documents = []store.Document{doc}
	ids := func(pages []string) (out []string) {
		got, err := j.Findings(c, it, papers(map[string][]string{"aaa": pages}))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range got {
			out = append(out, string(f.Topic)+" "+f.ID)
		}
		return out
	}
	pages := aPack()
	for i := 10; i < len(pages); i++ {
		pages[i] = ""
	}
	if diff := cmp.Diff(ids(pages), ids(aPack())); diff != "" {
		t.Errorf("(-one sentence +all of them)\n%s", diff)
	}
}

// The best come first: what is certain before what is mentioned.
func TestTheBestQuotesComeFirst(t *testing.T) {
	j, it := exampleJudge(t), scrutinyMeeting()
	doc := store.Document{Key: "d", Title: "Report", URL: "https://example.org/d", SHA256: "aaa"}
	c := change(it, store.OpAmended, store.DocumentAdded)
	c.Documents = []store.Document{doc}
	got, err := j.Findings(c, it, papers(map[string][]string{"aaa": {
		"Outsourcing was mentioned as one way to run the car park.",
		"Insourcing of endoscopy by a private provider was extended.",
	}}))
	if err != nil {
		t.Fatal(err)
	}
	if f := got[0]; f.Tier != store.TierCertain || f.Page != 2 {
		t.Errorf("the best is %s on page %d: %q", f.Tier, f.Page, f.Quote)
	}
}

// A pack and its parts are one text: its parts have the findings, and they say
// where else it stands.
func TestPackAndPartsAreNotTwoFindings(t *testing.T) {
	const say = "Insourcing of endoscopy by a private provider was extended to March at the last meeting."
	j, it := exampleJudge(t), scrutinyMeeting()
	first, second := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC), time.Date(2026, 9, 2, 8, 0, 0, 0, time.UTC)
	part := store.Document{Key: "part", Title: "Report A", URL: "https://example.org/a", Role: store.RoleReport, SHA256: "aaa"}
	pack := store.Document{Key: "pack", Title: "Reports pack", URL: "https://example.org/pack", Role: store.RolePack, SHA256: "bbb"}
	texts := papers(map[string][]string{"aaa": {say}, "bbb": {"Contents", "Agenda Item 4\n" + say}, "ccc": {"Cover", "Something else."}})
	tell := func(at time.Time, docs []store.Document, all ...store.Document) []string {
		it.Documents = all
		c := change(it, store.OpAmended, store.DocumentAdded)
		c.At, c.Documents = at, docs
		got, err := j.Findings(c, it, texts)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, f := range got {
			s := fmt.Sprintf("%s: %s", f.Document, f.Quote)
			for _, o := range f.AlsoIn {
				s += fmt.Sprintf(" Also in %s, page %d.", o.Document, o.Page)
			}
			out = append(out, s)
		}
		return out
	}
	since := func(d store.Document, at time.Time) store.Document { d.Since = at; return d }
	both := []store.Document{since(part, first), since(pack, second)}
	told := "Report A: " + say
	for _, x := range []struct {
		name string
		got  []string
		want []string
	}{
		{"both at once, the pack first", tell(first, []store.Document{pack, part}, since(pack, first), since(part, first)),
			[]string{told + " Also in Reports pack, page 2.", ": Papers added: Reports pack; Report A."}},
		{"the part, when it came", tell(first, both[:1], both...),
			[]string{told, ": Papers added: Report A."}},
		{"the pack a day later", tell(second, both[1:], both...),
			[]string{": Papers added: Reports pack (what we noticed in it stands also in Report A)."}},
		{"the pack first: the part has nothing new", tell(second, both[:1], since(part, second), since(pack, first)),
			[]string{": Papers added: Report A (what we noticed in it stands also in Reports pack)."}},
		{"seen before the time was noted: the pack gives way", tell(second, []store.Document{pack}, part, pack),
			[]string{": Papers added: Reports pack (what we noticed in it stands also in Report A)."}},
		{"and the part does not", tell(second, []store.Document{part}, part, pack),
			[]string{told, ": Papers added: Report A."}},
	} {
		t.Run(x.name, func(t *testing.T) {
			if diff := cmp.Diff(x.want, x.got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Pages that could not be read are said, never silence.
func TestPagesThatCouldNotBeReadAreSaid(t *testing.T) {
	j, it := exampleJudge(t), scrutinyMeeting()
	doc := store.Document{Key: "d", Title: "Report", URL: "https://example.org/d", SHA256: "aaa"}
	c := change(it, store.OpAmended, store.DocumentAdded)
	c.Documents = []store.Document{doc}
	texts := papers(map[string][]string{"aaa": {"Words.", store.PictureMark, "Page 3\n" + store.PictureMark}})
	got, err := j.Findings(c, it, texts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"papers mention p0 Papers added: Report (pages 2-3 could not be read)."}, summary(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	c = change(it, store.OpAmended)
	c.Read = []store.Document{doc}
	if got, err = j.Findings(c, it, texts); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"papers mention p0 Of Report we could not read pages 2-3."}, summary(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What a paper prints of a patient is not told on.
func TestNoQuoteNamesAPatientsNumber(t *testing.T) {
	j, it := exampleJudge(t), scrutinyMeeting()
	doc := store.Document{Key: "d", Title: "Report", URL: "https://example.org/d", SHA256: "aaa"}
	c := change(it, store.OpAmended, store.DocumentAdded)
	c.Documents = []store.Document{doc}
	got, err := j.Findings(c, it, papers(map[string][]string{"aaa": {
		"Insourcing of endoscopy by a private provider was extended after case 943 476 5919 (jane@mail.example, 07700 900123).",
	}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got {
		for _, secret := range []string{"5919", "jane", "07700"} {
			if strings.Contains(fmt.Sprintf("%+v", f), secret) {
				t.Errorf("%s is in %+v", secret, f)
			}
		}
	}
}
