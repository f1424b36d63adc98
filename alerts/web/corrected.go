package web

import (
	"net/http"
	"net/url"
	"slices"

	"ccgwatch/store"
)

// correctionsPerPage is how many the log of corrections lists.
const correctionsPerPage = 40

// corrections is the public log of what the operator has said about items:
// when, what kind of thing, and why. Of what is out of sight it tells no more.
func (s *site) corrections(w http.ResponseWriter, r *http.Request) error {
	page, err := pageNumber(r.URL.Query())
	if err != nil {
		return err
	}
	body := struct {
		Contact string
		List    []store.Correction
		Pages   pages
	}{Contact: s.Contact}
	var all []store.Correction
	if s.Corrections != nil {
		if all, err = s.Corrections.Corrections(r.Context(), 0); err != nil {
			return err
		}
	}
	slices.Reverse(all)
	if all, body.Pages, err = paginate(all, page, correctionsPerPage, "/corrections", url.Values{}); err != nil {
		return err
	}
	for _, c := range all {
		c = c.Public()
		edit, err := s.editOf(r.Context(), c.Source, c.Key)
		if err != nil {
			return err
		}
		if edit != nil && (edit.Hidden != "" || edit.Struck) {
			// What was corrected before may quote what is out of sight now.
			c.Fields, c.Note = nil, edit.Clean(c.Note)
			if edit.Hidden != "" {
				c.Note = ""
			}
		}
		body.List = append(body.List, c)
	}
	return s.render(w, http.StatusOK, "corrections", view{Title: "Corrections", Here: "corrections", Body: body})
}

// actWords say what a correction did.
func actWords(a store.Act) string {
	switch a {
	case store.ActHold:
		return "Held back until it was looked into"
	case store.ActWithdraw:
		return "Withdrawn from these pages"
	case store.ActCorrect:
		return "Corrected"
	case store.ActRedact:
		return "Some words are left out"
	case store.ActNote:
		return "A note"
	case store.ActRestore:
		return "As the source has it again"
	}
	return line(string(a), 40)
}

// withheld is the page of what is known and not shown.
func withheld(e *store.WithheldError) *fault {
	f := &fault{status: http.StatusNotFound, title: "Held back for now", text: "The people who run this are looking into what stood here. They say why: "}
	if e.Edit.Hidden == store.ActWithdraw {
		f.status, f.title = http.StatusGone, "Withdrawn"
		f.text = "The people who run this have withdrawn what stood here. They say why: "
	}
	f.text += line(e.Edit.Reason, 1000)
	return f
}
