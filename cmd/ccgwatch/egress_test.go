package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// waysOut are what opens a connection, by package. A call, a value and a composite
// literal all count, and so does whatever of the package begins like one of them.
func waysOut() map[string][]string {
	return map[string][]string{
		"net":                            {"Dial", "Lookup", "DefaultResolver", "Resolver"},
		"net/http":                       {"Get", "Head", "Post", "Client", "DefaultClient", "Transport", "DefaultTransport", "NewRequest"},
		"net/rpc":                        {"Dial"},
		"net/smtp":                       {"Dial", "SendMail", "NewClient"},
		"net/textproto":                  {"Dial"},
		"crypto/tls":                     {"Dial"},
		"log/syslog":                     {"Dial", "New"},
		"golang.org/x/net/websocket":     {"Dial"},
		"golang.org/x/net/proxy":         {""},
		"golang.org/x/crypto/ssh":        {"Dial"},
		"github.com/emersion/go-smtp":    {"Dial"},
		"github.com/gocolly/colly/v2":    {"NewCollector"},
		"github.com/emersion/go-imap/v2": {"Dial"},
	}
}

// allowedOut are the only places from which this program connects to anything, and
// to what. One Fetch is behind all that is read of sources: the rest goes to where
// the operator's own settings say.
func allowedOut() map[string]string {
	return map[string]string{
		"scrapers/crawl/guard.go":        "the guarded dialler of the Fetcher",
		"scrapers/crawl/colly.go":        "the Fetcher, pages",
		"scrapers/crawl/download.go":     "the Fetcher, papers",
		"scrapers/crawl/fetch.go":        "the Fetcher holds its transport",
		"alerts/mail/relay.go":           "the mail relay of the settings",
		"alerts/mail/inbox/box.go":       "the mailbox of the settings",
		"cmd/ccgwatch/ping.go":           "the dead man's switch of the settings",
		"cmd/ccgwatch/doctor_mailbox.go": "doctor: the mailbox of the settings",
		"cmd/ccgwatch/doctor_dns.go":     "doctor: the records of the group's own domain",
		"cmd/ccgwatch/doctor_reverse.go": "doctor: the name of the relay",
		"cmd/ccgwatch/doctor_net.go":     "doctor: whether there is a name server",
		"cmd/ccgwatch/dkim.go":           "doctor: the key in the group's own domain",
		"cmd/ccgwatch/cmd_doctor.go":     "doctor: which name server is asked",
		"alerts/web/static.go":           "its own pages, in memory: no connection is made",
		"cmd/ccgwatch/restore.go":        "the daemon on this machine, by its socket",
		"cmd/ccgwatch/remote.go":         "the daemon on this machine, by its socket",
	}
}

// R14: there is one way out. Whoever needs another adds it here, with a reason.
func TestNothingElseConnects(t *testing.T) {
	root := filepath.Join("..", "..")
	found := map[string][]string{}
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata" || d.Name() == "vendor") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if strings.HasPrefix(rel, "scrapers/crawl/crawltest/") || strings.Contains(rel, "test/") { // stand-ins, in no binary: TestImports
			return nil
		}
		files++
		found[rel], err = waysOutOf(path, nil)
		if len(found[rel]) == 0 {
			delete(found, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Fatalf("only %d files were read", files)
	}
	allowed := allowedOut()
	for _, file := range slices.Sorted(maps.Keys(found)) {
		if allowed[file] == "" {
			t.Errorf("%s connects by itself: %v. What is read of sources goes through crawl.Fetcher", file, found[file])
		}
	}
	for _, file := range slices.Sorted(maps.Keys(allowed)) {
		if len(found[file]) == 0 {
			t.Errorf("%s (%s) is allowed to connect and does not", file, allowed[file])
		}
	}
}

// waysOutOf are those that a file uses. src is its text, nil to read it.
func waysOutOf(path string, src any) ([]string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{} // by the name under which the file has the package
	var used []string
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return nil, err
		}
		for at, names := range waysOut() {
			if p != at && !strings.HasPrefix(p, at+"/imapclient") {
				continue
			}
			name := at[strings.LastIndexByte(at, '/')+1:]
			switch {
			case i.Name != nil:
				name = i.Name.Name
			case p != at:
				name = "imapclient"
			case name == "v2":
				name = "colly"
			case name == "go-smtp":
				name = "smtp"
			}
			if name == "." {
				used = append(used, "import . "+p)
			}
			out[name] = append(out[name], names...)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		x, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := x.X.(*ast.Ident); ok && slices.ContainsFunc(out[pkg.Name], func(way string) bool { return strings.HasPrefix(x.Sel.Name, way) && x.Sel.Name != "Header" }) {
			used = append(used, pkg.Name+"."+x.Sel.Name)
		}
		return true
	})
	slices.Sort(used)
	return slices.Compact(used), nil
}

func TestWaysOutAreSeen(t *testing.T) {
	for src, want := range map[string]string{
		`import "net/http"; var _, _ = http.Get("x")`:                                               "http.Get",
		`import web "net/http"; var c = &web.Client{}`:                                              "web.Client",
		`import "net/http"; type T struct{ *http.Client }`:                                          "http.Client",
		`import "net/http"; var rt = http.DefaultTransport`:                                         "http.DefaultTransport",
		`import "net"; var d net.Dialer`:                                                            "net.Dialer",
		`import "net"; var f = net.DialTimeout`:                                                     "net.DialTimeout",
		`import "crypto/tls"; var f = tls.DialWithDialer`:                                           "tls.DialWithDialer",
		`import . "net"; var d Dialer`:                                                              "import . net",
		`import "github.com/emersion/go-smtp"; var f = smtp.DialStartTLS`:                           "smtp.DialStartTLS",
		`import "github.com/emersion/go-imap/v2/imapclient"; var f = imapclient.DialTLS`:            "imapclient.DialTLS",
		`import "net/http"; func f(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }`: "",
		`import "net"; var l net.Listener; var c net.Conn`:                                          "",
	} {
		got, err := waysOutOf("x.go", "package x; "+src)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v; want %s", src, got, err, want)
		}
	}
}
