package web

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// memory is the store in memory: the roles as the pages use them. Whatever
// else is called falls over, because the embedded role is nil.
type memory struct {
	store.Ledger
	store.Outbox
	store.Subscribers
	*state
}

type state struct {
	mu            sync.Mutex
	healths       []store.Health
	items         []store.Item
	changes       []store.Change
	findings      []store.Finding
	deliveries    []store.Delivery
	subscriptions map[string]store.Subscription
	ended         []string // each call of End that changed something
	broken        error
	reads         int
	hold          chan struct{} // when set, Healths says so on arrived and waits for it
	arrived       chan struct{}
}

func (m memory) Healths(context.Context) ([]store.Health, error) {
	if m.hold != nil {
		m.arrived <- struct{}{}
		<-m.hold
	}
	return m.healths, m.broken
}

func (m memory) LastSeq(context.Context) (uint64, error) {
	last := uint64(0)
	for _, c := range m.changes {
		last = max(last, c.Seq)
	}
	for _, f := range m.findings {
		last = max(last, f.Change)
	}
	return last, m.broken
}

func (m memory) Changes(_ context.Context, after uint64, limit int) ([]store.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i, _ := slices.BinarySearchFunc(m.changes, after+1, func(c store.Change, seq uint64) int { return cmp.Compare(c.Seq, seq) })
	found := m.changes[i:min(len(m.changes), i+limit)]
	m.reads += len(found)
	return found, m.broken
}

func (m memory) Item(_ context.Context, source, key string) (store.Item, error) {
	m.mu.Lock()
	m.reads++
	m.mu.Unlock()
	for _, it := range m.items {
		if it.Source == source && it.Key == key {
			return it, nil
		}
	}
	return store.Item{}, cmp.Or(m.broken, store.ErrNotFound)
}

func (m memory) Items(_ context.Context, source string, f func(store.Item) bool) error {
	for _, it := range m.items {
		if (source == "" || it.Source == source) && !f(it) {
			break
		}
	}
	return m.broken
}

func (m memory) Position(context.Context, string) (store.Position, error) {
	last := uint64(0)
	for _, f := range m.findings {
		last = max(last, f.Change)
	}
	return store.Position{Seq: last}, m.broken
}

func (m memory) Findings(_ context.Context, after uint64, f func(store.Finding) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, x := range m.findings {
		if x.Change <= after {
			continue
		}
		m.reads++
		if !f(x) {
			break
		}
	}
	return m.broken
}

func (m memory) Finding(_ context.Context, id string) (store.Finding, error) {
	for _, x := range m.findings {
		if x.ID == id {
			return x, nil
		}
	}
	return store.Finding{}, cmp.Or(m.broken, store.ErrNotFound)
}

func (m memory) Deliveries(_ context.Context, f func(store.Delivery) bool) error {
	for _, d := range m.deliveries {
		if !f(d) {
			break
		}
	}
	return m.broken
}

func (m memory) End(_ context.Context, id string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	s, ok := m.subscriptions[id]
	switch {
	case !ok:
		return store.ErrNotFound
	case s.State == store.StateEnded:
		return nil
	}
	s.State, s.Ended = store.StateEnded, at
	m.subscriptions[id] = s
	m.ended = append(m.ended, id)
	return nil
}

const canary = "canary.subscriber@example.net"

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}

// sample is a small installation: one source well, one failing, one new.
func sample() (Server, *state) {
	st := &state{
		healths: []store.Health{
			{Source: "leicester", LastTry: at("2026-08-12 11:05"), LastComplete: at("2026-08-12 11:05"), Counts: map[store.Kind]int{store.KindMeeting: 41}},
			{Source: "uhl", LastTry: at("2026-08-12 06:40"), LastComplete: at("2026-08-10 06:40"), FailingSince: at("2026-08-10 16:40"),
				Problems: []store.Problem{{Reason: store.ReasonEmpty, What: "the list of papers", URL: "https://trust.example.org/board", Detail: "lists nothing"}}},
			{Source: "left-behind", LastTry: at("2025-01-01 00:00")},
		},
		items: []store.Item{
			{Source: "leicester", Key: "meeting/15033", Kind: store.KindMeeting, Title: "Overview Select Committee", URL: "https://council.example.org/ieListDocuments.aspx?MId=15033",
				FirstSeen: at("2026-08-01 06:05"), Changed: at("2026-08-12 09:05"),
				Fields:    map[string]string{"when": "2026-08-19T17:30:00+01:00", "status": "cancelled", "venue": "Town Hall", "agenda": "published"},
				Parts:     []store.Part{{Key: "item/1", Number: "5.", Title: "Community podiatry", Text: "Report of the director.\n\nFor decision."}},
				Documents: []store.Document{{Key: "document/300386", Title: "Podiatry report", URL: "https://council.example.org/documents/s300386/x.pdf", Role: store.RoleReport, SHA256: strings.Repeat("ab", 32), Pages: 12, Size: 345678, Fetched: at("2026-08-11 16:05")}}},
			{Source: "leicester", Key: "meeting/15019", Kind: store.KindMeeting, Title: "Health Scrutiny", URL: "https://council.example.org/15019", FirstSeen: at("2026-08-12 09:05"),
				Fields: map[string]string{"when": "2026-08-12T10:00:00+01:00"}},
			{Source: "leicester", Key: "meeting/1", Kind: store.KindMeeting, Title: "Long ago", Fields: map[string]string{"when": "2026-08-11T23:59:00+01:00"}},
			{Source: "leicester", Key: "meeting/2", Kind: store.KindMeeting, Title: "Taken down", Withdrawn: at("2026-08-11 00:00"), Fields: map[string]string{"when": "2026-08-29T10:00:00+01:00"}},
			{Source: "find-a-tender", Key: "notice/055555-2026", Kind: store.KindNotice, Title: "Community podiatry service", URL: "https://tender.example.org/Notice/055555-2026", FirstSeen: at("2026-08-11 08:17"),
				Notice: &store.Notice{OCID: "ocds-h6vhtk-0a1b2c", Release: "055555-2026", Description: "A service for feet.\nIn two lots.", Buyers: []store.Party{{Name: "NHS Test ICB"}}, TenderEnd: "2026-09-11T12:00:00+01:00"}},
		},
		changes: []store.Change{
			{Seq: 1, At: at("2026-08-01 06:05"), Source: "leicester", Key: "meeting/15033", Kind: store.KindMeeting, Op: store.OpAdded, What: []store.What{store.NewMeeting}, Silent: true},
			{Seq: 2, At: at("2026-08-11 08:17"), Source: "find-a-tender", Key: "notice/055555-2026", Kind: store.KindNotice, Op: store.OpAdded, What: []store.What{store.NoticeNew}},
			{Seq: 3, At: at("2026-08-12 09:05"), Source: "leicester", Key: "meeting/15033", Kind: store.KindMeeting, Op: store.OpAmended, What: []store.What{store.MeetingCancelled}, Fields: []store.FieldChange{{Name: "status", Old: "confirmed", New: "cancelled"}}},
			{Seq: 4, At: at("2026-08-12 09:05"), Source: "leicester", Key: "meeting/15019", Kind: store.KindMeeting, Op: store.OpAdded, What: []store.What{store.NewMeeting}},
			{Seq: 5, At: at("2026-08-12 09:05"), Source: "leicester", Key: "meeting/1", Kind: store.KindMeeting, Op: store.OpAdded, What: []store.What{store.NewMeeting}},
			{Seq: 6, At: at("2026-08-12 09:05"), Source: "leicester", Key: "meeting/2", Kind: store.KindMeeting, Op: store.OpWithdrawn},
		},
		findings: []store.Finding{
			{ID: "f1", At: at("2026-08-01 06:06"), Change: 1, Source: "leicester", Key: "meeting/15033", Kind: store.KindMeeting, Topic: store.TopicOutsourcing, Tier: store.TierLikely, Title: "Overview Select Committee",
				URL: "https://council.example.org/ieListDocuments.aspx?MId=15033", Document: "Podiatry report", SHA256: strings.Repeat("ab", 32), Quote: "The board is asked to approve a competitive process for podiatry.", Page: 7,
				Rule: "outsourcing/competitive-process", Rules: "2026.1", Why: "competitive process near podiatry", When: at("2026-08-19 16:30"), Silent: true},
			{ID: "f2", At: at("2026-08-11 08:18"), Change: 2, Source: "find-a-tender", Key: "notice/055555-2026", Kind: store.KindNotice, Topic: store.TopicTenders, Tier: store.TierCertain, Title: "Community podiatry service",
				URL: "https://tender.example.org/Notice/055555-2026", BodyName: "NHS Test ICB", Quote: "Community podiatry for adults.", Rule: "notice/tender", Rules: "2026.1", Stage: "tender", Regime: "psr",
				Deadline: &store.Deadline{Stated: "2026-09-11T12:00:00+01:00", Kind: "tender", Who: "providers"}},
			{ID: "f3", At: at("2026-08-12 09:06"), Change: 3, Source: "leicester", Key: "meeting/15033", Kind: store.KindMeeting, Topic: store.TopicDeadlines, Tier: store.TierMention, Title: "Standstill", URL: "javascript:alert(1)",
				Deadline: &store.Deadline{Stated: "2026-08-01T23:59:00+01:00", Computed: "2026-08-03T23:59:00+01:00", Kind: "standstill", Who: "any provider"}},
		},
		deliveries: []store.Delivery{
			{ID: "1", Subscription: "s1", Kind: "alert", State: store.Queued, Created: at("2026-08-12 09:07"), Subject: "For " + canary, LastError: "550 no such user " + canary},
			{ID: "2", Subscription: "s1", Kind: "digest", State: store.Sent, Created: at("2026-08-09 07:00"), SentAt: at("2026-08-09 07:01")},
			{ID: "3", Subscription: "s1", Kind: "alert", State: store.Sent, Created: at("2026-08-10 07:00"), SentAt: at("2026-08-10 07:01")},
			{ID: "4", Subscription: "s1", Kind: "alert", State: store.Failed, LastError: canary},
		},
		subscriptions: map[string]store.Subscription{
			"s1": {ID: "s1", Address: canary, State: store.StateConfirmed, Query: "podiatry"},
			"s2": {ID: "s2", Address: "other@example.net", State: store.StateConfirmed},
		},
	}
	m := memory{state: st}
	s := Server{
		Ledger: m, Outbox: m, Subscribers: m,
		Group: "Our NHS", URL: "https://watch.example.org", Listen: "127.0.0.1:8080", Contact: "alerts@watch.example.org",
		Sources: func() []SourceInfo {
			return []SourceInfo{
				{ID: "leicester", Name: "Leicester City Council", Base: "https://council.example.org", Platform: "moderngov", Body: "leicester-city-council", Schedule: "every day at 07:05 and 17:05", Next: at("2026-08-12 16:05")},
				{ID: "uhl", Name: "The hospitals", Base: "https://trust.example.org", Platform: "boards", Schedule: "every day at 07:40", Next: at("2026-08-13 06:40")},
				{ID: "find-a-tender", Name: "Find a Tender", Base: "https://tender.example.org", Platform: "find-a-tender", Schedule: "every hour", Next: at("2026-08-12 13:17")},
			}
		},
		Facts: func(f store.Finding) query.Facts {
			return query.Facts{
				Topics: []string{string(f.Topic)}, Kinds: []string{string(f.Kind)}, Tiers: []string{string(f.Tier)}, Sources: []string{f.Source},
				Bodies: []string{f.BodyName}, Text: strings.Join([]string{f.Title, f.Quote, f.Document, f.BodyName}, "\n"),
			}
		},
		Bodies: []BodyInfo{
			{ID: "leicester-city-council", Name: "Leicester City Council", Kind: "council", Areas: []string{"Leicester"}, Aliases: []string{"The City Council of Leicester"}, Codes: []string{"E06000016"}},
			{ID: "nhs-test-icb", Name: "NHS Test ICB", Kind: "icb", Areas: []string{"Leicester", "Rutland"}, Codes: []string{"QK1"}, Since: "2022-07-01", Until: "2027-03-31", Successors: []string{"nhs-next-icb"}},
			{ID: "nhs-next-icb", Name: "NHS Next ICB", Kind: "icb", Since: "2027-04-01"},
		},
		Buyers: func(n *store.Notice) []string {
			var ids []string
			for _, b := range n.Buyers {
				if b.Name == "NHS Test ICB" {
					ids = append(ids, "nhs-test-icb")
				}
			}
			return ids
		},
		Gaps: []string{"The Partnership Trust is not followed."},
		Token: func(token string) (string, bool, error) {
			switch token {
			case "token-1":
				return "s1", true, nil
			case "token-2":
				return "s2", true, nil
			case "token-erased":
				return "s9", true, nil
			case "token-broken":
				return "", false, errors.New("the disk is gone")
			}
			return "", false, nil
		},
		Now:     func() time.Time { return at("2026-08-12 12:00") },
		Log:     slog.New(slog.NewTextHandler(io.Discard, nil)),
		Version: "test",
	}
	return s, st
}

// ask makes one request as a browser on this machine would.
func ask(h http.Handler, method, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost"+target, nil)
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func read(t *testing.T, h http.Handler, target string) *goquery.Document {
	t.Helper()
	w := ask(h, "GET", target)
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", target, w.Code, w.Body)
	}
	d, err := goquery.NewDocumentFromReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// words is the text of what a selector finds, on one line.
func words(d *goquery.Document, selector string) string {
	return strings.Join(strings.Fields(d.Find(selector).Text()), " ")
}
