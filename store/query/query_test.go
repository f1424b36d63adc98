package query

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func sample() Facts {
	return Facts{
		Topics:  []string{"tenders", "outsourcing"},
		Kinds:   []string{"notice"},
		Tiers:   []string{"likely"},
		Sources: []string{"find-a-tender"},
		Bodies:  []string{"leicester-leicestershire-and-rutland-icb", "QK1", "NHS Leicester, Leicestershire & Rutland ICB"},
		Areas:   []string{"leicester", "E06000016", "Leicester"},
		Stages:  []string{"tender_update"},
		Text: "Provision of Dialysis Transport – tendering for end-of-life care. The ICB's car parking is privatised. " +
			"Children’s A&E of\u00adfices; oﬃcers of the city council",
	}
}

// TestMatch is the language as a table: a query, and whether it fits the sample.
func TestMatch(t *testing.T) {
	tests := []struct {
		query string
		want  bool
	}{
		{"", true},
		{"   ", true},
		{"dialysis", true},
		{"DIALYSIS", false}, // capitals only
		{"Dialysis", true},
		{"dialysis transport", true},
		{"transport dialysis", true},
		{"dialysis hospice", false},
		// stems
		{"tender", true},
		{"tenders", true},
		{"tendered", true},
		{"privatisation", true},
		{"privatization", true},
		{"privatise", true},
		{"privatises", true},
		{"officer", true}, // a ligature in the text
		{"office", true},  // a soft hyphen in the text
		{"organ", false},
		{"childrens", true},
		{"children's", true},
		{"children’s", true},
		// phrases
		{`"dialysis transport"`, true},
		{`"transport dialysis"`, false},
		{`"tender"`, false}, // exactly this word
		{`"tendering"`, true},
		{`"TENDERING for"`, true},
		{`“end of life”`, true},
		{"end-of-life", true},
		{"life-of-end", false},
		{`"council"`, true},
		{`"city council and"`, false}, // past the end of the text
		// acronyms
		{"ICB", true},
		{"icb", true},
		{"CB", false},
		{"A&E", true},
		{"a&e", true},
		{"A&F", false},
		{"NHS", false}, // is in a name of a body, not in the text
		// exclusion
		{"-dialysis", false},
		{"-hospice", true},
		{`-"car parking"`, false},
		{`-"parking car"`, true},
		{`dialysis -"car insurance"`, true}, // excluding a phrase leaves the bare word
		{"–hospice", true},
		{"NOT hospice", true},
		{"-(hospice dialysis)", true},
		{"-(hospice OR dialysis)", false},
		{"-topic:tenders", false},
		{"--dialysis", true},
		// or
		{"hospice OR dialysis", true},
		{"hospice OR ambulance", false},
		{"hospice or dialysis", false}, // a word like any other
		{"dialysis hospice OR transport", true},
		{"dialysis (hospice OR transport)", true},
		{"hospice (dialysis OR transport)", false},
		{"dialysis AND transport", true},
		{"dialysis & transport", true},
		// fields
		{"topic:tenders", true},
		{"topic:tender", true},
		{"Topic:Outsourcing", true},
		{"topic:meetings", false},
		{"topic:meetings,tenders", true},
		{"topic: meetings , tenders", true},
		{"kind:notice tier:certain,likely", true},
		{"tier:mention", false},
		{"source:find-a-tender", true},
		{"source:find", false},
		{"stage:tender-update", true},
		{"stage:tender", false},
		{"area:Leicester", true},
		{"area:e06000016", true},
		{"area:rutland,derby", false},
		{"body:qk1", true},
		{"body:leicester-leicestershire-and-rutland-icb", true},
		{"body:nhs-leicester-leicestershire-rutland-icb", false},
		{`body:"NHS Leicester, Leicestershire and Rutland ICB"`, true},
		{"body:nhs-leicester-leicestershire-and-rutland-icb", true},
	}
	p := Prepare(sample())
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			q, err := Parse(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			if got := q.MatchPrepared(p); got != tt.want {
				t.Errorf("match is %v, want %v (read as %s)", got, tt.want, q)
			}
			if got := q.Match(sample()); got != tt.want {
				t.Errorf("Match and MatchPrepared differ")
			}
		})
	}
}

func TestZeroQueryIsEverything(t *testing.T) {
	var q Query
	if !q.Match(Facts{}) || q.String() != "" {
		t.Error("the zero query is not everything")
	}
}

func TestString(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{" Tender   LEICESTER ", "tender LEICESTER"},
		{"a b OR c", "(a b) OR c"},
		{"a (b OR (c OR d))", "a (b OR c OR d)"},
		{"(a b) c", "a b c"},
		{"((a))", "a"},
		{"NOT (a b)", "-(a b)"},
		{"--a", "a"},
		{"“End of Life”", `"end of life"`},
		{"End-of-Life", "end-of-life"},
		{"A&E", "A&E"},
		{"OR.", "OR."},
		{"TOPIC:Tender,tenders,OUTSOURCING", "topic:tenders,outsourcing"},
		{`body:"Leicester City Council",QK1`, "body:leicester-city-council,qk1"},
		{"stage:tender_update", "stage:tender_update"},
	}
	for _, tt := range tests {
		q, err := Parse(tt.in)
		if err != nil {
			t.Fatalf("%q: %v", tt.in, err)
		}
		if got := q.String(); got != tt.want {
			t.Errorf("%q is printed %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		in   string
		pos  int
		want string
	}{
		{`dialysis "end of`, 17, "closing quotation mark of the one at position 10"},
		{"(a b", 5, `expected ")" for the "(" at position 1`},
		{"a )", 3, "closes nothing"},
		{"a ()", 3, "between the brackets"},
		{"a - b", 4, "right after the minus sign"},
		{"a -", 4, "right after the minus sign"},
		{"a NOT OR b", 7, "right after the minus sign"},
		{"OR a", 1, "both sides of OR"},
		{"a OR", 5, "both sides of OR"},
		{"(a OR) b", 6, "both sides of OR"},
		{"topic:", 7, "one of tenders, outsourcing"},
		{"topic:tendrs", 7, "instead of tendrs"},
		{"x kind:meeting,paperr", 16, "one of notice, meeting"},
		{"area:,x", 6, "expected a value after area:"},
		{"where:leicester", 1, "expected one of topic:"},
		{"https://example.org", 1, "quotation marks"},
		{"a !!! b", 3, "letters or digits"},
		{`""`, 1, "letters or digits"},
		{strings.Repeat("(", 40), 31, "at most 30"},
		{strings.Repeat("-", 40) + "a", 31, "at most 30"},
		{strings.Repeat("a ", 501), 1001, "at most 1000"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			_, err := Parse(tt.in)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("no *Error but %v", err)
			}
			if e.Pos != tt.pos || !strings.Contains(e.Msg, tt.want) {
				t.Errorf("got %v, want position %d and %q", err, tt.pos, tt.want)
			}
		})
	}
}

func TestStem(t *testing.T) {
	together := []string{
		"tender tenders tendered tendering",
		"meeting meetings meet meets",
		"outsource outsources outsourced outsourcing",
		"privatise privatised privatising privatisation privatization privatize",
		"body bodies",
		"service services",
		"commission commissions commissioned commissioning",
		"agency agencies",
		"close closed closes closing",
		"stop stopped stopping",
		"plan plans planned planning",
		"award awards awarded awarding",
		"organise organised organisation organization",
	}
	seen := map[string]string{}
	for _, line := range together {
		words := strings.Fields(line)
		for _, w := range words {
			if got, want := stem(w), stem(words[0]); got != want {
				t.Errorf("%s becomes %s, %s becomes %s", w, got, words[0], want)
			}
		}
		seen[stem(words[0])] = words[0]
	}
	for _, w := range []string{"organ", "university", "universe", "generous", "general", "news", "new", "care", "car"} {
		if other, ok := seen[stem(w)]; ok {
			t.Errorf("%s and %s fall together", w, other)
		}
		seen[stem(w)] = w
	}
}

// randomQuery writes a query out of the pieces of the language.
func randomQuery(r *rand.Rand, depth int) string {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	switch n := r.IntN(10); {
	case n < 4 || depth == 0:
		return pick("dialysis", "tender", "ICB", "end-of-life", "A&E", "hospice", "transport", "OR.", "Leicester")
	case n < 5:
		return pick(`"end of life"`, `"dialysis transport"`, `"car insurance"`)
	case n < 6:
		return pick("topic:tenders,meetings", "area:leicester", `body:"City Council"`, "tier:likely", "stage:tender_update")
	case n < 7:
		return "-" + randomQuery(r, 0)
	case n < 8:
		return randomQuery(r, depth-1) + " OR " + randomQuery(r, depth-1)
	case n < 9:
		return "(" + randomQuery(r, depth-1) + ")"
	}
	return randomQuery(r, depth-1) + " " + randomQuery(r, depth-1)
}

func randomFacts(r *rand.Rand) Facts {
	f := Facts{Topics: []string{"papers"}}
	for _, w := range []string{"dialysis", "tenders", "ICB", "end of life", "A&E", "hospices", "transport", "OR", "Leicester", "car insurance"} {
		if r.IntN(2) == 0 {
			f.Text += w + " "
		}
	}
	if r.IntN(2) == 0 {
		f.Topics, f.Areas, f.Tiers = []string{"tenders"}, []string{"leicester"}, []string{"likely"}
	}
	return f
}

// TestLaws holds the language to its algebra on random queries: printing
// changes nothing, exclusion is the opposite, a space is both, OR is either.
func TestLaws(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	parse := func(s string) Query {
		q, err := Parse(s)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		return q
	}
	for range 5000 {
		a, b := randomQuery(r, 4), randomQuery(r, 4)
		if len(a)+len(b) > 900 {
			continue
		}
		qa, qb := parse(a), parse(b)
		again, not := parse(qa.String()), parse("-("+a+")")
		both, either := parse("("+a+") ("+b+")"), parse("("+a+") OR ("+b+")")
		if again.String() != qa.String() {
			t.Fatalf("%q prints %q and then %q", a, qa, again)
		}
		for range 5 {
			p := Prepare(randomFacts(r))
			ma, mb := qa.MatchPrepared(p), qb.MatchPrepared(p)
			if again.MatchPrepared(p) != ma {
				t.Fatalf("%q and its print %q differ", a, qa)
			}
			if not.MatchPrepared(p) == ma {
				t.Fatalf("-(%s) is not the opposite", a)
			}
			if both.MatchPrepared(p) != (ma && mb) || either.MatchPrepared(p) != (ma || mb) {
				t.Fatalf("(%s) and (%s) do not combine", a, b)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", `dialysis "end of life" -ICB (a OR b) topic:tenders,foi body:"x y"`, "A&E OR. AND. –x “y”", "topic: a , b", "ﬁ ＯＲ ℡ İ ß ǅ &. 'tis o'\u00adr",
		"\xff:\xfe", "-(a OR -b)", "NOT(x)", "a\u0301 \u0301",
	} {
		f.Add(s, "dialysis tender ICB A&E OR e\u0301 & and")
	}
	f.Fuzz(func(t *testing.T, in, text string) {
		q, err := Parse(in)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Pos < 1 || e.Pos > utf8.RuneCountInString(in)+1 {
				t.Fatalf("%q: %v", in, err)
			}
			return
		}
		s := q.String()
		if !utf8.ValidString(s) {
			t.Fatalf("%q prints invalid %q", in, s)
		}
		again, err := Parse(s)
		if err != nil {
			if utf8.RuneCountInString(s) > MaxLength || strings.Contains(err.Error(), "at most") {
				return
			}
			t.Fatalf("%q prints %q: %v", in, s, err)
		}
		if again.String() != s {
			t.Fatalf("%q prints %q and then %q", in, s, again)
		}
		for _, text := range []string{text, in, s, ""} {
			facts := Facts{Topics: []string{"tenders"}, Areas: []string{text}, Text: text}
			p := Prepare(facts)
			if q.MatchPrepared(p) != again.MatchPrepared(p) {
				t.Fatalf("%q and its print %q differ about %q", in, s, text)
			}
		}
	})
}

// BenchmarkMatch asks subscriptions' queries about one finding.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			qs := make([]Query, n)
			for i := range qs {
				var err error
				qs[i], err = Parse(fmt.Sprintf(`topic:tenders,outsourcing area:area-%d (dialysis OR "end of life %d") -parking%d`, i%300, i, i))
				if err != nil {
					b.Fatal(err)
				}
			}
			f := sample()
			f.Areas = append(f.Areas, "area-7")
			p := Prepare(f)
			hits := 0
			for b.Loop() {
				for _, q := range qs {
					if q.MatchPrepared(p) {
						hits++
					}
				}
			}
			if hits == 0 {
				b.Fatal("nothing matched")
			}
		})
	}
}

func BenchmarkPrepare(b *testing.B) {
	f := sample()
	f.Text = strings.Repeat(f.Text+" ", 10)
	for b.Loop() {
		Prepare(f)
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse(`topic:tenders,outsourcing area:leicester (dialysis OR "end of life") -parking`); err != nil {
			b.Fatal(err)
		}
	}
}
