package ocds

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// notes are what a feed remembers from visit to visit beside its cursor: which
// notice numbers it has not seen, which processes it has read again, and what
// only the second interface knew. They are kept with the items, in one
// transaction (store.Snapshot.Notes).
type notes struct {
	Version int       `json:"version"`
	Numbers []numbers `json:"numbers,omitempty"` // Find a Tender; by year, the newest last
	// Day and Asked bound what is asked beside the feed: how much on which day, London's.
	Day   string `json:"day,omitempty"`
	Asked int    `json:"asked,omitempty"`
	// Read is when each watched process was last read again, by ocid.
	Read    map[string]time.Time `json:"read,omitempty"`
	Watched int                  `json:"watched,omitempty"` // how many there are
	// Crossed is when the second interface was last asked about the last days
	// and all of its answer taken; Second is what only it knew, by notice and
	// edition.
	Crossed   time.Time            `json:"crossed,omitzero"`
	CrossNext time.Time            `json:"cross_next,omitzero"`
	Second    map[string]time.Time `json:"second,omitempty"`
	Only      int                  `json:"only,omitempty"` // how many there were so far
}

const notesVersion = 1

// keepSecond is how long a notice that only the second interface knows is not
// fetched again: longer than any window it is looked for in.
const keepSecond = 60 * 24 * time.Hour

// openNotes reads notes. What cannot be read, or was written by a later
// release, is begun anew: nothing but some requests is lost.
func openNotes(s string) notes {
	var n notes
	if s == "" || json.Unmarshal([]byte(s), &n) != nil || n.Version != notesVersion {
		return notes{Version: notesVersion}
	}
	return n
}

func (n notes) String() string {
	b, err := json.Marshal(n)
	if err != nil { // times out of range only
		return ""
	}
	return string(b)
}

// clone is a copy that may be changed: pages hand notes on as values.
func (n notes) clone() notes {
	n.Numbers = slices.Clone(n.Numbers)
	for i := range n.Numbers {
		n.Numbers[i].Gaps = slices.Clone(n.Numbers[i].Gaps)
	}
	n.Read, n.Second = maps.Clone(n.Read), maps.Clone(n.Second)
	return n
}

// year is the numbers of a year, nil for one too long ago to be remembered.
func (n *notes) year(year int) *numbers {
	i, ok := slices.BinarySearchFunc(n.Numbers, year, func(y numbers, year int) int { return cmp.Compare(y.Year, year) })
	if !ok {
		if i == 0 && len(n.Numbers) >= years {
			return nil
		}
		n.Numbers = slices.Insert(n.Numbers, i, numbers{Year: year})
		if len(n.Numbers) > years {
			n.Numbers, i = slices.Delete(n.Numbers, 0, 1), i-1
		}
	}
	return &n.Numbers[i]
}

// saw notes the numbers of releases, in ascending order: a page lists the
// newest first.
func (n notes) saw(ids []string, now time.Time) notes {
	n = n.clone()
	slices.Sort(ids)
	for _, id := range ids {
		if year, number, ok := noticeNumber(id); ok && year <= now.Year()+1 {
			if y := n.year(year); y != nil {
				y.saw(number, now)
			}
		}
	}
	return n
}

// spend counts one request beside the feed, unless the day's are used up.
func (n *notes) spend(now time.Time, zone *time.Location, most int) bool {
	if day := now.In(zone).Format(time.DateOnly); n.Day != day {
		n.Day, n.Asked = day, 0
	}
	if n.Asked >= most {
		return false
	}
	n.Asked++
	return true
}

// forget drops what is of no use any more.
func (n *notes) forget(now time.Time, watched map[string]bool) {
	maps.DeleteFunc(n.Read, func(id string, _ time.Time) bool { return !watched[id] })
	maps.DeleteFunc(n.Second, func(_ string, at time.Time) bool { return now.Sub(at) > keepSecond })
}

// An Audit says how complete a feed is, as far as can be told from outside it.
type Audit struct {
	// From and To are the first and the last notice number known; Seen those
	// between them that were published, Asking those still asked for, Never
	// those that were asked for often enough; Found those that the feed had not
	// shown and that were there when asked for by number.
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Seen   int    `json:"seen,omitempty"`
	Asking int    `json:"asking,omitempty"`
	Never  int    `json:"never,omitempty"`
	Found  int    `json:"found,omitempty"`
	// Watched counts the processes that are watched for edits in place, Reread
	// those of them that were read again by themselves so far.
	Watched int `json:"watched,omitempty"`
	Reread  int `json:"reread,omitempty"`
	// Crossed is when the second interface was last compared; Only counts what
	// the first had not shown.
	Crossed time.Time `json:"crossed,omitzero"`
	Only    int       `json:"only,omitempty"`
}

// Audited reads the notes of a feed's snapshot; false where there are none.
func Audited(written string) (Audit, bool) {
	if written == "" {
		return Audit{}, false
	}
	n := openNotes(written)
	a := Audit{Watched: n.Watched, Reread: len(n.Read), Crossed: n.Crossed, Only: n.Only}
	for i := range n.Numbers {
		y := &n.Numbers[i]
		if y.First == 0 {
			continue
		}
		if a.From == "" {
			a.From = numberID(y.Year, y.First)
		}
		a.To = numberID(y.Year, y.Last)
		asking, never := y.missing()
		a.Seen, a.Asking, a.Never, a.Found = a.Seen+y.seen(), a.Asking+asking, a.Never+never, a.Found+y.Found
	}
	return a, true
}
