package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// A derived is what an app works out from the record and keeps beside it, opened
// when it is first asked for. It stands in no copy: it can always be made again.
// Where the file cannot be had it is kept in memory, until the next start.
type derived struct {
	data, version string
	log           *slog.Logger

	mu     sync.Mutex
	kept   store.Derived
	file   *bolt.Derived
	closed bool
}

var _ store.Derived = (*derived)(nil)

func (d *derived) open() store.Derived {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil {
		d.kept = &store.Scratch{}
		if d.closed {
			return d.kept
		}
		f, err := bolt.OpenDerived(filepath.Join(d.data, bolt.DerivedFile), d.version)
		if err == nil {
			d.kept, d.file = f, f
		} else {
			d.log.Warn("what was worked out is kept in memory", "err", err)
		}
	}
	return d.kept
}

// View opens it if need be.
func (d *derived) View(ctx context.Context, f func(store.Rows) error) error {
	return d.open().View(ctx, f)
}

// Update opens it if need be.
func (d *derived) Update(ctx context.Context, f func(store.Rows) error) error {
	return d.open().Update(ctx, f)
}

// Clear opens it if need be.
func (d *derived) Clear(ctx context.Context) error { return d.open().Clear(ctx) }

func (d *derived) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.file == nil {
		return nil
	}
	return d.file.Close()
}

// newDerived is where this version of the rules keeps what it works out.
func (a *app) newDerived() *derived {
	return &derived{data: a.data, version: derivedFormat + " " + version() + " " + a.rules.Version, log: a.log}
}

// derivedFormat is another one when what is kept reads otherwise.
const derivedFormat = "1"

// derive works out what was judged since: what speaks of which procurement, the
// list of procurements, and what papers come to.
func (a *app) derive(ctx context.Context) {
	if err := a.joined.Follow(ctx); err != nil && ctx.Err() == nil {
		a.log.Warn("what speaks of which procurement is not known", "err", err)
	}
	if err := a.listed.Follow(ctx); err != nil && ctx.Err() == nil {
		a.log.Warn("the list of procurements is not up to date", "err", err)
	}
	if err := a.said.Follow(ctx); err != nil && ctx.Err() == nil {
		a.log.Warn("what papers say is not up to date", "err", err)
	}
}

// jobDerive is no id of a source.
const jobDerive = "(derive)"

// deriveSoon keeps up with what was judged, beside everything else. After a start
// with nothing kept that takes its time, and the pages say that they do not know
// all yet.
func (d *daemon) deriveSoon(ctx context.Context) {
	if !d.claim(jobDerive) {
		return
	}
	d.visits.Go(func() {
		defer d.release(jobDerive)
		d.derive(ctx)
		if err := d.listed.Warm(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn("the list of procurements", "err", err)
		}
	})
}
