package index

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
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
	db, err := x.reading(ctx)
	if err != nil {
		return out, fmt.Errorf("search: %w", err)
	}
	defer func() { _ = db.Rollback() }()
	fit, err := x.fitting(ctx, db, s)
	if err != nil {
		return out, fmt.Errorf("search: %w", x.failed(ctx, err))
	}
	out.Partly, out.Items, out.Places, out.Facets = fit.partly, len(fit.groups), len(fit.ids), fit.facets
	var ranked map[uint32]int
	if !s.ByDate {
		if ranked, err = x.rank(ctx, db, s.Query, fit); err != nil {
			return out, fmt.Errorf("search: %w", x.failed(ctx, err))
		}
	}
	out.ByDate = ranked == nil
	groups := x.order(fit.groups, ranked, s.From+s.Limit)
	groups = groups[min(s.From, len(groups)):]
	groups = groups[:min(s.Limit, len(groups))]
	if out.Hits, err = x.hits(ctx, db, s, groups, fit.ids, ranked); err != nil {
		return out, fmt.Errorf("search: %w", x.failed(ctx, err))
	}
	return out, nil
}

// within tells whether an item has its date in the bounds of a search.
func within(s store.Search, date int64) bool {
	return (s.Since.IsZero() || date >= s.Since.Unix()) && (s.Until.IsZero() || date < s.Until.Unix())
}

// fitting are the ids of the places that fit, in their order in the file.
func (x *Index) fitting(ctx context.Context, db asked, s store.Search) (*answer, error) {
	key := fmt.Sprint(s.Since.Unix(), s.Until.Unix(), s.Query)
	if a, ok := x.cache.get(key); ok {
		return a, nil
	}
	a := &answer{}
	left, err := x.mem.places.narrow(ctx, db, s.Query, len(x.mem.entries))
	if err != nil {
		return a, err
	}
	keep := func(id int) {
		if id <= 0 || id >= len(x.mem.entries) || x.mem.entries[id] == 0 {
			return // written or dropped a moment ago
		}
		if left.takes(id) && within(s, x.mem.items[x.mem.entries[id]].date) {
			a.ids = append(a.ids, uint32(id)) //nolint:gosec // numbered by us
		}
	}
	l := left.rest.Lookup()
	switch {
	case l.None:
	case l.All:
		a.ids = make([]uint32, 0, len(x.mem.entries))
		for id := range x.mem.entries {
			keep(id)
		}
	default:
		if err := numbered(ctx, db, `SELECT group_concat(rowid, ' ') FROM words WHERE words MATCH ?`, keep, l.Expr); err != nil {
			return a, err
		}
	}
	if !l.Exact {
		if err := x.ask(ctx, db, s.Query, a); err != nil {
			return a, err
		}
	}
	a.groups = x.group(a.ids)
	a.facets = x.facets(a.groups)
	x.cache.put(key, a)
	return a, nil
}

// ask asks the query about places that may fit, the latest askedMost of them.
func (x *Index) ask(ctx context.Context, db asked, q query.Query, a *answer) error {
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
			if facts, err = x.factsOf(ctx, db, item); err != nil {
				return err
			}
			of = item
		}
		_, text, err := x.entry(ctx, db, id, true)
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
func (x *Index) factsOf(ctx context.Context, db asked, item uint32) (query.Facts, error) {
	var head, own, found string
	err := db.QueryRowContext(ctx, `SELECT head, a.json, b.json FROM item, facts a, facts b WHERE item.no = ? AND a.no = item.facts AND b.no = item.found`, item).Scan(&head, &own, &found)
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

func (x *Index) entry(ctx context.Context, db asked, id uint32, withText bool) (s store.Spot, text string, err error) {
	var spot string
	var b []byte
	if err = db.QueryRowContext(ctx, `SELECT spot, text FROM entry WHERE id = ?`, id).Scan(&spot, &b); err != nil {
		return s, "", err
	}
	if err = json.Unmarshal([]byte(spot), &s); err != nil || !withText {
		return s, "", err
	}
	text, err = x.packer.unpack(b)
	return s, text, err
}

// itself is the place that is the item and no part of it.
func (x *Index) itself(ctx context.Context, db asked, item uint32) ([]uint32, error) {
	var id int64
	err := db.QueryRowContext(ctx, `SELECT id FROM entry WHERE item = ? AND spot = '{}' LIMIT 1`, item).Scan(&id)
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
	item uint32
	n    int32
	rank int32 // the better the lower
}

func (x *Index) group(ids []uint32) []group {
	at := make([]int32, len(x.mem.items)) // from 1
	out := make([]group, 0, min(len(ids), len(at)))
	for _, id := range ids {
		item := x.mem.entries[id]
		if at[item] == 0 {
			out = append(out, group{item: item})
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
	var years years
	for _, g := range groups {
		it := &m.items[g.item]
		byKind[it.kind]++
		names[it.source]++
		bodies[it.body]++
		if len(m.joint) > 0 {
			for _, b := range m.joint[g.item] {
				bodies[b]++
			}
		}
		for t := it.topics; t != 0; t &= t - 1 {
			byTopic[bits.TrailingZeros16(t)]++
		}
		years.count(it.date)
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
	for y, n := range years.counts {
		f.Years = counted(f.Years, strconv.Itoa(y), *n)
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

// years counts dates, of which most are of the same year as the one before:
// turning each into its year would cost more than all else that is counted.
type years struct {
	counts   map[int]*int
	from, to int64 // of the last year, in seconds since 1970
	last     *int
}

func (y *years) count(date int64) {
	if date < y.from || date >= y.to {
		n := time.Unix(date, 0).UTC().Year()
		y.from, y.to = time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(n+1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
		if y.counts == nil {
			y.counts = map[int]*int{}
		}
		if y.last = y.counts[n]; y.last == nil {
			y.last = new(int)
			y.counts[n] = y.last
		}
	}
	*y.last++
}

func counted(list []store.FacetCount, value string, n int) []store.FacetCount {
	if n == 0 {
		return list
	}
	return append(list, store.FacetCount{Value: value, Count: n})
}

// rank is the order of places by how well they fit, by id; nil where nothing can
// be said of that, and the order is by date. Only places that fit are weighed, and
// only by words: how many places bear a field costs much to count, and says nothing.
func (x *Index) rank(ctx context.Context, db asked, q query.Query, a *answer) (map[uint32]int, error) {
	if n := len(a.ids); n == 0 || n > rankedMost || !q.Wordy() {
		return nil, nil
	}
	words, _ := q.Worded()
	l := words.Lookup()
	if l.Expr == "" {
		return nil, nil
	}
	if r := a.ranked.Load(); r != nil {
		return *r, nil
	}
	out := map[uint32]int{}
	// The plus signs keep FTS5 from weighing all that has the words, and from asking
	// for each id.
	err := numbered(ctx, db, `SELECT group_concat(rowid, ' ') FROM (SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?
		AND +rowid IN (SELECT value FROM json_each(?)) ORDER BY +rank, rowid)`,
		func(id int) { out[uint32(id)] = len(out) }, //nolint:gosec // numbered by us
		l.Expr, a.ids[0], a.ids[len(a.ids)-1], listOf(a.ids))
	if err != nil {
		return nil, err
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
			groups[i].rank = int32(r) //nolint:gosec // some thousands
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
