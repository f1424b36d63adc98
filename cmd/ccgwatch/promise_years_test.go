package main

import (
	"context"
	"testing"
	"time"
)

// runFor runs something for a while.
func runFor(t *testing.T, length time.Duration, f func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	f(ctx)
}
