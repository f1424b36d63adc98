package main

import "fmt"

// sayEmpty tells somebody whose list came out empty why it did: after a first look
// everything is known and nothing is news, and an empty screen reads as if nothing
// had been read. Programs, which ask for JSON, are told nothing.
func sayEmpty(e *env, asJSON bool, shown, hidden int, none, why string) {
	switch {
	case asJSON || shown > 0:
	case hidden > 0:
		fmt.Fprintf(e.stderr, "ccgwatch: %s; %d %s: --all shows them\n", none, hidden, why)
	default:
		fmt.Fprintf(e.stderr, "ccgwatch: %s\n", none)
	}
}

// ofFirstLook is why changes and findings are left out of their lists.
const ofFirstLook = "of a first look or a backfill"
