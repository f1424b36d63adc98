package main

import (
	"context"
	"io"
)

// heedful is the standard input for as long as the program is wanted. A read of a
// terminal ends with a line and with nothing else, so Ctrl-C at a question would be
// heard by nobody: here a read that waits when ctx ends gives ctx's error. What is
// typed after that is lost, and one read stays behind until the program is over.
type heedful struct {
	ctx context.Context
	r   io.Reader
}

func (s heedful) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if s.r == nil {
		return 0, io.EOF
	}
	type answer struct {
		n   int
		err error
	}
	own := make([]byte, len(p)) // a read that is left behind must not write into p
	came := make(chan answer, 1)
	go func() {
		n, err := s.r.Read(own)
		came <- answer{n, err}
	}()
	select {
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	case a := <-came:
		return copy(p, own[:a.n]), a.err //nolint:wrapcheck // io.EOF is compared
	}
}
