package alerts_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"ccgwatch/alerts"
	alertsmail "ccgwatch/alerts/mail"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// BenchmarkSignUp is one sign-up from the form to the durable outbox, and one
// that is refused because too many came before.
func BenchmarkSignUp(b *testing.B) {
	for _, refused := range []bool{false, true} {
		b.Run(fmt.Sprintf("refused=%v", refused), func(b *testing.B) {
			st, err := bolt.Open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			links, err := alerts.NewLinks("https://watch.example.org", "alerts@example.org", bytes.Repeat([]byte("k"), 32))
			if err != nil {
				b.Fatal(err)
			}
			composer, err := alertsmail.NewComposer("Our NHS", links, time.UTC)
			if err != nil {
				b.Fatal(err)
			}
			d := &alerts.Desk{Subscribers: st, Signups: st, Outbox: st, Links: links, Caps: alerts.DefaultCaps(), Compose: composer.ComposeService, Log: slog.New(slog.DiscardHandler)}
			if d.Caps.AllHour = 0; !refused {
				d.Caps.AllHour, d.Caps.DomainHour = 1<<30, 1<<30
			}
			now, n := time.Unix(1_800_000_000, 0), 0
			for b.Loop() {
				n++
				// A minute between them keeps the counts of the hour at the 60 that a day would see.
				err := d.SignUp(b.Context(), now.Add(time.Duration(n)*time.Minute), alerts.Application{Address: fmt.Sprintf("a%d@example.net", n), Query: "dialysis", Often: store.Weekly, Form: "1"})
				if (err != nil) != refused {
					b.Fatal(err)
				}
			}
		})
	}
}
