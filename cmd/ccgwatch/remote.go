package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// One process at a time has the store open (bbolt locks its file). Whoever has
// it also listens on a socket in the data directory and runs commands for the
// others, so that a command gives the same answer whether the daemon runs or
// not. A request is one line of JSON and then the command's standard input; the
// answer is a row of frames: stream (1 stdout, 2 stderr, 3 exit code), length,
// bytes.

const (
	frameStdout byte = 1
	frameStderr byte = 2
	frameExit   byte = 3
)

// A remoteCall is the first line of a request.
type remoteCall struct {
	Args     []string `json:"args"`
	Terminal bool     `json:"terminal"`
}

// socketPath is where the process that has the store open listens. Unix socket
// names are limited to about 100 bytes, so a deep data directory gets a short
// name elsewhere; it is in the user's own directory either way.
func socketPath(data string) string {
	p := filepath.Join(data, "ccgwatch.sock")
	if len(p) < 100 {
		return p
	}
	sum := sha256.Sum256([]byte(p))
	return filepath.Join(os.TempDir(), "ccgwatch-"+hex.EncodeToString(sum[:8])+".sock")
}

// serveCommands listens until ctx ends. A socket left by a process that was
// killed is replaced: whoever calls this holds the store's lock.
func serveCommands(ctx context.Context, a *app) (stop func(), err error) {
	path := socketPath(a.data)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { answerCommand(ctx, a, c) })
		}
	})
	return func() {
		cancel()
		_ = l.Close()
		wg.Wait()
	}, nil
}

// answerCommand runs one command for a caller. It ends when the caller hangs up.
func answerCommand(ctx context.Context, a *app, c net.Conn) {
	defer c.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := bufio.NewReader(c)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return
	}
	var call remoteCall
	if err := json.Unmarshal(line, &call); err != nil {
		return
	}
	pr, pw := io.Pipe()
	go func() { // the caller's standard input; hanging up cancels the command
		_, err := io.Copy(pw, &frameReader{r: in})
		_ = pw.CloseWithError(err)
		if err == nil {
			_, _ = in.ReadByte() // nothing comes: this waits for the end
		}
		cancel()
	}()
	var mu sync.Mutex
	e := &env{
		ctx: ctx, stdin: pr,
		stdout: &frameWriter{w: c, mu: &mu, stream: frameStdout}, stderr: &frameWriter{w: c, mu: &mu, stream: frameStderr},
		terminal: call.Terminal, args: call.Args, shared: a,
	}
	code := e.main()
	_ = pr.Close()
	exit := frameWriter{w: c, mu: &mu, stream: frameExit}
	_, _ = exit.Write([]byte{byte(code)})
}

// frameReader reads the caller's input: chunks with a length, ended by an empty one.
type frameReader struct {
	r    *bufio.Reader
	left uint32
}

func (f *frameReader) Read(b []byte) (int, error) {
	if f.left == 0 {
		var n [4]byte
		if _, err := io.ReadFull(f.r, n[:]); err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		if f.left = binary.BigEndian.Uint32(n[:]); f.left == 0 {
			return 0, io.EOF
		}
	}
	n, err := f.r.Read(b[:min(len(b), int(f.left))])
	f.left -= uint32(n) //nolint:gosec // n <= left
	return n, err
}

// frameWriter sends one stream of the answer.
type frameWriter struct {
	w      io.Writer
	mu     *sync.Mutex
	stream byte
}

func (f *frameWriter) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	head := make([]byte, 5, 5+len(b))
	head[0] = f.stream
	binary.BigEndian.PutUint32(head[1:], uint32(len(b))) //nolint:gosec // a write is far below 4 GiB
	if _, err := f.w.Write(append(head, b...)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// errNobody: no process listens for this data directory.
var errNobody = errors.New("nobody listens")

// callRemote has the process that holds the store run the command. errNobody
// says that there is none.
func callRemote(e *env) (int, error) {
	var d net.Dialer
	c, err := d.DialContext(e.ctx, "unix", socketPath(e.data))
	if err != nil {
		return 0, errNobody
	}
	defer c.Close()
	stop := context.AfterFunc(e.ctx, func() { _ = c.Close() })
	defer stop()
	line, err := json.Marshal(remoteCall{Args: e.remoteArgs(), Terminal: e.terminal})
	if err != nil {
		return 0, err
	}
	if _, err := c.Write(append(line, '\n')); err != nil {
		return 0, errNobody
	}
	go sendInput(c, e.stdin)
	in := bufio.NewReader(c)
	for {
		var head [5]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			if e.ctx.Err() != nil {
				return exitFailed, e.ctx.Err()
			}
			return 0, fmt.Errorf("the running ccgwatch broke off: %w", err)
		}
		n := int64(binary.BigEndian.Uint32(head[1:]))
		switch head[0] {
		case frameExit:
			code := make([]byte, 1)
			_, err := io.ReadFull(in, code)
			return int(code[0]), err
		case frameStdout:
			_, err = io.CopyN(e.stdout, in, n)
		default:
			_, err = io.CopyN(e.stderr, in, n)
		}
		if err != nil {
			return 0, err
		}
	}
}

// sendInput passes on the standard input, and its end.
func sendInput(w io.Writer, r io.Reader) {
	buf := make([]byte, 32<<10)
	var head [4]byte
	for r != nil {
		n, err := r.Read(buf)
		if n > 0 {
			binary.BigEndian.PutUint32(head[:], uint32(n)) //nolint:gosec // n <= 32 KiB
			if _, err := w.Write(append(head[:], buf[:n]...)); err != nil {
				return
			}
		}
		if err != nil {
			break
		}
	}
	_, _ = w.Write([]byte{0, 0, 0, 0})
}

// remoteArgs are the arguments with their paths made absolute.
func (e *env) remoteArgs() []string {
	return append([]string{"--config=" + e.configPath, "--data=" + e.data}, withoutPaths(e.args)...)
}

// withoutPaths drops --config and --data.
func withoutPaths(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case a == "--":
			return append(out, args[i:]...)
		case a == "--config", a == "--data":
			i++
		case len(a) > 9 && a[:9] == "--config=", len(a) > 7 && a[:7] == "--data=":
		default:
			out = append(out, a)
		}
	}
	return out
}
