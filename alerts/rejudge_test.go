package alerts

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// stricter judges as words do, but awards are outsourcing too and a tender is
// none: what a change of the rules may come to.
func stricter(ctx context.Context, c store.Change, it store.Item) ([]store.Finding, error) {
	c.Title = strings.ReplaceAll(strings.ReplaceAll(c.Title, "tenders", ""), "awards", "awards outsourcing")
	fs, err := words(ctx, c, it)
	for i := range fs {
		fs[i].Rules = "2"
	}
	return fs, err
}

// After a change of the rules the lists say what the rules say now; nobody is
// written to, then or later, and what a sent message refers to is still there.
func TestRejudgeTellsNobody(t *testing.T) {
	m := newMemory()
	m.subscribe(sub("all", ""))
	m.commit(day(2), change("a", "tenders meetings"))
	m.commit(day(3), change("b", "awards"), change("c", "nothing"))
	mt := matcher(m)
	follow(t, mt)
	sent := slices.Clone(m.deliveries)
	m.commit(day(4), change("d", "tenders awards")) // not judged yet

	mt.Judge = stricter
	got, err := mt.Rejudge(t.Context(), "2", nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Rejudged{Changes: 3, Findings: 3, New: 1, Retired: 1}); got != want {
		t.Errorf("rejudged %+v, want %+v", got, want)
	}
	if diff := cmp.Diff(sent, m.deliveries); diff != "" {
		t.Errorf("the outbox changed: %s", diff)
	}
	list := func() (out []string) {
		_ = m.Findings(t.Context(), 0, func(f store.Finding) bool { out = append(out, f.Key+" "+string(f.Topic)); return true })
		slices.Sort(out)
		return out
	}
	if diff := cmp.Diff([]string{"a meetings", "b awards", "b outsourcing"}, list()); diff != "" {
		t.Error(diff)
	}
	for _, id := range sent[0].Findings {
		if _, err := m.Finding(t.Context(), id); err != nil {
			t.Errorf("a sent message refers to %s: %v", id, err)
		}
	}

	// What was not judged yet is judged by the new rules and told as ever.
	follow(t, mt)
	if n := len(m.deliveries); n != len(sent)+1 {
		t.Errorf("%d deliveries, want one more than %d", n, len(sent))
	}
	if got, err = mt.Rejudge(t.Context(), "2", nil); err != nil || got.New+got.Retired != 0 {
		t.Errorf("judging once more: %+v, %v", got, err)
	}
}

// Cut short anywhere, it may be repeated, and ends the same.
func TestRejudgeCutShort(t *testing.T) {
	want := []store.Finding(nil)
	for cut := 0; ; cut++ {
		m := newMemory()
		m.subscribe(sub("all", ""))
		for range 3 {
			var cs []store.Change
			for range pageOfChanges {
				cs = append(cs, change("k", "tenders awards"))
			}
			m.commit(day(2), cs...)
		}
		mt := matcher(m)
		follow(t, mt)
		n := 0
		m.cut = func() bool { n++; return n == cut }
		mt.Judge = stricter
		_, err := mt.Rejudge(t.Context(), "2", nil)
		finished := n < cut
		if cut > 0 && !finished && err == nil {
			t.Fatalf("cut %d: no error", cut)
		}
		m.cut = nil
		if _, err := mt.Rejudge(t.Context(), "2", nil); err != nil {
			t.Fatal(err)
		}
		if cut == 0 {
			want = m.findings
		} else if diff := cmp.Diff(want, m.findings); diff != "" {
			t.Fatalf("cut %d: %s", cut, diff)
		}
		if finished {
			return
		}
	}
}
