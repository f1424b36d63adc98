package moderngov

import (
	"net/http"
	"strings"
	"testing"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// sound checks what holds of whatever was read: keys are made of numbers and
// unique, titles are one tidy line, and every address is on the site.
func sound(t *testing.T, rd *reader, d detail) {
	t.Helper()
	seen := map[string]bool{}
	check := func(key, prefix, title string) {
		id, ok := strings.CutPrefix(key, prefix)
		if !ok || rd.number(id) == "" || seen[key] {
			t.Errorf("key %q", key)
		}
		seen[key] = true
		if title == "" || title != rd.line(title) {
			t.Errorf("title %q of %s", title, key)
		}
	}
	for _, p := range d.parts {
		check(p.Key, "item/", p.Title)
	}
	for _, doc := range d.docs {
		check(doc.Key, "document/", doc.Title)
		if !strings.HasPrefix(doc.URL, base+"/") || !seen[doc.Part] || doc.Role != store.RoleReport {
			t.Errorf("document %+v", doc)
		}
	}
}

func FuzzXML(f *testing.F) {
	c := fixture(f, "service.txtar")
	for _, body := range c.answers {
		f.Add([]byte(body))
	}
	f.Add([]byte("<meeting><meetingid>1</meetingid><meetingstatus>Cancelled</meetingstatus><agendaitems><agendaitem><agendaitemid>2</agendaitemid><agendaitemtitle>&#0;x&#x1f;\x02</agendaitemtitle></agendaitem></agendaitems></meeting>"))
	rd := newReader()
	f.Fuzz(func(t *testing.T, body []byte) {
		if rows, err := rd.meetingsXML(body); err == nil {
			for _, r := range rows {
				if r.id == "" || r.committeeID == "" || r.status == "" {
					t.Errorf("row %+v", r)
				}
			}
		}
		if list, err := rd.committeesXML(body); err == nil && len(list) == 0 {
			t.Error("no committees and no error")
		}
		if d, err := rd.meetingXML(body, base); err == nil {
			if d.id == "" {
				t.Error("a meeting without a number")
			}
			sound(t, rd, d)
		}
	})
}

func FuzzMeetingPage(f *testing.F) {
	for _, body := range fixture(f, "pages.txtar").answers {
		f.Add([]byte(body))
	}
	f.Add([]byte(`<div id=modgov><h1 class=mgMainTitleTxt>Agenda</h1><table class=mgItemTable><tr><td><a name=AI1></a><td><p class=mgAiTitleTxt><a href="documents/s1/..%2f..%2fx">x</a></html>`))
	rd := newReader()
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := crawl.NewPage(base+"/ieListDocuments.aspx?CId=1&MId=2&Ver=4", http.Header{}, body)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := rd.meetingHTML(p, base); err == nil {
			sound(t, rd, d)
		}
		if l, err := rd.meetingsHTML(p, committee{id: "1", name: "One"}); err == nil {
			seen := map[string]bool{}
			for _, r := range l.rows {
				if r.id == "" || r.committeeID == "" || r.status == "" || seen[r.id] {
					t.Errorf("row %+v", r)
				}
				seen[r.id] = true
			}
		}
		if list, err := rd.committeesHTML(p); err == nil && len(list) == 0 {
			t.Error("no committees and no error")
		}
	})
}

func BenchmarkMeetingPage(b *testing.B) {
	c := fixture(b, "pages.txtar")
	body := []byte(c.answers["/ieListDocuments.aspx?CId=31&MId=501&Ver=4"])
	rd := newReader()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		p, err := crawl.NewPage(base+"/x", http.Header{}, body)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := rd.meetingHTML(p, base); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMeetingXML(b *testing.B) {
	body := []byte(fixture(b, "service.txtar").answers["/mgWebService.asmx/GetMeeting?lMeetingId=501"])
	rd := newReader()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := rd.meetingXML(body, base); err != nil {
			b.Fatal(err)
		}
	}
}
