package crawl

import (
	"time"

	"ccgwatch/store"
)

// A Source is one place a body publishes, as values and pure functions: Plan
// says what to ask for, the Parse functions of the requests turn answers into
// items and further requests. None of them does I/O or reads a clock.
type Source struct {
	ID       string
	Name     string
	Body     string // id of the publishing body, "" where every item names its own
	Platform string
	Base     string     // address of the site's root; only its host (with and without "www.") is asked, redirects included, unless Hosts says more
	Hosts    []string   // further host names, with port where it is not the usual one
	Kind     store.Kind // of its items, for messages
	// Whole: the source is a list read from end to end (absence means
	// withdrawn); otherwise a feed (absence means nothing).
	Whole bool
	// Pace is the least time between the starts of two requests to the host;
	// zero leaves it to the fetcher. A site's robots.txt or Retry-After can only
	// lengthen it.
	Pace time.Duration
	// ForbiddenWait is how long a 403 without Retry-After is waited out and the
	// request repeated (Contracts Finder says so of its own: 5 minutes); zero: a
	// 403 is a refusal.
	ForbiddenWait time.Duration
	// Timeout is for one page from dialling to its last byte; zero leaves it to
	// the fetcher. For sites that think before they answer (CMIS: 2 minutes).
	Timeout time.Duration
	Plan    func(v Visit) []Request
	// Texts, if set, finds further items in the text of papers, once those of a
	// whole list were looked at. It is pure but for text, which gives the pages of a
	// paper that was read (now or before), and false for one that was not. It is not
	// asked in a backfill.
	Texts func(v Visit, listed []store.Item, text func(store.Document) ([]string, bool)) FromText
}

// FromText is what the text of papers gave.
type FromText struct {
	Items    []store.Item
	Quiet    map[string]bool   // see store.Sighting
	Same     map[string]string // see store.Sighting
	Problems []store.Problem
}

// A Visit is the occasion of a crawl.
type Visit struct {
	Now time.Time
	// Since and Until bound a backfill of a feed; both zero for an ordinary crawl.
	Since, Until time.Time
	// Old is what is known: all items of a whole list; of a feed the cursor and
	// baseline only.
	Old store.Snapshot
	// Fresh asks for every page as if none were kept: the visit before this
	// one concluded nothing, and what it was given may be what was wrong. A page
	// put back with its old date is otherwise "not modified" for ever.
	Fresh bool
	// Release: the operator vouches for what the source shows. An empty list is
	// then one.
	Release bool
	// Watch are the processes of a feed that are worth a second look by
	// themselves, the most urgent first: what is edited in place does not come
	// by in the feed again.
	Watch []Watched
}

// Watched is a process (an ocid), how often it is to be read again, and when it
// was last seen to change.
type Watched struct {
	ID    string
	Every time.Duration
	Since time.Time
}

// Backfill tells whether the visit reads a past window rather than the news.
func (v Visit) Backfill() bool { return !v.Since.IsZero() || !v.Until.IsZero() }

// A Request is an address to ask and what to do with the answer.
type Request struct {
	URL    string
	Accept string // media type for the Accept header, "" for any
	// Search is a JSON document to be posted, "" for an ordinary GET. It is for
	// searches that are offered in no other way: it changes nothing at the site.
	Search string
	Parse  func(*Page) error
	// Absent is called instead of Parse, with an empty page, where the site
	// answers that there is no such thing (404, 410) and that is an answer;
	// nil: it is a failure like any other.
	Absent func(*Page) error

	// Detail is the key of the item whose details the answer holds. If such a
	// request fails, the item stays a stub, a problem is noted and the visit
	// goes on. The failure of any other request ends the visit: a whole list is
	// then not complete, a feed is complete up to its last Checkpoint.
	Detail string

	// Or is tried instead when the request fails or its answer cannot be parsed
	// (the web service first, the pages second). It is given the error. nil lets
	// the failure stand; an empty list that is not nil says that there is nothing
	// there, and that this is an answer.
	Or func(err error) []Request

	// Hint marks a last resort after this error: what its page adds is handed on
	// as news of single items, from which nothing can be missing, and only where
	// the source was read completely before. Whatever comes of it, the visit
	// fails with this error.
	Hint error
}
