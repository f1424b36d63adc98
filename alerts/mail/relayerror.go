package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"

	"ccgwatch/alerts"
)

// A Stage is a part of the conversation with a relay.
type Stage string

// The stages, in their order.
const (
	StageConnect  Stage = "connect"
	StageBanner   Stage = "banner"
	StageEHLO     Stage = "ehlo"
	StageSTARTTLS Stage = "starttls"
	StageTLS      Stage = "tls" // the handshake
	StageAuth     Stage = "auth"
	StageMail     Stage = "mail"
	StageRcpt     Stage = "rcpt"
	StageData     Stage = "data" // the command
	StageBody     Stage = "body" // the message, without its end
	StageDot      Stage = "dot"  // its end, and the answer
	stageReset    Stage = "rset"
	stageQuit     Stage = "quit"
)

// A RelayError is a relay that did not take a message. It wraps what that means
// (alerts.ErrAway, ErrOperator, ErrNoAddress, ErrRefused, ErrSoft,
// ErrUncertain; none of them: this message is put off), and names nobody:
// addresses and passwords in an answer are masked.
type RelayError struct {
	Stage    Stage
	Code     int    // of the answer; 0: none could be read
	Enhanced string // as in "5.1.1", or ""
	Text     string // of the answer: masked, on one line, short
	Err      error  // what went wrong where there was no answer: network, TLS, protocol

	means error
}

func (e *RelayError) Error() string {
	var b strings.Builder
	b.WriteString("relay, at " + string(e.Stage) + ": ")
	if e.Code != 0 {
		fmt.Fprintf(&b, "%d", e.Code)
		if e.Enhanced != "" {
			b.WriteString(" " + e.Enhanced)
		}
		if e.Text != "" {
			fmt.Fprintf(&b, " %q", e.Text)
		}
	}
	if e.Err != nil {
		b.WriteString(e.Err.Error())
	}
	if e.means != nil {
		b.WriteString(" (" + e.means.Error() + ")")
	}
	return b.String()
}

// Unwrap gives what it means and what went wrong.
func (e *RelayError) Unwrap() []error {
	var out []error
	for _, err := range []error{e.means, e.Err} {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}

// errProtocol: the relay said something that is no SMTP.
var errProtocol = errors.New("that is no SMTP")

// errWait: the relay took too long. It is a timeout as those of package net are.
var errWait error = waitError{}

type waitError struct{}

func (waitError) Error() string { return "no answer in time" }
func (waitError) Timeout() bool { return true }

// broken is a stage that ended without an answer that could be understood.
func broken(stage Stage, err error) *RelayError {
	e := &RelayError{Stage: stage, Err: err, means: alerts.ErrAway}
	switch {
	case stage == StageDot:
		e.means = alerts.ErrUncertain
	case stage == StageTLS && !network(err):
		e.means = alerts.ErrOperator
	}
	return e
}

// network tells whether a handshake failed for a reason that may pass, and not
// over a certificate or what TLS is spoken.
func network(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op == "read" || op.Op == "write"
	}
	for _, e := range []error{errWait, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// wrong is a relay that is not set up for us; we do not go on without.
func wrong(stage Stage, format string, args ...any) *RelayError {
	return &RelayError{Stage: stage, Err: fmt.Errorf(format, args...), means: alerts.ErrOperator}
}

// refusal is a stage that was answered with a code of 400 and above.
func refusal(stage Stage, r reply, mask func(string) string) *RelayError {
	enhanced, text := r.enhanced()
	e := &RelayError{Stage: stage, Code: r.code, Enhanced: enhanced, Text: mask(text)}
	temporary := r.code < 500
	switch stage {
	case StageRcpt, StageData:
		switch {
		case r.code == 421: // it hangs up
			e.means = alerts.ErrAway
		case temporary:
		case noAddress(r.code, enhanced):
			e.means = alerts.ErrNoAddress
		case policy(enhanced):
			e.means = fmt.Errorf("%w %w", alerts.ErrSoft, alerts.ErrPolicy)
		default:
			e.means = alerts.ErrSoft
		}
	case StageDot: // certainly not taken
		if !temporary {
			e.means = alerts.ErrRefused
		}
		if !temporary && policy(enhanced) {
			e.means = fmt.Errorf("%w, %w", alerts.ErrRefused, alerts.ErrPolicy)
		}
	case StageEHLO, StageSTARTTLS, StageAuth, StageMail:
		if e.means = alerts.ErrAway; !temporary {
			e.means = alerts.ErrOperator
		}
	default: // a banner of 554 may be a moment's overload as well as a ban
		e.means = alerts.ErrAway
	}
	return e
}

// policy tells whether an answer is about who sends, and not about the address
// (RFC 3463, 3.8).
func policy(enhanced string) bool { return strings.HasPrefix(enhanced, "5.7.") }

// noAddress tells whether an answer says that there is no such address: by its
// enhanced code where there is one (550 and 553 are used for policy as well).
func noAddress(code int, enhanced string) bool {
	switch enhanced {
	case "5.1.1", "5.1.2", "5.1.10":
		return true
	case "":
		return code == 553
	}
	return code == 553 && strings.HasPrefix(enhanced, "5.1.")
}

// masker makes what hides the given secrets, the recipient's name, all addresses
// and the codes of links in what a relay says, and makes one short line of it.
func masker(to string, secrets ...string) func(string) string {
	return func(s string) string {
		local, _, _ := strings.Cut(to, "@")
		address := regexp.MustCompile(`[^\s<>"(),:;\[\]]+@[^\s<>"'(),:;]+`)
		name := regexp.MustCompile(`(?i)\b` + regexp.QuoteMeta(local) + `\b`)
		for _, x := range secrets { // before anything in them is exchanged
			s = hide(s, x)
		}
		s = strings.Map(func(r rune) rune {
			switch {
			case r == '\n' || r == '\t':
				return ' '
			case r < ' ' || r > '~':
				return '?'
			}
			return r
		}, s)
		s = address.ReplaceAllString(s, "<address>")
		if len(local) > 2 {
			s = name.ReplaceAllLiteralString(s, "<name>")
		}
		if len(local) > alerts.PartOfSecret { // and where the relay cut it
			s = hide(s, local)
		}
		s = regexp.MustCompile(`[A-Za-z0-9_-]{24,}`).ReplaceAllStringFunc(s, code)
		s = strings.Join(strings.Fields(s), " ")
		if len(s) > 200 {
			s = s[:200] + "..."
		}
		return s
	}
}

// hide puts stars for a secret, and for what is left of it where a relay cut it. Of
// a login that is an address only the whole is hidden: its domain is the group's,
// and stands in what a relay explains.
func hide(s, secret string) string {
	if checkAddress(secret) == nil && strings.Contains(secret[strings.IndexByte(secret, '@'):], ".") {
		return alerts.Conceal(s, len(secret), secret)
	}
	return alerts.Conceal(s, alerts.PartOfSecret, secret)
}

// code hides what looks like the code of a link: capitals, small letters and
// digits, mixed. Filters quote the links of a message that they refuse; the names
// that relays give to messages are not mixed like that, or shorter.
func code(word string) string {
	const digits, letters = "0123456789", "abcdefghijklmnopqrstuvwxyz"
	if strings.ContainsAny(word, digits) && strings.ContainsAny(word, letters) && strings.ContainsAny(word, strings.ToUpper(letters)) {
		return "<code>"
	}
	return word
}
