package export

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Manifest is the file that says what data an export holds and how far it goes.
// Whoever follows the export reads it first.
const Manifest = "data/manifest.json"

// A DataManifest is what is in Manifest.
type DataManifest struct {
	Format int                 `json:"format"` // 1
	Group  string              `json:"group"`
	Latest uint64              `json:"latest"` // entry of the change log
	Files  map[string]DataFile `json:"files"`
}

// A DataFile is one of the files with everything of a kind.
type DataFile struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// data writes the files that hold everything of a kind, the feeds and calendars
// of everything, and the list of them.
func (x *run) data(ctx context.Context) error {
	for _, address := range []string{"/feed.atom", "/calendar.ics", "/api/v1/sources"} {
		t, _ := targetOf(address)
		if x.out.has(t.File) {
			continue
		}
		if _, err := x.one(ctx, t.File, t.Get); err != nil {
			return err
		}
	}
	names, err := x.o.Pages.Files(ctx)
	if err != nil {
		return err
	}
	m := DataManifest{Format: 1, Group: x.o.Group, Latest: x.latest, Files: map[string]DataFile{}}
	for _, name := range names {
		var b bytes.Buffer
		if err := x.bulk(ctx, &b, name); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		if err := x.put("data/"+name, b.Bytes()); err != nil {
			return err
		}
		m.Files[name] = DataFile{sumOf(b.Bytes()), int64(b.Len())}
	}
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return x.put(Manifest, append(b, '\n'))
}

// bulk writes one file, with the addresses of pages led to its files.
func (x *run) bulk(ctx context.Context, w io.Writer, name string) error {
	if !strings.HasSuffix(name, ".gz") {
		var b bytes.Buffer
		if err := x.o.Pages.WriteFile(ctx, &b, name, x.base, false); err != nil {
			return err
		}
		_, err := w.Write(x.rewriteData("data/"+name, b.Bytes()))
		return err
	}
	r, pipe := io.Pipe()
	go func() { pipe.CloseWithError(x.o.Pages.WriteFile(ctx, pipe, name, x.base, false)) }()
	defer func() { _ = r.Close() }()
	in, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	out := gzip.NewWriter(w)
	lines := bufio.NewReaderSize(in, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if err := x.scan("data/"+name, line); err != nil {
				return err
			}
			if _, err := out.Write(x.rewriteData("data/"+strings.TrimSuffix(name, ".gz"), line)); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return out.Close()
		}
		if err != nil {
			return err
		}
	}
}

// rewriteData leads the addresses of pages in a feed, a calendar or a file of
// data to the files of the export: whole addresses where it is known where the
// export will be, those of the group's own pages where these are served, else
// relative ones.
func (x *run) rewriteData(file string, in []byte) []byte {
	end := file[strings.LastIndexByte(file, '.')+1:]
	if end == "ics" {
		return x.rewriteCalendar(file, in)
	}
	if !bytes.Contains(in, []byte(x.base)) {
		return in
	}
	out := addresses(x.base).ReplaceAllFunc(in, func(m []byte) []byte {
		raw := string(m)
		if end == "atom" {
			raw = html.UnescapeString(raw)
		}
		to := x.lead(file, raw)
		if end == "atom" {
			to = html.EscapeString(to)
		}
		return []byte(to)
	})
	if end == "atom" { // what leads nowhere
		out = nowhere.ReplaceAll(out, nil)
	}
	return out
}

// addresses finds those that begin with the address of the pages.
func addresses(base string) *regexp.Regexp {
	return regexp.MustCompile(regexp.QuoteMeta(base) + `(?:/[^\s"'<>\\]*)?`)
}

// nowhere is compiled once and never changes.
var nowhere = regexp.MustCompile(`<link [^>]*href="http://localhost[^>]*></link>`)

// lead is where an address of the pages leads.
func (x *run) lead(file, raw string) string {
	path := strings.TrimPrefix(raw, x.base)
	if path == "" {
		path = "/"
	}
	t, ok := targetOf(path)
	switch {
	case ok && x.o.URL != "" && !x.isGone(t.File):
		return x.o.URL + "/" + t.File + t.Tail
	case x.o.Live != "" || !ok || x.isGone(t.File) || strings.Contains(file, "ocds"):
		return raw // OCDS wants whole addresses
	}
	return relative(file, t.File) + t.Tail
}

// rewriteCalendar does it for iCalendar, whose lines are folded. Where nobody
// knows the address of the pages, events have none.
func (x *run) rewriteCalendar(file string, in []byte) []byte {
	text := strings.NewReplacer("\r\n ", "", "\r\n\t", "").Replace(string(in))
	find := addresses(x.base)
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		if x.o.URL == "" && x.o.Live == "" && strings.Contains(line, x.base) {
			name, _, _ := strings.Cut(line, ":")
			if slices.Contains([]string{"URL", "SOURCE", "URL;VALUE=URI", "SOURCE;VALUE=URI"}, name) {
				continue
			}
		}
		fold(&b, find.ReplaceAllStringFunc(line, func(m string) string {
			if to := x.lead(file, m); to != m || x.o.Live != "" {
				return to
			}
			return m
		}))
	}
	return []byte(b.String())
}

// fold writes a line of iCalendar in pieces of at most 75 bytes.
func fold(b *strings.Builder, line string) {
	for room := 75; len(line) > room; room = 74 {
		n := room
		for n > 0 && !utf8.RuneStart(line[n]) {
			n--
		}
		b.WriteString(line[:n] + "\r\n ")
		line = line[n:]
	}
	b.WriteString(line + "\r\n")
}
