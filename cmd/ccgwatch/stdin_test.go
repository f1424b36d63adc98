package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
)

// Somebody who changes their mind at a question of init pressed Ctrl-C, and
// nothing happened: the program waited for a line that was never to come.
func TestCtrlCAtAQuestionIsHeard(t *testing.T) {
	settings := filepath.Join(t.TempDir(), "ccgwatch.toml")
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		terminal := quiet{asked: interrupt, hangup: make(chan struct{})}
		var stdout, stderr bytes.Buffer
		over := make(chan int, 1)
		go func() {
			over <- Main(ctx, []string{"--config", settings, "init"}, terminal, &stdout, &stderr)
		}()
		synctest.Wait()
		select {
		case code := <-over:
			if code != exitFailed || !strings.Contains(stderr.String(), "stopped: no settings were written") {
				t.Errorf("code %d, said %q", code, stderr.String())
			}
		default:
			t.Error("init still waits for an answer")
		}
		if exists(settings) {
			t.Error("settings were written")
		}
		close(terminal.hangup)
	})
}

// A quiet terminal is asked for a line and has none.
type quiet struct {
	asked  func()
	hangup chan struct{}
}

func (q quiet) Read([]byte) (int, error) {
	q.asked()
	<-q.hangup
	return 0, io.EOF
}
