package bolt

import "ccgwatch/store"

// upgrade brings a file of an earlier format up to this one: the buckets that came
// later, and the indexes of what is there. It is one transaction: whatever moment
// it is cut short at, the file is of the earlier format, and whole, and the next
// opening begins anew. An earlier program refuses the file from then on: it would
// not keep the indexes.
func (t *tx) upgrade() error {
	marked := formatOf(t.Tx) >= 2 && t.in(bMarks) != nil
	aside := formatOf(t.Tx) >= 3 && t.in(bAside) != nil
	for _, name := range later() {
		if _, err := t.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	if !marked {
		if err := t.markAll(); err != nil {
			return err
		}
	}
	if !aside {
		if err := t.setAllAside(); err != nil {
			return err
		}
	}
	return t.in(bMeta).Put([]byte("format"), []byte{format})
}

// markAll makes the index of marks.
func (t *tx) markAll() error {
	return each(t, bItems, nil, nil, func(k []byte, it store.Item) (bool, error) {
		marks := store.Marks(it)
		for _, m := range marks {
			if err := t.mark(bMarks, markKey(m, k)); err != nil {
				return false, err
			}
		}
		if len(marks) > 0 {
			return true, t.mark(bMarks, anyMark(k))
		}
		return true, nil
	})
}

// setAllAside makes the index of what is on hold or was taken back.
func (t *tx) setAllAside() error {
	return each(t, bDeliveries, nil, nil, func(_ []byte, d store.Delivery) (bool, error) {
		if k := asideKey(d); k != nil {
			return true, t.mark(bAside, k)
		}
		return true, nil
	})
}
