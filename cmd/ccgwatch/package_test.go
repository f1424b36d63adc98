package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A cleanRoot is a Debian with nothing on it but what every Debian has.
type cleanRoot struct {
	t   *testing.T
	dir string
}

// need skips, loudly, where a program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("SKIPPED: %s is not installed, so this is not tested", p)
		}
	}
}

func sh(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// run runs a command in the root, with a /proc that is gone with it.
func (r cleanRoot) run(args ...string) string {
	r.t.Helper()
	const inside = `mount -t proc proc "$0/proc" && exec chroot "$0" "$@"`
	return sh(r.t, "unshare", append([]string{"--mount", "sh", "-c", inside, r.dir}, args...)...)
}

func (r cleanRoot) install(deb string) string {
	r.t.Helper()
	at := filepath.Join(r.dir, "tmp", "new.deb")
	raw, err := os.ReadFile(deb)
	if err == nil {
		err = os.WriteFile(at, raw, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return r.run("dpkg", "-i", "/tmp/new.deb")
}

// newer is the same package with a higher version.
func newer(t *testing.T, deb string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "x")
	sh(t, "dpkg-deb", "-R", deb, dir)
	control := filepath.Join(dir, "DEBIAN", "control")
	raw, err := os.ReadFile(control)
	if err != nil {
		t.Fatal(err)
	}
	next := regexp.MustCompile(`(?m)^Version: .*$`).ReplaceAllString(string(raw), "Version: 99.0")
	if err := os.WriteFile(control, []byte(next), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "newer.deb")
	sh(t, "dpkg-deb", "--root-owner-group", "-b", dir, out)
	return out
}

// The package in a clean Debian: it installs, the program runs as its own user,
// and neither an upgrade nor a removal, not even a purge, takes what was kept.
// CCGWATCH_DEB names the package ('make debcheck').
func TestPackageKeepsTheData(t *testing.T) {
	deb := os.Getenv("CCGWATCH_DEB")
	if deb == "" {
		t.Skip("CCGWATCH_DEB names no package: run 'make debcheck'")
	}
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: a clean root needs root")
	}
	need(t, "mmdebstrap", "dpkg-deb", "chroot", "unshare")
	if !filepath.IsAbs(deb) {
		deb = filepath.Join("..", "..", deb)
	}
	r := cleanRoot{t, filepath.Join(t.TempDir(), "root")}
	sh(t, "mmdebstrap", "--quiet", "--variant=essential", "--include=passwd,man-db", "bookworm", r.dir)

	said := r.install(deb)
	if !strings.Contains(said, "ccgwatchctl init") {
		t.Errorf("the installation does not say what comes next:\n%s", said)
	}
	for path, want := range map[string]string{"/etc/ccgwatch": "750 ccgwatch ccgwatch", "/var/lib/ccgwatch": "700 ccgwatch ccgwatch"} {
		if got := strings.TrimSpace(r.run("stat", "-c", "%a %U %G", path)); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	r.run("ccgwatchctl", "init", "--yes", "--no-crawl", "--no-test-mail", "--area", "leicester")
	r.run("ccgwatchctl", "subscribers", "add", "reader@example.org", "--consent", "on paper, 1 May")
	if got := strings.TrimSpace(r.run("stat", "-c", "%a %U", "/etc/ccgwatch/ccgwatch.toml")); !strings.HasSuffix(got, " ccgwatch") {
		t.Errorf("the settings belong to %s", got)
	}
	if page := r.run("sh", "-c", "man ccgwatch-crawl 2>&1 | head -40"); !strings.Contains(page, "--release") {
		t.Errorf("no manual page:\n%s", page)
	}

	kept := func(when string) {
		t.Helper()
		if list := r.run("ccgwatchctl", "subscribers", "list"); !strings.Contains(list, "reader@example.org") {
			t.Errorf("%s the subscriber is gone:\n%s", when, list)
		}
	}
	kept("before the upgrade")
	r.install(newer(t, deb))
	kept("after the upgrade")
	r.run("dpkg", "-r", "ccgwatch")
	r.install(deb)
	kept("after removal and installation")
	said = r.run("dpkg", "-P", "ccgwatch")
	if !strings.Contains(said, "/var/lib/ccgwatch") {
		t.Errorf("a purge does not say where the data still are:\n%s", said)
	}
	for _, path := range []string{"/var/lib/ccgwatch/ccgwatch.db", "/etc/ccgwatch/ccgwatch.toml"} {
		if _, err := os.Stat(filepath.Join(r.dir, path)); err != nil {
			t.Errorf("a purge took %s: %v", path, err)
		}
	}
	if _, err := os.Stat(filepath.Join(r.dir, "usr/bin/ccgwatch")); err == nil {
		t.Error("a purge left the program")
	}
}

// The unit is one that systemd reads without a remark, and that leaves a broken
// daemon little to do: at most 2.0 of its ten (promises, section 4.3).
func TestPackageUnit(t *testing.T) {
	need(t, "systemd-analyze")
	raw, err := os.ReadFile("dist/ccgwatch.service")
	if err != nil {
		t.Fatal(err)
	}
	// Verified with a program that is there, and without the manual, which is not.
	unit := strings.ReplaceAll(string(raw), "/usr/bin/ccgwatch", "/bin/true")
	unit = regexp.MustCompile(`(?m)^Documentation=.*\n`).ReplaceAllString(unit, "")
	at := filepath.Join(t.TempDir(), "ccgwatch.service")
	if err := os.WriteFile(at, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := sh(t, "systemd-analyze", "verify", at); strings.TrimSpace(out) != "" {
		t.Errorf("systemd-analyze verify remarks:\n%s", out)
	}
	out := sh(t, "systemd-analyze", "security", "--offline=true", at)
	m := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no score in\n%s", out)
	}
	if score, err := strconv.ParseFloat(m[1], 64); err != nil || score > 2.0 {
		t.Errorf("systemd-analyze security scores %s, want 2.0 or less\n%s", m[1], out)
	}
}
