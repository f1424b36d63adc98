package document_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccgwatch/scrapers/document"
)

// tryToEscape is the body of a child that has turned hostile once its limits are lowered.
func tryToEscape() {
	err := document.LowerLimits(512, 1, 0)
	_, file := os.Open("/etc/passwd")
	_, socket := net.Dial("tcp", "127.0.0.1:9") // it must not even come to a socket
	fmt.Println(err, "|", file, "|", socket)
	if os.Args[2] == "memory" {
		for keep := [][]byte{}; len(keep) < 64; {
			keep = append(keep, bytes.Repeat([]byte{1}, 16<<20))
		}
	} else {
		for {
			os.Args[0] += "x"
			os.Args[0] = os.Args[0][:1]
		}
	}
	fmt.Println("escaped")
	os.Exit(0)
}

func TestLowerLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ what, end string }{{"memory", "out of memory"}, {"time", "signal: killed"}} {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			if underRace && tt.what == "memory" {
				t.Skip("the race detector needs the address space that is to be bounded")
			}
			out, err := exec.CommandContext(t.Context(), os.Args[0], "try-to-escape", tt.what).CombinedOutput()
			first, rest, _ := strings.Cut(string(out), "\n")
			if want := "<nil> | open /etc/passwd: too many open files | "; !strings.HasPrefix(first, want) || !strings.Contains(first, "socket: too many open files") {
				t.Errorf("got %q", first)
			}
			if err == nil || strings.Contains(rest, "escaped") || !strings.Contains(rest+err.Error(), tt.end) {
				t.Errorf("got %v and %.200q, want %q", err, rest, tt.end)
			}
		})
	}
}

// A paper that takes more processor time than it may have is ended by the kernel.
func TestReadProcessorTime(t *testing.T) {
	if underRace {
		t.Skip("the child does the work here: the detector only slows it down")
	}
	t.Parallel()
	r := reader(t)
	r.CPU = time.Second
	_, err := read(t, r, longPDF(2000))
	if !errors.Is(err, document.ErrTimeout) || !strings.Contains(err.Error(), "processor") {
		t.Error(err)
	}
}

// What an operator's program writes, and how it ends, decides; it runs within
// the limits. (A script stands in for it where none is installed.)
func TestReadOperatorsProgram(t *testing.T) {
	t.Parallel()
	long := fmt.Sprintf("600.%d", os.Getpid())
	for name, tt := range map[string]struct {
		script string
		pages  int
		want   error
	}{
		"pages":           {`cat >/dev/null; printf 'one\f\ftwo \f'`, 3, nil},
		"no text":         {`cat >/dev/null; printf '\f\f'`, 0, document.ErrNoText},
		"a password":      {`echo 'Command Line Error: Incorrect password' >&2; exit 1`, 0, document.ErrEncrypted},
		"damage":          {`exit 1`, 0, document.ErrBroken},
		"too many pages":  {`printf 'x\f%.0s' 1 2 3 4 5`, 0, document.ErrTooLarge},
		"an endless loop": {`while :; do :; done`, 0, document.ErrTimeout},
		"a sleeper":       {`exec sleep ` + long, 0, document.ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := reader(t)
			r.Pdftotext = filepath.Join(t.TempDir(), "pdftotext")
			r.CPU, r.Timeout, r.MaxPages = time.Second, 8*time.Second, 4
			if err := os.WriteFile(r.Pdftotext, []byte("#!/bin/sh\n"+tt.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			pages, err := read(t, r, textPDF("as the script says"))
			if len(pages) != tt.pages || !errors.Is(err, tt.want) {
				t.Errorf("%q, %v, want %d pages and %v", pages, err, tt.pages, tt.want)
			}
			left, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, f := range left {
				if b, _ := os.ReadFile(f); name == "a sleeper" && strings.HasPrefix(string(b), "sleep\x00"+long) {
					t.Error("what the child started is still there")
				}
			}
		})
	}
}
