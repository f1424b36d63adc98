package bolt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"ccgwatch/store"
)

// The papers lie in archive/ab/abcd..., their text beside them as zstd'd JSON.
// A file appears under its name complete and on the disk, or not at all; what a
// crash leaves in archive/tmp the next Open removes.

const (
	archiveDir = "archive"
	textEnd    = ".txt.zst"
)

// file is the place of a paper, or "" for what is no hash: nothing that comes
// from outside ever becomes part of a path.
func (s *Store) file(sha string) string {
	if len(sha) != 2*sha256.Size || strings.Trim(sha, "0123456789abcdef") != "" {
		return ""
	}
	return filepath.Join(s.dir, archiveDir, sha[:2], sha)
}

// Keep hashes while it copies into a temporary file, and then gives it its
// name. A crash before it returns leaves the paper there or not, never half of
// it; afterwards it is on the disk. A file of the wrong length under that name
// was damaged, and is replaced.
func (s *Store) Keep(ctx context.Context, r io.Reader) (sha string, size int64, err error) {
	h := sha256.New()
	tmp, err := s.temp(func(w io.Writer) (err error) {
		size, err = io.Copy(io.MultiWriter(w, h), &reader{ctx, r})
		return err
	})
	if err != nil {
		return "", 0, fmt.Errorf("keep a paper: %w", err)
	}
	defer func() { _ = os.Remove(tmp) }()
	sha = hex.EncodeToString(h.Sum(nil))
	path := s.file(sha)
	if info, err := os.Stat(path); err == nil && info.Size() == size {
		return sha, size, nil
	}
	if err := s.place(tmp, path); err != nil {
		return "", 0, fmt.Errorf("keep paper %s: %w", sha, err)
	}
	return sha, size, nil
}

// Open opens a kept paper.
func (s *Store) Open(_ context.Context, sha string) (io.ReadCloser, error) {
	f, err := os.Open(s.file(sha))
	if errors.Is(err, os.ErrNotExist) {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("open paper %q: %w", sha, err)
	}
	return f, nil
}

// KeepText writes as Keep does; what was there before is replaced. It gives
// store.ErrNotFound for a paper that is not kept.
func (s *Store) KeepText(_ context.Context, sha string, pages []string) error {
	path := s.file(sha)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("keep the text of paper %q: %w", sha, store.ErrNotFound)
	}
	if pages == nil {
		pages = []string{}
	}
	tmp, err := s.temp(func(w io.Writer) error {
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		return errors.Join(json.NewEncoder(z).Encode(pages), z.Close())
	})
	if err == nil {
		defer func() { _ = os.Remove(tmp) }()
		err = s.place(tmp, path+textEnd)
	}
	return wrap("keep the text of paper "+sha, err)
}

// Text reads the pages. A damaged file counts as none: reading the paper again
// mends it.
func (s *Store) Text(_ context.Context, sha string) ([]string, error) {
	what := fmt.Sprintf("read the text of paper %q", sha)
	path := s.file(sha)
	if path == "" {
		return nil, wrap(what, store.ErrNotFound)
	}
	f, err := os.Open(path + textEnd)
	if errors.Is(err, os.ErrNotExist) {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, wrap(what, err)
	}
	defer func() { _ = f.Close() }()
	pages, err := readText(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: it is damaged: %w", what, store.ErrNotFound, err)
	}
	return pages, nil
}

// readText decodes the text of a paper to the end, so that its checksum is verified.
func readText(r io.Reader) ([]string, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(64<<20))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	b, err := io.ReadAll(io.LimitReader(z, unpackMax+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > unpackMax:
		return nil, fmt.Errorf("more than %d bytes", unpackMax)
	}
	var pages []string
	if err := json.Unmarshal(b, &pages); err != nil {
		return nil, err
	}
	if pages == nil {
		return nil, errors.New("no pages")
	}
	return pages, nil
}

// temp writes a file that is on the disk but has no name yet that counts.
func (s *Store) temp(write func(io.Writer) error) (string, error) {
	dir := filepath.Join(s.dir, archiveDir, "tmp")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, "paper-*")
	if err != nil {
		return "", err
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// place gives a file its name, durably. The directories above it are synced
// each time: whether an earlier crash lost their entries cannot be seen.
func (s *Store) place(tmp, path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return errors.Join(syncDir(dir), syncDir(filepath.Dir(dir)), syncDir(s.dir))
}

// A reader ends when its context does.
type reader struct {
	ctx context.Context // lives as long as one copy
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
