package ocds

import (
	"errors"
	"fmt"
	"strings"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// A page is a release package, its releases still unread.
type page struct {
	releases [][]byte
	next     string // links.next, "" for none
}

// openPage splits a release package as the feeds send it. An answer that is
// not one, or not all of one, is an error: nothing can be concluded from it.
func openPage(b []byte) (page, error) {
	top, err := openObject(b)
	if err != nil {
		return page{}, err
	}
	list, ok := top["releases"]
	if !ok {
		return page{}, notPackage(top)
	}
	var p page
	if p.releases, err = splitArray(list); err != nil {
		return page{}, fault(fmt.Errorf("releases: %w", err))
	}
	p.next, err = nextLink(top["links"])
	return p, err
}

// openObject splits the top level of an answer.
func openObject(b []byte) (map[string][]byte, error) {
	list, err := splitObject(b)
	if err != nil {
		return nil, fault(err)
	}
	top := make(map[string][]byte, len(list))
	for _, m := range list {
		if _, twice := top[m.key]; twice {
			return nil, crawl.Errorf(store.ReasonFormat, "release package: the key %s stands twice", quoted(m.key))
		}
		top[m.key] = m.raw
	}
	return top, nil
}

// fault gives an error of reading an answer its reason.
func fault(err error) error {
	if errors.Is(err, errTruncated) {
		return crawl.Errorf(store.ReasonTruncated, "release package: %w", err)
	}
	return crawl.Errorf(store.ReasonFormat, "no release package: %w", err)
}

// notPackage describes an object that is something else: the services' error
// objects say what they object to.
func notPackage(top map[string][]byte) error {
	var said []string
	for _, key := range []string{"status", "code", "error", "errors", "message", "exception"} {
		if v, err := parse(top[key], &flags{}, key); err == nil && v.s != "" {
			s, _ := line(v.s, 200)
			said = append(said, key+" "+s)
		}
	}
	if len(said) > 0 {
		return crawl.Errorf(store.ReasonFormat, "an error instead of a release package: %s", strings.Join(said, ", "))
	}
	return crawl.Errorf(store.ReasonFormat, "no release package: no list of releases")
}

// nextLink reads links.next, also of a list of links with a rel. Links that
// cannot be understood are an error: there may be a further page.
func nextLink(raw []byte) (string, error) {
	if raw == nil {
		return "", nil
	}
	f := &flags{}
	v, err := parse(raw, f, "links")
	if err != nil {
		return "", fault(fmt.Errorf("links: %w", err))
	}
	n := node{v: value{kind: object, keys: []string{"links"}, vals: []value{v}}, f: f}
	next := ""
	for _, l := range n.list("links") {
		switch s := l.raw("next"); {
		case s != "":
			next = s
		case l.raw("rel") == "next":
			next = l.raw("href")
		}
	}
	if len(f.list) > 0 {
		return "", crawl.Errorf(store.ReasonFormat, "release package: %s", strings.Join(f.list, "; "))
	}
	return next, nil
}

// items decodes releases. One without readable ids is a problem, never the end
// of its page.
func (d decoder) items(releases [][]byte) (items []store.Item, problems []store.Problem) {
	one := itemiser{decoder: d}
	for i, raw := range releases {
		it, err := one.item(raw)
		if err != nil {
			problems = append(problems, store.Problem{
				Reason: store.ReasonFormat, What: fmt.Sprintf("release %d of %d", i+1, len(releases)), Detail: err.Error(),
			})
			continue
		}
		items = append(items, it)
	}
	return items, problems
}

// DecodePackage reads a release package, a record package (its releases, or the
// compiled release of a record without) or a single release. The feed is
// "find-a-tender" or "contracts-finder"; "" tells by each ocid. Releases that
// could not be read are problems; an error means that b is no such package or
// not all of one. Equal keys are left in: the last counts.
func DecodePackage(b []byte, feed string) ([]store.Item, []store.Problem, error) {
	d, err := newDecoder(feed)
	if err != nil {
		return nil, nil, err
	}
	top, err := openObject(b)
	if err != nil {
		return nil, nil, err
	}
	releases, err := findReleases(top, b)
	if err != nil {
		return nil, nil, err
	}
	items, problems := d.items(releases)
	return items, problems, nil
}

func findReleases(top map[string][]byte, whole []byte) ([][]byte, error) {
	switch {
	case top["releases"] != nil:
		out, err := splitArray(top["releases"])
		if err != nil {
			return nil, fault(fmt.Errorf("releases: %w", err))
		}
		return out, nil
	case top["records"] != nil:
		return within(top["records"], "records", "compiledRelease")
	case top["results"] != nil: // Contracts Finder until October 2022
		return within(top["results"], "results", "")
	case top["ocid"] != nil && top["id"] != nil:
		return [][]byte{whole}, nil
	}
	return nil, notPackage(top)
}

// within gathers the releases of each element of a list; of one without, the
// member named otherwise.
func within(raw []byte, name, otherwise string) ([][]byte, error) {
	list, err := splitArray(raw)
	if err != nil {
		return nil, fault(fmt.Errorf("%s: %w", name, err))
	}
	var out [][]byte
	for i, x := range list {
		top, err := openObject(x)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", name, i, err)
		}
		var own [][]byte
		if list := top["releases"]; list != nil && string(list) != "null" {
			if own, err = splitArray(top["releases"]); err != nil {
				return nil, fault(fmt.Errorf("%s[%d].releases: %w", name, i, err))
			}
		}
		if len(own) == 0 && otherwise != "" && top[otherwise] != nil {
			own = [][]byte{top[otherwise]}
		}
		out = append(out, own...)
	}
	return out, nil
}
