package document_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"ccgwatch/scrapers/document"
)

// Every word that we take from real manuals is one that pdftotext takes, and the
// other way round, on at least 99 of 100 pages. The manuals are those of Debian
// packages (r-doc-pdf and whatever else is installed); on the 3,145 pages of
// r-doc-pdf, libtasn1-doc and shared-mime-info it was 99.14. What differs is
// formulas: signs that stand one above the other, radicals, and sums in a line of
// text. Manuals of mathematics and tables of fonts differ on more pages than 1 of
// 100 (of 8,153 pages of 45 other packages 95 in 100 are the same, of the 6,210 pages
// of those that are not full of formulas 98), so the bound is for those packages; other manuals are told
// of, and judge nothing. What peerWords leaves out of the comparison is said there.
func TestPromisePDFWords(t *testing.T) {
	poppler, err := exec.LookPath("pdftotext")
	manuals := manuals(t)
	if err != nil || len(manuals) == 0 {
		t.Skip("SKIPPED: no pdftotext (poppler-utils) or no manuals (r-doc-pdf) on this machine")
	}
	if os.Getenv("CCGWATCH_PROMISES") == "" && os.Getenv("CCGWATCH_SOAK") == "" {
		manuals = manuals[:min(2, len(manuals))] // the smallest
	}
	ours, theirs := reader(t), reader(t)
	theirs.Pdftotext = poppler
	for _, r := range []*document.Reader{ours, theirs} {
		r.MaxPages, r.CPU, r.Timeout = 5000, 2*time.Minute, 5*time.Minute
	}
	if err := ours.Warm(t.Context()); err != nil { // compiling is no part of reading
		t.Fatal(err)
	}
	pages, same, others, sameOthers := 0, 0, 0, 0
	took := map[*document.Reader]time.Duration{}
	for _, name := range manuals {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts := map[*document.Reader][]string{}
		for _, r := range []*document.Reader{ours, theirs} {
			begun := time.Now()
			if texts[r], err = r.Read(t.Context(), bytes.NewReader(data)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			took[r] += time.Since(begun)
		}
		if len(texts[ours]) != len(texts[theirs]) {
			t.Errorf("%s: %d pages, and pdftotext finds %d", name, len(texts[ours]), len(texts[theirs]))
			continue
		}
		judged := slices.ContainsFunc([]string{"/usr/share/R/", "/usr/share/doc/r-doc-pdf/", "/usr/share/doc/libtasn1-doc/", "/usr/share/doc/shared-mime-info/"},
			func(root string) bool { return strings.HasPrefix(name, root) })
		unlike := 0
		for i, text := range texts[ours] {
			// That a page is a picture is a word of ours, not of the page.
			a, b := peerWords(strings.TrimSuffix(text, document.PictureMark)), peerWords(texts[theirs][i])
			if slices.Equal(a, b) {
				continue
			}
			unlike++
			t.Logf("%s, page %d: only ours %q, only pdftotext's %q", filepath.Base(name), i+1, without(a, b), without(b, a))
		}
		t.Logf("%s: %d pages, %d unlike", filepath.Base(name), len(texts[ours]), unlike)
		if judged {
			pages, same = pages+len(texts[ours]), same+len(texts[ours])-unlike
		} else {
			others, sameOthers = others+len(texts[ours]), sameOthers+len(texts[ours])-unlike
		}
	}
	t.Logf("%d of %d pages have the same words (%.2f%%), of other manuals %d of %d; pages/s: %.0f here, %.0f with pdftotext",
		same, pages, 100*float64(same)/float64(max(pages, 1)), sameOthers, others, float64(pages+others)/took[ours].Seconds(), float64(pages+others)/took[theirs].Seconds())
	if same*100 < pages*99 && pages-same > 2 { // of few pages two may differ
		t.Errorf("the words of %d of %d pages differ", pages-same, pages)
	}
}

// manuals are the PDFs that Debian packages brought, each content once, the
// smallest first.
func manuals(tb testing.TB) []string {
	tb.Helper()
	sizes := map[int64]string{}
	for _, root := range []string{"/usr/share/R/doc/manual", "/usr/share/doc"} {
		_ = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(name) != ".pdf" {
				return nil //nolint:nilerr // a directory that cannot be read has no manuals for us
			}
			if info, err := os.Stat(name); err == nil && info.Size() > 0 {
				sizes[info.Size()] = name
			}
			return nil
		})
	}
	var names []string
	var order []int64
	for s := range sizes {
		order = append(order, s)
	}
	slices.Sort(order)
	for _, s := range order {
		names = append(names, sizes[s])
	}
	return names
}

// peerWords are the words of a page, sorted: what stands between white space,
// signs and all. Left out is where either reader may do as it likes:
//   - the form of characters (ligatures, wide and raised ones): NFKC;
//   - hyphens: at a line end pdftotext takes each away, and the line end with it;
//     we keep those that belong to the word. R's arrow "<-" loses its own so, and
//     what follows is joined to the "<", which therefore stands alone here;
//   - leaders, the dots between a heading and its page number: whether the
//     first of them touches the heading is no question of words.
func peerWords(page string) []string {
	page = norm.NFKC.String(page)
	page = leaders.ReplaceAllString(page, " ")
	page = hyphens.ReplaceAllString(strings.ReplaceAll(page, "<", " < "), "")
	w := strings.Fields(page)
	slices.Sort(w)
	return w
}

var (
	leaders = regexp.MustCompile(`\.?(?:\s\.){3,}(?:\s|$)|\.{4,}`)
	hyphens = regexp.MustCompile(`[-\x{2010}]\s*\n\s*|[-\x{2010}\x{2011}\x{AD}]`)
)

// without is what a has more than b, a few of it.
func without(a, b []string) []string {
	count := map[string]int{}
	for _, w := range b {
		count[w]++
	}
	var out []string
	for _, w := range a {
		if count[w]--; count[w] < 0 && len(out) < 8 {
			out = append(out, w)
		}
	}
	return out
}
