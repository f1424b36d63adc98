package document

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lowerLimits bounds the process from here on: address space (what it has now
// and a part of memoryMiB: the box is already reserved), further processor
// seconds, file size nought, and open files. With files 0 it can open nothing
// any more: no file, no socket.
func lowerLimits(memoryMiB, cpuSeconds, files int) error {
	time.Sleep(time.Nanosecond) // the runtime opens its poller when the first timer is set
	size, err := addressSpace()
	if err != nil {
		return err
	}
	room := uint64(max(memoryMiB, 1)) << 20 // what makes no sense is the tightest bound, never none
	if files == 0 {
		room /= 2
	}
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err != nil {
		return fmt.Errorf("read the processor time: %w", err)
	}
	cpu := uint64(max(use.Utime.Sec+use.Stime.Sec, 0)) + uint64(max(cpuSeconds, 0)) + 1
	for _, l := range []struct {
		what int
		most uint64
	}{
		// The soft limit would be a signal that Go ignores; at the hard one the kernel kills.
		{unix.RLIMIT_CPU, cpu},
		{unix.RLIMIT_AS, size + room},
		{unix.RLIMIT_FSIZE, 0},
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_NOFILE, uint64(max(files, 0))},
	} {
		if err := lower(l.what, l.most); err != nil {
			return err
		}
	}
	return nil
}

// lower sets both limits, and never raises one that is lower already.
func lower(what int, most uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(what, &now); err != nil {
		return fmt.Errorf("read limit %d: %w", what, err)
	}
	most = min(most, now.Max)
	if err := unix.Setrlimit(what, &unix.Rlimit{Cur: most, Max: most}); err != nil {
		return fmt.Errorf("set limit %d: %w", what, err)
	}
	return nil
}

// addressSpace is how much of it the process has now, in bytes. Go reserves
// far more than it uses, so that only growth can be bounded.
func addressSpace() (uint64, error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("read the size of the process: %w", err)
	}
	var pages uint64
	if _, err := fmt.Fscan(strings.NewReader(string(b)), &pages); err != nil {
		return 0, fmt.Errorf("read the size of the process: %w", err)
	}
	return pages * uint64(max(os.Getpagesize(), 1)), nil
}

// limitMemory bounds the address space of a program that was just started.
func limitMemory(pid, memoryMiB int) error {
	most := uint64(max(memoryMiB, 1)) << 20
	if err := unix.Prlimit(pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: most, Max: most}, nil); err != nil {
		return fmt.Errorf("limit its memory: %w", err)
	}
	return nil
}
