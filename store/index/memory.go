package index

import (
	"context"
	"database/sql"
	"hash/fnv"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"ccgwatch/store"
)

// memory is what counting and ordering need of every entry, so that a search
// for a common word does not read a hundred thousand rows: 4 bytes a place,
// some 48 an item and 40 a passage of a finding, and at most 8 MB of which of them
// bear what searches were narrowed to.
type memory struct {
	place uint64 // in the log
	last  string // the change there, in a few words

	entries []uint32            // number of the item, by id of the entry; 0: there is none
	items   []itemRow           // by number; the first is nobody
	joint   map[uint32][]uint32 // further bodies of an item
	found   []foundRow          // by number, in the order of the log; the first is nothing. The passages of a finding follow it
	names   []string            // of sources and bodies, by number
	number  map[string]uint32

	places, passages *borne // of the entries, of the findings
}

type itemRow struct {
	date   int64 // seconds since 1970
	source uint32
	body   uint32 // the first; 0: none known
	topics uint16
	kind   uint8
	live   bool
}

type foundRow struct {
	change uint64
	at     int64
	thing  uint64
	source uint32
	topic  uint8
	flags  uint8
}

const (
	flagSilent = 1 << iota
	flagAtOnce
	flagPassage // a further one of the finding before it
	flagHidden  // not to be shown
)

// topics and kinds in the order of their numbers.
func topics() []store.Topic {
	return []store.Topic{store.TopicTenders, store.TopicOutsourcing, store.TopicMeetings, store.TopicAwards,
		store.TopicPapers, store.TopicDeadlines, store.TopicConsultations, store.TopicFOI}
}

func kinds() []store.Kind {
	return []store.Kind{store.KindNotice, store.KindMeeting, store.KindPaper, store.KindRequest, store.KindPage}
}

func topicBits(names []string) (bits uint16) {
	for i, t := range topics() {
		for _, n := range names {
			if n == string(t) {
				bits |= 1 << i
			}
		}
	}
	return bits
}

func kindNumber(k string) uint8 {
	for i, x := range kinds() {
		if string(x) == k {
			return uint8(i)
		}
	}
	return uint8(len(kinds())) //nolint:gosec // 5
}

func thingOf(source, key string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(source + "\x00" + key)) // never fails
	return h.Sum64()
}

func newMemory() *memory {
	return &memory{items: make([]itemRow, 1), entries: make([]uint32, 1), found: make([]foundRow, 1), names: make([]string, 1), number: map[string]uint32{}, joint: map[uint32][]uint32{},
		places: &borne{table: "words"}, passages: &borne{table: "found"}}
}

func (m *memory) name(no uint32, name string) {
	grow(&m.names, int(no))
	m.names[no], m.number[name] = name, no
}

func (m *memory) item(no uint32, row itemRow, bodies []uint32) {
	grow(&m.items, int(no))
	delete(m.joint, no)
	if len(bodies) > 0 {
		row.body = bodies[0]
	}
	if len(bodies) > 1 {
		m.joint[no] = bodies[1:]
	}
	m.items[no] = row
}

func (m *memory) finding(no, passages int, row foundRow) {
	grow(&m.found, no+passages-1)
	m.found[no] = row
	row.flags |= flagPassage
	for i := range passages - 1 {
		m.found[no+1+i] = row
	}
}

func (m *memory) entry(id int64, item uint32) {
	grow(&m.entries, int(id))
	m.entries[id] = item
}

func grow[T any](list *[]T, n int) {
	for len(*list) <= n {
		*list = append(*list, *new(T))
	}
}

// foundUpTo is the number of findings in changes up to one.
func (m *memory) foundUpTo(change uint64) int {
	return sort.Search(len(m.found)-1, func(i int) bool { return m.found[i+1].change > change })
}

func numbers(s string) (out []uint32) {
	for f := range strings.FieldsSeq(s) {
		if n, err := strconv.ParseUint(f, 10, 32); err == nil {
			out = append(out, uint32(n))
		}
	}
	return out
}

// load reads the memory of an index that is opened.
func load(ctx context.Context, db *sql.DB) (*memory, error) {
	m := newMemory()
	var err error
	if m.place, m.last, err = readMeta(ctx, db); err != nil {
		return nil, err
	}
	var no, item, source, topics int64
	var name, bodies, kind string
	err = rows(ctx, db, `SELECT no, name FROM names`, nil, func(r *sql.Rows) error {
		if err := r.Scan(&no, &name); err != nil {
			return err
		}
		m.name(uint32(no), name) //nolint:gosec // numbered by us, from 1
		return nil
	})
	if err != nil {
		return nil, err
	}
	var row itemRow
	err = rows(ctx, db, `SELECT no, source, live, kind, date, topics, bodies FROM item`, nil, func(r *sql.Rows) error {
		if err := r.Scan(&no, &name, &row.live, &kind, &row.date, &topics, &bodies); err != nil {
			return err
		}
		row.kind, row.source, row.topics = kindNumber(kind), m.number[name], uint16(topics) //nolint:gosec // eight bits
		m.item(uint32(no), row, numbers(bodies))                                            //nolint:gosec // numbered by us
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = rows(ctx, db, `SELECT id, item FROM entry INDEXED BY entry_item`, nil, func(r *sql.Rows) error {
		if err := r.Scan(&no, &item); err != nil {
			return err
		}
		m.entry(no, uint32(item)) //nolint:gosec // numbered by us
		return nil
	})
	if err != nil {
		return nil, err
	}
	var f foundRow
	var change, thing, topic, flags int64
	var passages int
	err = rows(ctx, db, `SELECT no, change, at, source, thing, topic, flags, passages FROM finding ORDER BY no`, nil, func(r *sql.Rows) error {
		if err := r.Scan(&no, &change, &f.at, &source, &thing, &topic, &flags, &passages); err != nil {
			return err
		}
		f.change, f.source, f.thing, f.topic, f.flags = uint64(change), uint32(source), uint64(thing), uint8(topic), uint8(flags) //nolint:gosec // as they went
		m.finding(int(no), passages, f)
		return nil
	})
	return m, err
}

// rows calls f with each row of an answer.
func rows(ctx context.Context, db interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, q string, args []any, f func(*sql.Rows) error) error {
	r, err := db.QueryContext(ctx, q, args...)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	for r.Next() {
		if err := f(r); err != nil {
			return err
		}
	}
	return r.Err()
}

// answers remembers which places fitted the latest queries, because people turn
// pages and programs ask again.
type answers struct {
	mu    sync.Mutex
	known map[string]*answer
	size  int
}

// An answer is not altered once it is remembered, but for ranked, which is
// found when it is first asked for.
type answer struct {
	ids    []uint32
	partly bool
	groups []group
	facets store.Facets
	ranked atomic.Pointer[map[uint32]int]
}

// weight is about its memory, in places.
func (a *answer) weight() int { return len(a.ids) + 6*len(a.groups) }

// mostRemembered bounds the memory of answers: two million are 8 MB.
const mostRemembered = 2_000_000

func (a *answers) get(key string) (*answer, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	x, ok := a.known[key]
	return x, ok
}

func (a *answers) put(key string, x *answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil || len(a.known) >= 64 || a.size+x.weight() > mostRemembered {
		a.known, a.size = map[string]*answer{}, 0
	}
	a.known[key] = x
	a.size += x.weight()
}

func (a *answers) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known, a.size = nil, 0
}
