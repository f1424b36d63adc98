package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// boardPaper is an item of one paper, as sites list them that show every paper
// by itself.
func boardPaper(t *testing.T, a *app, name string, role store.Role, pages ...string) store.Item {
	t.Helper()
	sha, _, err := a.store.Keep(t.Context(), strings.NewReader(name))
	if err == nil {
		err = a.store.KeepText(t.Context(), sha, pages)
	}
	if err != nil {
		t.Fatal(err)
	}
	doc := store.Document{Key: "document/" + name, Title: name, URL: "https://icb.example.org/" + name, Role: role, SHA256: sha, Pages: len(pages)}
	return store.Item{Key: doc.Key, Kind: store.KindPaper, Body: "mercia-vale-icb", Title: "Board: " + name, URL: doc.URL,
		Fields: map[string]string{store.FieldWhen: "2026-06-11T00:00:00+01:00"}, Documents: []store.Document{doc}}
}

// said are the sentences that were found, and where each stands.
func said(t *testing.T, read func(func(store.Finding) bool) error) (out []string) {
	t.Helper()
	err := read(func(f store.Finding) bool {
		if f.Topic == store.TopicOutsourcing {
			s := f.Document + ": " + f.Quote
			for _, o := range f.AlsoIn {
				s += " Also in " + o.Document + "."
			}
			out = append(out, s)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// A board lists its papers one by one, and the pack of all of them, as if they
// had nothing to do with each other: a subscriber is told of a sentence once.
func TestAPackListedBesideItsPapersIsNotToldAgain(t *testing.T) {
	const endoscopy, cataracts = "Insourcing of endoscopy by a private provider was extended to March at the last meeting.", "The board is asked to approve outsourcing of cataract surgery to an independent provider."
	a := dueApp(t)
	crawled := at("2026-06-01T07:00")
	old := boardPaper(t, a, "Minutes", store.RoleReport, "The clock was slow.")
	lists(t, a, "mercia-vale-icb", crawled, old) // the baseline
	sub := store.Subscription{ID: strings.Repeat("0a", 16), Address: "ada@example.org", Often: store.Instant, State: store.StateConfirmed, Created: crawled, Query: "topic:outsourcing", Consent: "asked", ConsentAt: crawled}
	if err := a.store.Subscribe(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
	part := boardPaper(t, a, "Paper A", store.RoleReport, endoscopy)
	early := boardPaper(t, a, "Extract", store.RolePack, "Contents", endoscopy)
	lists(t, a, "mercia-vale-icb", crawled.AddDate(0, 0, 1), old, part, early)
	pack := boardPaper(t, a, "Whole pack", store.RolePack, "Contents", endoscopy, cataracts)
	lists(t, a, "mercia-vale-icb", crawled.AddDate(0, 0, 5), old, part, early, pack)

	want := []string{"Paper A: " + endoscopy + " Also in Extract.", "Whole pack: " + cataracts}
	all := func(f func(store.Finding) bool) error { return a.store.Findings(t.Context(), 0, f) }
	if diff := cmp.Diff(want, said(t, all)); diff != "" {
		t.Errorf("found (-want +got)\n%s", diff)
	}
	told := 0
	if err := a.store.Deliveries(t.Context(), func(d store.Delivery) bool {
		raw, err := a.store.Raw(t.Context(), d.ID)
		if err != nil {
			t.Error(err)
		}
		_, text, err := readMail(raw)
		if err != nil {
			t.Error(err)
		}
		told += strings.Count(squash(text), endoscopy)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if told != 1 {
		t.Errorf("told %d times by mail", told)
	}
	// Judged again, the first finding also names what came later.
	if _, err := a.matcher.Rejudge(t.Context(), "another version", nil); err != nil {
		t.Fatal(err)
	}
	want[0] = "Paper A: " + endoscopy + " Also in Extract. Also in Whole pack."
	if diff := cmp.Diff(want, said(t, all)); diff != "" {
		t.Errorf("judged again (-want +got)\n%s", diff)
	}
	// What the operator holds back is not named any more where others are shown.
	if _, err := a.store.Correct(t.Context(), store.Correction{At: crawled.AddDate(0, 0, 6), Source: "mercia-vale-icb", Key: early.Key, Act: store.ActHold, Reason: "looked into"}); err != nil {
		t.Fatal(err)
	}
	want[0] = "Paper A: " + endoscopy + " Also in Whole pack."
	if diff := cmp.Diff(want, said(t, func(f func(store.Finding) bool) error { return a.public.Findings(t.Context(), 0, f) })); diff != "" {
		t.Errorf("held back (-want +got)\n%s", diff)
	}
}

// A paper that the operator holds back is told to nobody, and keeps no other
// paper's sentence from being told.
func TestAPaperThatIsHeldBackSilencesNoOther(t *testing.T) {
	const endoscopy = "Insourcing of endoscopy by a private provider was extended to March at the last meeting."
	a := dueApp(t)
	crawled := at("2026-06-01T07:00")
	part := boardPaper(t, a, "Paper A", store.RoleReport, endoscopy)
	lists(t, a, "mercia-vale-icb", crawled, part)
	if _, err := a.store.Correct(t.Context(), store.Correction{At: crawled.Add(time.Hour), Source: "mercia-vale-icb", Key: part.Key, Act: store.ActHold, Reason: "looked into"}); err != nil {
		t.Fatal(err)
	}
	lists(t, a, "mercia-vale-icb", crawled.AddDate(0, 0, 1), part, boardPaper(t, a, "Whole pack", store.RolePack, "Contents", endoscopy))
	want := []string{"Whole pack: " + endoscopy}
	if diff := cmp.Diff(want, said(t, func(f func(store.Finding) bool) error { return a.public.Findings(t.Context(), 0, f) })); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
