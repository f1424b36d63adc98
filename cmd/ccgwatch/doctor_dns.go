package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"ccgwatch/config"
)

// dnsPatience is how long all questions about the mail domain may take.
const dnsPatience = netPatience

// mailDomain looks whether the world knows who may send mail in the group's
// name: what big providers ask before they let a message through. Nothing here
// keeps mail from being sent, so it warns and does not fail; a domain that
// does not exist, or that says two things at once, fails.
func (x *examination) mailDomain(cfg config.Config) {
	_, domain, ok := strings.Cut(cfg.Group.Email, "@")
	if !ok || cfg.Group.Email == noContact || cfg.SMTP.Host == "" {
		return
	}
	r := x.resolver
	if r == nil {
		r = net.DefaultResolver
	}
	ctx, cancel := within(x.ctx, dnsPatience)
	defer cancel()
	for _, s := range askDomain(ctx, r, strings.ToLower(domain), relayHosts(cfg)...) {
		x.say(s)
	}
	x.say(reverseOf(ctx, r, cfg.SMTP.Host, ownAddresses()))
}

// askDomain asks for MX (RFC 5321, 5.1), SPF (RFC 7208) and DMARC (RFC 7489).
func askDomain(ctx context.Context, r *net.Resolver, domain string, relays ...string) []symptom {
	return []symptom{mxOf(ctx, r, domain), spfOf(ctx, r, domain, relays), dmarcOf(ctx, r, domain)}
}

func mxOf(ctx context.Context, r *net.Resolver, domain string) symptom {
	s := symptom{Check: "dns", State: well}
	all, err := r.LookupMX(ctx, domain+".")
	switch {
	case len(all) == 1 && all[0].Host == ".": // RFC 7505
		s.State, s.What = failing, domain+": takes no mail at all (null MX): no answer and no bounce reaches you, and many relays refuse such a sender"
	case len(all) > 0:
		s.What = fmt.Sprintf("%s: mail to it goes to %s", domain, strings.TrimSuffix(all[0].Host, "."))
	case !notThere(err):
		return unasked(s, domain, err)
	default:
		if _, err := r.LookupNetIP(ctx, "ip", domain+"."); err == nil {
			s.State, s.What = unsure, domain+": has an address, and no MX record: answers and bounces arrive only if that machine takes mail"
		} else if notThere(err) {
			s.State, s.What = failing, domain+": there is no such mail domain: no answer and no bounce reaches you, and most relays refuse such a sender"
			s.Details = []string{"check group.email"}
		} else {
			return unasked(s, domain, err)
		}
	}
	return s
}

func spfOf(ctx context.Context, r *net.Resolver, domain string, relays []string) symptom {
	s := symptom{Check: "dns", State: well}
	all, err := textsOf(ctx, r, domain, "v=spf1")
	switch {
	case err != nil:
		return unasked(s, domain+" SPF", err)
	case len(all) == 0:
		s.State, s.What = unsure, domain+": no SPF record: many will take your mail for junk"
		s.Details = []string{"ask your provider for the line; it is a TXT record such as  v=spf1 include:" + strings.Join(relays, " include:") + " ~all"}
	case len(all) > 1:
		s.State, s.What = failing, fmt.Sprintf("%s: %d SPF records, which count as none", domain, len(all))
		s.Details = append(all, "make one of them")
	default:
		is := "is "
		if len(relays) > 1 {
			is = "are "
		}
		s.What, s.Details = domain+": SPF says who may send in its name; "+is+strings.Join(relays, " and ")+" among them?", all
		if f := strings.Fields(strings.ToLower(all[0])); f[len(f)-1] == "+all" || f[len(f)-1] == "all" {
			s.State, s.What = unsure, domain+": SPF lets everybody send in its name"
		}
	}
	return s
}

// dmarcOf looks at the domain itself and then, as a receiver does that knows no
// list of public suffixes, at those above it that have a dot.
func dmarcOf(ctx context.Context, r *net.Resolver, domain string) symptom {
	s := symptom{Check: "dns", State: well}
	for at := domain; ; {
		all, err := textsOf(ctx, r, "_dmarc."+at, "v=DMARC1")
		switch {
		case err != nil:
			return unasked(s, domain+" DMARC", err)
		case len(all) > 1:
			s.State, s.What = failing, fmt.Sprintf("%s: %d DMARC records, which count as none", at, len(all))
			s.Details = append(all, "make one of them")
			return s
		case len(all) == 1:
			s.What = domain + ": DMARC " + policyOf(all[0])
			if at != domain {
				s.What += " (from " + at + ")"
			}
			return s
		}
		_, up, ok := strings.Cut(at, ".")
		if !ok || !strings.Contains(up, ".") {
			s.State, s.What = unsure, domain+": no DMARC record: Gmail and others ask for one of whoever sends to many"
			s.Details = []string{"a TXT record at _dmarc." + domain + " such as  v=DMARC1; p=none; rua=mailto:postmaster@" + domain}
			return s
		}
		at = up
	}
}

// policyOf tells what a DMARC record has done with mail that is not the domain's.
func policyOf(record string) string {
	for tag := range strings.SplitSeq(record, ";") {
		name, value, _ := strings.Cut(tag, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "p") {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(value)) {
		case "reject":
			return "has others refuse mail that SPF or DKIM does not vouch for: your provider must sign it"
		case "quarantine":
			return "has others put mail among the junk that SPF or DKIM does not vouch for: your provider must sign it"
		}
	}
	return "is there, and asks nobody to refuse anything"
}

// textsOf gives the TXT records that begin with a version. Its parts are one
// text; the version stands alone or before a separator.
func textsOf(ctx context.Context, r *net.Resolver, name, version string) ([]string, error) {
	all, err := r.LookupTXT(ctx, name+".")
	if err != nil && !notThere(err) {
		return nil, err
	}
	var out []string
	for _, t := range all {
		t = strings.TrimSpace(t)
		if len(t) < len(version) || !strings.EqualFold(t[:len(version)], version) {
			continue
		}
		if rest := t[len(version):]; rest == "" || strings.ContainsRune(" ;\t", rune(rest[0])) {
			out = append(out, t)
		}
	}
	return out, nil
}

func notThere(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e) && e.IsNotFound
}

func unasked(s symptom, what string, err error) symptom {
	s.State, s.What = unsure, what+": cannot be asked for: "+err.Error()
	return s
}
