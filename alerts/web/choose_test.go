package web

import (
	"net/url"
	"strings"
	"testing"

	"ccgwatch/store/query"
)

// sendBack is what a browser sends when a page that showed c is sent in untouched.
func sendBack(c chosen) url.Values {
	return url.Values{
		"topic": c.Topics, "body": c.Bodies, "area": c.Areas, "words": {c.Words}, "phrase": {c.Phrase}, "any": {c.Any}, "without": {c.Without},
		"q": {c.Line}, "was": {c.Was}, "often": {c.Often},
	}
}

// FuzzChoose: what is read out of a form is refused, or is a query that can be
// read; and the page that shows it, sent back untouched, means the same.
func FuzzChoose(f *testing.F) {
	for _, s := range []string{
		"", "q=dialysis&often=weekly", "topic=tenders&topic=foi&area=leicester&words=a+b&phrase=c+d&any=e+f&without=g", "q=kind:paper+x&topic=foi",
		"q=%22open", "words=a+OR+b", "topic=%00&q=%ff%fe", "q=(((((a)))))&was=x.y&words=b", "any=%C4%B0+%EF%BC%AF%EF%BC%B2&without=-", "q=a+OR+b&words=OR.&was=.",
		"q=" + strings.Repeat("-", 40) + "a", "words=" + strings.Repeat("a+", 300) + "&q=" + strings.Repeat("b+", 300),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		v, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		c := readChosen(v)
		c.settle()
		if !c.fine() {
			return
		}
		q, err := query.Parse(c.Query)
		if err != nil {
			t.Fatalf("%q is %q: %v", body, c.Query, err)
		}
		again := readChosen(sendBack(c))
		again.settle()
		if !again.fine() || again.Query != c.Query {
			t.Fatalf("%q is %q, and sent back untouched %q (%v %s)", body, c.Query, again.Query, again.Mistake, again.Wrong)
		}
		if form, ok := query.FormOf(q); ok == c.Beyond {
			t.Fatalf("%q: the boxes say %+v, beyond is %v", c.Query, form, c.Beyond)
		}
	})
}
