package alerts

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
)

// Links makes the addresses that messages and pages carry. Its zero value is
// of no use; see NewLinks.
type Links struct {
	base   string // of our pages, without a slash at the end; "" when there are none
	email  string
	secret []byte
}

// NewLinks checks what the operator says: base is the public address of the
// pages or "", email the group's mailbox, secret at least 32 random bytes that
// stay the same for ever (else the unsubscribe links of old mails die).
func NewLinks(base, email string, secret []byte) (Links, error) {
	if len(secret) < 32 {
		return Links{}, errors.New("links: the secret is shorter than 32 bytes")
	}
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email {
		return Links{}, errors.New("links: the group's email is not a plain address")
	}
	if base == "" {
		return Links{email: email, secret: secret}, nil
	}
	u, err := url.Parse(base)
	if err != nil {
		return Links{}, fmt.Errorf("links: address of the pages: %w", err)
	}
	if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return Links{}, fmt.Errorf("links: address of the pages: expected https://host, not %q", base)
	}
	return Links{base: strings.TrimRight(u.String(), "/"), email: email, secret: secret}, nil
}

// Email is the group's mailbox.
func (l Links) Email() string { return l.email }

// Home is the address of the pages, or "".
func (l Links) Home() string { return l.base }

// Finding is the address of the page about a finding, or "" where there are
// no pages.
func (l Links) Finding(id string) string {
	if l.base == "" {
		return ""
	}
	return l.base + "/finding/" + url.PathEscape(id)
}

// Token is the unsubscribe token of a subscription: 256 bits in 43 characters
// of base64url. It never expires, and it is derived and not stored: it must stop
// the mail after a store was brought back from a copy that is older than it, and
// be known for one of ours after erasure. (Tokens that give more than the right
// to stop are random and run out: see store.Token.)
func (l Links) Token(subscription string) string {
	return base64.RawURLEncoding.EncodeToString(l.mac("unsubscribe", subscription))
}

// tokens is the token of several: that of each, with points between them: who leaves by the
// button of a mail that tells several leaves all of them, and who leaves by the
// link below one of its parts leaves that one.
func (l Links) tokens(subscriptions []string) string {
	var ts []string
	for _, id := range subscriptions {
		ts = append(ts, l.Token(id))
	}
	return strings.Join(ts, ".")
}

// Each calls f with each of the tokens that one is made of, until it gives an
// error.
func Each(token string, f func(token string) error) error {
	for _, t := range strings.Split(token, ".") {
		if err := f(t); err != nil {
			return err
		}
	}
	return nil
}

// Unsubscribe gives the two ways out of some subscriptions. https is "" unless
// the pages are on https: nothing else counts for one-click (RFC 8058).
func (l Links) Unsubscribe(subscriptions ...string) (https, mailto string) {
	t := l.tokens(subscriptions)
	if strings.HasPrefix(l.base, "https://") {
		https = l.base + "/u/" + t
	}
	return https, "mailto:" + mailtoAddress(l.email) + "?subject=unsubscribe%20" + t
}

// mailtoAddress escapes what RFC 6068 does not allow in an address.
func mailtoAddress(a string) string {
	i := strings.LastIndexByte(a, '@')
	return strings.ReplaceAll(url.PathEscape(a[:i]), "&", "%26") + a[i:]
}

// Tokens finds the subscription of a token. It is keyed by the hash of the
// token, so that the time a look-up takes says nothing about the tokens.
type Tokens map[[sha256.Size]byte]string

// Tokens makes the table for the subscriptions with these ids.
func (l Links) Tokens(subscriptions []string) Tokens {
	t := make(Tokens, len(subscriptions))
	for _, id := range subscriptions {
		t[sha256.Sum256([]byte(l.Token(id)))] = id
	}
	return t
}

// Verify gives the subscription whose token this is.
func (t Tokens) Verify(token string) (subscription string, ok bool) {
	subscription, ok = t[sha256.Sum256([]byte(token))]
	return subscription, ok
}
