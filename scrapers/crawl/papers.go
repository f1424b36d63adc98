package crawl

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// When papers are looked at. A paper is first read if its meeting is not
// longer ago than firstLook (or has no date), so that following a site does not
// download its whole past; then daily until the meeting and weekly after it,
// by validator where the site sends one. Without a validator the weekly look
// ends after a month: it would be a download each time. A failed look is
// repeated daily, after a fortnight of failing weekly.
const (
	firstLook = 60 * 24 * time.Hour
	afterLook = 31 * 24 * time.Hour
	failLook  = 14 * 24 * time.Hour
	daily     = 23 * time.Hour // a crawl a little earlier than yesterday's still counts
	weekly    = 7*24*time.Hour - time.Hour
)

// paperTries is how often a paper is begun in one visit if it is cut short.
const paperTries = 3

// paperDue decides whether a document is looked at now. d carries what is known
// of it; meeting is the item's, or zero; known is when the item was first seen,
// or zero.
func paperDue(d store.Document, meeting, known, now time.Time) bool {
	since := now.Sub(d.Fetched)
	switch {
	case d.Fetched.IsZero():
		return meeting.IsZero() || now.Sub(meeting) <= firstLook
	case d.Failed != "" && now.Sub(d.FailedAt) <= failLook:
		return since >= daily
	case d.Failed != "":
		return since >= weekly
	case !meeting.IsZero() && now.Before(meeting):
		return since >= daily
	case d.ETag != "" || d.Modified != "":
		return since >= weekly
	case meeting.IsZero():
		meeting = known
	}
	return since >= weekly && now.Sub(meeting) <= afterLook
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
// was known of it and is a problem; it never stops the visit. Only a whole list
// has papers: a feed's visit does not know what was read before.
func (v *visit) readPapers(ctx context.Context) {
	for i := range v.items {
		v.readPapersOf(ctx, &v.items[i])
	}
}

// readPapersOf looks at the papers of one item. A backfill reads what was not
// read before, however old.
func (v *visit) readPapersOf(ctx context.Context, it *store.Item) {
	before := v.Old.Items[it.Key]
	old := map[string]store.Document{}
	for _, d := range before.Documents {
		old[d.Key] = d
	}
	for j := range it.Documents {
		d := &it.Documents[j]
		carry(d, old[d.Key])
		if v.Archive == nil || v.Read == nil || ctx.Err() != nil || !wanted(*d, it.Documents) {
			continue
		}
		due := d.Fetched.IsZero() || d.Failed != ""
		if !v.Backfill() {
			known := before.FirstSeen
			if v.lists(*d) {
				known = v.Now // it is looked at for as long as it dates meetings
			}
			due = paperDue(*d, it.When(), known, v.Now)
		}
		if due {
			v.papers++
			v.progress(d.URL, 0)
			v.lookAt(ctx, d)
		}
		if d.Failed != "" {
			v.problems = append(v.problems, store.Problem{
				Reason: store.Reason(d.FailedReason), What: store.PaperProblem + d.Title, URL: d.URL, Detail: d.Failed, Since: d.FailedAt,
			})
		}
	}
}

// lists tells a document in which alone meetings stand that are to come, or not
// long over.
func (v *visit) lists(d store.Document) bool {
	if v.src.Texts == nil {
		return false
	}
	if v.listing == nil {
		v.listing = map[string]bool{}
		for _, it := range v.Old.Items {
			if in := it.Fields[store.FieldListedIn]; in != "" && it.Withdrawn.IsZero() && v.Now.Sub(it.When()) <= afterLook {
				v.listing[in[:max(0, strings.LastIndex(in, ", page "))]] = true
			}
		}
	}
	return v.listing[d.Title]
}

// carry takes over what was known of a document from reading it before.
// Validators belong to an address and do not move with a paper.
func carry(d *store.Document, old store.Document) {
	d.SHA256, d.Pages, d.Unread, d.Size, d.Fetched = old.SHA256, old.Pages, old.Unread, old.Size, old.Fetched
	d.Failed, d.FailedReason, d.FailedAt = old.Failed, old.FailedReason, old.FailedAt
	if d.ETag, d.Modified = "", ""; d.URL == old.URL {
		d.ETag, d.Modified = old.ETag, old.Modified
	}
}

// lookAt reads one document and notes on it what came of it. A paper that
// cannot be had or read any more keeps what is known: its address may hold an
// error page today and the paper again tomorrow.
func (v *visit) lookAt(ctx context.Context, d *store.Document) {
	var err error
	var odd string // hash of bytes without an end
	for range paperTries {
		v.report.Requests++
		err = v.readPaper(ctx, d, odd)
		v.count(err)
		var cut *cutError
		if ctx.Err() != nil || !errors.As(err, &cut) {
			break
		}
		odd = cut.sha
	}
	switch {
	case ctx.Err() != nil, DiskFault(err):
		return // says nothing about the paper
	case err == nil:
		d.Failed, d.FailedReason, d.FailedAt = "", "", time.Time{}
	default:
		if d.Failed == "" {
			d.FailedAt = v.Now
		}
		d.Failed, d.FailedReason = err.Error(), string(ReasonOf(err))
	}
	d.Fetched = v.Now
}

// cutError is a failure while the bytes came in, worth another try; sha is set
// if they came in without fault and still have no end.
type cutError struct {
	err error
	sha string
}

func (e *cutError) Error() string { return e.err.Error() }
func (e *cutError) Unwrap() error { return e.err }

// readPaper fetches a document if it changed and has its text read. The bytes
// are in the archive before d refers to them. Half a paper can come with a
// perfectly good Content-Length: bytes without an end count only if the same
// come twice (odd is what came before), because then that is what is published.
func (v *visit) readPaper(ctx context.Context, d *store.Document, odd string) error {
	t := v.Fetch.task(v.src, v.dog)
	t.sent = &v.report.Sent
	dl, err := v.Fetch.download(ctx, t, d.URL, d.ETag, d.Modified)
	if err != nil {
		return err
	}
	defer dl.Body.Close()
	if !dl.NotModified {
		sha, size, whole, err := v.keepPaper(ctx, dl.Body, d.URL)
		if err != nil {
			return err
		}
		if !whole && sha != odd && sha != d.SHA256 {
			return &cutError{withURL(Errorf(store.ReasonTruncated, "the file has no end"), d.URL), sha}
		}
		d.ETag, d.Modified = dl.Header.Get("ETag"), dl.Header.Get("Last-Modified")
		if sha != d.SHA256 {
			d.SHA256, d.Size, d.Pages, d.Unread = sha, size, 0, ""
		}
	}
	_ = dl.Body.Close() // the host is free while the text is read
	if d.Pages > 0 {
		return nil
	}
	pages, err := v.textOf(ctx, d.SHA256)
	if err != nil {
		return fmt.Errorf("reading its text: %w", err)
	}
	d.Pages, d.Unread = len(pages), store.PageList(store.Unreadable(pages))
	return nil
}

// keepPaper stores the bytes of what looks like a paper, and tells whether they
// end as they should.
func (v *visit) keepPaper(ctx context.Context, r io.Reader, address string) (sha string, size int64, whole bool, err error) {
	in := &intake{r: r}
	body := bufio.NewReaderSize(in, 4096)
	peek, _ := body.Peek(1024) // its error, if any, stays with in
	if in.err != nil {
		return "", 0, false, cutOff(withURL(in.err, address))
	}
	head := bytes.Clone(peek)
	if err := looksLikePaper(head, address); err != nil {
		return "", 0, false, withURL(err, address)
	}
	sha, size, err = v.Archive.Keep(ctx, body)
	if in.err != nil { // whatever Keep made of it
		return "", 0, false, cutOff(withURL(in.err, address))
	}
	return sha, size, hasEnd(head, in.tail), err
}

// cutOff: a paper over the cap will be so the next time; all else may get better.
func cutOff(err error) error {
	if ReasonOf(err) == store.ReasonTooLarge {
		return err
	}
	return &cutError{err: err}
}

// intake remembers how reading failed, and the last bytes.
type intake struct {
	r    io.Reader
	err  error
	tail []byte
}

// tailSize is where the end mark of a file is looked for: some programs write
// rubbish after it.
const tailSize = 2048

func (in *intake) Read(p []byte) (int, error) {
	n, err := in.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		in.err = err
	}
	in.tail = append(in.tail, p[:n]...)
	if len(in.tail) > 8*tailSize {
		in.tail = append([]byte(nil), in.tail[len(in.tail)-tailSize:]...)
	}
	return n, err
}

// hasEnd: a PDF ends with its mark, a zip with its directory; of others nothing
// is known.
func hasEnd(head, tail []byte) bool {
	tail = tail[max(0, len(tail)-tailSize):]
	switch {
	case bytes.Contains(head, []byte("%PDF-")):
		return bytes.Contains(tail, []byte("%%EOF"))
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return bytes.Contains(tail, []byte("PK\x05\x06"))
	case bytes.Contains(bytes.ToLower(head), []byte("<html")):
		return bytes.Contains(bytes.ToLower(tail), []byte("</html"))
	}
	return true
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
// A web page is a paper where its address says that it is one, unless it says
// itself that it is something else.
func looksLikePaper(head []byte, address string) error {
	switch low := bytes.ToLower(head); {
	case bytes.Contains(head, []byte("%PDF-")), bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0")):
		return nil
	case len(bytes.TrimSpace(head)) == 0:
		return Errorf(store.ReasonEmpty, "the file is empty")
	case (bytes.Contains(low, []byte("<html")) || bytes.Contains(low, []byte("<!doctype html"))) && isPage(address) && !isExcuse(low):
		return nil
	case bytes.Contains(low, []byte("<html")), bytes.Contains(low, []byte("<!doctype html")):
		return Errorf(store.ReasonMissing, "a web page stands where the paper should be (a soft 404)")
	}
	return Errorf(store.ReasonFormat, "neither a PDF nor an office document")
}

// isPage tells an address that ends as those of web pages do.
func isPage(address string) bool {
	u, err := url.Parse(address)
	return err == nil && slices.Contains([]string{".htm", ".html", ".xhtml"}, strings.ToLower(path.Ext(u.Path)))
}

// isExcuse tells a page that stands in for what was asked, by its title.
func isExcuse(low []byte) bool {
	_, title, found := bytes.Cut(low, []byte("<title"))
	if !found {
		return true // whether it is one cannot be told
	}
	title, _, _ = bytes.Cut(title, []byte("</title"))
	for _, s := range []string{
		"not found", "404", "error", "log in", "login", "sign in", "unavailable", "maintenance", "moment", "access denied", "forbidden", "attention required",
		"moved", "redirect", "oops", "sorry", "can't be", "cannot be", "robot", "captcha", "security check",
	} {
		if bytes.Contains(title, []byte(s)) {
			return true
		}
	}
	return false
}
