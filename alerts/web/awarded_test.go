package web

import (
	"testing"
	"time"

	"ccgwatch/alerts/judge"
)

// A confirmation that repeats neither value nor supplier was counted as an award
// to nobody, of nothing.
func TestAConfirmationCountsWithWhatItConfirms(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 9, n, 9, 0, 0, 0, time.UTC) }
	firm, other := &judge.Party{}, &judge.Party{}
	firm.Name, other.Name = "Valeview Eyecare Limited", "Old Eyes Limited"
	note := func(key, thread, stage string, at time.Time, value float64, p ...*judge.Party) *noticed {
		return &noticed{ref: ref{"find-a-tender", key}, thread: thread, stage: stage, at: at, value: value, currency: "GBP", suppliers: p}
	}
	rows := []*noticed{
		note("1", "a", "intention", day(1), 100, other),
		note("2", "a", "intention", day(2), 290, firm),
		note("3", "a", "confirmation", day(20), 0),
		note("4", "b", "intention", day(3), 500, firm), // nothing followed
		note("5", "c", "award", day(4), 70, other),
		note("6", "c", "modification", day(9), 900, firm),
		note("7", "d", "intention", day(5), 600, other),
		note("8", "d", "award", day(6), 640, firm),
	}
	type got struct {
		value float64
		who   string
	}
	want := map[string]got{"a": {290, firm.Name}, "c": {70, other.Name}, "d": {640, firm.Name}}
	out := awarded(rows)
	if len(out) != len(want) {
		t.Errorf("%d procurements, want %d", len(out), len(want))
	}
	for _, n := range out {
		if len(n.suppliers) != 1 || (got{n.value, n.suppliers[0].Name}) != want[n.thread] {
			t.Errorf("%s counts as %v to %d, want %v", n.thread, n.value, len(n.suppliers), want[n.thread])
		}
	}
	if rows[2].value != 0 || rows[2].suppliers != nil {
		t.Error("counting changed what the notice says")
	}
}
