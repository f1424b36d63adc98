package mail

import (
	"bytes"
	"io"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

func service(kind string) alerts.Service {
	return alerts.Service{
		ID: id(77), Kind: kind, To: "ann@example.net", Often: store.Both, Token: strings.Repeat("Ab-_", 10) + "AbA",
		Date: at("2026-08-14T06:30:21Z"), Until: at("2026-08-21T06:30:21Z"),
	}
}

// The service mails as a person last read them, and as the reviewers' checklist
// wants them. Run with CCGWATCH_UPDATE=1 and read the difference.
func TestServiceMails(t *testing.T) {
	c := composer(t, "https://watch.example.org")
	byMail := composer(t, "")
	byMail.Mailbox = true
	files := map[string][]string{} // with what to check
	for name, c := range map[string]*Composer{"confirm": c, "manage": c, "probe": c, "confirm-mailonly": byMail, "manage-mailonly": byMail, "probe-mailonly": byMail,
		"goodbye": c, "goodbye-mailonly": byMail} {
		kind, _, mailOnly := strings.Cut(name, "-")
		m, err := c.ComposeService(service(kind))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := c.ComposeService(service(kind)); err != nil || !bytes.Equal(m.Raw, again.Raw) {
			t.Errorf("%s: the same letter gave other bytes (%v)", kind, err)
		}
		file := filepath.Join("testdata", name+".eml")
		if os.Getenv("CCGWATCH_UPDATE") != "" {
			if err := os.WriteFile(file, m.Raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(m.Raw)); d != "" {
			t.Errorf("not as in %s (-want +got):\n%s", file, d)
		}
		files[file] = []string{"--kind", "confirm", "--domain", "example.org", "--hosts", "watch.example.org"}
		if mailOnly {
			files[file] = []string{"--kind", "confirm", "--domain", "example.org", "--mail-only"}
		}
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("NOT CHECKED: no python3 for emlcheck.py")
	}
	for file, args := range files {
		args = append(append([]string{filepath.Join(shared(t), "tools", "emlcheck.py")}, args...), file)
		out, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("FAILS 0")) {
			t.Errorf("%s: %v\n%s", file, err, regexp.MustCompile(`(?m)^ok .*\n`).ReplaceAll(out, nil))
		}
	}
}

// What a service mail says leads to one page, whole however a reader unwraps
// it, and to no list.
func TestServiceMailsLinkToOnePage(t *testing.T) {
	c := composer(t, "https://watch.example.org")
	for kind, path := range map[string]string{alerts.KindConfirm: "/c/", alerts.KindManage: "/m/", alerts.KindProbe: "/m/"} {
		m, err := c.ComposeService(service(kind))
		if err != nil {
			t.Fatal(err)
		}
		msg, err := netmail.ReadMessage(bytes.NewReader(m.Raw))
		if err != nil {
			t.Fatal(err)
		}
		for name := range msg.Header {
			if strings.HasPrefix(name, "List-") || name == "Precedence" {
				t.Errorf("%s: it has %s", kind, name)
			}
		}
		text, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
		if err != nil {
			t.Fatal(err)
		}
		links := regexp.MustCompile(`https?://\S+`).FindAllString(string(text), -1)
		if want := []string{"https://watch.example.org" + path + service(kind).Token}; !cmp.Equal(links, want) {
			t.Errorf("%s: links %q, want %q", kind, links, want)
		}
	}
}

// Without pages a service mail says what to answer, as it is read by the program
// and as a mail program is told to write it.
func TestServiceMailsByMailAlone(t *testing.T) {
	c := composer(t, "")
	c.Mailbox = true
	for kind, verbs := range map[string][]string{alerts.KindConfirm: {"confirm"}, alerts.KindManage: {"unsubscribe", "change"}, alerts.KindProbe: {"unsubscribe", "change"}} {
		m, err := c.ComposeService(service(kind))
		if err != nil {
			t.Fatal(err)
		}
		msg, err := netmail.ReadMessage(bytes.NewReader(m.Raw))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
		if err != nil {
			t.Fatal(err)
		}
		for _, verb := range verbs {
			token := service(kind).Token
			for _, want := range []string{"\r\n" + verb + " " + token + "\r\n", "mailto:alerts@example.org?subject=" + verb + "%20" + token + "\r\n"} {
				if !strings.Contains(string(text), want) {
					t.Errorf("%s: it does not say %q", kind, want)
				}
			}
		}
		if strings.Contains(string(text), "http") || strings.Contains(string(text), "page") {
			t.Errorf("%s: it speaks of pages:\n%s", kind, text)
		}
	}
}

func TestServiceMailsThatCannotBe(t *testing.T) {
	pages, none := composer(t, "https://watch.example.org"), composer(t, "")
	bad := func(c *Composer, edit func(*alerts.Service)) {
		t.Helper()
		l := service(alerts.KindConfirm)
		l.To = "canary@example.net"
		edit(&l)
		if m, err := c.ComposeService(l); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v gave %q", err, m.Raw)
		}
	}
	bad(none, func(*alerts.Service) {})
	bad(pages, func(l *alerts.Service) { l.To = "canary@example.net\r\nBcc: x@example.net" })
	bad(pages, func(l *alerts.Service) { l.To = "Canary <canary@example.net>" })
	bad(pages, func(l *alerts.Service) { l.To = "canäry@example.net" })
	bad(pages, func(l *alerts.Service) { l.Kind = alerts.KindAlert })
}
