package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// sound looks at a database file before it is mapped into memory: reading a
// mapping beyond the end of a file that was cut short would kill the process,
// and an empty file would be taken for a new database and everything that was
// in it for never known.
func sound(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: not a regular file", ErrDamaged)
	}
	need, err := length(f)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case info.Size() < need:
		return fmt.Errorf("%w: it is %d bytes long and should be at least %d", ErrDamaged, info.Size(), need)
	}
	return nil
}

// The layout of bbolt's two meta pages: a page header, then these fields.
const (
	metaAt    = 16
	metaLen   = 64
	metaMagic = 0xED0CDAED
)

// A head is what a meta page says of the file.
type head struct {
	pageSize uint32
	root     uint64 // page of the outermost bucket
	pages    uint64 // in use or free; the file is at least so long
	tx       uint64
}

// length is the least length of the file by the newest of its valid meta pages.
func length(r io.ReaderAt) (int64, error) {
	h, err := newestHead(r)
	if need := h.pages * uint64(h.pageSize); err == nil && (h.pages > 1<<48 || need > 1<<62) {
		return 0, errors.New("no valid head")
	} else if err == nil {
		return int64(need), nil //nolint:gosec // checked
	}
	return 0, err
}

// newestHead is the newest of the two meta pages that is valid.
func newestHead(r io.ReaderAt) (head, error) {
	var newest head
	valid := false
	look := func(at int64) (pageSize uint32) {
		b := make([]byte, metaLen)
		if _, err := r.ReadAt(b, at+metaAt); err != nil {
			return 0
		}
		n := binary.NativeEndian
		h := fnv.New64a()
		_, _ = h.Write(b[:metaLen-8])
		pageSize = n.Uint32(b[8:])
		if n.Uint32(b) != metaMagic || n.Uint64(b[56:]) != h.Sum64() || pageSize < 512 || pageSize > 1<<16 {
			return 0
		}
		if x := (head{pageSize, n.Uint64(b[16:]), n.Uint64(b[40:]), n.Uint64(b[48:])}); !valid || x.tx > newest.tx {
			valid, newest = true, x
		}
		return pageSize
	}
	if size := look(0); size != 0 {
		look(int64(size))
	} else { // the first is torn: the second lies one page further, whatever a page is
		for size := int64(512); size <= 1<<16; size *= 2 {
			look(size)
		}
	}
	if !valid {
		return head{}, errors.New("no valid head")
	}
	return newest, nil
}
