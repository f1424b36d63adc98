package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/storetest"
)

// A kill -9 anywhere while mail goes through a relay: every message is with the
// relay in the end, none more than twice, a second copy is the same to the last
// byte, and there are no more of them than connections for each kill.
func TestKilledWhileMailing(t *testing.T) {
	if underRace {
		t.Skip("other processes do the work here: the detector only slows them down")
	}
	t.Parallel()
	kills, readers := 100, 400
	if testing.Short() {
		kills, readers = 12, 80
	}
	seed := storetest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	sites, err := newTown()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(sites)
	defer srv.Close()
	post, err := newPostOffice(filepath.Join(t.TempDir(), "relay"))
	if err != nil {
		t.Fatal(err)
	}
	defer post.close()
	d := newDesk(t, townConfig(srv.URL)+"\n[smtp]\nhost = \"127.0.0.1\"\nport = "+post.port()+"\ntls = \"none\"\nper_minute = 6000\nconnections = 4\n")
	at := func(x time.Time) string { return "--as-of=" + x.Format(time.RFC3339) }
	d.run(done, "crawl", at(townStart()))
	addReaders(t, d, readers)
	now := parse(t, "2026-09-10T18:00")
	sites.moveTo(now)
	d.run(done, "crawl", at(now))
	struck := 0
	for range 3 * kills {
		if struck == kills {
			break
		}
		now = now.Add(17 * time.Minute) // what was in doubt is due again
		if d.exec(time.Duration(30+rng.IntN(250))*time.Millisecond, "send", at(now)) {
			struck++
		}
	}
	for range 3 {
		now = now.Add(time.Hour)
		d.exec(0, "send", at(now))
	}
	files, err := filepath.Glob(filepath.Join(post.dir, "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	copies, first, again := map[string]int{}, map[string][]byte{}, 0
	id := regexp.MustCompile(`(?m)^Message-ID: (\S+)`)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		which := string(id.FindSubmatch(raw)[1])
		if copies[which]++; copies[which] == 1 {
			first[which] = raw
			continue
		}
		again++
		if !bytes.Equal(raw, first[which]) || copies[which] > 2 {
			t.Errorf("copy %d of %s; the same bytes: %v", copies[which], which, bytes.Equal(raw, first[which]))
		}
	}
	t.Logf("%d kills struck, %d messages, %d of them twice", struck, len(first), again)
	var q jsonQueue
	out := d.run(done, "status", "--json")
	if err := json.Unmarshal([]byte(out[strings.LastIndex(out, `{"queue"`):]), &q); err != nil {
		t.Fatal(err)
	}
	// A message that was killed twice at its very end may have come or not.
	if n := len(first); struck < kills || again > 4*struck || n < readers || q.Queue.Queued+q.Queue.Failed+q.Queue.Suppressed > 0 || n < q.Queue.Sent || n > q.Queue.Sent+q.Queue.Uncertain {
		t.Errorf("%d messages to %d readers, %d twice after %d kills: %s", n, readers, again, struck, out)
	}
}

// addReaders subscribes so many people to what is outsourced.
func addReaders(t *testing.T, d *desk, readers int) {
	t.Helper()
	s, err := bolt.Open(filepath.Join(d.dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range readers {
		id := fmt.Sprintf("%032x", i)
		err := s.Subscribe(t.Context(), store.Subscription{ID: id, Address: fmt.Sprintf("r%d@example.net", i), Query: "topic:outsourcing", Often: store.Instant,
			State: store.StateConfirmed, Created: townStart(), ConsentAt: townStart(), Consent: "a test"})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// program runs a command in a process of its own, which must end with a code,
// and returns all it says.
func (d *desk) program(code int, args ...string) string {
	d.t.Helper()
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.CommandContext(d.t.Context(), self, append([]string{"--config=" + d.config, "--data=" + filepath.Join(d.dir, "data")}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		d.t.Fatalf("ccgwatch %s: %v, expected exit %d\n%s", strings.Join(args, " "), err, code, out)
	}
	return string(out)
}
