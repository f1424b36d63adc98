package judge

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/store"
)

// A site that lists every paper by itself: the pack of a meeting is one item, and
// each of its reports is another.
type listed struct {
	t     *testing.T
	j     *Judge
	texts map[string][]string
	items []store.Item
	at    time.Time
	seq   uint64
}

const saysInsourcing = "Insourcing of endoscopy by a private provider was extended to March at the last meeting."

func newListed(t *testing.T) *listed {
	t.Helper()
	return &listed{t: t, j: exampleJudge(t), texts: map[string][]string{}, at: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)}
}

// paper is an item of one document with these pages.
func (l *listed) paper(name string, role store.Role, when string, pages ...string) store.Item {
	d := store.Document{Key: "document/" + name, Title: name, URL: "https://board.example/" + name, Role: role, SHA256: "sha-" + name, Pages: len(pages), Since: l.at}
	l.texts[d.SHA256] = pages
	return store.Item{Source: "board", Key: d.Key, Kind: store.KindPaper, Title: "Meeting: " + name, URL: d.URL, Documents: []store.Document{d},
		Fields: map[string]string{store.FieldWhen: when}}
}

// come has some papers appear in one crawl, and gives what is told of each,
// in the order of the log.
func (l *listed) come(items ...store.Item) (told []string) {
	l.items = append(l.items, items...)
	for _, it := range items {
		told = append(told, l.judge(it)...)
	}
	l.at = l.at.AddDate(0, 0, 1)
	return told
}

func (l *listed) judge(it store.Item) (told []string) {
	l.t.Helper()
	l.seq++
	c := change(it, store.OpAdded, store.DocumentAdded)
	c.Seq, c.At, c.Documents = l.seq, it.Documents[0].Since, it.Documents
	got, err := l.j.FindingsBeside(c, it, papers(l.texts), Beside{Items: func() ([]store.Item, error) { return l.items, nil }})
	if err != nil {
		l.t.Fatal(err)
	}
	for _, f := range got {
		s := f.Document + ": " + f.Quote
		for _, o := range f.AlsoIn {
			s += fmt.Sprintf(" Also in %s, page %d.", o.Document, o.Page)
		}
		told = append(told, s)
	}
	return told
}

// The same sentence in a pack and in a part that is listed by itself gives one
// finding, whichever is seen first; what only one of them says is told.
func TestPackAndPartsInSeparateItemsAreNotTwoFindings(t *testing.T) {
	const onlyPack, day = "The board is asked to approve outsourcing of cataract surgery to an independent provider.", "2026-09-10T00:00:00+01:00"
	packPages := []string{"Contents", "Paper A\n" + saysInsourcing, onlyPack}
	for _, x := range []struct {
		name string
		run  func(l *listed) []string
		want []string
	}{
		{"both in one crawl, the pack first in the log", func(l *listed) []string {
			return l.come(l.paper("Pack", store.RolePack, day, packPages...), l.paper("Paper A", store.RoleReport, day, saysInsourcing))
		}, []string{
			"Pack: " + onlyPack, ": Papers added: Pack (what we noticed in it stands also in Paper A).",
			"Paper A: " + saysInsourcing + " Also in Pack, page 2.", ": Papers added: Paper A.",
		}},
		{"a pack that is not known as one gives way to the shorter paper", func(l *listed) []string {
			return l.come(l.paper("A long one", store.RoleReport, day, packPages[:2]...), l.paper("Paper A", store.RoleReport, day, saysInsourcing))
		}, []string{
			": Papers added: A long one (what we noticed in it stands also in Paper A).",
			"Paper A: " + saysInsourcing + " Also in A long one, page 2.", ": Papers added: Paper A.",
		}},
		{"the pack days after its part", func(l *listed) []string {
			l.come(l.paper("Paper A", store.RoleReport, day, saysInsourcing))
			return l.come(l.paper("Pack", store.RolePack, day, packPages...))
		}, []string{"Pack: " + onlyPack, ": Papers added: Pack (what we noticed in it stands also in Paper A)."}},
		{"the part days after the pack", func(l *listed) []string {
			l.come(l.paper("Pack", store.RolePack, day, packPages...))
			return l.come(l.paper("Paper A", store.RoleReport, day, saysInsourcing))
		}, []string{": Papers added: Paper A (what we noticed in it stands also in Pack)."}},
		{"another day's paper is another matter", func(l *listed) []string {
			l.come(l.paper("Paper A", store.RoleReport, "2026-08-10T00:00:00+01:00", saysInsourcing))
			return l.come(l.paper("Paper B", store.RoleReport, day, saysInsourcing))
		}, []string{"Paper B: " + saysInsourcing, ": Papers added: Paper B."}},
		{"so is another committee's", func(l *listed) []string {
			other := l.paper("Paper A", store.RoleReport, day, saysInsourcing)
			other.Fields[store.FieldCommittee] = "Council of Governors"
			l.come(other)
			return l.come(l.paper("Paper B", store.RoleReport, day, saysInsourcing))
		}, []string{"Paper B: " + saysInsourcing, ": Papers added: Paper B."}},
		{"papers without a date are not brought together", func(l *listed) []string {
			l.come(l.paper("Paper A", store.RoleReport, "", saysInsourcing))
			return l.come(l.paper("Paper B", store.RoleReport, "", saysInsourcing))
		}, []string{"Paper B: " + saysInsourcing, ": Papers added: Paper B."}},
		{"an item that flickers is not relied on", func(l *listed) []string {
			other := l.paper("Paper A", store.RoleReport, day, saysInsourcing)
			other.Unrest = &store.Unrest{Since: l.at}
			l.come(other)
			return l.come(l.paper("Paper B", store.RoleReport, day, saysInsourcing))
		}, []string{"Paper B: " + saysInsourcing, ": Papers added: Paper B."}},
		{"nor one whose text is not to be had", func(l *listed) []string {
			l.come(l.paper("Paper A", store.RoleReport, day, saysInsourcing))
			delete(l.texts, "sha-Paper A")
			return l.come(l.paper("Paper B", store.RoleReport, day, saysInsourcing))
		}, []string{"Paper B: " + saysInsourcing, ": Papers added: Paper B."}},
	} {
		t.Run(x.name, func(t *testing.T) {
			if diff := cmp.Diff(x.want, x.run(newListed(t))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Where one paper gives a sentence as a mention and the other as certain, the
// certain one is mailed even if it came later.
func TestALessSureSentenceInAnotherPaperSilencesNothing(t *testing.T) {
	l := newListed(t)
	const day = "2026-09-10T00:00:00+01:00"
	weak := mention{Passage: Passage{Page: 1, Tier: store.TierMention, Quote: saysInsourcing}, key: sayKey(saysInsourcing)}
	part := l.paper("Paper A", store.RoleReport, day, saysInsourcing)
	pack := l.paper("Pack", store.RolePack, day, saysInsourcing)
	f := &finder{j: l.j, c: store.Change{Key: pack.Key, At: l.at.AddDate(0, 0, 1)}, it: pack}
	for _, x := range []struct {
		tier store.Tier
		told bool
	}{{store.TierCertain, false}, {store.TierLikely, false}, {store.TierMention, true}} {
		m := mention{Passage: Passage{Page: 1, Tier: x.tier, Quote: saysInsourcing}, key: weak.key}
		if _, told := f.elsewhere(pack.Documents[0], &m, []neighbour{{part, part.Documents[0], []mention{weak}}}); told != x.told || told == (len(m.also) == 1) {
			t.Errorf("%s: told elsewhere %v, also in %v", x.tier, told, m.also)
		}
	}
}

// Every sentence of papers that come together is told of exactly one of them,
// in whatever order the log has them and whatever they are called: neither twice
// nor, each giving way to the other, not at all.
func TestPapersThatComeTogetherTellASentenceOnce(t *testing.T) {
	const day = "2026-09-10T00:00:00+01:00"
	for _, names := range [][]string{{"a", "b", "c"}, {"c", "b", "a"}, {"b", "c", "a"}} {
		for _, lengths := range [][]int{{1, 1, 1}, {1, 2, 3}, {3, 1, 1}} {
			l := newListed(t)
			var items []store.Item
			for i, name := range names {
				items = append(items, l.paper(name, []store.Role{store.RoleReport, store.RolePack, store.RoleReport}[i], day, slices.Repeat([]string{saysInsourcing}, lengths[i])...))
			}
			n := 0
			for _, s := range l.come(items...) {
				if s[0] != ':' {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%v of %v pages: told %d times", names, lengths, n)
			}
			n = 0
			for _, it := range items { // and judged again
				for _, s := range l.judge(it) {
					if s[0] != ':' {
						n++
					}
				}
			}
			if n != 1 {
				t.Errorf("%v of %v pages, judged again: told %d times", names, lengths, n)
			}
		}
	}
}

// A store that cannot be read is an error, and no reason to tell twice.
func TestWhatStandsBesideThatCannotBeReadIsAnError(t *testing.T) {
	l := newListed(t)
	it := l.paper("Paper A", store.RoleReport, "2026-09-10T00:00:00+01:00", saysInsourcing)
	c := change(it, store.OpAdded, store.DocumentAdded)
	c.Documents = it.Documents
	broken := errors.New("the disk is gone")
	if _, err := l.j.FindingsBeside(c, it, papers(l.texts), Beside{Items: func() ([]store.Item, error) { return nil, broken }}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
