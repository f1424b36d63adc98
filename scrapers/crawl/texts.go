package crawl

import (
	"context"
	"fmt"
	"runtime/debug"

	"ccgwatch/store"
)

// fromTexts asks the source what stands in the text of its papers, and takes it
// over. Where a source fails over a text it has never seen, what is known out of
// texts stays as it is.
func (v *visit) fromTexts(ctx context.Context) (got FromText) {
	if v.Archive == nil {
		return got
	}
	defer func() {
		if x := recover(); x != nil {
			got = FromText{}
			for key, it := range v.Old.Items {
				if _, there := v.place[key]; !there && it.Withdrawn.IsZero() && it.Fields[store.FieldListedIn] != "" {
					v.place[key] = len(v.items)
					v.items = append(v.items, store.Item{Source: it.Source, Key: key, Kind: it.Kind, Body: it.Body, Title: it.Title, URL: it.URL, Stub: true})
				}
			}
			v.problems = append(v.problems, store.Problem{
				Reason: store.ReasonFormat, What: "what papers say", URL: v.src.Base, Detail: fmt.Sprintf("reading panicked: %v\n%s", x, clip(string(debug.Stack()), 2000)),
			})
		}
	}()
	text := func(d store.Document) ([]string, bool) {
		if d.SHA256 == "" || d.Pages == 0 {
			return nil, false
		}
		pages, err := v.Archive.Text(ctx, d.SHA256)
		return pages, err == nil
	}
	got = v.src.Texts(v.Visit, v.items, text)
	for _, it := range got.Items {
		if it.Source = v.src.ID; it.Body == "" {
			it.Body = v.src.Body
		}
		v.mu.Lock()
		if _, there := v.place[it.Key]; !there && it.Key != "" {
			v.place[it.Key] = len(v.items)
			v.items = append(v.items, it)
		}
		v.mu.Unlock()
	}
	v.problems = append(v.problems, got.Problems...)
	return got
}
