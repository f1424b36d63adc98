package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"ccgwatch/store"
)

// The row of a source that is not followed said so twice, with two blanks between.
func TestSourceIsNotFollowedTwice(t *testing.T) {
	for _, c := range []struct{ when, note, want string }{
		{"not followed", "", "not followed"},
		{"not followed", "not followed: the layout of its page is not known yet", "not followed; the layout of its page is not known yet"},
		{"every day at 07:05", "incomplete certificate chain seen", "every day at 07:05; incomplete certificate chain seen"},
	} {
		if got := withNote(c.when, c.note); got != c.want {
			t.Errorf("%q and %q: %q, want %q", c.when, c.note, got, c.want)
		}
	}
}

// A failing source was told of as "could not read the visit", in the time of computers,
// and long names pushed the words of their lines out of the column.
func TestStatusOfAFailingSourceIsASentence(t *testing.T) {
	var out bytes.Buffer
	e := &env{stdout: &out}
	for _, r := range []jsonStatus{
		{Source: "hinckley-and-bosworth", State: "failing", FailingSince: stamp(townStart()), Condition: store.Unreachable, Problems: []store.Problem{{What: "the visit", Since: townStart(), Reason: store.ReasonNetwork}}},
		{Source: "melton", State: "never"},
	} {
		if err := printStatus(e, r, len("hinckley-and-bosworth")); err != nil {
			t.Fatal(err)
		}
	}
	want := `hinckley-and-bosworth FAILING since Monday 7 September 2026, 07:00, UNREACHABLE; not read completely yet
    could not read it since Monday 7 September 2026, 07:00: network
melton                not looked at yet
`
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// The log said "again true" and "silent false".
func TestLogSaysWhatIsSoAndNotWhatIsNot(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newSentenceLog(&out))
	log.Info("waiting", "source", "leicester", "again", true, "silent", false, "because", "network")
	if got := out.String(); !strings.HasSuffix(got, " waiting: source leicester, again, because network\n") {
		t.Errorf("it says %q", got)
	}
}

// The operator's page said that all was well while half of the sources were not read.
func TestOperatorPageIsNotWellWhileSourcesFail(t *testing.T) {
	a := filled(t)
	defer closeApp(t, a)
	page, _ := operatorOf(t, a)
	for _, c := range []struct {
		failing   int
		says, not string
	}{
		{0, "Yes: it reads, it writes", "could not be read"},
		{1, "But 1 of 2 sources could not be read at the last look", "Yes: it reads"},
	} {
		var b bytes.Buffer
		if err := page.page.Execute(&b, operatorView{Sources: make([]sourceLine, 2), Failing: c.failing}); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); !strings.Contains(got, c.says) || strings.Contains(got, c.not) {
			t.Errorf("with %d failing:\n%s", c.failing, got)
		}
	}
}
