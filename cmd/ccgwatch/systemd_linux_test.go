package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Under a service manager with a watchdog the daemon says when it is ready, that
// it turns, and that it stops; the unit's Type=notify and WatchdogSec rely on it.
func TestDaemonTellsTheServiceManager(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "notify")
	sock, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	t.Setenv("NOTIFY_SOCKET", at)
	t.Setenv("WATCHDOG_USEC", "180000000")
	cfg := filepath.Join(dir, "ccgwatch.toml")
	if err := os.WriteFile(cfg, []byte("[group]\nbuiltin_sources = false\n[web]\nlisten = \"127.0.0.1:0\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan int, 1)
	var out bytes.Buffer
	go func() {
		done <- Main(ctx, []string{"--config", cfg, "--data", filepath.Join(dir, "data"), "run"}, strings.NewReader(""), &out, &out)
	}()
	hear := func(want string) {
		t.Helper()
		buf := make([]byte, 256)
		if err := sock.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := sock.Read(buf)
		if err != nil {
			t.Fatalf("waiting for %s: %v\n%s", want, err, out.String())
		}
		if got := string(buf[:n]); got != want {
			t.Fatalf("told %q, want %q", got, want)
		}
	}
	hear("READY=1")
	hear("WATCHDOG=1")
	stop()
	hear("STOPPING=1")
	if code := <-done; code != exitDone {
		t.Errorf("exit code %d\n%s", code, out.String())
	}
}
