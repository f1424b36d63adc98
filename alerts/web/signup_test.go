package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// Sign up, confirm, change, take along, stop, erase: by buttons alone.
func TestASubscribersLife(t *testing.T) {
	h := newHouse(t)
	form := h.open("/subscribe")
	if got := form.Find("input[name=topic]").Length(); got != 8 {
		t.Errorf("%d topics on the form", got)
	}
	seen := form.press("subscribe", "preview", map[string][]string{
		"topic": {"tenders", "outsourcing"}, "area": {"leicester"}, "phrase": {"end of life"}, "without": {"parking"}, "often": {"both"}, "address": {"ann@example.net"},
	})
	if seen.title() != "What it would have brought" || seen.Find("#preview").Length() != 1 {
		t.Fatalf("the preview: %d %s", seen.code, seen.words())
	}
	if !strings.Contains(seen.words(), "You are not signed up by looking.") { // Return in the address looks, too
		t.Error("whoever looked may take themselves for signed up")
	}
	const line = `topic:tenders,outsourcing area:leicester "end of life" -parking`
	if got := seen.Find("#q").AttrOr("value", ""); got != line {
		t.Errorf("the line says %q, want %q", got, line)
	}
	if len(h.subs()) != 0 {
		t.Error("looking at a preview stored something")
	}
	if s := seen.press("subscribe", "signup", nil); s.code != 400 || !strings.Contains(s.words(), "we need your tick") {
		t.Errorf("without consent: %d %s", s.code, s.words())
	}
	sent := seen.press("subscribe", "signup", map[string][]string{"agree": {"yes"}})
	if sent.code != 200 || strings.Contains(sent.words(), "ann@") {
		t.Errorf("after signing up: %d %s", sent.code, sent.words())
	}
	mails := h.deliver()
	if len(mails) != 1 || mails[0].to != "ann@example.net" || strings.Contains(mails[0].text, "parking") {
		t.Fatalf("mails: %+v", mails)
	}
	ask := h.open(mails[0].link("c"))
	if !strings.Contains(ask.words(), line) || !strings.Contains(ask.words(), alerts.ConsentText("1")) || h.subs()[0].State != store.StatePending {
		t.Errorf("the question: %s", ask.words())
	}
	if s := ask.press("confirm", "", nil); s.code != 200 || h.subs()[0].State != store.StateConfirmed {
		t.Errorf("after the yes: %d %s", s.code, s.words())
	}
	if s := ask.press("confirm", "", nil); s.code != 404 {
		t.Errorf("a second yes: %d", s.code)
	}

	page := h.manage("ANN@example.net")
	if !strings.Contains(page.words(), "ann@example.net") || !strings.Contains(page.words(), "as things appear, and once a week") {
		t.Errorf("managing: %s", page.words())
	}
	base := page.at
	change := h.open(page.Find("section.card a").AttrOr("href", ""))
	if got := change.Find("input[name=topic][checked]").Length(); got != 2 || change.Find("#phrase").AttrOr("value", "") != "end of life" {
		t.Errorf("the form to change has %d topics", got)
	}
	look := change.press("change", "preview", map[string][]string{"topic": {"awards"}, "without": {""}})
	if h.subs()[0].Query != line || look.Find("#preview").Length() != 1 {
		t.Error("looking changed it")
	}
	if s := look.press("change", "save", map[string][]string{"often": {"instant"}}); s.code != 200 || !strings.Contains(s.words(), "Changed.") {
		t.Errorf("saving: %d %s", s.code, s.words())
	}
	if got := h.subs()[0]; got.Query != `topic:awards area:leicester "end of life"` || got.Often != store.Instant {
		t.Errorf("changed to %q, %s", got.Query, got.Often)
	}

	file := h.ask("GET", base+"/export", nil)
	var x alerts.Extract
	h.must(json.Unmarshal(file.Body.Bytes(), &x))
	if x.Address != "ann@example.net" || len(x.Subscriptions) != 1 || len(x.Deliveries) != 2 || !strings.HasPrefix(file.Header().Get("Content-Disposition"), "attachment;") {
		t.Errorf("exported: %v %s", file.Header(), file.Body)
	}
	h.join("ann@example.net", map[string][]string{"words": {"dentists"}})
	stopped := h.read(base, h.ask("POST", base, url.Values{"do": {"stop"}, "id": {h.subs()[0].ID}}))
	if stopped.code != 200 || stopped.Find("section.card").Length() != 1 || h.subs()[0].State != store.StateEnded {
		t.Errorf("stopping one: %d %s", stopped.code, stopped.words())
	}
	all := h.read(base, h.ask("POST", base, url.Values{"do": {"stop-all"}}))
	if all.code != 200 || all.Find("section.card").Length() != 0 || h.subs()[1].State != store.StateEnded {
		t.Errorf("stopping all: %d %s", all.code, all.words())
	}
	erase := h.open(base + "/erase")
	if len(h.subs()) != 2 {
		t.Error("asking erased")
	}
	if s := erase.press("erase", "", nil); s.code != 200 || len(h.subs()) != 0 {
		t.Errorf("erasing: %d %s", s.code, s.words())
	}
	if s := h.open(base); s.code != 404 {
		t.Errorf("the link after erasing: %d", s.code)
	}
	if strings.Contains(h.log.String(), "ann") || strings.Contains(h.log.String(), strings.TrimPrefix(base, "/m/")) {
		t.Errorf("an address or a token in the log: %s", h.log.String())
	}
}

// The boxes and the line: whichever was changed last counts.
func TestBoxesAndLine(t *testing.T) {
	h := newHouse(t)
	boxes := func(s sheet) string {
		var on []string
		for _, x := range s.Find("input[name=topic][checked], input[name=area][checked]").EachIter() {
			on = append(on, x.AttrOr("value", ""))
		}
		return strings.Join(append(on, s.Find("#words").AttrOr("value", ""), s.Find("#any").AttrOr("value", "")), "|")
	}
	type edit = map[string][]string
	tests := []struct {
		name  string
		edits []edit
		line  string
		boxes string
	}{
		{"nothing", []edit{{}}, "", "|"},
		{"boxes", []edit{{"topic": {"foi"}, "words": {"ward beds"}}}, "topic:foi ward beds", "foi|ward beds|"},
		{"a line", []edit{{"q": {"topic:foi (ward OR beds)"}}}, "topic:foi (ward OR beds)", "foi||ward beds"},
		{"boxes, then boxes", []edit{{"topic": {"foi"}}, {"topic": {"awards"}}}, "topic:awards", "awards||"},
		{"boxes, then none", []edit{{"topic": {"foi"}}, {"topic": nil}}, "", "|"},
		{"boxes, then the line", []edit{{"topic": {"foi"}}, {"q": {"area:rutland"}}}, "area:rutland", "rutland||"},
		{"the line, then boxes", []edit{{"q": {"area:rutland"}}, {"area": {"leicester"}}}, "area:leicester", "leicester||"},
		{"boxes, then no line", []edit{{"topic": {"foi"}}, {"q": {""}}}, "topic:foi", "foi||"},
		{"both at once", []edit{{"topic": {"foi"}, "q": {"ward OR beds"}}}, "(ward OR beds) topic:foi", "foi||ward beds"},
		{"a line that boxes cannot show", []edit{{"q": {"kind:paper ward"}}}, "kind:paper ward", "|"},
		{"and it stays", []edit{{"q": {"kind:paper ward"}}, {}}, "kind:paper ward", "|"},
		{"with boxes beside it", []edit{{"q": {"kind:paper ward"}}, {"topic": {"foi"}}}, "(kind:paper ward) topic:foi", "|"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := h.open("/subscribe")
			for _, e := range tt.edits {
				if s = s.press("subscribe", "preview", e); s.code != 200 {
					t.Fatalf("%d %s", s.code, s.words())
				}
			}
			if got := s.Find("#q").AttrOr("value", ""); got != tt.line {
				t.Errorf("the line says %q, want %q", got, tt.line)
			}
			if got := strings.TrimSuffix(boxes(s), "|"); got != strings.TrimSuffix(tt.boxes, "|") {
				t.Errorf("the boxes say %q, want %q", got, tt.boxes)
			}
		})
	}
}

func TestFormsThatAreWrong(t *testing.T) {
	h := newHouse(t)
	good := func() map[string][]string {
		return map[string][]string{"address": {"ann@example.net"}, "agree": {"yes"}, "words": {"ward"}}
	}
	for _, tt := range []struct {
		name string
		edit map[string][]string
		want string
	}{
		{"no address", map[string][]string{"address": {""}}, "not one e-mail address"},
		{"two addresses", map[string][]string{"address": {"a@example.net,b@example.net"}}, "not one e-mail address"},
		{"a header", map[string][]string{"address": {"a@example.net\r\nBcc: b@example.net"}}, "not one e-mail address"},
		{"no consent", map[string][]string{"agree": {}}, "your tick"},
		{"no frequency", map[string][]string{"often": {"hourly"}}, "please choose"},
		{"a broken line", map[string][]string{"q": {`"open`}}, "closing quotation mark"},
		{"an unknown topic", map[string][]string{"topic": {"cats"}}, "no topic cats"},
		{"operators in a box", map[string][]string{"words": {"a OR b"}}, "OR among the words"},
		{"too much", map[string][]string{"q": {strings.Repeat("a ", 550)}}, "at most 1000"},
		{"a stamp of somebody else", map[string][]string{"t": {"AAAA"}}, "once more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fill := good()
			for k, v := range tt.edit {
				fill[k] = v
			}
			s := h.open("/subscribe").press("subscribe", "signup", fill)
			if s.code != 400 || !strings.Contains(s.words(), tt.want) || !strings.Contains(s.words(), "no mail was sent yet") {
				t.Errorf("%d %s", s.code, s.words())
			}
			if _, own := tt.edit["address"]; !own && s.Find("#address").AttrOr("value", "") != "ann@example.net" {
				t.Error("the address must be typed again")
			}
		})
	}
	// Quicker than a person, and after a day.
	for _, after := range []time.Duration{time.Second, 25 * time.Hour} {
		s := h.open("/subscribe")
		h.pass(after - 5*time.Second)
		if s = s.press("subscribe", "signup", good()); s.code != 400 || !strings.Contains(s.words(), "once more") {
			t.Errorf("after %v: %d %s", after, s.code, s.words())
		}
		if after > time.Hour {
			if s = s.press("subscribe", "signup", nil); s.code != 200 {
				t.Errorf("pressed again: %d %s", s.code, s.words())
			}
		}
	}
	if n := len(h.subs()); n != 1 {
		t.Errorf("%d subscriptions were stored, want the one that was pressed again", n)
	}
	h.deliver()
	// What only a program fills in.
	fill := good()
	fill["website"], fill["address"] = []string{"https://spam.example"}, []string{"bob@example.net"}
	s := h.open("/subscribe").press("subscribe", "signup", fill)
	if s.code != 200 || s.title() != "Look into your mail" || len(h.subs()) != 1 || len(h.deliver()) != 0 {
		t.Errorf("the trap: %d %s", s.code, s.words())
	}
	for what, r := range map[string]int{
		"multipart": h.ask("POST", "/subscribe", nil, func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }).Code,
		"no type":   h.ask("POST", "/manage", nil).Code,
	} {
		if r != 415 {
			t.Errorf("%s: %d", what, r)
		}
	}
	if w := h.ask("POST", "/subscribe", url.Values{"q": {strings.Repeat("x", 9000)}}); w.Code != 413 {
		t.Errorf("too large: %d", w.Code)
	}
	if w := h.ask("POST", "/subscribe", url.Values{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); w.Code != 403 {
		t.Errorf("from another site: %d", w.Code)
	}
}

// Nobody learns who reads us: whatever an address is to us, the answer to a
// sign-up and to a request for the link is the same, byte for byte.
func TestAnswersDoNotTellWhoIsSubscribed(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.join("confirmed@example.net", map[string][]string{"words": {"ward"}})
	h.join("ended@example.net", nil)
	for _, s := range h.subs() {
		if s.Address == "ended@example.net" {
			h.must(h.store.End(ctx, s.ID, h.clock()))
		}
	}
	h.must(h.store.Subscribe(ctx, store.Subscription{ID: "0f", Address: "suppressed@example.net", Often: store.Weekly, State: store.StateSuppressed, Created: h.clock()}))
	signUp := func(address string) (int, http.Header, string) {
		form := h.open("/subscribe")
		h.pass(5 * time.Second)
		w := h.ask("POST", "/subscribe", url.Values{
			"address": {address}, "agree": {"yes"}, "words": {"ward"}, "often": {"weekly"}, "do": {"signup"}, "t": {form.Find("input[name=t]").AttrOr("value", "")},
		})
		return w.Code, w.Header(), w.Body.String()
	}
	link := func(address string) (int, http.Header, string) {
		form := h.open("/manage")
		h.pass(5 * time.Second)
		w := h.ask("POST", "/manage", url.Values{"address": {address}, "t": {form.Find("input[name=t]").AttrOr("value", "")}})
		return w.Code, w.Header(), w.Body.String()
	}
	for range 4 { // until it may get no more
		signUp("capped@example.net")
	}
	signUp("pending@example.net")
	for name, try := range map[string]func(string) (int, http.Header, string){"sign up": signUp, "ask for the link": link} {
		code, head, body := try("unknown@example.net")
		if code != 200 {
			t.Fatalf("%s: %d %s", name, code, body)
		}
		for _, who := range []string{"pending", "confirmed", "ended", "suppressed", "capped", "alerts"} {
			address := who + "@example.net"
			if who == "alerts" {
				address = "alerts@example.org"
			}
			c, hd, b := try(address)
			if c != code || b != body || !cmp.Equal(hd, head) {
				t.Errorf("%s: the answer about one who is %s differs: %d\n%s", name, who, c, cmp.Diff(body, b))
			}
		}
	}
	// Nor does the page of figures tell whether a mail was queued.
	before := h.ask("GET", "/", nil).Body.String()
	signUp("another@example.net")
	if after := h.ask("GET", "/", nil).Body.String(); strings.Count(before, "<dd>0</dd>") != strings.Count(after, "<dd>0</dd>") {
		t.Errorf("the status page counts service mails: %s", cmp.Diff(before, after))
	}
}

// Every link that does not work gets one answer.
func TestLinksThatDoNotWorkLookTheSame(t *testing.T) {
	h := newHouse(t)
	h.open("/subscribe").press("subscribe", "signup", map[string][]string{"address": {"ann@example.net"}, "agree": {"yes"}})
	confirm := h.deliver()[0].link("c")
	h.join("bob@example.net", nil)
	manage := h.manage("bob@example.net").at
	other := strings.Repeat("A", 43)
	want := h.ask("GET", "/c/"+other, nil).Body.String()
	same := func(what, method, target string) {
		t.Helper()
		form := url.Values{"do": {"stop-all"}}
		if method == "GET" {
			form = nil
		}
		w := h.ask(method, target, form)
		if w.Code != 404 || w.Body.String() != want {
			t.Errorf("%s: %s: %d %s", what, method, w.Code, cmp.Diff(want, w.Body.String()))
		}
		for name, value := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"} {
			if got := w.Header().Get(name); got != value {
				t.Errorf("%s: %s: %s", what, name, got)
			}
		}
	}
	for _, method := range []string{"GET", "POST"} {
		same("nobody's", method, "/m/"+other)
		same("no token", method, "/c/x")
		same("the other kind", method, "/c/"+strings.TrimPrefix(manage, "/m/"))
		same("the other kind", method, "/m/"+strings.TrimPrefix(confirm, "/c/"))
		same("the other kind, erasing", method, "/m/"+strings.TrimPrefix(confirm, "/c/")+"/erase")
		same("nobody's subscription", method, manage+"/0123")
	}
	same("the other kind, exporting", "GET", "/m/"+strings.TrimPrefix(confirm, "/c/")+"/export")
	if s := h.open(confirm + ">."); s.code != 200 {
		t.Errorf("a link with what a mail program added: %d", s.code)
	}
	h.pass(8 * 24 * time.Hour)
	same("too old", "GET", confirm)
	same("too old", "POST", confirm)
	same("too old", "GET", manage)
	same("too old", "POST", manage)
}

func TestUnsubscribeOffersALink(t *testing.T) {
	h := newHouse(t)
	h.join("ann@example.net", nil)
	unsubscribe := "/u/" + h.links.Token(h.subs()[0].ID)
	s := h.open(unsubscribe).press("link", "", nil)
	if got := h.deliver(); s.title() != "Look into your mail" || len(got) != 1 || got[0].to != "ann@example.net" || got[0].link("m") == "" {
		t.Errorf("%s, %d mails", s.title(), len(got))
	}
	if h.subs()[0].State != store.StateConfirmed {
		t.Error("asking for the link ended it")
	}
	gone := h.open("/u/"+strings.Repeat("A", 43)).press("link", "", nil)
	if gone.words() != s.words() {
		t.Error("an unknown token gets another answer")
	}
	if w := h.ask("POST", unsubscribe+"/link", url.Values{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); w.Code != 403 {
		t.Errorf("from another site: %d", w.Code)
	}
}

// Without a public address there is nothing for a mail to lead back to.
func TestNoSignUpWithoutAPublicAddress(t *testing.T) {
	h := newHouse(t)
	srv := h.server()
	srv.URL = ""
	h.handler = srv.Handler()
	local := func(r *http.Request) { r.Host = "localhost" }
	s := h.read("/subscribe", h.ask("GET", "/subscribe", nil, local))
	if s.code != 200 || s.Find("form").Length() > 0 || !strings.Contains(s.words(), "write to alerts@example.org") || s.Find("nav a[href='/subscribe']").Length() > 0 {
		t.Errorf("%d %s", s.code, s.words())
	}
	for _, target := range []string{"/subscribe", "/manage", "/c/x", "/m/x", "/u/x/link"} {
		if w := h.ask("POST", target, url.Values{}, local); w.Code != 404 {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

// A client has its own limit, told by our proxy and by nobody else.
func TestClients(t *testing.T) {
	h := newHouse(t)
	h.desk.Caps.ClientHour = 2
	n := 0
	try := func(from, forwarded string) int {
		n++
		form := h.open("/manage")
		h.pass(3 * time.Second)
		v := url.Values{"address": {fmt.Sprintf("a%d@example%d.net", n, n)}, "t": {form.Find("input[name=t]").AttrOr("value", "")}}
		w := h.ask("POST", "/manage", v, func(r *http.Request) {
			if r.RemoteAddr = from; forwarded != "" {
				r.Header.Set("X-Forwarded-For", forwarded)
			}
		})
		if w.Code != 200 && w.Header().Get("Retry-After") == "" {
			t.Errorf("%d without a time to come again", w.Code)
		}
		return w.Code
	}
	for i, tt := range []struct {
		from, forwarded string
		want            int
	}{
		{"192.0.2.1:1", "", 200}, {"192.0.2.1:2", "198.51.100.9", 200}, {"192.0.2.1:3", "198.51.100.10", 429}, // not ours: what it says is nothing
		{"127.0.0.1:1", "198.51.100.9", 200}, {"127.0.0.1:1", "203.0.113.1, 198.51.100.9", 200}, {"127.0.0.1:1", "192.0.2.77, 198.51.100.9, 127.0.0.1", 429},
		{"127.0.0.1:1", "203.0.113.1", 200},
		{"127.0.0.1:1", "", 200}, {"127.0.0.1:1", "", 200}, {"127.0.0.1:1", "", 200}, // nobody known has no limit of his own
		{"[2001:db8::1]:1", "", 200}, {"[2001:db8::2]:1", "", 200}, {"[2001:db8::3]:1", "", 429}, {"[2001:db8:0:1::3]:1", "", 200},
	} {
		if got := try(tt.from, tt.forwarded); got != tt.want {
			t.Errorf("%d: %s for %q: %d, want %d", i, tt.from, tt.forwarded, got, tt.want)
		}
	}
	h.desk.Caps.AllHour = 1
	if got := try("192.0.2.200:1", ""); got != 503 {
		t.Errorf("everybody together: %d", got)
	}
}

// The preview counts what would have come, and the last 90 days alone.
func TestPreview(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	day := 24 * time.Hour
	var fs []store.Finding
	add := func(ago time.Duration, tier store.Tier, title string, silent bool) {
		n := uint64(len(fs) + 1)
		fs = append(fs, store.Finding{ID: fmt.Sprint("f", n), Change: n, At: h.clock().Add(-ago), Source: "s", Key: title, Topic: store.TopicTenders, Tier: tier, Title: title, Silent: silent})
	}
	add(100*day, store.TierCertain, "ward, too old", false)
	add(80*day, store.TierCertain, "ward closes", false)
	add(80*day, store.TierCertain, "ward opens", false)
	add(50*day, store.TierMention, "ward mentioned", false)
	add(40*day, store.TierLikely, "ward, silent", true)
	add(30*day, store.TierLikely, "dentist", false)
	add(2*day, store.TierLikely, "ward again", false)
	changes := make([]store.Change, len(fs))
	for i := range changes {
		changes[i] = store.Change{At: fs[i].At, Key: fs[i].Key}
	}
	h.must(h.store.Commit(ctx, store.Snapshot{Source: "s"}, changes, store.Health{Source: "s"}))
	h.must(h.store.Advance(ctx, "x", store.Position{}, store.Position{Seq: 7}, fs, nil))
	for often, want := range map[string]string{
		"weekly":  "4 findings in 4 publications. That makes one mail a week, a quiet week included.",
		"daily":   "4 findings in 4 publications. That makes about one mail a month, each for a day with something new.",
		"instant": "3 findings in 3 publications. That makes about one mail a month.",
		"both":    "4 findings in 4 publications. That makes about one mail a month, and one a week.",
	} {
		s := h.open("/subscribe").press("subscribe", "preview", map[string][]string{"words": {"ward"}, "often": {often}})
		if got := strings.Join(strings.Fields(s.Find("#preview").Text()), " "); !strings.Contains(got, want) || strings.Contains(got, "too old") || strings.Contains(got, "dentist") {
			t.Errorf("%s: %s", often, got)
		}
	}
	if s := h.open("/subscribe").press("subscribe", "preview", map[string][]string{"words": {"hospice"}}); !strings.Contains(s.words(), "nothing") {
		t.Errorf("nothing fits: %s", s.words())
	}
	if !bytes.Contains(h.ask("GET", "/subscribe?q=topic:foi", nil).Body.Bytes(), []byte(`value="foi" checked`)) {
		t.Error("a link cannot carry a choice")
	}
}
