package feeds

import (
	"os"
	"path/filepath"
	"testing"

	"ccgwatch/scrapers/crawl"
)

// The shape of a real ModernGov feed, where it is at hand: a decision that stands
// in it twice is one.
func TestRecordedModernGovFeed(t *testing.T) {
	dir := os.Getenv("CCGWATCH_SHARED")
	if dir == "" {
		dir = "../../../shared"
	}
	b, err := os.ReadFile(filepath.Join(dir, "data", "councils", "rss", "gmca_mgRss_fixture.xml"))
	if err != nil {
		t.Skipf("SKIPPED, NOT CHECKED: %v", err)
	}
	p, err := crawl.NewPage("https://democracy.greatermanchester-ca.gov.uk/mgRss.aspx", nil, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := newReader().feed(p, crawl.Visit{Now: now()}); err != nil || len(p.Items()) != 3 {
		t.Errorf("%d items, %v", len(p.Items()), err)
	}
}
