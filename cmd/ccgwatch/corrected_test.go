package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// sayEverywhere puts a word into every text that has none yet, but for those that
// have a meaning to a program.
func sayEverywhere(v reflect.Value, word string) {
	switch v.Kind() {
	case reflect.Pointer:
		sayEverywhere(v.Elem(), word)
	case reflect.Slice:
		for i := range v.Len() {
			sayEverywhere(v.Index(i), word)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			switch name := v.Type().Field(i).Name; {
			case strings.HasSuffix(name, "End"), strings.HasSuffix(name, "Start"), strings.HasSuffix(name, "Status"):
			case slices.Contains([]string{"OCID", "Release", "Tags", "NoticeType", "LegalBasis", "Feed", "CPV", "Category", "Method", "FutureNotice", "Signed", "Value", "ValueMax", "Currency", "Related", "Postcode", "Country", "Scheme", "Date", "Flags", "DocumentTypes"}, name):
			default:
				sayEverywhere(v.Field(i), word)
			}
		}
	case reflect.String:
		if v.String() == "" {
			v.SetString("About " + word)
		}
	default:
	}
}

// wordyItems are those of surfaceItems with the secret word in every text of
// theirs, and a later notice of the same procurement that says nothing of it, and
// against which it moved all there is.
func wordyItems(t *testing.T, a *app, now time.Time) []store.Item {
	t.Helper()
	items := surfaceItems(t, a, now)
	n := items[0].Notice
	n.Texts = []store.Text{{}, {Where: "tender.lots[1].title"}}
	n.Places = []store.Place{{Region: "UKF21"}, {}}
	n.Amendments = []store.Amendment{{}}
	n.Buyers, n.Suppliers = append(n.Buyers, store.Party{}), append(n.Suppliers, store.Party{})
	sayEverywhere(reflect.ValueOf(n), secretNotice)
	n.Date = now.AddDate(0, 0, -20)
	b, err := json.Marshal(items[1].Notice)
	var later store.Notice
	if err == nil {
		err = json.Unmarshal(b, &later)
	}
	if err != nil {
		t.Fatal(err)
	}
	later.OCID, later.Release, later.Date = n.OCID, "000009-2026", now.Add(-time.Hour)
	later.Tags, later.NoticeType, later.Value, later.TenderEnd = []string{"award"}, "UK6", "2500000", ""
	later.Suppliers = []store.Party{{Name: "Ordinary Feet Limited"}}
	it := items[1]
	it.Key, it.Title, it.URL, it.Notice = later.OCID+"/"+later.Release, "ordinary award of podiatry", "https://tender.example.org/award", &later
	later.Title = it.Title

	meeting := &items[2]
	for _, name := range []string{store.FieldHeading, store.FieldDoubt, store.FieldText, "text: Background", store.FieldOnline, store.FieldRegisterSays, store.FieldDatesUnread, store.FieldStatus} {
		meeting.Fields[name] = "About " + secretPaper
	}
	meeting.Parts[0].Number = secretPaper
	meeting.Documents[0].Failed, meeting.Documents[0].Unread = "could not read "+secretPaper, ""
	return append(items, it)
}

// A surface is all that anybody can see of an app, by where it stands.
type surface struct {
	*testing.T
	a        *app
	items    []store.Item
	findings []string
	dir      string // of the export
	now      time.Time
}

// says lists where a secret word stands. links: in addresses it does not count.
func (s *surface) says(links bool) (on []string) {
	s.Helper()
	srv := s.a.webServer(func() time.Time { return s.now }).Handler
	at := surfaces(s.a, s.items, s.findings, s.now.Year())
	for _, f := range s.files() {
		at = append(at, "/data/"+f)
	}
	at = append(at, "/search?q="+secretNotice, "/search.json?q="+secretNotice[:5], "/search?q="+secretPaper, "/search.json?q="+secretPaper[:5], "/search?in=dates&q=podiatry", "/deadlines?q=podiatry", "/help", "/about")
	for _, target := range at {
		s.now = s.now.Add(10 * time.Second)
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, httptest.NewRequestWithContext(s.Context(), http.MethodGet, "http://127.0.0.1:8080"+target, nil))
		if w.Code == http.StatusTooManyRequests || w.Code >= 500 {
			s.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
		body := w.Body.Bytes()
		if strings.Contains(target, secretNotice[:5]) || strings.Contains(target, secretPaper[:5]) { // it repeats what was asked for
			if hit := strings.Count(strings.ToLower(w.Body.String()), secretNotice+" ") + strings.Count(strings.ToLower(w.Body.String()), secretPaper+" "); hit < 2 {
				continue
			}
		}
		if tells(s.T, target, body, links) {
			on = append(on, target)
		}
	}
	if _, err := s.a.export(s.Context(), s.dir, "", s.now, nil); err != nil {
		s.Fatal(err)
	}
	for f, body := range treeOf(s.T, s.dir) {
		if _, body, _ = strings.Cut(body, " "); !strings.HasPrefix(f, ".ccgwatch/") {
			if strings.HasSuffix(f, ".gz") {
				_, body, _ = strings.Cut(body, " ")
			}
			if tells(s.T, f, []byte(body), links) {
				on = append(on, "export: "+f)
			}
		}
	}
	slices.Sort(on)
	return on
}

func (s *surface) files() []string { return []string{"corrections.jsonl.gz"} }

func (s *surface) settle() {
	s.Helper()
	if err := s.a.follow(s.Context(), s.now); err != nil {
		s.Fatal(err)
	}
	if err := s.a.indexAll(s.Context(), nil); err != nil {
		s.Fatal(err)
	}
	s.now = s.now.Add(time.Minute)
}

// Wherever in a notice or a meeting a word stands, it is nowhere any more when they
// were held back, withdrawn or had it struck, in the export that goes on from the
// last one either; restored, it is everywhere it was.
func TestEveryTextOfWhatIsCorrectedGoesAndComesBack(t *testing.T) {
	for name, acts := range map[string][]string{
		"hold": {"--hold"}, "withdraw": {"--withdraw"}, "redact": {"--redact=" + secretNotice, "--redact=" + secretPaper},
	} {
		t.Run(name, func(t *testing.T) {
			s := &surface{T: t, now: time.Date(2026, 8, 12, 10, 0, 0, 0, london()), dir: filepath.Join(t.TempDir(), "site")}
			s.a, s.items, s.findings = surfaceOf(t, s.now, wordyItems)
			links := name == "redact"
			before := s.says(links)
			if len(before) < 100 {
				t.Fatalf("only on %d: %q", len(before), before)
			}
			for _, it := range []store.Item{s.items[0], s.items[2]} {
				s.a.says(t, s.now, append([]string{"correct", it.Key, "--source=" + it.Source, "--reason=a test", "--mail"}, acts...)...)
			}
			s.settle()
			if on := s.says(links); len(on) > 0 {
				t.Errorf("it still stands on %q", on)
			}
			for _, it := range []store.Item{s.items[0], s.items[2]} {
				s.a.says(t, s.now, "correct", it.Key, "--source="+it.Source, "--reason=a test", "--restore")
			}
			s.settle()
			if after := s.says(links); !slices.Equal(before, after) {
				t.Errorf("restored, it was on and is not: %q; is and was not: %q", without(before, after), without(after, before))
			}
		})
	}
}

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(x string) bool { return slices.Contains(b, x) })
}

// What was corrected stays so: when the source says it otherwise, when all is judged
// again, in a copy, in a store written anew, and when all that is derived is gone.
func TestCorrectionsSurvive(t *testing.T) {
	for name, acts := range map[string][]string{"withdraw": {"--withdraw", "--no-mail"}, "redact": {"--redact=" + secretNotice, "--redact=" + secretPaper}} {
		t.Run(name, func(t *testing.T) {
			s := &surface{T: t, now: time.Date(2026, 8, 12, 10, 0, 0, 0, london()), dir: filepath.Join(t.TempDir(), "site")}
			s.a, s.items, s.findings = surfaceOf(t, s.now, wordyItems)
			secret := []store.Item{s.items[0], s.items[2]}
			for _, it := range secret {
				s.a.says(t, s.now, append([]string{"correct", it.Key, "--source=" + it.Source, "--reason=a test"}, acts...)...)
			}
			s.settle()
			for _, it := range secret {
				if err := amended(t.Context(), s.a, it.Source, it.Key, s.now, func(it *store.Item, c *store.Change) {
					c.What = []store.What{store.NoticeUpdated}
					if it.Notice != nil {
						it.Notice.Description += " Now also in " + secretNotice + " town."
						c.Fields = []store.FieldChange{{Name: "description", Old: "About " + secretNotice, New: it.Notice.Description}}
						return
					}
					c.What = []store.What{store.MeetingMoved}
					when := it.Fields[store.FieldWhen]
					it.Fields[store.FieldWhen] = s.now.AddDate(0, 0, 11).Format(time.RFC3339)
					it.Fields[store.FieldVenue] = secretPaper + " Rooms"
					c.Fields = []store.FieldChange{{Name: store.FieldWhen, Old: when, New: it.Fields[store.FieldWhen]}, {Name: store.FieldVenue, Old: secretPaper + " Hall", New: secretPaper + " Rooms"}}
				}); err != nil {
					t.Fatal(err)
				}
			}
			s.settle()
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			links := name == "redact"
			s.a.says(t, s.now, "rejudge")
			must(s.a.store.Compact(t.Context()))
			copies := filepath.Join(t.TempDir(), "copy")
			_, err := s.a.makeCopy(t.Context(), copies, s.now, 3, noLimit)
			must(err)
			must(s.a.derived.Clear(t.Context()))
			must(s.a.forgetIndex("a test"))
			s.settle()
			if on := s.says(links); len(on) > 0 {
				t.Errorf("it stands on %q", on)
			}
			if all := s.a.mails(t, s.now.AddDate(0, 0, 7)); tells(t, "mail", []byte(all), links) || !strings.Contains(all, "ordinary") {
				t.Errorf("it is mailed:\n%s", all)
			}
			made, err := filepath.Glob(filepath.Join(copies, "*", "ccgwatch.db"))
			if err != nil || len(made) != 1 {
				t.Fatal(made, err)
			}
			s.a, err = openApp(s.a.cfg, filepath.Dir(made[0]), s.a.log)
			must(err)
			defer closeApp(t, s.a)
			s.settle()
			if on := s.says(links); len(on) > 0 {
				t.Errorf("in the copy it stands on %q", on)
			}
		})
	}
}
