package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// daily are meetings at ten, one a day from so many days from now on.
func daily(from, until int) (list []store.Item) {
	for i := from; i < until; i++ {
		list = append(list, aMeeting(fmt.Sprint("m/", i), fmt.Sprint("Meeting ", i, "."), inDays(i), "confirmed"))
	}
	return list
}

// inDays is a time so many days after an archive is first looked at.
func inDays(n int) string {
	return time.Date(2026, 6, 2+n, 10, 0, 0, 0, london()).Format(time.RFC3339)
}

// meetingsIn are the numbers of these meetings in a calendar, in its order.
func meetingsIn(t *testing.T, raw []byte) (out []string) {
	t.Helper()
	checkICal(t, raw)
	for _, e := range parseICal(t, raw).kids {
		if e.name == "VEVENT" {
			title, _, _ := strings.Cut(unescape(e.one(t, "SUMMARY")), ".")
			out = append(out, strings.Replace(title, "Meeting ", "", 1))
		}
	}
	return out
}

func numbers(from, until int) (out []string) {
	for i := from; i < until; i++ {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

// saysOfItself is what a calendar says of itself.
func saysOfItself(t *testing.T, raw []byte) string {
	t.Helper()
	return unescape(parseICal(t, raw).one(t, "X-WR-CALDESC"))
}

// A calendar that has no room for all says so, and holds what is nearest in
// whole days: all of what is ahead before anything that is over.
func TestCalendarSaysWhatItLeavesOut(t *testing.T) {
	a := newArchive(t)
	a.see("leicester", true, daily(-20, 200)...)
	one := len(written(Event{UID: strings.Repeat("x", 41), Summary: "Meeting 100. (Leicester City Council)", About: []string{"Please check the source: https://council.example.org/m/100"}, Place: "Town Hall", URL: "https://watch.example.org/item?key=m%2F100&source=leicester", Start: a.now, Modified: a.now, Category: "Meeting"}, london()))
	for _, c := range []struct {
		name, target string
		room         int
		want         []string
		say, not     []string
	}{
		{"room for all", "/calendar.ics", 300 * one, numbers(-20, 200), nil, []string{"more dates than"}},
		{"for what is ahead, and for some that is over", "/calendar.ics", 210 * one, numbers(-10, 200), []string{"all of 23 May 2026 to 18 December 2026.", "Earlier ones: https://watch.example.org/data/meetings.csv."}, []string{"Later ones", "moved"}},
		{"for some that is ahead", "/calendar.ics", 30 * one, numbers(0, 30), []string{"all of 2 June 2026 to 1 July 2026.", "Later ones: https://watch.example.org/calendar.ics?from=2026-07-02.", "Earlier ones"}, nil},
		{"from a day on", "/calendar.ics?from=2026-07-02", 30 * one, numbers(30, 60), []string{"all of 2 July 2026 to 31 July 2026.", "?from=2026-08-01."}, []string{"Earlier ones"}},
		{"from a day on, and no more", "/calendar.ics?from=2026-11-19&what=meetings", 50 * one, numbers(170, 200), nil, []string{"more dates than"}},
		{"from a day that is over", "/calendar.ics?from=2026-05-23", 30 * one, numbers(-10, 20), []string{"all of 23 May 2026 to 21 June 2026."}, []string{"Earlier ones"}},
		{"of a body", "/body/leicester-city-council/calendar.ics?what=meetings", 30 * one, numbers(0, 30), []string{"https://watch.example.org/body/leicester-city-council/calendar.ics?from=2026-07-02&what=meetings."}, nil},
	} {
		a.server.calendarRoom = c.room
		a.restart()
		raw := a.get(c.target)
		if got := meetingsIn(t, raw); !slices.Equal(got, c.want) {
			t.Errorf("%s: it holds %v, not %v", c.name, got, c.want)
		}
		said := saysOfItself(t, raw)
		for _, want := range c.say {
			if !strings.Contains(said, want) {
				t.Errorf("%s: it does not say %q but %q", c.name, want, said)
			}
		}
		for _, never := range c.not {
			if strings.Contains(said, never) {
				t.Errorf("%s: it says %q", c.name, said)
			}
		}
	}
	for _, wrong := range []string{"yesterday", "2026-13-01", "0001-01-01"} {
		if w := ask(a.handler, http.MethodGet, "/calendar.ics?from="+wrong); w.Code != http.StatusBadRequest {
			t.Errorf("from=%s: %d", wrong, w.Code)
		}
	}
}

// Whoever goes on where a calendar says has every date, each once, and each part
// is below 100 KB whatever is written in them. So are the lists for programs.
func TestPartsOfACalendarAreTheWhole(t *testing.T) {
	a := newArchive(t)
	list := daily(0, 60)
	for i := range list {
		x := &list[i]
		x.Title += strings.Repeat(" Ärzte; öffentlich,", 30)
		x.URL += strings.Repeat("?x", 300)
		for _, field := range []string{"venue", "committee", "doubt"} {
			x.Fields[field] = strings.Repeat(field+" – ", 150)
		}
	}
	a.see("leicester", true, list...)
	next := regexp.MustCompile(`Later ones: https://watch\.example\.org(\S+)\.( |$)`)
	target, parts := "/calendar.ics", 0
	var got []string
	for target != "" {
		raw := a.get(target)
		if len(raw) >= 100_000 {
			t.Errorf("%s has %d bytes", target, len(raw))
		}
		got = append(got, meetingsIn(t, raw)...)
		target = ""
		if m := next.FindStringSubmatch(saysOfItself(t, raw)); m != nil {
			target = m[1]
		}
		parts++
	}
	if !slices.Equal(got, numbers(0, 60)) || parts < 2 {
		t.Errorf("%d parts: %v", parts, got)
	}
	all, cursor := 0, ""
	for {
		var out Listing[DateLine]
		raw := a.get("/api/v1/meetings?limit=200" + cursor)
		if err := json.Unmarshal(raw, &out); err != nil || len(raw) >= 100_000 {
			t.Fatal(len(raw), err)
		}
		if all += len(out.Data); out.Next == "" {
			break
		}
		cursor = "&cursor=" + fmt.Sprint(all)
	}
	if all != len(list) {
		t.Errorf("the interface gives %d of %d", all, len(list))
	}
}

// On a day with more than there is room for, it says that it has not all of it.
func TestCalendarOfADayThatIsTooFull(t *testing.T) {
	a := newArchive(t)
	a.server.calendarRoom = 4000
	a.restart()
	var list []store.Item
	for i := range 30 {
		list = append(list, aMeeting(fmt.Sprint("m/", i), fmt.Sprint("Meeting ", i, "."), inDays(3), "confirmed"))
	}
	a.see("leicester", true, append(list, aMeeting("m/x", "Meeting x.", inDays(4), "confirmed"))...)
	raw := a.get("/calendar.ics")
	if got, said := meetingsIn(t, raw), saysOfItself(t, raw); len(got) < 5 || len(got) > 10 || !strings.Contains(said, "holds a part of 5 June 2026.") || !strings.Contains(said, "from=2026-06-06") {
		t.Error(got, said)
	}
	if got := meetingsIn(t, a.get("/calendar.ics?from=2026-06-06")); !slices.Equal(got, []string{"x"}) {
		t.Error(got)
	}
}

// Symptom: a meeting that was moved beyond what a calendar has room for was gone
// from people's calendars, as if it had been called off.
func TestMovedBeyondWhatACalendarHolds(t *testing.T) {
	a := newArchive(t)
	a.server.calendarRoom = 5500
	a.restart()
	list := daily(0, 60)
	programs := clients()
	shown := func() []string {
		raw := a.get("/calendar.ics")
		for _, c := range programs {
			c.fetch(t, raw)
		}
		return meetingsIn(t, raw)
	}
	a.see("leicester", true, list...)
	usual := shown()
	if n := len(usual); n < 8 || n > 14 {
		t.Fatal(usual)
	}
	list[5].Fields["when"] = inDays(300)
	list[7].Fields["status"] = "cancelled"
	list[40].Fields["when"] = inDays(301) // which nobody has seen
	a.see("leicester", true, list...)
	got := shown()
	if !slices.Contains(got, "5") || !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "Cancelled: 7") }) || slices.Contains(got, "40") {
		t.Errorf("after one is moved far away and one cancelled it holds %v", got)
	}
	said := saysOfItself(t, a.get("/calendar.ics"))
	if !strings.Contains(said, "and 1 date that was moved away from these days") {
		t.Error(said)
	}
	for _, c := range programs {
		all := c.shows(t)
		if !strings.Contains(all, "20270329T100000 Meeting 5.") || strings.Contains(all, "20260607T100000") || strings.Contains(all, "20260609T100000") {
			t.Errorf("%s show\n%s", c.name, all)
		}
	}
	for i := range 5 { // until the day it was moved from is over
		list[10+i].Fields["venue"] = "Room 2"
		a.see("leicester", true, list...)
		if got, want := slices.Contains(shown(), "5"), a.now.Before(at("2026-06-08 00:00")); got != want {
			t.Errorf("on %s: it is there: %v", a.now, got)
		}
	}
}

// Symptom: a meeting that was moved to the last days of a calendar was gone from
// it when these days made room for others that had been moved farther.
func TestMovedToDaysThatMakeRoom(t *testing.T) {
	a := newArchive(t)
	a.server.calendarRoom = 5500
	a.restart()
	list := daily(0, 60)
	a.see("leicester", true, list...)
	last := len(meetingsIn(t, a.get("/calendar.ics")))
	list[5].Fields["when"] = inDays(last + 2)
	for _, i := range []int{3, 4, 6} {
		list[i].Fields["when"] = inDays(300 + i)
	}
	a.see("leicester", true, list...)
	got := meetingsIn(t, a.get("/calendar.ics"))
	for _, n := range []string{"3", "4", "5", "6"} {
		if !slices.Contains(got, n) {
			t.Errorf("meeting %s was moved, and is not in %v", n, got)
		}
	}
}

// Symptom: what was moved away from these days was put into a calendar that was
// full without it.
func TestManyMovedAreNotTooMuchForACalendar(t *testing.T) {
	a := newArchive(t)
	a.server.calendarRoom = 5500
	a.restart()
	list := append(daily(15, 25), daily(30, 40)...) // the first ten just fit
	a.see("leicester", true, list...)
	for i := 10; i < 20; i++ {
		list[i].Fields["when"] = inDays(i - 7) // brought forward
	}
	a.see("leicester", true, list...)
	raw := a.get("/calendar.ics?from=" + inDays(15)[:10])
	if got := meetingsIn(t, raw); len(raw) > 5500+2000 || len(got) < 5 {
		t.Errorf("%d bytes: %v", len(raw), got)
	}
}

// A deadline that is put off says so, too, also where its new day is far away.
func TestDeadlinePutOffBeyondWhatACalendarHolds(t *testing.T) {
	a := newArchive(t)
	a.server.calendarRoom = 3000
	a.restart()
	a.see("leicester", true, daily(0, 60)...)
	for i, end := range []string{inDays(5), inDays(200)} {
		n := a.see("find-a-tender", false, aNotice(fmt.Sprintf("00000%d-2026", i), "tender", end))
		a.find(bidsDue(n[0], fmt.Sprint("f", i), "tender", end))
		raw := a.get("/calendar.ics")
		checkICal(t, raw)
		if !strings.Contains(string(raw), "SUMMARY:Bids are due: Night nursing") || !strings.Contains(string(raw), ":"+strings.ReplaceAll(end[:10], "-", "")+"T100000") {
			t.Errorf("due on %s:\n%s", end, raw)
		}
	}
}

// Procurements of which there is much to say are given in smaller parts, none of
// them twice.
func TestPartsOfProcurements(t *testing.T) {
	s, _ := sample()
	s.Thread = func(_ context.Context, id string) (judge.Thread, error) {
		return judge.Thread{ID: id, Title: strings.Repeat("Night nursing. ", 1200)}, nil
	}
	s.Threads = func(_ context.Context, f func(store.Finding) bool) error {
		for i := range 45 {
			if !f(store.Finding{Thread: fmt.Sprint("ocds-", i)}) {
				break
			}
		}
		return nil
	}
	unhurried(&s)
	h := s.Handler()
	var got, want []string
	parts := 0
	for target := "/api/v1/threads"; target != ""; parts++ {
		var out Listing[ThreadLine]
		w := ask(h, http.MethodGet, target)
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 200 || w.Body.Len() >= 100_000 {
			t.Fatal(target, w.Code, w.Body.Len(), err)
		}
		for _, x := range out.Data {
			got = append(got, x.ID)
		}
		target = strings.TrimPrefix(out.Next, s.URL)
	}
	for i := range 45 {
		want = append(want, fmt.Sprint("ocds-", i))
	}
	if !slices.Equal(got, want) || parts < 9 {
		t.Errorf("%d parts: %v", parts, got)
	}
	for _, cursor := range []string{"0-20", "0-99", "0-x", "x"} {
		if w := ask(h, http.MethodGet, "/api/v1/threads?cursor="+cursor); w.Code != http.StatusBadRequest {
			t.Errorf("cursor=%s: %d", cursor, w.Code)
		}
	}
	// Symptom: a list that was shorter by then answered its own cursor with 400.
	if w := ask(h, http.MethodGet, "/api/v1/threads?cursor=40-19"); w.Code != 200 || !strings.Contains(w.Body.String(), `"data":[]`) {
		t.Error(w.Code, w.Body)
	}
}

// Symptom: the page of procurements had no stages to choose from after a program had
// asked for the same list.
func TestProcurementsKeepTheirFormAfterAProgramAsked(t *testing.T) {
	s, _ := sample()
	s.Thread = func(_ context.Context, id string) (judge.Thread, error) {
		return judge.Thread{ID: id, Title: "Night nursing"}, nil
	}
	s.Threads = func(_ context.Context, f func(store.Finding) bool) error {
		f(store.Finding{Thread: "ocds-1"})
		return nil
	}
	unhurried(&s)
	want := ask(s.Handler(), http.MethodGet, "/threads?stage="+stages()[0]).Body.String()
	h := s.Handler()
	_ = ask(h, http.MethodGet, "/api/v1/threads?stage="+stages()[0])
	if got := ask(h, http.MethodGet, "/threads?stage="+stages()[0]).Body.String(); got != want || !strings.Contains(want, "<option") {
		t.Errorf("%s\nbefore:\n%s", got, want)
	}
}
