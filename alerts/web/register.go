package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// How much of the register a page shows, and how much is read for it.
const (
	entriesPerPage = 12  // procurements
	saidPerPage    = 30  // sentences of papers
	saidOfOne      = 5   // of one paper
	pagesAtOnce    = 300 // of papers, read for one request
	longestSaid    = 500 // characters
)

// An entry of the register is what the notices of one procurement say of
// interests, of who decided, and of the bidders.
type registered struct {
	judge.Thread
	Bids []judge.Said
}

// A saying is a sentence of a paper about declared interests or about bidders.
type saying struct {
	Source, Key, Item string
	Document, URL     string
	SHA               string
	Page              int
	Kind              string // interests or bidders
	Quote             string
	When              time.Time
}

// sayings are what was found in papers so far, kept in memory by the hash of
// their bytes: a page of a paper is read once.
type sayings struct {
	mu    sync.Mutex
	names names
	told  struct{ interests, bidders, duty *regexp.Regexp }
	by    map[string][]saying // without the item
	items map[ref]papersOf    // as they were when they last changed
}

// papersOf are the papers of an item.
type papersOf struct {
	title string
	when  time.Time
	docs  []store.Document // their title, address and hash
	edit  *store.Edit
}

func (t *sayings) rules() {
	if t.told.interests != nil {
		return
	}
	t.names = newNames()
	t.told.interests = regexp.MustCompile(`(?i)\bdeclar(?:ed|es)\b.{0,80}\binterests?\b|\binterests?\b.{0,40}\b(?:was|were|had been) (?:declared|noted|recorded)\b|\bno (?:new |further |additional )?(?:declarations?|conflicts?) of interests?\b|\b(?:left|withdrew from) the (?:room|meeting)\b.{0,120}\binterest\b|\bconflicts? of interest\b.{0,80}\b(?:was|were|has been|had been) (?:declared|identified|raised|managed)\b`)
	t.told.bidders = regexp.MustCompile(`(?i)\binvited to (?:tender|bid|quote|submit)\b|\binvitations? to (?:tender|bid|quote)\b.{0,40}\b(?:sent|issued)\b|\b(?:bids|tenders|quotations|quotes|expressions of interest|submissions)\b (?:was|were|had been) (?:received|submitted)\b|\b(?:bid|tender|quotation)s? received\b|\b(?:bidders|tenderers) (?:was|were|are)\b`)
	t.told.duty = regexp.MustCompile(`(?i)\b(?:are|is) (?:asked|invited|requested|reminded|required) to declare\b|\bmust declare\b|\bshould declare\b|\bto declare any\b|\bbidders (?:must|should|will|shall)\b|\btenderers (?:must|should|will|shall)\b`)
}

// register shows what papers and notices say of declared interests and of the
// bidders that were invited or took part. Of notices it shows what the judge
// reads in them; of papers the sentences, without names of persons. Cost: one
// fold of each procurement shown, and the pages of papers not read yet, so many
// at a time.
func (s *site) register(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	page, err := pageNumber(q)
	if err != nil {
		return err
	}
	if err := s.followAll(r.Context()); err != nil {
		return err
	}
	part := cmp.Or(q.Get("of"), "notices")
	if part != "notices" && part != "papers" {
		return badRequest("There is no such part of the register.")
	}
	body := struct {
		Part         string
		All          int
		List         []registered
		Said         []saying
		Papers, Read int
		Pages        pages
		Behind       time.Time
	}{Part: part, Behind: s.behindAll()}
	if part == "papers" {
		x, err := s.papersKept(r.Context())
		if err != nil {
			return err
		}
		body.Said, body.Read, body.Papers = x.said, x.read, x.all
		body.All = len(body.Said)
		if body.Said, body.Pages, err = paginate(body.Said, page, saidPerPage, "/register", url.Values{"of": {part}}); err != nil {
			return err
		}
	} else {
		ids := s.survey.awarding()
		body.All = len(ids)
		if ids, body.Pages, err = paginate(ids, page, entriesPerPage, "/register", url.Values{}); err == nil {
			body.List, err = s.registered(r.Context(), ids)
		}
	}
	if err != nil {
		return err
	}
	return s.render(w, http.StatusOK, "register", view{Title: "Interests and bidders", Here: "register", Body: body})
}

// awarding are the procurements with a notice of an award or the intention of
// one, the latest first.
func (v *survey) awarding() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.awards != nil && v.awards.version == v.version {
		return v.awards.ids
	}
	last := map[string]time.Time{}
	v.rows(func(n *noticed) {
		if awarding(n.stage) && n.at.After(last[n.thread]) {
			last[n.thread] = n.at
		}
	})
	out := make([]string, 0, len(last))
	for id := range last {
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(last[b].Compare(last[a]), strings.Compare(a, b)) })
	v.awards = &awards{v.version, out}
	return out
}

func (s *site) registered(ctx context.Context, ids []string) ([]registered, error) {
	var out []registered
	if s.Thread == nil {
		return nil, nil
	}
	for _, id := range ids {
		t, err := s.fold(ctx, id)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		x := registered{Thread: t}
		for _, a := range t.Charter {
			if a.ID == "bidders" {
				x.Bids = a.Says
			}
		}
		out = append(out, x)
	}
	return out, nil
}

// saidInPapers reads on in the papers, the newest first, and gives what they
// say as far as they were read, the number of those and of all.
func (s *site) saidInPapers(ctx context.Context) (out []saying, read, all int, err error) {
	if s.Archive == nil || s.Plain == nil {
		return nil, 0, 0, nil
	}
	s.said.mu.Lock()
	defer s.said.mu.Unlock()
	s.said.rules()
	if s.said.by == nil {
		s.said.by, s.said.items = map[string][]saying{}, map[ref]papersOf{}
	}
	if err := s.papersAgain(ctx); err != nil {
		return nil, 0, 0, err
	}
	left := pagesAtOnce
	seen := map[string]bool{}
	for _, x := range s.record.withPapers() {
		it := s.said.items[x]
		for _, d := range it.docs {
			if seen[d.SHA256] {
				continue
			}
			seen[d.SHA256] = true
			all++
			said, known := s.said.by[d.SHA256]
			if !known {
				if left <= 0 {
					continue
				}
				text, err := s.Archive.Text(ctx, d.SHA256)
				if err != nil && !isNotFound(err) {
					return nil, 0, 0, err
				}
				left -= len(text)
				said = s.said.in(text, s.Plain)
				s.said.by[d.SHA256] = said
			}
			read++
			for _, y := range said {
				y.Source, y.Key, y.Item, y.Document, y.URL, y.SHA, y.When = x.source, x.key, it.title, d.Title, d.URL, d.SHA256, it.when
				y.Quote = it.edit.Clean(y.Quote)
				out = append(out, y)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b saying) int { return b.When.Compare(a.When) })
	return out, read, all, nil
}

// in finds the sentences of a paper, each once.
func (t *sayings) in(pages []string, plain func(string) string) []saying {
	var out []saying
	said := map[string]bool{}
	for n, text := range pages {
		for _, sentence := range sentencesOf(text) {
			kind := ""
			switch {
			case len(sentence) < 25 || len(sentence) > 4*longestSaid || t.told.duty.MatchString(sentence):
				continue
			case t.told.interests.MatchString(sentence):
				kind = "interests"
			case t.told.bidders.MatchString(sentence):
				kind = "bidders"
			default:
				continue
			}
			words := line(t.names.leaveOut(plain(sentence)), longestSaid)
			if said[words] || len(out) == saidOfOne {
				continue
			}
			said[words] = true
			out = append(out, saying{Page: n + 1, Kind: kind, Quote: words})
		}
	}
	return out
}

// sentencesOf cuts a page into sentences: at a full stop before a capital, and
// at empty lines.
func sentencesOf(text string) []string {
	var out []string
	for para := range strings.SplitSeq(strings.ReplaceAll(text, "\r", ""), "\n\n") {
		words := strings.Fields(para)
		from := 0
		for i, w := range words {
			last := i == len(words)-1
			if last || strings.ContainsAny(w[len(w)-1:], ".!?;") && len(w) > 3 && words[i+1][0] >= 'A' && words[i+1][0] <= 'Z' {
				out = append(out, strings.Join(words[from:i+1], " "))
				from = i + 1
			}
		}
	}
	return out
}

// onePerson is a name as minutes print it, and speaking the words that follow
// one: who is said to do something.
const (
	onePerson = `(?:(?:Dr|Mr|Mrs|Ms|Miss|Prof|Professor|Cllr|Councillor|Sir|Dame|Lord|Lady)\.?\s+)?(?:[A-Z][A-Za-z'’-]+|[A-Z]\.?)(?:\s+(?:[A-Z][A-Za-z'’-]+|[A-Z]{1,3}\.?)){1,2}`
	speaking  = `(?:\s+\([^)]{1,60}\))?\s+(?:also\s+)?(?:declared|declares|advised|informed|stated|noted|said|reported|left|withdrew|had|has|was|were|have)\b`
)

// names finds names in front of such words, one or several of them.
type names struct{ spoken, one *regexp.Regexp }

func newNames() names {
	return names{
		spoken: regexp.MustCompile(`\b(` + onePerson + `(?:(?:,|,? and)\s+` + onePerson + `)*)` + speaking),
		one:    regexp.MustCompile(`\b` + onePerson),
	}
}

// leaveOut takes out the names of those who speak in minutes. What has a word
// that bodies are named by stays; any other body of which the same is said loses
// its name too: better that than a person's.
func (n names) leaveOut(text string) string {
	return n.spoken.ReplaceAllStringFunc(text, func(m string) string {
		who := n.spoken.FindStringSubmatch(m)[1]
		return n.one.ReplaceAllStringFunc(who, func(name string) string {
			for _, w := range strings.Fields(name) {
				if slices.Contains(bodyWords(), strings.Trim(w, ".,")) || len(w) > 1 && w == strings.ToUpper(w) && !strings.ContainsAny(w, ".'’") {
					return name
				}
			}
			return "(name)"
		}) + m[len(who):]
	})
}

// bodyWords are words of the names of bodies, and capitals that begin a sentence.
func bodyWords() []string {
	return []string{
		"Trust", "Board", "Council", "Committee", "Group", "Limited", "Ltd", "CIC", "Partnership", "Hospital", "Hospitals", "Hospice", "Service", "Services",
		"Care", "Health", "Healthcare", "Surgery", "Practice", "Centre", "University", "College", "Society", "Association", "Foundation", "Charity", "Federation", "England",
		"Interest", "Interests", "The", "No", "There", "All", "Declarations", "Conflicts",
	}
}

// papersAgain reads the items with papers that have changed since it was asked last.
func (s *site) papersAgain(ctx context.Context) (err error) {
	changed := s.record.takePapered()
	defer func() {
		if err != nil {
			s.record.giveBack(changed)
		}
	}()
	for _, x := range changed {
		it, err := s.Ledger.Item(ctx, x.source, x.key)
		if isNotFound(err) {
			delete(s.said.items, x)
			continue
		}
		if err != nil {
			return err
		}
		of := papersOf{title: it.Title, when: it.When()}
		if of.edit, err = s.editOf(ctx, x.source, x.key); err != nil {
			return err
		}
		for _, d := range it.Documents {
			if d.SHA256 != "" {
				of.docs = append(of.docs, store.Document{Title: d.Title, URL: d.URL, SHA256: d.SHA256})
			}
		}
		s.said.items[x] = of
	}
	return nil
}

// takePapered are the items with papers that have changed since it was asked last.
func (r *record) takePapered() []ref {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]ref, 0, len(r.repapered))
	for x := range r.repapered {
		out = append(out, x)
	}
	r.repapered = nil
	return out
}

// giveBack are items that were taken and could not be read.
func (r *record) giveBack(list []ref) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.repapered == nil {
		r.repapered = map[ref]bool{}
	}
	for _, x := range list {
		r.repapered[x] = true
	}
}

// withPapers are the meetings and papers with a document, those that came last first.
func (r *record) withPapers() []ref {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := slices.Clone(r.papers)
	slices.Reverse(out)
	return out
}

// conflictWords say what a notice says of conflicts of interest.
func conflictWords(kind string) string {
	switch kind {
	case "none":
		return "The notice says there were none"
	case "declared":
		return "The notice tells of one"
	case "mentioned":
		return "Mentioned"
	}
	return line(kind, 40)
}
