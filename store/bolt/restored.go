package bolt

import (
	"context"
	"encoding/binary"
	"slices"
)

// keySkip, in the bucket meta, holds the numbers that were skipped to, eight
// bytes each and in order.
const keySkip = "skip"

// SkipTo has the next change numbered after seq, if it would not be anyway. A
// store that was brought back from a copy would otherwise give the numbers of
// changes that were lost to others, and with them the ids of messages that
// people have.
func (s *Store) SkipTo(ctx context.Context, seq uint64) error {
	return s.update(ctx, "number changes anew", func(t *tx) error {
		if seq < t.nextSeq() {
			return nil
		}
		return t.in(bMeta).Put([]byte(keySkip), append(slices.Clone(t.in(bMeta).Get([]byte(keySkip))), be64(seq)...))
	})
}

// skips are the numbers that were skipped to.
func (t *tx) skips() []uint64 {
	var out []uint64
	for v := t.in(bMeta).Get([]byte(keySkip)); len(v) >= 8; v = v[8:] {
		out = append(out, binary.BigEndian.Uint64(v))
	}
	return out
}

// nextSeq is the number of the next change.
func (t *tx) nextSeq() uint64 {
	next := t.lastSeq() + 1
	if all := t.skips(); len(all) > 0 {
		next = max(next, all[len(all)-1]+1)
	}
	return next
}

// follows tells whether a change may come after another in the log: it has the
// next number, or the one that was skipped to.
func follows(seq, before uint64, skips []uint64) bool {
	return seq == before+1 || seq > before && slices.Contains(skips, seq-1)
}
