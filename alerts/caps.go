package alerts

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"ccgwatch/store"
)

// Caps are how many service mails strangers can have sent. They are kept in the
// store, so that neither a restart nor a crash lets anybody begin anew.
type Caps struct {
	// A person is an address with its variants.
	PersonDay         int // mails in 24 hours
	PersonUnconfirmed int // mails until a subscription of theirs is confirmed
	AllHour           int // requests, of everybody
	ClientHour        int // requests from one IPv4 address or one /64 of IPv6
	ClientDay         int
	DomainHour        int // requests for addresses of one domain
}

// DefaultCaps are the promise: 3 mails a day and 5 in all to somebody who never
// answered, 200 an hour to everybody. A library or a mobile network may have
// many readers behind one address, and half of all readers one provider.
func DefaultCaps() Caps {
	return Caps{PersonDay: 3, PersonUnconfirmed: 5, AllHour: 200, ClientHour: 20, ClientDay: 60, DomainHour: 100}
}

// ErrBusy is the answer where more was asked for than may be; nothing was
// stored. It says nothing about an address.
var ErrBusy = errors.New("too many requests for now")

// A BusyError is an ErrBusy with when to come again.
type BusyError struct {
	Of   string        // what there were too many of
	Wait time.Duration // from now
}

func (e *BusyError) Error() string { return fmt.Sprintf("%v (%s)", ErrBusy, e.Of) }
func (e *BusyError) Unwrap() error { return ErrBusy }

// What is counted.
const (
	countAll    = "all"
	countClient = "client"
	countDomain = "domain"
	countPerson = "person"
)

const aDay = 24 * time.Hour

func personCount(address string) store.Count {
	return store.Count{Of: countPerson, Key: fold(address), Keep: aDay, Person: true}
}

// counts are what a request is counted under. One that comes from nowhere known
// (a mail, a proxy that does not say) has no client.
func (c Caps) counts(address string, client netip.Addr) []store.Count {
	_, domain, _ := cutLast(fold(address), "@")
	out := []store.Count{
		{Of: countAll, Keep: time.Hour},
		{Of: countDomain, Key: domain, Keep: time.Hour},
		personCount(address),
	}
	if key := clientKey(client); key != "" {
		out = append(out, store.Count{Of: countClient, Key: key, Keep: aDay})
	}
	return out
}

// clientKey is whose requests are counted together: a household has one IPv4
// address, and of IPv6 a /64 at least.
func clientKey(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid():
		return ""
	case a.Is4():
		return a.String()
	}
	p, _ := a.Prefix(64) // 64 is a length of IPv6
	return p.String()
}

// allow decides on a request, given what was counted before. An error is the
// same whoever is subscribed; whether there is a mail is told to nobody.
func (c Caps) allow(now time.Time, counts []store.Count, past []store.Past) (mail bool, err error) {
	mail = true
	for i, x := range counts {
		p := past[i]
		switch x.Of {
		case countPerson:
			mail = mail && p.Unconfirmed < c.PersonUnconfirmed && within(now, p.Times, aDay) < c.PersonDay
		case countAll:
			err = errors.Join(err, over(now, x.Of, p.Times, time.Hour, c.AllHour))
		case countDomain:
			err = errors.Join(err, over(now, x.Of, p.Times, time.Hour, c.DomainHour))
		case countClient:
			err = errors.Join(err, over(now, x.Of, p.Times, time.Hour, c.ClientHour), over(now, x.Of, p.Times, aDay, c.ClientDay))
		}
	}
	return mail && err == nil, err
}

// within counts the times of the last so long. Those in the future count: the
// clock was set back, and what happened did happen.
func within(now time.Time, times []time.Time, last time.Duration) int {
	n := 0
	for _, t := range times {
		if now.Sub(t) < last {
			n++
		}
	}
	return n
}

// over is a BusyError if there were most or more within the window; times are
// oldest first.
func over(now time.Time, of string, times []time.Time, window time.Duration, most int) error {
	n := within(now, times, window)
	if n < most {
		return nil
	}
	wait := window
	if i := len(times) - most; i < len(times) { // when this one has left the window, there is room
		wait = min(window, max(times[i].Add(window).Sub(now), time.Minute))
	}
	return &BusyError{Of: of, Wait: wait}
}
