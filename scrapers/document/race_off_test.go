//go:build !race

package document_test

// underRace tells that the race detector is on.
const underRace = false
