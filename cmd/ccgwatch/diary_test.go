package main

import (
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// What is noted with a message to the group is in the diary at once: read from
// memory as it was before, the operator was written to every day.
func TestTellingTheOperatorIsInTheDiary(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	now := townStart()
	if _, err := a.store.Due(t.Context()); err != nil { // now it is in memory
		t.Fatal(err)
	}
	m := alerts.Message{MessageID: "<1@example.org>", Subject: "CCGWatch: a source needs a look", Raw: []byte("Subject: CCGWatch\r\n\r\n")}
	if err := a.tellHouse(t.Context(), now, "1", m, map[string]time.Time{operatorJob: now}); err != nil {
		t.Fatal(err)
	}
	diary, err := a.store.Due(t.Context())
	if err != nil || !diary[operatorJob].Equal(now) {
		t.Errorf("the diary says %v, %v", diary[operatorJob], err)
	}
	if _, err := a.store.Due(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.tellHouse(t.Context(), now.Add(time.Hour), "1", m, map[string]time.Time{operatorJob: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if diary, err = a.store.Due(t.Context()); err != nil || !diary[operatorJob].Equal(now) {
		t.Errorf("the same message again moved the date to %v, %v", diary[operatorJob], err)
	}
	n := 0
	if err := a.store.Deliveries(t.Context(), func(d store.Delivery) bool {
		if d.Kind == store.MailOperator {
			n++
		}
		return true
	}); err != nil || n != 1 {
		t.Errorf("%d messages, %v", n, err)
	}
}
