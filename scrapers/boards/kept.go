package boards

import (
	"regexp"
	"strings"

	"ccgwatch/store"
)

// apart tells meetings that stand beside the board's and are not the board's:
// governors meet on the same page, and so do members once a year. To mistake
// theirs for the board's is the most frequent error of those who read such pages.
func (t tidier) apart(texts ...string) string {
	for _, s := range texts {
		switch {
		case t.governors.MatchString(s):
			return "Council of Governors"
		case t.annual.MatchString(s):
			return "Annual meeting"
		}
	}
	return ""
}

// folder is the year that a link to a page of papers is about, 0 for none: its
// text is a year, or a year beside words about papers.
func (t tidier) folder(text string) int {
	m := t.year.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	rest := strings.TrimSpace(strings.Replace(text, m[0], "", 1))
	if rest != "" && !t.papers.MatchString(rest) {
		return 0
	}
	n := 0
	for _, r := range m[1] {
		n = n*10 + int(r-'0')
	}
	return n
}

// What is known of packs: they have more than 100 pages, mostly 300 to 430, and
// more than 5 MB; an agenda alone has less than 20. A file called agenda may be
// either, so that only what was read of it tells.
const (
	packPages  = 60
	packBytes  = 5 << 20
	sheetPages = 20
)

// roles tells packs from reports and front sheets by what is known of the files
// from reading them. A single paper is the pack, whatever its size.
func roles(list []store.Document, old []store.Document) {
	before := map[string]store.Document{}
	for _, d := range old {
		before[d.Key] = d
	}
	papers, packs, others := 0, 0, 0
	for i := range list {
		if list[i].Role == store.RoleMinutes {
			continue
		}
		papers++
		switch d := before[list[i].Key]; {
		case d.Pages >= packPages, d.Pages == 0 && d.Size >= packBytes:
			packs++
		case d.Pages == 0 || d.Pages >= sheetPages:
			others++
		}
	}
	for i := range list {
		d := before[list[i].Key]
		switch {
		case list[i].Role == store.RoleMinutes:
		case papers == 1, others == 0 && packs == 1 && (d.Pages >= packPages || d.Pages == 0):
			list[i].Role = store.RolePack
		case others == 0 && packs == 1 && strings.Contains(strings.ToLower(list[i].Title), "agenda"):
			list[i].Role = store.RoleFrontsheet
		}
	}
}

func newApart() (governors, annual, year, papers *regexp.Regexp) {
	re := func(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + s) }
	return re(`\b(?:council of governors|board of governors|governors.{0,3} (?:council|meetings?)|cog (?:meetings?|papers))\b`),
		re(`\bannual (?:general|members.?|public)(?: and \w+)? meeting|\b(?:AGM|AMM)\b`),
		re(`\b(20\d\d)(?:\s*[/–-]\s*(?:20)?\d\d)?\b`),
		re(`^(?:.{0,60}\b(?:board|papers?|meetings?|agendas?|minutes|archive|documents?)\b.{0,40}|past|previous|archived?)$`)
}
