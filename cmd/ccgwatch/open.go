package main

import (
	"errors"
	"fmt"
	"time"

	"ccgwatch/store"
)

// lockPatience is how long a command waits for another that is opening or
// closing the store just now. One that stays open answers on its socket.
const lockPatience = 10 * time.Second

// withApp runs f over the store: in the process that has it open, if there is
// one, otherwise here. While f runs here, other commands are answered.
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
			return nil, err
		}
		a, err := openApp(cfg, e.data, e.log)
		if !errors.Is(err, store.ErrLocked) {
			return a, err
		}
		if time.Now().After(giveUp) {
			return nil, fmt.Errorf("%s is in use by another process that does not answer: %w", e.data, err)
		}
	}
}
