package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// A child is the reading process: its bounds and where it answers.
type child struct {
	memory, cpu, pages int
	cache, pdftotext   string
	tesseract          string
	recognise          int // most pages for it
	out                *json.Encoder
}

// Main is the body of the child: the hidden subcommand calls it with the
// arguments that follow its name, the paper comes on stdin and the answer goes
// to stdout. It lowers the limits of its process for good. The result is the
// exit code; what is wrong with a paper is an answer, and 0.
func Main(args []string, stdin io.Reader, stdout io.Writer) int {
	c := child{out: json.NewEncoder(stdout)}
	c.out.SetEscapeHTML(false)
	flags := flag.NewFlagSet("read-document", flag.ContinueOnError)
	flags.IntVar(&c.memory, "memory", 512, "most memory in `MiB`")
	flags.IntVar(&c.cpu, "cpu", 20, "most processor `seconds`")
	flags.IntVar(&c.pages, "pages", 2000, "most pages")
	flags.StringVar(&c.cache, "cache", "", "`directory` of compiled code")
	flags.StringVar(&c.pdftotext, "pdftotext", "", "`path` of a pdftotext to use")
	flags.StringVar(&c.tesseract, "tesseract", "", "`path` of a tesseract for pages that are pictures")
	flags.IntVar(&c.recognise, "tesseract-pages", 60, "most `pages` for it")
	warm := flags.Bool("warm", false, "only fill the cache")
	if flags.Parse(args) != nil || flags.NArg() > 0 {
		return 2
	}
	var pages []string
	var err error
	if *warm {
		err = c.warm()
	} else {
		pages, err = c.read(stdin)
	}
	return c.answer(pages, err)
}

func (c *child) answer(pages []string, err error) int {
	end := record{End: true}
	if err != nil {
		end.Fault, end.Why = "failed", err.Error()
		for name, fault := range faults() {
			if errors.Is(err, fault) {
				end.Fault, end.Why = name, strings.TrimPrefix(strings.TrimPrefix(err.Error(), fault.Error()), ": ")
			}
		}
		pages = nil
	}
	end.Pages = len(pages)
	for i, text := range pages {
		if c.out.Encode(record{Page: i + 1, Text: text}) != nil {
			return 1
		}
	}
	if c.out.Encode(end) != nil {
		return 1
	}
	return 0
}

// ready tells the parent that the paper's own time begins, and lowers the limits.
func (c *child) ready(files int) error {
	if err := lowerLimits(c.memory, c.cpu, files); err != nil {
		return fmt.Errorf("lower the limits: %w", err)
	}
	return c.out.Encode(record{Ready: true})
}

func (c *child) cpuTime() time.Duration { return time.Duration(c.cpu) * time.Second }

// warm compiles and ends.
func (c *child) warm() error {
	p, err := newPDFium(c.cache, c.memory)
	if err != nil {
		return err
	}
	return p.close()
}

// read receives the paper and reads it by what its first bytes say it is.
func (c *child) read(stdin io.Reader) (pages []string, err error) {
	data, err := io.ReadAll(io.LimitReader(stdin, maxInput+1))
	if err != nil {
		return nil, err
	}
	switch {
	case len(data) > maxInput:
		return nil, fmt.Errorf("%w: more than %d MiB", ErrTooLarge, maxInput>>20)
	case len(data) == 0:
		return nil, fmt.Errorf("%w: the file is empty", ErrBroken)
	}
	start := data[:min(len(data), 1024)]
	switch {
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		pages, err = c.readZip(data)
	case bytes.HasPrefix(start, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
		return nil, oldOffice(data)
	case isPDF(data):
		if c.pdftotext != "" {
			pages, err = c.runPdftotext(data)
		} else {
			pages, err = c.runPDFium(data)
		}
	case isHTML(data):
		if err = c.ready(0); err == nil {
			pages, err = readHTML(data, c.pages)
		}
	default:
		return nil, fmt.Errorf("%w: it starts like none of them", ErrUnsupported)
	}
	if err != nil {
		return nil, err
	}
	return finish(pages)
}

// finish tidies the pages and refuses what has none or no text.
func finish(pages []string) ([]string, error) {
	pages = tidy(pages)
	size, said := 0, 0
	for _, p := range pages {
		size += len(p)
		said += len(p) - marks(p)
	}
	switch {
	case size > maxText:
		return nil, fmt.Errorf("%w: more than %d MiB of text", ErrTooLarge, maxText>>20)
	case len(pages) == 0:
		return nil, fmt.Errorf("%w: it has no pages", ErrBroken)
	case said <= 0:
		return nil, fmt.Errorf("%w: %d pages", ErrNoText, len(pages))
	}
	return pages, nil
}

// marks is how much of a page is our own words, and the line ends about them.
func marks(page string) int {
	n := 0
	for line := range strings.Lines(page) {
		switch l := strings.TrimSpace(line); {
		case l == PictureMark, l == RecognisedMark, l == "", strings.HasPrefix(l, FileMark), strings.HasPrefix(l, FileUnreadMark):
			n += len(line)
		}
	}
	return n
}

func isPDF(data []byte) bool { return bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")) }

// oldOffice says what stands in a compound file: Word before 2007, or an
// encrypted modern document.
func oldOffice(data []byte) error {
	if bytes.Contains(data, []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00")) {
		return fmt.Errorf("%w: an office document with a password", ErrEncrypted)
	}
	return fmt.Errorf("%w: the old binary format of Word or Excel", ErrUnsupported)
}

// tooManyPages is the error for a paper longer than we read.
func tooManyPages(n, most int) error {
	return fmt.Errorf("%w: %d pages, and the most we read is %d", ErrTooLarge, n, most)
}
