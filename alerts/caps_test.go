package alerts

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"ccgwatch/store"
)

func TestCaps(t *testing.T) {
	now := time.Date(2026, 8, 10, 12, 0, 0, 0, time.UTC)
	ago := func(ds ...time.Duration) (out []time.Time) {
		for _, d := range ds {
			out = append(out, now.Add(-d))
		}
		return out
	}
	many := func(n int, d time.Duration) (out []time.Time) {
		for range n {
			out = append(out, now.Add(-d))
		}
		return out
	}
	c := DefaultCaps()
	tests := []struct {
		name string
		of   string
		past store.Past
		mail bool
		busy bool
	}{
		{"the first", countPerson, store.Past{}, true, false},
		{"two in a day", countPerson, store.Past{Times: ago(time.Hour, 2*time.Hour), Unconfirmed: 2}, true, false},
		{"three in a day", countPerson, store.Past{Times: ago(23*time.Hour, time.Hour, 0), Unconfirmed: 3}, false, false},
		{"three, one of them a day ago", countPerson, store.Past{Times: ago(24*time.Hour, time.Hour, 0), Unconfirmed: 3}, true, false},
		{"three in a day, confirmed", countPerson, store.Past{Times: ago(3, 2, 1)}, false, false},
		{"five in a year", countPerson, store.Past{Unconfirmed: 5}, false, false},
		{"four in a year", countPerson, store.Past{Unconfirmed: 4}, true, false},
		{"three that seem to be to come", countPerson, store.Past{Times: ago(-time.Hour, -2*time.Hour, -900*time.Hour)}, false, false},
		{"everybody, 199", countAll, store.Past{Times: many(199, time.Minute)}, true, false},
		{"everybody, 200", countAll, store.Past{Times: many(200, time.Minute)}, false, true},
		{"everybody, 200 an hour ago", countAll, store.Past{Times: many(200, time.Hour)}, true, false},
		{"one client in an hour", countClient, store.Past{Times: many(20, time.Minute)}, false, true},
		{"one client in a day", countClient, store.Past{Times: many(60, 5*time.Hour)}, false, true},
		{"one client, slowly", countClient, store.Past{Times: many(19, time.Minute)}, true, false},
		{"one domain", countDomain, store.Past{Times: many(100, time.Minute)}, false, true},
	}
	for _, tt := range tests {
		mail, err := c.allow(now, []store.Count{{Of: tt.of}}, []store.Past{tt.past})
		if mail != tt.mail || errors.Is(err, ErrBusy) != tt.busy {
			t.Errorf("%s: mail %v, %v; want %v, busy %v", tt.name, mail, err, tt.mail, tt.busy)
		}
		var b *BusyError
		if errors.As(err, &b) && (b.Wait < time.Minute || b.Wait > 24*time.Hour) {
			t.Errorf("%s: come again in %v", tt.name, b.Wait)
		}
	}
}

func TestWhenToComeAgain(t *testing.T) {
	now := time.Date(2026, 8, 10, 12, 0, 0, 0, time.UTC)
	times := []time.Time{now.Add(-90 * time.Minute), now.Add(-50 * time.Minute), now.Add(-30 * time.Minute), now.Add(-10 * time.Minute)}
	for _, tt := range []struct {
		most int
		want time.Duration
	}{{0, time.Hour}, {1, 50 * time.Minute}, {2, 30 * time.Minute}, {3, 10 * time.Minute}, {4, 0}} {
		var b *BusyError
		if errors.As(over(now, "all", times, time.Hour, tt.most), &b); b == nil && tt.want > 0 || b != nil && b.Wait != tt.want {
			t.Errorf("of at most %d: %+v, want %v", tt.most, b, tt.want)
		}
	}
}

// One mailbox has one count, however its address is written; two have two.
func TestOneMailboxHasOneCount(t *testing.T) {
	same := [][]string{
		{"ann@example.net", "Ann@Example.NET", " ann@example.net ", "ann+x@example.net", "ANN+y+z@example.net"},
		{"annlee@gmail.com", "ann.lee@gmail.com", "a.n.n.lee@googlemail.com", "Ann.Lee+news@GMail.com"},
		{"ann.lee@example.net"}, {"annlee@example.net"}, {"+x@example.net"}, {"ann@sub.example.net"},
	}
	seen := map[string]int{}
	for i, group := range same {
		for _, a := range group {
			f := fold(a)
			if j, ok := seen[f]; ok && j != i {
				t.Errorf("%s is counted as %s", a, same[j][0])
			}
			seen[f] = i
			if f != fold(group[0]) {
				t.Errorf("%s and %s are counted apart", a, group[0])
			}
		}
	}
}

func TestClientKey(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::9": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := clientKey(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s is counted as %s, want %s", in, got, want)
		}
	}
	if got := clientKey(netip.Addr{}); got != "" {
		t.Errorf("nobody is counted as %s", got)
	}
}

func TestStamp(t *testing.T) {
	l, err := NewLinks("https://watch.example.org", "a@example.org", make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 8, 10, 12, 0, 0, 5e6, time.UTC)
	s := l.Stamp(at)
	if got, ok := l.Stamped(s); !ok || !got.Equal(at) {
		t.Errorf("%s is %v, %v", s, got, ok)
	}
	for _, bad := range []string{"", s[:31], s + "A", "B" + s[1:], s[:20] + "B" + s[21:], l.Token("x")} {
		if got, ok := l.Stamped(bad); ok && bad != s {
			t.Errorf("%q was taken for %v", bad, got)
		}
	}
}
