package alerts_test

import (
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// TestGoodbye: who ends their last subscription by their own link hears that it
// is so, once; by the button of a mail program nothing comes.
func TestGoodbye(t *testing.T) {
	o := newOffice(t)
	one := o.join("ann@example.org", "dialysis")
	o.join("ann@example.org", "hospice")
	token := o.link("ann@example.org")
	o.must(o.End(t.Context(), o.now, token, one.ID))
	if got := o.send(); len(got) != 0 {
		t.Errorf("one is left, and mails come: %v", got)
	}
	o.must(o.EndAll(t.Context(), o.now, token))
	o.must(o.EndAll(t.Context(), o.now, token))
	if got := o.send(); len(got) != 1 || got[0].to != "ann@example.org" {
		t.Errorf("goodbyes: %v", got)
	}
	bob := o.join("bob@example.org", "dialysis")
	o.must(o.store.End(t.Context(), bob.ID, o.now))
	if got := o.send(); len(got) != 0 {
		t.Errorf("after the button: %v", got)
	}
	o.must(o.SignUp(t.Context(), o.now, alerts.Application{Address: "cat@example.org", Often: store.Daily, Form: alerts.FormVersion}))
	o.send()
	of, err := o.store.Of(t.Context(), "cat@example.org")
	o.must(err)
	o.must(o.store.End(t.Context(), of[0].ID, o.now))
	o.must(o.Goodbye(t.Context(), o.now, of[0]))
	if got := o.send(); len(got) != 0 {
		t.Errorf("to who never confirmed: %v", got)
	}
}

// TestTheWayBack: after mail came back, a day later, somebody's own sign-up is
// asked about again, and their yes ends the suppression; after a complaint not
// for half a year; by somebody who says nothing nobody is written to.
func TestTheWayBack(t *testing.T) {
	for _, tt := range []struct {
		why   string
		after time.Duration
		mails int
	}{
		{"suppressed", 23 * time.Hour, 0}, {"suppressed", 25 * time.Hour, 1},
		{alerts.StoppedByComplaint, 179 * 24 * time.Hour, 0}, {alerts.StoppedByComplaint, 181 * 24 * time.Hour, 1},
	} {
		o := newOffice(t)
		s := o.join("ann@example.org", "dialysis")
		_, stopped, _, err := o.store.Return(t.Context(), store.Returned{Note: "n", At: o.now, Subscription: s.ID}, func(store.Delivery, store.Subscription, store.BounceScore) store.Ruling {
			return store.Ruling{Effect: tt.why, Suppress: true, Score: store.BounceScore{Points: 9, Last: o.now}}
		})
		o.must(err)
		if len(stopped) != 1 {
			t.Fatal(stopped)
		}
		o.now = o.now.Add(tt.after)
		o.must(o.signUp("ann@example.org", "dialysis"))
		got := o.send()
		if len(got) != tt.mails {
			t.Errorf("%v after %s: %d mails", tt.after, tt.why, len(got))
			continue
		}
		if tt.mails == 0 {
			continue
		}
		_, err = o.Confirm(t.Context(), o.now, got[0].confirm)
		o.must(err)
		of, err := o.store.Of(t.Context(), "ann@example.org")
		o.must(err)
		states := map[store.State]int{}
		for _, s := range of {
			states[s.State]++
		}
		if states[store.StateConfirmed] != 1 || states[store.StateEnded] != 1 || len(of) != 2 {
			t.Errorf("after the yes they are %v", states)
		}
		o.now = o.now.Add(time.Minute)
		o.link("ann@example.org")
	}
}
