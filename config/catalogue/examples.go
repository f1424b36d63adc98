package catalogue

import (
	"bytes"
	_ "embed"
	"fmt"

	"github.com/pelletier/go-toml/v2"
)

//go:embed examples.toml
var examplesFile []byte

// An Example is what a rule must notice and what it must not; how it is
// written is explained at the top of examples.toml.
type Example struct {
	Name string   `toml:"name"` // "term: ...", "act: ...", "care: ...", "outsourcing: ...", "supplier: ..."
	Yes  []string `toml:"yes"`
	No   []string `toml:"no"`
}

// Examples are the kept examples of all rules.
func Examples() ([]Example, error) {
	var f struct {
		Rules []Example `toml:"rule"`
	}
	d := toml.NewDecoder(bytes.NewReader(examplesFile)).DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("reading examples.toml: %w", err)
	}
	return f.Rules, nil
}
