package export

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// perList is how many entries a file of a list has. They are in the order in
// which they came, so that only the newest file of a list changes.
const perList = 200

// threadList is the list of procurements, in the order in which they came: the
// pages of the server's list all change with each that is new.
const threadList = "list/threads.html"

// An entry is a line of a list.
type entry struct {
	File, Title, About string
	Date               time.Time
}

// lists writes the lists by month, body, source and topic, by which the record
// can be walked through without a search.
func (x *run) lists(ctx context.Context, items []thing) error {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return err
	}
	by := map[string][]entry{}
	name := map[string]string{}
	add := func(file, title string, e entry) {
		by[file] = append(by[file], e)
		name[file] = title
	}
	for _, it := range items {
		if x.gone[it.file] {
			continue
		}
		e := entry{it.file, it.title, x.about(it), it.date.In(london)}
		month := it.first.In(london)
		if it.first.IsZero() {
			month = time.Date(1970, 1, 1, 0, 0, 0, 0, london)
		}
		add("list/month/"+month.Format("2006-01")+".html", "What came in "+month.Format("January 2006"), e)
		add("list/source/"+safe(it.source, 70)+".html", "From "+x.o.Pages.SourceName(it.source), e)
		for _, b := range it.bodies {
			if n := x.o.Pages.Body(b); n != "" {
				file := "list/body/" + safe(b, 70) + ".html"
				if by[file] == nil {
					x.bodies = append(x.bodies, choice{b, oneLine(n, 100)})
				}
				add(file, n, e)
			}
		}
	}
	var threads []string
	latest := map[string]store.Finding{}
	err = x.o.Outbox.Findings(ctx, 0, func(f store.Finding) bool {
		if f.Retired == "" && f.Kind == store.KindNotice && f.Thread != "" {
			if latest[f.Thread].ID == "" {
				threads = append(threads, f.Thread)
			}
			f.Text, f.Quote = "", ""
			latest[f.Thread] = f
		}
		t, _ := targetOf("/finding/" + pathEscape(f.ID))
		if f.Retired != "" || x.gone[t.File] {
			return true
		}
		e := entry{t.File, oneLine(f.Title, 200), string(f.Topic), f.At.In(london)}
		add("list/topic/"+safe(string(f.Topic), 40)+".html", "Findings: "+string(f.Topic), e)
		add("list/findings-of/"+safe(f.Source, 70)+".html", "Findings from "+x.o.Pages.SourceName(f.Source), e)
		add("list/findings.html", "All findings", e)
		return ctx.Err() == nil
	})
	if err != nil {
		return err
	}
	for _, id := range threads {
		if t, _ := targetOf("/thread/" + pathEscape(id)); x.out.has(t.File) {
			f := latest[id]
			add(threadList, "Procurements", entry{t.File, oneLine(f.Title, 200), f.BodyName, f.At.In(london)})
		}
	}
	// A page may lead to a list in which there is nothing yet.
	for to, pages := range x.from {
		if strings.HasPrefix(to, "list/") && to != "list/index.html" && by[to] == nil && len(pages) > 0 {
			by[to], name[to] = nil, "A list"
		}
	}
	var files []string
	for f := range by {
		files = append(files, f)
	}
	slices.Sort(files)
	for _, f := range files {
		if err := x.list(f, name[f], by[f]); err != nil {
			return err
		}
	}
	return x.contents(files, name, by)
}

// about says in a few words what an item is.
func (x *run) about(it thing) string {
	words := []string{string(it.kind)}
	for _, b := range it.bodies {
		if n := x.o.Pages.Body(b); n != "" {
			words = append(words, oneLine(n, 100))
		}
	}
	if !it.live {
		words = append(words, "no longer listed")
	}
	return strings.Join(words, " · ")
}

// list writes the files of one list: the newest entries under its own name, the
// older ones in files with numbers, of which the first is the oldest.
func (x *run) list(file, title string, all []entry) error {
	full := max(0, (len(all)-1)/perList)
	for n := 0; n <= full; n++ {
		part := slices.Clone(all[n*perList : min(len(all), (n+1)*perList)])
		slices.Reverse(part)
		own := file
		if n < full {
			own = numbered(file, n+1)
		}
		body := struct {
			File    string
			List    []entry
			Numbers []int
			Here    int
			Name    string
		}{own, part, nil, n + 1, file}
		if n == full {
			for i := full; i > 0; i-- {
				body.Numbers = append(body.Numbers, i)
			}
		}
		if err := x.framed(own, title, "items", listTemplate(own), body); err != nil {
			return err
		}
	}
	return nil
}

// contents writes the page with all lists.
func (x *run) contents(files []string, name map[string]string, by map[string][]entry) error {
	type line struct {
		File, Name string
		Count      int
	}
	type part struct {
		Title string
		List  []line
	}
	parts := []part{{Title: "By month"}, {Title: "By body"}, {Title: "By source"}, {Title: "What we found, by topic"}, {Title: "What we found, by source"}, {Title: "Of all"}}
	for _, f := range files {
		for i, p := range []string{"list/month/", "list/body/", "list/source/", "list/topic/", "list/findings-of/", "list/"} {
			if strings.HasPrefix(f, p) && len(by[f]) > 0 && !strings.Contains(f[len(p):], "/") {
				parts[i].List = append(parts[i].List, line{f, oneLine(name[f], 150), len(by[f])})
			}
		}
	}
	slices.Reverse(parts[0].List)
	for i := 1; i < len(parts); i++ {
		slices.SortStableFunc(parts[i].List, func(a, b line) int { return strings.Compare(a.Name, b.Name) })
	}
	const own = "list/index.html"
	return x.framed(own, "Lists of all there is", "items", template.Must(template.New("").Funcs(helpers(own)).Parse(
		`<p>All that was read, by when it came, by body and by source. <a href="{{to "search.html"}}">Search</a> finds words in it; without a script, the search of your browser finds them on a page (Ctrl and F).</p>
{{range .}}{{if .List}}<h2>{{.Title}}</h2>
<ul class="list">
{{range .List}}<li><a href="{{to .File}}">{{.Name}}</a> <span class="meta">{{.Count}}</span></li>
{{end}}</ul>
{{end}}{{end}}`)), parts)
}

func helpers(file string) template.FuncMap {
	return template.FuncMap{
		"to":       func(f string) string { return relative(file, f) },
		"numbered": numbered,
	}
}

func listTemplate(file string) *template.Template {
	return template.Must(template.New("").Funcs(helpers(file)).Parse(`<p><a href="{{to "list/index.html"}}">All lists</a>{{if not .Numbers}}{{if ne .File .Name}} · <a href="{{to .Name}}">The newest of this list</a>{{end}}{{end}}</p>
<ul class="list">
{{range .List}}<li><a href="{{to .File}}">{{with .Title}}{{.}}{{else}}Without a title{{end}}</a> <span class="meta">{{.About}}{{if not .Date.IsZero}} · <time datetime="{{.Date.Format "2006-01-02"}}">{{.Date.Format "2 January 2006"}}</time>{{end}}</span></li>
{{else}}<li>Nothing yet.</li>
{{end}}</ul>
{{with .Numbers}}<p class="more">Older: {{range .}}<a href="{{to (numbered $.Name .)}}">part {{.}}</a> {{end}}</p>{{end}}`))
}

// framed writes a page of our own in the frame of all pages.
func (x *run) framed(file, title, here string, t *template.Template, v any) error {
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	key := sumOf([]byte(title + "\x00" + here + "\x00" + b.String()))
	if k := x.leftOwn(file, key); k != nil {
		p, err := x.recalled(file, k)
		if err == nil {
			x.own(file, p)
		}
		return err
	}
	in, err := x.o.Pages.Frame(title, here, template.HTML(b.String())) //nolint:gosec // made by a template that escapes
	if err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	p, err := x.rewrite(file, in)
	if err != nil {
		return err
	}
	ownLinks(&p, file, b.String())
	p.links, p.key = distinct(p.links), key
	x.own(file, &p)
	return x.putPage(file, &p)
}

// own takes what a page of our own says of others.
func (x *run) own(file string, p *page) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pagesMade[file] = p
	x.lay(file, p)
}

// ownLinks adds the relative links of a page of our own to those that are checked.
func ownLinks(p *page, file, body string) {
	for _, part := range strings.Split(body, `href="`)[1:] {
		to, _, _ := strings.Cut(part, `"`)
		to = template.HTMLEscapeString(to)
		if strings.Contains(to, ":") || strings.HasPrefix(to, "#") {
			continue
		}
		p.links = append(p.links, link{target: target{File: resolve(file, to)}})
	}
}
