package alerts

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ccgwatch/store"
)

// Papers tells what the papers of items come to: the sentences of them that a
// register quotes, those of the latest meeting first, and how many papers of a
// source have pages that could not be read. What it works out follows the log and
// is kept in Derived, so that neither costs an answer a pass through the papers.
// It is safe for concurrent use.
type Papers struct {
	Ledger  store.Ledger  // what may be shown
	Archive store.Archive // the papers page by page; nil: no sentence is quoted
	// Said finds the sentences of a paper, fit to be shown but for what the operator
	// struck out; nil: none.
	Said    func(pages []string) []Saying
	Derived store.Derived // nil: in memory

	once  sync.Once
	mu    sync.Mutex // one follows at a time
	kept  kept
	fresh freshUnread
}

// A Saying is a sentence of a paper.
type Saying struct {
	Page  int    `json:"p"` // 1 is the first
	Kind  string `json:"k"` // as Said names it
	Quote string `json:"q"`
}

// A SaidIn is a sentence with the paper and the item in which it stands. A paper
// that several items have is quoted with the latest of them.
type SaidIn struct {
	Saying
	Source, Key, Item  string
	When               time.Time // of the meeting; zero: unknown
	Document, URL, SHA string
}

// A SaidPage is a part of the list of sentences.
type SaidPage struct {
	List   []SaidIn
	All    int  // sentences
	Papers int  // in which they were looked for, each counted once
	Behind bool // there is more in the log that is not worked out yet
}

// The tables of Papers. A paper is named by the bytes of its hash.
const (
	tablePapers  = "papers"       // item -> paperItem
	tableHolders = "paperholders" // hash, item
	tableSaid    = "said"         // hash -> []Saying; none while its text is not kept
	tableQuoted  = "quoted"       // moment of the item, backwards, item, place of the paper and of the sentence
	tableCounts  = "papercounts"  // what is counted -> how many
	countSaid    = "said"
	countPapers  = "papers"
	countUnread  = "unread\x00" // by source
)

// paperItem is an item with papers.
type paperItem struct {
	Title  string     `json:"t,omitempty"`
	When   time.Time  `json:"w,omitzero"`
	Papers []paperDoc `json:"p,omitempty"` // those whose bytes are kept, each once
	Unread int        `json:"n,omitempty"` // papers listed, with pages that could not be read
}

type paperDoc struct {
	Title string `json:"t,omitempty"`
	URL   string `json:"u,omitempty"`
	SHA   string `json:"s"`
}

func (x *paperItem) empty() bool { return len(x.Papers) == 0 && x.Unread == 0 }

// later tells which of two items a paper is quoted with.
func (x *paperItem) later(name string, y *paperItem, other string) bool {
	if c := x.When.Compare(y.When); c != 0 {
		return c > 0
	}
	return name > other
}

func (p *Papers) begin() {
	p.once.Do(func() {
		if p.Derived == nil {
			p.Derived = &store.Scratch{}
		}
		p.kept.name, p.kept.derived, p.kept.ledger = "papers", p.Derived, p.Ledger
	})
}

// Follow works out what the log holds since, after a start with nothing kept all
// of it. It works in small transactions, so that others read meanwhile.
func (p *Papers) Follow(ctx context.Context) error {
	p.begin()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept.follow(ctx, "papers", p.take)
}

// take reads the items of some changes as they are now.
func (p *Papers) take(ctx context.Context, rows store.Rows, _ uint64, changes []store.Change) error {
	var order []store.ItemRef
	read := map[store.ItemRef][]string{} // papers that were read, maybe not for the first time
	for _, c := range changes {
		ref := store.ItemRef{Source: c.Source, Key: c.Key}
		if _, ok := read[ref]; !ok {
			order = append(order, ref)
		}
		list := read[ref]
		for _, d := range slices.Concat(c.Documents, c.Read) {
			list = append(list, d.SHA256)
		}
		read[ref] = list
	}
	w := &papering{Papers: p, ctx: ctx, rows: rows}
	for _, ref := range order {
		if err := w.item(ref, read[ref]); err != nil {
			return err
		}
	}
	return nil
}

// now is an item as it is shown, nothing where it is not.
func (p *Papers) now(ctx context.Context, ref store.ItemRef) (x paperItem, err error) {
	it, err := p.Ledger.Item(ctx, ref.Source, ref.Key)
	if errors.Is(err, store.ErrNotFound) {
		return x, nil
	}
	if err != nil {
		return x, fmt.Errorf("read %s %s: %w", ref.Source, ref.Key, err)
	}
	x.Title, x.When = it.Title, it.When()
	for _, d := range it.Documents {
		if it.Withdrawn.IsZero() && d.Unread != "" {
			x.Unread++
		}
		if d.SHA256 != "" && p.Archive != nil && p.Said != nil && !slices.ContainsFunc(x.Papers, func(y paperDoc) bool { return y.SHA == d.SHA256 }) {
			x.Papers = append(x.Papers, paperDoc{d.Title, d.URL, d.SHA256})
		}
	}
	return x, nil
}

// A papering is one transaction of Papers.
type papering struct {
	*Papers
	ctx  context.Context // lives as long as the transaction
	rows store.Rows
}

// shaName is how a paper is named in the tables.
func shaName(sha string) string {
	if b, err := hex.DecodeString(sha); err == nil {
		return string(b)
	}
	return sha
}

// item takes in an item as it is now.
func (w *papering) item(ref store.ItemRef, read []string) error {
	name := itemName(ref.Source, ref.Key)
	was, err := w.row(name)
	if err != nil {
		return err
	}
	is, err := w.now(w.ctx, ref)
	if err != nil {
		return err
	}
	if was.empty() && is.empty() {
		return nil
	}
	shas := map[string]bool{}
	for _, d := range slices.Concat(was.Papers, is.Papers) {
		shas[d.SHA] = true
	}
	touched, err := w.holders(name, shas)
	if err != nil {
		return err
	}
	for _, n := range touched {
		if err := w.unquote(n); err != nil {
			return err
		}
	}
	if err := w.store(name, &was, &is); err != nil {
		return err
	}
	if err := w.add(countUnread+ref.Source, is.Unread-was.Unread); err != nil {
		return err
	}
	for sha := range shas {
		if err := w.text(sha, slices.Contains(read, sha)); err != nil {
			return err
		}
	}
	for _, n := range touched {
		if err := w.quote(n); err != nil {
			return err
		}
	}
	return nil
}

func (w *papering) row(name string) (x paperItem, err error) {
	_, err = getRow(w.rows, tablePapers, name, &x)
	return x, err
}

// holders are an item and those that share a paper with it.
func (w *papering) holders(name string, shas map[string]bool) ([]string, error) {
	out := []string{name}
	for sha := range shas {
		names, err := keysOf(w.rows, tableHolders, shaName(sha))
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out, nil
}

// store writes an item, and that it has its papers.
func (w *papering) store(name string, was, is *paperItem) error {
	for _, d := range was.Papers {
		if err := w.rows.Delete(tableHolders, shaName(d.SHA)+name); err != nil {
			return err
		}
	}
	for _, d := range is.Papers {
		if err := w.rows.Put(tableHolders, shaName(d.SHA)+name, nil); err != nil {
			return err
		}
	}
	if is.empty() {
		return w.rows.Delete(tablePapers, name)
	}
	return putRow(w.rows, tablePapers, name, is)
}

// text keeps the sentences of a paper as long as an item has it; anew: it was
// read again since.
func (w *papering) text(sha string, anew bool) error {
	name := shaName(sha)
	holders, err := keysOf(w.rows, tableHolders, name)
	if err != nil {
		return err
	}
	var said []Saying
	had, err := getRow(w.rows, tableSaid, name, &said)
	if err != nil || had && !anew && len(holders) > 0 {
		return err
	}
	has := false
	if len(holders) > 0 {
		pages, err := w.Archive.Text(w.ctx, sha)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("read the text of paper %s: %w", sha, err)
		}
		if has = err == nil; has {
			if err := putRow(w.rows, tableSaid, name, append([]Saying{}, w.Said(pages)...)); err != nil {
				return err
			}
		}
	}
	if had == has {
		return nil
	}
	if has {
		return w.add(countPapers, 1)
	}
	if err := w.rows.Delete(tableSaid, name); err != nil {
		return err
	}
	return w.add(countPapers, -1)
}

// quotedAt begins the keys of an item's sentences: the latest item sorts first.
func quotedAt(x *paperItem, name string) string {
	return be64(^(uint64(x.When.Unix()) ^ 1<<63)) + name + "\x00" //nolint:gosec // made unsigned in the order of time
}

// unquote takes the sentences of an item out of the list.
func (w *papering) unquote(name string) error {
	x, err := w.row(name)
	if err != nil || len(x.Papers) == 0 {
		return err
	}
	prefix := quotedAt(&x, name)
	places, err := keysOf(w.rows, tableQuoted, prefix)
	if err != nil {
		return err
	}
	for _, at := range places {
		if err := w.rows.Delete(tableQuoted, prefix+at); err != nil {
			return err
		}
	}
	return w.add(countSaid, -len(places))
}

// quote puts the sentences of an item into the list, of those papers that no
// later item has.
func (w *papering) quote(name string) error {
	x, err := w.row(name)
	if err != nil {
		return err
	}
	n := 0
	for i, d := range x.Papers {
		latest, err := w.latest(name, &x, d.SHA)
		if err != nil {
			return err
		}
		if !latest {
			continue
		}
		var said []Saying
		if _, err := getRow(w.rows, tableSaid, shaName(d.SHA), &said); err != nil {
			return err
		}
		for j := range said {
			if err := w.rows.Put(tableQuoted, quotedAt(&x, name)+quotedPlace(i, j), nil); err != nil {
				return err
			}
		}
		n += len(said)
	}
	return w.add(countSaid, n)
}

// quotedPlace is that of a sentence in its item. No item has 65,536 papers, and
// of one no more sentences are quoted than Said gives.
func quotedPlace(paper, sentence int) string {
	return string([]byte{byte(paper >> 8), byte(paper), byte(sentence >> 8), byte(sentence)}) //nolint:gosec // see above
}

func (w *papering) latest(name string, x *paperItem, sha string) (bool, error) {
	holders, err := keysOf(w.rows, tableHolders, shaName(sha))
	if err != nil {
		return false, err
	}
	for _, other := range holders {
		if other == name {
			continue
		}
		y, err := w.row(other)
		if err != nil {
			return false, err
		}
		if !x.later(name, &y, other) {
			return false, nil
		}
	}
	return true, nil
}

// add counts.
func (w *papering) add(what string, n int) error {
	if n == 0 {
		return nil
	}
	all := 0
	if _, err := getRow(w.rows, tableCounts, what, &all); err != nil {
		return err
	}
	return putRow(w.rows, tableCounts, what, all+n)
}
