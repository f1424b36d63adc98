package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// lateMail is a postman that puts old alerts together, over alerts about
// changes of the given days for s0 and s1, still queued.
func lateMail(t *testing.T, days ...int) (*memory, *relay, *Postman) {
	t.Helper()
	m, r := newMemory(), &relay{}
	for _, id := range []string{"s0", "s1"} {
		s := sub(id, "")
		s.Created, s.ConsentAt = day(1), day(1)
		m.subscribe(s)
	}
	for _, n := range days {
		m.commit(day(n), change(fmt.Sprint(n), fmt.Sprint("tenders ", n)))
		if _, err := matcher(m).Step(t.Context(), day(n)); err != nil {
			t.Fatal(err)
		}
	}
	p := postman(m, r)
	p.Backlog, p.Compose, p.Batch = m, plain, 50
	return m, r, p
}

// bodies are what the relay took, without ids.
func bodies(r *relay) []string {
	var out []string
	for _, x := range r.took {
		to, rest, _ := strings.Cut(x, "@")
		_, body, _ := strings.Cut(rest, " ")
		_, body, _ = strings.Cut(body, " ")
		out = append(out, to+" "+body)
	}
	return out
}

// TestOldAlertsBecomeOne: what has waited for three days goes as one message,
// what is younger, or was in doubt, by itself.
func TestOldAlertsBecomeOne(t *testing.T) {
	m, r, p := lateMail(t, 2, 3, 4, 8)
	for i := range m.deliveries {
		if d := &m.deliveries[i]; d.Subscription == "s1" && d.Created.Equal(day(3)) {
			d.Doubts = 1
		}
	}
	if got := deliver(t, p, day(8)); got != "5 sent, 0 failed" {
		t.Error(got)
	}
	got := bodies(r)
	slices.Sort(got)
	want := []string{
		"s0 [tenders 2 tenders][tenders 3 tenders][tenders 4 tenders] 8 Aug", "s0 [tenders 8 tenders] 8 Aug",
		"s1 [tenders 2 tenders][tenders 4 tenders] 8 Aug", "s1 [tenders 3 tenders] 3 Aug", "s1 [tenders 8 tenders] 8 Aug",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, d := range m.deliveries {
		if (d.State == store.Folded) != (d.Carried != "") || d.State != store.Folded && d.State != store.Sent {
			t.Errorf("%s of %s is %s, carried by %q", d.ID, d.Created, d.State, d.Carried)
		}
		if len(d.Carries) > 0 && (!d.Created.Equal(day(2)) || len(d.Findings) != len(d.Carries)) {
			t.Errorf("what took their place is as old as %s, with %d findings of %d", d.Created, len(d.Findings), len(d.Carries))
		}
	}
}

// TestOldAlertsWhileTheRelayIsAway: each look at a relay that stays away costs
// one folding at most, and what was folded is folded again with what grew old.
func TestOldAlertsWhileTheRelayIsAway(t *testing.T) {
	m, r, p := lateMail(t, 4, 4, 5)
	away := true
	r.fail = func(int, string) error {
		if away {
			return ErrAway
		}
		return nil
	}
	for now := day(5); now.Before(day(8).Add(-time.Hour)); now = now.Add(30 * time.Minute) {
		deliver(t, p, now)
	}
	if n := len(m.deliveries); n < 7 || n > 6+2 {
		t.Errorf("%d rows", n)
	}
	away = false
	deliver(t, p, day(8).Add(2*time.Hour))
	got := bodies(r)
	slices.Sort(got)
	want := []string{
		"s0 [tenders 4 tenders][tenders 5 tenders]", "s1 [tenders 4 tenders][tenders 5 tenders]",
	}
	for i := range got {
		got[i], _, _ = strings.Cut(got[i], " 8 Aug")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestFoldingPowerFailure cuts the power around every transaction: each thing
// is told once, or twice in the same bytes.
func TestFoldingPowerFailure(t *testing.T) {
	whole, _, p := lateMail(t, 2, 3, 4)
	before := whole.writes
	deliver(t, p, day(9))
	for at := range 2 * (whole.writes - before) {
		m, r, p := lateMail(t, 2, 3, 4)
		moment := 0
		m.cut = func() bool { moment++; return moment-1 == at }
		now := day(9)
		for range 4 {
			q := postman(m, r) // a process that starts again
			q.Backlog, q.Compose, q.Batch = p.Backlog, p.Compose, p.Batch
			if _, _, err := q.Deliver(context.Background(), now); err != nil && !errors.Is(err, errPower) {
				t.Fatal(err)
			}
			now = now.Add(2 * time.Hour)
		}
		count := map[string]int{}
		for _, x := range r.took {
			count[x]++
		}
		if len(count) != 2 || len(r.took) > 3 {
			t.Errorf("power cut at moment %d: %q", at, r.took)
		}
		for _, d := range m.deliveries {
			if d.State != store.Sent && d.State != store.Folded {
				t.Errorf("power cut at moment %d: %s is %s", at, d.ID, d.State)
			}
		}
	}
}

// TestOldAlertsThatCannotBeComposed go one by one, in the bytes they have.
func TestOldAlertsThatCannotBeComposed(t *testing.T) {
	_, r, p := lateMail(t, 2, 3)
	p.Compose = func(Letter) (Message, error) { return Message{}, errors.New("no words for it") }
	if got := deliver(t, p, day(8)); got != "4 sent, 0 failed" || len(r.took) != 4 {
		t.Error(got, r.took)
	}
}

// TestQuota: an hour and a day have so many messages and no more, whatever
// process asks, and none is lost over it.
func TestQuota(t *testing.T) {
	m, r := newMemory(), &relay{}
	queue(m, day(2), 40)
	fresh := func() *Postman {
		p := postman(m, r)
		p.Backlog, p.PerHour, p.PerDay, p.Batch = m, 5, 12, 50
		return p
	}
	p := fresh()
	byHour := map[int]int{}
	for i := range 5 * 24 * 4 {
		now := day(2).Add(time.Duration(i) * 15 * time.Minute)
		if i%3 == 0 {
			p = fresh()
		}
		n := len(r.took)
		deliver(t, p, now)
		byHour[i/4] += len(r.took) - n
	}
	if len(r.took) != 40 {
		t.Errorf("%d of 40 messages went", len(r.took))
	}
	for h := range 5 * 24 {
		day := 0
		for i := h; i < h+24; i++ {
			day += byHour[i]
		}
		if byHour[h] > 5 || day > 12 {
			t.Errorf("hour %d had %d messages, the day from it %d", h, byHour[h], day)
		}
	}
	if byHour[0] != 5 || byHour[1] != 5 || byHour[2] != 1 { // of 12 a day 1 is kept for service mail
		t.Errorf("the first hours had %d, %d and %d messages: it waits longer than it must", byHour[0], byHour[1], byHour[2])
	}
}

// TestQuotaCountsWhatIsInDoubt: a message that may have come counts.
func TestQuotaCountsWhatIsInDoubt(t *testing.T) {
	m, r := newMemory(), &relay{}
	queue(m, day(2), 6)
	r.fail = func(n int, _ string) error {
		if n == 0 {
			return ErrUncertain
		}
		return nil
	}
	for i := range 3 {
		p := postman(m, r)
		p.Backlog, p.PerHour = m, 2
		deliver(t, p, day(2).Add(time.Duration(i)*5*time.Minute))
	}
	if len(r.took) != 1 { // and one that may have come
		t.Errorf("%d messages beside one in doubt", len(r.took))
	}
}

// TestQuotaOfAnAddress: whoever has had ten mails in a day waits for further
// alerts; other addresses, and their own digest, do not wait.
func TestQuotaOfAnAddress(t *testing.T) {
	m, r := newMemory(), &relay{}
	for i, address := range []string{"ann@example.net", "Ann@example.net", "bob@example.net"} {
		s := sub(fmt.Sprint("s", i), "")
		s.Address = address
		m.subscribe(s)
	}
	for i := range 24 {
		m.put(store.Delivery{ID: fmt.Sprint("d", i), Subscription: fmt.Sprint("s", i%2), Kind: KindAlert, Raw: []byte("x"), State: store.Queued, Created: day(2), Due: day(2)})
	}
	m.put(store.Delivery{ID: "digest", Subscription: "s0", Kind: KindDigest, Raw: []byte("x"), State: store.Queued, Created: day(2), Due: day(2)})
	m.put(store.Delivery{ID: "his", Subscription: "s2", Kind: KindAlert, Raw: []byte("x"), State: store.Queued, Created: day(2), Due: day(2)})
	var got []int
	for i := range 4 {
		p := postman(m, r)
		p.Backlog, p.PerAddress, p.Batch = m, 10, 7
		deliver(t, p, day(2).Add(time.Duration(i)*12*time.Hour+time.Duration(i)*time.Minute))
		got = append(got, len(r.took))
	}
	if d := cmp.Diff([]int{12, 12, 22, 22}, got); d != "" {
		t.Errorf("12 with his and the digest, then ten a day: %s", d)
	}
	for _, d := range m.deliveries {
		if d.Attempts > 1 || d.State == store.Failed {
			t.Errorf("%s: waiting is no attempt: %+v", d.ID, d)
		}
	}
}

// TestLostNewsIsInTheDigest: what a message did not bring for certain is in the
// next digest, once, also for one who wants alerts alone; what nobody can be
// brought, or came after all, is not.
func TestLostNewsIsInTheDigest(t *testing.T) {
	m := newMemory()
	for _, s := range []store.Subscription{sub("instant", ""), sub("fine", ""), sub("gone", ""), weekly("weekly", "tenders"), sub("both", "")} {
		s.Created, s.ConsentAt = day(1), day(1)
		if s.ID == "both" {
			s.Often = store.Both
		}
		m.subscribe(s)
	}
	x, g := matcher(m), digester(t, m)
	due(t, g, day(2)) // the slot of 31 July is looked at: nobody is owed anything
	m.commit(day(3), change("1", "tenders one"), change("2", "awards two"))
	follow(t, x)
	end := func(of string, state store.DeliveryState, failure string) {
		for i := range m.deliveries {
			if d := &m.deliveries[i]; d.Subscription == of && d.State == store.Queued {
				d.State, d.Failure, d.More = state, failure, 3
			}
		}
	}
	end("instant", store.Uncertain, "")
	end("both", store.Failed, store.FailedSoft)
	end("gone", store.Failed, store.FailedHard)
	end("fine", store.Sent, "")
	shown := func(now time.Time) string {
		t.Helper()
		n := len(m.deliveries)
		due(t, g, now)
		var out []string
		for _, d := range m.deliveries[n:] {
			out = append(out, d.Subscription+": "+strings.ReplaceAll(string(d.Raw), "\n", "; ")+fmt.Sprint(" carries ", len(d.Carries)))
		}
		slices.Sort(out)
		return strings.Join(out, "\n")
	}
	if got := shown(day(5)); got != "" {
		t.Errorf("on Wednesday: %s", got)
	}
	want := strings.Join([]string{
		"both: week to 7 Aug; tenders: tenders one; awards: awards two; undelivered +3; read 0 of 0 carries 1",
		"instant: week to 7 Aug; undelivered: tenders one; undelivered: awards two; undelivered +3; read 0 of 0 carries 1",
		"weekly: week to 7 Aug; tenders: tenders one; read 0 of 0 carries 0",
	}, "\n")
	if d := cmp.Diff(want, shown(day(7))); d != "" {
		t.Error(d)
	}
	// The digest of the weekly one expires, the one of "instant" is lost again.
	end("weekly", store.Failed, store.FailedExpired)
	end("instant", store.Failed, store.FailedRefused)
	end("both", store.Sent, "")
	want = strings.Join([]string{
		"both: week to 14 Aug; all quiet; read 0 of 0 carries 0",
		"instant: week to 14 Aug; undelivered: tenders one; undelivered: awards two; undelivered +3; read 0 of 0 carries 1",
		"weekly: week to 14 Aug; undelivered: tenders one; undelivered +3; read 0 of 0 carries 1",
	}, "\n")
	if d := cmp.Diff(want, shown(day(14))); d != "" {
		t.Error(d)
	}
	end("weekly", store.Sent, "")
	end("instant", store.Sent, "")
	end("both", store.Sent, "")
	want = "both: week to 21 Aug; all quiet; read 0 of 0 carries 0\nweekly: week to 21 Aug; all quiet; read 0 of 0 carries 0"
	if d := cmp.Diff(want, shown(day(21))); d != "" {
		t.Error(d)
	}
}

// TestLostNewsPowerFailure cuts the power around every transaction.
func TestLostNewsPowerFailure(t *testing.T) {
	run := func(at int) *memory {
		m := newMemory()
		for _, s := range []store.Subscription{sub("a", ""), sub("b", ""), weekly("c", "")} {
			s.Created, s.ConsentAt = day(1), day(1)
			m.subscribe(s)
		}
		m.commit(day(3), change("1", "tenders one"))
		follow(t, matcher(m))
		for i := range m.deliveries {
			m.deliveries[i].State = store.Uncertain
		}
		moment := 0
		m.cut = func() bool { moment++; return moment-1 == at }
		for _, now := range []int{7, 8} {
			for err := errPower; err != nil; {
				if _, err = digester(t, m).DueDigests(context.Background(), day(now)); err != nil && !errors.Is(err, errPower) {
					t.Fatal(err)
				}
			}
		}
		return m
	}
	whole := run(-1)
	if len(whole.deliveries) != 5 {
		t.Fatalf("%d rows: %s", len(whole.deliveries), whole.show())
	}
	for at := range 2 * whole.writes {
		if d := cmp.Diff(whole.show(), run(at).show()); d != "" {
			t.Fatalf("power cut at moment %d: -want +got:\n%s", at, d)
		}
	}
}

// TestLostForEver: an address that refuses every mail is not told for ever of
// what was found long ago.
func TestLostForEver(t *testing.T) {
	m := newMemory()
	s := sub("a", "")
	s.Created, s.ConsentAt = day(1), day(1)
	m.subscribe(s)
	m.commit(day(3), change("1", "tenders one"))
	follow(t, matcher(m))
	g := digester(t, m)
	n := 0
	for now := day(4); now.Before(day(4).AddDate(0, 6, 0)); now = now.Add(12 * time.Hour) {
		for i := range m.deliveries {
			if m.deliveries[i].State == store.Queued {
				m.deliveries[i].State, m.deliveries[i].Failure = store.Failed, store.FailedSoft
			}
		}
		n += due(t, g, now)
	}
	if n < 4 || n > 6 {
		t.Errorf("told %d times", n)
	}
}
