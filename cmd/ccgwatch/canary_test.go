package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// parrot is a mail server that repeats in its refusals whatever it was told, the
// password included.
func parrot(t *testing.T, certs, greeting string, answer func(line string) string) (port string, told *atomic.Int64) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(certs, "cert.pem"), filepath.Join(certs, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	told = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.WriteString(c, greeting)
				for in := bufio.NewScanner(c); in.Scan(); {
					if len(in.Text()) > 40 || strings.Contains(in.Text(), "LOGIN") {
						told.Add(1)
					}
					if _, err := io.WriteString(c, answer(in.Text())); err != nil {
						return
					}
				}
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, told
}

// TestPromiseSecretsStayIn: the passwords, the key that signs, the address of the
// dead man's switch and the proxy's password are in nothing that the program writes,
// prints or hands on: the daemon's log with everything refused, a stack of all it
// does, status, doctor, the operator's page, metrics, its store, its mails and copies,
// the arguments and surroundings of whatever it starts.
func TestPromiseSecretsStayIn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("looks at /proc")
	}
	certs := t.TempDir()
	vouch(t, certs)
	smtp, smtpTold := parrot(t, certs, "220 parrot ESMTP\r\n", func(line string) string {
		switch {
		case strings.HasPrefix(line, "EHLO"):
			return "250-parrot\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"
		case line == "QUIT":
			return "221 bye\r\n"
		}
		return "535 5.7.8 refused, you said " + line + "\r\n"
	})
	imap, imapTold := parrot(t, certs, "* OK parrot\r\n", func(line string) string {
		tag, rest, _ := strings.Cut(line, " ")
		if strings.HasPrefix(rest, "CAPABILITY") {
			return "* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n" + tag + " OK done\r\n"
		}
		return tag + " NO refused, you said " + rest + "\r\n"
	})
	ping := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no such check: "+r.URL.String(), http.StatusNotFound)
	}))
	defer ping.Close()

	signing := "[smtp]\nhost = \"127.0.0.1\"\ntls = \"none\"\ndkim_selector = \"ccgwatch\"\ndkim_key_file = \"dkim.key\"\n"
	d := newDesk(t, replayConfig+signing)
	d.run(done, "dkim", "--json")
	secrets := map[string]string{
		"smtp": "Canary7smtp4pzqw8vk2", "mailbox": "Canary3imap9hjxw5rt1", "ping": "canary8ping2mfbd6ys0", "proxy": "canary1proxy5gnlc7eu3",
	}
	for _, name := range []string{"smtp", "mailbox"} {
		if err := os.WriteFile(filepath.Join(d.dir, name+".password"), []byte(secrets[name]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keyFile := ""
	if err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if b, _ := os.ReadFile(path); e.Type().IsRegular() && bytes.Contains(b, []byte("PRIVATE KEY")) {
			keyFile = path
			secrets["key"] = strings.Split(string(b), "\n")[1]
		}
		return err
	}); err != nil || keyFile == "" {
		t.Fatal("no key to sign with", err)
	}
	web, page := freePort(t), freePort(t)
	settings := strings.Replace(replayConfig, "delay =", "proxy = \""+ping.URL+"\"\ndelay =", 1) + fmt.Sprintf(`
[[source]]
id = "mercia-vale-icb"
platform = "boards"
layout = "two-hop"
page = "/board/"
base = "http://board.example.org"
[smtp]
host = "127.0.0.1"
port = %s
tls = "implicit"
username = "watch"
password_file = "smtp.password"
dkim_selector = "ccgwatch"
dkim_key_file = %q
[mailbox]
host = "127.0.0.1"
port = %s
tls = "implicit"
username = "watch"
password_file = "mailbox.password"
[web]
listen = "127.0.0.1:%d"
[operator]
listen = "127.0.0.1:%d"
ping = "%s/%s"
ping_every = "1m"
`, smtp, keyFile, imap, web, page, ping.URL, secrets["ping"])
	if err := os.WriteFile(d.config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	said := map[string][]byte{}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ours := func(args ...string) *exec.Cmd {
		cmd := exec.Command(self, append([]string{"--config=" + d.config, "--data=" + filepath.Join(d.dir, "data")}, args...)...)
		cmd.Env = append(os.Environ(), asProgram+"=1", "GOTRACEBACK=all", "SSL_CERT_FILE="+filepath.Join(certs, "ca.pem"))
		return cmd
	}
	run := func(args ...string) {
		out, err := ours(args...).CombinedOutput()
		said[strings.Join(args, " ")] = fmt.Appendf(out, "\n%v", err)
	}
	// A proxy with a password is refused, and what is refused is not repeated.
	refused := strings.Replace(settings, "http://", "http://user:"+secrets["proxy"]+"@", 1)
	if err := os.WriteFile(d.config, []byte(refused), 0o600); err != nil {
		t.Fatal(err)
	}
	run("sources")
	if err := os.WriteFile(d.config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	run("subscribers", "add", "ada@example.net", "--consent", "a test", "--often", "both")
	mailWaits(t, d)
	run("crawl")
	run("send")
	run("inbox")

	var log bytes.Buffer
	cmd := ours("run")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		for what, b := range family(cmd.Process.Pid) {
			said[what] = append(said[what], b...)
		}
		if got, err := fetched(fmt.Sprintf("http://127.0.0.1:%d/metrics", page)); err == nil {
			said["the metrics"] = got
			break
		}
		if time.Now().After(until) {
			_ = cmd.Process.Kill()
			t.Fatalf("the daemon does not come up: %s", log.String())
		}
	}
	for name, at := range map[string]string{"the operator's page": fmt.Sprintf("http://127.0.0.1:%d/", page), "the first page": fmt.Sprintf("http://127.0.0.1:%d/", web), "the sources": fmt.Sprintf("http://127.0.0.1:%d/sources", web), "profiles": fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/cmdline", page)} {
		if said[name], err = fetched(at); err != nil {
			t.Error(err)
		}
	}
	run("status")
	run("status", "--json")
	run("doctor")
	run("doctor", "--json")
	run("verify")
	run("backup")
	if err := errors.Join(cmd.Process.Signal(syscall.SIGQUIT)); err != nil { // it dies as of a panic, and tells all it was doing
		t.Fatal(err)
	}
	_ = cmd.Wait()
	said["the daemon's log"] = log.Bytes()
	if !bytes.Contains(log.Bytes(), []byte("goroutine ")) {
		t.Error("no stack was printed")
	}
	if smtpTold.Load() == 0 || imapTold.Load() == 0 {
		t.Errorf("the passwords were never sent (relay %d, mailbox %d): this proves nothing", smtpTold.Load(), imapTold.Load())
	}
	if err := filepath.WalkDir(filepath.Join(d.dir, "data"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && path != keyFile {
			b, err := os.ReadFile(path)
			said["the file "+path] = append(b, unpacked(t, b)...)
			return err
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	bytesIn := 0
	for where, b := range said {
		bytesIn += len(b)
		for name, secret := range secrets {
			if found := tracesOf(b, secret); len(found) > 0 {
				i := max(0, bytes.Index(b, []byte(secret)))
				t.Errorf("%s holds the %s secret: %v: %.300q", where, name, found, b[max(0, i-150):])
			}
		}
	}
	t.Logf("%d outputs and files, %d bytes", len(said), bytesIn)
}

// mailWaits queues a message, so that the relay is spoken to.
func mailWaits(t *testing.T, d *desk) {
	t.Helper()
	st, err := bolt.Open(filepath.Join(d.dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	subs, err := st.Subscriptions(t.Context(), "", 0)
	if err != nil || len(subs) == 0 {
		t.Fatal(len(subs), err)
	}
	raw := "From: watch@example.org\r\nTo: ada@example.net\r\nSubject: x\r\nMessage-ID: <1@example.org>\r\n\r\nx\r\n"
	if err := st.Advance(t.Context(), "canary", store.Position{}, store.Position{Subscription: "x"}, nil, []store.Delivery{{ID: "0c", Subscription: subs[0].ID, Kind: "alert", MessageID: "<1@example.org>", Subject: "x", Raw: []byte(raw), State: store.Queued, Created: time.Now(), Due: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

func fetched(at string) ([]byte, error) {
	resp, err := http.Get(at)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// family is what the system tells of a process and those it started.
func family(pid int) map[string][]byte {
	out := map[string][]byte{}
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range all {
		b, err := os.ReadFile(stat)
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		at := filepath.Dir(stat)
		if len(f) < 2 || f[1] != strconv.Itoa(pid) && filepath.Base(at) != strconv.Itoa(pid) {
			continue
		}
		for _, name := range []string{"cmdline", "environ"} {
			b, _ := os.ReadFile(filepath.Join(at, name))
			out["processes: "+name] = append(out["processes: "+name], b...)
		}
	}
	return out
}
