package judge

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"ccgwatch/store"

	"github.com/google/go-cmp/cmp"
)

// replayTexts are the sentence pools of the replica of the real sources, with
// their placeholders filled.
func replayTexts(t testing.TB) map[string][]string {
	t.Helper()
	raw, err := os.ReadFile(shared(t, "replay", "texts.txt"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	section := ""
	fill := strings.NewReplacer("{month}", "October", "{place}", "Hinckley", "{n}", "37", "{k}", "412", "{m}", "3.4")
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "# "); ok {
			section = name
		} else if line != "" {
			out[section] = append(out[section], fill.Replace(line))
		}
	}
	return out
}

// What the replica plants is found, and what it plants to mislead is not.
func TestReplaySentences(t *testing.T) {
	j := shippedJudge(t)
	texts := replayTexts(t)
	if len(texts["mention"]) < 12 || len(texts["false_friend"]) < 12 || len(texts["filler"]) < 30 {
		t.Fatalf("pools of %d, %d and %d sentences", len(texts["mention"]), len(texts["false_friend"]), len(texts["filler"]))
	}
	for _, s := range texts["mention"] {
		ps := j.Passages([]string{s})
		if len(ps) != 1 || rank(ps[0].Tier) < 2 || ps[0].Topic != store.TopicOutsourcing || ps[0].Quote != s {
			t.Errorf("want one certain or likely passage about outsourcing, got %+v\nof %s", ps, s)
			continue
		}
		t.Logf("%-8s %-32s %s", ps[0].Tier, ps[0].Rule, s)
	}
	for _, pool := range []string{"false_friend", "filler", "topic"} {
		for _, s := range texts[pool] {
			for _, p := range j.Passages([]string{s}) {
				t.Errorf("%s: %s (%s): %s", pool, p.Rule, p.Tier, s)
			}
		}
	}
	boilerplate := "Register of interests: members are asked to declare any conflicts of interest in items on this agenda."
	if ps := j.Passages([]string{boilerplate}); len(ps) > 0 {
		t.Errorf("boilerplate: %+v", ps)
	}
}

func wrapped(text string, width int) []string {
	var out []string
	line := ""
	for w := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(w) > width {
			out, line = append(out, line), ""
		}
		line = strings.TrimPrefix(line+" "+w, " ")
	}
	return append(out, line)
}

// pack sets a paper of 130 pages in the replica's manner: running title, a
// numbered heading, wrapped paragraphs, a footer. planted stand below the
// headings, one a page from page 3 on.
func pack(texts map[string][]string, planted []string, blank bool) []string {
	var pages []string
	for p := range 130 {
		lines := []string{"Board papers: September", "", fmt.Sprintf("%d.%d  %s", 1+p/6, 1+p%6, texts["topic"][p%len(texts["topic"])]), ""}
		if k := p - 2; k >= 0 && k < len(planted) {
			lines = append(append(lines, wrapped(planted[k], 92)...), "")
		}
		for k := range 5 {
			var para []string
			for i := range 4 {
				para = append(para, texts["filler"][(p*7+k*4+i)%len(texts["filler"])])
			}
			lines = append(append(lines, wrapped(strings.Join(para, " "), 92)...), "")
		}
		lines = append(lines, fmt.Sprintf("Page %d of 130", p+1))
		text := ""
		for _, l := range lines {
			if l != "" || blank {
				text += l + "\n"
			}
		}
		pages = append(pages, text)
	}
	return pages
}

// In a whole pack the planted sentences come out word for word on their pages,
// and nothing else does, whether or not the reader of the PDF kept blank lines.
func TestReplayPack(t *testing.T) {
	j := shippedJudge(t)
	texts := replayTexts(t)
	planted := append(append([]string{}, texts["mention"]...), texts["false_friend"]...)
	var want []string
	for k, s := range texts["mention"] {
		want = append(want, fmt.Sprintf("p%d %s", k+3, s))
	}
	for _, blank := range []bool{true, false} {
		var got []string
		for _, p := range j.Passages(pack(texts, planted, blank)) {
			got = append(got, fmt.Sprintf("p%d %s", p.Page, p.Quote))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("blank lines %v (-want +got)\n%s", blank, diff)
		}
	}
}

func BenchmarkPack130Pages(b *testing.B) {
	j := shippedJudge(b)
	texts := replayTexts(b)
	pages := pack(texts, texts["mention"], true)
	size := 0
	for _, p := range pages {
		size += len(p)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if n := len(j.Passages(pages)); n != len(texts["mention"]) {
			b.Fatal(n)
		}
	}
}
