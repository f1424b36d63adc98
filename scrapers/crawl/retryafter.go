package crawl

import (
	"net/http"
	"strings"
	"time"
)

// retryAfter reads Retry-After (RFC 9110, 10.2.3): seconds or an HTTP date,
// the date by the server's own clock where it sends one. Of several values the
// longest counts. What is negative or unreadable says nothing (false); a date
// gone by asks for no wait, a number too large to count for a century.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	var longest time.Duration
	told := false
	for _, v := range h.Values("Retry-After") {
		d, ok := parseRetryAfter(strings.TrimSpace(v), h.Get("Date"), now)
		if ok {
			longest, told = max(longest, d), true
		}
	}
	return longest, told
}

const century = 100 * 365 * 24 * time.Hour

func parseRetryAfter(v, date string, now time.Time) (time.Duration, bool) {
	if v == "" {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(v, ".") // "1.5" is not allowed, and is sent
	if whole != "" && digits(whole) && digits(fraction) {
		var s int64
		for _, c := range whole {
			if s = s*10 + int64(c-'0'); s >= int64(century/time.Second) {
				return century, true
			}
		}
		if strings.Trim(fraction, "0") != "" {
			s++
		}
		return time.Duration(s) * time.Second, true
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	if server, err := http.ParseTime(date); err == nil {
		now = server
	}
	return min(max(0, at.Sub(now)), century), true
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }
