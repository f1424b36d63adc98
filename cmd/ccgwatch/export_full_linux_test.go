package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts/web/export"
)

// A disk that is full stops an export in words, and leaves the one that stands
// there whole, by the list of its own files.
func TestExportToAFullDisk(t *testing.T) {
	disk := mounted(t, "tmpfs", 8)
	dir := filepath.Join(disk, "site")
	d, log, tick := keptFresh(t, 24, dir)
	at := exportTime()
	tick(at)
	good := treeOf(t, dir)
	moved(t, d.app, at.Add(time.Hour), "The Guildhall")
	ballast(disk)
	log.Reset()
	tick(at.Add(2 * time.Hour))
	if s := log.String(); !strings.Contains(s, "the disk is full") || !strings.Contains(s, "the export stays as it was") {
		t.Errorf("the log: %s", s)
	}
	if diff := differing(good, treeOf(t, dir)); diff != nil {
		t.Errorf("the export was touched: %v", diff)
	}
	if err := os.Remove(filepath.Join(disk, "ballast")); err != nil {
		t.Fatal(err)
	}
	tick(at.Add(4 * time.Hour))
	if got := export.ReadStamp(dir); !got.Equal(at.Add(4 * time.Hour)) {
		t.Errorf("it was not brought up to date when there was room: %s; %s", got, log)
	}
}
