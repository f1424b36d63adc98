package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"ccgwatch/alerts/mail"
	"ccgwatch/config"
)

// A mailbox that did not answer in time was said to refuse the login. Each way not
// to answer has words of its own, and advice.
func TestDoctorTellsSilenceFromRefusal(t *testing.T) {
	const login, advisesLogin = "refuses the login", "mailbox.username"
	for _, tt := range []struct {
		name   string
		serve  func(c net.Conn, in *bufio.Scanner, giveUp func())
		tls    string
		want   string
		advice string
		login  bool
	}{
		{"silent at the login", func(c net.Conn, in *bufio.Scanner, giveUp func()) { in.Scan(); giveUp(); in.Scan() }, "none", "^no answer within 15s: at the login, which was not refused: ", "nothing is said against name and password", false},
		{"silent from the start", func(c net.Conn, in *bufio.Scanner, giveUp func()) {
			_, _ = c.Read(make([]byte, 1))
			giveUp()
			in.Scan()
		}, "implicit", "^no answer within 15s: no encrypted connection: ", "nothing is said against", false},
		{"hangs up at the login", func(_ net.Conn, in *bufio.Scanner, _ func()) { in.Scan() }, "none", "^at the login, which was not refused: EOF$", "hung up", false},
		{"says goodbye", func(c net.Conn, in *bufio.Scanner, _ func()) { in.Scan(); fmt.Fprint(c, "* BYE too busy\r\n") }, "none", "^at the login, which was not refused: it hangs up: .* BYE too busy", "", false},
		{"lets nobody in now", func(c net.Conn, in *bufio.Scanner, _ func()) {
			in.Scan()
			fmt.Fprint(c, "a1 NO [UNAVAILABLE] not now\r\n")
		}, "none", "^it logs nobody in now: ", "may be right", false},
		{"refuses, and repeats", func(c net.Conn, in *bufio.Scanner, _ func()) {
			in.Scan()
			fmt.Fprint(c, "+ \r\n")
			in.Scan()
			said, _ := base64.StdEncoding.DecodeString(in.Text())
			fmt.Fprintf(c, "a1 NO not %q nor %s\r\n", said[4:], in.Text())
		}, "none", "^it refuses the login: it says .*NO not", advisesLogin, true},
		{"speaks no TLS", func(net.Conn, *bufio.Scanner, func()) {}, "implicit", "^no encrypted connection: tls: first record does not look like a TLS handshake", "speaks no TLS", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			ctx, giveUp := context.WithCancelCause(t.Context())
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				if !strings.Contains(tt.name, "from the start") {
					fmt.Fprint(c, "* OK here\r\n")
				}
				tt.serve(c, bufio.NewScanner(c), func() { giveUp(tooLong(netPatience)) })
			}()
			const password = `top "secret" \ word`
			m := config.Mailbox{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: tt.tls, Username: "me", Password: config.NewSecret(password)}
			_, err = askMailbox(ctx, m)
			advice := strings.Join(mailboxAdvice(err), " ")
			if err == nil || !matches(err.Error(), tt.want) || !strings.Contains(advice, tt.advice) || advice == "" {
				t.Fatalf("%v, want %s; advice %q", err, tt.want, advice)
			}
			if strings.Contains(err.Error(), login) != tt.login || strings.Contains(advice, advisesLogin) != tt.login || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v; advice %q", err, advice)
			}
		})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	must(t, l.Close())
	_, err = askMailbox(t.Context(), config.Mailbox{Host: "127.0.0.1", Port: port, TLS: "none", Username: "me"})
	if advice := mailboxAdvice(err); err == nil || !strings.HasPrefix(err.Error(), "no connection: ") || !strings.Contains(advice[0], "nothing listens") {
		t.Errorf("nobody there: %v, %q", err, advice)
	}
}

// The same of the relay: only an answer of 5.. at the login speaks against it.
func TestRelayAdviceTellsSilenceFromRefusal(t *testing.T) {
	for _, tt := range []struct {
		err  mail.RelayError
		want string
	}{
		{mail.RelayError{Stage: mail.StageAuth, Code: 535}, "check smtp.username"},
		{mail.RelayError{Stage: mail.StageAuth, Code: 454}, "lets nobody in now"},
		{mail.RelayError{Stage: mail.StageAuth, Err: os.ErrDeadlineExceeded}, "nothing is said against name and password"},
		{mail.RelayError{Stage: mail.StageAuth, Err: io.EOF}, "hung up"},
		{mail.RelayError{Stage: mail.StageConnect, Err: os.ErrDeadlineExceeded}, "nothing answers there"},
		{mail.RelayError{Stage: mail.StageConnect, Err: &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}}, "nothing listens on that port"},
		{mail.RelayError{Stage: mail.StageConnect, Err: &net.DNSError{IsNotFound: true}}, "no host of that name"},
		{mail.RelayError{Stage: mail.StageTLS, Err: tls.AlertError(70)}, "speaks no TLS that we can speak"},
		{mail.RelayError{Stage: mail.StageBanner, Code: 554}, "not as a mail relay does"},
	} {
		if got := strings.Join(relayAdvice(config.SMTP{Port: 587, TLS: "starttls"}, &tt.err), " "); !strings.Contains(got, tt.want) {
			t.Errorf("%v: %q, want %q", &tt.err, got, tt.want)
		}
	}
}
