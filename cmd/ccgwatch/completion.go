package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// A word of the command line: a command, those below it, and its flags, as the
// parser itself knows them.
type word struct {
	name  string
	about string // one line; empty below the first level
	flags []flag
	below []word
}

type flag struct {
	name  string
	value bool     // takes a value
	file  bool     // which names a file or directory
	oneOf []string // which is one of these
}

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish"`
}

func (c *completionCmd) Run(e *env) error {
	root, err := commandWords()
	if err != nil {
		return err
	}
	write := map[string]func(io.Writer, word) error{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
	return write[c.Shell](e.stdout, root)
}

// commandWords reads the commands off the parser, so that no list of them can go
// out of date.
func commandWords() (word, error) {
	var c cli
	parser, err := kong.New(&c, kong.Name("ccgwatch"), kong.NoDefaultHelp(), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		return word{}, fmt.Errorf("command line: %w", err)
	}
	root := wordOf(parser.Model.Node)
	for i, w := range root.below {
		root.below[i].about, _, err = helpOf(w.name)
		if err != nil {
			return word{}, err
		}
	}
	return root, nil
}

func wordOf(n *kong.Node) word {
	w := word{name: n.Name}
	for _, f := range n.Flags {
		if f.Hidden {
			continue
		}
		x := flag{name: f.Name, value: !f.IsBool() && !f.IsCounter(), file: f.Name == "config" || f.Name == "data" || strings.HasSuffix(f.Name, "-file")}
		if f.Enum != "" {
			x.oneOf = f.EnumSlice()
		}
		w.flags = append(w.flags, x)
		if f.Tag != nil && f.Tag.Negatable != "" {
			w.flags = append(w.flags, flag{name: "no-" + f.Name})
		}
	}
	for _, c := range n.Children {
		if c.Type == kong.CommandNode && !c.Hidden {
			w.below = append(w.below, wordOf(c))
		}
	}
	slices.SortFunc(w.below, func(a, b word) int { return strings.Compare(a.name, b.name) })
	return w
}

// helpOf splits a command's help into its first line, without the command's own
// name, and the rest.
func helpOf(name string) (about, rest string, err error) {
	text, err := helpTexts.ReadFile("help/" + name + ".txt")
	if err != nil {
		return "", "", fmt.Errorf("the command %s has no help: %w", name, err)
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	if _, after, ok := strings.Cut(first, " - "); ok {
		return after, strings.TrimPrefix(rest, "\n"), nil
	}
	return "", string(text), nil
}

// names lists the flags of a command with those every command takes.
func names(flags ...[]flag) string {
	var out []string
	for _, fs := range flags {
		for _, f := range fs {
			out = append(out, "--"+f.name)
		}
	}
	return strings.Join(append(out, "--help"), " ")
}

func wordsBelow(w word) string {
	out := make([]string, len(w.below))
	for i, b := range w.below {
		out[i] = b.name
	}
	return strings.Join(out, " ")
}

func bashCompletion(out io.Writer, root word) error {
	p := &printer{w: out}
	p.line("# bash completion of ccgwatch: source <(ccgwatch completion bash)")
	p.line("_ccgwatch() {")
	p.line("  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= sub= i")
	p.line("  COMPREPLY=()")
	p.line("  case $prev in --config|--data|*-file) COMPREPLY=($(compgen -f -- \"$cur\")); return;; --as-of) return;; esac")
	p.line("  for ((i = 1; i < COMP_CWORD; i++)); do")
	p.line("    case ${COMP_WORDS[i]} in --config|--data|--as-of) ((i++));; -*) ;; *) if [ -z \"$cmd\" ]; then cmd=${COMP_WORDS[i]}; elif [ -z \"$sub\" ]; then sub=${COMP_WORDS[i]}; fi;; esac")
	p.line("  done")
	p.line("  local words=")
	p.line("  case $cmd in")
	p.line("  '') words=%q;;", names(root.flags)+" help "+wordsBelow(root))
	for _, w := range root.below {
		if len(w.below) == 0 {
			p.line("  %s) words=%q;;", w.name, names(w.flags, root.flags))
			continue
		}
		p.line("  %s) case $sub in", w.name)
		for _, b := range w.below {
			p.line("    %s) words=%q;;", b.name, names(b.flags, w.flags, root.flags))
		}
		p.line("    *) words=%q;;", names(w.flags, root.flags)+" "+wordsBelow(w))
		p.line("    esac;;")
	}
	p.line("  help) words=%q;;", wordsBelow(root))
	p.line("  esac")
	p.line("  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))")
	p.line("  if [ ${#COMPREPLY[@]} = 0 ] && [ \"${cur#-}\" = \"$cur\" ]; then COMPREPLY=($(compgen -f -- \"$cur\")); fi")
	p.line("}")
	p.line("complete -F _ccgwatch ccgwatch")
	return p.err
}

func zshCompletion(out io.Writer, root word) error {
	p := &printer{w: out}
	p.line("#compdef ccgwatch")
	p.line("# zsh completion of ccgwatch: ccgwatch completion zsh > \"${fpath[1]}/_ccgwatch\"")
	p.line("_ccgwatch() {")
	p.line("  local -a commands; local cmd= i")
	p.line("  commands=(")
	for _, w := range root.below {
		p.line("    %s", single(strings.ReplaceAll(w.name+":"+w.about, "\n", " ")))
	}
	p.line("  )")
	p.line("  for ((i = 2; i < CURRENT; i++)); do case $words[i] in --config|--data|--as-of) ((i++));; -*) ;; *) cmd=$words[i]; break;; esac; done")
	p.line("  case $cmd in")
	p.line("  ''|help) _describe command commands; compadd -- %s;;", names(root.flags))
	for _, w := range root.below {
		all := [][]flag{w.flags, root.flags}
		for _, b := range w.below {
			all = append(all, b.flags)
		}
		p.line("  %s) compadd -- %s; _files;;", w.name, strings.TrimSpace(wordsBelow(w)+" "+names(all...)))
	}
	p.line("  esac")
	p.line("}")
	p.line("compdef _ccgwatch ccgwatch 2> /dev/null || _ccgwatch \"$@\"")
	return p.err
}

func fishCompletion(out io.Writer, root word) error {
	p := &printer{w: out}
	p.line("# fish completion of ccgwatch: ccgwatch completion fish > ~/.config/fish/completions/ccgwatch.fish")
	flags := func(when string, fs []flag) {
		for _, f := range fs {
			more := ""
			switch {
			case len(f.oneOf) > 0:
				more = " -x -a " + single(strings.Join(f.oneOf, " "))
			case f.file:
				more = " -r -F"
			case f.value:
				more = " -x"
			}
			p.line("complete -c ccgwatch%s -l %s%s", when, f.name, more)
		}
	}
	flags("", root.flags)
	for _, w := range root.below {
		p.line("complete -c ccgwatch -n __fish_use_subcommand -f -a %s -d %s", w.name, single(w.about))
		in := " -n " + single("__fish_seen_subcommand_from "+w.name)
		flags(in, w.flags)
		for _, b := range w.below {
			p.line("complete -c ccgwatch%s -f -a %s", in, b.name)
			flags(" -n "+single("__fish_seen_subcommand_from "+w.name+"; and __fish_seen_subcommand_from "+b.name), b.flags)
		}
	}
	return p.err
}

// single quotes for a shell.
func single(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// A printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
