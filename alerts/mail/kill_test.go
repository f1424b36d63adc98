package mail

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
	"ccgwatch/store/query"
	"ccgwatch/store/storetest"
)

// asMailer has this test binary crawl and mail until it is killed.
const asMailer = "CCGWATCH_TEST_MAILER"

func TestMain(m *testing.M) {
	if s := os.Getenv(asMailer); s != "" {
		if err := mailer(s); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A job is what a mailer is to do.
type job struct {
	Dir    string
	Port   int
	Now    time.Time
	Events int // the source has published so many
	Lanes  int // connections
}

// murdered is the clock's beginning: a Monday.
var murdered = time.Date(2026, 9, 7, 9, 0, 0, 0, time.UTC)

var colours = []string{"red", "green", "blue"}

func eventName(n int) string { return fmt.Sprintf("Event %06d %s", n, colours[n%len(colours)]) }

// mailer is a crawl of a made-up feed, judging, matching and mailing, with all
// parts as they are but the fetching: it says "ready" and goes on until there is
// nothing left to do.
func mailer(s string) error {
	var j job
	if err := json.Unmarshal([]byte(s), &j); err != nil {
		return err
	}
	ctx := context.Background()
	st, err := bolt.Open(j.Dir)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.FreeClaims(ctx); err != nil {
		return err
	}
	fmt.Println("ready")
	begun := time.Now()
	clock := func() time.Time { return j.Now.Add(time.Since(begun)) }
	m, g, p, err := office(st, &Relay{Host: "127.0.0.1", Port: j.Port, TLS: TLSNone, From: "alerts@group.example"})
	if err != nil {
		return err
	}
	p.Clock, p.Connections = clock, j.Lanes
	defer p.Sender.(*Relay).Close()
	for {
		crawled, err := crawlEvents(ctx, st, j.Events, clock())
		if err != nil {
			return err
		}
		for more := true; more; {
			if more, err = m.Step(ctx, clock()); err != nil {
				return err
			}
		}
		if _, err := g.DueDigests(ctx, clock()); err != nil {
			return err
		}
		sent, failed, err := p.Deliver(ctx, clock())
		if err != nil || !crawled && sent+failed == 0 {
			return err
		}
	}
}

// office joins the parts that tell people over a store.
func office(st store.Store, r *Relay) (*alerts.Matcher, *alerts.Digester, *alerts.Postman, error) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return nil, nil, nil, err
	}
	links, err := alerts.NewLinks("https://watch.group.example", "alerts@group.example", bytes.Repeat([]byte("secret"), 6))
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := NewComposer("A group", links, london)
	if err != nil {
		return nil, nil, nil, err
	}
	facts := func(f store.Finding) query.Facts {
		return query.Facts{Topics: []string{string(f.Topic)}, Text: f.Title}
	}
	judge := func(_ context.Context, c store.Change, _ store.Item) ([]store.Finding, error) {
		return []store.Finding{{ID: "f-" + c.Key + "-" + strconv.FormatUint(c.Seq, 10), Source: c.Source, Key: c.Key, Kind: c.Kind, Topic: store.TopicTenders,
			Tier: store.TierCertain, Title: c.Title, URL: "https://source.example/" + c.Key, Quote: "they say " + c.Title}}, nil
	}
	m := &alerts.Matcher{Ledger: st, Outbox: st, Subscribers: st, Judge: judge, Compose: c.Compose, Facts: facts, Log: log}
	g := &alerts.Digester{Ledger: st, Outbox: st, Subscribers: st, Backlog: st, Facts: facts, Compose: c.Compose, Schedule: alerts.Fridays(london), Log: log}
	p := &alerts.Postman{Outbox: st, Subscribers: st, Sender: r, Backlog: st, Compose: c.Compose, Log: log}
	return m, g, p, nil
}

// crawlEvents commits the next event of the feed that is not known yet.
func crawlEvents(ctx context.Context, st store.Store, published int, now time.Time) (bool, error) {
	old, err := st.Snapshot(ctx, "feed", []string{})
	if err != nil {
		return false, err
	}
	next, _ := strconv.Atoi(old.Cursor)
	if next >= published && !old.Baseline.IsZero() {
		return false, nil
	}
	seen := store.Sighting{Source: "feed", At: now, Last: true, Cursor: old.Cursor}
	if !old.Baseline.IsZero() { // the first sighting is the baseline, of nothing
		key := fmt.Sprint("event-", next)
		seen.Items = []store.Item{{Source: "feed", Key: key, Kind: store.KindNotice, Title: eventName(next), URL: "https://source.example/" + key, Published: now}}
		seen.Cursor = strconv.Itoa(next + 1)
	}
	after, changes := store.Diff(old, seen)
	return true, st.Commit(ctx, after, changes, store.Health{Source: "feed", LastTry: now, LastComplete: now})
}

// A ledger is a relay that writes down each message it takes, on the disk,
// before it says so. Who was served last over which connection of which run is
// noted with it.
type ledger struct {
	l    net.Listener
	srv  *smtp.Server
	file *os.File

	mu   sync.Mutex
	run  int
	conn int
	all  []entry
	open sync.WaitGroup // conversations
}

type entry struct {
	Run int
	Con int // the connection it came over
	To  string
	Raw []byte
}

func newLedger(name string) (*ledger, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND|os.O_SYNC, 0o600)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	x := &ledger{l: l, file: f}
	x.srv = smtp.NewServer(x)
	x.srv.Domain, x.srv.ErrorLog = "relay.test", log.New(io.Discard, "", 0) // whoever is killed hangs up
	go func() { _ = x.srv.Serve(l) }()
	return x, nil
}

func (x *ledger) close() error { return errors.Join(x.srv.Close(), x.file.Close()) }
func (x *ledger) port() int    { return x.l.Addr().(*net.TCPAddr).Port }

// next begins a run once all conversations of the one before are over: what a
// killed process had written may still be on its way.
func (x *ledger) next() int {
	x.open.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.run++
	return x.run
}

func (x *ledger) NewSession(*smtp.Conn) (smtp.Session, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.open.Add(1)
	x.conn++
	return &bookkeeper{x: x, run: x.run, conn: x.conn}, nil
}

type bookkeeper struct {
	x    *ledger
	run  int
	conn int
	to   string
}

func (b *bookkeeper) Reset()                                    {}
func (b *bookkeeper) Logout() error                             { b.x.open.Done(); return nil }
func (b *bookkeeper) Mail(string, *smtp.MailOptions) error      { return nil }
func (b *bookkeeper) Rcpt(to string, _ *smtp.RcptOptions) error { b.to = to; return nil }
func (b *bookkeeper) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	b.x.mu.Lock()
	defer b.x.mu.Unlock()
	line, err := json.Marshal(entry{b.run, b.conn, b.to, raw})
	if err != nil {
		return err
	}
	if _, err := b.x.file.Write(append(line, '\n')); err != nil {
		return err
	}
	b.x.all = append(b.x.all, entry{b.run, b.conn, b.to, raw})
	return nil
}

// TestPromiseKilledWhileMailing (P1): a SIGKILL at any moment of crawling,
// matching and mailing loses nothing. Each event reaches each subscriber that it
// fits in one message; a second copy is the same to the last byte, there is no
// third, and the first of two was the last that its process handed over, over that
// connection, before it was killed. Every other run has one connection, the rest
// four. The relay's ledger and ours agree.
//
// The full count goes in rounds of a thousand kills, each with a store and a
// ledger of its own. With CCGWATCH_SOAK_DIR set, the ledgers are kept there with a
// line for each round that held, and a run that was broken off goes on after the
// last of them.
func TestPromiseKilledWhileMailing(t *testing.T) {
	const most = 1000
	kills := storetest.Promised(5, 25, 1000, 10_000)
	kept := os.Getenv("CCGWATCH_SOAK_DIR")
	for round := 0; round*most < kills; round++ {
		n := min(most, kills-round*most)
		if kept == "" {
			killedWhileMailing(t, t.TempDir(), n)
			continue
		}
		dir := filepath.Join(kept, fmt.Sprintf("mail-kills-%05d", round))
		held := filepath.Join(dir, "held")
		if said, err := os.ReadFile(held); err == nil {
			t.Logf("round %d held before: %s", round, said)
			continue
		}
		// What a broken-off round left is no evidence.
		if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
			t.Fatal(err)
		}
		said := killedWhileMailing(t, dir, n)
		if t.Failed() {
			t.Fatalf("round %d failed: its store and ledger are in CCGWATCH_SOAK_DIR", round)
		}
		if err := os.WriteFile(held, []byte(said), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// killedWhileMailing is one round: so many kills that struck, and then the
// ledgers. It says what it counted.
func killedWhileMailing(t *testing.T, dir string, kills int) string {
	t.Helper()
	seed := storetest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	x, err := newLedger(filepath.Join(dir, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	data := filepath.Join(dir, "data")
	wants := subscribeAll(t, data)
	j := job{Dir: data, Port: x.port(), Now: murdered}
	killed := map[int]bool{}
	window := 60 * time.Millisecond // in which the kills fall: about as long as there is something to do
	for struck, runs := 0, 0; struck < kills; runs++ {
		j.Now = j.Now.Add(17 * time.Minute) // what was in doubt is due again
		if j.Events <= struck {
			j.Events++
		}
		j.Lanes = 1 + 3*(runs%2)
		run := x.next()
		if runs%40 == 0 { // a busy machine takes longer: nobody is to die before the first mail each time
			begun := time.Now()
			runMailer(t, j, false, 0)
			window = min(max(time.Since(begun), 60*time.Millisecond), time.Second)
			continue
		}
		// One in five dies while it starts.
		if runMailer(t, j, rng.IntN(5) == 0, 1+time.Duration(rng.Int64N(int64(window)))) {
			killed[run] = true
			struck++
		}
	}
	for range 3 {
		j.Now = j.Now.Add(time.Hour)
		x.next()
		runMailer(t, j, false, 0)
	}
	j.Now = j.Now.AddDate(0, 0, 7) // the last digests of what stayed in doubt
	x.next()
	runMailer(t, j, false, 0)
	x.next()
	return fmt.Sprintf("seed %d; %s", seed, judgeLedgers(t, x, data, j.Events, wants, killed))
}

// subscribeAll subscribes twelve people, and tells who wants which colour.
func subscribeAll(t *testing.T, data string) map[string]string {
	t.Helper()
	st, err := bolt.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	wants := map[string]string{}
	for i := range 12 {
		id := fmt.Sprintf("%032x", i)
		s := store.Subscription{ID: id, Address: fmt.Sprintf("r%d@example.net", i), Often: store.Instant, State: store.StateConfirmed,
			Created: murdered, ConsentAt: murdered, Consent: "a test"}
		if i%4 > 0 {
			s.Query = colours[i%4-1]
		}
		wants[s.Address] = s.Query
		if err := st.Subscribe(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return wants
}

// runMailer runs a mailer, and kills it after a while (0: never) from its start
// or from when it is ready. It tells whether the kill struck.
func runMailer(t *testing.T, j job, fromStart bool, after time.Duration) bool {
	t.Helper()
	b, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asMailer+"="+string(b))
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !fromStart {
		lines.Scan()
	}
	if after > 0 {
		defer time.AfterFunc(after, func() { _ = cmd.Process.Kill() }).Stop()
	}
	for lines.Scan() {
	}
	err = cmd.Wait()
	if err != nil && cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the mailer failed: %v\n%s", err, complaint.String())
	}
	return err != nil
}

var (
	idOf    = regexp.MustCompile(`(?m)^Message-ID: <([0-9a-f]+)@`)
	eventIn = regexp.MustCompile(`Event \d{6} [a-z]+`)
)

// judgeLedgers compares the source's truth with what the relay wrote down, and
// that with the outbox (promises.md, 6.3).
func judgeLedgers(t *testing.T, x *ledger, data string, events int, wants map[string]string, killed map[int]bool) string {
	t.Helper()
	copies, told := map[string][]entry{}, map[string]map[string]bool{} // by id; by address and event: ids of alerts
	last := map[int]string{}                                           // by connection: the last message that came over it
	for _, e := range x.all {
		id := string(idOf.FindSubmatch(e.Raw)[1])
		copies[id] = append(copies[id], e)
		last[e.Con] = id
		_, text, _ := parts(t, e.Raw)
		for _, name := range eventIn.FindAllString(text, -1) {
			k := e.To + " " + name
			if told[k] == nil {
				told[k] = map[string]bool{}
			}
			told[k][id] = true
		}
	}
	again := 0
	for id, all := range copies {
		for _, e := range all[1:] {
			if again++; !bytes.Equal(e.Raw, all[0].Raw) || e.To != all[0].To {
				t.Errorf("a second copy of %s is another message", id)
			}
		}
		if len(all) > 2 {
			t.Errorf("%s came %d times", id, len(all))
		}
		if len(all) > 1 && (!killed[all[0].Run] || last[all[0].Con] != id) {
			t.Errorf("%s came again, and run %d was not killed right after it (killed: %v)", id, all[0].Run, killed[all[0].Run])
		}
	}
	st, err := bolt.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	rows, uncertain := map[string]store.Delivery{}, map[string]bool{}
	err = st.Deliveries(t.Context(), func(d store.Delivery) bool {
		rows[d.ID] = d
		n := len(copies[d.ID])
		uncertain[d.ID] = d.State == store.Uncertain
		switch {
		case d.State == store.Folded: // it waited for days of this test, and went with others
			if n > 0 || d.Carried == "" {
				t.Errorf("%s is folded into %q, and came %d times", d.ID, d.Carried, n)
			}
		case d.State != store.Sent && d.State != store.Uncertain:
			t.Errorf("%s is %s in the end", d.ID, d.State)
		case d.State == store.Sent && n == 0, n > 1+d.Doubts, n > 2:
			t.Errorf("%s is %s with %d doubts, and came %d times", d.ID, d.State, d.Doubts, n)
		case d.State == store.Uncertain && d.Carried == "":
			t.Errorf("%s stayed in doubt, and no digest carries its news: %+v", d.ID, d)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for id := range copies {
		if _, ok := rows[id]; !ok {
			t.Errorf("%s came, and there is no row of it", id)
		}
	}
	lost, doubts := 0, 0
	for n := range events {
		name := eventName(n)
		for to, colour := range wants {
			ids := told[to+" "+name]
			fits := colour == "" || strings.HasSuffix(name, colour)
			first := slices.DeleteFunc(sortedIDs(ids), func(id string) bool { return rows[id].Kind != alerts.KindAlert })
			switch {
			case !fits && len(ids) > 0:
				t.Errorf("%s did not ask for %s", to, name)
			case fits && len(ids) == 0:
				lost++
			case fits && (len(first) > 1 || len(ids) > len(first) && len(first) == 1 && !uncertain[first[0]]):
				t.Errorf("%s was told of %s in %v", to, name, ids)
			}
		}
	}
	for _, is := range uncertain {
		if is {
			doubts++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d events x readers are lost", lost, events*len(wants))
	}
	said := fmt.Sprintf("%d kills, %d events, %d messages, %d of them twice, %d stayed in doubt, %d lost", len(killed), events, len(copies), again, doubts, lost)
	t.Log(said)
	return said
}

func sortedIDs(m map[string]bool) []string {
	var out []string
	for id := range m {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}
