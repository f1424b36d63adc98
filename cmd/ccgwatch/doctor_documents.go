package main

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"time"

	"ccgwatch/config"
)

// tesseract is the program that recognises text in pictures.
const tesseract = "tesseract"

// recognition says whether pages that are pictures can be read.
func (x *examination) recognition(cfg config.Config) {
	path, err := exec.LookPath(tesseract)
	switch {
	case !cfg.Documents.OCR && err == nil:
		x.sayf("documents", well, "pages that are pictures are not read; tesseract is installed: [documents] ocr = true has it read them")
		return
	case !cfg.Documents.OCR:
		x.sayf("documents", well, "pages that are pictures are not read, and it is said where there are any")
		return
	case err != nil:
		x.sayf("documents", unsure, "[documents] ocr is on, but tesseract is not installed: pages that are pictures are not read (Debian: apt install tesseract-ocr)")
		return
	}
	ctx, cancel := context.WithTimeout(x.ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--list-langs").CombinedOutput() //nolint:gosec // found in PATH under a fixed name
	if err != nil || !slices.Contains(strings.Fields(string(out)), "eng") {
		x.sayf("documents", unsure, "[documents] ocr is on, but %s has no English: pages that are pictures are not read (Debian: apt install tesseract-ocr-eng)", path)
		return
	}
	x.sayf("documents", well, "pages that are pictures are read by %s, up to 60 of a paper", path)
}
