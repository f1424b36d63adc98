package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"ccgwatch/store"
)

func corrector(m *memory) *Corrector {
	return &Corrector{Outbox: m, Subscribers: m, Backlog: m, Log: slog.New(slog.DiscardHandler), Compose: func(l Letter) (Message, error) {
		var about []string
		for _, f := range l.Correction.About {
			about = append(about, f.Title)
		}
		return Message{Raw: []byte(l.Correction.Words + " " + strings.Join(about, ", "))}, nil
	}}
}

// TestCorrection: everybody who was mailed what was wrong gets one mail, and
// nobody else; wherever it is cut, and however often it is asked for.
func TestCorrection(t *testing.T) {
	build := func() (*memory, Correction) {
		m := newMemory()
		m.subscribe(sub("amy", "topic:tenders"))
		m.subscribe(sub("bob", "dialysis"))
		m.subscribe(sub("cat", "papers"))
		m.subscribe(ofAnn("a1", "topic:tenders", store.Instant))
		m.subscribe(ofAnn("a2", "dialysis", store.Instant))
		m.subscribe(sub("left", ""))
		m.commit(day(2), change("1", "tenders for dialysis"), change("2", "papers on dialysis"))
		follow(t, matcher(m))
		for i := range m.deliveries {
			m.deliveries[i].State = store.Sent
			if m.deliveries[i].Subscription == "bob" {
				m.deliveries[i].State = store.Failed
			}
		}
		if err := m.End(context.Background(), "left", day(3)); err != nil {
			t.Fatal(err)
		}
		found, err := corrector(m).FindingsOf(context.Background(), "s", "1")
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		return m, Correction{ID: "c1", Words: "no:", About: found}
	}
	corrections := func(m *memory) string {
		var out []string
		for _, d := range m.deliveries {
			if d.Kind == KindCorrection {
				out = append(out, fmt.Sprintf("%s %s", d.Subscription, d.Raw))
			}
		}
		slices.Sort(out)
		return strings.Join(out, "\n")
	}
	const want = "a1 no: tenders for dialysis\namy no: tenders for dialysis"
	m, x := build()
	if n, err := corrector(m).Told(t.Context(), x); n != 2 || err != nil {
		t.Errorf("a dry run counts %d (%v)", n, err)
	}
	for i := range 3 {
		n, err := corrector(m).Correct(t.Context(), day(4), x)
		if err != nil || n != map[bool]int{true: 2}[i == 0] {
			t.Errorf("round %d: %d queued (%v)", i, n, err)
		}
	}
	if got := corrections(m); got != want {
		t.Errorf("got:\n%s", got)
	}
	for at := range 2 {
		m, x := build()
		moment := 0
		m.cut = func() bool { moment++; return moment-1 == at }
		if _, err := corrector(m).Correct(t.Context(), day(4), x); !errors.Is(err, errPower) {
			t.Fatal(err)
		}
		if _, err := corrector(m).Correct(t.Context(), day(4), x); err != nil {
			t.Fatal(err)
		}
		if got := corrections(m); got != want {
			t.Errorf("cut at %d:\n%s", at, got)
		}
	}
	for _, bad := range []Correction{{}, {ID: "x", Words: " ", About: x.About}, {ID: "x", Words: "y"}} {
		if _, err := corrector(m).Correct(t.Context(), day(4), bad); err == nil {
			t.Errorf("%+v was mailed", bad)
		}
	}
}

// Symptom: who had the letter about a correction got it again when the item was
// corrected once more and they had signed up anew meanwhile.
func TestALetterAboutACorrectionComesOnce(t *testing.T) {
	m := newMemory()
	m.subscribe(ofAnn("a1", "topic:tenders", store.Instant))
	m.commit(day(2), change("1", "tenders for dialysis"))
	follow(t, matcher(m))
	for i := range m.deliveries {
		m.deliveries[i].State = store.Sent
	}
	found, err := corrector(m).FindingsOf(t.Context(), "s", "1")
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	for i, want := range []int{1, 0} {
		n, err := corrector(m).Correct(t.Context(), day(4+i), Correction{ID: "c1", Words: "no:", About: found, Round: []string{"", " after 7"}[i]})
		if err != nil || n != want {
			t.Errorf("round %d: %d letters, %v", i, n, err)
		}
		m.subscribe(ofAnn("a0", "topic:tenders", store.Instant))
	}
}

// Symptom: of two things that were held and restored one after the other, the second
// was told to nobody.
func TestWhatIsRestoredPieceByPieceIsTold(t *testing.T) {
	m := newMemory()
	m.subscribe(sub("amy", "topic:tenders"))
	m.commit(day(2), change("1", "tenders for one"), change("2", "tenders for two"), change("3", "tenders for three"))
	w := matcher(m)
	follow(t, w)
	if len(m.deliveries) != 1 || len(m.deliveries[0].Findings) != 3 {
		t.Fatalf("%+v", m.deliveries)
	}
	// One and two were held before it was sent, and another with three took its place.
	a := &m.deliveries[0]
	rest := *a
	rest.ID, rest.State, rest.Findings = "rest", store.Sent, a.Findings[2:]
	a.State, a.Failure, a.Carried = store.Failed, store.FailedCorrected, "rest"
	m.deliveries = append(m.deliveries, rest)
	held := func(keys ...string) {
		var all []store.Correction
		for i, key := range keys {
			all = append(all, store.Correction{N: uint64(i + 1), At: day(2), Source: "s", Key: key, Act: store.ActHold})
		}
		w.Edits = func(context.Context) (*store.Edits, error) { return store.FoldCorrections(all), nil }
	}
	for i, still := range [][]string{{"2"}, nil, nil} {
		held(still...)
		if _, err := w.Again(t.Context(), day(3), true); err != nil {
			t.Fatal(i, err)
		}
		if n := len(m.deliveries); n != min(3+i, 4) {
			t.Fatalf("after step %d there are %d deliveries", i, n)
		}
	}
	told := map[string]int{}
	for _, d := range m.deliveries[1:] {
		for _, id := range d.Findings {
			told[id]++
		}
	}
	for _, id := range m.deliveries[0].Findings {
		if told[id] != 1 {
			t.Errorf("%s was told %d times", id, told[id])
		}
	}
}
