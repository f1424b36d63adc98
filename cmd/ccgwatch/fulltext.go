package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/alerts/judge"
	"ccgwatch/store"
	"ccgwatch/store/index"
	"ccgwatch/store/query"
)

// A fulltext is the search index of an app, opened when it is first asked for.
// It stands beside the store and in no copy of it: it can always be made again.
type fulltext struct {
	mu   sync.Mutex
	open *index.Index
	make func() (*index.Index, error)
}

// A fulltext is a store.Index itself, so that pages need not wait at the start
// until that of a large store is read.
var _ store.Index = (*fulltext)(nil)

// Search opens the index if need be.
func (f *fulltext) Search(ctx context.Context, s store.Search) (store.SearchResult, error) {
	x, err := f.make()
	if err != nil {
		return store.SearchResult{}, err
	}
	return x.Search(ctx, s)
}

// Found opens the index if need be.
func (f *fulltext) Found(ctx context.Context, q query.Query, before store.FoundPlace, each func(store.Found) bool) error {
	x, err := f.make()
	if err != nil {
		return err
	}
	return x.Found(ctx, q, before, each)
}

// Things opens the index if need be.
func (f *fulltext) Things(ctx context.Context, q query.Query) (things []uint64, ask bool, err error) {
	x, err := f.make()
	if err != nil {
		return nil, false, err
	}
	return x.Things(ctx, q)
}

// Place opens the index if need be.
func (f *fulltext) Place(ctx context.Context) (done, end uint64, err error) {
	x, err := f.make()
	if err != nil {
		return 0, 0, err
	}
	return x.Place(ctx)
}

// warm reads what many searches ask for.
func (f *fulltext) warm(ctx context.Context) error {
	x, err := f.make()
	if err != nil {
		return err
	}
	return x.Warm(ctx)
}

// index opens the search index.
func (a *app) index() (*index.Index, error) {
	a.search.mu.Lock()
	defer a.search.mu.Unlock()
	if a.search.open != nil {
		return a.search.open, nil
	}
	x, err := index.Open(a.indexFile(), index.Options{
		Ledger: a.public, Archive: a.store, Outbox: a.store, Shown: a.public.Shown, Edit: a.public.Clean, Follower: alerts.Follower,
		Describe: a.described, Facts: a.facts, Redact: judge.Redact, Version: a.indexVersion(), Log: a.log,
	})
	if err == nil {
		a.search.open = x
	}
	return x, err
}

func (a *app) indexFile() string { return filepath.Join(a.data, index.File) }

// indexVersion names all that decides under which words a thing is filed: the
// rules and names of this release, and what the sources are called.
func (a *app) indexVersion() string {
	h := sha256.New()
	for _, s := range a.sources {
		fmt.Fprintf(h, "%s\x00%s\x00%s\x00", s.ID, s.Name, s.Body)
	}
	return version() + " " + a.rules.Version + " " + hex.EncodeToString(h.Sum(nil)[:8])
}

// close lets go of the index, if it was opened.
func (f *fulltext) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		return nil
	}
	err := f.open.Close()
	f.open = nil
	return err
}

// forgetIndex has the index built again: what was found has changed.
func (a *app) forgetIndex(why string) error {
	a.search.mu.Lock()
	x := a.search.open
	a.search.mu.Unlock()
	if x != nil {
		return x.Rebuild(why)
	}
	return index.Remove(a.indexFile())
}

// slowIndex is after how long work on the index is worth a word.
const slowIndex = 5 * time.Second

// indexAll takes all that was judged into the index. said, if not nil, is told
// how far it has come when that takes its time.
func (a *app) indexAll(ctx context.Context, said func(done, end uint64)) error {
	x, err := a.index()
	if err != nil {
		return err
	}
	begun := time.Now()
	for {
		more, err := x.Step(ctx)
		if err != nil || !more {
			return err
		}
		if said != nil && time.Since(begun) > slowIndex {
			if done, end, err := x.Place(ctx); err == nil {
				said(done, end)
				begun = time.Now()
			}
		}
	}
}

// jobIndex is no id of a source.
const jobIndex = "(index)"

// index keeps the index up with the log, beside everything else. What comes
// while it works it takes in, too.
func (d *daemon) indexSoon(ctx context.Context) {
	if !d.claim(jobIndex) {
		return
	}
	d.visits.Go(func() {
		defer d.release(jobIndex)
		long := false
		err := d.indexAll(ctx, func(done, end uint64) {
			long = true
			d.log.Info("the search is being built", "changes", done, "of", end)
		})
		switch {
		case err != nil && ctx.Err() == nil:
			d.log.Error("search index", "err", err)
		case long && err == nil:
			d.log.Info("the search is complete")
		}
	})
}

// described is an item to a search. An item goes by the names of the bodies it
// is of, as what is found in it does.
func (a *app) described(it store.Item) index.Described {
	d := index.Described{Date: it.When()}
	for _, t := range []time.Time{it.Published, it.FirstSeen} {
		if d.Date.IsZero() {
			d.Date = t
		}
	}
	var about []string
	if n := it.Notice; n != nil {
		d.Facts = query.Facts{Kinds: []string{string(it.Kind)}, Sources: []string{it.Source}}
		d.Bodies = a.judge.Buyers(n)
		var names []string
		for _, p := range n.Buyers {
			names = append(names, p.Name)
		}
		d.Facts.Bodies = slices.Clone(names)
		for _, id := range d.Bodies {
			d.Facts.Bodies = append(d.Facts.Bodies, a.names[id]...)
			d.Facts.Areas = append(d.Facts.Areas, a.areasOf(id)...)
		}
		d.Facts.Text = it.Title + "\n" + strings.Join(names, "\n")
		about = append(about, n.Description)
		for _, p := range n.Suppliers {
			about = append(about, p.Name)
		}
		for _, t := range n.Texts {
			about = append(about, t.Text)
		}
		for _, p := range n.Places {
			about = append(about, p.Text)
		}
		for _, c := range n.Amendments {
			about = append(about, c.Description, c.New)
		}
		about = append(about, n.Rationale)
		about = append(append(about, n.CPV...), n.Reference, n.OCID, n.Release)
	} else {
		f := a.about(it)
		f.Text = ""
		d.Facts = a.facts(f)
		d.Facts.Topics, d.Facts.Tiers = nil, nil // nobody has judged anything yet
		d.Bodies = []string{a.publisher(it)}
	}
	for _, name := range slices.Sorted(maps.Keys(it.Fields)) {
		switch v := it.Fields[name]; {
		case it.Notice != nil, name == store.FieldWhen, name == store.FieldEventAt, v == store.Published, v == store.StatusConfirmed:
		default:
			about = append(about, v)
		}
	}
	d.Text = strings.Join(slices.DeleteFunc(about, func(s string) bool { return strings.TrimSpace(s) == "" }), "\n")
	return d
}

func (a *app) areasOf(body string) []string {
	var out []string
	for _, id := range a.bodies[body].Areas {
		out = append(out, id)
		if name := a.areaNames[id]; name != "" {
			out = append(out, name)
		}
	}
	return out
}

// publisher is the body whose words an item holds: one that nobody named goes
// by the id of the source.
func (a *app) publisher(it store.Item) string {
	for _, s := range a.sources {
		if s.ID == it.Source {
			return cmp.Or(s.Body, it.Body, s.ID)
		}
	}
	return cmp.Or(it.Body, it.Source)
}

// checkIndex reads an index that no process has open; none is no fault, since
// it is made again.
func (e *env) checkIndex(ctx context.Context) checked {
	c := checked{Part: "search", State: "ok", What: "no search index yet: it is made when it is needed"}
	if a := e.shared; a != nil {
		x, err := a.index()
		if err != nil {
			c.State, c.What = "failed", err.Error()
			return c
		}
		return describeIndex(ctx, c, x)
	}
	path := filepath.Join(e.data, index.File)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c
	}
	if err == nil {
		if err = index.CheckFile(ctx, path); err == nil {
			c.What = bytesText(uint64(info.Size())) //nolint:gosec // not negative
			return c
		}
	}
	c.State, c.What = "damaged", err.Error()+"; it is built again at the next start, nothing is lost"
	return c
}

func describeIndex(ctx context.Context, c checked, x *index.Index) checked {
	if err := x.Check(ctx); err != nil {
		c.State, c.What = "damaged", err.Error()+"; it is built again by itself, nothing is lost"
		return c
	}
	c.What = indexText(ctx, x)
	return c
}

// indexText says what an index holds and what it does not yet.
func indexText(ctx context.Context, x *index.Index) string {
	s := x.Size()
	text := fmt.Sprintf("%s, %s, %s, %s", count(s.Items, "item"), count(s.Places, "place"), count(s.Findings, "finding"), bytesText(uint64(s.Bytes))) //nolint:gosec // not negative
	if done, end, err := x.Place(ctx); err == nil && done < end {
		text += fmt.Sprintf("; being built: %d of %s", done, count(int(end), "change")) //nolint:gosec // below 2^63
	}
	return text
}

// searchState says for the status how far the index is; looking makes none.
func (a *app) searchState(ctx context.Context) string {
	if !exists(a.indexFile()) {
		return "no index yet: it is made when it is needed"
	}
	x, err := a.index()
	if err != nil {
		return err.Error()
	}
	done, end, err := x.Place(ctx)
	switch {
	case err != nil:
		return err.Error()
	case done < end:
		return fmt.Sprintf("being built: %d of %s", done, count(int(end), "change")) //nolint:gosec // below 2^63
	}
	return "up to date"
}

// sayBuilding tells on a terminal how far the index is.
func sayBuilding(w io.Writer) func(done, end uint64) {
	return func(done, end uint64) {
		fmt.Fprintf(w, "ccgwatch: the search is being built: %d of %d changes\n", done, end)
	}
}
