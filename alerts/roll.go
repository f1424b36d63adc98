package alerts

import (
	"encoding/hex"
	"math/bits"
	"slices"

	"ccgwatch/store/query"
)

// A roll is subscriptions in the order of their ids, filed by what they ask
// for. For each it keeps the id and a few numbers; what is asked for by many is
// kept once. It does not change, but is for one goroutine at a time.
type roll struct {
	index *query.Filing
	ids   idList
	of    []int32 // subscriptions by query: those of query q are of[from[q]:from[q+1]]
	from  []int32

	hit []uint64 // a bit for each subscription, all of them clear
}

// concerned lists the subscriptions whose query fits one of the candidates, in
// order, as numbers.
func (r *roll) concerned(candidates []candidate) []int32 {
	for _, c := range candidates {
		r.index.Match(c.prepared, func(q int) {
			for _, n := range r.of[r.from[q]:r.from[q+1]] {
				r.hit[n/64] |= 1 << (n % 64)
			}
		})
	}
	n := 0
	for _, word := range r.hit {
		n += bits.OnesCount64(word)
	}
	out := make([]int32, 0, n)
	for i, word := range r.hit {
		for ; word != 0; word &= word - 1 {
			out = append(out, int32(64*i+bits.TrailingZeros64(word))) //nolint:gosec // see enrolment
		}
		r.hit[i] = 0
	}
	return out
}

// An enrolment makes a roll.
type enrolment struct {
	ids     idList
	filer   *query.Filer
	queries int32
	asks    []int32 // which query each subscription asks
}

func newEnrolment() *enrolment { return &enrolment{filer: query.NewFiler()} }

// file takes a query and gives its number.
func (e *enrolment) file(q query.Query) int32 {
	e.filer.Add(q)
	e.queries++
	return e.queries - 1
}

// add takes the subscription with the next id, which asks the query of a number.
func (e *enrolment) add(id string, n int32) {
	e.ids.add(id)
	e.asks = append(e.asks, n)
}

// roll ends it; see query.Filer.Filing about the sample.
func (e *enrolment) roll(s *query.Sample) *roll {
	r := &roll{ids: e.ids.clip(), from: make([]int32, e.queries+1), of: make([]int32, len(e.asks))}
	var numbers []int32
	r.index, numbers = e.filer.Filing(s)
	for _, n := range e.asks {
		r.from[numbers[n]+1]++
	}
	for i := range e.queries {
		r.from[i+1] += r.from[i]
	}
	next := slices.Clone(r.from)
	for i, n := range e.asks {
		at := &next[numbers[n]]
		r.of[*at] = int32(i)
		*at++
	}
	r.hit = make([]uint64, (len(r.of)+63)/64)
	return r
}

// An idList is ids in their order, without what a slice of strings spends on
// each: those of hex digits, which all are that this program makes, are kept as
// the bytes they stand for.
type idList struct {
	bytes []byte
	ends  []uint32 // where each ends, twice; plus one if it is of hex digits
}

func (l *idList) add(id string) {
	begin := len(l.bytes)
	packed := uint32(0)
	if b, err := hex.AppendDecode(l.bytes, []byte(id)); err == nil && hex.EncodeToString(b[begin:]) == id {
		l.bytes, packed = b, 1
	} else {
		l.bytes = append(l.bytes[:begin], id...)
	}
	l.ends = append(l.ends, uint32(len(l.bytes))<<1|packed) //nolint:gosec // 2^31 bytes are 130 million ids
}

func (l *idList) clip() idList { return idList{slices.Clip(l.bytes), slices.Clip(l.ends)} }

func (l *idList) len() int { return len(l.ends) }

func (l *idList) at(i int32) string {
	begin, end := uint32(0), l.ends[i]
	if i > 0 {
		begin = l.ends[i-1] >> 1
	}
	b := l.bytes[begin : end>>1]
	if end&1 != 0 {
		return hex.EncodeToString(b)
	}
	return string(b)
}

// search is where an id is, or would be, and whether it is there.
func (l *idList) search(id string) (int32, bool) {
	from, to := int32(0), int32(l.len()) //nolint:gosec // see roll
	for from < to {
		if middle := from + (to-from)/2; l.at(middle) < id {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from, int(from) < l.len() && l.at(from) == id
}
