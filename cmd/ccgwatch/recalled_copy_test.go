package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// An alert was taken back, and sent as corrected, after the copy was made: in the copy
// it waits as it was, and is not sent.
func TestWhatTookThePlaceOfAnotherIsNotedAsThat(t *testing.T) {
	a := dueApp(t)
	sub := demoSubscribers(townStart())[0]
	must(t, a.store.Subscribe(t.Context(), sub))
	was := store.Delivery{ID: strings.Repeat("0", 31) + "1", Subscription: sub.ID, Kind: alerts.KindAlert, Raw: []byte("x"), Created: townStart(), Due: townStart()}
	must(t, a.store.Advance(t.Context(), "test", store.Position{}, store.Position{}, nil, []store.Delivery{was}))
	made, err := a.makeCopy(t.Context(), filepath.Join(a.data, "backups"), townStart(), 3, noLimit)
	must(t, err)
	anew := was
	anew.ID, anew.Carries = strings.Repeat("0", 31)+"2", []string{was.ID}
	must(t, a.store.Advance(t.Context(), "test", store.Position{}, store.Position{}, nil, []store.Delivery{anew}))
	anew.State, anew.SentAt = store.Sent, townStart()
	must(t, a.store.Settle(t.Context(), anew))
	closeApp(t, a)
	e := &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard, data: a.data, asOf: townStart().Add(time.Hour), log: a.log}
	_, err = e.restore(made.dir, damagedPrefix)
	must(t, err)
	s, err := bolt.Open(a.data)
	must(t, err)
	defer s.Close()
	got, err := s.Delivery(t.Context(), was.ID)
	must(t, err)
	if got.State != store.Sent {
		t.Errorf("in the copy it is %s", got.State)
	}
}
