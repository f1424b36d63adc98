package moderngov

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

func (c *council) decisions(t *testing.T, now time.Time, old store.Snapshot) (s store.Sighting, err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		cr := &crawl.Crawler{Fetch: &crawl.Fetcher{Transport: c, UserAgent: "test"}}
		_, err = cr.Visit(context.Background(), Source(Options{ID: "d", Base: base, Decisions: true}), crawl.Visit{Now: now, Old: old}, func(got store.Sighting) error {
			s = got
			return nil
		})
	})
	return s, err
}

func decisionLines(s store.Sighting) []string {
	var list []string
	for _, it := range s.Items {
		line := fmt.Sprintf("%s | %s | %s", it.Key, it.Published.Format(time.DateOnly), it.Title)
		for _, name := range slices.Sorted(maps.Keys(it.Fields)) {
			line += fmt.Sprintf(" | %s=%s", name, it.Fields[name])
		}
		for _, d := range it.Documents {
			line += fmt.Sprintf(" | %s %s", d.Key, d.Title)
		}
		list = append(list, line)
	}
	return list
}

func TestDecisionsAndPlans(t *testing.T) {
	c := fixture(t, "decisions.txtar")
	first, err := c.decisions(t, today(), store.Snapshot{})
	if err != nil || len(first.Problems) > 0 {
		t.Fatal(err, first.Problems)
	}
	if d := cmp.Diff(strings.Split(strings.TrimSpace(c.answers["want"]), "\n"), decisionLines(first)); d != "" {
		t.Error("(-want +got)\n", d)
	}
	// What is known is not read again, and what drops off a list is not gone.
	old, _ := store.Diff(store.Snapshot{}, first)
	old.Baseline = today()
	later := today().Add(4 * 24 * time.Hour)
	path := "/mgDelegatedDecisions.aspx?bcr=1&DM=0&DS=2&K=0&DR=07%2F07%2F2026-16%2F08%2F2026&V=0"
	c = c.with(map[string]string{path: strings.Replace(c.answers["/mgDelegatedDecisions.aspx?bcr=1&DM=0&DS=2&K=0&DR=03%2F07%2F2026-12%2F08%2F2026&V=0"], "ID=77", "ID=79", 2)})
	c.answers["/ieDecisionDetails.aspx?ID=79"] = strings.Replace(c.answers["/ieDecisionDetails.aspx?ID=77"], "s501", "s509", 1)
	for range 3 {
		c.asked = nil
		s, err := c.decisions(t, later, old)
		if err != nil {
			t.Fatal(err)
		}
		next, changes := store.Diff(old, s)
		if old.Items["decision/79"].Key == "" {
			if len(changes) != 1 || changes[0].Key != "decision/79" || !changes[0].Has(store.DocumentAdded) {
				t.Fatalf("%+v", changes)
			}
		} else if len(changes) != 0 {
			t.Fatalf("%+v", changes)
		}
		for _, p := range c.asked {
			if strings.Contains(p, "ID=78") {
				t.Errorf("%s is read again", p)
			}
		}
		old = next
	}
}

// Sites that do not use a part of the system send its error page, or nothing.
func TestSitesWithoutDecisionsOrPlans(t *testing.T) {
	c := fixture(t, "decisions.txtar")
	delete(c.answers, "/mgPlansHome.aspx?bcr=1")
	s, err := c.decisions(t, today(), store.Snapshot{})
	if err != nil || len(s.Items) != 2 || len(s.Problems) != 0 {
		t.Errorf("%v %v %v", err, len(s.Items), s.Problems)
	}
	if s.From.IsZero() && s.To.IsZero() {
		t.Error("what is not there counts as missing")
	}
	for path := range c.answers {
		if strings.HasPrefix(path, "/mgDelegated") {
			delete(c.answers, path)
		}
	}
	if _, err := c.decisions(t, today(), store.Snapshot{}); crawl.ReasonOf(err) != store.ReasonEmpty {
		t.Errorf("neither decisions nor plans: %v", err)
	}
	for name, bad := range badAnswers() {
		for _, path := range []string{"/mgPlansHome.aspx?bcr=1", "/mgListPlanItems.aspx?PlanId=11&RP=3", "/mgDelegatedDecisions.aspx?bcr=1&DM=0&DS=2&K=0&DR=03%2F07%2F2026-12%2F08%2F2026&V=0"} {
			site := fixture(t, "decisions.txtar").with(map[string]string{path: bad})
			s, err := site.decisions(t, today(), store.Snapshot{})
			if ownPage := strings.Contains(path, "Home") && strings.Contains(bad, "modgov"); err == nil && !ownPage {
				t.Errorf("%s for %s: read as %d items", name, path, len(s.Items))
			}
		}
	}
}

// A page that is not there is "not offered" for that visit alone. One that was
// there before is a fault while it is gone, and nothing of it counts as
// withdrawn; one that is offered for the first time, or again, is read at once.
func TestDecisionsThatAreOfferedAgainAreNoticed(t *testing.T) {
	const list = "/mgDelegatedDecisions.aspx?bcr=1&DM=0&DS=2&K=0&DR=03%2F07%2F2026-12%2F08%2F2026&V=0"
	whole := fixture(t, "decisions.txtar")
	for name, absence := range map[string]string{"404": "HTTP 404\n", "its error page": "HTTP 302 /mgError.aspx\n"} {
		t.Run(name, func(t *testing.T) {
			without := whole.with(map[string]string{list: absence, "/mgError.aspx": "<html><body><div id=\"modgov\"><h1 class=\"mgMainTitleTxt\">Error</h1></div></body></html>"})
			// Never offered: no fault; offered later: news.
			never, err := without.decisions(t, today(), store.Snapshot{})
			if err != nil || len(never.Problems) != 0 || len(never.Items) == 0 {
				t.Fatalf("never offered: %v, %v, %d items", err, never.Problems, len(never.Items))
			}
			old, _ := store.Diff(store.Snapshot{}, never)
			old.Baseline = today()
			first, err := whole.decisions(t, today(), old)
			if err != nil {
				t.Fatal(err)
			}
			old, changes := store.Diff(old, first)
			if got := changed(changes); got != "added decision/77, added decision/78" || len(first.Problems) != 0 {
				t.Errorf("offered at last: %s; %v", got, first.Problems)
			}
			// Gone: a fault, and nothing is withdrawn, however often it is looked for.
			for range 4 {
				gone, err := without.decisions(t, today(), old)
				if err != nil || len(gone.Problems) != 1 || gone.Problems[0].Reason != store.ReasonMissing {
					t.Fatalf("gone: %v, %v", err, gone.Problems)
				}
				if old, changes = store.Diff(old, gone); len(changes) != 0 {
					t.Fatalf("gone: %s", changed(changes))
				}
			}
			// Back, with one more.
			more := whole.with(map[string]string{list: strings.ReplaceAll(whole.answers[list], "ID=78", "ID=80"), "/ieDecisionDetails.aspx?ID=80": whole.answers["/ieDecisionDetails.aspx?ID=77"]})
			again, err := more.decisions(t, today(), old)
			if err != nil || len(again.Problems) != 0 {
				t.Fatalf("back: %v, %v", err, again.Problems)
			}
			if _, changes = store.Diff(old, again); changed(changes) != "added decision/80" {
				t.Errorf("back: %s", changed(changes))
			}
		})
	}
}

// A list may have several tables, and a list without a row says so.
func TestTablesOfDecisions(t *testing.T) {
	s := &ledger{reader: newReader(), base: base, now: today(), read: map[string]bool{}}
	row := func(id string) string {
		return `<table class="mgTabTable"><tbody><tr><td class="mgMainTxt"><a href="ieDecisionDetails.aspx?ID=` + id + `">Decision ` + id + `</a></td><td>05/08/2026</td></tr></tbody></table>`
	}
	for _, c := range []struct {
		name, inside string
		want         int // -1 is an error
	}{
		{"one for each state", "<h2>Approved, subject to call-in</h2>" + row("1") + "<h2>In force</h2>" + row("2") + row("1"), 2},
		{"none, it says", "<p>Officer decisions</p><p>No matching decisions</p>", 0},
		{"none in another template", "<p>There are no decisions in this period.</p>", 0},
		{"without a word", "<p>Officer decisions</p>", -1},
	} {
		mg, err := s.page(page(t, base+"/x.aspx", []byte(`<html><body><div id="modgov"><h1 class="mgMainTitleTxt">Decisions</h1>`+c.inside+`<div class="mgFooter"></div></div></body></html>`)))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := s.decisionRows(mg)
		if (err != nil) != (c.want < 0) || err == nil && len(rows) != c.want {
			t.Errorf("%s: %d rows, %v", c.name, len(rows), err)
		}
	}
}

func changed(changes []store.Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, string(c.Op)+" "+c.Key)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// Recorded pages of a real council, where they are at hand.
func TestRecordedDecisions(t *testing.T) {
	dir := os.Getenv("CCGWATCH_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, "data", "councils", "kirklees", name))
		if err != nil {
			t.Skipf("SKIPPED, NOT CHECKED: %v", err)
		}
		return "<html><body><div id=\"modgov\">" + string(b) + "</div></body></html>"
	}
	s := &ledger{reader: newReader(), base: base, now: today()}
	list, err := s.page(page(t, base+"/x.aspx", []byte(read("mg_mgDelegatedDecisions_kirklees.html"))))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.decisionRows(list)
	if err != nil || len(rows) != 2 || rows[0].Published.Format(time.DateOnly) != "2025-04-01" || strings.Contains(rows[0].Title, "ref") {
		t.Errorf("%v %+v", err, rows)
	}
	mg, err := s.page(page(t, base+"/x.aspx", []byte(read("mg_ieDecisionDetails_kirklees.html"))))
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.decisionPage(mg)
	if err != nil || !d.meeting || d.fields[FieldDecided] != "2015-10-19" || d.fields[FieldKey] != "no" || len(d.docs) != 1 {
		t.Errorf("%v %+v", err, d)
	}
}

func FuzzDecisions(f *testing.F) {
	for path, body := range fixture(f, "decisions.txtar").answers {
		if strings.HasPrefix(path, "/") {
			f.Add(body)
		}
	}
	rd := newReader()
	f.Fuzz(func(t *testing.T, body string) {
		s := &ledger{reader: rd, base: base, now: today(), read: map[string]bool{}}
		mg, err := s.page(page(t, base+"/x.aspx", []byte(body)))
		if err != nil {
			return
		}
		rows, _ := s.decisionRows(mg)
		for _, it := range append(rows, s.planItems(mg)...) {
			if it.Key == "" || it.Title == "" || strings.HasSuffix(it.Key, "/") {
				t.Errorf("%+v", it)
			}
		}
		_, _ = s.decisionPage(mg)
		_ = s.planLinks(mg)
	})
}
