package mail

import (
	"bytes"
	"fmt"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"time"

	"ccgwatch/alerts"
)

// ComposeService puts a service mail into words: the question whether somebody
// wants to be subscribed, or the link to change it. It is plain text, belongs to
// no list, and holds nothing a stranger typed but the address in To: a form that
// anybody can fill in must not carry anybody's message. The same letter gives
// the same bytes. No error names an address.
func (c *Composer) ComposeService(l alerts.Service) (alerts.Message, error) {
	to, err := netmail.ParseAddress(l.To)
	if err != nil || to.Address != l.To || !ascii(l.To) {
		return alerts.Message{}, fmt.Errorf("mail: letter %s: the address cannot be written in a header", l.ID)
	}
	if c.links.Home() == "" {
		return alerts.Message{}, fmt.Errorf("mail: letter %s: there are no pages that its link could lead to", l.ID)
	}
	var subject string
	var paras []string
	switch l.Kind {
	case alerts.KindConfirm:
		subject, paras = c.confirm(l)
	case alerts.KindManage:
		subject, paras = c.manage(l)
	default:
		return alerts.Message{}, fmt.Errorf("mail: letter %s: %q is no service mail", l.ID, l.Kind)
	}
	paras = append(paras, "-- \nCCGWatch is run by "+defuse(c.group)+", "+c.links.Email()+". It tells what NHS bodies and councils publish, in their words.")
	id := "<" + l.ID + "@" + c.domain + ">"
	var h head
	h.field("From", c.from)
	h.field("To", l.To)
	h.field("Reply-To", c.from)
	h.field("Subject", encodeWords(subject, len("Subject: ")))
	h.field("Date", l.Date.In(c.zone).Format(time.RFC1123Z))
	h.field("Message-ID", id)
	h.field("Auto-Submitted", "auto-generated")
	h.field("MIME-Version", "1.0")
	h.field("Content-Type", "text/plain; charset=utf-8")
	h.field("Content-Transfer-Encoding", "quoted-printable")
	h.buf.WriteString("\r\n")
	if h.err != nil {
		return alerts.Message{}, fmt.Errorf("letter %s: %w", l.ID, h.err)
	}
	body, err := quoted7(strings.Join(paras, "\n\n") + "\n")
	if err != nil {
		return alerts.Message{}, fmt.Errorf("mail: letter %s: %w", l.ID, err)
	}
	h.buf.Write(body)
	return alerts.Message{MessageID: id, Subject: subject, Raw: h.buf.Bytes()}, nil
}

func quoted7(words string) ([]byte, error) {
	var b bytes.Buffer
	q := quotedprintable.NewWriter(&b)
	if _, err := q.Write([]byte(crlf(words))); err != nil {
		return nil, err
	}
	err := q.Close()
	return b.Bytes(), err
}

func (c *Composer) confirm(l alerts.Service) (string, []string) {
	return header("Please confirm: mail from CCGWatch (" + c.group + ")"), []string{
		"Somebody, probably you, asked on our pages that we write to this address " + often(l.Often) + " about what NHS bodies and councils plan, buy and decide.",
		"To say yes, open this page and press the button on it:",
		c.links.Confirm(l.Token),
		"The page shows what was asked for before you agree to it. The link works until " + c.moment(l.Until) + ".",
		"If it was not you, do nothing: nobody is subscribed, nothing else will come, and this address is erased within a day of then. At most five of these mails go to an address that does not answer.",
	}
}

func (c *Composer) manage(l alerts.Service) (string, []string) {
	return header("Your link to CCGWatch (" + c.group + ")"), []string{
		"Somebody, probably you, asked on our pages for what this address is subscribed to, or asked again for what it gets already.",
		"On this page you can see it, change it, stop it, take a copy of all that is kept about you, or have it erased:",
		c.links.Manage(l.Token),
		"The link works until " + c.moment(l.Until) + ". Whoever has it can change your subscriptions: do not pass it on.",
		"If it was not you, do nothing: nothing has changed.",
	}
}
