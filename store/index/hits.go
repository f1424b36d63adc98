package index

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// hits reads what is shown of the items on one page of a result: a statement for
// all of them, and one for all their places.
func (x *Index) hits(ctx context.Context, db asked, s store.Search, groups []group, ids []uint32, ranked map[uint32]int) ([]store.Hit, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	places, wordy := map[uint32][]uint32{}, s.Query.Wordy()
	items := make([]uint32, 0, len(groups))
	for _, g := range groups {
		items = append(items, g.item)
		places[g.item] = nil
	}
	if wordy {
		x.placesOf(places, ids, ranked)
	} else { // no page is asked for before another
		for _, item := range items {
			list, err := x.itself(ctx, db, item)
			if err != nil {
				return nil, err
			}
			places[item] = list
		}
	}
	hits, err := x.itemsShown(ctx, db, items)
	if err != nil {
		return nil, err
	}
	spots, err := x.spotsShown(ctx, db, s, places)
	if err != nil {
		return nil, err
	}
	out := make([]store.Hit, 0, len(groups))
	for _, g := range groups {
		h, ok := hits[g.item]
		if !ok {
			return nil, sql.ErrNoRows
		}
		list := places[g.item]
		h.More = int(g.n)
		if !wordy {
			h.More = len(list)
		}
		for _, id := range list {
			if spot, ok := spots[id]; ok { // else it was dropped a moment ago
				h.Places = append(h.Places, spot)
			}
		}
		h.More -= len(h.Places)
		out = append(out, h)
	}
	return out, nil
}

// placesOf fills in the places that are named of each item: the best, or the first.
func (x *Index) placesOf(places map[uint32][]uint32, ids []uint32, ranked map[uint32]int) {
	wanted := make(bitset, len(x.mem.items)/64+1)
	for item := range places {
		wanted.put(int(item))
	}
	for _, id := range ids {
		item := x.mem.entries[id]
		if !wanted.has(int(item)) {
			continue
		}
		places[item] = append(places[item], id)
		if ranked == nil && len(places[item]) == placesShown {
			wanted.drop(int(item))
		}
	}
	if ranked == nil {
		return
	}
	for item, list := range places {
		slices.SortStableFunc(list, func(a, b uint32) int { return cmp.Compare(ranked[a], ranked[b]) })
		places[item] = list[:min(len(list), placesShown)]
	}
}

// itemsShown are items as a result names them, without their places.
func (x *Index) itemsShown(ctx context.Context, db asked, items []uint32) (map[uint32]store.Hit, error) {
	out := make(map[uint32]store.Hit, len(items))
	err := rows(ctx, db, `SELECT no, source, key, kind, title, url FROM item WHERE no IN (SELECT value FROM json_each(?))`, []any{listOf(items)}, func(r *sql.Rows) error {
		var h store.Hit
		var no uint32
		var kind string
		if err := r.Scan(&no, &h.Source, &h.Key, &kind, &h.Title, &h.URL); err != nil {
			return err
		}
		row := x.mem.items[no]
		h.Kind, h.Date = store.Kind(kind), time.Unix(row.date, 0).UTC()
		for i, t := range topics() {
			if row.topics&(1<<i) != 0 {
				h.Topics = append(h.Topics, t)
			}
		}
		if row.body != 0 {
			h.Bodies = append(h.Bodies, x.mem.names[row.body])
		}
		for _, b := range x.mem.joint[no] {
			h.Bodies = append(h.Bodies, x.mem.names[b])
		}
		out[no] = h
		return nil
	})
	return out, err
}

// spotsShown are the places of some items, with what is shown of their text.
func (x *Index) spotsShown(ctx context.Context, db asked, s store.Search, places map[uint32][]uint32) (map[uint32]store.Spot, error) {
	var ids []uint32
	for _, list := range places {
		ids = append(ids, list...)
	}
	ask := `SELECT id, spot, text FROM entry WHERE id IN (SELECT value FROM json_each(?))`
	if s.Text <= 0 {
		ask = `SELECT id, spot, NULL FROM entry WHERE id IN (SELECT value FROM json_each(?))`
	}
	out := make(map[uint32]store.Spot, len(ids))
	err := rows(ctx, db, ask, []any{listOf(ids)}, func(r *sql.Rows) error {
		var id uint32
		var said string
		var packed []byte
		if err := r.Scan(&id, &said, &packed); err != nil {
			return err
		}
		var spot store.Spot
		if err := json.Unmarshal([]byte(said), &spot); err != nil {
			return err
		}
		if s.Text > 0 {
			text, err := x.packer.unpack(packed)
			if err != nil {
				return err
			}
			spot.Text = s.Query.Snippet(strings.TrimPrefix(text, spot.Name+"\n"), s.Text)
		}
		out[id] = spot
		return nil
	})
	return out, err
}
