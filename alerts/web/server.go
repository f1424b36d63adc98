// Package web serves the pages: what was found, which meetings are coming,
// how well each source is being read, and the link that ends a subscription.
// Pages are rendered here, work without JavaScript and set no cookie. Whatever
// was read from a source is data: it is cleaned, escaped and never becomes
// markup, a header or a link to anything but http and https. No page holds a
// subscriber's address but the ones behind the link that was mailed to it.
package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"strings"
	"sync"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/alerts/judge"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

// A Server is what the pages need. All fields but URL, Listen, Contact, Joined, Judged, Gaps,
// Bodies, Buyers, Covered, Held, Index, Papers, Desk, Choices and Proxies must be set.
type Server struct {
	Ledger      store.Ledger
	Outbox      store.Outbox
	Subscribers store.Subscribers

	Group   string // name of the group that runs this
	URL     string // public address, "https://watch.example.org"; "" when there is none
	Listen  string // host:port that is listened on; its host may be asked for by that name
	Contact string // the group's own address, shown where somebody needs help; "" for none

	// Installation tells this CCGWatch from all others, for good; what feeds call
	// their entries is made of it where there is no URL.
	Installation [16]byte

	// Sources are the followed sources and when each is looked at next. It is
	// called for each page; what they are called is remembered for a second.
	Sources func() []SourceInfo
	// Facts are what a search is asked about a finding, the same as for
	// subscriptions, so that a search shows what a subscription would bring.
	Facts func(store.Finding) query.Facts
	// Thread folds the procurement of an ocid, with the processes that may belong
	// to it; Threads calls f with those that have findings, the latest first, and
	// Overdue says what its notices wait for. All nil: there are no thread pages.
	Thread  func(ctx context.Context, ocid string) (judge.Thread, error)
	Threads func(ctx context.Context, f func(latest store.Finding) bool) error
	Overdue func(t *judge.Thread, now time.Time) []judge.Overdue
	// Judged counts how often the whole log was judged again: what was found before
	// may have changed. nil: it never is while the pages are served.
	Judged func() uint64
	// Joined is what binds items and procurements.
	Joined Joined
	// Listed gives lists of procurements.
	Listed Listed
	// Gaps are sentences on what this installation does not follow, and why.
	Gaps []string

	// Bodies are the bodies that may have a page. One of which nothing is known
	// and that no source belongs to has none.
	Bodies []BodyInfo
	// Buyers are the ids of the bodies that a notice names as its buyers; nil
	// where none is known.
	Buyers func(*store.Notice) []string
	// Covered tells how completely a source is watched, and since when; nil: unknown.
	Covered func(ctx context.Context, source string) (Covered, error)
	// Held are sentences on what stands still at the moment and why, for readers:
	// a full disk, a clock that is wrong. None mostly; nil for never. It is called
	// for each page that shows the state of things.
	Held func() []string

	// Index searches what is published and found; nil: nothing does, findings
	// are searched in the store, and there is no page to search the record.
	Index store.Index
	// Provider is what is known of a supplier that a notice names, with the
	// notice's classifications; nil: there are no pages about suppliers.
	Provider func(p store.Party, cpv []string) judge.Party
	// Plain makes a sentence of a paper fit to be quoted in a register: without
	// contacts and names of persons. nil: papers are not quoted there.
	Plain func(text string) string
	// Papers has the sentences of papers for the register. nil: they are read when
	// they are asked for, all of them, and kept in memory.
	Papers *alerts.Papers
	// Archive has the papers as they were read, page by page; nil: no page shows them.
	Archive store.Archive
	// Corrections are what the operator has said about items; nil for nothing.
	// Ledger and Outbox must be of a store.Public then.
	Corrections store.Corrections

	// Token tells whose subscription an unsubscribe token ends. It must answer
	// ok for every token that was ever issued, those of erased subscriptions
	// included (tokens are signed or their hashes kept), so that an old link
	// still works: only a token that never was is not ok.
	Token func(token string) (subscription string, ok bool, err error)

	// Desk takes sign-ups and changes; nil, or without URL: nobody can subscribe here.
	Desk *alerts.Desk
	// Choices are the bodies and areas that the sign-up form lists.
	Choices func() (bodies, areas []Choice)
	// Even is at what multiples of a time, from the moment on that it is asked, the
	// desk answers whoever gave an address or an old link, and a random part of it
	// later: so how long it takes does
	// not tell whether there was something to write down. Zero is 50 ms, which is
	// longer than that takes; negative is at once, for tests.
	Even time.Duration
	// Proxies are believed about whom they ask for (X-Forwarded-For).
	Proxies []netip.Prefix

	Now     func() time.Time
	Log     *slog.Logger
	Version string

	calendarRoom int // bytes of events in a calendar; zero is roomForEvents, else for tests
}

// SourceInfo is a followed source, for readers.
type SourceInfo struct {
	ID, Name string
	Base     string
	Platform string
	Schedule string    // in words
	Next     time.Time // next look, zero when unknown
	Body     string    // id of the body that publishes there, "" for none or nobody known
}

// publisher is the body whose words a source holds: one that nobody named goes
// by the id of the source, and a tender service has none.
func (i SourceInfo) publisher() string {
	if i.Body != "" || i.tenders() {
		return i.Body
	}
	return i.ID
}

// tenders tells whether a source is a service on which many bodies publish.
func (i SourceInfo) tenders() bool {
	return i.Platform == "find-a-tender" || i.Platform == "contracts-finder"
}

//go:embed pages/*.html pages/style.css pages/search.js
var assets embed.FS

// maxBody caps what anybody can send us: no form of ours comes near.
const maxBody = 8 << 10

// mostBytes is how large a page may be before its texts are cut short.
const mostBytes = 96 << 10

// crowd is how many pages are rendered at once; the next one is asked to come
// again. Unsubscribing and the health check do not queue here.
const crowd = 16

// atDeskAtOnce is how many people are served at the desk at once.
const atDeskAtOnce = 32

// NewHTTPServer is a server for the pages with the limits that keep slow and
// large requests from holding it up. It speaks plain HTTP/1.1: TLS belongs to
// the proxy in front.
//
// ahead reads what the pages know of the record, all of it, as far as it was not
// asked for yet: whoever calls it before the first visitor spares him the wait.
func (s Server) NewHTTPServer(addr string) (srv *http.Server, ahead func(context.Context) error) {
	s.Listen = addr
	v, handler := s.join()
	return &http.Server{
		Addr:              addr,
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}, v.readAhead
}

// Handler serves all pages.
func (s Server) Handler() http.Handler {
	_, h := s.join()
	return h
}

// join makes the pages and what serves them.
func (s Server) join() (*site, http.Handler) {
	v := &site{Server: s, zone: london(), templates: map[string]*template.Template{}, crowd: make(chan struct{}, crowd), queueOfFiles: make(chan struct{}, downloads), queueAtDesk: make(chan struct{}, atDeskAtOnce)}
	v.record, v.survey, v.started = newRecord(&v.Server, v.zone), newSurvey(&v.Server, v.zone), s.Now()
	if v.Papers == nil && s.Archive != nil && s.Plain != nil {
		v.Papers, v.ownPapers = &alerts.Papers{Ledger: s.Ledger, Archive: s.Archive, Said: Sayings(s.Plain)}, true
	}
	v.bodies = map[string]*BodyInfo{}
	for i := range s.Bodies {
		v.bodies[s.Bodies[i].ID] = &s.Bodies[i]
	}
	v.brief = map[string]*template.Template{}
	frames := func(m measure) func(name string) *template.Template {
		frame := template.Must(template.New("base.html").Funcs(v.funcs(m)).ParseFS(assets, "pages/base.html", "pages/parts.html", "pages/more.html", "pages/choose.html", "pages/joined.html"))
		return func(name string) *template.Template {
			return template.Must(template.Must(frame.Clone()).ParseFS(assets, "pages/"+name+".html"))
		}
	}
	whole, short := frames(full()), frames(brief())
	for _, name := range append(recordPages(), "findings", "finding", "meetings", "item", "items", "bodies", "body", "sources", "coverage", "search", "about", "thread", "threads", "data", "static", "unsubscribe", "error") {
		v.templates[name], v.brief[name] = whole(name), short(name)
	}
	for _, name := range deskPages() {
		v.templates[name] = whole(name)
	}
	style, err := assets.ReadFile("pages/style.css")
	if err != nil {
		panic(err) // it is embedded
	}
	sum := sha256.Sum256(style)
	v.style, v.styleTag = style, `"`+hex.EncodeToString(sum[:8])+`"`

	mux := http.NewServeMux()
	mux.Handle("/{$}", v.page(v.start))
	v.recordRoutes(mux)
	mux.Handle("/findings", v.costing(aSearch, v.findings))
	mux.Handle("/finding/{id}", v.page(v.finding))
	mux.Handle("/meetings", v.page(v.meetings))
	mux.Handle("/item", v.page(v.item))
	mux.Handle("/items", v.page(v.items))
	mux.Handle("/bodies", v.page(v.bodyList))
	mux.Handle("/body/{id}", v.page(v.body))
	mux.Handle("/body/{id}/feed.atom", v.costing(aFeed, v.bodyFeed))
	mux.Handle("/feed.atom", v.costing(aFeed, v.feed))
	mux.Handle("/sources", v.page(v.sources))
	mux.Handle("/search", v.costing(aSearch, v.search))
	mux.Handle("/search.json", v.costing(aQuickSearch, v.searchQuick))
	mux.Handle("/search.js", v.handle(v.script, http.MethodGet, http.MethodHead))
	mux.Handle("/coverage", v.page(v.coverage))
	mux.Handle("/about", v.page(v.about))
	if s.Thread != nil {
		mux.Handle("/threads", v.costing(aSearch, v.threads))
		mux.Handle("/thread/{id}", v.page(v.thread))
	}
	mux.Handle("/u/{token}", v.handle(v.unsubscribe, http.MethodGet, http.MethodHead, http.MethodPost))
	v.deskRoutes(mux)
	v.dataRoutes(mux)
	mux.Handle("/healthz", v.handle(v.healthz, http.MethodGet, http.MethodHead))
	mux.Handle("/style.css", v.handle(v.stylesheet, http.MethodGet, http.MethodHead))
	mux.Handle("/", v.handle(func(http.ResponseWriter, *http.Request) error { return store.ErrNotFound }))

	// A page elsewhere must not post here in a visitor's name. The unsubscribe
	// route is for mail programs, which post from anywhere (RFC 8058); its
	// credential is the token in the path.
	origins := http.NewCrossOriginProtection()
	origins.AddInsecureBypassPattern("/u/{token}")
	if s.URL != "" {
		if err := origins.AddTrustedOrigin(s.URL); err != nil {
			s.Log.Error("pages: the public address is no origin", "url", s.URL, "error", err)
		}
	}
	origins.SetDenyHandler(v.handle(func(http.ResponseWriter, *http.Request) error {
		return &fault{status: http.StatusForbidden, title: "Not from there", text: "Another site sent this request. Nothing was changed."}
	}))
	return v, v.guard(origins.Handler(mux))
}

// site is the state of the pages: what is parsed once, and the little that is
// remembered between two requests.
type site struct {
	Server
	zone      *time.Location
	templates map[string]*template.Template
	brief     map[string]*template.Template // of pages that show what sources write
	style     []byte
	styleTag  string
	crowd     chan struct{}
	record    *record
	survey    *survey
	ownPapers bool // nobody else follows what is in Papers
	naming    namings
	searches  searches
	bodies    map[string]*BodyInfo
	started   time.Time
	feeds     feeds
	quota     quota
	shelf     shelf
	folds     kept[judge.Thread]

	threadLists kept[threadsBody]

	// queueOfFiles is that of the downloads.
	queueOfFiles chan struct{}
	// queueAtDesk is that of the pages where people look after their subscriptions.
	queueAtDesk chan struct{}

	mu      sync.Mutex
	queue   queue
	queueAt time.Time
	queueOf int // mails that were counted
}

// london is the zone of all times on the pages.
func london() *time.Location {
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		return time.UTC
	}
	return zone
}

// guard sets what every answer carries, errors included, and turns away what
// no route should see.
func (s *site) guard(next http.Handler) http.Handler {
	hosts := s.hosts()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "interest-cohort=(), geolocation=(), camera=(), microphone=()")
		h.Set("Cache-Control", "no-cache")
		if strings.HasPrefix(s.URL, "https://") {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if secret := tokened(r.URL.Path) != ""; secret || personal(r.URL.Path) {
			h.Set("Cache-Control", "no-store")
			if secret || r.URL.Path == "/manage" || r.Method == http.MethodPost {
				h.Set("X-Robots-Tag", "noindex, nofollow")
			}
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		clean := path.Clean("/" + r.URL.Path)
		switch {
		case !hosts.accept(r):
			s.fail(w, r, &fault{status: http.StatusMisdirectedRequest, title: "Not this host", text: "This server does not answer under that name."})
		case len(r.URL.Path) > 2<<10 || len(r.URL.RawQuery) > 4<<10:
			s.fail(w, r, &fault{status: http.StatusRequestURITooLong, title: "Address too long", text: "No page here has an address that long."})
		case r.URL.Path != clean && (r.URL.Path != clean+"/" || clean == "/") || strings.ContainsRune(r.URL.Path, 0):
			// The mux would redirect; we have no address that needs it.
			s.fail(w, r, store.ErrNotFound)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// view is what the frame around every page shows.
type view struct {
	Title   string
	Group   string
	Version string
	Here    string // the entry of the menu that is this page
	Private bool   // not for search engines
	Feed    *feedLink
	Brief   bool // long texts are cut short
	Open    bool // people can subscribe here
	Threads bool // there are pages about procurements
	Search  bool // all that was published can be searched

	Suppliers bool // and about suppliers
	Body      any
}

// render writes a page, whole or not at all.
func (s *site) render(w http.ResponseWriter, status int, name string, v view) error {
	v.Group, v.Version, v.Open, v.Threads, v.Suppliers, v.Search = s.Group, s.Version, s.open(), s.Thread != nil, s.Provider != nil, s.Index != nil
	if v.Feed == nil && !v.Private {
		v.Feed = &feedLink{Path: "/feed.atom", Title: "All findings"}
	}
	var b bytes.Buffer
	if err := s.templates[name].Execute(&b, v); err != nil {
		return err
	}
	if short := s.brief[name]; b.Len() > mostBytes && short != nil {
		b.Reset()
		v.Brief = true
		if err := short.Execute(&b, v); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // a reader who has gone needs no answer
	return nil
}

func (s *site) stylesheet(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Header().Set("ETag", s.styleTag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.style))
	return nil
}

// healthz answers 200 while the store can be read, for whoever watches the
// daemon from outside, and says when it last read a source completely.
func (s *site) healthz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	all, err := s.Ledger.Healths(ctx)
	if err != nil {
		s.Log.Error("pages: health check", "error", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "the store cannot be read\n")
		return nil
	}
	var last time.Time
	for _, h := range all {
		if h.LastComplete.After(last) {
			last = h.LastComplete
		}
	}
	text := "ok\nlast complete read: never\n"
	if !last.IsZero() {
		text = "ok\nlast complete read: " + last.UTC().Format(time.RFC3339) + "\n"
	}
	_, _ = io.WriteString(w, text)
	return nil
}
