package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"ccgwatch/store"
)

// Rejudge is one transaction: after a crash either all of these changes are
// judged by the new rules, or none is, and it may be repeated.
func (s *Store) Rejudge(ctx context.Context, after, upTo uint64, rules string, fs []store.Finding) (fresh, retired int, err error) {
	what := fmt.Sprintf("replace the findings of changes %d to %d", after+1, upTo)
	if rules == "" {
		return 0, 0, wrap(what, errors.New("the rules have no version"))
	}
	found := map[string]bool{}
	for _, f := range fs {
		if f.Change <= after || f.Change > upTo {
			return 0, 0, wrap(what, fmt.Errorf("finding %s is of change %d", f.ID, f.Change))
		}
		found[f.ID] = true
	}
	err = s.update(ctx, what, func(t *tx) error {
		fresh, retired = 0, 0
		live, gone, err := t.findings(after, upTo, found)
		if err != nil {
			return err
		}
		for _, x := range gone {
			x.Retired = rules
			retired++
			if err := t.put(bFindings, join(be64(x.Change), []byte(x.ID)), x); err != nil {
				return err
			}
		}
		for _, f := range fs {
			if !live[f.ID] {
				fresh++
				live[f.ID] = true
			}
			if err := t.putFinding(f); err != nil {
				return err
			}
		}
		return nil
	})
	return fresh, retired, err
}

// findings lists the findings of some changes that are not retired: which of
// those found again are there, and those that are not found again.
func (t *tx) findings(after, upTo uint64, found map[string]bool) (live map[string]bool, gone []store.Finding, err error) {
	live = map[string]bool{}
	err = each(t, bFindings, be64(after+1), nil, func(_ []byte, x store.Finding) (bool, error) {
		switch {
		case x.Change > upTo:
			return false, nil
		case x.Retired != "":
		case found[x.ID]:
			live[x.ID] = true
		default:
			gone = append(gone, x)
		}
		return true, nil
	})
	return live, gone, err
}

// putFinding stores a finding in place of the one of the same id.
func (t *tx) putFinding(f store.Finding) error {
	if err := named("finding", f.ID); err != nil {
		return err
	}
	ids, seq := t.in(bFindingIDs), be64(f.Change)
	if old := ids.Get([]byte(f.ID)); old != nil && !bytes.Equal(old, seq) {
		return fmt.Errorf("finding %s is there for another change: %w", f.ID, store.ErrConflict)
	}
	if err := ids.Put([]byte(f.ID), seq); err != nil {
		return err
	}
	return t.put(bFindings, join(seq, []byte(f.ID)), f)
}
