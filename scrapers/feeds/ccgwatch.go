package feeds

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// sharedMost is how large the items of an export may be, unpacked.
const sharedMost = 512 << 20

// CCGWatch is the export of another group (ccgwatch export), Base the address of
// its first directory. Its manifest says what the data are and their hash: data
// that are not those the manifest names are half an export, and change nothing.
//
// What the other group follows of meetings, papers, requests and pages comes in
// under this source's id, with the other's source in the key and the other's body;
// procurement notices do not: every group has them from the tender services
// themselves, and would be told twice. Papers are named in the agenda and not
// fetched: they are their publishers', whom the other group asks. Changed of an
// item is when the other group saw it change; whoever stores it says when we did.
func CCGWatch(o Options) (crawl.Source, error) {
	o.Page = "data/manifest.json"
	manifest, err := at(o)
	if err != nil {
		return crawl.Source{}, fmt.Errorf("ccgwatch source %s: %w", o.ID, err)
	}
	data := strings.TrimSuffix(manifest, "manifest.json") + sharedItems
	return crawl.Source{
		ID: o.ID, Name: o.Name, Body: o.Body, Platform: "ccgwatch", Base: o.Base, Kind: store.KindMeeting, Pace: o.Pace, Whole: true,
		Plan: func(crawl.Visit) []crawl.Request {
			return []crawl.Request{crawl.Again(crawl.Request{URL: manifest, Accept: "application/json", Parse: func(p *crawl.Page) error {
				want, err := sharedManifest(p)
				if err != nil {
					return err
				}
				p.Follow(crawl.Again(crawl.Request{URL: data, Accept: "application/gzip, application/octet-stream, */*;q=0.1", Parse: func(p *crawl.Page) error { return shared(p, want) }}, 2))
				return nil
			}}, 2)}
		},
	}, nil
}

const sharedItems = "all.jsonl.gz"

// sharedManifest reads the hash of the items.
func sharedManifest(p *crawl.Page) (sha string, err error) {
	var m struct {
		Format int `json:"format"`
		Files  map[string]struct {
			SHA256 string `json:"sha256"`
		} `json:"files"`
	}
	if err := json.Unmarshal(p.Body, &m); err != nil {
		return "", crawl.Errorf(store.ReasonFormat, "reading the manifest: %w", err)
	}
	if m.Format != 1 {
		return "", crawl.Errorf(store.ReasonFormat, "this export has format %d, of which nothing is known here: a newer ccgwatch reads it", m.Format)
	}
	if sha = m.Files[sharedItems].SHA256; len(sha) != 64 {
		return "", crawl.Errorf(store.ReasonFormat, "the manifest names no %s", sharedItems)
	}
	return sha, nil
}

// sharedItem is a line of the data, as far as it is taken over.
type sharedItem struct {
	Source, Key, Body, Title, URL, Published, Changed, Withdrawn string
	Kind                                                         store.Kind
	Fields                                                       map[string]string
	Parts                                                        []struct {
		Number, Title, Text string
		Restricted, Late    bool
	}
	Documents []struct{ Key, Title, URL, SHA256 string }
}

// shared reads the items of an export.
func shared(p *crawl.Page, want string) error {
	sum := sha256.Sum256(p.Body)
	lines := io.Reader(bytes.NewReader(p.Body))
	switch {
	case hex.EncodeToString(sum[:]) == want:
	case bytes.HasPrefix(p.Body, []byte{0x1f, 0x8b}):
		return crawl.Errorf(store.ReasonTruncated, "the data are not those that the manifest names: the export is half put in place, or broken")
	default: // a web space said that they are packed, and they came unpacked
		return crawl.Errorf(store.ReasonFormat, "the data do not come as they were packed, and cannot be compared with the manifest: the web space should serve %s as it is", sharedItems)
	}
	z, err := gzip.NewReader(lines)
	if err != nil {
		return crawl.Errorf(store.ReasonFormat, "unpacking the data: %w", err)
	}
	lines = io.LimitReader(z, sharedMost+1)
	in := bufio.NewReaderSize(lines, 1<<16)
	none, read := true, 0
	for {
		line, err := in.ReadBytes('\n')
		if read += len(line); read > sharedMost {
			return crawl.Errorf(store.ReasonFormat, "the data unpack to more than %d MB", sharedMost>>20)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			it, ok, bad := sharedLine(line)
			if bad != nil {
				return bad
			}
			if ok {
				none = false
				p.Add(it)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return crawl.Errorf(store.ReasonTruncated, "unpacking the data: %w", err)
		}
	}
	if none {
		p.None()
	}
	return nil
}

// sharedLine is an item as it is kept here; ok is false for one that is not
// taken over.
func sharedLine(line []byte) (it store.Item, ok bool, err error) {
	var x sharedItem
	if err := json.Unmarshal(line, &x); err != nil {
		return it, false, crawl.Errorf(store.ReasonFormat, "reading a line of the data: %w", err)
	}
	switch x.Kind {
	case store.KindMeeting, store.KindPaper, store.KindRequest, store.KindPage:
	default: // notices, and kinds of a later release
		return it, false, nil
	}
	if x.Source == "" || x.Key == "" {
		return it, false, crawl.Errorf(store.ReasonFormat, "a line of the data has no source or key")
	}
	if x.Withdrawn != "" {
		return it, false, nil
	}
	it = store.Item{Key: clip(x.Source+"/"+x.Key, 900), Kind: x.Kind, Body: x.Body, Title: x.Title, URL: httpOnly(x.URL), Fields: x.Fields}
	if at, err := time.Parse(time.RFC3339, x.Published); err == nil {
		it.Published = at
	}
	if at, err := time.Parse(time.RFC3339, x.Changed); err == nil {
		it.Changed = at
	}
	for i, part := range x.Parts {
		it.Parts = append(it.Parts, store.Part{Key: fmt.Sprintf("part/%d", i), Number: part.Number, Title: part.Title, Text: part.Text, Restricted: part.Restricted, Late: part.Late})
	}
	for _, d := range x.Documents {
		it.Parts = append(it.Parts, store.Part{Key: "document/" + clip(d.Key+d.URL, 300), Title: d.Title, Text: httpOnly(d.URL)})
	}
	return it, true, nil
}

func httpOnly(s string) string {
	if strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") {
		return s
	}
	return ""
}
