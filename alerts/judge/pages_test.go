package judge

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// What is found in a page or the entry of a feed: the new words alone.
func TestPageFindings(t *testing.T) {
	t.Parallel()
	j := exampleJudge(t)
	const business = "The board approved the business case to outsource the dermatology service."
	item := func(fields map[string]string) store.Item {
		return store.Item{Source: "page-1", Key: "page/x", Kind: store.KindPage, Title: "Our plans", URL: "https://example.org/x", Body: "example-icb", Fields: fields}
	}
	amended := func(fields ...store.FieldChange) store.Change {
		c := change(item(nil), store.OpAmended, store.PageChanged)
		c.Fields = fields
		return c
	}
	added := func(it store.Item) store.Change { return change(it, store.OpAdded, store.PageChanged) }
	consultation := item(map[string]string{store.FieldSummary: "Tell us what you think.", store.FieldOpens: "2026-08-01T00:00:00+01:00", store.FieldCloses: "2026-09-30T00:00:00+01:00"})
	later := item(map[string]string{store.FieldOpens: "2026-10-01T00:00:00+01:00", store.FieldCloses: "the end of the year"})
	read := func(sure string) store.Item {
		return item(map[string]string{store.FieldCloses: "2026-09-30T00:00:00+01:00", store.FieldClosesSays: "The survey closes on 30 September.", store.FieldDatesSure: "opens certain, closes " + sure})
	}
	tests := map[string]struct {
		it   store.Item
		c    store.Change
		want []string
	}{
		"a consultation whose end was read in its words": {read("certain"), added(read("certain")),
			[]string{"consultations certain: NHS Example Integrated Care Board lists a consultation, open until 30 September 2026: Our plans. It says: “The survey closes on 30 September.” [2026-09-30T00:00:00+01:00]"}},
		"and less surely": {read("likely"), added(read("likely")),
			[]string{"consultations likely: NHS Example Integrated Care Board lists a consultation, open until 30 September 2026: Our plans. It says: “The survey closes on 30 September.” [2026-09-30T00:00:00+01:00]"}},
		"a status": {item(nil), amended(store.FieldChange{Name: "status", Old: "open", New: "closed"}, store.FieldChange{Name: "dates_unread", New: "x"}),
			[]string{"papers mention: Of what is listed beside its words this changed: status; dates unread."}},
		"a sentence that is new": {item(nil), amended(store.FieldChange{Name: "text: Plans", Old: "Nothing yet.", New: "Nothing yet.\n" + business}),
			[]string{"outsourcing likely: " + business}},
		"a sentence that was there before": {item(nil), amended(store.FieldChange{Name: "text", Old: business, New: business + "\nWe meet on Tuesday."}),
			[]string{"papers mention: We meet on Tuesday."}},
		"a sentence that moved to another section": {item(nil), amended(store.FieldChange{Name: "text", Old: business, New: ""}, store.FieldChange{Name: "text: Archive", Old: "", New: business}),
			[]string{"papers mention: Something was taken off the page, and nothing new put on it."}},
		"an address is not quoted": {item(nil), amended(store.FieldChange{Name: "text", Old: "", New: "Write to ann@example.org."}),
			[]string{"papers mention: Write to …."}},
		"an entry": {item(map[string]string{store.FieldSummary: "A summary."}), added(item(nil)), []string{"papers mention: Our plans"}},
		"a consultation": {consultation, added(consultation),
			[]string{"consultations certain: NHS Example Integrated Care Board lists a consultation, open until 30 September 2026: Our plans. [2026-09-30T00:00:00+01:00]"}},
		"one that opens later, with a date in words": {later, added(later),
			[]string{"consultations certain: NHS Example Integrated Care Board lists a consultation, from 1 October 2026 until the end of the year: Our plans. []"}},
		"a consultation whose summary changed": {consultation, amended(store.FieldChange{Name: "summary", Old: "x", New: "Tell us."}), []string{"papers mention: Tell us."}},
	}
	for name, tt := range tests {
		got, err := j.Findings(tt.c, tt.it, nil)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, f := range got {
			s := string(f.Topic) + " " + string(f.Tier) + ": " + f.Quote
			if f.Deadline != nil {
				s += " [" + f.Deadline.Stated + "]"
			}
			said = append(said, s)
		}
		if diff := cmp.Diff(tt.want, said); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// A long line is cut at a word.
func TestFirstWords(t *testing.T) {
	t.Parallel()
	if got := firstWords(strings.Repeat("word ", 100)); len(got) > 310 || !strings.HasSuffix(got, "word …") {
		t.Errorf("%q", got)
	}
}
