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
	"time"
)

// One process at a time has the store open (bbolt locks its file). A process
// that keeps it open for longer also listens on a socket in the data directory
// and runs commands for the others, so that a command gives the same answer
// whether the daemon runs or not. A request is one line of JSON; the answer is a
// row of frames: stream, length, bytes. The first frame says that the command
// has begun: whoever is cut off before it may ask again. The caller's standard
// input is sent only once the command reads it, since what a command does not
// read belongs to whatever comes after it.

const (
	frameStdout byte = 1
	frameStderr byte = 2
	frameExit   byte = 3
	frameBegun  byte = 4
	frameInput  byte = 5 // the command reads its standard input
)

// A remoteCall is the first line of a request.
type remoteCall struct {
	Args     []string `json:"args"`
	Terminal bool     `json:"terminal"`
	Config   string   `json:"config"` // fingerprint of the caller's settings
}

const socketName = "ccgwatch.sock"

// socketPath gives the socket in the data directory a name that the system
// takes: they are limited to about 100 bytes, so a deep directory is reached
// through a link in a directory of our own. done removes that again.
func socketPath(data string) (path string, done func(), err error) {
	path = filepath.Join(data, socketName)
	if len(path) < 100 {
		return path, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "ccgwatch-")
	if err != nil {
		return "", nil, err
	}
	done = func() { _ = os.RemoveAll(dir) }
	if err := os.Symlink(data, filepath.Join(dir, "d")); err != nil {
		done()
		return "", nil, err
	}
	return filepath.Join(dir, "d", socketName), done, nil
}

// A host runs commands for others.
type host struct {
	app    *app
	mu     sync.Mutex
	idle   *sync.Cond // of mu
	active int
	closed bool
}

// begin counts a command, unless the host is about to end.
func (h *host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.active++
	return true
}

func (h *host) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.active--
	h.idle.Broadcast()
}

// rest waits until no command runs, or ctx ends, and takes no more.
func (h *host) rest(ctx context.Context) {
	defer context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.idle.Broadcast()
	})()
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.active > 0 && ctx.Err() == nil {
		h.idle.Wait()
	}
	h.closed = true
}

// serveCommands listens until stop is called, which waits for the commands that
// run; when ctx ends they are cut short. A socket left by a process that was
// killed is replaced: whoever calls this holds the store's lock.
func serveCommands(ctx context.Context, a *app) (stop func(), err error) {
	path, done, err := socketPath(a.data)
	if err != nil {
		return nil, fmt.Errorf("socket in %s: %w", a.data, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		done()
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		done()
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		err = errors.Join(err, l.Close())
		done()
		return nil, err
	}
	h := &host{app: a}
	h.idle = sync.NewCond(&h.mu)
	inner, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { h.answer(inner, c) })
		}
	})
	return func() {
		h.rest(ctx)
		cancel()
		_ = l.Close()
		wg.Wait()
		done()
	}, nil
}

// lastWords is how long a caller may take to read the end of the answer to a
// command that was cut short.
const lastWords = 2 * time.Second

// answer runs one command for a caller. It ends when the caller hangs up.
func (h *host) answer(ctx context.Context, c net.Conn) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { // a caller who neither asks nor reads must not keep us
		_ = c.SetReadDeadline(time.Unix(1, 0))
		_ = c.SetWriteDeadline(time.Now().Add(lastWords))
	})()
	in := bufio.NewReader(c)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return
	}
	var call remoteCall
	if err := json.Unmarshal(line, &call); err != nil || !h.begin() {
		return
	}
	defer h.end()
	var mu sync.Mutex
	send := func(stream byte) *frameWriter { return &frameWriter{w: c, mu: &mu, stream: stream} }
	if _, err := send(frameBegun).Write(nil); err != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pr, pw := io.Pipe()
	go func() { // the caller's standard input; hanging up cancels the command
		_, err := io.Copy(pw, &frameReader{r: in})
		_ = pw.CloseWithError(err)
		if err == nil {
			_, _ = in.ReadByte() // nothing comes: this waits for the end
		}
		cancel()
	}()
	e := &env{
		ctx: ctx, stdin: &wantedInput{r: pr, ask: send(frameInput)},
		stdout: send(frameStdout), stderr: send(frameStderr),
		terminal: call.Terminal, args: call.Args, shared: h.app,
	}
	if call.Config != h.app.settings {
		fmt.Fprintln(e.stderr, "ccgwatch: the running ccgwatch goes by other settings than these: they hold when it is started again")
	}
	code := e.main()
	_ = pr.Close()
	_, _ = send(frameExit).Write([]byte{byte(code & 0xff)})
}

// wantedInput asks the caller for its standard input when it is first read.
type wantedInput struct {
	r     io.Reader
	ask   io.Writer
	asked sync.Once
	err   error
}

func (w *wantedInput) Read(b []byte) (int, error) {
	w.asked.Do(func() { _, w.err = w.ask.Write(nil) })
	if w.err != nil {
		return 0, w.err
	}
	return w.r.Read(b)
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

// errNobody: no process listens for this data directory, or it ended before it
// began the command.
var errNobody = errors.New("nobody listens")

// callRemote has the process that holds the store run the command. errNobody
// says that there is none.
func callRemote(e *env) (int, error) {
	path, done, err := socketPath(e.data)
	if err != nil {
		return 0, fmt.Errorf("socket in %s: %w", e.data, err)
	}
	defer done()
	var d net.Dialer
	c, err := d.DialContext(e.ctx, "unix", path)
	if err != nil {
		return 0, errNobody
	}
	defer c.Close()
	stop := context.AfterFunc(e.ctx, func() { _ = c.Close() })
	defer stop()
	line, err := json.Marshal(remoteCall{Args: e.remoteArgs(), Terminal: e.terminal, Config: settingsOf(e.configPath)})
	if err != nil {
		return 0, err
	}
	if _, err := c.Write(append(line, '\n')); err != nil {
		return 0, errNobody
	}
	in := bufio.NewReader(c)
	begun := false
	for {
		var head [5]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			switch {
			case e.ctx.Err() != nil:
				return exitFailed, e.ctx.Err()
			case !begun:
				return 0, errNobody
			}
			return 0, fmt.Errorf("the running ccgwatch broke off: %w", err)
		}
		n := int64(binary.BigEndian.Uint32(head[1:]))
		switch head[0] {
		case frameBegun:
			begun = true
		case frameInput:
			go sendInput(c, e.stdin)
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

// settingsOf is a fingerprint of a configuration file; "" if there is none.
func settingsOf(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// sendInput passes on the standard input, and its end. What was interrupted has no
// end: what came of it is not to be taken for the whole.
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
		switch {
		case errors.Is(err, context.Canceled):
			return
		case err != nil:
			r = nil
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
