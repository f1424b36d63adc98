package index

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

const (
	// rankedMost is up to how many places a result is put in order by how well
	// they fit. What fits more is no question of better or worse; by date it is
	// of use.
	rankedMost = 1000
	// askedMost is of how many places the query is asked itself, where the words
	// filed do not say all of it (a phrase in quotation marks, a row of
	// acronyms): each costs some 70 microseconds.
	askedMost = 3000
	// placesShown is how many places of one item a result names.
	placesShown = 3
	// facetsMost is how many values of sources and bodies are counted out.
	facetsMost = 15
)

// Search answers from the file and from memory; its cost grows with how many
// places fit, some 0.3 microseconds each, and with the texts that are shown.
func (x *Index) Search(ctx context.Context, s store.Search) (store.SearchResult, error) {
	out := store.SearchResult{ByDate: s.ByDate}
	var err error
	if out.End, err = x.o.Ledger.LastSeq(ctx); err != nil {
		return out, fmt.Errorf("search: %w", err)
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return out, errClosed
	}
	out.Done = min(x.mem.place, out.End)
	fit, err := x.fitting(ctx, s)
	if err != nil {
		return out, fmt.Errorf("search: %w", x.met(err))
	}
	out.Partly, out.Items, out.Places, out.Facets = fit.partly, len(fit.groups), len(fit.ids), fit.facets
	var ranked map[uint32]int
	if !s.ByDate {
		if ranked, err = x.rank(ctx, s.Query, fit); err != nil {
			return out, fmt.Errorf("search: %w", x.met(err))
		}
	}
	out.ByDate = ranked == nil
	groups := x.order(fit.groups, ranked, s.From+s.Limit)
	groups = groups[min(s.From, len(groups)):]
	groups = groups[:min(s.Limit, len(groups))]
	if out.Hits, err = x.hits(ctx, s, groups, fit.ids, ranked); err != nil {
		return out, fmt.Errorf("search: %w", x.met(err))
	}
	return out, nil
}

// within tells whether an item has its date in the bounds of a search.
func within(s store.Search, date int64) bool {
	return (s.Since.IsZero() || date >= s.Since.Unix()) && (s.Until.IsZero() || date < s.Until.Unix())
}

// fitting are the ids of the places that fit, in their order in the file.
func (x *Index) fitting(ctx context.Context, s store.Search) (*answer, error) {
	key := fmt.Sprint(s.Since.Unix(), s.Until.Unix(), s.Query)
	if a, ok := x.cache.get(key); ok {
		return a, nil
	}
	l := s.Query.Lookup(true)
	a := &answer{}
	keep := func(id int) {
		if id <= 0 || id >= len(x.mem.entries) || x.mem.entries[id] == 0 {
			return // written or dropped a moment ago
		}
		if within(s, x.mem.items[x.mem.entries[id]].date) {
			a.ids = append(a.ids, uint32(id)) //nolint:gosec // numbered by us
		}
	}
	switch {
	case l.None:
	case l.All:
		for id := range x.mem.entries {
			keep(id)
		}
	default:
		var list sql.NullString // one row is much cheaper than one for each
		if err := x.db.QueryRowContext(ctx, `SELECT group_concat(rowid, ' ') FROM words WHERE words MATCH ?`, l.Expr).Scan(&list); err != nil {
			return a, err
		}
		for f := range strings.SplitSeq(list.String, " ") {
			if id, err := strconv.Atoi(f); err == nil {
				keep(id)
			}
		}
	}
	if !l.Exact {
		if err := x.ask(ctx, s.Query, a); err != nil {
			return a, err
		}
	}
	a.groups = x.group(a.ids)
	a.facets = x.facets(a.groups)
	x.cache.put(key, a)
	return a, nil
}

// ask asks the query about places that may fit, the latest askedMost of them.
func (x *Index) ask(ctx context.Context, q query.Query, a *answer) error {
	ids := a.ids
	a.ids = nil
	if len(ids) > askedMost {
		a.partly = true
		date := func(id uint32) int64 { return x.mem.items[x.mem.entries[id]].date }
		slices.SortStableFunc(ids, func(a, b uint32) int { return cmp.Compare(date(b), date(a)) })
		ids = ids[:askedMost]
		slices.Sort(ids)
	}
	of, facts := uint32(0), query.Facts{}
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return err
		}
		item := x.mem.entries[id]
		if item != of {
			var err error
			if facts, err = x.factsOf(ctx, item); err != nil {
				return err
			}
			of = item
		}
		_, text, err := x.entry(ctx, id, true)
		if err != nil {
			return err
		}
		if q.Match(whole(facts, text)) {
			a.ids = append(a.ids, id)
		}
	}
	return nil
}

// factsOf is what a query is asked about all places of an item.
func (x *Index) factsOf(ctx context.Context, item uint32) (query.Facts, error) {
	var head, own, found string
	err := x.db.QueryRowContext(ctx, `SELECT head, a.json, b.json FROM item, facts a, facts b WHERE item.no = ? AND a.no = item.facts AND b.no = item.found`, item).Scan(&head, &own, &found)
	if err != nil {
		return query.Facts{}, err
	}
	var a, b query.Facts
	if err := json.Unmarshal([]byte(own), &a); err != nil {
		return a, err
	}
	if err := json.Unmarshal([]byte(found), &b); err != nil {
		return a, err
	}
	a = joined(a, b)
	a.Text = head
	return a, nil
}

func (x *Index) entry(ctx context.Context, id uint32, withText bool) (s store.Spot, text string, err error) {
	var spot string
	var b []byte
	if err = x.db.QueryRowContext(ctx, `SELECT spot, text FROM entry WHERE id = ?`, id).Scan(&spot, &b); err != nil {
		return s, "", err
	}
	if err = json.Unmarshal([]byte(spot), &s); err != nil || !withText {
		return s, "", err
	}
	text, err = x.packer.unpack(b)
	return s, text, err
}

// itself is the place that is the item and no part of it.
func (x *Index) itself(ctx context.Context, item uint32) ([]uint32, error) {
	var id int64
	err := x.db.QueryRowContext(ctx, `SELECT id FROM entry WHERE item = ? AND spot = '{}' LIMIT 1`, item).Scan(&id)
	if err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return nil, err
	}
	return []uint32{uint32(id)}, nil //nolint:gosec // numbered by us
}

// A group is an item and how many of its places fit.
type group struct {
	item  uint32
	n     int
	first uint32 // entry
	rank  int    // the better the lower
}

func (x *Index) group(ids []uint32) []group {
	at := make([]int32, len(x.mem.items)) // from 1
	var out []group
	for _, id := range ids {
		item := x.mem.entries[id]
		if at[item] == 0 {
			out = append(out, group{item: item, first: id})
			at[item] = int32(len(out)) //nolint:gosec // fewer than 2^31 items
		}
		out[at[item]-1].n++
	}
	return out
}

func (x *Index) facets(groups []group) store.Facets {
	m := x.mem
	names := make([]int, len(m.names)) // a source and a body may have one name
	bodies := make([]int, len(m.names))
	var byKind [6]int
	var byTopic [16]int
	years := map[int]int{}
	// A year is looked up by its day: turning each date into one costs more than all else.
	yearOf := map[int64]int{}
	for _, g := range groups {
		it := m.items[g.item]
		byKind[it.kind]++
		names[it.source]++
		bodies[it.body]++
		for _, b := range m.joint[g.item] {
			bodies[b]++
		}
		for t := range topics() {
			if it.topics&(1<<t) != 0 {
				byTopic[t]++
			}
		}
		day := it.date / 86400
		y, ok := yearOf[day]
		if !ok {
			y = time.Unix(it.date, 0).UTC().Year()
			yearOf[day] = y
		}
		years[y]++
	}
	var f store.Facets
	for i, k := range kinds() {
		f.Kinds = counted(f.Kinds, string(k), byKind[i])
	}
	for i, t := range topics() {
		f.Topics = counted(f.Topics, string(t), byTopic[i])
	}
	for i := 1; i < len(m.names); i++ {
		f.Sources, f.Bodies = counted(f.Sources, m.names[i], names[i]), counted(f.Bodies, m.names[i], bodies[i])
	}
	for y, n := range years {
		f.Years = counted(f.Years, strconv.Itoa(y), n)
	}
	most := func(a, b store.FacetCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	}
	for _, list := range []*[]store.FacetCount{&f.Kinds, &f.Topics, &f.Sources, &f.Bodies} {
		slices.SortFunc(*list, most)
		*list = (*list)[:min(len(*list), facetsMost)]
	}
	slices.SortFunc(f.Years, func(a, b store.FacetCount) int { return strings.Compare(b.Value, a.Value) })
	return f
}

func counted(list []store.FacetCount, value string, n int) []store.FacetCount {
	if n == 0 {
		return list
	}
	return append(list, store.FacetCount{Value: value, Count: n})
}

// rank is the order of places by how well they fit, by id; nil where nothing can
// be said of that, and the order is by date.
func (x *Index) rank(ctx context.Context, q query.Query, a *answer) (map[uint32]int, error) {
	l := q.Lookup(true)
	if n := len(a.ids); n == 0 || n > rankedMost || l.Expr == "" || !q.Wordy() {
		return nil, nil
	}
	if r := a.ranked.Load(); r != nil {
		return *r, nil
	}
	var list sql.NullString
	err := x.db.QueryRowContext(ctx, `SELECT group_concat(rowid, ' ') FROM (SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?)`, l.Expr, 4*rankedMost).Scan(&list)
	if err != nil {
		return nil, err
	}
	out := map[uint32]int{}
	for f := range strings.SplitSeq(list.String, " ") {
		if id, err := strconv.ParseUint(f, 10, 32); err == nil {
			out[uint32(id)] = len(out)
		}
	}
	a.ranked.Store(&out)
	return out, nil
}

// order gives the n best, or latest, first.
func (x *Index) order(all []group, ranked map[uint32]int, n int) []group {
	groups := all
	if ranked != nil {
		groups = slices.Clone(all) // others have the same

		best := map[uint32]int{}
		for id, r := range ranked {
			if int(id) >= len(x.mem.entries) {
				continue
			}
			item := x.mem.entries[id]
			if was, ok := best[item]; !ok || r < was {
				best[item] = r
			}
		}
		for i := range groups {
			r, ok := best[groups[i].item]
			if !ok {
				r = len(ranked)
			}
			groups[i].rank = r
		}
	}
	before := func(a, b group) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(x.mem.items[b.item].date, x.mem.items[a.item].date), cmp.Compare(b.item, a.item))
	}
	if n > 1000 || n*4 > len(groups) {
		if ranked == nil {
			groups = slices.Clone(all)
		}
		slices.SortFunc(groups, before)
		return groups
	}
	// A page is a few of perhaps a hundred thousand.
	top := make([]group, 0, n+1)
	for _, g := range slices.Backward(groups) {
		if len(top) == n && before(g, top[n-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(top, g, before)
		top = slices.Insert(top, at, g)
		top = top[:min(len(top), n)]
	}
	return top
}

// hits reads what is shown of the items on one page of a result.
func (x *Index) hits(ctx context.Context, s store.Search, groups []group, ids []uint32, ranked map[uint32]int) ([]store.Hit, error) {
	places, wordy := map[uint32][]uint32{}, s.Query.Wordy()
	for _, g := range groups {
		places[g.item] = nil
	}
	for _, id := range ids {
		if item := x.mem.entries[id]; len(places) > 0 {
			if list, ok := places[item]; ok && (ranked != nil || len(list) < placesShown) {
				places[item] = append(list, id)
			}
		}
	}
	var out []store.Hit
	for _, g := range groups {
		h := store.Hit{More: g.n}
		row := x.mem.items[g.item]
		var kind string
		err := x.db.QueryRowContext(ctx, `SELECT source, key, kind, title, url FROM item WHERE no = ?`, g.item).Scan(&h.Source, &h.Key, &kind, &h.Title, &h.URL)
		if err != nil {
			return nil, err
		}
		h.Kind, h.Date = store.Kind(kind), time.Unix(row.date, 0).UTC()
		for i, t := range topics() {
			if row.topics&(1<<i) != 0 {
				h.Topics = append(h.Topics, t)
			}
		}
		if row.body != 0 {
			h.Bodies = append(h.Bodies, x.mem.names[row.body])
		}
		for _, b := range x.mem.joint[g.item] {
			h.Bodies = append(h.Bodies, x.mem.names[b])
		}
		list := places[g.item]
		if !wordy { // no page is asked for before another
			if list, err = x.itself(ctx, g.item); err != nil {
				return nil, err
			}
			h.More = len(list)
		}
		if ranked != nil {
			slices.SortStableFunc(list, func(a, b uint32) int { return cmp.Compare(ranked[a], ranked[b]) })
			list = list[:min(len(list), placesShown)]
		}
		for _, id := range list {
			spot, text, err := x.entry(ctx, id, s.Text > 0)
			if err != nil {
				return nil, err
			}
			if s.Text > 0 {
				spot.Text = s.Query.Snippet(strings.TrimPrefix(text, spot.Name+"\n"), s.Text)
			}
			h.Places = append(h.Places, spot)
		}
		h.More -= len(h.Places)
		out = append(out, h)
	}
	return out, nil
}
