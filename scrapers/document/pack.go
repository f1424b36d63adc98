package document

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Bounds of an archive of papers.
const (
	maxFiles  = 500       // papers in it
	maxUnpack = 200 << 20 // bytes of all of them, expanded
)

// readZip reads what begins as a zip archive: an office document, or an archive
// of papers, each of which is read as if it came alone. An archive within the
// archive is not opened.
func (c *child) readZip(data []byte) ([]string, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Name == "[Content_Types].xml" }) {
		if err := c.ready(0); err != nil {
			return nil, err
		}
		return readOffice(data, c.pages) // which says what is wrong with it
	}
	files := slices.DeleteFunc(z.File, func(f *zip.File) bool { return notPaper(f.Name) })
	var b *box
	if slices.ContainsFunc(files, func(f *zip.File) bool { return strings.EqualFold(path.Ext(f.Name), ".pdf") }) {
		if b, err = newPDFium(c.cache, c.memory); err != nil {
			return nil, err
		}
	}
	if err := c.ready(0); err != nil {
		return nil, err
	}
	switch {
	case len(files) == 0:
		return nil, fmt.Errorf("%w: an archive without papers", ErrUnsupported)
	case len(files) > maxFiles:
		return nil, fmt.Errorf("%w: an archive of %d files", ErrTooLarge, len(files))
	}
	return c.readFiles(b, files)
}

// readFiles reads the files of an archive, one after the other. It fails where
// the archive is meant to hurt, or none of them can be read.
func (c *child) readFiles(b *box, files []*zip.File) (pages []string, err error) {
	room, read := int64(maxUnpack), 0
	var why error
	for _, f := range files {
		data, err := unpack(f, &room)
		var got []string
		if err == nil {
			got, err = c.readFile(b, data, c.pages-len(pages))
		}
		switch {
		case errors.Is(err, errBomb):
			return nil, err
		case err != nil:
			why = err
			got = []string{FileUnreadMark + strings.TrimPrefix(err.Error(), "the paper ") + "]"}
		default:
			read++
		}
		if len(got) > 0 {
			got[0] = FileMark + fileName(f.Name) + "]\n\n" + got[0]
		}
		if pages = append(pages, got...); len(pages) > c.pages {
			return nil, tooManyPages(len(pages), c.pages)
		}
	}
	if read == 0 {
		return nil, fmt.Errorf("%w (and so is every file of the archive)", why)
	}
	return pages, nil
}

var errBomb = fmt.Errorf("%w: the archive expands beyond measure", ErrTooLarge)

// unpack expands a file within bounds.
func unpack(f *zip.File, room *int64) ([]byte, error) {
	if f.Flags&1 != 0 {
		return nil, fmt.Errorf("%w: an archive with a password", ErrEncrypted)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	defer r.Close()
	most := min(*room, maxInput, max(1<<20, int64(min(f.CompressedSize64, maxInput))*maxRatio))
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	*room -= int64(len(data))
	switch {
	case int64(len(data)) > most:
		return nil, errBomb
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return data, nil
}

// readFile reads one file of an archive by its first bytes.
func (c *child) readFile(b *box, data []byte, most int) (pages []string, err error) {
	switch {
	case isPDF(data) && (b == nil || b.dead):
		return nil, fmt.Errorf("%w: the reader of PDFs is not there any more", ErrBroken)
	case isPDF(data):
		pages, err = b.read(data, most, nil)
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		pages, err = readOffice(data, most)
	case bytes.HasPrefix(data, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
		return nil, oldOffice(data)
	case isHTML(data):
		pages, err = readHTML(data, most)
	default:
		return nil, fmt.Errorf("%w: it starts like none of them", ErrUnsupported)
	}
	if err != nil {
		return nil, err
	}
	return finish(pages)
}

// notPaper knows the directories and what systems put into archives unasked.
func notPaper(name string) bool {
	base := strings.ToLower(path.Base(name))
	return strings.HasSuffix(name, "/") || strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(base, ".") || base == "thumbs.db" || base == "desktop.ini"
}

// fileName is a file's name on one line, without the way to it.
func fileName(name string) string {
	name = strings.ToValidUTF8(path.Base(strings.ReplaceAll(name, "\\", "/")), "?")
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == '[' || r == ']' {
			return ' '
		}
		return r
	}, name)
	return strings.TrimSpace(string([]rune(name)[:min(len([]rune(name)), 150)]))
}
