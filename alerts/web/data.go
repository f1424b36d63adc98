package web

import (
	"bytes"
	"context"
	"io"

	"ccgwatch/store"
)

// Data are what the data are made of, for whoever writes them elsewhere than on
// these pages, such as an export to files. Whatever it writes is byte for byte
// what the pages answer under the same address, as long as the record stands.
type Data struct{ site *site }

// NewData reads the record of a server; it needs what the pages need.
func NewData(s Server) *Data {
	v := &site{Server: s, zone: london(), bodies: map[string]*BodyInfo{}}
	v.record, v.started = newRecord(&v.Server, v.zone), s.Now()
	for i := range s.Bodies {
		v.bodies[s.Bodies[i].ID] = &s.Bodies[i]
	}
	return &Data{v}
}

// read reads the log to its end, however long it is.
func (d *Data) read(ctx context.Context) error {
	for {
		if err := d.site.record.follow(ctx); err != nil {
			return err
		}
		if d.site.record.behind().IsZero() {
			return ctx.Err()
		}
	}
}

// Dates are the meetings and deadlines that are asked for, the earliest first,
// with addresses of pages below base.
func (d *Data) Dates(ctx context.Context, x DatesWant, base string) ([]Date, error) {
	if err := d.read(ctx); err != nil {
		return nil, err
	}
	var out []Date
	for v, err := range d.site.each(ctx, x, base) {
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// WriteCalendar writes the calendar that is answered under a path.
func (d *Data) WriteCalendar(ctx context.Context, w io.Writer, x DatesWant, base, path string) error {
	if err := d.read(ctx); err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := d.site.writeCalendar(ctx, &b, x, base, path, d.site.calendarName(x)); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}

// Bodies are the bodies that publish on a followed source or that the record names.
func (d *Data) Bodies(ctx context.Context) ([]BodyLine, error) {
	if err := d.read(ctx); err != nil {
		return nil, err
	}
	return d.site.bodyLines(), nil
}

// Thread is a procurement as the data give it, by any of its ocids.
func (d *Data) Thread(ctx context.Context, id string) (ThreadLine, error) {
	if d.site.Thread == nil {
		return ThreadLine{}, store.ErrNotFound
	}
	t, err := d.site.Thread(ctx, id)
	if err != nil {
		return ThreadLine{}, err
	}
	return d.site.threadLine(t)
}

// Publication is who publishes OCDS packages.
func (d *Data) Publication(base string) Publication { return d.site.publication(base) }

// Files are the names of the files that hold everything of a kind, those of the
// log by year included.
func (d *Data) Files(ctx context.Context) ([]string, error) {
	var out []string
	for _, f := range bulkFiles() {
		out = append(out, f.Name)
	}
	first, last, err := d.site.years(ctx)
	for y := first; y <= last; y++ {
		out = append(out, yearFile(y))
	}
	return out, err
}

// WriteFile writes one of Files; mark is for a table that Excel shall open.
func (d *Data) WriteFile(ctx context.Context, w io.Writer, name, base string, mark bool) error {
	if err := d.read(ctx); err != nil {
		return err
	}
	f, err := d.site.fileNamed(ctx, name)
	if err != nil {
		return err
	}
	return f.write(d.site, ctx, w, base, mark)
}

// WriteLines writes one of Files as WriteFile does, but not packed.
func (d *Data) WriteLines(ctx context.Context, w io.Writer, name, base string) error {
	if err := d.read(ctx); err != nil {
		return err
	}
	f, err := d.site.fileNamed(ctx, name)
	if err != nil {
		return err
	}
	return f.lines(d.site, ctx, w, base, false)
}
