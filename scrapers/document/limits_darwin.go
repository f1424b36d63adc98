package document

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// lowerLimits bounds processor time, file size and open files from here on.
// macOS does not bound address space in a useful way; there the box of PDFium
// bounds itself.
func lowerLimits(_, cpuSeconds, files int) error {
	time.Sleep(time.Nanosecond) // the runtime opens its poller when the first timer is set
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err != nil {
		return fmt.Errorf("read the processor time: %w", err)
	}
	cpu := uint64(max(use.Utime.Sec+use.Stime.Sec, 0)) + uint64(max(cpuSeconds, 0)) + 1 // what makes no sense is the tightest bound, never none
	for what, most := range map[int]uint64{unix.RLIMIT_CPU: cpu, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_CORE: 0, unix.RLIMIT_NOFILE: uint64(max(files, 0))} {
		var now unix.Rlimit
		if err := unix.Getrlimit(what, &now); err != nil {
			return fmt.Errorf("read limit %d: %w", what, err)
		}
		now.Max = min(now.Max, most)
		now.Cur = now.Max
		if err := unix.Setrlimit(what, &now); err != nil {
			return fmt.Errorf("set limit %d: %w", what, err)
		}
	}
	return nil
}

// limitMemory does nothing: another process cannot be limited here.
func limitMemory(_, _ int) error { return nil }
