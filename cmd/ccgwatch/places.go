package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ccgwatch/config"
	"ccgwatch/config/catalogue"
)

// ownCatalogue is the operator's file of rows, beside the settings. It adds to
// the national list and overrides it; see 'ccgwatch help sources'.
const ownCatalogue = "catalogue.csv"

// nationalFor is the national list with the operator's rows laid over it.
// settings is the path of the settings, "" where there are none.
func nationalFor(settings string) ([]catalogue.Listing, error) {
	national, err := catalogue.National()
	if err != nil || settings == "" {
		return national, err
	}
	path := filepath.Join(filepath.Dir(settings), ownCatalogue)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return national, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the catalogue of your own: %w", err)
	}
	defer f.Close()
	bodies, err := catalogue.Bodies()
	if err != nil {
		return nil, err
	}
	return catalogue.Overlay(national, bodies, path, f)
}

// nationalRow is the row of the list with an id, as a source that can be
// followed; false where the list has none, or knows no address for it.
func nationalRow(national []catalogue.Listing, id string) (catalogue.Source, bool) {
	i := slices.IndexFunc(national, func(n catalogue.Listing) bool { return n.ID == id })
	if i < 0 || national[i].Platform == "" || national[i].Base == "" {
		return catalogue.Source{}, false
	}
	n := national[i]
	return catalogue.Source{ID: n.ID, Name: n.Name, Body: n.Body, Platform: n.Platform, Base: n.Base, Page: n.Page, Layout: n.Layout, Areas: n.Areas, Note: n.Note}, true
}

// whereIs finds what somebody means by words about a place: an area, a council, a
// board, a code, a postcode.
func whereIs(words string) (catalogue.Place, error) {
	areas, err := catalogue.Areas()
	if err != nil {
		return catalogue.Place{}, err
	}
	bodies, err := catalogue.Bodies()
	if err != nil {
		return catalogue.Place{}, err
	}
	clusters, err := catalogue.Clusters()
	if err != nil {
		return catalogue.Place{}, err
	}
	p, ok := catalogue.Where(areas, bodies, clusters, words)
	if ok {
		return p, nil
	}
	if code, is := catalogue.ReadPostcode(words); is {
		return aroundPostcode(bodies, words, code)
	}
	return p, fmt.Errorf("%q is no area, council, care board, trust or postcode that the catalogue knows", words)
}

// aroundPostcode is where a postcode of which no area knows the district may lie.
func aroundPostcode(bodies []catalogue.Body, words string, code catalogue.Postcode) (catalogue.Place, error) {
	postcodes, err := catalogue.PostcodeAreas()
	if err != nil {
		return catalogue.Place{}, err
	}
	footprints, err := catalogue.Footprints()
	if err != nil {
		return catalogue.Place{}, err
	}
	p, err := catalogue.Around(postcodes, footprints, bodies, code)
	if err != nil {
		return p, fmt.Errorf("%q: %w", words, err)
	}
	return p, nil
}

// chosen is what one answer to "which are yours?" comes to.
type chosen struct {
	areas  []string         // followed with all that lies in them
	around []string         // where the bodies lie: areas too wide to be followed whole
	bodies []catalogue.Body // followed by themselves
}

// add takes over what another answer names.
func (c *chosen) add(o chosen) {
	for _, a := range o.areas {
		if !slices.Contains(c.areas, a) {
			c.areas = append(c.areas, a)
		}
	}
	for _, a := range o.around {
		if !slices.Contains(c.around, a) {
			c.around = append(c.around, a)
		}
	}
	for _, b := range o.bodies {
		if !slices.ContainsFunc(c.bodies, func(x catalogue.Body) bool { return x.ID == b.ID }) {
			c.bodies = append(c.bodies, b)
		}
	}
}

// choose picks what a place means to somebody who wants to follow it: its areas;
// or one council, board or trust, and beside a council its county, the boards that
// serve it and the trusts that are named after it. Where it may be one of several, they are a question back.
func choose(words string, p catalogue.Place) (chosen, error) {
	if len(p.Areas) > 0 {
		return chosen{areas: p.Areas}, nil
	}
	list := p.Bodies
	if p.Loose && len(list) > 1 { // "Leeds" is part of four names, and by itself one council
		national, err := catalogue.National()
		if err != nil {
			return chosen{}, err
		}
		id := strings.Join(strings.Fields(strings.ToLower(words)), "-")
		i := slices.IndexFunc(national, func(n catalogue.Listing) bool { return n.ID == id })
		j := -1
		if i >= 0 {
			j = slices.IndexFunc(list, func(b catalogue.Body) bool { return b.ID == national[i].Body })
		}
		if j < 0 {
			return chosen{}, fmt.Errorf("%q is part of several names: %s; pick yours", words, firstNames(list, 8))
		}
		list = list[j : j+1]
	}
	if p.Loose {
		named, err := whereIs(list[0].Name)
		if err != nil {
			return chosen{}, err
		}
		return choose(list[0].Name, named)
	}
	if len(p.Councils) > 1 {
		return chosen{}, errors.New(p.Says)
	}
	footprints, err := catalogue.Footprints()
	if err != nil {
		return chosen{}, err
	}
	bodies, err := catalogue.Bodies()
	if err != nil {
		return chosen{}, err
	}
	c := chosen{around: list[0].Areas, bodies: slices.Clone(list)}
	for _, id := range catalogue.Above(footprints, list[0].ID) {
		c.add(chosen{bodies: catalogue.Line(bodies, id)})
	}
	for _, b := range slices.Clone(c.bodies) {
		c.add(chosen{bodies: catalogue.TrustsNamedAfter(bodies, b)})
	}
	return c, nil
}

// firstNames are the names of some bodies, and how many more there are.
func firstNames(list []catalogue.Body, n int) string {
	var names []string
	for _, b := range list[:min(len(list), n)] {
		names = append(names, b.Name)
	}
	if more := len(list) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// catalogueNotes says what the catalogue knows against the followed sources: a
// body that has ended, with those that took over and where they publish; a site
// that has another address by now; a row that nobody has verified; and that the
// catalogue itself is old.
func catalogueNotes(cfg config.Config, sources []source, now time.Time) ([]string, error) {
	national, err := nationalFor(cfg.Path)
	if err != nil {
		return nil, err
	}
	bodies, err := catalogue.Bodies()
	if err != nil {
		return nil, err
	}
	var notes []string
	today := now.Format(time.DateOnly)
	if t, err := time.Parse(time.DateOnly, catalogue.Compiled); err == nil && now.Sub(t) > 18*30*24*time.Hour {
		notes = append(notes, fmt.Sprintf("the catalogue was compiled on %s: a newer version of the program may know better", catalogue.Compiled))
	}
	for _, s := range sources {
		line := catalogue.Line(bodies, s.Body)
		if len(line) > 0 && line[0].Until != "" && line[0].Until < today {
			var next []string
			for _, b := range line[1:] {
				if b.Until == "" || b.Until >= today {
					next = append(next, b.Name+whereListed(national, b.ID, sources))
				}
			}
			notes = append(notes, fmt.Sprintf("%s: %s ended on %s; it was taken over by %s", s.ID, line[0].Name, line[0].Until, strings.Join(next, " and ")))
		}
		for _, n := range national {
			if n.ID != s.ID || n.Platform != s.Platform || n.Base == "" {
				continue
			}
			if !sameSite(n.Base, s.Base) {
				notes = append(notes, fmt.Sprintf("%s: is followed at %s, the catalogue knows it at %s", s.ID, s.Base, n.Base))
			}
			if n.Confidence == "low" {
				notes = append(notes, fmt.Sprintf("%s: nobody has verified this row of the catalogue; 'ccgwatch try %s' shows what it gives", s.ID, s.ID))
			}
		}
	}
	return notes, nil
}

// whereListed names the row of a body that is not followed yet.
func whereListed(national []catalogue.Listing, body string, followed []source) string {
	if slices.ContainsFunc(followed, func(s source) bool { return s.Body == body }) {
		return " (followed)"
	}
	i := slices.IndexFunc(national, func(n catalogue.Listing) bool { return n.Body == body && n.Base != "" })
	if i < 0 {
		return ""
	}
	return " (" + national[i].ID + " in the catalogue)"
}

// catalogue tells what the catalogue knows against the followed sources.
func (x *examination) catalogue(cfg config.Config, sources []source) {
	notes, err := catalogueNotes(cfg, sources, x.now())
	switch {
	case err != nil:
		x.say(symptom{Check: "catalogue", State: failing, What: "it cannot be read", Details: strings.Split(err.Error(), "\n")})
	case len(notes) > 0:
		x.say(symptom{Check: "catalogue", State: unsure, What: plural(len(notes), "row is stale or doubtful", "rows are stale or doubtful"), Details: notes})
	default:
		x.sayf("catalogue", well, "of %s; it knows nothing against the followed sources", catalogue.Compiled)
	}
}
