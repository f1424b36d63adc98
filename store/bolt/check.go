package bolt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"ccgwatch/store"
)

// walked looks at the pages of a file that no process writes to; one that is
// locked is left to bbolt, which waits for it.
func walked(path string) error {
	release, err := Hold(filepath.Dir(path))
	if err != nil {
		return nil //nolint:nilerr // bbolt says why
	}
	defer release()
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	defer func() { _ = f.Close() }()
	if err := wholeTree(f); err != nil {
		return fmt.Errorf("check %s: %w: %w", path, ErrDamaged, err)
	}
	return nil
}

// checkMost is how many faults Check lists before it gives up.
const checkMost = 50

// Check reads everything in a store that no process has open for writing and
// joins what it finds wrong into one error, ErrDamaged. It writes nothing. A
// damaged page can make bbolt panic or the process die: run it in a child
// process where that matters. Where there is no archive at all, the directory
// holds a backup of the database alone.
func Check(ctx context.Context, dir string) (Report, error) {
	r, papers, err := CheckDatabase(ctx, dir)
	root := filepath.Join(dir, archiveDir)
	if err != nil || !exists(root) {
		return r, err
	}
	r.Papers, err = CheckArchive(ctx, root, papers, nil)
	return r, err
}

// CheckDatabase is the part of Check that reads the database. It gives the
// hashes of the papers that items refer to. It gives up after so many faults in
// the tree of pages that nothing can be read, and then lets go of nothing: it
// is for a process that ends.
func CheckDatabase(ctx context.Context, dir string) (Report, map[string]bool, error) {
	var r Report
	path := filepath.Join(dir, File)
	c := checker{ctx: ctx, report: &r, papers: map[string]bool{}}
	if err := sound(path); err != nil {
		return r, nil, fmt.Errorf("check %s: %w", path, err)
	}
	if err := walked(path); err != nil {
		return r, nil, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true, Timeout: lockWait})
	if err != nil {
		return r, nil, fmt.Errorf("check %s: %w", path, explain(err))
	}
	cd, err := newCodec()
	if err != nil {
		return r, nil, errors.Join(err, db.Close())
	}
	t, err := db.Begin(false)
	if err != nil {
		return r, nil, errors.Join(err, db.Close())
	}
	done := func() {
		_ = t.Rollback() // nothing was written
		_ = db.Close()
		cd.close()
	}
	salt, err := readMeta(t)
	if err != nil {
		done()
		return r, nil, fmt.Errorf("check %s: %w", path, err)
	}
	c.tx = &tx{Tx: t, s: &Store{dir: dir, codec: cd, salt: salt}, ctx: ctx}
	for err := range t.Check() {
		if c.fault(err); len(c.faults) == checkMost {
			// There can be a billion of them. bbolt's goroutine waits for somebody
			// to take the next, so what it reads stays open until the process ends.
			return r, nil, c.verdict(path)
		}
	}
	defer done()
	if len(c.faults) == 0 {
		c.ledger()
		c.outbox()
		c.subscribers()
		c.signups()
		c.mailroom()
	}
	if err := ctx.Err(); err != nil {
		return r, nil, fmt.Errorf("check %s: %w", path, err)
	}
	return r, c.papers, c.verdict(path)
}

// CheckArchive reads every paper in the archive at root, and its text, and
// looks for the papers that are referred to. It gives the number of papers
// there, and calls progress, if not nil, as it goes, with that number so far.
func CheckArchive(ctx context.Context, root string, referred map[string]bool, progress func(papers int)) (int, error) {
	var r Report
	c := checker{ctx: ctx, report: &r, papers: maps.Clone(referred)}
	if c.papers == nil {
		c.papers = map[string]bool{}
	}
	if exists(root) {
		c.archive(root, progress)
	}
	missing := slices.Sorted(maps.Keys(c.papers))
	for _, sha := range missing {
		c.faultf("paper %s is referred to and missing", sha)
	}
	if err := ctx.Err(); err != nil {
		return r.Papers, fmt.Errorf("check %s: %w", root, err)
	}
	return r.Papers, c.verdict(root)
}

type checker struct {
	*tx
	ctx    context.Context // lives as long as one call
	report *Report
	faults []error
	papers map[string]bool // that items refer to
}

func (c *checker) fault(err error) {
	if err != nil && len(c.faults) < checkMost {
		c.faults = append(c.faults, err)
	}
}

func (c *checker) verdict(path string) error {
	if len(c.faults) == 0 {
		return nil
	}
	return fmt.Errorf("check %s: %w: %w", path, ErrDamaged, errors.Join(c.faults...))
}

func (c *checker) faultf(format string, args ...any) { c.fault(fmt.Errorf(format, args...)) }

// values decodes every value of a bucket, and goes on past the ones that are damaged.
func values[T any](c *checker, bucket string, f func(key []byte, v T)) {
	_ = c.in(bucket).ForEach(func(k, b []byte) error {
		var v T
		if err := c.s.codec.decode(bucket, k, b, &v); err != nil {
			c.fault(err)
			return c.ctx.Err()
		}
		f(k, v)
		return c.ctx.Err()
	})
}

func (c *checker) ledger() {
	values(c, bSources, func([]byte, source) {})
	values(c, bHealth, func([]byte, store.Health) {})
	values(c, bDiary, func([]byte, time.Time) {})
	marks, old := 0, formatOf(c.Tx) < 2 || c.in(bMarks) == nil
	values(c, bItems, func(k []byte, it store.Item) {
		c.report.Items++
		if !old {
			marks += c.marked(k, it)
		}
		if string(k) != string(pair(it.Source, it.Key)) {
			c.faultf("items %q holds %s %q", printable(k), it.Source, it.Key)
		}
		for _, d := range it.Documents {
			if d.SHA256 != "" {
				c.papers[d.SHA256] = true
			}
		}
	})
	before, skips := uint64(0), c.skips()
	values(c, bChanges, func(k []byte, x store.Change) {
		c.report.Changes++
		if !follows(x.Seq, before, skips) || string(k) != string(be64(x.Seq)) || x.Batch > x.Seq || x.Batch == 0 {
			c.faultf("changes: %d of batch %d follows %d", x.Seq, x.Batch, before)
		}
		before = x.Seq
	})
	if old {
		return
	}
	c.count(bMarks, marks)
	values(c, bDecisions, func([]byte, store.Decision) {})
	if c.in(bCorrected) != nil {
		values(c, bCorrected, func([]byte, store.Correction) {})
	}
	_ = c.in(bTicked).ForEach(func(k, v []byte) error {
		if len(v) != 8 || binary.BigEndian.Uint64(v) > before {
			c.faultf("what fell due as %q is not in the log", k)
		}
		return c.ctx.Err()
	})
}

// marked looks for an item's marks in the index and counts them.
func (c *checker) marked(key []byte, it store.Item) int {
	marks := store.Marks(it)
	if len(marks) == 0 {
		return 0
	}
	if c.in(bMarks).Get(anyMark(key)) == nil {
		c.faultf("item %q is not in the index of marks", printable(key))
	}
	for _, m := range marks {
		if c.in(bMarks).Get(markKey(m, key)) == nil {
			c.faultf("item %q is not in the index under %q", printable(key), m)
		}
	}
	return len(marks) + 1
}

func (c *checker) outbox() {
	last := c.lastSeq()
	values(c, bFollowers, func(k []byte, p store.Position) {
		if p.Seq > last {
			c.faultf("the follower %s is at %d, the log ends at %d", k, p.Seq, last)
		}
	})
	values(c, bFindings, func(k []byte, f store.Finding) {
		c.report.Findings++
		if seq := c.in(bFindingIDs).Get([]byte(f.ID)); !bytes.Equal(k, join(be64(f.Change), []byte(f.ID))) || !bytes.Equal(seq, be64(f.Change)) {
			c.faultf("finding %s is not where its index says", f.ID)
		}
	})
	waiting, told, aside, indexed := 0, 0, 0, formatOf(c.Tx) >= 3 && c.in(bAside) != nil
	values(c, bDeliveries, func(k []byte, d store.Delivery) {
		c.report.Deliveries++
		if at := c.in(bDelivIDs).Get([]byte(d.ID)); !bytes.Equal(k, join(at, []byte(d.ID))) {
			c.faultf("delivery %s is not where its index says", d.ID)
		}
		for _, id := range d.Tells() {
			if told++; c.in(bOf).Get(pair(id, d.ID)) == nil {
				c.faultf("delivery %s is not where its index says", d.ID)
			}
		}
		if _, err := c.raw(d.ID); err != nil {
			c.faultf("the bytes of delivery %s: %w", d.ID, err)
		}
		if c.in(bSubs).Get([]byte(d.Subscription)) == nil {
			c.faultf("delivery %s is of no subscription", d.ID)
		}
		if key := asideKey(d); key != nil && indexed {
			aside++
			if c.in(bAside).Get(key) == nil {
				c.faultf("delivery %s is held, or was taken back, and is not in the index", d.ID)
			}
		}
		if key := dueKey(d); key != nil {
			waiting++
			if c.in(bDue).Get(key) == nil {
				c.faultf("delivery %s waits and is not in the index", d.ID)
			}
		}
	})
	c.count(bFindingIDs, c.report.Findings)
	c.count(bDelivIDs, c.report.Deliveries)
	c.count(bOf, told)
	c.count(bRaw, c.report.Deliveries)
	c.count(bDue, waiting)
	if indexed {
		c.count(bAside, aside)
	}
}

func (c *checker) subscribers() {
	values(c, bSubs, func(k []byte, s store.Subscription) {
		c.report.Subscriptions++
		if string(k) != s.ID || c.in(bAddresses).Get(join(c.s.addressKey(s.Address), k)) == nil {
			c.faultf("subscription %s is not where its index says", k)
		}
	})
	c.count(bAddresses, c.report.Subscriptions)
}

// count compares the size of an index with what it is an index of.
func (c *checker) count(bucket string, want int) {
	n := 0
	_ = c.in(bucket).ForEach(func(_, _ []byte) error { n++; return c.ctx.Err() })
	if n != want {
		c.faultf("%s has %d entries and should have %d", bucket, n, want)
	}
}

// archive reads every paper and its text.
func (c *checker) archive(root string, progress func(int)) {
	_ = filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		switch name := filepath.Base(path); {
		case err != nil:
			c.fault(err)
		case e.IsDir() && name == "tmp":
			return filepath.SkipDir
		case e.IsDir():
		case strings.HasSuffix(name, textEnd):
			c.fault(checkText(path))
		default:
			c.report.Papers++
			delete(c.papers, name)
			c.fault(checkPaper(path, name))
		}
		if progress != nil {
			progress(c.report.Papers)
		}
		return c.ctx.Err()
	})
}

func checkText(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := readText(f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func checkPaper(path, sha string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != sha {
		return fmt.Errorf("%s: its bytes are not those of its name", path)
	}
	return nil
}
