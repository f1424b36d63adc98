package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"ccgwatch/store"
)

// jobPing is no entry of the diary: it keeps two pings from running at once.
const jobPing = "ping"

// pingPatience is how long the answer to a ping may take.
const pingPatience = 20 * time.Second

// mailStuck is how long a message may wait before the operator is to hear of it.
const mailStuck = 6 * time.Hour

// ping tells whoever watches the daemon that it is alive, if all is well. It
// says nothing else when something is not: a dead machine cannot report either,
// so the alarm is raised by silence (the dead-man's switch of promises.md).
func (d *daemon) ping(ctx context.Context, now time.Time) {
	if d.cfg.Operator.Ping.IsZero() || now.Sub(d.pinged) < time.Duration(d.cfg.Operator.PingEvery) && !now.Before(d.pinged) {
		return
	}
	d.pinged = now
	switch wrong, err := d.unwell(ctx, now); {
	case err != nil:
		d.log.Warn("whoever watches this daemon was not told that it is well", "err", err)
	case len(wrong) > 0:
		d.log.Warn("whoever watches this daemon was not told that it is well", "because", wrong[0])
	default:
		if err := ask(ctx, d.client(), d.cfg.Operator.Ping.Reveal(), d.fetch.UserAgent); err != nil && ctx.Err() == nil {
			d.log.Warn("whoever watches this daemon could not be told that it is well", "err", err)
		}
	}
}

// unwell lists what keeps the daemon from doing its work, in words. A site that
// fails is none of it: readers and operator are told of those in other ways.
func (d *daemon) unwell(ctx context.Context, now time.Time) ([]string, error) {
	out := d.standsStill(ctx, now)
	healths, err := d.healths(ctx)
	if err != nil {
		return nil, err
	}
	if store.Ours(healths, d.siteOf) {
		out = append(out, "no site answers: the line of this machine is down")
	}
	if since, stopped := d.crawlStopped(healths, now); stopped {
		out = append(out, "no source was visited since "+since.In(london()).Format("Monday 2 January 15:04"))
	}
	if since := d.lastMailed(); !since.IsZero() && now.Sub(since) > mailStuck {
		out = append(out, "mail was not gone through since "+since.In(london()).Format("Monday 2 January 15:04"))
	}
	oldest := now
	err = d.store.Waiting(ctx, func(x store.Delivery) bool {
		// One that was tried waits for its own mailbox, which is no fault of ours.
		if x.State == store.Queued && x.Attempts == 0 && x.Due.Before(oldest) {
			oldest = x.Due
		}
		return oldest.Equal(now) // the first to be due comes first
	})
	if err != nil {
		return nil, err
	}
	if now.Sub(oldest) > mailStuck {
		out = append(out, "a message has waited since "+oldest.In(london()).Format("Monday 2 January 15:04"))
	}
	return out, nil
}

// client asks as the fetcher would be let out: by the operator's proxy or none.
func (d *daemon) client() *http.Client {
	tr := &http.Transport{DisableKeepAlives: true, TLSHandshakeTimeout: pingPatience}
	if p := d.cfg.Fetch.Proxy; p != "" {
		if u, err := url.Parse(p); err == nil {
			tr.Proxy = http.ProxyURL(u)
		}
	}
	return &http.Client{Transport: tr, Timeout: pingPatience}
}

// ask is one GET. Its error does not repeat the address, which is a secret.
func ask(ctx context.Context, c *http.Client, address, agent string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("the address in [operator] ping is none")
	}
	req.Header.Set("User-Agent", agent)
	resp, err := c.Do(req)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err
		}
		return fmt.Errorf("asking %s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	_, err = io.CopyN(io.Discard, resp.Body, 4096)
	switch {
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("asking %s: %s", req.URL.Host, resp.Status)
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("asking %s: %w", req.URL.Host, err)
	}
	return nil
}
