package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A loopbackNation is hundreds of sites of every platform behind one listener on
// loopback, in virtual time: which site is asked the Host header says, and when it
// is a header of its own. A request leaves the bubble through channels that were
// made outside it, so that the bubble's clock stands still while a socket is waited
// for, and a pause between two requests costs nothing.
type loopbackNation struct {
	start    time.Time
	days     int
	sites    map[string]nationSite
	server   *httptest.Server
	calls    chan *nationCall
	replies  chan chan nationReply
	stop     func()
	mu       sync.Mutex
	asked    map[string][]time.Time // when each visit of a site began
	last     map[string]time.Time
	requests int
	spoiled  int
}

type nationSite struct {
	n        int
	platform string
	layout   string
}

type nationCall struct {
	method, url, host string
	header            http.Header
	body              []byte
	reply             chan nationReply
}

type nationReply struct {
	status int
	header http.Header
	body   []byte
	err    error
}

// platformOf spreads the platforms as the country does: most councils run one
// system, a few another.
func platformOf(i, count int) (platform, layout string) {
	switch i {
	case count - 1:
		return "find-a-tender", ""
	case count - 2:
		return "contracts-finder", ""
	}
	switch k := i % 20; {
	case k < 10:
		return "moderngov", ""
	case k == 10:
		return "cmis", ""
	case k < 13:
		return "boards", "accordion"
	case k < 15:
		return "boards", "two-hop"
	case k < 17:
		return "feed", ""
	case k < 19:
		return "page", ""
	}
	return "whatdotheyknow", ""
}

func newLoopbackNation(count, days int, start time.Time) *loopbackNation {
	n := &loopbackNation{
		start: start, days: days, sites: map[string]nationSite{}, asked: map[string][]time.Time{}, last: map[string]time.Time{},
		calls: make(chan *nationCall), replies: make(chan chan nationReply, 64),
	}
	for i := range count {
		p, l := platformOf(i, count)
		n.sites[fmt.Sprintf("s%03d.example", i)] = nationSite{i, p, l}
	}
	n.server = httptest.NewServer(http.HandlerFunc(n.serve))
	client := &http.Client{
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 64,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", n.server.Listener.Addr().String())
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for range cap(n.replies) {
		n.replies <- make(chan nationReply, 1)
		go func() {
			for c := range n.calls {
				c.reply <- c.do(client, n.server.URL)
			}
		}()
	}
	n.stop = func() { close(n.calls); client.CloseIdleConnections(); n.server.Close() }
	return n
}

func (c *nationCall) do(client *http.Client, base string) nationReply {
	req, err := http.NewRequestWithContext(context.Background(), c.method, base+c.url, bytes.NewReader(c.body))
	if err != nil {
		return nationReply{err: err}
	}
	req.Header, req.Host = c.header, c.host
	resp, err := client.Do(req)
	if err != nil {
		return nationReply{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return nationReply{resp.StatusCode, resp.Header, b, err}
}

// RoundTrip is called in the bubble.
func (n *loopbackNation) RoundTrip(r *http.Request) (*http.Response, error) {
	now := time.Now()
	host := r.URL.Host
	n.mu.Lock()
	n.requests++
	if now.Sub(n.last[host]) > 15*time.Minute {
		n.asked[host] = append(n.asked[host], now)
	}
	n.last[host] = now
	n.mu.Unlock()
	mode := n.mode(n.sites[host].n, now)
	if mode != "" && r.URL.Path != "/robots.txt" {
		n.mu.Lock()
		n.spoiled++
		n.mu.Unlock()
		switch mode {
		case "hangs":
			<-r.Context().Done()
			return nil, r.Context().Err()
		case "reset":
			return nil, fmt.Errorf("connection reset by peer")
		}
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	header := r.Header.Clone()
	header.Set("X-At", strconv.FormatInt(now.Unix(), 10))
	c := &nationCall{method: r.Method, url: r.URL.RequestURI(), host: host, header: header, body: body, reply: <-n.replies}
	n.calls <- c
	got := <-c.reply
	n.replies <- c.reply
	if got.err != nil {
		return nil, got.err
	}
	if mode == "half" && got.status == 200 {
		got.body = got.body[:len(got.body)/2]
	}
	return &http.Response{StatusCode: got.status, Header: got.header, ContentLength: int64(len(got.body)), Body: io.NopCloser(bytes.NewReader(got.body)), Request: r}, nil
}

// troubled tells whether a site is ever broken: a quarter of them are, a fifth of
// those at any time, which makes one in twenty.
func troubled(i int) bool { return i%4 == 1 }

// mode is how a site is broken at a time, "" for not at all. All are sound before
// the second day and in the last three.
func (n *loopbackNation) mode(i int, at time.Time) string {
	since := at.Sub(n.start)
	if !troubled(i) || since < 24*time.Hour || since > time.Duration(n.days)*24*time.Hour-72*time.Hour {
		return ""
	}
	x := i/4 + int(since/(36*time.Hour))
	if x%5 != 0 {
		return ""
	}
	return []string{"hangs", "error", "reset", "maintenance", "challenge", "nothing", "half"}[x/5%7]
}

// shown is how many things a site shows at a time: three at first, one more
// about every five days, each at its hour.
func (n *loopbackNation) shown(i int, at time.Time) int {
	k := 3
	for ; n.additions(i) > k-3 && !n.born(i, k-3).After(at); k++ {
	}
	return k
}

func (n *loopbackNation) additions(_ int) int { return max(1, (n.days-1)/5) }

// born is when the j-th addition appears.
func (n *loopbackNation) born(i, j int) time.Time {
	h := fnv.New32a()
	_, _ = fmt.Fprint(h, i, "/", j)
	each := max(1, (n.days*24-24-60)/n.additions(i)) // hours
	return n.start.Add(time.Duration(24+j*each+int(h.Sum32())%each) * time.Hour).Add(17 * time.Minute)
}

// wants are the news of a site, as they stand in the log.
func (n *loopbackNation) wants(i int) (keys []string) {
	s := n.sites[fmt.Sprintf("s%03d.example", i)]
	for j := range n.additions(i) {
		k := 3 + j
		switch {
		case s.platform == "moderngov", s.platform == "cmis":
			keys = append(keys, fmt.Sprintf("meeting/%d", 5000+k))
		case s.layout == "accordion":
			keys = append(keys, fmt.Sprintf("paper-%d.", k))
		case s.layout == "two-hop":
			keys = append(keys, strings.ToLower(n.day(k).Format("2-january-2006")))
		case s.platform == "page":
			keys = append(keys, fmt.Sprintf("text: Notice %d", k))
		case s.platform == "feed":
			keys = append(keys, fmt.Sprintf("entry-%d.", k))
		case s.platform == "whatdotheyknow":
			keys = append(keys, fmt.Sprintf("request_%d_", k))
		default:
			keys = append(keys, fmt.Sprintf("%04d", k)+map[string]string{"find-a-tender": "/06", "contracts-finder": "/"}[s.platform])
		}
	}
	return keys
}

// day is the day of the k-th meeting of any site.
func (n *loopbackNation) day(k int) time.Time {
	return n.start.AddDate(0, 0, 40+2*k).Truncate(24 * time.Hour)
}

func (n *loopbackNation) serve(w http.ResponseWriter, r *http.Request) {
	sec, _ := strconv.ParseInt(r.Header.Get("X-At"), 10, 64)
	at := time.Unix(sec, 0).In(london())
	s := n.sites[r.Host]
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if r.URL.Path == "/robots.txt" {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "User-agent: *\nDisallow: /private/\n")
		return
	}
	switch n.mode(s.n, at) {
	case "error":
		http.Error(w, "no", http.StatusInternalServerError)
		return
	case "maintenance":
		_, _ = io.WriteString(w, `<html><head><title>Down for maintenance</title></head><body><main><h1>We will be back soon</h1></main></body></html>`)
		return
	case "challenge":
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>`)
		return
	case "nothing":
		return
	}
	k := n.shown(s.n, at)
	switch s.platform {
	case "moderngov":
		n.modernGov(w, r, k, sec)
	case "cmis":
		n.cmis(w, r, k)
	case "boards":
		b := board{meetings: s.layout == "two-hop"}
		var list strings.Builder
		for j := range k {
			if b.meetings {
				fmt.Fprintf(&list, "<li><a href=\"/event/health-board-%s/\">Health and Care Board | %s</a></li>\n", strings.ToLower(n.day(j).Format("2-january-2006")), n.day(j).Format("Monday 2 January 2006"))
				continue
			}
			fmt.Fprintf(&list, "<li><a href=\"/documents/paper-%d.pdf\">%s - papers</a></li>\n", j, n.day(j).Format("Monday 2 January 2006"))
		}
		switch r.URL.Path {
		case "/board/":
			_, _ = io.WriteString(w, boardPage(`<div class="accordion"><button aria-expanded="false">Board in public</button><div class="panel"><ul>`+list.String()+`</ul></div></div>`))
		default:
			status, body := b.detail(r.URL.Path)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	case "page":
		_, _ = fmt.Fprintf(w, "<html><head><title>Notices</title></head><body><main><h1>Notices</h1><p>What the council means to buy, and by when it wants to hear from those who would sell it.</p>")
		for j := range k {
			_, _ = fmt.Fprintf(w, "<h2>Notice %d</h2><p>The service number %d is looked at again, and views are welcome.</p>", j, j)
		}
		_, _ = io.WriteString(w, "</main></body></html>")
	case "feed":
		w.Header().Set("Content-Type", "application/atom+xml")
		_, _ = io.WriteString(w, `<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Consultations</title><id>urn:f</id><updated>2026-08-01T00:00:00Z</updated>`)
		for j := k - 1; j >= 0; j-- {
			_, _ = fmt.Fprintf(w, `<entry><id>tag:entry-%d.</id><title>Consultation %d</title><link href="https://%s/c/%d"/><published>%s</published></entry>`, j, j, r.Host, j, n.appeared(s.n, j).Format(time.RFC3339))
		}
		_, _ = io.WriteString(w, "</feed>")
	case "whatdotheyknow":
		n.requestsFeed(w, s.n, k)
	default:
		n.notices(w, r, s, k)
	}
}

// appeared is when the k-th thing of a site came to be there.
func (n *loopbackNation) appeared(i, k int) time.Time {
	if k < 3 {
		return n.start.Add(-time.Duration(3-k) * 24 * time.Hour)
	}
	return n.born(i, k-3)
}

func (n *loopbackNation) modernGov(w http.ResponseWriter, r *http.Request, k int, mark int64) {
	const top = `<html><head><meta name="DC.date" content="%d"></head><body><div id="modgov"><div class="mgHeader"><h1 class="mgMainTitleTxt">%s</h1></div>`
	const end = `<div class="mgFooter"></div></div></body></html>`
	id := r.URL.Query().Get("MId")
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/mgListCommittees.aspx"):
		_, _ = fmt.Fprintf(w, top+`<ul class="mgBulletList"><li><a href="mgCommitteeDetails.aspx?ID=31">Health Scrutiny</a></li></ul>`+end, mark, "Committee structure")
	case strings.HasSuffix(path, "/ieListMeetings.aspx"):
		_, _ = fmt.Fprintf(w, top+`<form id="FormYearSelect"></form><div class="mgList"><ul class="mgNonBulletTableList">`, mark, "Browse meetings")
		for j := range k {
			_, _ = fmt.Fprintf(w, `<li class="mgTableEvenRow"><a class="mgMeetingTableLnk" href="ieListDocuments.aspx?CId=31&amp;MId=%d&amp;Ver=4">%s 5:30 pm</a></li>`, 5000+j, n.day(j).Format("2 Jan 2006"))
		}
		_, _ = fmt.Fprint(w, `</ul></div>`+end)
	case strings.HasSuffix(path, "/ieListDocuments.aspx") && id != "":
		_, _ = fmt.Fprintf(w, top+`<div class="mgContent"><p>No documents are available for this meeting</p><p><span class="mgLabel">Venue: </span>Market Hall</p></div>`+end, mark, "Meeting")
	default:
		http.NotFound(w, r)
	}
}

func (n *loopbackNation) cmis(w http.ResponseWriter, r *http.Request, k int) {
	const link = `/cmis5/Meetings/tabid/81/ctl/ViewMeetingPublic/mid/412/Meeting/%d/Committee/7/SelectedTab/Documents/Default.aspx`
	frame := func(s string) {
		_, _ = io.WriteString(w, "<html><body><div class=\"DNNModuleContent ModCMISMeetingsC\">\n"+s+"\n</div></body></html>")
	}
	if strings.HasSuffix(r.URL.Path, "/Meetings.aspx") {
		frame(`<div class="CMIS_ModuleWrapper MeetingCalendarListView"><a href="/cmis5/Meetings/tabid/81/ctl/MeetingCalendarPublicNoJava/mid/412/Date/2026-08-12/Default.aspx">Calendar</a><table id="dnn_ctr412_MeetingCalendarPublicList_grdRadMeeting_ctl00"><tbody></tbody></table></div>`)
		return
	}
	if _, month, ok := strings.Cut(r.URL.Path, "/Date/"); ok {
		row := ""
		for j := range k {
			if n.day(j).Format("2006-01") == month[:7] {
				row += fmt.Sprintf(`<td class="SimpleCalendarDate">%s</td><td><p class="Meeting"><a href="`+link+`">10:00 Health &amp; Wellbeing Panel</a></p></td>`, n.day(j).Format("Monday, 2 January"), 5000+j)
			}
		}
		if row != "" {
			row = `<tr class="rgRow">` + row + `</tr>`
		}
		frame(`<table class="rgMasterTable" id="dnn_ctr412_MeetingCalendarPublicPrinter_grdRadMeeting_ctl00">` + row + `</table>`)
		return
	}
	if _, m, ok := strings.Cut(r.URL.Path, "/Meeting/"); ok {
		id, _, _ := strings.Cut(m, "/")
		j, _ := strconv.Atoi(id)
		value := `<div class="holder"><div class="DNNLabel %sLabel"><div class="dnnLabel"><label><span>%s:</span></label></div></div><div class="Value %s">%s</div></div>`
		frame(fmt.Sprintf(value, "Committee", "Committee", "Committee", "Health &amp; Wellbeing Panel") +
			fmt.Sprintf(value, "DateTime", "Date/Time", "DateTime", n.day(j-5000).Format("2 Jan 2006")+" - 10:00") +
			fmt.Sprintf(value, "Venue", "Status", "Venue", "Scheduled") + `<ol class="DocumentList"></ol>`)
		return
	}
	http.NotFound(w, r)
}

func (n *loopbackNation) requestsFeed(w http.ResponseWriter, i, k int) {
	type request struct {
		Slug  string `json:"url_title"`
		Title string `json:"title"`
		State string `json:"display_status"`
	}
	type event struct {
		ID      int     `json:"id"`
		Type    string  `json:"event_type"`
		At      string  `json:"created_at"`
		State   string  `json:"display_status"`
		Request request `json:"info_request"`
	}
	var out []event
	for j := k - 1; j >= 0; j-- {
		out = append(out, event{1000 + j, "sent", n.appeared(i, j).Format(time.RFC3339), "Awaiting response", request{fmt.Sprintf("request_%d_", j), fmt.Sprintf("Contracts of year %d", j), "Awaiting response"}})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out)
}

// notices answers like a tender service.
func (n *loopbackNation) notices(w http.ResponseWriter, r *http.Request, s nationSite, k int) {
	from, to := r.URL.Query().Get("updatedFrom"), r.URL.Query().Get("updatedTo")
	if s.platform == "contracts-finder" {
		from, to = r.URL.Query().Get("publishedFrom"), r.URL.Query().Get("publishedTo")
	}
	w.Header().Set("Content-Type", "application/json")
	if strings.Contains(r.URL.Path, "search_notices") {
		_, _ = io.WriteString(w, `{"hitCount":0,"noticeList":[]}`)
		return
	}
	if from == "" {
		http.NotFound(w, r)
		return
	}
	instant := func(s string) time.Time {
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
			if t, err := time.ParseInLocation(layout, s, london()); err == nil {
				return t
			}
		}
		return time.Time{}
	}
	begin, end := instant(from), instant(to)
	releases := []map[string]any{}
	for j := range k {
		at := n.appeared(s.n, j).In(london())
		if at.Before(begin) || at.After(end) {
			continue
		}
		ocid, id := fmt.Sprintf("ocds-h6vhtk-0a%04d", j), fmt.Sprintf("06%04d-2026", j)
		if s.platform == "contracts-finder" {
			ocid, id = fmt.Sprintf("ocds-b5fd17-%08x-0000-4000-8000-00000000-%04d", j, j), fmt.Sprintf("ocds-b5fd17-%08x-0000-4000-8000-00000000-%04d-1", j, j)
		}
		releases = append(releases, map[string]any{
			"ocid": ocid, "id": id, "date": at.Format(time.RFC3339), "tag": []string{"tender"}, "initiationType": "tender", "language": "en",
			"parties": []any{map[string]any{"id": "GB-1", "name": "Sample Trust", "roles": []string{"buyer"}}},
			"buyer":   map[string]any{"id": "GB-1", "name": "Sample Trust"},
			"tender":  map[string]any{"id": ocid, "title": fmt.Sprintf("Community service %d", j), "status": "active"},
		})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"version": "1.1", "publisher": map[string]string{"name": html.EscapeString("A sample service")}, "releases": releases})
}

// row is where a site is followed.
func (s nationSite) page() string {
	switch s.platform {
	case "boards":
		return "/board/"
	case "feed":
		return "/feed.atom"
	case "page":
		return "/notices"
	case "whatdotheyknow":
		return "/body/sample"
	}
	return ""
}

// residentKB is what the process has in memory, 0 where that cannot be told.
func residentKB() int {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	n, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return n
}

func sizeOf(dir, name string) int64 {
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		return 0
	}
	return info.Size()
}
