package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/alerts/judge"
	"ccgwatch/config"
	"ccgwatch/scrapers"
	"ccgwatch/store"
)

type demoCmd struct {
	Once bool
	Keep string
}

// demoWeeks is how long the sample runs, in its own time.
const demoWeeks = 2 * 7 * 24 * time.Hour

func (c *demoCmd) Run(e *env) (err error) {
	dir := c.Keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "ccgwatch-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	t, err := newTown()
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(e.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	sites := &http.Server{Handler: t, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = sites.Serve(l) }()
	defer func() { _ = sites.Close() }() // a sample that nobody asks any more

	a, err := demoApp(dir, "http://"+l.Addr().String(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := demoRun(e, a, t); err != nil {
		return err
	}
	if err := demoShow(e, a); err != nil || c.Once {
		return err
	}
	return demoServe(e, a, t)
}

// demoApp is the daemon's app with the sample's sources, register and readers.
func demoApp(dir, sites string, log *slog.Logger) (*app, error) {
	cfg := config.Default()
	cfg.Group.Name, cfg.Group.Email, cfg.Group.URL = "Save our NHS Mercia Vale", "alerts@example.org", "https://ccgwatch.example.org"
	cfg.Group.Areas = []string{"mercia-vale"}
	cfg.Fetch.AllowPrivate = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	rules, err := loadRules()
	if err != nil {
		return nil, err
	}
	rules.Areas = append(rules.Areas, judge.Area{ID: "mercia-vale", Name: "Mercia Vale", Names: []string{"Mercia Vale"}})
	rules.Bodies = append(rules.Bodies,
		judge.Body{ID: "mercia-vale-icb", Name: "NHS Mercia Vale Integrated Care Board", Codes: []string{"GB-PPON-AAAA-0001-ICBX"}, Kind: "icb", Areas: []string{"mercia-vale"}},
		judge.Body{ID: "mercia-vale-council", Name: "Mercia Vale Council", Codes: []string{"GB-PPON-AAAA-0002-COUN"}, Kind: "council", Areas: []string{"mercia-vale"}})
	a, err := openBare(cfg, dir, log)
	if err != nil {
		return nil, err
	}
	if a.sources, err = demoSources(sites); err == nil {
		err = a.joinWith(rules)
	}
	if err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	return a, nil
}

// demoPace is the pause between requests to the sample sites, which are ours.
const demoPace = time.Microsecond

func demoSources(sites string) ([]source, error) {
	var out []source
	for _, x := range []struct {
		schedule string
		row      scrapers.Row
	}{
		{"17 7-19 * * *", scrapers.Row{ID: "tenders", Name: "Sample tender service", Platform: "find-a-tender", Base: sites + "/tenders"}},
		{"5 7,12,17 * * *", scrapers.Row{ID: "mercia-vale", Name: "Mercia Vale Council", Body: "mercia-vale-council", Platform: "moderngov", Base: sites + "/council"}},
		{"35 7,17 * * *", scrapers.Row{ID: "mercia-vale-icb", Name: "NHS Mercia Vale ICB: board", Body: "mercia-vale-icb", Platform: "boards", Base: sites + "/icb", Page: "/board/", Layout: "two-hop"}},
	} {
		x.row.Pace = demoPace
		c, err := scrapers.Build(x.row)
		if err != nil {
			return nil, err
		}
		s, err := newSource(c, x.schedule)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// demoRun lets the two weeks pass: the clock goes from one due time to the next.
func demoRun(e *env, a *app, t *town) error {
	fmt.Fprintln(e.stdout, "Two weeks in Mercia Vale, a place that does not exist.")
	d := &daemon{app: a}
	now, end := townStart(), townStart().Add(demoWeeks)
	if err := d.step(e.ctx, now); err != nil {
		return err
	}
	for _, s := range demoSubscribers(now) {
		if err := a.store.Subscribe(e.ctx, s); err != nil {
			return err
		}
	}
	var told uint64
	for now = now.Add(time.Hour); !now.After(end); now = now.Add(30 * time.Minute) {
		if h := now.In(london()).Hour(); h < 7 || h > 19 {
			continue
		}
		t.moveTo(now)
		if err := d.step(e.ctx, now); err != nil {
			return err
		}
		if err := a.tell(e, &told); err != nil {
			return err
		}
	}
	return nil
}

// demoSubscribers are a person who wants outsourcing news at once and one who
// reads everything once a week.
func demoSubscribers(now time.Time) []store.Subscription {
	return []store.Subscription{
		{ID: "11111111111111111111111111111111", Address: "ada@example.org", Query: "topic:outsourcing area:mercia-vale", Often: store.Instant, State: store.StateConfirmed, Created: now, Consent: "sample", ConsentAt: now},
		{ID: "22222222222222222222222222222222", Address: "ben@example.org", Query: "", Often: store.Weekly, State: store.StateConfirmed, Created: now, Consent: "sample", ConsentAt: now},
	}
}

// tell prints the changes logged since the last call.
func (a *app) tell(e *env, after *uint64) error {
	for {
		page, err := a.store.Changes(e.ctx, *after, 100)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, c := range page {
			*after = c.Seq
			if !c.Silent {
				fmt.Fprintf(e.stdout, "%s  %s\n", c.At.In(london()).Format("Mon 2 Jan 15:04"), changeLine(store.Change{What: c.What, Op: c.Op, Title: c.Title, Fields: c.Fields}))
			}
		}
	}
}

// demoShow prints one alert and the last digest as a subscriber reads them.
func demoShow(e *env, a *app) error {
	var alerts []store.Delivery
	var alert, digest string
	sent := 0
	err := a.store.Deliveries(e.ctx, func(d store.Delivery) bool {
		if d.State == store.Sent {
			sent++
			switch d.Kind {
			case "alert":
				alerts = append(alerts, d)
			case "digest":
				digest = d.ID
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, d := range alerts { // one that quotes a page shows most
		f, err := a.store.Finding(e.ctx, d.Findings[0])
		if err != nil {
			return err
		}
		if alert == "" || f.Page > 0 {
			if alert = d.ID; f.Page > 0 {
				break
			}
		}
	}
	for _, id := range []string{alert, digest} {
		if id == "" {
			return errors.New("the demonstration sent no alert or no digest")
		}
		raw, err := a.store.Raw(e.ctx, id)
		if err != nil {
			return err
		}
		subject, text, err := readMail(raw)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "\n%s\nSubject: %s\n\n%s", strings.Repeat("-", 72), subject, text)
	}
	fmt.Fprintf(e.stdout, "\n%s\n%s in %s\n", strings.Repeat("-", 72), count(sent, "message"), filepath.Join(a.data, "outbox"))
	return nil
}

// readMail returns subject and text part of a message.
func readMail(raw []byte) (subject, text string, err error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return "", "", err
	}
	if subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return "", "", err
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return "", "", err
	}
	body := m.Body
	encoding := m.Header.Get("Content-Transfer-Encoding")
	if params["boundary"] != "" {
		part, err := multipart.NewReader(m.Body, params["boundary"]).NextRawPart()
		if err != nil {
			return "", "", err
		}
		body, encoding = part, part.Header.Get("Content-Transfer-Encoding")
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	b, err := io.ReadAll(body)
	return subject, strings.ReplaceAll(string(b), "\r\n", "\n"), err
}

// demoServe shows the pages until the demonstration is stopped.
func demoServe(e *env, a *app, t *town) error {
	l, err := new(net.ListenConfig).Listen(e.ctx, "tcp", a.cfg.Web.Listen)
	if err != nil { // taken, perhaps by the real daemon
		if l, err = new(net.ListenConfig).Listen(e.ctx, "tcp", "127.0.0.1:0"); err != nil {
			return err
		}
	}
	a.cfg.Web.Listen = l.Addr().String()
	begun := time.Now()
	now := func() time.Time { return t.now().Add(time.Since(begun)) }
	srv := a.webServer(now)
	here := "http://" + l.Addr().String()
	fmt.Fprintf(e.stdout, "The pages are at %s/ - stop with Ctrl-C\nSign up at %s/subscribe: the mails that this sends are told here.\n", here, here)
	ctx, cancel := context.WithCancel(e.ctx)
	var mails sync.WaitGroup
	mails.Go(func() { demoMail(ctx, e, a, here, now) })
	defer mails.Wait()
	defer cancel()
	stop := context.AfterFunc(e.ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// demoMail sends what is asked for on the pages, and tells of each mail with
// its link as it works here: the one in the mail leads to the sample's address.
func demoMail(ctx context.Context, e *env, a *app, here string, now func() time.Time) {
	told := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.asked:
		}
		if _, _, err := a.deliver(ctx, now()); err != nil {
			fmt.Fprintln(e.stderr, "ccgwatch:", err)
			continue
		}
		var sent []store.Delivery
		_ = a.store.Deliveries(ctx, func(d store.Delivery) bool {
			if (d.Kind == alerts.KindConfirm || d.Kind == alerts.KindManage || d.Kind == alerts.KindProbe) && d.State == store.Sent && !told[d.ID] {
				sent = append(sent, d)
			}
			return true
		})
		for _, d := range sent {
			told[d.ID] = true
			raw, err := a.store.Raw(ctx, d.ID)
			if err != nil {
				continue // erased meanwhile
			}
			subject, text, err := readMail(raw)
			if err != nil {
				continue // we wrote it: it can be read
			}
			for line := range strings.Lines(text) {
				if path, ok := strings.CutPrefix(strings.TrimSpace(line), a.links.Home()); ok {
					fmt.Fprintf(e.stdout, "A mail: %s\n  its link is %s%s\n", subject, here, path)
				}
			}
		}
	}
}
