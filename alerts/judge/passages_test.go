package judge

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"ccgwatch/store"

	"github.com/google/go-cmp/cmp"
)

type example struct {
	tier     store.Tier // "" for none
	sentence string
}

func examples(t testing.TB) []example {
	t.Helper()
	raw, err := os.ReadFile("testdata/sentences.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []example
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		tier, text, ok := strings.Cut(line, "\t")
		if !ok || tier != "none" && rank(store.Tier(tier)) == 0 {
			t.Fatalf("testdata/sentences.txt: %q", line)
		}
		e := example{sentence: text}
		if tier != "none" {
			e.tier = store.Tier(tier)
		}
		out = append(out, e)
	}
	return out
}

// Every kept example gets its tier. The figures by rule are what a change of
// the vocabulary is judged by.
func TestSentences(t *testing.T) {
	j := shippedJudge(t)
	type figures struct{ right, wrong int }
	byRule := map[string]*figures{}
	trues, falses, missed := 0, 0, 0
	for _, e := range examples(t) {
		if rank(e.tier) > 0 {
			trues++
		} else {
			falses++
		}
		ps := j.Passages([]string{e.sentence})
		var got Passage
		if len(ps) > 0 {
			got = ps[0]
			f := byRule[got.Rule]
			if f == nil {
				f = &figures{}
				byRule[got.Rule] = f
			}
			if e.tier != "" {
				f.right++
			} else {
				f.wrong++
			}
		} else if e.tier != "" {
			missed++
		}
		if len(ps) > 1 || got.Tier != e.tier {
			t.Errorf("want %q, got %q by %q: %s", e.tier, got.Tier, got.Rule, e.sentence)
		}
	}
	if trues < 60 || falses < 60 {
		t.Errorf("only %d true and %d false sentences are kept", trues, falses)
	}
	var rules []string
	found, right := 0, 0
	for r, f := range byRule {
		found += f.right + f.wrong
		right += f.right
		rules = append(rules, fmt.Sprintf("%-40s precision %d/%d", r, f.right, f.right+f.wrong))
	}
	slices.Sort(rules)
	t.Logf("%d true, %d false sentences: precision %d/%d, recall %d/%d\n%s",
		trues, falses, right, found, trues-missed, trues, strings.Join(rules, "\n"))
}

func passageLines(ps []Passage) []string {
	var out []string
	for _, p := range ps {
		out = append(out, fmt.Sprintf("p%d %s %s", p.Page, p.Tier, p.Quote))
	}
	return out
}

// The layout of a page decides what a sentence is.
func TestPassagesOnPages(t *testing.T) {
	j := shippedJudge(t)
	tests := []struct {
		name  string
		pages []string
		want  []string
	}{
		{
			name: "hard-wrapped lines are one sentence, and the heading above them is none of it",
			pages: []string{"Meeting of the Board in public\n\n4.2 Planned care\n\nWaiting times fell in the month and the recovery plan remains on course for the whole of the\n" +
				"system. The Board is asked to approve the outsourcing of cataract surgery to a private\nprovider for approx. 300 patients at £1.2 million until March 2027. Members thanked the team.\n"},
			want: []string{"p1 certain The Board is asked to approve the outsourcing of cataract surgery to a private provider for approx. 300 patients at £1.2 million until March 2027."},
		},
		{
			name: "without blank lines the short line is still a heading",
			pages: []string{"Chief officer's report for the month of June and the quarter that ended with it, with annexes\nUrgent care\n" +
				"The procurement of a new provider for the urgent treatment centre in the north of the county is\nto start in spring. Other news follows in the annex to this report, which was sent to members.\n"},
			want: []string{"p1 certain The procurement of a new provider for the urgent treatment centre in the north of the county is to start in spring."},
		},
		{
			name: "a sentence over a page break belongs to the page where it starts; heads and feet are left out",
			pages: []string{
				"Trust Board papers\nOne line of text about wards and beds, long enough to be a usual line of this paper, here.\nThe contract for the community dialysis service has been awarded to an independent sector\nPage 1 of 3\n",
				"Trust Board papers\nprovider for seven years. Nothing else was decided on this page, and the meeting was adjourned.\nPage 2 of 3\n",
				"Trust Board papers\nThe meeting was resumed and closed. There was no further business, and no questions were asked.\nPage 3 of 3\n",
			},
			want: []string{"p1 certain The contract for the community dialysis service has been awarded to an independent sector provider for seven years."},
		},
		{
			name:  "bullets are sentences of their own",
			pages: []string{"The committee agreed to:\n• note the report on falls\n• extend the contract for the walk-in centre by one year\n• thank the volunteers\n"},
			want:  []string{"p1 certain extend the contract for the walk-in centre by one year"},
		},
		{
			name:  "a word parted at the end of a line, and no-break spaces",
			pages: []string{"Members were told that the re-\nprocurement of the non\u2011emergency\u00a0patient transport service would be-\ngin in May.\n"},
			want:  []string{"p1 certain Members were told that the re-procurement of the non\u2011emergency patient transport service would be-gin in May."},
		},
		{
			name:  "abbreviations end no sentence",
			pages: []string{"As set out by Dr. Example (see para. 4.1, No. 7), insourcing by a private company, e.g. for endoscopy, will stop. It cost £2.4 million."},
			want:  []string{"p1 certain As set out by Dr. Example (see para. 4.1, No. 7), insourcing by a private company, e.g. for endoscopy, will stop."},
		},
		{
			name: "registers, glossaries and contents hold no news",
			pages: []string{
				"Contents\nOutsourcing of radiology ........ 4\nInsourcing of endoscopy ........ 9\n",
				"Register of Interests\nA Member, director of a private hospital with an NHS contract\nAnother Member, shareholder of an insourcing company\n",
				"Glossary\nAPMS Alternative Provider Medical Services\nPSR Provider Selection Regime\nISTC Independent sector treatment centre contracts\n",
			},
		},
		{
			name:  "an entry of a glossary that no heading announces",
			pages: []string{"APMS – Alternative Provider Medical Services\n"},
		},
		{
			name:  "after declarations of interest the agenda goes on",
			pages: []string{"2 Declarations of interest\n\nA member works for a private hospital.\n\n3 Planned care\n\nOutsourcing of hip surgery to a private hospital began.\n"},
			want:  []string{"p1 certain Outsourcing of hip surgery to a private hospital began."},
		},
		{
			name:  "an acronym with a second term near means procurement",
			pages: []string{"The ITT will be published in May. The preferred bidder for the audiology clinics will then be known."},
			want: []string{
				"p1 likely The ITT will be published in May.",
				"p1 certain The preferred bidder for the audiology clinics will then be known.",
			},
		},
		{
			name:  "capitals throughout make no acronym",
			pages: []string{"PLEASE ENTER YOUR PIN AT THE DOOR IS THE RULE HERE\n"},
		},
		{name: "nothing", pages: nil},
		{name: "empty pages", pages: []string{"", " \n\f\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, passageLines(j.Passages(tt.pages))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// A long sentence is cut at word ends, around what was found.
func TestQuoteIsCut(t *testing.T) {
	j := shippedJudge(t)
	long := strings.Repeat("after much discussion of many other matters ", 20)
	for _, text := range []string{
		"Insourcing of endoscopy by a private company was agreed " + long + "at last.",
		"The board, " + long + "agreed the insourcing of endoscopy by a private company.",
	} {
		ps := j.Passages([]string{text})
		if len(ps) != 1 {
			t.Fatalf("got %+v", ps)
		}
		q := ps[0].Quote
		if n := len([]rune(q)); n > maxQuote || n < maxQuote/2 {
			t.Errorf("quote of %d characters", n)
		}
		if !strings.Contains(strings.ToLower(q), "insourcing of endoscopy") || !strings.Contains(q, "…") {
			t.Errorf("quote %q", q)
		}
		for _, w := range strings.Fields(strings.Trim(q, "… ")) {
			if !strings.Contains(" "+text+" ", " "+w+" ") {
				t.Errorf("the quote breaks the word %q", w)
			}
		}
	}
}

func FuzzPassages(f *testing.F) {
	j := shippedJudge(f)
	for _, e := range examples(f) {
		f.Add(e.sentence, "Heading\n\n"+e.sentence)
	}
	f.Add("Insourcing by a pri-\n", "vate provider\f\xff\u00a0. No. 5")
	f.Fuzz(func(t *testing.T, first, second string) {
		pages := []string{first, second, first}
		for _, p := range j.Passages(pages) {
			if p.Page < 1 || p.Page > len(pages) || rank(p.Tier) == 0 || p.Rule == "" || len(p.Topics) == 0 || p.Topic != p.Topics[0] {
				t.Errorf("%+v", p)
			}
			if n := utf8.RuneCountInString(p.Quote); n == 0 || n > maxQuote {
				t.Errorf("a quote of %d characters", n)
			}
			if !utf8.ValidString(p.Quote) || strings.ContainsAny(p.Quote, "\n\r\t") {
				t.Errorf("quote %q", p.Quote)
			}
		}
	})
}
