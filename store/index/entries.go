package index

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// pageMost bounds the text of one place, in bytes: a page with more is a table
// of figures.
const pageMost = 256 << 10

// An itemFacts is what is stored of an item, for its places.
type itemFacts struct {
	no    int64
	live  bool
	facts int64 // its own, and those of what was found in it
	found int64
}

// change brings the places of an item up to date: those that would say the
// same stay, others go, new ones are added. One that is no longer listed, or
// that the store does not know, has none.
func (w *writer) change(c store.Change, found []store.Finding, anew bool) error {
	var was itemFacts
	known, err := w.get(`SELECT no, live, facts, found FROM item WHERE source = ? AND key = ?`, []any{c.Source, c.Key}, &was.no, &was.live, &was.facts, &was.found)
	if err != nil {
		return err
	}
	it, err := w.x.o.Ledger.Item(w.ctx, c.Source, c.Key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		it = store.Item{Source: c.Source, Key: c.Key, Kind: c.Kind, Title: c.Title, URL: c.URL, Withdrawn: c.At}
	case err != nil:
		return err
	}
	var union query.Facts
	switch {
	case anew:
		union, err = w.findingsAnew(c.Source, c.Key)
	case known:
		union, err = w.listsOf(was.found)
	}
	if err != nil {
		return err
	}
	for _, f := range found {
		f, shown, err := w.x.o.Shown(w.ctx, f)
		if err != nil {
			return err
		}
		if shown {
			union = joined(union, w.x.o.Facts(f))
		}
	}
	d := w.x.o.Describe(it)
	own := d.Facts
	all := joined(own, union)
	all.Text = w.x.o.Redact(clean(own.Text))
	no, err := w.item(it, d, all, own, union)
	if err != nil {
		return err
	}
	var units []unit
	if it.Withdrawn.IsZero() {
		units = w.units(it, d)
		if w.edit, err = w.x.o.Edit(w.ctx, it.Source, it.Key); err != nil {
			return err
		}
	}
	return w.places(no, all, units, anew)
}

// joined are the lists of both, without text.
func joined(a, b query.Facts) query.Facts {
	both := func(x, y []string) []string {
		if len(x)+len(y) == 0 {
			return nil
		}
		out := slices.Concat(x, y)
		slices.Sort(out)
		return slices.Compact(out)
	}
	return query.Facts{
		Topics: both(a.Topics, b.Topics), Kinds: both(a.Kinds, b.Kinds), Tiers: both(a.Tiers, b.Tiers), Sources: both(a.Sources, b.Sources),
		Bodies: both(a.Bodies, b.Bodies), Areas: both(a.Areas, b.Areas), Stages: both(a.Stages, b.Stages),
		Committees: both(a.Committees, b.Committees), Threads: both(a.Threads, b.Threads),
	}
}

func (w *writer) listsOf(no int64) (f query.Facts, err error) {
	var b string
	if _, err = w.get(`SELECT json FROM facts WHERE no = ?`, []any{no}, &b); err == nil && b != "" {
		err = json.Unmarshal([]byte(b), &f)
	}
	return f, err
}

// item stores what is known of an item and gives its number.
func (w *writer) item(it store.Item, d Described, all, own, union query.Facts) (int64, error) {
	facts, err := w.lists(own)
	if err != nil {
		return 0, err
	}
	found, err := w.lists(union)
	if err != nil {
		return 0, err
	}
	source, err := w.name(it.Source)
	if err != nil {
		return 0, err
	}
	var bodies []uint32
	var said []string
	for _, b := range d.Bodies {
		if b == "" {
			continue
		}
		n, err := w.name(b)
		if err != nil {
			return 0, err
		}
		bodies = append(bodies, n)
		said = append(said, itoa(n))
	}
	row := itemRow{date: d.Date.Unix(), source: source, topics: topicBits(all.Topics), kind: kindNumber(string(it.Kind)), live: it.Withdrawn.IsZero()}
	var no int64
	_, err = w.get(`INSERT INTO item (source, key, live, kind, title, url, date, topics, bodies, head, facts, found) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (source, key) DO UPDATE SET live = excluded.live, kind = excluded.kind, title = excluded.title, url = excluded.url, date = excluded.date,
		topics = excluded.topics, bodies = excluded.bodies, head = excluded.head, facts = excluded.facts, found = excluded.found RETURNING no`,
		[]any{it.Source, it.Key, row.live, string(it.Kind), w.x.o.Redact(clean(it.Title)), it.URL, row.date, int64(row.topics), strings.Join(said, " "), all.Text, facts, found}, &no)
	if err != nil {
		return 0, err
	}
	w.after = append(w.after, func(m *memory) { m.item(uint32(no), row, bodies) }) //nolint:gosec // numbered by us
	return no, nil
}

func itoa(n uint32) string { return string(appendUint(nil, n)) }

func appendUint(b []byte, n uint32) []byte {
	if n >= 10 {
		b = appendUint(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

// A unit is what is filed or left as one: the item itself, a part of an agenda,
// or a document with its pages.
type unit struct {
	said  []byte    // all that its entries say but the text of a paper, which its hash stands for
	spots []spotted // of what is not a paper
	paper *store.Document
	name  store.Spot // of the paper
}

type spotted struct {
	store.Spot
	text string
}

// clean makes what a source writes valid text.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", " ")
}

// units are the places of an item that is listed.
func (w *writer) units(it store.Item, d Described) []unit {
	redact := w.x.o.Redact
	one := func(s spotted) unit {
		b, _ := json.Marshal(s.Spot) // strings and numbers
		return unit{said: append(b, s.text...), spots: []spotted{s}}
	}
	out := []unit{one(spotted{text: redact(clean(d.Text))})}
	for _, p := range it.Parts {
		name := redact(clean(strings.TrimSpace(p.Number + " " + p.Title)))
		out = append(out, one(spotted{store.Spot{Part: p.Key, Name: name}, name + "\n" + redact(clean(p.Text))}))
	}
	for i, doc := range it.Documents {
		spot := store.Spot{Part: doc.Part, Name: redact(clean(doc.Title)), Document: doc.Key, URL: doc.URL, SHA256: doc.SHA256}
		b, _ := json.Marshal(spot)
		out = append(out, unit{said: b, paper: &it.Documents[i], name: spot})
	}
	return out
}

// pages are the places of a document: its pages, or where none could be read
// its title.
func (w *writer) pages(u unit) (out []spotted, read bool, err error) {
	if u.paper == nil {
		return u.spots, true, nil
	}
	var pages []string
	if sha := u.paper.SHA256; sha != "" {
		pages, err = w.x.o.Archive.Text(w.ctx, sha)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, false, err
		}
		read = err == nil
	}
	if len(pages) == 0 {
		return []spotted{{u.name, u.name.Name}}, read, nil
	}
	for i, p := range pages {
		s := u.name
		s.Page = i + 1
		text := w.x.o.Redact(w.edit(clean(p)))
		if len(text) > pageMost {
			text = text[:pageMost]
			for !utf8.ValidString(text[len(text)-min(len(text), 4):]) && len(text) > 0 {
				text = text[:len(text)-1]
			}
		}
		out = append(out, spotted{s, u.name.Name + "\n" + text})
	}
	return out, read, nil
}

// mark is a hash of what a unit files; a paper that could not be read has
// another one than when it can.
func mark(head []byte, u unit, read bool) int64 {
	h := sha256.New()
	for _, b := range [][]byte{head, u.said} {
		_ = binary.Write(h, binary.BigEndian, int64(len(b))) // a hash takes everything
		_, _ = h.Write(b)
	}
	if !read {
		_, _ = h.Write([]byte{0})
	}
	return int64(binary.BigEndian.Uint64(h.Sum(nil))) //nolint:gosec // keeps the bits
}

// places writes the entries of an item.
func (w *writer) places(item int64, all query.Facts, units []unit, anew bool) error {
	head, err := json.Marshal(all)
	if err != nil {
		return err
	}
	have := map[int64][]int64{} // ids by mark
	s, err := w.stmt(`SELECT id, mark FROM entry WHERE item = ?`)
	if err != nil {
		return err
	}
	r, err := s.QueryContext(w.ctx, item)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	for r.Next() {
		var id, m int64
		if err := r.Scan(&id, &m); err != nil {
			return err
		}
		have[m] = append(have[m], id)
	}
	if err := errors.Join(r.Err(), r.Close()); err != nil {
		return err
	}
	filed := map[int64]bool{}
	for _, u := range units {
		m := mark(head, u, true)
		if filed[m] {
			continue // the same paper listed twice
		}
		if have[m] != nil && !anew {
			delete(have, m)
			filed[m] = true
			continue
		}
		spots, read, err := w.pages(u)
		if err != nil {
			return err
		}
		if !read {
			if m = mark(head, u, false); filed[m] {
				continue
			}
			if have[m] != nil && !anew {
				delete(have, m)
				filed[m] = true
				continue
			}
		}
		filed[m] = true
		for _, s := range spots {
			if err := w.place(item, m, all, s); err != nil {
				return err
			}
		}
	}
	for _, ids := range have {
		for _, id := range ids {
			if err := w.drop(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// place files one entry.
func (w *writer) place(item, m int64, all query.Facts, s spotted) error {
	spot, err := json.Marshal(s.Spot)
	if err != nil {
		return err
	}
	r, err := w.exec(`INSERT INTO entry (item, mark, spot, text) VALUES (?, ?, ?, ?)`, item, m, string(spot), w.x.packer.pack(s.text))
	if err != nil {
		return err
	}
	id, err := r.LastInsertId()
	if err != nil {
		return err
	}
	p := query.Index(whole(all, s.text))
	facts := p.Facts
	w.bytes += len(all.Text) + len(s.text)
	if _, err := w.exec(`INSERT INTO words (rowid, `+columns()+`) VALUES (?, ?, ?, ?)`, id, p.Stems, p.Capitals, p.Facts); err != nil {
		return err
	}
	w.after = append(w.after, func(mem *memory) {
		mem.entry(id, uint32(item)) //nolint:gosec // numbered by us
		mem.places.put(int(id), facts)
	})
	return nil
}

// whole is what a query is asked about a place: the item's facts with the text
// of both.
func whole(all query.Facts, text string) query.Facts {
	all.Text += "\n" + text
	return all
}

func (w *writer) drop(id int64) error {
	for _, q := range []string{`DELETE FROM words WHERE rowid = ?`, `DELETE FROM entry WHERE id = ?`} {
		if _, err := w.exec(q, id); err != nil {
			return err
		}
	}
	w.after = append(w.after, func(mem *memory) {
		mem.entry(id, 0)
		mem.places.drop(int(id))
	})
	return nil
}

// Texts are stored compressed where that is shorter; the first byte says so.

func newPacker() (p packer, err error) {
	if p.in, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(pageMost)); err != nil {
		return p, err
	}
	p.out, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(readers), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(8*pageMost))
	return p, err
}

// A packer may be used at once.
type packer struct {
	in  *zstd.Encoder
	out *zstd.Decoder
}

func (p packer) pack(text string) []byte {
	if len(text) > 200 {
		if b := p.in.EncodeAll([]byte(text), []byte{1}); len(b) < len(text) {
			return b
		}
	}
	return append([]byte{0}, text...)
}

func (p packer) unpack(b []byte) (string, error) {
	if len(b) == 0 || b[0] == 0 {
		return string(b[min(1, len(b)):]), nil
	}
	out, err := p.out.DecodeAll(b[1:], nil)
	return string(out), err
}
