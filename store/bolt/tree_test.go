package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ccgwatch/store"
)

// treeFile is a database of some pages, buckets in it included.
func treeFile(tb testing.TB) []byte {
	tb.Helper()
	dir := tb.TempDir()
	s, err := Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	snap := store.Snapshot{Source: "s", Items: map[string]store.Item{}}
	for i := range 200 {
		key := fmt.Sprint("k", i)
		snap.Items[key] = store.Item{Key: key, Title: fmt.Sprint("Meeting ", i*i)}
	}
	if err := s.Commit(tb.Context(), snap, nil, store.Health{}); err != nil {
		tb.Fatal(err)
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// A page that says it is millions of pages long kept bbolt's own check busy for
// hours.
func TestAPageOfMillionsOfPages(t *testing.T) {
	b := treeFile(t)
	if err := wholeTree(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	found := 0
	for at := 2 * os.Getpagesize(); at < len(b); at += os.Getpagesize() {
		c := bytes.Clone(b)
		binary.NativeEndian.PutUint32(c[at+12:], 1<<27)
		if wholeTree(bytes.NewReader(c)) != nil {
			found++
		}
	}
	if found < 3 {
		t.Errorf("found in %d pages", found)
	}
}

// Whatever is in the file, the walk ends, and takes no more memory than it.
func FuzzWholeTree(f *testing.F) {
	b := treeFile(f)
	f.Add(uint32(0), []byte{})
	f.Add(uint32(2*os.Getpagesize()+10), []byte{0xff, 0xff})
	f.Add(uint32(3*os.Getpagesize()+24), []byte{3})
	f.Fuzz(func(_ *testing.T, at uint32, with []byte) {
		c := bytes.Clone(b)
		for i, x := range with {
			c[(int(at)+i)%len(c)] = x
		}
		_ = wholeTree(bytes.NewReader(c))
	})
}
