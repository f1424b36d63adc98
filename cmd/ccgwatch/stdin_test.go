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

// Symptom: where Ctrl-C was pressed while a command that the daemon runs read its
// input, the daemon was told that the input had ended there.
func TestInterruptedInputHasNoEnd(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	terminal := quiet{asked: interrupt, hangup: make(chan struct{})}
	defer close(terminal.hangup)
	var sent bytes.Buffer
	sendInput(&sent, heedful{ctx, terminal})
	if sent.Len() > 0 {
		t.Errorf("sent %q", sent.Bytes())
	}
	for name, input := range map[string]io.Reader{"all": strings.NewReader("all"), "none": nil} {
		sent.Reset()
		sendInput(&sent, heedful{t.Context(), input})
		want := "\x00\x00\x00\x03all\x00\x00\x00\x00"
		if name == "none" {
			want = "\x00\x00\x00\x00"
		}
		if sent.String() != want {
			t.Errorf("%s: sent %q", name, sent.Bytes())
		}
	}
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
