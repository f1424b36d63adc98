package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/alerts/web"
	"ccgwatch/alerts/web/export"
	"ccgwatch/config"
	"ccgwatch/store"
)

type exportCmd struct {
	Dir  string `arg:"" optional:""`
	URL  string `name:"url"`
	JSON bool   `name:"json"`
}

// jsonExport is what export --json prints.
type jsonExport struct {
	Dir      string  `json:"dir"`
	Files    int     `json:"files"`
	Written  int     `json:"written"`
	Removed  int     `json:"removed"`
	Bytes    int64   `json:"bytes"`
	Links    int     `json:"links"`
	Unlinked int     `json:"unlinked"`
	Pages    int     `json:"pages"`
	Left     int     `json:"left"` // of pages: not made again
	Items    int     `json:"items"`
	Latest   uint64  `json:"latest"`
	Seconds  float64 `json:"seconds"`
}

// Run makes an export. While the daemon runs, the daemon does it.
func (c *exportCmd) Run(e *env) error {
	if c.Dir == "" {
		return usagef("where to? name a directory")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	if c.URL, err = exportAddress(c.URL); err != nil {
		return usagef("--url: %w", err)
	}
	// The process that runs this may have another working directory.
	e.args = []string{"export", "--url=" + c.URL, "--json=" + strconv.FormatBool(c.JSON)}
	if !e.asOf.IsZero() {
		e.args = append(e.args, "--as-of="+e.asOf.Format(time.RFC3339))
	}
	e.args = append(e.args, "--", dir)
	return e.withApp(func(a *app) error {
		if pathWithin(dir, a.data) || pathWithin(a.data, dir) {
			return usagef("%s holds the store, or is part of it: name another directory", dir)
		}
		if e.shared == nil { // otherwise the daemon sees to it
			if err := a.follow(e.ctx, e.now()); err != nil {
				return err
			}
		}
		var said func(int, int)
		if e.terminal {
			said = func(done, n int) { fmt.Fprintf(e.stderr, "\rccgwatch: %d of %d pages ", done, n) }
		}
		r, err := a.export(e.ctx, dir, c.URL, e.now(), said)
		if said != nil {
			fmt.Fprint(e.stderr, "\r\033[K")
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.stdout, jsonExport{dir, r.Files, r.Written, r.Removed, r.Bytes, r.Links, r.Unlinked, r.Pages, r.Left, r.Items, r.Latest, r.Took.Seconds()})
		}
		fmt.Fprintf(e.stdout, "%s in %s: %d written, %d as they were, %d removed; %s lead where they say\n", count(r.Files, "file"), dir, r.Written, r.Files-r.Written, r.Removed, count(r.Links, "link"))
		return nil
	})
}

// pathWithin tells whether a path is another or below it.
func pathWithin(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func exportAddress(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("%q is no address like https://example.org/watch", s)
	}
	return strings.TrimRight(s, "/"), nil
}

// export writes the public record to a directory.
func (a *app) export(ctx context.Context, dir, address string, now time.Time, said func(done, n int)) (export.Report, error) {
	a.exporting.Lock()
	defer a.exporting.Unlock()
	a.derive(ctx) // a page that says that it does not know all yet would say so for long
	at, err := a.recordAt(ctx, now)
	if err != nil {
		return export.Report{}, err
	}
	pages := a.webPages(func() time.Time { return at })
	pages.Desk, pages.Choices, pages.Held = nil, nil, nil
	pages.Overdue = func(t *judge.Thread, at time.Time) []judge.Overdue { return a.judge.Overdue(t, dayStart(at)) } // the same all day
	static, err := pages.Static(ctx)
	if err != nil {
		return export.Report{}, err
	}
	known, err := a.subscribed(ctx)
	if err != nil {
		return export.Report{}, err
	}
	o := export.Options{
		Dir: dir, Pages: static, Ledger: a.public, Outbox: a.public, Archive: a.store, Threads: pages.Threads,
		Bodies: func(it store.Item) []string { return a.described(it).Bodies },
		Describe: func(it store.Item) export.Described {
			d := a.described(it)
			return export.Described{Date: d.Date, Facts: d.Facts, Text: d.Text}
		},
		Edit: func(ctx context.Context, source, key string) (func(string) string, error) {
			es, err := a.store.Edits(ctx)
			if err != nil {
				return nil, err
			}
			return es.Of(source, key).Clean, nil
		},
		Facts: a.facts, URL: address, Live: a.cfg.Group.URL, Contact: pages.Contact, Group: a.cfg.Group.Name, Version: version(),
		Redact: judge.Redact, Subscriber: known, Zone: london(), Now: now, Said: said, Log: a.log,
	}
	if o.URL == "" {
		o.URL = a.cfg.Export.URL
	}
	if a.cfg.Mailbox.Read() {
		o.Mailbox = pages.Contact
	}
	behind, err := a.joined.Behind(ctx)
	if err != nil {
		return export.Report{}, err
	}
	if !behind { // otherwise any page may read otherwise when it is worked out
		if o.Same, err = a.sameExport(ctx, at, o, pages); err != nil {
			return export.Report{}, err
		}
	}
	return export.Run(ctx, o)
}

// recordAt is the moment that an export shows: that of the last thing known, or
// where that is longer ago the beginning of this day. So the same record gives
// the same files all day.
func (a *app) recordAt(ctx context.Context, now time.Time) (time.Time, error) {
	at := dayStart(now)
	last, err := a.lastChange(ctx)
	if err != nil {
		return at, err
	}
	if last.After(at) {
		at = last
	}
	all, err := a.store.Healths(ctx)
	if err != nil {
		return at, err
	}
	for _, h := range all {
		for _, t := range []time.Time{h.LastTry, h.LastComplete} {
			if t.After(at) && !t.After(now) {
				at = t
			}
		}
	}
	return at.In(london()), nil
}

// dayStart is the beginning of a day of London.
func dayStart(at time.Time) time.Time {
	y, m, d := at.In(london()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, london())
}

// sameExport stands for all that the pages of an export depend on beside the log,
// items and findings: this program, its settings as pages show them, what an
// operator decided about procurements, and the day.
func (a *app) sameExport(ctx context.Context, at time.Time, o export.Options, pages web.Server) (string, error) {
	decisions, err := a.store.Decisions(ctx)
	if err != nil {
		return "", fmt.Errorf("export: %w", err)
	}
	sources := pages.Sources()
	for i := range sources {
		sources[i].Next = time.Time{}
	}
	built := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		built = info.String()
	}
	b, err := json.Marshal([]any{version(), built, at.Format(time.DateOnly), a.cfg.Group, sources, pages.Bodies, pages.Gaps, pages.Contact, decisions, o.URL, o.Live, o.Mailbox})
	if err != nil {
		return "", fmt.Errorf("export: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// subscribed tells whether an address gets our mails. Only keyed hashes of them
// are held while it is asked.
func (a *app) subscribed(ctx context.Context) (func(address string) bool, error) {
	all, err := a.store.Subscriptions(ctx, "", 0)
	if err != nil {
		return nil, fmt.Errorf("export: reading who gets our mails: %w", err)
	}
	key := make([]byte, sha256.Size)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	mark := func(address string) [sha256.Size]byte {
		h := hmac.New(sha256.New, key)
		_, _ = h.Write([]byte(strings.ToLower(address))) // never fails
		return [sha256.Size]byte(h.Sum(nil))
	}
	known := map[[sha256.Size]byte]bool{}
	for _, s := range all {
		known[mark(s.Address)] = true
	}
	return func(address string) bool { return known[mark(address)] }, nil
}

// jobExport is no id of a source.
const jobExport = "(export)"

// exportSoon keeps the export of the settings fresh: when something is new, and
// four times a day (what is coming, how the sources are), but no oftener than the
// settings say. One that failed is tried again at the next time.
func (d *daemon) exportSoon(ctx context.Context, now time.Time) {
	if d.cfg.Export.Dir == "" || !d.claim(jobExport) {
		return
	}
	d.visits.Go(func() {
		defer d.release(jobExport)
		diary, err := d.store.Due(ctx)
		every := time.Duration(d.cfg.Export.Every)
		if at := diary[jobExport]; err != nil || at.After(now) && at.Sub(now) <= every {
			return
		}
		seq, err := d.store.LastSeq(ctx)
		if err != nil {
			return
		}
		state := fmt.Sprint(seq, " ", now.In(london()).Format(time.DateOnly), " ", now.In(london()).Hour()/6)
		if state == d.exported {
			return
		}
		r, err := d.export(ctx, d.cfg.Export.Dir, "", now, nil)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			d.log.Error("export", "err", err)
		default:
			d.exported = state
			d.log.Info("export", "dir", d.cfg.Export.Dir, "files", r.Files, "written", r.Written, "removed", r.Removed, "took", r.Took.Round(time.Millisecond))
		}
		if err := d.store.SetDue(ctx, jobExport, now.Add(every)); err != nil && ctx.Err() == nil {
			d.log.Error("schedule", "job", jobExport, "err", err)
		}
	})
}

// export says how old the export is that the daemon keeps.
func (x *examination) export(cfg config.Export) {
	if cfg.Dir == "" {
		return
	}
	at := export.ReadStamp(cfg.Dir)
	switch err := export.Ready(cfg.Dir); {
	case err != nil:
		x.sayf("export", unsure, "%v", err)
	case at.IsZero():
		x.sayf("export", unsure, "%s: not made yet; the daemon makes it, or 'ccgwatch export %s'", cfg.Dir, shellWord(cfg.Dir))
	case x.now().Sub(at) > 3*time.Duration(cfg.Every)+time.Hour:
		x.sayf("export", unsure, "%s was last made on %s; the daemon should make it every %s", cfg.Dir, at.In(london()).Format("2 January 2006 at 15:04"), cfg.Every)
	default:
		x.sayf("export", well, "%s, last made on %s", cfg.Dir, at.In(london()).Format("2 January 2006 at 15:04"))
	}
}
