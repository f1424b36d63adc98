package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"ccgwatch/store"
)

// DerivedFile is the usual name of a Derived in the data directory.
const DerivedFile = "derived.db"

// A Derived keeps what was worked out from the record in a file beside the
// store, which may be deleted while no process has it open: it is made again
// from the record. It is not synced with every commit of the store but with its
// own, so that after a power cut it stands where it stood.
type Derived struct {
	path string
	keep string

	mu     sync.RWMutex // held for writing while the file is exchanged
	db     *bbolt.DB    // nil once closed, and where no new file could be begun
	closed bool

	written atomic.Bool // since it was opened; noted in it until it is closed

	table *crc32.Table
}

var _ store.Derived = (*Derived)(nil)

// derivedMeta is the bucket that tells whose rows a file holds. No table is called so.
const derivedMeta = "\x00meta"

const (
	metaKeep    = "keep"
	metaWritten = "written"
)

// OpenDerived opens the file, and makes an empty one where there is none, where
// it is damaged, and where it was kept for something else than keep: the version
// of what is worked out. It gives store.ErrLocked if another process has it open.
func OpenDerived(path, keep string) (*Derived, error) {
	d := &Derived{path: path, keep: keep, table: crc32.MakeTable(crc32.Castagnoli)}
	err := d.open()
	if err != nil && !errors.Is(err, store.ErrLocked) {
		if err = RemoveDerived(path); err == nil {
			err = d.open()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return d, nil
}

// RemoveDerived deletes a file that is not open. That there is none is no error.
func RemoveDerived(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what was worked out: %w", err)
	}
	return nil
}

var errOtherDerived = errors.New("it was kept by another version")

func (d *Derived) open() error {
	if at, err := os.Stat(d.path); err == nil && at.Size() > 0 { // before it is mapped: reading what is not there would kill the process
		if err := sound(d.path); err != nil {
			return err
		}
	}
	db, written, err := d.openFile()
	if err != nil || !written {
		d.db = db
		return err
	}
	// Whoever wrote to it last did not close it.
	if err := db.Close(); err != nil {
		return err
	}
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	if err := errors.Join(wholeTree(f), f.Close()); err != nil {
		return err
	}
	d.db, _, err = d.openFile()
	return err
}

// openFile opens the file and looks whose it is; written: it was not closed.
func (d *Derived) openFile() (db *bbolt.DB, written bool, err error) {
	err = guarded(func() (err error) {
		db, err = bbolt.Open(d.path, 0o600, &bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType, NoStatistics: true})
		return err
	})
	if err != nil {
		return nil, false, explain(err)
	}
	err = guarded(func() error {
		empty := false
		err := db.View(func(t *bbolt.Tx) error {
			meta := t.Bucket([]byte(derivedMeta))
			if meta == nil {
				k, _ := t.Cursor().First()
				if empty = k == nil; !empty {
					return errOtherDerived
				}
				return nil
			}
			if string(meta.Get([]byte(metaKeep))) != d.keep {
				return errOtherDerived
			}
			written = meta.Get([]byte(metaWritten)) != nil
			return nil
		})
		if err != nil || !empty {
			return err
		}
		return db.Update(func(t *bbolt.Tx) error {
			meta, err := t.CreateBucket([]byte(derivedMeta))
			if err != nil {
				return err
			}
			return meta.Put([]byte(metaKeep), []byte(d.keep))
		})
	})
	if err != nil {
		return nil, false, errors.Join(err, db.Close())
	}
	return db, written, nil
}

// Close waits for what is being read or written. Closing twice is no error.
func (d *Derived) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.db == nil {
		return nil
	}
	db := d.db
	d.db = nil
	var err error
	if d.written.Load() {
		err = guarded(func() error {
			return db.Update(func(t *bbolt.Tx) error { return t.Bucket([]byte(derivedMeta)).Delete([]byte(metaWritten)) })
		})
	}
	return errors.Join(err, db.Close())
}

// Clear begins a new file. If that fails (a full disk, a file that may not be
// removed) there is none: until a later Clear has begun one, View and Update say
// store.ErrDerived, by which whoever keeps something in it clears it again.
func (d *Derived) Clear(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return fmt.Errorf("clear what was worked out: %w", os.ErrClosed)
	}
	if d.db != nil {
		_ = d.db.Close() // nothing of it is wanted
		d.db = nil
	}
	d.written.Store(false)
	err := RemoveDerived(d.path)
	if err != nil && os.Truncate(d.path, 0) == nil { // what is in it must not be believed after a start
		err = nil
	}
	if err == nil {
		err = d.open()
	}
	return wrap("clear what was worked out", err)
}

// View is one read transaction.
func (d *Derived) View(ctx context.Context, f func(store.Rows) error) error {
	return d.run(ctx, "read what was worked out", func(db *bbolt.DB) error {
		return db.View(func(t *bbolt.Tx) error { return f(derivedRows{t, d.table}) })
	})
}

// Update is one write transaction.
func (d *Derived) Update(ctx context.Context, f func(store.Rows) error) error {
	return d.run(ctx, "write what was worked out", func(db *bbolt.DB) error {
		err := db.Update(func(t *bbolt.Tx) error {
			if !d.written.Load() {
				if err := t.Bucket([]byte(derivedMeta)).Put([]byte(metaWritten), []byte{1}); err != nil {
					return err
				}
			}
			return f(derivedRows{t, d.table})
		})
		if err == nil {
			d.written.Store(true)
		}
		return err
	})
}

func (d *Derived) run(ctx context.Context, what string, f func(*bbolt.DB) error) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return wrap(what, os.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return wrap(what, err)
	}
	if d.db == nil {
		return wrap(what, fmt.Errorf("%w: no new file could be begun", store.ErrDerived))
	}
	return wrap(what, guarded(func() error { return f(d.db) }))
}

// guarded makes an error of what bbolt panics with over a page that is not what
// was written, and of a mapping whose file was cut short: nothing is lost by it.
// Any other panic goes on.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		x := recover()
		if x == nil {
			return
		}
		if _, fault := x.(interface{ Addr() uintptr }); !fault && !inBbolt() {
			panic(x)
		}
		err = fmt.Errorf("%w: %v", store.ErrDerived, x)
	}()
	return f()
}

// inBbolt tells whether it was bbolt that panicked.
func inBbolt() bool {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(0, pc)])
	panicked := false
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicked = true
		case panicked && !strings.HasPrefix(f.Function, "runtime."):
			return strings.HasPrefix(f.Function, "go.etcd.io/bbolt")
		}
		if !more {
			return false
		}
	}
}

type derivedRows struct {
	t     *bbolt.Tx
	table *crc32.Table
}

// A value begins with a checksum over its key and what follows.
const derivedHead = 4

func (r derivedRows) sum(key string, value []byte) uint32 {
	return crc32.Update(crc32.Checksum([]byte(key), r.table), r.table, value)
}

func (r derivedRows) value(table, key string, b []byte) ([]byte, error) {
	if len(b) < derivedHead || binary.BigEndian.Uint32(b) != r.sum(key, b[derivedHead:]) {
		return nil, fmt.Errorf("%w: %s %q: its checksum is wrong", store.ErrDerived, table, printable([]byte(key)))
	}
	return b[derivedHead:], nil
}

func (r derivedRows) Get(table, key string) ([]byte, error) {
	b := r.t.Bucket([]byte(table))
	if b == nil {
		return nil, nil
	}
	v := b.Get([]byte(key))
	if v == nil {
		return nil, nil
	}
	return r.value(table, key, v)
}

func (r derivedRows) Put(table, key string, value []byte) error {
	b, err := r.t.CreateBucketIfNotExists([]byte(table))
	if err != nil {
		return err
	}
	packed := binary.BigEndian.AppendUint32(make([]byte, 0, derivedHead+len(value)), r.sum(key, value))
	return b.Put([]byte(key), append(packed, value...))
}

func (r derivedRows) Delete(table, key string) error {
	b := r.t.Bucket([]byte(table))
	if b == nil {
		return nil
	}
	return b.Delete([]byte(key))
}

func (r derivedRows) Each(table, prefix, from string, f func(key string, value []byte) (bool, error)) error {
	b := r.t.Bucket([]byte(table))
	if b == nil {
		return nil
	}
	c := b.Cursor()
	for k, v := c.Seek([]byte(max(prefix, from))); k != nil && strings.HasPrefix(string(k), prefix); k, v = c.Next() {
		key := string(k)
		value, err := r.value(table, key, v)
		if err != nil {
			return err
		}
		if more, err := f(key, value); err != nil || !more {
			return err
		}
	}
	return nil
}
