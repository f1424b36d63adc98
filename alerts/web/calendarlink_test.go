package web

import (
	"strings"
	"testing"
	"time"
)

// Symptom: the address under which a full calendar goes on was cut where it was long,
// and led to another search.
func TestALinkInWhatACalendarSaysOfItselfIsWholeOrNotThere(t *testing.T) {
	s := &site{zone: time.UTC}
	day := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	for _, words := range []int{10, 200, 5000} {
		address := "https://example.org/data/search.ics?q=" + strings.Repeat("x", words) + "&from=2026-09-02"
		said := s.leftOut(holding{first: day, last: day, after: true, before: true, torn: true, moved: 3}, func(time.Time) string { return address }, "https://example.org")
		if len(said) > 900 {
			t.Errorf("%d characters: %s", len(said), said)
		}
		if whole := strings.Contains(said, "Later ones: "+address+"."); whole != (words < 300) || !whole && !strings.Contains(said, "add from=2026-09-02 to this address") {
			t.Errorf("of an address of %d characters it says %s", len(address), said)
		}
	}
}
