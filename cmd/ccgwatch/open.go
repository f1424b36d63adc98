package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// lockPatience is how long a command waits for another that is opening or
// closing the store just now. One that stays open answers on its socket.
const lockPatience = 10 * time.Second

// withApp runs f over the store: in the process that has it open, if there is
// one, otherwise here. While f runs here, other commands are answered, and those
// that run when it returns are waited for. It is for what takes long.
func (e *env) withApp(f func(*app) error) error {
	if e.shared != nil {
		return f(e.shared)
	}
	a, err := e.openOrCall()
	if err != nil || a == nil {
		return err
	}
	stop, err := serveCommands(e.ctx, a)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	err = f(a)
	stop()
	return errors.Join(err, a.Close())
}

// query runs f like withApp, for what is soon done: others wait for the store
// meanwhile. What f prints goes out when it is done, so that a reader who takes
// his time (a pager) keeps nobody waiting: neither for the store, nor for the
// transaction that f reads in, behind which a database that must grow waits.
func (e *env) query(f func(*app) error) error {
	a := e.shared
	if a == nil {
		var err error
		if a, err = e.openOrCall(); err != nil || a == nil {
			return err
		}
	}
	var held spool
	defer held.Close()
	out := e.stdout
	e.stdout = &held
	err := f(a)
	e.stdout = out
	if e.shared == nil {
		err = errors.Join(err, a.Close())
	}
	if _, e := held.WriteTo(out); e != nil {
		return errors.Join(err, e)
	}
	return err
}

// look is query for what only looks. Where there is no store it makes none: it
// looks at an empty one elsewhere, and says so, as nothing there would look like
// no news. A directory that was named and is not there is an error.
func (e *env) look(f func(*app) error) error {
	if e.shared != nil || exists(filepath.Join(e.data, bolt.File)) || exists(e.copiesDir()) || exists(filepath.Join(e.data, restoringFile)) {
		return e.query(f)
	}
	empty, err := os.MkdirTemp("", "ccgwatch-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(empty) }()
	data := e.data
	e.data = empty
	err = e.query(f)
	e.data = data
	none := fmt.Errorf("there is no store in %s yet: 'ccgwatch crawl' or 'ccgwatch run' makes one", data)
	switch {
	case err != nil:
		return err
	case given(e.args, "--data") && !exists(data):
		return none
	}
	_, err = fmt.Fprintf(e.stderr, "ccgwatch: %v\n", none)
	return err
}

// A spool keeps what is written: the beginning in memory, the rest in a file
// that has no name any more (where the system allows that) and goes with it.
type spool struct {
	head bytes.Buffer
	rest *os.File
	w    *bufio.Writer
}

const spoolInMemory = 4 << 20

func (s *spool) Write(b []byte) (int, error) {
	if s.rest == nil && s.head.Len()+len(b) <= spoolInMemory {
		return s.head.Write(b)
	}
	if s.rest == nil {
		f, err := os.CreateTemp("", "ccgwatch-*")
		if err != nil {
			return 0, err
		}
		_ = os.Remove(f.Name())
		s.rest, s.w = f, bufio.NewWriter(f)
	}
	return s.w.Write(b)
}

// WriteTo writes all of it.
func (s *spool) WriteTo(w io.Writer) (int64, error) {
	n, err := s.head.WriteTo(w)
	if err != nil || s.rest == nil {
		return n, err
	}
	if err := s.w.Flush(); err != nil {
		return n, err
	}
	if _, err := s.rest.Seek(0, io.SeekStart); err != nil {
		return n, err
	}
	m, err := io.Copy(w, s.rest)
	return n + m, err
}

// Close lets go of the file.
func (s *spool) Close() {
	if s.rest != nil {
		_ = s.rest.Close()
		_ = os.Remove(s.rest.Name())
	}
}

// openOrCall opens the store, or has the command run by the process that has
// it open: then the app is nil and the error carries the exit code.
func (e *env) openOrCall() (*app, error) {
	giveUp := time.Now().Add(lockPatience)
	for {
		code, err := callRemote(e)
		switch {
		case err == nil && code == exitDone:
			return nil, nil
		case err == nil:
			return nil, &exitError{code: code}
		case !errors.Is(err, errNobody):
			return nil, err
		}
		cfg, err := e.config()
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		if err := e.beforeOpening(); err != nil {
			if !e.fallsBack {
				return nil, err
			}
			if err := e.fallBack(err); err != nil {
				return nil, err
			}
			continue
		}
		settings := settingsOf(e.configPath)
		a, err := openApp(cfg, e.data, e.log)
		if err == nil {
			if a.settings = settings; e.asOf.IsZero() {
				a.watchClock(thisBoot().readClock)
			}
			if err = a.store.loadTold(e.now()); err != nil {
				return nil, errors.Join(err, a.Close())
			}
		}
		if !errors.Is(err, store.ErrLocked) {
			return a, err
		}
		if time.Now().After(giveUp) {
			return nil, fmt.Errorf("%s is in use by another process that does not answer: %w", e.data, err)
		}
	}
}
