package alerts

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// corrections are so many, of something that nobody was told of.
func corrections(n int) func(context.Context) (*store.Edits, error) {
	return func(context.Context) (*store.Edits, error) {
		var all []store.Correction
		for i := range n {
			all = append(all, store.Correction{N: uint64(i + 1), Source: "s", Key: "else", Act: store.ActCorrect})
		}
		return store.FoldCorrections(all), nil
	}
}

// Symptom: a reader who wants alerts alone was owed lost news; the digest with it was
// taken back because of a correction, and made again a week later.
func TestLostNewsThatIsTakenBackIsToldAgainAtOnce(t *testing.T) {
	m := newMemory()
	for _, id := range []string{"ann", "bob"} {
		m.subscribe(sub(id, ""))
	}
	x, g := matcher(m), digester(t, m)
	m.commit(day(3), change("1", "tenders one"))
	follow(t, x)
	for i := range m.deliveries {
		m.deliveries[i].Created, m.deliveries[i].State = day(3), map[string]store.DeliveryState{"ann": store.Uncertain, "bob": store.Sent}[m.deliveries[i].Subscription]
	}
	if n := due(t, g, day(7)); n != 1 {
		t.Fatalf("on Friday %d digests, want that of ann", n)
	}
	digest := m.deliveries[len(m.deliveries)-1]
	// The operator corrects something it speaks of; on Saturday bob's next alert is lost.
	m.takeBack(digest)
	g.Edits = corrections(1)
	m.deliveries = append(m.deliveries, store.Delivery{ID: "of Saturday", Subscription: "bob", Kind: KindAlert, State: store.Uncertain, Created: day(8), Findings: digest.Findings})
	if n := due(t, g, day(9)); n != 1 {
		t.Fatalf("on Sunday %d digests, want that of ann again", n)
	}
	if d := m.deliveries[len(m.deliveries)-1]; d.ID != digest.ID || string(d.Raw) == "" || m.delivery(digest.Carries[0]).Carried != d.ID {
		t.Errorf("got %+v", d)
	}
	if n := due(t, g, day(10)); n != 0 {
		t.Errorf("on Monday %d more", n)
	}
	if n := due(t, g, day(14)); n != 1 {
		t.Errorf("a week later %d digests, want that of bob", n)
	}
}

// Symptom: something was corrected while the digests of lost news were being made;
// the one of a reader was taken back, and nobody looked again that week.
func TestACorrectionWhileLostNewsIsLookedFor(t *testing.T) {
	m := newMemory()
	m.subscribe(sub("ann", ""))
	x, g := matcher(m), digester(t, m)
	m.commit(day(3), change("1", "tenders one"))
	follow(t, x)
	m.deliveries[0].Created, m.deliveries[0].State = day(3), store.Uncertain
	g.Edits = corrections(0)
	g.Compose = func(l Letter) (Message, error) { // its words are chosen
		g.Edits = corrections(1)
		return plain(l)
	}
	due(t, g, day(7))
	m.takeBack(m.deliveries[1])
	if n := due(t, g, day(7).Add(time.Minute)); n != 1 {
		t.Errorf("%d digests, want it again", n)
	}
}

// Symptom: an address with many subscriptions gets two digests; the second is taken
// back and made again, and repeats what the first told. So it was when a crash fell
// between the two.
func TestASecondDigestDoesNotRepeatTheFirst(t *testing.T) {
	for _, name := range []string{"taken back", "a crash between"} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			for i := range maxTogether + 1 {
				m.subscribe(ofAnn(fmt.Sprint("a", i), []string{"", "dialysis"}[i/maxTogether], store.Weekly))
			}
			x, g := people(t, m)
			m.commit(day(3), change("1", "tenders for dialysis"))
			m.items["s\x00m"] = meetingItem("m", "dialysis board", day(20))
			follow(t, x)
			if name == "a crash between" {
				m.cut = func() bool { return len(m.deliveries) == 1 }
				if _, err := g.DueDigests(t.Context(), day(7)); err == nil {
					t.Fatal("nothing was cut")
				}
				m.cut = nil
			} else {
				due(t, g, day(7))
				m.takeBack(m.deliveries[len(m.deliveries)-1])
			}
			if len(m.deliveries) != 1 {
				t.Fatalf("%d digests are there", len(m.deliveries))
			}
			if n := due(t, g, day(7).Add(time.Minute)); n != 1 {
				t.Fatalf("%d digests are made again", n)
			}
			var said []string
			for _, d := range m.deliveries {
				said = append(said, string(d.Raw))
			}
			for _, news := range []string{"tenders: tenders for dialysis", "dialysis board"} {
				if n := strings.Count(strings.Join(said, ""), news); n != 1 {
					t.Errorf("%q is told %d times:\n%s", news, n, strings.Join(said, "\n--\n"))
				}
			}
			if second := m.deliveries[1]; slices.Contains(second.Tells(), "a0") {
				t.Errorf("the second is to %v", second.Tells())
			}
		})
	}
}

// Held for a year, or restored so long after: what was taken back then is not sent now.
func TestYearOldAlertsDoNotGoOutAfterARestore(t *testing.T) {
	for _, c := range []struct {
		name  string
		state store.DeliveryState
		age   int // days
		want  int
	}{
		{"taken back yesterday", store.Failed, 1, 1}, {"of nothing else, yesterday", store.Suppressed, 1, 1},
		{"taken back a year ago", store.Failed, 365, 0}, {"of nothing else, a year ago", store.Suppressed, 365, 0},
	} {
		m := newMemory()
		m.subscribe(sub("amy", ""))
		m.commit(day(2), change("1", "tenders for one"))
		w := matcher(m)
		follow(t, w)
		d := &m.deliveries[0]
		d.State, d.Failure, d.Created = c.state, store.FailedCorrected, day(2).AddDate(0, 0, -c.age)
		if n, err := w.Again(t.Context(), day(2), true); err != nil || n != c.want {
			t.Errorf("%s: %d go out, want %d (%v)", c.name, n, c.want, err)
		}
	}
}
