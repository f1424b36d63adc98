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
	"maps"
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

// data writes the files that hold everything of a kind, and the list of them.
func (x *run) data(ctx context.Context) error {
	names, err := x.o.Pages.Files(ctx)
	if err != nil {
		return err
	}
	if x.leftData(names) {
		return nil
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

// leftData leaves the files of data as they stand if the log, items and findings
// are what they were. Cost: none of them is read.
func (x *run) leftData(names []string) bool {
	was := x.again.was
	if was == nil || was.Latest != x.latest || was.Found != x.foundSum || !maps.Equal(was.Items, x.subjects) {
		return false
	}
	for _, name := range append(names, strings.TrimPrefix(Manifest, "data/")) {
		if size, ok := was.Data["data/"+name]; !ok || !x.out.keep("data/"+name, size) {
			return false
		}
	}
	return true
}

// bulk writes one file, with the addresses of pages led to its files. Its lines
// are scanned, rewritten and packed as they come: of a large file no more is held
// than what it comes to.
func (x *run) bulk(ctx context.Context, w io.Writer, name string) error {
	r, pipe := io.Pipe()
	go func() { pipe.CloseWithError(x.o.Pages.WriteLines(ctx, pipe, name, x.base)) }()
	defer func() { _ = r.Close() }()
	file, packed := strings.CutSuffix("data/"+name, ".gz")
	find, end := addresses(x.base), func() error { return nil }
	if packed {
		z := gzip.NewWriter(w)
		w, end = z, z.Close
	}
	lines := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if _, err := x.scan(file, line); err != nil {
				return err
			}
			if bytes.Contains(line, []byte(x.base)) {
				line = find.ReplaceAllFunc(line, func(m []byte) []byte {
					address, stop := sentence(string(m))
					to, _, _ := x.lead(file, address, x.there)
					return []byte(to + stop)
				})
			}
			if _, err := w.Write(line); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return end()
		}
		if err != nil {
			return err
		}
	}
}

// there tells, when all pages are made, whether one is there.
func (x *run) there(t target) bool { return t.Get == "" || x.out.has(t.File) }

// rewriteData leads the addresses of pages in a feed or a calendar to the files
// of the export: whole addresses where it is known where the export will be, those
// of the group's own pages where these are served, else relative ones.
func (x *run) rewriteData(file string, in []byte) (out []byte, links []link) {
	end := file[strings.LastIndexByte(file, '.')+1:]
	find := func(s string) string {
		s, stop := sentence(s)
		to, t, ok := x.lead(file, s, func(t target) bool { return !x.isGone(t.File) })
		if ok {
			links = append(links, link{target: t})
		}
		return to + stop
	}
	if end == "ics" {
		return x.rewriteCalendar(in, find), links
	}
	if !bytes.Contains(in, []byte(x.base)) {
		return in, nil
	}
	out = addresses(x.base).ReplaceAllFunc(in, func(m []byte) []byte {
		if end == "atom" {
			return []byte(html.EscapeString(find(html.UnescapeString(string(m)))))
		}
		return []byte(find(string(m)))
	})
	if end == "atom" { // what leads nowhere
		out = nowhere.ReplaceAll(out, nil)
	}
	return out, links
}

// addresses finds those that begin with the address of the pages.
func addresses(base string) *regexp.Regexp {
	return regexp.MustCompile(regexp.QuoteMeta(base) + `(?:/[^\s"'<>\\]*)?`)
}

// sentence cuts what ends a sentence from an address that ends it.
func sentence(s string) (address, stop string) {
	address = strings.TrimRight(s, ".,;:!?)")
	return address, s[len(address):]
}

// nowhere is compiled once and never changes.
var nowhere = regexp.MustCompile(`<link [^>]*href="http://localhost[^>]*></link>`)

// lead is where an address of the pages leads. ok: to a file of the export.
func (x *run) lead(file, raw string, there func(target) bool) (to string, t target, ok bool) {
	path := strings.TrimPrefix(raw, x.base)
	if path == "" {
		path = "/"
	}
	t, ok = targetOf(path)
	ok = ok && t.File != "" && there(t)
	switch {
	case ok && x.o.URL != "":
		return x.o.URL + "/" + t.File + t.Tail, t, true
	case x.o.Live != "" || !ok || strings.Contains(file, "ocds"):
		return raw, t, false // OCDS wants whole addresses
	}
	return relative(file, t.File) + t.Tail, t, true
}

// rewriteCalendar does it for iCalendar, whose lines are folded. Where nobody
// knows the address of the pages, events have none.
func (x *run) rewriteCalendar(in []byte, lead func(string) string) []byte {
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
		fold(&b, find.ReplaceAllStringFunc(line, lead))
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
