// Package export writes the public record as files: every page that the server
// has for readers, with relative links, feeds, calendars and data, and an index
// that is searched in the browser. The files open from a disk or any web space.
//
// The pages are those of the server, asked for in process. Everything is made
// and checked before anything is put in its place: each link leads somewhere, and
// nobody's private details are in it. The same record gives the same bytes, and
// a file that did not change is not touched. See publish.go for what a crash
// leaves.
package export

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"html/template"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"ccgwatch/alerts/web"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

// Options are what an export is made of. All but the addresses, Redact,
// Subscriber, Said and Threads must be set.
type Options struct {
	Dir     string
	Pages   *web.Static // its clock must stand still
	Ledger  store.Ledger
	Outbox  store.Outbox
	Archive store.Archive
	// Threads calls f with the latest finding of each procurement; nil for none.
	Threads func(ctx context.Context, f func(store.Finding) bool) error
	// Sources and Bodies are what lists are made of, by id.
	Bodies func(store.Item) []string

	// Describe says under what an item is found; Edit gives how the texts of its
	// papers are shown, with what was struck out left out.
	Describe func(store.Item) Described
	Edit     func(ctx context.Context, source, key string) (func(string) string, error)
	// Facts are those of a finding, as subscriptions ask about them.
	Facts func(store.Finding) query.Facts

	URL     string // where the export will be, without a slash at the end; "" when nobody said
	Live    string // the group's own pages, where one can sign up; "" for none
	Mailbox string // address that takes "subscribe" by mail; "" for none
	Contact string // the group's own address, which may be shown
	Group   string
	Version string

	// Redact takes out of a text what is nobody's business; nil: nothing does.
	Redact func(string) string
	// Subscriber tells whether an address is one that gets our mails.
	Subscriber func(address string) bool

	// Same stands for all that pages depend on beside the log, items and findings:
	// settings, this release, the day. As long as it and those are what they were
	// the last time, pages are left as they stand (see again.go); "": none is.
	Same string

	Zone  *time.Location    // whose days are meant where a day is asked for; nil: UTC
	Now   time.Time         // goes into the stamp alone
	Said  func(done, n int) // how many pages are made, of how many known; nil: nobody wants to know
	Shard int               // about how large a file of the index may be, in bytes; 0: 64 KB
	Log   *slog.Logger
}

// Described is an item as it is found by a search.
type Described struct {
	Date  time.Time
	Facts query.Facts // without those of its findings; Text is its title
	Text  string      // what else it says, but for agenda and papers
}

// Report says what an export did.
type Report struct {
	Files, Written, Removed int
	Bytes                   int64
	Links                   int // within it, all of which lead somewhere
	Unlinked                int // addresses that the pages name and that lead to nothing
	Pages, Items            int
	Left                    int // of Pages: as they were, and not made again
	Took                    time.Duration
	Latest                  uint64 // entry of the change log
}

// A run is one export under way. What is guarded by mu is shared by the workers.
type run struct {
	o      Options
	base   string
	byMail string
	seed   maphash.Seed
	out    *staging
	latest uint64
	names  map[string]string // of items, by source and key
	bodies []choice          // that items are of

	mu     sync.Mutex
	known  map[string]string // address that is asked for, by file
	queue  []string          // files to be made
	busy   int
	wake   *sync.Cond
	made   int
	failed error
	gone   map[string]bool     // files that are not to be had
	from   map[string][]string // files that link to a file
	wanted map[string]string   // file#fragment -> the first page that wants it
	ids    map[uint64]struct{} // of file#id
	links  int

	pagesMade map[string]*page // what each page says of others
	again     again
	subjects  map[string]subject
	found     map[string][]foundIn // by source and key
	foundSum  string
	parts     map[string]partKept
}

// Run makes an export, or brings one up to date. When it fails nothing was
// changed, but for a failure of the disk in the last step; the next run puts
// that right.
func Run(ctx context.Context, o Options) (Report, error) {
	begun := time.Now() //nolint:forbidigo // how long it took
	out, err := begin(o.Dir)
	if err != nil {
		return Report{}, err
	}
	defer out.end()
	x := &run{o: o, base: o.Pages.Base(), out: out, seed: maphash.MakeSeed()}
	x.byMail = x.howToSubscribe()
	if x.latest, err = o.Ledger.LastSeq(ctx); err != nil {
		return Report{}, fmt.Errorf("export: %w", err)
	}
	if err := x.make(ctx); err != nil {
		return Report{}, inWords(o.Dir, err)
	}
	var m *memory
	if x.again.was == nil || !out.same() {
		if m, err = x.remember(ctx); err != nil {
			return Report{}, fmt.Errorf("export: %w", err)
		}
	}
	r, err := out.publish(o.Now, m)
	if err != nil {
		return r, inWords(o.Dir, err)
	}
	r.Links, r.Unlinked, r.Pages, r.Items, r.Latest = x.links, len(x.gone), len(x.pagesMade), len(x.names), x.latest
	for _, p := range x.pagesMade {
		if p.left {
			r.Left++
		}
	}
	r.Took = time.Since(begun) //nolint:forbidigo // as above
	return r, nil
}

func (x *run) make(ctx context.Context) error {
	x.reset()
	x.gone = map[string]bool{}
	items, seeds, err := x.seeds(ctx)
	if err != nil {
		return err
	}
	if err := x.look(ctx, items); err != nil {
		return err
	}
	if err := x.pages(ctx, seeds); err != nil {
		return err
	}
	for more := x.beyond(); len(more) > 0; more = x.beyond() {
		if err := x.anew(ctx, more); err != nil {
			return err
		}
	}
	// What turned out not to be there is linked to no more. The pages that did
	// are made again, which may show that others are gone.
	for round := 0; ; round++ {
		again := map[string]bool{}
		for file := range x.gone {
			for _, f := range x.from[file] {
				again[f] = !x.gone[f]
			}
			delete(x.from, file)
		}
		if len(again) == 0 {
			break
		}
		if round > 20 {
			return errors.New("pages come and go while they are read")
		}
		var files []string
		for f, still := range again {
			if still {
				files = append(files, f)
			}
		}
		if err := x.anew(ctx, files); err != nil {
			return err
		}
	}
	x.settle()
	var data error
	var wg sync.WaitGroup
	wg.Go(func() { data = x.data(ctx) })
	err = x.lists(ctx, items)
	if err == nil {
		err = x.search(ctx, items)
	}
	wg.Wait()
	if err := errors.Join(err, data); err != nil {
		return err
	}
	return x.check()
}

// anew makes pages, whatever was known of them.
func (x *run) anew(ctx context.Context, files []string) error {
	for _, f := range files {
		x.again.force[f] = true
	}
	return x.pages(ctx, files)
}

func (x *run) reset() {
	x.known, x.from, x.wanted, x.ids = map[string]string{}, map[string][]string{}, map[string]string{}, map[uint64]struct{}{}
	x.names, x.pagesMade, x.parts = map[string]string{}, map[string]*page{}, map[string]partKept{}
	x.wake = sync.NewCond(&x.mu)
}

// A thing is an item as far as lists need it.
type thing struct {
	source, key, title string
	kind               store.Kind
	first, date        time.Time
	bodies             []string
	file               string
	live               bool
	sum                string // of all that pages show of it
}

// seeds are the items, and the files of all things that have a page.
func (x *run) seeds(ctx context.Context) (items []thing, files []string, err error) {
	add := func(address string) string {
		t, ok := targetOf(address)
		if !ok || t.Get == "" {
			x.failed = fmt.Errorf("no file for the page %s", address)
			return ""
		}
		x.known[t.File] = t.Get
		files = append(files, t.File)
		return t.File
	}
	for _, p := range []string{"/", "/style.css", "/findings", "/meetings", "/bodies", "/sources", "/coverage", "/about", "/help", "/data", "/deadlines", "/numbers", "/register", "/corrections", "/feed.atom", "/calendar.ics", "/api/v1/sources"} {
		add(p)
	}
	err = x.o.Ledger.Items(ctx, "", func(it store.Item) bool {
		d := x.o.Describe(it)
		th := thing{source: it.Source, key: it.Key, title: oneLine(it.Title, 200), kind: it.Kind, first: it.FirstSeen, date: d.Date, live: it.Withdrawn.IsZero(), bodies: x.o.Bodies(it)}
		th.file = add(itemPath(it.Source, it.Key))
		if th.sum, err = sumOfItem(it); err != nil {
			x.failed = err
			return false
		}
		x.names[it.Source+"\x00"+it.Key] = th.file
		items = append(items, th)
		return ctx.Err() == nil
	})
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(items, func(a, b thing) int {
		return cmpOr(a.first.Compare(b.first), strings.Compare(a.source, b.source), strings.Compare(a.key, b.key))
	})
	err = x.o.Outbox.Findings(ctx, 0, func(f store.Finding) bool {
		if f.Retired == "" {
			add("/finding/" + pathEscape(f.ID))
		}
		return ctx.Err() == nil
	})
	if err == nil && x.o.Threads != nil {
		add("/threads")
		err = x.o.Threads(ctx, func(f store.Finding) bool {
			if f.Thread != "" {
				add("/thread/" + pathEscape(f.Thread))
			}
			return ctx.Err() == nil
		})
	}
	if err == nil {
		err = errors.Join(x.failed, ctx.Err())
	}
	if err == nil {
		err = x.readFindings(ctx, items)
	}
	return items, files, err
}

// pages makes the files that are asked for and all that they lead to.
func (x *run) pages(ctx context.Context, files []string) error {
	x.queue, x.busy = append(x.queue[:0], files...), 0
	queued := map[string]bool{}
	for _, f := range files {
		queued[f] = true
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for range min(4, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for {
				file, address, ok := x.next()
				if !ok {
					return
				}
				p, err := x.one(ctx, file, address)
				x.done(file, p, err)
			}
		})
	}
	stop := context.AfterFunc(ctx, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.failed == nil {
			x.failed = ctx.Err()
		}
		x.wake.Broadcast()
	})
	defer stop()
	wg.Wait()
	return x.failed
}

func (x *run) next() (file, address string, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for len(x.queue) == 0 && x.busy > 0 && x.failed == nil {
		x.wake.Wait()
	}
	if len(x.queue) == 0 || x.failed != nil {
		return "", "", false
	}
	file = x.queue[len(x.queue)-1]
	x.queue = x.queue[:len(x.queue)-1]
	x.busy++
	return file, x.known[file], true
}

// one asks for a page and stages its file. Nothing comes back of one that is gone.
func (x *run) one(ctx context.Context, file, address string) (*page, error) {
	if k := x.left(file); k != nil {
		return x.recalled(file, k)
	}
	a, err := x.o.Pages.Get(ctx, address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the page %s: %w", address, err)
	case a.Status == http.StatusNotFound || a.Status == http.StatusGone:
		return nil, nil
	case a.Status != http.StatusOK:
		return nil, fmt.Errorf("the page %s was answered with status %d", address, a.Status)
	case a.Type != "text/html":
		p := page{body: a.Body}
		if file != "style.css" {
			p.body, p.links = x.rewriteData(file, a.Body)
		}
		return &p, x.putPage(file, &p)
	}
	p, err := x.rewrite(file, a.Body)
	if err != nil {
		return nil, err
	}
	return &p, x.putPage(file, &p)
}

// putPage scans a page and stages it; what it says of others is kept.
func (x *run) putPage(file string, p *page) (err error) {
	if p.addresses, err = x.scan(file, p.body); err != nil {
		return err
	}
	p.size = int64(len(p.body))
	err = x.out.put(file, p.body)
	p.body, p.text = nil, ""
	return err
}

// put scans a file and stages it.
func (x *run) put(file string, body []byte) error {
	if _, err := x.scan(file, body); err != nil {
		return err
	}
	return x.out.put(file, body)
}

// done takes what a page says about others.
func (x *run) done(file string, p *page, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.busy--
	x.wake.Broadcast()
	if err != nil {
		if x.failed == nil {
			x.failed = err
		}
		return
	}
	if p == nil {
		x.gone[file] = true
		delete(x.pagesMade, file)
		x.out.drop(file)
		return
	}
	x.made++
	x.note(file, p)
	if x.o.Said != nil && x.made%100 == 0 {
		x.o.Said(x.made, x.made+len(x.queue))
	}
}

// isGone tells whether a page is known not to be there: pages are made side by side.
func (x *run) isGone(file string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.gone[file]
}

// note remembers the links of a page, and what is to be made for it. A page that
// was left out a link because there was nothing is asked for again.
func (x *run) note(file string, p *page) {
	if !p.left {
		p.links = distinct(p.links)
	}
	x.pagesMade[file] = p
	want := func(t target) {
		if _, ok := x.known[t.File]; !ok && t.Get != "" && !x.gone[t.File] {
			x.known[t.File] = t.Get
			x.queue = append(x.queue, t.File)
		}
	}
	for _, l := range p.links {
		if n := x.from[l.File]; len(n) == 0 || n[len(n)-1] != file {
			x.from[l.File] = append(n, file)
		}
		want(l.target)
	}
	for _, t := range p.lost {
		want(t)
	}
}

// distinct are links, each once.
func distinct(links []link) []link {
	type place struct{ file, fragment string }
	seen := make(map[place]bool, len(links))
	return slices.DeleteFunc(links, func(l link) bool {
		at := place{l.File, l.fragment}
		again := seen[at]
		seen[at] = true
		return again
	})
}

// settle collects what the pages say, when all that are asked for are made.
func (x *run) settle() {
	x.from = map[string][]string{}
	for file, p := range x.pagesMade {
		x.lay(file, p)
	}
}

// lay collects what a page says: where it leads, and what can be led to in it.
func (x *run) lay(file string, p *page) {
	for _, id := range p.ids {
		x.ids[x.place(file, id)] = struct{}{}
	}
	for _, l := range p.links {
		x.links++
		if l.fragment != "" {
			if at := l.File + "#" + l.fragment; x.wanted[at] == "" || file < x.wanted[at] {
				x.wanted[at] = file
			}
		}
		x.from[l.File] = append(x.from[l.File], file)
	}
}

func (x *run) place(file, id string) uint64 { return maphash.String(x.seed, file+"#"+id) }

// A BrokenLinkError says that a page leads to what is not there.
type BrokenLinkError struct{ Page, Link string }

func (e *BrokenLinkError) Error() string {
	return fmt.Sprintf("the page %s leads to %s, which is not there; nothing was changed", e.Page, e.Link)
}

// check sees whether every link within the export leads somewhere.
func (x *run) check() error {
	var broken []BrokenLinkError
	for to, pages := range x.from {
		if !x.out.has(to) {
			broken = append(broken, BrokenLinkError{slices.Min(pages), to})
		}
	}
	for at, page := range x.wanted {
		file, id, _ := strings.Cut(at, "#")
		if _, ok := x.ids[x.place(file, id)]; !ok {
			broken = append(broken, BrokenLinkError{page, at})
		}
	}
	if len(broken) == 0 {
		return nil
	}
	slices.SortFunc(broken, func(a, b BrokenLinkError) int {
		return cmpOr(strings.Compare(a.Page, b.Page), strings.Compare(a.Link, b.Link))
	})
	if len(broken) > 1 {
		x.o.Log.Error("export: broken links", "count", len(broken))
	}
	return &broken[0]
}

// howToSubscribe is what a reader of files is told who wants mails.
func (x *run) howToSubscribe() string {
	switch {
	case x.o.Live != "":
		return fmt.Sprintf(`<p>These pages are a copy. <a href="%s/subscribe">Get news by mail</a>.</p>`, template.HTMLEscapeString(x.o.Live))
	case x.o.Mailbox != "":
		at := template.HTMLEscapeString(x.o.Mailbox)
		return fmt.Sprintf(`<p>To get news by mail, write to <a href="mailto:%s?subject=subscribe">%s</a> with the subject: subscribe.</p>`, at, at)
	}
	return ""
}
