package main

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// A sentenceLog writes the log for people: a line a record, the time, what
// happened and then its circumstances, as in
//
//	06:50:56 warning: crawl failed: source leicester, err network: no such host
//
// Whoever keeps the log (journald, a terminal's user) has the date. A value that
// holds anything but printable characters is quoted, so that a page that was read
// cannot write lines of its own into the log.
type sentenceLog struct {
	out   *lockedOut
	attrs []slog.Attr
}

type lockedOut struct {
	mu sync.Mutex
	w  io.Writer
}

func newSentenceLog(w io.Writer) sentenceLog { return sentenceLog{out: &lockedOut{w: w}} }

// Enabled leaves out what is for whoever mends the program.
func (sentenceLog) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle writes a record's line in one piece.
func (h sentenceLog) Handle(_ context.Context, rec slog.Record) error {
	line := rec.Time.In(london()).Format("15:04:05 ") + sentence(rec, h.attrs) + "\n"
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	_, err := io.WriteString(h.out.w, line)
	return err //nolint:wrapcheck // slog drops it
}

// WithAttrs is part of slog.Handler.
func (h sentenceLog) WithAttrs(as []slog.Attr) slog.Handler {
	h.attrs = append(slices.Clone(h.attrs), as...)
	return h
}

// WithGroup is part of slog.Handler; groups are not told apart.
func (h sentenceLog) WithGroup(string) slog.Handler { return h }

// sentence is a record in words, without its time.
func sentence(rec slog.Record, attrs []slog.Attr) string {
	var b strings.Builder
	switch {
	case rec.Level >= slog.LevelError:
		b.WriteString("error: ")
	case rec.Level >= slog.LevelWarn:
		b.WriteString("warning: ")
	}
	b.WriteString(printable(rec.Message))
	between := ": "
	add := func(a slog.Attr) bool {
		v := a.Value.Resolve()
		if v.Kind() == slog.KindBool { // "again" or nothing, and not "again true"
			if v.Bool() {
				b.WriteString(between + a.Key)
				between = ", "
			}
			return true
		}
		said := v.String()
		if v.Kind() == slog.KindTime {
			said = cmp.Or(stamp(v.Time()), "-") // by the clock on the wall, as the line's own
		}
		b.WriteString(between + a.Key + " " + printable(said))
		between = ", "
		return true
	}
	for _, a := range attrs {
		add(a)
	}
	rec.Attrs(add)
	return b.String()
}

func printable(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return strconv.Quote(s)
	}
	return s
}
