package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"ccgwatch/config"
	"ccgwatch/config/catalogue"
	"ccgwatch/scrapers"
)

type initCmd struct {
	Force bool

	// Answers given beforehand: these questions are not asked.
	Area         []string
	Name         *string
	Email        *string
	URL          *string `name:"url"`
	SMTPHost     *string `name:"smtp-host"`
	SMTPPort     *string `name:"smtp-port"`
	SMTPUser     *string `name:"smtp-user"`
	PasswordFile *string `name:"password-file"`
	TestMail     *bool   `name:"test-mail" negatable:""`
	Crawl        *bool   `negatable:""`
	Yes          bool    // takes the usual answer to every other question
}

// An interview asks the questions. What is said is held against the rules of
// the configuration itself: the answer is read as it will stand in the file.
type interview struct {
	*env
	given *initCmd
	lines *bufio.Reader
	known config.Known
	ended bool   // no more answers will come: the defaults hold
	said  string // the last answer as it came, "" for none
}

func (c *initCmd) Run(e *env) error {
	if exists(e.configPath) && !c.Force {
		return fmt.Errorf("%s is there already, and was not touched: --force keeps it as %s.old and writes a new one", e.configPath, filepath.Base(e.configPath))
	}
	known, err := knownNames(scrapers.Sites())
	if err != nil {
		return err
	}
	iv := &interview{env: e, given: c, lines: bufio.NewReader(e.stdin), known: known, ended: c.Yes}
	d, err := iv.draft()
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(e.stdout)
		return errors.New("stopped: no settings were written; 'ccgwatch init' begins again")
	}
	if err != nil {
		return err
	}
	text, err := d.text()
	if err != nil {
		return err
	}
	kept, err := writeSettings(e.configPath, known, text)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "\nWritten: %s\n", e.configPath)
	if kept != "" {
		fmt.Fprintf(e.stdout, "The file that was there is kept as %s.\n", kept)
	}
	return iv.firstSteps(d)
}

func (iv *interview) draft() (*draft, error) {
	d := &draft{dir: filepath.Dir(iv.configPath)}
	if !iv.given.Yes {
		fmt.Fprintln(iv.stdout, "A few questions. An empty answer takes what stands in [brackets].")
	}
	var err error
	if d.chosen, err = iv.askAreas(); err != nil {
		return nil, err
	}
	if err := d.place(); err != nil {
		return nil, err
	}
	fmt.Fprintf(iv.stdout, "That is %s.\n", d.reach())
	for _, q := range []struct {
		text, usual, none, table, key string
		given, to                     *string
	}{
		{"The name of your group", "Our NHS watch", "", "group", "name", iv.given.Name, &d.name},
		{"The address that mail comes from, and that the owners of sites can write to", "none", "none", "group", "email", iv.given.Email, &d.email},
		{"The public address of the pages, such as https://watch.example.org", "none", "none", "group", "url", iv.given.URL, &d.url},
	} {
		if *q.to, err = iv.askText(q.given, q.text, q.usual, q.none, q.table, q.key); err != nil {
			return nil, err
		}
	}
	d.url = strings.TrimRight(d.url, "/")
	return d, iv.askRelay(d)
}

// askAreas asks for the places: areas, and councils and boards by themselves
// where they lie in none that is known well.
func (iv *interview) askAreas() (all chosen, err error) {
	areas, err := catalogue.Areas()
	if err != nil {
		return all, err
	}
	var said *string
	if len(iv.given.Area) > 0 {
		all := strings.Join(iv.given.Area, ",")
		said = &all
	}
	if said == nil && !iv.given.Yes {
		fmt.Fprintln(iv.stdout, "\nThe areas:")
		for _, a := range areas {
			fmt.Fprintf(iv.stdout, "  %-26s %s\n", a.ID, a.Name)
		}
	}
	err = iv.ask(said, "--area", "Which are yours? Several with commas, or all; a council, a care board or a postcode will do", strings.Join(config.Default().Group.Areas, ", "), func(s string) error {
		if all = (chosen{}); strings.EqualFold(s, "all") {
			return nil
		}
		for part := range strings.SplitSeq(s, ",") {
			part = strings.TrimSpace(part)
			if part == "" {
				continue
			}
			of, err := iv.placeOf(part)
			if err != nil {
				return err
			}
			all.add(of)
		}
		if len(all.areas)+len(all.bodies) == 0 {
			return errors.New("that names no area")
		}
		return nil
	})
	return all, err
}

// placeOf is what one answer names.
func (iv *interview) placeOf(part string) (chosen, error) {
	place, err := whereIs(part)
	if err == nil {
		return choose(part, place)
	}
	// The rules of the settings know what may have been meant.
	if meant := iv.check("group", "areas", []string{strings.ToLower(part)}); meant != nil && strings.Contains(meant.Error(), "did you mean") {
		return chosen{}, meant
	}
	return chosen{}, err
}

// askText asks for one value of the file. none is the answer that means "".
func (iv *interview) askText(said *string, text, usual, none, table, key string) (string, error) {
	var value string
	err := iv.ask(said, table+"."+key, text, usual, func(s string) error {
		if value = s; none != "" && strings.EqualFold(s, none) {
			value = ""
			return nil
		}
		return iv.check(table, key, s)
	})
	return value, err
}

func (iv *interview) askRelay(d *draft) error {
	var names []string
	for _, r := range iv.known.Relays {
		names = append(names, r.Name)
	}
	fmt.Fprintf(iv.stdout, "\nMail services known by name: %s\n", strings.Join(names, ", "))
	var err error
	if d.host, err = iv.askText(iv.given.SMTPHost, "The relay that takes your mail: a name of these, or a host such as smtp.example.org; files writes mail as files instead", "files", "files", "smtp", "host"); err != nil {
		return err
	}
	if d.host == "" {
		return iv.needsHost()
	}
	if d.email == "" {
		if d.email, err = iv.askText(nil, "A relay needs an address that mail comes from", "none", "", "group", "email"); err != nil {
			return err
		}
	}
	for _, r := range iv.known.Relays {
		if strings.EqualFold(r.Name, d.host) {
			return iv.askLogin(d, r)
		}
	}
	if err := iv.ask(iv.given.SMTPPort, "smtp.port", "Its port: 587 (STARTTLS), 465 (TLS from the start) or another", "587", func(s string) error {
		if _, err := fmt.Sscanf(s, "%d", &d.port); err != nil || fmt.Sprint(d.port) != s {
			return fmt.Errorf("%q is no port", s)
		}
		return iv.check("smtp", "port", d.port)
	}); err != nil {
		return err
	}
	d.tls = "starttls"
	if d.port == 465 {
		d.tls = "implicit"
	}
	if d.user, err = iv.askText(iv.given.SMTPUser, "Your user name there", "none", "none", "smtp", "username"); err != nil || d.user == "" {
		return err
	}
	return iv.askPassword(d)
}

// needsHost refuses answers given beforehand about a relay that nobody named.
func (iv *interview) needsHost() error {
	for _, x := range []struct {
		flag string
		said *string
	}{{"--smtp-port", iv.given.SMTPPort}, {"--smtp-user", iv.given.SMTPUser}, {"--password-file", iv.given.PasswordFile}} {
		if x.said != nil {
			return usagef("%s %q: it is about a relay, and --smtp-host names none; nothing was written", x.flag, *x.said)
		}
	}
	return nil
}

// askLogin asks what is left to say of a mail service known by name.
func (iv *interview) askLogin(d *draft, r config.Relay) error {
	d.relay, d.host, d.port, d.tls, d.user = r.Name, r.Host, r.Port, r.TLS, r.Username
	fmt.Fprintf(iv.stdout, "It wants %s.\n", r.Note)
	if d.user == "" {
		var err error
		if d.user, err = iv.askText(iv.given.SMTPUser, "Your user name there", d.email, "", "smtp", "username"); err != nil {
			return err
		}
	}
	return iv.askPassword(d)
}

// askPassword takes the password into a file of its own, for its owner alone.
func (iv *interview) askPassword(d *draft) error {
	d.passwordFile = "smtp.password"
	if f := iv.given.PasswordFile; f != nil {
		d.passwordFile = *f
		return iv.check("smtp", "password_file", *f)
	}
	at := filepath.Join(d.dir, d.passwordFile)
	if _, err := config.ReadSecret(at); err == nil {
		fmt.Fprintf(iv.stdout, "The password in %s is used.\n", at)
		return nil
	}
	var password string
	err := iv.ask(nil, "smtp.password_file", "The password (it can be seen as you type; it goes into "+at+")", "later", func(s string) error {
		password = s
		if strings.ContainsAny(s, "\x00\r") {
			return errors.New("a password is one line")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if d.withoutPassword = password == "later"; d.withoutPassword {
		return nil
	}
	if err := os.MkdirAll(d.dir, 0o750); err != nil {
		return err
	}
	return writeWhole(at, []byte(password+"\n"))
}

// ask puts a question until the answer is sound. When no more answers come the
// usual one holds; one that was nonsense then is an error. What was said
// beforehand is not asked for, and must be sound.
func (iv *interview) ask(said *string, name, text, usual string, sound func(string) error) error {
	if said != nil {
		if err := sound(strings.TrimSpace(*said)); err != nil {
			return usagef("%s %q: %w; nothing was written", name, *said, err)
		}
		return nil
	}
	if iv.given.Yes {
		return sound(usual)
	}
	wrong := ""
	for {
		fmt.Fprintf(iv.stdout, "\n%s [%s]: ", text, usual)
		answer, err := iv.answer()
		if err != nil {
			return err
		}
		if iv.ended && answer == "" && wrong != "" {
			return fmt.Errorf("%q is no answer to %q, and no other came: nothing was written", wrong, text)
		}
		if answer == "" {
			answer = usual
		}
		if err = sound(answer); err == nil {
			return nil
		}
		fmt.Fprintf(iv.stdout, "  %v\n", err)
		wrong = answer
	}
}

// answer reads one line. A line may be long, but not without end.
func (iv *interview) answer() (string, error) {
	if err := iv.ctx.Err(); err != nil {
		return "", err
	}
	if iv.said = ""; iv.ended {
		return "", nil
	}
	line, err := iv.lines.ReadString('\n')
	switch {
	case errors.Is(err, io.EOF):
		iv.ended = true
	case err != nil:
		return "", err
	}
	iv.said = strings.TrimSpace(line)
	return iv.said, nil
}

// check holds one value against the rules of the configuration.
func (iv *interview) check(table, key string, value any) error {
	b, err := toml.Marshal(map[string]any{table: map[string]any{key: value}})
	if err != nil {
		return err
	}
	_, err = iv.known.Parse("", b)
	var all *config.Error
	if errors.As(err, &all) {
		for _, f := range all.Faults { // other keys are still to be asked for
			if f.Key == table+"."+key || strings.HasPrefix(f.Key, table+"."+key+"[") {
				return errors.New(f.Message)
			}
		}
		return nil
	}
	return err
}

// writeSettings writes the file once it is known to load. It never writes over
// one: what is there is kept under another name, which is returned.
func writeSettings(path string, known config.Known, text string) (kept string, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return "", err
	}
	tmp := path + ".new"
	defer func() { _ = os.Remove(tmp) }()
	if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
		return "", err
	}
	cfg, err := known.Load(tmp)
	if err == nil {
		_, err = followed(cfg, scrapers.Sites())
	}
	if err != nil {
		return "", fmt.Errorf("what was answered does not fit together; nothing was written: %w", err)
	}
	if exists(path) {
		kept = path + ".old"
		for n := 2; exists(kept); n++ {
			kept = fmt.Sprintf("%s.old-%d", path, n)
		}
		if err := os.Rename(path, kept); err != nil {
			return "", err
		}
	}
	return kept, createFrom(tmp, path)
}

// createFrom gives a finished file its name unless something has it by now.
func createFrom(tmp, path string) error {
	err := os.Link(tmp, path)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s was made by somebody else meanwhile, and was not touched", path)
	case exists(path):
		return err
	}
	return os.Rename(tmp, path) // a file system without links
}
