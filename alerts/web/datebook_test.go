package web

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
	"ccgwatch/store/storetest"
)

// scanned is a search index that looks through the store each time. It answers
// what an index answers: asking says that what it gives must be asked.
type scanned struct {
	store.Index
	a      *archive
	asking bool
	behind uint64 // so many changes it does not know
}

func (x scanned) Place(ctx context.Context) (done, end uint64, err error) {
	end, err = x.a.server.Ledger.LastSeq(ctx)
	return end - min(end, x.behind), end, err
}

func (x scanned) Things(ctx context.Context, q query.Query) (out []uint64, ask bool, err error) {
	err = x.Found(ctx, q, store.FoundPlace{}, func(f store.Found) bool { out = append(out, f.Thing); return true })
	return out, x.asking, err
}

func (x scanned) Found(ctx context.Context, q query.Query, _ store.FoundPlace, f func(store.Found) bool) error {
	var all []store.Finding
	done, _, err := x.Place(ctx)
	if err == nil {
		err = x.a.server.Outbox.Findings(ctx, 0, func(v store.Finding) bool { all = append(all, v); return true })
	}
	for _, v := range slices.Backward(all) {
		if v.Change <= done && (x.asking || q.Match(x.a.server.Facts(v))) && !f(store.Found{ID: v.ID, Change: v.Change, Source: v.Source, Thing: thingOf(v.Source, v.Key), Ask: x.asking}) {
			break
		}
	}
	return err
}

// asksForDates are addresses that hold dates.
func asksForDates() []string {
	return []string{
		"/calendar.ics", "/calendar.ics?what=meetings", "/calendar.ics?q=nursing+OR+cabinet", "/calendar.ics?area=leicester", "/calendar.ics?q=-scrutiny", "/calendar.ics?committee=health+scrutiny",
		"/calendar.ics?q=%22night+nursing%22&what=deadlines", "/body/uhl/calendar.ics", "/api/v1/meetings?limit=3", "/api/v1/meetings?limit=2&cursor=2&q=kind:meeting", "/api/v1/deadlines?limit=200", "/data/meetings.csv",
		"/calendar.ics?from=2026-07-15", "/body/uhl/calendar.ics?from=2026-01-01",
	}
}

// Whatever happens in whatever order, what is read on with the log answers what
// is read from nothing answers, byte for byte, with a search index and without.
func TestPromiseDatesReadOnAreThoseReadAnew(t *testing.T) {
	rounds := storetest.Promised(2, 4, 16, 300)
	seed := storetest.Seed(t)
	for round := range rounds {
		x := newRandomDates(t, rand.New(rand.NewPCG(seed, uint64(round))))
		x.server.calendarRoom = []int{0, 700 + x.r.IntN(4000)}[round%2] // room for some of them
		x.restart()
		for step := range 20 {
			did := x.act()
			if x.r.IntN(2) == 0 {
				continue // several things happen between two looks
			}
			before := map[string][]byte{}
			for _, target := range asksForDates() {
				before[target] = x.told(target)
			}
			x.server.Index = []store.Index{nil, scanned{a: x.archive}, scanned{a: x.archive, asking: true}, scanned{a: x.archive, behind: 1}}[x.r.IntN(4)]
			kept := x.handler
			x.restart()
			for _, target := range asksForDates() {
				if got := x.told(target); !bytes.Equal(got, before[target]) {
					t.Fatalf("round %d, step %d, %s: %s read on is\n%s\nread anew\n%s", round, step, did, target, before[target], got)
				}
			}
			x.handler = kept
		}
	}
}

// randomDates is an archive to which anything happens.
type randomDates struct {
	*archive
	r        *rand.Rand
	meetings map[string]store.Item
	papers   map[string]store.Item
	notices  int
	changes  []store.Change // of notices and meetings, to find something in
	ids      int
	judged   uint64
}

func newRandomDates(t *testing.T, r *rand.Rand) *randomDates {
	t.Helper()
	x := &randomDates{archive: newArchive(t), r: r, meetings: map[string]store.Item{}, papers: map[string]store.Item{}}
	p := store.NewPublic(x.store)
	x.server.Ledger, x.server.Outbox, x.server.Corrections = p, p, x.store
	x.server.Judged = func() uint64 { return x.judged }
	x.restart()
	return x
}

// told is what is answered, also that there is no such part of a list.
func (x *randomDates) told(target string) []byte {
	x.now = x.now.Add(time.Hour) // what is remembered has grown old
	w := ask(x.handler, http.MethodGet, target)
	if w.Code != 200 && w.Code != 400 {
		x.t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

func (x *randomDates) day() time.Time {
	return time.Date(2026, 1+time.Month(x.r.IntN(14)), 1+x.r.IntN(28), 9+x.r.IntN(9), 30*x.r.IntN(2), 0, 0, london())
}

func (x *randomDates) when() string {
	if x.r.IntN(3) == 0 {
		return x.day().Format(time.DateOnly)
	}
	return x.day().Format(time.RFC3339)
}

// act lets one thing happen, and says what.
func (x *randomDates) act() string {
	switch x.r.IntN(12) {
	case 0, 1:
		key := fmt.Sprint("m/", x.r.IntN(5))
		it, known := x.meetings[key]
		switch x.r.IntN(5) {
		case 0:
			delete(x.meetings, key)
			x.look("leicester", x.meetings)
			x.look("leicester", x.meetings)
			return "a meeting is listed no longer"
		case 1:
			if known { // the hour of it becomes known, or its minute changes
				day, _, _ := strings.Cut(it.Fields["when"], "T")
				it = aMeeting(key, it.Title, day+"T18:15:00Z", "confirmed")
				break
			}
			fallthrough
		default:
			it = aMeeting(key, []string{"Cabinet", "Scrutiny", "Night nursing panel"}[x.r.IntN(3)], x.when(), []string{"confirmed", "cancelled"}[x.r.IntN(2)])
			it.Parts = []store.Part{{Key: "i", Title: []string{"Dialysis", "Nursing"}[x.r.IntN(2)]}}
		}
		x.meetings[key] = it
		x.look("leicester", x.meetings)
		return "a meeting"
	case 2, 3:
		key := fmt.Sprint("p/", x.r.IntN(4))
		if x.r.IntN(5) == 0 {
			delete(x.papers, key)
			x.look("uhl", x.papers)
		} else {
			x.papers[key] = store.Item{Key: key, Kind: store.KindPaper, Title: "Paper " + key, URL: "https://trust.example.org/" + key, Fields: map[string]string{"when": fmt.Sprintf("2026-0%d-0%d", 6+x.r.IntN(3), 1+x.r.IntN(2)), "committee": []string{"", "Board"}[x.r.IntN(2)]}}
		}
		x.look("uhl", x.papers)
		return "a paper"
	case 4, 5:
		x.notices++
		n := aNotice(fmt.Sprintf("%06d-2026", x.notices), "tender", x.when())
		n.Notice.OCID = fmt.Sprint("ocds-h6vhtk-0000a", x.r.IntN(3))
		x.changes = append(x.changes, x.see("find-a-tender", false, n)...)
		return "a notice"
	case 6, 7:
		return x.judge()
	case 8, 9, 10:
		return x.correct()
	}
	return x.rejudge()
}

func (x *randomDates) look(source string, items map[string]store.Item) {
	var list []store.Item
	for _, it := range items {
		list = append(list, it)
	}
	slices.SortFunc(list, func(a, b store.Item) int { return strings.Compare(a.Key, b.Key) })
	x.changes = append(x.changes, x.see(source, true, list...)...)
}

// finding is of some change that was not judged yet.
func (x *randomDates) finding(c store.Change) store.Finding {
	x.ids++
	f := bidsDue(c, fmt.Sprintf("f%d", x.ids), []string{"tender", "tender_update", "cancelled", "award"}[x.r.IntN(4)], x.when())
	f.At = x.now
	if c.Kind != store.KindNotice {
		f.Kind, f.Thread, f.Stage, f.Topic = c.Kind, "", "", store.TopicConsultations
		f.Title, f.Body, f.Source, f.Key = "A consultation", "", c.Source, c.Key
	} else if it, err := x.store.Item(x.t.Context(), c.Source, c.Key); err == nil {
		f.Thread = it.Notice.OCID
	}
	f.Deadline.Kind = []string{"tender", "standstill", ""}[x.r.IntN(3)]
	if x.r.IntN(3) == 0 {
		f.Deadline.Computed = x.when()
	}
	if x.r.IntN(4) == 0 {
		f.Deadline = nil
	}
	return f
}

func (x *randomDates) judge() string {
	var list []store.Finding
	for _, c := range x.changes {
		if c.Seq > x.found && c.Op != store.OpWithdrawn && x.r.IntN(3) > 0 {
			list = append(list, x.finding(c))
		}
	}
	x.find(list...)
	return fmt.Sprintf("%d findings", len(list))
}

// rejudge replaces what was found in all that was judged.
func (x *randomDates) rejudge() string {
	var list []store.Finding
	for _, c := range x.changes {
		if c.Seq <= x.found && c.Op != store.OpWithdrawn && x.r.IntN(2) == 0 {
			list = append(list, x.finding(c))
		}
	}
	x.judged++
	_, _, err := x.store.Rejudge(x.t.Context(), 0, x.found, fmt.Sprint(x.judged), list)
	x.must(err)
	return "judged again"
}

func (x *randomDates) correct() string {
	if len(x.changes) == 0 {
		return "nothing"
	}
	x.now = x.now.Add(time.Hour)
	c := x.changes[x.r.IntN(len(x.changes))]
	say := store.Correction{At: x.now, Source: c.Source, Key: c.Key, Reason: "a test", Act: []store.Act{store.ActHold, store.ActHold, store.ActCorrect, store.ActRestore, store.ActRestore, store.ActRedact}[x.r.IntN(6)]}
	switch say.Act {
	case store.ActCorrect:
		say.Fields = []store.FieldChange{{Name: store.FieldWhen, New: x.when()}, {Name: "title", New: "Nursing put right"}}
	case store.ActRedact:
		say.Strike = []string{"nursing"}
	}
	_, err := x.store.Correct(x.t.Context(), say)
	x.must(err)
	return string(say.Act) + " " + c.Key
}
