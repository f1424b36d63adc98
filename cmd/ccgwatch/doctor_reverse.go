package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// reverseOf looks whether the addresses that mail goes out from have a name that
// leads back to them: big providers take no mail from one that has not. Where a
// relay sends for us that is its keeper's to see to. own are the addresses of
// this machine; it asks only where the relay is on it.
func reverseOf(ctx context.Context, r *net.Resolver, relay string, own []netip.Addr) symptom {
	s := symptom{Check: "dns", State: well}
	ip, err := netip.ParseAddr(relay)
	if relay != "localhost" && (err != nil || !ip.IsLoopback()) {
		s.What = fmt.Sprintf("%s sends for you: the names of the addresses that it sends from (reverse DNS) are its keeper's to look after", relay)
		return s
	}
	var public []netip.Addr
	for _, a := range own {
		if a = a.Unmap(); a.IsGlobalUnicast() && !a.IsPrivate() {
			public = append(public, a)
		}
	}
	if len(public) == 0 {
		s.State, s.What = unsure, "mail goes out from this machine, which has no public address of its own: whether the one that others see has a name (reverse DNS) cannot be told from here"
		s.Details = []string{"if the mail system here hands its mail to your provider's, there is nothing to do; else ask the provider of your line for a PTR record"}
		return s
	}
	var good []string
	for _, a := range public {
		names, err := r.LookupAddr(ctx, a.String())
		switch {
		case err != nil && !notThere(err):
			return unasked(s, "the name of "+a.String(), err)
		case len(names) == 0:
			s.Details = append(s.Details, fmt.Sprintf("%s has no name: ask the provider of your line for a PTR record", a))
			continue
		}
		if i := slices.IndexFunc(names, func(n string) bool { return leadsTo(ctx, r, n, a) }); i >= 0 {
			good = append(good, a.String()+" is "+strings.TrimSuffix(names[i], "."))
		} else {
			s.Details = append(s.Details, fmt.Sprintf("%s is called %s, and that name does not lead back to it: the two must agree", a, strings.TrimSuffix(names[0], ".")))
		}
	}
	if len(s.Details) > 0 {
		s.State, s.What = unsure, "mail goes out from this machine, and many take none from an address without a name (reverse DNS)"
		return s
	}
	s.What = "mail goes out from this machine, whose addresses have names that lead back to them: " + strings.Join(good, ", ")
	return s
}

func leadsTo(ctx context.Context, r *net.Resolver, name string, a netip.Addr) bool {
	all, err := r.LookupNetIP(ctx, "ip", name)
	return err == nil && slices.ContainsFunc(all, func(x netip.Addr) bool { return x.Unmap() == a })
}

// ownAddresses are those of this machine's interfaces.
func ownAddresses() []netip.Addr {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, x := range all {
		if p, err := netip.ParsePrefix(x.String()); err == nil {
			out = append(out, p.Addr())
		}
	}
	return out
}
