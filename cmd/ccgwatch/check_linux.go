package main

import "golang.org/x/sys/unix"

// boundCheck bounds the checking process: a length read from a damaged page
// must not take the machine's memory. The database itself is mapped from its
// file and does not count.
func boundCheck() {
	for what, most := range map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_DATA: 2 << 30} {
		_ = unix.Setrlimit(what, &unix.Rlimit{Cur: most, Max: most})
	}
}
