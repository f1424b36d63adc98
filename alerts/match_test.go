package alerts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

func day(n int) time.Time { return time.Date(2026, 8, n, 9, 0, 0, 0, time.UTC) }

// plain composes a letter as a list of what it tells of.
func plain(l Letter) (Message, error) {
	if strings.Contains(l.Subscription.Query, "unwritable") {
		return Message{}, errors.New("no words for it")
	}
	var b strings.Builder
	if l.Alert != nil {
		for _, t := range l.Alert.Things {
			fmt.Fprintf(&b, "[%s", t.Lead().Title)
			for _, f := range t.Findings {
				fmt.Fprintf(&b, " %s", f.Quote)
				if f.Page > 0 {
					fmt.Fprintf(&b, " p%d", f.Page)
				}
			}
			b.WriteString("]")
		}
		if l.Alert.More > 0 {
			fmt.Fprintf(&b, "+%d", l.Alert.More)
		}
		fmt.Fprintf(&b, " %s", l.Date.Format("2 Jan"))
	}
	if l.Digest != nil {
		b.WriteString(showDigest(l.Digest))
	}
	return Message{MessageID: "<" + l.ID + "@example.org>", Subject: "s", Raw: []byte(b.String())}, nil
}

func facts(f store.Finding) query.Facts {
	return query.Facts{
		Topics: []string{string(f.Topic)}, Kinds: []string{string(f.Kind)}, Tiers: []string{string(f.Tier)}, Sources: []string{f.Source},
		Bodies: []string{f.Body}, Areas: f.Areas, Stages: []string{f.Stage}, Committees: []string{f.Committee}, Threads: []string{f.Thread}, Text: f.Title + " " + f.Quote + " " + f.Text,
	}
}

// words judges a change by the words of its title: one finding a word that
// names a topic ("thrice": the first one on three pages), "likely" and "mention" lower the tier of all.
func words(_ context.Context, c store.Change, it store.Item) ([]store.Finding, error) {
	tier := store.TierCertain
	for _, t := range []store.Tier{store.TierLikely, store.TierMention} {
		if strings.Contains(c.Title, string(t)) {
			tier = t
		}
	}
	var fs []store.Finding
	for _, t := range Topics() {
		if strings.Contains(c.Title, string(t)) {
			fs = append(fs, store.Finding{
				ID: fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, c.Seq, t))), Source: c.Source, Key: c.Key, Kind: it.Kind, Topic: t, Tier: tier,
				What: c.What, Title: c.Title, Quote: string(t), URL: "https://example.org/" + c.Key,
			})
		}
	}
	if strings.Contains(c.Title, "thrice") && len(fs) > 0 { // the same words on three pages
		for page := 1; page <= 3; page++ {
			f := fs[0]
			f.Page, f.ID = page, fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, c.Seq, "page", page)))
			fs = append(fs, f)
		}
		fs = fs[1:]
	}
	return fs, nil
}

func matcher(m *memory) *Matcher {
	return &Matcher{Ledger: m, Outbox: m, Subscribers: m, Revision: m, Judge: words, Compose: plain, Facts: facts, Log: slog.New(slog.DiscardHandler)}
}

func follow(t testing.TB, m *Matcher) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = m.Step(context.Background(), day(30)); err != nil {
			t.Fatal(err)
		}
	}
}

func change(key, title string) store.Change {
	return store.Change{Source: "s", Key: key, Kind: store.KindNotice, Op: store.OpAdded, Title: title}
}

func sub(id, q string) store.Subscription {
	return store.Subscription{ID: id, Address: id + "@example.net", Query: q, Often: store.Instant, State: store.StateConfirmed, Created: day(1)}
}

// TestMatch: who is told what, commit by commit.
func TestMatch(t *testing.T) {
	m := newMemory()
	m.commit(day(2), change("old", "tenders known before the subscription late"))
	m.subscribe(sub("all", ""))
	m.subscribe(sub("dialysis", "dialysis"))
	m.subscribe(sub("tenders", "topic:tenders"))
	for _, s := range []struct {
		id  string
		set func(*store.Subscription)
	}{
		{"late", func(s *store.Subscription) { s.Since = 1 }},
		{"clock", func(s *store.Subscription) { s.Created = day(4) }}, // the log's number says yes, the clock no
		{"weekly", func(s *store.Subscription) { s.Often = store.Weekly }},
		{"both", func(s *store.Subscription) { s.Often = store.Both }},
		{"pending", func(s *store.Subscription) { s.State = store.StatePending }},
		{"ended", func(s *store.Subscription) { s.State = store.StateEnded }},
		{"broken", func(s *store.Subscription) { s.Query = "(" }},
		{"poison", func(s *store.Subscription) { s.Query = "-unwritable" }},
	} {
		x := sub(s.id, "")
		s.set(&x)
		m.subscribe(x)
	}
	silent := change("silent", "tenders silent dialysis")
	silent.Silent = true
	m.commit(day(3), silent)
	m.commit(day(3), change("a", "tenders outsourcing dialysis"), change("b", "meetings likely"), change("a", "tenders again"), silent, change("c", "tenders mention dialysis"))
	m.commit(day(5), change("d", "nothing to see"))
	m.commit(day(6), change("e", "awards"))
	follow(t, matcher(m))

	want := strings.Join([]string{
		"all alert: [awards awards] 6 Aug",
		"all alert: [tenders known before the subscription late tenders] 2 Aug",
		"all alert: [tenders outsourcing dialysis outsourcing tenders][meetings likely meetings] 3 Aug",
		"both alert: [awards awards] 6 Aug",
		"both alert: [tenders known before the subscription late tenders] 2 Aug",
		"both alert: [tenders outsourcing dialysis outsourcing tenders][meetings likely meetings] 3 Aug",
		"clock alert: [awards awards] 6 Aug",
		"dialysis alert: [tenders outsourcing dialysis outsourcing tenders] 3 Aug",
		"late alert: [awards awards] 6 Aug",
		"late alert: [tenders outsourcing dialysis outsourcing tenders][meetings likely meetings] 3 Aug",
		"tenders alert: [tenders known before the subscription late tenders] 2 Aug",
		"tenders alert: [tenders outsourcing dialysis tenders] 3 Aug",
	}, "\n")
	if d := cmp.Diff(want, m.show()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for _, f := range m.findings {
		if f.Key == "silent" && !f.Silent || f.Change == 0 || f.At.IsZero() {
			t.Errorf("finding %+v", f)
		}
	}
	if n := len(m.findings); n != 9 {
		t.Errorf("%d findings are stored", n)
	}
	if p := m.positions[Follower]; p != (store.Position{Seq: uint64(len(m.changes))}) {
		t.Errorf("place %+v", p)
	}
}

// town is a log with commits of all kinds, and subscriptions enough for
// several pages.
func town() *memory {
	m := newMemory()
	for i := range 23 {
		q := []string{"", "topic:tenders", "dialysis", "awards -tenders", "meetings OR papers"}[i%5]
		s := sub(fmt.Sprintf("%02d", i), q)
		if i%3 == 0 {
			s.Often = store.Both
		}
		m.subscribe(s)
	}
	m.commit(day(2), change("a", "tenders dialysis"))
	silent := change("s", "tenders")
	silent.Silent = true
	m.commit(day(3), silent, silent, silent)
	var big []store.Change
	for i := range 450 {
		big = append(big, change(fmt.Sprint("big", i), []string{"tenders awards thrice", "papers mention", "meetings outsourcing dialysis"}[i%3]))
	}
	m.commit(day(4), big...)
	m.commit(day(5), change("b", "awards"), silent, change("b", "papers"))
	return m
}

// TestPowerFailure cuts the power before and after every single transaction
// of a run, and goes on with a new Matcher: the deliveries are always the same,
// byte for byte.
func TestPowerFailure(t *testing.T) {
	for _, inMemory := range []bool{true, false} {
		whole := town()
		follow(t, small(whole, inMemory))
		want, n := whole.show(), 2*whole.writes
		if !strings.Contains(want, "+275") || n < 30 {
			t.Fatalf("the run is too simple: %d moments\n%s", n, want)
		}
		for at := range n {
			m := town()
			moment := 0
			m.cut = func() bool { moment++; return moment-1 == at }
			for tries := 0; ; tries++ {
				more, err := small(m, inMemory).Step(context.Background(), day(20+tries%5))
				if err != nil && !errors.Is(err, errPower) {
					t.Fatal(err)
				}
				if err == nil && !more {
					break
				}
			}
			if d := cmp.Diff(want, m.show()); d != "" {
				t.Fatalf("power cut at moment %d: -want +got:\n%s", at, d)
			}
			if len(m.findings) != len(whole.findings) {
				t.Fatalf("power cut at moment %d: %d findings instead of %d", at, len(m.findings), len(whole.findings))
			}
		}
	}
}

// small makes several transactions out of little, with room for few findings if
// they are not to be kept in memory.
func small(m *memory, inMemory bool) *Matcher {
	x := matcher(m)
	x.Batch = 4
	if !inMemory {
		x.keep = 10
	}
	return x
}

// TestFold: the order in which the findings of an item come makes no difference.
func TestFold(t *testing.T) {
	fs, err := words(t.Context(), change("a", "tenders awards papers thrice"), store.Item{})
	if err != nil || len(fs) != 5 {
		t.Fatal(fs, err)
	}
	fs[3].Tier = store.TierLikely
	var want []Thing
	r := rand.New(rand.NewPCG(1, 1))
	for range 100 {
		r.Shuffle(len(fs), func(i, j int) { fs[i], fs[j] = fs[j], fs[i] })
		f := newFolder(MaxThings)
		for _, x := range fs {
			f.add(x)
		}
		got := f.done()
		if want == nil {
			want = got
		}
		if d := cmp.Diff(want, got); d != "" || len(got) != 1 || got[0].Lead().Page != 1 {
			t.Fatalf("another order gives another letter:\n%s", d)
		}
	}
}

// TestBigCommit: a commit of thousands of changes is one alert a subscription,
// and is not held in memory.
func TestBigCommit(t *testing.T) {
	m := newMemory()
	m.subscribe(sub("all", ""))
	var big []store.Change
	for i := range 3000 {
		big = append(big, change(fmt.Sprint(i), "tenders"))
	}
	m.commit(day(2), big...)
	x := matcher(m)
	held := 0
	x.Facts = func(f store.Finding) query.Facts { held++; return facts(f) }
	follow(t, x)
	if len(m.deliveries) != 1 || !strings.HasSuffix(string(m.deliveries[0].Raw), "+2975 2 Aug") || len(m.deliveries[0].Findings) != MaxThings {
		t.Fatalf("%d deliveries: %s", len(m.deliveries), m.show())
	}
	if held <= 3000 {
		t.Errorf("findings were prepared %d times: all were kept", held)
	}
}

// TestNothingShared: two subscriptions' messages hold nothing of each other,
// and each has its own ids.
func TestNothingShared(t *testing.T) {
	m := newMemory()
	m.subscribe(sub("x", "alpha"))
	m.subscribe(sub("y", "beta"))
	m.commit(day(2), change("1", "tenders alpha"), change("2", "tenders beta"))
	follow(t, matcher(m))
	if d := cmp.Diff("x alert: [tenders alpha tenders] 2 Aug\ny alert: [tenders beta tenders] 2 Aug", m.show()); d != "" {
		t.Error(d)
	}
	a, b := m.deliveries[0], m.deliveries[1]
	if a.ID == b.ID || a.MessageID == b.MessageID || strings.Contains(a.ID+a.MessageID, "x@") {
		t.Errorf("%+v, %+v", a, b)
	}
}

// TestJudgeFails: what could not be judged now is judged later, not lost.
func TestJudgeFails(t *testing.T) {
	m := newMemory()
	m.subscribe(sub("x", ""))
	m.commit(day(2), change("1", "tenders"), change("2", "awards"))
	x := matcher(m)
	broken := true
	x.Judge = func(ctx context.Context, c store.Change, it store.Item) ([]store.Finding, error) {
		if c.Seq == 2 && broken {
			return nil, errors.New("the archive is away")
		}
		return words(ctx, c, it)
	}
	if _, err := x.Step(t.Context(), day(3)); err == nil || !strings.Contains(err.Error(), "judge change 2 (s 2)") {
		t.Fatal(err)
	}
	if len(m.findings)+len(m.deliveries) != 0 {
		t.Fatal("half a commit was told")
	}
	broken = false
	follow(t, x)
	if d := cmp.Diff("x alert: [tenders tenders][awards awards] 2 Aug", m.show()); d != "" {
		t.Error(d)
	}
}

// TestLogsHoldNoAddress: neither a query that cannot be read nor a letter that
// cannot be composed names its owner.
func TestLogsHoldNoAddress(t *testing.T) {
	m := newMemory()
	m.subscribe(sub("a", "("))
	m.subscribe(sub("b", "-unwritable"))
	m.commit(day(2), change("1", "tenders"))
	m.commit(day(2), change("2", "tenders"))
	var log bytes.Buffer
	x := matcher(m)
	x.Log = slog.New(slog.NewTextHandler(&log, nil))
	follow(t, x)
	if s := log.String(); strings.Contains(s, "@") || strings.Count(s, "cannot be read") != 1 || strings.Count(s, "cannot be composed") != 2 {
		t.Error(s)
	}
}

// TestQueryKnowsEveryTopic holds the two lists together: the language may not
// import the nouns.
func TestQueryKnowsEveryTopic(t *testing.T) {
	for _, topic := range Topics() {
		if _, err := query.Parse("topic:" + string(topic)); err != nil {
			t.Error(err)
		}
	}
	for _, k := range []store.Kind{store.KindNotice, store.KindMeeting, store.KindPaper, store.KindRequest, store.KindPage} {
		if _, err := query.Parse("kind:" + string(k)); err != nil {
			t.Error(err)
		}
	}
	for _, tier := range []store.Tier{store.TierCertain, store.TierLikely, store.TierMention} {
		if _, err := query.Parse("tier:" + string(tier)); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkMatch is one commit of one change against many subscriptions.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m := newMemory()
			subs := &still{memory: m, stamp: 1}
			for i := range n {
				id := fmt.Sprintf("%06d", i)
				m.subs[id] = sub(id, fmt.Sprintf(`topic:tenders area:area-%d (dialysis OR "end of life %d")`, i%300, i%5000))
				m.ids, subs.all = append(m.ids, id), append(subs.all, m.subs[id])
			}
			x := matcher(m)
			x.Subscribers = subs
			x.Facts = func(f store.Finding) query.Facts { f.Areas = []string{"area-7"}; return facts(f) }
			step := func() {
				m.commit(day(2), change(fmt.Sprint(len(m.changes)), "tenders dialysis"))
				m.deliveries = nil
				if _, err := x.Step(b.Context(), day(3)); err != nil {
					b.Fatal(err)
				}
			}
			step() // parses the queries, which later steps have at hand
			for b.Loop() {
				step()
			}
			if len(m.deliveries) == 0 {
				b.Fatal("nobody was told")
			}
		})
	}
}
