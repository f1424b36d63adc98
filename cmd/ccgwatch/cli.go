package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"ccgwatch/config"
	"ccgwatch/scrapers/document"
)

// Exit codes, as scripts may rely on them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitSome   = 3 // some sources failed
)

// A cli is the command line: flags every command takes, and the commands.
type cli struct {
	Config string `default:"ccgwatch.toml"`
	Data   string `default:"data"`
	AsOf   string `name:"as-of"`

	Run         runCmd         `cmd:""`
	Demo        demoCmd        `cmd:""`
	Sources     sourcesCmd     `cmd:""`
	Add         addCmd         `cmd:""`
	Try         tryCmd         `cmd:""`
	Crawl       crawlCmd       `cmd:""`
	Send        sendCmd        `cmd:""`
	Inbox       inboxCmd       `cmd:""`
	Dkim        dkimCmd        `cmd:""`
	Items       itemsCmd       `cmd:""`
	Changes     changesCmd     `cmd:""`
	Findings    findingsCmd    `cmd:""`
	Threads     threadsCmd     `cmd:""`
	Search      searchCmd      `cmd:""`
	Letter      letterCmd      `cmd:""`
	Show        showCmd        `cmd:""`
	Explain     explainCmd     `cmd:""`
	Judge       judgeCmd       `cmd:""`
	Rejudge     rejudgeCmd     `cmd:""`
	Correct     correctCmd     `cmd:""`
	Subscribers subscribersCmd `cmd:""`
	Status      statusCmd      `cmd:""`
	Init        initCmd        `cmd:""`
	Doctor      doctorCmd      `cmd:""`
	Verify      verifyCmd      `cmd:""`
	Backup      backupCmd      `cmd:""`
	Restore     restoreCmd     `cmd:""`
	Export      exportCmd      `cmd:""`
	Version     versionCmd     `cmd:""`
	Completion  completionCmd  `cmd:""`
	Man         manCmd         `cmd:""`
}

// An env is what a command runs in.
type env struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool // stderr is one: progress may be drawn
	args           []string
	configPath     string
	configGiven    bool
	data           string
	asOf           time.Time // zero: the machine's clock
	fallsBack      bool      // a damaged store gives way to its newest good copy
	shared         *app      // set when the command runs inside a process that has the store open
	log            *slog.Logger
	said           *recentLog // the last of what went to log
}

// now is the time the command takes as now.
func (e *env) now() time.Time {
	if !e.asOf.IsZero() {
		return e.asOf
	}
	return time.Now().In(london())
}

//go:embed help/*.txt
var helpTexts embed.FS

// An exitError ends the program with a code; a nil err says nothing more.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usagef is a mistake in how the command was called.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// Main runs the program and returns its exit code.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == readDocument {
		return document.Main(args[1:], stdin, stdout)
	}
	if len(args) > 0 && args[0] == checkStore {
		return checkMain(ctx, args[1:], stdout)
	}
	e := &env{ctx: ctx, stdin: heedful{ctx, stdin}, stdout: stdout, stderr: stderr, terminal: isTerminal(stderr), args: args}
	return e.main()
}

// readDocument is the hidden command under which the program reads a paper in
// a process of its own.
const readDocument = "read-document"

func (e *env) main() int {
	e.said = newRecentLog(newSentenceLog(e.stderr))
	e.log = slog.New(e.said)
	err := e.dispatch()
	if err == nil {
		return exitDone
	}
	code := exitFailed
	var x *exitError
	if errors.As(err, &x) {
		code = x.code
		if x.err == nil {
			return code
		}
	}
	if errors.Is(err, context.Canceled) && e.ctx.Err() != nil {
		err = errors.New("interrupted; what was read completely is kept")
	}
	fmt.Fprintf(e.stderr, "ccgwatch: %v\n", err)
	if code == exitUsage {
		if name := commandIn(e.args); name != "" {
			fmt.Fprintf(e.stderr, "ccgwatch: 'ccgwatch help %s' explains how it is used\n", name)
		} else {
			fmt.Fprintln(e.stderr, "ccgwatch: 'ccgwatch help' lists the commands, 'ccgwatch help COMMAND' explains one")
		}
	}
	return code
}

func (e *env) dispatch() error {
	if name, ok := wantsHelp(e.args); ok {
		return e.help(name)
	}
	var c cli
	parser, err := kong.New(&c, kong.Name("ccgwatch"), kong.NoDefaultHelp(), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		return fmt.Errorf("command line: %w", err)
	}
	k, err := parser.Parse(e.args)
	if err != nil {
		return &exitError{exitUsage, plainUsage(err)}
	}
	switch {
	case c.Data == "", c.Config == "":
		return usagef("--data and --config take a name: an empty one is none")
	case given(e.args, "--as-of"):
		if e.asOf, err = parseTime(c.AsOf); err != nil {
			return usagef("--as-of: %w", err)
		}
		if y := e.asOf.Year(); y < 2000 || y > 2199 {
			return usagef("--as-of %s: expected a time from 2000 to 2199", c.AsOf)
		}
	}
	e.configGiven = given(e.args, "--config")
	if e.configPath, err = filepath.Abs(c.Config); err != nil {
		return err
	}
	if e.data, err = filepath.Abs(c.Data); err != nil {
		return err
	}
	return k.Run(e)
}

// wantsHelp tells whether help is asked for, and on which command.
func wantsHelp(args []string) (string, bool) {
	name, asked := "", len(args) == 0
	for i, a := range args {
		switch {
		case a == "--":
			return name, asked
		case a == "-h", a == "--help":
			asked = true
		case a == "help" && name == "" && !asked && !valueOf(args, i): // the first word that is no flag
			asked = true
		case !strings.HasPrefix(a, "-") && name == "" && !valueOf(args, i):
			name = a
		}
	}
	return name, asked
}

// valueOf tells whether a word is the value of a flag that every command takes.
func valueOf(args []string, i int) bool {
	return i > 0 && (args[i-1] == "--config" || args[i-1] == "--data" || args[i-1] == "--as-of")
}

func (e *env) help(name string) error {
	if name == "" {
		name = "ccgwatch"
	}
	text, err := helpTexts.ReadFile("help/" + filepath.Base(name) + ".txt")
	if err != nil {
		return usagef("there is no command %q", name)
	}
	_, err = e.stdout.Write(text)
	return err
}

// given tells whether a flag stands on the command line.
func given(args []string, flag string) bool {
	for _, a := range args {
		if a == flag || strings.HasPrefix(a, flag+"=") {
			return true
		}
	}
	return false
}

// config reads the configuration; without the default file the built-in
// settings hold, but a file that was named must be there.
func (e *env) config() (config.Config, error) {
	return loadConfig(e.configPath, e.configGiven)
}

type versionCmd struct{}

func (versionCmd) Run(e *env) error {
	_, err := fmt.Fprintln(e.stdout, "ccgwatch", version())
	return err
}

// release is written by the linker ('make release') and by nobody else.
var release string //nolint:gochecknoglobals // the linker has no other way

// version is what the build says of itself.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "0.1.0-dev"
	}
	return info.Main.Version
}
