package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/alerts/mail"
	"ccgwatch/config"
	"ccgwatch/store"
)

// relayOf is a relay that mail goes through, of the settings.
func relayOf(cfg config.Config, s config.SMTP) *mail.Relay {
	return &mail.Relay{
		Host: s.Host, Port: s.Port, TLS: s.TLS, Username: s.Username, Password: s.Password.Reveal, From: cfg.Group.Email,
	}
}

// hasty bounds what somebody waits for at a terminal; mail itself is patient.
func hasty(r *mail.Relay) *mail.Relay {
	r.Waits = mail.Waits{Connect: netPatience, Command: netPatience, Data: netPatience, Block: netPatience, Dot: time.Minute}
	return r
}

// askRelay connects to a relay as mail will, logs in if that is configured,
// and leaves.
func askRelay(ctx context.Context, cfg config.Config, s config.SMTP) (string, error) {
	found, err := hasty(relayOf(cfg, s)).Check(ctx)
	if err != nil {
		return "", err
	}
	said := "it answers"
	switch {
	case found.Encrypted && s.TLS == mail.TLSImplicit:
		said += ", encrypted from the start"
	case found.Encrypted:
		said += ", encrypted (STARTTLS)"
	}
	if found.LoggedIn {
		said += ", and takes the login"
	} else if found.Encrypted {
		said += "; no username is configured, so nobody logged in"
	}
	if found.MaxBytes > 0 && found.MaxBytes < mail.MaxSize {
		said += fmt.Sprintf("; but it takes no message of more than %s", bytesText(uint64(found.MaxBytes)))
	}
	return said, nil
}

// relayAdvice says what to do about a relay that did not do its part.
func relayAdvice(s config.SMTP, err error) []string {
	var e *mail.RelayError
	if !errors.As(err, &e) {
		return nil
	}
	if advice := certificateAdvice(err, "smtp"); advice != nil {
		return advice
	}
	silent := e.Code == 0 // it gave no answer, or not in time
	switch {
	case e.Stage == mail.StageConnect:
		var waited interface{ Timeout() bool }
		if advice := hitchAdvice(err, "smtp"); advice != nil && (!errors.As(err, &waited) || !waited.Timeout()) {
			return advice
		}
		return []string{fmt.Sprintf("nothing answers there: check smtp.host and smtp.port; many networks let no mail out on port 25: use 587 or 465 (now %d)", s.Port)}
	case e.Stage == mail.StageBanner && s.TLS == mail.TLSStart && s.Port == 465:
		return []string{`port 465 speaks TLS from the start: set smtp.tls = "implicit"`}
	case e.Stage == mail.StageTLS && s.TLS == mail.TLSImplicit && s.Port != 465:
		return []string{fmt.Sprintf(`port %d may begin in clear: set smtp.tls = "starttls"`, s.Port)}
	case silent && hitchAdvice(err, "smtp") != nil:
		return hitchAdvice(err, "smtp")
	case e.Stage == mail.StageBanner:
		return []string{"something answers, and not as a mail relay does: check smtp.port and smtp.tls"}
	case e.Stage == mail.StageSTARTTLS:
		return []string{`no mail goes in clear: set smtp.port = 465 and smtp.tls = "implicit" if your provider has that, or ask it for the right host`}
	case e.Stage == mail.StageAuth && !silent && e.Code < 500:
		return []string{"name and password may be right, it lets nobody in now: look again in a while"}
	case e.Stage == mail.StageAuth:
		return []string{"check smtp.username (often the whole address) and the password in smtp.password_file; with two-step login most providers want an app password"}
	}
	return nil
}

// sendTrial sends one message that says only that mail arrives, past outbox
// and subscriptions, through a relay. what says where it went.
func sendTrial(ctx context.Context, cfg config.Config, by config.SMTP, data, to string, now time.Time) (what string, err error) {
	links, err := alerts.NewLinks("", cfg.Group.Email, make([]byte, 32)) // it has no links
	if err != nil {
		return "", fmt.Errorf("config: [group]: %w", err)
	}
	compose, err := mail.NewComposer(cfg.Group.Name, links, london())
	if err != nil {
		return "", fmt.Errorf("config: [group]: %w", err)
	}
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return "", err
	}
	msg, err := compose.Trial(hex.EncodeToString(id), to, now)
	if err != nil {
		return "", err
	}
	if cfg.SMTP.DKIMSelector != "" {
		key, err := readDKIM(cfg)
		if err != nil {
			return "", err
		}
		if msg.Raw, err = key.Sign(msg.Raw); err != nil {
			return "", err
		}
	}
	d := store.Delivery{ID: hex.EncodeToString(id), MessageID: msg.MessageID, Subject: msg.Subject, Raw: msg.Raw}
	dot := func() error { return nil }
	if by.Host == "" {
		dir := filepath.Join(data, "outbox")
		if err := (mail.Files{Dir: dir}).Send(ctx, d, to, dot); err != nil {
			return "", err
		}
		return "no relay is configured: the message is written to " + filepath.Join(dir, d.ID+".eml"), nil
	}
	r := hasty(relayOf(cfg, by))
	defer func() { _ = r.Close() }()
	if err := r.Send(ctx, d, to, dot); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s:%d took the message; look whether it arrives, and not among the junk", by.Host, by.Port), nil
}
