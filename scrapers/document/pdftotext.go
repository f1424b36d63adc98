package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// runPdftotext lets the operator's pdftotext read a PDF. It inherits our
// limits, and dies with our process group.
func (c *child) runPdftotext(data []byte) ([]string, error) {
	if err := c.ready(64); err != nil {
		return nil, err
	}
	said := &head{room: 2048}
	text := &bounded{most: maxText}
	last := strconv.Itoa(c.pages + 1)
	cmd := exec.CommandContext(context.Background(), c.pdftotext, "-enc", "UTF-8", "-eol", "unix", "-l", last, "-", "-") //nolint:gosec // the operator's path
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(data), text, said
	cmd.Env = []string{"LC_ALL=C"}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start pdftotext: %w", err)
	}
	limited := limitMemory(cmd.Process.Pid, c.memory)
	err := cmd.Wait()
	var exit *exec.ExitError
	switch {
	case text.full:
		return nil, fmt.Errorf("%w: more than %d MiB of text", ErrTooLarge, maxText>>20)
	case err == nil:
	case !errors.As(err, &exit): // not the paper's doing
		return nil, fmt.Errorf("pdftotext: %w", errors.Join(err, limited))
	case strings.Contains(said.String(), "Incorrect password"), exit.ExitCode() == 3:
		return nil, fmt.Errorf("%w: it asks for a password", ErrEncrypted)
	case strings.Contains(said.String(), "Out of memory"):
		return nil, fmt.Errorf("%w: it takes more than %d MiB of memory", ErrTooLarge, c.memory)
	case exit.UserTime()+exit.SystemTime() >= c.cpuTime():
		return nil, fmt.Errorf("%w: more than %s of processor time", ErrTimeout, c.cpuTime())
	default:
		return nil, fmt.Errorf("%w: pdftotext: %w", ErrBroken, err)
	}
	pages := strings.Split(text.String(), "\f")
	if n := len(pages); pages[n-1] == "" { // every page ends in a form feed
		pages = pages[:n-1]
	}
	if len(pages) > c.pages {
		return nil, fmt.Errorf("%w: more than %d pages", ErrTooLarge, c.pages)
	}
	return pages, nil
}

// bounded is a buffer that refuses to grow beyond its most.
type bounded struct {
	bytes.Buffer
	most int
	full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.full = b.full || b.Len()+len(p) > b.most; b.full {
		return 0, errors.New("too much text")
	}
	return b.Buffer.Write(p)
}
