package judge

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// A Label is what a careful reader made of one release. It is written as the
// fields of a Verdict are.
type Label struct {
	ID          string `json:"id"`
	OCID        string `json:"ocid"`
	Title       string `json:"title"`
	Stage       string `json:"stage"`
	Regime      string `json:"regime"`
	Care        string `json:"care"`
	Outsourcing bool   `json:"outsourcing"` // certain or likely
	Suppliers   []struct {
		Name  string `json:"name"`
		Class string `json:"class"` // "unknown" is not counted
	} `json:"suppliers"`
	Deadline string `json:"deadline"` // YYYY-MM-DD; "" none
	// Also are second answers that count as right, by field; where it names
	// outsourcing, neither answer is counted.
	Also map[string][]any `json:"also"`
}

// A Score compares verdicts with labels: for each field, and for each rule that
// decided one. The zero Score has compared nothing.
type Score struct {
	Fields map[string]Count // stage, regime, care, supplier, deadline
	Rules  map[string]RuleCount
	// Outsourcing, certain or likely, against the label.
	TruePositive, FalsePositive, FalseNegative, TrueNegative int
	// Lies are releases labelled an intention that were called an award, a
	// contract or a confirmation.
	Lies  int
	Wrong []Miss

	labelled map[string]map[string]int // field -> value -> how many labels
}

// A Count is how many of how many.
type Count struct{ Right, Of int }

// Share is between 0 and 1; of nothing it is 1.
func (c Count) Share() float64 {
	if c.Of == 0 {
		return 1
	}
	return float64(c.Right) / float64(c.Of)
}

// A RuleCount is how often a rule decided a field, and how often that was right.
type RuleCount struct {
	Field       string
	Said, Right int
	gave        map[string]bool
}

// A Miss is one verdict that differs from its label.
type Miss struct{ Release, Field, Want, Got, Rule, Title string }

// Add compares one verdict with its label.
func (s *Score) Add(l Label, v Verdict) {
	if s.Fields == nil {
		s.Fields, s.Rules, s.labelled = map[string]Count{}, map[string]RuleCount{}, map[string]map[string]int{}
	}
	for _, f := range []struct{ field, want, got string }{{"stage", l.Stage, v.Stage}, {"regime", l.Regime, v.Regime}, {"care", l.Care, v.Care}} {
		s.count(l, f.field, f.want, f.got, deciding(v, f.field), slices.Contains(l.Also[f.field], any(f.got)))
	}
	if l.Stage == stageIntention && (v.Stage == stageAward || v.Stage == stageContract || v.Stage == stageConfirmation) {
		s.Lies++
	}
	got := map[string]Supplier{}
	for _, x := range v.Suppliers {
		got[supplierKey(x.Name)] = x
	}
	for _, x := range l.Suppliers {
		if x.Class == classUnknown {
			continue
		}
		g := got[supplierKey(x.Name)]
		rule, _, _ := strings.Cut(g.Evidence, " (")
		if rule != "" {
			rule = "supplier: " + rule
		}
		s.count(l, "supplier", x.Class, g.Class, rule, false)
	}
	stated := ""
	if v.Deadline != nil && len(v.Deadline.Stated) >= 10 {
		stated = v.Deadline.Stated[:10]
	}
	s.count(l, "deadline", l.Deadline, stated, "", false)
	s.outsourcing(l, v)
}

func supplierKey(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// count takes one field of one release.
func (s *Score) count(l Label, field, want, got, rule string, also bool) {
	right := want == got || also
	c := s.Fields[field]
	c.Of++
	if right {
		c.Right++
	} else {
		s.Wrong = append(s.Wrong, Miss{l.ID, field, want, got, rule, l.Title})
	}
	s.Fields[field] = c
	s.rule(field, want, got, rule, right, also)
}

func (s *Score) rule(field, want, got, rule string, right, also bool) {
	if also {
		want = got
	}
	if s.labelled[field] == nil {
		s.labelled[field] = map[string]int{}
	}
	s.labelled[field][want]++
	if rule == "" {
		return
	}
	r := s.Rules[rule]
	if r.gave == nil {
		r = RuleCount{Field: field, gave: map[string]bool{}}
	}
	r.gave[got] = true
	r.Said++
	if right {
		r.Right++
	}
	s.Rules[rule] = r
}

func (s *Score) outsourcing(l Label, v Verdict) {
	if _, either := l.Also["outsourcing"]; either {
		return
	}
	said := v.Outsourcing == "certain" || v.Outsourcing == "likely"
	words := map[bool]string{true: "true", false: "false"}
	s.rule("outsourcing", words[l.Outsourcing], words[said], deciding(v, "outsourcing"), said == l.Outsourcing, false)
	switch {
	case said && l.Outsourcing:
		s.TruePositive++
	case said:
		s.FalsePositive++
	case l.Outsourcing:
		s.FalseNegative++
	default:
		s.TrueNegative++
	}
	if said != l.Outsourcing {
		s.Wrong = append(s.Wrong, Miss{l.ID, "outsourcing", words[l.Outsourcing], v.Outsourcing, deciding(v, "outsourcing"), l.Title})
	}
}

// deciding is the rule that decided a field: the last that spoke of it. What
// it adds in brackets, or to say why something is unclear, is no part of its name.
func deciding(v Verdict, field string) string {
	for _, e := range slices.Backward(v.Evidence) {
		if ruleKind(e.Rule) == field {
			name, _, _ := strings.Cut(e.Rule, " (")
			if strings.HasPrefix(name, "stage: unclear") {
				return "stage: unclear"
			}
			return name
		}
	}
	return ""
}

// Precision is how often outsourcing was said rightly, Recall how much of it was found.
func (s *Score) Precision() float64 {
	return Count{s.TruePositive, s.TruePositive + s.FalsePositive}.Share()
}

// Recall is how much of the outsourcing that is labelled was found.
func (s *Score) Recall() float64 {
	return Count{s.TruePositive, s.TruePositive + s.FalseNegative}.Share()
}

// F1 is the harmonic mean of precision and recall.
func (s *Score) F1() float64 {
	return Count{2 * s.TruePositive, 2*s.TruePositive + s.FalsePositive + s.FalseNegative}.Share()
}

// A RuleScore is how one rule did. Recall is the share of the labels with a
// value the rule can give that this rule, among all that give it, found.
type RuleScore struct {
	Rule      string  `json:"rule"`
	Said      int     `json:"said"`
	Right     int     `json:"right"`
	Precision float64 `json:"precision"`
	Of        int     `json:"of"`
	Recall    float64 `json:"recall"`
}

// ByRule lists the rules that decided something, by field and name.
func (s *Score) ByRule() []RuleScore {
	var out []RuleScore
	for _, name := range slices.Sorted(maps.Keys(s.Rules)) {
		r := s.Rules[name]
		x := RuleScore{Rule: name, Said: r.Said, Right: r.Right, Precision: Count{r.Right, r.Said}.Share()}
		for value := range r.gave {
			x.Of += s.labelled[r.Field][value]
		}
		x.Recall = Count{r.Right, x.Of}.Share()
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b RuleScore) int { return cmp.Compare(s.Rules[a.Rule].Field, s.Rules[b.Rule].Field) })
	return out
}
