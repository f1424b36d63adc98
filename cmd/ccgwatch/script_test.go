package main

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// Each command has a script in testdata/script. The sample town is up, at
// $TOWN, and a relay that keeps what it takes in relay/, at port $RELAY; `town 2026-09-10T18:00` moves its clock; ccgwatch.toml follows it.
func TestScripts(t *testing.T) {
	t.Parallel()
	compiled := t.TempDir() // what reads PDFs: compiling it takes a minute under the detector, so once for all scripts
	dir, files := "testdata/script", []string(nil)
	if underRace { // each command is a process; under the detector those that do several things at once
		dir = ""
		for _, name := range []string{"crawl", "run", "send", "smtp"} {
			files = append(files, filepath.Join("testdata", "script", name+".txtar"))
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:   dir,
		Files: files,
		// With CCGWATCH_UPDATE=1 what cmp compares with is written anew: read the difference.
		UpdateScripts: os.Getenv("CCGWATCH_UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			sites, err := newTown()
			if err != nil {
				return err
			}
			srv := httptest.NewServer(sites)
			e.Defer(srv.Close)
			e.Values["town"] = sites
			e.Setenv("TOWN", srv.URL)
			if underRace {
				if err := os.Mkdir(filepath.Join(e.WorkDir, "data"), 0o700); err != nil {
					return err
				}
				if err := os.Symlink(compiled, filepath.Join(e.WorkDir, "data", "cache")); err != nil {
					return err
				}
			}
			port, err := unusedPort()
			if err != nil {
				return err
			}
			pages := fmt.Sprint("127.0.0.1:", port)
			e.Setenv("PAGES", pages)
			post, err := newPostOffice(filepath.Join(e.WorkDir, "relay"))
			if err != nil {
				return err
			}
			e.Defer(post.close)
			e.Values["post"] = post
			e.Setenv("RELAY", post.port())
			config := townConfig(srv.URL) + "\n[web]\nlisten = \"" + pages + "\"\n"
			return os.WriteFile(filepath.Join(e.WorkDir, "ccgwatch.toml"), []byte(config), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"town": func(ts *testscript.TestScript, _ bool, args []string) {
				when, err := parseTime(args[0])
				ts.Check(err)
				ts.Value("town").(*town).moveTo(when)
			},
			// awake waits for the daemon in the background to answer.
			"awake": func(ts *testscript.TestScript, _ bool, _ []string) {
				for range 2400 { // two minutes: a small machine that does other things, too
					if _, err := os.Stat(ts.MkAbs("data/" + socketName)); err == nil {
						return
					}
					time.Sleep(50 * time.Millisecond)
				}
				ts.Fatalf("the daemon does not answer")
			},
			// capture NAME REGEXP sets $NAME to what the first group matches in the
			// last standard output.
			"capture": func(ts *testscript.TestScript, _ bool, args []string) {
				m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
				if m == nil {
					ts.Fatalf("nothing in the output matches %s", args[1])
				}
				ts.Setenv(args[0], m[1])
			},
			// relay ANSWER: the relay refuses every recipient with it; "" takes all.
			"relay": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(ts.Value("post").(*postOffice).answer(args[0]))
			},
			// starts A B: the file B begins with all of A.
			"starts": func(ts *testscript.TestScript, _ bool, args []string) {
				if !strings.HasPrefix(ts.ReadFile(args[1]), ts.ReadFile(args[0])) {
					ts.Fatalf("%s does not begin with %s", args[1], args[0])
				}
			},
			"glob":         globCmd,
			"truncate":     truncateCmd,
			"flip":         flipCmd,
			"damage-paper": damagePaperCmd,
			"unsubscribe":  unsubscribeCmd,
			"page":         pageCmd,
			"write":        writeCmd,
			"bounce":       bounceCmd,
			"other-rules":  otherRulesCmd,
			// replace OLD NEW FILE changes a file, as an operator's slip would.
			"replace": func(ts *testscript.TestScript, _ bool, args []string) {
				file := ts.MkAbs(args[2])
				b, err := os.ReadFile(file)
				ts.Check(err)
				if !strings.Contains(string(b), args[0]) {
					ts.Fatalf("%s has no %q", args[2], args[0])
				}
				ts.Check(os.WriteFile(file, []byte(strings.ReplaceAll(string(b), args[0], args[1])), 0o600))
			},
		},
	})
}
