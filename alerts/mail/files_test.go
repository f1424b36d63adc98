package mail

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// TestFiles: a message is written under its id, whole, and again without harm.
func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "outbox")
	f := Files{Dir: dir}
	d := store.Delivery{ID: "00ff", Raw: []byte("From: x\r\n\r\nbody\r\n")}
	// what a crash left of an earlier attempt
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".00ff.part"), []byte("a longer text than the message itself is"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.Send(t.Context(), d, "ann@example.net", func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "00ff.eml"))
		if err != nil || string(got) != string(d.Raw) {
			t.Fatalf("%q, %v", got, err)
		}
		if es, err := os.ReadDir(dir); err != nil || len(es) != 1 {
			t.Fatalf("%v, %v", es, err)
		}
	}
	st, err := os.Stat(filepath.Join(dir, "00ff.eml"))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

func TestFilesRefuses(t *testing.T) {
	f := Files{Dir: t.TempDir()}
	for _, d := range []store.Delivery{
		{ID: "../../etc/passwd", Raw: []byte("x")},
		{ID: "", Raw: []byte("x")},
		{ID: "00ff"},
	} {
		if err := f.Send(t.Context(), d, "", noDot(t)); !errors.Is(err, alerts.ErrRefused) {
			t.Errorf("%q: %v", d.ID, err)
		}
	}
	if es, _ := os.ReadDir(f.Dir); len(es) != 0 {
		t.Error("something was written")
	}
	f.Dir = filepath.Join(f.Dir, "a\x00b")
	if err := f.Send(t.Context(), store.Delivery{ID: "00ff", Raw: []byte("x")}, "", noDot(t)); err == nil || errors.Is(err, alerts.ErrRefused) {
		t.Errorf("a directory that cannot be made: %v", err)
	}
}

func noDot(t *testing.T) func() error {
	t.Helper()
	return func() error { t.Error("it came to the last byte"); return nil }
}

// Symptom: without a relay, an alert that a correction took back while it was being
// written was there all the same. It is in nobody's hands until its end is allowed.
func TestFilesThatAreTakenBackAreNotThere(t *testing.T) {
	f := Files{Dir: t.TempDir()}
	stop := errors.New("taken back")
	err := f.Send(t.Context(), store.Delivery{ID: "00ff", Raw: []byte("x")}, "", func() error {
		if mails, err := filepath.Glob(filepath.Join(f.Dir, "*.eml")); err != nil || len(mails) > 0 {
			t.Errorf("before its end there is %q, %v", mails, err)
		}
		return stop
	})
	if !errors.Is(err, stop) || errors.Is(err, alerts.ErrAway) {
		t.Errorf("it ends with %v", err)
	}
	if left, err := os.ReadDir(f.Dir); err != nil || len(left) > 0 {
		t.Errorf("there is %v, %v", left, err)
	}
}
