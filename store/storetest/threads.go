package storetest

import (
	"fmt"
	"time"

	"ccgwatch/store"
)

func notice(ocid, release, ref, title, text string) store.Item {
	return store.Item{Key: ocid + "/" + release, Kind: store.KindNotice, Title: title,
		Notice: &store.Notice{OCID: ocid, Release: release, Reference: ref, Title: title, Description: text}}
}

func (t *T) marks(what, mark string, limit int, want ...store.ItemRef) {
	t.Helper()
	got, err := t.Marked(t.ctx, mark, limit)
	t.must(err)
	t.same(what, got, want)
}

func marked(t *T) {
	t.commit("fts", 0,
		notice("ocds-h6vhtk-0000aa", "000001-2026", "C-12/A", "Night  Nursing", ""),
		notice("ocds-h6vhtk-0000aa", "000002-2026", "C-12/A", "Night Nursing", ""),
		notice("ocds-h6vhtk-0000aab", "000003-2026", "c-12/a", "Night nursing", "replaces 2026/S 000-000001, see ocds-h6vhtk-0000aa"),
		item("meeting/1"))
	t.commit("cf", 0, notice("ocds-b5fd17-1", "x-1", "", "Night Nursing", ""))
	t.again()
	one, two := store.ItemRef{Source: "fts", Key: "ocds-h6vhtk-0000aa/000001-2026"}, store.ItemRef{Source: "fts", Key: "ocds-h6vhtk-0000aa/000002-2026"}
	three, four := store.ItemRef{Source: "fts", Key: "ocds-h6vhtk-0000aab/000003-2026"}, store.ItemRef{Source: "cf", Key: "ocds-b5fd17-1/x-1"}
	t.marks("a process is no prefix of another", store.MarkProcess("ocds-h6vhtk-0000aa"), 0, one, two)
	t.marks("by number", store.MarkNumber("000002-2026"), 0, two)
	t.marks("a title, in every source", store.MarkTitle("NIGHT nursing"), 0, four, one, two, three)
	t.marks("no more than asked for", store.MarkTitle("Night Nursing"), 2, four, one)
	t.marks("reference and title", store.MarkSame("C-12/A", "Night nursing"), 0, one, two, three)
	t.marks("who names a number", store.MarkNames("000001-2026"), 0, three)
	t.marks("who names a process", store.MarkNames("ocds-h6vhtk-0000aa"), 0, three)
	t.marks("nothing", store.MarkNumber("999999-2026"), 0)
	if _, err := t.Marked(t.ctx, "", 0); err == nil {
		t.Error("an empty mark is the mark of everything")
	}
}

func remarked(t *T) {
	t.commit("fts", 0, notice("o1", "r1", "C1", "Old title", "see 000009-2026"))
	t.commit("fts", 0, notice("o1", "r1", "C1", "New title", ""))
	t.marks("not by the old title", store.MarkTitle("Old title"), 0)
	t.marks("not by what it named", store.MarkNames("000009-2026"), 0)
	t.marks("by the new title", store.MarkTitle("New title"), 0, store.ItemRef{Source: "fts", Key: "o1/r1"})
	bare := notice("o1", "r1", "", "", "")
	bare.Notice = nil
	t.commit("fts", 0, bare)
	t.marks("no notice, no marks", store.MarkProcess("o1"), 0)
	t.commit("fts", 0, notice("o1", "r1", "", "T", ""))
	t.marks("and again", store.MarkProcess("o1"), 0, store.ItemRef{Source: "fts", Key: "o1/r1"})
}

func decisions(t *T) {
	got, err := t.Decisions(t.ctx)
	t.must(err)
	t.same("none", got, []store.Decision(nil))
	var want []store.Decision
	for i := range 12 {
		d := store.Decision{A: "ocds-a", B: fmt.Sprint("ocds-", i%3), Join: i%2 == 0, Why: "why – " + fmt.Sprint(i), At: at(i)}
		t.must(t.Decide(t.ctx, d))
		want = append(want, d)
	}
	t.again()
	got, err = t.Decisions(t.ctx)
	t.must(err)
	t.same("all, in order", got, want)
}

func due(source, key string) store.Change {
	return store.Change{At: at(9), Source: source, Key: "o/" + key, Kind: store.KindNotice, Title: "T", URL: "u", Silent: key == "b",
		Due: &store.Due{Key: key, Kind: store.DueReminder, Step: "tender", Days: 5, On: at(20), Words: "Closes soon."}}
}

func fallDue(t *T) {
	t.commit("fts", 2)
	n, err := t.FallDue(t.ctx, []store.Change{due("fts", "a"), due("cf", "b")}, "due", at(30))
	t.must(err)
	t.same("logged", n, 2)
	n, err = t.FallDue(t.ctx, []store.Change{due("cf", "b"), due("fts", "c"), due("fts", "c"), due("fts", "a")}, "due", at(54))
	t.must(err)
	t.same("only what is new, once", n, 1)
	n, err = t.FallDue(t.ctx, nil, "due", at(78))
	t.must(err)
	t.same("nothing", n, 0)
	t.again()
	got, err := t.Changes(t.ctx, 2, 0)
	t.must(err)
	want := []store.Change{due("fts", "a"), due("cf", "b"), due("fts", "c")}
	for i := range want {
		want[i].Seq, want[i].Op = uint64(3+i), store.OpDue
		want[i].Batch = []uint64{3, 3, 5}[i]
	}
	t.same("the log", got, want)
	jobs, err := t.Due(t.ctx)
	t.must(err)
	t.same("the diary", jobs, map[string]time.Time{"due": at(78)})
	n, err = t.FallDue(t.ctx, []store.Change{due("fts", "a")}, "due", at(100))
	t.must(err)
	t.same("also after reopening", n, 0)
}

func fallDueWhole(t *T) {
	bad := due("fts", "z")
	bad.Due = nil
	if _, err := t.FallDue(t.ctx, []store.Change{due("fts", "a"), bad}, "due", at(30)); err == nil {
		t.Error("a change that does not say what is due was logged")
	}
	if _, err := t.FallDue(t.ctx, []store.Change{due("fts", "a"), due("", "b")}, "due", at(30)); err == nil {
		t.Error("a change of no source was logged")
	}
	n, err := t.LastSeq(t.ctx)
	t.must(err)
	t.same("the log", n, uint64(0))
	jobs, err := t.Due(t.ctx)
	t.must(err)
	t.same("the diary", jobs, map[string]time.Time{})
	n2, err := t.FallDue(t.ctx, []store.Change{due("fts", "a")}, "due", at(30))
	t.must(err)
	t.same("then it can be logged", n2, 1)
}
