package bolt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

func open(t *testing.T, dir string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fill puts something into every part of a store and returns the hash of a paper.
func fill(t *testing.T, s *bolt.Store, items int) string {
	t.Helper()
	ctx := t.Context()
	sha, size, err := s.Keep(ctx, strings.NewReader("%PDF-1.7 a paper"))
	must(t, err)
	must(t, s.KeepText(ctx, sha, []string{"a page"}))
	snap := store.Snapshot{Source: "leics", Items: map[string]store.Item{}}
	var changes []store.Change
	for i := range items {
		it := store.Item{Key: fmt.Sprint("k", i), Title: strings.Repeat("Nursing ", i%200), Documents: []store.Document{{Key: "d", SHA256: sha, Size: size}}}
		snap.Items[it.Key] = it
		changes = append(changes, store.Change{Key: it.Key})
	}
	must(t, s.Commit(ctx, snap, changes, store.Health{Source: "leics"}))
	must(t, s.Subscribe(ctx, confirmed("ann")))
	d := store.Delivery{ID: "1", Subscription: "ann", Raw: []byte("To: ann@example.org"), LastError: "450 <ann@example.org> is busy"}
	must(t, s.Advance(ctx, "matcher", store.Position{}, store.Position{Seq: 1}, []store.Finding{{ID: "f", Change: 1}}, []store.Delivery{d}))
	must(t, s.SetDue(ctx, "digest", time.Unix(0, 0)))
	return sha
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no such permissions")
	}
	dir := filepath.Join(t.TempDir(), "new", "data")
	fill(t, open(t, dir), 1)
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		must(t, err)
		info, err := e.Info()
		must(t, err)
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has %v, want %v", path, got, want)
		}
		return nil
	}))
}

func TestLocked(t *testing.T) {
	t.Parallel() // it waits for the lock, twice
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := bolt.Open(dir); !errors.Is(err, store.ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := bolt.Check(t.Context(), dir); !errors.Is(err, store.ErrLocked) {
		t.Errorf("checked while open: %v", err)
	}
	must(t, s.Close())
	must(t, open(t, dir).Close())
}

// Several first starts at once: one creates the store, and none loses it.
func TestTwoFirstStarts(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s, err := bolt.Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.SetDue(t.Context(), fmt.Sprint("job", i), time.Unix(1, 0)); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	due, err := open(t, dir).Due(t.Context())
	must(t, err)
	if len(due) != 8 {
		t.Errorf("%d of 8 writes are left: %v", len(due), due)
	}
	left, _ := filepath.Glob(filepath.Join(dir, bolt.File+".new*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestNewerFormat(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s, 3)
	must(t, s.Close())
	path := filepath.Join(dir, bolt.File)
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte{9}) }))
	must(t, db.Close())
	before, err := os.ReadFile(path)
	must(t, err)
	_, err = bolt.Open(dir)
	if !errors.Is(err, bolt.ErrNewer) || !strings.Contains(err.Error(), "format 9") {
		t.Errorf("opened: %v", err)
	}
	if _, err := bolt.Check(t.Context(), dir); !errors.Is(err, bolt.ErrNewer) {
		t.Errorf("checked: %v", err)
	}
	after, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Error("the file was written to")
	}
}

func TestDamagedFile(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"empty":          func(p string) error { return os.Truncate(p, 0) },
		"half a page":    func(p string) error { return os.Truncate(p, 2000) },
		"two pages":      func(p string) error { return os.Truncate(p, int64(2*os.Getpagesize())) },
		"the end is off": func(p string) error { return os.Truncate(p, int64(12*os.Getpagesize())) },
		"something else": func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("<html>"), 9999), 0o600) },
		"a directory":    func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) },
		"another's database": func(p string) error {
			if err := os.Remove(p); err != nil {
				return err
			}
			db, err := bbolt.Open(p, 0o600, nil)
			if err != nil {
				return err
			}
			return db.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			fill(t, s, 200)
			must(t, s.Close())
			must(t, damage(filepath.Join(dir, bolt.File)))
			if _, err := bolt.Open(dir); !errors.Is(err, bolt.ErrDamaged) {
				t.Errorf("opened: %v", err)
			}
			if _, err := bolt.Check(t.Context(), dir); !errors.Is(err, bolt.ErrDamaged) {
				t.Errorf("checked: %v", err)
			}
		})
	}
}

// One torn head is what a crash can leave; the other one serves.
func TestTornHead(t *testing.T) {
	for page := range 2 {
		dir := t.TempDir()
		s := open(t, dir)
		fill(t, s, 20)
		must(t, s.Close())
		f, err := os.OpenFile(filepath.Join(dir, bolt.File), os.O_WRONLY, 0)
		must(t, err)
		_, err = f.WriteAt(make([]byte, 64), int64(page*os.Getpagesize()+16))
		must(t, errors.Join(err, f.Close()))
		if _, err := bolt.Check(t.Context(), dir); err != nil {
			t.Errorf("without head %d: %v", page, err)
		}
		must(t, open(t, dir).Close())
	}
}

// Bytes of stored values are flipped: Check names the place, and reading gives
// an error and never another value.
func TestFlippedBits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	sha := fill(t, s, 50)
	must(t, s.Close())
	path := filepath.Join(dir, bolt.File)
	whole, err := os.ReadFile(path)
	must(t, err)
	report, err := bolt.Check(t.Context(), dir)
	must(t, err)
	if report.Items != 50 || report.Changes != 50 || report.Findings != 1 || report.Deliveries != 1 || report.Subscriptions != 1 || report.Papers != 1 {
		t.Errorf("counted %v", report)
	}
	mark := []byte(`"key":"k17","kind"`) // in a value short enough to be stored plain, and in its change
	if n := bytes.Count(whole, mark); n == 0 {
		t.Fatal("nothing to damage")
	}
	must(t, os.WriteFile(path, bytes.ReplaceAll(whole, mark, []byte(`"key":"k18","kind"`)), 0o600))
	if _, err := bolt.Check(t.Context(), dir); !errors.Is(err, bolt.ErrDamaged) || !strings.Contains(err.Error(), "leics k17") {
		t.Errorf("checked: %v", err)
	}
	s = open(t, dir)
	if it, err := s.Item(t.Context(), "leics", "k17"); !errors.Is(err, bolt.ErrDamaged) || !strings.Contains(err.Error(), "leics k17") {
		t.Errorf("read %v: %v", it, err)
	}
	must(t, s.Close())
	must(t, os.WriteFile(path, whole, 0o600))

	paper := filepath.Join(dir, "archive", sha[:2], sha)
	must(t, os.WriteFile(paper, []byte("%PDF-1.7 a pap3r"), 0o600))
	if _, err := bolt.Check(t.Context(), dir); !errors.Is(err, bolt.ErrDamaged) || !strings.Contains(err.Error(), sha) {
		t.Errorf("a changed paper: %v", err)
	}
	must(t, os.Remove(paper))
	if _, err := bolt.Check(t.Context(), dir); !errors.Is(err, bolt.ErrDamaged) || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a missing paper: %v", err)
	}
}

func TestDamagedArchive(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	sha := fill(t, s, 1)
	paper := filepath.Join(dir, "archive", sha[:2], sha)
	r := rand.New(rand.NewPCG(1, 1))
	good, err := os.ReadFile(paper + ".txt.zst")
	must(t, err)
	for n := range len(good) {
		bad := bytes.Clone(good[:n])
		if n%2 == 1 {
			bad = bytes.Clone(good)
			bad[n] ^= 1 << r.IntN(8)
		}
		must(t, os.WriteFile(paper+".txt.zst", bad, 0o600))
		if pages, err := s.Text(t.Context(), sha); err == nil && (len(pages) != 1 || pages[0] != "a page") {
			t.Fatalf("damaged at %d, read as %q", n, pages)
		} else if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("damaged at %d: %v", n, err)
		}
	}
	must(t, s.KeepText(t.Context(), sha, []string{"read again"}))
	if pages, err := s.Text(t.Context(), sha); err != nil || pages[0] != "read again" {
		t.Errorf("rewritten: %q %v", pages, err)
	}

	before, err := os.Stat(paper)
	must(t, err)
	again := func() {
		if _, _, err := s.Keep(t.Context(), strings.NewReader("%PDF-1.7 a paper")); err != nil {
			t.Fatal(err)
		}
	}
	again()
	if after, err := os.Stat(paper); err != nil || !os.SameFile(before, after) {
		t.Error("the same paper was written again")
	}
	must(t, os.Truncate(paper, 3))
	again()
	if b, err := os.ReadFile(paper); err != nil || string(b) != "%PDF-1.7 a paper" {
		t.Errorf("a paper cut short stayed %q", b)
	}
}

// What a crash leaves in the way of half-written files is gone after Open.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s, 1)
	must(t, s.Close())
	for _, p := range []string{bolt.File + ".new-123", "archive/tmp/paper-123"} {
		must(t, os.WriteFile(filepath.Join(dir, filepath.FromSlash(p)), []byte("half"), 0o600))
	}
	s = open(t, dir)
	for _, p := range []string{bolt.File + ".new-123", "archive/tmp/paper-123"} {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(p))); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there", p)
		}
	}
	must(t, s.Close())
	if _, err := bolt.Check(t.Context(), dir); err != nil {
		t.Error(err)
	}
}

// An address is in no error and, unpacked, in no value once it was erased; and
// after Compact no byte of it is in the file.
func TestEraseLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s, 300)
	must(t, s.Subscribe(t.Context(), confirmed("bob")))
	if err := s.Subscribe(t.Context(), confirmed("ann")); err == nil || strings.Contains(err.Error(), "ann@") {
		t.Errorf("the error names the address: %v", err)
	}
	path := filepath.Join(dir, bolt.File)
	holds := func(address string) bool {
		b, err := os.ReadFile(path)
		must(t, err)
		return bytes.Contains(b, []byte(address))
	}
	if !holds("ann@example.org") {
		t.Fatal("the address is not in the file to begin with: this would prove nothing")
	}
	if n, err := s.Erase(t.Context(), "ann@example.org"); n != 1 || err != nil {
		t.Fatalf("erased %d: %v", n, err)
	}
	must(t, s.Compact(t.Context()))
	if holds("ann@example.org") {
		t.Error("its bytes are still in the file")
	}
	if !holds("bob@example.org") {
		t.Error("so is nobody else's")
	}
	must(t, s.Note(t.Context(), store.Health{Source: "icb"})) // it goes on in the new file
	must(t, s.Close())
	r, err := bolt.Check(t.Context(), dir)
	must(t, err)
	if r.Items != 300 || r.Deliveries != 0 || r.Subscriptions != 1 {
		t.Errorf("left: %v", r)
	}
	hs, err := open(t, dir).Healths(t.Context())
	if err != nil || len(hs) != 2 {
		t.Errorf("a note after compacting is lost: %v %v", hs, err)
	}
}

func TestCompactWhileOthersWrite(t *testing.T) {
	t.Parallel() // it waits for the lock
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s, 100)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 20 {
				if err := s.SetDue(t.Context(), fmt.Sprintf("job %d.%d", w, i), time.Unix(1, 0)); err != nil {
					t.Error(err)
				}
				if _, err := s.Snapshot(t.Context(), "leics", nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 5 {
		if err := s.Compact(t.Context()); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if _, err := bolt.Open(dir); !errors.Is(err, store.ErrLocked) {
		t.Errorf("somebody else came in: %v", err)
	}
	due, err := s.Due(t.Context())
	if err != nil || len(due) != 81 {
		t.Errorf("%d of 81 writes are there: %v", len(due), err)
	}
}

// A process that waits for the lock while the file is exchanged gets the new one.
func TestWaitingThroughCompact(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	got := make(chan error, 1)
	go func() {
		o, err := bolt.Open(dir)
		if err == nil {
			err = errors.Join(o.SetDue(context.Background(), "late", time.Unix(1, 0)), o.Close())
		}
		got <- err
	}()
	for range 20 {
		must(t, s.Compact(t.Context()))
	}
	must(t, s.Close())
	must(t, <-got)
	due, err := open(t, dir).Due(t.Context())
	if err != nil || len(due) != 1 {
		t.Errorf("it wrote into a file that is no more: %v %v", due, err)
	}
}

func TestReplacedWhileOpen(t *testing.T) {
	for name, f := range map[string]func(path string) error{
		"deleted":  os.Remove,
		"replaced": func(p string) error { return errors.Join(os.Remove(p), os.WriteFile(p, []byte("x"), 0o600)) },
	} {
		dir := t.TempDir()
		s := open(t, dir)
		must(t, f(filepath.Join(dir, bolt.File)))
		if err := s.Note(t.Context(), store.Health{Source: "leics"}); !errors.Is(err, bolt.ErrReplaced) {
			t.Errorf("%s, and a write says %v", name, err)
		}
	}
}

func TestMaxSize(t *testing.T) {
	dir := t.TempDir()
	s, err := bolt.Open(dir, bolt.WithMaxSize(1<<20))
	must(t, err)
	defer func() { _ = s.Close() }()
	r := rand.New(rand.NewPCG(1, 1))
	raw := make([]byte, 100<<10)
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	must(t, s.Subscribe(t.Context(), confirmed("ann")))
	must(t, s.Commit(t.Context(), store.Snapshot{Source: "leics"}, make([]store.Change, 100), store.Health{}))
	var place store.Position
	for i := range 100 {
		to := store.Position{Seq: place.Seq + 1}
		err = s.Advance(t.Context(), "m", place, to, nil, []store.Delivery{{ID: fmt.Sprint(i), Subscription: "ann", Raw: raw}})
		if err != nil {
			break
		}
		place = to
	}
	if err == nil {
		t.Fatal("10 MB went into 1 MiB")
	}
	p, err := s.Position(t.Context(), "m")
	if err != nil || p != place {
		t.Errorf("after a full file the follower is at %v, not %v: %v", p, place, err)
	}
	must(t, s.End(t.Context(), "ann", time.Unix(1, 0))) // unsubscribing still works
	must(t, s.Close())
	if _, err := bolt.Check(t.Context(), dir); err != nil {
		t.Error(err)
	}
}

func TestBackup(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s, 100)
	var b bytes.Buffer
	must(t, s.Backup(t.Context(), &b))
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, bolt.File), b.Bytes(), 0o600))
	r, err := bolt.Check(t.Context(), dir)
	if err != nil || r.Items != 100 {
		t.Errorf("the copy has %v: %v", r, err)
	}
}
