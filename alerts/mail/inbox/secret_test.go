package inbox_test

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"ccgwatch/alerts/mail/inbox"
)

// A server that repeats what it was told brought the password into the log and onto
// the operator's page; one with a quotation mark or a backslash in it still did so
// after that, as it was repeated in the form in which it had been sent.
func TestMailboxPasswordIsNotRepeated(t *testing.T) {
	for _, password := range []string{"correct-horse-battery", `correct"horse"battery`, `correct\horse\\battery\`, `"correct-horse"`, `c"\`, `pass "word"`, "correct horse bättery\""} {
		for _, answer := range []string{"%s", "%.30s", "%q", "no %s"} {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go repeats(l, answer)
			box := &inbox.IMAP{
				Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: "none", Username: "alerts",
				Password: func() string { return password },
			}
			_, _, err = box.Each(t.Context(), inbox.Mark{}, func([]byte) error { return nil })
			if err == nil {
				t.Fatal("it was let in")
			}
			said := err.Error()
			quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(password)
			for _, form := range []string{password, quoted, strconv.Quote(quoted), strconv.QuoteToASCII(password), "horse"} {
				if strings.Contains(said, form) {
					t.Errorf("%q, repeated as %s: %s is in the error: %s", password, answer, form, said)
				}
			}
			if !strings.Contains(said, "log in: ") || !strings.Contains(said, "***") && answer != "%.30s" {
				t.Errorf("%q: the error: %s", password, said)
			}
		}
	}
}

// repeats refuses every command and says it again, also what comes as a literal.
func repeats(l net.Listener, answer string) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	fmt.Fprint(c, "* OK [CAPABILITY IMAP4rev1] ready\r\n")
	in := bufio.NewScanner(c)
	for in.Scan() {
		tag, rest, _ := strings.Cut(in.Text(), " ")
		for strings.HasSuffix(rest, "}") {
			fmt.Fprint(c, "+ go on\r\n")
			if !in.Scan() {
				return
			}
			rest += in.Text()
		}
		fmt.Fprintf(c, "%s NO not for you: %s\r\n", tag, fmt.Sprintf(answer, rest))
	}
}

// A password may hold what IMAP quotes, and what it cannot quote.
func TestAnyPasswordLogsIn(t *testing.T) {
	for _, password := range []string{"secret", `with "marks"`, `with \ and \\`, `"`, `\`, `\"`, " spaces ", "{5}", "100% *()", "bättery"} {
		t.Run(password, func(t *testing.T) {
			box, user := serverFor(t, password)
			put(t, user, "Subject: x\r\n\r\n")
			n := 0
			if _, _, err := box.Each(t.Context(), inbox.Mark{}, func([]byte) error { n++; return nil }); err != nil || n != 1 {
				t.Errorf("%d messages, %v", n, err)
			}
			box.Password = func() string { return password + "x" }
			if _, _, err := box.Each(t.Context(), inbox.Mark{}, func([]byte) error { return nil }); err == nil {
				t.Error("another password was taken")
			}
		})
	}
}
