package catalogue

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"
)

func TestBodiesHoldTogether(t *testing.T) {
	bodies, areas := load(t, Bodies), load(t, Areas)
	ids, names, codes := map[string]bool{}, map[string]string{}, map[string]string{}
	for _, b := range bodies {
		ids[b.ID] = true
	}
	for _, b := range bodies {
		for _, a := range b.Areas {
			if !slices.ContainsFunc(areas, func(x Area) bool { return x.ID == a }) {
				t.Errorf("%s: no area %q", b.ID, a)
			}
		}
		for _, s := range b.Successors {
			if !ids[s] || s == b.ID {
				t.Errorf("%s: successor %q is nobody, or itself", b.ID, s)
			}
		}
		if b.Until != "" && (len(b.Successors) == 0 || b.Until < b.Since) {
			t.Errorf("%s ended on %s (since %s) and nobody took over", b.ID, b.Until, b.Since)
		}
		for _, c := range b.Codes {
			if other, taken := codes[c]; taken || c == "" || strings.ContainsAny(c, " ,") {
				t.Errorf("%s: code %q is odd or belongs to %s too", b.ID, c, other)
			}
			codes[c] = b.ID
		}
		for _, n := range append([]string{b.Name}, b.Aliases...) {
			fold := strings.ToLower(n)
			if other, taken := names[fold]; taken || n == "" || strings.Contains(n, "  ") {
				t.Errorf("%s: name %q is odd or names %s too", b.ID, n, other)
			}
			names[fold] = b.ID
		}
	}
}

func TestBodiesWeCannotDoWithout(t *testing.T) {
	bodies := load(t, Bodies)
	for _, c := range []struct{ code, kind, areas, until, successor string }{
		{"QK1", "icb", "leicester leicestershire rutland east-midlands", "", ""},
		{"QPM", "icb", "northamptonshire east-midlands", "", ""},
		{"04C", "ccg", "leicester east-midlands", "2022-06-30", "QK1"},
		{"03W", "ccg", "leicestershire rutland east-midlands", "2022-06-30", "QK1"},
		{"04V", "ccg", "leicestershire east-midlands", "2022-06-30", "QK1"},
		{"RWE", "trust", "leicester leicestershire rutland east-midlands", "", ""},
		{"RT5", "trust", "leicester leicestershire rutland east-midlands", "", ""},
		{"RX9", "trust", "leicester leicestershire rutland northamptonshire east-midlands", "", ""},
		{"X24", "nhs-england", "", "", ""},
		{"E06000016", "council", "leicester east-midlands", "", ""},
		{"GB-PPON-PXRT-5737-VBQD", "council", "leicester east-midlands", "", ""},
		{"GB-PPON-PNHT-9235-VXDV", "council", "leicestershire east-midlands", "", ""},
		{"GB-PPON-PMQJ-3429-NZWQ", "council", "rutland east-midlands", "", ""},
		{"E07000131", "council", "leicestershire east-midlands", "", ""}, // Harborough
		{"GB-PPON-PYDD-1122-TCVN", "other", "", "", ""},                  // ESPO buys for the nation
		{"QNQ", "icb", "south-east", "2026-03-31", "S0E4D"},
	} {
		i := slices.IndexFunc(bodies, func(b Body) bool { return slices.Contains(b.Codes, c.code) })
		if i < 0 {
			t.Errorf("no body has the code %s", c.code)
			continue
		}
		b := bodies[i]
		if b.Kind != c.kind || strings.Join(b.Areas, " ") != c.areas || b.Until != c.until {
			t.Errorf("%s: %+v", c.code, b)
		}
		if c.successor != "" && !slices.ContainsFunc(bodies, func(x Body) bool {
			return slices.Contains(x.Codes, c.successor) && slices.Contains(b.Successors, x.ID)
		}) {
			t.Errorf("%s: successors %v hold no %s", c.code, b.Successors, c.successor)
		}
	}
	count := map[string]int{}
	for _, b := range bodies {
		if b.Until == "" {
			count[b.Kind]++
		}
	}
	// 36 boards since April 2026, and the cluster of two of them.
	want := map[string]int{"icb": 36 + 1, "trust": 203, "council": 317, "nhs-england": 1, "csu": 1}
	delete(count, "other")
	if d := cmp.Diff(want, count); d != "" {
		t.Error("bodies by kind (-want +got)\n", d)
	}
}

func TestAreas(t *testing.T) {
	areas := load(t, Areas)
	got := map[string][]string{}
	for _, a := range areas {
		got[a.ID] = a.Regions
		if len(a.Names) == 0 || len(a.Regions) == 0 {
			t.Errorf("%s says too little: %+v", a.ID, a)
		}
		for _, r := range a.Regions {
			if !strings.HasPrefix(r, "UK") || len(r) < 3 || len(r) > 5 {
				t.Errorf("%s: %q is no region", a.ID, r)
			}
		}
	}
	for id, want := range map[string]string{"leicester": "UKF21", "leicestershire": "UKF22", "rutland": "UKF22", "northamptonshire": "UKF23 UKF24 UKF25", "london": "UKI"} {
		if s := strings.Join(got[id], " "); s != want {
			t.Errorf("%s lies in %q, want %q", id, s, want)
		}
	}
	if len(areas) != 13 {
		t.Errorf("%d areas, want four counties and nine regions", len(areas))
	}
}

func TestBuiltinSourcesHoldTogether(t *testing.T) {
	bodies, areas := load(t, Bodies), load(t, Areas)
	var ids []string
	for _, s := range load(t, Builtin) {
		ids = append(ids, s.ID)
		if s.Body != "" && !slices.ContainsFunc(bodies, func(b Body) bool { return b.ID == s.Body }) {
			t.Errorf("%s: no body %q", s.ID, s.Body)
		}
		if len(s.Areas) == 0 {
			t.Errorf("%s has no area", s.ID)
		}
		for _, a := range s.Areas {
			if !slices.ContainsFunc(areas, func(x Area) bool { return x.ID == a }) {
				t.Errorf("%s: no area %q", s.ID, a)
			}
		}
		if _, err := cron.ParseStandard(s.Schedule); err != nil {
			t.Errorf("%s: %v", s.ID, err)
		}
		place(t, s.ID, s.Platform, s.Base, s.Page, s.Layout)
	}
	want := []string{"find-a-tender", "contracts-finder", "leicester", "leicestershire", "rutland", "llr-icb", "uhl"}
	if d := cmp.Diff(want, ids); d != "" {
		t.Error("(-want +got)\n", d)
	}
}

func TestNationalListHoldsTogether(t *testing.T) {
	count := map[string]int{}
	health := 0
	list := load(t, National)
	for _, l := range list {
		count[l.Platform]++
		if l.HealthScrutiny {
			health++
		}
		if len(l.ID) > 64 {
			t.Errorf("%s is longer than an id of a source may be", l.ID)
		}
		if l.Platform == "" {
			if l.Note == "" {
				t.Errorf("%s cannot be read, and nothing says why", l.ID)
			}
			continue
		}
		place(t, l.ID, l.Platform, l.Base, l.Page, l.Layout)
	}
	if health != 153 {
		t.Errorf("%d councils with health scrutiny, want 153: counties, unitaries, metropolitan districts and London", health)
	}
	if count["moderngov"] < 250 || count["cmis"] < 20 || count["boards"] < 200 {
		t.Errorf("platforms: %v", count)
	}
	// What is followed by default is in the list under the same id and address.
	for _, s := range load(t, Builtin) {
		if s.Body == "" {
			continue
		}
		i := slices.IndexFunc(list, func(l Listing) bool { return l.ID == s.ID })
		if i < 0 || list[i].Base != s.Base || list[i].Page != s.Page || list[i].Platform != s.Platform || list[i].Body != s.Body {
			t.Errorf("%s is not in the national list, or differs there", s.ID)
		}
	}
}

func place(t *testing.T, id, platform, base, page, layout string) {
	t.Helper()
	if !slices.Contains([]string{"find-a-tender", "contracts-finder", "moderngov", "cmis", "boards"}, platform) {
		t.Errorf("%s: no platform %q", id, platform)
	}
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || !strings.Contains(u.Host, ".") || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(base, "/") {
		t.Errorf("%s: base %q is no address of a site", id, base)
	}
	if _, err := url.Parse(base + page); err != nil || page != "" && !strings.HasPrefix(page, "/") {
		t.Errorf("%s: page %q: %v", id, page, err)
	}
	if (platform == "boards") != (page != "") {
		t.Errorf("%s: a boards source has a page, the others none: %q", id, page)
	}
	if !slices.Contains([]string{"", "flat", "table", "accordion", "two-hop", "years", "news", "decisions"}, layout) || layout != "" && platform != "boards" {
		t.Errorf("%s: layout %q", id, layout)
	}
}

func TestMistakesNameFileAndLine(t *testing.T) {
	parse := func(f row) (string, error) { return f["id"], named(f["id"], f["name"]) }
	for _, c := range []struct{ name, text, want string }{
		{"no column line", "", "catalogue: x.csv:1: the columns must be id,name"},
		{"another column", "id,title\n", "catalogue: x.csv:1: the columns must be id,name"},
		{"missing field", "id,name\na,A\nb\n", "catalogue: x.csv:3: 1 fields instead of 2"},
		{"same id", "id,name\na,A\n\na,B\n", `catalogue: x.csv:4: id "a" is already on line 2`},
		{"bad id", "id,name\nA/..,A\n", `catalogue: x.csv:2: id "A/.." is not made of a-z, 0-9 and -`},
		{"stray space", "id,name\na, A\n", "catalogue: x.csv:2: name begins or ends with a space"},
		{"open quote", "id,name\na,\"A\n", `catalogue: x.csv: parse error on line 2, column 6: extraneous or missing " in quoted-field`},
		{"two at once", "id,name\n-,\n?,A\n", "catalogue: x.csv:2: - has no name\ncatalogue: x.csv:3: id \"?\" is not made of a-z, 0-9 and -"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readFrom("x.csv", strings.NewReader(c.text), "id name", parse)
			if err == nil || err.Error() != c.want || got != nil {
				t.Errorf("got %v, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestCatalogueIsSmall(t *testing.T) {
	total := 0
	for _, name := range []string{"bodies.csv", "areas.csv", "builtin.csv", "national.csv", "clusters.csv", "origins.csv"} {
		b, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		total += len(b)
	}
	if total > 150<<10 {
		t.Errorf("%d bytes, want less than 150 KiB in every binary", total)
	}
}

func BenchmarkNational(b *testing.B) {
	for b.Loop() {
		if _, err := National(); err != nil {
			b.Fatal(err)
		}
	}
}

func load[T any](t *testing.T, f func() ([]T, error)) []T {
	t.Helper()
	all, err := f()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("nothing")
	}
	return all
}

// What is shipped of mail services is sound, and says what each wants.
func TestRelays(t *testing.T) {
	all, err := Relays()
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range all {
		if i > 0 && all[i-1].Name >= r.Name {
			t.Errorf("%s is not in its place", r.Name)
		}
		if r.Note == "" || strings.HasSuffix(r.Note, ".") || !strings.Contains(r.Host, ".") || (r.Port == 465) != (r.TLS == "implicit") {
			t.Errorf("%+v", r)
		}
	}
	if len(all) < 10 {
		t.Errorf("%d relays", len(all))
	}
}
