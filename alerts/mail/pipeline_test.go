package mail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// A talker is a relay at the other end of a pipe: it takes lines in groups of a
// given size before it answers any of them, and notes them. A client that waits
// for an answer in the middle of a group waits for ever.
type talker struct {
	pipelining bool
	groups     []int             // how many commands it waits for before it answers, group by group
	answers    map[string]string // by the beginning of a command; else 250
	heard      []string
	err        error
	done       chan struct{}
}

func (k *talker) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	k.done = make(chan struct{})
	go func() {
		defer close(k.done)
		defer there.Close()
		k.err = k.talk(there)
	}()
	return here, nil
}

func (k *talker) answer(line string) string {
	for begin, a := range k.answers {
		if strings.HasPrefix(line, begin) {
			return a
		}
	}
	if line == "DATA" {
		return "354 go on"
	}
	return "250 2.0.0 ok"
}

func (k *talker) talk(c net.Conn) error {
	in := bufio.NewReader(c)
	say := func(s string) error { _, err := fmt.Fprintf(c, "%s\r\n", s); return err }
	hear := func() (string, error) {
		s, err := in.ReadString('\n')
		return strings.TrimRight(s, "\r\n"), err
	}
	if err := say("220 relay"); err != nil {
		return err
	}
	if _, err := hear(); err != nil {
		return err
	}
	hello := "250 relay"
	if k.pipelining {
		hello = "250-relay\r\n250 PIPELINING"
	}
	if err := say(hello); err != nil {
		return err
	}
	for _, n := range k.groups {
		var lines []string
		for range n {
			s, err := hear()
			if err != nil {
				return err
			}
			lines = append(lines, s)
			k.heard = append(k.heard, s)
		}
		for _, l := range lines {
			a := k.answer(l)
			if a == "" {
				return nil // it hangs up
			}
			if err := say(a); err != nil {
				return err
			}
			if !strings.HasPrefix(a, "354") {
				continue
			}
			for s := ""; s != "."; {
				var err error
				if s, err = hear(); err != nil {
					return err
				}
			}
			if err := say("250 2.0.0 taken"); err != nil {
				return err
			}
		}
	}
	return nil
}

// RFC 2920: what can be asked in one go is, where the relay says so, and nowhere
// else. A refusal in the middle is the message's outcome, and the connection goes
// on in step.
func TestPipelining(t *testing.T) {
	const mail, rcpt, reset, data = "MAIL FROM:<alerts@example.org>", "RCPT TO:<ada@example.net>", "RSET", "DATA"
	for _, c := range []struct {
		name       string
		pipelining bool
		groups     []int
		answers    map[string]string
		outcomes   []error // of one message after the other
		heard      []string
	}{
		{"two messages in groups", true, []int{2, 1, 2, 1}, nil, []error{nil, nil}, []string{mail, rcpt, data, mail, rcpt, data}},
		{"a relay without it", false, []int{1, 1, 1, 1, 1, 1}, nil, []error{nil, nil}, []string{mail, rcpt, data, mail, rcpt, data}},
		{"no such mailbox, then the next with a reset", true, []int{2, 3}, map[string]string{"RCPT": "550 5.1.1 nobody"},
			[]error{alerts.ErrNoAddress, alerts.ErrNoAddress}, []string{mail, rcpt, reset, mail, rcpt}},
		{"the sender is refused, and what follows from that", true, []int{2}, map[string]string{"MAIL": "450 4.7.1 later", "RCPT": "503 5.5.1 MAIL first"},
			[]error{alerts.ErrAway}, []string{mail, rcpt}},
		{"it hangs up after refusing", true, []int{2}, map[string]string{"MAIL": "550 5.7.1 not you", "RCPT": ""}, []error{alerts.ErrOperator}, []string{mail, rcpt}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := &talker{pipelining: c.pipelining, groups: c.groups, answers: c.answers}
			r := &Relay{Host: "127.0.0.1", Port: 25, TLS: TLSNone, From: "alerts@example.org", Dial: k.dial}
			for i, want := range c.outcomes {
				d := store.Delivery{ID: fmt.Sprint(i), Raw: []byte("Subject: x\r\n\r\nhello\r\n")}
				err := r.Send(t.Context(), d, "ada@example.net", func() error { return nil })
				if !errors.Is(err, want) {
					t.Errorf("message %d: %v, want %v", i, err, want)
				}
			}
			_ = r.Close()
			<-k.done
			if d := cmp.Diff(c.heard, k.heard); d != "" {
				t.Error("(-want +got)\n", d)
			}
		})
	}
}
