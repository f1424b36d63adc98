package config

import (
	"fmt"
	"time"
)

// A Duration is a length of time, written "5s", "1m30s" or "24h": never
// negative, never more than a day, never without its unit.
type Duration time.Duration

// UnmarshalText reads a Duration.
func (d *Duration) UnmarshalText(b []byte) error {
	const expected = `a time with its unit such as "5s" or "1m30s"`
	x, err := time.ParseDuration(string(b))
	switch {
	case err != nil:
		return fmt.Errorf("%s is no length of time; expected %s", clip(string(b)), expected)
	case x < 0:
		return fmt.Errorf("%s is negative; expected %s", clip(string(b)), expected)
	case x > maxDuration:
		return fmt.Errorf("%s is more than a day; expected %s", clip(string(b)), expected)
	}
	*d = Duration(x)
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String writes it as Go does: 1h30m0s.
func (d Duration) String() string { return time.Duration(d).String() }

// A Secret is a password. However it is printed, it prints as ***; Reveal is
// the one way to its text, so that its uses can be searched for.
type Secret struct{ text string }

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal is the text.
func (s Secret) Reveal() string { return s.text }

// IsZero tells whether there is none.
func (s Secret) IsZero() bool { return s.text == "" }

// Format prints *** for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("***")) }

// String is ***, whatever the text.
func (s Secret) String() string { return "***" }

// MarshalText keeps it out of JSON, TOML and structured logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }
