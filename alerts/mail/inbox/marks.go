package inbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"strings"
)

// Marks make and know the addresses to which our messages bounce: the group's
// address with a mark behind its local part (RFC 5233), "alerts+b7kq...@", that
// names the delivery and is signed. Only who got a message knows its mark, so a
// forged bounce counts for nothing (variable envelope return paths).
type Marks struct {
	local, domain string // of the group's address
	secret        []byte
}

// The signature has 80 bits: a bounce is no login, and an address of at most
// 64 characters must hold all of it (RFC 5321, 4.5.3.1.1).
const (
	idLen  = 16
	macLen = 10
)

// NewMarks checks the group's address; secret is at least 32 random bytes that
// stay the same (else bounces of older messages count for nothing).
func NewMarks(address string, secret []byte) (Marks, error) {
	a, err := mail.ParseAddress(address)
	if err != nil || a.Address != address || strings.ContainsAny(address, `"`) {
		return Marks{}, errors.New("marks: the group's email is not a plain address")
	}
	if len(secret) < 32 {
		return Marks{}, errors.New("marks: the secret is shorter than 32 bytes")
	}
	at := strings.LastIndexByte(address, '@')
	return Marks{local: address[:at], domain: address[at+1:], secret: secret}, nil
}

// alphabet is base32 in small letters: some systems on the way write local
// parts small.
func alphabet() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

// ReturnPath is where the message of a delivery bounces to. It is the group's
// plain address where a mark does not fit: for an id that is not 32 hexadecimal
// digits, or a local part too long.
func (m Marks) ReturnPath(delivery string) string {
	id, err := hex.DecodeString(delivery)
	local := m.local + "+b" + alphabet().EncodeToString(append(id, m.sign(id)...))
	if err != nil || len(id) != idLen || len(local) > 64 {
		local = m.local
	}
	return local + "@" + m.domain
}

// Delivery gives the delivery that an address was made for. ok is false for
// any other, a forged one included.
func (m Marks) Delivery(address string) (delivery string, ok bool) {
	local, domain, found := strings.Cut(strings.ToLower(strings.Trim(strings.TrimSpace(address), "<>")), "@")
	mark, marked := strings.CutPrefix(local, strings.ToLower(m.local)+"+b")
	if !found || !marked || domain != strings.ToLower(m.domain) {
		return "", false
	}
	b, err := alphabet().DecodeString(mark)
	// Spelt in the one way we spell it: the last letter has bits to spare.
	if err != nil || len(b) != idLen+macLen || alphabet().EncodeToString(b) != mark || !hmac.Equal(b[idLen:], m.sign(b[:idLen])) {
		return "", false
	}
	return hex.EncodeToString(b[:idLen]), true
}

func (m Marks) sign(id []byte) []byte {
	h := hmac.New(sha256.New, m.secret)
	fmt.Fprintf(h, "bounce\x00%s", id)
	return h.Sum(nil)[:macLen]
}

// ours tells of an address whether it is the group's own, marked or not.
func (m Marks) ours(address string) bool {
	local, domain, _ := strings.Cut(strings.ToLower(strings.TrimSpace(address)), "@")
	local, _, _ = strings.Cut(local, "+")
	own, _, _ := strings.Cut(strings.ToLower(m.local), "+")
	return local == own && domain == strings.ToLower(m.domain)
}
