package store_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ccgwatch/store"
)

var monday = time.Date(2026, 8, 10, 8, 0, 0, 0, time.UTC)

// A story is a source's sightings, one a line, with the changes each must
// give: "list a.1 b.1 : +a +b". The first word is list (absence counts), feed
// (it does not), more (a feed window with others to follow), backfill, or none
// (the source says it lists nothing); a.2 is the item a in its second version,
// a* a stub of it. Changes are +added ~amended -withdrawn; (…) around them
// means silent.
func TestDiffStories(t *testing.T) {
	for name, story := range map[string]string{
		"the first list is silent, news is not":       "list a.1 b.1 : (+a +b)\n list a.1 b.1 c.1 : +c\n list a.2 b.1 c.1 : ~a",
		"order is no change":                          "list a.1 b.1 c.1 : (+a +b +c)\n list c.1 a.1 b.1 :",
		"gone twice is gone":                          "list a.1 b.1 : (+a +b)\n list a.1 :\n list a.1 : -b\n list a.1 :",
		"gone once is nothing":                        "list a.1 b.1 : (+a +b)\n list a.1 :\n list a.1 b.1 :\n list a.1 :\n list a.1 : -b",
		"back again is amended, not added":            "list a.1 b.1 : (+a +b)\n list a.1 :\n list a.1 : -b\n list a.1 b.1 : ~b\n list a.1 b.1 :",
		"back again as a stub":                        "list a.1 b.1 : (+a +b)\n list a.1 :\n list a.1 : -b\n list a.1 b* : ~b",
		"the last one can go when the source says so": "list a.1 : (+a)\n none :\n none : -a",
		"a feed forgets nothing":                      "feed a.1 b.1 : (+a +b)\n feed c.1 : +c\n feed :\n feed a.2 : ~a",
		"a feed read in windows is one baseline":      "more a.1 : (+a)\n more b.1 : (+b)\n feed c.1 : (+c)\n feed d.1 : +d",
		"a backfill is silent and no baseline":        "backfill a.1 : (+a)\n feed b.1 : (+b)\n backfill c.1 a.2 : (+c ~a)\n feed d.1 : +d",
		"a stub takes nothing away":                   "list a.1 b.1 : (+a +b)\n list a* b.1 :\n list a.1 b.1 :",
		"reported twice in one sighting":              "list a.1 a* : (+a)\n list a.2 a* : ~a\n list a* a.2 :\n list a.1 a.3 : ~a",
		"a stub is not gone":                          "list a.1 b.1 : (+a +b)\n list a.1 b* :\n list a.1 b* :",
		"an unknown stub is added, then read":         "list a.1 : (+a)\n list a.1 b* : +b\n list a.1 b.1 :\n list a.1 b.2 : ~b",
	} {
		t.Run(name, func(t *testing.T) {
			var snap store.Snapshot
			at := monday
			for line := range strings.Lines(story) {
				seeing, want, _ := strings.Cut(strings.TrimSpace(line), ":")
				seen := sighting(at, strings.Fields(seeing))
				before := clone(snap)
				next, changes := store.Diff(snap, seen)
				if got := told(changes); got != strings.TrimSpace(want) {
					t.Fatalf("%q gave %q", strings.TrimSpace(line), got)
				}
				if d := cmp.Diff(before, snap, cmpopts.EquateEmpty()); d != "" {
					t.Fatalf("%q altered its argument: %s", line, d)
				}
				snap, at = next, at.Add(24*time.Hour)
			}
		})
	}
}

func clone(s store.Snapshot) store.Snapshot { s.Items = maps.Clone(s.Items); return s }

func sighting(at time.Time, words []string) store.Sighting {
	s := store.Sighting{Source: "s", At: at, Last: true}
	switch words[0] {
	case "list":
		s.Whole = true
	case "none":
		s.Whole, s.None = true, true
	case "more":
		s.Last = false
	case "backfill":
		s.Silent = true
	}
	for _, w := range words[1:] {
		key, version, read := strings.Cut(w, ".")
		key, stub := strings.CutSuffix(key, "*")
		it := store.Item{Key: key, Kind: store.KindPaper, Title: "Paper " + key, URL: "https://example.org/" + key, Stub: stub}
		if read {
			it.Fields = map[string]string{store.FieldHeading: "Version " + version}
		}
		s.Items = append(s.Items, it)
	}
	return s
}

func told(changes []store.Change) string {
	signs := map[store.Op]string{store.OpAdded: "+", store.OpAmended: "~", store.OpWithdrawn: "-"}
	var out []string
	silent := 0
	for _, c := range changes {
		out = append(out, signs[c.Op]+c.Key)
		if c.Silent {
			silent++
		}
	}
	s := strings.Join(out, " ")
	switch {
	case silent == 0:
		return s
	case silent == len(changes):
		return "(" + s + ")"
	}
	return fmt.Sprintf("%s, %d of them silent", s, silent)
}

// Random lists: what the changes say, applied to what was known, is what is
// known now; what is known now is what was seen; and nothing is said twice.
func TestChangesGiveTheList(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var snap store.Snapshot
		live := map[string]string{}
		for day := range 12 {
			words := []string{"none"}
			want := map[string]string{}
			for _, i := range r.Perm(6)[:r.IntN(7)] {
				words[0] = "list"
				v := fmt.Sprint(r.IntN(2))
				words = append(words, fmt.Sprintf("k%d.%s", i, v))
				want[fmt.Sprint("k", i)] = "Version " + v
			}
			seen := sighting(monday.Add(time.Duration(day)*24*time.Hour), words)
			for round := range 3 {
				next, changes := store.Diff(snap, seen)
				for _, c := range changes {
					apply(live, next, c)
				}
				if round == 2 && len(changes) > 0 {
					t.Fatalf("seed %d: the third time %v still gives %s", seed, words, told(changes))
				}
				snap = next
			}
			if d := cmp.Diff(want, live); d != "" {
				t.Fatalf("seed %d, %v: the changes give another list: %s", seed, words, d)
			}
			for k, it := range snap.Items {
				if v, ok := want[k]; ok != it.Withdrawn.IsZero() || ok && it.Fields[store.FieldHeading] != v {
					t.Fatalf("seed %d, %v: %s is known as %v", seed, words, k, it)
				}
			}
		}
	}
}

// apply follows the log as a reader of it would.
func apply(live map[string]string, next store.Snapshot, c store.Change) {
	switch c.Op {
	case store.OpWithdrawn:
		delete(live, c.Key)
	case store.OpAdded:
		live[c.Key] = next.Items[c.Key].Fields[store.FieldHeading]
	case store.OpAmended:
		if _, ok := live[c.Key]; !ok { // restored
			live[c.Key] = next.Items[c.Key].Fields[store.FieldHeading]
		}
		for _, f := range c.Fields {
			if f.Old != live[c.Key] && !c.Has(store.DocumentAdded) {
				live[c.Key] = "the log says it was " + f.Old
				continue
			}
			live[c.Key] = f.New
		}
	}
}

// meeting is a council's meeting in three weeks, with its agenda out.
func meeting(edit ...func(*store.Item)) store.Item {
	it := store.Item{
		Source: "leics", Key: "meeting/8308", Kind: store.KindMeeting, Title: "Health Scrutiny", URL: "https://example.org/m/8308",
		Fields: map[string]string{
			store.FieldWhen: "2026-09-01T17:30:00+01:00", store.FieldVenue: "Town Hall", store.FieldStatus: store.StatusConfirmed,
			store.FieldAgenda: store.Published,
		},
		Parts: []store.Part{
			{Key: "item/1", Number: "1.", Title: "Apologies"},
			{Key: "item/2", Number: "2.", Title: "Contract for community nursing", Text: "To receive a report."},
		},
		Documents: []store.Document{
			{Key: "document/7", Title: "Nursing report", URL: "https://example.org/d/7", Role: store.RoleReport, SHA256: "aa", Pages: 3},
			{Key: "pack/1", Title: "Pack", URL: "https://example.org/p/1", Role: store.RolePack},
		},
	}
	for _, e := range edit {
		it.Fields = maps.Clone(it.Fields)
		it.Parts = slices.Clone(it.Parts)
		it.Documents = slices.Clone(it.Documents)
		e(&it)
	}
	return it
}

func set(name, value string) func(*store.Item) {
	return func(it *store.Item) {
		if it.Fields[name] = value; value == "" {
			delete(it.Fields, name)
		}
	}
}

func both(fs ...func(*store.Item)) func(*store.Item) {
	return func(it *store.Item) {
		for _, f := range fs {
			f(it)
		}
	}
}

func noAgenda(it *store.Item) {
	delete(it.Fields, store.FieldAgenda)
	it.Parts, it.Documents = nil, nil
}

func asStub(it *store.Item) {
	*it = store.Item{Source: it.Source, Key: it.Key, Kind: it.Kind, Title: it.Title, URL: it.URL, Stub: true,
		Fields: map[string]string{store.FieldWhen: it.Fields[store.FieldWhen]}}
}

func lastMonth(it *store.Item) { it.Fields[store.FieldWhen] = "2026-07-01T17:30:00+01:00" }

func doc(d store.Document) func(*store.Item) {
	return func(it *store.Item) { it.Documents = append(it.Documents, d) }
}

func minutes(sha string) func(*store.Item) {
	return both(set(store.FieldMinutes, store.Published), doc(store.Document{Key: "minutes/1", Title: "Minutes", Role: store.RoleMinutes, SHA256: sha}))
}

func TestSecondLook(t *testing.T) {
	none := func(*store.Item) {}
	for _, c := range []struct {
		name      string
		old, seen func(*store.Item)
		want      string // op, whats, fields, documents, read, parts; "" is no change
	}{
		{"nothing", none, none, ""},
		{"agenda published, with its reports", noAgenda, none, "amended agenda_published document_added | docs document/7 pack/1 | parts item/1 item/2"},
		{"agenda published with a late item", noAgenda, func(it *store.Item) { it.Parts[1].Late = true },
			"amended agenda_published item_added document_added | docs document/7 pack/1 | parts item/1 item/2"},
		{"item added to a published agenda", none, func(it *store.Item) {
			it.Parts = append(it.Parts, store.Part{Key: "item/9", Title: "Waiver"})
		}, "amended item_added | parts item/9"},
		{"supplement: item and its report", none, both(doc(store.Document{Key: "document/8"}), func(it *store.Item) {
			it.Parts = append(it.Parts, store.Part{Key: "item/9", Title: "Waiver", Late: true})
		}), "amended item_added document_added | docs document/8 | parts item/9"},
		{"the items of an agenda already announced", func(it *store.Item) { it.Parts = nil }, none, "amended | parts item/1 item/2"},
		{"item renumbered", none, func(it *store.Item) { it.Parts[1].Number = "3." }, ""},
		{"item retitled", none, func(it *store.Item) { it.Parts[1].Title = "Deferred" }, "amended | part item/2: Contract for community nursing → Deferred"},
		{"item made confidential", none, func(it *store.Item) { it.Parts[1].Restricted = true }, "amended | part item/2 restricted:  → yes"},
		{"item dropped", none, func(it *store.Item) { it.Parts = it.Parts[:1] }, "amended | part item/2: Contract for community nursing → "},
		{"moved", none, set(store.FieldWhen, "2026-09-08T17:30:00+01:00"), "amended meeting_moved | when: 2026-09-01T17:30:00+01:00 → 2026-09-08T17:30:00+01:00"},
		{"the same instant in another zone", none, set(store.FieldWhen, "2026-09-01T16:30:00Z"), ""},
		{"a date gets its hour", set(store.FieldWhen, "2026-09-01"), none, ""},
		{"midnight gets its hour", set(store.FieldWhen, "2026-09-01T00:00:00+01:00"), none, ""},
		{"an hour is not lost to a date", none, set(store.FieldWhen, "2026-09-01"), ""},
		{"a date moves", set(store.FieldWhen, "2026-08-31"), none, "amended meeting_moved | when: 2026-08-31 → 2026-09-01T17:30:00+01:00"},
		{"date withdrawn", none, set(store.FieldWhen, ""), "amended | when: 2026-09-01T17:30:00+01:00 → "},
		{"cancelled", none, set(store.FieldStatus, store.StatusCancelled), "amended meeting_cancelled | status: confirmed → cancelled"},
		{"on again", set(store.FieldStatus, store.StatusCancelled), none, "amended meeting_restored | status: cancelled → confirmed"},
		{"moved and cancelled at once", none, both(set(store.FieldStatus, store.StatusCancelled), set(store.FieldWhen, "2026-09-08T17:30:00+01:00")),
			"amended meeting_moved meeting_cancelled | status: confirmed → cancelled | when: 2026-09-01T17:30:00+01:00 → 2026-09-08T17:30:00+01:00"},
		{"another room", none, set(store.FieldVenue, "Library"), "amended | venue: Town Hall → Library"},
		{"retitled", none, func(it *store.Item) { it.Title = "Joint Health Scrutiny" }, "amended | title: Health Scrutiny → Joint Health Scrutiny"},
		{"minutes", none, minutes(""), "amended minutes_published | docs minutes/1"},
		{"minutes without a file", none, set(store.FieldMinutes, store.Published), "amended minutes_published"},
		{"minutes only as a file", none, doc(store.Document{Key: "minutes/1", Role: store.RoleMinutes}), "amended minutes_published | docs minutes/1"},
		{"minutes read later", minutes(""), minutes("cc"), "amended | read minutes/1"},
		{"further minutes are no document_added", minutes(""), both(minutes(""), doc(store.Document{Key: "minutes/2", Title: "Signed", Role: store.RoleMinutes, SHA256: "dd"})),
			"amended | document minutes/2:  → Signed | read minutes/2"},
		{"report added", none, doc(store.Document{Key: "document/8", SHA256: "ee"}), "amended document_added | docs document/8"},
		{"report replaced under its address", none, func(it *store.Item) { it.Documents[0].SHA256 = "bb" }, "amended document_replaced | document document/7: aa → bb | docs document/7"},
		{"report removed", none, func(it *store.Item) { it.Documents = it.Documents[1:] }, "amended document_removed | docs document/7"},
		{"report read for the first time", none, func(it *store.Item) { it.Documents[1].SHA256 = "ff" }, "amended | read pack/1"},
		{"text read at last", func(it *store.Item) { it.Documents[0].Pages = 0 }, none, "amended | read document/7"},
		{"report read while another is new", none, both(func(it *store.Item) { it.Documents[1].SHA256 = "ff" }, doc(store.Document{Key: "document/8"})),
			"amended document_added | docs document/8 | read pack/1"},
		{"report not read this time", none, func(it *store.Item) { it.Documents[0].SHA256, it.Documents[0].Pages = "", 0 }, ""},
		{"looked at again, in vain", none, func(it *store.Item) {
			d := &it.Documents[0]
			d.Fetched, d.ETag, d.Modified, d.Failed, d.FailedAt = monday, `"x"`, "yesterday", "gone", monday
		}, ""},
		{"addresses of documents change daily", none, func(it *store.Item) { it.Documents[0].URL += "?session=1" }, ""},
		{"parts and documents in another order", none, func(it *store.Item) { slices.Reverse(it.Parts); slices.Reverse(it.Documents) }, ""},
		{"a stub", none, asStub, ""},
		{"a stub that has moved", none, both(asStub, set(store.FieldWhen, "2026-09-08T17:30:00+01:00")), "amended meeting_moved | when: 2026-09-01T17:30:00+01:00 → 2026-09-08T17:30:00+01:00"},
		{"a stub that is cancelled", none, both(asStub, set(store.FieldStatus, store.StatusCancelled)), "amended meeting_cancelled | status: confirmed → cancelled"},
		{"details before the agenda", asStub, noAgenda, ""},
		{"details with the agenda of a meeting ahead", asStub, none, "amended agenda_published document_added | docs document/7 pack/1 | parts item/1 item/2"},
		{"details of a past meeting are learned", both(lastMonth, asStub), both(lastMonth, func(it *store.Item) { it.Documents = it.Documents[1:] }), ""},
		{"what a past meeting's papers say may be news", both(lastMonth, asStub), lastMonth, "amended | read document/7"},
		{"details of a past meeting with minutes", both(lastMonth, asStub), both(lastMonth, minutes(""), func(it *store.Item) { it.Documents = it.Documents[1:] }), ""},
		{"details say that a meeting ahead is cancelled", asStub, both(noAgenda, set(store.FieldStatus, store.StatusCancelled)), "amended meeting_cancelled | status:  → cancelled"},
		{"details say that a past meeting was cancelled", both(lastMonth, asStub), both(noAgenda, lastMonth, set(store.FieldStatus, store.StatusCancelled)), ""},
		{"details say that it has moved", asStub, both(noAgenda, set(store.FieldWhen, "2026-09-08T17:30:00+01:00")), "amended meeting_moved | when: 2026-09-01T17:30:00+01:00 → 2026-09-08T17:30:00+01:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := store.Snapshot{Source: "leics", Baseline: monday.Add(-time.Hour), Items: map[string]store.Item{}}
			was := meeting(c.old)
			old.Items[was.Key] = was
			seen := store.Sighting{Source: "leics", At: monday, Whole: true, Last: true, Items: []store.Item{meeting(c.seen)}}
			next, changes := store.Diff(old, seen)
			var got []string
			for _, ch := range changes {
				got = append(got, describe(ch))
			}
			if d := cmp.Diff(c.want, strings.Join(got, "\n")); d != "" {
				t.Errorf("changes: %s", d)
			}
			now := next.Items[was.Key]
			if now.Stub != (was.Stub && seen.Items[0].Stub) {
				t.Errorf("stub: %v after %v and %v", now.Stub, was.Stub, seen.Items[0].Stub)
			}
			if !seen.Items[0].Stub && len(now.Documents) != len(seen.Items[0].Documents) {
				t.Errorf("documents: %v", now.Documents)
			}
			if _, again := store.Diff(next, seen); len(again) > 0 {
				t.Errorf("the same sighting again gives %s", describe(again[0]))
			}
		})
	}
}

func describe(c store.Change) string {
	out := string(c.Op)
	for _, w := range c.What {
		out += " " + string(w)
	}
	for _, f := range c.Fields {
		out += fmt.Sprintf(" | %s: %s → %s", f.Name, f.Old, f.New)
	}
	keys := func(name string, in []store.Document) {
		for i, d := range in {
			if i == 0 {
				out += " | " + name
			}
			out += " " + d.Key
		}
	}
	keys("docs", c.Documents)
	keys("read", c.Read)
	for i, p := range c.Parts {
		if i == 0 {
			out += " | parts"
		}
		out += " " + p.Key
	}
	return out
}

func TestFirstSight(t *testing.T) {
	for _, c := range []struct {
		name string
		it   store.Item
		want string
	}{
		{"meeting", meeting(noAgenda), "added new_meeting"},
		{"meeting with agenda and papers", meeting(), "added new_meeting agenda_published document_added | docs document/7 pack/1 | parts item/1 item/2"},
		{"meeting with minutes alone", meeting(both(noAgenda, minutes(""))), "added new_meeting minutes_published | docs minutes/1"},
		{"meeting cancelled", meeting(both(noAgenda, set(store.FieldStatus, store.StatusCancelled))), "added new_meeting meeting_cancelled"},
		{"stub", meeting(asStub), "added new_meeting"},
		{"notice", store.Item{Key: "n", Kind: store.KindNotice, Notice: &store.Notice{Tags: []string{"tender"}}}, "added notice_new"},
		{"notice that updates", store.Item{Key: "n", Kind: store.KindNotice, Notice: &store.Notice{Tags: []string{"tender", "tenderUpdate"}}}, "added notice_updated"},
		{"paper", store.Item{Key: "p", Kind: store.KindPaper, Documents: []store.Document{{Key: "d"}}}, "added document_added | docs d"},
		{"request", store.Item{Key: "r", Kind: store.KindRequest}, "added foi_request_new"},
		{"page", store.Item{Key: "p", Kind: store.KindPage}, "added page_changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, changes := store.Diff(store.Snapshot{Baseline: monday}, store.Sighting{Source: "s", At: monday, Last: true, Items: []store.Item{c.it}})
			if len(changes) != 1 || describe(changes[0]) != c.want {
				t.Fatalf("got %v, want %s", changes, c.want)
			}
			it := next.Items[c.it.Key]
			if it.Source != "s" || !it.FirstSeen.Equal(monday) || !it.Changed.Equal(monday) || !changes[0].At.Equal(monday) || changes[0].Source != "s" {
				t.Errorf("stored as %+v", it)
			}
		})
	}
}

// Encodings and spaces of a title that no reader would tell apart.
func TestNoise(t *testing.T) {
	titles := []string{
		"Café “first” officer’s report",
		"Cafe\u0301 \"first\" officer's report",
		"  Café\u00a0 \u201cfirst\u201d\tofficer\u2019s\nreport ",
		"Ca\u00adfé “\ufb01rst” offi\u200bcer’s re\ufeffport\u200e",
	}
	for _, a := range titles {
		for _, b := range titles {
			old := store.Snapshot{Baseline: monday, Items: map[string]store.Item{"p": {Key: "p", Kind: store.KindPaper, Title: a,
				Fields: map[string]string{"f": a}, Parts: []store.Part{{Title: a}}, Documents: []store.Document{{Key: "d", Title: a}}}}}
			seen := store.Sighting{At: monday, Last: true, Items: []store.Item{{Key: "p", Kind: store.KindPaper, Title: b,
				Fields: map[string]string{"f": b}, Parts: []store.Part{{Title: b}}, Documents: []store.Document{{Key: "d", Title: b}}}}}
			if _, changes := store.Diff(old, seen); len(changes) > 0 {
				t.Errorf("%q to %q: %s", a, b, describe(changes[0]))
			}
		}
	}
	old := store.Snapshot{Baseline: monday, Items: map[string]store.Item{"p": {Key: "p", Kind: store.KindPaper, Title: "Budget 2026/27"}}}
	if _, changes := store.Diff(old, store.Sighting{At: monday, Items: []store.Item{{Key: "p", Kind: store.KindPaper, Title: "Budget 2026/28"}}}); len(changes) != 1 {
		t.Error("a real difference was taken for noise")
	}
}

func TestNoticeChanges(t *testing.T) {
	base := store.Notice{OCID: "ocds-1", Release: "1", Title: "Nursing", Value: "1000", TenderEnd: "2026-09-01T12:00:00+01:00", CPV: []string{"85100000", "85110000"},
		Buyers: []store.Party{{Name: "ICB"}}}
	for _, c := range []struct {
		name string
		edit func(*store.Notice)
		want string
	}{
		{"nothing", func(*store.Notice) {}, ""},
		{"codes in another order", func(n *store.Notice) { n.CPV = []string{"85110000", "85100000"} }, ""},
		{"touched by the platform", func(n *store.Notice) { n.Date = monday }, ""},
		{"read better by us", func(n *store.Notice) { n.Flags = []string{"odd"} }, ""},
		{"deadline", func(n *store.Notice) { n.TenderEnd = "2026-09-08T12:00:00+01:00" }, "amended notice_updated | tender_end: 2026-09-01T12:00:00+01:00 → 2026-09-08T12:00:00+01:00"},
		{"value and title", func(n *store.Notice) { n.Value, n.Title = "2000", "Nurses" }, "amended notice_updated | title: Nursing → Nurses | value: 1000 → 2000"},
		{"buyer", func(n *store.Notice) { n.Buyers = []store.Party{{Name: "Trust", VCSE: true}} }, "amended notice_updated | buyers: ICB → Trust, VCSE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := base
			c.edit(&n)
			old := store.Snapshot{Baseline: monday, Items: map[string]store.Item{"n": {Key: "n", Kind: store.KindNotice, Title: base.Title, Notice: &base}}}
			_, changes := store.Diff(old, store.Sighting{At: monday, Last: true, Items: []store.Item{{Key: "n", Kind: store.KindNotice, Title: n.Title, Notice: &n}}})
			got := ""
			for _, ch := range changes {
				got += describe(ch)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestOtherKinds(t *testing.T) {
	for _, c := range []struct {
		kind store.Kind
		want string
	}{
		{store.KindRequest, "amended foi_request_event | status: waiting → answered"},
		{store.KindPage, "amended page_changed | status: waiting → answered"},
		{store.KindPaper, "amended | status: waiting → answered"},
	} {
		it := store.Item{Key: "k", Kind: c.kind, Fields: map[string]string{"status": "waiting"}}
		old := store.Snapshot{Baseline: monday, Items: map[string]store.Item{"k": it}}
		it.Fields = map[string]string{"status": "answered"}
		if _, changes := store.Diff(old, store.Sighting{At: monday, Items: []store.Item{it}}); len(changes) != 1 || describe(changes[0]) != c.want {
			t.Errorf("%s: got %v", c.kind, changes)
		}
	}
}

func TestAbsence(t *testing.T) {
	past := meeting(lastMonth)
	ahead := meeting(func(it *store.Item) { it.Key = "meeting/1" })
	undated := meeting(both(set(store.FieldWhen, ""), func(it *store.Item) { it.Key = "meeting/2" }))
	paper := store.Item{Key: "paper/1", Kind: store.KindPaper, Fields: map[string]string{store.FieldWhen: "2026-07-01"}, Documents: []store.Document{{Key: "d"}}}
	old := store.Snapshot{Source: "s", Baseline: monday, Items: map[string]store.Item{}}
	for _, it := range []store.Item{past, ahead, undated, paper} {
		old.Items[it.Key] = it
	}
	august, october := monday.AddDate(0, 0, -9), monday.AddDate(0, 2, 0)
	for _, c := range []struct {
		name     string
		from, to time.Time
		want     string
	}{
		{"a list without bounds", time.Time{}, time.Time{}, "withdrawn meeting/1 | withdrawn meeting/2 | withdrawn document_removed paper/1"},
		{"a list of August and September", august, october, "withdrawn meeting/1"},
		{"a list up to August", time.Time{}, august, "withdrawn document_removed paper/1"},
		{"a list from October on", october, time.Time{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := store.Sighting{Source: "s", At: monday, Whole: true, Last: true, None: true, From: c.from, To: c.to}
			once, changes := store.Diff(old, seen)
			if len(changes) > 0 {
				t.Fatalf("withdrawn after one sighting: %v", changes)
			}
			twice, changes := store.Diff(once, seen)
			var got []string
			for _, ch := range changes {
				s := string(ch.Op)
				for _, w := range ch.What {
					s += " " + string(w)
				}
				got = append(got, s+" "+ch.Key)
				if it := twice.Items[ch.Key]; !it.Withdrawn.Equal(monday) {
					t.Errorf("%s was not marked", ch.Key)
				}
			}
			if s := strings.Join(got, " | "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
			if n := twice.Items[past.Key].Missing; n != 0 {
				t.Errorf("a past meeting is missing %d times", n)
			}
		})
	}
}

func TestCursorAndBaseline(t *testing.T) {
	snap, _ := store.Diff(store.Snapshot{}, store.Sighting{Source: "f", At: monday, Cursor: "1"})
	if snap.Cursor != "1" || !snap.Baseline.IsZero() {
		t.Fatalf("after a window: %+v", snap)
	}
	snap, _ = store.Diff(snap, store.Sighting{Source: "f", At: monday, Last: true, Silent: true})
	if snap.Cursor != "1" || !snap.Baseline.IsZero() {
		t.Fatalf("after a backfill: %+v", snap)
	}
	snap, _ = store.Diff(snap, store.Sighting{Source: "f", At: monday, Last: true, Cursor: "2"})
	if snap.Cursor != "2" || !snap.Baseline.Equal(monday) {
		t.Fatalf("after the last window: %+v", snap)
	}
}

// A second look may find notices from before the baseline: they are logged, and
// nobody is mailed about them. What was missed since is news, however late.
func TestNoticesFromBeforeTheBaselineAreSilent(t *testing.T) {
	old := store.Snapshot{Source: "f", Baseline: monday}
	for name, c := range map[string]struct {
		published time.Time
		whole     bool
		silent    bool
	}{
		"a week before":          {monday.AddDate(0, 0, -7), false, true},
		"an hour before":         {monday.Add(-time.Hour), false, false},
		"after":                  {monday.Add(time.Hour), false, false},
		"without a date":         {time.Time{}, false, false},
		"listed in a whole list": {monday.AddDate(0, 0, -7), true, false},
	} {
		it := store.Item{Key: "n", Kind: store.KindNotice, Published: c.published, Notice: &store.Notice{}}
		_, changes := store.Diff(old, store.Sighting{Source: "f", At: monday.AddDate(0, 1, 0), Whole: c.whole, Last: true, Items: []store.Item{it}})
		if len(changes) != 1 || changes[0].Silent != c.silent {
			t.Errorf("%s: %+v", name, changes)
		}
	}
}

func TestNotesOfAFeed(t *testing.T) {
	snap, _ := store.Diff(store.Snapshot{}, store.Sighting{Source: "f", At: monday, Notes: "1"})
	snap, _ = store.Diff(snap, store.Sighting{Source: "f", At: monday})
	if snap.Notes != "1" {
		t.Fatalf("a sighting without notes left %q", snap.Notes)
	}
	if snap, _ = store.Diff(snap, store.Sighting{Source: "f", At: monday, Notes: "2"}); snap.Notes != "2" {
		t.Fatalf("new notes left %q", snap.Notes)
	}
}

func BenchmarkDiffUnchanged(b *testing.B) {
	old := store.Snapshot{Source: "s", Baseline: monday, Items: map[string]store.Item{}}
	seen := store.Sighting{Source: "s", At: monday, Whole: true, Last: true}
	for i := range 500 {
		it := meeting(func(it *store.Item) { it.Key = fmt.Sprint("meeting/", i) })
		old.Items[it.Key] = it
		seen.Items = append(seen.Items, it)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, c := store.Diff(old, seen); len(c) > 0 {
			b.Fatal(c[0])
		}
	}
}

// A paper that could not be read at the baseline and is read later is no more
// news than one that could; one that failed since is.
func TestPaperReadAfterTheBaseline(t *testing.T) {
	base := time.Date(2026, 9, 7, 7, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		failed time.Time
		title  string
		silent bool
	}{
		"failed at the baseline":                  {base, "Board", true},
		"failed at a later crawl":                 {base.Add(24 * time.Hour), "Board", false},
		"failed at the baseline, a change beside": {base, "Board, moved", false},
	} {
		doc := store.Document{Key: "d", Title: "Pack", URL: "https://x.example/d", Failed: "timeout", FailedAt: tt.failed}
		old := store.Snapshot{Source: "s", Baseline: base, Items: map[string]store.Item{"k": {Source: "s", Key: "k", Kind: store.KindMeeting, Title: "Board", Documents: []store.Document{doc}, FirstSeen: base}}}
		doc.Failed, doc.FailedAt, doc.SHA256, doc.Pages, doc.Fetched = "", time.Time{}, "aa", 3, base.Add(48*time.Hour)
		_, changes := store.Diff(old, store.Sighting{Source: "s", At: base.Add(48 * time.Hour), Whole: true, Last: true, Items: []store.Item{{Key: "k", Kind: store.KindMeeting, Title: tt.title, Documents: []store.Document{doc}}}})
		if len(changes) != 1 || len(changes[0].Read) != 1 || changes[0].Silent != tt.silent {
			t.Errorf("%s: %+v", name, changes)
		}
	}
}
