package web

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// unsubscribe ends a subscription by POST and does nothing by GET. The token
// in the path is the credential and all that is needed: no cookie, no form
// value, no login; mail programs post here from anywhere (RFC 8058), links are
// opened by scanners. Once ended it answers as before, for ever, erased
// subscriptions included.
func (s *site) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	// The body says "List-Unsubscribe=One-Click", in one of two encodings or
	// not at all; what it says changes nothing, but it must end.
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return badRequest("The request broke off. Please try again.")
	}
	token := alerts.TrimToken(r.PathValue("token"))
	ids, err := s.subscriptionsOf(token)
	if err != nil {
		return err
	}
	ended := r.Method == http.MethodPost
	for _, id := range ids {
		if !ended {
			break
		}
		err := s.Subscribers.End(r.Context(), id, s.Now())
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return s.sorry(err)
		}
	}
	title := "Stop these mails?"
	if ended {
		title = "You will get no more mails"
	}
	return s.render(w, http.StatusOK, "unsubscribe", view{Title: title, Private: true, Body: struct {
		Ended   bool
		Contact string
		Link    string // where to post to for changing it instead
	}{ended, s.Contact, "/u/" + url.PathEscape(token) + "/link"}})
}

// mostEnded is how many subscriptions one link can end.
const mostEnded = 20

// subscriptionsOf are those that a link ends: several, if the mail told several.
// Each end is one of its own; a request cut short has ended some, and may be
// made again.
func (s *site) subscriptionsOf(token string) (ids []string, err error) {
	unknown := &fault{
		status: http.StatusNotFound, title: "We do not know this link",
		text: "This link is not complete. Please copy all of it from the mail, up to its last letter.",
	}
	if strings.Count(token, ".") >= mostEnded {
		return nil, unknown
	}
	err = alerts.Each(token, func(one string) error {
		id, ok, err := s.Token(one)
		switch {
		case err != nil:
			return s.sorry(err)
		case !ok:
			return unknown
		}
		ids = append(ids, id)
		return nil
	})
	return ids, err
}

// sorry never claims that mails will stop when it could not be written down.
func (s *site) sorry(err error) error {
	return &fault{
		status: http.StatusServiceUnavailable, title: "Not done yet", retry: time.Minute, err: err,
		text: "Your subscription could not be ended just now. Please try again in a few minutes.",
	}
}
