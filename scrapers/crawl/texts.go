package crawl

import (
	"bufio"
	"context"
	"fmt"
	"runtime/debug"

	"ccgwatch/store"
)

// fromTexts asks the source what stands in the text of its papers, and takes it
// over. Where a source fails over a text it has never seen, what is known out of
// texts stays as it is.
func (v *visit) fromTexts(ctx context.Context) (got FromText) {
	if v.Archive == nil && v.Read == nil {
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
		if v.Archive == nil {
			pages, err := v.preview(ctx, d)
			if err != nil {
				v.problem(err, store.PaperProblem+d.Title, d.URL)
			}
			return pages, err == nil
		}
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

// preview reads a paper and keeps nothing of it, for a visit that only shows what
// there is.
func (v *visit) preview(ctx context.Context, d store.Document) ([]string, error) {
	v.progress(d.URL, 0)
	v.report.Requests++
	t := v.Fetch.task(v.src, v.dog)
	t.sent = &v.report.Sent
	dl, err := v.Fetch.download(ctx, t, d.URL, "", "")
	if err != nil {
		return nil, err
	}
	defer dl.Body.Close()
	body := bufio.NewReaderSize(dl.Body, 4096)
	head, _ := body.Peek(1024) // its error comes again when it is read
	if err := looksLikePaper(head, d.URL); err != nil {
		return nil, withURL(err, d.URL)
	}
	return v.Read(ctx, body)
}
