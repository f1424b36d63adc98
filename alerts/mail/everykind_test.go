package mail

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/storetest"
)

// TestPromiseEveryMailKind: 200 mails of every kind, made from titles and words
// as hostile as those of TestPromiseHostile, have nothing that the reviewers'
// checklist fails. CCGWATCH_PROMISES=1 makes all 200; by default it is 20.
func TestPromiseEveryMailKind(t *testing.T) {
	n := 20
	if os.Getenv("CCGWATCH_PROMISES") != "" || os.Getenv("CCGWATCH_SOAK") != "" {
		n = 200
	}
	seed := storetest.Seed(t)
	rnd := rand.New(rand.NewPCG(seed, 5))
	pages, byMail := composer(t, "https://watch.example.org"), composer(t, "")
	byMail.Mailbox = true
	dir := t.TempDir()
	files := map[string][]string{} // by what they are checked as
	kinds := []string{alerts.KindConfirm, alerts.KindManage, alerts.KindProbe, alerts.KindGoodbye, "operator", "trial", "switch"}
	base := letters()
	var names []string
	for name := range base {
		names = append(names, name)
	}
	slices.Sort(names)
	for i := range n {
		c, as := pages, "pages"
		if i%2 == 1 {
			c, as = byMail, "mail"
		}
		file := filepath.Join(dir, fmt.Sprintf("%03d.eml", i))
		var m alerts.Message
		var err error
		if k := i % (len(names) + len(kinds)); k < len(names) {
			l := base[names[k]]
			poison(&l, rnd)
			m = compose(t, c, l, i)
		} else {
			m, err = serviceOf(c, kinds[k-len(names)], i, rnd)
			as += " service"
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, m.Raw, 0o600); err != nil {
			t.Fatal(err)
		}
		files[as] = append(files[as], file)
	}
	for as, list := range files {
		var args []string
		if strings.HasPrefix(as, "mail") {
			args = append(args, "--mail-only")
		}
		if strings.HasSuffix(as, "service") {
			args = append(args, "--kind", "confirm")
		}
		emlcheckAs(t, args, list...)
	}
}

func serviceOf(c *Composer, kind string, i int, rnd *rand.Rand) (alerts.Message, error) {
	switch kind {
	case "operator":
		trouble := store.Trouble{Source: "s", Condition: store.Broken, Since: at("2026-08-11T07:00:00+01:00"), Detail: nasty(rnd)}
		_, m, err := c.Operator(at("2026-08-12T07:00:00+01:00").AddDate(0, 0, i), []store.Trouble{trouble, {Since: at("2026-08-11T07:00:00+01:00")}}, func(string) string { return nasty(rnd) })
		return m, err
	case "switch":
		_, m, err := c.SecondRelay(at("2026-08-12T07:00:00+01:00").AddDate(0, 0, i), alerts.Switch{To: "b.example:587", From: "a.example:587", Fallback: true, Why: nasty(rnd)})
		return m, err
	case "trial":
		return c.Trial(id(i), "ann@example.net", at("2026-08-12T07:00:00+01:00"))
	}
	s := service(kind)
	s.ID = id(i)
	s.Often = store.Oftens()[rnd.IntN(len(store.Oftens()))]
	return c.ComposeService(s)
}

func nasty(rnd *rand.Rand) string {
	all := hostile()
	return all[rnd.IntN(len(all))] + all[rnd.IntN(len(all))]
}

// poison puts hostile words wherever a letter holds words of others.
func poison(l *alerts.Letter, rnd *rand.Rand) {
	finding := func(f *store.Finding) {
		f.Title, f.Quote, f.Document, f.BodyName = nasty(rnd), nasty(rnd), nasty(rnd), nasty(rnd)
		if rnd.IntN(3) == 0 {
			f.URL = nasty(rnd)
		}
		for i := range f.Moves {
			f.Moves[i].Words = nasty(rnd)
		}
		if f.Deadline != nil {
			d := *f.Deadline
			d.Quote = nasty(rnd)
			f.Deadline = &d
		}
	}
	things := func(ts []alerts.Thing) {
		for i := range ts {
			for j := range ts[i].Findings {
				finding(&ts[i].Findings[j])
			}
		}
	}
	digest := func(d *alerts.Digest) {
		for i := range d.Meetings {
			d.Meetings[i].Item.Title, d.Meetings[i].Item.URL, d.Meetings[i].Body = nasty(rnd), nasty(rnd), nasty(rnd)
		}
		for i := range d.Closing {
			finding(&d.Closing[i].Finding)
		}
		for _, s := range append(slices.Clone(d.Sections), d.Mentioned, d.Undelivered) {
			things(s.Things)
		}
		for i := range d.Outages {
			d.Outages[i].Name, d.Outages[i].Paper = nasty(rnd), nasty(rnd)
		}
	}
	if l.Alert != nil {
		things(l.Alert.Things)
	}
	if l.Correction != nil {
		l.Correction.Words = nasty(rnd) + "\n\n" + nasty(rnd)
		for i := range l.Correction.About {
			finding(&l.Correction.About[i])
		}
	}
	if l.Digest != nil {
		digest(l.Digest)
	}
	for _, p := range l.Others {
		digest(p.Digest)
	}
}
