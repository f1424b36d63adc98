package web

import (
	"context"
	"net/url"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// A follow is what the sign-up page is offered with: what can be followed by
// mail from the page that somebody reads.
type follow struct {
	What string // in words: "this procurement"
	Path string
}

// follows makes a link to the sign-up page with a choice filled in; nothing
// where nobody can sign up.
func (s *site) follows(what string, choice url.Values) []follow {
	if !s.open() {
		return nil
	}
	return []follow{{what, "/subscribe?" + choice.Encode()}}
}

// followThread follows a procurement under all its numbers.
func (s *site) followThread(t *judge.Thread) []follow {
	return s.follows("this procurement", url.Values{"thread": t.OCIDs})
}

// followBody follows all that a body publishes and buys.
func (s *site) followBody(id string) []follow {
	return s.follows("this body", url.Values{"body": {id}})
}

// followItem follows the committee that meets, or the procurement of a notice.
func (s *site) followItem(it *store.Item, bodies []BodyInfo) []follow {
	if c := line(it.Fields[store.FieldCommittee], 200); c != "" && it.Kind != store.KindNotice {
		choice := url.Values{"committee": {c}}
		if len(bodies) == 1 {
			choice.Set("body", bodies[0].ID)
		}
		return s.follows("this committee: "+c, choice)
	}
	if it.Notice != nil && it.Notice.OCID != "" {
		return s.follows("this procurement", url.Values{"thread": {it.Notice.OCID}})
	}
	return nil
}

// threadName is how the form calls a procurement that was chosen.
func (s *site) threadName(id string) string {
	if s.Thread != nil {
		if t, err := s.Thread(context.Background(), id); err == nil && line(t.Title, 150) != "" {
			return line(t.Title, 150) + " (" + id + ")"
		}
	}
	return id
}
