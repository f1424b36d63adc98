package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/rogpeppe/go-internal/testscript"

	"ccgwatch/config"
	"ccgwatch/store"
)

// writeCmd is write WHEN FROM SUBJECT: a message comes into the maildir mail at
// a moment. In the subject, VERB is the command that the newest mail at the
// relay asks to be answered with ("VERB=confirm").
func writeCmd(ts *testscript.TestScript, _ bool, args []string) {
	subject := args[2]
	if verb, ok := strings.CutPrefix(subject, "VERB="); ok {
		verb, rest, _ := strings.Cut(verb, " ")
		_, text, err := readMail(newestAtRelay(ts))
		ts.Check(err)
		m := regexp.MustCompile(`(?m)^` + verb + ` [A-Za-z0-9_-]{43}\b`).FindString(text)
		if m == "" {
			ts.Fatalf("the newest mail asks for no %s:\n%s", verb, text)
		}
		subject = strings.TrimSpace(m + " " + rest)
	}
	deliverTo(ts, args[0], fmt.Sprintf("From: <%s>\nTo: <watch@example.org>\nSubject: %s\n", args[1], subject), "Hello\n")
}

// bounceCmd is bounce WHEN STATUS: the newest mail at the relay comes back.
func bounceCmd(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile(`(?m)^Envelope-From: (\S+)`).FindSubmatch(newestAtRelay(ts))
	if m == nil {
		ts.Fatalf("no return path")
	}
	deliverTo(ts, args[0], fmt.Sprintf("Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nTo: <%s>\nSubject: Undelivered\n"+
		"Content-Type: multipart/report; report-type=delivery-status; boundary=B\n", m[1]),
		"--B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\nFinal-Recipient: rfc822; x@example.net\nAction: failed\nStatus: "+args[1]+"\n\n--B--\n")
}

func newestAtRelay(ts *testscript.TestScript) []byte {
	files, _ := filepath.Glob(ts.MkAbs("relay/*.eml"))
	if len(files) == 0 {
		ts.Fatalf("nothing at the relay")
	}
	return []byte(ts.ReadFile(fmt.Sprintf("relay/%d.eml", len(files))))
}

func deliverTo(ts *testscript.TestScript, when, head, body string) {
	at, err := parseTime(when)
	ts.Check(err)
	dir := ts.MkAbs("mail")
	for _, sub := range []string{"new", "cur", "tmp"} {
		ts.Check(os.MkdirAll(filepath.Join(dir, sub), 0o700))
	}
	there, err := os.ReadDir(filepath.Join(dir, "new"))
	ts.Check(err)
	n := len(there) + 1
	name := filepath.Join(dir, "new", fmt.Sprint(n))
	ts.Check(os.WriteFile(name, fmt.Appendf(nil, "%sDate: %s\nMessage-ID: <%d@example.net>\n\n%s", head, at.Format(time.RFC1123Z), n, body), 0o600))
	ts.Check(os.Chtimes(name, at, at))
}

// The daemon reads the mailbox every five minutes, whatever the clock did, and a
// mailbox that cannot be read stops nothing.
func TestTheDaemonReadsTheMailbox(t *testing.T) {
	dir := t.TempDir()
	a, err := demoApp(filepath.Join(dir, "data"), "http://127.0.0.1:8000", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.cfg.Mailbox = config.Mailbox{Mbox: filepath.Join(dir, "mbox")}
	d := &daemon{app: a}
	ctx, now := t.Context(), townStart()
	appendMail := func(subject string) {
		t.Helper()
		f, err := os.OpenFile(a.cfg.Mailbox.Mbox, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintf(f, "From x@example.net Mon Sep  7 09:00:00 2026\nFrom: x@example.net\nSubject: %s\nDate: %s\n\nHello\n\n", subject, now.Format(time.RFC1123Z))
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	subscriptions := func() int {
		t.Helper()
		all, err := a.store.Subscriptions(ctx, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := subscriptions()
	d.inbox(ctx, now) // there is no such file yet
	appendMail("subscribe dialysis")
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{4 * time.Minute, 0}, {5 * time.Minute, 1}, {10 * time.Minute, 1}, {-3 * time.Hour, 1}} {
		d.inbox(ctx, now.Add(step.after))
		if got := subscriptions() - before; got != step.want {
			t.Errorf("%v after the start: %d subscriptions, want %d", step.after, got, step.want)
		}
	}
	appendMail("subscribe hospice")
	d.inbox(ctx, now.Add(-3*time.Hour+5*time.Minute)) // the clock was set back
	if got := subscriptions() - before; got != 2 {
		t.Errorf("after the clock was set back: %d subscriptions, want 2", got)
	}
}

// The command read 4,000 messages of a mailbox that had been filled, and ended as if
// that had been all.
func TestAMailboxThatIsNotReadToItsEndIsSaidToBe(t *testing.T) {
	a, user := withMailbox(t)
	for i := range 5 {
		m := fmt.Sprintf("From: x%d@example.net\r\nSubject: A question\r\nDate: %s\r\nMessage-ID: <%d@example.net>\r\n\r\nHello\r\n", i, townStart().Format(time.RFC1123Z), i)
		if _, err := user.Append("INBOX", literal{strings.NewReader(m)}, &goimap.AppendOptions{Time: townStart()}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{
		"2 messages: 2 left\nmore messages wait", `{"messages":2,"led_to":{"left":2},"more":true}` + "\nmore messages wait", "1 message: 1 left\n<nil>", "no new messages\n<nil>",
	} {
		r, err := a.visitUpTo(t.Context(), townStart(), 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err = (&inboxCmd{JSON: want[0] == '{'}).say(&env{stdout: &out}, r, nil)
		if got := out.String() + fmt.Sprint(err); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// withMailbox is an app with an IMAP mailbox, and the way to put mail into it.
func withMailbox(t *testing.T) (*app, *imapmemserver.User) {
	t.Helper()
	user := imapmemserver.NewUser("watch", "secret")
	if err := user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	memory := imapmemserver.New()
	memory.AddUser(user)
	srv := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return memory.NewSession(), nil, nil
		},
		Caps: goimap.CapSet{goimap.CapIMAP4rev1: {}}, InsecureAuth: true,
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	a := dueApp(t)
	a.cfg.Mailbox = config.Mailbox{
		Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: "none", Username: "watch", Password: config.NewSecret("secret"), Folder: "INBOX",
	}
	return a, user
}

// An IMAP mailbox is read on from where it was left, over restarts too, and a
// message is done once even if that place is lost.
func TestAnIMAPMailboxIsReadOnce(t *testing.T) {
	with, user := withMailbox(t)
	dir, now := t.TempDir(), townStart()
	read := func(edit func(*app)) string {
		t.Helper()
		a, err := demoApp(dir, "http://127.0.0.1:8000", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		a.cfg.Mailbox = with.cfg.Mailbox
		edit(a)
		r, err := a.readMailbox(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		return r.String()
	}
	nothing := func(*app) {}
	put := func(i int, subject string) {
		t.Helper()
		m := fmt.Sprintf("From: x%d@example.net\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%d@example.net>\r\n\r\nHello\r\n", i, subject, now.Format(time.RFC1123Z), i)
		if _, err := user.Append("INBOX", literal{strings.NewReader(m)}, &goimap.AppendOptions{Time: now}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		put(i, "subscribe dialysis")
	}
	for i, step := range []struct {
		edit func(*app)
		want string
	}{
		{nothing, "3 asked"},
		{nothing, ""},
		{func(a *app) {
			if err := a.store.SetMailMark(t.Context(), a.mailboxName(), store.MailMark{}); err != nil {
				t.Fatal(err)
			}
		}, ""},
		{func(*app) { put(9, "A question") }, "1 left"},
	} {
		if got := read(step.edit); got != step.want {
			t.Errorf("reading %d led to %q, want %q", i+1, got, step.want)
		}
	}
	status, err := user.Status("INBOX", &goimap.StatusOptions{NumMessages: true, NumUnseen: true})
	if err != nil || *status.NumMessages != 4 || *status.NumUnseen != 4 {
		t.Errorf("the mailbox was changed: %+v, %v", status, err)
	}
}

type literal struct{ *strings.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// What the doctor says of the published key.
func TestDoctorComparesTheKey(t *testing.T) {
	dir := t.TempDir()
	cfg := config.Default()
	cfg.Group.Email = "watch@example.org"
	cfg.SMTP.DKIMSelector, cfg.SMTP.DKIMKeyFile = "ccgwatch", filepath.Join(dir, "keys", "dkim.key")
	if err := makeDKIM(cfg.SMTP.DKIMKeyFile); err != nil {
		t.Fatal(err)
	}
	if err := makeDKIM(cfg.SMTP.DKIMKeyFile); err == nil {
		t.Error("a key that was there was made again")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "keys", "*")); !slices.Equal(left, []string{cfg.SMTP.DKIMKeyFile}) {
		t.Errorf("left behind: %v", left)
	}
	key, err := readDKIM(cfg)
	if err != nil {
		t.Fatal(err)
	}
	name, value, err := key.Record()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		what  string
		found []string
		err   error
		want  string
	}{
		{"published", []string{"v=spf1 -all", value}, nil, "ok    dkim"},
		{"published, in other clothes", []string{"k=rsa ; p = " + value[len("v=DKIM1; k=rsa; p="):60] + " \t" + value[60:] + ";"}, nil, "ok    dkim"},
		{"another", []string{"v=DKIM1; k=rsa; p=AAAA"}, nil, "FAIL  dkim"},
		{"withdrawn", []string{"v=DKIM1; p="}, nil, "FAIL  dkim"},
		{"none", nil, &net.DNSError{IsNotFound: true}, "FAIL  dkim"},
		{"no answer", nil, &net.DNSError{IsTimeout: true}, "warn  dkim"},
	} {
		var out strings.Builder
		x := &examination{env: &env{ctx: t.Context(), stdout: &out}}
		x.dkim(cfg, func(_ context.Context, n string) ([]string, error) {
			if n != name {
				t.Errorf("%s was asked for", n)
			}
			return tt.found, tt.err
		})
		if !strings.HasPrefix(out.String(), tt.want) {
			t.Errorf("%s: %q, want %q", tt.what, out.String(), tt.want)
		}
	}
	if err := os.Chmod(cfg.SMTP.DKIMKeyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readDKIM(cfg); err == nil || !strings.Contains(err.Error(), "others may read it") {
		t.Errorf("a key that others may read: %v", err)
	}
}
