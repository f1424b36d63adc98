package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// imports is the architecture: each package, and all it may import of ours.
func imports() map[string][]string {
	scrapers := []string{"scrapers/crawl", "scrapers/document", "store"}
	return map[string][]string{
		"store/query":              {},
		"config":                   {},
		"config/catalogue":         {},
		"scrapers/document":        {},
		"store":                    {"store/query"},
		"store/bolt":               {"store", "store/query"},
		"store/storetest":          {"store", "store/query"},
		"scrapers/crawl":           {"store"},
		"scrapers/crawl/crawltest": {},
		"scrapers/ocds":            scrapers,
		"scrapers/moderngov":       scrapers,
		"scrapers/boards":          scrapers,
		"scrapers":                 append([]string{"scrapers/ocds", "scrapers/moderngov", "scrapers/boards"}, scrapers...),
		"alerts/judge":             {"store"},
		"alerts":                   {"alerts/judge", "store", "store/query"},
		"alerts/mail":              {"alerts", "alerts/judge", "store", "store/query"},
		"alerts/web":               {"alerts", "alerts/judge", "store", "store/query"},
	}
}

func golist(t *testing.T, format string) [][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", format, "ccgwatch/...").Output()
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
		"github.com/robfig/cron/v3":       {"config"},
		"github.com/klippa-app/go-pdfium": {"scrapers/document"},
		"github.com/wneessen/go-mail":     {"alerts/mail"},
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
