package mail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// Files is a Sender that writes each message to <id>.eml in Dir, for a group
// without a mail server and for looking at. A message is there whole or not at
// all; writing it again, after a crash between writing and settling, puts the
// same bytes under the same name.
type Files struct{ Dir string }

var _ alerts.Sender = Files{}

// Send writes the message; the bytes name the recipient. Until it has its name
// nobody can read it: that is the moment before which beforeDot is asked, so that
// what was taken back, or is wanted no more, while it was being written is not
// there. It can be repeated freely, so that there is no doubt to be noted (see
// alerts.Postman.Sure).
func (f Files) Send(ctx context.Context, d store.Delivery, _ string, beforeDot func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.ID == "" || strings.Trim(d.ID, "0123456789abcdef") != "" {
		return fmt.Errorf("write message: %w: its id is not a hash", alerts.ErrRefused)
	}
	if len(d.Raw) == 0 {
		return fmt.Errorf("write message %s: %w: it is empty", d.ID, alerts.ErrRefused)
	}
	away := func(err error) error { // a full disk is full for all
		return fmt.Errorf("write message %s: %w: %w", d.ID, alerts.ErrAway, err)
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return away(err)
	}
	// One name, so that what a crash left is written over and not left for ever.
	part := filepath.Join(f.Dir, "."+d.ID+".part") // the id is a hash
	if err := writeSynced(part, d.Raw); err != nil {
		_ = os.Remove(part)
		return away(err)
	}
	if err := beforeDot(); err != nil {
		_ = os.Remove(part)
		return err
	}
	if err := os.Rename(part, filepath.Join(f.Dir, d.ID+".eml")); err != nil {
		_ = os.Remove(part)
		return away(err)
	}
	if err := syncDir(f.Dir); err != nil {
		return away(err)
	}
	return nil
}

// writeSynced writes a file that is on the disk when it returns.
func writeSynced(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
