package main

import "golang.org/x/sys/windows"

// freeSpace is what this user may still write where dir is, in bytes.
func freeSpace(dir string) (uint64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(name, &free, nil, nil)
	return free, err
}

// syncDir does nothing: Windows keeps the names of a directory durable itself.
func syncDir(string) error { return nil }
