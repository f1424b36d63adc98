package alerts

import (
	"errors"
	"net/mail"
	"strings"

	"golang.org/x/net/idna"
)

// ErrAddress is wrapped by what is wrong with an address, in words for whoever
// typed it.
var ErrAddress = errors.New("not an address")

type addressError string

func (e addressError) Error() string { return string(e) }
func (addressError) Unwrap() error   { return ErrAddress }

// Address takes one bare address that any relay can carry, as it was typed but
// for the spaces around it; a domain in another alphabet becomes its A-label.
func Address(s string) (string, error) {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, '@'); i >= 0 && strings.Trim(s[i:], ascii) != "" {
		if domain, err := idna.Lookup.ToASCII(s[i+1:]); err == nil {
			s = s[:i+1] + domain
		}
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		return "", addressError("that is not one e-mail address like someone@example.org")
	}
	local, domain, _ := strings.Cut(s, "@")
	_, notADomain := idna.Lookup.ToASCII(domain)
	if notADomain != nil || len(s) > 254 || len(local) > 64 || !strings.Contains(domain, ".") || strings.ContainsAny(s, "\" ()<>[]:;,\\") || strings.HasSuffix(domain, ".") {
		return "", addressError("that is not an address mail can be sent to")
	}
	if strings.Trim(s, ascii) != "" {
		return "", addressError("addresses with letters outside a-z are not taken: the relays in between may not carry them")
	}
	return s, nil
}

// ascii is what may stand in an address.
const ascii = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// fold gives the addresses that are likely to end in one mailbox the same name,
// so that nobody gets past a cap by variants: case, what follows a plus sign,
// and Gmail's dots. It is for counting and for nothing else: who is subscribed
// is told apart by more than this.
func fold(address string) string {
	s := strings.ToLower(strings.TrimSpace(address))
	local, domain, _ := cutLast(s, "@")
	if before, _, ok := strings.Cut(local, "+"); ok && before != "" {
		local = before
	}
	if domain == "gmail.com" || domain == "googlemail.com" {
		domain = "gmail.com"
		if dotless := strings.ReplaceAll(local, ".", ""); dotless != "" {
			local = dotless
		}
	}
	return local + "@" + domain
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// unwritten tells of addresses that nobody reads as a person and that a form
// must never write to: our own, and those every host keeps for its machinery.
func unwritten(address, ours string) bool {
	if fold(address) == fold(ours) {
		return true
	}
	local, _, _ := cutLast(fold(address), "@")
	switch local {
	case "mailer-daemon", "postmaster", "abuse", "hostmaster", "noreply", "no-reply", "bounce", "bounces", "unsubscribe":
		return true
	}
	return false
}
