package bolt

import (
	"encoding/binary"
	"fmt"
	"io"
)

// deepest is how deep a tree of pages, buckets in buckets included, may be; the
// real ones are under ten.
const deepest = 64

// The layout of bbolt's other pages: a header, then elements.
const (
	pageHead    = 16 // number, kind, count of elements, count of further pages
	element     = 16
	pageBranch  = 0x01
	pageLeaf    = 0x02
	bucketValue = 16 // root page and sequence, before an inline page
)

// A tree walks the pages of a database file without mapping it. bbolt's own
// check believes what a page says of its length and of those below it, and can
// go round in it for hours; this one comes to an end in the time it takes to
// read the file once.
type tree struct {
	r    io.ReaderAt
	head head
	seen map[uint64]bool
	page []byte
}

// wholeTree looks whether the pages that the newest head leads to form a tree,
// each within the file and met once. What is in them it leaves to bbolt.
func wholeTree(r io.ReaderAt) error {
	h, err := newestHead(r)
	if err != nil {
		return err
	}
	t := &tree{r: r, head: h, seen: map[uint64]bool{}}
	return t.walk(h.root, 0)
}

func (t *tree) walk(id uint64, depth int) error {
	switch {
	case id < 2 || id >= t.head.pages:
		return fmt.Errorf("a page leads to page %d of %d", id, t.head.pages)
	case depth > deepest:
		return fmt.Errorf("page %d: the tree is deeper than %d pages", id, deepest)
	}
	b, err := t.read(id)
	if err != nil {
		return err
	}
	n := binary.NativeEndian
	kind, count := n.Uint16(b[8:]), int(n.Uint16(b[10:]))
	switch {
	case kind != pageBranch && kind != pageLeaf:
		return fmt.Errorf("page %d is of no kind of tree (%#x)", id, kind)
	case pageHead+count*element > len(b):
		return fmt.Errorf("page %d: %d elements do not fit into it", id, count)
	}
	var below []uint64
	for i := range count {
		e := b[pageHead+i*element:]
		if kind == pageBranch {
			below = append(below, n.Uint64(e[8:]))
			continue
		}
		pos, key, value := uint64(n.Uint32(e[4:])), uint64(n.Uint32(e[8:])), uint64(n.Uint32(e[12:]))
		at := uint64(pageHead+i*element) + pos + key
		if at+value > uint64(len(b)) {
			return fmt.Errorf("page %d: element %d ends beyond it", id, i)
		}
		if n.Uint32(e)&1 == 0 { // a value, not a bucket
			continue
		}
		if value < bucketValue {
			return fmt.Errorf("page %d: element %d is a bucket of %d bytes", id, i, value)
		}
		if root := n.Uint64(b[at:]); root != 0 { // 0: it is inline
			below = append(below, root)
		}
	}
	for _, next := range below {
		if err := t.walk(next, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// read gives a page with those that belong to it.
func (t *tree) read(id uint64) ([]byte, error) {
	size := uint64(t.head.pageSize)
	h := make([]byte, pageHead)
	if _, err := t.r.ReadAt(h, int64(id*size)); err != nil { //nolint:gosec // within the file
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	more := uint64(binary.NativeEndian.Uint32(h[12:]))
	if said := binary.NativeEndian.Uint64(h); said != id {
		return nil, fmt.Errorf("page %d says that it is page %d", id, said)
	}
	if id+more >= t.head.pages {
		return nil, fmt.Errorf("page %d: %d further pages do not fit into the file", id, more)
	}
	for i := id; i <= id+more; i++ {
		if t.seen[i] {
			return nil, fmt.Errorf("page %d is met twice", i)
		}
		t.seen[i] = true
	}
	need := int((more + 1) * size) //nolint:gosec // within the file
	if cap(t.page) < need {
		t.page = make([]byte, need)
	}
	// What is below is gathered before it is read, so one buffer will do.
	b := t.page[:need]
	if _, err := t.r.ReadAt(b, int64(id*size)); err != nil { //nolint:gosec // within the file
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	return b, nil
}
