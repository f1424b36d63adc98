//go:build unix

package document

import (
	"os/exec"
	"syscall"
)

// endGroup makes the end of cmd the end of what it started, too.
func endGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
