package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"ccgwatch/scrapers/document"
)

// TestMain lets the test binary stand in for the program: as the child that
// reads papers, and as ccgwatch itself in scripts and in the kill test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == readDocument {
		os.Exit(document.Main(os.Args[2:], os.Stdin, os.Stdout))
	}
	if os.Getenv(asProgram) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"ccgwatch": main})
}

// asProgram makes a child of the test binary behave as ccgwatch.
const asProgram = "CCGWATCH_TEST_AS_PROGRAM"
