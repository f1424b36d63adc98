package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/storetest"
)

// postfixDesk is a desk whose mail goes to a real Postfix, over STARTTLS and
// with a login.
func postfixDesk(t *testing.T, p *postfix, town string) *desk {
	t.Helper()
	t.Setenv("SSL_CERT_FILE", p.ca) // of the processes that send
	settings := strings.Replace(townConfig(town), "[group]", "[group]\nurl = \"https://watch.example.org\"", 1)
	d := newDesk(t, settings+"\n[smtp]\nhost = \"127.0.0.1\"\nport = "+strconv.Itoa(p.port)+
		"\nper_minute = 6000\nusername = \""+postfixUser+"\"\npassword_file = \"smtp.secret\"\n")
	if err := os.WriteFile(filepath.Join(d.dir, "smtp.secret"), []byte(postfixPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

// frozen are the bytes of all deliveries, by the address they are for.
func frozen(t *testing.T, d *desk) (byAddress map[string][][]byte, kinds map[string]int) {
	t.Helper()
	s, err := bolt.Open(filepath.Join(d.dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all []store.Delivery
	if err := s.Deliveries(t.Context(), func(x store.Delivery) bool { all = append(all, x); return true }); err != nil {
		t.Fatal(err)
	}
	byAddress, kinds = map[string][][]byte{}, map[string]int{}
	for _, x := range all {
		sub, err := s.Subscription(t.Context(), x.Subscription)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := s.Raw(t.Context(), x.ID)
		if err != nil {
			t.Fatal(err)
		}
		kinds[x.Kind]++
		byAddress[sub.Address] = append(byAddress[sub.Address], raw)
	}
	return byAddress, kinds
}

// TestPostfix: a real Postfix takes what we send, over TLS and with a login,
// and delivers it as it was frozen, byte for byte; the checklist of a correct
// mail finds nothing wrong with what arrived. A wrong password stops all mail.
func TestPostfix(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a mail server")
	}
	p := startPostfix(t, nil)
	sites, err := newTown()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(sites)
	defer srv.Close()
	d := postfixDesk(t, p, srv.URL)
	at := func(x time.Time) string { return "--as-of=" + x.Format(time.RFC3339) }
	d.run(done, "crawl", at(townStart()))
	d.run(done, "subscribers", "add", "ada@example.net", "--consent", "a test", "--often", "instant", "--query", "topic:outsourcing", at(townStart()))
	d.run(done, "subscribers", "add", "ben@example.net", "--consent", "a test", "--often", "weekly", at(townStart()))
	now := parse(t, "2026-09-10T18:00")
	sites.moveTo(now)
	d.run(done, "crawl", at(now))

	signUp(t, d, "cat@example.net", now)

	secret := filepath.Join(d.dir, "smtp.secret")
	if err := os.WriteFile(secret, []byte("mellon\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := d.program(exitFailed, "send", at(now)); !strings.Contains(out, "535") || strings.Contains(out, "mellon") || !strings.Contains(out, "0 sent") {
		t.Errorf("with a wrong password: %s", out)
	}
	if err := os.WriteFile(secret, []byte(postfixPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.program(exitDone, "send", at(now.Add(time.Hour)))           // the alerts
	d.program(exitDone, "send", at(parse(t, "2026-09-11T08:00"))) // the digest
	want, kinds := frozen(t, d)
	if kinds[alerts.KindAlert] == 0 || kinds[alerts.KindDigest] == 0 || kinds[alerts.KindConfirm] != 1 {
		t.Fatalf("%v", kinds)
	}
	n := 0
	for _, all := range want {
		n += len(all)
	}
	got := p.delivered(t, n)
	for address, all := range want {
		if len(got[address]) != len(all) {
			t.Errorf("%s has %d messages of %d", address, len(got[address]), len(all))
		}
		for _, raw := range all {
			if !containsBytes(got[address], raw) {
				t.Errorf("a message to %s did not arrive as it was frozen:\n%.2000s", address, raw)
			}
		}
	}
	t.Run("checklist", func(t *testing.T) {
		sharedDir(t)
		for address, all := range got {
			for i, raw := range all {
				file := filepath.Join(t.TempDir(), fmt.Sprintf("%s-%d.eml", address, i))
				if err := os.WriteFile(file, raw, 0o600); err != nil {
					t.Fatal(err)
				}
				tool := filepath.Join(sharedDir(t), "tools", "emlcheck.py")
				kind := "auto"
				if address == "cat@example.net" {
					kind = "confirm"
				}
				out, err := exec.Command("python3", tool, "--kind", kind, "--domain", "example.org", file).CombinedOutput()
				if err != nil {
					t.Errorf("%s to %s: %v\n%s", kind, address, err, failedLines(string(out)))
				}
			}
		}
	})
}

// signUp fills in the form for somebody.
func signUp(t *testing.T, d *desk, address string, now time.Time) {
	t.Helper()
	cfg, err := loadConfig(d.config, true)
	if err != nil {
		t.Fatal(err)
	}
	a, err := openApp(cfg, filepath.Join(d.dir, "data"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := a.desk.SignUp(t.Context(), now, alerts.Application{Address: address, Query: "dentists", Often: store.Weekly, Form: alerts.FormVersion}); err != nil {
		t.Fatal(err)
	}
}

func containsBytes(all [][]byte, b []byte) bool {
	for _, x := range all {
		if bytes.Equal(x, b) {
			return true
		}
	}
	return false
}

// TestPromiseKilledWhileMailingToPostfix: the promise of
// TestKilledWhileMailing, held against a real Postfix.
func TestPromiseKilledWhileMailingToPostfix(t *testing.T) {
	kills := storetest.Promised(0, 0, 40, 1000)
	if kills == 0 || underRace {
		t.Skip("only in make promises and make soak")
	}
	rng := rand.New(rand.NewPCG(storetest.Seed(t), 0))
	// Each round ends within three days of its own clock: what is older would be told
	// in one, and is another promise.
	const most = 80
	for kills > 0 {
		n := min(kills, most)
		kills -= n
		if !t.Run(fmt.Sprint(n, " kills"), func(t *testing.T) { killedWhileMailingToPostfix(t, rng, n) }) {
			return
		}
	}
}

func killedWhileMailingToPostfix(t *testing.T, rng *rand.Rand, kills int) {
	t.Helper()
	p := startPostfix(t, nil)
	sites, err := newTown()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(sites)
	defer srv.Close()
	d := postfixDesk(t, p, srv.URL)
	at := func(x time.Time) string { return "--as-of=" + x.Format(time.RFC3339) }
	d.run(done, "crawl", at(townStart()))
	readers := 4 * kills
	addReaders(t, d, readers)
	now := parse(t, "2026-09-10T18:00")
	sites.moveTo(now)
	d.run(done, "crawl", at(now))
	struck := 0
	for range 3 * kills {
		if struck == kills {
			break
		}
		now = now.Add(17 * time.Minute)
		if d.exec(time.Duration(30+rng.IntN(250))*time.Millisecond, "send", at(now)) {
			struck++
		}
	}
	for range 3 {
		now = now.Add(time.Hour)
		d.exec(0, "send", at(now))
	}
	want, _ := frozen(t, d)
	n := 0
	for _, all := range want {
		n += len(all)
	}
	again := 0
	id := regexp.MustCompile(`(?m)^Message-ID: (\S+)`)
	got := p.delivered(t, n)
	for address, all := range want {
		copies := map[string]int{}
		for _, raw := range got[address] {
			copies[string(id.FindSubmatch(raw)[1])]++
			if !containsBytes(all, raw) {
				t.Errorf("what came to %s is not what was frozen", address)
			}
		}
		for _, raw := range all {
			switch c := copies[string(id.FindSubmatch(raw)[1])]; {
			case c == 0 || c > 2:
				t.Errorf("a message to %s came %d times", address, c)
			case c == 2:
				again++
			}
		}
	}
	t.Logf("%d kills struck, %d messages, %d of them twice", struck, n, again)
	if struck < kills || again > struck || len(want) < readers {
		t.Errorf("%d kills of %d struck, %d messages came twice, %d of %d readers were written to", struck, kills, again, len(want), readers)
	}
}
