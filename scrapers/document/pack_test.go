package document_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/document"
)

type file struct {
	name string
	data []byte
}

func zipped(tb testing.TB, files ...file) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.name)
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestReadZip(t *testing.T) {
	t.Parallel()
	agenda, report := textPDF("Agenda"), textPDF("Report, page one", "Report, page two")
	letter := docx(t, "word/document.xml", p("A letter"))
	tests := map[string]struct {
		files []file
		want  []string
		err   error
	}{
		"each file is a part, in the order of the archive": {
			files: []file{{"papers/", nil}, {"papers/01 Agenda.pdf", agenda}, {"papers/02 Report.pdf", report}, {"03 Letter.docx", letter}},
			want:  []string{"[File: 01 Agenda.pdf]\n\nAgenda", "[File: 02 Report.pdf]\n\nReport, page one", "Report, page two", "[File: 03 Letter.docx]\n\nA letter"},
		},
		"what systems add is no paper": {
			files: []file{{"__MACOSX/._Agenda.pdf", []byte("x")}, {".DS_Store", []byte("x")}, {"Thumbs.db", []byte("x")}, {"Agenda.pdf", agenda}},
			want:  []string{"[File: Agenda.pdf]\n\nAgenda"},
		},
		"a file that cannot be read is said": {
			files: []file{{"Agenda.pdf", agenda}, {"Broken.pdf", []byte("%PDF-1.7 and nothing")}, {"Old.doc", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old")}, {"Photo.jpg", []byte("\xff\xd8\xff")}},
			want: []string{
				"[File: Agenda.pdf]\n\nAgenda",
				"[File: Broken.pdf]\n\n[This file could not be read: is damaged",
				"[File: Old.doc]\n\n[This file could not be read: not a PDF",
				"[File: Photo.jpg]\n\n[This file could not be read: not a PDF",
			},
		},
		"an archive in an archive is not opened": {
			files: []file{{"Agenda.pdf", agenda}, {"more.zip", zipped(t, file{"Report.pdf", report})}},
			want:  []string{"[File: Agenda.pdf]\n\nAgenda", "[File: more.zip]\n\n[This file could not be read: not a PDF"},
		},
		"a name out of the archive stays a name": {
			files: []file{{"../../etc/[x]\nAgenda.pdf", agenda}},
			want:  []string{"[File: x  Agenda.pdf]\n\nAgenda"},
		},
		"nothing in it":      {err: document.ErrUnsupported},
		"nothing to be read": {files: []file{{"a.pdf", []byte("%PDF-1.7")}, {"b.pdf", []byte("%PDF-1.7")}}, err: document.ErrBroken},
		"a bomb":             {files: []file{{"Agenda.pdf", agenda}, {"bomb.pdf", append([]byte("%PDF-1.7"), make([]byte, 40<<20)...)}}, err: document.ErrTooLarge},
		"too many files":     {files: slicesOf(501, file{"a.txt", []byte("x")}), err: document.ErrTooLarge},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := read(t, reader(t), zipped(t, tt.files...))
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Fatalf("%q, %v; want %v", got, err, tt.err)
			}
			if len(got) != len(tt.want) {
				t.Fatalf("%d pages %q, want %q", len(got), got, tt.want)
			}
			for i := range got {
				if got[i] != tt.want[i] && (!strings.Contains(tt.want[i], document.FileUnreadMark) || !strings.HasPrefix(got[i], tt.want[i])) {
					t.Errorf("page %d: %q, want %q", i+1, got[i], tt.want[i])
				}
			}
		})
	}
}

func slicesOf(n int, f file) []file {
	out := make([]file, n)
	for i := range out {
		out[i] = f
	}
	return out
}

func TestReadHTML(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		paper string
		want  []string
		err   error
	}{
		"the main content, a section a page": {
			paper: `<!DOCTYPE html><html><head><title>x</title><style>p{}</style></head><body><nav>Home</nav><header>Council</header>
				<main><h1>Report</h1><p>The board is asked
				to <b>approve</b>.</p><h2>Cost</h2><ul><li>One</li><li>Two</li></ul><table><tr><td>a</td><td>b</td></tr></table><script>x()</script></main><footer>Cookies</footer></body></html>`,
			want: []string{"Report\n\nThe board is asked to approve.", "Cost\n\n• One\n\n• Two\n\na\tb"},
		},
		"without a main element": {
			paper: `<html><body><div role="navigation">Home</div><div><p>All of it.</p></div><p hidden>not this</p></body></html>`,
			want:  []string{"All of it."},
		},
		"an old encoding": {
			paper: "<html><head><meta charset=windows-1252></head><body><p>\xa31.2m \x96 the Board\x92s</p></body></html>",
			want:  []string{"£1.2m – the Board’s"},
		},
		"nothing to read": {paper: `<html><body><img src=x></body></html>`, err: document.ErrBroken},
		"too deep":        {paper: "<html><body>" + strings.Repeat("<b><div>", 600) + "x", err: document.ErrBroken},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := read(t, reader(t), []byte(tt.paper))
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Fatalf("%q, %v; want %v", got, err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
