package mail

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// Limits of an answer. RFC 5321 allows 512 bytes a line and says nothing of
// their number.
const (
	maxReplyLine  = 2000
	maxReplyLines = 100
)

// A wire is one connection to a relay.
//
// It is our own, and not go-smtp's client, because that writes the message, its
// end and reads the answer in one step, so that what is before the end cannot
// be told from what is after; because its answers have any number of lines; and
// because a wait there is for each read, so that one byte a minute lasts for
// ever. Here a wait is for the whole of a stage.
type wire struct {
	raw  net.Conn // what is closed
	conn net.Conn // raw, or TLS over it
	in   *bufio.Reader
	tls  bool
	ext  map[string]string // what EHLO offered, in upper case
	open bool              // a transaction is: it must be reset first
}

func newWire(raw net.Conn) *wire {
	return &wire{raw: raw, conn: raw, in: bufio.NewReaderSize(raw, maxReplyLine)}
}

// within runs f, and closes the connection if that takes longer than wait or
// goes on for longer than grace after the end of ctx.
func (w *wire) within(ctx context.Context, wait, grace time.Duration, f func() error) error {
	var late atomic.Bool
	over := make(chan struct{})
	timer := time.AfterFunc(wait, func() { late.Store(true); _ = w.raw.Close() })
	defer timer.Stop()
	stop := context.AfterFunc(ctx, func() {
		if grace > 0 {
			t := time.NewTimer(grace)
			defer t.Stop()
			select {
			case <-over:
				return
			case <-t.C:
			}
		}
		_ = w.raw.Close()
	})
	defer stop()
	err := f()
	close(over)
	switch {
	case err == nil:
		return nil
	case late.Load():
		return errWait
	case ctx.Err() != nil:
		return errors.Join(err, ctx.Err())
	}
	return err
}

// A reply is an answer, its lines joined.
type reply struct {
	code int
	text string
}

// enhanced splits off the enhanced status code (RFC 3463), if there is one that
// agrees with the code.
func (r reply) enhanced() (code, text string) {
	m := regexp.MustCompile(`^([245]\.\d{1,3}\.\d{1,3})(?: |\n|$)`).FindStringSubmatch(r.text)
	if m == nil || int(m[1][0]-'0') != r.code/100 {
		return "", r.text
	}
	text = strings.TrimPrefix(r.text, m[0])
	return m[1], strings.ReplaceAll(text, "\n"+m[1]+" ", "\n") // it is on every line
}

// read reads one answer.
func (w *wire) read() (reply, error) {
	var r reply
	var text []string
	for n := 0; ; n++ {
		if n == maxReplyLines {
			return reply{}, fmt.Errorf("%w: an answer of more than %d lines", errProtocol, maxReplyLines)
		}
		b, err := w.in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return reply{}, fmt.Errorf("%w: a line of more than %d bytes", errProtocol, maxReplyLine)
		case err != nil:
			return reply{}, err
		}
		code, more, ok := replyLine(string(b))
		switch {
		case !ok:
			return reply{}, fmt.Errorf("%w: it does not begin with a code, or does not end as a line does", errProtocol)
		case n > 0 && code != r.code:
			return reply{}, fmt.Errorf("%w: an answer of two codes", errProtocol)
		}
		r.code = code
		text = append(text, strings.TrimRight(string(b[min(4, len(b)-2):]), "\r\n"))
		if !more {
			r.text = strings.Join(text, "\n")
			return r, nil
		}
	}
}

// replyLine reads the code of a line, and whether there are more.
func replyLine(s string) (code int, more, ok bool) {
	s, ok = strings.CutSuffix(s, "\r\n")
	if !ok || len(s) < 3 || s[0] < '2' || s[0] > '5' || s[1] < '0' || s[1] > '5' || s[2] < '0' || s[2] > '9' {
		return 0, false, false
	}
	if len(s) > 3 && s[3] != ' ' && s[3] != '-' {
		return 0, false, false
	}
	return int(s[0]-'0')*100 + int(s[1]-'0')*10 + int(s[2]-'0'), len(s) > 3 && s[3] == '-', true
}

// say sends a command, or nothing, and reads the answer. What the relay has
// said before it was asked belongs to no question of ours.
func (w *wire) say(ctx context.Context, wait, grace time.Duration, line string) (r reply, err error) {
	err = w.within(ctx, wait, grace, func() error {
		if line != "" {
			if w.in.Buffered() > 0 {
				return fmt.Errorf("%w: an answer to nothing", errProtocol)
			}
			if _, err := w.conn.Write([]byte(line + "\r\n")); err != nil {
				return err
			}
		}
		r, err = w.read()
		return err
	})
	return r, err
}

// checkMessage refuses what cannot be sent as it is: whatever a relay might
// read otherwise than the next one does (a bare CR or LF before a dot is how one
// message is smuggled inside another), and what needs an extension.
func checkMessage(raw []byte) error {
	line := 0
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\r' && i+1 < len(raw) && raw[i+1] == '\n':
			i++
			line = 0
			continue
		case c == '\r' || c == '\n':
			return errors.New("a line ends otherwise than with CR LF")
		case c == 0 || c > '~':
			return errors.New("a byte that is not ASCII text")
		}
		if line++; line > 998 {
			return errors.New("a line of more than 998 bytes")
		}
	}
	if len(raw) == 0 || line > 0 {
		return errors.New("it does not end with a line's end")
	}
	return nil
}

// stuffed is the message as it goes over the wire, without its end: raw itself,
// where no line begins with a dot.
func stuffed(raw []byte) []byte {
	if !bytes.HasPrefix(raw, []byte(".")) && !bytes.Contains(raw, []byte("\n.")) {
		return raw
	}
	out := make([]byte, 0, len(raw)+64)
	begin := true
	for _, c := range raw {
		if begin && c == '.' {
			out = append(out, '.')
		}
		out = append(out, c)
		begin = c == '\n'
	}
	return out
}

// checkAddress refuses what could not stand in a command.
func checkAddress(s string) error {
	local, domain, ok := cutLast(s, "@")
	if !ok || local == "" || domain == "" || len(local) > 64 || len(s) > 254 {
		return errors.New("it is no address")
	}
	for _, c := range s {
		if c <= ' ' || c > '~' || strings.ContainsRune(`<>"\`, c) {
			return errors.New("it is no plain address in ASCII")
		}
	}
	return nil
}
