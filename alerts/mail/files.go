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

// Send writes the message; the bytes name the recipient. It can be repeated
// freely, so that there is no moment of doubt.
func (f Files) Send(ctx context.Context, d store.Delivery, _ string, _ func() error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.ID == "" || strings.Trim(d.ID, "0123456789abcdef") != "" {
		return fmt.Errorf("write message: %w: its id is not a hash", alerts.ErrRefused)
	}
	if len(d.Raw) == 0 {
		return fmt.Errorf("write message %s: %w: it is empty", d.ID, alerts.ErrRefused)
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return fmt.Errorf("write message %s: %w: %w", d.ID, alerts.ErrAway, err)
	}
	name := filepath.Join(f.Dir, d.ID+".eml")
	// One name, so that what a crash left is written over and not left for ever.
	tmp, err := os.OpenFile(filepath.Join(f.Dir, "."+d.ID+".part"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // the id is a hash
	if err != nil {
		return fmt.Errorf("write message %s: %w: %w", d.ID, alerts.ErrAway, err)
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
			err = fmt.Errorf("write message %s: %w: %w", d.ID, alerts.ErrAway, err) // a full disk is full for all
		}
	}()
	if _, err := tmp.Write(d.Raw); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), name); err != nil {
		return err
	}
	return syncDir(f.Dir)
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
