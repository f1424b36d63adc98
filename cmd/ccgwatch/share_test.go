package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// One group follows the export of another: what changes there is a change here,
// once, and a broken or half export changes nothing. Notices are not taken over,
// and nobody's subscription leaves the machine.
func TestExportIsFollowedByAnotherGroup(t *testing.T) {
	a := recordOf(t, 40)
	dir := filepath.Join(t.TempDir(), "site")
	exportedTo(t, a, dir, exportTime())
	srv := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer srv.Close()
	known, err := knownNames(nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := known.Parse("", []byte(replayConfig+fmt.Sprintf("[[source]]\nid = \"neighbours\"\nplatform = \"ccgwatch\"\nbase = %q\ndelay = \"1ms\"\n", srv.URL)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := openApp(cfg, filepath.Join(t.TempDir(), "data"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	s, err := b.source("neighbours")
	if err != nil {
		t.Fatal(err)
	}
	now := exportTime()
	look := func() outcome {
		now = now.Add(time.Hour)
		for _, f := range []string{"manifest.json", "all.jsonl.gz"} { // a web space tells apart what is a second apart
			if err := os.Chtimes(filepath.Join(dir, "data", f), now, now); err != nil {
				t.Fatal(err)
			}
		}
		return b.visit(t.Context(), s, crawl.Visit{Now: now}, nil)
	}
	if o := look(); o.Err != nil || o.Items != 10 || o.Added != 10 || len(o.Problems) > 0 {
		t.Fatalf("%+v", o) // every fourth item is a meeting
	}
	if o := look(); o.Err != nil || o.Added+o.Amended+o.Gone != 0 {
		t.Errorf("the same again is a change: %+v", o)
	}
	move := func(title string) {
		t.Helper()
		snap, err := a.store.Snapshot(t.Context(), "leicester", []string{"x/000004"})
		if err != nil {
			t.Fatal(err)
		}
		it := snap.Items["x/000004"]
		was := it.Fields[store.FieldVenue]
		it.Fields[store.FieldVenue] = title
		snap.Items[it.Key] = it
		c := store.Change{At: now, Source: it.Source, Key: it.Key, Kind: it.Kind, Op: store.OpAmended, Title: it.Title, URL: it.URL, Fields: []store.FieldChange{{Name: store.FieldVenue, Old: was, New: title}}}
		if err := a.store.Commit(t.Context(), snap, []store.Change{c}, store.Health{LastTry: now, LastComplete: now}); err != nil {
			t.Fatal(err)
		}
		exportedTo(t, a, dir, now)
	}
	move("Moved to the Guildhall")
	if o := look(); o.Err != nil || o.Added+o.Gone != 0 || o.Amended != 1 {
		t.Errorf("%+v", o)
	}
	if o := look(); o.Err != nil || o.Amended != 0 {
		t.Errorf("told twice: %+v", o)
	}
	it, err := b.store.Item(t.Context(), "neighbours", "leicester/x/000004")
	if err != nil || it.Fields[store.FieldVenue] != "Moved to the Guildhall" {
		t.Error(it, err)
	}
	data := filepath.Join(dir, "data", "all.jsonl.gz")
	whole, err := os.ReadFile(data)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"half": whole[:len(whole)/2], "none": {}, "another": []byte("not packed"), "a page": []byte("<html>404</html>")} {
		if err := os.WriteFile(data, body, 0o600); err != nil {
			t.Fatal(err)
		}
		if o := look(); o.Err == nil || o.Added+o.Amended+o.Gone != 0 {
			t.Errorf("%s was believed: %+v", name, o)
		}
	}
	if err := os.WriteFile(data, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	if o := look(); o.Err != nil || o.Added+o.Amended+o.Gone != 0 {
		t.Errorf("%+v", o)
	}
	if all, err := b.store.Changes(t.Context(), 0, 0); err != nil || len(all) == 0 {
		t.Error(err)
	} else {
		for _, c := range all {
			if c.Kind == store.KindNotice || strings.Contains(c.Title, "@") {
				t.Errorf("taken over: %+v", c)
			}
		}
	}
}
