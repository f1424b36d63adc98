package main

import (
	"testing"

	"ccgwatch/scrapers/document"
	"ccgwatch/store"
)

// What the reader of papers writes into them is what the store looks for.
func TestMarksOfPagesAreTheSame(t *testing.T) {
	for document, store := range map[string]string{
		document.PictureMark: store.PictureMark, document.FileMark: store.FileMark,
		document.FileUnreadMark: store.FileUnreadMark, document.RecognisedMark: store.RecognisedMark,
	} {
		if document != store {
			t.Errorf("%q and %q", document, store)
		}
	}
}
