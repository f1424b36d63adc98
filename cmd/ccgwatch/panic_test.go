package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"ccgwatch/store"
)

// One change on which the rules panicked ended the daemon at every start.
func TestChangeThatMakesTheRulesPanicIsPassedOver(t *testing.T) {
	var log bytes.Buffer
	a := &app{log: slog.New(slog.NewTextHandler(&log, nil))}
	judge := a.passOverPanics(func(_ context.Context, c store.Change, _ store.Item) ([]store.Finding, error) {
		if c.Key == "odd" {
			panic("index out of range")
		}
		return []store.Finding{{ID: "1"}}, nil
	})
	if found, err := judge(t.Context(), store.Change{Seq: 7, Key: "odd"}, store.Item{}); len(found) > 0 || err != nil {
		t.Errorf("gave %v, %v", found, err)
	}
	if s := log.String(); !strings.Contains(s, "change=7") || !strings.Contains(s, "index out of range") {
		t.Errorf("the log says %q", s)
	}
	if found, err := judge(t.Context(), store.Change{Key: "even"}, store.Item{}); len(found) != 1 || err != nil {
		t.Errorf("another gave %v, %v", found, err)
	}
}
