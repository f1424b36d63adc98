package alerts

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"strings"
	"time"
)

// A Service is all that a service mail says, before it is put into words. It
// holds nothing that a stranger typed but the address it goes to.
type Service struct {
	ID    string // of the delivery
	Kind  string // KindConfirm, KindManage, KindProbe, KindGoodbye or KindAnswer
	To    string
	Often string // of the subscription
	Token string // for the link
	Date  time.Time
	Until time.Time // when the link runs out
	// Answer is what a KindAnswer says.
	Answer Answer
}

// tokenLife is how long a link in a service mail works. A confirmation is an
// opt-in and no login: it must outlast a week's holiday from mail.
const tokenLife = 7 * aDay

// How long what is not wanted is kept: a subscription that nobody confirmed, one
// that has ended, and where a request came from.
const (
	pendingLife = tokenLife
	endedLife   = 28 * aDay
	proofLife   = 30 * aDay
)

// newToken makes 256 random bits and the hash under which they are known.
func newToken() (token, hash string) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, by its contract
	token = base64.RawURLEncoding.EncodeToString(b)
	return token, hashOf(token)
}

// newID is that of a subscription: 128 random bits.
func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// hashOf is the hash of a token as it came out of a link, "" if it cannot be
// one. Mail programs add the marks that stood after the link.
func hashOf(token string) string {
	token = TrimToken(token)
	if b, err := base64.RawURLEncoding.Strict().DecodeString(token); err != nil || len(b) != 32 {
		return ""
	}
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}

// TrimToken takes off what mail programs and people add to the end of a link.
func TrimToken(token string) string { return strings.TrimRight(token, ".,;:!?<>()[]{}'\"* \t\r\n") }

// Confirm is the address of the page that asks whether a subscription is wanted.
func (l Links) Confirm(token string) string { return l.base + "/c/" + token }

// Manage is the address of the page where somebody's subscriptions can be changed.
func (l Links) Manage(token string) string { return l.base + "/m/" + token }

// Mailto is a link that writes a mail to the group with a subject, in which a
// command stands (see mail/inbox).
func (l Links) Mailto(subject string) string {
	return "mailto:" + mailtoAddress(l.email) + "?subject=" + url.PathEscape(subject)
}

// Stamp is a time that nobody can make up, for a form to carry: it says when
// the form was handed out.
func (l Links) Stamp(at time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMilli()))
	return base64.RawURLEncoding.EncodeToString(append(b, l.mac("stamp", string(b))[:16]...))
}

// Stamped reads a Stamp; false if it is not one of ours.
func (l Links) Stamped(s string) (time.Time, bool) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 24 || !hmac.Equal(b[8:], l.mac("stamp", string(b[:8]))[:16]) {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))), true //nolint:gosec // as it went
}

// fingerprint stands for where a request came from: the same place gives the
// same, and without our secret nobody can tell which place it was.
func (l Links) fingerprint(client string) string {
	if client == "" {
		return ""
	}
	return hex.EncodeToString(l.mac("client", client)[:16])
}

// Domain stands for the domain of addresses, as fingerprint does for a place.
func (l Links) Domain(name string) string { return hex.EncodeToString(l.mac("domain", name)[:16]) }

func (l Links) mac(what, of string) []byte {
	h := hmac.New(sha256.New, l.secret)
	h.Write([]byte(what + "\x00" + of))
	return h.Sum(nil)
}
