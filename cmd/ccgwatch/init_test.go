package main

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"ccgwatch/store/bolt"
)

// Whoever says yes has the first look taken; whoever says nothing, or is not
// there, has not.
func TestInitOffersTheFirstLook(t *testing.T) {
	for _, tt := range []struct {
		name, stdin string
		given       initCmd
		looks       bool
	}{
		{"yes", "yes\n", initCmd{}, true},
		{"yes, without the end of the line", "y", initCmd{}, true},
		{"the usual answer", "\n", initCmd{}, true},
		{"no", "no\n", initCmd{}, false},
		{"nobody there", "", initCmd{}, false},
		{"nonsense, then nobody", "perhaps\n", initCmd{}, false},
		{"a script", "", initCmd{Yes: true}, true},
		{"a script without", "", initCmd{Yes: true, Crawl: new(bool)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sites, err := newTown()
			if err != nil {
				t.Fatal(err)
			}
			srv := httptest.NewServer(sites)
			defer srv.Close()
			d := newDesk(t, replayConfig+"[[source]]\nid = \"tenders\"\nplatform = \"find-a-tender\"\nbase = \""+srv.URL+"/tenders\"\n")
			var out bytes.Buffer
			iv := &interview{lines: bufio.NewReader(strings.NewReader(tt.stdin)), given: &tt.given, env: &env{
				ctx: t.Context(), stdin: strings.NewReader(""), stdout: &out, stderr: io.Discard, asOf: townStart(),
				configPath: d.config, data: filepath.Join(d.dir, "data"), log: slog.New(slog.DiscardHandler),
			}}
			looked, err := iv.offerCrawl()
			if tt.name == "nonsense, then nobody" {
				if err == nil {
					t.Error("nonsense was taken for an answer")
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if there := exists(filepath.Join(d.dir, "data", bolt.File)); looked != tt.looks || there != tt.looks {
				t.Errorf("looked %v, a store is there %v\n%s", looked, there, out.String())
			}
		})
	}
}
