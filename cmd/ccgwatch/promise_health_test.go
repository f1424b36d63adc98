package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ccgwatch/config"
	"ccgwatch/scrapers"
	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
	"ccgwatch/store/storetest"
)

// promiseCount is storetest.Promised where a short run does as much as any.
func promiseCount(small, promises, soak int) int {
	return storetest.Promised(small, small, promises, soak)
}

// A nation answers for many sites, each with its own way to answer.
type nation struct {
	mu    sync.Mutex
	sites map[string]func(path string) (status int, body string)
	hangs map[string]bool
	asked map[string][]time.Time // when each site's list was asked for
}

func (n *nation) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	answer, hangs := n.sites[r.URL.Host], n.hangs[r.URL.Host]
	if r.URL.Path == "/board/" {
		n.asked[r.URL.Host] = append(n.asked[r.URL.Host], time.Now())
	}
	n.mu.Unlock()
	if hangs {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	status, body := http.StatusNotFound, ""
	if r.URL.Path != "/robots.txt" && answer != nil {
		status, body = answer(r.URL.Path)
	}
	if status == 0 {
		return nil, fmt.Errorf("connection reset by peer")
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}, nil
}

func (n *nation) set(host string, answer func(path string) (int, string)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sites[host] = answer
}

// openNation is an app that follows boards on the hosts of a nation.
func openNation(t *testing.T, dir string, n *nation, hosts []string, layout string) *app {
	t.Helper()
	cfg := config.Default()
	cfg.Group.Name, cfg.Group.Email = "Watchers", "alerts@example.org"
	rules, err := loadRules()
	if err != nil {
		t.Fatal(err)
	}
	a, err := openBare(cfg, dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hosts {
		c, err := scrapers.Build(scrapers.Row{ID: strings.TrimSuffix(h, ".example"), Name: "Board of " + h, Platform: "boards", Base: "http://" + h, Page: "/board/", Layout: layout})
		if err != nil {
			t.Fatal(err)
		}
		s, err := newSource(c, config.UsualSchedule("boards"))
		if err != nil {
			t.Fatal(err)
		}
		s.usual, s.spread = true, spread(s.ID, s.Schedule)
		a.sources = append(a.sources, s)
	}
	if err := a.joinWith(rules); err != nil {
		t.Fatal(err)
	}
	a.fetch.Transport = n
	return a
}

// operatorMails are the messages to the operator, oldest first, by when.
func operatorMails(t *testing.T, dir string) (out []string, when []time.Time) {
	t.Helper()
	files, err := outboxFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	type one struct {
		at   time.Time
		text string
	}
	var all []one
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(raw, []byte("Subject: CCGWatch: ")) && !bytes.Contains(raw, []byte("Subject: CCGWatch had")) {
			continue
		}
		_, rest, _ := strings.Cut(string(raw), "\r\nDate: ")
		date, _, _ := strings.Cut(rest, "\r\n")
		at, err := time.Parse(time.RFC1123Z, date)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one{at, strings.ReplaceAll(string(raw), "=\r\n", "")})
	}
	slices.SortFunc(all, func(x, y one) int { return x.at.Compare(y.at) })
	for _, x := range all {
		out, when = append(out, x.text), append(when, x.at)
	}
	return out, when
}

// board is a page of papers before a redesign, and after it.
type board struct {
	n, kind, variant int
	meetings         bool // each has a page of its own: the layout two-hop
}

func (b board) layout() string {
	if b.meetings {
		return "two-hop"
	}
	return "accordion"
}

// detail is the page of a meeting.
func (b board) detail(path string) (int, string) {
	if !b.meetings || !strings.Contains(path, "health") {
		return 404, ""
	}
	return 200, boardPage("<p>The meeting begins at 9.30am. Papers to follow.</p>")
}

func (b board) papers(from int) string {
	var s strings.Builder
	for i := from; i < b.n; i++ {
		day := time.Date(2026, 8, 10, 0, 0, 0, 0, time.UTC).AddDate(0, 0, 28*(i-b.n+3))
		if b.meetings {
			fmt.Fprintf(&s, "<li><a href=\"/event/health-board-%s/\">Health and Care Board | %s</a></li>\n", strings.ToLower(day.Format("2-january-2006")), day.Format("Monday 2 January 2006"))
			continue
		}
		fmt.Fprintf(&s, "<li><a href=\"/documents/paper-%d.pdf\">%s - papers about outsourcing</a></li>\n", i, day.Format("Monday 2 January 2006"))
	}
	return s.String()
}

func boardPage(body string) string {
	return `<!DOCTYPE html><html lang="en-GB"><head><title>Board papers</title></head><body><main><h1>Board papers and meetings</h1>` + body + `</main></body></html>`
}

func (b board) before() string {
	return boardPage(`<div class="accordion"><button aria-expanded="false">Board in public</button><div class="panel"><ul>` + b.papers(0) + `</ul></div></div>`)
}

// redesigns are ten ways in which a page changes while what it publishes does not.
func redesigns() []string {
	return []string{
		"class names", "cards", "new addresses", "cookie wall", "maintenance", "challenge", "consent", "empty list", "first page of many", "another language",
	}
}

func (b board) after() (status int, body string) {
	old := b.papers(0)
	switch b.kind {
	case 0:
		return 200, boardPage(`<section class="nhs-c"><h2 class="x">Board in public</h2><div><ol>` + old + `</ol></div></section>`)
	case 1:
		old = strings.ReplaceAll(strings.ReplaceAll(old, "<li>", `<article class="card"><h3>Papers</h3>`), "</li>", "</article>")
		return 200, boardPage(strings.ReplaceAll(old, " - papers about outsourcing", ""))
	case 2:
		return 200, boardPage(`<div class="wp"><h2>Board in public</h2><ul>` + strings.NewReplacer("/documents/paper-", fmt.Sprintf("/wp-content/uploads/%d/p", b.variant), "/event/", fmt.Sprintf("/meetings-%d/", b.variant)).Replace(old) + `</ul></div>`)
	case 3:
		return 200, `<html><head><title>Cookies</title></head><body><main><h1>We use cookies</h1><p>Accept them to go on.</p></main></body></html>`
	case 4:
		return 200, `<html><head><title>Down for maintenance</title></head><body><main><h1>We will be back soon</h1></main></body></html>`
	case 5:
		if b.variant%2 == 0 {
			return 403, `<html><head><title>Just a moment...</title></head><body><div id="challenge-form">Checking your browser</div></body></html>`
		}
		return 200, `<html><head><title>Just a moment...</title></head><body><div id="challenge-form">Checking your browser</div></body></html>`
	case 6:
		return 200, boardPage(`<form><p>Before you go on, agree to our terms.</p><button>Agree</button></form>`)
	case 7:
		return 200, boardPage(`<h2>Board in public</h2><ul></ul><p>Documents will appear here.</p>`)
	case 8:
		return 200, boardPage(`<div class="accordion"><button>Board in public</button><div><ul>` + b.papers(b.n-2) + `</ul></div></div><a href="?page=2">Next</a>`)
	}
	for en, cy := range map[string]string{
		"Monday": "Dydd Llun", "papers about outsourcing": "papurau", "January": "Ionawr", "February": "Chwefror", "March": "Mawrth", "April": "Ebrill", "May": "Mai", "June": "Mehefin",
		"July": "Gorffennaf", "August": "Awst", "September": "Medi", "October": "Hydref", "November": "Tachwedd", "December": "Rhagfyr",
	} {
		old = strings.ReplaceAll(old, en, cy)
	}
	return 200, boardPage(`<div class="accordion"><button>Bwrdd yn gyhoeddus</button><div><ul>` + old + `</ul></div></div>`)
}

// P25: a redesign is not news. Whatever a page is rebuilt into, no reader is
// mailed, then or when it is put back; and unless it can be read as before the
// operator is told.
func TestPromiseRedesignIsNotNews(t *testing.T) {
	total := promiseCount(3, 50, 500)
	for i := range total {
		b := board{kind: i % 10, variant: i / 10, n: []int{12, 4, 25, 7, 40}[i/10%5], meetings: i/10%2 == 0}
		if total < 10 {
			b.kind = []int{2, 9, 8, 0}[i]
		}
		t.Run(fmt.Sprintf("%s of %d papers, %d", redesigns()[b.kind], b.n, b.variant), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(at("2026-08-10T06:00")))
				n := &nation{sites: map[string]func(string) (int, string){}, asked: map[string][]time.Time{}}
				serve := func(status int, body string) {
					n.set("trust.example", func(path string) (int, string) {
						if path != "/board/" {
							return b.detail(path)
						}
						return status, body
					})
				}
				a := openNation(t, dir, n, []string{"trust.example"}, b.layout())
				defer a.fetch.Close()
				defer a.Close()
				d := &daemon{app: a}
				live := func(days int) {
					for end := time.Now().AddDate(0, 0, days); time.Now().Before(end); time.Sleep(2 * time.Hour) {
						if err := d.step(t.Context(), time.Now().In(london())); err != nil {
							t.Fatal(err)
						}
					}
				}
				serve(200, b.before())
				if err := d.step(t.Context(), time.Now().In(london())); err != nil {
					t.Fatal(err)
				}
				subscribe(t, a)
				live(2)
				before := liveItems(t, a)
				serve(b.after())
				live(5)
				after := liveItems(t, a)
				mails, _ := operatorMails(t, dir)
				// In a list of less than ten a few that go or are called otherwise are
				// nothing unusual; that nothing is left of it is.
				few := b.n < 10 && (b.kind == 1 || b.kind >= 8)
				if len(mails) == 0 && !few && (b.kind >= 2 || !slices.Equal(before, after)) {
					t.Errorf("the operator was not told: %d papers before, %d after", len(before), len(after))
				}
				serve(200, b.before())
				live(3)
				if err := a.store.Deliveries(t.Context(), func(v store.Delivery) bool {
					if v.Kind != store.MailOperator {
						t.Errorf("a reader is mailed: %s", v.Subject)
					}
					return true
				}); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// subscribe adds a reader of everything, at once.
func subscribe(t *testing.T, a *app) {
	t.Helper()
	seq, err := a.store.LastSeq(t.Context())
	if err != nil || seq == 0 {
		t.Fatalf("nothing is known before the reader comes: %v", err)
	}
	err = a.store.Subscribe(t.Context(), store.Subscription{
		ID: strings.Repeat("1", 32), Address: "ada@example.org", Often: store.Instant, State: store.StateConfirmed,
		Created: time.Now(), ConsentAt: time.Now(), Consent: "test", Since: seq,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func liveItems(t *testing.T, a *app) (keys []string) {
	t.Helper()
	if err := a.store.Items(t.Context(), "", func(it store.Item) bool {
		if it.Withdrawn.IsZero() {
			keys = append(keys, it.Key+" "+it.Title)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return keys
}

// P23: a broken source delays no other, is not ok within one cycle, and its
// operator is told after three cycles or a day, again a week later, in at most
// one mail a day.
func TestPromiseBrokenSourcesDelayNobody(t *testing.T) {
	total, days := promiseCount(5, 30, 200), promiseCount(1, 4, 30)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at("2026-08-10T06:00")))
		n := &nation{sites: map[string]func(string) (int, string){}, hangs: map[string]bool{}, asked: map[string][]time.Time{}}
		b := board{n: 3}
		var hosts []string
		broken := map[string]bool{}
		for i := range total {
			host := fmt.Sprintf("s%03d.example", i)
			hosts = append(hosts, host)
			n.set(host, func(path string) (int, string) {
				if path != "/board/" {
					return 404, ""
				}
				return 200, b.before()
			})
			if i%5 == 2 {
				broken[host] = true
			}
		}
		a := openNation(t, dir, n, hosts, "accordion")
		defer a.fetch.Close()
		run := func(until time.Time) {
			ctx, cancel := context.WithDeadline(t.Context(), until)
			defer cancel()
			(&daemon{app: a}).run(ctx)
		}
		run(at("2026-08-11T06:00"))
		begin := time.Now()
		for i, host := range hosts {
			if !broken[host] {
				continue
			}
			switch i / 5 % 5 {
			case 0:
				n.mu.Lock()
				n.hangs[host] = true
				n.mu.Unlock()
			case 1:
				n.set(host, func(string) (int, string) { return 500, "" })
			case 2:
				n.set(host, func(string) (int, string) { return 0, "" })
			default:
				x := board{n: 3, kind: 3 + i/5%5}
				n.set(host, func(string) (int, string) { return x.after() })
			}
		}
		run(begin.AddDate(0, 0, days))
		defer a.Close()

		all, err := a.healths(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range all {
			host := h.Source + ".example"
			c := h.Condition(time.Now())
			if broken[host] != (c != store.OK) {
				t.Errorf("%s is %s; broken: %v, %+v", host, c, broken[host], h.Problems)
			}
		}
		checkPeriods(t, a, n, broken, begin)
		checkOperator(t, dir, broken, begin, days)
	})
}

// checkPeriods: every visit of a healthy source began within two ticks of its time.
func checkPeriods(t *testing.T, a *app, n *nation, broken map[string]bool, begin time.Time) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	looked := 0
	for _, s := range a.sources {
		host := hostOf(s.Base)
		if broken[host] {
			continue
		}
		due := s.next(begin.In(london()))
		for _, at := range n.asked[host] {
			if at.Before(begin) {
				continue
			}
			looked++
			if late := at.Sub(due); late < 0 || late > time.Minute {
				t.Errorf("%s was visited at %s, due %s", host, at.In(london()), due)
			}
			due = s.next(at.In(london()))
		}
		if wait := time.Until(due); wait < -time.Minute {
			t.Errorf("%s: nobody came at %s", host, due)
		}
	}
	if looked < len(a.sources)-len(broken) {
		t.Errorf("%d visits", looked)
	}
}

// checkOperator: each broken source is named, the first time within two days of
// its fault, and again a week later; never two mails in a day.
func checkOperator(t *testing.T, dir string, broken map[string]bool, begin time.Time, days int) {
	t.Helper()
	mails, when := operatorMails(t, dir)
	for i := 1; i < len(when); i++ {
		if when[i].Sub(when[i-1]) < 24*time.Hour-time.Second {
			t.Errorf("two mails to the operator within a day: %s and %s:\n%s\n%s", when[i-1], when[i], mails[i-1], mails[i])
		}
	}
	if most := 2 + 2*(days/7+1); len(mails) > most {
		t.Errorf("%d mails to the operator in %d days, for faults that began together", len(mails), days)
	}
	for host := range broken {
		id := "(" + strings.TrimSuffix(host, ".example") + ")"
		named := 0
		for i, m := range mails {
			if !strings.Contains(m, id) {
				continue
			}
			if named++; named == 1 && when[i].Sub(begin) > 50*time.Hour {
				t.Errorf("%s was first named after %s", id, when[i].Sub(begin))
			}
		}
		if want := 1 + (days-3)/7; named < want {
			t.Errorf("%s was named %d times in %d days, want %d", id, named, days, want)
		}
	}
}

// An operator who has looked releases a list that nobody would believe: it is
// taken over in silence, and is what is usual from then on.
func TestRelease(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(at("2026-08-10T06:00")))
		n := &nation{sites: map[string]func(string) (int, string){}, asked: map[string][]time.Time{}}
		b := board{n: 20}
		list := b.before()
		n.set("trust.example", func(path string) (int, string) {
			if path != "/board/" {
				return 404, ""
			}
			return 200, list
		})
		a := openNation(t, dir, n, []string{"trust.example"}, "accordion")
		defer a.fetch.Close()
		defer a.Close()
		visit := func(release bool) outcome {
			time.Sleep(24 * time.Hour)
			return a.visit(t.Context(), a.sources[0], crawl.Visit{Now: time.Now().In(london()), Release: release}, nil)
		}
		for range 4 {
			if o := visit(false); o.Err != nil {
				t.Fatal(o.Err)
			}
		}
		subscribe(t, a)
		list = boardPage("<p>Papers before 2027 have been moved to the archive.</p>")
		for range 3 {
			if o := visit(false); o.Err == nil {
				t.Fatal("an empty list was believed")
			}
		}
		if o := visit(true); o.Err != nil || o.Gone != 20 {
			t.Fatalf("released: %d gone, %v", o.Gone, o.Err)
		}
		if o := visit(false); o.Err != nil {
			t.Errorf("released, and not believed the next day: %v", o.Err)
		}
		if err := a.follow(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		h, err := a.health(t.Context(), "trust")
		if err != nil || h.Condition(time.Now()) != store.OK {
			t.Errorf("%s, %v: %+v", h.Condition(time.Now()), err, h.Problems)
		}
		if err := a.store.Deliveries(t.Context(), func(v store.Delivery) bool {
			t.Errorf("a reader is mailed: %s", v.Subject)
			return true
		}); err != nil {
			t.Fatal(err)
		}
	})
}
