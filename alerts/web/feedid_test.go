package web

import (
	"regexp"
	"testing"
)

// With an address an entry is called by it, as it always was. Without one it has
// a UUID of the installation: the same for good, and another at another group's.
func TestFeedIDs(t *testing.T) {
	site := func(url string, installation byte) *site {
		return &site{Server: Server{URL: url, Installation: [16]byte{installation}}}
	}
	if got, want := site("https://Watch.example.org/x", 1).tag("2026-09-07", "finding/abc"), "tag:watch.example.org,2026-09-07:finding/abc"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	one := site("", 1)
	id := one.tag("2026-09-07", "finding/abc")
	if id != "urn:uuid:dcec74c6-b847-518a-ad03-3aa017ac2fae" {
		t.Errorf("ids that feed readers know have changed: %s", id)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("%s is no UUID by name", id)
	}
	seen := map[string]bool{}
	for _, other := range []string{id, one.tag("2026-09-08", "finding/abc"), one.tag("2026-09-07", "finding/abd"), site("", 2).tag("2026-09-07", "finding/abc")} {
		if seen[other] {
			t.Errorf("%s is given twice", other)
		}
		seen[other] = true
	}
}
