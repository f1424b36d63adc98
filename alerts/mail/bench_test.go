package mail

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"testing"

	"github.com/emersion/go-smtp"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// A sink takes mail and keeps none.
type sink struct{}

func (sink) NewSession(*smtp.Conn) (smtp.Session, error) { return sink{}, nil }
func (sink) Reset()                                      {}
func (sink) Logout() error                               { return nil }
func (sink) Mail(string, *smtp.MailOptions) error        { return nil }
func (sink) Rcpt(string, *smtp.RcptOptions) error        { return nil }
func (sink) Data(r io.Reader) error                      { _, err := io.Copy(io.Discard, r); return err }

func startSink(b *testing.B) *Relay {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := smtp.NewServer(sink{})
	srv.Domain, srv.ErrorLog = "sink.test", log.New(io.Discard, "", 0)
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(func() { _ = srv.Close() })
	return &Relay{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: TLSNone, From: "alerts@group.example"}
}

// BenchmarkSubmit is mails a second over one connection to a sink on loopback:
// "wire" is the conversation alone, "durable" is all of it: claim, dot and
// settle, each on the disk before it goes on.
func BenchmarkSubmit(b *testing.B) {
	raw := testMessage("s0")[:6000]
	raw = append(raw[:len(raw)-2], '\r', '\n')
	b.Run("wire", func(b *testing.B) {
		r := startSink(b)
		d := store.Delivery{ID: "d", Raw: raw}
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			if err := r.Send(b.Context(), d, secretTo, func() error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		_ = r.Close()
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
	})
	b.Run("durable", func(b *testing.B) {
		st, err := bolt.Open(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		defer st.Close()
		const readers = 500
		for i := range readers {
			id := fmt.Sprint("s", i)
			if err := st.Subscribe(b.Context(), store.Subscription{ID: id, Address: id + "@example.net", State: store.StateConfirmed}); err != nil {
				b.Fatal(err)
			}
		}
		p := &alerts.Postman{Outbox: st, Subscribers: st, Backlog: st, PerAddress: 1 << 30, Sender: startSink(b), Log: slog.New(slog.DiscardHandler)}
		sent, round := 0, uint64(0)
		for b.Loop() {
			b.StopTimer()
			var ds []store.Delivery
			for i := range readers {
				ds = append(ds, store.Delivery{ID: fmt.Sprintf("d%d-%d", round, i), Subscription: fmt.Sprint("s", i), Kind: alerts.KindAlert, Raw: raw, Created: murdered, Due: murdered})
			}
			if err := st.Advance(b.Context(), "m", store.Position{Seq: round}, store.Position{Seq: round + 1}, nil, ds); err != nil {
				b.Fatal(err)
			}
			round++
			b.StartTimer()
			n, failed, err := p.Deliver(context.Background(), murdered)
			if err != nil || failed > 0 {
				b.Fatal(n, failed, err)
			}
			sent += n
		}
		b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "mails/s")
	})
}

// BenchmarkToldToMany is digests put into words for readers who are told the same.
func BenchmarkToldToMany(b *testing.B) {
	c := composer(b, "https://watch.example.org")
	for _, many := range []bool{false, true} {
		b.Run(fmt.Sprint("many ", many), func(b *testing.B) {
			l := alerts.Letter{Digest: week(), Subscription: subscription(store.Weekly), ID: id(1), Date: murdered}
			if many {
				l.Digest.Memo = map[string]any{}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Compose(l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
