package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ccgwatch/store"
)

// Most pages of a large record are the same from one export to the next. What
// the last run knew of each stays beside the list of files, and a page is left
// as it stands, neither asked for nor read, while nothing it shows can have
// changed:
//
//   - pages of items, papers, findings, procurements and suppliers are left; all
//     others say how things stand now, and are always made;
//   - an item has changed if the log has an entry of it since, or it or its
//     findings read otherwise, corrections and a second judgement included; then
//     its pages are made, those of its procurements, all that lead to one of these,
//     and those to which the new ones lead and the old did not: pages that show
//     something of each other link to each other;
//   - a date that has not passed yet is looked at every time;
//   - pages that lead to one that is gone, or did not because it was, are made
//     when that changes.
//
// Whatever else pages depend on is in Options.Same: when that differs, and once a
// day, everything is made. So is it when the memory does not belong to the files,
// cannot be read, or a run was interrupted. It holds names of files and nothing
// else of what is in them, but for mail addresses that stand on a page anyway.

const (
	memoryFile   = "made"
	memoryFormat = 1
)

// memory is what one run leaves for the next.
type memory struct {
	Format int
	Same   string
	Sums   string // SHA-256 of the list of files that it is of
	Latest uint64
	Tail   string             // hash of that entry of the log: another log has another
	Items  map[string]subject // by source and key
	Files  []string           // which are named below by their place
	Gets   []string           // what is asked for them
	Pages  []kept
	Found  string              // sum of all findings
	Parts  map[string]partKept // of the index
	Data   map[string]int64    // sizes of the files of data
}

// A subject is what an item's pages are made of.
type subject struct {
	Sum string
	Seq uint64 // newest entry of the log about it, of those since everything was made
}

// kept is what is remembered of a file.
type kept struct {
	File      int32
	Size      int64
	Key       string // of a page of our own: what it was made of
	Links     []int32
	At        []string // fragments, by link; "" for none
	Lost      []int32  // to what was not there
	IDs       []string
	Addresses []string
	Open      bool // it shows a date that has not passed
}

type partKept struct {
	Key    string
	Shards int
	Sizes  map[string]int64 // of its files
}

// recall reads what the last run left; nil: nothing that is of use now.
func (s *staging) recall(same string) *memory {
	if s.check || same == "" || len(s.old) == 0 {
		return nil
	}
	list, err := os.ReadFile(filepath.Join(s.dir, Sums))
	if err != nil {
		return nil
	}
	b, err := os.ReadFile(filepath.Join(s.work, memoryFile))
	if err != nil || len(b) < sha256.Size {
		return nil
	}
	m, err := readMemory(b)
	if err != nil || same == "" || m.Same != same || m.Sums != sumOf(list) {
		return nil
	}
	return m
}

var errMemory = errors.New("what was remembered of the last export cannot be read")

// readMemory reads what was left. Whatever cannot have been written by this
// release is an error, and never a place outside a list.
func readMemory(b []byte) (*memory, error) {
	if len(b) < sha256.Size {
		return nil, errMemory
	}
	if sum := sha256.Sum256(b[sha256.Size:]); !bytes.Equal(sum[:], b[:sha256.Size]) {
		return nil, errMemory
	}
	var m memory
	if err := gob.NewDecoder(bytes.NewReader(b[sha256.Size:])).Decode(&m); err != nil {
		return nil, fmt.Errorf("%w: %w", errMemory, err)
	}
	if m.Format != memoryFormat || len(m.Gets) != len(m.Files) {
		return nil, errMemory
	}
	in := func(i int32) bool { return i >= 0 && int(i) < len(m.Files) }
	for _, k := range m.Pages {
		ok := in(k.File) && len(k.At) == len(k.Links)
		for _, i := range slices.Concat(k.Links, k.Lost) {
			ok = ok && in(i)
		}
		if !ok {
			return nil, errMemory
		}
	}
	for _, f := range m.Files {
		if !safePath(f) {
			return nil, errMemory
		}
	}
	return &m, nil
}

func (m *memory) bytes() ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, sha256.Size))
	if err := gob.NewEncoder(&b).Encode(m); err != nil {
		return nil, err
	}
	out := b.Bytes()
	sum := sha256.Sum256(out[sha256.Size:])
	copy(out, sum[:])
	return out, nil
}

// keep notes that a file stays as it stands; not, if it does not stand there.
func (s *staging) keep(file string, size int64) bool {
	sum, ok := s.old[file]
	if !ok || !s.stands(file, sum, size) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now[file], s.size[file], s.fresh[file] = sum, size, false
	return true
}

// sizes are those of the files below a directory.
func (s *staging) sizes(dir string) map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]int64{}
	for file, size := range s.size {
		if strings.HasPrefix(file, dir) {
			out[file] = size
		}
	}
	return out
}

// again is what a run knows of the one before.
type again struct {
	was   *memory
	pages map[string]*kept
	dirty map[string]bool // families of pages that are made
	force map[string]bool // files that are made
}

// lasting tells whether the page of a file stays as it is while what it shows
// does; all others say how things stand.
func lasting(file string) bool {
	top, _, ok := strings.Cut(file, "/")
	return ok && slices.Contains([]string{"item", "paper", "finding", "thread", "supplier"}, top)
}

// family is what the files of one procurement or supplier have in common.
func family(file string) string {
	switch {
	case strings.HasPrefix(file, "thread/"):
		name, _, _ := strings.Cut(file, ".")
		return name
	case strings.HasPrefix(file, "supplier/"):
		name, _, _ := strings.Cut(strings.TrimSuffix(file, ".html"), "-page-")
		return name
	}
	return file
}

// look compares the items with those of the last run, and settles which pages
// are made. Cost: the log since then, and the links of all pages once.
func (x *run) look(ctx context.Context, items []thing) error {
	x.again = again{dirty: map[string]bool{}, force: map[string]bool{}, pages: map[string]*kept{}}
	was := x.out.recall(x.o.Same)
	if was != nil {
		if tail, err := x.tail(ctx, was.Latest); err != nil {
			return err
		} else if tail != was.Tail || was.Latest > x.latest {
			was = nil
		}
	}
	x.subjects = map[string]subject{}
	for _, it := range items {
		at := it.source + "\x00" + it.key
		x.subjects[at] = subject{Sum: it.sum, Seq: x.latest}
	}
	if was == nil {
		return nil
	}
	touched, err := x.touched(ctx, was.Latest)
	if err != nil {
		return err
	}
	x.again.was = was
	for i := range was.Pages {
		k := &was.Pages[i]
		x.again.pages[was.Files[k.File]] = k
	}
	changed := map[string]bool{}
	for at, s := range x.subjects {
		old, known := was.Items[at]
		if s.Seq = old.Seq; touched[at] > 0 {
			s.Seq = touched[at]
		}
		x.subjects[at] = s
		if !known || old != s {
			changed[at] = true
		}
	}
	for at := range was.Items {
		if _, ok := x.subjects[at]; !ok {
			changed[at] = true
		}
	}
	for at := range touched {
		changed[at] = true
	}
	x.spread(changed)
	return nil
}

// spread marks the pages that show something of what has changed.
func (x *run) spread(changed map[string]bool) {
	of, threads := map[string]bool{}, map[string]bool{}
	for at := range changed {
		source, key, _ := strings.Cut(at, "\x00")
		of[ItemFile(source, key)] = true
		for _, f := range x.found[at] {
			of[f.file] = true
			if f.thread != "" {
				threads[f.thread] = true
			}
		}
	}
	leading := x.leading(of)
	for f := range threads {
		leading[f] = true
	}
	procurements := map[string]bool{}
	for f := range leading {
		if strings.HasPrefix(f, "thread/") {
			procurements[f] = true
		}
	}
	for _, set := range []map[string]bool{of, leading, x.leading(procurements)} {
		for f := range set {
			x.again.dirty[family(f)] = true
		}
	}
}

// leading are the lasting pages that led to some files.
func (x *run) leading(to map[string]bool) map[string]bool {
	was, out := x.again.was, map[string]bool{}
	wanted := make([]bool, len(was.Files))
	for i, f := range was.Files {
		wanted[i] = to[f]
	}
	for _, k := range was.Pages {
		f := was.Files[k.File]
		if lasting(f) && slices.ContainsFunc(k.Links, func(i int32) bool { return wanted[i] }) {
			out[f] = true
		}
	}
	return out
}

// touched are the items of the entries of the log after one, with their newest.
func (x *run) touched(ctx context.Context, after uint64) (map[string]uint64, error) {
	out := map[string]uint64{}
	for {
		list, err := x.o.Ledger.Changes(ctx, after, 500)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			if c.Seq > x.latest {
				return out, nil
			}
			out[c.Source+"\x00"+c.Key], after = c.Seq, c.Seq
		}
		if len(list) == 0 {
			return out, ctx.Err()
		}
	}
}

// tail tells one log from another by one of its entries.
func (x *run) tail(ctx context.Context, seq uint64) (string, error) {
	if seq == 0 {
		return "", nil
	}
	list, err := x.o.Ledger.Changes(ctx, seq-1, 1)
	if err != nil || len(list) == 0 {
		return "", err
	}
	c := list[0]
	return sumOf(fmt.Appendf(nil, "%d\x00%s\x00%s\x00%s\x00%d", c.Seq, c.At.UTC().Format("2006-01-02T15:04:05.999999999"), c.Source, c.Key, c.Batch)), nil
}

// left is a page that stays as it is, or nil: it is to be made.
func (x *run) left(file string) *kept {
	k := x.again.pages[file]
	if k == nil || k.Key != "" || !lasting(file) || k.Open || x.again.force[file] || x.again.dirty[family(file)] || !x.out.keep(file, k.Size) {
		return nil
	}
	return k
}

// leftOwn is the same for a page of our own, by what it is made of.
func (x *run) leftOwn(file, key string) *kept {
	k := x.again.pages[file]
	if k == nil || k.Key != key || !x.out.keep(file, k.Size) {
		return nil
	}
	return k
}

// recalled is what a page that is left says of others. Who gets our mails may
// have changed since it was made.
func (x *run) recalled(file string, k *kept) (*page, error) {
	for _, a := range k.Addresses {
		if x.o.Subscriber != nil && !x.ours(a) && x.o.Subscriber(strings.ToLower(a)) {
			return nil, &PrivateError{file, "the address of a subscriber"}
		}
	}
	was := x.again.was
	p := &page{ids: k.IDs, addresses: k.Addresses, size: k.Size, open: k.Open, key: k.Key, left: true}
	for i, to := range k.Links {
		p.links = append(p.links, link{target{File: was.Files[to], Get: was.Gets[to]}, k.At[i]})
	}
	for _, to := range k.Lost {
		p.lost = append(p.lost, target{File: was.Files[to], Get: was.Gets[to]})
	}
	return p, nil
}

// beyond are the lasting pages that were left and that must be made all the
// same: a page that was made leads to them and did not before, or they did not
// lead to one that is there now.
func (x *run) beyond() []string {
	if x.again.was == nil {
		return nil
	}
	out := map[string]bool{}
	for file, p := range x.pagesMade {
		if p.left {
			for _, t := range p.lost {
				if x.out.has(t.File) {
					out[file] = true
				}
			}
			continue
		}
		if top, _, _ := strings.Cut(file, "/"); top != "item" && top != "thread" {
			continue
		}
		old := map[string]bool{}
		if k := x.again.pages[file]; k != nil {
			for _, i := range k.Links {
				old[x.again.was.Files[i]] = true
			}
		}
		for _, l := range p.links {
			top, _, _ := strings.Cut(l.File, "/")
			if to := x.pagesMade[l.File]; to != nil && to.left && !old[l.File] && slices.Contains([]string{"item", "thread", "supplier"}, top) {
				out[l.File] = true
			}
		}
	}
	var files []string
	for f := range out {
		files = append(files, f)
	}
	slices.Sort(files)
	return files
}

// remember is what this run leaves for the next.
func (x *run) remember(ctx context.Context) (*memory, error) {
	m := &memory{Format: memoryFormat, Same: x.o.Same, Latest: x.latest, Items: x.subjects, Found: x.foundSum, Parts: x.parts, Data: x.out.sizes("data/")}
	var err error
	if m.Tail, err = x.tail(ctx, x.latest); err != nil {
		return nil, err
	}
	place := map[string]int32{}
	at := func(t target) int32 {
		i, ok := place[t.File]
		if !ok {
			i = int32(len(m.Files)) //nolint:gosec // of files
			place[t.File] = i
			get := t.Get
			if get == "" {
				get = x.known[t.File]
			}
			m.Files, m.Gets = append(m.Files, t.File), append(m.Gets, get)
		}
		return i
	}
	for file, p := range x.pagesMade {
		if !x.out.has(file) {
			continue
		}
		k := kept{File: at(target{File: file}), Size: p.size, Key: p.key, IDs: p.ids, Addresses: p.addresses, Open: p.open}
		for _, l := range p.links {
			k.Links, k.At = append(k.Links, at(l.target)), append(k.At, l.fragment)
		}
		for _, t := range p.lost {
			k.Lost = append(k.Lost, at(t))
		}
		m.Pages = append(m.Pages, k)
	}
	return m, nil
}

// sumOfItem is what of an item can be on a page: as it is shown, with its findings.
func sumOfItem(it store.Item) (string, error) {
	b, err := json.Marshal(it)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:10]), nil
}

// A foundIn is a finding of an item, as far as pages are settled by it.
type foundIn struct{ file, thread string }

// found reads the findings: what of each item they are, and a sum of them.
func (x *run) readFindings(ctx context.Context, items []thing) error {
	x.found = map[string][]foundIn{}
	sums := map[string][]byte{}
	all := sha256.New()
	err := x.o.Outbox.Findings(ctx, 0, func(f store.Finding) bool {
		at := f.Source + "\x00" + f.Key
		t, _ := targetOf("/finding/" + pathEscape(f.ID))
		in := foundIn{file: t.File}
		if f.Kind == store.KindNotice && f.Thread != "" {
			u, _ := targetOf("/thread/" + pathEscape(f.Thread))
			in.thread = u.File
		}
		x.found[at] = append(x.found[at], in)
		b, err := json.Marshal(f)
		if err != nil {
			x.failed = err
			return false
		}
		sum := sha256.Sum256(append(sums[at], b...))
		sums[at] = sum[:10]
		_, _ = all.Write(sum[:]) // never fails
		return ctx.Err() == nil
	})
	x.foundSum = hex.EncodeToString(all.Sum(nil))
	for i := range items {
		items[i].sum += hex.EncodeToString(sums[items[i].source+"\x00"+items[i].key])
	}
	return errors.Join(err, x.failed, ctx.Err())
}
