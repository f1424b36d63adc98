package bolt

// syncDir does nothing: Windows keeps the names of a directory durable itself
// and does not let one be synced.
func syncDir(string) error { return nil }
