package export

import (
	"cmp"
	"context"
	"crypto/sha256"
	_ "embed" // for the script of the search
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// The index that is searched in the browser. It is cut by the quarter in which an
// item came, and a quarter with many into parts in the order in which they came, so
// that what is new alters only the newest part, and making it takes little memory;
// each part is cut into shards by the hash of a word's stem, of which a search
// reads the few it needs. Shards are scripts that register themselves, because a page that was
// opened from a disk may load scripts and nothing else. What is filed is what
// query.Index files: places (an item, a part of its agenda, a page of a paper)
// under stems, told apart by the word as printed where that matters.

//go:embed search.js
var script []byte

const (
	usualShard  = 16 << 10 // bytes
	itemsInPart = 4000
	itemsInFile = 100
	placeText   = 256 << 10 // bytes of one place that are filed; more is a table of figures
)

// A spot is a place of an item.
type spot struct {
	name string // of the part or the paper
	page int
	file string // where it is shown, "" for the page of the item
	text string
}

// search writes the index and the page that asks it.
func (x *run) search(ctx context.Context, items []thing) error {
	found := sync.OnceValues(func() (map[string]query.Facts, error) { return x.foundFacts(ctx) }) // where a part is made
	quarter := func(t time.Time) string {
		t = t.UTC()
		return fmt.Sprintf("%04dq%d", max(1, t.Year()), (int(t.Month())+2)/3)
	}
	// Items that are not filed any more keep their place, so that the others do.
	seen, by := map[string]int{}, map[string][]thing{}
	var names []string         // in that order, too
	for _, it := range items { // in the order in which they came
		q := quarter(it.first)
		name := q
		if n := seen[q] / itemsInPart; n > 0 {
			name += "-" + strconv.Itoa(n+1)
		}
		seen[q]++
		if it.live && !x.gone[it.file] {
			if by[name] == nil {
				names = append(names, name)
			}
			by[name] = append(by[name], it)
		}
	}
	var parts []any
	for _, name := range names {
		shards, err := x.part(ctx, name, by[name], found)
		if err != nil {
			return err
		}
		parts = append(parts, []any{name, shards})
	}
	if parts == nil {
		parts = []any{}
	}
	if err := x.register("search/parts.js", "parts", "", parts); err != nil {
		return err
	}
	if err := x.out.put("search/search.js", script); err != nil {
		return err
	}
	return x.searchPage()
}

// foundFacts are the facts of what was found in each item.
func (x *run) foundFacts(ctx context.Context) (map[string]query.Facts, error) {
	out := map[string]query.Facts{}
	err := x.o.Outbox.Findings(ctx, 0, func(f store.Finding) bool {
		if f.Retired != "" {
			return true
		}
		at := f.Source + "\x00" + f.Key
		have, n := out[at], x.o.Facts(f)
		for _, l := range []struct{ to, from *[]string }{
			{&have.Topics, &n.Topics}, {&have.Kinds, &n.Kinds}, {&have.Tiers, &n.Tiers}, {&have.Sources, &n.Sources}, {&have.Bodies, &n.Bodies},
			{&have.Areas, &n.Areas}, {&have.Stages, &n.Stages}, {&have.Committees, &n.Committees}, {&have.Threads, &n.Threads},
		} {
			*l.to = slices.Compact(slices.Sorted(slices.Values(slices.Concat(*l.to, *l.from))))
		}
		out[at] = have
		return ctx.Err() == nil
	})
	return out, errors.Join(err, ctx.Err())
}

// A filing is one part of the index while it is made.
type filing struct {
	places int
	stems  map[string]map[string]*posting // by stem, and within by the word where that matters
	facts  map[string]*posting
}

// A posting is where something stands: for each place the difference to the one
// before, how often, and the differences between its positions.
type posting struct {
	out       []byte
	last      int // place
	positions []int
}

func (p *posting) add(place, at int) {
	if place != p.last && len(p.positions) > 0 {
		p.flush()
	}
	if len(p.positions) == 0 {
		p.out = number(p.out, place-p.last)
		p.last = place
	}
	p.positions = append(p.positions, at)
}

func (p *posting) flush() {
	p.out = number(p.out, len(p.positions))
	was := 0
	for _, at := range p.positions {
		p.out = number(p.out, at-was)
		was = at
	}
	p.positions = p.positions[:0]
}

// fact files a place without positions.
func (p *posting) fact(place int) {
	p.out = number(p.out, place-p.last)
	p.last = place
}

// digits are those of a number: six bits each, of which the highest says that
// more follow. None needs an escape in a script.
const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func number(b []byte, n int) []byte {
	for n >= 32 {
		b = append(b, digits[32|n&31])
		n >>= 5
	}
	return append(b, digits[n])
}

// part is one part of the index, and how many shards it has: as it stands, if
// nothing that is filed in it has changed.
func (x *run) part(ctx context.Context, name string, items []thing, found func() (map[string]query.Facts, error)) (shards int, err error) {
	sum := sha256.New()
	for _, it := range items {
		at := it.source + "\x00" + it.key
		_, _ = fmt.Fprintf(sum, "%q %q %v %v\n", at, it.file, x.subjects[at], x.shown(it.file)) // never fails
	}
	p := partKept{Key: hex.EncodeToString(sum.Sum(nil))}
	if n, ok := x.leftPart(name, p.Key); ok {
		p.Shards = n
	} else {
		facts, err := found()
		if err != nil {
			return 0, err
		}
		if p.Shards, err = x.file(ctx, name, items, facts); err != nil {
			return 0, err
		}
	}
	p.Sizes = x.out.sizes("search/" + name + "/")
	x.parts[name] = p
	return p.Shards, nil
}

// leftPart leaves a part as it stands, with all of its files.
func (x *run) leftPart(name, key string) (shards int, ok bool) {
	was := x.again.was
	if was == nil || was.Parts[name].Key != key {
		return 0, false
	}
	for file, size := range was.Parts[name].Sizes {
		if !x.out.keep(file, size) {
			return 0, false
		}
	}
	return was.Parts[name].Shards, true
}

// shown are the pages of papers to which a page leads: what is found in one
// leads there only where there is one.
func (x *run) shown(file string) int {
	n := 0
	if p := x.pagesMade[file]; p != nil {
		for _, l := range p.links {
			if strings.HasPrefix(l.File, "paper/") && x.out.has(l.File) {
				n++
			}
		}
	}
	return n
}

// file writes one part of the index and says how many shards it has.
func (x *run) file(ctx context.Context, name string, items []thing, found map[string]query.Facts) (int, error) {
	f := &filing{places: 0, stems: map[string]map[string]*posting{}, facts: map[string]*posting{}}
	var counts []byte
	var when dates
	var rows []any
	for i, it := range items {
		stored, err := x.o.Ledger.Item(ctx, it.source, it.key)
		if err != nil {
			return 0, fmt.Errorf("reading %s %s: %w", it.source, it.key, err)
		}
		d := x.o.Describe(stored)
		spots, err := x.spots(ctx, stored, d)
		if err != nil {
			return 0, err
		}
		facts := merged(d.Facts, found[it.source+"\x00"+it.key])
		var shown []any
		for _, s := range spots {
			f.file(facts, d.Facts.Text+"\n"+s.text)
			if s.name == "" && s.page == 0 {
				shown = append(shown, 0)
			} else {
				shown = append(shown, []any{oneLine(s.name, 120), s.page, s.file})
			}
		}
		counts = number(counts, len(spots))
		when.add(it.date, x.o.Zone)
		var body string
		for _, b := range it.bodies {
			if n := x.o.Pages.Body(b); n != "" {
				body = oneLine(n, 100)
				break
			}
		}
		rows = append(rows, []any{it.file, x.clean(it.title), string(it.kind), body, shown})
		if len(rows) == itemsInFile || i == len(items)-1 {
			n := strconv.Itoa(i / itemsInFile)
			if err := x.register("search/"+name+"/items-"+n+".js", "items", name+"/"+n, rows); err != nil {
				return 0, err
			}
			rows = nil
		}
	}
	if err := x.register("search/"+name+"/part.js", "part", name, []any{string(counts), string(when.days), string(when.seconds)}); err != nil {
		return 0, err
	}
	return x.shards(name, f)
}

// dates are those of the items of a part: the days by which they are chosen, each
// as the difference to the one before, and the moments by which they are put in
// order, in seconds from the day before on.
type dates struct {
	days, seconds []byte
	last          int64
}

// oldestDay is the day on which everything older is put: none is known better.
const oldestDay = -36525 // in 1870

// add files a date: its day in a zone, from 1970 on.
func (d *dates) add(at time.Time, zone *time.Location) {
	if zone == nil {
		zone = time.UTC
	}
	y, m, n := at.In(zone).Date()
	day, seconds := time.Date(y, m, n, 0, 0, 0, 0, time.UTC).Unix()/86400, int64(0)
	if day < oldestDay {
		day = oldestDay
	} else {
		seconds = at.Unix() - (day-1)*86400
	}
	step := int(day - d.last)
	d.last = day
	if step = 2 * step; step < 0 {
		step = -step - 1
	}
	d.days, d.seconds = number(d.days, step), number(d.seconds, int(seconds))
}

func merged(a, b query.Facts) query.Facts {
	for _, l := range []struct{ to, from *[]string }{
		{&a.Topics, &b.Topics}, {&a.Kinds, &b.Kinds}, {&a.Tiers, &b.Tiers}, {&a.Sources, &b.Sources}, {&a.Bodies, &b.Bodies},
		{&a.Areas, &b.Areas}, {&a.Stages, &b.Stages}, {&a.Committees, &b.Committees}, {&a.Threads, &b.Threads},
	} {
		*l.to = slices.Concat(*l.to, *l.from)
	}
	return a
}

// spots are the places of an item, as the server's index has them.
func (x *run) spots(ctx context.Context, it store.Item, d Described) ([]spot, error) {
	out := []spot{{text: x.clean(d.Text)}}
	for _, p := range it.Parts {
		name := x.clean(strings.TrimSpace(p.Number + " " + p.Title))
		out = append(out, spot{name: name, text: name + "\n" + x.clean(p.Text)})
	}
	edit, err := x.o.Edit(ctx, it.Source, it.Key)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, doc := range it.Documents {
		name := x.clean(doc.Title)
		if at := doc.Key + "\x00" + doc.SHA256 + "\x00" + doc.URL; seen[at] {
			continue
		} else {
			seen[at] = true
		}
		var pages []string
		if doc.SHA256 != "" {
			if pages, err = x.o.Archive.Text(ctx, doc.SHA256); err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, err
			}
		}
		if len(pages) == 0 {
			out = append(out, spot{name: name, text: name})
		}
		for i, p := range pages {
			if len(p) > placeText {
				p = strings.ToValidUTF8(p[:placeText], "")
			}
			t, _ := targetOf("/paper?source=" + pathEscape(it.Source) + "&key=" + queryEscape(it.Key) + "&sha=" + doc.SHA256 + "&page=" + strconv.Itoa(i+1))
			if !x.out.has(t.File) {
				t.File = ""
			}
			out = append(out, spot{name, i + 1, t.File, name + "\n" + x.clean(edit(p))})
		}
	}
	return out, nil
}

// file files a place.
func (f *filing) file(facts query.Facts, text string) {
	place := f.places
	f.places++
	for i, t := range query.Tokens(text) {
		words := f.stems[t.Stem]
		if words == nil {
			words = map[string]*posting{}
			f.stems[t.Stem] = words
		}
		w := variant(t)
		p := words[w]
		if p == nil {
			p = &posting{}
			words[w] = p
		}
		p.add(place, i)
	}
	facts.Text = ""
	for w := range strings.FieldsSeq(query.Index(facts).Facts) {
		p := f.facts[w]
		if p == nil {
			p = &posting{}
			f.facts[w] = p
		}
		p.fact(place)
	}
}

// variant is the word under which a token is filed within its stem: as printed
// where it is in capitals (perhaps with the s of a plural), else in small letters.
func variant(t query.Token) string {
	capital := func(s string) bool {
		upper := false
		for _, r := range s {
			if unicode.IsLower(r) || unicode.IsTitle(r) {
				return false
			}
			upper = upper || unicode.IsUpper(r)
		}
		return upper
	}
	one, plural := strings.CutSuffix(t.Raw, "s")
	if capital(t.Raw) || plural && capital(one) {
		return t.Raw
	}
	return t.Word
}

// shards writes the words of a part.
func (x *run) shards(name string, f *filing) (int, error) {
	type row struct {
		key  string
		json []byte
	}
	var rows []row
	size := 0
	for stem, words := range f.stems {
		m := map[string]string{}
		for w, p := range words {
			p.flush()
			m[w] = string(p.out)
		}
		b, err := json.Marshal(m) // sorted
		if err != nil {
			return 0, err
		}
		rows = append(rows, row{stem, b})
		size += len(b) + len(stem)
	}
	for w, p := range f.facts {
		b, err := json.Marshal(string(p.out))
		if err != nil {
			return 0, err
		}
		rows = append(rows, row{"·" + w, b}) // no stem begins so
		size += len(b) + len(w)
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.key, b.key) })
	n := 1
	for n < 4096 && size/n > cmp.Or(x.o.Shard, usualShard) {
		n *= 2
	}
	out := make([]map[string]json.RawMessage, n)
	for i := range out {
		out[i] = map[string]json.RawMessage{}
	}
	for _, r := range rows {
		out[shardOf(r.key, n)][r.key] = r.json
	}
	for i, m := range out {
		id := strconv.FormatInt(int64(i), 16)
		if err := x.register("search/"+name+"/"+id+".js", "words", name+"/"+id, m); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// shardOf is the shard in which a word is looked for.
func shardOf(key string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))         // never fails
	return int(h.Sum32() & uint32(n-1)) //nolint:gosec // a power of two up to 4096
}

// register writes a script that hands over a value.
func (x *run) register(file, what, name string, v any) error {
	b, err := json.Marshal(v) // escapes what a script must not hold
	if err != nil {
		return err
	}
	return x.put(file, fmt.Appendf(nil, "ccgwatch(%q,%q,%s)\n", what, name, b))
}

// searchPage writes the page that asks the index.
func (x *run) searchPage() error {
	return x.framed("search.html", "Search", "search", template.Must(template.New("").Parse(`<noscript><p class="held"><strong>The search of these files needs a script.</strong> Without one there are <a href="list/index.html">lists by month, body and source</a>, and the search of your browser finds words on each page (Ctrl and F).</p></noscript>
<div id="search" role="search" class="filter" aria-label="All that was published" hidden>
<p class="wide"><label for="q">Words</label> <input type="search" id="q" maxlength="1000"></p>
<p><label for="kind">Kind</label> <select id="kind"><option value="">All</option>{{range .Kinds}}<option value="{{.}}">{{.}}</option>{{end}}</select></p>
<p><label for="body">Body</label> <select id="body"><option value="">All</option>{{range .Bodies}}<option value="{{.ID}}">{{.Name}}</option>{{end}}</select></p>
<p><label for="from">From</label> <input type="date" id="from"></p>
<p><label for="to">To</label> <input type="date" id="to"></p>
<p class="wide"><button type="button" id="go">Search</button></p>
<p class="wide meta">All words must fit; "words in quotation marks" as they stand; -word leaves out; a word in capitals is looked for in capitals; OR finds either.</p>
</div>
<div id="found" role="status"></div>
<p class="meta"><a href="list/index.html">Lists by month, body and source</a></p>
<script src="search/search.js"></script>
<script src="search/parts.js"></script>
`)), struct {
		Kinds  []store.Kind
		Bodies []choice
	}{[]store.Kind{store.KindNotice, store.KindMeeting, store.KindPaper, store.KindRequest, store.KindPage}, x.choices()})
}

// A choice is a body that items are of.
type choice struct{ ID, Name string }

func (x *run) choices() []choice {
	out := slices.Clone(x.bodies)
	slices.SortFunc(out, func(a, b choice) int { return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID)) })
	return out
}
