package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func catalogue() Known {
	return Known{
		Areas:   []string{"leicester", "leicestershire", "rutland"},
		Builtin: []string{"find-a-tender", "leicester", "leicestershire", "rutland"},
		Bodies:  []string{"leicester-city-council"},
	}
}

var compareSchedules = cmp.Comparer(func(a, b Schedule) bool { return a.String() == b.String() })
var compareSecrets = cmp.Comparer(func(a, b Secret) bool { return a.Reveal() == b.Reveal() })
var comparePrefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func same(want, got Config) string {
	return cmp.Diff(want, got, compareSchedules, compareSecrets, comparePrefixes)
}

func TestDocumentedFileIsWhatItSays(t *testing.T) {
	got, err := catalogue().Load("testdata/good-documented.toml")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Path = "testdata/good-documented.toml"
	want.Group.Name, want.Group.Email = "Save our NHS Leicestershire", "alerts@example.org"
	want.Fetch.AllowPrivate = []netip.Prefix{}
	platform, base, hourly := "find-a-tender", "https://www.find-tender.service.gov.uk", must(ParseSchedule("17 7-19 * * *"))
	want.Sources = []Source{{ID: "find-a-tender", Platform: &platform, Base: &base, Schedule: &hourly, Line: 13}}
	if d := same(want, got); d != "" {
		t.Error("(-want +got)\n", d)
	}
}

func TestEmptyFileIsTheDefaults(t *testing.T) {
	got, err := catalogue().Load("testdata/good-empty.toml")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Path = "testdata/good-empty.toml"
	if d := same(want, got); d != "" {
		t.Error("(-want +got)\n", d)
	}
}

func TestEveryFieldIsRead(t *testing.T) {
	dir := t.TempDir()
	full, err := os.ReadFile("testdata/good-full.toml")
	if err != nil {
		t.Fatal(err)
	}
	windows, err := os.ReadFile("testdata/good-windows.toml")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "mailbox.secret"), "correct horse\n", 0o600)
	p := func(s string) *string { return &s }
	delay, yes, no := Duration(0), true, false
	quarter := must(ParseSchedule("*/15 * * * *"))
	want := Config{
		Group: Group{Name: "Our NHS", Email: "alerts@watch.example.org", URL: "https://watch.example.org", Areas: []string{}},
		Fetch: Fetch{DelayGiven: true,
			Delay: Duration(90 * time.Second), Proxy: "http://127.0.0.1:3128",
			AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.1.0.0/16")},
		},
		Sources: []Source{
			{ID: "leicester", Enabled: &no, Line: 8},
			{
				ID: "testville", Name: p("Testville Council"), Platform: p("moderngov"), Base: p("http://127.0.0.1:8099/moderngov/testville"),
				Schedule: &quarter, Committees: &[]string{"420", "Health Scrutiny"}, Delay: &delay,
				Hosts: &[]string{"papers.example.org"}, Enabled: &yes, Line: 12,
			},
			{
				ID: "testville-trust", Platform: p("boards"), Base: p("https://trust.example.org"), Page: p("/board/?year=2026"),
				Layout: p("accordion"), Body: p("leicester-city-council"), Line: 23,
			},
		},
		SMTP:    SMTP{Host: "127.0.0.1", Port: 2525, TLS: "none", Connections: 1, PerMinute: 30},
		Mailbox: Mailbox{Host: "imap.example.org", Port: 143, TLS: "starttls", Username: "alerts@watch.example.org", PasswordFile: "mailbox.secret", Password: NewSecret("correct horse"), Folder: "Bounces", Plus: true},
		Web:     Web{Listen: "0.0.0.0:8080", Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/32"), netip.MustParsePrefix("fd00::/64")}},

		Operator:  Operator{Listen: "localhost:8081", Ping: NewSecret("https://ping.example.org/0b1c"), PingEvery: Duration(30 * time.Minute)},
		Export:    Export{Dir: filepath.FromSlash("/srv/watch"), Every: Duration(2 * time.Hour), URL: "https://example.org/watch"},
		Documents: Documents{OCR: true},
	}
	for name, b := range map[string][]byte{"full": full, "windows line ends, tab and byte order mark": windows} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "ccgwatch.toml")
			write(t, path, string(b), 0o644)
			got, err := catalogue().Load(path)
			if err != nil {
				t.Fatal(err)
			}
			want.Path = path
			if d := same(want, got); d != "" {
				t.Error("(-want +got)\n", d)
			}
		})
	}
}

// Each bad file begins with the messages it must give, as comments.
func TestMistakesAreNamed(t *testing.T) {
	files, err := filepath.Glob("testdata/bad-*.toml")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for line := range strings.Lines(string(b)) {
				message, ok := strings.CutPrefix(line, "# ")
				if !ok {
					break
				}
				want = append(want, "testdata/"+strings.TrimSpace(message))
			}
			_, err = catalogue().Load(file)
			var all *Error
			if !errors.As(err, &all) {
				t.Fatalf("got %v", err)
			}
			if d := cmp.Diff(want, strings.Split(err.Error(), "\n")); d != "" {
				t.Error("(-want +got)\n", d)
			}
		})
	}
}

func TestValues(t *testing.T) {
	const group, fetch, web, operator = "[group]\n%s", "[fetch]\n%s", "[web]\n%s", "[operator]\n%s"
	source := "[[source]]\nid = \"leicester\"\n%s"
	for _, c := range []struct {
		in, line string
		ok       bool
	}{
		{group, `email = "a.b+c@sub.example.org"`, true},
		{group, `email = ""`, true},
		{group, `email = "a@b@example.org"`, false},
		{group, `email = "a@example.org, b@example.org"`, false},
		{group, `email = "<a@example.org>"`, false},
		{group, `email = "\"a b\"@example.org"`, false},
		{group, `email = "a@[127.0.0.1]"`, false},
		{group, `email = "a@127.0.0.1"`, false},
		{group, `email = "a@example.org."`, false},
		{group, `email = "a@example"`, false},
		{group, `email = "ü@example.org"`, false},
		{group, `email = "a@exämple.org"`, false},
		{group, `email = "` + strings.Repeat("a", 65) + `@example.org"`, false},
		{group, `url = "https://watch.example.org"`, true},
		{group, `url = "https://watch.example.org:8443/"`, true},
		{group, `url = "http://127.0.0.1:8080"`, true},
		{group, `url = "http://localhost"`, true},
		{group, `url = "http://[::1]:8080"`, true},
		{group, `url = "http://example.org"`, false},
		{group, `url = "https://192.0.2.1"`, false},
		{group, `url = "https://example.org/watch"`, false},
		{group, `url = "https://example.org?x"`, false},
		{group, `url = "https://example.org?"`, false},
		{group, `url = "https://example.org#"`, false},
		{group, `url = "https://u:p@example.org"`, false},
		{group, `url = "https://example.org "`, false},
		{group, `url = "https://"`, false},
		{group, `url = "https://example.org:0"`, false},
		{group, `url = "https://example.org:"`, false},
		{group, `url = "javascript:alert(1)"`, false},
		{group, `url = 5`, false},
		{group, `areas = "leicester"`, false},
		{group, `areas = [1]`, false},
		{group, `builtin_sources = "false"`, false},
		{group, `name = ""`, false},
		{group, `name = "a\u202Eb"`, false},
		{fetch, `delay = "24h"`, true},
		{fetch, `delay = "24h1s"`, false},
		{fetch, `delay = "1e3"`, false},
		{fetch, `delay = "٣s"`, false},
		{fetch, `delay = "5"`, false},
		{fetch, `delay = ""`, false},
		{fetch, `proxy = "socks5://127.0.0.1:1"`, false},
		{fetch, `proxy = "http://user:pass@127.0.0.1:1"`, false},
		{fetch, `proxy = "http://127.0.0.1:3128/x"`, false},
		{fetch, `allow_private = ["127.1"]`, false},
		{fetch, `allow_private = ["localhost"]`, false},
		{fetch, `allow_private = ["fe80::1%eth0"]`, false},
		{web, `listen = ""`, true},
		{web, `listen = "localhost:0"`, true},
		{web, `listen = "[::1]:8080"`, true},
		{web, `listen = ":8080"`, false},
		{web, `listen = "127.0.0.1"`, false},
		{web, `listen = "127.0.0.1:http"`, false},
		{web, `listen = "127.0.0.1:70000"`, false},
		{operator, `listen = "127.0.0.1:8081"`, true},
		{operator, `listen = ""`, true},
		{operator, `listen = "0.0.0.0:8081"`, false},
		{operator, `listen = "192.168.1.2:8081"`, false},
		{operator, `ping = "https://ping.example.org/0b1c"`, true},
		{operator, `ping = "http://127.0.0.1:1/x"`, true},
		{operator, `ping = ""`, true},
		{operator, `ping = "http://ping.example.org/0b1c"`, false},
		{operator, `ping = "ping.example.org"`, false},
		{operator, `ping_every = "10s"`, false},
		{source, `base = "http://www.example.org:8071/sub"`, true},
		{source, `base = "https://u@example.org"`, false},
		{source, `base = "https://example.org/?a=b"`, false},
		{source, `base = "//example.org"`, false},
		{source, `base = "https://exa mple.org"`, false},
		{source, `base = "https://0x7f000001"`, false},
		{source, `page = "/about/board-meetings/"`, true},
		{source, `page = "https://www.example.org/board"`, true},
		{source, `page = "about"`, false},
		{source, `page = "//evil.example.org/"`, false},
		{source, `page = "/a/../b"`, false},
		{source, `page = "/a/%2e%2e/b"`, false},
		{source, `layout = "two-hop"`, true},
		{source, `layout = "cards"`, false},
		{source, `body = "leicester-city-council"`, true},
		{source, `body = "leicester-town-council"`, false},
		{source, `hosts = ["files.example.org", "FILES.example.org:1"]`, false},
		{source, `committees = [-1]`, false},
		{source, `committees = [1.5]`, false},
		{source, `schedule = "* * * * * *"`, false},
		{source, `schedule = "60 * * * *"`, false},
		{source, `schedule = "@every 0s"`, false},
		{source, `schedule = "@daily"`, false},
		{source, `schedule = "TZ="`, false},
		{source, `schedule = "CRON_TZ=Asia/Tokyo 0 1 * * *"`, false},
		{source, `schedule = "0 0 29 2 *"`, true},
		{source, `schedule = "0 0 31 4,6,9,11 *"`, false},
		{source, `schedule = "0 0 * * 7"`, false},
		{source, `schedule = "*/0 * * * *"`, false},
		{source, `schedule = ""`, false},
		{source, `schedule = 2026-01-01`, false},
	} {
		t.Run(c.line, func(t *testing.T) {
			_, err := catalogue().Parse("x.toml", []byte(fmt.Sprintf(c.in, c.line)))
			if c.ok != (err == nil) {
				t.Fatalf("accepted: %v, want %v: %v", err == nil, c.ok, err)
			}
			var all *Error
			if err != nil && (!errors.As(err, &all) || len(all.Faults) != 1 || all.Faults[0].Line < 2) {
				t.Errorf("want one mistake with its line, got %v", err)
			}
		})
	}
}

func TestFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.toml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := Load(dir); err == nil {
		t.Error("a directory was read")
	}
	huge := filepath.Join(dir, "huge.toml")
	write(t, huge, strings.Repeat("# \n", 5<<20), 0o644)
	if _, err := Load(huge); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("15 MB were read: %v", err)
	}
}

func TestPasswordFiles(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want, err  string
	}{
		{"plain", "secret", 0o600, "secret", ""},
		{"one newline", "secret\n", 0o600, "secret", ""},
		{"windows newline", "secret\r\n", 0o400, "secret", ""},
		{"spaces count", " secret ", 0o600, " secret ", ""},
		{"two lines", "secret\n\n", 0o600, "", "more than one line"},
		{"empty", "\n", 0o600, "", "is empty"},
		{"readable by the group", "secret", 0o640, "", "others may read it (mode 0640); expected 0600"},
		{"readable by all", "secret", 0o644, "", "others may read it"},
		{"too long", strings.Repeat("x", 5000), 0o600, "", "larger than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, c.name)
			write(t, path, c.text, c.mode)
			got, err := ReadSecret(path)
			if got.Reveal() != c.want || (err == nil) != (c.err == "") {
				t.Fatalf("%q, %v", got.Reveal(), err)
			}
			if err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "secret\n")) {
				t.Error(err)
			}
		})
	}
	if _, err := ReadSecret(dir); err == nil {
		t.Error("a directory was read")
	}
}

func TestSecretsPrintAsStars(t *testing.T) {
	c := Default()
	c.SMTP.Password = NewSecret("hunter2")
	j, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		fmt.Sprint(c), fmt.Sprintf("%v %+v %#v", c, c, c), fmt.Sprintf("%s %q %x %d", c.SMTP.Password, c.SMTP.Password, c.SMTP.Password, c.SMTP.Password),
		fmt.Sprint(&c.SMTP.Password), fmt.Sprint(fmt.Errorf("with %v", c.SMTP)), string(j),
	} {
		if strings.Contains(s, "hunter2") || strings.Contains(s, fmt.Sprintf("%x", "hunter2")) || !strings.Contains(s, "***") {
			t.Errorf("the password shows in %s", s)
		}
	}
}

// What `add` writes is read back as the same source.
func TestSourcesAreWrittenAsTheyAreRead(t *testing.T) {
	b, err := os.ReadFile("testdata/good-full.toml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalogue().Parse("x.toml", b)
	if err != nil {
		t.Fatal(err)
	}
	quoted := `a "b" \\ c`
	c.Sources[0].Name = &quoted
	for _, want := range c.Sources {
		text, err := want.TOML()
		if err != nil {
			t.Fatal(err)
		}
		again, err := catalogue().Parse("x.toml", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		want.Line = 1
		if d := same(Config{Sources: []Source{want}}, Config{Sources: again.Sources}); d != "" {
			t.Errorf("%s(-want +got)\n%s", text, d)
		}
	}
}

func TestEveryPlatformHasAUsualSchedule(t *testing.T) {
	for _, p := range Platforms() {
		if _, err := ParseSchedule(UsualSchedule(p)); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func TestDefaultsAreSound(t *testing.T) {
	c := Default()
	f := &faults{}
	checkWhole(&c, catalogue(), f)
	if f.all != nil {
		t.Error(f.all)
	}
}

// FuzzLoad: no file makes it fall over; a mistake has a line of the file; what
// is accepted is safe to put into headers, paths and links.
func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.toml")
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil {
			f.Add(b)
		}
	}
	f.Add([]byte("a.b.c = {d = [[[{}]]]}\n[source]\n[[source.x]]\n[source.x.y]\n"))
	f.Add([]byte("source = [1, {id = \"a\"}]\n\"\" = 1\n'a b'.c = 2"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := catalogue().Parse("x.toml", b)
		var all *Error
		if errors.As(err, &all) {
			lines := strings.Count(string(b), "\n") + 1
			for _, x := range all.Faults {
				if x.Line < 0 || x.Line > lines || x.Message == "" {
					t.Errorf("odd fault %+v in %d lines", x, lines)
				}
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{c.Group.Name, c.Group.Email, c.Group.URL, c.SMTP.Username, c.SMTP.Host, c.Web.Listen} {
			if strings.ContainsAny(s, "\r\n\x00") {
				t.Errorf("accepted %q", s)
			}
		}
		seen := map[string]bool{}
		for _, s := range c.Sources {
			if s.ID == "" || seen[s.ID] || strings.ContainsAny(s.ID, "./\\") || s.Line < 1 {
				t.Errorf("accepted the source %+v", s)
			}
			seen[s.ID] = true
			if s.Schedule != nil && s.Schedule.Next(time.Unix(0, 0)).IsZero() {
				t.Errorf("%s never fires", s.Schedule)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text, err := os.ReadFile("testdata/good-documented.toml")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := catalogue().Parse("x.toml", text); err != nil {
			b.Fatal(err)
		}
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func must(s Schedule, err error) Schedule {
	if err != nil {
		panic(err)
	}
	return s
}
