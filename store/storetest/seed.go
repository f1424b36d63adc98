package storetest

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// Seed is what a test that draws at random begins with, and is logged. It is the
// same in every plain run and in make promises, so that what fails there fails
// because of the change it is run for; make soak draws a new one each time, and
// CCGWATCH_SEED repeats one that was logged.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("CCGWATCH_SEED"), 10, 64)
	switch {
	case err == nil:
	case os.Getenv("CCGWATCH_SOAK") != "":
		seed = uint64(time.Now().UnixNano()) //nolint:forbidigo // the drawing of a seed, in tests alone
	default:
		seed = 2026
	}
	t.Logf("CCGWATCH_SEED=%d", seed)
	return seed
}

// Promised is how often a promise is put to the test: a little by default and less
// with -short, more for make promises, and for hours for make soak.
func Promised(short, usual, promises, soak int) int {
	switch {
	case os.Getenv("CCGWATCH_SOAK") != "":
		return soak
	case os.Getenv("CCGWATCH_PROMISES") != "":
		return promises
	case testing.Short():
		return short
	}
	return usual
}
