package main

import "testing"

// A machine without a network got a line for each of its sites, four times over, and
// no word of what was the matter.
func TestDoctorSaysOfflineOnce(t *testing.T) {
	hosts := []string{"a.example", "b.example", "c.example"}
	for _, c := range []struct {
		name, says string
		hosts, bad []string
		state      string
		details    int
		asks       bool
	}{
		{"all found", "3 hosts: each has an address", hosts, nil, well, 0, true},
		{"one missing", "1 of 3 hosts without an address", hosts, []string{"b.example: no such host"}, failing, 1, true},
		{"all missing", "none of 3 hosts can be found: this machine seems to be offline", hosts, []string{"a: x", "b: x", "c: x"}, failing, 2, false},
		{"the only one missing", "1 of 1 host without an address", hosts[:1], []string{"a: x"}, failing, 1, true},
	} {
		got, asks := lookedUp(c.hosts, c.bad)
		if got.What != c.says || got.State != c.state || asks != c.asks || len(got.Details) != c.details {
			t.Errorf("%s: got %+v, asks %v", c.name, got, asks)
		}
	}
}
