package main

import (
	"os"

	"github.com/pelletier/go-toml/v2"
)

// noSender says why nobody can be written to: in the settings at path no address
// is given, or the one that stands there is still the example's.
func noSender(path string) string {
	var file struct {
		Group struct{ Email string }
	}
	if b, err := os.ReadFile(path); err == nil && toml.Unmarshal(b, &file) == nil && file.Group.Email == noContact {
		return "group.email is still the example's address"
	}
	return "group.email is not set"
}
