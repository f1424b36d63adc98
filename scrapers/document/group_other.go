//go:build !unix

package document

import "os/exec"

// endGroup does nothing where there are no process groups.
func endGroup(_ *exec.Cmd) {}
