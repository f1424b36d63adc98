package crawl

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// rawStore keeps answers as received, unpacked but not decoded:
//
//	<dir>/<host>/<yyyy-mm-dd>/<hash of address and Accept>.gz
//
// each a line of JSON (rawMeta) and the body, gzipped together. It is the last
// answer of the day; an earlier one that differs gets its time in its name.
// Nothing depends on a file being there.
type rawStore struct {
	dir   string // "": keeps nothing
	keeps time.Duration
	max   int64

	mu   sync.Mutex
	size int64        // of all files; -1 before they were counted
	zip  *gzip.Writer // used again: a new one costs 800 KB
}

type rawMeta struct {
	URL    string
	Accept string `json:",omitempty"`
	Time   time.Time
	Status int
	Header http.Header
}

type rawAnswer struct {
	rawMeta
	body []byte
}

func newRawStore(dir string, keep time.Duration, most int64) *rawStore {
	return &rawStore{dir: dir, keeps: keep, max: most, size: -1}
}

// host names a directory after a host: nothing but harmless characters.
func (s *rawStore) host(u *url.URL) string {
	name := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(u.Host))
	return filepath.Join(s.dir, "_"+strings.TrimLeft(name, "."))
}

func rawName(address, accept string) string {
	h := sha256.Sum256([]byte(address + "\x00" + accept))
	return hex.EncodeToString(h[:12])
}

// last returns the newest answer we hold for an address, if it came with
// validators; else nil. Whatever cannot be read is not held.
func (s *rawStore) last(address, accept string, now time.Time) *rawAnswer {
	u, err := url.Parse(address)
	if s.dir == "" || err != nil {
		return nil
	}
	dir, name := s.host(u), rawName(address, accept)+".gz"
	for day := now.UTC(); now.Sub(day) <= s.keeps; day = day.AddDate(0, 0, -1) {
		path := filepath.Join(dir, day.Format(time.DateOnly), name)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		a, err := readRaw(path)
		if err != nil || a.URL != address || a.Accept != accept {
			return nil
		}
		return a
	}
	return nil
}

// readRaw reads a kept answer; without validators its body is left out.
func readRaw(path string) (*rawAnswer, error) {
	file, err := os.Open(path) // made by host and rawName
	if err != nil {
		return nil, err
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	r := bufio.NewReader(z)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	var a rawAnswer
	if err := json.Unmarshal(line, &a.rawMeta); err != nil {
		return nil, err
	}
	if a.Header.Get("ETag") == "" && a.Header.Get("Last-Modified") == "" {
		return nil, errors.New("no validators")
	}
	if a.body, err = io.ReadAll(r); err != nil { // the checksum is at the end
		return nil, err
	}
	return &a, nil
}

// keep stores an answer.
func (s *rawStore) keep(u *url.URL, accept string, r *reply, now time.Time) error {
	if s.dir == "" {
		return nil
	}
	meta, err := json.Marshal(rawMeta{URL: u.String(), Accept: accept, Time: now.UTC(), Status: r.status, Header: r.header})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var b bytes.Buffer
	if s.zip == nil {
		s.zip = gzip.NewWriter(nil)
	}
	s.zip.Reset(&b)
	_, _ = s.zip.Write(append(meta, '\n')) // a Buffer does not fail
	_, _ = s.zip.Write(r.body)
	_ = s.zip.Close()
	if s.size < 0 {
		s.size = 0
		for _, f := range s.files() {
			s.size += f.size
		}
	}
	dir := filepath.Join(s.host(u), now.UTC().Format(time.DateOnly))
	name := rawName(u.String(), accept)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(dir, name+".gz")
	if info, err := os.Stat(path); err == nil {
		if sameBody(path, r.body) {
			s.size -= info.Size()
		} else if err := os.Rename(path, filepath.Join(dir, name+"."+info.ModTime().UTC().Format("150405.000")+".gz")); err != nil {
			return err
		}
	}
	if err := writeFile(dir, path, b.Bytes()); err != nil {
		return err
	}
	s.size += int64(b.Len())
	if s.size > s.max {
		return s.pruneLocked(now)
	}
	return nil
}

func sameBody(path string, body []byte) bool {
	file, err := os.Open(path) // made by host and rawName
	if err != nil {
		return false
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		return false
	}
	b, err := io.ReadAll(z)
	if err != nil {
		return false
	}
	_, old, ok := bytes.Cut(b, []byte("\n"))
	return ok && bytes.Equal(old, body)
}

// writeFile puts a file in place whole. It is not synced: after a crash a raw
// answer may be missing or unreadable, and is then not held.
func writeFile(dir, path string, b []byte) error {
	t, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return err
	}
	_, err = t.Write(b)
	err = errors.Join(err, t.Close())
	if err == nil {
		err = os.Rename(t.Name(), path)
	}
	if err != nil {
		_ = os.Remove(t.Name())
	}
	return err
}

type rawFile struct {
	path string
	day  string
	size int64
	mod  time.Time
}

// files lists what was kept, oldest first. Anything else in the directory is
// left alone.
func (s *rawStore) files() []rawFile {
	var out []rawFile
	_ = filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // what cannot be listed is not ours to remove
		}
		dir := filepath.Dir(path)
		day, host := filepath.Base(dir), filepath.Dir(dir)
		if _, err := time.Parse(time.DateOnly, day); err != nil || filepath.Dir(host) != filepath.Clean(s.dir) || filepath.Base(host)[0] != '_' {
			return nil // not ours
		}
		if info, err := d.Info(); err == nil {
			out = append(out, rawFile{path, day, info.Size(), info.ModTime()})
		}
		return nil
	})
	slices.SortFunc(out, func(a, b rawFile) int {
		return cmp.Or(cmp.Compare(a.day, b.day), a.mod.Compare(b.mod), cmp.Compare(a.path, b.path))
	})
	return out
}

func (s *rawStore) prune(now time.Time) error {
	if s.dir == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pruneLocked(now)
}

// pruneLocked removes what is too old, and of the rest the oldest until nine
// tenths of the cap are left: room for a while.
func (s *rawStore) pruneLocked(now time.Time) error {
	files := s.files()
	s.size = 0
	for _, f := range files {
		s.size += f.size
	}
	limit := s.max
	if s.size > s.max {
		limit = s.max / 10 * 9
	}
	oldest := now.UTC().Add(-s.keeps).Format(time.DateOnly)
	var errs []error
	for _, f := range files {
		if f.day >= oldest && s.size <= limit {
			break
		}
		if err := os.Remove(f.path); err != nil {
			errs = append(errs, err)
			continue
		}
		s.size -= f.size
		_ = os.Remove(filepath.Dir(f.path)) // the day and the host, if they are empty now
		_ = os.Remove(filepath.Dir(filepath.Dir(f.path)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("prune raw answers: %w", err)
	}
	return nil
}
