package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ccgwatch/config"
	"ccgwatch/config/catalogue"
)

// A path such as /cfo/papers was taken for that of Contracts Finder, and the page
// read as a notice service.
func TestAPathWithCFInItIsNoNoticeService(t *testing.T) {
	for address, want := range map[string]string{
		"https://trust.example/cfo/board-papers": "", "https://trust.example/ftse/papers": "", "http://127.0.0.1:8099/cf": "contracts-finder", "http://127.0.0.1:8099/fts/": "find-a-tender",
		"https://www.find-tender.service.gov.uk/": "find-a-tender", "https://www.contractsfinder.service.gov.uk/Search": "contracts-finder",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := rowOf(u).Platform; got != want {
			t.Errorf("%s is %q, want %q", address, got, want)
		}
	}
}

// The page of a notice service was followed as a page of text, though the service
// itself is followed without any settings.
func TestANoticeServiceIsNotAddedAsAPage(t *testing.T) {
	for _, address := range []string{"https://www.find-tender.service.gov.uk/Search/Results?page=2", "www.contractsfinder.service.gov.uk/Search"} {
		var out, errs bytes.Buffer
		code := Main(t.Context(), []string{"--data=" + t.TempDir(), "--config=" + writtenConfig(t, "[group]\nemail = \"a@example.org\"\n"), "add", address, "--yes"}, strings.NewReader(""), &out, &errs)
		if code != exitUsage || !strings.Contains(errs.String(), "is followed already, as \"") {
			t.Errorf("%s: exit %d\n%s%s", address, code, out.String(), errs.String())
		}
	}
}

// Symptom: an address that ends in /cf was Contracts Finder's, whatever the operator said.
func TestWhatTheOperatorSaysGoesFirst(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "<html><body><main><h1>Care forum</h1><p>The forum meets on the first Monday of every month.</p></main></body></html>")
	}))
	defer site.Close()
	var out, errs bytes.Buffer
	config := writtenConfig(t, replayConfig)
	code := Main(t.Context(), []string{"--data=" + t.TempDir(), "--config=" + config, "add", site.URL + "/cf", "--platform=page"}, strings.NewReader(""), &out, &errs)
	if code != 0 || !strings.Contains(out.String(), "platform = 'page'") {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
}

func writtenConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ccgwatch.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Why WhatDoTheyKnow is off was not said to those who gave the address of a feed,
// which its robots.txt closes.
func TestTheReasonWhyWhatDoTheyKnowIsOffIsPrinted(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/robots.txt" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		_, _ = io.WriteString(w, "User-agent: *\nDisallow: */feed/*\n")
	}))
	defer site.Close()
	for _, command := range []string{"add", "try"} {
		var out, errs bytes.Buffer
		code := Main(t.Context(), []string{"--data=" + t.TempDir(), "--config=" + writtenConfig(t, replayConfig), command, site.URL + "/feed/body/sample_council"}, strings.NewReader(""), &out, &errs)
		if said := out.String() + errs.String(); code != exitFailed || !strings.Contains(said, "before following one, ask the WhatDoTheyKnow team") {
			t.Errorf("%s: exit %d\n%s", command, code, said)
		}
	}
}

// The catalogue has some sites by http that are on https by now: they are the
// same, and keep their names, bodies and areas.
func TestASiteIsKnownWhetherByHTTPOrHTTPS(t *testing.T) {
	row := catalogue.Source{Platform: "moderngov", Base: "https://democracy.arun.gov.uk"}
	if err := (&addCmd{}).known(config.Config{}, &row); err != nil || row.ID != "arun" || row.Body != "arun-district-council" {
		t.Errorf("%+v %v", row, err)
	}
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"http://a.example", "https://A.example/", true}, {"https://a.example/mg", "http://a.example/mg/", true},
		{"https://a.example/mg", "https://a.example/MG", false}, {"https://a.example", "https://b.example", false}, {"https://a.example", "https://a.example/mg", false},
	} {
		if sameSite(c.a, c.b) != c.same {
			t.Errorf("%s and %s", c.a, c.b)
		}
	}
}

// The pages of a committee system look like lists of a board's papers: while its
// list of committees was down, a council's page was followed as a board's, and its
// scrutiny was called a board meeting.
func TestACommitteeSystemThatDoesNotAnswerIsNotTakenForABoard(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ieListMeetings.aspx" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<html><body><div id="modgov"><h1 class="mgMainTitleTxt">Browse meetings</h1><ul class="mgNonBulletTableList"><li><a href="ieListDocuments.aspx?CId=7&amp;MId=9">Thursday 3 December 2026 7.30 pm</a></li></ul></div></body></html>`)
	}))
	defer site.Close()
	for _, command := range [][]string{{"add", "--yes"}, {"try"}} {
		config := writtenConfig(t, replayConfig)
		var out, errs bytes.Buffer
		args := append([]string{"--config=" + config, "--data=" + t.TempDir()}, append(command, site.URL+"/ieListMeetings.aspx?CId=7", "--as-of=2026-11-22T08:00:00Z")...)
		code := Main(t.Context(), args, strings.NewReader(""), &out, &errs)
		if after, err := os.ReadFile(config); code != exitFailed || err != nil || string(after) != replayConfig || out.Len() > 0 || !strings.Contains(errs.String(), "and could not be read as such now (missing): try again later") {
			t.Errorf("%s: exit %d, settings\n%s\nout\n%s\nerr\n%s", command[0], code, after, out.String(), errs.String())
		}
	}
}
