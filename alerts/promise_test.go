package alerts

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/storetest"
)

// TestPromiseDigests (P10): looked at every half hour or so for years, with the
// machine off for an hour to ten days now and then, and the clocks put forward
// and back for summer: every subscription has one digest for each week in which
// the machine was on, at half past seven by the clock on the wall if it was on
// then; no change is told twice, none is left out, and no digest is empty of
// words even when it is quiet.
func TestPromiseDigests(t *testing.T) {
	readers, years := storetest.Promised(3, 5, 300, 300), storetest.Promised(1, 1, 5, 5)
	m := newMemory()
	start := time.Date(2024, 1, 1, 9, 0, 0, 0, time.UTC)
	for i := range readers {
		s := weekly(fmt.Sprintf("%04d", i), "")
		s.Created, s.ConsentAt = start, start
		m.subscribe(s)
	}
	x, g := matcher(m), digester(t, m)
	seed := storetest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	events, weeks, late, slot := 0, 0, 0, g.Schedule.Last(start)
	for now := start; now.Before(start.AddDate(years, 0, 0)); {
		if now.Sub(start) > time.Duration(events)*72*time.Hour {
			m.commit(now, change(fmt.Sprint(events), fmt.Sprintf("%s event%06d", []string{"tenders", "awards"}[events%2], events)))
			follow(t, x)
			events++
		}
		was := now.Add(-time.Hour)
		made := due(t, g, now)
		if next := g.Schedule.Last(now); next.After(slot) {
			slot = next
			weeks++
			if made != readers {
				t.Fatalf("at %s: %d digests for %d readers", now, made, readers)
			}
			if slot.Before(was) { // the machine was off for it
				late++
			}
			if l := slot.In(g.Schedule.Zone); l.Weekday() != time.Friday || l.Format("15:04") != "07:30" {
				t.Fatalf("a digest for %s", l)
			}
		} else if made != 0 {
			t.Fatalf("at %s: %d digests more", now, made)
		}
		now = now.Add(time.Duration(20+r.IntN(20)) * time.Minute)
		if r.IntN(700) == 0 {
			now = now.Add(time.Duration(1+r.IntN(240)) * time.Hour)
		}
	}
	told, empty := map[string]int{}, 0
	for _, d := range m.deliveries {
		if !strings.Contains(string(d.Raw), "read ") {
			empty++
		}
		for word := range strings.FieldsSeq(string(d.Raw)) {
			if strings.HasPrefix(word, "event") {
				told[d.Subscription+word]++
			}
		}
	}
	if len(m.deliveries) != weeks*readers || empty > 0 {
		t.Errorf("%d digests in %d weeks for %d readers, %d without a word", len(m.deliveries), weeks, readers, empty)
	}
	missing := 0
	for id := range m.subs {
		for n := range events - 4 { // the last ones may wait for their Friday
			switch told[fmt.Sprintf("%sevent%06d", id, n)] {
			case 0:
				missing++
			case 1:
			default:
				t.Fatalf("%s was told twice of event %d", id, n)
			}
		}
	}
	if missing > 0 {
		t.Errorf("%d changes x readers were never told", missing)
	}
	t.Logf("%d weeks, %d of them late, %d digests, %d changes", weeks, late, len(m.deliveries), events)
}

// TestPromiseClock (T12): whatever the clock is set to, and however long that
// lasts, no subscription has two digests for one time of the schedule, and once
// it is right again each week has its own.
func TestPromiseClock(t *testing.T) {
	const day = 24 * time.Hour
	for name, off := range map[string]time.Duration{
		"back an hour": -time.Hour, "back a day": -day, "back 30 days": -30 * day, "to 1970": -56 * 365 * day,
		"forward a day": day, "forward a year": 365 * day, "forward 50 years": 50 * 365 * day,
	} {
		for _, lasts := range []time.Duration{time.Minute, time.Hour, 3 * day, 10 * day} {
			t.Run(fmt.Sprint(name, " for ", lasts), func(t *testing.T) {
				m := newMemory()
				start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
				for i := range 3 {
					s := weekly(fmt.Sprint(i), "")
					s.Created, s.ConsentAt = start, start
					m.subscribe(s)
				}
				x, g := matcher(m), digester(t, m)
				step := 30 * time.Minute
				for at := time.Duration(0); at < 60*day; at += step {
					now := start.Add(at)
					if wrong := at - 15*day; wrong >= 0 && wrong < lasts {
						now = now.Add(off)
					}
					if at%(12*time.Hour) == 0 {
						m.commit(now, change(fmt.Sprint(at), "tenders"))
						follow(t, x)
					}
					due(t, g, now)
				}
				seen, right := map[string]bool{}, map[string]int{}
				for _, d := range m.deliveries {
					week, _, _ := strings.Cut(string(d.Raw), "\n")
					k := d.Subscription + " " + week + d.Created.Format(" 2006")
					if seen[k] {
						t.Errorf("twice: %s", k)
					}
					seen[k] = true
					if d.Created.After(start.Add(15*day+lasts)) && d.Created.Before(start.Add(60*day)) {
						right[d.Subscription]++
					}
				}
				after := 0
				for slot := g.Schedule.Next(start.Add(15*day + lasts)); slot.Before(start.Add(60 * day)); slot = g.Schedule.Next(slot) {
					after++
				}
				for id := range m.subs {
					if right[id] < after || right[id] > after+1 {
						t.Errorf("%s has %d digests in the %d weeks after the clock was right again", id, right[id], after)
					}
				}
			})
		}
	}
}

// TestPromiseSameBytes (P3): a message is frozen when it is queued. Failing in
// every way, waiting, another process, words that have changed since: what goes
// out in the end is what was queued.
func TestPromiseSameBytes(t *testing.T) {
	for n := range storetest.Promised(5, 20, 100, 2000) {
		m := newMemory()
		m.subscribe(sub("s0", ""))
		m.commit(day(3), change(fmt.Sprint(n), fmt.Sprint("tenders ", n)))
		x := matcher(m)
		follow(t, x)
		want := string(m.deliveries[0].Raw)
		newWords := func(l Letter) (Message, error) {
			msg, err := plain(l)
			msg.Raw, msg.MessageID = append([]byte("a newer release says: "), msg.Raw...), "<another>"
			return msg, err
		}
		fails := []error{ErrAway, ErrOperator, ErrUncertain, fmt.Errorf("%w: 552", ErrSoft), fmt.Errorf("451 later")}
		r := &relay{fail: func(i int, _ string) error {
			if i < 3 {
				return fails[(n+i*(1+n/5))%len(fails)]
			}
			return nil
		}}
		now := day(30) // when it was queued
		for range 40 {
			x = matcher(m) // a process that starts again, of a newer release
			x.Compose = newWords
			follow(t, x)
			p := postman(m, r)
			deliver(t, p, now)
			now = now.Add(3 * time.Hour)
		}
		d := m.deliveries[0]
		if len(m.deliveries) != 1 || string(d.Raw) != want || d.MessageID == "<another>" {
			t.Fatalf("%d rows; %q, queued was %q", len(m.deliveries), d.Raw, want)
		}
		for _, took := range r.took {
			if !strings.HasSuffix(took, " "+want) {
				t.Errorf("sent %q, queued was %q", took, want)
			}
		}
		if d.State != store.Sent && d.State != store.Failed && d.State != store.Uncertain {
			t.Errorf("in the end it is %s", d.State)
		}
	}
}
