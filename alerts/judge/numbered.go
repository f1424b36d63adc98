package judge

import (
	"regexp"
	"strings"

	"ccgwatch/store"
)

// numberedMost is how many notices named by one paper are told of.
const numberedMost = 5

// numbered gives a mention for each notice or process that a paper names by its
// number: what the paper says of it may use none of the words of the rules,
// and it belongs to that procurement's story all the same.
func (f *finder) numbered(pages []string, d store.Document) {
	var find *regexp.Regexp
	seen := map[string]bool{}
	for i, page := range pages {
		if !strings.Contains(page, "-20") && !strings.Contains(page, "/S 000-") && !strings.Contains(page, "ocds-") {
			continue
		}
		if find == nil {
			find = noticeNumber()
		}
		for _, m := range find.FindAllStringIndex(page, -1) {
			number := page[m[0]:m[1]]
			if seen[number] || len(seen) >= numberedMost {
				continue
			}
			seen[number] = true
			quote := around(page, m[0], m[1])
			if f.j.lex.tally(words(quote)).has(f.j.lists["person"]) {
				quote = "(a sentence about one person is not quoted) " + number
			}
			quote = Redact(quote)
			if key := sayKey(quote); !f.said[key] {
				f.said[key] = true
				f.add(store.Finding{
					Topic: store.TopicPapers, Tier: store.TierMention, Rule: "papers: names a notice", Quote: quote, Page: i + 1, Document: d.Title, SHA256: d.SHA256,
					URL: d.URL, Text: f.it.Fields[store.FieldCommittee], Why: "it names " + number,
				}, d.SHA256+" "+number)
			}
		}
	}
}

// noticeNumber finds the numbers of notices and processes: 012345-2026,
// 2026/S 000-012345, ocds-h6vhtk-051a2b.
func noticeNumber() *regexp.Regexp {
	return regexp.MustCompile(`\b(20\d\d)/S 000-(\d{6})\b|\b(\d{6}-20\d\d)\b|\b(ocds-[a-z0-9]{6}-[0-9a-fA-F][0-9a-fA-F-]{4,38}[0-9a-fA-F])\b`)
}
