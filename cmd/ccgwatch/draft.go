package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"ccgwatch/config"
	"ccgwatch/config/catalogue"
)

// A draft is what was answered.
type draft struct {
	chosen
	name, email, url  string
	host, tls, user   string
	relay             string // a mail service known by name; its host, port and tls need not be said
	port              int
	sources, unread   []catalogue.Listing // of the areas: what can be read, and what cannot
	off               []catalogue.Source  // built-in ones of elsewhere
	everywhere        bool
	withoutPassword   bool
	passwordFile, dir string
}

// place finds what there is to follow in the areas.
func (d *draft) place() error {
	builtin, err := catalogue.Builtin()
	if err != nil {
		return err
	}
	national, err := nationalFor(filepath.Join(d.dir, "ccgwatch.toml"))
	if err != nil {
		return err
	}
	d.everywhere = len(d.areas)+len(d.bodies) == 0
	serves := func(areas []string) bool {
		return d.everywhere || slices.ContainsFunc(areas, func(a string) bool { return slices.Contains(d.areas, a) })
	}
	named := func(body string) bool {
		return slices.ContainsFunc(d.bodies, func(b catalogue.Body) bool { return b.ID == body })
	}
	for _, b := range builtin {
		if b.Body != "" && !serves(b.Areas) && !named(b.Body) {
			d.off = append(d.off, b)
		}
	}
	if d.everywhere { // the whole country's councils are not followed by default
		return nil
	}
	bodies, err := catalogue.Bodies()
	if err != nil {
		return err
	}
	ended := func(body string) bool {
		return slices.ContainsFunc(bodies, func(b catalogue.Body) bool { return b.ID == body && b.Until != "" })
	}
	for _, n := range national {
		switch {
		case ended(n.Body): // its papers are for a backfill, if they are anywhere
		case !serves(n.Areas) && !named(n.Body) || n.Base == "" || slices.ContainsFunc(builtin, func(b catalogue.Source) bool { return b.Base == n.Base && (n.Page == "" || b.Body == n.Body) }):
		case slices.ContainsFunc(builtin, func(b catalogue.Source) bool { return b.ID == n.ID }):
		case readable(n):
			d.sources = append(d.sources, n)
		default:
			d.unread = append(d.unread, n)
		}
	}
	return nil
}

// readable tells whether a row of the catalogue can be followed as it stands.
func readable(n catalogue.Listing) bool {
	if n.Confidence != "high" {
		return false
	}
	_, err := build(catalogue.Source{ID: n.ID, Name: n.Name, Body: n.Body, Platform: n.Platform, Base: n.Base, Page: n.Page, Layout: n.Layout}, nil, nil)
	return err == nil
}

func (d *draft) reach() string {
	if d.everywhere {
		return "the tender notices of all of England, and the built-in councils and boards"
	}
	s := "the tender notices of " + strings.Join(areaNames(d.noticesOf()), ", ")
	builtin, err := catalogue.Builtin()
	if n := len(d.sources); err == nil {
		for _, b := range builtin {
			if b.Body != "" && !slices.ContainsFunc(d.off, func(o catalogue.Source) bool { return o.ID == b.ID }) {
				n++
			}
		}
		s += ", and " + plural(n, "council or board", "councils and boards")
		if n := len(d.unread); n > 0 {
			s += "; " + plural(n, "more stands in the file, not followed until you have tried it", "more stand in the file, not followed until you have tried them")
		}
	}
	return s
}

// areaNames are areas as people call them.
func areaNames(ids []string) []string {
	areas, err := catalogue.Areas()
	if err != nil {
		return ids
	}
	names := slices.Clone(ids)
	for i, id := range names {
		for _, a := range areas {
			if a.ID == id {
				names[i] = a.Name
			}
		}
	}
	return names
}

// noticesOf are the areas whose notices are told of: those that were chosen, and
// of a council or board by itself the region it lies in.
func (d *draft) noticesOf() []string {
	all := chosen{areas: slices.Clone(d.areas)}
	all.add(chosen{areas: d.around})
	return all.areas
}

// text is the file.
func (d *draft) text() (string, error) {
	var b strings.Builder
	line := func(key string, value any, remark string) {
		text := fmt.Sprint(value)
		switch v := value.(type) {
		case string:
			text = quoted(v)
		case []string:
			all := make([]string, 0, len(v))
			for _, x := range v {
				all = append(all, quoted(x))
			}
			text = "[" + strings.Join(all, ", ") + "]"
		}
		b.WriteString(key + " = " + text)
		if remark != "" {
			b.WriteString("  # " + remark)
		}
		b.WriteString("\n")
	}
	b.WriteString("# The settings of ccgwatch. Everything here is optional; 'ccgwatch doctor' checks it.\n\n[group]\n")
	line("name", d.name, "")
	line("email", d.email, "From of every mail, and whom the owner of a site can write to")
	line("url", d.url, "public address of the pages; empty: everything works by mail alone")
	line("areas", d.noticesOf(), "none: all of England")
	b.WriteString(`builtin_sources = true  # the national notices, and the councils and boards we know well

[fetch]
delay = "5s"  # between two requests to a site; a site that asks for more gets it

[smtp]
`)
	if d.relay == "" {
		line("host", d.host, "empty: mail is written as files to data/outbox")
	} else {
		if d.withoutPassword {
			b.WriteString("# Put the password into the file, chmod 600, and take the # away from these three lines; until then mail is written as files.\n# ")
		}
		line("relay", d.relay, "its host, port, TLS and limits are known; host, port, tls, per_minute, per_hour and per_day override them")
	}
	if d.host != "" {
		if d.relay == "" {
			line("port", d.port, "")
			line("tls", d.tls, "starttls, implicit, or none (on this machine only)")
		}
		off := ""
		if d.withoutPassword {
			off = "# "
		}
		if d.withoutPassword && d.relay == "" {
			b.WriteString("# Put the password into the file, chmod 600, and take the # away from these two lines.\n")
		}
		if d.user != "" {
			b.WriteString(off)
			line("username", d.user, "")
			b.WriteString(off)
			line("password_file", d.passwordFile, "a file with the password, readable by its owner alone")
		}
	}
	b.WriteString("\n# A second relay, for when the first cannot be used; it has the keys of [smtp].\n# [smtp.fallback]\n# host = \"smtp2.example.org\"\n# username = \"\"\n# password_file = \"smtp2.password\"\n")
	b.WriteString("\n[web]\nlisten = \"127.0.0.1:8080\"  # a web server in front of it makes the pages public\n")
	b.WriteString("\n[operator]\nlisten = \"127.0.0.1:8081\"  # a page for you alone, on this machine alone\n" +
		"ping = \"\"  # the address a watching service gave you; it writes to you when it is not asked any more\n" +
		"digest_copy = \"\"  # your own address, for a copy of each digest: if it stays away, mail goes missing behind the relay\n")
	b.WriteString("\n[documents]\nocr = false  # true: tesseract, if it is installed, reads pages that are pictures\n")
	if err := d.writeSources(&b); err != nil {
		return "", err
	}
	return b.String(), nil
}

// quoted is a text as TOML has it. What was answered holds no control character.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func (d *draft) writeSources(b *strings.Builder) error {
	no := false
	if len(d.off) > 0 {
		b.WriteString("\n# Built-in, but of elsewhere.\n")
	}
	for _, o := range d.off {
		s, err := config.Source{ID: o.ID, Enabled: &no}.TOML()
		if err != nil {
			return err
		}
		b.WriteString(s)
	}
	if len(d.sources) > 0 {
		b.WriteString("\n# The councils and boards of your areas. Which ones you do not want, remove.\n")
	}
	for _, n := range d.sources {
		s, err := sourceOf(n).TOML()
		if err != nil {
			return err
		}
		b.WriteString(s + "\n")
	}
	if len(d.unread) > 0 {
		b.WriteString("\n# Of your areas, too, but not sure to be readable: try with 'ccgwatch try ID', and take the # away.\n")
	}
	for _, n := range d.unread {
		src := sourceOf(n)
		if n.Platform == "" {
			fmt.Fprintf(b, "# %s: %s (%s)\n", n.Name, n.Base, strings.TrimSpace("no system that can be read "+n.Note))
			continue
		}
		s, err := src.TOML()
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "# %s\n", strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n# "))
		if n.Note != "" {
			fmt.Fprintf(b, "# (%s)\n", n.Note)
		}
		b.WriteString("\n")
	}
	return nil
}

func sourceOf(n catalogue.Listing) config.Source {
	s := config.Source{ID: n.ID, Name: &n.Name, Platform: &n.Platform, Base: &n.Base, Body: &n.Body}
	if n.Page != "" {
		s.Page = &n.Page
	}
	if n.Layout != "" {
		s.Layout = &n.Layout
	}
	return s
}
