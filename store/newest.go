package store

import "context"

// LatestFound is the highest change in (after, upTo] that has a finding; 0: there is
// none. It is for who reads findings backwards in steps and came upon a stretch
// without any: in a store that was brought back from a copy the numbers of changes
// leave out hundreds of millions (see bolt.Store.SkipTo). It halves the stretch, so
// it reads one finding some thirty times, and no more.
func LatestFound(ctx context.Context, o Outbox, after, upTo uint64) (uint64, error) {
	first := func(after uint64) (change uint64, err error) {
		err = o.Findings(ctx, after, func(x Finding) bool {
			if x.Change <= upTo {
				change = x.Change
			}
			return false
		})
		return change, err
	}
	if after >= upTo {
		return 0, nil
	}
	low, err := first(after)
	if low == 0 || err != nil {
		return 0, err
	}
	for high := upTo; low < high; {
		middle := low + (high-low)/2
		switch x, err := first(middle); {
		case err != nil:
			return 0, err
		case x == 0:
			high = middle
		default:
			low = x
		}
	}
	return low, nil
}
