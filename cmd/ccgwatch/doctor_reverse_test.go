package main

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// What the doctor says of the names of the addresses that mail goes out from.
func TestDoctorAsksForTheNameOfTheSender(t *testing.T) {
	ptr := func(name string) []dnsmessage.ResourceBody {
		return []dnsmessage.ResourceBody{&dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(name + ".")}}
	}
	known := zone{
		"1.2.0.192.in-addr.arpa PTR": ptr("mail.example.org"), "mail.example.org A": {&dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}},
		"2.2.0.192.in-addr.arpa PTR": ptr("dynamic.example.net"), "dynamic.example.net A": {&dnsmessage.AResource{A: [4]byte{192, 0, 2, 99}}},
	}
	for _, tt := range []struct{ relay, own, want string }{
		{"smtp.relay.example", "192.0.2.1", "ok smtp.relay.example sends for you"},
		{"192.0.2.77", "192.0.2.1", "ok 192.0.2.77 sends for you"},
		{"localhost", "127.0.0.1 ::1 10.0.0.7 fe80::1", "warn mail goes out from this machine, which has no public address"},
		{"127.0.0.1", "10.0.0.7 192.0.2.1", "ok mail goes out from this machine, whose addresses have names that lead back to them: 192.0.2.1 is mail.example.org"},
		{"::1", "192.0.2.2", "warn mail goes out from this machine, and many take none from an address without a name (reverse DNS) 192.0.2.2 is called dynamic.example.net, and that name does not lead back"},
		{"127.0.0.1", "192.0.2.1 192.0.2.3", "warn mail goes out from this machine, and many take none from an address without a name (reverse DNS) 192.0.2.3 has no name"},
	} {
		var own []netip.Addr
		for _, s := range strings.Fields(tt.own) {
			own = append(own, netip.MustParseAddr(s))
		}
		s := reverseOf(t.Context(), known.resolver(t), tt.relay, own)
		if got := strings.Join(append([]string{s.State, s.What}, s.Details...), " "); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s on %s: %s", tt.relay, tt.own, got)
		}
	}
}
