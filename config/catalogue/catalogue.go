// Package catalogue holds the data that is shipped with the program: the
// bodies with their codes and names, the areas people follow, the sources that
// are followed without any configuration, and the national list of places
// where councils and NHS bodies publish. It is facts in CSV files, read once
// by cmd and passed down as plain values; nothing here asks the network and
// nothing here says what a text means (the vocabulary files do).
//
// A list within a field is separated by "|" where its entries hold spaces
// (names, codes) and by spaces where they cannot (ids, regions, postcodes).
package catalogue

import (
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

//go:embed bodies.csv areas.csv builtin.csv national.csv clusters.csv origins.csv postcodes.csv footprints.csv relays.csv procedures.csv
var files embed.FS

// A Body is an organisation we watch or that buys. It has the fields of the
// judge's Body, so that one converts to the other.
type Body struct {
	ID         string   // "leicester-city-council"; never changes, even when the name does
	Name       string   // the name in use
	Aliases    []string // other names, as printed in notices
	Codes      []string // ODS ("QK1"), GSS ("E06000016"), PPON ("GB-PPON-..."), as printed
	Kind       string   // icb, ccg, trust, council, nhs-england, csu, other
	Areas      []string // ids of the areas it serves; none for a national body
	Since      string   // first day, YYYY-MM-DD, "" unknown
	Until      string   // last day, "" still there
	Successors []string // ids of the bodies that took over
}

// An Area is a place people follow. It has the fields of the judge's Area.
type Area struct {
	ID        string   // "leicester"
	Name      string   // "Leicester"
	Regions   []string // ITL/NUTS codes with the prefix UK that lie in it; UKF2 lies in no single county
	Postcodes []string // outward codes ("LE15") or postcode areas ("NN") that lie in it
	Names     []string // words that name it in a text
}

// A Source is one place where something is published, followed without any
// configuration. What is empty is left to the platform or the configuration.
type Source struct {
	ID       string
	Name     string
	Body     string // id of the publishing body, "" where every item names its own
	Platform string // one of the platforms that config knows
	Base     string // root of the site, without a trailing slash
	Page     string // path of the page with the list, for boards
	Layout   string // flat, table, accordion or two-hop, for boards
	Hosts    []string
	Schedule string        // cron, five fields, London wall time
	Delay    time.Duration // between requests; zero leaves it to the fetcher
	Areas    []string      // ids
	Note     string
}

// A Listing is one row of the national list: where a body is known to publish,
// and how sure that is. Nothing in it is followed until someone adds it.
type Listing struct {
	ID             string // what the source would be called
	Name           string // of the body
	Body           string // id
	Areas          []string
	Platform       string // "" where no platform of ours can read the site
	Base, Page     string // Base is "" where no address is known
	Layout         string
	HealthScrutiny bool   // the council has the duty of health scrutiny
	Source         string // id of the origin it was taken from; "own" for the operator's
	Confidence     string // high: verified or used by a maintained scraper; medium: one source; low: stale or machine-made; none
	Note           string
}

// Bodies are all bodies.
func Bodies() ([]Body, error) {
	return read("bodies.csv", "id name kind codes aliases areas since until successors", func(f row) (Body, error) {
		b := Body{
			ID: f["id"], Name: f["name"], Kind: f["kind"], Codes: bars(f["codes"]), Aliases: bars(f["aliases"]),
			Areas: words(f["areas"]), Since: f["since"], Until: f["until"], Successors: words(f["successors"]),
		}
		if !slices.Contains([]string{"icb", "ccg", "trust", "council", "nhs-england", "csu", "other"}, b.Kind) {
			return b, fmt.Errorf("kind %q is none of icb, ccg, trust, council, nhs-england, csu, other", b.Kind)
		}
		for _, day := range []string{b.Since, b.Until} {
			if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
				return b, fmt.Errorf("%q is not a day, YYYY-MM-DD", day)
			}
		}
		return b, named(b.ID, b.Name)
	})
}

// Areas are the places people can follow: the counties we know well and the
// nine regions of England.
func Areas() ([]Area, error) {
	return read("areas.csv", "id name regions postcodes names", func(f row) (Area, error) {
		a := Area{ID: f["id"], Name: f["name"], Regions: words(f["regions"]), Postcodes: words(f["postcodes"]), Names: bars(f["names"])}
		return a, named(a.ID, a.Name)
	})
}

// Builtin are the sources followed without any configuration: both national
// notice services, and the councils and NHS boards of Leicester,
// Leicestershire and Rutland whose pages we can read.
func Builtin() ([]Source, error) {
	return read("builtin.csv", "id name body platform base page layout hosts schedule delay areas note", func(f row) (Source, error) {
		s := Source{
			ID: f["id"], Name: f["name"], Body: f["body"], Platform: f["platform"], Base: f["base"], Page: f["page"],
			Layout: f["layout"], Hosts: words(f["hosts"]), Schedule: f["schedule"], Areas: words(f["areas"]), Note: f["note"],
		}
		if f["delay"] != "" {
			d, err := time.ParseDuration(f["delay"])
			if err != nil || d < 0 {
				return s, fmt.Errorf("delay %q is no duration such as 12s", f["delay"])
			}
			s.Delay = d
		}
		return s, named(s.ID, s.Name)
	})
}

// National is where every council, integrated care board and trust of England
// is known to publish, those we cannot read included.
func National() ([]Listing, error) {
	bodies, err := Bodies()
	if err != nil {
		return nil, err
	}
	known := make(map[string]Body, len(bodies))
	for _, b := range bodies {
		known[b.ID] = b
	}
	return read("national.csv", "id body platform base page layout health_scrutiny confidence source note", func(f row) (Listing, error) {
		b, ok := known[f["body"]]
		if !ok {
			return Listing{}, fmt.Errorf("body %q is not in bodies.csv", f["body"])
		}
		if h := f["health_scrutiny"]; h != "" && h != "yes" {
			return Listing{}, fmt.Errorf("health_scrutiny %q is neither yes nor empty", h)
		}
		l := Listing{
			ID: f["id"], Name: b.Name, Body: b.ID, Areas: b.Areas, Platform: f["platform"], Base: f["base"], Page: f["page"],
			Layout: f["layout"], HealthScrutiny: f["health_scrutiny"] == "yes", Confidence: f["confidence"], Source: f["source"], Note: f["note"],
		}
		if !slices.Contains([]string{"high", "medium", "low", "none"}, l.Confidence) {
			return l, fmt.Errorf("confidence %q is none of high, medium, low, none", l.Confidence)
		}
		return l, named(l.ID, l.Name)
	})
}

// row is one line of a file, by column.
type row map[string]string

// read parses an embedded file whose first line names exactly the columns.
func read[T any](name, columns string, parse func(row) (T, error)) ([]T, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	defer f.Close() //nolint:errcheck // an embedded file
	return readFrom(name, f, columns, parse)
}

// readFrom reports every mistake at once, with its line; a reading with
// mistakes gives nothing.
func readFrom[T any](name string, r io.Reader, columns string, parse func(row) (T, error)) ([]T, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord = -1
	want := strings.Fields(columns)
	head, err := c.Read()
	if err != nil || !slices.Equal(head, want) {
		return nil, fmt.Errorf("catalogue: %s:1: the columns must be %s", name, strings.Join(want, ","))
	}
	var all []T
	var wrong []error
	ids := map[string]int{}
	for {
		fields, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil { // it carries the line
			return nil, errors.Join(append(wrong, fmt.Errorf("catalogue: %s: %w", name, err))...)
		}
		line, _ := c.FieldPos(0)
		fault := func(err error) { wrong = append(wrong, fmt.Errorf("catalogue: %s:%d: %w", name, line, err)) }
		if len(fields) != len(want) {
			fault(fmt.Errorf("%d fields instead of %d", len(fields), len(want)))
			continue
		}
		m := make(row, len(want))
		for i, column := range want {
			m[column] = fields[i]
			if fields[i] != strings.TrimSpace(fields[i]) {
				fault(fmt.Errorf("%s begins or ends with a space", column))
			}
		}
		if first, ok := ids[m["id"]]; ok {
			fault(fmt.Errorf("id %q is already on line %d", m["id"], first))
		}
		ids[m["id"]] = line
		v, err := parse(m)
		if err != nil {
			fault(err)
		}
		all = append(all, v)
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return all, nil
}

// named refuses an id that could not stand in a file name, a key or an address.
func named(id, name string) error {
	if id == "" || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("id %q is not made of a-z, 0-9 and -", id)
	}
	if name == "" {
		return fmt.Errorf("%s has no name", id)
	}
	return nil
}

func words(s string) []string { return strings.Fields(s) }

func bars(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "|")
}
