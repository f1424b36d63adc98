package crawl_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// A pack was exchanged for another under its old address, with the title, the
// validator and the length it had: only its bytes tell.
func TestAPackExchangedUnderItsOldAddressIsFoundByItsContent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLibrary(t)
		body := paper
		l.answer = func(*http.Request, int) *http.Response { return pdf(body, `"same"`) }
		look := func() []store.Change {
			var changes []store.Change
			_, err := l.c.Visit(t.Context(), l.src, crawl.Visit{Now: l.now, Old: l.old}, func(s store.Sighting) error {
				s.At = l.now
				l.old, changes = store.Diff(l.old, s)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return changes
		}
		if got := look(); len(got) != 1 {
			t.Fatalf("first look: %+v", got)
		}
		first := l.now
		body = strings.Replace(paper, "two", "six", 1)
		l.now = l.now.Add(24 * time.Hour)
		got := look()
		if len(got) != 1 || !got[0].Has(store.DocumentReplaced) {
			t.Fatalf("the second look says %+v", got)
		}
		want := []store.FieldChange{{Name: "document document/1", Old: sha(paper), New: sha(body)}}
		if diff := cmp.Diff(want, got[0].Fields); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		for _, copied := range []string{paper, body} {
			if string(l.shelf.bytes[sha(copied)]) != copied {
				t.Error("a copy is missing")
			}
		}
		if d := l.old.Items["meeting/1"].Documents[0]; !d.Since.Equal(l.now) || got[0].Documents[0].SHA256 != sha(body) {
			t.Errorf("since %s, want %s", d.Since, l.now)
		}
		l.now = l.now.Add(24 * time.Hour)
		if got := look(); len(got) != 0 {
			t.Errorf("unchanged: %+v", got)
		}
		if d := l.old.Items["meeting/1"].Documents[0]; !d.Since.Equal(first.Add(24 * time.Hour)) {
			t.Errorf("since %s, want when it came", d.Since)
		}
	})
}
