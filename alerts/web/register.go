package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// How much of the register a page shows.
const (
	entriesPerPage = 12  // procurements
	saidPerPage    = 30  // sentences of papers
	saidOfOne      = 5   // of one paper
	longestSaid    = 500 // characters
)

// An entry of the register is what the notices of one procurement say of
// interests, of who decided, and of the bidders.
type registered struct {
	judge.Thread
	Bids []judge.Said
}

// sayings find the sentences of papers about declared interests (of the kind
// interests) or about bidders (of the kind bidders).
type sayings struct {
	plain func(string) string
	once  sync.Once
	names names
	told  struct{ interests, bidders, duty *regexp.Regexp }
}

// Sayings finds the sentences of a paper that the register quotes, each once,
// some of one paper. plain makes them fit to be quoted, as Server.Plain does.
func Sayings(plain func(string) string) func(pages []string) []alerts.Saying {
	return (&sayings{plain: plain}).in
}

func (t *sayings) rules() {
	t.names = newNames()
	t.told.interests = regexp.MustCompile(`(?i)\bdeclar(?:ed|es)\b.{0,80}\binterests?\b|\binterests?\b.{0,40}\b(?:was|were|had been) (?:declared|noted|recorded)\b|\bno (?:new |further |additional )?(?:declarations?|conflicts?) of interests?\b|\b(?:left|withdrew from) the (?:room|meeting)\b.{0,120}\binterest\b|\bconflicts? of interest\b.{0,80}\b(?:was|were|has been|had been) (?:declared|identified|raised|managed)\b`)
	t.told.bidders = regexp.MustCompile(`(?i)\binvited to (?:tender|bid|quote|submit)\b|\binvitations? to (?:tender|bid|quote)\b.{0,40}\b(?:sent|issued)\b|\b(?:bids|tenders|quotations|quotes|expressions of interest|submissions)\b (?:was|were|had been) (?:received|submitted)\b|\b(?:bid|tender|quotation)s? received\b|\b(?:bidders|tenderers) (?:was|were|are)\b`)
	t.told.duty = regexp.MustCompile(`(?i)\b(?:are|is) (?:asked|invited|requested|reminded|required) to declare\b|\bmust declare\b|\bshould declare\b|\bto declare any\b|\bbidders (?:must|should|will|shall)\b|\btenderers (?:must|should|will|shall)\b`)
}

// register shows what papers and notices say of declared interests and of the
// bidders that were invited or took part. Of notices it shows what the judge
// reads in them; of papers the sentences, without names of persons. Cost: one
// fold of each procurement shown.
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
		Part   string
		All    int
		List   []registered
		Said   []alerts.SaidIn
		Papers int
		More   bool // papers are being read
		Pages  pages
		Behind time.Time
	}{Part: part, Behind: s.behindAll()}
	if part == "papers" {
		var x alerts.SaidPage
		if x, err = s.quoted(r.Context(), page); err == nil {
			body.Said, body.All, body.Papers, body.More = x.List, x.All, x.Papers, x.Behind
			_, body.Pages, err = paginate(make([]struct{}, x.All), page, saidPerPage, "/register", url.Values{"of": {part}})
		}
	} else {
		ids := s.survey.awarded()
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

func (s *site) registered(ctx context.Context, ids []string) ([]registered, error) {
	var out []registered
	if s.Thread == nil {
		return nil, nil
	}
	s.foldAll(ctx, ids)
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

// quoted are the sentences of papers on a page of the register, as the operator's
// corrections have them.
func (s *site) quoted(ctx context.Context, page int) (x alerts.SaidPage, err error) {
	if s.Papers == nil {
		return x, nil
	}
	if s.ownPapers {
		if err := s.Papers.Follow(ctx); err != nil {
			return x, err
		}
	}
	x, err = s.Papers.Quoted(ctx, (page-1)*saidPerPage, saidPerPage)
	if errors.Is(err, store.ErrDerived) { // it is worked out again
		return alerts.SaidPage{Behind: true}, nil
	}
	for i := range x.List {
		var edit *store.Edit
		if edit, err = s.editOf(ctx, x.List[i].Source, x.List[i].Key); err != nil {
			return x, err
		}
		x.List[i].Quote = edit.Clean(x.List[i].Quote)
	}
	return x, err
}

// in finds the sentences of a paper, each once.
func (t *sayings) in(pages []string) []alerts.Saying {
	t.once.Do(t.rules)
	var out []alerts.Saying
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
			words := line(t.names.leaveOut(t.plain(sentence)), longestSaid)
			if said[words] || len(out) == saidOfOne {
				continue
			}
			said[words] = true
			out = append(out, alerts.Saying{Page: n + 1, Kind: kind, Quote: words})
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
