package mail

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccgwatch/alerts"
)

// S13: the operator's copy tells what a reader who follows everything is told, says
// that it is a copy, and has nobody's address, token or way out.
func TestDigestCopy(t *testing.T) {
	for _, base := range []string{"", "https://watch.example.org"} {
		c := composer(t, base)
		c.Mailbox = true
		all := letters()
		theirs, copied := compose(t, c, all["digest"], 1), compose(t, c, all["digest-copy"], 1)
		if copied.Subject != "Copy: "+theirs.Subject {
			t.Errorf("%q is a copy of %q", copied.Subject, theirs.Subject)
		}
		head, text, page := parts(t, copied.Raw)
		_, told, _ := parts(t, theirs.Raw)
		news, _, _ := strings.Cut(told, "You get this because")
		if got, _, _ := strings.Cut(text, "This is the copy"); strings.TrimRight(got, "-\r\n ") != strings.TrimRight(news, "-\r\n ") {
			t.Errorf("a reader is told\n%s\nand the copy says\n%s", news, got)
		}
		for h := range head {
			if strings.HasPrefix(h, "List-") {
				t.Errorf("it is on a list: %s: %s", h, head.Get(h))
			}
		}
		s := all["digest"].Subscription
		for _, personal := range []string{s.Address, c.links.Token(s.ID), c.links.Token("digest-copy"), "unsubscribe", "/u/", "/manage"} {
			if strings.Contains(text+page, personal) {
				t.Errorf("it has %q", personal)
			}
		}
		if head.Get("To") != "jo@example.net" || strings.Contains(text+page, "jo@example.net") {
			t.Errorf("To %q", head.Get("To"))
		}
		file := filepath.Join(t.TempDir(), "copy.eml")
		if err := os.WriteFile(file, copied.Raw, 0o600); err != nil {
			t.Fatal(err)
		}
		emlcheckAs(t, []string{"--kind", "operator"}, file)
	}
	l := letters()["alert-one"]
	l.ID, l.Copy = id(1), true
	if _, err := composer(t, "").Compose(l); err == nil {
		t.Error("a copy of an alert was made")
	}
}

// Two copies of one run are the same message, byte for byte; the memo of what many
// readers share is not spoilt by one.
func TestDigestCopyIsTheSameTwice(t *testing.T) {
	c, all := composer(t, "https://watch.example.org"), letters()
	shared := week()
	shared.Memo = map[string]any{}
	reader, copied := all["digest"], all["digest-copy"]
	reader.Digest, copied.Digest = shared, shared
	before, one := compose(t, c, reader, 1), compose(t, c, copied, 2)
	after, two := compose(t, c, reader, 1), compose(t, c, copied, 2)
	if string(before.Raw) != string(after.Raw) || string(one.Raw) != string(two.Raw) || strings.HasPrefix(after.Subject, copyMark) {
		t.Errorf("%q, then %q; %q, then %q", before.Subject, after.Subject, one.Subject, two.Subject)
	}
}

// What the operator is told of the second relay: in plain words, once a time, with
// what the first said as data.
func TestSecondRelayWords(t *testing.T) {
	c := composer(t, "")
	now := at("2026-08-12T07:00:00+01:00")
	s := alerts.Switch{To: "b.example:587", From: "a.example:587", Fallback: true, Why: "relay, at auth: 535 5.7.8 \"{{.}} \r\nBcc: eve@example.net\u202e\""}
	first, m, err := c.SecondRelay(now, s)
	if err != nil {
		t.Fatal(err)
	}
	if again, n, _ := c.SecondRelay(now, s); again != first || string(n.Raw) != string(m.Raw) {
		t.Error("the same time gives another message")
	}
	golden(t, "operator-second-relay", m.Raw)
	if strings.Contains(string(m.Raw), "\r\nBcc:") || strings.Contains(string(m.Raw), "List-") {
		t.Errorf("%s", m.Raw)
	}
	file := filepath.Join(t.TempDir(), "switch.eml")
	if err := os.WriteFile(file, m.Raw, 0o600); err != nil {
		t.Fatal(err)
	}
	emlcheckAs(t, []string{"--kind", "operator"}, file)
}
