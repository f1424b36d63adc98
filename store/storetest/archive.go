package storetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing/iotest"

	"ccgwatch/store"
)

func papers(t *T) {
	big := bytes.Repeat([]byte("%PDF-1.7 a page "), 1<<16)
	for _, want := range [][]byte{nil, []byte("%PDF-1.4"), big, big} {
		sha, size, err := t.Keep(t.ctx, iotest.HalfReader(bytes.NewReader(want)))
		t.must(err)
		sum := sha256.Sum256(want)
		t.same("the hash", sha, hex.EncodeToString(sum[:]))
		t.same("the size", size, int64(len(want)))
		r, err := t.Open(t.ctx, sha)
		t.must(err)
		got, err := io.ReadAll(r)
		t.must(errors.Join(err, r.Close()))
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes came back as %d others", len(want), len(got))
		}
	}
}

func brokenReader(t *T) {
	boom := errors.New("connection reset")
	half := []byte("half a paper")
	_, _, err := t.Keep(t.ctx, io.MultiReader(bytes.NewReader(half), iotest.ErrReader(boom)))
	t.is(err, boom)
	sum := sha256.Sum256(half)
	_, err = t.Open(t.ctx, hex.EncodeToString(sum[:]))
	t.is(err, store.ErrNotFound)
}

func noHash(t *T) {
	sha, _, err := t.Keep(t.ctx, strings.NewReader("paper"))
	t.must(err)
	for _, name := range []string{"", "x", "../../etc/passwd", strings.Repeat("../", 21) + "x", strings.ToUpper(sha), sha[1:], sha + "0", strings.Repeat("0", 64)} {
		_, err := t.Open(t.ctx, name)
		t.is(err, store.ErrNotFound)
		_, err = t.Text(t.ctx, name)
		t.is(err, store.ErrNotFound)
		t.is(t.KeepText(t.ctx, name, []string{"a"}), store.ErrNotFound)
	}
}

func text(t *T) {
	sha, _, err := t.Keep(t.ctx, strings.NewReader("paper"))
	t.must(err)
	_, err = t.Text(t.ctx, sha)
	t.is(err, store.ErrNotFound)
	for _, want := range [][]string{{"one", "", "three – “quoted” 🏥\x01"}, {"read better"}, {}, nil} {
		t.must(t.KeepText(t.ctx, sha, want))
		t.again()
		got, err := t.Text(t.ctx, sha)
		t.must(err)
		t.same("the pages", got, want)
	}
}
