// Package document reads the text of papers, page by page: PDF, the documents of
// Word, Excel (a sheet is a page) and PowerPoint (a slide is one) since 2007, HTML
// (a section is a page), and zip archives of such papers, one after the other. A paper is foreign bytes, so a child process reads it, with bounds on its
// memory, its time and what it may open; the parent survives whatever a file
// does to the child.
//
// The child is the program itself with a hidden subcommand, whose body is Main.
// In it a PDF meets PDFium compiled to WebAssembly: a box without files or
// network inside a process without either. Only text is extracted; no script
// runs, no attachment or link is followed. Pages are rendered only where the
// operator switched text recognition on, and only those that are pictures.
//
// What comes out is tidied: lines end in "\n", words divided at a line end are
// joined, ligatures and odd spaces are written plainly. Text that a PDF draws
// invisibly, or hides under a box, cannot be told from the rest.
package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Why a paper could not be read. Errors of Read wrap one of these whenever it
// is the paper's doing; any other error is ours (a child that cannot be
// started, input that could not be read) or the context's.
var (
	ErrEncrypted   = errors.New("the paper is encrypted")
	ErrBroken      = errors.New("the paper is damaged")
	ErrNoText      = errors.New("the paper has pages but no text (scanned images?)")
	ErrTooLarge    = errors.New("the paper is too large to read")
	ErrTimeout     = errors.New("reading the paper took too long")
	ErrUnsupported = errors.New("not a PDF, Word, Excel, PowerPoint, HTML or zip file")
)

// What is written into the text of a page, on a line of its own, where the page
// alone would say less than is known of it. The package store has the same words.
const (
	PictureMark    = "[This page could not be read: it is a picture.]"
	FileMark       = "[File: "                        // begins the first page of a file of an archive; its name and "]" follow
	FileUnreadMark = "[This file could not be read: " // stands for its text; why, and "]" follow
	RecognisedMark = "[Recognised in a picture of the page: check it against the paper.]"
)

// Bounds that nobody has a reason to set.
const (
	maxInput = 100 << 20 // bytes of a paper
	maxText  = 64 << 20  // bytes of text of a paper
	// startup bounds what happens before the first foreign byte is looked at:
	// receiving the paper, and compiling PDFium where there is no cache yet.
	startup = 5 * time.Minute
)

// A Reader reads papers, each in a child process of its own. The zero value of
// every field but Command is good.
//
// Compiling PDFium takes about 3 CPU-seconds and 300 MiB on a desktop, and
// several times as long on a small board. The result (about 20 MB) is kept in
// CacheDir and loaded in 0.1 s from then on; without CacheDir every paper pays.
// Warm fills it. On 32-bit ARM there is no compiler, and reading is about 25
// times slower.
type Reader struct {
	// Command starts the child: a program and its first arguments. The child
	// must call Main with the arguments that follow.
	Command []string
	// CacheDir keeps compiled code between runs. It must be trusted as the
	// program itself is. "" keeps nothing.
	CacheDir string
	// Timeout is the most wall-clock time for a paper once the child is ready; 60 s if zero.
	Timeout time.Duration
	// CPU is the most processor time for a paper; 20 s if zero. Not enforced on Windows.
	CPU time.Duration
	// MemoryMiB bounds the child's memory while it reads a paper, in MiB; 512 if
	// zero. Compiling may take more.
	MemoryMiB int
	// MaxPages is how many pages a paper may have; 2000 if zero. A longer one
	// is ErrTooLarge: no paper is read in part.
	MaxPages int
	// Pdftotext is the path of an operator's pdftotext (poppler), which then
	// reads the PDFs in place of PDFium, within the same bounds. "" uses PDFium.
	Pdftotext string
	// Tesseract is the path of an operator's tesseract, which then reads the pages
	// of PDFs that are pictures; "" leaves them unread. It is slow: some seconds a
	// page.
	Tesseract string
	// TesseractPages is how many pages of a paper it reads; 60 if zero. The others
	// stay unread, and say so.
	TesseractPages int
	// TesseractTimeout is the most wall-clock time it has for a paper; 5 minutes
	// if zero.
	TesseractTimeout time.Duration
}

// Read returns the text of each page. A paper is read whole or not at all, but
// pages that are pictures have PictureMark in place of their text, and files of
// an archive that could not be read FileUnreadMark: they are not silent.
func (r *Reader) Read(ctx context.Context, in io.Reader) ([]string, error) {
	if r.Tesseract == "" {
		return r.run(ctx, in)
	}
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read the bytes of a paper: %w", err)
	}
	pages, err := r.run(ctx, bytes.NewReader(data))
	picture := func(p string) bool { return strings.Contains(p, PictureMark) }
	if !bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")) || !errors.Is(err, ErrNoText) && !slices.ContainsFunc(pages, picture) {
		return pages, err
	}
	long := *r
	long.Pdftotext = "" // cannot tell a picture from nothing
	long.Timeout, long.CPU = r.TesseractTimeout, max(r.CPU, time.Minute)
	if long.Timeout <= 0 {
		long.Timeout = 5 * time.Minute
	}
	most := r.TesseractPages
	if most <= 0 {
		most = 60
	}
	better, why := long.run(ctx, bytes.NewReader(data), "-tesseract", r.Tesseract, "-tesseract-pages", strconv.Itoa(most))
	if why != nil { // what was read without it stands
		return pages, err
	}
	return better, nil
}

// Warm compiles PDFium into CacheDir, so that the first paper need not wait.
func (r *Reader) Warm(ctx context.Context) error {
	_, err := r.run(ctx, nil, "-warm")
	return err
}

func (r *Reader) args() []string {
	or := func(v, standard int) string {
		if v <= 0 {
			v = standard
		}
		return strconv.Itoa(v)
	}
	return []string{
		"-memory", or(r.MemoryMiB, 512), "-cpu", or(int((r.CPU+time.Second-1)/time.Second), 20),
		"-pages", or(r.MaxPages, 2000), "-cache", r.CacheDir, "-pdftotext", r.Pdftotext,
	}
}

func (r *Reader) timeout() time.Duration {
	if r.Timeout > 0 {
		return r.Timeout
	}
	return time.Minute
}
