package catalogue

import (
	"bytes"
	_ "embed"
	"fmt"

	"github.com/pelletier/go-toml/v2"
)

//go:embed charter.toml
var charterFile []byte

// A Charter is what an award to a provider outside the NHS is asked, and the
// words that answer it. How it is written is explained at the top of charter.toml.
type Charter struct {
	Questions []Question `toml:"question"`
	Conflicts struct {
		Any      []string `toml:"any"`
		None     []string `toml:"none"`
		Declared []string `toml:"declared"`
	} `toml:"conflicts"`
	Deciders struct {
		Any    []string `toml:"any"`
		Not    []string `toml:"not"`
		Heads  []string `toml:"heads"`
		Before []string `toml:"before"`
	} `toml:"deciders"`
}

// A Question is one of a charter.
type Question struct {
	ID    string   `toml:"id"`
	Ask   string   `toml:"ask"`
	Short string   `toml:"short"`
	Field string   `toml:"field"`
	Any   []string `toml:"any"`
	Not   []string `toml:"not"`
	Look  []string `toml:"look"`
	Note  string   `toml:"note"`
}

// ReadCharter reads the embedded charter. An unknown key in it is an error.
func ReadCharter() (Charter, error) {
	var c Charter
	d := toml.NewDecoder(bytes.NewReader(charterFile)).DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Charter{}, fmt.Errorf("reading charter.toml: %w", err)
	}
	return c, nil
}
