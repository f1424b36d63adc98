package alerts

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// together composes a digest as its parts, each under its subscription.
func together(l Letter) (Message, error) {
	if l.Digest == nil || len(l.Others) == 0 {
		return plain(l)
	}
	var b strings.Builder
	for _, p := range append([]Part{{l.Subscription, l.Digest}}, l.Others...) {
		fmt.Fprintf(&b, "%s: %s", p.Subscription.ID, showDigest(p.Digest))
		if p.Digest.Shared > 0 {
			fmt.Fprintf(&b, "\nshared %d", p.Digest.Shared)
		}
		b.WriteString("\n")
	}
	return Message{MessageID: "<" + l.ID + "@example.org>", Subject: "s", Raw: []byte(b.String())}, nil
}

func ofAnn(id, q, often string) store.Subscription {
	s := sub(id, q)
	s.Address, s.Often = "Ann@example.net", often
	if id > "a2" {
		s.Address = "ann@example.net" // the same person
	}
	return s
}

func people(t testing.TB, m *memory) (*Matcher, *Digester) {
	t.Helper()
	x, g := matcher(m), digester(t, m)
	x.Of, g.Of, g.Compose = m.of, m.of, together
	return x, g
}

// TestOneMailForAllDigestsOfAPerson: a section for each subscription, each
// item once.
func TestOneMailForAllDigestsOfAPerson(t *testing.T) {
	m := newMemory()
	m.subscribe(ofAnn("a1", "topic:tenders", store.Weekly))
	m.subscribe(ofAnn("a2", "dialysis", store.Both))
	m.subscribe(ofAnn("a3", "hospice", store.Daily))
	m.subscribe(weekly("bob", "dialysis"))
	x, g := people(t, m)
	m.commit(day(13), change("1", "tenders for dialysis"), change("2", "papers on dialysis"), change("3", "tenders for beds"))
	follow(t, x)
	friday := time.Date(2026, 8, 14, 6, 30, 0, 0, time.UTC)
	if n := due(t, g, friday); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
	var got []string
	for _, d := range m.deliveries {
		if d.Kind == KindDigest {
			got = append(got, fmt.Sprintf("to %s %d\n%s", d.Subscription, len(d.Periods), d.Raw))
		}
	}
	want := []string{`to a1 2
a1: week to 14 Aug
tenders: tenders for dialysis
tenders: tenders for beds
read 0 of 0
a2: week to 14 Aug
papers: papers on dialysis
read 0 of 0
shared 1
`, `to bob 0
week to 14 Aug
tenders: tenders for dialysis
papers: papers on dialysis
read 0 of 0`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, id := range []string{"a1", "a2", "a3"} { // the quiet day of a3 is over, too
		if at := m.subs[id].LastDigest; !at.Equal(friday) {
			t.Errorf("%s is told up to %s", id, at)
		}
	}
	for range 3 {
		if n := due(t, g, friday.Add(time.Hour)); n != 0 {
			t.Errorf("%d messages again", n)
		}
	}
}

// TestManySubscriptionsOfOnePerson: more than fit into one message.
func TestManySubscriptionsOfOnePerson(t *testing.T) {
	m := newMemory()
	for i := range 12 {
		m.subscribe(ofAnn(fmt.Sprintf("a%02d", i), fmt.Sprintf("word%d", i%6), store.Weekly))
	}
	x, g := people(t, m)
	for i := range 6 {
		m.commit(day(13), change(fmt.Sprint(i), fmt.Sprintf("tenders word%d", i)))
	}
	follow(t, x)
	if n := due(t, g, day(14)); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
	told := 0
	for _, d := range m.deliveries {
		told += len(d.Findings)
		if n := len(d.Periods); n > maxTogether {
			t.Errorf("%d subscriptions in one message", n)
		}
	}
	if told != 6 {
		t.Errorf("6 items are told %d times", told)
	}
	if n := due(t, g, day(14)); n != 0 {
		t.Errorf("%d messages again", n)
	}
}

// TestTooLongTogether: a message that would be too long is made as two.
func TestTooLongTogether(t *testing.T) {
	m := newMemory()
	for i := range 4 {
		m.subscribe(ofAnn(fmt.Sprintf("a%d", i), "", store.Weekly))
	}
	_, g := people(t, m)
	g.Compose = func(l Letter) (Message, error) {
		return Message{Raw: []byte(strings.Repeat("x", (1+len(l.Others))*40<<10))}, nil
	}
	if n := due(t, g, day(14)); n != 2 {
		t.Errorf("%d messages, want 2 of two", n)
	}
}

// TestDaily: a digest on each day with something to tell, at the hour of the
// wall, across the night on which the clocks change; nothing on a quiet day.
func TestDaily(t *testing.T) {
	m := newMemory()
	s := ofAnn("a1", "", store.Daily)
	s.Created = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	m.subscribe(s)
	x, g := people(t, m)
	london := zone(t)
	at := func(d, h, min int) time.Time { return time.Date(2026, 10, d, h, min, 0, 0, london) }
	m.items["s\x00m"] = meetingItem("m", "cabinet", at(27, 18, 0))
	var got []string
	for now := at(22, 7, 0); now.Before(at(29, 12, 0)); now = now.Add(15 * time.Minute) {
		switch now.In(london).Format("2 15:04") {
		case "22 09:00", "24 23:00", "25 01:30", "25 07:15", "28 00:15": // on the 25th there is one 01:30 too many
			m.commit(now, change(now.String(), "tenders of "+now.In(london).Format("2 15:04 MST")))
		}
		follow(t, x)
		n := len(m.deliveries)
		if due(t, g, now); len(m.deliveries) > n {
			got = append(got, now.In(london).Format("2 15:04 MST")+" "+string(m.deliveries[n].Raw))
		}
	}
	want := []string{
		"23 07:30 BST week to 23 Oct\ntenders: tenders of 22 09:00 BST\nread 0 of 0",
		"25 07:30 GMT week to 25 Oct\ntenders: tenders of 24 23:00 BST\ntenders: tenders of 25 01:30 BST\ntenders: tenders of 25 01:30 GMT\ntenders: tenders of 25 07:15 GMT\nread 0 of 0",
		"26 07:30 GMT week to 26 Oct\nmeeting 27 Oct cabinet\nread 0 of 0",
		"28 07:30 GMT week to 28 Oct\ntenders: tenders of 28 00:15 GMT\nread 0 of 0",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestDailyAfterAnOutage: one digest makes up for all that was missed, once,
// also when the clock is set back afterwards.
func TestDailyAfterAnOutage(t *testing.T) {
	m := newMemory()
	m.subscribe(ofAnn("a1", "", store.Daily))
	x, g := people(t, m)
	due(t, g, day(10))
	for i := 10; i < 15; i++ {
		m.commit(day(i).Add(time.Hour), change(fmt.Sprint(i), fmt.Sprint("tenders ", i)))
	}
	follow(t, x)
	for _, now := range []time.Time{day(16).Add(3 * time.Hour), day(16).Add(2 * time.Hour), day(15), day(14), day(16).Add(5 * time.Hour)} {
		due(t, g, now)
	}
	if d := cmp.Diff("a1 digest: week to 16 Aug\ntenders: tenders 10\ntenders: tenders 11\ntenders: tenders 12\ntenders: tenders 13\ntenders: tenders 14\nread 0 of 0", m.show()); d != "" {
		t.Error(d)
	}
}

// TestFromWeeklyToDailyAndBack: nothing is lost or told twice when somebody
// changes how often they hear.
func TestFromWeeklyToDailyAndBack(t *testing.T) {
	m := newMemory()
	m.subscribe(ofAnn("a1", "", store.Weekly))
	x, g := people(t, m)
	told := map[string]int{}
	for i := 1; i < 30; i++ {
		s := m.subs["a1"]
		switch i {
		case 11:
			s.Often = store.Daily
		case 20:
			s.Often = store.Weekly
		}
		m.subs["a1"] = s
		m.commit(day(i).Add(-time.Hour), change(fmt.Sprint(i), fmt.Sprint("tenders ", i)))
		follow(t, x)
		due(t, g, day(i))
	}
	for _, d := range m.deliveries {
		for _, f := range d.Findings {
			told[f]++
		}
	}
	for id, n := range told {
		if n != 1 {
			t.Errorf("%s was told %d times", id, n)
		}
	}
	// Of a week three are shown and the rest is counted; of a day all: the first
	// week, then a day at a time from the 8th to the 19th, then two weeks.
	if len(told) < 12 {
		t.Errorf("%d of 29 were told by name", len(told))
	}
}

// TestOneItemOnceAtOnce: what fits several subscriptions of a person is in one
// of their alerts of a commit.
func TestOneItemOnceAtOnce(t *testing.T) {
	m := newMemory()
	m.subscribe(ofAnn("a1", "topic:tenders", store.Instant))
	m.subscribe(ofAnn("a2", "dialysis", store.Both))
	m.subscribe(ofAnn("a3", "dialysis", store.Instant))
	m.subscribe(sub("bob", "dialysis"))
	x, _ := people(t, m)
	m.commit(day(2), change("1", "tenders for dialysis"), change("2", "papers on dialysis"))
	m.commit(day(3), change("3", "tenders for dialysis thrice"))
	follow(t, x)
	want := strings.Join([]string{
		"a1 alert: [tenders for dialysis tenders] 2 Aug",
		"a1 alert: [tenders for dialysis thrice tenders p1 tenders p2 tenders p3] 3 Aug",
		"a2 alert: [papers on dialysis papers] 2 Aug",
		"bob alert: [tenders for dialysis tenders][papers on dialysis papers] 2 Aug",
		"bob alert: [tenders for dialysis thrice tenders p1 tenders p2 tenders p3] 3 Aug",
	}, "\n")
	if d := cmp.Diff(want, m.show()); d != "" {
		t.Error(d)
	}
}

// TestOneItemOncePowerFailure: wherever the matching is cut, it comes out the same.
func TestOneItemOncePowerFailure(t *testing.T) {
	run := func(cut func() bool) *memory {
		m := newMemory()
		for i := range 9 {
			m.subscribe(ofAnn(fmt.Sprintf("a%d", i), []string{"topic:tenders", "dialysis", ""}[i%3], store.Instant))
		}
		m.commit(day(2), change("1", "tenders for dialysis"), change("2", "papers on dialysis"), change("3", "foi likely"))
		m.cut = cut
		for more := true; more; {
			x, _ := people(t, m)
			x.Batch = 2
			var err error
			if more, err = x.Step(context.Background(), day(2)); err != nil {
				more = true
			}
		}
		return m
	}
	whole := run(nil)
	want := whole.show()
	if n := strings.Count(want, "[tenders for dialysis"); n != 1 {
		t.Errorf("one item is told %d times:\n%s", n, want)
	}
	for at := range 2 * whole.writes {
		moment := 0
		if d := cmp.Diff(want, run(func() bool { moment++; return moment-1 == at }).show()); d != "" {
			t.Fatalf("cut at moment %d: %s", at, d)
		}
	}
}

// TestTheOneThatSpokeForOthersEnds: what its stopped alert told is in the next
// digest of those it spoke for, as far as they asked for it.
func TestTheOneThatSpokeForOthersEnds(t *testing.T) {
	m := newMemory()
	m.subscribe(ofAnn("a1", "", store.Instant))
	m.subscribe(ofAnn("a2", "dialysis", store.Instant))
	x, g := people(t, m)
	m.commit(day(2), change("1", "tenders for dialysis"), change("2", "papers on beds"))
	follow(t, x)
	if len(m.deliveries) != 1 {
		t.Fatalf("want one alert:\n%s", m.show())
	}
	if err := m.End(context.Background(), "a1", day(3)); err != nil {
		t.Fatal(err)
	}
	due(t, g, day(8))
	want := "a1 alert: [tenders for dialysis tenders][papers on beds papers] 2 Aug\na2 digest: week to 7 Aug\nundelivered: tenders for dialysis\nread 0 of 0"
	if d := cmp.Diff(want, m.show()); d != "" {
		t.Error(d)
	}
}
