package catalogue

import (
	"bytes"
	_ "embed"
	"fmt"

	"github.com/pelletier/go-toml/v2"
)

//go:embed terms.toml
var termsFile []byte

//go:embed notices.toml
var noticesFile []byte

// A Vocabulary is the rules data of terms.toml and notices.toml: what the judge reads papers and
// notices by. How a phrase is written is explained at the top of that file.
type Vocabulary struct {
	Version string              `toml:"version"`
	Terms   []Term              `toml:"term"`
	Acts    []Act               `toml:"act"`
	Lists   map[string][]string `toml:"list"`

	// Notices are the decision lists of notices.toml.
	Notices Notices `toml:"-"`
}

// Notices are the decision lists for notices; the first rule that holds decides.
type Notices struct {
	Care        []Rule `toml:"care"`
	Outsourcing []Rule `toml:"outsourcing"`
	Supplier    []Rule `toml:"supplier"`
}

// A Rule is one rule of a decision list; how its conditions are written is
// explained at the top of notices.toml. It has the fields of the judge's Rule,
// so that one converts to the other.
type Rule struct {
	Name   string   `toml:"name"`
	Gives  string   `toml:"gives"`
	When   []string `toml:"when"`
	Unless []string `toml:"unless"`
}

// A Term is one entry of the vocabulary.
type Term struct {
	Term     string   `toml:"term"`
	Also     []string `toml:"also"` // other ways to say it
	Weak     []string `toml:"weak"` // ways to say it that count as weight 1
	Caps     []string `toml:"caps"` // ambiguous acronyms: in capitals, and only with another term near
	Weight   int      `toml:"weight"`
	Category string   `toml:"category"`
	Topic    string   `toml:"topic"` // "" is outsourcing
	Needs    []string `toml:"needs"` // one of these in the same or a neighbouring sentence
	Not      []string `toml:"not"`   // silence the term in their sentence
	Why      string   `toml:"why"`
}

// An Act is an explicit step that a sentence reports.
type Act struct {
	Name   string   `toml:"name"`
	Tier   string   `toml:"tier"` // certain, likely or mention
	Topics []string `toml:"topics"`
	Plain  bool     `toml:"plain"` // needs no word of care to reach its tier
	Any    []string `toml:"any"`
	With   []string `toml:"with"` // each line must be met; alternatives are parted by |
	Not    []string `toml:"not"`
	Why    string   `toml:"why"`
}

// Terms reads the embedded vocabulary. An unknown key in it is an error, so
// that a slip of the pen does not silently switch a rule off.
func Terms() (Vocabulary, error) {
	var v Vocabulary
	d := toml.NewDecoder(bytes.NewReader(termsFile)).DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return Vocabulary{}, fmt.Errorf("reading terms.toml: %w", err)
	}
	d = toml.NewDecoder(bytes.NewReader(noticesFile)).DisallowUnknownFields()
	if err := d.Decode(&v.Notices); err != nil {
		return Vocabulary{}, fmt.Errorf("reading notices.toml: %w", err)
	}
	return v, nil
}
