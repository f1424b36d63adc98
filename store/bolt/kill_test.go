package bolt_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/storetest"
)

const childDir = "CCGWATCH_TEST_KILL_DIR"

// TestMain runs the writer of TestKill when it is that child.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Println(write(context.Background(), dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// write goes on writing for ever, and says after each write what is now
// promised to be there: "c 7" the change, "d 7" the delivery, "p sha" the paper.
func write(ctx context.Context, dir string) error {
	fmt.Println("start")
	s, err := bolt.Open(dir)
	if err != nil {
		return err
	}
	fmt.Println("open")
	if _, err := s.Subscription(ctx, "ann"); err != nil {
		if err := s.Subscribe(ctx, confirmed("ann")); err != nil {
			return err
		}
	}
	place, err := s.Position(ctx, "matcher")
	if err != nil {
		return err
	}
	for {
		last, err := s.LastSeq(ctx)
		if err != nil {
			return err
		}
		n := last + 1
		snap, err := s.Snapshot(ctx, "leics", []string{})
		if err != nil {
			return err
		}
		sha, _, err := s.Keep(ctx, strings.NewReader(fmt.Sprint("paper ", n)))
		if err != nil {
			return err
		}
		if err := s.KeepText(ctx, sha, []string{fmt.Sprint("page ", n)}); err != nil {
			return err
		}
		fmt.Println("p", sha)
		snap.Items[fmt.Sprint("k", n)] = store.Item{Key: fmt.Sprint("k", n), Title: strings.Repeat("x", int(n*37%3000)), Documents: []store.Document{{Key: "d", SHA256: sha}}}
		if err := s.Commit(ctx, snap, []store.Change{{Key: fmt.Sprint("k", n)}}, store.Health{Source: "leics"}); err != nil {
			return err
		}
		fmt.Println("c", n)
		to := store.Position{Seq: n}
		d := store.Delivery{ID: fmt.Sprint("d", n), Subscription: "ann", Raw: bytes.Repeat([]byte{byte(n)}, int(n*91%5000)), Created: time.Unix(int64(n), 0)}
		if err := s.Advance(ctx, "matcher", place, to, []store.Finding{{ID: fmt.Sprint("f", n), Change: n}}, []store.Delivery{d}); err != nil {
			return err
		}
		place = to
		fmt.Println("d", n)
		if n%6 == 0 {
			if err := backup(ctx, s, dir); err != nil {
				return err
			}
		}
		if n%4 == 0 {
			if err := s.Compact(ctx); err != nil {
				return err
			}
		}
	}
}

// backup copies as the daemon does: under another name until it is whole.
func backup(ctx context.Context, s *bolt.Store, dir string) error {
	to := filepath.Join(dir, "copy")
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(to, "new"))
	if err != nil {
		return err
	}
	if err := errors.Join(s.Backup(ctx, f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(to, bolt.File))
}

func confirmed(id string) store.Subscription {
	return store.Subscription{ID: id, Address: id + "@example.org", Often: store.Instant, State: store.StateConfirmed}
}

// TestKill kills a writing process at a random moment, over and over, in its
// first start too: the store opens, Check finds no fault, and everything that
// was acknowledged is there.
func TestKill(t *testing.T) {
	cycles := 100
	if testing.Short() {
		cycles = 10
	}
	killWriter(t, cycles)
}

func killWriter(t *testing.T, cycles int) {
	t.Helper()
	seed := storetest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	dir := filepath.Join(t.TempDir(), "data")
	acked, young, copies := 0, 0, 0
	for cycle := range cycles {
		if cycle%4 == 0 { // a first start
			dir = filepath.Join(t.TempDir(), "data")
		}
		said := run(t, dir, time.Duration(r.IntN(60_000))*time.Microsecond)
		if _, err := os.Stat(filepath.Join(dir, bolt.File)); errors.Is(err, os.ErrNotExist) {
			if len(said) > 1 {
				t.Fatalf("cycle %d: no file, and yet %q was said", cycle, said)
			}
			young++
			continue
		}
		if _, err := bolt.Check(t.Context(), dir); err != nil {
			t.Fatalf("cycle %d, after %q: %v", cycle, said, err)
		}
		acked += verify(t, dir, said)
		if _, err := os.Stat(filepath.Join(dir, "copy", bolt.File)); err == nil {
			copies++
			if _, _, err := bolt.CheckDatabase(t.Context(), filepath.Join(dir, "copy")); err != nil {
				t.Fatalf("cycle %d: the copy: %v", cycle, err)
			}
		}
	}
	t.Logf("%d cycles, %d acknowledged writes, %d killed before there was a store, %d times there was a copy", cycles, acked, young, copies)
	if acked == 0 {
		t.Error("nothing was ever acknowledged: this proves nothing")
	}
}

// run starts the writer, kills it so long after its first word, and returns
// the lines it said.
func run(t *testing.T, dir string, after time.Duration) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	var said []string
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // a line without its end was not said
			break
		}
		if said = append(said, strings.TrimSpace(line)); len(said) == 1 {
			time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the writer ended by itself: %v, %q", err, said)
	}
	return said
}

// verify looks for everything that was said to be there.
func verify(t *testing.T, dir string, said []string) (n int) {
	t.Helper()
	s, err := bolt.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	last, err := s.LastSeq(t.Context())
	must(t, err)
	items, deliveries, findings := uint64(0), uint64(0), uint64(0)
	must(t, s.Items(t.Context(), "", func(store.Item) bool { items++; return true }))
	must(t, s.Deliveries(t.Context(), func(store.Delivery) bool { deliveries++; return true }))
	must(t, s.Findings(t.Context(), 0, func(store.Finding) bool { findings++; return true }))
	place, err := s.Position(t.Context(), "matcher")
	must(t, err)
	if items != last || deliveries != findings || place.Seq > last || deliveries == 0 && place.Seq > 0 {
		t.Errorf("half a transaction: %d items, %d changes, %d deliveries, %d findings, matched up to %d", items, last, deliveries, findings, place.Seq)
	}
	for _, line := range said {
		what, id, _ := strings.Cut(line, " ")
		switch what {
		case "c":
			it, err := s.Item(t.Context(), "leics", "k"+id)
			if err != nil || len(it.Documents) != 1 {
				t.Errorf("%s: %v", line, err)
			}
		case "d":
			if _, err := s.Raw(t.Context(), "d"+id); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			if _, err := s.Finding(t.Context(), "f"+id); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		case "p":
			p, err := s.Open(t.Context(), id)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if b, err := io.ReadAll(p); err != nil || !strings.HasPrefix(string(b), "paper ") {
				t.Errorf("%s: %q %v", line, b, err)
			}
			_ = p.Close()
			if _, err := s.Text(t.Context(), id); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		default:
			continue
		}
		n++
	}
	return n
}
