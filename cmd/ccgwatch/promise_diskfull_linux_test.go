package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/storetest"
)

// mounted is a file system of its own, of so many MiB. Only root can have one:
// elsewhere the test is skipped.
func mounted(t *testing.T, kind string, mib int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can mount a small file system: what a full disk does is not tested")
	}
	dir := t.TempDir()
	options, source := fmt.Sprintf("size=%dm", mib), "tmpfs"
	if kind == "ext4" {
		source, options = filepath.Join(t.TempDir(), "image"), "loop"
		f, err := os.Create(source)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Truncate(int64(mib)<<20), f.Close()); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "mkfs.ext4", "-q", "-F", "-m", "0", source).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: no ext4 image could be made, a full ext4 is not tested: %v %s", err, out)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", kind, "-o", options, source, dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no %s could be mounted, a full one is not tested: %v %s", kind, err, out)
	}
	t.Cleanup(func() {
		for range 50 {
			if err := syscall.Unmount(dir, 0); err == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		_ = syscall.Unmount(dir, syscall.MNT_DETACH)
	})
	return dir
}

// ballast fills a file system to its last block.
func ballast(dir string) {
	f, err := os.OpenFile(filepath.Join(dir, "ballast"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	for size := 1 << 20; size >= 512; size /= 2 {
		for {
			if _, err := f.Write(make([]byte, size)); err != nil {
				break
			}
		}
	}
	_ = f.Close()
}

// The disk is filled at any moment of crawling and mailing, over and over: the
// store stays whole, whoever wants to leave can, the operator is told once, and
// all goes on by itself when there is room; in the end the log says what it says
// where the disk was never full, and everybody has every alert once.
func TestPromiseFullDisk(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			fullDisk(t, mounted(t, kind, map[string]int{"tmpfs": 16, "ext4": 32}[kind]), promiseCount(3, 12, 50))
		})
	}
}

func fullDisk(t *testing.T, dir string, times int) {
	t.Helper()
	sites, err := newTown()
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(sites)
	defer srv.Close()
	var said bytes.Buffer
	open := func(dir string) *app {
		a, err := demoApp(dir, srv.URL, slog.New(slog.NewTextHandler(&said, nil)))
		if err != nil {
			t.Fatal(err)
		}
		a.sources = a.sources[:1] // papers come from child processes, which are tested elsewhere
		return a
	}
	data := filepath.Join(dir, "data")
	full, calm := open(data), open(filepath.Join(t.TempDir(), "data"))
	// The guard asks for 96 MiB, which this disk never has: by it nothing would
	// be crawled at all. Here it is what fails behind the guard that is tested.
	full.free = func(string) (uint64, error) { return 1 << 40, nil }
	seed := storetest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	now := townStart()
	for _, a := range []*app{full, calm} {
		if err := (&daemon{app: a}).step(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		for _, s := range demoSubscribers(now) {
			if err := a.store.Subscribe(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
	failed, left := 0, 0
	end := at("2026-09-18T17:00")
	for i := range times {
		now = now.Add(end.Sub(now) / time.Duration(times-i+1)).Truncate(time.Minute)
		sites.moveTo(now)
		leaver := store.Subscription{ID: fmt.Sprintf("leaver%d", i), Address: fmt.Sprintf("leaver%d@example.org", i), State: store.StateConfirmed, Often: store.Weekly, Created: now, Since: 1 << 40}
		for _, a := range []*app{full, calm} {
			if err := a.store.Subscribe(t.Context(), leaver); err != nil {
				t.Fatal(err)
			}
		}
		// The disk fills up at a random moment of the work.
		var wg sync.WaitGroup
		wait := time.Duration(rng.Int64N(int64(30 * time.Millisecond)))
		wg.Go(func() {
			time.Sleep(wait)
			ballast(dir)
		})
		d := &daemon{app: full}
		_ = d.step(t.Context(), now)
		wg.Wait()
		_ = d.step(t.Context(), now.Add(time.Minute)) // and all of it on the full disk
		if _, _, err := full.store.Keep(t.Context(), strings.NewReader(strings.Repeat("paper ", 1<<20))); errors.Is(err, syscall.ENOSPC) {
			failed++
		} else {
			t.Errorf("%d: the disk is not full: %v", i, err)
		}
		// On the full disk somebody leaves.
		if err := full.store.End(t.Context(), leaver.ID, now); err == nil {
			left++
		} else {
			t.Logf("leaving on a full disk: %v", err)
		}
		if got, err := full.store.Subscription(t.Context(), leaver.ID); err != nil {
			t.Fatalf("the store is not readable on a full disk: %v", err)
		} else if got.State != store.StateEnded {
			t.Errorf("%d: whoever wanted to leave is %s", i, got.State)
		}
		if err := calm.store.End(t.Context(), leaver.ID, now); err != nil {
			t.Fatal(err)
		}
		if i%5 == 0 { // killed on the full disk: opened and closed there
			closeApp(t, full)
			if _, err := bolt.Check(t.Context(), data); err != nil {
				t.Fatalf("the store on a full disk: %v", err)
			}
			full = open(data)
			full.free = func(string) (uint64, error) { return 1 << 40, nil }
		}
		if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
			t.Fatal(err)
		}
		for _, a := range []*app{full, calm} { // there is room again
			for j := range 3 { // a failed source waits for its next try
				if err := (&daemon{app: a}).step(t.Context(), now.Add(time.Duration(2+31*j)*time.Minute)); err != nil {
					t.Fatal(err)
				}
			}
		}
		now = now.Add(2 * time.Hour)
	}
	// In the end everything is looked at and mailed.
	for _, when := range []time.Time{end.Add(time.Hour), end.AddDate(0, 0, 1), end.AddDate(0, 0, 8)} {
		sites.moveTo(when)
		for _, a := range []*app{full, calm} {
			if err := (&daemon{app: a}).step(t.Context(), when); err != nil {
				t.Fatal(err)
			}
		}
	}
	changes, alertsOf := ledger(t, full)
	wantChanges, wantAlerts := ledger(t, calm)
	if strings.Join(changes, "\n") != strings.Join(wantChanges, "\n") {
		t.Errorf("%d changes, %d where the disk was never full:\n%s", len(changes), len(wantChanges), firstDifference(strings.Join(wantChanges, "\n"), strings.Join(changes, "\n")))
	}
	if strings.Join(alertsOf, "\n") != strings.Join(wantAlerts, "\n") || len(wantAlerts) == 0 {
		t.Errorf("told:\n%s\n\nwhere the disk was never full:\n%s", strings.Join(alertsOf, "\n"), strings.Join(wantAlerts, "\n"))
	}
	closeApp(t, full)
	closeApp(t, calm)
	if _, err := bolt.Check(t.Context(), data); err != nil {
		t.Error(err)
	}
	t.Logf("filled %d times, %d of them a paper was refused; %d left on the full disk; %d changes, %d things told as where the disk was never full", times, failed, left, len(changes), len(alertsOf))
	if failed == 0 {
		t.Error("no write ever failed: this proves nothing")
	}
}

// ledger is what an app has found and alerted, without numbers and times: a line
// for each thing that each reader was told. Which of them share a message is not
// in it: a source that could not be kept is tried again later, and what it says
// comes with whatever is new by then.
func ledger(t *testing.T, a *app) (changes, told []string) {
	t.Helper()
	e := &env{ctx: t.Context()}
	var mails []store.Delivery
	if err := a.eachChange(e, func(c store.Change) error {
		changes = append(changes, fmt.Sprint(c.Source, " ", c.Key, " ", c.Op, " ", c.What))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := a.store.Deliveries(t.Context(), func(d store.Delivery) bool {
		if d.Kind == alerts.KindAlert {
			mails = append(mails, d)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	for _, d := range mails {
		if len(d.Findings) == 0 { // a reminder: it is about one thing, which its subject names
			told = append(told, d.Subscription+" "+string(d.State)+" "+d.Subject)
		}
		for _, id := range d.Findings {
			f, err := a.store.Finding(t.Context(), id)
			if err != nil {
				t.Fatalf("%q tells finding %s: %v", d.Subject, id, err)
			}
			told = append(told, d.Subscription+" "+string(d.State)+" "+strings.ReplaceAll(alerts.Telling(f), "\x00", " | "))
		}
	}
	slices.Sort(changes)
	slices.Sort(told)
	return changes, told
}

// A data directory that cannot be written: a clear word, an exit that is not 0,
// nothing broken, and a clean start as soon as it can be written again.
func TestPromiseReadOnlyDirectory(t *testing.T) {
	dir := mounted(t, "tmpfs", 32)
	d := newDesk(t, "[group]\nbuiltin_sources = false\n[web]\nlisten = \"127.0.0.1:0\"\n")
	data := filepath.Join(dir, "data")
	a, err := demoApp(data, "http://127.0.0.1:1", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	fill(t, a, 0, 50)
	closeApp(t, a)
	remount := func(how string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "mount", "-o", "remount,"+how, dir).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i := range promiseCount(2, 4, 40) {
		was, err := os.ReadFile(filepath.Join(data, bolt.File))
		if err != nil {
			t.Fatal(err)
		}
		remount("ro")
		begun := time.Now()
		cmd := exec.CommandContext(t.Context(), self, "--config="+d.config, "--data="+data, "run")
		cmd.Env = append(os.Environ(), asProgram+"=1")
		out, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() <= 0 {
			t.Errorf("%d: exit code %d", i, cmd.ProcessState.ExitCode())
		}
		if !strings.Contains(string(out), "read-only file system") || !strings.Contains(string(out), "ccgwatch: ") || strings.Contains(string(out), "goroutine ") {
			t.Errorf("%d: it said:\n%s", i, out)
		}
		if i == 0 {
			t.Logf("after %s: %s", time.Since(begun).Round(time.Millisecond), out)
		}
		remount("rw")
		if is, err := os.ReadFile(filepath.Join(data, bolt.File)); err != nil || !bytes.Equal(was, is) {
			t.Errorf("%d: the store was changed (%v)", i, err)
		}
		if out, ok := daemonOver(t, data); !ok {
			t.Errorf("%d: no clean start:\n%s", i, out)
		}
		if _, err := bolt.Check(t.Context(), data); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}
