package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What feeds call their entries outlasts a restart and comes along with a copy;
// another installation has another name, and the key cannot be told from it.
func TestInstallationKeepsItsName(t *testing.T) {
	dir := t.TempDir()
	name := func(file string) [16]byte {
		t.Helper()
		secret, err := readSecret(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		id := installationOf(secret)
		if strings.Contains(string(secret), string(id[:])) {
			t.Error("the name is a part of the key")
		}
		return id
	}
	one := name("one")
	if again := name("one"); again != one {
		t.Errorf("after a restart %x, before %x", again, one)
	}
	b, err := os.ReadFile(filepath.Join(dir, "one"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "restored"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if name("restored") != one {
		t.Error("a copy that was brought back has another name")
	}
	if name("other") == one {
		t.Error("two installations have one name")
	}
}
