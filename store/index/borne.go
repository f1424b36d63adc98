package index

import (
	"context"
	"database/sql"
	"errors"
	"math/bits"
	"strconv"
	"strings"
	"sync"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// A borne knows by number what bears a word of query.Indexed.Facts: the places in
// words, or the passages in found. A list is read when it is first asked for and
// then kept up with what is written, so that a search narrowed to a kind or a body
// does not read a list as long as the whole index after every commit. One bit a
// number and word.
type borne struct {
	table string // of FTS5

	mu    sync.Mutex
	lists map[string]bitset
}

// mostBorne bounds the memory of a borne, in bytes.
const mostBorne = 4 << 20

// A bitset holds numbers.
type bitset []uint64

func (s *bitset) put(n int) {
	grow((*[]uint64)(s), n/64)
	(*s)[n/64] |= 1 << (n % 64)
}

func (s bitset) drop(n int) {
	if n/64 < len(s) {
		s[n/64] &^= 1 << (n % 64)
	}
}

func (s bitset) has(n int) bool { return n/64 < len(s) && s[n/64]&(1<<(n%64)) != 0 }

func (s bitset) count() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// join adds what another one holds.
func (s bitset) join(o bitset) bitset {
	out := make(bitset, max(len(s), len(o)))
	copy(out, s)
	for i, w := range o {
		out[i] |= w
	}
	return out
}

// by gives what bears one of some words. The caller holds Index.mu for reading, has
// a transaction (whoever waited for one here would keep those waiting that have
// the last), and does not alter what it gets.
func (b *borne) by(ctx context.Context, db asked, words []string) (bitset, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out bitset
	for i, w := range words {
		s, ok := b.lists[w]
		if !ok {
			err := numbered(ctx, db, `SELECT group_concat(rowid, ' ') FROM `+b.table+` WHERE `+b.table+` MATCH ?`, func(n int) { s.put(n) }, query.Bearing(w))
			if err != nil {
				return nil, err
			}
			b.keep(w, s)
		}
		if i == 0 {
			out = s
		} else {
			out = out.join(s)
		}
	}
	return out, nil
}

func (b *borne) keep(word string, s bitset) {
	weight := 0
	for w, x := range b.lists {
		weight += weightOf(w, x)
	}
	if b.lists == nil || weight+weightOf(word, s) > mostBorne {
		b.lists = map[string]bitset{}
	}
	b.lists[word] = s
}

// weightOf counts a word that nobody bears, too: whoever asks may make words up.
func weightOf(word string, s bitset) int { return 8*len(s) + len(word) + 100 }

// put notes under which words of Facts a number was filed. The caller holds
// Index.mu for writing, as for drop.
func (b *borne) put(n int, facts string) {
	if len(b.lists) == 0 {
		return
	}
	for w := range strings.SplitSeq(facts, " ") {
		if s, ok := b.lists[w]; ok {
			s.put(n)
			b.lists[w] = s
		}
	}
}

func (b *borne) drop(n int) {
	for _, s := range b.lists {
		s.drop(n)
	}
}

// reading begins a transaction for all that one question asks: it locks the file
// once. Nothing is written, so it ends with Rollback.
func (x *Index) reading(ctx context.Context) (*sql.Tx, error) {
	tx, err := x.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	return tx, x.failed(ctx, err)
}

// failed is met that also says so where the asker's time was over: database/sql ends
// the transaction then, and says that it has ended.
func (x *Index) failed(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	return x.met(err)
}

// asked is a database or a transaction.
type asked interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// numbered calls f with the numbers that an answer of one row holds with spaces
// between them: one row is much cheaper than one for each.
func numbered(ctx context.Context, db asked, ask string, f func(int), args ...any) error {
	var list sql.NullString
	if err := db.QueryRowContext(ctx, ask, args...).Scan(&list); err != nil {
		return err
	}
	for s := list.String; s != ""; {
		n, i := 0, 0
		for ; i < len(s) && s[i] != ' '; i++ {
			n = 10*n + int(s[i]-'0')
		}
		f(n)
		s = s[min(i+1, len(s)):]
	}
	return nil
}

// listOf writes numbers as JSON, for one argument of a statement.
func listOf(numbers []uint32) string {
	b := make([]byte, 0, 8*len(numbers)+2)
	b = append(b, '[')
	for i, n := range numbers {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(n), 10)
	}
	return string(append(b, ']'))
}

// A narrowing is what the fields of a query leave.
type narrowing struct {
	in, out []bitset
	rest    query.Query // what the index of words is still asked
}

func (n *narrowing) takes(id int) bool {
	for _, s := range n.in {
		if !s.has(id) {
			return false
		}
	}
	for _, s := range n.out {
		if s.has(id) {
			return false
		}
	}
	return true
}

// narrow divides a query about so many places into what b knows and what remains.
// A field remains, too, where it makes the answer shorter: beside words if few bear
// it, and beside words that must not stand there.
func (b *borne) narrow(ctx context.Context, db asked, q query.Query, of int) (narrowing, error) {
	fields, rest := q.Divide()
	n := narrowing{rest: rest}
	some, wordy := rest != query.Query{}, rest.Wordy()
	for _, f := range fields {
		s, err := b.by(ctx, db, f.Words)
		if err != nil {
			return n, err
		}
		if f.Not {
			n.out = append(n.out, s)
			continue
		}
		n.in = append(n.in, s)
		if some && (!wordy || s.count() < of/8) {
			n.rest = query.And(n.rest, f.Query)
		}
	}
	return n, nil
}

// Warm reads what many searches ask for, so that nobody waits for it.
func (x *Index) Warm(ctx context.Context) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return errClosed
	}
	db, err := x.reading(ctx)
	if err != nil {
		return wrapped("read the search index ahead", err)
	}
	defer func() { _ = db.Rollback() }()
	for name, values := range map[string][]string{"kind": namesOf(kinds()), "topic": namesOf(topics())} {
		for _, v := range values {
			q, err := query.Field(name, v)
			if err != nil {
				return wrapped("read the search index ahead", err)
			}
			for _, b := range []*borne{x.mem.places, x.mem.passages} {
				if _, err := b.narrow(ctx, db, q, 0); err != nil {
					return wrapped("read the search index ahead", x.failed(ctx, err))
				}
			}
		}
	}
	return nil
}

func namesOf[T store.Kind | store.Topic](list []T) (out []string) {
	for _, x := range list {
		out = append(out, string(x))
	}
	return out
}
