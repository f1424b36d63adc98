package inbox_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"ccgwatch/alerts/mail/inbox"
)

const (
	delivery = "00112233445566778899aabbccddeeff"
	token    = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE"
)

func marks(tb testing.TB, secret byte) inbox.Marks {
	tb.Helper()
	m, err := inbox.NewMarks("alerts@example.org", bytes.Repeat([]byte{secret}, 32))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// inWords is a note on one line, without its ID.
func inWords(n inbox.Note) string {
	var b strings.Builder
	say := func(name, value string) {
		if value != "" {
			if strings.ContainsAny(value, ` "`) {
				value = fmt.Sprintf("%q", value)
			}
			fmt.Fprintf(&b, " %s=%s", name, value)
		}
	}
	say("kind", string(n.Kind))
	say("verb", string(n.Verb))
	say("token", n.Token)
	say("text", n.Text)
	say("delivery", n.Delivery)
	say("hardness", string(n.Hardness))
	say("code", n.Code)
	if n.Kind == inbox.KindCommand || n.Kind == inbox.KindHuman || n.Verb != "" || strings.HasPrefix(n.From, "alerts") {
		say("from", n.From)
	}
	return strings.TrimSpace(b.String())
}

func TestWhatAMessageIs(t *testing.T) {
	t.Parallel()
	a, err := txtar.ParseFile(filepath.Join("testdata", "notes.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("MARK", marks(t, 1).ReturnPath(delivery), "FORGED", marks(t, 2).ReturnPath(delivery), "DELIVERY", delivery, "TOKEN", token)
	r := inbox.NewReader(marks(t, 1))
	seen := map[string]string{}
	for _, f := range a.Files {
		want, message, _ := strings.Cut(fill.Replace(string(f.Data)), "\n\n")
		for _, raw := range []string{message, strings.ReplaceAll(message, "\n", "\r\n")} {
			n := r.Read([]byte(raw))
			if got := inWords(n); got != want {
				t.Errorf("%s\n got %s\nwant %s", f.Name, got, want)
			}
			if other := seen[n.ID]; other != "" && other != f.Name || n.ID == "" {
				t.Errorf("%s has the ID of %s", f.Name, other)
			}
			seen[n.ID] = f.Name
		}
	}
}

// The same report, delivered fifty times, is one.
func TestTheSameMessageHasTheSameID(t *testing.T) {
	t.Parallel()
	r := inbox.NewReader(marks(t, 1))
	a := r.Read([]byte("Received: one\nMessage-ID: <x@y>\nSubject: a\n\nx"))
	b := r.Read([]byte("Received: another way\nMessage-ID: <x@y>\nSubject: a\n\nx"))
	if a.ID != b.ID {
		t.Error("two deliveries of one message have two IDs")
	}
	if c := r.Read([]byte("Message-ID: <z@y>\nSubject: a\n\nx")); c.ID == a.ID {
		t.Error("two messages have one ID")
	}
}

// What wants to keep us busy is read once, up to our bounds.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	r := inbox.NewReader(marks(t, 1))
	to := "To: " + marks(t, 1).ReturnPath(delivery) + "\nReturn-Path: <>\n"
	for name, raw := range map[string]string{
		"ten thousand parts":      to + "Content-Type: multipart/report; boundary=x\n\n" + strings.Repeat("--x\nContent-Type: message/delivery-status\n\nAction: x\n\n", 10000),
		"nested a hundred deep":   to + strings.Repeat("Content-Type: multipart/report; boundary=x\n\n--x\n", 100),
		"base64 garbage":          to + "Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n!!!!\n--x--",
		"a header of a megabyte":  to + "Subject: " + strings.Repeat("x", 1<<20),
		"ten thousand words":      to + "Subject: " + strings.Repeat("=?utf-8?q?=FF?= ", 10000),
		"fifty megabytes":         to + "\n" + strings.Repeat("x", 50<<20),
		"a subject of bare bytes": to + "Subject: \xff\xfe\x00\n\nx",
		"fields without end":      strings.Repeat("A: b\n", 200000),
	} {
		n := r.Read([]byte(raw))
		if n.Verb != "" || n.ID == "" {
			t.Errorf("%s: %s", name, inWords(n))
		}
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	m := marks(t, 1)
	path := m.ReturnPath(delivery)
	if id, ok := m.Delivery("<" + strings.ToUpper(path) + ">"); !ok || id != delivery {
		t.Errorf("%s in capitals: %q, %v", path, id, ok)
	}
	local, _, _ := strings.Cut(path, "@")
	if len(local) > 64 || strings.Contains(path, delivery) {
		t.Error(path)
	}
	for i := range local { // no letter of it may change
		if local[i] != '+' && i > len("alerts") {
			b := []byte(path)
			if b[i]++; b[i] == '{' || b[i] == '8' {
				b[i] = 'a'
			}
			if id, ok := m.Delivery(string(b)); ok && i > len("alerts+b") {
				t.Errorf("%s passes for %s", b, id)
			}
		}
	}
	for _, x := range []string{"", "alerts@example.org", "alerts+b@example.org", "alerts+bmfrgg@example.org", strings.Replace(path, "example.org", "example.net", 1), marks(t, 2).ReturnPath(delivery)} {
		if id, ok := m.Delivery(x); ok {
			t.Errorf("%q passes for %s", x, id)
		}
	}
	if got := m.ReturnPath("not hex"); got != "alerts@example.org" {
		t.Errorf("an id that cannot be marked: %s", got)
	}
	long, err := inbox.NewMarks(strings.Repeat("a", 40)+"@example.org", make([]byte, 32))
	if err != nil || long.ReturnPath(delivery) != strings.Repeat("a", 40)+"@example.org" {
		t.Error("a long local part", err)
	}
	for _, bad := range []string{"", "alerts", "Alerts <alerts@example.org>", `"a b"@example.org`} {
		if _, err := inbox.NewMarks(bad, make([]byte, 32)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := inbox.NewMarks("alerts@example.org", make([]byte, 31)); err == nil {
		t.Error("a short secret is taken")
	}
}

// An address is given up slowly: see points, and the rule of the table.
func TestScores(t *testing.T) {
	t.Parallel()
	at := func(day, hour int) time.Time { return time.Date(2026, 8, day, hour, 0, 0, 0, time.UTC) }
	type bounce struct {
		h  inbox.Hardness
		at time.Time
	}
	days := func(h inbox.Hardness, from, to int) (out []bounce) {
		for d := from; d <= to; d++ {
			out = append(out, bounce{h, at(d, 9)})
		}
		return out
	}
	for name, tt := range map[string]struct {
		bounces []bounce
		probed  time.Time
		now     time.Time
		want    inbox.Verdict
	}{
		"fifty on one day are one":               {[]bounce{{inbox.Gone, at(3, 8)}, {inbox.Gone, at(3, 9)}, {inbox.Gone, at(3, 22)}}, time.Time{}, at(4, 0), inbox.Keep},
		"no such mailbox on two days":            {days(inbox.Gone, 3, 4), time.Time{}, at(4, 10), inbox.Probe},
		"refused on four days":                   {days(inbox.Hard, 3, 6), time.Time{}, at(7, 0), inbox.Keep},
		"refused on five days":                   {days(inbox.Hard, 3, 7), time.Time{}, at(8, 0), inbox.Probe},
		"full for nine days":                     {days(inbox.Soft, 3, 11), time.Time{}, at(12, 0), inbox.Keep},
		"full for ten days":                      {days(inbox.Soft, 3, 12), time.Time{}, at(13, 0), inbox.Probe},
		"our own fault for a month":              {days(inbox.Ours, 1, 31), time.Time{}, at(31, 12), inbox.Keep},
		"a probe is out":                         {days(inbox.Gone, 3, 4), at(4, 12), at(6, 0), inbox.Keep},
		"the probe came back":                    {days(inbox.Gone, 3, 5), at(4, 12), at(5, 12), inbox.Stop},
		"the probe arrived, and a month is over": {days(inbox.Gone, 3, 4), at(4, 12), at(4, 9).AddDate(0, 0, 30), inbox.Keep},
		"midnight in London is what counts":      {[]bounce{{inbox.Gone, at(3, 22)}, {inbox.Gone, at(3, 23)}}, time.Time{}, at(4, 9), inbox.Probe},
		"a clock set back counts nothing":        {[]bounce{{inbox.Gone, at(9, 9)}, {inbox.Gone, at(3, 9)}}, time.Time{}, at(9, 10), inbox.Keep},
	} {
		zone, err := time.LoadLocation("Europe/London")
		if err != nil {
			t.Fatal(err)
		}
		var s inbox.Score
		for _, b := range tt.bounces {
			s = s.Add(b.h, b.at, zone)
		}
		s.Probed = tt.probed
		if got := s.Verdict(tt.now); got != tt.want {
			t.Errorf("%s: %s with %+v, want %s", name, got, s, tt.want)
		}
	}
	var s inbox.Score
	zone := time.UTC
	s = s.Add(inbox.Gone, at(1, 9), zone).Add(inbox.Gone, at(1, 9).AddDate(0, 0, 31), zone)
	if s.Points != 2.5 {
		t.Errorf("31 quiet days do not begin anew: %+v", s)
	}
}

// FuzzRead: no message makes us act without a token of its own, and none takes
// what it is not given.
func FuzzRead(f *testing.F) {
	a, err := txtar.ParseFile(filepath.Join("testdata", "notes.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, x := range a.Files {
		_, message, _ := bytes.Cut(x.Data, []byte("\n\n"))
		f.Add(message)
	}
	r := inbox.NewReader(marks(f, 1))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n := r.Read(raw)
		if n.Delivery != "" {
			t.Errorf("a mark out of nothing: %s", inWords(n))
		}
		if needs := n.Verb == inbox.VerbConfirm || n.Verb == inbox.VerbChange || n.Verb == inbox.VerbUnsubscribe; needs && len(n.Token) != 43 {
			t.Errorf("no token: %s", inWords(n))
		}
		if strings.ContainsAny(n.Text+n.From, "\r\n") || n.ID == "" || n.Kind == "" {
			t.Errorf("%q", inWords(n))
		}
	})
}

func TestMaildir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i, name := range []string{"cur/2:2,S", "new/1", "new/3"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(1000-i), 0)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	if _, err := (inbox.Maildir{Dir: dir}).Each(time.Time{}, func(raw []byte) error { got = append(got, string(raw)); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := "[new/3 new/1 cur/2:2,S]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	if _, err := (inbox.Maildir{Dir: filepath.Join(dir, "none")}).Each(time.Time{}, nil); err == nil {
		t.Error("a directory that is not there is an empty mailbox")
	}
}

func TestMbox(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "mbox")
	write := func(s string) {
		t.Helper()
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(s)
		}
		if err != nil || f.Close() != nil {
			t.Fatal(err)
		}
	}
	var got []string
	read := func(from int64) int64 {
		t.Helper()
		got = nil
		to, err := inbox.Mbox{File: name}.Each(from, func(raw []byte) error { got = append(got, string(raw)); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return to
	}
	write("From ann Mon Aug 10 09:00:00 2026\nSubject: one\n\nFrom here on\n\n>From quoted\n\nFrom bob Tue Aug 11 09:00:00 2026\nSubject: two\n\nbody")
	mark := read(0)
	if want := []string{"Subject: one\n\nFrom here on\n\nFrom quoted\n"}; !equal(got, want) {
		t.Errorf("a message half written counts: %q", got)
	}
	write(" and its end\n\n")
	mark = read(mark)
	if want := []string{"Subject: two\n\nbody and its end\n"}; !equal(got, want) {
		t.Errorf("%q", got)
	}
	if again := read(mark); len(got) != 0 || again != mark {
		t.Errorf("read again: %q", got)
	}
	if err := os.Truncate(name, 0); err != nil {
		t.Fatal(err)
	}
	write("From x Wed Aug 12 09:00:00 2026\nSubject: three\n\n\n")
	read(mark)
	if len(got) != 1 || !strings.Contains(got[0], "three") {
		t.Errorf("a file begun anew: %q", got)
	}
}

func equal(a, b []string) bool { return fmt.Sprintf("%q", a) == fmt.Sprintf("%q", b) }
