package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

type because struct{ reason store.Reason }

func (b because) Error() string     { return string(b.reason) }
func (b because) Why() store.Reason { return b.reason }

// lived makes a health out of a story: a word a visit, one a day. "ok" is a
// complete visit, "news" one that brought some, a reason in words a failure,
// "m30,d40" one that showed so many meetings and documents, "n20" a feed's day
// with so many notices. "*5" behind a word repeats it.
func lived(t *testing.T, story string) (store.Health, time.Time) {
	t.Helper()
	h, now := store.Health{Source: "s"}, monday
	for _, word := range strings.Fields(story) {
		times := 1
		if w, n, ok := strings.Cut(word, "*"); ok {
			word = w
			if _, err := fmt.Sscan(n, &times); err != nil {
				t.Fatal(err)
			}
		}
		for range times {
			h = livedDay(t, h, now, word)
			now = now.AddDate(0, 0, 1)
		}
	}
	return h, now.AddDate(0, 0, -1)
}

func livedDay(t *testing.T, h store.Health, now time.Time, word string) store.Health {
	t.Helper()
	tally := store.Tally{At: now, Day: now.Format(time.DateOnly), Whole: true, Seen: map[string]int{}}
	switch {
	case word == "-":
		return h
	case word == "ok":
	case word == "news":
		tally.News = 1
	case word == "replaced":
		tally.Replaced = &store.HeldError{Absent: 9, Of: 12}
	case strings.ContainsAny(word, "0123456789") && word[0] == 'n':
		tally.Whole = false
		if _, err := fmt.Sscanf(word, "n%d", &tally.News); err != nil {
			t.Fatal(err)
		}
	case strings.ContainsAny(word, "0123456789"):
		var m, d int
		if _, err := fmt.Sscanf(word, "m%d,d%d", &m, &d); err != nil {
			t.Fatal(err)
		}
		tally.Seen = map[string]int{"meeting": m, store.TallyFull: m, store.TallyDocuments: d}
	default:
		return store.NextHealth(h, now, nil, because{store.Reason(strings.ReplaceAll(word, "_", " "))}, nil, 1)
	}
	return store.NextHealth(h, now, nil, nil, nil, 1).Heard(h, tally)
}

func TestCondition(t *testing.T) {
	for _, c := range []struct {
		name, story string
		later       int // days after the last visit
		want        store.Condition
	}{
		{"not visited", "", 0, store.Never},
		{"read", "ok", 0, store.OK},
		{"no network", "ok network", 0, store.Unreachable},
		{"errors of its own", "ok server", 0, store.Unreachable},
		{"wants to be left alone", "ok busy", 0, store.Unreachable},
		{"does not end", "ok stalled", 0, store.Unreachable},
		{"a challenge", "ok refused", 0, store.Blocked},
		{"robots", "ok robots", 0, store.Blocked},
		{"an inner address", "ok blocked", 0, store.Blocked},
		{"another layout, once", "ok format", 0, store.Suspect},
		{"another layout, three times", "ok format*3", 0, store.Broken},
		{"another layout, for a day", "ok format", 1, store.Broken},
		{"empty", "ok empty", 0, store.Suspect},
		{"empty for days", "ok empty*3", 0, store.Broken},
		{"held back", "ok shrunk", 0, store.Suspect},
		{"half a page", "ok truncated*3", 0, store.Broken},
		{"gone", "ok missing*3", 0, store.Broken},
		{"back again", "ok format*5 ok", 0, store.OK},
		{"replaced at once", "ok replaced", 0, store.Suspect},
		{"replaced a week ago", "ok replaced ok*7", 0, store.OK},

		{"papers as ever", "m30,d100*5 m30,d95", 0, store.OK},
		{"meetings steady, papers fall by 93 %", "m30,d100*5 m30,d7", 0, store.Suspect},
		{"and stay away", "m30,d100*5 m30,d7*20", 0, store.Suspect},
		{"until that is how it is", "m30,d100*5 m30,d7*35", 0, store.OK},
		{"and come back", "m30,d100*5 m30,d7*3 m30,d98", 0, store.OK},
		{"papers fall with the meetings of the recess", "m30,d100*5 m8,d6", 0, store.Suspect}, // the meetings fall
		{"fewer details, fewer papers", "m20,d90*5 m9,d9", 0, store.OK},
		{"meetings fall by two thirds", "m30,d0*5 m10,d0", 0, store.Suspect},
		{"a short list says little", "m8,d6*5 m2,d0", 0, store.OK},
		{"two visits are no rhythm", "m30,d100*2 m30,d0", 0, store.OK},
		{"a slow decline is no fall", "m30,d100*5 m28,d90*5 m25,d80*5 m22,d70*5", 0, store.OK},

		{"news as ever", "news*5", 3, store.OK},
		{"quiet", "news*5", 22, store.Quiet},
		{"news every ten days, a month ago", "news -*9 news -*9 news -*9 news", 30, store.OK},
		{"news every ten days, long ago", "news -*9 news -*9 news -*9 news", 45, store.Quiet},
		{"never had any", "ok*40", 0, store.OK},
		{"quiet and failing is failing", "news*5 -*30 refused", 0, store.Blocked},

		// monday is a Monday; weekends bring little.
		{"a feed as ever", "n50*5 n2*2 n48*5 n1*2 n52*5 n3*2 n45*5", 0, store.OK},
		{"a feed gone dry", "n50*5 n2*2 n48*5 n1*2 n52*5 n3*2 n0*4", 0, store.Suspect},
		{"a bank holiday or two", "n50*5 n2*2 n48*5 n1*2 n52*5 n3*2 n0*2 n50", 0, store.OK},
		{"a feed that never brought much", "n3*5 n0*2 n4*5 n0*2 n3*5 n0*9", 0, store.OK},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, now := lived(t, c.story)
			if got := h.Condition(now.AddDate(0, 0, c.later)); got != c.want {
				t.Errorf("%s, want %s: %+v", got, c.want, h)
			}
		})
	}
}

// A fall keeps the date of its first day.
func TestFallIsDated(t *testing.T) {
	h, now := lived(t, "m30,d100*5 m30,d7*4")
	if len(h.Problems) != 1 || !h.Problems[0].Since.Equal(now.AddDate(0, 0, -3)) || !strings.Contains(h.Problems[0].Detail, "7 where there are usually 100") {
		t.Errorf("%+v", h.Problems)
	}
}

// An hourly visit does not teach more than a daily one.
func TestRhythmIsLearnedByTheDay(t *testing.T) {
	h := store.Health{}
	for i := range 48 {
		at := monday.Add(time.Duration(i) * time.Hour)
		h = store.NextHealth(h, at, nil, nil, nil, 1).Heard(h, store.Tally{At: at, Day: "d", Whole: true, Seen: map[string]int{"paper": 20}})
	}
	if h.Rhythm.Lessons != 3 {
		t.Errorf("%d lessons in two days", h.Rhythm.Lessons)
	}
}

func TestOurs(t *testing.T) {
	site := func(s string) string { return s[:1] } // a1 and a2 share a site
	h := func(source string, minutes int, why store.Reason) store.Health {
		at := monday.Add(time.Duration(minutes) * time.Minute)
		if why == "" {
			return store.NextHealth(store.Health{Source: source}, at, nil, nil, nil, 1)
		}
		return store.NextHealth(store.Health{Source: source}, at, nil, because{why}, nil, 1)
	}
	for name, c := range map[string]struct {
		all  []store.Health
		want bool
	}{
		"nobody":                            {nil, false},
		"one alone":                         {[]store.Health{h("a1", 0, store.ReasonNetwork)}, false},
		"two of one site":                   {[]store.Health{h("a1", 0, store.ReasonNetwork), h("a2", 5, store.ReasonNetwork)}, false},
		"two sites":                         {[]store.Health{h("a1", 0, store.ReasonNetwork), h("b1", 5, store.ReasonNetwork)}, true},
		"one can be read":                   {[]store.Health{h("a1", 0, store.ReasonNetwork), h("b1", 5, store.ReasonNetwork), h("c1", 7, "")}, false},
		"one was read long before":          {[]store.Health{h("a1", 600, store.ReasonNetwork), h("b1", 605, store.ReasonNetwork), h("c1", 7, "")}, true},
		"one refuses: the network is there": {[]store.Health{h("a1", 0, store.ReasonNetwork), h("b1", 5, store.ReasonNetwork), h("c1", 7, store.ReasonRefused)}, false},
		"one was never visited":             {[]store.Health{h("a1", 0, store.ReasonNetwork), h("b1", 5, store.ReasonNetwork), {Source: "c1"}}, true},
	} {
		if got := store.Ours(c.all, site); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTroubles(t *testing.T) {
	story := func(source, s string) store.Health {
		h, _ := lived(t, s)
		h.Source = source
		return h
	}
	day := func(n int) time.Time { return monday.AddDate(0, 0, n) }
	all := []store.Health{
		story("fine", "ok*4"), story("once", "ok*3 format"), story("thrice", "ok format*3"), story("line", "network*4"), story("quiet", "news*4"),
		story("new layout", "ok*3 replaced"), {Source: "never"},
	}
	words := func(list []store.Trouble) string {
		var out []string
		for _, x := range list {
			out = append(out, fmt.Sprintf("%s:%s@%d", x.Source, x.Condition, int(x.Since.Sub(monday).Hours()/24)))
		}
		return strings.Join(out, " ")
	}
	for want, got := range map[string][]store.Trouble{
		"line:unreachable@0 thrice:broken@1 new layout:suspect@3": store.Troubles(all, false, day(3).Add(time.Hour)),
		":unreachable@0 thrice:broken@1 new layout:suspect@3":     store.Troubles(all, true, day(3).Add(time.Hour)),
	} {
		if words(got) != want {
			t.Errorf("%s, want %s", words(got), want)
		}
	}
	if got := words(store.Troubles(all[1:2], false, day(4).Add(time.Hour))); got != "once:broken@3" {
		t.Errorf("failed once, a day ago: %s", got)
	}
}

// At most one message a day in all; a source is told of once, and again each
// week; a new trouble tells of the old ones as well.
func TestTell(t *testing.T) {
	at := func(days float64) time.Time { return monday.Add(time.Duration(days * 24 * float64(time.Hour))) }
	told, last := map[string]time.Time{}, time.Time{}
	var sent []string
	for hour := range 24 * 30 {
		now := at(float64(hour) / 24)
		var troubles []store.Trouble
		for _, x := range []struct {
			source     string
			from, till float64
		}{{"a", 1, 30}, {"b", 1.2, 3}, {"c", 12.5, 30}, {"b", 20, 30}} {
			if now.After(at(x.from)) && now.Before(at(x.till)) {
				troubles = append(troubles, store.Trouble{Source: x.source, Since: at(x.from)})
			}
		}
		if tell := store.Tell(troubles, told, last, now); tell != nil {
			s := ""
			for _, x := range tell {
				s += x.Source
				told[x.Source] = now
			}
			if !last.IsZero() && now.Sub(last) < 24*time.Hour {
				t.Errorf("two messages within a day, at %s and %s", last, now)
			}
			last = now
			sent = append(sent, fmt.Sprintf("%s@%d", s, hour/24))
		}
	}
	if got := strings.Join(sent, " "); got != "a@1 ab@2 a@9 ac@12 ac@19 acb@20 acb@27" {
		t.Errorf("sent %s", got)
	}
}

func TestWhy(t *testing.T) {
	h := store.NextHealth(store.Health{}, monday, []store.Problem{{Reason: store.ReasonMissing, What: "details of x"}}, errors.New("what?"), nil, 1)
	if h.Why() != store.ReasonFormat || h.Failed != 1 {
		t.Errorf("%s, %d", h.Why(), h.Failed)
	}
	if h = store.NextHealth(h, monday, nil, nil, nil, 1); h.Why() != "" || h.Failed != 0 {
		t.Errorf("%s, %d", h.Why(), h.Failed)
	}
}
