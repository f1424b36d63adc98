package bolt

import (
	"testing"
	"time"

	"ccgwatch/store"
)

// TestLatestFound: of findings far apart the newest up to a change is found.
func TestLatestFound(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	at := []uint64{1, 2, 1_700_000_001, 1_700_000_003}
	var all []store.Finding
	for _, n := range at {
		all = append(all, store.Finding{ID: time.Unix(int64(n), 0).UTC().Format(time.RFC3339), Change: n, Source: "s", Key: "k", Kind: store.KindNotice})
	}
	if err := s.Advance(t.Context(), "matcher", store.Position{}, store.Position{Seq: at[3]}, all, nil); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ after, upTo, want uint64 }{
		{0, 0, 0}, {0, 1, 1}, {0, 2, 2}, {0, 1_000_000_000, 2}, {0, 1_700_000_000, 2}, {0, 1_700_000_002, 1_700_000_001},
		{0, ^uint64(0), 1_700_000_003}, {2, 1_700_000_000, 0}, {1_700_000_001, 1_700_000_002, 0}, {1_700_000_003, 5, 0}, {^uint64(0), ^uint64(0), 0},
	} {
		if got, err := store.LatestFound(t.Context(), s, tt.after, tt.upTo); got != tt.want || err != nil {
			t.Errorf("after %d up to %d: %d, %v; want %d", tt.after, tt.upTo, got, err, tt.want)
		}
	}
}
