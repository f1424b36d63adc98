package bolt

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

func testCodec(tb testing.TB) *codec {
	tb.Helper()
	c, err := newCodec()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.close)
	return c
}

// bbolt can be told to trade what it promises for speed. A kill would not show
// it, a power cut would.
func TestEveryCommitIsSynced(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if s.db.NoSync || s.db.NoGrowSync || s.db.NoFreelistSync {
			t.Error("bbolt's guarantees are switched off")
		}
		if err := s.Compact(t.Context()); err != nil { // what it puts in place is opened anew
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Every single flipped bit of a stored value is found, and so is a value under
// another key; the error names the place.
func TestCodecFindsDamage(t *testing.T) {
	c := testCodec(t)
	key := pair("leics", "meeting/1")
	for _, want := range []string{"short", strings.Repeat("a long one, ", 300)} {
		b, err := c.encode(bItems, key, store.Item{Title: want})
		if err != nil {
			t.Fatal(err)
		}
		var it store.Item
		if err := c.decode(bItems, key, b, &it); err != nil || it.Title != want {
			t.Fatalf("%.20q came back as %.20q: %v", want, it.Title, err)
		}
		for i := range len(b) * 8 {
			bad := bytes.Clone(b)
			bad[i/8] ^= 1 << (i % 8)
			if err := c.decode(bItems, key, bad, &it); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "leics meeting/1") {
				t.Fatalf("bit %d: %v", i, err)
			}
		}
		if err := c.decode(bItems, pair("leics", "meeting/2"), b, &it); !errors.Is(err, ErrDamaged) {
			t.Errorf("under another key: %v", err)
		}
		if err := c.decode(bChanges, key, b, &it); !errors.Is(err, ErrDamaged) {
			t.Errorf("in another bucket: %v", err)
		}
	}
}

func TestInstantsSortAsTimes(t *testing.T) {
	times := []time.Time{{}, time.Unix(-1, 5), time.Unix(0, 0), time.Unix(0, 1), time.Unix(1, 0), time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	if !slices.IsSortedFunc(times, func(a, b time.Time) int { return bytes.Compare(instant(a), instant(b)) }) {
		t.Error("bytes sort in another order")
	}
	if len(instant(times[0])) != instantLen {
		t.Errorf("%d bytes long", len(instant(times[0])))
	}
}

// Whatever stands in the file, decoding it gives a value or an error that
// names it, and never a panic. The checksum is made to fit, so that the bytes
// reach what stands behind it.
func FuzzDecode(f *testing.F) {
	c := testCodec(f)
	key := pair("leics", "meeting/1")
	for _, title := range []string{"", strings.Repeat("long ", 500)} {
		b, err := c.encode(bItems, key, store.Item{Title: title})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, fits := range []bool{false, true} {
			if fits && len(b) >= headLen {
				s := c.sum(bItems, key, b)
				b = append([]byte{b[0], byte(s >> 24), byte(s >> 16), byte(s >> 8), byte(s)}, b[headLen:]...)
			}
			var it store.Item
			err := c.decode(bItems, key, b, &it)
			if err != nil && (!errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "leics meeting/1")) {
				t.Fatalf("%v", err)
			}
		}
	})
}

// The head of a file can be anything, and so can the text of a paper.
func FuzzSound(f *testing.F) {
	dir := f.TempDir()
	s, err := Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, File))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:8192+64])
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := length(bytes.NewReader(b)); err == nil && n < 0 {
			t.Fatalf("a length of %d", n)
		}
		if pages, err := readText(bytes.NewReader(b)); err == nil && pages == nil {
			t.Fatal("no pages and no error")
		}
	})
}
