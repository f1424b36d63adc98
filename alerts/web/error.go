package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// A fault is an error with the page it becomes.
type fault struct {
	status      int
	title, text string
	retry       time.Duration // when to come again, for 503 and 429
	latest      uint64        // where the log ends, for programs
	err         error         // for the log alone
}

func (f *fault) Error() string {
	if f.err != nil {
		return f.err.Error()
	}
	return f.title
}

func (f *fault) Unwrap() error { return f.err }

// badRequest says what is wrong with an address or a form.
func badRequest(text string) error {
	return &fault{status: http.StatusBadRequest, title: "That does not work", text: text}
}

// handle makes a handler of a function that may fail. With methods, any other
// is refused; the function is not called then.
func (s *site) handle(f func(http.ResponseWriter, *http.Request) error, methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				s.fail(w, r, fmt.Errorf("panic: %v", p))
			}
		}()
		if len(methods) > 0 && !slices.Contains(methods, r.Method) {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			s.fail(w, r, &fault{status: http.StatusMethodNotAllowed, title: "Not that way", text: "Nothing here answers to that."})
			return
		}
		if err := f(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// page is handle for what anybody may read, a limited number at a time.
func (s *site) page(f func(http.ResponseWriter, *http.Request) error) http.Handler {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		select {
		case s.crowd <- struct{}{}:
			defer func() { <-s.crowd }()
			return f(w, r)
		default:
			return &fault{status: http.StatusServiceUnavailable, title: "Too many readers at once", text: "Please try again in a moment.", retry: 5 * time.Second}
		}
	}, http.MethodGet, http.MethodHead)
}

// faultOf is what an error is for whoever asked.
func faultOf(err error) *fault {
	var f *fault
	var large *http.MaxBytesError
	var hidden *store.WithheldError
	switch {
	case errors.As(err, &f):
	case errors.As(err, &hidden):
		f = withheld(hidden)
	case errors.Is(err, store.ErrNotFound):
		f = &fault{status: http.StatusNotFound, title: "Nothing here", text: "There is no such page, or what it showed is not kept any more."}
	case errors.As(err, &large):
		f = &fault{status: http.StatusRequestEntityTooLarge, title: "Too large", text: "Nothing here takes that much."}
	case errors.Is(err, context.Canceled):
		f = &fault{status: http.StatusServiceUnavailable, title: "Interrupted", text: "Please try again.", retry: 5 * time.Second}
	default:
		f = &fault{status: http.StatusInternalServerError, title: "Something broke", text: "It is our fault, and it has been written down for the people who run this.", err: err}
	}
	return f
}

// fail turns an error into its page. What went wrong inside goes to the log,
// never to the reader; tokens go nowhere.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := faultOf(err)
	if f.err != nil {
		s.Log.Error("pages", "method", r.Method, "path", masked(r.URL.Path), "status", f.status, "error", f.err)
	}
	setRetry(w, f.retry)
	w.Header().Set("X-Robots-Tag", "noindex, nofollow")
	if err := s.render(w, f.status, "error", view{Title: f.title, Private: true, Body: struct{ Text, Contact string }{f.text, s.Contact}}); err != nil {
		s.Log.Error("pages: the error page", "error", err)
		http.Error(w, f.title, f.status)
	}
}

// setRetry says when to come again, if there is anything to say.
func setRetry(w http.ResponseWriter, after time.Duration) {
	if after > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(int(after.Seconds())))
	}
}

// tokened is the beginning of a path that holds a token, "" for any other:
// unsubscribe, confirm, manage.
func tokened(path string) string {
	for _, p := range []string{"/u/", "/c/", "/m/"} {
		if strings.HasPrefix(path, p) {
			return p
		}
	}
	return ""
}

// personal tells of the pages that show what somebody typed about themselves.
func personal(path string) bool { return path == "/subscribe" || path == "/manage" }

// masked is a path that may stand in a log: the token of a mailed link is a
// credential.
func masked(path string) string {
	if p := tokened(path); p != "" {
		return p + "***"
	}
	if len(path) > 200 {
		return path[:200] + "..."
	}
	return path
}
