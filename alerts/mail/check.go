package mail

import (
	"bytes"
	"context"
	"fmt"
	"mime/quotedprintable"
	"time"

	"ccgwatch/alerts"
)

// Checked is what a relay turned out to be able to do.
type Checked struct {
	Encrypted bool
	LoggedIn  bool
	MaxBytes  int // of one message; 0: it does not say
}

// Check goes as far as the first message would (it connects, encrypts, logs
// in) and says goodbye. No sender or recipient is named and nothing is sent.
// Its failures are those of Send.
func (r *Relay) Check(ctx context.Context) (Checked, error) {
	c := &conversation{Relay: r} // one kept since a message would prove nothing about the login
	defer c.drop()
	if err := c.open(ctx, masker("", r.secrets()...)); err != nil {
		return Checked{}, err
	}
	out := Checked{Encrypted: c.wire.tls, LoggedIn: r.Username != ""}
	out.MaxBytes, _ = c.wire.limit()
	_, _ = c.wire.say(ctx, r.Waits.of(stageQuit), 0, "QUIT") // it said what we wanted to know
	return out, nil
}

// Trial composes a message that says only that mail from here arrives. id is
// the delivery's, of hexadecimal digits.
func (c *Composer) Trial(id, to string, date time.Time) (alerts.Message, error) {
	if err := checkAddress(to); err != nil {
		return alerts.Message{}, fmt.Errorf("mail: a trial: %w", err)
	}
	out := alerts.Message{MessageID: "<" + id + "@" + c.domain + ">", Subject: header("A trial: mail from " + c.group + " arrives")}
	var h head
	h.field("From", c.from)
	h.field("To", to)
	h.field("Subject", encodeWords(out.Subject, len("Subject: ")))
	h.field("Date", date.In(c.zone).Format(time.RFC1123Z))
	h.field("Message-ID", out.MessageID)
	h.field("Auto-Submitted", "auto-generated")
	h.field("MIME-Version", "1.0")
	h.field("Content-Type", "text/plain; charset=utf-8")
	h.field("Content-Transfer-Encoding", "quoted-printable")
	h.buf.WriteString("\r\n")
	if h.err != nil {
		return alerts.Message{}, h.err
	}
	var text bytes.Buffer
	q := quotedprintable.NewWriter(&text)
	if _, err := fmt.Fprintf(q, "Somebody who looks after %s had this sent, to see whether its mail arrives.\r\nIt did. There is nothing to do, and nobody was subscribed to anything.\r\n", clean(c.group)); err != nil {
		return alerts.Message{}, err
	}
	if err := q.Close(); err != nil {
		return alerts.Message{}, err
	}
	h.buf.Write(text.Bytes())
	out.Raw = h.buf.Bytes()
	return out, nil
}
