package catalogue

import (
	"fmt"
	"slices"
	"strings"
)

// A PostcodeArea is what the letters a postcode begins with stand for, and the
// councils that lie in it or reach into it. Its rows are general knowledge and
// not authoritative: the table of record (ONSPD) is not part of the program.
// A list is rather too long than too short; it never says which of them a
// single address has.
type PostcodeArea struct {
	Letters    string   // "LS"
	Name       string   // the post town it is called after
	Nations    []string // england, wales, scotland, northern-ireland, guernsey, jersey, isle-of-man; the one that most of it lies in first
	Councils   []string // ids; of counties with districts the districts only. English ones
	Confidence string   // as of a Listing
	Source     string   // id of the origin
}

// PostcodeAreas are the postcode areas of the United Kingdom and the islands.
func PostcodeAreas() ([]PostcodeArea, error) {
	return read("postcodes.csv", "id name nations councils confidence source", func(f row) (PostcodeArea, error) {
		a := PostcodeArea{Letters: strings.ToUpper(f["id"]), Name: f["name"], Nations: words(f["nations"]), Councils: words(f["councils"]), Confidence: f["confidence"], Source: f["source"]}
		for _, n := range a.Nations {
			if nationName(n) == "" {
				return a, fmt.Errorf("%s: %q is no nation", a.Letters, n)
			}
		}
		switch english := slices.Contains(a.Nations, "england"); {
		case len(a.Letters) > 2:
			return a, fmt.Errorf("%s is longer than the letters of a postcode", a.Letters)
		case len(a.Nations) == 0 || english != (len(a.Councils) > 0):
			return a, fmt.Errorf("%s: councils are named of England, and there always", a.Letters)
		}
		return a, named(f["id"], a.Name)
	})
}

// A Footprint is a body that serves the areas of several councils: a county with
// districts, or an integrated care board.
type Footprint struct {
	Body       string   // id
	Councils   []string // ids of councils without districts below them; a board may share one with another
	Confidence string
	Source     string // id of the origin
}

// Footprints are the counties with districts and the boards of today.
func Footprints() ([]Footprint, error) {
	return read("footprints.csv", "id councils confidence source", func(f row) (Footprint, error) {
		p := Footprint{f["id"], words(f["councils"]), f["confidence"], f["source"]}
		if len(p.Councils) == 0 {
			return p, fmt.Errorf("%s has no councils", p.Body)
		}
		return p, named(p.Body, p.Body)
	})
}

// nationName is how a nation is called in a sentence, "" for what is none.
func nationName(id string) string {
	return map[string]string{
		"england": "England", "scotland": "Scotland", "wales": "Wales", "northern-ireland": "Northern Ireland",
		"guernsey": "Guernsey", "jersey": "Jersey", "isle-of-man": "the Isle of Man",
	}[id]
}

// Above are the bodies that serve a council beside it: its county, if it is a
// district, and the boards of its area, in the order of the list.
func Above(footprints []Footprint, council string) (ids []string) {
	for _, f := range footprints {
		if slices.Contains(f.Councils, council) {
			ids = append(ids, f.Body)
		}
	}
	return ids
}

// TrustsNamedAfter are the trusts of today that have the place of a council in
// their name: "Leeds" of Leeds City Council, "Lancashire" of the county. Where a
// trust works is in no table that we have; the others are found by their own names.
func TrustsNamedAfter(bodies []Body, council Body) (list []Body) {
	if council.Kind != "council" {
		return nil
	}
	place := slices.DeleteFunc(strings.Fields(plainName(council.Name)), func(w string) bool {
		return slices.Contains([]string{"city", "council", "borough", "metropolitan", "district", "county", "royal", "london", "unitary", "authority", "corporation"}, w)
	})
	if len(place) == 0 {
		return nil
	}
	words := " " + strings.Join(place, " ") + " "
	for _, b := range bodies {
		if b.Kind == "trust" && b.Until == "" && strings.Contains(" "+plainName(b.Name)+" ", words) {
			list = append(list, b)
		}
	}
	return list
}

// A Postcode is what somebody typed, taken for one.
type Postcode struct {
	Letters  string // "LS"
	District string // "LS6", "" if only the letters were given
}

// ReadPostcode takes a postcode, its district or its letters apart ("LS6 2AB",
// "ls6", "LS"); false for what has no such form.
func ReadPostcode(s string) (Postcode, bool) {
	if d := outward(s); d != "" {
		return Postcode{strings.TrimRight(d[:min(len(d), 2)], "0123456789"), d}, true
	}
	s = strings.ToUpper(strings.TrimSpace(s))
	if len(s) < 1 || len(s) > 2 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return Postcode{}, false
	}
	return Postcode{Letters: s}, true
}

// Around gives the councils that a postcode may belong to, and what to say about
// it; the bodies of the place are those councils, their counties, the boards of
// their areas and the trusts named after them. A postcode that lies outside England, or nowhere, is an error
// that says so. Ask Where first: it knows some districts precisely.
func Around(areas []PostcodeArea, footprints []Footprint, bodies []Body, p Postcode) (Place, error) {
	i := slices.IndexFunc(areas, func(a PostcodeArea) bool { return a.Letters == p.Letters })
	if i < 0 {
		return Place{}, fmt.Errorf("no postcode begins with %s", p.Letters)
	}
	a := areas[i]
	if !slices.Contains(a.Nations, "england") {
		return Place{}, fmt.Errorf("%s postcodes (%s) are in %s: the catalogue is of England", a.Letters, a.Name, nationName(a.Nations[0]))
	}
	var place Place
	var names []string
	var above []string
	add := func(id string) (Body, bool) {
		j := slices.IndexFunc(bodies, func(b Body) bool { return b.ID == id })
		if j < 0 || slices.ContainsFunc(place.Bodies, func(b Body) bool { return b.ID == id }) {
			return Body{}, false
		}
		place.Bodies = append(place.Bodies, bodies[j])
		return bodies[j], true
	}
	for _, id := range a.Councils {
		if b, ok := add(id); ok {
			names = append(names, b.Name)
		}
		above = append(above, Above(footprints, id)...)
	}
	for _, id := range above {
		add(id)
	}
	for _, council := range slices.Clone(place.Bodies) {
		for _, t := range TrustsNamedAfter(bodies, council) {
			add(t.ID)
		}
	}
	place.Councils = a.Councils
	place.Says = fmt.Sprintf("%s covers parts of these councils: %s; pick yours", a.Letters, strings.Join(names, ", "))
	if len(names) == 1 {
		place.Says = fmt.Sprintf("%s lies in the area of %s", a.Letters, names[0])
	}
	for _, n := range a.Nations {
		if n != "england" {
			place.Says += fmt.Sprintf(" (it reaches into %s, of which the catalogue holds nothing)", nationName(n))
		}
	}
	return place, nil
}
