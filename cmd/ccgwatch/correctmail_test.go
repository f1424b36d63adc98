package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// What is mailed about a correction: what was wrong and what is right to who
// was told, and of what was withdrawn nothing but that, and why.
func TestLettersAboutCorrections(t *testing.T) {
	a, _, _ := sampleTown(t)
	now := townStart().Add(demoWeeks)
	told := map[store.ItemRef]bool{}
	var about store.Finding
	if err := a.store.Deliveries(t.Context(), func(d store.Delivery) bool {
		for _, id := range d.Findings {
			told[store.ItemRef{Key: id}] = d.State == store.Sent
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if err := a.store.Findings(t.Context(), 0, func(f store.Finding) bool {
		if told[store.ItemRef{Key: f.ID}] && f.Quote != "" && f.Kind == store.KindNotice {
			about = f
		}
		return about.ID == ""
	}); err != nil || about.ID == "" {
		t.Fatal("the sample mailed nothing about a notice", err)
	}
	known := map[string]bool{}
	letter := func() string {
		t.Helper()
		if err := a.follow(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.deliver(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		files, err := outboxFiles(a.data)
		if err != nil {
			t.Fatal(err)
		}
		all := ""
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			_, body, err := readMail(raw)
			if err != nil {
				t.Fatal(err)
			}
			if !known[f] {
				all += strings.Join(strings.Fields(body), " ")
			}
			known[f] = true
		}
		return all
	}
	letter()
	correct := func(c store.Correction) {
		t.Helper()
		now = now.Add(time.Minute)
		c.At, c.Source, c.Key, c.Mail = now, about.Source, about.Key, true
		if _, err := a.store.Correct(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	correct(store.Correction{Act: store.ActCorrect, Reason: "The board said so on the phone.", Fields: []store.FieldChange{{Name: "title", Old: about.Title, New: "Foot clinics"}}})
	got := letter()
	for _, want := range []string{"We were wrong", "Foot clinics", "The board said so on the phone."} {
		if !strings.Contains(got, want) {
			t.Errorf("the letter does not say %q:\n%s", want, got)
		}
	}
	if again := letter(); again != "" {
		t.Errorf("it was mailed again:\n%s", again)
	}
	correct(store.Correction{Act: store.ActWithdraw, Reason: "A resident asked us to."})
	got = letter()
	if !strings.Contains(got, "A resident asked us to.") || !strings.Contains(got, "We have withdrawn it") {
		t.Errorf("the letter does not say why:\n%s", got)
	}
	for _, bad := range []string{"Foot clinics", about.Title, about.Quote, about.URL} {
		if strings.Contains(got, bad) {
			t.Errorf("the letter says again what was withdrawn: %q", bad)
		}
	}
}
