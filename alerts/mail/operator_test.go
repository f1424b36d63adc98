package mail

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// What the operator is written: plain text, on no list, the same bytes for the
// same troubles; scraped text in it is data.
func TestOperator(t *testing.T) {
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	links, err := alerts.NewLinks("", "alerts@example.org", []byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewComposer("Save our NHS Exampleshire", links, zone)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 8, 12, 7, 0, 0, 0, zone)
	name := func(id string) string {
		return map[string]string{"leicester": "Leicester City Council: committees"}[id]
	}
	broken := store.Trouble{Source: "leicester", Condition: store.Broken, Since: now.AddDate(0, 0, -1), Detail: "format https://x.example/list: {{.}} \r\nBcc: eve@example.net\u202e and \"=?utf-8?q?x?=\""}
	own := store.Trouble{Condition: store.Unreachable, Since: now.Add(-30 * time.Hour)}
	var many []store.Trouble
	for range 60 {
		many = append(many, broken)
	}
	var files []string
	for _, x := range []struct {
		troubles []store.Trouble
		subject  string
		says     []string
	}{
		{[]store.Trouble{broken}, "CCGWatch: a source needs a look", []string{"Leicester City Council: committees (leicester) shows something that cannot be read", "since Tuesday 11 August 2026 at 07:00", "crawl --release"}},
		{[]store.Trouble{own, broken}, "CCGWatch: a source needs a look", []string{"no site at all could be reached", "(leicester)"}},
		{[]store.Trouble{own}, "CCGWatch had no network", []string{"not the sites"}},
		{many, "CCGWatch: 60 sources need a look", []string{"And 20 more."}},
	} {
		id, m, err := c.Operator(now, x.troubles, name)
		if err != nil {
			t.Fatal(err)
		}
		id2, again, err := c.Operator(now, x.troubles, name)
		if err != nil || id != id2 || string(again.Raw) != string(m.Raw) {
			t.Errorf("the same troubles gave other bytes: %v", err)
		}
		head, body, _ := strings.Cut(string(m.Raw), "\r\n\r\n")
		body = strings.ReplaceAll(body, "=\r\n", "")
		if m.Subject != x.subject || !strings.Contains(head, "To: alerts@example.org") || strings.Contains(head, "List-") || strings.Contains(head, "Bcc") {
			t.Errorf("%s\n%s", m.Subject, head)
		}
		for _, s := range x.says {
			if !strings.Contains(body, s) {
				t.Errorf("%q is not in\n%s", s, body)
			}
		}
		if strings.Contains(body, "{{") || strings.Contains(body, "https://x.example") || strings.Contains(body, "\r\nBcc:") {
			t.Errorf("scraped text is more than data:\n%s", body)
		}
		file := filepath.Join(t.TempDir(), "operator.eml")
		if err := os.WriteFile(file, m.Raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if len(x.troubles) == 2 {
			golden(t, "operator", m.Raw)
		}
		files = append(files, file)
	}
	emlcheck(t, true, files...)
}

// golden holds a message to its last reading by a person.
func golden(t *testing.T, name string, raw []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".eml")
	if os.Getenv("CCGWATCH_UPDATE") != "" {
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(raw)); d != "" {
		t.Errorf("not as in %s (-want +got):\n%s", file, d)
	}
}
