package crawl

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// R14: there is one way out. No other package opens a connection for HTTP of
// its own, apart from cmd, which serves pages and sample sites; sending mail,
// reading a mailbox and a data base elsewhere dial, and are named here.
func TestOneWayOut(t *testing.T) {
	root := filepath.Join("..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	dials := []string{"alerts/mail", "alerts/mail/inbox", "store/postgres"}
	var collies []string
	looked := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() && rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "vendor") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		looked++
		dir := rel[:max(0, strings.LastIndexByte(rel, '/'))]
		uses, imports := network(t, path)
		for _, imp := range imports {
			if strings.HasPrefix(imp, "github.com/gocolly/") {
				collies = append(collies, rel)
			}
		}
		if dir == "scrapers/crawl" || strings.HasPrefix(dir, "cmd/") {
			return nil
		}
		for _, u := range uses {
			if strings.HasPrefix(u, "http.") || !slices.Contains(dials, dir) {
				t.Errorf("%s uses %s; only scrapers/crawl fetches", rel, u)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if looked < 20 {
		t.Errorf("looked at %d files only", looked)
	}
	if !slices.Equal(collies, []string{"scrapers/crawl/colly.go"}) {
		t.Errorf("colly is imported by %q", collies)
	}
}

// network lists what a file uses to reach out, and what it imports.
func network(t *testing.T, path string) (uses, imports []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{} // local name of a package
	for _, imp := range file.Imports {
		p := strings.Trim(imp.Path.Value, `"`)
		imports = append(imports, p)
		name := p[strings.LastIndexByte(p, '/')+1:]
		if imp.Name != nil {
			name = imp.Name.Name
		}
		names[name] = p
	}
	out := map[string][]string{
		"net/http":   {"Get", "Head", "Post", "PostForm", "Client", "DefaultClient", "Transport", "DefaultTransport"},
		"net":        {"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP", "DialUnix", "Dialer"},
		"crypto/tls": {"Dial", "DialWithDialer", "Dialer"},
	}
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(out[names[x.Name]], sel.Sel.Name) {
			uses = append(uses, x.Name+"."+sel.Sel.Name)
		}
		return true
	})
	return uses, imports
}

// The test above can see: it would find what this package does itself.
func TestOneWayOutSees(t *testing.T) {
	uses, _ := network(t, "guard.go")
	for _, want := range []string{"net.Dialer", "http.Transport"} {
		if !slices.Contains(uses, want) {
			t.Errorf("did not see %s in guard.go: %q", want, uses)
		}
	}
}
