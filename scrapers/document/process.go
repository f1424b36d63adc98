package document

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// A record is one line of the child's answer: first ready, then a record for
// each page, then the end. What breaks off before the end is worth nothing.
type record struct {
	Ready bool   `json:"ready,omitempty"` // everything before the first look at the paper is done
	Page  int    `json:"page,omitempty"`  // 1 is the first
	Text  string `json:"text,omitempty"`
	End   bool   `json:"end,omitempty"`
	Pages int    `json:"pages,omitempty"` // at the end: how many there were
	Fault string `json:"fault,omitempty"` // at the end: a name of faults()
	Why   string `json:"why,omitempty"`
}

// faults gives the errors their names in the child's answer.
func faults() map[string]error {
	return map[string]error{
		"encrypted": ErrEncrypted, "broken": ErrBroken, "no text": ErrNoText,
		"too large": ErrTooLarge, "timeout": ErrTimeout, "unsupported": ErrUnsupported,
	}
}

// answer is what a child said.
type answer struct {
	ready bool
	pages []string
	end   *record
	wrong error // its answer makes no sense
}

// receive reads a child's answer to its end.
func receive(r io.Reader, ready func()) (a answer) {
	d := json.NewDecoder(r)
	size := 0
	for a.end == nil {
		var rec record
		if err := d.Decode(&rec); err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				a.wrong = err
			}
			return a
		}
		size += len(rec.Text)
		switch {
		case rec.Ready:
			a.ready = true
			ready()
		case rec.End && rec.Fault == "" && rec.Pages != len(a.pages), !rec.End && rec.Page != len(a.pages)+1, size > maxText:
			a.wrong = fmt.Errorf("unexpected record after page %d", len(a.pages))
			return a
		case rec.End:
			a.end = &rec
		default:
			a.pages = append(a.pages, rec.Text)
		}
	}
	return a
}

// result is the meaning of a complete answer.
func (a answer) result() ([]string, error) {
	if a.end.Fault == "" {
		return a.pages, nil
	}
	err := faults()[a.end.Fault]
	switch {
	case err == nil:
		return nil, fmt.Errorf("read a paper: %s: %s", a.end.Fault, a.end.Why)
	case a.end.Why == "":
		return nil, err
	}
	return nil, fmt.Errorf("%w: %s", err, a.end.Why)
}

// run starts a child, feeds it and takes its answer.
func (r *Reader) run(outer context.Context, in io.Reader, more ...string) ([]string, error) {
	if len(r.Command) == 0 {
		return nil, errors.New("read a paper: no command is set")
	}
	ctx, cancel := context.WithCancelCause(outer)
	defer cancel(nil)
	source := &input{r: in}
	fault := &head{room: 2048}
	args := append(append(append([]string{}, r.Command[1:]...), r.args()...), more...)
	cmd := exec.CommandContext(ctx, r.Command[0], args...) //nolint:gosec // our own program, as the caller says
	if in != nil {
		cmd.Stdin = source
	}
	cmd.Stderr = fault
	cmd.Env = []string{} // nothing of ours is a paper's business
	cmd.WaitDelay = 5 * time.Second
	endGroup(cmd)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("read a paper: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the reading process: %w", err)
	}
	clock := time.AfterFunc(startup, func() { cancel(ErrTimeout) })
	got := receive(io.LimitReader(stdout, 4*maxText), func() { clock.Reset(r.timeout()) })
	if got.wrong != nil {
		cancel(got.wrong)
	}
	waited := cmd.Wait()
	clock.Stop()
	switch {
	case outer.Err() != nil:
		return nil, fmt.Errorf("read a paper: %w", context.Cause(outer))
	case source.err != nil:
		return nil, fmt.Errorf("read the bytes of a paper: %w", source.err)
	case got.end != nil:
		return got.result()
	case errors.Is(context.Cause(ctx), ErrTimeout):
		return nil, fmt.Errorf("%w: more than %s", ErrTimeout, r.timeout())
	}
	return nil, r.death(cmd, got, waited, fault.String())
}

// death finds out why a child ended without a proper answer.
func (r *Reader) death(cmd *exec.Cmd, got answer, waited error, said string) error {
	limit := r.CPU
	if limit <= 0 {
		limit = 20 * time.Second
	}
	first, _, _ := strings.Cut(said, "\n")
	if first == "" && waited != nil {
		first = waited.Error()
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	switch {
	case got.wrong != nil:
		return fmt.Errorf("%w: the reading process answered nonsense: %w", ErrBroken, got.wrong)
	case !got.ready: // it saw nothing of the paper yet
		return fmt.Errorf("the reading process failed: %s", first)
	case outOfMemory(said):
		return fmt.Errorf("%w: it takes too much memory", ErrTooLarge)
	case used >= limit:
		return fmt.Errorf("%w: more than %s of processor time", ErrTimeout, limit)
	}
	return fmt.Errorf("%w: the reading process ended on it: %s", ErrBroken, first)
}

// outOfMemory tells from a dying Go program's words whether memory was what it lacked.
func outOfMemory(said string) bool {
	for _, s := range []string{"out of memory", "cannot allocate memory", "failed to reserve memory", "failed to map", "ulimit"} {
		if strings.Contains(said, s) {
			return true
		}
	}
	return false
}

// input remembers that reading failed: what the child then saw is not the paper.
type input struct {
	r   io.Reader
	err error // set before the child is waited for
}

func (i *input) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		i.err = err
	}
	return n, err
}

// head keeps the beginning of what is written to it.
type head struct {
	strings.Builder
	room int
}

func (h *head) Write(p []byte) (int, error) {
	n := min(len(p), h.room)
	h.room -= n
	h.Builder.Write(p[:n])
	return len(p), nil
}
