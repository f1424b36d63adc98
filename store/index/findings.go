package index

import (
	"errors"
	"fmt"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// finding files one finding under the next numbers. One that is not shown has
// its numbers too, and no words, so that it comes back to its place.
func (w *writer) finding(f store.Finding) error {
	source, err := w.name(f.Source)
	if err != nil {
		return err
	}
	row := foundRow{change: f.Change, at: f.At.Unix(), thing: thingOf(f.Source, f.Key), source: source, topic: topicNumber(f.Topic)}
	if f.Silent {
		row.flags |= flagSilent
	}
	if f.Tier == store.TierCertain || f.Tier == store.TierLikely {
		row.flags |= flagAtOnce
	}
	passages := len(query.Apart(w.x.o.Facts(f)))
	id := f.ID // of what is not shown nothing else is given
	f, shown, err := w.x.o.Shown(w.ctx, f)
	if err != nil {
		return err
	}
	if shown {
		passages = max(passages, len(query.Apart(w.x.o.Facts(f))))
	} else {
		row.flags |= flagHidden
	}
	no := w.nextFound
	w.nextFound += passages
	_, err = w.exec(`INSERT INTO finding (no, id, change, at, source, thing, topic, flags, passages) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		no, id, int64(row.change), row.at, int64(source), int64(row.thing), int64(row.topic), int64(row.flags), passages) //nolint:gosec // keeps the bits
	if err == nil && shown {
		err = w.wordsOf(f, no, passages)
	}
	w.after = append(w.after, func(m *memory) { m.finding(no, passages, row) })
	return err
}

// errPassages: a correction made other passages of a finding than it had.
var errPassages = fmt.Errorf("%w: a finding has more passages than before", errOther)

// wordsOf files the words of a finding, each passage under a number of its own:
// words of two of them are not together.
func (w *writer) wordsOf(f store.Finding, no, passages int) error {
	list := query.Apart(w.x.o.Facts(f))
	if len(list) > passages {
		return errPassages
	}
	for i, facts := range list {
		facts.Text = w.x.o.Redact(facts.Text)
		p := query.Index(facts)
		filed := p.Facts
		w.bytes += len(facts.Text)
		if _, err := w.exec(`INSERT INTO found (rowid, `+columns()+`) VALUES (?, ?, ?, ?)`, no+i, p.Stems, p.Capitals, p.Facts); err != nil {
			return err
		}
		w.after = append(w.after, func(m *memory) { m.passages.put(no+i, filed) })
	}
	return nil
}

// findingsAnew files what was found in an item again, as it is shown now, and
// gives the lists of all that is shown.
func (w *writer) findingsAnew(source, key string) (union query.Facts, err error) {
	type filed struct {
		no, flags int64
		passages  int
		id        string
	}
	var list []filed
	s, err := w.stmt(`SELECT no, flags, passages, id FROM finding WHERE thing = ?`)
	if err != nil {
		return union, err
	}
	r, err := s.QueryContext(w.ctx, int64(thingOf(source, key))) //nolint:gosec // keeps the bits
	if err != nil {
		return union, err
	}
	defer func() { _ = r.Close() }()
	for r.Next() {
		var x filed
		if err := r.Scan(&x.no, &x.flags, &x.passages, &x.id); err != nil {
			return union, err
		}
		list = append(list, x)
	}
	if err := errors.Join(r.Err(), r.Close()); err != nil {
		return union, err
	}
	for _, x := range list {
		f, err := w.x.o.Outbox.Finding(w.ctx, x.id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return union, err
		}
		shown := err == nil
		if shown {
			if f, shown, err = w.x.o.Shown(w.ctx, f); err != nil {
				return union, err
			}
		}
		for i := range x.passages {
			if _, err := w.exec(`DELETE FROM found WHERE rowid = ?`, x.no+int64(i)); err != nil {
				return union, err
			}
			w.after = append(w.after, func(m *memory) { m.passages.drop(int(x.no) + i) })
		}
		flags := x.flags &^ flagHidden
		if !shown {
			flags |= flagHidden
		} else {
			union = joined(union, w.x.o.Facts(f))
			if err := w.wordsOf(f, int(x.no), x.passages); err != nil {
				return union, err
			}
		}
		if _, err := w.exec(`UPDATE finding SET flags = ? WHERE no = ?`, flags, x.no); err != nil {
			return union, err
		}
		w.after = append(w.after, func(m *memory) {
			row := m.found[x.no]
			row.flags = uint8(flags) //nolint:gosec // as they went
			m.finding(int(x.no), x.passages, row)
		})
	}
	return union, nil
}
