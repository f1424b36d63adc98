package judge

import (
	"strings"
	"testing"

	"ccgwatch/config/catalogue"
	"ccgwatch/store"
)

// Every rule is kept by examples: for what it must notice it speaks, for what
// it must not another rule does, or none. A rule without both is a mistake.
func TestKeptExamples(t *testing.T) {
	j := shippedJudge(t)
	kept, err := catalogue.Examples()
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]bool{}
	for i := range j.terms {
		rules["term: "+j.terms[i].Term.Term] = true
	}
	for i := range j.acts {
		rules["act: "+j.acts[i].Name] = true
	}
	for list, ds := range map[string][]decision{"care": j.care, "outsourcing": j.outsourcing, "supplier": j.supplier} {
		for _, d := range ds {
			rules[list+": "+d.name] = true
		}
	}
	n := 0
	for _, x := range kept {
		if !rules[x.Name] {
			t.Errorf("%q is no rule, or stands twice", x.Name)
			continue
		}
		delete(rules, x.Name)
		if len(x.No) == 0 || len(x.Yes) == 0 && x.Name != "term: section 75 agreement" {
			t.Errorf("%q has not both kinds of examples", x.Name)
		}
		for _, side := range []struct {
			want bool
			list []string
		}{{true, x.Yes}, {false, x.No}} {
			for _, s := range side.list {
				n++
				if spoke, who := j.speaks(t, x.Name, s); spoke != side.want {
					t.Errorf("%s: speaks %v, want %v (%s):\n\t%s", x.Name, spoke, side.want, who, s)
				}
			}
		}
	}
	for name := range rules {
		t.Errorf("%q has no examples", name)
	}
	t.Logf("%d examples of %d rules", n, len(kept))
}

// speaks tells whether a rule speaks for an example, and what decided instead.
func (j *Judge) speaks(t *testing.T, rule, example string) (bool, string) {
	t.Helper()
	kind, name, _ := strings.Cut(rule, ": ")
	switch kind {
	case "term":
		for i := range j.terms {
			if c := &j.terms[i]; c.Term.Term == name {
				ws := words(example)
				_, weight, ok := j.used(c, j.lex.tally(ws), shouting(ws))
				return ok && weight > 0, ""
			}
		}
	case "act":
		for i := range j.acts {
			if a := &j.acts[i]; a.Name == name {
				tally := j.lex.tally(words(example))
				return a.meets(tally), ""
			}
		}
	case "supplier":
		f := sketch(example, 4)
		scheme, number, _ := strings.Cut(f[1], " ")
		if !strings.HasPrefix(scheme, "GB-") {
			scheme, number = "", f[1]
		}
		_, got, _ := j.classify(store.Party{Name: f[0], Scheme: scheme, Number: number, VCSE: f[3] == "vcse"}, strings.Fields(f[2]))
		return got == name, got
	case "care", "outsourcing":
		f := sketch(example, 5)
		n := &store.Notice{
			Feed: "find-a-tender", LegalBasis: "UKPGA/2023/54", NoticeType: "UK4", Tags: []string{"tender"}, Date: day(t, "2026-08-10"),
			Title: f[0], Buyers: []store.Party{{Name: f[1]}}, CPV: strings.Fields(f[2]), Description: f[3],
		}
		for s := range strings.SplitSeq(f[4], ";") {
			if s = strings.TrimSpace(s); s != "" {
				n.Suppliers = append(n.Suppliers, store.Party{Name: s})
			}
		}
		v := j.Notice(n)
		got := deciding(v, kind)
		if got == "" && kind == "outsourcing" && v.Care == careNone {
			got = "outsourcing: not care" // is not noted for every notice
		}
		return got == rule, got
	}
	t.Fatalf("what is %q?", rule)
	return false, ""
}

// sketch cuts an example into its fields.
func sketch(s string, n int) []string {
	f := strings.Split(s, "|")
	for len(f) < n {
		f = append(f, "")
	}
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	return f
}
