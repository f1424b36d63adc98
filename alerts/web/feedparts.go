package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// bodyFindings are the findings of a body older than a place, newest first, and
// the place after them: those of the changes that the table of contents has
// under its name, of which lookedForFeed are looked at.
func (s *site) bodyFindings(ctx context.Context, body string, before place, n int) ([]store.Finding, place, error) {
	w := want{body: body, due: true}
	if (before != place{}) {
		w.before = before.change + 1
	}
	seqs := s.record.seqs(w, lookedForFeed)
	var out []store.Finding
	for _, seq := range seqs {
		found, err := s.findingsOf(ctx, seq)
		if err != nil {
			return nil, place{}, err
		}
		if seq == before.change && before.id != "" {
			i := slices.IndexFunc(found, func(x store.Finding) bool { return x.ID == before.id })
			found = found[:max(i, 0)]
		}
		slices.Reverse(found)
		if out = append(out, found...); len(out) > n {
			last := out[n-1]
			return out[:n], place{last.Change, last.ID}, nil
		}
	}
	if len(seqs) == lookedForFeed && seqs[len(seqs)-1] > 1 {
		return out, place{change: seqs[len(seqs)-1] - 1}, nil
	}
	return out, place{}, nil
}

// threadFeed tells the story of one procurement: an entry for each notice, the
// latest first. A notice that its service lists no longer says so and counts as
// updated then.
func (s *site) threadFeed(w http.ResponseWriter, r *http.Request) error {
	t, err := s.threadOf(r)
	if err != nil {
		return err
	}
	path := "/thread/" + url.PathEscape(t.ID)
	x := atomSource{path: path + "/feed.atom", page: path, title: "Procurement: " + line(t.Title, 200), about: "The notices of one procurement, the latest first."}
	return s.answerFeed(w, r, x, func(context.Context) ([]atomEntry, place, error) {
		var out []atomEntry
		base := s.address(r)
		for _, step := range slices.Backward(t.Steps) {
			if out = append(out, s.stepEntry(base, step)); len(out) == entriesPerFeed {
				break
			}
		}
		return out, place{}, nil
	})
}

func (s *site) stepEntry(base string, x judge.Step) atomEntry {
	title := plain(x.Title, 300)
	if title == "" {
		title = "Without a title"
	}
	var said []string
	if q := plain(x.Quote, 1200); q != "" {
		said = append(said, "“"+q+"” (from the notice).")
	}
	for _, m := range x.Moves {
		said = append(said, plain(m.Words, 400))
	}
	if d := x.Deadline; d != nil && d.Stated != "" {
		said = append(said, deadlineWords(d.Kind)+": "+plain(s.date(d.Stated), 200)+", the source says.")
	}
	first := x.At
	if !x.FirstSeen.IsZero() {
		first = x.FirstSeen
	}
	updated := latest(first, x.Withdrawn)
	if !x.Withdrawn.IsZero() {
		said = append(said, "No longer listed since "+s.when(x.Withdrawn)+".")
	}
	if len(said) == 0 {
		said = append(said, "A notice.")
	}
	e := atomEntry{
		Title: text(stageWords(x.Stage)+": "+title, 400), ID: s.tag(first.UTC().Format("2006-01-02"), "notice/"+url.PathEscape(x.Source)+"/"+url.PathEscape(x.Key)),
		Links:   []atomLink{{Rel: "alternate", Type: "text/html", Href: base + itemPath(x.Source, x.Key)}},
		Updated: stamp(updated), Published: stamp(first),
		Category: []atomCategory{{Term: plain(x.Stage, 40), Label: plain(stageWords(x.Stage), 100)}},
		Summary:  text(strings.Join(said, " "), 3000),
	}
	if l := webLink(x.URL); l != nil {
		e.Links = append(e.Links, atomLink{Rel: "via", Href: l.URL, Title: "Source at " + l.Host})
	}
	return e
}
