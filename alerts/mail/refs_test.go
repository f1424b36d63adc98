package mail

import (
	"bytes"
	"net/mail"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// TestThreadsByReferences: the mails about one procurement name one root,
// whoever gets them and whenever; what is about several names none.
func TestThreadsByReferences(t *testing.T) {
	tender, award, minutes, other := notice(), notice(), paper(), meeting()
	tender.Thread, award.Thread = "ocds-x-1", "ocds-x-1"
	tender.Key, award.Key, award.ID = "n-1", "n-2", id(7)
	minutes.Thread, other.Thread = minutes.Source+"/"+minutes.Key, ""
	joined := minutes
	joined.Joins = []store.Joint{{Thread: "ocds-x-1", Strength: store.JointCertain}}
	perhaps := minutes
	perhaps.Joins = []store.Joint{{Thread: "ocds-x-1", Strength: store.JointLikely}}
	alert := func(more int, fs ...store.Finding) alerts.Letter {
		return alerts.Letter{Alert: &alerts.Alert{Things: things(fs...), More: more}, Subscription: subscription(store.Instant)}
	}
	anothers := alert(0, award)
	anothers.Subscription.ID, anothers.Subscription.Address = id(9), "ben@example.net"
	anothers.Date = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	wrong := alerts.Letter{Correction: &alerts.Correction{ID: "1", Words: "It is not so.", About: []store.Finding{tender, award}}, Subscription: subscription(store.Instant)}
	quiet := letters()["digest"]

	c := composer(t, "https://watch.example.org")
	root := references(t, c, alert(0, tender))
	if !strings.HasPrefix(root, "<about-") || !strings.HasSuffix(root, "@example.org>") {
		t.Fatalf("the root is %q", root)
	}
	of := references(t, c, alert(0, minutes))
	for name, x := range map[string]struct {
		l    alerts.Letter
		want string
	}{
		"the next notice, for another reader, later": {anothers, root},
		"two notices of it in one mail":              {alert(0, tender, award), root},
		"a correction":                               {wrong, root},
		"a paper that speaks of it for certain":      {alert(0, joined), root},
		"a paper that may speak of it":               {alert(0, perhaps), of},
		"the same paper again":                       {alert(0, minutes), of},
		"two things":                                 {alert(0, tender, other), ""},
		"one thing, and others that are not shown":   {alert(3, tender), ""},
		"a digest": {quiet, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := references(t, c, x.l); got != x.want {
				t.Errorf("References: %q, want %q", got, x.want)
			}
		})
	}
	if of == root || of == "" {
		t.Errorf("a paper of no procurement has the root %q", of)
	}
}

// references is the root that a letter names; it must name one in both headers,
// and give the same bytes again.
func references(t *testing.T, c *Composer, l alerts.Letter) string {
	t.Helper()
	l.ID = id(42)
	if l.Date.IsZero() {
		l.Date = at("2026-08-12T07:30:00+01:00")
	}
	m, err := c.Compose(l)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Compose(l)
	if err != nil || !bytes.Equal(m.Raw, again.Raw) {
		t.Fatalf("not the same bytes again: %v", err)
	}
	msg, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		t.Fatal(err)
	}
	if got := msg.Header.Get("In-Reply-To"); got != msg.Header.Get("References") {
		t.Errorf("In-Reply-To: %q, References: %q", got, msg.Header.Get("References"))
	}
	return msg.Header.Get("References")
}
