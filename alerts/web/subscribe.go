package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

// subscribeView is the sign-up page.
type subscribeView struct {
	Open    bool
	Contact string
	Choose  chooseView
	Preview *preview
	Address string
	Agreed  bool
	Stamp   string
	Consent string // what is agreed to

	NoAddress string // what is wrong with the address
	NoConsent bool
	NoOften   bool
	Again     bool   // too quick: press again
	Busy      string // when to come again
}

// Bad tells whether something must be put right.
func (v subscribeView) Bad() bool {
	return v.NoAddress != "" || v.NoConsent || v.NoOften || v.Again || v.Busy != "" || !v.Choose.fine()
}

// subscribe shows the form, what a choice would have brought, and takes what is
// filled in. Its fields are those of readChosen and address, agree, website (a
// trap), t (when it was handed out) and do: preview or signup. A GET may carry
// a choice and never an address.
func (s *site) subscribe(w http.ResponseWriter, r *http.Request) error {
	v := subscribeView{Open: s.open(), Contact: s.Contact}
	if !v.Open {
		return s.subscribePage(w, http.StatusOK, v)
	}
	v.Stamp, v.Consent = s.stamp(r), alerts.ConsentText(alerts.FormVersion)
	if r.Method != http.MethodPost {
		c := readChosen(r.URL.Query())
		if c.Often == "" {
			c.Often = store.Weekly
		}
		c.settle()
		v.Choose = s.choose(c)
		return s.subscribePage(w, status(c.fine()), v)
	}
	c := readChosen(r.PostForm)
	c.settle()
	v.Address, v.Agreed = line(r.PostForm.Get("address"), 300), r.PostForm.Get("agree") != ""
	v.NoOften, v.Stamp = oftenWords(c.Often) == "", s.stamp(r)
	if r.PostForm.Get("do") != "signup" {
		return s.showPreview(w, r, v, c)
	}
	return s.signUp(w, r, v, c)
}

func (s *site) showPreview(w http.ResponseWriter, r *http.Request, v subscribeView, c chosen) error {
	v.Choose = s.choose(c)
	if v.Bad() {
		return s.subscribePage(w, http.StatusBadRequest, v)
	}
	p, err := s.previewOf(r, c)
	if err != nil {
		return err
	}
	v.Preview = &p
	return s.subscribePage(w, http.StatusOK, v)
}

func (s *site) previewOf(r *http.Request, c chosen) (preview, error) {
	q, err := query.Parse(c.Query)
	if err != nil {
		return preview{}, err // settle has read it before
	}
	return s.preview(r.Context(), q, c.Often)
}

func (s *site) signUp(w http.ResponseWriter, r *http.Request, v subscribeView, c chosen) error {
	if trapped(r) {
		return s.sentPage(w)
	}
	address, err := alerts.Address(v.Address)
	if err != nil {
		v.NoAddress = err.Error()
	}
	v.NoConsent = !v.Agreed
	if v.Choose = s.choose(c); v.Bad() {
		return s.subscribePage(w, http.StatusBadRequest, v)
	}
	if v.Again = !s.byHand(r); v.Again {
		return s.subscribePage(w, http.StatusBadRequest, v)
	}
	a := alerts.Application{
		Address: address, Query: c.Query, Often: c.Often, Form: alerts.FormVersion, Client: s.client(r),
		Ticked: "agreed: yes; how often: " + c.Often + "; wants: " + orEverything(c.Query),
	}
	err = s.evenly(func() error { return s.Desk.SignUp(r.Context(), s.Now(), a) })
	var busy *alerts.BusyError
	switch {
	case c.refused(err):
		v.Choose = s.choose(c)
		return s.subscribePage(w, http.StatusBadRequest, v)
	case errors.As(err, &busy):
		f := s.busy(busy)
		v.Busy = f.text
		setRetry(w, f.retry)
		return s.subscribePage(w, f.status, v)
	case err != nil:
		s.Log.Error("pages: a sign-up was not stored", "error", err)
		v.Busy = "What you asked for could not be written down, and no mail was sent. Please try again in a few minutes."
		setRetry(w, time.Minute)
		return s.subscribePage(w, http.StatusServiceUnavailable, v)
	}
	return s.sentPage(w)
}

func (s *site) subscribePage(w http.ResponseWriter, status int, v subscribeView) error {
	title := "Get it by mail"
	switch {
	case v.Open && v.Bad():
		title = "Not signed up yet"
	case v.Preview != nil:
		title = "What it would have brought"
	}
	return s.render(w, status, "subscribe", view{Title: title, Here: "subscribe", Private: status != http.StatusOK || v.Preview != nil, Body: v})
}

func status(fine bool) int {
	if fine {
		return http.StatusOK
	}
	return http.StatusBadRequest
}

func orEverything(q string) string {
	if strings.TrimSpace(q) == "" {
		return "everything"
	}
	return q
}

// confirm asks by GET whether the subscription behind a mailed link is wanted,
// and takes the yes by POST.
func (s *site) confirm(w http.ResponseWriter, r *http.Request) error {
	token := r.PathValue("token")
	if r.Method == http.MethodPost {
		sub, err := s.Desk.Confirm(r.Context(), s.Now(), token)
		if err != nil {
			return err
		}
		return s.render(w, http.StatusOK, "confirmed", view{Title: "You are subscribed", Private: true, Body: choiceOf(sub)})
	}
	sub, err := s.Desk.Pending(r.Context(), s.Now(), token)
	if err != nil {
		return err
	}
	return s.render(w, http.StatusOK, "confirm", view{Title: "Do you want this mail?", Private: true, Body: struct {
		chosen
		Consent, Contact string
	}{choiceOf(sub), consentOf(sub), s.Contact}})
}

// consentOf are the words that were agreed to on the form.
func consentOf(sub store.Subscription) string {
	if sub.Proof == nil {
		return ""
	}
	return alerts.ConsentText(sub.Proof.Form)
}
