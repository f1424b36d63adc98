package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// maxTroubles is how many sources a message to the operator names; the rest is
// counted.
const maxTroubles = 40

// Operator puts into words which sources cannot be read, for whoever runs the
// program: plain text to the group's own address, on no list. name gives a
// source's name. The same troubles on the same day give the same bytes, and the
// same id, which is a hash.
func (c *Composer) Operator(now time.Time, troubles []store.Trouble, name func(source string) string) (id string, m alerts.Message, err error) {
	sum := sha256.Sum256([]byte("operator " + now.In(c.zone).Format(time.DateOnly)))
	id = hex.EncodeToString(sum[:])
	paras := []string{"This goes to whoever runs CCGWatch for " + defuse(c.group) + ", and not to readers. They are told in their weekly digest what could not be read."}
	sources, held := 0, 0
	for i, t := range troubles {
		switch {
		case t.Condition == store.HeldBack:
			held += t.Count
		case t.Source != "":
			sources++
		}
		if i < maxTroubles {
			paras = append(paras, c.trouble(t, name))
		}
	}
	if n := len(troubles) - maxTroubles; n > 0 {
		paras = append(paras, fmt.Sprintf("And %d more.", n))
	}
	subject := fmt.Sprintf("CCGWatch: %d sources need a look", sources)
	switch sources {
	case 1:
		subject = "CCGWatch: a source needs a look"
	case 0:
		subject = "CCGWatch had no network"
	}
	if held > 0 {
		subject = fmt.Sprintf("CCGWatch: alerts wait for your word (%d)", held)
	}
	paras = append(paras,
		"'ccgwatch status' shows the state of every source, 'ccgwatch try SOURCE' what it gives now. If a source shows less than before and is right, 'ccgwatch crawl --release SOURCE' takes over what it shows.",
		"There is at most one such mail a day; what was said is said again after a week if it is still so.")
	m, err = c.toOperator(now, id, subject, paras)
	return id, m, err
}

// toOperator is a message to the group's own address.
func (c *Composer) toOperator(now time.Time, id, subject string, paras []string) (alerts.Message, error) {
	messageID := "<" + id + "@" + c.domain + ">"
	var h head
	h.field("From", c.from)
	h.field("To", c.links.Email())
	h.field("Subject", encodeWords(header(subject), len("Subject: ")))
	h.field("Date", now.In(c.zone).Format(time.RFC1123Z))
	h.field("Message-ID", messageID)
	h.field("Auto-Submitted", "auto-generated")
	h.field("MIME-Version", "1.0")
	h.field("Content-Type", "text/plain; charset=utf-8")
	h.field("Content-Transfer-Encoding", "quoted-printable")
	h.buf.WriteString("\r\n")
	if h.err != nil {
		return alerts.Message{}, fmt.Errorf("message to the operator: %w", h.err)
	}
	body, err := quoted7(strings.Join(paras, "\n\n") + "\n")
	if err != nil {
		return alerts.Message{}, fmt.Errorf("message to the operator: %w", err)
	}
	h.buf.Write(body)
	return alerts.Message{MessageID: messageID, Subject: subject, Raw: h.buf.Bytes()}, nil
}

// Held tells the operator of a domain that nothing is sent to for now. The same
// hold gives the same bytes and the same id.
func (c *Composer) Held(now time.Time, h alerts.Held) (id string, m alerts.Message, err error) {
	sum := sha256.Sum256([]byte(h.ID))
	id = hex.EncodeToString(sum[:])
	domain := defuse(cut(clean(h.Domain), 100))
	paras := []string{"This goes to whoever runs CCGWatch for " + defuse(c.group) + ", and not to readers."}
	subject := "CCGWatch: mail to " + cut(clean(h.Domain), 100) + " is held back"
	if h.Policy {
		paras = append(paras,
			fmt.Sprintf("%s refuses mail because of who sends it: %d of %d messages of the last day (codes 5.7.x). Your address or that of your relay may be on a list of senders of junk, or a signature or a record of your domain may be missing.", domain, h.Failed, h.Of),
			"What to do: 'ccgwatch doctor' looks at SPF, DKIM, DMARC and the names of the relay. Ask whoever runs the relay whether its addresses are listed; the bounces in your mailbox often say by whom, and where to ask to be taken off.")
	} else {
		paras = append(paras, fmt.Sprintf("All %d mailboxes of %s that were written to in the last day failed at once. That is rather the mail system of %s than its mailboxes.", h.Of, domain, domain))
	}
	if h.Details != "" {
		paras = append(paras, "The last answer:\n"+defuse(cut(clean(h.Details), 400)))
	}
	paras = append(paras,
		"Nothing is sent there until "+c.moment(h.Until)+", and nothing of this counts against anybody. Then one message is let through: if it does not come back within an hour, the rest follows; if it does, the next is tried some hours later, once a day at least. News that waits for days is put together.")
	m, err = c.toOperator(now, id, subject, paras)
	return id, m, err
}

// trouble is a paragraph about one source.
func (c *Composer) trouble(t store.Trouble, name func(string) string) string {
	since := c.moment(t.Since)
	if t.Condition == store.HeldBack {
		return fmt.Sprintf("Alerts held back since %s: %d. So many were queued in a day as never in the last three months; a site that was rebuilt or broken into may be why. "+
			"Look at what they tell with 'ccgwatch findings', then say 'ccgwatch send --release' to send them or 'ccgwatch send --drop' to give them up. Digests go out as ever.", since, t.Count)
	}
	if t.Source == "" {
		return "Since " + since + " no site at all could be reached: it is the network of this machine, its name server or its proxy, and not the sites."
	}
	says := map[store.Condition]string{
		store.Suspect:     "shows something that is not believed",
		store.Broken:      "shows something that cannot be read; it may have been rebuilt",
		store.Blocked:     "refuses to be read",
		store.Unreachable: "does not answer, or answers with an error of its own",
	}[t.Condition]
	s := fmt.Sprintf("%s (%s) %s, since %s.", defuse(cut(clean(name(t.Source)), 100)), t.Source, says, since)
	if t.Detail != "" {
		s += "\n" + defuse(cut(clean(t.Detail), 400))
	}
	return s
}
