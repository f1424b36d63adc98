package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

func zone(t testing.TB) *time.Location {
	t.Helper()
	l, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// showDigest writes a digest on a few lines.
func showDigest(d *Digest) string {
	var b strings.Builder
	fmt.Fprintf(&b, "week to %s", d.Slot.Format("2 Jan"))
	for _, m := range d.Meetings {
		fmt.Fprintf(&b, "\nmeeting %s %s", m.When.Format("2 Jan"), m.Item.Title)
		for _, x := range []struct {
			is   bool
			word string
		}{{m.Cancelled, "cancelled"}, {m.New, "new"}, {m.Restored, "restored"}, {m.Agenda, "agenda"}, {m.More, "more"}} {
			if x.is {
				b.WriteString(" " + x.word)
			}
		}
		if !m.Moved.IsZero() {
			b.WriteString(" from " + m.Moved.Format("2 Jan"))
		}
	}
	if d.MoreMeetings > 0 {
		fmt.Fprintf(&b, "\n+%d meetings", d.MoreMeetings)
	}
	for _, c := range d.Closing {
		fmt.Fprintf(&b, "\ncloses %s %s", c.Date.Format("2 Jan"), c.Finding.Title)
	}
	for _, s := range append(d.Sections, d.Mentioned) {
		for _, t := range s.Things {
			fmt.Fprintf(&b, "\n%s: %s", orMentioned(s.Topic), t.Lead().Title)
		}
		if s.More > 0 {
			fmt.Fprintf(&b, "\n%s +%d", orMentioned(s.Topic), s.More)
		}
	}
	for _, t := range d.Undelivered.Things {
		fmt.Fprintf(&b, "\nundelivered: %s", t.Lead().Title)
	}
	if d.Undelivered.More > 0 {
		fmt.Fprintf(&b, "\nundelivered +%d", d.Undelivered.More)
	}
	if d.Quiet() {
		b.WriteString("\nall quiet")
	}
	fmt.Fprintf(&b, "\nread %d of %d", d.Read, d.Looked)
	for _, o := range d.Outages {
		fmt.Fprintf(&b, ", not %s since %s %v", o.Name, o.Since.Format("2 Jan"), o.Why)
	}
	return b.String()
}

func orMentioned(t store.Topic) string {
	if t == "" {
		return "mentioned"
	}
	return string(t)
}

func digester(t testing.TB, m *memory) *Digester {
	t.Helper()
	return &Digester{
		Ledger: m, Outbox: m, Subscribers: m, Backlog: m, Facts: facts, Compose: plain, Schedule: Fridays(zone(t)), Log: slog.New(slog.DiscardHandler),
	}
}

func weekly(id, q string) store.Subscription {
	s := sub(id, q)
	s.Often = store.Weekly
	return s
}

func meetingItem(key, title string, when time.Time) store.Item {
	return store.Item{Source: "s", Key: key, Kind: store.KindMeeting, Title: title, Fields: map[string]string{store.FieldWhen: when.Format(time.RFC3339)}}
}

func due(t testing.TB, g *Digester, now time.Time) int {
	t.Helper()
	n, err := g.DueDigests(context.Background(), now)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDigest is one week with everything in it. Friday is 14 August 2026.
func TestDigest(t *testing.T) {
	m := newMemory()
	m.subscribe(weekly("all", ""))
	m.subscribe(weekly("rutland", "area:rutland"))
	x := matcher(m)
	x.Judge = func(ctx context.Context, c store.Change, it store.Item) ([]store.Finding, error) {
		fs, err := words(ctx, c, it)
		for i := range fs {
			if _, date, ok := strings.Cut(c.Title, "by "); ok {
				fs[i].Deadline = &store.Deadline{Stated: "2026-" + date[:5] + "T12:00:00+01:00"}
			}
			if _, thread, ok := strings.Cut(c.Title, "thread "); ok {
				fs[i].Thread = thread[:1]
			}
			if strings.Contains(c.Title, "is off") {
				fs[i].Stage = "cancelled"
			}
		}
		return fs, err
	}
	put := func(it store.Item) { m.items[itemKey(it.Source, it.Key)] = it }
	put(meetingItem("m1", "scrutiny", day(20)))
	cabinet := meetingItem("m2", "cabinet", day(18))
	cabinet.Fields[store.FieldStatus] = store.StatusCancelled
	put(cabinet)
	put(meetingItem("m3", "past", day(13)))
	put(meetingItem("m4", "far", day(13).AddDate(0, 1, 0)))
	gone := meetingItem("m5", "withdrawn", day(19))
	gone.Withdrawn = day(12)
	put(gone)
	put(meetingItem("m6", "council", day(17)))
	taken := store.Item{Source: "s", Key: "t4", Kind: store.KindNotice, Title: "tenders taken down by 08-21", Withdrawn: day(12)}
	put(taken)

	kind := func(c store.Change, k store.Kind, what ...store.What) store.Change {
		c.Kind, c.What = k, what
		return c
	}
	moved := kind(change("m1", "meetings scrutiny"), store.KindMeeting, store.MeetingMoved, store.AgendaPublished)
	moved.Fields = []store.FieldChange{{Name: store.FieldWhen, Old: day(15).Format(time.RFC3339), New: day(20).Format(time.RFC3339)}}
	silent := change("t5", "tenders silent by 08-25")
	silent.Silent = true
	m.commit(day(3), moved, kind(change("m2", "meetings cabinet"), store.KindMeeting, store.MeetingCancelled), silent)
	m.commit(day(4),
		change("t1", "tenders by 08-28 thread A"), change("t2", "tenders by 08-20 thread B"), change("t3", "tenders by 10-20"),
		change("t4", "tenders taken down by 08-21"), change("t6", "deadlines by 08-27 thread C"),
	)
	m.commit(day(5), change("t7", "tenders changed by 08-24 thread A"), change("t8", "tenders is off thread C"))
	m.commit(day(6), change("o1", "outsourcing tenders"), change("o2", "outsourcing"), change("o3", "outsourcing"), change("o4", "outsourcing"), change("o5", "outsourcing"))
	m.commit(day(7), kind(change("m6", "meetings outsourcing council papers"), store.KindMeeting, store.DocumentAdded), change("x", "papers mention"), change("o1", "papers mention"))
	m.healths = []store.Health{
		{Source: "fine", LastComplete: day(14)},
		{Source: "broken", LastComplete: day(1), FailingSince: day(2), Problems: []store.Problem{{Reason: store.ReasonServer}, {Reason: store.ReasonServer}}},
		{Source: "asleep", LastComplete: day(3)},
	}
	follow(t, x)

	g := digester(t, m)
	if n := due(t, g, time.Date(2026, 8, 14, 6, 30, 0, 0, time.UTC)); n != 2 {
		t.Fatalf("%d digests", n)
	}
	want := strings.Join([]string{
		`all digest: week to 14 Aug`,
		`meeting 17 Aug council more`,
		`meeting 18 Aug cabinet cancelled`,
		`meeting 20 Aug scrutiny agenda from 15 Aug`,
		`closes 20 Aug tenders by 08-20 thread B`,
		`closes 24 Aug tenders changed by 08-24 thread A`,
		`outsourcing: outsourcing tenders`,
		`outsourcing: outsourcing`,
		`outsourcing: outsourcing`,
		`outsourcing +3`,
		`tenders: tenders by 08-28 thread A`,
		`tenders: tenders by 10-20`,
		`tenders: tenders taken down by 08-21`,
		`tenders +1`,
		`deadlines: deadlines by 08-27 thread C`,
		`mentioned: papers mention`,
		`read 1 of 3, not broken since 2 Aug [server], not asleep since 3 Aug []`,
		`rutland digest: week to 14 Aug`,
		`all quiet`,
		`read 1 of 3, not broken since 2 Aug [server], not asleep since 3 Aug []`,
	}, "\n")
	if d := cmp.Diff(want, m.show()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if n := due(t, g, day(15)); n != 0 {
		t.Errorf("%d more on the day after", n)
	}

	// The week after: nothing is told twice; what still closes is still said.
	m.deliveries, m.healths = nil, nil
	m.commit(day(16), change("n", "awards"))
	follow(t, x)
	if n := due(t, g, day(21)); n != 2 {
		t.Fatalf("%d digests", n)
	}
	want = strings.Join([]string{
		"all digest: week to 21 Aug",
		"meeting 13 Sep far",
		"closes 24 Aug tenders changed by 08-24 thread A",
		"awards: awards",
		"read 0 of 0",
		"rutland digest: week to 21 Aug\nall quiet\nread 0 of 0",
	}, "\n")
	if d := cmp.Diff(want, m.show()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestLateCommit: a crawl begun before the hour and committed after it is in
// the next digest, whatever its time says; so is what was judged late.
func TestLateCommit(t *testing.T) {
	m := newMemory()
	m.subscribe(weekly("all", ""))
	x, g := matcher(m), digester(t, m)
	m.commit(day(10), change("1", "tenders one"))
	follow(t, x)
	m.commit(day(11), change("2", "tenders two")) // not judged yet
	due(t, g, day(14))
	m.commit(day(13), change("3", "tenders three"))
	follow(t, x)
	due(t, g, day(21))
	m.commit(day(22), change("4", "tenders four"))
	follow(t, x)
	due(t, g, day(28))
	want := strings.Join([]string{
		"all digest: week to 14 Aug\ntenders: tenders one\nread 0 of 0",
		"all digest: week to 21 Aug\ntenders: tenders two\ntenders: tenders three\nread 0 of 0",
		"all digest: week to 28 Aug\ntenders: tenders four\nread 0 of 0",
	}, "\n")
	if d := cmp.Diff(want, m.show()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestDigestPowerFailure cuts the power before and after every transaction.
func TestDigestPowerFailure(t *testing.T) {
	run := func(at int) *memory {
		m := newMemory()
		for i := range 6 {
			m.subscribe(weekly(fmt.Sprint(i), []string{"", "awards"}[i%2]))
		}
		m.commit(day(10), change("1", "tenders"), change("2", "awards"))
		follow(t, matcher(m))
		moment := 0
		m.cut = func() bool { moment++; return moment-1 == at }
		for _, now := range []int{14, 21} {
			if now == 21 {
				m.commit(day(20), change("3", "awards again"))
			}
			for _, err := (*Digester)(nil), errPower; err != nil; {
				for more := true; more; {
					more, err = matcher(m).Step(context.Background(), day(now))
					if errors.Is(err, errPower) {
						more = true
					}
				}
				_, err = digester(t, m).DueDigests(context.Background(), day(now))
				if err != nil && !errors.Is(err, errPower) {
					t.Fatal(err)
				}
			}
		}
		return m
	}
	whole := run(-1)
	if len(whole.deliveries) != 12 {
		t.Fatalf("%d digests", len(whole.deliveries))
	}
	for at := range 2 * whole.writes {
		if d := cmp.Diff(whole.show(), run(at).show()); d != "" {
			t.Fatalf("power cut at moment %d: -want +got:\n%s", at, d)
		}
	}
}

// TestOnePerWeek looks at the clock every half hour or so for five years, with
// outages of an hour to ten days and clocks put forward and back for summer:
// no ISO week has two digests, none is left out while the machine was on for
// the hour or the rest of the week, and each is for half past seven.
func TestOnePerWeek(t *testing.T) {
	s := Fridays(zone(t))
	r := rand.New(rand.NewPCG(5, 6))
	for range 40 {
		x := weekly("x", "")
		start := time.Date(2024, 1, 1, 0, r.IntN(60*24*7), 0, 0, time.UTC)
		x.Created = start
		got := map[[2]int]time.Time{}
		on := map[[2]int]bool{} // the machine was on at some time from the hour on until the next
		for now := start; now.Before(start.AddDate(5, 0, 0)); {
			slot := s.Last(now)
			if slot.After(x.Created) {
				y, w := slot.ISOWeek()
				on[[2]int{y, w}] = true
			}
			if slot, ok := s.Due(x, now); ok {
				y, w := slot.ISOWeek()
				if old, ok := got[[2]int{y, w}]; ok {
					t.Fatalf("two digests in week %d of %d: for %s and %s", w, y, old, slot)
				}
				if slot.Weekday() != time.Friday || slot.Format("15:04") != "07:30" || slot.After(now) || now.Sub(slot) > 7*24*time.Hour {
					t.Fatalf("at %s for %s", now, slot)
				}
				got[[2]int{y, w}] = slot
				x.LastDigest = slot
			}
			now = now.Add(time.Duration(20+r.IntN(20)) * time.Minute)
			if r.IntN(500) == 0 {
				now = now.Add(time.Duration(1+r.IntN(240)) * time.Hour)
			}
		}
		for w := range on {
			if _, ok := got[w]; !ok {
				t.Fatalf("no digest in week %v", w)
			}
		}
		if len(got) != len(on) || len(got) < 240 {
			t.Fatalf("%d digests in %d weeks", len(got), len(on))
		}
	}
}

func TestSchedule(t *testing.T) {
	s := Fridays(zone(t))
	parse := func(v string) time.Time {
		x, err := time.Parse(time.RFC3339, v)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, tt := range []struct{ now, last, next string }{
		{"2026-08-14T06:29:59Z", "2026-08-07T07:30:00+01:00", "2026-08-14T07:30:00+01:00"},
		{"2026-08-14T06:30:00Z", "2026-08-14T07:30:00+01:00", "2026-08-21T07:30:00+01:00"},
		{"2026-03-28T12:00:00Z", "2026-03-27T07:30:00Z", "2026-04-03T07:30:00+01:00"}, // the clocks go forward between
		{"2026-10-25T01:30:00Z", "2026-10-23T07:30:00+01:00", "2026-10-30T07:30:00Z"}, // and back
		{"2027-01-01T07:29:00Z", "2026-12-25T07:30:00Z", "2027-01-01T07:30:00Z"},
	} {
		if got := s.Last(parse(tt.now)).Format(time.RFC3339); got != tt.last {
			t.Errorf("last before %s is %s", tt.now, got)
		}
		if got := s.Next(parse(tt.now)).Format(time.RFC3339); got != tt.next {
			t.Errorf("next after %s is %s", tt.now, got)
		}
	}
}

func TestDue(t *testing.T) {
	s := Fridays(zone(t))
	at := func(d, h int) time.Time { return time.Date(2026, 8, d, h, 0, 0, 0, time.UTC) }
	for _, tt := range []struct {
		name string
		set  func(*store.Subscription)
		now  time.Time
		want bool
	}{
		{"a new one waits for Friday", func(x *store.Subscription) { x.Created = at(13, 9) }, at(13, 10), false},
		{"and gets it then", func(x *store.Subscription) { x.Created = at(13, 9) }, at(14, 7), true},
		{"made on Friday at noon, it waits a week", func(x *store.Subscription) { x.Created = at(14, 11) }, at(14, 12), false},
		{"confirmed after Friday, too", func(x *store.Subscription) { x.ConsentAt = at(15, 9) }, at(15, 10), false},
		{"a week off is made up", func(x *store.Subscription) { x.LastDigest = at(7, 6).Add(30 * time.Minute) }, at(19, 9), true},
		{"once", func(x *store.Subscription) { x.LastDigest = at(14, 6).Add(30 * time.Minute) }, at(19, 9), false},
		{"instant ones get none", func(x *store.Subscription) { x.Often = store.Instant }, at(14, 7), false},
		{"both do", func(x *store.Subscription) { x.Often = store.Both }, at(14, 7), true},
		{"pending ones do not", func(x *store.Subscription) { x.State = store.StatePending }, at(14, 7), false},
		{"ended ones do not", func(x *store.Subscription) { x.State = store.StateEnded }, at(14, 7), false},
		{"a clock fifty years ahead does not silence for fifty years", func(x *store.Subscription) { x.LastDigest = at(14, 7).AddDate(50, 0, 0) }, at(14, 8), true},
		{"a clock set back an hour repeats nothing", func(x *store.Subscription) { x.LastDigest = at(14, 6).Add(30 * time.Minute) }, at(14, 6), false},
		{"nor one set back a week", func(x *store.Subscription) { x.LastDigest = at(14, 6).Add(30 * time.Minute) }, at(7, 7), false},
	} {
		x := weekly("x", "")
		tt.set(&x)
		if _, got := s.Due(x, tt.now); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// TestOldDigestCovers: after three weeks off one digest tells of all three.
func TestOldDigestCovers(t *testing.T) {
	m := newMemory()
	m.subscribe(weekly("all", ""))
	x, g := matcher(m), digester(t, m)
	due(t, g, day(7))
	for i := 8; i < 28; i += 5 {
		m.commit(day(i), change(fmt.Sprint(i), "awards"))
	}
	follow(t, x)
	m.deliveries = nil
	due(t, g, day(28))
	due(t, g, day(28))
	if d := cmp.Diff("all digest: week to 28 Aug\nawards: awards\nawards: awards\nawards: awards\nawards +1\nread 0 of 0", m.show()); d != "" {
		t.Error(d)
	}
}

func BenchmarkDigests(b *testing.B) {
	m := newMemory()
	for i := range 1000 {
		m.subscribe(weekly(fmt.Sprint(i), fmt.Sprintf("tenders OR dialysis%d", i)))
	}
	for i := range 100 {
		m.commit(day(3), change(fmt.Sprint(i), "tenders dialysis"))
	}
	follow(b, matcher(m))
	g := digester(b, m)
	now := day(7)
	for b.Loop() {
		m.deliveries = nil
		now = now.AddDate(0, 0, 7)
		if n := due(b, g, now); n != 1000 {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "digests/s")
}
