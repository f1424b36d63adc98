package mail

import (
	"bytes"
	"fmt"
	"mime/quotedprintable"
	"strings"

	"ccgwatch/alerts"
)

// A foot is what ends a letter, as it is sent (quoted-printable): why the reader
// gets it, how to stop, who writes.
type foot struct {
	text, html []byte
}

// foot writes it. Readers who are told the same, and asked for it in the same
// words, differ in nothing but the token of their way out: for them it is cast.
func (c *Composer) foot(l alerts.Letter) (foot, error) {
	if l.Digest == nil || l.Digest.Memo == nil || len(l.Others) > 0 || l.Copy {
		m, err := c.footMould(l, "")
		if err != nil {
			return foot{}, err
		}
		return m.cast("")
	}
	k := "foot " + l.Subscription.Often + " " + l.Subscription.Query
	m, ok := l.Digest.Memo[k].(footMould)
	if !ok {
		var err error
		if m, err = c.footMould(l, standIn); err != nil {
			return foot{}, err
		}
		l.Digest.Memo[k] = m
	}
	return m.cast(c.links.Token(l.Subscription.ID))
}

// standIn takes the place of a token in a mould. Nothing that is written elsewhere
// holds its control characters (see clean), which are escaped in HTML, so that the
// words of a link are told from its address.
const standIn = "\x01token\x01"

// A footMould is a foot but for the token: what is encoded already, and lines that
// hold the token and are not.
type footMould struct {
	text, html []run
}

// A run is some lines of it.
type run struct {
	encoded []byte
	line    string // if there is none: with standIn in it
}

// footMould writes a foot with a word in place of the token; "" leaves the token.
func (c *Composer) footMould(l alerts.Letter, word string) (m footMould, err error) {
	w := writer{c: c, l: l, word: word}
	if l.Copy {
		w.copyFooter()
	} else {
		w.footer()
	}
	w.endList()
	if m.text, err = runs(w.text.String()); err == nil {
		m.html, err = runs(w.html.String() + htmlEnd)
	}
	if err != nil {
		return m, fmt.Errorf("mail: letter %s: %w", l.ID, err)
	}
	return m, nil
}

// runs encodes the lines that are the same for all. Lines are encoded each by
// itself, so that what is joined is what would be encoded in one.
func runs(words string) (out []run, err error) {
	var same strings.Builder
	flush := func() error {
		if same.Len() == 0 {
			return nil
		}
		b, err := quoted7(same.String())
		out = append(out, run{encoded: b})
		same.Reset()
		return err
	}
	for line := range strings.Lines(words) {
		if !strings.Contains(line, standIn) && !strings.Contains(line, escapeHTML(standIn)) {
			same.WriteString(line)
			continue
		}
		if err := flush(); err != nil {
			return nil, err
		}
		out = append(out, run{line: line})
	}
	return out, flush()
}

// cast puts the token in.
func (m footMould) cast(token string) (f foot, err error) {
	if f.text, err = castRuns(m.text, token); err == nil {
		f.html, err = castRuns(m.html, token)
	}
	return f, err
}

func castRuns(rs []run, token string) ([]byte, error) {
	if len(rs) == 1 && rs[0].encoded != nil {
		return rs[0].encoded, nil
	}
	var b bytes.Buffer
	b.Grow(4 << 10)
	for _, r := range rs {
		if r.encoded != nil {
			b.Write(r.encoded)
			continue
		}
		line := strings.ReplaceAll(r.line, standIn, token)
		line = strings.ReplaceAll(line, escapeHTML(standIn), escapeHTML(token))
		q := quotedprintable.NewWriter(&b)
		if _, err := q.Write([]byte(crlf(line))); err != nil {
			return nil, err
		}
		if err := q.Close(); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}
