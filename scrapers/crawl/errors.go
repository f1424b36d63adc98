package crawl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"ccgwatch/store"
)

// An Error is a failed request or an unreadable answer, with its reason.
type Error struct {
	Reason store.Reason
	URL    string
	Status int // HTTP status, 0 where there was none
	Err    error
}

// Error begins with the reason; status, address and cause follow where known.
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

// Unwrap is the cause, nil where there is none but the reason.
func (e *Error) Unwrap() error { return e.Err }

// Why is the reason, for those who know errors but not this package.
func (e *Error) Why() store.Reason { return e.Reason }

// Errorf makes an Error; Parse functions use it to say that an answer is not
// what it should be.
func Errorf(reason store.Reason, format string, args ...any) error {
	return &Error{Reason: reason, Err: fmt.Errorf(format, args...)}
}

// ReasonOf gives the reason of any error of this package: what carries none is
// a matter of format.
func ReasonOf(err error) store.Reason {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Reason
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return store.ReasonStalled
	}
	return store.ReasonFormat
}

// DiskFault tells whether an error is that of our own disk (full, over quota,
// not to be written to), which says nothing about a source.
func DiskFault(err error) bool {
	for _, fault := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		if errors.Is(err, fault) {
			return true
		}
	}
	return false
}

// withURL names the address asked for in an error that has none yet.
func withURL(err error, address string) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	named := *e // errors of robots.txt are remembered and shared
	if named.URL == "" {
		named.URL = clip(address, 500)
	}
	return &named
}

// failure gives what a request failed with its reason. ctx is the request's
// own: if it ended, its cause is the failure.
func failure(ctx context.Context, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if ctx.Err() != nil {
		return &Error{Reason: store.ReasonNetwork, Err: context.Cause(ctx)}
	}
	switch s := err.Error(); {
	case strings.Contains(s, "server response headers exceeded"):
		return &Error{Reason: store.ReasonTooLarge, Err: errors.New("headers of more than 64 KiB")}
	case strings.Contains(s, "failed to parse Location header"):
		return Errorf(store.ReasonFormat, "a redirect to what is no address")
	}
	return &Error{Reason: store.ReasonNetwork, Err: err}
}
