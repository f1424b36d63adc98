package store

import (
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// same tells whether two printed texts say the same. Composition (NFC or NFD),
// ligatures, curly quotes, soft hyphens, zero-width characters and every kind
// and amount of space make no difference: systems change them between two
// answers without anybody having edited anything.
func same(a, b string) bool { return a == b || plain(a) == plain(b) }

// sameSite tells whether two addresses differ in nothing but http or https and a
// "www." before the name: a site that moves so has moved nothing.
func sameSite(a, b string) bool {
	rest := func(s string) string {
		scheme, rest, ok := strings.Cut(s, "://")
		if !ok || scheme != "http" && scheme != "https" {
			return s
		}
		return strings.TrimPrefix(rest, "www.")
	}
	return rest(a) == rest(b)
}

// plain is the form in which texts are compared; it is never shown.
func plain(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for _, r := range norm.NFKC.String(s) {
		switch {
		case unicode.IsSpace(r):
			space = true
			continue
		case unicode.Is(unicode.Cf, r), r == '\u034f', r == '\ufffe': // soft hyphen, zero-width and direction marks, a hyphen as some PDFs give it
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		switch r {
		case '‘', '’', '‚', '‛', '′':
			r = '\''
		case '“', '”', '„', '‟', '″':
			r = '"'
		case '\u2010', '\u2011':
			r = '-'
		}
		b.WriteRune(r)
	}
	return norm.NFC.String(b.String()) // removing a mark can bring two runes together that compose
}

// instant reads a FieldWhen. A bare date, and midnight, stand for a day whose
// hour is not known: no public meeting begins at midnight.
func instant(s string) (t time.Time, timed, ok bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, t.Hour() != 0 || t.Minute() != 0, true
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.Add(12 * time.Hour), false, true // noon: the same day in London, whatever the offset
	}
	return time.Time{}, false, false
}

// sameWhen tells whether two times of a meeting agree as far as both are known.
func sameWhen(a, b string) bool {
	ta, timedA, okA := instant(a)
	tb, timedB, okB := instant(b)
	switch {
	case !okA || !okB:
		return same(a, b)
	case timedA && timedB:
		return ta.Equal(tb)
	}
	return a[:len(time.DateOnly)] == b[:len(time.DateOnly)]
}

// exact picks of two agreeing times the one that knows the hour.
func exact(was, now string) string {
	if _, timed, _ := instant(now); !timed {
		return was
	}
	if _, timed, _ := instant(was); timed {
		return was
	}
	return now
}

// upcoming tells whether an item's meeting is known to lie ahead.
func upcoming(it Item, at time.Time) bool {
	_, _, ok := instant(it.Fields[FieldWhen])
	return ok && !past(it, at)
}

// past tells whether an item's meeting is known to be over, or at least begun.
func past(it Item, at time.Time) bool {
	t, timed, ok := instant(it.Fields[FieldWhen])
	if ok && !timed {
		t = t.Add(24 * time.Hour)
	}
	return ok && t.Before(at)
}
