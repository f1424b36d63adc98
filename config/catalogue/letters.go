package catalogue

import (
	"embed"
	"io/fs"
)

//go:embed letters/*.txt
var letterFiles embed.FS

// Letters are the templates of letters, as files named thread-foi.txt,
// body-commissioner.txt and so on. README.txt among them explains how they are
// written.
func Letters() (fs.FS, error) { return fs.Sub(letterFiles, "letters") }
