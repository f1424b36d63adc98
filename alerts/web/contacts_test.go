package web

import (
	"net/http"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// Notices and papers name officials with their mail addresses and telephones. The
// source says how to reach them; our pages and feeds do not repeat it.
func TestPagesDoNotRepeatHowToReachTheOfficialsNamed(t *testing.T) {
	const contacts = "Questions to jane.doe@icb.example.net, telephone 0116 496 0123 or +44 20 7946 0958. Notice 055555-2026 of 11 September 2026, £1,200,000."
	personal := regexp.MustCompile(`jane\.doe|496.?0123|7946.?0958`)
	s, st := rich()
	said := func(v any) { fill(reflect.ValueOf(v).Elem(), contacts) }
	for i := range st.items {
		it := &st.items[i]
		it.Title = contacts
		for name := range it.Fields {
			if name != store.FieldWhen {
				it.Fields[name] = contacts
			}
		}
		for p := range it.Parts {
			it.Parts[p].Title, it.Parts[p].Text = contacts, contacts
		}
		for d := range it.Documents {
			it.Documents[d].Title = contacts
		}
		if it.Notice != nil {
			it.Notice.Title, it.Notice.Description, it.Notice.Rationale, it.Notice.MethodDetails = contacts, contacts, contacts, contacts
			said(&it.Notice.Texts)
		}
	}
	for i := range st.findings {
		f := &st.findings[i]
		f.Title, f.Quote, f.Document, f.Why = contacts, contacts, contacts, contacts
		if f.Deadline != nil {
			f.Deadline.Who, f.Deadline.Quote = contacts, contacts
		}
	}
	for i := range st.changes {
		st.changes[i].Title = contacts
		st.changes[i].Fields = append(st.changes[i].Fields, store.FieldChange{Name: "contact", Old: "Ask " + contacts, New: contacts})
	}
	h := s.Handler()
	targets := []string{
		"/", "/findings", "/finding/f1", "/finding/f2", "/finding/f3", "/meetings", "/items", "/deadlines", "/register", "/suppliers", "/threads", "/thread/ocds-h6vhtk-0000aa",
		"/body/leicester-city-council", "/body/nhs-test-icb", itemPath("leicester", "meeting/15033"), itemPath("find-a-tender", "notice/055555-2026"),
		"/feed.atom", "/feed.atom?q=podiatry", "/body/nhs-test-icb/feed.atom", "/thread/ocds-h6vhtk-0000aa/feed.atom",
	}
	shown := 0
	for _, target := range targets {
		w := ask(h, "GET", target)
		page := w.Body.String()
		if w.Code != 200 && w.Code != 404 {
			t.Errorf("%s: %d", target, w.Code)
		}
		if got := personal.FindString(page); got != "" {
			at := strings.Index(page, got)
			t.Errorf("%s shows %q: %s", target, got, page[max(0, at-150):at+40])
		}
		if strings.Contains(page, "Questions to …") {
			shown++
			if !strings.Contains(page, "055555-2026") {
				t.Errorf("%s: the number of a notice went too", target)
			}
		}
	}
	if shown < 10 {
		t.Errorf("only %d of %d show the words at all: this proves nothing", shown, len(targets))
	}
}

// Feeds and searches are work: whoever asks without end is told to wait, and
// nobody else is. The pages that people read are not counted.
func TestProgramsThatAskWithoutEndAreToldToWait(t *testing.T) {
	for target, most := range map[string]int{
		"/feed.atom": askedAtOnce / feedCost, "/feed.atom?q=podiatry": askedAtOnce / feedCost, "/body/uhl/feed.atom": askedAtOnce / feedCost,
		"/findings?q=podiatry": askedAtOnce, "/findings?topic=tenders": askedAtOnce,
		"/findings": 0, "/": 0, "/meetings": 0, "/body/uhl": 0, "/about": 0,
	} {
		t.Run(target, func(t *testing.T) {
			s, _ := sample()
			now := s.Now()
			s.Now = func() time.Time { return now }
			s.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			h := s.Handler()
			from := func(client string) func(*http.Request) {
				return func(r *http.Request) {
					r.RemoteAddr = "127.0.0.1:9"
					r.Header.Set("X-Forwarded-For", client)
				}
			}
			count := func(n int, client string) (answered int) {
				for range n {
					switch w := ask(h, "GET", target, from(client)); w.Code {
					case 200:
						answered++
					case 429:
						if w.Header().Get("Retry-After") == "" {
							t.Fatal("it does not say when to come again")
						}
						return answered
					default:
						t.Fatal(w.Code)
					}
				}
				return answered
			}
			n := int(askedAtOnce/feedCost) + 20
			want := most
			if most == 0 {
				want = n
			}
			if got := count(n, "203.0.113.7"); got != want {
				t.Errorf("%d were answered, want %d", got, want)
			}
			if got := count(3, "203.0.113.8"); got != 3 {
				t.Errorf("somebody else pays: %d", got)
			}
			if got := count(n, "2001:db8::1") + count(n, "2001:db8::ffff"); most > 0 && got != most {
				t.Errorf("%d from one network, want %d", got, most)
			}
			if now = now.Add(time.Minute); count(1, "203.0.113.7") != 1 {
				t.Error("a minute later it is still too often")
			}
		})
	}
}
