package main

import (
	"slices"
	"strings"
	"testing"

	"ccgwatch/store"
)

// Events, consultations and what a body says about questions stand beside the
// formal meetings, with the date by which the public can act, and are reminded
// of five working days and one before it, once each; what is gone or cancelled
// is not.
func TestDatesForThePublicAreShownAndRemindedOf(t *testing.T) {
	a := dueApp(t)
	start := at("2026-08-17T07:00")
	event := store.Item{Key: "event/1", Kind: store.KindMeeting, Body: "mercia-vale-icb", Title: "Have your say: urgent care", URL: "https://icb.example.org/event/1", Fields: map[string]string{
		store.FieldWhen: "2026-09-08T18:00:00+01:00", store.FieldOccasion: store.OccasionEvent, store.FieldStatus: store.StatusConfirmed, store.FieldOnline: "yes",
		store.FieldRegisterBy: "2026-09-04T17:00:00+01:00", store.FieldVenue: "Oakwell Hall"}}
	consultation := store.Item{Key: "entry/2", Kind: store.KindPage, Body: "mercia-vale-icb", Title: "Walk-in centre", URL: "https://icb.example.org/2", Fields: map[string]string{
		store.FieldOpens: "2026-08-01T00:00:00+01:00", store.FieldCloses: "2026-09-03T00:00:00+01:00"}}
	meeting := boardMeeting("meeting/3", "2026-09-10T13:00:00+01:00", store.Part{Key: "item/1", Title: "Questions", Text: "Questions from the public must be received by noon three working days before the meeting."})
	lists(t, a, "mercia-vale-icb", at("2026-08-16T07:00"), boardMeeting("meeting/0", "2026-09-20T13:00:00+01:00"))
	all := []store.Item{boardMeeting("meeting/0", "2026-09-20T13:00:00+01:00"), event, consultation, meeting}
	lists(t, a, "mercia-vale-icb", start, all...)

	found := map[string]string{}
	err := a.store.Findings(t.Context(), 0, func(f store.Finding) bool {
		if f.Deadline != nil {
			found[f.Key] = f.Deadline.Kind + " " + f.Deadline.Date().In(london()).Format("2 Jan 15:04")
		}
		return true
	})
	if err != nil || found["event/1"] != "registration 4 Sep 17:00" || found["entry/2"] != "consultation 3 Sep 00:00" || found["meeting/3"] != "questions 7 Sep 12:00" || found["meeting/0"] != "" {
		t.Errorf("%v %q", err, found)
	}
	text := page(t, a, start, "/meetings").Find("main").Text()
	for _, s := range []string{"Have your say: urgent care", "Event for the public. Online: yes.", "Register by: Friday 4 September 2026", "Walk-in centre", "Consultation: its last day.",
		"Questions from the public are due: Monday 7 September 2026", "Questions from the public must be received by noon three working days before the meeting"} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), s) {
			t.Errorf("the page of meetings lacks %q:\n%s", s, text)
		}
	}

	tick(t, a, start)
	var got []string
	for day := start; day.Before(at("2026-09-09T07:00")); day = day.AddDate(0, 0, 1) {
		for _, s := range tick(t, a, day) {
			got = append(got, day.Format("2 Jan")+" "+strings.TrimPrefix(s, "reminder reminder mercia-vale-icb/"))
		}
	}
	wanted := []string{ // Monday 31 August is a bank holiday
		"26 Aug entry/2 consultation 2026-09-03T23:59:59+01:00 5", "27 Aug event/1 registration 2026-09-04T17:00:00+01:00 5", "28 Aug meeting/3 questions 2026-09-07T12:00:00+01:00 5",
		"2 Sep entry/2 consultation 2026-09-03T23:59:59+01:00 1", "3 Sep event/1 registration 2026-09-04T17:00:00+01:00 1", "4 Sep meeting/3 questions 2026-09-07T12:00:00+01:00 1",
	}
	if !slices.Equal(got, wanted) {
		t.Errorf("reminders %q,\nwant %q", got, wanted)
	}
	reminded := 0
	if err := a.store.Findings(t.Context(), 0, func(f store.Finding) bool {
		if f.Rule == "date: reminder" {
			reminded++
			if f.Deadline == nil || f.Tier != store.TierCertain || len(f.Moves) != 1 {
				t.Errorf("%+v", f)
			}
		}
		return true
	}); err != nil || reminded != 6 {
		t.Errorf("%d reminders were found (%v)", reminded, err)
	}
}

// An event that is off is reminded of no more.
func TestACancelledEventIsNotRemindedOf(t *testing.T) {
	a := dueApp(t)
	event := store.Item{Key: "event/1", Kind: store.KindMeeting, Body: "mercia-vale-icb", Title: "Have your say", URL: "https://icb.example.org/event/1", Fields: map[string]string{
		store.FieldWhen: "2026-09-08T18:00:00+01:00", store.FieldOccasion: store.OccasionEvent, store.FieldStatus: store.StatusConfirmed, store.FieldRegisterBy: "2026-09-04T17:00:00+01:00"}}
	lists(t, a, "mercia-vale-icb", at("2026-08-01T07:00"), event)
	tick(t, a, at("2026-08-02T07:00"))
	off := event
	off.Fields = map[string]string{store.FieldWhen: event.Fields[store.FieldWhen], store.FieldOccasion: store.OccasionEvent, store.FieldStatus: store.StatusCancelled, store.FieldRegisterBy: event.Fields[store.FieldRegisterBy]}
	lists(t, a, "mercia-vale-icb", at("2026-08-03T07:00"), off)
	want(t, "after the cancellation", tick(t, a, at("2026-09-03T07:00")))
}
