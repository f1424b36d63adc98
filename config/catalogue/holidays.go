package catalogue

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"time"

	"github.com/pelletier/go-toml/v2"
)

//go:embed holidays.toml
var holidaysFile []byte

// Holidays lists the bank holidays in England and Wales as YYYY-MM-DD, in
// order. Each year of which it lists any is complete.
func Holidays() ([]string, error) {
	var table struct {
		Years map[string][]string `toml:"england-and-wales"`
	}
	d := toml.NewDecoder(bytes.NewReader(holidaysFile)).DisallowUnknownFields()
	if err := d.Decode(&table); err != nil {
		return nil, fmt.Errorf("reading holidays.toml: %w", err)
	}
	var days []string
	for year, list := range table.Years {
		for _, day := range list {
			if t, err := time.Parse(time.DateOnly, day); err != nil || t.Format("2006") != year {
				return nil, fmt.Errorf("reading holidays.toml: %q is no day of %s", day, year)
			}
			days = append(days, day)
		}
	}
	slices.Sort(days)
	return days, nil
}
