package crawl

import "testing"

// A web page is taken for a paper only where its address says so, and never one
// that stands in for something else.
func TestAWebPageThatIsAPaper(t *testing.T) {
	const good = "<!DOCTYPE html><html><head><title>Report of the director</title>"
	for _, tt := range []struct {
		head, address string
		ok            bool
	}{
		{good, "https://a.example/papers/report.html", true},
		{good, "https://a.example/papers/Report.HTM?x=1", true},
		{good, "https://a.example/papers/report.pdf", false},
		{good, "https://a.example/papers/report", false},
		{good, "https://a.example/documents/s123.pdf?x=.html", false},
		{"<html><title>Page not found</title>", "https://a.example/report.html", false},
		{"<html><title>404</title>", "https://a.example/report.html", false},
		{"<html><title>Please sign in</title>", "https://a.example/report.html", false},
		{"<html><title>Site maintenance</title>", "https://a.example/report.html", false},
		{"<html><body>Just a page", "https://a.example/report.html", false},
	} {
		if err := looksLikePaper([]byte(tt.head), tt.address); (err == nil) != tt.ok {
			t.Errorf("%s at %s: %v", tt.head, tt.address, err)
		}
	}
	if !hasEnd([]byte(good), []byte("</body></HTML>\n")) || hasEnd([]byte(good), []byte("<p>half a pa")) {
		t.Error("a web page ends with its last tag")
	}
}
