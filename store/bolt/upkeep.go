package bolt

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// Compact writes the database anew without its free pages, which hold what was
// deleted (an erased address, say), and puts the copy in its place. Other calls
// wait meanwhile. A crash leaves the old file or the new one; both say the same.
func (s *Store) Compact(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx, "compact"); err != nil {
		return err
	}
	return wrap("compact", s.exchange())
}

func (s *Store) exchange() error {
	path := filepath.Join(s.dir, File)
	db, tmp, err := s.fresh()
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp) }()
	if err = bbolt.Compact(db, s.db, 8<<20); err == nil {
		err = db.Sync()
	}
	var info os.FileInfo
	if err == nil {
		info, err = os.Stat(tmp)
	}
	if err == nil { // locked before it gets its name, so that nobody slips in between
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = db.Close()
		return err
	}
	old := s.db
	s.db, s.inode = db, info
	if err := syncDir(s.dir); err != nil {
		_ = old.Close()
		return err
	}
	return old.Close()
}

// Backup writes a copy of the database, as one moment saw it, while others go
// on reading and writing. It is a copy once Check has found no fault with it.
// The archive's files never change and can be copied as they are.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	return s.view(ctx, "back up", func(t *tx) error {
		_, err := t.WriteTo(w)
		return err
	})
}

// A Report is what Check counted.
type Report struct {
	Items, Changes, Findings, Deliveries, Subscriptions int
	Papers                                              int // files of the archive
}

// String is one line for an operator.
func (r Report) String() string {
	return fmt.Sprintf("%d items, %d changes, %d findings, %d deliveries, %d subscriptions, %d papers",
		r.Items, r.Changes, r.Findings, r.Deliveries, r.Subscriptions, r.Papers)
}
