package main

import (
	"fmt"
	"path"
	"strings"
)

// commandIn is the first word of a command line that names a command, "" for none.
func commandIn(args []string) string {
	for i, a := range args {
		if strings.HasPrefix(a, "-") || a == "help" || valueOf(args, i) {
			continue
		}
		if _, err := helpTexts.Open("help/" + path.Base(a) + ".txt"); err == nil && a != "ccgwatch" && path.Base(a) == a {
			return a
		}
		return ""
	}
	return ""
}

// plainUsage says in words that something is left out; the parser says: expected "<address>".
func plainUsage(err error) error {
	said, is := strings.CutPrefix(err.Error(), "expected ")
	if !is || !strings.HasPrefix(said, `"<`) {
		return err
	}
	what := strings.NewReplacer(`"`, "", "<", "", ">", "").Replace(said)
	return fmt.Errorf("something is missing: %s", strings.ToUpper(what))
}
