package export

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// An export is a directory with a list of its files, Sums, in the format of
// sha256sum. Files are made in a directory of their own beside it, hidden, and
// only when all are made and checked each is renamed into its place, those that
// are no more are removed, and the list is renamed last. A crash before that
// leaves the export as it was; a crash within leaves whole files of the one or the
// other, and a mark by which the next run looks at every file again.

// Sums is the list of the files of an export and their SHA-256, Stamp the file
// that says when it was last made: the one that differs between two runs over the
// same record.
const (
	Sums  = "SHA256SUMS"
	Stamp = "stamp.txt"

	header = "# CCGWatch export 1: the SHA-256 of every file; sha256sum -c reads it"
	hidden = ".ccgwatch"
	marked = "publishing"
)

// ErrBusy says that another run writes the same export.
var ErrBusy = errors.New("another run is writing this export")

// ErrForeign says that a directory holds other things than an export of ours.
var ErrForeign = errors.New("this directory is not empty and not an export of CCGWatch; nothing was written")

// staging is where an export is made.
type staging struct {
	dir   string
	work  string
	old   map[string]string // hash by file, as listed
	check bool              // a run was interrupted while it put files in place
	lock  *os.File

	mu    sync.Mutex
	now   map[string]string
	fresh map[string]bool // staged, because it differs
	size  map[string]int64
}

// begin opens a directory for a run, and makes it if there is none.
func begin(dir string) (*staging, error) {
	s := &staging{dir: dir, work: filepath.Join(dir, hidden), old: map[string]string{}, now: map[string]string{}, fresh: map[string]bool{}, size: map[string]int64{}}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("export: %w", err)
	}
	ours, others := false, false
	for _, e := range entries {
		switch e.Name() {
		case Sums, hidden:
			ours = true
		case ".git", ".gitignore", ".gitattributes", ".nojekyll", "CNAME", ".well-known", ".htaccess":
		default:
			others = true
		}
	}
	if s.old, err = readSums(filepath.Join(dir, Sums)); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if others && !ours {
		return nil, fmt.Errorf("%s: %w", dir, ErrForeign)
	}
	if err := hasParent(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.work, 0o755); err != nil { //nolint:gosec // to be read by anybody
		return nil, inWords(dir, err)
	}
	if s.lock, err = lockFile(filepath.Join(s.work, "lock")); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	_, err = os.Stat(filepath.Join(s.work, marked))
	s.check = err == nil
	if err := os.RemoveAll(filepath.Join(s.work, "new")); err != nil { // of a run that was killed
		s.end()
		return nil, fmt.Errorf("export: %w", err)
	}
	return s, nil
}

// ErrNoParent says that there is nothing in which an export could be: a disk that
// is not connected, a name with a mistake. Nothing is made in its place.
var ErrNoParent = errors.New("is not there: is its disk connected, and the name right?")

func hasParent(dir string) error {
	parent := filepath.Dir(filepath.Clean(dir))
	info, err := os.Stat(parent)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !info.IsDir():
		return fmt.Errorf("export: the directory %s, in which %s is to be, %w", parent, filepath.Base(dir), ErrNoParent)
	case err != nil:
		return inWords(dir, err)
	}
	return nil
}

// Ready tells whether an export could be written to a directory, without writing
// to it; the error says why not.
func Ready(dir string) error {
	if err := hasParent(dir); err != nil {
		return err
	}
	if _, err := readSums(filepath.Join(dir, Sums)); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// inWords says of the commonest faults of a disk what they mean for an export.
func inWords(dir string, err error) error {
	for _, x := range diskFaults() {
		if errors.Is(err, x.fault) {
			return fmt.Errorf("export: %s (%s); the export stays as it was: %w", x.words, dir, err)
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("export: this program may not write there (%s); the export stays as it was: %w", dir, err)
	}
	return fmt.Errorf("export: %w", err)
}

type diskFault struct {
	fault error
	words string
}

func diskFaults() []diskFault {
	return []diskFault{
		{syscall.ENOSPC, "the disk is full"},
		{syscall.EROFS, "the disk cannot be written to"},
	}
}

// end lets go of the directory; what was not published is removed.
func (s *staging) end() {
	_ = os.RemoveAll(filepath.Join(s.work, "new"))
	if s.lock != nil {
		unlock(s.lock)
		s.lock = nil
	}
}

// readSums reads the list of an export; none is an empty one. A list that is not
// ours is an error: somebody else's files stand there.
func readSums(file string) (map[string]string, error) {
	out := map[string]string{}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return parseSums(f)
}

func parseSums(r io.Reader) (map[string]string, error) {
	out := map[string]string{}
	lines := bufio.NewScanner(r)
	if !lines.Scan() || lines.Text() != header {
		return nil, ErrForeign
	}
	for lines.Scan() {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok || len(sum) != 64 || !safePath(name) {
			return nil, fmt.Errorf("%s cannot be read: %w", Sums, ErrForeign)
		}
		out[name] = sum
	}
	return out, lines.Err()
}

// safePath tells whether a name in a list is one that we would have written.
func safePath(name string) bool {
	return name != "" && len(name) <= longest && fs.ValidPath(name) && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_./") == "" && !strings.HasPrefix(name, ".")
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// put stages a file, or notes that it stays as it is.
func (s *staging) put(file string, body []byte) error {
	if !safePath(file) {
		return fmt.Errorf("%q is no name for a file", file)
	}
	return s.take(file, sumOf(body), int64(len(body)), func(to string) error {
		return os.WriteFile(to, body, 0o644) //nolint:gosec // to be read by anybody
	})
}

func (s *staging) take(file, sum string, size int64, write func(to string) error) error {
	same := s.old[file] == sum && s.stands(file, sum, size)
	s.mu.Lock()
	was, twice := s.now[file]
	s.now[file], s.size[file] = sum, size
	s.fresh[file] = !same
	s.mu.Unlock()
	if same || twice && was == sum {
		return nil
	}
	to := filepath.Join(s.work, "new", filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // to be read by anybody
		return err
	}
	return write(to)
}

// stands tells whether a file is in its place as it was listed. After an
// interrupted run it is read; otherwise its size tells.
func (s *staging) stands(file, sum string, size int64) bool {
	at := filepath.Join(s.dir, filepath.FromSlash(file))
	info, err := os.Lstat(at)
	if err != nil || !info.Mode().IsRegular() || info.Size() != size {
		return false
	}
	if !s.check {
		return true
	}
	b, err := os.ReadFile(at)
	return err == nil && sumOf(b) == sum
}

// drop takes a file back that was staged.
func (s *staging) drop(file string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.now, file)
	delete(s.fresh, file)
}

func (s *staging) has(file string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.now[file]
	return ok
}

// publish puts everything in its place. m is what is left for the next run; nil: what the last one left.
func (s *staging) publish(at time.Time, m *memory) (Report, error) {
	var r Report
	var files, change []string
	for f := range s.now {
		files = append(files, f)
		r.Bytes += s.size[f]
		if s.fresh[f] {
			change = append(change, f)
		}
	}
	slices.Sort(files)
	slices.Sort(change)
	if err := s.foreign(change); err != nil {
		return r, err
	}
	var gone []string
	for f := range s.old {
		if _, ok := s.now[f]; !ok {
			gone = append(gone, f)
		}
	}
	slices.Sort(gone)
	r.Files, r.Written, r.Removed = len(files), len(change), len(gone)
	// Whatever takes room is written before anything is put in its place.
	replace := len(change)+len(gone) > 0 || s.check
	var aside []string
	write := func(name string, body []byte) error {
		aside = append(aside, name)
		return os.WriteFile(filepath.Join(s.work, name+".new"), body, 0o644) //nolint:gosec // to be read by anybody
	}
	list := s.list(files)
	if m != nil {
		m.Sums = sumOf(list)
		b, err := m.bytes()
		if err == nil {
			err = write(memoryFile, b)
		}
		if err != nil {
			return r, err
		}
	}
	if replace {
		if err := write(Sums, list); err != nil {
			return r, err
		}
	}
	if err := write(Stamp, []byte("Last made: "+at.UTC().Format(time.RFC3339)+"\n")); err != nil {
		return r, err
	}
	if replace {
		if err := s.replace(change, gone); err != nil {
			return r, err
		}
	}
	for _, name := range aside {
		to := filepath.Join(s.dir, name)
		if name == memoryFile {
			to = filepath.Join(s.work, name)
		}
		if err := os.Rename(filepath.Join(s.work, name+".new"), to); err != nil {
			return r, err
		}
	}
	if err := os.Remove(filepath.Join(s.work, marked)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	return r, nil
}

// list is the list of the files.
func (s *staging) list(files []string) []byte {
	var b bytes.Buffer
	b.WriteString(header + "\n")
	for _, f := range files {
		b.WriteString(s.now[f] + "  " + f + "\n")
	}
	return b.Bytes()
}

// same tells whether nothing of what was staged differs from what stands there.
func (s *staging) same() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.now {
		if s.fresh[f] {
			return false
		}
	}
	return len(s.now) == len(s.old) && !s.check
}

// replace puts files in their places, and leaves the mark by which a run that was
// interrupted is known.
func (s *staging) replace(change, gone []string) error {
	mark := filepath.Join(s.work, marked)
	if err := os.WriteFile(mark, nil, 0o644); err != nil { //nolint:gosec // to be read by anybody
		return err
	}
	// What is no more goes first: somebody may have asked for it.
	for _, f := range gone {
		at := filepath.Join(s.dir, filepath.FromSlash(f))
		if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for d := filepath.Dir(at); d != s.dir && os.Remove(d) == nil; d = filepath.Dir(d) { // an empty one
			continue
		}
	}
	for _, f := range change {
		to := filepath.Join(s.dir, filepath.FromSlash(f))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // to be read by anybody
			return err
		}
		if err := os.Rename(filepath.Join(s.work, "new", filepath.FromSlash(f)), to); err != nil {
			return err
		}
	}
	return nil
}

// foreign refuses to write over what is not ours.
func (s *staging) foreign(change []string) error {
	if s.check {
		return nil // of the run that was interrupted
	}
	for _, f := range change {
		if _, listed := s.old[f]; listed {
			continue
		}
		if _, err := os.Lstat(filepath.Join(s.dir, filepath.FromSlash(f))); err == nil {
			return fmt.Errorf("%s stands there already and is not of this export; nothing was changed: %w", f, ErrForeign)
		}
	}
	return nil
}

// ReadStamp says when an export was last made; zero for none.
func ReadStamp(dir string) time.Time {
	b, err := os.ReadFile(filepath.Join(dir, Stamp))
	if err != nil {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(strings.TrimPrefix(string(b), "Last made: ")))
	if err != nil {
		return time.Time{}
	}
	return at
}

// Hold keeps others from writing an export until unlock is called.
func Hold(dir string) (release func(), err error) {
	f, err := lockFile(filepath.Join(dir, hidden, "lock"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return func() { unlock(f) }, nil
}
