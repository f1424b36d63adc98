package inbox_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"ccgwatch/alerts/mail/inbox"
)

// A server that repeats what it was told brought the password into the log and onto
// the operator's page.
func TestMailboxPasswordIsNotRepeated(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprint(c, "* OK [CAPABILITY IMAP4rev1] ready\r\n")
		in := bufio.NewScanner(c)
		for in.Scan() {
			tag, rest, _ := strings.Cut(in.Text(), " ")
			fmt.Fprintf(c, "%s NO not for you: %s\r\n", tag, rest)
		}
	}()
	box := &inbox.IMAP{
		Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: "none", Username: "alerts",
		Password: func() string { return "correct-horse-battery" },
	}
	_, _, err = box.Each(t.Context(), inbox.Mark{}, func([]byte) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "not for you") || strings.Contains(err.Error(), "correct-horse") {
		t.Errorf("the error: %v", err)
	}
}
