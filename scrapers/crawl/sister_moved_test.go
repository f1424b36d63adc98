package crawl_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// paths answers by whole address; what it does not know is 404.
type paths struct {
	at    map[string]string // ">ADDRESS" is a redirect
	asked []string
}

func (s *paths) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r.URL.String())
	switch body, ok := s.at[r.URL.String()]; {
	case !ok:
		return answer(404, ""), nil
	case strings.HasPrefix(body, ">"):
		return answer(302, "", "Location", body[1:]), nil
	default:
		return answer(200, body), nil
	}
}

// Symptom: where a site sends only some of its pages to its other name, the rest
// were reported as missing for a day.
func TestAPageThatStaysUnderTheOldNameIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &paths{at: map[string]string{
			"https://board.example/list": ">https://www.board.example/list", "https://www.board.example/list": "follow https://board.example/old",
			"https://board.example/old": "item b Another",
		}}
		src := twinSource("https://board.example")
		c := crawl.Crawler{Fetch: &crawl.Fetcher{UserAgent: agent, Transport: s}}
		var seen store.Sighting
		_, err := c.Visit(t.Context(), src, crawl.Visit{Now: day}, func(x store.Sighting) error { seen = x; return nil })
		if err != nil || len(seen.Problems) > 0 || len(seen.Items) != 1 {
			t.Error(err, seen.Problems, seen.Items, s.asked)
		}
	})
}

// Symptom: a source that may ask one name of a site was sent to the other one,
// because another source had learned the way there.
func TestWhatOneSourceLearnsLeadsNoOtherToAHostThatIsNotIts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &paths{at: map[string]string{
			"https://papers.example/list": ">https://www.papers.example/list", "https://www.papers.example/list": "item a A meeting", "https://papers.example/a": "item b Another",
			"https://www.papers.example/a": "item b Another",
		}}
		f := &crawl.Fetcher{UserAgent: agent, Transport: s}
		if _, err := f.Get(t.Context(), twinSource("https://papers.example"), "https://papers.example/list", ""); err != nil {
			t.Fatal(err)
		}
		other := twinSource("https://board.example")
		other.Hosts = []string{"papers.example"}
		s.asked = nil
		if _, err := f.Get(t.Context(), other, "https://papers.example/a", ""); err != nil {
			t.Error(err)
		}
		for _, a := range s.asked {
			if strings.Contains(a, "www.papers") {
				t.Errorf("asked %q", s.asked)
			}
		}
	})
}
