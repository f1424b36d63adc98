package mail

import (
	"strings"

	"ccgwatch/alerts"
)

// answer tells somebody who wrote to us what was wrong with it, and how it is
// done. It repeats nothing that they wrote (see alerts.Answer).
func (c *Composer) answer(l alerts.Service) (string, []string) {
	subject, paras := "Your mail to CCGWatch", []string{}
	switch a := l.Answer; a.Reason {
	case alerts.ReasonHelp:
		subject = "How to get mail from CCGWatch"
		paras = append(paras, "You asked, or somebody did with your address, how this works. Nothing is subscribed under this address.")
	case alerts.ReasonQuery:
		subject = "Your words for CCGWatch could not be read"
		s := "You asked, or somebody did with your address, for news by mail. The words that say what about could not be read, and nothing was changed"
		if a.Problem != "" {
			s += ": " + a.Problem
		}
		paras = append(paras, s+".")
	case alerts.ReasonWords:
		paras = append(paras, "You asked to change what you get, and your mail does not say into what. Nothing was changed. Put your words behind the code in the subject, with a space between: change CODE weekly dialysis.")
	case alerts.ReasonSame:
		paras = append(paras, "You asked for something that you get already. Nothing was changed.")
	case alerts.ReasonCode:
		subject = "The code in your mail to CCGWatch is not whole"
		paras = append(paras, "The subject of your mail should hold a code of 43 letters, digits, hyphens and underscores. There is none, or a part of it is missing: some mail programs break long lines. Nothing was changed. Please copy it anew out of our mail, or answer to the link there.")
	case alerts.ReasonLink:
		subject = "The code in your mail to CCGWatch opens nothing"
		paras = append(paras, "The code in the subject of your mail opens nothing, or not any more: a confirmation works once, and every code runs out after a week. Nothing was changed. If you confirmed before, all is well, and you need not do anything. Otherwise ask for a new one:")
		paras = append(paras, c.command("help")...)
	case alerts.ReasonNobody:
		paras = append(paras, "You asked us to stop writing to this address. Nothing is subscribed under it, and nothing will come. If you do get mail from us, it comes by another address: every one of our mails says at its end how to stop it.")
		return header(subject + " (" + c.group + ")"), append(paras, notYou)
	default:
		paras = append(paras, "Your mail to us looks like one for our machine, and it cannot tell what you want. If you meant to write to people, answer this mail: they read it.")
	}
	paras = append(paras, "You subscribe with a mail whose subject says so; nothing needs to stand in it. You are asked once whether you mean it. Some examples:")
	for _, example := range examples() {
		paras = append(paras, example+"\n"+c.links.Mailto(example))
	}
	paras = append(paras, grammar(), notYou)
	return header(subject + " (" + c.group + ")"), paras
}

const notYou = "If it was not you, do nothing: nothing has changed, and at most three such mails come in a day."

// examples are commands as people may write them.
func examples() []string {
	return []string{
		"subscribe",
		"subscribe weekly dialysis",
		"subscribe instant topic:outsourcing",
		`subscribe weekly "patient transport" -parking`,
	}
}

// grammar is the language of queries in a few words.
func grammar() string {
	names := make([]string, 0, len(alerts.Topics()))
	for _, t := range alerts.Topics() {
		names = append(names, string(t))
	}
	return "The first of them asks for everything, once a week. Of words with spaces between, all must be there; words in quotation marks must stand side by side; a minus sign leaves out what has the word. " +
		"topic: takes one or more of " + strings.Join(names, ", ") + ", with commas between; area: a place, body: an organisation. Before the words may stand how often: weekly, or instant for mail as soon as something appears."
}
