package web

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"ccgwatch/store"
)

// AllItems are the items of a store, by source and key. Whoever goes through them
// must not call the store, and must not wait for anybody: it is one transaction.
func AllItems(ctx context.Context, l store.Ledger) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		gone := false
		err := l.Items(ctx, "", func(it store.Item) bool {
			gone = !yield(it, ctx.Err())
			return !gone
		})
		if err != nil && !gone {
			yield(store.Item{}, err)
		}
	}
}

// AllChanges are the entries of the log after a number, read a batch at a time.
func AllChanges(ctx context.Context, l store.Ledger, after uint64) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		for {
			list, err := l.Changes(ctx, after, batch)
			if err != nil {
				yield(store.Change{}, err)
				return
			}
			for _, c := range list {
				if after = c.Seq; !yield(c, nil) {
					return
				}
			}
			if len(list) == 0 {
				return
			}
		}
	}
}

// AllFindings are the findings of a store, oldest first; see AllItems.
func AllFindings(ctx context.Context, o store.Outbox) iter.Seq2[store.Finding, error] {
	return func(yield func(store.Finding, error) bool) {
		gone := false
		err := o.Findings(ctx, 0, func(f store.Finding) bool {
			gone = !yield(f, ctx.Err())
			return !gone
		})
		if err != nil && !gone {
			yield(store.Finding{}, err)
		}
	}
}

// each calls f with what a sequence gives until one of the two fails.
func each[T any](all iter.Seq2[T, error], f func(T) error) error {
	for x, err := range all {
		if err != nil {
			return err
		}
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}

// WriteItems writes an ItemDetail a line, without history: that is the log's.
func WriteItems(w io.Writer, zone *time.Location, items iter.Seq2[store.Item, error]) error {
	return each(items, func(it store.Item) error { return writeLine(w, MakeItemDetail(it, zone)) })
}

// WriteChanges writes a ChangeLine a line, of one year of London or (0) of all.
func WriteChanges(w io.Writer, zone *time.Location, year int, changes iter.Seq2[store.Change, error]) error {
	return each(changes, func(c store.Change) error {
		if year != 0 && c.At.In(zone).Year() != year {
			return nil
		}
		return writeLine(w, MakeChangeLine(c, zone))
	})
}

// WriteFindings writes a FindingLine a line.
func WriteFindings(w io.Writer, base string, zone *time.Location, findings iter.Seq2[store.Finding, error]) error {
	return each(findings, func(f store.Finding) error { return writeLine(w, MakeFindingLine(f, base, zone)) })
}

// table writes a table of what a sequence gives.
func table[T any](w io.Writer, mark bool, columns []string, all iter.Seq2[T, error], row func(*Table, T) error) error {
	t, err := NewTable(w, mark, columns)
	if err != nil {
		return err
	}
	if err := each(all, func(x T) error { return row(t, x) }); err != nil {
		return err
	}
	return t.Close()
}

// WriteItemTable writes items as CSV.
func WriteItemTable(w io.Writer, mark bool, zone *time.Location, items iter.Seq2[store.Item, error]) error {
	return table(w, mark, ItemColumns(), items, func(t *Table, it store.Item) error { return t.Item(MakeItemLine(it, zone)) })
}

// WriteNoticeTable writes the notices among items as CSV, one line a notice:
// announcements, tenders, awards, contracts and their changes.
func WriteNoticeTable(w io.Writer, mark bool, zone *time.Location, items iter.Seq2[store.Item, error]) error {
	return table(w, mark, NoticeColumns(), items, func(t *Table, it store.Item) error {
		n := impersonalNotice(it.Notice)
		if n == nil {
			return nil
		}
		return t.Notice(MakeItemLine(it, zone), n, londonStamp(n.Date, zone))
	})
}

// WriteFindingTable writes findings as CSV.
func WriteFindingTable(w io.Writer, mark bool, base string, zone *time.Location, findings iter.Seq2[store.Finding, error]) error {
	return table(w, mark, FindingColumns(), findings, func(t *Table, f store.Finding) error { return t.Finding(MakeFindingLine(f, base, zone)) })
}

// WriteDateTable writes meetings and deadlines as CSV.
func WriteDateTable(w io.Writer, mark bool, zone *time.Location, dates iter.Seq2[Date, error]) error {
	return table(w, mark, DateColumns(), dates, func(t *Table, d Date) error { return t.Date(MakeDateLine(d, zone)) })
}

// A bulkFile is a file with everything of one kind.
type bulkFile struct {
	Name, About string
	media       string
	packed      bool
	lines       func(s *site, ctx context.Context, w io.Writer, base string, mark bool) error
}

// bulkFiles are all of them but the log by year. They are streams and no pages:
// they are as long as the record, are written one line at a time, and memory
// does not grow with them; how long one takes does.
func bulkFiles() []bulkFile {
	const zipped, csvType = "application/gzip", "text/csv; charset=utf-8; header=present"
	return []bulkFile{
		{"all.jsonl.gz", "every item with its agenda or notice, one JSON object a line", zipped, true, func(s *site, ctx context.Context, w io.Writer, _ string, _ bool) error {
			return WriteItems(w, s.zone, AllItems(ctx, s.Ledger))
		}},
		{"changes.jsonl.gz", "the whole change log, one JSON object a line", zipped, true, func(s *site, ctx context.Context, w io.Writer, _ string, _ bool) error {
			return WriteChanges(w, s.zone, 0, AllChanges(ctx, s.Ledger, 0))
		}},
		{"findings.jsonl.gz", "every finding, one JSON object a line", zipped, true, func(s *site, ctx context.Context, w io.Writer, base string, _ bool) error {
			return WriteFindings(w, base, s.zone, AllFindings(ctx, s.Outbox))
		}},
		{"ocds.jsonl.gz", "every notice as an OCDS 1.1 release package, one a line", zipped, true, func(s *site, ctx context.Context, w io.Writer, base string, _ bool) error {
			return WriteOCDS(w, s.publication(base), AllItems(ctx, s.Ledger))
		}},
		{"items.csv", "every item", csvType, false, func(s *site, ctx context.Context, w io.Writer, _ string, mark bool) error {
			return WriteItemTable(w, mark, s.zone, AllItems(ctx, s.Ledger))
		}},
		{"findings.csv", "every finding", csvType, false, func(s *site, ctx context.Context, w io.Writer, base string, mark bool) error {
			return WriteFindingTable(w, mark, base, s.zone, AllFindings(ctx, s.Outbox))
		}},
		{"notices.csv", "every procurement notice: announcements, tenders, awards, contracts", csvType, false, func(s *site, ctx context.Context, w io.Writer, _ string, mark bool) error {
			return WriteNoticeTable(w, mark, s.zone, AllItems(ctx, s.Ledger))
		}},
		{"meetings.csv", "meetings and deadlines, from half a year back", csvType, false, func(s *site, ctx context.Context, w io.Writer, base string, mark bool) error {
			return WriteDateTable(w, mark, s.zone, s.each(ctx, DatesWant{}, base))
		}},
	}
}

// write writes the file as it is answered.
func (f bulkFile) write(s *site, ctx context.Context, w io.Writer, base string, mark bool) error {
	if !f.packed {
		return f.lines(s, ctx, w, base, mark)
	}
	z := gzip.NewWriter(w)
	if err := f.lines(s, ctx, z, base, mark); err != nil {
		return err
	}
	return z.Close()
}

// yearFile is the name of a year of the log.
func yearFile(year int) string { return fmt.Sprintf("changes-%d.jsonl.gz", year) }

// fileNamed finds a file by its name; changes-2026.jsonl.gz is a year of the log.
func (s *site) fileNamed(ctx context.Context, name string) (bulkFile, error) {
	for _, f := range bulkFiles() {
		if f.Name == name {
			return f, nil
		}
	}
	y, ok := strings.CutPrefix(name, "changes-")
	y, ends := strings.CutSuffix(y, ".jsonl.gz")
	year, err := strconv.Atoi(y)
	if !ok || !ends || err != nil || len(y) != 4 {
		return bulkFile{}, store.ErrNotFound
	}
	first, last, err := s.years(ctx)
	if err != nil {
		return bulkFile{}, err
	}
	if year < first || year > last {
		return bulkFile{}, store.ErrNotFound
	}
	return bulkFile{name, "the change log of " + y, "application/gzip", true, func(s *site, ctx context.Context, w io.Writer, _ string, _ bool) error {
		return WriteChanges(w, s.zone, year, AllChanges(ctx, s.Ledger, 0))
	}}, nil
}

// years are the first and the last that the log has entries of; 1 and 0 of an
// empty one.
func (s *site) years(ctx context.Context) (first, last int, err error) {
	list, err := s.Ledger.Changes(ctx, 0, 1)
	if err != nil || len(list) == 0 {
		return 1, 0, err
	}
	end, err := s.Ledger.LastSeq(ctx)
	if err != nil {
		return 1, 0, err
	}
	newest, err := s.Ledger.Changes(ctx, end-1, 1)
	if err != nil || len(newest) == 0 {
		return 1, 0, err
	}
	return list[0].At.In(s.zone).Year(), newest[0].At.In(s.zone).Year(), nil
}

// A shelf keeps the files that were asked for last, as files without a name in
// the system's place for such: nothing of them is in memory, and after a crash
// nothing is left. One is made anew when the record has moved on and some time
// has passed.
type shelf struct {
	mu    sync.Mutex // of kept
	kept  map[string]*shelved
	build sync.Mutex // one is made at a time
}

type shelved struct {
	file    *os.File // closed when nobody reads it any more
	size    int64
	tag     string
	updated time.Time
	state   feedState
	at      time.Time
}

const (
	shelfFresh   = 10 * time.Minute // so often a file is made at most
	shelfOld     = 6 * time.Hour    // after which it is made anew in any case: what was judged again shows
	downloads    = 4                // at once
	downloadTime = 30 * time.Minute
	bulkCost     = 5
)

// bulk answers with a file. Parts of it can be asked for, so that a download
// that broke off goes on.
func (s *site) bulk(w http.ResponseWriter, r *http.Request) error {
	if wait := s.quota.ask(s.client(r), bulkCost, s.Now()); wait > 0 {
		return &fault{status: http.StatusTooManyRequests, title: "Too often", text: "Please wait a little between two files.", retry: wait}
	}
	mark := false
	for name, v := range r.URL.Query() {
		if mark = name == "bom" && len(v) == 1 && v[0] == "1"; !mark {
			return badRequest("The only parameter here is bom=1, for CSV.")
		}
	}
	f, err := s.fileNamed(r.Context(), r.PathValue("file"))
	if err != nil {
		return err
	}
	select {
	case s.queueOfFiles <- struct{}{}:
		defer func() { <-s.queueOfFiles }()
	default:
		return &fault{status: http.StatusServiceUnavailable, title: "Too many downloads at once", text: "Please try again in a few minutes.", retry: time.Minute}
	}
	// A large file over a slow line takes longer than a page may.
	line := http.NewResponseController(w)
	_ = line.SetWriteDeadline(time.Time{}) // of a connection that has none there is nothing to set
	defer time.AfterFunc(downloadTime, func() { _ = line.SetWriteDeadline(time.Unix(1, 0)) }).Stop()
	x, err := s.shelved(r.Context(), f, s.address(r), mark && strings.HasSuffix(f.Name, ".csv"))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", f.media)
	h.Set("Content-Disposition", `attachment; filename="`+f.Name+`"`)
	h.Set("Cache-Control", "public, max-age=600")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("ETag", x.tag)
	h.Set("CCGWatch-Latest", strconv.FormatUint(x.state.log, 10))
	http.ServeContent(w, r, "", x.updated, io.NewSectionReader(x.file, 0, x.size))
	runtime.KeepAlive(x)
	return nil
}

// shelved is a file as it is kept, made anew where that is due.
func (s *site) shelved(ctx context.Context, f bulkFile, base string, mark bool) (*shelved, error) {
	key := fmt.Sprint(base, " ", f.Name, " ", mark)
	state, err := s.feedState(ctx)
	if err != nil {
		return nil, err
	}
	find := func() *shelved {
		s.shelf.mu.Lock()
		defer s.shelf.mu.Unlock()
		x := s.shelf.kept[key]
		if x == nil {
			return nil
		}
		age := s.Now().Sub(x.at)
		if age < 0 || age >= shelfOld || age >= shelfFresh && x.state != state {
			return nil
		}
		return x
	}
	if x := find(); x != nil {
		return x, nil
	}
	s.shelf.build.Lock()
	defer s.shelf.build.Unlock()
	if x := find(); x != nil { // somebody else waited for the same
		return x, nil
	}
	x, err := s.put(ctx, f, base, mark)
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", f.Name, err)
	}
	x.state, x.at = state, s.Now()
	s.shelf.mu.Lock()
	defer s.shelf.mu.Unlock()
	if s.shelf.kept == nil || len(s.shelf.kept) >= feedsKept {
		s.shelf.kept = map[string]*shelved{}
	}
	s.shelf.kept[key] = x
	return x, nil
}

// put writes a file. Its name is taken away at once where the system lets us.
func (s *site) put(ctx context.Context, f bulkFile, base string, mark bool) (*shelved, error) {
	file, err := os.CreateTemp("", "ccgwatch-data-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name()) // Windows keeps it until the next cleaning
	sum := sha256.New()
	w := &counted{w: io.MultiWriter(file, sum)}
	if err := f.write(s, ctx, w, base, mark); err != nil {
		_ = file.Close()
		return nil, err
	}
	x := &shelved{file: file, size: w.n, tag: `"` + hex.EncodeToString(sum.Sum(nil)[:12]) + `"`}
	if end, err := s.Ledger.LastSeq(ctx); err == nil && end > 0 {
		if list, err := s.Ledger.Changes(ctx, end-1, 1); err == nil && len(list) == 1 {
			x.updated = list[0].At
		}
	}
	return x, nil
}

// counted counts what is written.
type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// Table tells whether it is one for spreadsheets.
func (f bulkFile) Table() bool { return strings.HasSuffix(f.Name, ".csv") }
