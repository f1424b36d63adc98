package store

import (
	"fmt"
	"strings"
	"unicode"
)

// What the reader of papers writes into the text of a page, each on a line of
// its own, where the page alone would say less than we know of it. They are
// words, so that they mean the same wherever the text turns up.
const (
	// PictureMark stands on a page that is a picture, or of text that is none.
	PictureMark = "[This page could not be read: it is a picture.]"
	// FileMark begins the first page of each file of an archive of papers; its
	// name and "]" follow.
	FileMark = "[File: "
	// FileUnreadMark stands in place of the text of a file of an archive; why, and
	// "]" follow.
	FileUnreadMark = "[This file could not be read: "
	// RecognisedMark stands on a page whose text was recognised in its picture.
	RecognisedMark = "[Recognised in a picture of the page: check it against the paper.]"
)

// Unreadable are the pages, 1 the first, whose text could not be read: pictures,
// files that could not be opened, and text that is no words, as fonts without
// their table give it. A page without anything on it is not among them.
func Unreadable(pages []string) []int {
	var out []int
	for i, p := range pages {
		if strings.Contains(p, PictureMark) || strings.Contains(p, FileUnreadMark) || garbled(p) {
			out = append(out, i+1)
		}
	}
	return out
}

// Recognised tells whether the text of a page was recognised in its picture.
func Recognised(page string) bool { return strings.Contains(page, RecognisedMark) }

// garbled tells a page whose characters are no text: too many that stand for
// none, or letters that make no words. Tables of figures are text.
func garbled(page string) bool {
	letters, figures, odd, other := 0, 0, 0, 0
	for _, r := range page {
		switch {
		case r == '\uFFFD', unicode.Is(unicode.Co, r), unicode.Is(unicode.Cn, r) && r > 0x7f:
			odd++
		case unicode.IsLetter(r):
			letters++
		case unicode.IsDigit(r):
			figures++
		case !unicode.IsSpace(r):
			other++
		}
	}
	all := letters + figures + odd + other
	if all < 80 {
		return odd > all/4
	}
	if odd*20 > all {
		return true
	}
	return letters+figures < all/2 && !leaders(page) || letters*2 > all && !wordy(page)
}

// leaders tells a page of dots or dashes: a table of contents, a form.
func leaders(page string) bool {
	return strings.Count(page, ".")+strings.Count(page, "_")+strings.Count(page, "-")+strings.Count(page, "…")+strings.Count(page, "•") > len(page)/5
}

// wordy tells whether the letters of a page make words of some language that is
// written with vowels, at least half of the time. Short words count for nothing.
func wordy(page string) bool {
	words, good := 0, 0
	for _, w := range strings.FieldsFunc(page, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && r != '’' }) {
		runes := []rune(w)
		if len(runes) < 4 {
			continue
		}
		words++
		vowels, upper := 0, 0
		latin := true
		for _, r := range runes {
			if strings.ContainsRune("aeiouyàáâäèéêëìíîïòóôöùúûüŵŷ", unicode.ToLower(r)) {
				vowels++
			}
			if unicode.IsUpper(r) {
				upper++
			}
			latin = latin && unicode.Is(unicode.Latin, r)
		}
		mixed := upper > 1 && upper < len(runes) && !unicode.IsUpper(runes[0])
		if !latin || vowels*6 >= len(runes) && vowels*6 <= len(runes)*5 && !mixed && len(runes) <= 24 {
			good++
		}
	}
	return words < 12 || good*2 >= words
}

// PageList writes pages as "3, 7-9".
func PageList(pages []int) string {
	var out []string
	for i := 0; i < len(pages); {
		j := i
		for j+1 < len(pages) && pages[j+1] == pages[j]+1 {
			j++
		}
		if j > i {
			out = append(out, fmt.Sprintf("%d-%d", pages[i], pages[j]))
		} else {
			out = append(out, fmt.Sprint(pages[i]))
		}
		i = j + 1
	}
	return strings.Join(out, ", ")
}

// A PaperFile is a file of an archive of papers.
type PaperFile struct {
	Name string
	Page int // of the archive, on which it begins; 1 is the first
}

// Files are the files of an archive of papers, by its pages; of any other paper
// there are none.
func Files(pages []string) []PaperFile {
	var out []PaperFile
	for i, p := range pages {
		line, _, _ := strings.Cut(p, "\n")
		if name, ok := strings.CutPrefix(line, FileMark); ok && (i == 0 || len(out) > 0) {
			out = append(out, PaperFile{Name: strings.TrimSuffix(name, "]"), Page: i + 1})
		}
	}
	return out
}
