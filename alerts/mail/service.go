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
// wants to be subscribed, the link to change it, the
// question whether the address still works, or the word that it has ended. Without pages it says what to answer by mail. It is plain text, belongs to
// no list, and holds nothing a stranger typed but the address in To: a form that
// anybody can fill in must not carry anybody's message. The same letter gives
// the same bytes. No error names an address.
func (c *Composer) ComposeService(l alerts.Service) (alerts.Message, error) {
	to, err := netmail.ParseAddress(l.To)
	if err != nil || to.Address != l.To || !ascii(l.To) {
		return alerts.Message{}, fmt.Errorf("mail: letter %s: the address cannot be written in a header", l.ID)
	}
	if c.links.Home() == "" && !c.Mailbox && l.Kind != alerts.KindProbe && l.Kind != alerts.KindGoodbye {
		return alerts.Message{}, fmt.Errorf("mail: letter %s: there are no pages that its link could lead to", l.ID)
	}
	var subject string
	var paras []string
	switch l.Kind {
	case alerts.KindConfirm:
		subject, paras = c.confirm(l)
	case alerts.KindManage:
		subject, paras = c.manage(l)
	case alerts.KindProbe:
		subject, paras = c.probe(l)
	case alerts.KindGoodbye:
		subject, paras = c.goodbye()
	case alerts.KindAnswer:
		subject, paras = c.answer(l)
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
	paras := []string{"Somebody, probably you, asked " + c.where() + " that we write to this address " + often(l.Often) + " about what NHS bodies and councils plan, buy and decide."}
	if c.links.Home() != "" {
		paras = append(paras,
			"To say yes, open this page and press the button on it:",
			c.links.Confirm(l.Token),
			"The page shows what was asked for before you agree to it. The link works until "+c.moment(l.Until)+".")
	} else {
		paras = append(paras, "To say yes, send us a mail with this subject; nothing needs to stand in it:")
		paras = append(paras, c.command("confirm "+l.Token)...)
		paras = append(paras,
			"It works until "+c.moment(l.Until)+". By sending it you say: "+alerts.ConsentText(alerts.FormMail))
	}
	paras = append(paras,
		"If it was not you, do nothing: nobody is subscribed, nothing else will come, and this address is erased within a day of then. At most five of these mails go to an address that does not answer.")
	return header("Please confirm: mail from CCGWatch (" + c.group + ")"), paras
}

func (c *Composer) manage(l alerts.Service) (string, []string) {
	paras := []string{"Somebody, probably you, asked " + c.where() + " for what this address is subscribed to, or asked again for what it gets already."}
	paras = append(paras, c.ways(l)...)
	subject := "Your link to CCGWatch ("
	if c.links.Home() == "" {
		subject = "Your mail from CCGWatch ("
	}
	return header(subject + c.group + ")"), append(paras, "If it was not you, do nothing: nothing has changed.")
}

func (c *Composer) probe(l alerts.Service) (string, []string) {
	paras := []string{
		"Mail that we sent to this address came back more than once. If you can read this, all is well, and you need not do anything.",
		"If this mail comes back, too, we stop writing to this address.",
	}
	return header("Does this address still work? CCGWatch (" + c.group + ")"), append(paras, c.ways(l)...)
}

// goodbye says that it is over. Its words are the same for everybody.
func (c *Composer) goodbye() (string, []string) {
	paras := []string{
		"You have ended your last subscription with us, and this is our last mail to you. Mail that was on its way when you did may still come within the hour.",
		"Your address is erased 28 days from now. What stays is a mark that cannot be turned back into it, so that a copy of our records brought back some day does not write to you again.",
	}
	switch {
	case c.links.Home() != "":
		paras = append(paras, "If it was not you, or you change your mind, sign up again:", c.links.Home()+"/subscribe")
	case c.Mailbox:
		paras = append(paras, "If it was not you, or you change your mind, send us a mail with the subject: subscribe")
	default:
		paras = append(paras, "If it was not you, or you change your mind, answer this mail.")
	}
	return header("You get no more mail from CCGWatch (" + c.group + ")"), paras
}

// ways are how subscriptions are changed with a token.
func (c *Composer) ways(l alerts.Service) []string {
	if c.links.Home() != "" {
		return []string{
			"On this page you can see it, change it, stop it, take a copy of all that is kept about you, or have it erased:",
			c.links.Manage(l.Token),
			"The link works until " + c.moment(l.Until) + ". Whoever has it can change your subscriptions: do not pass it on.",
		}
	}
	if !c.Mailbox { // a probe to who was subscribed by the operator; every other mail says how to stop
		return nil
	}
	out := append([]string{"To stop all that this address gets, send us a mail with this subject; nothing needs to stand in it:"}, c.command("unsubscribe "+l.Token)...)
	out = append(out, "To change what you get, put your words behind this subject:")
	out = append(out, c.command("change "+l.Token)...)
	return append(out,
		"With words like these: change "+l.Token[:min(4, len(l.Token))]+"... weekly dialysis. It changes the subscription that you made last. Begin with instant, daily, weekly or both to change how often it comes; the word everything stands for all there is. For something else as well, the subject is: subscribe, and your words.",
		"This works until "+c.moment(l.Until)+". Whoever has this mail can change your subscriptions: do not pass it on.",
		"For a copy of all that is kept about you, or to have it erased, answer this mail in your own words: people read it.")
}

// command is a subject to write, and the link that writes it.
func (c *Composer) command(subject string) []string {
	return []string{subject, "To " + c.links.Email() + ". Many mail programs fill it in when this is opened:\n" + c.links.Mailto(subject)}
}

// where is where people may have asked.
func (c *Composer) where() string {
	switch {
	case c.links.Home() == "":
		return "by mail"
	case c.Mailbox:
		return "on our pages or by mail"
	}
	return "on our pages"
}
