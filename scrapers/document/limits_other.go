//go:build !linux && !darwin

package document

// lowerLimits does nothing where there are no such limits: the box of PDFium
// bounds its memory itself, and the parent kills after the wall-clock time.
func lowerLimits(_, _, _ int) error { return nil }

// limitMemory does nothing: another process cannot be limited here.
func limitMemory(_, _ int) error { return nil }
