package query

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The form and the line mean the same, both ways: as a table.
func TestForm(t *testing.T) {
	tests := []struct {
		name string
		form Form
		line string
	}{
		{"nothing is everything", Form{}, ""},
		{"topics", Form{Topics: []string{"tenders", "outsourcing"}}, "topic:tenders,outsourcing"},
		{"all lists", Form{Topics: []string{"foi"}, Bodies: []string{"leicester-city-council", "qk1"}, Areas: []string{"rutland"}}, "topic:foi body:leicester-city-council,qk1 area:rutland"},
		{"committees", Form{Bodies: []string{"rutland"}, Committees: []string{"health-and-wellbeing-board", "cabinet"}}, "body:rutland committee:health-and-wellbeing-board,cabinet"},
		{"a thread", Form{Threads: []string{"ocds-h6vhtk-04f1a2"}}, "thread:ocds-h6vhtk-04f1a2"},
		{"an acronym, in capitals", Form{Words: "ICB hospice", Without: "NHSE"}, "ICB hospice -NHSE"},
		{"words", Form{Words: "dialysis ICB"}, "dialysis ICB"},
		{"a phrase", Form{Phrase: "end of life care"}, `"end of life care"`},
		{"any of", Form{Any: `hospice "end of life"`}, `hospice OR "end of life"`},
		{"any of, with more", Form{Words: "tender", Any: "hospice dialysis"}, "tender (hospice OR dialysis)"},
		{"none of", Form{Words: "transport", Without: `parking "school buses"`}, `transport -parking -"school buses"`},
		{"a word that is an operator", Form{Words: "OR."}, "OR."},
		{"all of it", Form{Topics: []string{"tenders"}, Areas: []string{"leicester"}, Words: `end-of-life A&E "two phrases"`, Phrase: "one phrase", Any: "a b", Without: "c"},
			`topic:tenders area:leicester end-of-life A&E "two phrases" "one phrase" (a OR b) -c`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q, err := tt.form.Query()
			if err != nil {
				t.Fatal(err)
			}
			if q.String() != tt.line {
				t.Errorf("the line is %q, want %q", q, tt.line)
			}
			parsed, err := Parse(tt.line)
			if err != nil {
				t.Fatal(err)
			}
			back, ok := FormOf(parsed)
			if !ok {
				t.Fatalf("no form says %q", tt.line)
			}
			again, err := back.Query()
			if err != nil || len(again.String()) != len(tt.line) {
				t.Errorf("through the form %q becomes %q (%v)", tt.line, again, err)
			}
			if tt.name != "all of it" { // where two phrases may change places
				if d := cmp.Diff(tt.form, back); d != "" {
					t.Errorf("form to line to form (-want +got): %s", d)
				}
			}
		})
	}
}

func TestWhatIsTypedIntoBoxes(t *testing.T) {
	tests := []struct {
		form Form
		line string
	}{
		{Form{Words: "  dialysis,  transport. "}, "dialysis transport"},
		{Form{Words: "dialysis AND transport & care"}, "dialysis transport care"},
		{Form{Words: "dialysis -parking –buses"}, "dialysis -parking -buses"},
		{Form{Words: `“end of life” "care`}, ""},
		{Form{Words: "a (b) !!!"}, "a b"},
		{Form{Words: "-"}, ""},
		{Form{Phrase: `"end of life"`}, `"end of life"`},
		{Form{Phrase: "  ...  "}, ""},
		{Form{Any: "hospice OR dialysis"}, "hospice OR dialysis"},
		{Form{Any: "hospice, dialysis"}, "hospice OR dialysis"},
		{Form{Any: "one"}, "one"},
		{Form{Without: "-parking buses"}, "-parking -buses"},
		{Form{Topics: []string{"tender", "tenders"}}, "topic:tenders"},
		{Form{Bodies: []string{"Leicester City Council"}}, "body:leicester-city-council"},
		{Form{Committees: []string{"Health & Wellbeing Board"}, Threads: []string{"OCDS-h6vhtk-1"}}, "committee:health-and-wellbeing-board thread:ocds-h6vhtk-1"},
		{Form{Words: "http://example.org/x"}, "http-example-org-x"},
	}
	for _, tt := range tests {
		q, err := tt.form.Query()
		if tt.line == "" && err == nil && q.String() != "" || tt.line != "" && (err != nil || q.String() != tt.line) {
			t.Errorf("%+v is %q (%v), want %q", tt.form, q, err, tt.line)
		}
	}
	for _, f := range []Form{
		{Words: "hospice OR dialysis"}, {Words: "NOT parking"}, {Words: "topic:tenders"}, {Words: "Area:leicester x"}, {Words: `"open`},
		{Any: "a -b"}, {Topics: []string{"cats"}}, {Bodies: []string{""}}, {Areas: []string{"!"}}, {Words: strings.Repeat("word ", 300)},
	} {
		if q, err := f.Query(); err == nil {
			t.Errorf("%+v was taken for %q", f, q)
		}
	}
}

func TestWhatNoFormSays(t *testing.T) {
	for _, line := range []string{
		"kind:paper", "tier:likely", "source:x", "stage:tender", "-topic:tenders", "topic:tenders topic:foi", "(a b) OR c", "-(a b)",
		"(a OR b) (c OR d)", "topic:tenders OR dialysis", "a (b OR (c -d))",
	} {
		q, err := Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := FormOf(q); ok {
			t.Errorf("%q is said to be %+v", line, f)
		}
	}
}

func randomForm(r *rand.Rand) Form {
	some := func(n int, from ...string) (out []string) {
		for range r.IntN(n) {
			out = append(out, from[r.IntN(len(from))])
		}
		return out
	}
	terms := []string{"dialysis", "tender", "ICB", "end-of-life", "A&E", "hospice", `"end of life"`, `"car insurance"`, "OR.", "Leicester"}
	return Form{
		Topics: some(3, "tenders", "meetings", "papers"), Bodies: some(2, "city-council", "qk1"), Areas: some(3, "leicester", "rutland"),
		Words: strings.Join(some(3, terms...), " "), Phrase: strings.Join(some(3, "end", "of", "life"), " "),
		Any: strings.Join(some(3, terms...), " "), Without: strings.Join(some(3, terms...), " "),
	}
}

// Form to line and line to form match the same findings, whatever is filled in.
func TestFormAndLineMeanTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 9))
	said := 0
	check := func(what string, a, b Query) {
		for range 5 {
			if p := Prepare(randomFacts(r)); a.MatchPrepared(p) != b.MatchPrepared(p) {
				t.Fatalf("%s: %q and %q differ", what, a, b)
			}
		}
	}
	for range 3000 {
		q, err := randomForm(r).Query()
		if err != nil {
			t.Fatal(err)
		}
		line, err := Parse(q.String())
		if err != nil {
			t.Fatalf("%q: %v", q, err)
		}
		check("form and line", q, line)
		back, ok := FormOf(line)
		if !ok {
			t.Fatalf("a form said %q, and no form does", line)
		}
		again, err := back.Query()
		if err != nil {
			t.Fatal(err)
		}
		check("line and form", line, again)

		any, err := Parse(randomQuery(r, 2))
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := FormOf(any); ok {
			said++
			fq, err := f.Query()
			if err != nil {
				t.Fatalf("%q: %v", any, err)
			}
			check("any line and its form", any, fq)
		}
	}
	if said < 500 {
		t.Errorf("only %d of the random lines have a form", said)
	}
}

func FuzzForm(f *testing.F) {
	f.Add("tenders", "leicester", `dialysis "end of life" -x`, "phrase & more", "a OR b", "c", "dialysis end of life")
	f.Add("", "", "OR. “ﬁ” ＯＲ A&E", "\xff", "İ ß", "-", "o'\u00adr")
	f.Fuzz(func(t *testing.T, topic, area, words, phrase, some, without, text string) {
		form := Form{Words: words, Phrase: phrase, Any: some, Without: without}
		if topic != "" {
			form.Topics = []string{topic}
		}
		if area != "" {
			form.Areas = []string{area}
		}
		q, err := form.Query()
		if err != nil {
			return
		}
		line, err := Parse(q.String())
		if err != nil {
			t.Fatalf("%+v is %q: %v", form, q, err)
		}
		back, ok := FormOf(line)
		if !ok {
			t.Fatalf("%+v is %q, which no form says", form, q)
		}
		again, err := back.Query()
		if err != nil {
			if strings.Contains(err.Error(), "at most") {
				return
			}
			t.Fatalf("%q as the form %+v: %v", line, back, err)
		}
		for _, s := range []string{text, words, phrase, some, without, ""} {
			p := Prepare(Facts{Topics: []string{topic}, Areas: []string{area}, Text: s})
			if a, b, c := q.MatchPrepared(p), line.MatchPrepared(p), again.MatchPrepared(p); a != b || b != c {
				t.Fatalf("%q, %q and %q differ about %q", q, line, again, s)
			}
		}
	})
}
