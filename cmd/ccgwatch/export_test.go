package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts/web/export"
	"ccgwatch/config"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

// The words of the record that these tests export: such as their endings and
// capitals matter to a search.
func exportWords() []string {
	return strings.Fields(`tender tenders tendering tendered privatise privatised privatisation service services hospital hospitals care caring ICB icb ICBs NHS A&E children's childrens
		Leicester dialysis endoscopy maternity nursing nurses bus buses news agreed agreement organ organisation café naïve ﬁnance PFI pfi covid-19 COVID end of life hospice ambulance
		contract contracts contracting awarded award board boards meeting meetings cancelled cancelling planned planning run running mapped size sized sizing city cities`)
}

// recordOf is a store with so many items: notices, meetings with agendas, and
// papers with pages of text.
func recordOf(t testing.TB, n int) *app {
	t.Helper()
	cfg := withContact(config.Default())
	a, err := openApp(cfg, filepath.Join(t.TempDir(), "data"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	r := rand.New(rand.NewPCG(3, 4))
	words, rare := exportWords(), func() string { return fmt.Sprintf("q%x", r.Uint32N(3000)) }
	text := func(n int) string {
		var b strings.Builder
		for i := range n {
			if i%3 == 0 {
				b.WriteString(rare() + " ")
			} else {
				b.WriteString(words[r.IntN(len(words))] + " ")
			}
		}
		return b.String()
	}
	const step = 1000
	for from := 0; from < n; from += step {
		at := townStart().AddDate(0, 0, -300).Add(time.Duration(from) * 20 * time.Minute)
		for _, source := range []string{"find-a-tender", "leicester"} {
			snap, err := a.store.Snapshot(t.Context(), source, []string{})
			if err != nil {
				t.Fatal(err)
			}
			var changes []store.Change
			for i := from; i < min(n, from+step); i++ {
				it := store.Item{Source: source, Key: fmt.Sprintf("x/%06d", i), Kind: store.KindNotice, Title: text(7), URL: fmt.Sprintf("https://www.example.org/notice/%d", i), FirstSeen: at, Changed: at, Published: at}
				if meeting := i%4 == 0; meeting != (source == "leicester") {
					continue
				} else if meeting {
					it.Kind, it.Fields = store.KindMeeting, map[string]string{store.FieldWhen: at.AddDate(0, 1, i%50).Format(time.RFC3339), store.FieldVenue: "Town Hall"}
					it.Parts = []store.Part{{Key: "a", Title: text(6), Text: text(30)}}
					sha, size, err := a.store.Keep(t.Context(), strings.NewReader(it.Key))
					if err == nil {
						err = a.store.KeepText(t.Context(), sha, []string{text(60), text(60)})
					}
					if err != nil {
						t.Fatal(err)
					}
					it.Documents = []store.Document{{Key: "d", Title: text(4), URL: "https://www.example.org/a.pdf", SHA256: sha, Size: size, Pages: 2}}
				} else {
					it.Notice = &store.Notice{OCID: fmt.Sprintf("ocds-h6vhtk-%06x", i), Release: it.Key, Title: it.Title, Description: text(60), Buyers: []store.Party{{Name: "Leicester City Council"}}, Date: at}
				}
				snap.Items[it.Key] = it
				changes = append(changes, store.Change{At: at, Source: source, Key: it.Key, Kind: it.Kind, Op: store.OpAdded, Title: it.Title, URL: it.URL, Silent: true})
			}
			if err := a.store.Commit(t.Context(), snap, changes, store.Health{LastTry: at, LastComplete: at}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := a.follow(t.Context(), exportTime()); err != nil {
		t.Fatal(err)
	}
	return a
}

func exportTime() time.Time { return townStart().AddDate(0, 0, 100) }

func exportedTo(t testing.TB, a *app, dir string, at time.Time) export.Report {
	t.Helper()
	r, err := a.export(t.Context(), dir, "", at, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// treeOf is what stands in a directory, by file, with the times when it was written.
func treeOf(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		info, err := e.Info()
		name, _ := filepath.Rel(dir, p)
		out[filepath.ToSlash(name)] = fmt.Sprint(info.ModTime().UnixNano(), " ", len(b), " ") + string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// differing are the files that two trees do not have alike.
func differing(a, b map[string]string) []string {
	var out []string
	for f := range a {
		if a[f] != b[f] {
			out = append(out, f)
		}
	}
	for f := range b {
		if _, ok := a[f]; !ok {
			out = append(out, f)
		}
	}
	slices.Sort(out)
	return out
}

// A second export of the same record touches the stamp and nothing else; of one
// that has changed only what shows the change; what is withdrawn is gone from
// pages, lists, data and search.
func TestExportTouchesOnlyWhatChanged(t *testing.T) {
	a := recordOf(t, 60)
	dir := filepath.Join(t.TempDir(), "site")
	first := exportedTo(t, a, dir, exportTime())
	if first.Items != 60 || first.Written != first.Files || first.Links < 1000 {
		t.Fatalf("%+v", first)
	}
	was := treeOf(t, dir)
	for f := range was {
		if len(f) > 120 || f != strings.ToLower(f) && f != export.Sums {
			t.Errorf("%s is no name that every file system keeps", f)
		}
	}
	second := exportedTo(t, a, dir, exportTime().Add(time.Hour))
	now := treeOf(t, dir)
	if second.Written+second.Removed != 0 {
		t.Errorf("%+v", second)
	}
	if diff := cmp.Diff([]string{export.Stamp}, differing(was, now)); diff != "" {
		t.Errorf("touched without need (-want +got):\n%s", diff)
	}
	it, err := a.store.Item(t.Context(), "find-a-tender", "x/000005")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(slices.Collect(valuesOf(now)), ""), it.Key) {
		t.Fatal("the item is nowhere to begin with")
	}
	if _, err := a.store.Correct(t.Context(), store.Correction{At: exportTime(), Source: it.Source, Key: it.Key, Act: store.ActWithdraw, Reason: "A resident asked us."}); err != nil {
		t.Fatal(err)
	}
	third := exportedTo(t, a, dir, exportTime())
	after := treeOf(t, dir)
	if third.Removed == 0 || third.Written == 0 || third.Written > first.Files/2 {
		t.Errorf("%+v of %d", third, first.Files)
	}
	for f, body := range after {
		if strings.Contains(body, strings.TrimSpace(it.Title)) || strings.Contains(body, it.Notice.OCID) {
			t.Errorf("%s still has what was withdrawn", f)
		}
	}
}

func valuesOf(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

// Whatever stands there that is not ours stays, and an export that cannot be
// finished leaves the one before.
func TestExportLeavesOtherThingsAlone(t *testing.T) {
	a := recordOf(t, 8)
	for name, make := range map[string]func(dir string) error{
		"a directory with other files": func(dir string) error { return os.WriteFile(filepath.Join(dir, "index.html"), []byte("mine"), 0o600) },
		"somebody's SHA256SUMS":        func(dir string) error { return os.WriteFile(filepath.Join(dir, export.Sums), []byte("0 x\n"), 0o600) },
		"a list that leads outside": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, export.Sums), []byte("# CCGWatch export 1: the SHA-256 of every file; sha256sum -c reads it\n"+strings.Repeat("a", 64)+"  ../secret\n"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := make(dir); err != nil {
				t.Fatal(err)
			}
			was := treeOf(t, dir)
			_, err := a.export(t.Context(), dir, "", exportTime(), nil)
			if !errors.Is(err, export.ErrForeign) {
				t.Error(err)
			}
			if d := differing(was, treeOf(t, dir)); d != nil {
				t.Error(d)
			}
		})
	}
	t.Run("two at once", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "site")
		exportedTo(t, a, dir, exportTime())
		unlock, err := export.Hold(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.export(t.Context(), dir, "", exportTime(), nil); !errors.Is(err, export.ErrBusy) {
			t.Error(err)
		}
		unlock()
		exportedTo(t, a, dir, exportTime())
	})
	t.Run("a crash while files are put in place", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "site")
		exportedTo(t, a, dir, exportTime())
		good := treeOf(t, dir)
		for _, x := range []struct{ name, body string }{{".ccgwatch/publishing", ""}, {"index.html", strings.Repeat("x", len(good["index.html"]))}, {"about.html", "half"}} {
			if err := os.WriteFile(filepath.Join(dir, x.name), []byte(x.body), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(filepath.Join(dir, "help.html")); err != nil {
			t.Fatal(err)
		}
		exportedTo(t, a, dir, exportTime())
		for f, body := range treeOf(t, dir) {
			_, got, _ := strings.Cut(body, " ")
			_, want, _ := strings.Cut(good[f], " ")
			if got != want && !strings.HasPrefix(f, ".ccgwatch/") {
				t.Errorf("%s was not put right", f)
			}
		}
	})
}

// Nothing is written that holds a patient's number or a subscriber's address.
func TestExportHoldsNobodysDetails(t *testing.T) {
	for name, x := range map[string]struct {
		title   string
		refused bool // what is not taken out by itself stops the export
	}{
		"a subscriber's address": {"Write to resident@example.com for more", false},
		"a number of a patient":  {"Patient 943 476 5919 complained", true},
		"a number that is none":  {"Reference 943 476 5918 of the board", false},
	} {
		t.Run(name, func(t *testing.T) {
			a := recordOf(t, 4)
			if err := a.store.Subscribe(t.Context(), store.Subscription{ID: strings.Repeat("a", 32), Address: "resident@example.com", State: store.StateConfirmed, Often: "weekly", Created: exportTime()}); err != nil {
				t.Fatal(err)
			}
			snap, err := a.store.Snapshot(t.Context(), "leicester", []string{})
			if err != nil {
				t.Fatal(err)
			}
			it := store.Item{Source: "leicester", Key: "y", Kind: store.KindPage, Title: x.title, URL: "https://www.example.org/y", FirstSeen: townStart(), Changed: townStart(), Fields: map[string]string{store.FieldVenue: x.title}}
			snap.Items["y"] = it
			if err := a.store.Commit(t.Context(), snap, []store.Change{{At: townStart(), Source: it.Source, Key: it.Key, Kind: it.Kind, Op: store.OpAdded, Title: it.Title, URL: it.URL, Silent: true}}, store.Health{LastTry: townStart(), LastComplete: townStart()}); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "site")
			_, err = a.export(t.Context(), dir, "", exportTime(), nil)
			var private *export.PrivateError
			if refused := errors.As(err, &private); refused != x.refused || err != nil && !refused {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(dir, "index.html")); x.refused && err == nil {
				t.Error("something was written all the same")
			}
			for f, body := range treeOf(t, dir) {
				for _, secret := range []string{"resident@example.com", "943 476 5919", "9434765919"} {
					if strings.Contains(body, secret) {
						t.Errorf("%s has %s", f, secret)
					}
				}
			}
			if err != nil && (strings.Contains(err.Error(), "resident") || strings.Contains(err.Error(), "5919")) {
				t.Errorf("the error repeats it: %v", err)
			}
		})
	}
}

// nodeSearch runs the script of an export over its files, in the order of queries.
func nodeSearch(t testing.TB, dir, program string, in any, out any) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED: there is no node (Debian: apt-get install nodejs): the script of the exported search was not run")
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	const frame = `"use strict";
const fs = require("fs"), vm = require("vm"), dir = process.argv[2];
globalThis.document = {createElement: () => ({}), addEventListener() {}, getElementById: () => null, head: {appendChild(e) {
  let s; try { s = fs.readFileSync(dir + "/" + e.src, "utf8"); } catch (x) { return e.onerror(); }
  vm.runInThisContext(s);
}}};
for (const f of ["search/search.js", "search/parts.js"]) vm.runInThisContext(fs.readFileSync(dir + "/" + f, "utf8"));
const input = JSON.parse(fs.readFileSync(0, "utf8"));
(async () => { const out = []; `
	file := filepath.Join(t.TempDir(), "run.js")
	if err := os.WriteFile(file, []byte(frame+program+` process.stdout.write(JSON.stringify(out)); })().catch(e => { console.error(e); process.exit(1); });`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, file, dir)
	cmd.Stdin = bytes.NewReader(b)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	got, err := cmd.Output()
	if err != nil {
		t.Fatal(err, stderr.String())
	}
	if err := json.Unmarshal(got, out); err != nil {
		t.Fatal(err, string(got))
	}
}

// Both cut and stem words alike.
func TestExportWordsAreThoseOfQueries(t *testing.T) {
	a := recordOf(t, 2)
	dir := filepath.Join(t.TempDir(), "site")
	exportedTo(t, a, dir, exportTime())
	r := rand.New(rand.NewPCG(5, 6))
	letters := []rune("aaeeiioouybcdfghlmnprsstvwxz")
	endings := []string{"", "s", "es", "ies", "ed", "ing", "eed", "y", "e", "isation", "ization", "ize", "ise", "sses", "ss", "iz", "able", "at", "ated", "bling"}
	odd := []rune(`'’&-"().,ÀéßÇøŒﬁ①²½İıǅΣς中あ٣७` + "\u00ad\u200b\u0301\u2060")
	texts := slices.Clone(exportWords())
	for i := range 20_000 {
		var b strings.Builder
		for range 1 + r.IntN(7) {
			b.WriteRune(letters[r.IntN(len(letters))])
		}
		b.WriteString(endings[r.IntN(len(endings))])
		w := b.String()
		switch i % 10 {
		case 0:
			w = strings.ToUpper(w)
		case 1:
			w = strings.ToUpper(w[:1]) + w[1:]
		case 2:
			at := r.IntN(len(w))
			w = w[:at] + string(odd[r.IntN(len(odd))]) + w[at:] + string(odd[r.IntN(len(odd))])
		}
		texts = append(texts, w)
	}
	type token struct {
		Raw  string `json:"raw"`
		Word string `json:"word"`
		Stem string `json:"stem"`
	}
	var got [][]token
	nodeSearch(t, dir, `for (const s of input) out.push(ccgwatch.tokens(s));`, texts, &got)
	bad := 0
	for i, s := range texts {
		want := []token{}
		for _, k := range query.Tokens(s) {
			want = append(want, token{k.Raw, k.Word, k.Stem})
		}
		if diff := cmp.Diff(want, got[i]); diff != "" {
			if bad++; bad < 8 {
				t.Errorf("%q (-go +script):\n%s", s, diff)
			}
		}
	}
}
