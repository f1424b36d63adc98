package main

import (
	"bytes"
	"strings"
	"testing"
)

// A command that lacked a word was answered with expected "<address>", and with a
// sentence about help in general.
func TestWhatIsMissingIsNamedWithTheHelpOfItsCommand(t *testing.T) {
	for _, c := range []struct{ line, says, help string }{
		{"subscribers add", "something is missing: ADDRESS", "'ccgwatch help subscribers' explains"},
		{"completion", "something is missing: SHELL", "'ccgwatch help completion' explains"},
		{"--data x man", "something is missing: DIR", "'ccgwatch help man' explains"},
		{"correct meeting/1 --annotate x", "unknown flag --annotate", "'ccgwatch help correct' explains"},
		{"crwal", `did you mean "crawl"?`, "'ccgwatch help' lists the commands"},
		{"../completion", "unexpected argument", "'ccgwatch help' lists the commands"},
	} {
		var out, stderr bytes.Buffer
		code := Main(t.Context(), strings.Fields(c.line), strings.NewReader(""), &out, &stderr)
		if got := stderr.String(); code != exitUsage || !strings.Contains(got, c.says) || !strings.Contains(got, c.help) {
			t.Errorf("%s: code %d, said %q", c.line, code, got)
		}
	}
}
