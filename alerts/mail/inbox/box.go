package inbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"ccgwatch/alerts"
)

// A Mark is how far a mailbox has been read: the UIDs up to and including Last
// in the generation of UIDs that Validity names (RFC 9051, 2.3.1.1).
type Mark struct {
	Validity uint32 `json:"validity,omitempty"`
	Last     uint32 `json:"last,omitempty"`
}

// IMAP is a folder on an IMAP server (RFC 9051, RFC 3501). It is opened for
// reading alone: nothing is deleted, moved or marked as seen.
type IMAP struct {
	Host     string
	Port     int
	TLS      string // "implicit", "starttls", or "none" on this machine alone
	Username string
	Password func() string // a function, so that no printing shows it
	Folder   string        // "" is INBOX
	Timeout  time.Duration // of the whole visit; 0 is 5 minutes
	Batch    int           // messages a visit; 0 is 200
	Since    time.Time     // what came on an earlier day is passed over; the zero time: nothing is
	// Config is for tests; nil is the machine's certificates.
	Config *tls.Config
}

// Each calls f with the messages after a mark, oldest first, at most Batch of
// them, and gives the mark behind the last of which f returned no error. A
// mailbox whose UIDs are new is read from its start: who calls knows messages
// again by their Note.ID. more tells that there are further ones.
func (b *IMAP) Each(ctx context.Context, from Mark, f func(raw []byte) error) (to Mark, more bool, err error) {
	timeout := b.Timeout
	if timeout <= 0 {
		timeout = 5 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := b.dial(ctx)
	if err != nil {
		return from, false, fmt.Errorf("mailbox %s: %w", b.address(), err)
	}
	// The library takes no context: closing the connection ends every wait.
	done := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer done()
	defer func() { _ = c.Close() }()
	to, more, err = b.read(c, from, f)
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		return to, false, fmt.Errorf("mailbox %s: %w", b.address(), err)
	}
	_ = c.Logout().Wait() // everything has been read
	return to, more, nil
}

func (b *IMAP) address() string { return net.JoinHostPort(b.Host, strconv.Itoa(b.Port)) }

func (b *IMAP) dial(ctx context.Context) (*imapclient.Client, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if b.Config != nil {
		conf = b.Config.Clone()
	}
	conf.ServerName = b.Host
	d := net.Dialer{Timeout: 30 * time.Second}
	conn, err := d.DialContext(ctx, "tcp", b.address())
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	switch b.TLS {
	case "implicit":
		t := tls.Client(conn, conf)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("TLS: %w", err)
		}
		return imapclient.New(t, nil), nil
	case "starttls":
		c, err := imapclient.NewStartTLS(conn, &imapclient.Options{TLSConfig: conf})
		if err != nil {
			_ = conn.Close()
			return nil, fmt.Errorf("STARTTLS: %w", err)
		}
		return c, nil
	}
	if ip, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || !ip.IP.IsLoopback() {
		_ = conn.Close()
		return nil, errors.New("without TLS only this machine is spoken to")
	}
	return imapclient.New(conn, nil), nil
}

func (b *IMAP) read(c *imapclient.Client, from Mark, f func([]byte) error) (Mark, bool, error) {
	if err := c.Login(b.Username, b.Password()).Wait(); err != nil {
		// A server may repeat what it was told, the password included, as it was
		// told it: in quotation marks and with backslashes.
		if said := err.Error(); alerts.ConcealPassword(said, b.Username, b.Password()) != said {
			return from, false, errors.New("log in: " + alerts.ConcealPassword(said, b.Username, b.Password()))
		}
		return from, false, fmt.Errorf("log in: %w", err)
	}
	folder := b.Folder
	if folder == "" {
		folder = "INBOX"
	}
	box, err := c.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return from, false, fmt.Errorf("open folder %q: %w", folder, err)
	}
	at := from
	if at.Validity != box.UIDValidity {
		at = Mark{Validity: box.UIDValidity}
	}
	var after imap.UIDSet
	after.AddRange(imap.UID(at.Last+1), 0) // 0 is "*": the last one is always in the range
	found, err := c.UIDSearch(&imap.SearchCriteria{UID: []imap.UIDSet{after}, Since: b.Since}, nil).Wait()
	if err != nil {
		return at, false, fmt.Errorf("search folder %q: %w", folder, err)
	}
	batch := b.Batch
	if batch <= 0 {
		batch = 200
	}
	uids, more := firstUIDs(found, at.Last, batch)
	for _, uid := range uids {
		raw, err := fetch(c, uid)
		if err != nil {
			return at, false, fmt.Errorf("message %d of folder %q: %w", uid, folder, err)
		}
		if raw != nil { // else it was deleted meanwhile
			if err := f(raw); err != nil {
				return at, false, err
			}
		}
		at.Last = uint32(uid)
	}
	return at, more, nil
}

// firstUIDs are the UIDs after one, at most n of them, and whether there are more.
// A server may find a range as large as all numbers, which is not written out. One
// without an end ("1:*") the library does not take.
func firstUIDs(found *imap.SearchData, after uint32, n int) (uids []imap.UID, more bool) {
	set, _ := found.All.(imap.UIDSet)
	for _, r := range set {
		if uint32(r.Stop) <= after {
			continue
		}
		for uid := max(r.Start, imap.UID(after)+1); ; uid++ {
			if len(uids) == n {
				return uids, true
			}
			if uids = append(uids, uid); uid >= r.Stop { // which may be the largest number there is
				break
			}
		}
	}
	return uids, false
}

// fetch reads the beginning of a message without marking it as seen. It is nil
// if there is no such message any more.
func fetch(c *imapclient.Client, uid imap.UID) ([]byte, error) {
	section := &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: MaxMessage}}
	cmd := c.Fetch(imap.UIDSetNum(uid), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}})
	var raw []byte
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		for item := msg.Next(); item != nil; item = msg.Next() {
			body, ok := item.(imapclient.FetchItemDataBodySection)
			if !ok || body.Literal == nil {
				continue
			}
			// A message that broke off is not read on, not even by closing the
			// command: the library reads by itself from there, until the
			// connection is closed.
			b, err := io.ReadAll(io.LimitReader(body.Literal, MaxMessage))
			if err == nil && len(b) == MaxMessage {
				_, err = io.Copy(io.Discard, body.Literal)
			} else if err == nil && int64(len(b)) < body.Literal.Size() {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return nil, err
			}
			raw = b
		}
	}
	return raw, cmd.Close()
}
