package catalogue

import "fmt"

// A Procedure is what a body, or the law, says about meetings: by when papers
// are out or questions can be put. Statement is in words that the rules can
// read, and is shown as it stands.
type Procedure struct {
	ID        string
	Kinds     []string // of bodies, where Bodies is empty
	Bodies    []string // ids
	Committee string   // word of the committee's name, "" for all
	Statement string
	Source    string // where it is stated
}

// Procedures are what is known beforehand of the meetings of bodies. What a
// page or an agenda says itself is read there.
func Procedures() ([]Procedure, error) {
	return read("procedures.csv", "id kinds bodies committee statement source", func(f row) (Procedure, error) {
		p := Procedure{ID: f["id"], Kinds: words(f["kinds"]), Bodies: words(f["bodies"]), Committee: f["committee"], Statement: f["statement"], Source: f["source"]}
		if len(p.Kinds) == 0 && len(p.Bodies) == 0 {
			return p, fmt.Errorf("%s is about no body", p.ID)
		}
		if p.Source == "" {
			return p, fmt.Errorf("%s does not say where it is stated", p.ID)
		}
		return p, named(p.ID, p.Statement)
	})
}
