package config

// plainRelay is a relay of which nothing is said.
func plainRelay() SMTP { return SMTP{Port: 587, TLS: "starttls", Connections: 1, PerMinute: 60} }

// readSMTP reads [smtp]: the relay, how mail is signed, and [smtp.fallback].
func readSMTP(t *table, s *SMTP, k Known) {
	readRelay(t, s, k)
	set(t, "dkim_selector", &s.DKIMSelector, empty(selector))
	set(t, "dkim_key_file", &s.DKIMKeyFile, empty(text))
	if second, ok := t.table("fallback"); ok {
		x := plainRelay()
		readRelay(second, &x, k)
		second.done()
		s.Fallback = &x
	}
	t.done()
}

// checkRelay wants a login that is whole, and TLS.
func checkRelay(f *faults, name string, s SMTP) {
	if s.Relay != "" && s.Host != "" && s.Username == "" {
		f.addOnce(name, "username", "is missing; the relay %s wants a login", s.Relay)
	}
	checkServer(f, name, s.Host, s.TLS, s.Username, s.PasswordFile)
}

// checkFallback wants a second relay to be one, and another than the first: which of
// them has a message is told by host and port.
func checkFallback(f *faults, first SMTP) {
	s := first.Fallback
	switch {
	case s == nil:
		return
	case s.Host == "":
		f.addOnce("smtp.fallback", "host", "is missing; expected the host of a second relay, or no [smtp.fallback]")
	case first.Host == "":
		f.addOnce("smtp", "host", "is missing; [smtp.fallback] is for when the first relay cannot be used")
	case first.Host == s.Host && first.Port == s.Port:
		f.addOnce("smtp.fallback", "host", "%q is the first relay again; expected another host or port", s.Host)
	}
	checkRelay(f, "smtp.fallback", *s)
}
