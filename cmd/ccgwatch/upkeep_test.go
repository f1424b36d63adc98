package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/storetest"
)

// filled is a data directory with something in every part of the store.
func filled(t *testing.T) *app {
	t.Helper()
	a, err := demoApp(filepath.Join(t.TempDir(), "data"), "http://127.0.0.1:1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	fill(t, a, 0, 300)
	for _, s := range demoSubscribers(townStart()) {
		if err := a.store.Subscribe(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// fill adds items, each with a paper of its own.
func fill(t *testing.T, a *app, from, n int) {
	t.Helper()
	ctx := t.Context()
	snap, err := a.store.Snapshot(ctx, "icb", []string{})
	if err != nil {
		t.Fatal(err)
	}
	var changes []store.Change
	for i := from; i < from+n; i++ {
		it := store.Item{Key: fmt.Sprint("k", i), Title: strings.Repeat("Board meeting ", i%40)}
		if i%10 == 0 {
			sha, size, err := a.store.Keep(ctx, strings.NewReader(fmt.Sprintf("%%PDF-1.7 paper %d", i)))
			if err != nil {
				t.Fatal(err)
			}
			if err := a.store.KeepText(ctx, sha, []string{"a page"}); err != nil {
				t.Fatal(err)
			}
			it.Documents = []store.Document{{Key: "d", SHA256: sha, Size: size}}
		}
		snap.Items[it.Key] = it
		changes = append(changes, store.Change{Key: it.Key, At: townStart()})
	}
	if err := a.store.Commit(ctx, snap, changes, store.Health{Source: "icb"}); err != nil {
		t.Fatal(err)
	}
}

func closeApp(t *testing.T, a *app) {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

func noLimit(int64) error { return nil }

// A damage is one way in which a database file can be broken, and what of it
// may still pass: a bit in a free page harms nothing.
type damage struct {
	name string
	do   func(path string) error
	sure bool // it must be found
}

// damages are 200 files: what disks, cables, tools and hands do.
func damages(size int64) []damage {
	page := int64(os.Getpagesize())
	write := func(at int64, b []byte) func(string) error {
		return func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt(b, at)
			return errors.Join(err, f.Close())
		}
	}
	all := []damage{
		{"0 bytes", func(p string) error { return os.Truncate(p, 0) }, true},
		{"1 byte", func(p string) error { return os.Truncate(p, 1) }, true},
		{"a directory", func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }, true},
		{"another file", func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("<html>"), 9999), 0o600) }, true},
		{"zeroes", func(p string) error { return os.WriteFile(p, make([]byte, size), 0o600) }, true},
		{"both heads zeroed", write(0, make([]byte, 2*page)), true},
		{"a link to nowhere", func(p string) error { return errors.Join(os.Remove(p), os.Symlink("nowhere", p)) }, true},
		{"doubled in length by zeroes", func(p string) error { return os.Truncate(p, 2*size) }, false},
		{"100 GB of nothing behind", func(p string) error { return os.Truncate(p, 100<<30) }, false},
		{"nobody may read it", func(p string) error { return os.Chmod(p, 0) }, os.Getuid() != 0},
	}
	for at := page; at < size && len(all) < 60; at += max(page, size/50/page*page) {
		all = append(all, damage{fmt.Sprintf("cut at %d", at), func(p string) error { return os.Truncate(p, at) }, true})
	}
	for at := 2 * page; at < size && len(all) < 120; at += page { // the kind and the count of a page, and where it goes on
		b := make([]byte, 8)
		binary.NativeEndian.PutUint16(b, uint16(1<<(at/page%5)))
		binary.NativeEndian.PutUint16(b[2:], 65000)
		binary.NativeEndian.PutUint32(b[4:], 1<<uint32(at/page%28))
		all = append(all, damage{fmt.Sprintf("the head of page %d", at/page), write(at+8, b), false})
	}
	rng := rand.New(rand.NewPCG(21, 0))
	for len(all) < 160 { // page numbers swapped for one another: circles in the tree
		at, to := rng.Int64N(size-16), rng.Int64N(size/page)
		all = append(all, damage{fmt.Sprintf("a number at %d", at), write(at/8*8, binary.NativeEndian.AppendUint64(nil, uint64(to))), false})
	}
	for len(all) < 200 {
		n := 1 + rng.IntN(200)
		var ats []int64
		for range n {
			ats = append(ats, rng.Int64N(size))
		}
		all = append(all, damage{fmt.Sprintf("%d bits from %d", n, ats[0]), func(p string) error {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			for i, at := range ats {
				b[at] ^= 1 << (i % 8)
			}
			return os.WriteFile(p, b, 0o600)
		}, false})
	}
	return all
}

// 200 broken files: each is found or harms nothing; what is found is refused
// with what to do about it; and no check takes long or the process with it.
func TestDamagedStoreIsNoticedAndNeverServed(t *testing.T) {
	if underRace {
		t.Skip("other processes do the work here: the detector only slows them down")
	}
	a := filled(t)
	closeApp(t, a)
	path := filepath.Join(a.data, bolt.File)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	every := 1
	if testing.Short() {
		every = 10
	}
	all := damages(int64(len(whole)))
	if len(all) != 200 {
		t.Fatalf("%d cases", len(all))
	}
	found, passed := 0, 0
	for i, d := range all {
		if i%every != 0 {
			continue
		}
		if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, whole, 0o600), d.do(path)); err != nil {
			t.Fatal(err)
		}
		e := &env{ctx: t.Context(), stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, data: a.data, log: a.log}
		err := e.fitToOpen(func() ([]checked, error) { return checkWithin(t.Context(), a.data, "", 5*time.Second) })
		switch {
		case err == nil && d.sure:
			t.Errorf("%s: not found", d.name)
		case err == nil: // then it can be opened, and every word of it read
			passed++
			if _, err := bolt.Check(t.Context(), a.data); err != nil {
				t.Errorf("%s: passed, and then: %v", d.name, err)
			}
		default:
			found++
			if errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), bolt.ErrDamaged.Error()) && !strings.Contains(err.Error(), "permission") && !strings.Contains(err.Error(), "no such file") {
				t.Errorf("%s: %v", d.name, err)
			}
		}
	}
	t.Logf("%d found, %d without harm", found, passed)
	if found < passed {
		t.Errorf("hardly anything was damaged: %d found, %d passed", found, passed)
	}
}

// A check that never ends is ended, and counts as damage.
func TestHangingCheckIsEnded(t *testing.T) {
	if underRace {
		t.Skip("other processes do the work here: the detector only slows them down")
	}
	parts, err := runCheck(t.Context(), "/bin/sh", []string{"-c", "sleep 100"}, 300*time.Millisecond)
	if err != nil || len(parts) != 1 || parts[0].State != "damaged" || !strings.Contains(parts[0].What, "not over in") {
		t.Errorf("%+v %v", parts, err)
	}
	parts, err = runCheck(t.Context(), "/bin/sh", []string{"-c", "echo panic: page 7 >&2; exit 2"}, time.Minute)
	if err != nil || len(parts) != 1 || parts[0].State != "damaged" || !strings.Contains(parts[0].What, "panic: page 7") {
		t.Errorf("%+v %v", parts, err)
	}
}

// After a clean stop there is no check; after any other, and for any file that
// somebody wrote to, there is.
func TestOnlyAnUncleanStopCostsACheck(t *testing.T) {
	a := filled(t)
	path := filepath.Join(a.data, bolt.File)
	if closedCleanly(a.data) {
		t.Error("it is open")
	}
	closeApp(t, a)
	if !closedCleanly(a.data) {
		t.Error("it was closed")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[17] ^= 1
	if err := errors.Join(os.WriteFile(path, b, 0o600), os.Chtimes(path, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
	if closedCleanly(a.data) {
		t.Error("a head was changed and its time set back")
	}
	b[17] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if closedCleanly(a.data) {
		t.Error("it was written to")
	}
}

// A copy broken off anywhere leaves no half copy under a whole one's name, and
// takes no good copy away.
func TestKilledBackupLeavesNoHalfCopy(t *testing.T) {
	if underRace {
		t.Skip("other processes do the work here: the detector only slows them down")
	}
	kills := 30
	if testing.Short() {
		kills = 5
	}
	a := filled(t)
	closeApp(t, a)
	d := &desk{t, filepath.Dir(a.data), filepath.Join(filepath.Dir(a.data), "ccgwatch.toml")}
	if err := os.WriteFile(d.config, []byte(townConfig("http://127.0.0.1:1")), 0o600); err != nil {
		t.Fatal(err)
	}
	at := townStart()
	begun := time.Now()
	d.exec(0, "backup", "--as-of", at.Format(time.RFC3339))
	usual := time.Since(begun)
	rng := rand.New(rand.NewPCG(storetest.Seed(t), 0))
	landed := 0
	dir := filepath.Join(a.data, "backups")
	for range 4 * kills {
		if landed == kills {
			break
		}
		at = at.Add(time.Hour)
		var struck bool
		if struck, usual = d.strike(rng, usual, "backup", "--keep=1", "--as-of", at.Format(time.RFC3339)); struck {
			landed++
		}
		all := copiesIn(dir)
		if newestGood(all) == "" {
			t.Fatalf("after %d kills there is no good copy: %v", landed, all)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") && !exists(filepath.Join(dir, e.Name(), copyFile)) {
				t.Errorf("%s is half a copy", e.Name())
			}
		}
	}
	if landed < kills {
		t.Errorf("only %d kills struck", landed)
	}
	for _, c := range copiesIn(dir) {
		parts, err := checkAll(t.Context(), c.dir)
		if err != nil || printChecked(&env{stdout: io.Discard}, parts, false) > 0 {
			t.Errorf("%s: %+v %v", c.dir, parts, err)
		}
	}
	d.exec(0, "backup", "--keep=1", "--as-of", at.Add(time.Hour).Format(time.RFC3339))
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
	d.exec(0, "verify")
}

// The newest good copy is never removed to make room for ones that are not.
func TestPruneKeepsTheGoodOne(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	dir := filepath.Join(t.TempDir(), "copies")
	good, err := a.makeCopy(t.Context(), dir, townStart(), 2, noLimit)
	if err != nil || !good.note.good() {
		t.Fatalf("%+v %v", good.note, err)
	}
	fill(t, a, 1000, 1) // k1000 has a paper, which goes missing
	snap, err := a.store.Snapshot(t.Context(), "icb", []string{"k1000"})
	if err != nil {
		t.Fatal(err)
	}
	sha := snap.Items["k1000"].Documents[0].SHA256
	if err := os.Remove(filepath.Join(a.data, archiveName, sha[:2], sha)); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		c, err := a.makeCopy(t.Context(), dir, townStart().Add(time.Duration(i+1)*time.Hour), 2, noLimit)
		if err != nil || c.note.good() || !c.note.sound() {
			t.Fatalf("%+v %v", c.note, err)
		}
	}
	all := copiesIn(dir)
	if len(all) != 3 || all[2].dir != good.dir || newestGood(all) != good.dir {
		t.Errorf("left: %v", all)
	}
}

// A paper damaged in the copy before is taken from the store instead.
func TestCopyHealsFromTheStore(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	dir := filepath.Join(t.TempDir(), "copies")
	first, err := a.makeCopy(t.Context(), dir, townStart(), 3, noLimit)
	if err != nil {
		t.Fatal(err)
	}
	papers, err := filepath.Glob(filepath.Join(first.dir, archiveName, "??", "*"))
	if err != nil || len(papers) == 0 {
		t.Fatal(papers, err)
	}
	b, err := os.ReadFile(papers[0])
	if err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if err := errors.Join(os.Remove(papers[0]), os.WriteFile(papers[0], b, 0o600)); err != nil {
		t.Fatal(err)
	}
	second, err := a.makeCopy(t.Context(), dir, townStart().Add(time.Hour), 3, noLimit)
	if err != nil || !second.note.good() {
		t.Errorf("%+v %v", second.note, err)
	}
}

// With little room nothing is crawled and nothing copied, which is said once;
// mail goes out, and all goes on by itself.
func TestNearlyFullDisk(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	var said bytes.Buffer
	a.log = slog.New(slog.NewTextHandler(&said, nil))
	free := uint64(90 << 20) // 96 MiB and more are needed
	a.free = func(string) (uint64, error) { return free, nil }
	d := &daemon{app: a}
	now := townStart()
	for range 5 {
		if !d.diskFull(t.Context(), now) {
			t.Fatal("it crawls")
		}
		now = now.Add(tickEvery)
	}
	if n := strings.Count(said.String(), "nothing is crawled"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &said)
	}
	if !d.diskFull(t.Context(), now.Add(24*time.Hour)) || strings.Count(said.String(), "nothing is crawled") != 2 {
		t.Errorf("no reminder after a day:\n%s", &said)
	}
	d.copyTonight(t.Context(), now)
	if len(copiesIn(filepath.Join(a.data, "backups"))) != 0 || !strings.Contains(said.String(), "no copy of the store tonight") {
		t.Errorf("copied:\n%s", &said)
	}
	q, err := a.queueRow(&env{ctx: t.Context(), data: a.data, asOf: now})
	if err != nil || !strings.Contains(q.Paused, "90 MiB free") {
		t.Errorf("status says %q, %v", q.Paused, err)
	}
	free = 1 << 30
	if d.diskFull(t.Context(), now) || !strings.Contains(said.String(), "crawling goes on") {
		t.Errorf("it goes on:\n%s", &said)
	}
	d.copyTonight(t.Context(), now)
	if all := copiesIn(filepath.Join(a.data, "backups")); newestGood(all) == "" {
		t.Errorf("no copy:\n%s", &said)
	}
}

// Whoever left or was erased is noted outside the store without a word on who
// it is, also where the note could not be written at the time.
func TestSuppressionsAreNoted(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	subs, err := a.store.Subscriptions(t.Context(), "", 0)
	if err != nil || len(subs) < 2 {
		t.Fatal(subs, err)
	}
	name := filepath.Join(a.data, suppressedFile)
	if err := os.Mkdir(name, 0o700); err != nil { // nothing can be written there
		t.Fatal(err)
	}
	if err := a.store.End(t.Context(), subs[0].ID, townStart()); err != nil {
		t.Errorf("an unwritable note kept somebody from leaving: %v", err)
	}
	if _, err := a.store.Erase(t.Context(), subs[1].Address); err == nil {
		t.Error("erased without a note: a restore would bring it back")
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("cut in the mid"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.store.suppressAgain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := a.store.Erase(t.Context(), subs[1].Address); n != 1 || err != nil {
		t.Error(n, err)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(string(b), "\n"); len(lines) != 5 || !strings.Contains(lines[1], " ended ") || !strings.Contains(lines[2], " erased ") || !strings.Contains(lines[3], " ended ") {
		t.Errorf("noted: %q", lines)
	}
	for _, s := range subs {
		if strings.Contains(string(b), s.ID) || strings.Contains(string(b), s.Address) {
			t.Errorf("it says who: %s", b)
		}
	}
}

// A disk that fills up while a source is read is our trouble, and not told as
// the source's.
func TestFullDiskIsNotTheSourcesFailure(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		ours bool
	}{
		"full":         {fmt.Errorf("commit icb: %w", &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}), true},
		"over quota":   {fmt.Errorf("commit icb: %w", syscall.EDQUOT), true},
		"not writable": {syscall.EROFS, true},
		"the site's":   {crawl.Errorf(store.ReasonServer, "500"), false},
	} {
		if got := crawl.DiskFault(tt.err); got != tt.ours {
			t.Errorf("%s: our disk's fault: %v", name, got)
		}
	}
}
