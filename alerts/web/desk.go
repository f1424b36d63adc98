package web

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts"
)

// A Choice is an entry of a list on the sign-up form.
type Choice struct{ Value, Name string }

// The pages by which people look after their subscriptions. Nothing but a
// button changes anything: scanners open every link of a mail.
func (s *site) deskRoutes(mux *http.ServeMux) {
	get := []string{http.MethodGet, http.MethodHead}
	both := append(get, http.MethodPost)
	mux.Handle("/subscribe", s.atDesk(s.subscribe, both...))
	mux.Handle("/manage", s.atDesk(s.askLink, both...))
	mux.Handle("/c/{token}", s.atDesk(s.confirm, both...))
	mux.Handle("/m/{token}", s.atDesk(s.manage, both...))
	mux.Handle("/m/{token}/{id}", s.atDesk(s.change, both...))
	mux.Handle("/m/{token}/erase", s.atDesk(s.erase, both...))
	mux.Handle("/m/{token}/export", s.atDesk(s.export, get...))
	mux.Handle("/u/{token}/link", s.atDesk(s.linkInstead, http.MethodPost))
}

// deskPages are the templates of these pages.
func deskPages() []string {
	return []string{"subscribe", "sent", "confirm", "confirmed", "asklink", "manage", "change", "erase", "done"}
}

// open tells whether people can subscribe on these pages: what is mailed leads
// back to them, so they must have a public address.
func (s *site) open() bool { return s.Desk != nil && s.URL != "" }

// atDesk is page for what may also be posted to, while there is a desk. It has
// a queue of its own: whoever floods the form keeps nobody from reading.
func (s *site) atDesk(f func(http.ResponseWriter, *http.Request) error, methods ...string) http.Handler {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		if !s.open() && (r.URL.Path != "/subscribe" || r.Method == http.MethodPost) {
			return &fault{status: http.StatusNotFound, title: "Not on these pages", text: "Nobody can subscribe on these pages: they have no public address. Please ask the people who run this."}
		}
		if err := readForm(r); err != nil {
			return err
		}
		select {
		case s.queueAtDesk <- struct{}{}:
			defer func() { <-s.queueAtDesk }()
			return s.explain(f(w, r))
		default:
			return &fault{status: http.StatusServiceUnavailable, title: "Too many readers at once", text: "Nothing was changed. Please try again in a moment.", retry: 5 * time.Second}
		}
	}, methods...)
}

// readForm reads what a form posted, in the one encoding that our forms use.
func readForm(r *http.Request) error {
	if r.Method != http.MethodPost {
		return nil
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		return &fault{status: http.StatusUnsupportedMediaType, title: "Not that way", text: "Only the forms on these pages are understood here. Nothing was changed."}
	}
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return badRequest("What was sent could not be read. Nothing was changed.")
	}
	return nil
}

// explain turns what the desk answers into pages. Every link that does not work
// gets the same one, whatever the reason.
func (s *site) explain(err error) error {
	var busy *alerts.BusyError
	switch {
	case errors.Is(err, alerts.ErrLink):
		return &fault{
			status: http.StatusNotFound, title: "This link does not work",
			text: "It may be incomplete (please copy all of it from the mail, up to its last letter), older than seven days, or used already. " +
				"If you pressed the button to confirm before, your subscription stands. Otherwise ask for a new link.",
		}
	case errors.As(err, &busy):
		return s.busy(busy)
	}
	return err
}

// busy says when to come again. Which limit it was says nothing about anybody.
func (s *site) busy(b *alerts.BusyError) *fault {
	f := &fault{
		status: http.StatusServiceUnavailable, title: "Too many requests just now", retry: b.Wait,
		text: "So that nobody is flooded with mail, only so many requests are taken in an hour. Nothing was stored and no mail was sent. Please try again in " + waitWords(b.Wait) + ".",
	}
	if b.Of == "client" {
		f.status = http.StatusTooManyRequests
	}
	return f
}

func waitWords(d time.Duration) string {
	if d <= 10*time.Minute {
		return "ten minutes"
	}
	if d <= time.Hour {
		return "an hour"
	}
	return "a day"
}

// client is where a request comes from. A proxy of ours is believed about whom
// it speaks for, nobody else is; the zero Addr is nobody known.
func (s *site) client(r *http.Request) netip.Addr {
	ours := func(a netip.Addr) bool {
		return slices.ContainsFunc(s.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a := at.Addr().Unmap().WithZone("")
	if !ours(a) {
		return a
	}
	// The last entry was added by our own proxy; what stands before it anybody
	// may have made up, unless it is one of ours again.
	said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, x := range slices.Backward(said) {
		a, err := netip.ParseAddr(strings.TrimSpace(x))
		if err != nil {
			return netip.Addr{}
		}
		if a = a.Unmap().WithZone(""); !ours(a) {
			return a
		}
	}
	return netip.Addr{}
}

// A form is handed out with the time; sooner than a person can fill it in, or
// later than anybody leaves it open, it comes from a program.
const (
	fillSoonest = 2 * time.Second
	fillLatest  = 24 * time.Hour
)

// byHand tells whether a form was filled in at a person's pace.
func (s *site) byHand(r *http.Request) bool {
	took, ok := s.took(r)
	return ok && took >= fillSoonest
}

// took is how long ago the form was handed out, if it is not too old.
func (s *site) took(r *http.Request) (time.Duration, bool) {
	at, ok := s.Desk.Links.Stamped(r.PostForm.Get("t"))
	took := s.Now().Sub(at)
	return took, ok && took >= 0 && took <= fillLatest
}

// stamp is the time to hand a form out with: when it was first, if it comes
// back to be put right.
func (s *site) stamp(r *http.Request) string {
	if r.Method == http.MethodPost {
		if _, ok := s.took(r); ok {
			return r.PostForm.Get("t")
		}
	}
	return s.Desk.Links.Stamp(s.Now())
}

// trapped tells whether a box was filled in that nobody sees.
func trapped(r *http.Request) bool { return r.PostForm.Get("website") != "" }

// evenTime is the Even of whoever sets none.
const evenTime = 50 * time.Millisecond

// evenly does something and returns at the next multiple of Even since it began,
// and a random part of Even later, whatever came of it: a mail that is queued takes
// a third of a millisecond longer to write down than one that is not. The even time
// alone is not enough: how soon a program is woken depends on what it did before it
// slept, by some tenths of a millisecond where the machine is busy.
func (s *site) evenly(f func() error) error {
	every := s.Even
	if every == 0 {
		every = evenTime
	}
	if every < 0 {
		return f()
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	err := f()
	select {
	case <-tick.C: // one that passed meanwhile
	default:
	}
	<-tick.C
	time.Sleep(rand.N(every)) //nolint:gosec // hides some tenths of a millisecond, and no secret
	return err
}

// askView is a form that asks for an address.
type askView struct {
	Address string
	Stamp   string
	Wrong   string // about the address
	Again   bool   // too quick
}

// askLink sends a link to who asks for their own subscriptions.
func (s *site) askLink(w http.ResponseWriter, r *http.Request) error {
	v := askView{Stamp: s.stamp(r)}
	if r.Method != http.MethodPost {
		return s.askPage(w, http.StatusOK, v)
	}
	v.Address = line(r.PostForm.Get("address"), 300)
	switch {
	case trapped(r):
		return s.sentPage(w)
	case !s.byHand(r):
		v.Again = true
		return s.askPage(w, http.StatusBadRequest, v)
	}
	err := s.evenly(func() error { return s.Desk.AskLink(r.Context(), s.Now(), v.Address, s.client(r)) })
	switch {
	case errors.Is(err, alerts.ErrAddress):
		v.Wrong = err.Error()
		return s.askPage(w, http.StatusBadRequest, v)
	case err != nil:
		return err
	}
	return s.sentPage(w)
}

func (s *site) askPage(w http.ResponseWriter, status int, v askView) error {
	title := "Your subscriptions"
	if status != http.StatusOK {
		title = "Not sent yet"
	}
	return s.render(w, status, "asklink", view{Title: title, Here: "manage", Private: true, Body: v})
}

// sentPage is the answer to everybody who asked for a mail, whoever they are.
func (s *site) sentPage(w http.ResponseWriter) error {
	return s.render(w, http.StatusOK, "sent", view{Title: "Look into your mail", Private: true, Body: struct{ Contact string }{s.Contact}})
}

// linkInstead sends the link to who was about to unsubscribe.
func (s *site) linkInstead(w http.ResponseWriter, r *http.Request) error {
	ids, err := s.subscriptionsOf(alerts.TrimToken(r.PathValue("token")))
	if err != nil {
		return err
	}
	// All of them are of one address, and its link opens them all.
	if err := s.evenly(func() error { return s.Desk.AskLinkOf(r.Context(), s.Now(), ids[0], s.client(r)) }); err != nil {
		return err
	}
	return s.sentPage(w)
}
