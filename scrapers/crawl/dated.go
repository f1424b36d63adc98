package crawl

import (
	"net/http"
	"time"
)

// dated passes the Date of each answer on.
type dated struct {
	next http.RoundTripper
	tell func(time.Time)
}

func (d dated) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		d.tell(at)
	}
	return resp, nil
}
