package web

import (
	"strings"
	"unicode/utf8"
)

// A piece of a difference: words that stayed (0), went (-1) or came (1).
type piece struct {
	Op   int
	Text string
}

// Gone and Came tell what happened to the words.
func (p piece) Gone() bool { return p.Op < 0 }
func (p piece) Came() bool { return p.Op > 0 }

// How a difference is kept readable: texts with more words than differed are
// shown as a whole, and of what stayed only so many words around what changed.
const (
	differed = 1500
	around   = 8
)

// difference marks the words that differ. Values that have little in common,
// and short ones, are one piece each: "3 May" has not become "4 May" by a 3.
func difference(old, now string) []piece {
	a, b := strings.Fields(old), strings.Fields(now)
	short := utf8.RuneCountInString(old) < 60 && utf8.RuneCountInString(now) < 60
	if len(a) == 0 || len(b) == 0 || short || len(a) > differed || len(b) > differed {
		return whole(old, now)
	}
	pieces := merge(align(a, b))
	stayed := 0
	for _, p := range pieces {
		if p.Op == 0 {
			stayed += len(strings.Fields(p.Text))
		}
	}
	if 4*stayed < max(len(a), len(b)) {
		return whole(old, now)
	}
	return cut(pieces)
}

func whole(old, now string) []piece {
	var out []piece
	if strings.TrimSpace(old) != "" {
		out = append(out, piece{-1, old})
	}
	if strings.TrimSpace(now) != "" {
		out = append(out, piece{1, now})
	}
	return out
}

// align is the longest common subsequence of the words, between the beginning
// and the end that they share.
func align(a, b []string) []piece {
	var head, tail []piece
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, piece{0, a[0]})
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		tail = append(tail, piece{0, a[len(a)-1]})
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	// long[i][j] is the length for a[i:] and b[j:].
	width := len(b) + 1
	long := make([]uint16, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				long[i*width+j] = long[(i+1)*width+j+1] + 1
			} else {
				long[i*width+j] = max(long[(i+1)*width+j], long[i*width+j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			head = append(head, piece{0, a[i]})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && long[(i+1)*width+j] >= long[i*width+j+1]:
			head = append(head, piece{-1, a[i]})
			i++
		default:
			head = append(head, piece{1, b[j]})
			j++
		}
	}
	for k := len(tail) - 1; k >= 0; k-- {
		head = append(head, tail[k])
	}
	return head
}

// merge joins words into pieces; between two words that stayed, what went
// stands before what came.
func merge(words []piece) []piece {
	var out []piece
	var gone, came []string
	flush := func() {
		if len(gone) > 0 {
			out = append(out, piece{-1, strings.Join(gone, " ")})
		}
		if len(came) > 0 {
			out = append(out, piece{1, strings.Join(came, " ")})
		}
		gone, came = nil, nil
	}
	for _, w := range words {
		switch w.Op {
		case -1:
			gone = append(gone, w.Text)
		case 1:
			came = append(came, w.Text)
		default:
			flush()
			if n := len(out); n > 0 && out[n-1].Op == 0 {
				out[n-1].Text += " " + w.Text
			} else {
				out = append(out, w)
			}
		}
	}
	flush()
	return out
}

// cut shortens what stayed.
func cut(pieces []piece) []piece {
	for i, p := range pieces {
		if p.Op != 0 {
			continue
		}
		w := strings.Fields(p.Text)
		first, last := around, around
		if i == 0 {
			first = 0
		}
		if i == len(pieces)-1 {
			last = 0
		}
		if len(w) > first+last+around {
			pieces[i].Text = strings.TrimSpace(strings.Join(w[:first], " ") + " … " + strings.Join(w[len(w)-last:], " "))
		}
	}
	return pieces
}

// differs is the difference of a field's values as they are shown; nil where
// they are shown one after the other.
func (s *site) differs(m measure, field, old, now string) []piece {
	shown := func(v string) string {
		if at := s.date(v); at != line(v, 200) { // a date
			return s.value(field, v)
		}
		return line(v, m.prose)
	}
	pieces := difference(shown(old), shown(now))
	stays := false
	left := m.quote
	for i, p := range pieces {
		stays = stays || p.Op == 0
		n := utf8.RuneCountInString(p.Text)
		if n > left {
			pieces[i].Text = line(p.Text, max(left, 1))
			pieces = pieces[:i+1]
			break
		}
		left -= n
	}
	if !stays {
		return nil
	}
	return pieces
}
