package ocds

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ccgwatch/store"
)

// recorded returns files of the recorded material, which stays outside the
// repository: it is other people's and names officials.
func recorded(t testing.TB, pattern string) []string {
	t.Helper()
	dir := os.Getenv("CCGWATCH_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(dir, "data", "procurement", pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("THE RECORDED NOTICES ARE NOT THERE (%s in %s): nothing is checked against real data", pattern, dir)
	}
	return files
}

func decodeAll(t testing.TB, files []string) (byKey map[string]store.Item, releases int) {
	t.Helper()
	byKey = map[string]store.Item{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		items, problems, err := DecodePackage(b, "")
		if err != nil || len(problems) > 0 {
			t.Errorf("%s: %v %v", filepath.Base(name), err, problems)
		}
		releases += len(items)
		for _, it := range items {
			byKey[it.Key] = it
		}
	}
	return byKey, releases
}

// Every recorded release is decoded, with a buyer, a date, an address and a
// title of its own; the flags are exactly the numbers that no program can hold.
func TestRecorded(t *testing.T) {
	for _, c := range []struct {
		pattern          string
		releases, unique int
		flagged          int
		types            map[string]int // of notice types, some
	}{
		{"fts/2026-08-10/*.json", 459, 459, 1, nil},
		{"fts/2026-08-11/*.json", 496, 496, 0, nil},
		{"fts/whole-stream/*.json", 437, -1, 3, nil},
		{"cf-2025/*.json", 301, 200, 0, nil},
		{"cf-2019/bluetail/data/contracts_finder/ocds/json_1_1_raw/*.json", 100, 100, 0, nil},
	} {
		t.Run(strings.Split(c.pattern, "*")[0], func(t *testing.T) {
			items, n := decodeAll(t, recorded(t, c.pattern))
			flagged := 0
			for _, it := range items {
				x := it.Notice
				if it.Published.IsZero() || it.URL == "" || len(x.Tags) == 0 || x.Feed == "" {
					t.Errorf("%s: %+v", it.Key, it)
				}
				if len(x.Buyers) == 0 || it.Fields[store.FieldBuyer] == "" {
					t.Errorf("%s has no buyer", it.Key)
				}
				if strings.HasPrefix(it.Title, "Notice ") && strings.HasSuffix(it.Title, x.Release) {
					t.Errorf("%s has no title", it.Key)
				}
				if strings.HasPrefix(x.LegalBasis, "UKPGA") && x.NoticeType == "" {
					t.Errorf("%s has no notice type", it.Key)
				}
				if slices.Contains(x.Tags, "award") && len(x.Suppliers) == 0 && !slices.Contains(x.AwardStatus, "unsuccessful") && !slices.Contains(x.AwardStatus, "cancelled") && len(x.AwardStatus) > 0 && x.NoticeType != "UK15" {
					t.Logf("%s is an award without a supplier: %v", it.Key, x.AwardStatus)
				}
				if len(x.Flags) > 0 {
					flagged++
					if !strings.Contains(x.Flags[0], "1e9999") {
						t.Errorf("%s: %q", it.Key, x.Flags)
					}
				}
			}
			if n != c.releases || c.unique >= 0 && len(items) != c.unique || flagged != c.flagged {
				t.Errorf("%d releases, %d unique, %d flagged; want %d, %d, %d", n, len(items), flagged, c.releases, c.unique, c.flagged)
			}
		})
	}
}

// Single facts that were read off the recorded pages by hand.
func TestRecordedFacts(t *testing.T) {
	items, _ := decodeAll(t, recorded(t, "fts/2026-08-1*/*.json"))
	byNumber := map[string]*store.Notice{}
	for _, it := range items {
		byNumber[it.Notice.Release] = it.Notice
	}
	for _, c := range []struct {
		number string
		got    func(*store.Notice) any
		want   string
	}{
		{"076365-2026", func(n *store.Notice) any { return n.StandstillEnd != "" }, "true"}, // a standstill period that is a list
		{"076365-2026", func(n *store.Notice) any { return n.NoticeType }, "UK6"},
		{"075532-2026", func(n *store.Notice) any { return n.LegalBasis }, "CELEX/32014L0024"},
		{"075532-2026", func(n *store.Notice) any { return n.CPV }, "[85140000]"},
		{"075532-2026", func(n *store.Notice) any { return len(n.Texts) > 0 && n.Texts[0].Where == "release.description" }, "true"},
		{"076048-2026", func(n *store.Notice) any { return n.NoticeType }, "UK10"},
		{"076048-2026", func(n *store.Notice) any { return n.Updates() && len(n.Amendments) > 0 }, "true"},
	} {
		n := byNumber[c.number]
		if n == nil {
			t.Errorf("%s is not there", c.number)
			continue
		}
		if got := fmt.Sprint(c.got(n)); got != c.want {
			t.Errorf("%s: %s, want %s", c.number, got, c.want)
		}
	}
}

// No contact point comes through: of all the addresses that stand in them,
// only those that a notice prints in its own text are met again.
func TestRecordedContactsStayOut(t *testing.T) {
	items, _ := decodeAll(t, recorded(t, "fts/2026-08-1*/*.json"))
	with := 0
	for _, it := range items {
		for _, p := range append(it.Notice.Buyers, it.Notice.Suppliers...) {
			if strings.Contains(fmt.Sprint(p), "@") {
				t.Errorf("%s: a party with an e-mail address", it.Key)
			}
		}
		if strings.Contains(fmt.Sprint(it.Fields), "@") {
			with++
		}
	}
	if with > 0 {
		t.Errorf("%d items with an e-mail address in their fields", with)
	}
}

func BenchmarkDecodePackage(b *testing.B) {
	files := recorded(b, "fts/2026-08-1*/*.json")
	var pages [][]byte
	size, releases := int64(0), 0
	for _, name := range files {
		p, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		pages, size = append(pages, p), size+int64(len(p))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range pages {
			items, _, err := DecodePackage(p, feedFTS)
			if err != nil {
				b.Fatal(err)
			}
			releases += len(items)
		}
	}
	b.ReportMetric(float64(releases)/b.Elapsed().Seconds(), "releases/s")
}

func BenchmarkDecodeGenerated(b *testing.B) {
	page := one(`{` + ids + `,"tender":{"title":"T","description":"` + strings.Repeat("A sentence of a notice.<br/>", 80) + `"}}`)
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		if _, _, err := DecodePackage(page, ""); err != nil {
			b.Fatal(err)
		}
	}
}
