package main

import (
	"context"
	"log/slog"
	"slices"
	"sync"
)

// recentMost is how many lines of the log are kept for the operator's page.
const recentMost = 60

// A recentLog passes the log on and keeps its last warnings and errors, newest
// first, for the operator's page. What is logged holds no subscriber's address.
type recentLog struct {
	slog.Handler
	kept  *keptLines
	attrs []slog.Attr
}

type keptLines struct {
	mu    sync.Mutex
	lines []string
}

func newRecentLog(h slog.Handler) *recentLog { return &recentLog{Handler: h, kept: &keptLines{}} }

// Handle keeps a warning or an error, and passes every record on.
func (r *recentLog) Handle(ctx context.Context, rec slog.Record) error {
	if rec.Level >= slog.LevelWarn {
		line := rec.Time.In(london()).Format("2 Jan 15:04:05 ") + sentence(rec, r.attrs)
		r.kept.mu.Lock()
		r.kept.lines = append(r.kept.lines, line)
		if n := len(r.kept.lines); n > recentMost {
			r.kept.lines = slices.Clone(r.kept.lines[n-recentMost:])
		}
		r.kept.mu.Unlock()
	}
	return r.Handler.Handle(ctx, rec)
}

// WithAttrs is part of slog.Handler.
func (r *recentLog) WithAttrs(as []slog.Attr) slog.Handler {
	return &recentLog{Handler: r.Handler.WithAttrs(as), kept: r.kept, attrs: append(slices.Clone(r.attrs), as...)}
}

// WithGroup is part of slog.Handler.
func (r *recentLog) WithGroup(name string) slog.Handler {
	return &recentLog{Handler: r.Handler.WithGroup(name), kept: r.kept, attrs: r.attrs}
}

// lines are those kept, newest first.
func (r *recentLog) lines() []string {
	r.kept.mu.Lock()
	defer r.kept.mu.Unlock()
	out := slices.Clone(r.kept.lines)
	slices.Reverse(out)
	return out
}
