package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts/web/export"
	"ccgwatch/config"
	"ccgwatch/store"
)

// keptFresh is a daemon that keeps an export, and what it logs.
func keptFresh(t *testing.T, items int, dir string) (d *daemon, log *bytes.Buffer, tick func(at time.Time)) {
	t.Helper()
	a := recordOf(t, items)
	log = &bytes.Buffer{}
	a.log = slog.New(slog.NewTextHandler(log, nil))
	a.cfg.Export = config.Export{Dir: dir, Every: config.Duration(time.Hour)}
	d = &daemon{app: a}
	return d, log, func(at time.Time) {
		d.exportSoon(t.Context(), at)
		d.visits.Wait()
	}
}

// moved makes news: a meeting has another room.
func moved(t *testing.T, a *app, at time.Time, room string) {
	t.Helper()
	if err := amended(t.Context(), a, "leicester", "x/000004", at, func(it *store.Item, c *store.Change) {
		c.Fields = []store.FieldChange{{Name: store.FieldVenue, Old: it.Fields[store.FieldVenue], New: room}}
		it.Fields[store.FieldVenue] = room
	}); err != nil {
		t.Fatal(err)
	}
}

// The daemon makes the export when something is new and four times a day, and no
// oftener than the settings say; a restart in between makes no difference.
func TestDaemonKeepsTheExportFresh(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	d, log, tick := keptFresh(t, 8, dir)
	start := dayStart(exportTime()).Add(7 * time.Hour)
	stamp := func(when string, want time.Time) {
		t.Helper()
		if at := export.ReadStamp(dir); !at.Equal(want) {
			t.Errorf("%s: made at %s, want %s\n%s", when, at, want, log)
		}
	}
	tick(start)
	stamp("at the first tick", start)
	moved(t, d.app, start.Add(10*time.Minute), "The Guildhall")
	tick(start.Add(30 * time.Minute))
	stamp("something is new, within the hour", start)
	(&daemon{app: d.app}).exportSoon(t.Context(), start.Add(40*time.Minute))
	stamp("a daemon that was started within the hour", start)
	tick(start.Add(61 * time.Minute))
	stamp("after the hour", start.Add(61*time.Minute))
	tick(start.Add(3 * time.Hour))
	stamp("nothing new", start.Add(61*time.Minute))
	tick(start.Add(5 * time.Hour)) // noon: another quarter of the day
	stamp("a quarter of a day later", start.Add(5*time.Hour))
	if body, err := os.ReadFile(filepath.Join(dir, export.ItemFile("leicester", "x/000004"))); err != nil || !bytes.Contains(body, []byte("The Guildhall")) {
		t.Errorf("what is new is not in it: %v", err)
	}
}

// What keeps the daemon from its export it says in words, once a time; the export
// stays as it was, and is brought up to date when it can be.
func TestDaemonSaysWhyThereIsNoExport(t *testing.T) {
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(disk, "site")
	d, log, tick := keptFresh(t, 8, dir)
	doctor := func(at time.Time) string {
		var out bytes.Buffer
		x := &examination{env: &env{ctx: t.Context(), stdout: &out, stderr: io.Discard, asOf: at, log: d.log}}
		x.export(d.cfg.Export)
		return out.String()
	}
	at := exportTime()
	if s := doctor(at); !strings.Contains(s, "not made yet") || !strings.Contains(s, "warn") {
		t.Errorf("before the first: %s", s)
	}
	tick(at)
	if s := doctor(at.Add(time.Hour)); !strings.Contains(s, "last made on") || !strings.Contains(s, "ok") {
		t.Errorf("after the first: %s", s)
	}
	if s := doctor(at.AddDate(0, 0, 2)); !strings.Contains(s, "the daemon should make it every 1h") || !strings.Contains(s, "warn") {
		t.Errorf("an old one: %s", s)
	}
	good := treeOf(t, dir)

	// The disk is taken out, and nothing is written where it was.
	away := disk + "-away"
	if err := os.Rename(disk, away); err != nil {
		t.Fatal(err)
	}
	moved(t, d.app, at.Add(time.Hour), "The Guildhall")
	log.Reset()
	tick(at.Add(2 * time.Hour))
	if s := log.String(); !strings.Contains(s, "is not there: is its disk connected") || strings.Count(s, "level=ERROR") != 1 {
		t.Errorf("the log: %s", s)
	}
	if _, err := os.Stat(disk); err == nil {
		t.Error("something was made in its place")
	}
	if s := doctor(at.Add(2 * time.Hour)); !strings.Contains(s, "is not there: is its disk connected") || !strings.Contains(s, "warn") {
		t.Errorf("doctor: %s", s)
	}
	if err := os.Rename(away, disk); err != nil {
		t.Fatal(err)
	}
	if diff := differing(good, treeOf(t, dir)); diff != nil {
		t.Errorf("the export was touched: %v", diff)
	}
	tick(at.Add(4 * time.Hour))
	if got := export.ReadStamp(dir); !got.Equal(at.Add(4 * time.Hour)) {
		t.Errorf("it was not tried again: made %s; %s", got, log)
	}

	// Somebody else's list of files: neither written over nor believed.
	sums := filepath.Join(dir, export.Sums)
	if err := os.WriteFile(sums, []byte("mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := doctor(at.Add(4 * time.Hour)); !strings.Contains(s, "not an export of CCGWatch") {
		t.Errorf("doctor: %s", s)
	}
}

// Who gets our mails may change after a page was made: a page that is left as it
// stands is asked about it all the same.
func TestExportKnowsNewSubscribersOnOldPages(t *testing.T) {
	a := recordOf(t, 4)
	at := exportTime()
	if err := amended(t.Context(), a, "leicester", "y", at, func(it *store.Item, _ *store.Change) {
		it.Kind, it.Title, it.URL = store.KindPage, "A page", "https://www.example.org/contact?to=resident@example.com"
	}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "site")
	exportedTo(t, a, dir, at)
	was := treeOf(t, dir)
	if r := exportedTo(t, a, dir, at.Add(time.Minute)); r.Left == 0 {
		t.Fatalf("nothing was left as it stands: %+v", r)
	}
	if err := a.store.Subscribe(t.Context(), store.Subscription{ID: strings.Repeat("a", 32), Address: "Resident@Example.com", State: store.StateConfirmed, Often: store.Weekly, Created: at}); err != nil {
		t.Fatal(err)
	}
	_, err := a.export(t.Context(), dir, "", at.Add(2*time.Minute), nil)
	if private := (*export.PrivateError)(nil); !errors.As(err, &private) || strings.Contains(err.Error(), "resident") {
		t.Errorf("%v", err)
	}
	for _, f := range differing(was, treeOf(t, dir)) {
		if f != export.Stamp {
			t.Errorf("%s was touched", f)
		}
	}
}

// A copy of an older export that was put back, and a memory that was damaged, are
// nothing that a run believes.
func TestExportBelievesNoStaleMemory(t *testing.T) {
	a := recordOf(t, 8)
	at := exportTime()
	dir, fresh := filepath.Join(t.TempDir(), "site"), filepath.Join(t.TempDir(), "fresh")
	exportedTo(t, a, dir, at)
	older, err := os.ReadFile(filepath.Join(dir, ".ccgwatch", "made"))
	if err != nil {
		t.Fatal(err)
	}
	moved(t, a, at.Add(time.Minute), "The Guildhall")
	for name, memory := range map[string][]byte{"of an older export": older, "half": older[:len(older)/2], "none": {}, "other bytes": bytes.Repeat([]byte("x"), 4096)} {
		exportedTo(t, a, dir, at.Add(time.Hour))
		if err := os.WriteFile(filepath.Join(dir, ".ccgwatch", "made"), memory, 0o600); err != nil {
			t.Fatal(err)
		}
		moved(t, a, at.Add(time.Hour), "Room "+name)
		if r := exportedTo(t, a, dir, at.Add(2*time.Hour)); r.Left != 0 {
			t.Errorf("%s: %d pages were left", name, r.Left)
		}
	}
	exportedTo(t, a, fresh, at.Add(2*time.Hour))
	if d := differing(bare(t, dir), bare(t, fresh)); d != nil {
		t.Errorf("not as from nothing: %v", d)
	}
}
