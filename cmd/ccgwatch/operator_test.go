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

// Mail to the operator goes like all mail: signed, by the outbox, again when
// the relay was away, and once, whatever moment the program is cut off at.
func TestTheOperatorsMailGoesThroughTheOutbox(t *testing.T) {
	post, err := newPostOffice(filepath.Join(t.TempDir(), "relay"))
	if err != nil {
		t.Fatal(err)
	}
	defer post.close()
	d := newDesk(t, replayConfig+"[[source]]\nid = \"a\"\nplatform = \"moderngov\"\nbase = \"http://127.0.0.1:1\"\n[smtp]\nhost = \"127.0.0.1\"\nport = "+post.port()+
		"\ntls = \"none\"\nper_minute = 6000\ndkim_selector = \"x\"\ndkim_key_file = \"dkim.key\"\n")
	record := d.run(done, "dkim", "--json")
	open := func() *app {
		t.Helper()
		cfg, err := loadConfig(d.config, true)
		if err != nil {
			t.Fatal(err)
		}
		a, err := openApp(cfg, filepath.Join(d.dir, "data"), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	now := townStart()
	a := open()
	ctx := t.Context()
	bad := store.Health{Source: "a", LastTry: now, FailingSince: now.Add(-48 * time.Hour), Failed: 9, Problems: []store.Problem{{Reason: store.ReasonServer, What: "the visit", Since: now.Add(-48 * time.Hour)}}}
	if err := a.store.Note(ctx, bad); err != nil {
		t.Fatal(err)
	}
	if err := post.answer("450 4.2.0 later"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := a.tellOperator(ctx, now); err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.deliver(ctx, now); err != nil {
			t.Fatal(err)
		}
	}
	closeApp(t, a) // put off, and the program ends
	if err := post.answer(""); err != nil {
		t.Fatal(err)
	}
	a = open()
	for i := range 4 {
		at := now.Add(time.Duration(i) * time.Hour)
		if err := a.tellOperator(ctx, at); err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.deliver(ctx, at); err != nil {
			t.Fatal(err)
		}
	}
	closeApp(t, a)
	files, err := filepath.Glob(filepath.Join(post.dir, "*.eml"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d messages to the operator, want 1 (%v)", len(files), err)
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(raw, []byte("Envelope-To: watch@example.org")) || !bytes.Contains(raw, []byte("a source needs a look")) {
		t.Errorf("%s", raw)
	}
	verifySigned(t, record, raw[bytes.Index(raw, []byte("DKIM-Signature")):])
	if out := d.run(done, "subscribers", "list"); out != "" {
		t.Errorf("the group is listed as a subscriber: %s", out)
	}
	if out := d.run(done, "verify"); strings.Contains(out, "FAIL") {
		t.Error(out)
	}
	if out := d.run(done, "subscribers", "erase", "watch@example.org"); !strings.Contains(out, fmt.Sprint(1)) {
		t.Errorf("the group's own address cannot be erased: %s", out)
	}
}
