package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"ccgwatch/scrapers"
)

// firstSteps offers what comes after the settings: a trial message and the
// first crawl, and says what is left to do. With nobody there to answer (and
// no --yes, --test-mail or --crawl) neither is done: both go out into the world.
func (iv *interview) firstSteps(d *draft) error {
	if d.withoutPassword {
		lines := "username"
		if d.relay != "" {
			lines = "relay, username"
		}
		fmt.Fprintf(iv.stdout, "Put the password into %s (chmod 600), and take the # away from %s and password_file.\n", filepath.Join(d.dir, d.passwordFile), lines)
	}
	mailed, err := iv.offerTrial(d)
	if err != nil {
		return errors.Join(err, iv.nextSteps(d, false, false))
	}
	crawled, failed := iv.offerCrawl()
	var x *exitError
	if failed != nil && (!errors.As(failed, &x) || x.code != exitSome) {
		return errors.Join(failed, iv.nextSteps(d, mailed, false))
	}
	return errors.Join(iv.nextSteps(d, mailed, crawled), failed)
}

// offerTrial sends a message to the group itself. That it does not leave is
// said with its remedy and ends nothing: the settings are written.
func (iv *interview) offerTrial(d *draft) (done bool, err error) {
	if d.email == "" || d.withoutPassword && d.user != "" {
		return false, nil
	}
	text := fmt.Sprintf("Send a trial message to %s now, to see that mail leaves?", d.email)
	if d.host == "" { // it would prove nothing, so only who asks for it gets it
		if iv.given.TestMail == nil || !*iv.given.TestMail {
			return false, nil
		}
		text = ""
	}
	yes, err := iv.wants(iv.given.TestMail, text)
	if err != nil || !yes {
		return false, err
	}
	cfg, err := loadConfig(iv.configPath, true)
	if err != nil {
		return false, err
	}
	what, err := sendTrial(iv.ctx, cfg, cfg.SMTP, iv.data, d.email, iv.now())
	if err != nil {
		fmt.Fprintf(iv.stdout, "It did not leave: %v\n", err)
		for _, a := range relayAdvice(cfg.SMTP, err) {
			fmt.Fprintf(iv.stdout, "  %s\n", a)
		}
		fmt.Fprintln(iv.stdout, "Mend that in the settings, then: ccgwatch doctor --test-mail "+d.email)
		return false, nil
	}
	fmt.Fprintln(iv.stdout, what)
	return true, nil
}

// offerCrawl looks at every source for the first time.
func (iv *interview) offerCrawl() (done bool, err error) {
	cfg, err := loadConfig(iv.configPath, true)
	if err != nil {
		return false, err
	}
	sources, err := followed(cfg, scrapers.Sites())
	if err != nil || len(sources) == 0 {
		return false, err
	}
	if iv.given.Crawl == nil || *iv.given.Crawl {
		fmt.Fprintf(iv.stdout, `
The first look reads %s: the notices of the last four weeks, the meetings
and papers of these months. Each site is asked one thing at a time with a pause of
%s between, so it takes from ten minutes to an hour, and longer for many councils.
What it finds is kept and shown, and mailed to nobody. It can be stopped with Ctrl-C:
what was read completely is kept, and the daemon goes on from there.
`, count(len(sources), "source"), cfg.Fetch.Delay)
	}
	yes, err := iv.wants(iv.given.Crawl, "Take the first look now?")
	if err != nil || !yes {
		return false, err
	}
	e := *iv.env
	e.configGiven = true
	e.args = []string{"--config=" + e.configPath, "--data=" + e.data, "crawl"}
	return true, (&crawlCmd{}).Run(&e)
}

// wants asks a question of yes or no. Nobody to answer is a no.
func (iv *interview) wants(said *bool, text string) (bool, error) {
	switch {
	case said != nil:
		return *said, nil
	case iv.given.Yes:
		return true, nil
	case iv.ended:
		return false, nil
	}
	yes := false
	err := iv.ask(nil, "", text, "yes", func(s string) error {
		switch strings.ToLower(s) {
		case "yes", "y":
			yes = iv.said != "" || !iv.ended // the usual answer of nobody does not count
		case "no", "n":
			yes = false
		default:
			return fmt.Errorf("%q is neither yes nor no", s)
		}
		return nil
	})
	return yes, err
}

func (iv *interview) nextSteps(d *draft, mailed, crawled bool) error {
	whereTo := ""
	if d.host == "" {
		whereTo = "; a file in " + filepath.Join(iv.data, "outbox") + " that a mail program opens"
	}
	flags := ""
	if iv.configGiven {
		flags = " --config " + shellWord(iv.configPath)
	}
	var b strings.Builder
	b.WriteString("\nNext:\n")
	line := func(command, what string) { fmt.Fprintf(&b, "  # %s\n  ccgwatch%s %s\n", what, flags, command) }
	line("doctor", "is all as it should be?")
	if !crawled {
		line("crawl", "the first look: kept and shown, mailed to nobody")
	}
	line("subscribers add you@example.org --consent 'it is me'", "you, as the first subscriber: with your own address")
	line("send --digest you@example.org", "your first digest, now and not on Friday"+whereTo)
	line("run", "from then on: looks, mails, and serves the pages")
	if mailed {
		b.WriteString("The trial message should be there by now.\n")
	}
	_, err := fmt.Fprint(iv.stdout, strings.ReplaceAll(b.String(), " \n", "\n"))
	return err
}
