package main

import (
	"bytes"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts"
	"ccgwatch/config"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/storetest"
)

// Symptom: words that were struck, and a meeting that was held back, after a copy was
// made stood on pages, in exports and in mails again when the copy took the store's
// place. However it does so, they do not, what was shown again is shown, and nobody
// gets a letter about it a second time.
func TestStruckWordsCameBackWithARestoredCopy(t *testing.T) {
	for _, way := range []string{"restore", "by hand"} {
		t.Run(way, func(t *testing.T) {
			s := &surface{T: t, now: time.Date(2026, 8, 12, 10, 0, 0, 0, london()), dir: filepath.Join(t.TempDir(), "site")}
			s.a, s.items, s.findings = surfaceOf(t, s.now, func(t *testing.T, a *app, now time.Time) []store.Item {
				t.Helper()
				subscribeSurface(t, a, now, 1)
				return surfaceItems(t, a, now)
			})
			data := s.a.data
			s.a.mails(t, s.now.Add(time.Hour))
			made, err := s.a.makeCopy(t.Context(), filepath.Join(data, "backups"), s.now.Add(time.Hour), 3, noLimit)
			must(t, err)
			s.now = s.now.Add(2 * time.Hour)
			correct := func(it store.Item, args ...string) {
				t.Helper()
				s.a.says(t, s.now, append([]string{"correct", it.Key, "--source=" + it.Source, "--reason=a test"}, args...)...)
				s.now = s.now.Add(time.Minute)
			}
			correct(s.items[0], "--redact="+secretNotice, "--mail")
			correct(s.items[1], "--hold")
			correct(s.items[2], "--hold", "--mail")
			correct(s.items[1], "--restore")
			s.a.mails(t, s.now.Add(time.Hour))
			if n := lettersIn(t, s.a); n == 0 {
				t.Fatal("no letter was mailed: this proves nothing")
			}
			want := sayings(t, s.a.store.Store)
			closeApp(t, s.a)
			checkList(t, data, want)

			if way == "restore" {
				var out, said bytes.Buffer
				e := &env{ctx: t.Context(), stdout: &out, stderr: io.Discard, data: data, asOf: s.now, log: slog.New(slog.NewTextHandler(&said, nil))}
				must(t, (&restoreCmd{Copy: made.dir, Force: true}).Run(e))
				if !strings.Contains(out.String(), "made again, as the operator had said since: 4 corrections") || said.Len() > 0 {
					t.Errorf("restore said %s%s", &out, &said)
				}
			} else {
				b, err := os.ReadFile(filepath.Join(made.dir, bolt.File))
				must(t, err)
				must(t, os.WriteFile(filepath.Join(data, bolt.File), b, 0o600))
				must(t, bolt.RemoveDerived(filepath.Join(data, bolt.DerivedFile)))
			}
			s.a, err = openApp(s.a.cfg, data, s.a.log)
			must(t, err)
			defer closeApp(t, s.a)
			if diff := cmp.Diff(want, sayings(t, s.a.store.Store)); diff != "" {
				t.Errorf("the corrections: %s", diff)
			}
			checkList(t, data, want)
			s.settle()
			if all := s.a.mails(t, s.now.Add(7*24*time.Hour)); !strings.Contains(all, "ordinary") {
				t.Error("nothing is mailed")
			}
			if n := lettersIn(t, s.a); n != 0 {
				t.Errorf("%d letters were mailed again", n)
			}
			if err := s.a.store.Deliveries(t.Context(), func(d store.Delivery) bool {
				if d.Created.After(s.now) && tells(t, "mail", d.Raw, true) {
					t.Errorf("it is mailed:\n%s", d.Raw)
				}
				return true
			}); err != nil {
				t.Fatal(err)
			}
			if way == "by hand" && !testing.Short() { // all there is takes its time under the race detector
				if on := s.says(true); len(on) > 0 {
					t.Errorf("it stands on %q", on)
				}
				for name := range treeOf(t, s.dir) {
					if strings.Contains(name, correctionsFile) {
						t.Errorf("the list is exported: %s", name)
					}
				}
			}
			srv := s.a.webServer(func() time.Time { return s.now }).Handler
			for at, want := range map[string]int{
				"/" + correctionsFile: http.StatusNotFound, "/data/" + correctionsFile: http.StatusNotFound,
				"/corrections": http.StatusOK, "/search.json?q=podiatry": http.StatusOK,
			} {
				w := httptest.NewRecorder()
				srv.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:8080"+at, nil))
				if w.Code != want || tells(t, at, w.Body.Bytes(), true) {
					t.Errorf("%s: %d\n%s", at, w.Code, w.Body)
				}
			}
		})
	}
}

// lettersIn counts the letters about corrections.
func lettersIn(t *testing.T, a *app) (n int) {
	t.Helper()
	must(t, a.store.Deliveries(t.Context(), func(d store.Delivery) bool {
		if d.Kind == alerts.KindCorrection {
			n++
		}
		return true
	}))
	return n
}

// sayings are the corrections of a store, by what is the same in any.
func sayings(t *testing.T, s *bolt.Store) (out []string) {
	t.Helper()
	all, err := s.Corrections(t.Context(), 0)
	must(t, err)
	for _, c := range all {
		out = append(out, sameCorrection(c))
	}
	return out
}

// checkList compares the file with what it should note, and looks at who may read it.
func checkList(t *testing.T, data string, want []string) {
	t.Helper()
	name := filepath.Join(data, correctionsFile)
	l, err := readCorrections(name)
	must(t, err)
	var got []string
	for _, c := range l.all {
		got = append(got, sameCorrection(c))
	}
	if diff := cmp.Diff(want, got); diff != "" || len(l.bad) > 0 {
		t.Errorf("the list: %s, unreadable %d", diff, len(l.bad))
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others may read it: %v, %v", info, err)
	}
}

// A deskbook is a data directory with little in it, opened and closed again.
type deskbook struct {
	*testing.T
	*app
	dir  string
	said *bytes.Buffer
	now  time.Time
}

func newDeskbook(t *testing.T) *deskbook {
	t.Helper()
	l := &deskbook{T: t, dir: filepath.Join(t.TempDir(), "data"), said: &bytes.Buffer{}, now: townStart()}
	l.open()
	t.Cleanup(l.close)
	l.knows("a")
	return l
}

func (l *deskbook) open() {
	l.Helper()
	var err error
	l.app, err = openBare(config.Config{}, l.dir, slog.New(slog.NewTextHandler(l.said, nil)))
	must(l.T, err)
}

func (l *deskbook) close() {
	l.Helper()
	must(l.T, l.store.Close())
}

// again closes and opens it, and gives what is logged.
func (l *deskbook) again() string {
	l.Helper()
	l.close()
	l.said.Reset()
	l.open()
	return l.said.String()
}

// knows has a source publish things.
func (l *deskbook) knows(keys ...string) {
	l.Helper()
	snap, err := l.store.Snapshot(l.Context(), "board", []string{})
	must(l.T, err)
	var cs []store.Change
	for _, key := range keys {
		snap.Items[key] = store.Item{Source: "board", Key: key, Kind: store.KindMeeting, Title: "Meeting " + key, FirstSeen: l.now, Changed: l.now}
		cs = append(cs, store.Change{At: l.now, Source: "board", Key: key, Kind: store.KindMeeting, Op: store.OpAdded, Title: "Meeting " + key})
	}
	must(l.T, l.store.Commit(l.Context(), snap, cs, store.Health{Source: "board", LastTry: l.now}))
}

func (l *deskbook) saying(key string, act store.Act) store.Correction {
	l.now = l.now.Add(time.Minute)
	c := store.Correction{At: l.now, Source: "board", Key: key, Act: act, Reason: "A resident is named"}
	if act == store.ActRedact {
		c.Strike = []string{"Hester Quillfeather"}
	}
	return c
}

func (l *deskbook) correct(key string, act store.Act) {
	l.Helper()
	_, err := l.store.Correct(l.Context(), l.saying(key, act))
	must(l.T, err)
}

// copied writes the store to a directory, as a copy has it.
func (l *deskbook) copied() string {
	l.Helper()
	dir := filepath.Join(l.TempDir(), "copy")
	must(l.T, os.Mkdir(dir, 0o700))
	must(l.T, l.writeStore(l.Context(), filepath.Join(dir, bolt.File)))
	return dir
}

// back puts a copy in the place of the store, and gives what is logged.
func (l *deskbook) back(dir string) (r restored, said string) {
	l.Helper()
	l.close()
	l.said.Reset()
	e := &env{ctx: l.Context(), stdout: io.Discard, stderr: io.Discard, data: l.dir, asOf: l.now, log: slog.New(slog.NewTextHandler(l.said, nil))}
	r, err := e.restore(dir, asidePrefix)
	must(l.T, err)
	l.open()
	return r, l.said.String()
}

func (l *deskbook) shows(key string) bool {
	l.Helper()
	edits, err := l.store.Edits(l.Context())
	must(l.T, err)
	return edits.Shows("board", key)
}

// Symptom: what was held back after the copy was made, of a thing that the copy does
// not know, was shown as soon as the crawl had found it again. Brought back twice, it
// is noted once; what was held and shown again in the meantime is shown.
func TestWhatACopyDoesNotKnowIsHeldBackWhenItComes(t *testing.T) {
	l := newDeskbook(t)
	dir := l.copied()
	l.knows("b", "c")
	l.correct("b", store.ActHold)
	l.correct("c", store.ActHold)
	l.correct("c", store.ActRestore)
	l.correct("a", store.ActHold)
	l.correct("a", store.ActRestore)
	l.now = l.now.Add(-time.Hour) // whatever the clock says: in their order
	l.correct("a", store.ActWithdraw)
	want := sayings(t, l.store.Store)
	for range 2 {
		if r, said := l.back(dir); r.corrected != 6 || said != "" {
			t.Errorf("%+v: %s", r, said)
		}
		if diff := cmp.Diff(want, sayings(t, l.store.Store)); diff != "" {
			t.Fatal(diff)
		}
		checkList(t, l.dir, want)
		l.knows("b", "c")
		for key, want := range map[string]bool{"a": false, "b": false, "c": true} {
			if l.shows(key) != want {
				t.Errorf("%s is shown: %v", key, !want)
			}
		}
		if _, err := store.NewPublic(l.store).Item(t.Context(), "board", "b"); err == nil {
			t.Error("b can be read")
		}
	}
	all, err := l.store.Corrections(t.Context(), 0)
	must(t, err)
	for i, c := range all {
		if c.N != uint64(i+1) || c.Seq == 0 || c.Mail {
			t.Errorf("correction %d: %+v", i+1, c)
		}
	}
	l.correct("b", store.ActRestore)
	checkList(t, l.dir, sayings(t, l.store.Store))
	if said := l.again(); said != "" || !l.shows("b") {
		t.Errorf("shown again: %v, %s", l.shows("b"), said)
	}
}

// A crash between the store and the list, either way round, ends at the next start
// with both saying the same, and so does a list that is not there at all.
func TestACrashBetweenStoreAndListOfCorrections(t *testing.T) {
	l := newDeskbook(t)
	l.correct("a", store.ActRedact)
	_, err := l.store.Store.Correct(t.Context(), l.saying("a", store.ActHold)) // and no line
	must(t, err)
	if said := l.again(); said != "" {
		t.Error(said)
	}
	checkList(t, l.dir, sayings(t, l.store.Store))

	must(t, l.store.noteCorrections([]store.Correction{l.saying("a", store.ActRestore)})) // and the store knows nothing of it
	if said := l.again(); !strings.Contains(said, "made again") || !l.shows("a") {
		t.Errorf("shown: %v; %s", l.shows("a"), said)
	}
	want := sayings(t, l.store.Store)
	if len(want) != 3 {
		t.Fatalf("%d corrections", len(want))
	}
	checkList(t, l.dir, want)
	must(t, os.Remove(filepath.Join(l.dir, correctionsFile)))
	for range 2 {
		if said := l.again(); said != "" {
			t.Error(said)
		}
		checkList(t, l.dir, want)
	}
}

// A crash in the midst of a line, or a full disk, cuts it anywhere: the store has
// what it said, and the next start, or the next copy, writes it again.
func TestACutLineInTheListOfCorrectionsLosesNothing(t *testing.T) {
	l := newDeskbook(t)
	name := filepath.Join(l.dir, correctionsFile)
	l.correct("a", store.ActHold)
	first, err := os.ReadFile(name)
	must(t, err)
	l.correct("a", store.ActRedact)
	whole, err := os.ReadFile(name)
	must(t, err)
	want := sayings(t, l.store.Store)
	for cut := len(first); cut <= len(whole); cut += 13 {
		must(t, os.WriteFile(name, whole[:cut], 0o600))
		said := l.again()
		if mends := cut > len(first) && cut < len(whole)-1; mends != strings.Contains(said, name+":2") || strings.Contains(said, "Hester") {
			t.Errorf("cut at %d of %d: %q", cut, len(whole), said)
		} else if b, err := os.ReadFile(name + damagedSuffix); mends && (err != nil || !bytes.Equal(b, whole[:cut])) {
			t.Errorf("cut at %d: the old list is gone: %v", cut, err)
		}
		checkList(t, l.dir, want)
	}
	must(t, os.WriteFile(name, first, 0o600))
	made, err := l.makeCopy(t.Context(), filepath.Join(l.dir, "backups"), l.now, 3, noLimit)
	must(t, err)
	checkList(t, l.dir, want)
	checkList(t, made.dir, want)
}

// A line that nobody can read, whose correction the store does not have either, is
// said by file and line at every start and stays where it is, until the operator has
// made up for it; the others are made again.
func TestAnUnreadableLineInTheListOfCorrectionsIsNamed(t *testing.T) {
	l := newDeskbook(t)
	name := filepath.Join(l.dir, correctionsFile)
	dir := l.copied()
	l.knows("b", "c")
	for _, key := range []string{"a", "b", "c"} {
		l.correct(key, store.ActHold)
	}
	b, err := os.ReadFile(name)
	must(t, err)
	lines := bytes.SplitAfter(b, []byte("\n"))
	lines[1] = slices.Concat([]byte("\x00\x00Quillfeather\x00"), lines[1][9:])
	must(t, os.WriteFile(name, slices.Concat(lines...), 0o600))
	check := func(what, said string) {
		t.Helper()
		now, err := readCorrections(name)
		must(t, err)
		if !strings.Contains(said, name+":") || !strings.Contains(said, "make it again") || strings.Contains(said, "Quillfeather") {
			t.Errorf("%s: it is said %q", what, said)
		}
		if len(now.bad) != 1 || string(now.bad[0].text)+"\n" != string(lines[1]) {
			t.Errorf("%s: the line is lost", what)
		}
		if l.shows("a") || l.shows("c") {
			t.Errorf("%s: the others are shown", what)
		}
	}
	_, said := l.back(dir)
	check("restored", said)
	check("started", l.again())
	_, said = l.back(dir)
	check("restored again", said)
	l.correct("a", store.ActRedact)
	check("after another correction", l.again())

	// The store that knows it has the list written again, and the old one stays.
	must(t, os.WriteFile(name, slices.Concat(lines...), 0o600))
	kept, err := filepath.Glob(filepath.Join(l.dir, asidePrefix+"*"))
	must(t, err)
	_, _ = l.back(kept[0])
	checkList(t, l.dir, sayings(t, l.store.Store))
	kept, err = filepath.Glob(filepath.Join(l.dir, asidePrefix+"*", correctionsFile))
	must(t, err)
	if b, err := os.ReadFile(kept[len(kept)-1]); err != nil || !bytes.Contains(b, lines[1]) {
		t.Errorf("the list with the line is gone: %v", err)
	}
	if l.shows("b") {
		t.Error("b is shown")
	}
}

// A correction that cannot be noted stands, and is said to be no more than that; a
// list that cannot be read keeps nothing from being opened, and no copy is put in the
// store's place without it.
func TestAListOfCorrectionsThatCannotBeUsed(t *testing.T) {
	l := newDeskbook(t)
	name := filepath.Join(l.dir, correctionsFile)
	must(t, os.Mkdir(name, 0o700))
	c, err := l.store.Correct(t.Context(), l.saying("a", store.ActHold))
	if err == nil || !strings.Contains(err.Error(), "correction 1 is made, but not noted") || c.N != 1 || l.shows("a") {
		t.Errorf("%+v: %v", c, err)
	}
	if said := l.again(); !strings.Contains(said, correctionsFile) {
		t.Errorf("nothing is said: %q", said)
	}
	dir := l.copied()
	l.close()
	e := &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard, data: l.dir, asOf: l.now, log: l.log}
	if _, err := e.restore(dir, asidePrefix); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("restored: %v", err)
	}
	must(t, os.Remove(name))
	l.open()
	checkList(t, l.dir, sayings(t, l.store.Store))
	if left, err := filepath.Glob(filepath.Join(l.dir, correctionsFile+"*")); err != nil || len(left) != 1 {
		t.Errorf("%v: %v", left, err)
	}
}

// A kill -9 anywhere in `correct`: afterwards store and list say the same, and a copy
// from before any of it is brought to that.
func TestPromiseCorrectionsOutliveKillsAndCopies(t *testing.T) {
	if underRace {
		t.Skip("what is killed here is other processes: the detector only slows them down")
	}
	kills := storetest.Promised(3, 3, 20, 200)
	rng := rand.New(rand.NewPCG(storetest.Seed(t), 0))
	l := newDeskbook(t)
	dir := l.copied()
	l.close()
	d := newDesk(t, replayConfig)
	must(t, os.Rename(l.dir, filepath.Join(d.dir, "data")))
	name := filepath.Join(d.dir, "data", correctionsFile)
	usual, known := 100*time.Millisecond, 0
	for i := range kills {
		act := []string{"--hold", "--redact=Hester Quillfeather", "--restore"}[i%3]
		_, usual = d.strike(rng, usual, "correct", "a", "--reason=a test", act)
		all := decodeLines[store.Correction](t, d.run(done, "correct", "--list", "--json"))
		noted, err := readCorrections(name)
		must(t, err)
		if len(lacking(all, noted.all))+len(lacking(noted.all, all)) > 0 || len(noted.bad) > 0 {
			t.Fatalf("kill %d: %d in the store, %d in the list, %d unreadable", i, len(all), len(noted.all), len(noted.bad))
		}
		if len(all) < known || len(all) > known+1 {
			t.Fatalf("kill %d: %d were known, now %d", i, known, len(all))
		}
		known = len(all)
	}
	d.run(done, "correct", "a", "--reason=a test", "--withdraw")
	want := d.run(done, "correct", "--list")
	d.run(done, "restore", "--force", dir)
	if got := d.run(done, "correct", "--list"); got != want {
		t.Errorf("after the copy: %s", cmp.Diff(want, got))
	}
	t.Logf("%d of %d corrections were made", known, kills)
}
