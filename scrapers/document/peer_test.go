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
	"unicode"
	"unicode/utf8"

	"ccgwatch/scrapers/document"
)

// The words we take from real manuals are those that pdftotext takes, on at
// least 99 of 100 pages: once as runs of four letters and more, once as all
// words, down to single letters and figures, where raised and lowered signs may
// be joined to their neighbours in another way. Order within a page and divided
// words are left out of the comparison: neither reader is the judge of the other
// there. The manuals
// are those of Debian packages (r-doc-pdf and whatever else is installed).
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
	pages, same, strict, signs := 0, 0, 0, 0
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
		unlike := 0
		for i, text := range texts[ours] {
			pages++
			switch x, y := allWords(text), allWords(texts[theirs][i]); {
			case slices.Equal(x, y):
				strict, signs = strict+1, signs+1
			case sameSigns(x, y):
				signs++
			default:
				t.Logf("%s, page %d, all words: only ours %q, only pdftotext's %q", filepath.Base(name), i+1, without(x, y), without(y, x))
			}
			a, b := words(text), words(texts[theirs][i])
			if slices.Equal(a, b) {
				same++
			} else if unlike++; unlike <= 2 {
				t.Logf("%s, page %d: only ours %q, only pdftotext's %q", filepath.Base(name), i+1, without(a, b), without(b, a))
			}
		}
		t.Logf("%s: %d pages, %d unlike", filepath.Base(name), len(texts[ours]), unlike)
	}
	t.Logf("%d of %d pages have the same words (%.2f%%); pages/s: %.0f here, %.0f with pdftotext",
		same, pages, 100*float64(same)/float64(pages), float64(pages)/took[ours].Seconds(), float64(pages)/took[theirs].Seconds())
	t.Logf("all words, down to single letters and figures: the same on %d of %d pages (%.2f%%); the same signs, raised and lowered ones joined otherwise: on %d (%.2f%%)",
		strict, pages, 100*float64(strict)/float64(pages), signs, 100*float64(signs)/float64(pages))
	if signs*100 < pages*99 && pages-signs > 2 {
		t.Errorf("the letters and figures of %d of %d pages differ", pages-signs, pages)
	}
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

// words of a page, sorted: runs of four letters and more. A hyphen neither
// joins nor parts anything, and shorter runs are what the two make differently
// of formulas and raised figures.
func words(page string) []string {
	page = regexp.MustCompile(`-\s*\n\s*|-`).ReplaceAllString(page, "")
	w := strings.FieldsFunc(page, func(r rune) bool { return !unicode.IsLetter(r) })
	w = slices.DeleteFunc(w, func(s string) bool { return utf8.RuneCountInString(s) < 4 })
	slices.Sort(w)
	return w
}

// allWords of a page, sorted: every run of letters and figures.
func allWords(page string) []string {
	page = regexp.MustCompile(`-\s*\n\s*|-`).ReplaceAllString(page, "")
	w := strings.FieldsFunc(page, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	slices.Sort(w)
	return w
}

// sameSigns tells whether the words that only one side has are written with the
// same letters and figures: the two differ in whether a raised or lowered sign
// belongs to the word beside it ("2 31" and "231", where the page has a power).
func sameSigns(a, b []string) bool {
	signs := func(a, b []string) []rune {
		count := map[string]int{}
		for _, w := range b {
			count[w]++
		}
		var out []rune
		for _, w := range a {
			if count[w]--; count[w] < 0 {
				out = append(out, []rune(w)...)
			}
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(signs(a, b), signs(b, a))
}

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
