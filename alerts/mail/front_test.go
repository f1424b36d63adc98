package mail

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// TestToldToMany: what is put into words once for all who are told the same is, to
// the last byte, what each would have got alone: also where it must be shortened.
func TestToldToMany(t *testing.T) {
	long := week()
	for i := range 40 {
		s := alerts.Section{Topic: store.Topic(fmt.Sprint("topic", i))}
		for range 10 {
			s.Things = append(s.Things, things(paper())...)
		}
		long.Sections = append(long.Sections, s)
	}
	lost := *week()
	lost.Undelivered = alerts.Section{Things: things(notice(), paper()), More: 3}
	digests := map[string]*alerts.Digest{"a week": week(), "a long week": long, "what was lost": &lost}
	for name, l := range letters() {
		if l.Digest != nil && len(l.Others) == 0 {
			digests[name] = l.Digest
		}
	}
	for name, d := range digests {
		for _, base := range []string{"", "https://watch.example.org"} {
			c := composer(t, base)
			many := *d
			many.Memo = map[string]any{}
			for i, often := range []string{store.Weekly, store.Instant, store.Weekly, store.Weekly, store.Weekly, store.Both, store.Instant, store.Weekly, store.Weekly, store.Weekly} {
				s := subscription(often)
				s.ID, s.Address, s.Query = id(i), fmt.Sprintf("reader%d@example.net", i), []string{"ward", "ward", `"\x01token\x01" & <b>`}[i%3]
				one := compose(t, c, alerts.Letter{Digest: d, Subscription: s}, i)
				of := compose(t, c, alerts.Letter{Digest: &many, Subscription: s}, i)
				if one.Subject != of.Subject || !bytes.Equal(one.Raw, of.Raw) {
					t.Errorf("%s: reader %d gets something else:\n%s\n%s", name, i, one.Raw, of.Raw)
				}
			}
			if len(many.Memo) == 0 {
				t.Errorf("%s: nothing was kept", name)
			}
		}
	}
}

// Symptom: of eleven findings whose mails had been given up, the digest that brought
// them named ten. Nobody was told of the eleventh.
func TestOfWhatWasLostAsMuchIsToldAsAnAlertShows(t *testing.T) {
	for _, often := range []string{store.Instant, store.Weekly} {
		d := &alerts.Digest{Slot: week().Slot, Now: week().Now}
		for i := range alerts.MaxThings {
			f := notice()
			f.ID, f.Key, f.Title = fmt.Sprint("f", i), fmt.Sprint("n", i), fmt.Sprintf("Lost notice %02d", i)
			d.Undelivered.Things = append(d.Undelivered.Things, things(f)...)
		}
		_, text, _ := parts(t, compose(t, composer(t, ""), alerts.Letter{Digest: d, Subscription: subscription(often)}, 0).Raw)
		for i := range alerts.MaxThings {
			if want := fmt.Sprintf("Lost notice %02d", i); !strings.Contains(text, want) {
				t.Errorf("%s: nothing of %q", often, want)
			}
		}
	}
}
