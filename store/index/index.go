// Package index is the full text of what is published and found, in one SQLite
// file with FTS5. It follows the change log as the matcher does, after the
// matcher, and is never the truth: it may be deleted at any time, and a file
// that is damaged, of another format, or belongs to another store is thrown
// away and built again.
//
// The words it files are those of store/query, so that a search finds what a
// subscription would. Two things are filed: every place of every item that is
// listed (the item itself, each part of an agenda, each page of a paper), and
// every finding.
//
// Writing is one transaction a batch, with the place in the log: a crash before
// its end leaves the place before the batch and nothing of it, a crash after it
// leaves all of it. A power cut may take the last batches away again
// (synchronous=normal): then they are done again.
package index

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// File is the usual name of the index in the data directory.
const File = "index.db"

// format is the version of what this package writes and of how words are cut.
// A file with another one is built again.
const format = "3"

// Options say what is indexed. All but Redact, Edit, Shown and Log must be set.
type Options struct {
	Ledger  store.Ledger
	Archive store.Archive
	Outbox  store.Outbox
	// Follower is whose place in the log is not passed: what a change means must
	// be known before it is indexed.
	Follower string

	// Describe says what an item is to a search, Facts what a finding is; both
	// must mean to a query what they mean to a subscription.
	Describe func(store.Item) Described
	Facts    func(store.Finding) query.Facts
	// Redact takes private details out of texts before they are filed or shown;
	// nil: there is nothing to take out.
	Redact func(string) string
	// Edit gives what is done to the pages of an item's papers, as the operator
	// corrected them; the item itself is corrected by the Ledger. nil: nothing is.
	// It is asked again about an item when the log has an entry of another kind
	// than those of a crawl.
	Edit func(ctx context.Context, source, key string) (func(string) string, error)
	// Shown is a finding as the Outbox has it, as it may be shown; not ok: not at
	// all. It is asked again when Edit is. nil: all are shown as they are.
	Shown func(ctx context.Context, f store.Finding) (shown store.Finding, ok bool, err error)
	// Version names what the functions above make: under another one the index
	// is built again.
	Version string

	Log *slog.Logger
}

// Described is an item to a search.
type Described struct {
	Facts  query.Facts // its Text heads every place of the item: its title and whose it is
	Text   string      // what is said of it besides, in the item itself
	Bodies []string    // ids of the bodies it is of, for counting
	Date   time.Time   // by which it is put in order
}

// An Index is open on its file, which no other process may use. Its methods may
// be called at once; one Step runs at a time.
type Index struct {
	path   string
	o      Options
	log    *slog.Logger
	packer packer
	most   int // bytes of text in a batch

	stepping sync.Mutex

	mu      sync.RWMutex // held for writing when the file is exchanged or mem alters
	db      *sql.DB
	inode   os.FileInfo
	mem     *memory
	checked bool // the place belongs to this store's log

	bad    atomic.Bool // a reader met damage
	closed bool
	cache  answers
}

var _ store.Index = (*Index)(nil)

// Open opens the index, and makes an empty one where there is none or where it
// is of no use. Nothing is read from the store before the first Step.
func Open(path string, o Options) (*Index, error) {
	x := &Index{path: path, o: o, log: o.Log, most: bytesAtOnce}
	if x.log == nil {
		x.log = slog.New(slog.DiscardHandler)
	}
	if x.o.Redact == nil {
		x.o.Redact = func(s string) string { return s }
	}
	if x.o.Edit == nil {
		x.o.Edit = func(context.Context, string, string) (func(string) string, error) {
			return func(s string) string { return s }, nil
		}
	}
	if x.o.Shown == nil {
		x.o.Shown = func(_ context.Context, f store.Finding) (store.Finding, bool, error) { return f, true, nil }
	}
	var err error
	if x.packer, err = newPacker(); err != nil {
		return nil, fmt.Errorf("open the search index: %w", err)
	}
	err = x.open()
	if err != nil && useless(err) {
		x.log.Warn("the search index is of no use and is built again", "file", path, "why", err)
		if err = Remove(path); err == nil {
			err = x.open()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the search index %s: %w", path, err)
	}
	return x, nil
}

// Remove deletes an index that is not open. That there is none is no error.
func Remove(path string) error {
	for _, end := range []string{"-wal", "-shm", "-journal", ""} {
		if err := os.Remove(path + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the search index: %w", err)
		}
	}
	return nil
}

// errOther: the file is an index, but not one that goes on.
var errOther = errors.New("it was written by another version or for another store")

// useless tells whether an error says that the file must be thrown away.
func useless(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return true
		}
	}
	return errors.Is(err, errOther)
}

// address is the file for the driver. A batch is written beside a rollback
// journal, so readers wait for the moment in which it is taken over. With a
// write-ahead log they would not, but its index is a file mapped into memory:
// where a disk with blocks smaller than a page is full, touching it is a SIGBUS,
// which no program survives, and the daemon must answer on a full disk.
func address(path string) string {
	p := filepath.ToSlash(path)
	if !strings.HasPrefix(p, "/") {
		p = "/" + p // C:/...
	}
	u := url.URL{Scheme: "file", Path: p, RawQuery: url.Values{
		"_pragma": {"busy_timeout(10000)", "journal_mode(truncate)", "synchronous(normal)", "cache_size(-8000)", "temp_store(memory)"},
		"_txlock": {"immediate"},
	}.Encode()}
	return u.String()
}

// readers is how many searches are answered at once.
const readers = 4

func (x *Index) open() (err error) {
	path, err := filepath.Abs(x.path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // for its owner alone; what SQLite adds takes after it
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", address(path))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(readers + 1)
	db.SetMaxIdleConns(readers + 1)
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	ctx := context.Background()
	if err := x.prepare(ctx, db); err != nil {
		return err
	}
	mem, err := load(ctx, db)
	if err != nil {
		return err
	}
	x.db, x.inode, x.mem, x.checked = db, info, mem, false
	return nil
}

func schema() []string {
	c := strings.Join(query.Columns(), ", ")
	return []string{
		`CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID`,
		`CREATE TABLE names (no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)`,
		// facts without their text, as JSON; most items share theirs with others
		`CREATE TABLE facts (no INTEGER PRIMARY KEY, json TEXT NOT NULL UNIQUE)`,
		`CREATE TABLE item (no INTEGER PRIMARY KEY, source TEXT NOT NULL, key TEXT NOT NULL, live INTEGER NOT NULL, kind TEXT NOT NULL,
			title TEXT NOT NULL, url TEXT NOT NULL, date INTEGER NOT NULL, topics INTEGER NOT NULL, bodies TEXT NOT NULL,
			head TEXT NOT NULL, facts INTEGER NOT NULL, found INTEGER NOT NULL, UNIQUE (source, key))`,
		// mark tells whether an entry says what it would say now
		`CREATE TABLE entry (id INTEGER PRIMARY KEY AUTOINCREMENT, item INTEGER NOT NULL, mark INTEGER NOT NULL, spot TEXT NOT NULL, text BLOB NOT NULL)`,
		`CREATE INDEX entry_item ON entry (item, mark)`,
		`CREATE VIRTUAL TABLE words USING fts5(` + c + `, content='', contentless_delete=1, tokenize='ascii')`,
		`INSERT INTO words (words, rank) VALUES ('rank', 'bm25(1.0, 0.0, 0.0)')`,
		// a finding has the numbers from no on, one for each of its passages, and at least one
		`CREATE TABLE finding (no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, change INTEGER NOT NULL, at INTEGER NOT NULL,
			source INTEGER NOT NULL, thing INTEGER NOT NULL, topic INTEGER NOT NULL, flags INTEGER NOT NULL, passages INTEGER NOT NULL)`,
		`CREATE INDEX finding_thing ON finding (thing)`,
		`CREATE VIRTUAL TABLE found USING fts5(` + c + `, content='', contentless_delete=1, tokenize='ascii')`,
	}
}

// prepare makes the tables of an empty file, or looks whether those of another
// one are ours. A crash in between leaves an empty file.
func (x *Index) prepare(ctx context.Context, db *sql.DB) error {
	want := format + " " + x.o.Version
	var tables int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return err
	}
	if tables > 0 {
		var is string
		err := db.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'format'`).Scan(&is)
		if err != nil && !useless(err) {
			return fmt.Errorf("%w (%w)", errOther, err)
		}
		if err == nil && is != want {
			return fmt.Errorf("%w: %q, and this is %q", errOther, is, want)
		}
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, s := range schema() {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s[:min(len(s), 40)], err)
		}
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('format', ?), ('place', '0'), ('last', '')`, want); err != nil {
		return err
	}
	return tx.Commit()
}

// Close waits for what is being asked and lets go of the file.
func (x *Index) Close() error {
	x.stepping.Lock()
	defer x.stepping.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil
	}
	x.closed = true
	x.packer.out.Close()
	return errors.Join(x.packer.in.Close(), x.db.Close())
}

// Rebuild throws the index away; Step builds it again.
func (x *Index) Rebuild(why string) error {
	x.stepping.Lock()
	defer x.stepping.Unlock()
	return x.rebuild(why)
}

func (x *Index) rebuild(why string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return errClosed
	}
	x.log.Warn("the search index is built again", "why", why)
	if err := x.db.Close(); err != nil {
		x.log.Debug("closing the search index", "err", err)
	}
	err := Remove(x.path)
	if err == nil {
		err = x.open()
	}
	x.bad.Store(false)
	x.cache.clear()
	if err != nil {
		return fmt.Errorf("build the search index again: %w", err)
	}
	return nil
}

var errClosed = errors.New("the search index is closed")

// Place tells how far the index has come.
func (x *Index) Place(ctx context.Context) (done, end uint64, err error) {
	if end, err = x.o.Ledger.LastSeq(ctx); err != nil {
		return 0, 0, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	return min(x.mem.place, end), end, nil
}

// Size is what an index holds.
type Size struct {
	Items, Places, Findings int
	Bytes                   int64
}

// Size counts what is found and what it takes on the disk.
func (x *Index) Size() Size {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := Size{}
	for _, f := range x.mem.found[1:] {
		if f.flags&(flagPassage|flagHidden) == 0 {
			s.Findings++
		}
	}
	for _, it := range x.mem.items {
		if it.live {
			s.Items++
		}
	}
	for _, e := range x.mem.entries {
		if e != 0 {
			s.Places++
		}
	}
	for _, end := range []string{"", "-wal"} {
		if info, err := os.Stat(x.path + end); err == nil {
			s.Bytes += info.Size()
		}
	}
	return s
}

// Check reads the whole file and compares the lists of words with themselves.
func (x *Index) Check(ctx context.Context) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return errClosed
	}
	var said string
	if err := x.db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&said); err != nil {
		return fmt.Errorf("check the search index: %w", x.met(err))
	}
	if said != "ok" {
		x.bad.Store(true)
		return fmt.Errorf("check the search index: %s", said)
	}
	for _, s := range []string{`INSERT INTO words (words) VALUES ('integrity-check')`, `INSERT INTO found (found) VALUES ('integrity-check')`} {
		if _, err := x.db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("check the search index: %w", x.met(err))
		}
	}
	return nil
}

// met notes an error that tells of damage, so that the next Step builds anew.
func (x *Index) met(err error) error {
	if err != nil && useless(err) {
		x.bad.Store(true)
	}
	return err
}

func readMeta(ctx context.Context, db *sql.DB) (place uint64, last string, err error) {
	var s string
	if err = db.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'place'`).Scan(&s); err != nil {
		return 0, "", err
	}
	if place, err = strconv.ParseUint(s, 10, 64); err != nil {
		return 0, "", fmt.Errorf("%w: place %q", errOther, s)
	}
	err = db.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = 'last'`).Scan(&last)
	return place, last, err
}

// CheckFile is Check for an index that no process has open.
func CheckFile(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", address(path))
	if err != nil {
		return fmt.Errorf("check the search index: %w", err)
	}
	x := &Index{db: db}
	return errors.Join(x.Check(ctx), db.Close())
}
