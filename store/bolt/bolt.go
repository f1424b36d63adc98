// Package bolt keeps a store in one bbolt file and a directory of papers. It is
// the back end of a single machine: one process at a time, no server.
//
// The file survives a kill or a power cut at any moment: every method that
// writes is one transaction, and what it acknowledged is on the disk. Deleted
// bytes stay in free pages of the file until they are written over; Compact
// removes them.
package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"ccgwatch/store"
)

// File is the name of the database in its directory.
const File = "ccgwatch.db"

// format is the version of what this package writes. A file with a higher one
// was written by a later release and is refused.
const format = 3

// lockWait is how long Open waits for another process to let go of the file.
const lockWait = 5 * time.Second

// Errors that callers branch on.
var (
	// ErrNewer: the file was written by a later release. Nothing was changed.
	ErrNewer = errors.New("the store was written by a newer version of ccgwatch")
	// ErrDamaged: the file is not what was written.
	ErrDamaged = errors.New("the store is damaged")
	// ErrReplaced: the file was deleted, or replaced by another one, while it was open.
	ErrReplaced = errors.New("the store's file was deleted or replaced while it was open")
)

// The buckets. Index buckets hold a single byte for a value.
const (
	bMeta       = "meta"         // "format", "salt", "skip"
	bSources    = "sources"      // source -> source
	bItems      = "items"        // source 0 key -> store.Item
	bChanges    = "changes"      // seq -> store.Change
	bHealth     = "health"       // source -> store.Health
	bFollowers  = "followers"    // name -> store.Position
	bFindings   = "findings"     // seq id -> store.Finding
	bFindingIDs = "finding_ids"  // id -> seq
	bDeliveries = "deliveries"   // created id -> store.Delivery
	bDelivIDs   = "delivery_ids" // id -> created
	bDue        = "due"          // instant id -> 1: queued ones by Due, claimed ones by Lease
	bAside      = "aside"        // created id -> 1: those on hold, and those taken back; since format 3
	bRaw        = "raw"          // id -> frozen bytes
	bOf         = "of"           // subscription 0 delivery -> 1
	bSubs       = "subscriptions"
	bAddresses  = "addresses"   // keyed hash of the address, id -> 1
	bDiary      = "diary"       // job -> time
	bTokens     = "tokens"      // hash -> token
	bTokensOf   = "tokens_of"   // keyed hash of the address, hash -> 1
	bCounts     = "counts"      // keyed hash of what is counted -> counted
	bMarks      = "marks"       // mark 0 source 0 key -> 1; since format 2
	bDecisions  = "decisions"   // number -> store.Decision; since format 2
	bTicked     = "ticked"      // key of a store.Due -> seq of its change; since format 2
	bCorrected  = "corrections" // number -> store.Correction
	bMailMarks  = "mailmarks"   // mailbox -> store.MailMark
	bHandled    = "handled"     // note of a message -> handled
	bScores     = "scores"      // keyed hash of the address -> store.BounceScore
	bHolds      = "holds"       // key of a domain -> store.Hold
	bAltered    = "altered"     // stamp -> id of the subscription it was given for
)

// later are the buckets that the first format did not have. They are made, and
// the indexes among them filled, when a file without them is opened.
func later() []string {
	return []string{bTokens, bTokensOf, bCounts, bMarks, bDecisions, bTicked, bCorrected, bMailMarks, bHandled, bScores, bHolds, bAltered, bAside}
}

func buckets() []string {
	return []string{bMeta, bSources, bItems, bChanges, bHealth, bFollowers, bFindings, bFindingIDs, bDeliveries,
		bDelivIDs, bDue, bRaw, bOf, bSubs, bAddresses, bDiary}
}

// A Store is open on a directory, which belongs to it alone.
type Store struct {
	dir     string
	maxSize int
	codec   *codec

	// mu is held for reading by every method and for writing by Compact and
	// Close, which exchange what follows.
	mu     sync.RWMutex
	db     *bbolt.DB // nil once closed
	inode  os.FileInfo
	salt   []byte
	closed bool

	group group // of the changes that are written together

	reserved  atomic.Bool // the reserve is there
	reserving sync.Mutex

	editing sync.Mutex // held while edits is filled
	edits   atomic.Pointer[store.Edits]
}

var _ store.Store = (*Store)(nil)

// An Option alters how a store is opened.
type Option func(*Store)

// WithMaxSize bounds the size of the database file in bytes. A write that would
// pass it fails and changes nothing. The default is 16 GiB (1 GiB on 32-bit machines).
func WithMaxSize(n int) Option { return func(s *Store) { s.maxSize = n } }

// Open opens the store in dir, which it creates if need be (for its owner
// alone). The database appears complete or not at all, so a crash during the
// first start leaves either no store or an empty one. It gives store.ErrLocked
// if another process has it open for more than five seconds, ErrNewer if a
// later release wrote it, ErrDamaged if the file is empty, cut short or
// otherwise not a database of ours.
func Open(dir string, opt ...Option) (*Store, error) {
	s := &Store{dir: dir, maxSize: defaultMaxSize()}
	for _, o := range opt {
		o(s)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the data directory: %w", err)
	}
	path := filepath.Join(dir, File)
	if !exists(path) {
		// If it is there after a failure, another process was quicker, and may
		// even have swept our temporary file away.
		if err := s.create(path); err != nil && !exists(path) {
			return nil, fmt.Errorf("create %s: %w", path, err)
		}
	}
	db, info, err := s.open(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s.db, s.inode = db, info
	if s.codec, err = newCodec(); err == nil {
		err = s.read()
	}
	if err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s.sweep()
	s.keepRoom()
	return s, nil
}

func defaultMaxSize() int {
	if ^uint(0)>>32 == 0 {
		return 1 << 30
	}
	n := 16
	return n << 30
}

// options are bbolt's with every guarantee left on: each commit is on the disk
// when it returns, the list of free pages included. That list is an array: a map
// would be sorted for every commit, which with a thousand free pages is a tenth of
// what it costs to send a message.
func (s *Store) options() *bbolt.Options {
	return &bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistArrayType, MaxSize: s.maxSize, NoStatistics: true}
}

// create makes an empty database under a temporary name and links it into
// place, which fails if another process was quicker: then there is one, too.
func (s *Store) create(path string) error {
	db, tmp, err := s.fresh()
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp) }()
	if err = db.Update(initialise); err == nil {
		err = db.Sync()
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp, path); err != nil && !exists(path) { // a file system without links
		if err := os.Rename(tmp, path); err != nil {
			return err
		}
	}
	return syncDir(s.dir)
}

// fresh opens an empty database under a temporary name, which is the caller's to remove.
func (s *Store) fresh() (db *bbolt.DB, name string, err error) {
	f, err := os.CreateTemp(s.dir, File+".new-*")
	if err != nil {
		return nil, "", err
	}
	if err = f.Close(); err == nil {
		db, err = bbolt.Open(f.Name(), 0o600, s.options())
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return nil, "", err
	}
	return db, f.Name(), nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// open opens and locks the file at path. While it waited for the lock the file
// may have been exchanged by Compact: then it opens the new one.
func (s *Store) open(path string) (*bbolt.DB, os.FileInfo, error) {
	for {
		if err := sound(path); err != nil {
			return nil, nil, err
		}
		var f *os.File
		o := s.options()
		o.OpenFile = func(name string, flag int, perm os.FileMode) (_ *os.File, err error) {
			f, err = os.OpenFile(name, flag&^os.O_CREATE, perm)
			return f, err
		}
		db, err := bbolt.Open(path, 0o600, o)
		if err != nil {
			return nil, nil, explain(err)
		}
		info, err := f.Stat()
		if err != nil {
			return nil, nil, errors.Join(err, db.Close())
		}
		if at, err := os.Stat(path); err == nil && os.SameFile(info, at) {
			return db, info, nil
		}
		if err := db.Close(); err != nil {
			return nil, nil, err
		}
	}
}

// explain turns what bbolt says into our errors.
func explain(err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return store.ErrLocked
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

func initialise(tx *bbolt.Tx) error {
	for _, name := range append(buckets(), later()...) {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	meta := tx.Bucket([]byte(bMeta))
	if err := meta.Put([]byte("salt"), newSalt()); err != nil {
		return err
	}
	return meta.Put([]byte("format"), []byte{format})
}

// read checks the format and loads what is needed for every operation. A file
// of an earlier format is brought up to this one, in one transaction.
func (s *Store) read() error {
	whole := true
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		if s.salt, err = readMeta(tx); err != nil {
			return err
		}
		whole = formatOf(tx) == format
		for _, name := range later() {
			whole = whole && tx.Bucket([]byte(name)) != nil
		}
		return nil
	})
	if err != nil || whole {
		return err
	}
	return s.db.Update(func(t *bbolt.Tx) error { return (&tx{Tx: t, s: s, ctx: context.Background()}).upgrade() })
}

func formatOf(tx *bbolt.Tx) byte { return tx.Bucket([]byte(bMeta)).Get([]byte("format"))[0] }

func readMeta(tx *bbolt.Tx) (salt []byte, err error) {
	meta := tx.Bucket([]byte(bMeta))
	if meta == nil {
		return nil, fmt.Errorf("%w: no format is noted in it", ErrDamaged)
	}
	switch v := meta.Get([]byte("format")); {
	case len(v) != 1:
		return nil, fmt.Errorf("%w: no format is noted in it", ErrDamaged)
	case v[0] > format:
		return nil, fmt.Errorf("%w (format %d, this one writes %d)", ErrNewer, v[0], format)
	}
	for _, name := range buckets() {
		if tx.Bucket([]byte(name)) == nil {
			return nil, fmt.Errorf("%w: the part %q is missing", ErrDamaged, name)
		}
	}
	return append([]byte(nil), meta.Get([]byte("salt"))...), nil
}

// sweep removes what crashes left behind. The lock is ours, so nobody is
// writing these files.
func (s *Store) sweep() {
	for _, pattern := range []string{File + ".new-*", filepath.Join(archiveDir, "tmp", "*")} {
		names, _ := filepath.Glob(filepath.Join(s.dir, pattern))
		for _, n := range names {
			_ = os.Remove(n) // it costs space and nothing else
		}
	}
}

// Close waits for what is being read or written and lets go of the files.
// Closing twice is no error.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.codec.close()
	return s.db.Close()
}

// view runs f in a read transaction: f sees one state, whatever is written meanwhile.
func (s *Store) view(ctx context.Context, what string, f func(*tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx, what); err != nil {
		return err
	}
	err := s.db.View(func(t *bbolt.Tx) error { return f(&tx{Tx: t, s: s, ctx: ctx}) })
	return wrap(what, err)
}

// update runs f in the write transaction. If f fails, or the process dies
// before update returns, nothing of it is there; afterwards all of it is.
func (s *Store) update(ctx context.Context, what string, f func(*tx) error) error {
	s.keepRoom()
	return s.write(ctx, what, f)
}

func (s *Store) write(ctx context.Context, what string, f func(*tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.usable(ctx, what); err != nil {
		return err
	}
	if at, err := os.Stat(filepath.Join(s.dir, File)); err != nil || !os.SameFile(at, s.inode) {
		return wrap(what, ErrReplaced)
	}
	err := s.db.Update(func(t *bbolt.Tx) error { return f(&tx{Tx: t, s: s, ctx: ctx}) })
	return wrap(what, err)
}

func (s *Store) usable(ctx context.Context, what string) error {
	if s.closed {
		return wrap(what, berrors.ErrDatabaseNotOpen)
	}
	return wrap(what, ctx.Err())
}

func wrap(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// A tx is a transaction with our encoding of values.
type tx struct {
	*bbolt.Tx
	s   *Store
	ctx context.Context // lives as long as one method call
}

func (t *tx) in(bucket string) *bbolt.Bucket { return t.Bucket([]byte(bucket)) }

// get decodes the value of a key into v and tells whether there is one.
func (t *tx) get(bucket string, key []byte, v any) (bool, error) {
	b := t.in(bucket).Get(key)
	if b == nil {
		return false, nil
	}
	return true, t.s.codec.decode(bucket, key, b, v)
}

// put stores v unless the stored value is the same already.
func (t *tx) put(bucket string, key []byte, v any) error {
	if sub, ok := v.(store.Subscription); ok && bucket == bSubs {
		if err := t.stamp(sub); err != nil {
			return err
		}
	}
	return t.putAs(bucket, key, v, t.s.codec.encode)
}

// putAs is put, with the stamp of the subscriptions left as it is.
func (t *tx) putAs(bucket string, key []byte, v any, encode func(bucket string, key []byte, v any) ([]byte, error)) error {
	b, err := encode(bucket, key, v)
	if err != nil {
		return err
	}
	return t.set(bucket, key, b)
}

func (t *tx) set(bucket string, key, value []byte) error {
	b := t.in(bucket)
	if old := b.Get(key); old != nil && string(old) == string(value) {
		return nil
	}
	if err := b.Put(key, value); err != nil {
		return fmt.Errorf("%s %q: %w", bucket, printable(key), err)
	}
	return nil
}

// mark puts a key into an index bucket.
func (t *tx) mark(bucket string, key []byte) error { return t.in(bucket).Put(key, []byte{1}) }

// each decodes the values of a bucket from a key on, as long as they have the
// prefix and f says so.
func each[T any](t *tx, bucket string, from, prefix []byte, f func(key []byte, v T) (bool, error)) error {
	c := t.in(bucket).Cursor()
	for k, b := c.Seek(from); k != nil && strings.HasPrefix(string(k), string(prefix)); k, b = c.Next() {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		var v T
		if err := t.s.codec.decode(bucket, k, b, &v); err != nil {
			return err
		}
		if more, err := f(k, v); err != nil || !more {
			return err
		}
	}
	return nil
}

// The parts of keys.

func be64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// instant is a time that sorts as bytes do: the zero time first.
func instant(t time.Time) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(t.Unix())^1<<63) //nolint:gosec // keeps the order of signed numbers
	return binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond())) //nolint:gosec // below 1e9
}

const instantLen = 12

// pair joins a name without zero bytes and anything else.
func pair(a, b string) []byte { return []byte(a + "\x00" + b) }

func join(a, b []byte) []byte { return append(append(make([]byte, 0, len(a)+len(b)), a...), b...) }

// printable makes a key fit for an error message.
func printable(key []byte) string { return strings.ReplaceAll(string(key), "\x00", " ") }

// named refuses the names that would break a key.
func named(what, name string) error {
	if name == "" || strings.Contains(name, "\x00") {
		return fmt.Errorf("%s %q: a name must not be empty or hold a zero byte", what, name)
	}
	return nil
}
