package web

import (
	"net/http"
)

// dataPage explains what can be taken along, in plain words.
func (s *site) dataPage(w http.ResponseWriter, r *http.Request) error {
	first, last, err := s.years(r.Context())
	if err != nil {
		return err
	}
	body := struct {
		Base      string
		Files     []bulkFile
		Years     []int
		Endpoints []endpoint
		Root      string
		Bodies    []BodyLine
		Threads   bool
		Minute    int
		Licence   string
	}{Base: s.address(r), Files: bulkFiles(), Root: apiRoot, Threads: s.Thread != nil, Minute: askedAMinute, Licence: licence}
	for y := last; y >= first; y-- {
		body.Years = append(body.Years, y)
	}
	for _, e := range endpoints() {
		if e.absent == nil || !e.absent(&s.Server) {
			body.Endpoints = append(body.Endpoints, e)
		}
	}
	return s.render(w, http.StatusOK, "data", view{Title: "Feeds, calendars and data", Here: "data", Body: body})
}
