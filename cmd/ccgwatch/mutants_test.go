package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// A mutant is a fault to plant: what it is, the tests that must notice, and the
// edits, each of a text that stands exactly once in its file.
type mutant struct {
	name, what string
	test       []string // arguments of go test
	edits      []edit
}

type edit struct{ file, old, new string }

// readMutant reads a file of testdata/mutants: the lines "what:" and "test:",
// then pairs of sections "old FILE" and "new FILE".
func readMutant(file string) (mutant, error) {
	a, err := txtar.ParseFile(file)
	if err != nil {
		return mutant{}, err
	}
	m := mutant{name: strings.TrimSuffix(filepath.Base(file), ".txtar")}
	for line := range strings.Lines(string(a.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "what":
			m.what = value
		case "test":
			m.test = strings.Fields(value)
		}
	}
	for i := 0; i+1 < len(a.Files); i += 2 {
		was, is := a.Files[i], a.Files[i+1]
		name, ok := strings.CutPrefix(was.Name, "old ")
		if !ok || is.Name != "new "+name {
			return m, fmt.Errorf("%s: expected an old and a new text of the same file, got %q and %q", file, was.Name, is.Name)
		}
		m.edits = append(m.edits, edit{name, strings.TrimSuffix(string(was.Data), "\n"), strings.TrimSuffix(string(is.Data), "\n")})
	}
	if m.what == "" || len(m.test) == 0 || len(m.edits) == 0 || len(a.Files)%2 != 0 {
		return m, fmt.Errorf("%s: expected what, test and edits", file)
	}
	return m, nil
}

// plant makes the edits in a tree, and gives what undoes them.
func (m mutant) plant(root string) (undo func() error, err error) {
	was := map[string][]byte{}
	undo = func() error {
		var all error
		for name, b := range was {
			all = errors.Join(all, os.WriteFile(name, b, 0o600))
		}
		return all
	}
	for _, e := range m.edits {
		name := filepath.Join(root, filepath.FromSlash(e.file))
		b, err := os.ReadFile(name)
		if err != nil {
			return undo, err
		}
		if n := bytes.Count(b, []byte(e.old)); n != 1 || e.old == e.new {
			return undo, fmt.Errorf("%s: the text to replace stands %d times in it, not once:\n%s", e.file, n, e.old)
		}
		if _, ok := was[name]; !ok {
			was[name] = b
		}
		if err := os.WriteFile(name, bytes.Replace(b, []byte(e.old), []byte(e.new), 1), 0o600); err != nil {
			return undo, err
		}
	}
	return undo, nil
}

// TestMutantsFit: each mutant can still be planted; whether the tests notice is
// for "make mutants".
func TestMutantsFit(t *testing.T) {
	for _, m := range mutants(t) {
		texts := map[string]string{}
		for _, e := range m.edits {
			if _, ok := texts[e.file]; !ok {
				b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(e.file)))
				if err != nil {
					t.Fatal(err)
				}
				texts[e.file] = string(b)
			}
			if n := strings.Count(texts[e.file], e.old); n != 1 || e.old == e.new {
				t.Errorf("%s: the text to replace stands %d times in %s, not once:\n%s", m.name, n, e.file, e.old)
			}
			texts[e.file] = strings.Replace(texts[e.file], e.old, e.new, 1)
		}
	}
}

func mutants(t *testing.T) []mutant {
	t.Helper()
	files, err := filepath.Glob("testdata/mutants/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no mutants", err)
	}
	var all []mutant
	for _, f := range files {
		m, err := readMutant(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// TestMutants plants each fault in a copy of the tree: the tests it names pass
// without it, and fail with it. A mutant that does not compile, that the tests let
// live, or of which only the process dies or hangs, fails.
func TestMutants(t *testing.T) {
	if os.Getenv("CCGWATCH_MUTANTS") == "" {
		t.Skip("only in make mutants")
	}
	root := copyTree(t)
	test := func(args []string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1", "-timeout", "5m"}, args...)...)
		cmd.Dir = root
		cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "CCGWATCH_") })
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	only := os.Getenv("CCGWATCH_MUTANT") // one by name, while working on it
	sound := map[string]bool{}
	for _, m := range mutants(t) {
		if only != "" && m.name != only {
			continue
		}
		if k := strings.Join(m.test, " "); !sound[k] {
			if out, err := test(m.test); err != nil || strings.Contains(out, "no tests to run") {
				t.Errorf("%-22s NO MEASURE  go test %s without it: %v\n%s", m.name, k, err, lastLines(out))
				continue
			}
			sound[k] = true
		}
		undo, err := m.plant(root)
		if err == nil {
			out, failed := test(m.test)
			switch {
			case failed == nil:
				t.Errorf("%-22s SURVIVED  %s (go test %s)", m.name, m.what, strings.Join(m.test, " "))
			case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
				t.Errorf("%-22s DOES NOT COMPILE\n%s", m.name, lastLines(out))
			case firstFailure(out) == "":
				t.Errorf("%-22s red by no test that says why\n%s", m.name, lastLines(out))
			case strings.Contains(out, "\npanic: deadlock") || strings.Contains(out, "\npanic: test timed out"):
				t.Errorf("%-22s red only because nothing goes on: %s\n%s", m.name, firstFailure(out), lastLines(out))
			default:
				t.Logf("%-22s red  %s: %s", m.name, m.what, firstFailure(out))
			}
		} else {
			t.Errorf("%-22s DOES NOT FIT  %v", m.name, err)
		}
		if err := undo(); err != nil {
			t.Fatal(err)
		}
	}
}

// copyTree copies the sources to a directory of its own.
func copyTree(t *testing.T) string {
	t.Helper()
	from, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "tree")
	err = filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(from, name)
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == ".git" || e.Name() == "dist" || e.Name() == "data"):
			return fs.SkipDir
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case !e.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func lastLines(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

// firstFailure is the name of the first test that failed, "" for none: the process
// may have died of it.
func firstFailure(out string) string {
	for line := range strings.Lines(out) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: "); ok {
			return strings.Fields(name)[0]
		}
	}
	return ""
}
