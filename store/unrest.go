package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// An Unrest is how an item has been changing of late: back and forth between the
// same values, or anew at every look. A site that answers by turns from an old
// and a new copy, or prints a counter, has no news. Such an item is unstable
// (promises, R9): what it does is logged silent until it has kept still for a week.
type Unrest struct {
	Left    []LeftValue `json:"left,omitempty"`    // what was there before, the latest last
	Returns []time.Time `json:"returns,omitempty"` // when something that was left came back
	Row     int         `json:"row,omitempty"`     // looks in a row, each of which found it altered
	Last    time.Time   `json:"last,omitzero"`     // altered last
	Since   time.Time   `json:"since,omitzero"`    // unstable since; zero while it is not
}

// A LeftValue stands for a value of a field, or a paper, that an item had.
type LeftValue struct {
	Mark string    `json:"mark"`
	At   time.Time `json:"at"`
}

const (
	// A meeting may be called off and put on again, and once more: so many returns
	// within so long are no person's doing.
	unstableReturns = 3
	unstableWithin  = 14 * 24 * time.Hour
	// unstableRow is how many looks in a row may find something altered.
	unstableRow = 5
	stableAfter = 7 * 24 * time.Hour
	leftMost    = 24
	leftFor     = 30 * 24 * time.Hour
)

// Unstable tells whether an item's changes are to be believed no more.
func (it Item) Unstable() bool { return it.Unrest != nil && !it.Unrest.Since.IsZero() }

// restless takes a change into an item's unrest, and tells whether the change is
// no news because of it. A page is left out of what changes at every look: it is
// asked for twice when it has changed, and a page of news changes every day.
func restless(was Item, c Change, at time.Time) (next *Unrest, hush bool) {
	left, taken, fresh := alterations(was, c)
	if len(left) == 0 {
		return was.Unrest, false
	}
	u := Unrest{}
	if was.Unrest != nil {
		u = *was.Unrest
	}
	u.Left = slices.DeleteFunc(slices.Clone(u.Left), func(l LeftValue) bool { return at.Sub(l.At) > leftFor })
	u.Returns = slices.DeleteFunc(slices.Clone(u.Returns), func(t time.Time) bool { return at.Sub(t) > unstableWithin })
	if slices.ContainsFunc(u.Left, func(l LeftValue) bool { return slices.Contains(taken, l.Mark) }) {
		u.Returns = append(u.Returns, at)
	}
	for _, m := range left {
		u.Left = slices.DeleteFunc(u.Left, func(l LeftValue) bool { return l.Mark == m })
		u.Left = append(u.Left, LeftValue{m, at})
	}
	u.Left = u.Left[max(0, len(u.Left)-leftMost):]
	if at.Sub(u.Last) >= stableAfter {
		u.Row = 0
	}
	if c.Kind != KindPage {
		u.Row++
	}
	u.Last = at
	if u.Since.IsZero() && (len(u.Returns) >= unstableReturns || u.Row >= unstableRow) {
		u.Since = at
	}
	return &u, !u.Since.IsZero() && !fresh
}

// calm is the unrest of an item that was read in full and had not changed.
func calm(u *Unrest, at time.Time) *Unrest {
	switch {
	case u == nil:
		return nil
	case at.Sub(u.Last) >= leftFor, !u.Since.IsZero() && at.Sub(u.Last) >= stableAfter:
		return nil
	case u.Row == 0:
		return u
	}
	v := *u
	v.Row = 0
	return &v
}

// alterations are the values that a change left and those it came to. Things that
// are only added are neither; fresh tells that there are some which the item never
// had, so that the change is news whatever else it does.
func alterations(was Item, c Change) (left, taken []string, fresh bool) {
	swap := func(from, to string) { left, taken = append(left, valueMark(from)), append(taken, valueMark(to)) }
	for _, f := range c.Fields {
		if f.Name != "url" {
			swap(f.Name+"="+plain(f.Old), f.Name+"="+plain(f.New))
		}
	}
	if !was.Withdrawn.IsZero() {
		swap("gone", "listed")
		left = append(left, valueMark("listed"))
	}
	had := map[string]bool{}
	for _, d := range was.Documents {
		had[docID(d)] = true
	}
	known := func(mark string) bool {
		return was.Unrest != nil && slices.ContainsFunc(was.Unrest.Left, func(l LeftValue) bool { return l.Mark == mark })
	}
	for _, d := range c.Documents {
		id := docID(d)
		paper, none := "paper "+id, "no paper "+id
		switch {
		case had[id] && c.Has(DocumentRemoved) && !slices.ContainsFunc(c.Fields, func(f FieldChange) bool { return f.Name == "document "+id }):
			swap(paper, none)
		case had[id]: // replaced: a field says so
		case known(valueMark(paper)):
			swap(none, paper)
		case was.Withdrawn.IsZero():
			fresh = true
		}
	}
	for _, w := range []What{NewMeeting, AgendaPublished, ItemAdded, MinutesPublished} {
		fresh = fresh || c.Has(w)
	}
	if len(taken) == 0 {
		return nil, nil, fresh // it has only grown
	}
	return left, taken, fresh
}

func valueMark(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:8])
}

// Unsteady is the problem of a source some of whose items are unstable.
func Unsteady(items map[string]Item) (Problem, bool) {
	p := Problem{Reason: ReasonUnstable, What: "what keeps changing by itself"}
	var names []string
	for _, it := range items {
		if !it.Unstable() || !it.Withdrawn.IsZero() {
			continue
		}
		names = append(names, it.Title)
		if s := it.Unrest.Since; p.Since.IsZero() || s.Before(p.Since) {
			p.Since = s
		}
	}
	if len(names) == 0 {
		return p, false
	}
	slices.Sort(names)
	n := len(names)
	more := ""
	if n > 3 {
		names, more = names[:3], fmt.Sprintf(", and %d more", n-3)
	}
	p.Detail = fmt.Sprintf("these change back and forth, or at every look, and nobody is mailed of it until they have kept still for a week: %s%s", strings.Join(names, "; "), more)
	return p, true
}
