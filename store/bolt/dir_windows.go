package bolt

// syncDir does nothing: Windows keeps the names of a directory durable itself
// and does not let one be synced.
func syncDir(string) error { return nil }

// Hold does nothing where an open file cannot be renamed in any case.
func Hold(string) (release func(), err error) { return func() {}, nil }
