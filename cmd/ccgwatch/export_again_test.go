package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"maps"
	"math/rand/v2"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts/web/export"
	"ccgwatch/store"
	"ccgwatch/store/storetest"
)

// bare is a tree without the times when its files were written, and without what
// differs between two runs.
func bare(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for f, body := range treeOf(t, dir) {
		if _, body, _ = strings.Cut(body, " "); !strings.HasPrefix(f, ".ccgwatch/") && f != export.Stamp {
			out[f] = body
		}
	}
	return out
}

// A happening is something that changes what pages show.
type happening struct {
	name string
	do   func(ctx context.Context, a *app, r *rand.Rand, at time.Time) error
}

// amended commits a change of an item.
func amended(ctx context.Context, a *app, source, key string, at time.Time, alter func(it *store.Item, c *store.Change)) error {
	snap, err := a.store.Snapshot(ctx, source, []string{key})
	if err != nil {
		return err
	}
	it, known := snap.Items[key]
	c := store.Change{At: at, Source: source, Key: key, Op: store.OpAmended}
	if !known {
		it = store.Item{Source: source, Key: key, FirstSeen: at}
		c.Op = store.OpAdded
	}
	it.Changed = at
	alter(&it, &c)
	c.Kind, c.Title, c.URL = it.Kind, it.Title, it.URL
	snap.Items[key] = it
	if err := a.store.Commit(ctx, snap, []store.Change{c}, store.Health{LastTry: at, LastComplete: at}); err != nil {
		return err
	}
	return a.follow(ctx, at)
}

func happenings(items int) []happening {
	notice := func(r *rand.Rand) string {
		n := r.IntN(items)
		if n%4 == 0 {
			n++
		}
		return fmt.Sprintf("x/%06d", n%items)
	}
	meeting := func(r *rand.Rand) string { return fmt.Sprintf("x/%06d", r.IntN((items+3)/4)*4) }
	text := func(r *rand.Rand) string {
		return fmt.Sprintf("dialysis %x services at %s", r.Uint32N(1000), exportWords()[r.IntN(len(exportWords()))])
	}
	field := func(it *store.Item, c *store.Change, name, value string) {
		if it.Fields == nil {
			it.Fields = map[string]string{}
		}
		c.Fields = append(c.Fields, store.FieldChange{Name: name, Old: it.Fields[name], New: value})
		it.Fields[name] = value
	}
	return []happening{
		{"a meeting moves", func(ctx context.Context, a *app, r *rand.Rand, at time.Time) error {
			return amended(ctx, a, "leicester", meeting(r), at, func(it *store.Item, c *store.Change) {
				it.Kind, c.What = store.KindMeeting, []store.What{store.MeetingMoved}
				field(it, c, store.FieldWhen, at.AddDate(0, 0, r.IntN(30)).Format(time.RFC3339))
			})
		}},
		{"a meeting comes up", func(ctx context.Context, a *app, r *rand.Rand, at time.Time) error {
			return amended(ctx, a, "leicester", fmt.Sprintf("y/%x", r.Uint32()), at, func(it *store.Item, c *store.Change) {
				it.Kind, it.Title, it.URL, c.What = store.KindMeeting, text(r), "https://www.example.org/m", []store.What{store.NewMeeting}
				it.Fields = map[string]string{store.FieldWhen: at.AddDate(0, 0, 9).Format(time.RFC3339)}
				it.Parts = []store.Part{{Key: "p", Number: "1", Title: "Award of the contract for dialysis services", Text: "The board is asked to agree an award to a private provider. See " + fmt.Sprintf("ocds-h6vhtk-%06x", 1+4*r.IntN(items/4))}}
			})
		}},
		{"a tender", func(ctx context.Context, a *app, r *rand.Rand, at time.Time) error {
			return amended(ctx, a, "find-a-tender", fmt.Sprintf("ocds-h6vhtk-%06x/%d", r.Uint32N(1<<20), r.IntN(9)), at, func(it *store.Item, c *store.Change) {
				ocid, release, _ := strings.Cut(it.Key, "/")
				it.Kind, it.Title, it.URL, c.What = store.KindNotice, "Dialysis and nursing care in Leicester", "https://www.example.org/n", []store.What{store.NoticeNew}
				it.Notice = &store.Notice{OCID: ocid, Release: release, Title: it.Title, Description: "Community health services. " + text(r), Buyers: []store.Party{{Name: "NHS Leicester, Leicestershire and Rutland Integrated Care Board"}},
					CPV: []string{"85110000"}, Date: at, Tags: []string{"tender"}, TenderEnd: at.AddDate(0, 0, r.IntN(3)).Add(3 * time.Hour).Format(time.RFC3339)}
			})
		}},
		{"an award in a procurement", func(ctx context.Context, a *app, r *rand.Rand, at time.Time) error {
			ocid := fmt.Sprintf("ocds-h6vhtk-%06x", r.Uint32N(6))
			return amended(ctx, a, "find-a-tender", fmt.Sprintf("%s/%x", ocid, r.Uint32()), at, func(it *store.Item, c *store.Change) {
				it.Kind, it.Title, it.URL, c.What = store.KindNotice, "Endoscopy in Leicester", "https://www.example.org/n", []store.What{store.NoticeNew}
				it.Notice = &store.Notice{OCID: ocid, Release: it.Key, Title: it.Title, Description: "Health services. " + text(r), Buyers: []store.Party{{Name: "University Hospitals of Leicester NHS Trust"}}, Suppliers: []store.Party{{Name: fmt.Sprintf("Example Care %d Limited", r.IntN(4)), Scheme: "GB-COH", Number: fmt.Sprintf("0123456%d", r.IntN(4))}},
					CPV: []string{"85110000"}, Date: at, Tags: []string{"award"}}
			})
		}},
		{"a notice says more", func(ctx context.Context, a *app, r *rand.Rand, at time.Time) error {
			return amended(ctx, a, "find-a-tender", notice(r), at, func(it *store.Item, c *store.Change) {
				if it.Notice == nil {
					it.Kind, it.Notice = store.KindNotice, &store.Notice{OCID: "ocds-h6vhtk-zzzzzz", Release: it.Key}
				}
				n := *it.Notice
				n.Description += " " + text(r)
				it.Notice, c.What = &n, []store.What{store.NoticeUpdated}
			})
		}},
		{"an item is listed no more", func(ctx context.Context, a *app, r *rand.Rand, at time.Time) error {
			return amended(ctx, a, "leicester", meeting(r), at, func(it *store.Item, c *store.Change) {
				it.Kind, it.Withdrawn, c.Op = store.KindMeeting, at, store.OpWithdrawn
			})
		}},
		{"an item is withdrawn, held, annotated or shown again", func(ctx context.Context, a *app, r *rand.Rand, at time.Time) error {
			c := store.Correction{At: at, Source: "find-a-tender", Key: notice(r), Reason: "Somebody asked us."}
			switch c.Act = store.Acts()[r.IntN(len(store.Acts()))]; c.Act {
			case store.ActNote:
				c.Note = "It is said otherwise elsewhere."
			case store.ActRedact:
				c.Strike = []string{"dialysis"}
			case store.ActCorrect:
				c.Fields = []store.FieldChange{{Name: "title", New: text(r)}}
			case store.ActRestore:
				all, err := a.store.Corrections(ctx, 0)
				if err != nil || len(all) == 0 {
					return err
				}
				c.Key = all[r.IntN(len(all))].Key
			}
			if _, err := a.store.Correct(ctx, c); !errors.Is(err, store.ErrNotFound) {
				return err
			}
			return nil
		}},
		{"nothing but time", func(context.Context, *app, *rand.Rand, time.Time) error { return nil }},
	}
}

// Pages that are left as they stand are those that would come out the same:
// whatever happens, the export that was brought up to date is, byte for byte, the
// one that is made from nothing.
func TestPromiseExportAgainIsAsFromNothing(t *testing.T) {
	items, steps := 16, promiseCount(2, 12, 400)
	r := rand.New(rand.NewPCG(storetest.Seed(t), 1))
	a := recordOf(t, items)
	dir := filepath.Join(t.TempDir(), "site")
	at := exportTime()
	exportedTo(t, a, dir, at)
	all, left := happenings(items), 0
	for i := range steps {
		at = at.Add(time.Duration(1+r.IntN(90)) * time.Minute)
		var names []string
		some := all[i%2*len(all)/2:][:len(all)/2] // in two steps each at least once
		if i >= 2 {
			some = []happening{all[r.IntN(len(all))], all[r.IntN(len(all))]}[:1+r.IntN(2)]
		}
		for _, h := range some {
			if err := h.do(t.Context(), a, r, at); err != nil {
				t.Fatal(h.name, err)
			}
			names = append(names, h.name)
		}
		left += exportedTo(t, a, dir, at).Left
		fresh := filepath.Join(t.TempDir(), "fresh")
		exportedTo(t, a, fresh, at)
		if d := differing(bare(t, dir), bare(t, fresh)); d != nil {
			x, y := bare(t, dir), bare(t, fresh)
			t.Fatalf("after %v (%d): %d files differ: %v\n%s", names, i, len(d), d[:min(8, len(d))], partsAt(x[d[0]], y[d[0]]))
		}
	}
	if left < steps*items/2 {
		t.Errorf("only %d pages were left as they stand in %d steps", left, steps)
	}
}

// partsAt is where two texts part.
func partsAt(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	from := max(0, i-80)
	return fmt.Sprintf("brought up to date: …%s\nfrom nothing:       …%s", a[from:min(len(a), i+200)], b[from:min(len(b), i+200)])
}

// Many items: how long an export takes, and one after ten changes, which touches
// what they changed and leaves every other file as it stands.
func TestPromiseExportOfManyItems(t *testing.T) {
	n := promiseCount(24, 300, 20_000)
	a := recordOf(t, n)
	dir := filepath.Join(t.TempDir(), "site")
	measure := func(name string, at time.Time) export.Report {
		t.Helper()
		stop, most := make(chan struct{}), make(chan uint64)
		go func() { most <- peak(stop) }()
		used := cpuTime()
		r := exportedTo(t, a, dir, at)
		used = cpuTime() - used
		close(stop)
		t.Logf("%s, %d items: %v (%v of processors), %d files, %.1f MB, %d written, %d removed, %d of %d pages left, %d links, heap %d MB at most", name, n, r.Took.Round(time.Millisecond), used.Round(time.Millisecond), r.Files, float64(r.Bytes)/1e6, r.Written, r.Removed, r.Left, r.Pages, r.Links, <-most>>20)
		return r
	}
	at := exportTime()
	first := measure("first", at)
	was := treeOf(t, dir)
	if bad, links := leadsNowhere(was); bad != nil || links < first.Links/2 {
		t.Errorf("%d of %d links lead nowhere: %v", len(bad), links, bad[:min(9, len(bad))])
	}
	if again := measure("nothing new", at.Add(time.Minute)); again.Written+again.Removed != 0 {
		t.Errorf("%+v", again)
	}
	r := rand.New(rand.NewPCG(7, 8))
	all := happenings(n)
	for range 10 {
		at = at.Add(time.Minute)
		if err := all[r.IntN(5)].do(t.Context(), a, r, at); err != nil {
			t.Fatal(err)
		}
	}
	x := measure("ten changes", at)
	now := treeOf(t, dir)
	if bad, _ := leadsNowhere(now); bad != nil {
		t.Errorf("%d links lead nowhere: %v", len(bad), bad[:min(9, len(bad))])
	}
	lost := maps.Clone(now) // the look at the links finds what is broken
	delete(lost, "about.html")
	if bad, _ := leadsNowhere(lost); len(bad) == 0 {
		t.Error("a page that is not there is not missed")
	}
	changed, size := 0, 0
	kinds := map[string]int{}
	for _, f := range differing(was, now) {
		if strings.HasPrefix(f, ".ccgwatch/") || f == export.Stamp || f == export.Sums {
			continue
		}
		changed++
		size += len(now[f])
		top, _, _ := strings.Cut(f, "/")
		kinds[top]++
		_, a, _ := strings.Cut(was[f], " ")
		if _, b, _ := strings.Cut(now[f], " "); a == b {
			t.Errorf("%s was touched and is the same", f)
		}
	}
	t.Logf("touched: %d files, %.1f MB: %v", changed, float64(size)/1e6, kinds)
	if changed != x.Written+x.Removed || x.Left < first.Pages/2 {
		t.Errorf("%d files differ; %+v", changed, x)
	}
}

// leadsNowhere reads all files of an export by itself, and gives the links within
// it at whose end there is no file, or no such place in it.
func leadsNowhere(tree map[string]string) (out []string, links int) {
	href := regexp.MustCompile(`\s(?:href|src)="([^"]*)"`)
	for file, body := range tree {
		if !strings.HasSuffix(file, ".html") && !strings.HasSuffix(file, ".atom") {
			continue
		}
		for _, m := range href.FindAllStringSubmatch(body, -1) {
			u, err := url.Parse(html.UnescapeString(m[1]))
			if err != nil || u.Scheme != "" || u.Host != "" {
				continue
			}
			links++
			to := file
			if u.Path != "" {
				to = path.Join(path.Dir(file), u.Path)
			}
			there, ok := tree[to]
			if ok && u.Fragment != "" {
				ok = strings.Contains(there, ` id="`+u.Fragment+`"`)
			}
			if !ok {
				out = append(out, file+" -> "+m[1])
			}
		}
	}
	slices.Sort(out)
	return out, links
}

// peak is how much the heap came to hold until it is told to stop.
func peak(stop <-chan struct{}) uint64 {
	var most uint64
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
		select {
		case <-stop:
			return most
		case <-tick.C:
		}
	}
}
