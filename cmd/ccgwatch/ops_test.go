package main

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ccgwatch/alerts"
)

// glob N PATTERN: so many files have such names.
func globCmd(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	found, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(found) != want {
		ts.Fatalf("%s: %d files, not %d: %v", args[1], len(found), want, found)
	}
}

// truncate N FILE
func truncateCmd(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[1]), n))
}

// flip FILE makes pages of a database point to nowhere, the two heads excepted.
func flipCmd(ts *testscript.TestScript, _ bool, args []string) {
	name := ts.MkAbs(args[0])
	b, err := os.ReadFile(name)
	ts.Check(err)
	page := os.Getpagesize()
	for at := 2 * page; at+16 <= len(b); at += page {
		binary.NativeEndian.PutUint16(b[at+10:], 60000) // how many entries the page has
	}
	ts.Check(os.WriteFile(name, b, 0o600))
}

// damage-paper DATA changes a byte of a paper in the archive, not its length. It
// goes by the name, so that a linked copy of the paper elsewhere stays whole.
func damagePaperCmd(ts *testscript.TestScript, _ bool, args []string) {
	done := false
	ts.Check(filepath.WalkDir(filepath.Join(ts.MkAbs(args[0]), "archive"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || done || e.IsDir() || len(e.Name()) != 64 {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b[len(b)/2] ^= 1
		done = true
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.WriteFile(path, b, 0o600)
	}))
	if !done {
		ts.Fatalf("there is no paper in %s", args[0])
	}
}

// unsubscribe DATA ADDRESS presses the button of the link in that person's mails.
func unsubscribeCmd(ts *testscript.TestScript, _ bool, args []string) {
	secret, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), secretFile))
	ts.Check(err)
	links, err := alerts.NewLinks("https://watch.example.org", "alerts@example.org", secret)
	ts.Check(err)
	ts.Check(ts.Exec("ccgwatch", "subscribers", "list", "--json"))
	list := ts.ReadFile("stdout")
	for line := range strings.Lines(list) {
		if !strings.Contains(line, `"`+args[1]+`"`) {
			continue
		}
		_, rest, _ := strings.Cut(line, `"id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		var resp *http.Response
		for giveUp := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) { // the pages come up after the socket
			resp, err = http.Post("http://"+ts.Getenv("PAGES")+"/u/"+links.Token(id), "application/x-www-form-urlencoded", strings.NewReader("List-Unsubscribe=One-Click"))
			if err == nil || time.Now().After(giveUp) {
				break
			}
		}
		ts.Check(err)
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			ts.Fatalf("unsubscribe: %s", resp.Status)
		}
		fmt.Fprintln(ts.Stdout(), "You will get no more mails")
		return
	}
	ts.Fatalf("%s is not subscribed:\n%s", args[1], list)
}
