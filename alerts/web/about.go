package web

import (
	"net/http"
	"net/url"
)

// about says who runs this, what it covers, how it is meant and what is kept
// of whom.
func (s *site) about(w http.ResponseWriter, r *http.Request) error {
	body := struct {
		Group, Contact, URL string
		Sources             int
		Gaps                []string
	}{Group: s.Group, Contact: s.Contact, Sources: len(s.Sources()), Gaps: s.Gaps}
	if u, err := url.Parse(s.URL); err == nil {
		body.URL = u.Host
	}
	return s.render(w, http.StatusOK, "about", view{Title: "About these pages", Here: "about", Body: body})
}
