package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// A copyDesk is a store with readers, over a relay that takes or refuses.
type copyDesk struct {
	*desk
	post *postOffice
	log  bytes.Buffer
}

func newCopyDesk(t *testing.T, further string) *copyDesk {
	t.Helper()
	post, err := newPostOffice(filepath.Join(t.TempDir(), "relay"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(post.close)
	c := &copyDesk{post: post}
	c.desk = newDesk(t, replayConfig+"[smtp]\nhost = \"127.0.0.1\"\nport = "+post.port()+"\ntls = \"none\"\nper_minute = 600000\n"+further)
	return c
}

// at opens the store, has what is due at a time sent, and closes it again: so each is
// a process of its own.
func (c *copyDesk) at(when time.Time, do ...func(*app)) {
	c.t.Helper()
	cfg, err := loadConfig(c.config, true)
	if err != nil {
		c.t.Fatal(err)
	}
	a, err := openApp(cfg, filepath.Join(c.dir, "data"), slog.New(slog.NewTextHandler(&c.log, nil)))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range do {
		f(a)
	}
	if _, _, err := a.deliver(c.t.Context(), when); err != nil {
		c.t.Fatal(err)
	}
	closeApp(c.t, a)
}

// readers subscribes some, to a digest so often.
func (c *copyDesk) readers(n int, often string, since time.Time) func(*app) {
	return func(a *app) {
		for i := range n {
			s := store.Subscription{
				ID: fmt.Sprintf("%s%028d", often[:4], i), Address: fmt.Sprintf("%s%d@example.net", often, i), Often: often, State: store.StateConfirmed,
				Created: since, Consent: "a test", ConsentAt: since,
			}
			if err := a.store.Subscribe(c.t.Context(), s); err != nil {
				c.t.Fatal(err)
			}
		}
	}
}

// took lists whom the relay has mail for, in order, as "to: subject".
func (c *copyDesk) took() (all []string) {
	c.t.Helper()
	for n := 1; ; n++ {
		b, err := os.ReadFile(filepath.Join(c.post.dir, fmt.Sprint(n, ".eml")))
		if err != nil {
			return all
		}
		to, subject := "", ""
		for line := range strings.Lines(string(b)) {
			if s, ok := strings.CutPrefix(line, "Envelope-To: "); ok {
				to = strings.TrimSpace(s)
			}
			if s, ok := strings.CutPrefix(line, "Subject: "); ok {
				subject = strings.TrimSpace(s)
				break
			}
		}
		all = append(all, to+": "+subject)
	}
}

func friday(week int) time.Time {
	return time.Date(2026, 9, 11+7*week, 7, 30, 0, 0, london())
}

const withCopies = "[operator]\ndigest_copy = \"jo@example.org\"\n"

// S13: after each run of digests, and behind all of them, the operator's own address
// gets one copy, however often the program looks and starts anew.
func TestOneCopyOfEachRunOfDigests(t *testing.T) {
	c := newCopyDesk(t, withCopies)
	c.at(friday(0).Add(-48*time.Hour), c.readers(3, store.Weekly, friday(0).Add(-72*time.Hour)))
	if got := c.took(); len(got) > 0 {
		t.Fatalf("before the first run: %q", got)
	}
	for week := range 3 {
		for i := range 3 {
			c.at(friday(week).Add(time.Duration(i) * time.Hour))
		}
		got := c.took()
		if len(got) != 4*(week+1) {
			t.Fatalf("week %d: %q\n%s", week, got, &c.log)
		}
		if last := got[len(got)-1]; !strings.HasPrefix(last, "jo@example.org: Copy: CCGWatch week to ") || strings.Contains(strings.Join(got[:len(got)-1][4*week:], " "), "Copy") {
			t.Errorf("the copy is not the last: %q", got)
		}
	}
	raw, err := os.ReadFile(filepath.Join(c.post.dir, "12.eml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{"example.net", "List-", "nsubscribe", "week0000"} {
		if bytes.Contains(raw, []byte(private)) {
			t.Errorf("the copy has %q:\n%s", private, raw)
		}
	}
	if strings.Contains(c.log.String(), "jo@") || strings.Contains(c.log.String(), "example.net") {
		t.Errorf("an address is in the log: %s", &c.log)
	}
	if out := c.run(done, "status"); !strings.Contains(out, "your copy of a digest, last sent: Friday 25 September 2026") {
		t.Errorf("status says\n%s", out)
	}
}

// A copy that the relay puts off waits in the outbox as all mail does, and goes once.
func TestACopyIsAsDurableAsAnyMail(t *testing.T) {
	c := newCopyDesk(t, withCopies)
	c.at(friday(0).Add(-48*time.Hour), c.readers(1, store.Weekly, friday(0).Add(-72*time.Hour)))
	if err := c.post.answer("450 4.2.0"); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		c.at(friday(0).Add(time.Duration(i) * time.Minute))
	}
	if err := c.post.answer(""); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		c.at(friday(0).Add(time.Duration(1+i) * time.Hour))
	}
	if got := strings.Join(c.took(), "\n"); strings.Count(got, "jo@example.org") != 1 || strings.Count(got, "weekly0@") != 1 {
		t.Errorf("it took\n%s", got)
	}
}

// No copy: nobody asked for one, nobody had a digest, the day was quiet, or the run
// was before the operator asked.
func TestNoCopyWithoutARun(t *testing.T) {
	for name, tt := range map[string]struct {
		config string
		often  string
		n      int
		asked  time.Time // when the key was written; zero: from the beginning
	}{
		"not asked for":     {"", store.Weekly, 2, time.Time{}},
		"no readers":        {withCopies, store.Weekly, 0, time.Time{}},
		"alerts alone":      {withCopies, store.Instant, 2, time.Time{}},
		"a quiet day":       {withCopies, store.Daily, 2, time.Time{}},
		"a run of the past": {withCopies, store.Weekly, 2, friday(0).Add(72 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			further := tt.config
			if !tt.asked.IsZero() {
				further = ""
			}
			c := newCopyDesk(t, further)
			c.at(friday(0).Add(-48*time.Hour), c.readers(tt.n, tt.often, friday(0).Add(-72*time.Hour)))
			c.at(friday(0))
			c.at(friday(0).Add(25 * time.Hour))
			if !tt.asked.IsZero() {
				b, err := os.ReadFile(c.config)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(c.config, append(b, tt.config...), 0o600); err != nil {
					t.Fatal(err)
				}
				c.at(tt.asked)
				c.at(tt.asked.Add(time.Hour))
			}
			if got := strings.Join(c.took(), "\n"); strings.Contains(got, "jo@") || strings.Contains(got, "Copy:") {
				t.Errorf("it took\n%s", got)
			}
		})
	}
}

// A run while the relay's day is used up: readers first.
func TestACopyTakesNobodysPlace(t *testing.T) {
	c := newCopyDesk(t, "per_day = 10\n"+withCopies)
	c.at(friday(0).Add(-48*time.Hour), c.readers(9, store.Weekly, friday(0).Add(-72*time.Hour)))
	c.at(friday(0)) // nine of ten: the tenth is kept for service mail
	if got := strings.Join(c.took(), "\n"); strings.Count(got, "weekly") != 9 || strings.Contains(got, "jo@") {
		t.Fatalf("it took\n%s", got)
	}
	c.at(friday(0).Add(25 * time.Hour))
	if got := c.took(); len(got) != 10 || !strings.HasPrefix(got[9], "jo@example.org: Copy: ") {
		t.Errorf("it took %q", got)
	}
}
