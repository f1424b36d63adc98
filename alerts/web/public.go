package web

import (
	"html/template"
	"net/http"
	"time"
)

// recordRoutes are the pages of the public record beyond the first ones.
func (s *site) recordRoutes(mux *http.ServeMux) {
	mux.Handle("/deadlines", s.page(s.deadlines))
	mux.Handle("/numbers", s.page(s.numbers))
	mux.Handle("/register", s.page(s.register))
	mux.Handle("/corrections", s.page(s.corrections))
	mux.Handle("/help", s.page(s.help))
	if s.Provider != nil {
		mux.Handle("/suppliers", s.page(s.listSuppliers))
		mux.Handle("/supplier/{id}", s.page(s.supplier))
	}
	if s.Archive != nil {
		mux.Handle("/paper", s.page(s.paper))
	}
}

// recordPages are their templates.
func recordPages() []string {
	return []string{"start", "deadlines", "numbers", "register", "corrections", "suppliers", "supplier", "paper", "help"}
}

// recordFuncs are what their templates call.
func (s *site) recordFuncs(m measure) template.FuncMap {
	return template.FuncMap{
		"differs":      func(field, old, now string) []piece { return s.differs(m, field, old, now) },
		"papers":       papersWords,
		"who":          whoWords,
		"actwords":     actWords,
		"conflict":     conflictWords,
		"paperpage":    s.paperPath,
		"supplierpage": s.supplierPath,
		"shortday":     func(t time.Time) string { return t.In(s.zone).Format("2 January 2006") },
		"readings":     s.readings,
	}
}

// help says what a reader can do here.
func (s *site) help(w http.ResponseWriter, _ *http.Request) error {
	body := struct {
		Threads, Suppliers, Open bool
		Contact                  string
	}{s.Thread != nil, s.Provider != nil, s.open(), s.Contact}
	return s.render(w, http.StatusOK, "help", view{Title: "Help", Here: "help", Body: body})
}
