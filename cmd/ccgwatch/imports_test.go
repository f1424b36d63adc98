package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// imports is the architecture: each package, and all it may import of ours.
func imports() map[string][]string {
	scrapers := []string{"scrapers/crawl", "scrapers/document", "store"}
	return map[string][]string{
		"store/query":                    {},
		"config":                         {},
		"config/catalogue":               {},
		"scrapers/document":              {},
		"scrapers/document/documenttest": {},
		"store":                          {"store/query"},
		"store/bolt":                     {"store", "store/query"},
		"store/index":                    {"store", "store/query"},
		"store/storetest":                {"store", "store/query"},
		"scrapers/crawl":                 {"store"},
		"scrapers/crawl/crawltest":       {},
		"scrapers/ocds":                  scrapers,
		"scrapers/moderngov":             scrapers,
		"scrapers/boards":                scrapers,
		"scrapers/cmis":                  scrapers,
		"scrapers/feeds":                 scrapers,
		"scrapers/page":                  scrapers,
		"scrapers":                       append([]string{"scrapers/ocds", "scrapers/moderngov", "scrapers/boards", "scrapers/cmis", "scrapers/feeds", "scrapers/page"}, scrapers...),
		"alerts/judge":                   {"store"},
		"alerts":                         {"alerts/judge", "store", "store/query"},
		"alerts/mail":                    {"alerts", "alerts/judge", "store", "store/query"},
		"alerts/mail/inbox":              {"alerts", "alerts/judge", "store", "store/query"},
		"alerts/web":                     {"alerts", "alerts/judge", "store", "store/query"},
		"alerts/web/export":              {"alerts/web", "store", "store/query"},
	}
}

func golist(t *testing.T, format string) [][]string {
	t.Helper()
	cmd := exec.Command("go", "list", "-f", format, "ccgwatch/...")
	cmd.Env = append(os.Environ(), "GOOS=linux") // the same answer everywhere
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(out)) {
		rows = append(rows, strings.Fields(line))
	}
	return rows
}

func TestImports(t *testing.T) {
	may := imports()
	for _, row := range golist(t, `{{.ImportPath}} {{join .Imports " "}}`) {
		pkg := strings.TrimPrefix(row[0], "ccgwatch/")
		if pkg == "cmd/ccgwatch" {
			continue // joins everything; a command cannot be imported
		}
		allowed, ok := may[pkg]
		if !ok {
			t.Errorf("%s has no row in the table of imports", pkg)
		}
		for _, imp := range row[1:] {
			if ours, is := strings.CutPrefix(imp, "ccgwatch/"); is && !slices.Contains(allowed, ours) {
				t.Errorf("%s must not import %s", pkg, ours)
			}
		}
	}
}

// Only scrapers/crawl fetches and only it imports colly; only store/bolt knows
// bbolt; testing stays out of the program.
func TestForeignImports(t *testing.T) {
	only := map[string][]string{
		"github.com/gocolly/colly/v2":     {"scrapers/crawl"},
		"go.etcd.io/bbolt":                {"store/bolt"},
		"modernc.org/sqlite":              {"store/index"},
		"github.com/robfig/cron/v3":       {"config"},
		"github.com/klippa-app/go-pdfium": {"scrapers/document"},
		"testing":                         {"store/storetest"},
	}
	for _, row := range golist(t, `{{.ImportPath}} {{join .Imports " "}}`) {
		pkg := strings.TrimPrefix(row[0], "ccgwatch/")
		for _, imp := range row[1:] {
			for lib, where := range only {
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && !slices.Contains(where, pkg) {
					t.Errorf("%s must not import %s: only %s does", pkg, imp, strings.Join(where, ", "))
				}
			}
		}
	}
}

// Every package says in one comment what it is for.
func TestPackageComments(t *testing.T) {
	for _, row := range golist(t, `{{.ImportPath}} {{.Doc}}`) {
		if len(row) < 2 {
			t.Errorf("%s has no package comment", row[0])
		}
	}
}

// What go.mod requires directly is what we import, and what the table in
// CONTRIBUTING.md gives a reason for: a new module needs a line there.
func TestDependencies(t *testing.T) {
	const file = "../../go.mod"
	if _, err := os.Stat(file); err != nil { // and go test runs this again when it changes
		t.Fatal(err)
	}
	out, err := exec.Command("go", "mod", "edit", "-json", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	var all, direct []string
	for _, r := range mod.Require {
		all = append(all, r.Path)
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	slices.Sort(direct)
	if diff := cmp.Diff(allowedModules(t), direct); diff != "" {
		t.Errorf("the table in CONTRIBUTING.md (-) and the direct requirements of go.mod (+) differ:\n%s", diff)
	}
	var imported []string
	for _, row := range golist(t, `{{join .Imports " "}} {{join .TestImports " "}} {{join .XTestImports " "}}`) {
		for _, imp := range row {
			if m := moduleOf(imp, all); m != "" {
				imported = append(imported, m)
			} else if host, _, _ := strings.Cut(imp, "/"); strings.Contains(host, ".") {
				t.Errorf("no requirement of go.mod gives %s", imp)
			}
		}
	}
	slices.Sort(imported)
	if diff := cmp.Diff(slices.Compact(imported), direct); diff != "" {
		t.Errorf("the modules we import (-) and the direct requirements of go.mod (+) differ:\n%s", diff)
	}
}

// allowedModules are the first cells of the table of dependencies, sorted.
func allowedModules(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(raw), "\n## Dependencies\n")
	if !ok {
		t.Fatal("CONTRIBUTING.md has no section of dependencies")
	}
	text, _, _ = strings.Cut(text, "\n## ")
	_, rows, ok := strings.Cut(text, "\n|---|---|\n")
	if !ok {
		t.Fatal("CONTRIBUTING.md has no table of dependencies")
	}
	var list []string
	for line := range strings.Lines(rows) {
		if cells := strings.Split(strings.TrimSpace(line), "|"); len(cells) == 4 && strings.TrimSpace(cells[2]) != "" {
			list = append(list, strings.TrimSpace(cells[1]))
		} else if len(cells) > 1 {
			t.Errorf("a row of the table without a module and a reason: %q", line)
		}
	}
	slices.Sort(list)
	return list
}

// moduleOf is the module that holds a package, the longest where several do.
func moduleOf(pkg string, modules []string) (best string) {
	for _, m := range modules {
		if (pkg == m || strings.HasPrefix(pkg, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	return best
}
