package alerts

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"ccgwatch/store"
)

// derivedAtOnce is how many entries of the log are worked out in one transaction.
const derivedAtOnce = 500

// A place is how far in the log something derived has come.
type place struct {
	Seq  uint64 `json:"seq"`
	Last string `json:"last"` // the change there, so that another log is noticed
}

const tablePlaces = "places"

// A kept is something derived that follows the log under a name.
type kept struct {
	name    string
	derived store.Derived
	ledger  store.Ledger
	outbox  store.Outbox // nil: it follows what is not judged yet, too
	bad     atomic.Bool  // a reader met damage
}

// step takes the next changes that were judged, in one transaction. more tells
// that there may be further ones.
func (k *kept) step(ctx context.Context, take func(rows store.Rows, after uint64, changes []store.Change) error) (more bool, err error) {
	end, err := k.end(ctx)
	if err != nil {
		return false, err
	}
	at, err := k.place(ctx)
	if err != nil {
		return false, err
	}
	if at.Seq > 0 { // the store may be another one since, or an older copy of it
		list, err := k.ledger.Changes(ctx, at.Seq-1, 1)
		if err != nil {
			return false, fmt.Errorf("read changes: %w", err)
		}
		if len(list) == 0 || list[0].Seq != at.Seq || changeName(list[0]) != at.Last {
			return false, fmt.Errorf("%w: it is of another log", store.ErrDerived)
		}
	}
	if at.Seq >= end {
		return false, nil
	}
	changes, err := k.ledger.Changes(ctx, at.Seq, derivedAtOnce)
	if err != nil {
		return false, fmt.Errorf("read changes: %w", err)
	}
	for n := len(changes); n > 0 && changes[n-1].Seq > end; n-- {
		changes = changes[:n-1]
	}
	if len(changes) == 0 {
		return false, nil
	}
	err = k.derived.Update(ctx, func(rows store.Rows) error {
		var now place
		if _, err := getRow(rows, tablePlaces, k.name, &now); err != nil || now != at { // it was cleared meanwhile
			return err
		}
		if err := take(rows, at.Seq, changes); err != nil {
			return err
		}
		last := changes[len(changes)-1]
		return putRow(rows, tablePlaces, k.name, place{last.Seq, changeName(last)})
	})
	return err == nil, err
}

// follow takes step after step, to the end of what was judged. What is damaged,
// or of another log, is cleared and worked out again.
func (k *kept) follow(ctx context.Context, what string, take func(ctx context.Context, rows store.Rows, after uint64, changes []store.Change) error) error {
	cleared := false
	for {
		var more bool
		err := store.ErrDerived
		if !k.bad.Load() {
			more, err = k.step(ctx, func(rows store.Rows, after uint64, changes []store.Change) error {
				return take(ctx, rows, after, changes)
			})
		}
		switch {
		case errors.Is(err, store.ErrDerived) && !cleared:
			cleared = true
			if err := k.derived.Clear(ctx); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			k.bad.Store(false)
		case err != nil:
			return fmt.Errorf("%s: %w", what, err)
		case !more:
			return nil
		}
	}
}

func (k *kept) place(ctx context.Context) (at place, err error) {
	err = k.derived.View(ctx, func(rows store.Rows) error {
		_, err := getRow(rows, tablePlaces, k.name, &at)
		return err
	})
	return at, err
}

// behind tells whether there are changes that were judged and are not in it.
func (k *kept) behind(ctx context.Context) (bool, error) {
	if k.bad.Load() {
		return true, nil
	}
	end, err := k.end(ctx)
	if err != nil {
		return false, err
	}
	at, err := k.place(ctx)
	return at.Seq < end, err
}

// end is how far it may follow.
func (k *kept) end(ctx context.Context) (uint64, error) {
	if k.outbox == nil {
		return k.ledger.LastSeq(ctx)
	}
	pos, err := k.outbox.Position(ctx, Follower)
	if err != nil {
		return 0, fmt.Errorf("read place: %w", err)
	}
	return pos.Seq, nil
}

// struck tells whether the log has a correction that is not in it, or so much that
// there may be one: what it says may be what nobody is to read any more.
func (k *kept) struck(ctx context.Context) (bool, error) {
	last, err := k.ledger.LastSeq(ctx)
	if err != nil {
		return true, err
	}
	at, err := k.place(ctx)
	if err != nil || at.Seq >= last {
		return err != nil, err
	}
	if last-at.Seq > derivedAtOnce {
		return true, nil
	}
	changes, err := k.ledger.Changes(ctx, at.Seq, derivedAtOnce)
	return err != nil || slices.ContainsFunc(changes, func(c store.Change) bool { return c.Op == store.OpCorrected }), err
}

// changeName tells a change from those of another log with its number.
func changeName(c store.Change) string {
	return strings.Join([]string{strconv.FormatUint(c.Seq, 10), strconv.FormatInt(c.At.UnixNano(), 10), c.Source, c.Key}, " ")
}

// foundIn reads what was found in some changes.
func foundIn(ctx context.Context, outbox store.Outbox, after, upTo uint64) ([]store.Finding, error) {
	var out []store.Finding
	err := outbox.Findings(ctx, after, func(f store.Finding) bool {
		if f.Change > upTo {
			return false
		}
		f.Text = ""
		out = append(out, f)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("read findings: %w", err)
	}
	return out, nil
}

// getRow decodes a row and tells whether there is one.
func getRow(rows store.Rows, table, key string, v any) (bool, error) {
	b, err := rows.Get(table, key)
	if err != nil || b == nil {
		return false, err
	}
	if err := unmarshal(b, v); err != nil {
		return false, fmt.Errorf("%s %w", table, err)
	}
	return true, nil
}

func unmarshal(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", store.ErrDerived, err)
	}
	return nil
}

// putRow stores a row, unless it says the same already.
func putRow(rows store.Rows, table, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	old, err := rows.Get(table, key)
	if err != nil || string(old) == string(b) && old != nil {
		return err
	}
	return rows.Put(table, key, b)
}

// keysOf are the rest of the keys that begin with a prefix.
func keysOf(rows store.Rows, table, prefix string) ([]string, error) {
	var out []string
	err := rows.Each(table, prefix, "", func(key string, _ []byte) (bool, error) {
		out = append(out, key[len(prefix):])
		return true, nil
	})
	return out, err
}

func be64(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }

func itemName(source, key string) string { return source + "\x00" + key }

func namedItem(name string) store.ItemRef {
	source, key, _ := strings.Cut(name, "\x00")
	return store.ItemRef{Source: source, Key: key}
}
