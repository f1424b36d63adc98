package mail

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"strings"
	"time"
	"unicode/utf8"

	"ccgwatch/alerts"
)

// lineMax is the length of a header line that RFC 5322 asks for, and RFC 2047
// demands of encoded words.
const lineMax = 76

// A head is a block of headers. It is written here and not by a library because
// the order, the folding and every byte are frozen for good (go-mail 0.8 begins
// long fields with an empty line, and orders preformatted ones by chance).
type head struct {
	buf bytes.Buffer
	err error
}

// field writes one header of printable ASCII, folded at spaces.
func (h *head) field(name, value string) {
	if !ascii(value) || value == "" || strings.TrimSpace(value) != value {
		h.err = fmt.Errorf("mail: header %s: a character that cannot stand there", name)
		return
	}
	h.buf.WriteString(name + ":")
	n := len(name) + 1
	first := true
	for w := range strings.SplitSeq(value, " ") {
		if !first && n+1+len(w) > lineMax {
			h.buf.WriteString("\r\n")
			n = 0
		}
		h.buf.WriteByte(' ')
		h.buf.WriteString(w)
		n += 1 + len(w)
		first = false
	}
	h.buf.WriteString("\r\n")
}

// encodeWords writes what is not ASCII as encoded words (RFC 2047, Q), the
// first one short enough to stand behind used characters of its line.
func encodeWords(s string, used int) string {
	if ascii(s) {
		return s
	}
	const begin, end = "=?utf-8?q?", "?="
	var b, word strings.Builder
	left := lineMax - used - len(begin) - len(end)
	for _, r := range s {
		q := encodeRune(r)
		if word.Len()+len(q) > left {
			b.WriteString(begin + word.String() + end + " ")
			word.Reset()
			left = lineMax - 1 - len(begin) - len(end)
		}
		word.WriteString(q)
	}
	return b.String() + begin + word.String() + end
}

func encodeRune(r rune) string {
	switch {
	case r == ' ':
		return "_"
	case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		return string(r)
	}
	var b strings.Builder
	for _, c := range utf8.AppendRune(nil, r) {
		fmt.Fprintf(&b, "=%02X", c)
	}
	return b.String()
}

// message is a front, and the foot that follows it, in their envelope of headers.
func (c *Composer) message(l alerts.Letter, to string, f front, end foot) (alerts.Message, error) {
	id := "<" + l.ID + "@" + c.domain + ">"
	boundary := "ccgwatch-" + l.ID // no stranger can know it beforehand
	var h head
	h.buf.Grow(len(f.text) + len(f.html) + len(end.text) + len(end.html) + 2<<10)
	h.field("From", c.from)
	h.field("To", to)
	h.field("Reply-To", c.from)
	h.field("Subject", encodeWords(f.subject, len("Subject: ")))
	h.field("Date", l.Date.In(c.zone).Format(time.RFC1123Z))
	h.field("Message-ID", id)
	if root := c.root(l); root != "" {
		h.field("In-Reply-To", root)
		h.field("References", root)
	}
	h.field("Auto-Submitted", "auto-generated")
	if !l.Copy {
		c.list(&h, l)
	}
	h.field("MIME-Version", "1.0")
	h.field("Content-Type", `multipart/alternative; boundary="`+boundary+`"`)
	h.buf.WriteString("\r\n")
	if h.err != nil {
		return alerts.Message{}, fmt.Errorf("letter %s: %w", l.ID, h.err)
	}
	if err := new(multipart.Writer).SetBoundary(boundary); err != nil { // it is none
		return alerts.Message{}, fmt.Errorf("mail: letter %s: %w", l.ID, err)
	}
	h.part("--"+boundary, "text/plain", f.text, end.text)
	h.part("\r\n--"+boundary, "text/html", f.html, end.html)
	h.buf.WriteString("\r\n--" + boundary + "--\r\n")
	return alerts.Message{MessageID: id, Subject: f.subject, Raw: h.buf.Bytes()}, nil
}

// list writes what makes a letter one of a list, with its way out.
func (c *Composer) list(h *head, l alerts.Letter) {
	h.field("List-Id", "CCGWatch <alerts."+c.domain+">")
	https, mailto := c.links.Unsubscribe(tells(l)...)
	if https != "" {
		h.field("List-Unsubscribe", "<"+https+">, <"+mailto+">")
		h.field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	} else {
		h.field("List-Unsubscribe", "<"+mailto+">")
	}
	h.field("List-Post", "NO")
}

// tells lists the subscriptions of a letter.
func tells(l alerts.Letter) []string {
	ids := []string{l.Subscription.ID}
	for _, p := range l.Others {
		ids = append(ids, p.Subscription.ID)
	}
	return ids
}

// part writes one of both parts, of words that are encoded already.
func (h *head) part(delimiter, kind string, words ...[]byte) {
	h.buf.WriteString(delimiter + "\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Type: " + kind + "; charset=utf-8\r\n\r\n")
	for _, b := range words {
		h.buf.Write(b)
	}
}
