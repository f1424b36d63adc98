package document_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/document"
)

// The child of these tests is the test binary itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "read-document":
			os.Exit(document.Main(os.Args[2:], os.Stdin, os.Stdout))
		case "break-off": // an answer that ends before its end
			fmt.Println(`{"ready":true}` + "\n" + `{"page":1,"text":"half"}` + "\n" + os.Args[2])
			os.Exit(0)
		case "try-to-escape":
			tryToEscape()
		}
	}
	os.Exit(m.Run())
}

// reader shares one cache between all tests of a run and between runs.
func reader(tb testing.TB) *document.Reader {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "ccgwatch-test-pdfium")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		tb.Fatal(err)
	}
	return &document.Reader{Command: []string{self, "read-document"}, CacheDir: cache}
}

func read(tb testing.TB, r *document.Reader, paper []byte) ([]string, error) {
	tb.Helper()
	return r.Read(tb.Context(), bytes.NewReader(paper))
}

func TestReadPDF(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		paper []byte
		want  []string
	}{
		"pages in order, blank ones kept": {
			textPDF("Agenda", "", "Award of a contract worth £1.2m\nto a private company"),
			[]string{"Agenda", "", "Award of a contract worth £1.2m\nto a private company"},
		},
		"a divided word is joined":         {textPDF("the direct award pro-\ncess was used"), []string{"the direct award process was used"}},
		"a compound keeps its hyphen":      {textPDF("non-\nemergency transport"), []string{"non-emergency transport"}},
		"as the paper itself writes it":    {textPDF("sub-contract and sub-\ncontract"), []string{"sub-contract and sub-contract"}},
		"spaces, dashes and quotes":        {textPDF("Thursday 13\u00a0August – the Board’s"), []string{"Thursday 13 August – the Board’s"}},
		"a header within the first 1024":   {append([]byte("junk\n"), textPDF("still a PDF")...), []string{"still a PDF"}},
		"an action is ignored":             {onePage("/AA << /O << /S /JavaScript /JS (app.alert(1)) >> >>", "", []byte("BT /F1 10 Tf 50 800 Td (safe) Tj ET")), []string{"safe"}},
		"text of a compressed object form": {onePage("", "/Filter [/FlateDecode /FlateDecode]", deflate(deflate([]byte("BT /F1 10 Tf 50 800 Td (twice) Tj ET")))), []string{"twice"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := read(t, reader(t), tt.paper)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadNames(t *testing.T) {
	t.Parallel()
	many := make([]string, 30)
	for i := range many {
		many[i] = fmt.Sprint("page ", i+1)
	}
	manyPDF := textPDF(many...)
	whole := textPDF("one", "two", "three")
	scan := onePage("/XObject << /I 6 0 R >>", "", []byte("q 500 0 0 700 0 0 cm /I Do Q"))
	tests := map[string]struct {
		paper []byte
		bend  func(*document.Reader)
		want  error
	}{
		"an empty file":              {nil, nil, document.ErrBroken},
		"plain text":                 {[]byte("Not found"), nil, document.ErrUnsupported},
		"a PDF cut in the middle":    {whole[:len(whole)/2], nil, document.ErrBroken},
		"only the header":            {[]byte("%PDF-1.7\n"), nil, document.ErrBroken},
		"a page without text":        {scan, nil, document.ErrNoText},
		"more pages than the limit":  {manyPDF, func(r *document.Reader) { r.MaxPages = 29 }, document.ErrTooLarge},
		"a password":                 {encryptedPDF(), nil, document.ErrEncrypted},
		"Word before 2007":           {[]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and so on"), nil, document.ErrUnsupported},
		"Word with a password":       {append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00"...), nil, document.ErrEncrypted},
		"a drawing":                  {archive(t, "visio/document.xml", ""), nil, document.ErrUnsupported},
		"a Word document of nothing": {docx(t, "word/document.xml", "<w:p/>"), nil, document.ErrNoText},
		"a flate bomb":               {bomb(1 << 30), nil, document.ErrTooLarge},
		"a DOCX bomb":                {docx(t, "word/document.xml", strings.Repeat(" ", 80<<20)), nil, document.ErrTooLarge},
		"elements without end":       {docx(t, "word/document.xml", strings.Repeat("<w:x>", 100000)), nil, document.ErrTooLarge},
		"no time":                    {longPDF(1500), func(r *document.Reader) { r.Timeout = time.Millisecond }, document.ErrTimeout},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := reader(t)
			if tt.bend != nil {
				tt.bend(r)
			}
			pages, err := read(t, r, tt.paper)
			if !errors.Is(err, tt.want) || pages != nil {
				t.Errorf("got %d pages and %v, want %v", len(pages), err, tt.want)
			}
			t.Log(err)
		})
	}
	t.Run("as many pages as the limit", func(t *testing.T) {
		t.Parallel()
		r := reader(t)
		r.MaxPages = 30
		got, err := read(t, r, manyPDF)
		if diff := cmp.Diff(many, got); err != nil || diff != "" {
			t.Error(err, diff)
		}
	})
}

// longPDF has so many full pages.
func longPDF(n int) []byte {
	page := strings.TrimSpace(strings.Repeat("The Board is asked to note the report and to approve what follows from it in the year.\n", 45))
	pages := make([]string, n)
	for i := range pages {
		pages[i] = page
	}
	return textPDF(pages...)
}

// bomb is a page whose content stream expands to so many bytes.
func bomb(size int) []byte {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, _ = z.Write([]byte("BT /F1 10 Tf 50 800 Td "))
	piece := bytes.Repeat([]byte("(bomb) Tj "), 1000)
	for range size / len(piece) { // a piece at a time: the bomb is for others
		_, _ = z.Write(piece)
	}
	_ = z.Close()
	return onePage("", "/Filter /FlateDecode", packed.Bytes())
}

// encryptedPDF asks for a user password: nothing decrypts to its check value.
func encryptedPDF() []byte {
	p := newPDF()
	p.object("<< /Type /Catalog /Pages 2 0 R >>")
	p.object("<< /Type /Pages /Count 0 /Kids [] >>")
	key := strings.Repeat("41", 32)
	p.object("<< /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -44 >>", key, key)
	return p.finish("/Encrypt 3 0 R /ID [<00><00>]")
}

// Whatever a file does, Read comes back in time with the text or with a named
// reason, and this process is none the worse for it.
func TestReadSurvives(t *testing.T) {
	if underRace {
		t.Skip("the child does the work here: the detector only slows it down")
	}
	good := textPDF("The Board is asked to approve", "the award of a contract", "to a private company")
	papers := map[string][]byte{
		"pages that hold themselves":   bytes.Replace(good, []byte("/Kids [ 4 0 R"), []byte("/Kids [ 2 0 R"), 1),
		"a count that lies":            bytes.Replace(good, []byte("/Count 3"), []byte("/Count 9"), 1),
		"a cross-reference that lies":  bytes.Replace(good, []byte("startxref\n"), []byte("startxref\n9"), 1),
		"an endless chain of trailers": bytes.Replace(good, []byte("/Root 1 0 R"), []byte("/Root 1 0 R /Prev 9"), 1),
		"100,000 open brackets":        onePage("", "", bytes.Repeat([]byte("["), 100000)),
		"100,000 open dictionaries":    append([]byte("%PDF-1.4\n1 0 obj\n"), bytes.Repeat([]byte("<<"), 100000)...),
		"an unterminated hex string":   onePage("", "", []byte("BT /F1 10 Tf <41424344")),
		"100 filters":                  onePage("", "/Filter ["+strings.Repeat("/FlateDecode ", 100)+"]", []byte("x")),
		"a form that draws itself":     formLoop(),
		"a billion operators":          bomb(200 << 20),
	}
	damaged := 12
	if testing.Short() {
		damaged = 3
	}
	for i := range damaged {
		b := bytes.Clone(good)
		for j := 7 * i; j < len(b); j += 97 {
			b[j] ^= 1 << (i % 8)
		}
		papers[fmt.Sprint("flipped bits ", i)] = b
		papers[fmt.Sprint("cut at ", i)] = good[:len(good)*i/damaged]
	}
	r := reader(t)
	if err := r.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, files := heap(), openFiles(t)
	for name, paper := range papers {
		t.Run(name, func(t *testing.T) {
			pages, err := read(t, r, paper)
			named := errors.Is(err, document.ErrBroken) || errors.Is(err, document.ErrTooLarge) || errors.Is(err, document.ErrNoText) ||
				errors.Is(err, document.ErrTimeout) || errors.Is(err, document.ErrUnsupported) || errors.Is(err, document.ErrEncrypted)
			if (err == nil) != (len(pages) > 0) || err != nil && !named {
				t.Errorf("%d pages and %v", len(pages), err)
			}
			t.Log(len(pages), err)
		})
	}
	if got, err := read(t, r, good); err != nil || len(got) != 3 {
		t.Errorf("a good paper afterwards: %q, %v", got, err)
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("the parent's heap grew by %d MiB", grown>>20)
	}
	if now := openFiles(t); now > files {
		t.Errorf("%d files open, %d before", now, files)
	}
}

func formLoop() []byte {
	p := newPDF()
	p.object("<< /Type /Catalog /Pages 2 0 R >>")
	p.object("<< /Type /Pages /Count 1 /Kids [ 3 0 R ] >>")
	p.object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject << /F 5 0 R >> >> >>")
	p.stream("", []byte("/F Do"))
	p.stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /F 5 0 R >> >>", []byte(strings.Repeat("/F Do ", 50)))
	return p.finish("")
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func openFiles(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// broken fails in the middle of a paper.
type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("disk on fire")
	}
	return n, err
}

// What is not the paper's doing is not said of the paper.
func TestReadOtherFaults(t *testing.T) {
	t.Parallel()
	named := []error{document.ErrEncrypted, document.ErrBroken, document.ErrNoText, document.ErrTooLarge, document.ErrTimeout, document.ErrUnsupported}
	check := func(t *testing.T, err error, words string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want something about %q", err, words)
		}
		for _, n := range named {
			if errors.Is(err, n) {
				t.Errorf("%v is said of the paper", err)
			}
		}
	}
	paper := textPDF("one", "two")
	t.Run("input that cannot be read", func(t *testing.T) {
		t.Parallel()
		_, err := reader(t).Read(t.Context(), broken{bytes.NewReader(paper[:len(paper)-9])})
		check(t, err, "disk on fire")
	})
	t.Run("a cancelled context", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := reader(t).Read(ctx, bytes.NewReader(paper))
		if check(t, err, "cancel"); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("no such program", func(t *testing.T) {
		t.Parallel()
		_, err := (&document.Reader{Command: []string{filepath.Join(t.TempDir(), "none")}}).Read(t.Context(), bytes.NewReader(paper))
		check(t, err, "start")
	})
	t.Run("a program that is no reader", func(t *testing.T) {
		t.Parallel()
		r := reader(t)
		r.Command = append(r.Command, "-no-such-flag")
		_, err := r.Read(t.Context(), bytes.NewReader(paper))
		check(t, err, "no-such-flag")
	})
	t.Run("a cache that cannot be written", func(t *testing.T) {
		t.Parallel()
		r := reader(t)
		r.CacheDir = filepath.Join(os.Args[0], "below a file")
		_, err := r.Read(t.Context(), bytes.NewReader(paper))
		check(t, err, "cache")
	})
}

// Half an answer is none.
func TestReadHalfAnswer(t *testing.T) {
	t.Parallel()
	for _, end := range []string{``, `{"page":2,"te`, `{"page":3}`, `{"end":true,"pages":2}`, `nonsense`} {
		r := reader(t)
		r.Command = []string{r.Command[0], "break-off", end}
		if pages, err := read(t, r, textPDF("one")); !errors.Is(err, document.ErrBroken) || pages != nil {
			t.Errorf("after %q: %q, %v", end, pages, err)
		}
	}
	r := reader(t)
	r.Command = []string{r.Command[0], "break-off", `{"end":true,"pages":1}`}
	if pages, err := read(t, r, textPDF("one")); err != nil || len(pages) != 1 {
		t.Errorf("%q, %v", pages, err)
	}
}

// pdftotext must agree with PDFium where it is installed.
func TestReadPdftotext(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("SKIPPED: no pdftotext is installed to compare with")
	}
	words := func(pages []string) (w [][]string) {
		for _, p := range pages {
			w = append(w, strings.Fields(p))
		}
		return w
	}
	r := reader(t)
	paper := textPDF("Agenda", "", "Award of a contract worth £1.2m\nto a private company\nof good-\nwill")
	want, err := read(t, r, paper)
	if err != nil {
		t.Fatal(err)
	}
	r.Pdftotext = path
	got, err := read(t, r, paper)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(words(want), words(got)); diff != "" {
		t.Error(diff)
	}
	for name, tt := range map[string]struct {
		paper []byte
		want  error
	}{
		"cut":       {paper[:len(paper)/2], document.ErrBroken},
		"encrypted": {encryptedPDF(), document.ErrEncrypted},
		"too long":  {textPDF(strings.Split(strings.Repeat("x|", 2001), "|")...), document.ErrTooLarge},
	} {
		if _, err := read(t, r, tt.paper); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// BenchmarkRead reads a pack of 300 pages, the child's start included.
func BenchmarkRead(b *testing.B) {
	const pages = 300
	paper := longPDF(pages)
	r := reader(b)
	if err := r.Warm(b.Context()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if got, err := read(b, r, paper); err != nil || len(got) != pages {
			b.Fatal(len(got), err)
		}
	}
	b.ReportMetric(float64(pages*b.N)/b.Elapsed().Seconds(), "pages/s")
}
