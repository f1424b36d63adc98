package inbox_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ccgwatch/alerts/mail/inbox"
	"ccgwatch/store"
)

// Who writes what cannot be understood is told what was wrong and how it is
// done, without a word of theirs: the sender may be made up, and whoever it
// goes to must not get a stranger's message.
func TestWhatIsNotUnderstoodIsAnswered(t *testing.T) {
	t.Parallel()
	code := strings.Repeat("aB3", 13)
	for subject, say := range map[string]string{
		"subscribe topic:evil.example":              "expected one of tenders, outsourcing",
		"subscribe http://evil.example/click":       "expected one of topic: body: area:",
		`subscribe weekly "evil example`:            "at character 14 of them we expected the closing quotation mark",
		"subscribe (evil OR":                        "of them we expected",
		"subscibe evil":                             "cannot tell what you want",
		"Unsubcribe evil":                           "cannot tell what you want",
		"Sign me up!":                               "cannot tell what you want",
		"confirm":                                   "a part of it is missing",
		"confirm " + code:                           "a part of it is missing",
		"change " + code + " evil":                  "a part of it is missing",
		"confirm " + strings.Repeat("A", 43):        "opens nothing, or not any more",
		"Re: [External] help":                       "Nothing is subscribed under this address",
		"stop":                                      "Nothing is subscribed under it",
		"=?utf-8?q?subscribe_topic:=E2=80=AEevil?=": "expected one of tenders, outsourcing",
	} {
		o := newOffice(t)
		effect := o.write("vi@example.net", subject)
		if effect != inbox.EffectAnswered && effect != inbox.EffectAsked {
			t.Errorf("%s: %q", subject, effect)
			continue
		}
		l := o.send()
		if len(l) != 1 || l[0].to != "vi@example.net" {
			t.Errorf("%s: %+v", subject, l)
			continue
		}
		if text := strings.Join(strings.Fields(l[0].text), " "); !strings.Contains(text, say) || strings.Contains(strings.ToLower(text), "evil") {
			t.Errorf("%s: %s", subject, text)
		}
		if strings.Contains(say, "expected") && !strings.Contains(l[0].text, "subscribe weekly dialysis") {
			t.Errorf("%s: no example: %s", subject, l[0].text)
		}
		o.checklist(t, l[0])
	}
}

// checklist holds the bytes of a letter against the checklist of a correct mail.
func (o *office) checklist(t *testing.T, l letter) {
	t.Helper()
	shared := os.Getenv("CCGWATCH_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	tool := filepath.Join(shared, "tools", "emlcheck.py")
	if _, err := os.Stat(tool); err != nil {
		t.Logf("SKIPPED, NOT CHECKED by the checklist: %v", err)
		return
	}
	raw, err := o.store.Raw(t.Context(), l.id)
	o.must(err)
	file := filepath.Join(t.TempDir(), l.id+".eml")
	o.must(os.WriteFile(file, raw, 0o600))
	if out, err := exec.Command("python3", tool, "--kind", "confirm", "--mail-only", "--domain", "example.org", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, raw)
	}
}

// Letters to people are left to people, and a machine is never answered.
func TestNobodyIsAnsweredWhoWroteToPeople(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for subject, want := range map[string]string{
		"Subscribers' meeting on Tuesday":        inbox.EffectLeft,
		"Subscribed to your list, thank you":     inbox.EffectLeft,
		"Change of date":                         inbox.EffectLeft,
		"Confirm your attendance please":         inbox.EffectLeft,
		"Re: Your mail to CCGWatch (Our NHS)":    inbox.EffectLeft,
		"Joining the campaign":                   inbox.EffectLeft,
		"Remove the barriers to dialysis":        inbox.EffectLeft,
		"Describe the plan":                      inbox.EffectLeft,
		"Automatic reply: subscibe":              inbox.EffectIgnored,
		"Confirm MeetingRoom2 is free on 12 May": inbox.EffectLeft,
	} {
		o.want(subject, o.write("vi@example.net", subject), want)
	}
	auto := strings.Replace(o.mail("robot@example.net", "alerts@example.org", "subscribe topic:what"), "Subject:", "Auto-Submitted: auto-replied\r\nSubject:", 1)
	o.want("a machine", o.take(auto), inbox.EffectIgnored)
	for _, from := range []string{"mailer-daemon@example.net", "alerts@example.org", "no-reply@example.net"} {
		o.want(from, o.write(from, "subscribe topic:what"), inbox.EffectIgnored)
	}
	if l := o.send(); len(l) != 0 {
		t.Errorf("%+v", l)
	}
}

// Answers count towards the caps of an address like all service mail, and who
// was answered is forgotten after a week.
func TestAnswersAreCapped(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for range 20 {
		o.want("nonsense", o.write("vi@example.net", "subscribe topic:what"), inbox.EffectAnswered)
	}
	if l := o.send(); len(l) != 3 {
		t.Errorf("%d answers in a day, want 3", len(l))
	}
	for range 10 {
		o.now = o.now.Add(25 * time.Hour)
		o.write("vi@example.net", "subscribe topic:what")
	}
	if l := o.send(); len(l) != 2 {
		t.Errorf("%d more answers to who never confirmed, want 2", len(l))
	}
	if subs := o.subs(); len(subs) != 1 || subs[0].State != store.StateVisitor {
		t.Errorf("%+v", subs)
	}
	o.now = o.now.Add(8 * 24 * time.Hour)
	_, err := o.Desk.Tidy(t.Context(), o.now, nil)
	o.must(err)
	if subs := o.subs(); len(subs) != 0 {
		t.Errorf("%+v", subs)
	}
	o.want("one who was told no more", o.write("wim@example.net", "subscribe topic:what"), inbox.EffectAnswered)
	_, err = o.store.Erase(t.Context(), "wim@example.net")
	o.must(err)
	if l := o.send(); len(l) != 0 {
		t.Errorf("erased, and answered: %+v", l)
	}
}
