package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"ccgwatch/store"
)

// The pages in a real browser. What these tests need and where .ci/run gets it:
// CCGWATCH_BROWSER=1 asks for them, chromium is Debian's, CCGWATCH_AXE is the
// file axe.min.js of axe-core, which is not ours and not in the repository.
// CCGWATCH_SHOTS names a directory for pictures of every page.

// widths are those of a small phone and of a desk.
func widths() []int64 { return []int64{360, 1280} }

// A browser is a headless Chromium with one tab.
type browser struct {
	t   *testing.T
	ctx context.Context
	axe string // the checker's source, "" to leave it out
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	if os.Getenv("CCGWATCH_BROWSER") == "" {
		t.Skip("SKIPPED: CCGWATCH_BROWSER is not set: no page was looked at in a browser ('make browser' does)")
	}
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED: there is no chromium (Debian: apt-get install chromium): no page was looked at in a browser")
	}
	b := &browser{t: t}
	if file := os.Getenv("CCGWATCH_AXE"); file != "" {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b.axe = string(source)
	} else {
		t.Log("CCGWATCH_AXE is not set: axe-core did not look at the pages")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.Flag("enable-precise-memory-info", true))
	if os.Geteuid() == 0 { // its sandbox does not work for root
		options = append(options, chromedp.Flag("no-sandbox", true))
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	tab, cancelTab := chromedp.NewContext(ctx)
	t.Cleanup(cancelTab)
	b.ctx = tab
	if err := chromedp.Do(tab); err != nil { // starts it
		t.Fatal(err)
	}
	return b
}

// do runs steps within half a minute.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) scripts(on bool) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	}))
}

func (b *browser) scheme(name string) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
		return err
	}))
}

func evaluate[T any](b *browser, script string, opts ...chromedp.EvaluateOption) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 60*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, opts...))
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// A violation is what axe-core finds wrong, with the elements.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct {
		Target []string
		Why    string `json:"failureSummary"`
	}
}

// looked checks the page that is open: nothing sticks out sideways, everything
// to press is large enough, axe-core finds nothing.
func (b *browser) looked(name string) {
	b.t.Helper()
	if over := evaluate[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		wide := evaluate[string](b, `[...document.querySelectorAll("body *")].filter(x => x.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !x.closest(".skip, .trap, .hidden")).slice(0, 3).map(x => x.outerHTML.slice(0, 160)).join("\n")`)
		b.t.Errorf("%s scrolls sideways by %d pixels:\n%s", name, over, wide)
	}
	if b.axe == "" {
		return
	}
	evaluate[bool](b, b.axe+"\n;true")
	raw := evaluate[string](b, `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify({violations: r.violations, passes: r.passes.length}))`, chromedp.EvalAwaitPromise)
	var found struct {
		Violations []violation
		Passes     int
	}
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		b.t.Fatal(err)
	}
	if found.Passes < 10 {
		b.t.Errorf("%s: axe-core checked only %d rules", name, found.Passes)
	}
	for _, v := range found.Violations {
		b.t.Errorf("%s: axe-core: %s (%s): %s\n%+v", name, v.ID, v.Impact, v.Help, v.Nodes)
	}
}

func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("CCGWATCH_SHOTS")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		b.t.Error(err)
	}
}

// sampleTown is the demonstration's two weeks with its pages open, and beside
// them what stretches a page: a source that fails, words without a space, an
// item with all that an item can have.
func sampleTown(t *testing.T) (a *app, base string, wait func(time.Duration)) {
	t.Helper()
	sites, err := newTown()
	if err != nil {
		t.Fatal(err)
	}
	var later atomic.Int64 // the clock stands still but for this
	l := listen(t)
	town := &http.Server{Handler: sites, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = town.Serve(l) }()
	t.Cleanup(func() { _ = town.Close() })
	a, err = demoApp(t.TempDir(), "http://"+l.Addr().String(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := demoRun(&env{ctx: t.Context(), stdout: io.Discard}, a, sites); err != nil {
		t.Fatal(err)
	}
	stretch(t, a)
	at := listen(t)
	a.cfg.Web.Listen = at.Addr().String()
	srv := a.webServer(func() time.Time { return sites.now().Add(time.Duration(later.Load())) })
	go func() { _ = srv.Serve(at) }()
	t.Cleanup(func() { _ = srv.Close() })
	return a, "http://" + at.Addr().String(), func(d time.Duration) { later.Add(int64(d)) }
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func stretch(t *testing.T, a *app) {
	t.Helper()
	now := townStart().Add(demoWeeks)
	long := strings.Repeat("Verwaltungsverfahren", 20)
	address := "https://council.example.org/" + strings.Repeat("averylongpartofanaddress/", 8)
	it := store.Item{
		Source: "mercia-vale", Key: "meeting/long", Kind: store.KindMeeting, Title: long, URL: address, FirstSeen: now, Changed: now,
		Fields:    map[string]string{store.FieldWhen: now.AddDate(0, 0, 9).Format(time.RFC3339), store.FieldVenue: long, store.FieldDoubt: long, "web_address": address, store.FieldStatus: store.StatusCancelled},
		Parts:     []store.Part{{Key: "item/1", Number: "1.", Title: long, Text: address + "\n\n" + strings.Repeat("The board is asked to note the report. ", 40), Late: true}, {Key: "item/2", Number: "2.", Title: "Private", Restricted: true}},
		Documents: []store.Document{{Key: "document/1", Title: long, URL: address, Role: store.RolePack, SHA256: strings.Repeat("ab", 32), Pages: 310, Size: 12_345_678, Fetched: now}, {Key: "document/2", Title: "Report", URL: address, Failed: "the file is larger than we read"}},
	}
	snap, err := a.store.Snapshot(t.Context(), it.Source, nil)
	if err != nil {
		t.Fatal(err)
	}
	snap.Items = map[string]store.Item{it.Key: it}
	c := store.Change{
		At: now, Source: it.Source, Key: it.Key, Kind: it.Kind, Op: store.OpAdded, What: []store.What{store.NewMeeting, store.AgendaPublished}, Title: it.Title, URL: it.URL,
		Fields: []store.FieldChange{{Name: store.FieldVenue, Old: "Town Hall", New: long}, {Name: "web_address", Old: address, New: address + "#2"}}, Documents: it.Documents,
	}
	bad := store.Health{
		Source: it.Source, LastTry: now, LastComplete: now.Add(-48 * time.Hour), FailingSince: now.Add(-24 * time.Hour), Counts: map[store.Kind]int{store.KindMeeting: 41},
		Problems: []store.Problem{{Reason: store.ReasonShrunk, What: "the visit", Since: now.Add(-24 * time.Hour)}, {Reason: store.ReasonMissing, What: "paper: " + long, URL: address, Since: now}},
	}
	if err := a.store.Commit(t.Context(), snap, []store.Change{c}, bad); err != nil {
		t.Fatal(err)
	}
	if err := a.follow(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if err := a.indexAll(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

// pageKinds are the addresses of one page of each kind, by name, and the
// answer that is expected.
func pageKinds(t *testing.T, a *app) []struct {
	name, path string
	status     int64
} {
	t.Helper()
	item := func(source, key string) string {
		return "/item?" + url.Values{"source": {source}, "key": {key}}.Encode()
	}
	var notice, meeting, paper string
	if err := a.store.Items(t.Context(), "", func(it store.Item) bool {
		switch {
		case it.Kind == store.KindNotice && notice == "":
			notice = item(it.Source, it.Key)
		case it.Kind == store.KindMeeting && len(it.Documents) > 0 && it.Key != "meeting/long" && meeting == "":
			meeting = item(it.Source, it.Key)
		case it.Source == "mercia-vale-icb" && len(it.Documents) > 0:
			paper = item(it.Source, it.Key)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	var quoted, dated string
	if err := a.store.Findings(t.Context(), 0, func(f store.Finding) bool {
		if f.Page > 0 {
			quoted = f.ID
		}
		if f.Deadline != nil && f.Deadline.Computed != "" {
			dated = f.ID
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if notice == "" || meeting == "" || paper == "" || quoted == "" || dated == "" {
		t.Fatalf("the sample has no %q %q %q %q %q", notice, meeting, paper, quoted, dated)
	}
	leave, _ := a.links.Unsubscribe("11111111111111111111111111111111")
	noted, gone := corrected(t, a)
	return []struct {
		name, path string
		status     int64
	}{
		{"start", "/", 200},
		{"findings", "/findings", 200},
		{"findings-none", "/findings?q=unicorns", 200},
		{"findings-wrong", "/findings?q=podiatry+topic%3Acats", 400},
		{"search", "/search", 200},
		{"search-hits", "/search?q=endoscopy+OR+board", 200},
		{"search-none", "/search?q=unicorns", 200},
		{"search-wrong", "/search?q=%22", 400},
		{"finding-paper", "/finding/" + quoted, 200},
		{"finding-notice", "/finding/" + dated, 200},
		{"threads", "/threads", 200},
		{"thread", linkOn(t, a, "/threads", `href="(/thread/[^"]+)"`), 200},
		{"meetings", "/meetings", 200},
		{"meetings-body", "/meetings?body=mercia-vale-council", 200},
		{"item-meeting", meeting, 200},
		{"item-notice", notice, 200},
		{"item-paper", paper, 200},
		{"item-long", item("mercia-vale", "meeting/long"), 200},
		{"items", "/items", 200},
		{"items-body", "/items?body=mercia-vale-icb", 200},
		{"bodies", "/bodies", 200},
		{"body-council", "/body/mercia-vale-council", 200},
		{"body-icb", "/body/mercia-vale-icb", 200},
		{"sources", "/sources", 200},
		{"about", "/about", 200},
		{"coverage", "/coverage", 200},
		{"data", "/data", 200},
		{"subscribe", "/subscribe", 200},
		{"manage", "/manage", 200},
		{"deadlines", "/deadlines", 200},
		{"numbers", "/numbers", 200},
		{"register", "/register", 200},
		{"register-papers", "/register?of=papers", 200},
		{"suppliers", "/suppliers", 200},
		{"supplier", supplierOf(t, a), 200},
		{"paper", paperQuoted(t, a), 200},
		{"corrections", "/corrections", 200},
		{"item-noted", noted, 200},
		{"item-withdrawn", gone, 410},
		{"help", "/help", 200},
		{"unsubscribe", strings.TrimPrefix(leave, a.cfg.Group.URL), 200},
		{"error", "/nothing", 404},
	}
}

// Every kind of page, on a phone and at a desk, by day and by night.
func TestBrowserPages(t *testing.T) {
	b := openBrowser(t)
	a, base, _ := sampleTown(t)
	for _, width := range widths() {
		b.do(chromedp.EmulateViewport(width, 800))
		for _, p := range pageKinds(t, a) {
			name := fmt.Sprintf("%s-%d", p.name, width)
			b.scheme("light")
			b.open(name, base+p.path, p.status)
			b.looked(name)
			b.picture(name)
			if width == widths()[0] {
				b.scheme("dark")
				b.looked(name + "-dark")
			}
		}
	}
}

// open goes to a page and checks the answer.
func (b *browser) open(name, address string, status int64) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	resp, err := chromedp.Run(ctx, chromedp.NavigateResponse(address))
	if err != nil {
		b.t.Fatalf("%s: %v", name, err)
	}
	if resp == nil || resp.Status != status {
		b.t.Fatalf("%s: %v, want %d", name, resp, status)
	}
}

// press clicks a button or a link and waits for the page it leads to, which
// must have the heading.
func (b *browser) press(selector, heading string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	resp, err := chromedp.Run(ctx, func(ctx context.Context, tab *chromedp.Target) (string, error) {
		if _, err := chromedp.Evaluate[bool](`document.documentElement.dataset.old = "1", true`)(ctx, tab); err != nil {
			return "", err
		}
		if _, err := chromedp.Click(chromedp.CSS(selector))(ctx, tab); err != nil {
			return "", err
		}
		// The next page does not have the mark of this one.
		if _, err := chromedp.WaitVisible(chromedp.CSS("html:not([data-old]) footer"))(ctx, tab); err != nil {
			return "", err
		}
		return chromedp.Text(chromedp.CSS("h1"))(ctx, tab)
	})
	if err != nil {
		b.t.Fatalf("pressing %s: %v", selector, err)
	}
	if resp != heading {
		b.t.Fatalf("pressing %s leads to %q, not %q:\n%s", selector, resp, heading, evaluate[string](b, `document.querySelector("main").innerText`))
	}
}

// seen is looked and picture with scripts on, which only the checker needs.
func (b *browser) seen(name string) {
	b.t.Helper()
	b.scripts(true)
	b.looked(name)
	b.picture(name)
	b.scripts(false)
}

// mailed sends what is due and gives the link in the one mail that was made
// since: its path at this server.
func mailed(t *testing.T, a *app, now time.Time, known map[string]bool, part string) string {
	t.Helper()
	if _, _, err := a.deliver(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	files, err := outboxFiles(a.data)
	if err != nil {
		t.Fatal(err)
	}
	found := ""
	for _, f := range files {
		if known[f] {
			continue
		}
		known[f] = true
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, body, err := readMail(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range strings.Fields(body) {
			if path, ok := strings.CutPrefix(word, a.cfg.Group.URL); ok && strings.HasPrefix(path, part) && found == "" {
				found = path
			}
		}
	}
	if found == "" {
		t.Fatalf("no new mail has a link to %s", part)
	}
	return found
}

// A reader signs up, confirms, changes what they get, and leaves, in a browser
// that runs no script, on a phone and at a desk.
func TestBrowserFromSignUpToUnsubscribing(t *testing.T) {
	b := openBrowser(t)
	a, base, wait := sampleTown(t)
	now := townStart().Add(demoWeeks)
	later := func(d time.Duration) { wait(d); now = now.Add(d) }
	known := map[string]bool{}
	if files, err := outboxFiles(a.data); err == nil {
		for _, f := range files {
			known[f] = true
		}
	}
	state := func(address string) string {
		subs, err := a.store.Of(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, s := range subs {
			out = append(out, string(s.State)+" "+s.Often+" "+s.Query)
		}
		return strings.Join(out, "; ")
	}
	for _, width := range widths() {
		address := fmt.Sprintf("reader%d@example.net", width)
		name := func(page string) string { return fmt.Sprintf("flow-%s-%d", page, width) }
		expect := func(want string) {
			t.Helper()
			if got := state(address); got != want {
				t.Fatalf("%s is %q, want %q", address, got, want)
			}
		}
		b.do(chromedp.EmulateViewport(width, 800))
		b.scripts(false)

		b.open(name("form"), base+"/", 200)
		b.press(`main a[href="/subscribe"]`, "Get it by mail")
		b.seen(name("1-form"))
		b.press("#signup", "Not signed up yet") // nothing filled in: it says what is missing
		b.seen(name("2-missing"))
		expect("")
		b.do(chromedp.Click(chromedp.CSS(`input[name=topic][value=outsourcing]`)), chromedp.SendKeys(chromedp.CSS("#any"), "ophthalmology audiology"))
		b.press("#look", "What it would have brought")
		b.seen(name("3-preview"))
		b.do(chromedp.SendKeys(chromedp.CSS("#address"), address), chromedp.Click(chromedp.CSS("#agree")))
		later(time.Minute)
		b.press("#signup", "Look into your mail")
		b.seen(name("4-sent"))
		expect("pending weekly topic:outsourcing (ophthalmology OR audiology)")

		confirm := mailed(t, a, now, known, "/c/")
		b.open(name("confirm"), base+confirm, 200)
		b.seen(name("5-confirm"))
		expect("pending weekly topic:outsourcing (ophthalmology OR audiology)") // opening the link is not yes
		b.press("#confirm button", "You are subscribed")
		b.seen(name("6-confirmed"))
		expect("confirmed weekly topic:outsourcing (ophthalmology OR audiology)")

		b.press(`main a[href="/manage"]`, "Your subscriptions")
		later(time.Minute)
		b.do(chromedp.SendKeys(chromedp.CSS("#address"), address))
		b.press("#asklink button", "Look into your mail")
		manage := mailed(t, a, now, known, "/m/")
		b.open(name("manage"), base+manage, 200)
		b.seen(name("7-manage"))
		b.press(`section a`, "Change a subscription")
		b.seen(name("8-change"))
		b.do(chromedp.Click(chromedp.CSS("#often-instant")))
		b.press("#save", "Your subscriptions")
		b.seen(name("9-changed"))
		expect("confirmed instant topic:outsourcing (ophthalmology OR audiology)")

		subs, err := a.store.Of(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		leave, _ := a.links.Unsubscribe(subs[0].ID)
		b.open(name("leave"), base+strings.TrimPrefix(leave, a.cfg.Group.URL), 200)
		expect("confirmed instant topic:outsourcing (ophthalmology OR audiology)")
		b.seen(name("10-leave"))
		b.press("form button", "You will get no more mails")
		b.seen(name("11-left"))
		expect("ended instant topic:outsourcing (ophthalmology OR audiology)")

		b.open(name("erase"), base+manage+"/erase", 200)
		b.seen(name("12-erase"))
		b.press("#erase button", "Erased")
		b.seen(name("13-erased"))
		expect("")
	}
}

// What the checks above rest on: a page that sticks out and that nobody who is
// blind could use is told.
func TestBrowserFindsWhatIsWrong(t *testing.T) {
	b := openBrowser(t)
	l := listen(t)
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `<!doctype html><title></title><p style="width:2000px;color:#aaa;background:#fff">hardly to be read<input><a href="/"></a>`)
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	b.do(chromedp.EmulateViewport(360, 800))
	b.open("bad", "http://"+l.Addr().String(), 200)
	if over := evaluate[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over < 1000 {
		t.Errorf("it sticks out by %d", over)
	}
	if b.axe == "" {
		return
	}
	evaluate[bool](b, b.axe+"\n;true")
	ids := evaluate[string](b, `axe.run().then(r => r.violations.map(v => v.id).join(" "))`, chromedp.EvalAwaitPromise)
	for _, want := range []string{"color-contrast", "document-title", "html-has-lang", "label", "link-name"} {
		if !strings.Contains(ids, want) {
			t.Errorf("axe-core does not find %s, only %s", want, ids)
		}
	}
}
