package crawl

import (
	"context"
	"errors"
	"fmt"

	"ccgwatch/store"
)

// An Error is a failed request or an unreadable answer, with its reason.
type Error struct {
	Reason store.Reason
	URL    string
	Status int // HTTP status, 0 where there was none
	Err    error
}

func (e *Error) Error() string {
	s := string(e.Reason)
	if e.Status != 0 {
		s += fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	if e.URL != "" {
		s += " " + e.URL
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error; Parse functions use it to say that an answer is not
// what it should be.
func Errorf(reason store.Reason, format string, args ...any) error {
	return &Error{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// reasonOf gives the reason of any error: what carries none is a matter of format.
func reasonOf(err error) store.Reason {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Reason
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return store.ReasonStalled
	}
	return store.ReasonFormat
}
