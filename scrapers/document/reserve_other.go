//go:build !linux && !darwin

package document

// reserve gives zeroed memory.
func reserve(size uint64) ([]byte, error) { return make([]byte, size), nil }
