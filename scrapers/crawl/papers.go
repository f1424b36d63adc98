package crawl

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"time"

	"ccgwatch/store"
)

// When papers are looked at. A paper is first read if its meeting is not
// longer ago than firstLook (or has no date), so that following a site does not
// download its whole past; then daily until the meeting and weekly after it,
// by validator where the site sends one. Without a validator the weekly look
// ends after a month: it would be a download each time. A failed look is
// repeated daily.
const (
	firstLook = 60 * 24 * time.Hour
	afterLook = 31 * 24 * time.Hour
	daily     = 23 * time.Hour // a crawl a little earlier than yesterday's still counts
	weekly    = 7*24*time.Hour - time.Hour
)

// paperDue decides whether a document is looked at now. d carries what is known of it.
func paperDue(d store.Document, meeting, now time.Time) bool {
	switch {
	case d.Fetched.IsZero() && d.FailedAt.IsZero():
		return meeting.IsZero() || now.Sub(meeting) <= firstLook
	case d.Failed != "":
		return now.Sub(d.Fetched) >= daily
	case !meeting.IsZero() && now.Before(meeting):
		return now.Sub(d.Fetched) >= daily
	case d.ETag != "" || d.Modified != "":
		return now.Sub(d.Fetched) >= weekly
	}
	return now.Sub(d.Fetched) >= weekly && now.Sub(meeting) <= afterLook
}

// wanted tells whether a document's text is of interest at all: a front sheet
// repeats the agenda, and a pack whose parts are listed repeats them.
func wanted(d store.Document, all []store.Document) bool {
	switch d.Role {
	case store.RoleFrontsheet:
		return false
	case store.RolePack:
		for _, x := range all {
			if x.Role == store.RoleReport {
				return false
			}
		}
	}
	return true
}

// readPapers looks at the papers that are due. What cannot be read keeps what
// was known of it and is a problem; it never stops the visit.
func (v *visit) readPapers(ctx context.Context) {
	for i := range v.items {
		it := &v.items[i]
		old := map[string]store.Document{}
		for _, d := range v.Old.Items[it.Key].Documents {
			old[d.Key] = d
		}
		for j := range it.Documents {
			d := &it.Documents[j]
			carry(d, old[d.Key])
			if v.Archive == nil || ctx.Err() != nil || !wanted(*d, it.Documents) {
				continue
			}
			if paperDue(*d, it.When(), v.Now) {
				v.papers++
				v.progress(d.URL, 0)
				v.report.Requests++
				v.readPaper(ctx, d)
			}
			if d.Failed != "" {
				v.problems = append(v.problems, store.Problem{
					Reason: store.Reason(d.FailedReason), What: "paper: " + d.Title, URL: d.URL, Detail: d.Failed, Since: d.FailedAt,
				})
			}
		}
	}
}

// carry takes over what was known of a document from reading it before.
func carry(d *store.Document, old store.Document) {
	d.SHA256, d.Pages, d.Size = old.SHA256, old.Pages, old.Size
	d.ETag, d.Modified, d.Fetched = old.ETag, old.Modified, old.Fetched
	d.Failed, d.FailedReason, d.FailedAt = old.Failed, old.FailedReason, old.FailedAt
}

// readPaper looks at one document. The bytes are in the archive before d
// refers to them.
func (v *visit) readPaper(ctx context.Context, d *store.Document) {
	fail := func(err error) {
		if ctx.Err() != nil {
			return
		}
		if d.Failed == "" {
			d.FailedAt = v.Now
		}
		d.Failed, d.FailedReason, d.Fetched = err.Error(), string(reasonOf(err)), v.Now
	}
	dl, err := v.Fetch.Download(ctx, v.src, d.URL, d.ETag, d.Modified)
	if err != nil {
		fail(err)
		return
	}
	defer dl.Body.Close()
	if dl.NotModified {
		d.Fetched, d.Failed, d.FailedReason, d.FailedAt = v.Now, "", "", time.Time{}
		return
	}
	body := bufio.NewReaderSize(dl.Body, 4096)
	head, _ := body.Peek(1024)
	if err := looksLikePaper(head); err != nil {
		fail(err)
		return
	}
	sha, size, err := v.Archive.Keep(ctx, body)
	if err != nil {
		fail(err)
		return
	}
	d.ETag, d.Modified, d.Fetched = dl.Header.Get("ETag"), dl.Header.Get("Last-Modified"), v.Now
	d.Failed, d.FailedReason, d.FailedAt = "", "", time.Time{}
	if sha == d.SHA256 && d.Pages > 0 {
		return
	}
	d.SHA256, d.Size, d.Pages = sha, size, 0
	pages, err := v.textOf(ctx, sha)
	if err != nil {
		fail(fmt.Errorf("reading its text: %w", err))
		return
	}
	d.Pages = len(pages)
}

// textOf returns the pages of a kept paper, reading them if nobody has yet.
func (v *visit) textOf(ctx context.Context, sha string) ([]string, error) {
	if pages, err := v.Archive.Text(ctx, sha); err == nil {
		return pages, nil
	}
	r, err := v.Archive.Open(ctx, sha)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	pages, err := v.Read(ctx, r)
	if err != nil {
		return nil, err
	}
	return pages, v.Archive.KeepText(ctx, sha, pages)
}

// looksLikePaper refuses a page that stands where a paper should: the soft 404.
func looksLikePaper(head []byte) error {
	switch low := bytes.ToLower(head); {
	case bytes.Contains(head, []byte("%PDF-")), bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0")):
		return nil
	case len(head) == 0:
		return Errorf(store.ReasonEmpty, "the file is empty")
	case bytes.Contains(low, []byte("<html")), bytes.Contains(low, []byte("<!doctype html")):
		return Errorf(store.ReasonMissing, "a web page stands where the paper should be (a soft 404)")
	}
	return Errorf(store.ReasonFormat, "neither a PDF nor an office document")
}
