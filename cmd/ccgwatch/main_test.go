package main

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"ccgwatch/scrapers/document"
)

// TestMain lets the test binary stand in for the program: as the child that
// reads papers, as the one that checks a store, and as ccgwatch itself in scripts and in the kill test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == readDocument {
		os.Exit(document.Main(os.Args[2:], os.Stdin, os.Stdout))
	}
	if len(os.Args) > 1 && os.Args[1] == checkStore {
		os.Exit(checkMain(context.Background(), os.Args[2:], os.Stdout))
	}
	if os.Getenv(asProgram) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"ccgwatch": main})
}

// asProgram makes a child of the test binary behave as ccgwatch.
const asProgram = "CCGWATCH_TEST_AS_PROGRAM"
