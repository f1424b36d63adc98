// Package mail puts letters into words: a message of text and HTML as RFC 5322
// and its companions want it, and writes messages as files. It decides nothing:
// what is told to whom is settled in package alerts.
//
// Everything that was scraped is data here. It is stripped of what no reader
// can see, cut to length, and escaped for where it goes; an address out of it
// becomes a link only if it is plain http or https, and is shown with its real
// host. Nothing is said that the source does not say: it "says" or "mentions".
package mail

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// MaxSize is the size that no message reaches, in bytes: Gmail cuts longer ones.
const MaxSize = 100 << 10

const room = 96 << 10 // what we fill, so that a relay's own headers fit too

// maxSubject is in characters.
const maxSubject = 150

// A Composer writes the mail of one group. Use NewComposer.
type Composer struct {
	// Mailbox says that what is written to the group's address is read by the
	// program, so that mails may say what to answer (see alerts/mail/inbox).
	Mailbox bool

	group  string
	from   string // as in the header
	domain string
	links  alerts.Links
	zone   *time.Location
}

// NewComposer makes one for a group by the name people know it by. Times are
// told in zone, which is Europe/London.
func NewComposer(group string, links alerts.Links, zone *time.Location) (*Composer, error) {
	group = cut(clean(group), 60)
	if group == "" {
		return nil, errors.New("mail: the group has no name")
	}
	local, domain, ok := cutLast(links.Email(), "@")
	if !ok || !ascii(links.Email()) {
		return nil, errors.New("mail: the group's email is not a plain address in ASCII")
	}
	domain = strings.ToLower(domain)
	c := &Composer{group: group, domain: domain, links: links, zone: zone}
	if name := "CCGWatch (" + group + ")"; ascii(name) {
		c.from = (&netmail.Address{Name: name, Address: local + "@" + domain}).String()
	} else {
		c.from = encodeWords(name, len("Reply-To: ")) + " <" + local + "@" + domain + ">"
	}
	return c, nil
}

// Compose puts a letter into words. The same letter gives the same bytes, so
// that it can be rendered again if the power failed before it was stored. No
// error names an address.
func (c *Composer) Compose(l alerts.Letter) (alerts.Message, error) {
	to, err := netmail.ParseAddress(l.Subscription.Address)
	if err != nil || to.Address != l.Subscription.Address || !ascii(to.Address) {
		return alerts.Message{}, fmt.Errorf("mail: letter %s: the subscriber's address cannot be written in a header", l.ID)
	}
	set := 0
	for _, is := range []bool{l.Alert != nil, l.Digest != nil, l.Correction != nil} {
		if is {
			set++
		}
	}
	if set != 1 {
		return alerts.Message{}, fmt.Errorf("mail: letter %s: expected an alert, a digest or a correction", l.ID)
	}
	if l.Copy && (l.Digest == nil || len(l.Others) > 0) {
		return alerts.Message{}, fmt.Errorf("mail: letter %s: a copy of what is no digest", l.ID)
	}
	if l.Correction != nil && len(l.Correction.About) == 0 {
		return alerts.Message{}, fmt.Errorf("mail: letter %s: a correction of nothing", l.ID)
	}
	if l.Alert != nil && len(l.Alert.Things) == 0 {
		return alerts.Message{}, fmt.Errorf("mail: letter %s: an alert about nothing", l.ID)
	}
	end, err := c.foot(l)
	if err != nil {
		return alerts.Message{}, err
	}
	for level := range levels {
		begin, err := c.front(l, level)
		if err != nil {
			return alerts.Message{}, err
		}
		msg, err := c.message(l, to.Address, begin, end)
		if err != nil {
			return alerts.Message{}, err
		}
		if len(msg.Raw) <= room {
			return msg, nil
		}
	}
	return alerts.Message{}, fmt.Errorf("mail: letter %s: over %d bytes however short", l.ID, room)
}

// A front is what a letter says before its footer, which is each reader's own: its
// subject, and both parts as they are sent (quoted-printable), in whole lines, so
// that they can be joined with what follows.
type front struct {
	subject    string
	text, html []byte
}

// front writes it, or takes what was written for another who is told the same.
func (c *Composer) front(l alerts.Letter, level int) (front, error) {
	d := l.Digest
	if d == nil || d.Memo == nil || len(l.Others) > 0 {
		return c.writeFront(l, level)
	}
	k := "front " + strconv.Itoa(level)
	if l.Subscription.Often == store.Instant {
		k += " alone"
	}
	if l.Copy {
		k += " copy"
	}
	if f, ok := d.Memo[k].(front); ok {
		return f, nil
	}
	f, err := c.writeFront(l, level)
	if err == nil {
		d.Memo[k] = f
	}
	return f, err
}

func (c *Composer) writeFront(l alerts.Letter, level int) (f front, err error) {
	w := writer{c: c, l: l, level: level}
	f.subject = w.write()
	w.endList()
	if f.text, err = quoted7(wholeLines(w.text.String())); err == nil {
		f.html, err = quoted7(wholeLines(htmlHead(f.subject) + w.html.String()))
	}
	if err != nil {
		return f, fmt.Errorf("mail: letter %s: %w", l.ID, err)
	}
	return f, nil
}

// wholeLines ends the last line.
func wholeLines(s string) string {
	if s != "" && !strings.HasSuffix(s, "\n") {
		s += "\n"
	}
	return s
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
