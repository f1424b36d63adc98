package main

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// Two groups may follow the same council and each other's export. What a group
// reads itself wins: it has the papers, and nobody in between. So an item of an
// export that is known from a source of our own is not taken over, and nobody is
// told of it twice; but while our own crawl fails, or has not looked since the
// other group saw something, that something is not lost.

// sharedPlatform is that of the exports of other groups.
const sharedPlatform = "ccgwatch"

// sharedWait is for how long what another group has seen waits for our own crawl
// of the same site.
const sharedWait = 24 * time.Hour

// What a snapshot of an export notes: while something waits, the export is read
// again though it is as it was.
const (
	sharedRead  = "all read"
	sharedWaits = "something waits for our own crawl"
)

// A share is what becomes of an item of an export.
type share string

const (
	shareTake  share = "take"  // it is news to us
	shareQuiet share = "quiet" // our own crawl has it
	shareWait  share = "wait"  // our own crawl is about to look
)

// shareOf settles it. twin is the item of our own crawl, if there is one; own is
// the health of the source that has it, or that would; nil: none would. The other
// group's time of the item is in its Changed, zero where it said none.
func shareOf(it store.Item, twin *store.Item, own *store.Health, now time.Time) share {
	switch {
	case own == nil || own.LastComplete.IsZero():
		return shareTake
	case twin != nil && says(*twin, it):
		return shareQuiet
	case own.LastComplete.After(it.Changed) && !it.Changed.IsZero():
		if twin == nil { // it is not on what our own crawl reads
			return shareTake
		}
		return shareQuiet
	case !own.FailingSince.IsZero() || now.Sub(it.Changed) >= sharedWait:
		return shareTake
	}
	return shareWait
}

// says tells whether an item says all that another one does.
func says(a, b store.Item) bool {
	if plainText(a.Title) != plainText(b.Title) || a.Withdrawn.IsZero() != b.Withdrawn.IsZero() {
		return false
	}
	for name, v := range b.Fields {
		if plainText(a.Fields[name]) != plainText(v) {
			return false
		}
	}
	for _, p := range b.Parts {
		if !hasPart(a, p) {
			return false
		}
	}
	return true
}

// hasPart tells whether an item has an item of an agenda, or a paper that another
// group names as one.
func hasPart(a store.Item, p store.Part) bool {
	if slices.ContainsFunc(a.Parts, func(x store.Part) bool { return x.Number == p.Number && plainText(x.Title) == plainText(p.Title) }) {
		return true
	}
	return strings.HasPrefix(p.Key, "document/") && slices.ContainsFunc(a.Documents, func(d store.Document) bool { return sameAddress(d.URL) == sameAddress(p.Text) })
}

func plainText(s string) string { return strings.Join(strings.Fields(s), " ") }

// sameAddress is an address as two groups would both write it.
func sameAddress(s string) string {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Host == "" {
		return ""
	}
	return strings.TrimPrefix(strings.ToLower(u.Host), "www.") + strings.TrimSuffix(u.EscapedPath(), "/") + "?" + u.Query().Encode()
}

// A kin is what items are known by in two stores: the address of their page.
type kin struct {
	kind    store.Kind
	address string
}

// kinsfolk are the items of some sources, by what they are known by.
type kinsfolk struct {
	by   map[store.ItemRef]store.Item
	like map[kin][]store.ItemRef
}

// kinsfolk reads the items of the sources that f takes, tender services left out:
// notices are not shared.
func (a *app) kinsfolk(ctx context.Context, f func(source) bool) (*kinsfolk, error) {
	k := &kinsfolk{map[store.ItemRef]store.Item{}, map[kin][]store.ItemRef{}}
	for _, s := range a.sources {
		if !f(s) || s.Platform == "find-a-tender" || s.Platform == "contracts-finder" {
			continue
		}
		err := a.store.Items(ctx, s.ID, func(it store.Item) bool {
			at := store.ItemRef{Source: it.Source, Key: it.Key}
			k.by[at] = it
			if u := sameAddress(it.URL); u != "" {
				k.like[kin{it.Kind, u}] = append(k.like[kin{it.Kind, u}], at)
			}
			return ctx.Err() == nil
		})
		if err != nil {
			return nil, err
		}
	}
	return k, ctx.Err()
}

// twin finds an item among them: by the source and key that the other group has
// it under, through however many exports it came, else by the address of its page
// where no other has that, or where title or day agree.
func (k *kinsfolk) twin(it store.Item) *store.Item {
	for _, at := range origins(it) {
		if x, ok := k.by[at]; ok && x.Kind == it.Kind {
			return &x
		}
	}
	refs := k.like[kin{it.Kind, sameAddress(it.URL)}]
	for _, at := range refs {
		x := k.by[at]
		if len(refs) == 1 || plainText(x.Title) == plainText(it.Title) && x.When().Equal(it.When()) {
			return &x
		}
	}
	return nil
}

// origins are the sources and keys under which an item may have been known where
// it came from.
func origins(it store.Item) []store.ItemRef {
	var out []store.ItemRef
	for rest, n := it.Key, 0; n < 4; n++ {
		source, key, ok := strings.Cut(rest, "/")
		if !ok {
			break
		}
		out = append(out, store.ItemRef{Source: source, Key: key})
		rest = key
	}
	return out
}

// shared leaves out of an export what our own crawl has or is about to have, and
// gives the keys of what is known here and of which nobody need be told.
func (a *app) shared(ctx context.Context, old store.Snapshot, seen store.Sighting) (store.Sighting, map[string]bool, error) {
	own, err := a.kinsfolk(ctx, func(s source) bool { return s.Platform != sharedPlatform })
	if err != nil {
		return seen, nil, err
	}
	healths, err := a.store.Healths(ctx)
	if err != nil {
		return seen, nil, err
	}
	health := map[string]*store.Health{}
	for i := range healths {
		health[healths[i].Source] = &healths[i]
	}
	quiet := map[string]bool{}
	seen.Notes = sharedRead
	var items []store.Item
	for _, it := range seen.Items {
		twin := own.twin(it)
		what := shareOf(it, twin, a.readerOf(it, twin, health), seen.At)
		if what == shareWait {
			seen.Notes = sharedWaits
		}
		was, known := old.Items[it.Key]
		switch {
		case what == shareTake:
			items = append(items, it)
		case !known:
		case what == shareWait:
			items = append(items, was)
		default:
			items, quiet[it.Key] = append(items, it), true
		}
	}
	seen.None = seen.None || len(items) == 0 && len(seen.Items) > 0
	seen.Items = items
	return seen, quiet, nil
}

// readerOf is the health of our source that has the twin of an item or, if there is
// none, that reads the site it is on: the one that looked longest ago, because
// the item may be on that one's list.
func (a *app) readerOf(it store.Item, twin *store.Item, health map[string]*store.Health) *store.Health {
	if twin != nil {
		return health[twin.Source]
	}
	var out *store.Health
	site := strings.TrimPrefix(hostOf(it.URL), "www.")
	for _, s := range a.sources {
		if s.Platform == sharedPlatform || strings.TrimPrefix(hostOf(s.Base), "www.") != site {
			continue
		}
		if h := health[s.ID]; h != nil && (out == nil || h.LastComplete.Before(out.LastComplete)) {
			out = h
		}
	}
	return out
}

// toldByOthers keeps silent what our own crawl sees after it failed, where an
// export of another group has told it meanwhile. What stands in papers, which an
// export does not bring, is news.
func (a *app) toldByOthers(ctx context.Context, before store.Health, changes []store.Change, next store.Snapshot) error {
	if before.FailingSince.IsZero() || len(changes) == 0 || !slices.ContainsFunc(a.sources, func(s source) bool { return s.Platform == sharedPlatform }) {
		return nil
	}
	others, err := a.kinsfolk(ctx, func(s source) bool { return s.Platform == sharedPlatform })
	if err != nil {
		return err
	}
	came := map[store.ItemRef]store.ItemRef{}
	for at, it := range others.by {
		for _, o := range origins(it) {
			came[o] = at
		}
	}
	baseline := map[string]time.Time{}
	for i := range changes {
		c := &changes[i]
		it := next.Items[c.Key]
		told := others.twin(it)
		if at, ok := came[store.ItemRef{Source: c.Source, Key: c.Key}]; ok {
			x := others.by[at]
			told = &x
		}
		if told == nil || told.Kind != c.Kind {
			continue
		}
		if _, ok := baseline[told.Source]; !ok {
			s, err := a.store.Snapshot(ctx, told.Source, []string{})
			if err != nil {
				return err
			}
			baseline[told.Source] = s.Baseline
		}
		at := told.Changed
		if at.IsZero() {
			at = told.FirstSeen
		}
		if !at.Before(before.FailingSince) && at.After(baseline[told.Source]) && toldAs(*told, *c, it) {
			c.Silent = true
		}
	}
	return nil
}

// toldAs tells whether an item says what a change of another does.
func toldAs(told store.Item, c store.Change, it store.Item) bool {
	read := func(d store.Document) bool { return d.SHA256 != "" }
	if slices.ContainsFunc(c.Documents, read) || slices.ContainsFunc(c.Read, read) {
		return false
	}
	for _, f := range c.Fields {
		if plainText(told.Fields[f.Name]) != plainText(f.New) {
			return false
		}
	}
	for _, d := range c.Documents {
		if !slices.ContainsFunc(told.Parts, func(p store.Part) bool { return sameAddress(p.Text) == sameAddress(d.URL) }) {
			return false
		}
	}
	for _, p := range c.Parts {
		if !hasPart(told, p) {
			return false
		}
	}
	switch c.Op {
	case store.OpWithdrawn:
		return !told.Withdrawn.IsZero()
	case store.OpAdded:
		return told.Withdrawn.IsZero() && plainText(told.Title) == plainText(it.Title) && told.When().Equal(it.When()) && told.Cancelled() == it.Cancelled()
	}
	return told.Withdrawn.IsZero() && told.Cancelled() == it.Cancelled()
}
