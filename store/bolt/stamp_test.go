package bolt

import (
	"fmt"
	"testing"

	"ccgwatch/store"
)

// The store remembers the last alterations, and says so when asked for more: of
// before them, and of before a file had that bucket.
func TestAlteredRemembersTheLast(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const n = alteredKept + 20
	err = s.update(t.Context(), "fill", func(t *tx) error {
		for i := range n {
			id := fmt.Sprintf("%04x", i)
			if err := t.put(bSubs, []byte(id), store.Subscription{ID: id}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for since, want := range map[uint64]int{0: -1, 19: -1, 20: alteredKept, n - 1: 1, n: 0, n + 1: -1} {
		ids, now, known, err := s.Altered(t.Context(), since)
		if err != nil || now != n || known != (want >= 0) || len(ids) != max(want, 0) {
			t.Errorf("since %d: %d ids, known %v, now %d, %v; want %d", since, len(ids), known, now, err, want)
		}
	}
	if ids, _, _, _ := s.Altered(t.Context(), n-1); len(ids) == 1 && ids[0] != fmt.Sprintf("%04x", n-1) {
		t.Errorf("the last is %q", ids)
	}
	rows := 0
	err = s.view(t.Context(), "count", func(t *tx) error {
		rows = t.in(bAltered).Stats().KeyN
		return nil
	})
	if err != nil || rows != alteredKept {
		t.Errorf("%d rows, %v", rows, err)
	}
	err = s.update(t.Context(), "forget one", func(t *tx) error { return t.in(bAltered).Delete(stampKey(n - 5)) })
	if err != nil {
		t.Fatal(err)
	}
	if ids, _, known, err := s.Altered(t.Context(), n-10); known || ids != nil || err != nil {
		t.Errorf("with one missing: %q, known %v, %v", ids, known, err)
	}
}
