package judge

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ccgwatch/store"
)

// A label is one hand-read release; see the README beside the labels.
type label struct {
	ID          string
	OCID        string
	Title       string
	Care        string
	Stage       string
	Regime      string
	Outsourcing bool
	Suppliers   []struct{ Name, Class string }
	Deadline    string
	Also        map[string][]any
}

func (l label) right(field, want, got string) bool {
	if want == got {
		return true
	}
	return slices.Contains(l.Also[field], any(got))
}

// A score counts as tools/score.py does.
type score struct {
	right, total              map[string]int
	tp, fp, fn, lies, missing int
	wrong                     []string
}

func (s *score) of(field string) float64 {
	return float64(s.right[field]) / float64(max(1, s.total[field]))
}

func (s *score) f1() float64 { return 2 * float64(s.tp) / float64(max(1, 2*s.tp+s.fp+s.fn)) }

func (s *score) count(l label, v Verdict) {
	for _, f := range []struct{ field, want, got string }{{"stage", l.Stage, v.Stage}, {"regime", l.Regime, v.Regime}, {"care", l.Care, v.Care}} {
		s.total[f.field]++
		if l.right(f.field, f.want, f.got) {
			s.right[f.field]++
		} else {
			s.wrong = append(s.wrong, l.ID+" "+f.field+": labelled "+f.want+", judged "+f.got+" | "+l.Title)
		}
	}
	if l.Stage == "intention" && slices.Contains([]string{"award", "contract", "confirmation"}, v.Stage) {
		s.lies++
	}
	classes := map[string]string{}
	for _, x := range v.Suppliers {
		classes[strings.ToLower(strings.TrimSpace(x.Name))] = x.Class
	}
	for _, x := range l.Suppliers {
		if x.Class == "unknown" {
			continue
		}
		s.total["supplier"]++
		if got := classes[strings.ToLower(strings.TrimSpace(x.Name))]; got == x.Class {
			s.right["supplier"]++
		} else {
			s.wrong = append(s.wrong, l.ID+" supplier "+x.Name+": labelled "+x.Class+", judged "+got)
		}
	}
	stated := ""
	if v.Deadline != nil && v.Deadline.Stated != "" {
		stated = v.Deadline.Stated[:10]
	}
	s.total["deadline"]++
	if stated == l.Deadline {
		s.right["deadline"]++
	} else {
		s.wrong = append(s.wrong, l.ID+" deadline: labelled "+l.Deadline+", judged "+stated+" | "+l.Stage)
	}
	if _, either := l.Also["outsourcing"]; either {
		return
	}
	said := v.Outsourcing == "certain" || v.Outsourcing == "likely"
	switch {
	case said && l.Outsourcing:
		s.tp++
	case said:
		s.fp++
	case l.Outsourcing:
		s.fn++
	}
	if said != l.Outsourcing {
		s.wrong = append(s.wrong, l.ID+" outsourcing: judged "+v.Outsourcing+" | "+l.Title)
	}
}

// The rules agree with a careful reader, and never announce as awarded what
// can still be stopped.
func TestLabelledNotices(t *testing.T) {
	j := shippedJudge(t)
	for _, set := range []struct {
		labels, feed string
		pages        []string
		// floors a little below what was reached, and how many labelled releases the record lacks
		stage, regime, care, supplier, deadline, f1 float64
		missing                                     int
	}{
		{"fts-2026-08-10.json", "find-a-tender", []string{"fts/2026-08-10/page-*.json"}, 0.99, 0.99, 0.97, 0.92, 0.98, 0.95, 0},
		{"cf-health.json", "contracts-finder", []string{"cf-2025/*.json"}, 0.97, 0.97, 0.96, 0.84, 0.96, 0.93, 19},
	} {
		t.Run(set.feed, func(t *testing.T) {
			notices := recorded(t, set.feed, set.pages)
			var labels []label
			raw, err := os.ReadFile(shared(t, "data", "labels", set.labels))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(raw, &labels); err != nil {
				t.Fatal(err)
			}
			s := &score{right: map[string]int{}, total: map[string]int{}}
			for _, l := range labels {
				n := notices[l.OCID+" "+l.ID]
				if n == nil {
					s.missing++
					continue
				}
				s.count(l, j.Notice(n))
			}
			for _, field := range []string{"stage", "regime", "care", "supplier", "deadline"} {
				t.Logf("%-9s %d/%d = %.3f", field, s.right[field], s.total[field], s.of(field))
			}
			t.Logf("outsourcing tp=%d fp=%d fn=%d F1=%.3f; lies %d; missing %d", s.tp, s.fp, s.fn, s.f1(), s.lies, s.missing)
			for _, w := range s.wrong {
				t.Log("  ", w)
			}
			if s.lies > 0 || s.of("stage") < set.stage || s.of("regime") < set.regime || s.of("care") < set.care ||
				s.of("supplier") < set.supplier || s.of("deadline") < set.deadline || s.f1() < set.f1 || s.missing > set.missing {
				t.Error("below the floor")
			}
		})
	}
}

// recorded reads the recorded releases by ocid and id.
func recorded(t testing.TB, feed string, globs []string) map[string]*store.Notice {
	t.Helper()
	out := map[string]*store.Notice{}
	for _, g := range globs {
		files, err := filepath.Glob(filepath.Join(shared(t, "data", "procurement"), g))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range decodeReleases(t, raw, feed) {
				out[n.OCID+" "+n.Release] = n
			}
		}
	}
	return out
}
