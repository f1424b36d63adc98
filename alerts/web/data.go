package web

import (
	"context"
	"io"
)

// Data are what the data are made of, for whoever writes them elsewhere than on
// these pages, such as an export to files. Whatever it writes is byte for byte
// what the pages answer under the same address, as long as the record stands.
type Data struct{ site *site }

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
