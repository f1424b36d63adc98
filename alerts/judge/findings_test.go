package judge

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"

	"github.com/google/go-cmp/cmp"
)

// exampleJudge knows two bodies and two areas beside the shipped rules.
func exampleJudge(t testing.TB) *Judge {
	t.Helper()
	r := shippedRules(t)
	r.Bodies = []Body{
		{ID: "example-icb", Name: "NHS Example Integrated Care Board", Aliases: []string{"NHS EXAMPLE ICB"}, Codes: []string{"QX9", "GB-PPON-AAAA-1111-BBBB"}, Kind: "icb", Areas: []string{"city", "county"}, Since: "2022-07-01"},
		{ID: "city-ccg", Name: "NHS City CCG", Kind: "ccg", Areas: []string{"city"}, Until: "2022-06-30", Successors: []string{"example-icb"}},
		{ID: "city-council", Name: "Exampleton City Council", Kind: "council", Areas: []string{"city"}},
		{ID: "hub", Name: "Exampleshire County Council, trading as HUB", Kind: "other"},
	}
	r.Areas = []Area{
		{ID: "city", Name: "Exampleton", Regions: []string{"UKF21"}, Postcodes: []string{"EX1", "EX2"}},
		{ID: "county", Name: "Exampleshire", Regions: []string{"UKF22"}, Postcodes: []string{"EY"}},
	}
	j, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func papers(texts map[string][]string) func(string) ([]string, error) {
	return func(sha string) ([]string, error) {
		if p, ok := texts[sha]; ok {
			return p, nil
		}
		return nil, errors.New("no text")
	}
}

func summary(fs []store.Finding) []string {
	var out []string
	for _, f := range fs {
		s := fmt.Sprintf("%s %s p%d %s", f.Topic, f.Tier, f.Page, f.Quote)
		if f.Document != "" {
			s += " [" + f.Document + "]"
		}
		out = append(out, s)
	}
	return out
}

func scrutinyMeeting() store.Item {
	return store.Item{
		Source: "city", Key: "meeting/7", Kind: store.KindMeeting, Body: "city-council", Title: "Health Scrutiny", URL: "https://example.org/7",
		Fields: map[string]string{store.FieldCommittee: "Health Scrutiny Commission", store.FieldWhen: "2026-09-17T17:30:00+01:00", store.FieldVenue: "City Hall"},
	}
}

func change(it store.Item, op store.Op, what ...store.What) store.Change {
	return store.Change{Seq: 42, At: time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC), Source: it.Source, Key: it.Key, Kind: it.Kind, Op: op, What: what, Title: it.Title, URL: it.URL}
}

func TestMeetingFindings(t *testing.T) {
	j, scrutiny := exampleJudge(t), scrutinyMeeting()
	moved := change(scrutiny, store.OpAmended, store.MeetingMoved)
	moved.Fields = []store.FieldChange{{Name: store.FieldWhen, Old: "2026-09-16T14:00:00+01:00", New: "2026-09-17T17:30:00+01:00"}}
	agenda := change(scrutiny, store.OpAmended, store.AgendaPublished)
	agenda.Parts = []store.Part{
		{Key: "item/1", Number: "1", Title: "Apologies for absence"},
		{Key: "item/2", Number: "2", Title: "Insourcing of endoscopy by a private provider", Text: "To receive a report."},
	}
	parish, board := scrutiny, scrutiny
	parish.Fields = map[string]string{store.FieldCommittee: "Licensing Committee", store.FieldDoubt: "the heading says Tuesday, the date is a Wednesday"}
	board.Body, board.Fields = "example-icb", map[string]string{store.FieldCommittee: "Board", store.FieldWhen: "2026-10-08T00:00:00+01:00"}
	tests := []struct {
		name string
		c    store.Change
		it   store.Item
		want []string
	}{
		{"new", change(scrutiny, store.OpAdded, store.NewMeeting), scrutiny,
			[]string{"meetings certain p0 Exampleton City Council lists a meeting of Health Scrutiny Commission on 17 September 2026, 17:30, City Hall."}},
		{"moved", moved, scrutiny,
			[]string{"meetings certain p0 Exampleton City Council now lists the meeting of Health Scrutiny Commission for 17 September 2026, 17:30; it was 16 September 2026, 14:00."}},
		{"cancelled", change(scrutiny, store.OpAmended, store.MeetingCancelled), scrutiny,
			[]string{"meetings certain p0 Exampleton City Council lists the meeting of Health Scrutiny Commission on 17 September 2026, 17:30 as cancelled."}},
		{"restored", change(scrutiny, store.OpAmended, store.MeetingRestored), scrutiny,
			[]string{"meetings certain p0 Exampleton City Council lists the meeting of Health Scrutiny Commission on 17 September 2026, 17:30 and no longer as cancelled."}},
		{"an agenda is read item by item", agenda, scrutiny, []string{
			"meetings certain p0 The agenda of Health Scrutiny Commission for 17 September 2026, 17:30 is published with 2 items.",
			"outsourcing certain p0 Insourcing of endoscopy by a private provider [Agenda item 2: Insourcing of endoscopy by a private provider]",
		}},
		{"another committee, and a page in doubt", change(parish, store.OpAdded, store.NewMeeting), parish,
			[]string{"meetings mention p0 Exampleton City Council lists a meeting of Licensing Committee without a date. The page contradicts itself: the heading says Tuesday, the date is a Wednesday."}},
		{"a board of the NHS", change(board, store.OpAdded, store.NewMeeting), board,
			[]string{"meetings certain p0 NHS Example Integrated Care Board lists a meeting of Board on 8 October 2026."}},
		{"minutes", change(scrutiny, store.OpAmended, store.MinutesPublished), scrutiny,
			[]string{"papers mention p0 The minutes of Health Scrutiny Commission on 17 September 2026, 17:30 are published."}},
		{"withdrawn", change(scrutiny, store.OpWithdrawn), scrutiny, nil},
		{"due", change(scrutiny, store.OpDue), scrutiny, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := j.Findings(tt.c, tt.it, papers(nil))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, summary(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			for _, f := range got {
				if f.Change != 42 || f.Source != "city" || f.Key != "meeting/7" || f.Rules != j.Version() || f.Thread == "" || f.URL == "" || f.Body == "" || len(f.Areas) == 0 {
					t.Errorf("incomplete: %+v", f)
				}
				if f.Topic == store.TopicMeetings && !f.When.Equal(tt.it.When()) {
					t.Errorf("when %v, want %v", f.When, tt.it.When())
				}
			}
		})
	}
}

func TestDocumentFindings(t *testing.T) {
	j, scrutiny := exampleJudge(t), scrutinyMeeting()
	const (
		oldSay = "Insourcing of endoscopy by a private provider was extended."
		newSay = "The sexual health service is out to tender."
	)
	texts := papers(map[string][]string{
		"aaa": {"Cover", oldSay + " Nothing else."},
		"bbb": {"Cover", "A new page.", oldSay + " " + newSay},
		"ccc": {"Cover", newSay, newSay + " " + newSay},
	})
	pack := func(sha string) store.Document {
		return store.Document{Key: "pack/7", Title: "Reports pack", URL: "https://example.org/pack", Role: store.RolePack, SHA256: sha}
	}
	it := scrutiny
	it.Documents = []store.Document{pack("bbb")}
	added := change(it, store.OpAmended, store.DocumentAdded)
	added.Documents = []store.Document{pack("aaa")}
	replaced := change(it, store.OpAmended, store.DocumentReplaced)
	replaced.Documents = []store.Document{pack("bbb")}
	replaced.Fields = []store.FieldChange{{Name: "document pack/7", Old: "aaa", New: "bbb"}}
	lost := replaced
	lost.Fields = []store.FieldChange{{Name: "document pack/7", Old: "zzz", New: "bbb"}}
	gone := change(it, store.OpAmended, store.DocumentRemoved, store.DocumentAdded)
	gone.Documents = []store.Document{pack("bbb"), {Key: "document/8", Title: "Removed", SHA256: "ccc"}}
	read := change(it, store.OpAmended)
	read.Read = []store.Document{pack("aaa")}
	unread := change(it, store.OpAmended, store.DocumentAdded)
	unread.Documents = []store.Document{pack("zzz"), {Key: "document/9", Title: "Scan", Failed: "it is encrypted"}}
	twice := change(it, store.OpAmended, store.DocumentAdded)
	twice.Documents = []store.Document{pack("ccc")}
	board := it
	board.Body, board.Kind = "example-icb", store.KindPaper
	paper := added
	paper.Kind = store.KindPaper

	passage := func(page int, quote string, topics ...string) []string {
		var out []string
		for _, topic := range topics {
			out = append(out, fmt.Sprintf("%s certain p%d %s [Reports pack]", topic, page, quote))
		}
		return out
	}
	join := func(lists ...[]string) (out []string) {
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	tests := []struct {
		name string
		c    store.Change
		it   store.Item
		want []string
	}{
		{"added", added, it, join(passage(2, oldSay, "outsourcing"), []string{"papers mention p0 Papers added: Reports pack."})},
		{"replaced: only what the old version did not say", replaced, it, join(passage(3, newSay, "outsourcing", "tenders"), []string{"papers mention p0 Papers replaced: Reports pack."})},
		{"replaced, and the old version is lost", lost, it, join(passage(3, oldSay, "outsourcing"), passage(3, newSay, "tenders"), []string{"papers mention p0 Papers replaced: Reports pack."})},
		{"what went is not judged", gone, it, join(passage(3, oldSay, "outsourcing"), passage(3, newSay, "tenders"), []string{"papers mention p0 Papers added: Reports pack."})},
		{"read for the first time is no news by itself", read, it, passage(2, oldSay, "outsourcing")},
		{"what cannot be read is said", unread, it, []string{"papers mention p0 Papers added: Reports pack (its text could not be read); Scan (its text could not be read)."}},
		{"a sentence counts once in a change", twice, it, join(passage(2, newSay, "outsourcing", "tenders"), []string{"papers mention p0 Papers added: Reports pack."})},
		{"a pack of an NHS board", paper, board, join(passage(2, oldSay, "outsourcing"), []string{"papers likely p0 Papers added: Reports pack."})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := j.Findings(tt.c, tt.it, texts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, summary(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			ids := map[string]bool{}
			for _, f := range got {
				if ids[f.ID] {
					t.Errorf("id %s stands twice", f.ID)
				}
				ids[f.ID] = true
				if f.Page > 0 && (f.SHA256 == "" || f.URL != "https://example.org/pack") {
					t.Errorf("incomplete: %+v", f)
				}
			}
		})
	}
}

// Judging again gives the same ids; another change, other ones. Silence is copied.
func TestFindingIDs(t *testing.T) {
	j, scrutiny := exampleJudge(t), scrutinyMeeting()
	c := change(scrutiny, store.OpAdded, store.NewMeeting)
	c.Silent = true
	once, _ := j.Findings(c, scrutiny, papers(nil))
	again, _ := j.Findings(c, scrutiny, papers(nil))
	if diff := cmp.Diff(once, again); diff != "" || len(once) != 1 || !once[0].Silent || len(once[0].ID) != 64 {
		t.Errorf("%+v\n%s", once, diff)
	}
	c.Seq++
	other, _ := j.Findings(c, scrutiny, papers(nil))
	if other[0].ID == once[0].ID {
		t.Error("another change gives the same id")
	}
}

func TestNoticeFindings(t *testing.T) {
	j := exampleJudge(t)
	item := func(edit func(*store.Notice)) store.Item {
		n := intention(t, "2026-08-10", "21 August 2026")
		edit(n)
		return store.Item{Source: "find-a-tender", Key: "notice/1", Kind: store.KindNotice, Title: n.Title, URL: "https://example.org/n", Notice: n}
	}
	tests := []struct {
		name  string
		edit  func(*store.Notice)
		want  []string // topic tier
		body  string
		areas []string
	}{
		{"an intention", func(*store.Notice) {}, []string{"awards certain", "outsourcing certain"}, "example-icb", []string{"city", "county"}},
		{"a tender of a buyer the register does not know, for the city", func(n *store.Notice) {
			n.Tags, n.Suppliers, n.Description = []string{"tender"}, nil, "PSR contract notice: clinics."
			n.Buyers = []store.Party{{Name: "Another Trust NHS"}}
			n.Places = []store.Place{{Region: "UKF21"}}
		}, []string{"tenders certain", "outsourcing likely"}, "", []string{"city"}},
		{"a list of all regions makes nothing local", func(n *store.Notice) {
			n.Buyers = []store.Party{{Name: "NHS England"}}
			n.Places = nil
			for _, r := range []string{"UKC", "UKD", "UKE", "UKF", "UKF21", "UKG", "UKH", "UKI"} {
				n.Places = append(n.Places, store.Place{Region: r})
			}
		}, []string{"awards certain", "outsourcing certain"}, "", nil},
		{"a national hub in the county is not the county", func(n *store.Notice) {
			n.Buyers = []store.Party{{Name: "Exampleshire County Council, trading as HUB", Postcode: "EY1 1AA"}}
		}, []string{"awards certain", "outsourcing certain"}, "hub", nil},
		{"a body that has ended is followed to its successor", func(n *store.Notice) {
			n.Buyers = []store.Party{{Name: "NHS City CCG"}}
		}, []string{"awards certain", "outsourcing certain"}, "example-icb", []string{"city", "county"}},
		{"a code finds a body by another name", func(n *store.Notice) {
			n.Buyers = []store.Party{{Name: "Example ICB (City and County) NHS", Number: "QX9"}}
		}, []string{"awards certain", "outsourcing certain"}, "example-icb", []string{"city", "county"}},
		{"support for a health body is shown, never mailed at once", func(n *store.Notice) {
			n.Title, n.Description, n.NoticeType, n.LegalBasis, n.CPV = "Rostering software", "Software.", "UK4", "UKPGA/2023/54", []string{"48000000"}
			n.Tags, n.Suppliers = []string{"tender"}, nil
		}, []string{"tenders mention"}, "example-icb", []string{"city", "county"}},
		{"neither health nor care", func(n *store.Notice) {
			n.Title, n.Description, n.NoticeType, n.LegalBasis, n.CPV = "Street lighting", "Lamps.", "UK4", "UKPGA/2023/54", []string{"34928510"}
			n.Buyers = []store.Party{{Name: "Exampleton City Council"}}
		}, nil, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			it := item(tt.edit)
			got, err := j.Findings(change(it, store.OpAdded, store.NoticeNew), it, papers(nil))
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, f := range got {
				kinds = append(kinds, string(f.Topic)+" "+string(f.Tier))
				if f.Quote == "" || f.Page != 0 || f.Stage == "" || f.Regime == "" || f.Thread != "ocds-test-1" || f.Text == "" || len(f.Text) > 2100 {
					t.Errorf("incomplete: %+v", f)
				}
				if f.Body != tt.body {
					t.Errorf("body %q, want %q", f.Body, tt.body)
				}
				if diff := cmp.Diff(tt.areas, f.Areas); diff != "" {
					t.Errorf("areas (-want +got)\n%s", diff)
				}
			}
			if diff := cmp.Diff(tt.want, kinds); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	t.Run("the quote shows the stage, and the deadline comes with it", func(t *testing.T) {
		it := item(func(*store.Notice) {})
		got, _ := j.Findings(change(it, store.OpAdded, store.NoticeNew), it, papers(nil))
		if !strings.Contains(got[0].Quote, "intention to award notice") || got[0].Deadline == nil || dayOf(got[0].Deadline.Computed) != "2026-08-21" {
			t.Errorf("%q, %+v", got[0].Quote, got[0].Deadline)
		}
	})
	t.Run("a child that a placement is for is not named by its number", func(t *testing.T) {
		it := item(func(n *store.Notice) { n.Title, n.Description = "Residential placement ID 1234567", "" })
		it.Notice.Buyers = []store.Party{{Name: "Exampleton City Council"}}
		got, _ := j.Findings(change(it, store.OpAdded, store.NoticeNew), it, papers(nil))
		if len(got) == 0 || strings.Contains(got[0].Title+got[0].Quote, "1234567") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a notice without contents is an error, not a guess", func(t *testing.T) {
		it := item(func(*store.Notice) {})
		it.Notice = nil
		if _, err := j.Findings(change(it, store.OpAdded, store.NoticeNew), it, papers(nil)); err == nil || !strings.Contains(err.Error(), "notice/1") {
			t.Errorf("got %v", err)
		}
	})
}

// Rules that cannot be meant are refused, with their name.
func TestNewRefuses(t *testing.T) {
	for name, edit := range map[string]func(*Rules){
		"a missing list":     func(r *Rules) { delete(r.Lists, "care") },
		"an unknown list":    func(r *Rules) { r.Acts[0].Not = []string{"@nowhere"} },
		"a short prefix":     func(r *Rules) { r.Terms[0].Also = []string{"go* out"} },
		"an empty phrase":    func(r *Rules) { r.Terms[0].Also = []string{" "} },
		"a gap at the end":   func(r *Rules) { r.Terms[0].Also = []string{"award .."} },
		"an unknown weight":  func(r *Rules) { r.Terms[0].Weight = 4 },
		"an unknown topic":   func(r *Rules) { r.Terms[0].Topic = "gossip" },
		"an unknown tier":    func(r *Rules) { r.Acts[0].Tier = "sure" },
		"an unknown holiday": func(r *Rules) { r.Holidays = []string{"25 December"} },
	} {
		r := shippedRules(t)
		edit(&r)
		if _, err := New(r); err == nil || !strings.HasPrefix(err.Error(), "judge: ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
