package store

import (
	"strings"
	"time"
)

// movedMost is how far a meeting known by its day may move and be the same one.
const movedMost = 120 * 24 * time.Hour

// succession finds the meetings that a whole list shows under another key than
// before, by the key they had: one that was made anew with another number (the
// same committee on the same day), and one that has moved on a page which gives
// no number, so that its key holds its day. The old one must be gone and lie
// ahead, the new one must not be known, and there must be one of each: where
// two could be meant, none is. What the source itself knows to be one comes first.
func succession(old Snapshot, seen Sighting) map[string]string {
	if !seen.Whole {
		return nil
	}
	out := map[string]string{}
	shown := map[string]bool{}
	for _, it := range seen.Items {
		shown[it.Key] = true
	}
	taken := map[string]bool{}
	for now, was := range seen.Same {
		_, known := old.Items[now]
		if it, ok := old.Items[was]; ok && !known && shown[now] && !shown[was] && it.Withdrawn.IsZero() && !taken[was] {
			out[now], taken[was] = was, true
		}
	}
	gone := map[string][]Item{} // by committee
	for key, it := range old.Items {
		if !shown[key] && !taken[key] && it.Kind == KindMeeting && it.Withdrawn.IsZero() && upcoming(it, seen.At) && covers(seen, it) {
			gone[whose(it)] = append(gone[whose(it)], it)
		}
	}
	if len(gone) == 0 {
		return out
	}
	fresh := map[string][]Item{}
	for _, it := range distinct(seen.Items) {
		if _, known := old.Items[it.Key]; !known && out[it.Key] == "" && it.Kind == KindMeeting {
			fresh[whose(it)] = append(fresh[whose(it)], it)
		}
	}
	for name, list := range fresh {
		for _, now := range list {
			was, n := "", 0
			for _, o := range gone[name] {
				if succeeds(o, now) {
					was, n = o.Key, n+1
				}
			}
			others := 0
			for _, x := range list {
				if n == 1 && succeeds(old.Items[was], x) {
					others++
				}
			}
			if n == 1 && others == 1 {
				out[now.Key] = was
			}
		}
	}
	return out
}

// whose is what tells the meetings of a page apart beside their day.
func whose(it Item) string {
	if c := it.Fields[FieldCommittee]; c != "" {
		return strings.ToLower(plain(c))
	}
	return strings.ToLower(plain(it.Title))
}

// succeeds tells whether a meeting may be the one that stood under another key.
func succeeds(was, now Item) bool {
	a, _, okA := instant(was.Fields[FieldWhen])
	b, _, okB := instant(now.Fields[FieldWhen])
	if !okA || !okB {
		return false
	}
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	if was.Fields[FieldWhen][:len(time.DateOnly)] == now.Fields[FieldWhen][:len(time.DateOnly)] {
		return true
	}
	pageA, restA, dayA := strings.Cut(was.Key, "#")
	pageB, restB, dayB := strings.Cut(now.Key, "#")
	if !dayA || !dayB || pageA != pageB || len(restA) < len(time.DateOnly) || len(restB) < len(time.DateOnly) || restA[len(time.DateOnly):] != restB[len(time.DateOnly):] {
		return false
	}
	gap := b.Sub(a).Abs()
	return gap <= movedMost || day(a)[4:] == day(b)[4:] && gap < 367*24*time.Hour
}

// move takes a meeting that is shown under another key for what it was: the
// history says the key it had, and that goes without a word of its own.
func (p *proposal) move(was, it Item, at time.Time, silent bool) {
	p.live++
	// It is not met: a list on which nothing has the key it had is another list,
	// and what happened to it is for Guard to say.
	now, c, _ := revisit(was, it, at)
	now.Key, c.Key = it.Key, it.Key
	c.Fields = append(c.Fields, FieldChange{Name: "key", Old: was.Key, New: it.Key})
	p.take(now, c, silent)
	was.Withdrawn, was.Missing = at, 0
	p.next.Items[was.Key] = was
}
