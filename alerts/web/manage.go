package web

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// manageView is the page behind a manage link.
type manageView struct {
	Base    string // the path of the page
	Address string
	Until   time.Time
	Live    []heldView
	Ended   []heldView
	Done    string // what was just done
}

type heldView struct {
	chosen
	ID      string
	Pending bool
	Paused  bool
	Since   time.Time
	Ended   time.Time
}

// base is the path of the page of a manage link, cleaned of what mail programs
// add to links.
func base(r *http.Request) string {
	return "/m/" + url.PathEscape(alerts.TrimToken(r.PathValue("token")))
}

// manage lists what an address is subscribed to. do is stop (with id) or stop-all.
func (s *site) manage(w http.ResponseWriter, r *http.Request) error {
	token, done := r.PathValue("token"), ""
	if r.Method == http.MethodPost {
		switch r.PostForm.Get("do") {
		case "stop":
			if err := s.Desk.End(r.Context(), s.Now(), token, r.PostForm.Get("id")); err != nil {
				return s.notEnded(err)
			}
			done = "That subscription has ended: you will get no more of its mails."
		case "stop-all":
			if err := s.Desk.EndAll(r.Context(), s.Now(), token); err != nil {
				return s.notEnded(err)
			}
			done = "All your subscriptions have ended: you will get no more mails."
		default:
			return badRequest("No button like that is on this page. Nothing was changed.")
		}
	}
	return s.managePage(w, r, done)
}

// notEnded never claims that mails will stop when it could not be written down.
func (s *site) notEnded(err error) error {
	if errors.Is(err, alerts.ErrLink) {
		return err
	}
	return s.sorry(err)
}

func (s *site) managePage(w http.ResponseWriter, r *http.Request, done string) error {
	m, err := s.Desk.Manage(r.Context(), s.Now(), r.PathValue("token"))
	if err != nil {
		return err
	}
	v := manageView{Base: base(r), Address: m.Address, Until: m.Until, Done: done}
	for _, sub := range m.Subscriptions {
		h := heldView{chosen: choiceOf(sub), ID: sub.ID, Pending: sub.State == store.StatePending, Paused: sub.State == store.StateSuppressed, Since: sub.ConsentAt, Ended: sub.Ended}
		if sub.State == store.StateEnded {
			v.Ended = append(v.Ended, h)
		} else {
			v.Live = append(v.Live, h)
		}
	}
	return s.render(w, http.StatusOK, "manage", view{Title: "Your subscriptions", Here: "manage", Private: true, Body: v})
}

// changeView is the page on which one subscription is changed.
type changeView struct {
	Base, ID string
	Choose   chooseView
	Preview  *preview
	NoOften  bool
	Same     bool // there is another one like that
}

// change shows one subscription as a form. do is preview or save.
func (s *site) change(w http.ResponseWriter, r *http.Request) error {
	m, err := s.Desk.Manage(r.Context(), s.Now(), r.PathValue("token"))
	if err != nil {
		return err
	}
	v := changeView{Base: base(r), ID: r.PathValue("id")}
	var c chosen
	found := false
	for _, sub := range m.Subscriptions {
		if sub.ID == v.ID && sub.State == store.StateConfirmed {
			c, found = choiceOf(sub), true
		}
	}
	if !found {
		return alerts.ErrLink
	}
	if r.Method != http.MethodPost {
		v.Choose = s.choose(c)
		return s.changePage(w, http.StatusOK, v)
	}
	c = readChosen(r.PostForm)
	c.settle()
	v.NoOften = oftenWords(c.Often) == ""
	v.Choose = s.choose(c)
	if !c.fine() || v.NoOften {
		return s.changePage(w, http.StatusBadRequest, v)
	}
	if r.PostForm.Get("do") != "save" {
		p, err := s.previewOf(r, c)
		if err != nil {
			return err
		}
		v.Preview = &p
		return s.changePage(w, http.StatusOK, v)
	}
	err = s.Desk.Change(r.Context(), s.Now(), r.PathValue("token"), v.ID, c.Query, c.Often)
	switch {
	case c.refused(err):
		v.Choose = s.choose(c)
		return s.changePage(w, http.StatusBadRequest, v)
	case errors.Is(err, alerts.ErrSame):
		v.Same = true
		return s.changePage(w, http.StatusConflict, v)
	case err != nil:
		return err
	}
	return s.managePage(w, r, "Changed. It holds from the next mail on.")
}

func (s *site) changePage(w http.ResponseWriter, status int, v changeView) error {
	title := "Change a subscription"
	if status != http.StatusOK {
		title = "Not changed yet"
	}
	return s.render(w, status, "change", view{Title: title, Here: "manage", Private: true, Body: v})
}

// export gives what is kept of an address as a file.
func (s *site) export(w http.ResponseWriter, r *http.Request) error {
	b, err := s.Desk.Export(r.Context(), s.Now(), r.PathValue("token"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="ccgwatch-subscriptions.json"`)
	_, _ = w.Write(append(b, '\n')) //nolint:gosec // JSON, sent as JSON, and nosniff says so
	return nil
}

// erase asks once more by GET, and erases by POST.
func (s *site) erase(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodPost {
		if err := s.Desk.Erase(r.Context(), s.Now(), r.PathValue("token")); err != nil {
			if errors.Is(err, alerts.ErrLink) {
				return err
			}
			return &fault{
				status: http.StatusServiceUnavailable, title: "Not erased yet", retry: time.Minute, err: err,
				text: "Your address could not be erased just now. Please try again in a few minutes.",
			}
		}
		return s.render(w, http.StatusOK, "done", view{Title: "Erased", Private: true, Body: struct{ Contact string }{s.Contact}})
	}
	m, err := s.Desk.Manage(r.Context(), s.Now(), r.PathValue("token"))
	if err != nil {
		return err
	}
	return s.render(w, http.StatusOK, "erase", view{Title: "Erase everything kept about you?", Private: true, Body: struct {
		Base, Address string
		N             int
	}{base(r), m.Address, len(m.Subscriptions)}})
}
