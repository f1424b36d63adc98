// Package inbox reads the group's mailbox: what people ask for by mail
// (subscribe, confirm, change, unsubscribe, help), messages of ours that came
// back, complaints. What a message is, is decided here and pure (Reader.Read);
// where messages come from is an IMAP folder, a maildir or an mbox file, of
// which nothing is ever deleted, moved or marked as read: the mailbox may be
// the group's only one.
//
// Nobody is answered who did not ask, nothing is done because of a sender's
// address alone, and a message that says nothing we understand is left for the
// people whose mailbox it is.
package inbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	netmail "net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts"
)

// MaxMessage is how much of a message is looked at, in bytes: marks, reports
// and commands stand at its beginning.
const MaxMessage = 1 << 20

// A Kind says what a message is to us.
type Kind string

// The kinds of message.
const (
	// KindBounce: a message of ours did not arrive and will not (RFC 3464,
	// Action: failed, or what the many systems write that do not follow it).
	KindBounce Kind = "bounce"
	// KindReport: any other report of a mail system (delayed, delivered,
	// relayed, read). It is no news.
	KindReport Kind = "report"
	// KindComplaint: somebody said that a message of ours is spam (RFC 5965).
	KindComplaint Kind = "complaint"
	// KindCommand: somebody wants something of us.
	KindCommand Kind = "command"
	// KindAuto: an answering machine, a list, a loop. It is never answered.
	KindAuto Kind = "auto"
	// KindHuman: for the people whose mailbox this is.
	KindHuman Kind = "human"
)

// A Verb is what a command asks for.
type Verb string

// The verbs. Confirm, change and unsubscribe carry a token and are done by its
// right; the others come from anybody who can write any address as theirs, so
// that all they may cause is one message to that address, within its caps.
const (
	VerbSubscribe   Verb = "subscribe"
	VerbConfirm     Verb = "confirm"
	VerbChange      Verb = "change"
	VerbUnsubscribe Verb = "unsubscribe"
	VerbStop        Verb = "stop" // unsubscribe without a token
	VerbHelp        Verb = "help"
	// VerbUnclear is none of these and meant as one: the word is misspelt, or the
	// token cut. Text is the alerts.Reason for which it is answered.
	VerbUnclear Verb = "unclear"
)

// A Note is what a message says to us, and nothing else of it.
type Note struct {
	// ID tells the message again when it is met again: a hash of its
	// Message-ID, or of all its bytes where it has none.
	ID   string
	Kind Kind
	// Date is when it came, by the uppermost Received, else when it says it was
	// written; zero where it says nothing that can be read.
	Date time.Time

	// Of a command:
	Verb  Verb
	Token string // 43 characters of base64url
	Text  string // what follows the verb: the query of subscribe and change
	From  string // bare address of the writer, "" if it has none to write to

	// Of a bounce or a complaint: the delivery it is about by its signed mark,
	// "" where there is none. A complaint may have a Token instead, of the
	// unsubscribe link of the message that it quotes.
	Delivery string
	// Hardness says what a bounce tells of the address; Code is the enhanced
	// status code of RFC 3463 ("5.1.1"), "" when it is not given.
	Hardness Hardness
	Code     string
}

// Hardness is what a bounce tells of an address.
type Hardness string

// The degrees.
const (
	Gone Hardness = "gone" // there is no such mailbox or domain
	Hard Hardness = "hard" // refused for good, for another reason
	Soft Hardness = "soft" // full, too large, too slow; or nobody knows
	Ours Hardness = "ours" // refused because of who sends: nothing is said of the address
)

// A Reader tells what messages are. Its zero value is of no use.
type Reader struct {
	marks Marks
	words patterns
}

// NewReader reads for a group's address.
func NewReader(m Marks) *Reader { return &Reader{marks: m, words: newPatterns()} }

type patterns struct {
	reply, tag, verb, away, daemon, token, status *regexp.Regexp
}

func newPatterns() patterns {
	return patterns{
		reply: regexp.MustCompile(`(?i)^(?:(?:re|aw|sv|fwd?|antw|ateb)(?:\[\d+\])?:\s*)+`),
		tag:   regexp.MustCompile(`^\[[^\]]{1,40}\]\s*`), // "[External]"
		verb:  regexp.MustCompile(`(?i)^(subscribe|confirm|change|unsubscribe|stop|help)\b[\s:]*(.*)$`),
		away: regexp.MustCompile(`(?i)^(?:re:\s*)?(?:out of (?:the )?office|automatic reply|auto(?:matic)?[- ]?(?:reply|response)|` +
			`away from|on (?:annual |maternity )?leave|i am (?:away|out)|vacation|abwesen|(?:ym)?ateb awtomatig|allan o['’]r swyddfa|i ffwrdd o['’]r swyddfa)|\bout of office\b|\bno longer (?:with|works?)\b`),
		daemon: regexp.MustCompile(`(?i)^(?:mailer-daemon|postmaster|mail-daemon|mailerdaemon|no-?reply|do-?not-?reply|bounces?)(?:[+-].*)?$`),
		token:  regexp.MustCompile(`(?:^|[^A-Za-z0-9_-])([A-Za-z0-9_-]{43}(?:\.[A-Za-z0-9_-]{43})*)(?:$|[^A-Za-z0-9_-])`),
		status: regexp.MustCompile(`\b([245])\.(\d{1,3})\.(\d{1,3})\b`),
	}
}

// Read tells what a message is. It never fails: what cannot be understood is
// for the people whose mailbox it is. raw may be cut (see MaxMessage).
func (r *Reader) Read(raw []byte) Note {
	if len(raw) > MaxMessage {
		raw = raw[:MaxMessage]
	}
	m, body := head(raw)
	n := Note{ID: messageID(m, raw), Kind: KindHuman, From: r.from(m), Date: received(m)}
	n.Delivery = r.marked(m)
	kind, params := mediaType(m.Get("Content-Type"))
	switch rep := r.report(kind, params, body); {
	case rep.complaint:
		n.Kind, n.Token = KindComplaint, rep.token
		n.Delivery = first(n.Delivery, rep.delivery)
		return n
	case rep.dsn && rep.failed:
		n.Kind, n.Hardness, n.Code = KindBounce, rep.hardness, rep.code
		return n
	case rep.dsn:
		n.Kind = KindReport
		return n
	}
	if n.Delivery != "" && r.fromSystem(m) {
		// It came back to a mark of ours, from a mail system that writes no
		// reports. An answering machine that writes to the return path is told
		// by its header or its subject; one that speaks another language and says
		// no more than that it is a machine, by its name, which is a person's.
		if r.automatic(m, false) || r.machine(m) && !r.words.daemon.MatchString(localPart(n.From)) {
			n.Kind = KindAuto
			return n
		}
		n.Kind, n.Hardness = KindBounce, Soft
		n.Code = r.failure(body)
		return n
	}
	n.Delivery = ""
	verb, token, text := r.command(m)
	switch {
	case r.marks.ours(n.From): // ourselves, or somebody who says so
		n.Kind = KindAuto
	case verb == VerbUnsubscribe && token != "":
		// Mail programs send these by themselves, whatever else they write above.
		n.Kind, n.Verb, n.Token = KindCommand, verb, token
	case r.automatic(m, true):
		n.Kind = KindAuto
	case verb != "":
		n.Kind, n.Verb, n.Token, n.Text = KindCommand, verb, token, text
	}
	return n
}

// head reads the fields before the first empty line, as far as they can be
// read: a line that is no field is passed over, a message without fields has none.
func head(raw []byte) (textproto.MIMEHeader, []byte) {
	h := textproto.MIMEHeader{}
	var name, value string
	keep := func() {
		if name != "" && len(h[name]) < 50 {
			h[name] = append(h[name], strings.TrimSpace(value))
		}
		name, value = "", ""
	}
	rest := raw
	for fields := 0; fields < 1000; fields++ {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			keep()
			return h, after
		}
		rest = after
		if line[0] == ' ' || line[0] == '\t' {
			if len(value) < 16<<10 {
				value += " " + strings.TrimSpace(string(line))
			}
			continue
		}
		keep()
		if field, v, ok := strings.Cut(string(line[:min(len(line), 32<<10)]), ":"); ok && !strings.ContainsAny(field, " \t") && len(field) < 80 {
			name, value = textproto.CanonicalMIMEHeaderKey(field), v[:min(len(v), 16<<10)]
		}
	}
	keep()
	return h, rest
}

// received is when our own mail system took a message: nobody else writes above it.
func received(h textproto.MIMEHeader) time.Time {
	if r := h["Received"]; len(r) > 0 {
		if i := strings.LastIndexByte(r[0], ';'); i >= 0 {
			if at, err := netmail.ParseDate(strings.TrimSpace(r[0][i+1:])); err == nil {
				return at
			}
		}
	}
	at, err := netmail.ParseDate(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return at
}

func messageID(h textproto.MIMEHeader, raw []byte) string {
	sum := sha256.Sum256(raw)
	if id := h.Get("Message-Id"); id != "" {
		sum = sha256.Sum256([]byte("id " + id))
	}
	return hex.EncodeToString(sum[:16])
}

// mediaType reads a Content-Type, however broken.
func mediaType(s string) (string, map[string]string) {
	kind, params, err := mime.ParseMediaType(s)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		kind, _, _ = strings.Cut(s, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	return kind, params
}

// from is the bare address of who wrote, "" where it cannot be written to.
func (r *Reader) from(h textproto.MIMEHeader) string {
	for _, f := range []string{"Reply-To", "From"} {
		if a, err := netmail.ParseAddress(h.Get(f)); err == nil && !strings.ContainsAny(a.Address, " \"\r\n<>,;") && len(a.Address) <= 254 {
			return a.Address
		}
	}
	return ""
}

// marked is the delivery whose mark a message was sent to.
func (r *Reader) marked(h textproto.MIMEHeader) string {
	for _, f := range []string{"To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "X-Rcpt-To"} {
		for _, v := range h[f] {
			for _, a := range strings.FieldsFunc(v, func(c rune) bool { return strings.ContainsRune(", \t<>;:\"()", c) }) {
				if id, ok := r.marks.Delivery(a); ok {
					return id
				}
			}
		}
	}
	return ""
}

// fromSystem tells a mail system from a person: an empty return path (RFC
// 5321, 4.5.5), or a name that no person has.
func (r *Reader) fromSystem(h textproto.MIMEHeader) bool {
	if p, ok := h["Return-Path"]; ok && strings.TrimSpace(p[0]) == "<>" {
		return true
	}
	return r.words.daemon.MatchString(localPart(r.from(h)))
}

func localPart(address string) string {
	local, _, _ := strings.Cut(address, "@")
	return local
}

// machine tells whether a message says that no person wrote it (RFC 3834, 5).
func (*Reader) machine(h textproto.MIMEHeader) bool {
	v := strings.ToLower(h.Get("Auto-Submitted"))
	return v != "" && !strings.HasPrefix(v, "no")
}

// automatic tells a message that no person wrote to us now (RFC 3834 and what
// was usual before it). With strict a message from a system or a list counts.
func (r *Reader) automatic(h textproto.MIMEHeader, strict bool) bool {
	if v := strings.ToLower(h.Get("Auto-Submitted")); strings.HasPrefix(v, "auto-replied") || strict && r.machine(h) {
		return true
	}
	for _, f := range []string{"X-Autoreply", "X-Autorespond", "X-Auto-Reply-From", "X-Mail-Autoreply"} {
		if h.Get(f) != "" {
			return true
		}
	}
	if p := strings.ToLower(h.Get("Precedence")); p == "auto_reply" || strict && slices.Contains([]string{"bulk", "junk", "list"}, p) {
		return true
	}
	if strict && (h.Get("List-Id") != "" || h.Get("List-Unsubscribe") != "" || r.fromSystem(h)) {
		return true
	}
	return r.words.away.MatchString(subject(h))
}

func subject(h textproto.MIMEHeader) string {
	s := h.Get("Subject")
	if len(s) > 4<<10 {
		s = s[:4<<10]
	}
	if strings.Count(s, "=?") <= 50 {
		if d, err := new(mime.WordDecoder).DecodeHeader(s); err == nil {
			s = d
		}
	}
	return strings.Join(strings.Fields(s), " ")
}

// command reads the subject: a verb, then a token or a query.
func (r *Reader) command(h textproto.MIMEHeader) (Verb, string, string) {
	s := subject(h)
	for range 4 { // "[External] Re: [SPAM?] confirm ..."
		s = r.words.tag.ReplaceAllString(r.words.reply.ReplaceAllString(s, ""), "")
	}
	m := r.words.verb.FindStringSubmatch(s)
	if m == nil {
		return unclear(s)
	}
	verb, text := Verb(strings.ToLower(m[1])), strings.TrimSpace(m[2])
	token := ""
	if t := r.words.token.FindStringSubmatch(text); t != nil && (verb != VerbSubscribe && verb != VerbHelp) {
		token = t[1]
		text = strings.TrimSpace(strings.Replace(text, token, "", 1))
	}
	switch {
	case verb == VerbStop && token != "":
		return VerbUnsubscribe, token, ""
	case verb == VerbStop, verb == VerbUnsubscribe && token == "":
		if len(strings.Fields(text)) > 3 { // "Stop the sale of our hospital" is no command
			return "", "", ""
		}
		return VerbStop, "", ""
	case token == "" && (verb == VerbConfirm || verb == VerbChange):
		if text == "" || brokenCode(text) {
			return VerbUnclear, "", string(alerts.ReasonCode)
		}
		return "", "", "" // "Change of date": nobody's right to anything
	case verb == VerbHelp && len(strings.Fields(text)) > 2:
		return "", "", "" // "Help with the meeting on Tuesday"
	case verb == VerbConfirm, verb == VerbUnsubscribe, verb == VerbHelp:
		text = ""
	}
	return verb, token, text
}

// failure is the first enhanced code in the text of a bounce that says that
// something failed for good or for now, "" if there is none.
func (r *Reader) failure(body []byte) string {
	for _, m := range r.words.status.FindAllString(string(body[:min(len(body), 64<<10)]), 20) {
		if m[0] != '2' {
			return m
		}
	}
	return ""
}

func first(s ...string) string {
	for _, x := range s {
		if x != "" {
			return x
		}
	}
	return ""
}

// limited reads at most n bytes of r.
func limited(r io.Reader, n int64) []byte {
	b, _ := io.ReadAll(io.LimitReader(r, n)) // what is broken is read as far as it goes
	return b
}
