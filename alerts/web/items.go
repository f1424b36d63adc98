package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"ccgwatch/store"
)

// itemsPerPage is how many items a page lists, and mostPassed after how many
// changes it stops to look for more: of an item that changed often all but the
// last change are passed over.
const (
	itemsPerPage = 40
	mostPassed   = 1000
)

// listed is an item in a list, with its last change.
type listed struct {
	store.Item
	Op   store.Op
	What []store.What
	At   time.Time
	seq  uint64
}

// items lists what the record holds, what changed last first. Cost: the table
// of contents, and of the store one change and one item for each line shown or
// passed over.
func (s *site) items(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	x := want{source: q.Get("source"), body: q.Get("body"), kind: store.Kind(q.Get("kind"))}
	if x.kind != "" && !slices.Contains(kinds(), x.kind) {
		return badRequest("There is no such kind.")
	}
	if len(x.source) > 64 || len(x.body) > 200 || line(x.source, 64) != x.source || line(x.body, 200) != x.body {
		return badRequest("There is no such source or body.")
	}
	if before := q.Get("before"); before != "" {
		var err error
		if x.before, err = strconv.ParseUint(before, 10, 64); err != nil || x.before == 0 {
			return badRequest("This page of the list does not exist. Please begin again with the newest.")
		}
	}
	if err := s.record.follow(r.Context()); err != nil {
		return err
	}
	list, next, err := s.newestItems(r.Context(), x, itemsPerPage)
	if err != nil {
		return err
	}
	body := struct {
		Source, Body string
		Kind         store.Kind
		BodyName     string
		Kinds        []store.Kind
		Sources      []SourceInfo
		List         []listed
		Older        string
		First        bool
		Filtered     bool
		Paused       bool
		Behind       time.Time
	}{
		Source: x.source, Body: x.body, Kind: x.kind, Kinds: kinds(), Sources: s.Sources(), List: list, First: x.before == 0,
		Filtered: x.source != "" || x.body != "" || x.kind != "", Behind: s.record.behind(), Paused: next > 0 && len(list) < itemsPerPage,
	}
	if b, ok := s.bodyOf(x.body); ok {
		body.BodyName = b.Name
	} else if x.body != "" {
		body.BodyName = x.body
	}
	if next > 0 {
		v := url.Values{"before": {strconv.FormatUint(next, 10)}}
		for name, value := range map[string]string{"source": x.source, "body": x.body, "kind": string(x.kind)} {
			if value != "" {
				v.Set(name, value)
			}
		}
		body.Older = "/items?" + v.Encode()
	}
	return s.render(w, http.StatusOK, "items", view{Title: "The record", Here: "items", Body: body})
}

// newestItems are the items that changed last, each at its last change, and
// the place after them; 0 where there are no more.
func (s *site) newestItems(ctx context.Context, x want, n int) ([]listed, uint64, error) {
	var out []listed
	seen := map[ref]bool{}
	for passed := 0; passed < mostPassed; {
		seqs := s.record.seqs(x, 2*n)
		if len(seqs) == 0 {
			return out, 0, nil
		}
		for _, seq := range seqs {
			if len(out) == n {
				return out, x.before, nil
			}
			passed++
			x.before = seq
			v, ok, err := s.lastChangeAt(ctx, seq)
			if err != nil {
				return nil, 0, err
			}
			if at := (ref{v.Source, v.Key}); ok && !seen[at] {
				seen[at] = true
				out = append(out, v)
			}
		}
	}
	return out, x.before, nil
}

// lastChangeAt is the item of a change, if that is the last one of the item.
func (s *site) lastChangeAt(ctx context.Context, seq uint64) (listed, bool, error) {
	changes, err := s.Ledger.Changes(ctx, seq-1, 1)
	if err != nil || len(changes) == 0 || changes[0].Seq != seq {
		return listed{}, false, err
	}
	c := changes[0]
	it, err := s.Ledger.Item(ctx, c.Source, c.Key)
	if errors.Is(err, store.ErrNotFound) {
		return listed{}, false, nil
	}
	it.Parts, it.Documents = nil, nil
	return listed{Item: it, Op: c.Op, What: c.What, At: c.At, seq: seq}, !c.At.Before(latest(it.FirstSeen, it.Changed, it.Withdrawn)), err
}

// kinds are all kinds of items, in the order of the menu.
func kinds() []store.Kind {
	return []store.Kind{store.KindNotice, store.KindMeeting, store.KindPaper, store.KindRequest, store.KindPage}
}
