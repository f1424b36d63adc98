package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"
)

// A packs is a care board's site that publishes one more pack whenever it is
// told to, for meetings that are still to come.
type packs struct {
	*town
	day time.Time
	out atomic.Int32
}

func (p *packs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/icb")
	if !ok {
		p.town.ServeHTTP(w, r)
		return
	}
	var list []townPack
	for i := range 3 {
		m := townPack{When: p.day.AddDate(0, 0, 7*(i+1)).Add(9*time.Hour + 30*time.Minute)}
		if i < int(p.out.Load()) {
			m.Path = fmt.Sprintf("/uploads/Board-pack-%d.pdf", i+1)
		}
		if m.Path != "" && m.Path == path {
			p.pdf(w, "Board pack", []string{"cover", "insourcing", "next"})
			return
		}
		list = append(list, m)
	}
	p.show(w, "text/html; charset=utf-8", "board", map[string]any{"Packs": list, "Now": p.day, "Path": path})
}

// A mailLoop is a group whose program, relay and mailbox are all real.
type mailLoop struct {
	*desk
	box   *dovecot
	relay *postfix
	web   int
}

const watchAddress = "watch@example.org"

func newMailLoop(t *testing.T, site string) *mailLoop {
	t.Helper()
	box := startDovecot(t, watchAddress, "ada@example.net", "ben@example.net")
	l := &mailLoop{box: box, relay: startPostfix(t, box), web: freePort(t)}
	l.desk = newDesk(t, "")
	both := filepath.Join(l.dir, "authorities.pem")
	var all []byte
	for _, f := range []string{box.ca, l.relay.ca} {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	for name, b := range map[string][]byte{both: all, filepath.Join(l.dir, "password"): []byte(mailPassword + "\n")} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SSL_CERT_FILE", both) // of the program
	l.configure("", site)
	return l
}

// configure writes the settings of a group that has pages at an address, or none.
func (l *mailLoop) configure(pages, site string) {
	l.t.Helper()
	settings := strings.Replace(replayConfig, "[group]", "[group]\nurl = \""+pages+"\"", 1) + fmt.Sprintf(`
[[source]]
id = "mercia-vale-icb"
platform = "boards"
layout = "two-hop"
page = "/board/"
base = "%s/icb"
[smtp]
host = "127.0.0.1"
port = %d
per_minute = 6000
username = "%s"
password_file = "password"
dkim_selector = "ccgwatch"
dkim_key_file = "dkim.key"
[mailbox]
host = "127.0.0.1"
port = %d
tls = "implicit"
username = "%s"
password_file = "password"
plus = true
[web]
listen = "127.0.0.1:%d"
`, site, l.relay.port, watchAddress, l.box.imap, watchAddress, l.web)
	if err := os.WriteFile(l.config, []byte(settings), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// start starts the daemon in a process of its own. stop ends it as a service
// manager does, and waits for its end; it is called at the latest when the test ends.
func (l *mailLoop) start() (stop func()) {
	l.t.Helper()
	self, err := os.Executable()
	if err != nil {
		l.t.Fatal(err)
	}
	said, err := os.OpenFile(filepath.Join(l.dir, "daemon.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.Command(self, "--config="+l.config, "--data="+filepath.Join(l.dir, "data"), "run")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdout, cmd.Stderr = said, said
	if err := errors.Join(cmd.Start(), said.Close()); err != nil {
		l.t.Fatal(err)
	}
	running := true
	stop = func() {
		if !running {
			return
		}
		running = false
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			l.t.Errorf("the daemon: %v", err)
		}
		if log := l.daemonLog(); l.t.Failed() {
			l.t.Logf("the daemon says:\n%s", log)
		} else if strings.Contains(log, "@example.net") {
			l.t.Errorf("an address is in the log:\n%s", log)
		}
	}
	l.t.Cleanup(stop)
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/healthz", l.web))
		if err == nil {
			_ = resp.Body.Close()
			return stop
		}
		if time.Now().After(end) {
			l.t.Fatalf("the daemon gives no pages: %v\n%s", err, l.daemonLog())
		}
	}
}

func (l *mailLoop) daemonLog() string {
	b, _ := os.ReadFile(filepath.Join(l.dir, "daemon.log"))
	return string(b)
}

// write sends the group a mail, as somebody's mail program does: through the
// relay, with a login.
func (l *mailLoop) write(from, subject string, more ...string) {
	l.t.Helper()
	ca, err := os.ReadFile(l.relay.ca)
	if err != nil {
		l.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	c, err := smtp.Dial(l.box.at(l.relay.port))
	if err != nil {
		l.t.Fatal(err)
	}
	defer c.Close()
	now := time.Now()
	head := append([]string{
		"From: <" + from + ">", "To: <" + watchAddress + ">", "Subject: " + subject, "Date: " + now.Format(time.RFC1123Z),
		fmt.Sprintf("Message-ID: <%d@example.net>", now.UnixNano()), "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
	}, more...)
	err = errors.Join(c.StartTLS(&tls.Config{ServerName: "127.0.0.1", RootCAs: pool, MinVersion: tls.VersionTLS12}),
		c.Auth(smtp.PlainAuth("", from, mailPassword, "127.0.0.1")), c.Mail(from), c.Rcpt(watchAddress))
	if err != nil {
		l.t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		l.t.Fatal(err)
	}
	_, err = io.WriteString(w, strings.Join(head, "\r\n")+"\r\n\r\n-- \r\nSent from my telephone\r\n")
	if err := errors.Join(err, w.Close(), c.Quit()); err != nil {
		l.t.Fatal(err)
	}
}

// follow opens a mailto link of a mail: a mail with that subject goes to the
// group. The first link that asks for verb is taken.
func (l *mailLoop) follow(who string, raw []byte, verb string) {
	l.t.Helper()
	_, text, err := readMail(raw)
	if err != nil {
		l.t.Fatal(err)
	}
	link := regexp.MustCompile(`mailto:\S+`)
	all := append(link.FindAllString(text, -1), link.FindAllString(strings.ReplaceAll(header(raw, "List-Unsubscribe"), ">", " "), -1)...)
	i := slices.IndexFunc(all, func(s string) bool { return strings.Contains(s, "?subject="+verb) })
	if i < 0 {
		l.t.Fatalf("no link asks for %q:\n%s", verb, text)
	}
	u, err := url.Parse(all[i])
	if err != nil || u.Opaque != watchAddress {
		l.t.Fatalf("%s: %v", all[i], err)
	}
	l.write(who, u.Query().Get("subject"))
}

// header is the value of a header field of a mail, unfolded.
func header(raw []byte, name string) string {
	m := regexp.MustCompile(`(?mi)^` + name + `: (.*(?:\r?\n[ \t].*)*)`).FindSubmatch(raw)
	if m == nil {
		return ""
	}
	return strings.Join(strings.Fields(string(m[1])), " ")
}

// led waits until the daemon has been led by its mailbox to something; it is
// asked to look, which it does by itself every five minutes.
func (l *mailLoop) led(want string) {
	l.t.Helper()
	var out string
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if out = l.run(done, "inbox"); strings.Contains(out, want) {
			return
		}
	}
	l.t.Fatalf("the mailbox did not lead to %q: %s", want, out)
}

// TestMailLoop: everything by mail, with a real Postfix and a real Dovecot.
// Somebody subscribes, confirms, is alerted, and leaves; another's mailbox is
// not there, and the bounce counts; a third leaves by one click. The daemon
// runs all the while; what is asked of it goes through its socket.
func TestMailLoop(t *testing.T) {
	if testing.Short() || underRace {
		t.Skip("starts mail servers, and the program as another process")
	}
	sites, err := newTown()
	if err != nil {
		t.Fatal(err)
	}
	site := &packs{town: sites, day: time.Now().In(london()).Truncate(24 * time.Hour)}
	srv := httptest.NewServer(site)
	defer srv.Close()
	l := newMailLoop(t, srv.URL)
	record := l.run(done, "dkim", "--json")

	// The daemon finds the request when it starts, asks, and takes the answer.
	l.write("ada@example.net", "subscribe instant topic:outsourcing")
	l.box.waitFor(t, watchAddress, 1, "a request")
	stop := l.start()
	ask := l.box.waitFor(t, "ada@example.net", 1, "the question whether it was her")[0]
	l.signed(record, ask)
	l.follow("ada@example.net", ask, "confirm")
	l.led("1 confirmed")
	l.expectState("ada@example.net", "confirmed")
	for _, who := range []string{"ben@example.net", "gone@example.net"} {
		l.run(done, "subscribers", "add", who, "--consent", "a test", "--often", "instant", "--query", "insourcing")
	}

	// Something is published: an alert to each. One comes back.
	l.publish(site)
	alert := l.box.waitFor(t, "ada@example.net", 2, "an alert")[1]
	if !bytes.Contains(alert, []byte("endoscopy")) {
		t.Errorf("the alert does not say what is planned:\n%s", alert)
	}
	l.box.waitFor(t, "ben@example.net", 1, "an alert")
	l.signed(record, alert)
	l.checked(alert, "--mail-only", "--kind", "alert")
	l.led("1 scored")
	if out := l.run(done, "subscribers", "export", "gone@example.net"); !strings.Contains(out, `"bounces":{"points":2.5,`) {
		t.Errorf("the bounce is not counted: %s", out)
	}

	// An answering machine, and a stranger who makes up a token.
	l.write("ben@example.net", "Out of office: alert", "Auto-Submitted: auto-replied")
	l.write("ben@example.net", "confirm "+strings.Repeat("A", 43))
	l.led("1 no link")

	// Ada leaves by the link of her mail.
	l.follow("ada@example.net", alert, "unsubscribe")
	l.led("1 ended")
	l.expectState("ada@example.net", "ended")
	l.run(done, "send")
	goodbye := l.box.waitFor(t, "ada@example.net", 3, "a goodbye")[2]
	if header(goodbye, "List-Id") != "" || header(goodbye, "List-Unsubscribe") != "" || header(goodbye, "Auto-Submitted") == "" {
		t.Errorf("the goodbye is no service mail:\n%s", goodbye)
	}
	l.signed(record, goodbye)
	l.checked(goodbye, "--mail-only", "--kind", "confirm")
	stop()

	// The group has pages now. Ben is alerted, and leaves by one click.
	l.configure("https://watch.example.org", srv.URL)
	stop = l.start()
	l.publish(site)
	second := l.box.waitFor(t, "ben@example.net", 2, "another alert")[1]
	l.signed(record, second)
	l.checked(second, "--kind", "alert")
	l.oneClick(second)
	l.expectState("ben@example.net", "ended")
	l.publish(site)
	stop()
	if n := len(l.box.mailOf(t, "ben@example.net")); n != 2 { // who presses the button wants no goodbye
		t.Errorf("ben left, and has %d messages", n)
	}
	if n := len(l.box.mailOf(t, "ada@example.net")); n != 3 {
		t.Errorf("ada left, and has %d messages", n)
	}
	if out := l.run(done, "verify"); strings.Contains(out, "FAIL") {
		t.Error(out)
	}
}

// publish puts the next pack on the site, and has it found and told.
func (l *mailLoop) publish(site *packs) {
	l.t.Helper()
	if site.out.Load() == 0 {
		l.run(done, "crawl") // how things were before: the daemon may be at it already
	}
	site.out.Add(1)
	l.run(done, "crawl")
	l.run(done, "send")
}

// expectState looks how a subscription stands.
func (l *mailLoop) expectState(who, state string) {
	l.t.Helper()
	if out := l.run(done, "subscribers", "list"); !regexp.MustCompile(`(?m)^\S+ +` + state + ` .*` + regexp.QuoteMeta(who)).MatchString(out) {
		l.t.Errorf("%s is not %s:\n%s", who, state, out)
	}
}

// signed looks whether a received mail bears our signature, and came from a
// return path that is for this mail alone.
func (l *mailLoop) signed(record string, raw []byte) {
	l.t.Helper()
	_, message := asSubmitted(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")))
	verifySigned(l.t, record, message)
	if path := header(raw, "Return-Path"); !regexp.MustCompile(`^<watch\+b[a-z2-7]{42}@example\.org>$`).MatchString(path) {
		l.t.Errorf("the return path is %s", path)
	}
}

// checked holds a received mail against the checklist. Postfix by itself does
// not judge signatures, so nothing can be said of its verdict (E63).
func (l *mailLoop) checked(raw []byte, args ...string) {
	l.t.Run("checklist", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "received.eml")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		tool := filepath.Join(sharedDir(t), "tools", "emlcheck.py")
		out, err := exec.Command("python3", append([]string{tool, "--received", "--domain", "example.org"}, append(args, file)...)...).CombinedOutput()
		bad := strings.Split(strings.TrimSpace(failedLines(string(out))), "\n")
		if len(bad) != 1 || !strings.HasPrefix(bad[0], "FAIL E63") {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// oneClick is the request that a mail program makes for its button (RFC 8058).
func (l *mailLoop) oneClick(raw []byte) {
	l.t.Helper()
	if got := header(raw, "List-Unsubscribe-Post"); got != "List-Unsubscribe=One-Click" {
		l.t.Fatalf("List-Unsubscribe-Post: %q", got)
	}
	m := regexp.MustCompile(`<https://watch\.example\.org(/u/[^>]+)>`).FindStringSubmatch(header(raw, "List-Unsubscribe"))
	if m == nil {
		l.t.Fatalf("List-Unsubscribe: %s", header(raw, "List-Unsubscribe"))
	}
	at := "http://127.0.0.1:" + strconv.Itoa(l.web) + m[1]
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPost} {
		req, err := http.NewRequestWithContext(l.t.Context(), method, at, strings.NewReader("List-Unsubscribe=One-Click"))
		if err != nil {
			l.t.Fatal(err)
		}
		req.Host = "watch.example.org"
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			l.t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			l.t.Errorf("%s: %s", method, resp.Status)
		}
		if method == http.MethodGet {
			l.expectState("ben@example.net", "confirmed")
		}
	}
}

// verifySigned looks whether the signature of a message holds under the record
// that 'ccgwatch dkim --json' printed.
func verifySigned(t *testing.T, record string, message []byte) {
	t.Helper()
	r := decodeLines[jsonRecord](t, record)[0]
	found, err := dkim.VerifyWithOptions(bytes.NewReader(message), &dkim.VerifyOptions{LookupTXT: func(string) ([]string, error) { return []string{r.Value}, nil }})
	if err != nil || len(found) != 1 || found[0].Err != nil || found[0].Domain != "example.org" {
		t.Errorf("the signature does not hold: %v %+v", err, found)
	}
}
