package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ccgwatch/config"
	"ccgwatch/store"
)

// A sink is a relay that takes everything and keeps nothing.
type sink struct {
	l     net.Listener
	taken atomic.Int64
	bytes atomic.Int64
}

func newSink(b *testing.B) *sink {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &sink{l: l}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

// serve answers once nothing more is there to read, so that a client that
// pipelines is answered in one piece (RFC 2920).
func (s *sink) serve(c net.Conn) {
	defer c.Close()
	in, out := bufio.NewReaderSize(c, 64<<10), bufio.NewWriter(c)
	say := func(line string) { _, _ = out.WriteString(line + "\r\n") }
	say("220 sink.test")
	for {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		switch word := strings.ToUpper(strings.TrimRight(string(line[:min(len(line), 4)]), "\r\n")); word {
		case "EHLO":
			say("250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 10485760")
		case "DATA":
			say("354 go on")
			if out.Flush() != nil {
				return
			}
			for {
				line, err := in.ReadSlice('\n')
				if err != nil {
					return
				}
				s.bytes.Add(int64(len(line)))
				if bytes.Equal(line, []byte(".\r\n")) {
					break
				}
			}
			s.taken.Add(1)
			say("250 taken")
		case "QUIT":
			say("221 bye")
			_ = out.Flush()
			return
		default:
			say("250 fine")
		}
	}
}

// peakSince begins to look at the memory of the process; what it gives ends that,
// and tells the most that there was and the most of the process's own, in MiB. The
// rest are pages of the database file, which the kernel drops when others need the
// room. What is its own is asked for every few milliseconds.
func peakSince() func() (all, own float64) {
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600) // where it cannot be reset, the figure is of all time
	over, done := make(chan struct{}), make(chan struct{})
	_, most := memoryNow()
	go func() {
		defer close(done)
		for {
			select {
			case <-over:
				return
			case <-time.After(5 * time.Millisecond):
				_, now := memoryNow()
				most = max(most, now)
			}
		}
	}()
	return func() (all, own float64) {
		close(over)
		<-done
		all, _ = memoryNow()
		return all, most
	}
}

// memoryNow gives the most memory that the process had, and what is its own now, in MiB.
func memoryNow() (peak, own float64) {
	b, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(b)) {
		var kb float64
		switch name, rest, _ := strings.Cut(line, ":"); name {
		case "VmHWM":
			_, _ = fmt.Sscanf(rest, "%f kB", &kb)
			peak = kb / 1024
		case "RssAnon":
			_, _ = fmt.Sscanf(rest, "%f kB", &kb)
			own = kb / 1024
		}
	}
	return peak, own
}

// BenchmarkDigests builds the weekly digests of many readers (10,000, or what
// CCGWATCH_BENCH_READERS says) and submits them, each with its durable states,
// to a sink over four connections (or CCGWATCH_BENCH_CONNECTIONS); beside it bare
// clients send as many messages of the same size over one connection and over as
// many, and keep nothing. Messages are not signed. The store is in TMPDIR, whose
// disk decides how fast states become durable: each message waits for two
// transactions, and those of all connections share them. The CPU is that of the
// sink, too.
//
//	CCGWATCH_BENCH_READERS=100000 go test ./cmd/ccgwatch -run '^$' -bench Digests -benchtime 1x
func BenchmarkDigests(b *testing.B) {
	readers, connections := benchCount("CCGWATCH_BENCH_READERS", 10_000), benchCount("CCGWATCH_BENCH_CONNECTIONS", 4)
	s := newSink(b)
	for b.Loop() {
		b.StopTimer()
		a := digestApp(b, s, readers, connections)
		now := at("2026-09-11T08:00")
		debug.FreeOSMemory()
		idle, idleOwn := peakSince()()
		peak := peakSince()
		begun, cpu := time.Now(), cpuTime()
		b.StartTimer()
		if _, err := a.digests.DueDigests(b.Context(), now); err != nil {
			b.Fatal(err)
		}
		built, builtCPU := time.Since(begun), cpuTime()-cpu
		building, buildingOwn := peak()
		peak = peakSince()
		before, size := s.taken.Load(), s.bytes.Load()
		begun, cpu = time.Now(), cpuTime()
		sent, failed, err := a.postman.Deliver(b.Context(), now)
		took, sentCPU := time.Since(begun), cpuTime()-cpu
		b.StopTimer()
		if err != nil || sent != readers || failed != 0 || int(s.taken.Load()-before) != readers {
			b.Fatalf("%d sent, %d failed, %d taken: %v", sent, failed, s.taken.Load()-before, err)
		}
		each := int(s.bytes.Load()-size) / readers
		sending, sendingOwn := peak()
		per := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(readers) }
		b.ReportMetric(float64(readers)/built.Seconds(), "built/s")
		b.ReportMetric(per(builtCPU), "cpu-us/build")
		b.ReportMetric(float64(readers)/took.Seconds(), "sent/s")
		b.ReportMetric(per(sentCPU), "cpu-us/send")
		b.ReportMetric(building-idle, "MiB-over-idle-building")
		b.ReportMetric(buildingOwn-idleOwn, "own-MiB-over-idle-building")
		b.ReportMetric(sending-idle, "MiB-over-idle-sending")
		b.ReportMetric(sendingOwn-idleOwn, "own-MiB-over-idle-sending")
		b.ReportMetric(float64(each), "B/message")
		for _, n := range []int{1, connections} {
			bare, bareCPU := bareClients(b, s, n, readers, each)
			b.ReportMetric(float64(readers)/bare.Seconds(), fmt.Sprintf("bare%d/s", n))
			b.ReportMetric(per(bareCPU), fmt.Sprintf("cpu-us/bare%d", n))
		}
		closeBench(b, a)
		b.StartTimer()
	}
}

// digestApp has so many weekly readers, of whom each wants one of 20 things, and
// a week with ten changes.
func digestApp(b *testing.B, s *sink, readers, connections int) *app {
	b.Helper()
	known, err := knownNames(nil)
	if err != nil {
		b.Fatal(err)
	}
	cfg, err := known.Parse("", []byte(strings.Replace(replayConfig, "[group]", "[group]\nurl = \"https://watch.example.org\"", 1)))
	if err != nil {
		b.Fatal(err)
	}
	cfg.SMTP = config.SMTP{Host: "127.0.0.1", Port: s.l.Addr().(*net.TCPAddr).Port, TLS: "none", PerMinute: 6000}
	a, err := openApp(cfg, filepath.Join(b.TempDir(), "data"), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	a.postman.Gap, a.postman.Connections = 0, connections
	ctx := context.Background()
	for i := range readers {
		sub := store.Subscription{
			ID: fmt.Sprintf("%032x", i), Address: fmt.Sprintf("reader%d@example.net", i), Query: "", Often: store.Weekly, State: store.StateConfirmed,
			Created: townStart(), Consent: "bench", ConsentAt: townStart(),
		}
		if i%2 == 1 {
			sub.Query = fmt.Sprintf("-ward%d", i%20)
		}
		if err := a.store.Subscribe(ctx, sub); err != nil {
			b.Fatal(err)
		}
	}
	var items []store.Item
	for i := range 10 {
		items = append(items, store.Item{
			Source: "big", Key: fmt.Sprintf("m%d", i), Kind: store.KindMeeting, Title: fmt.Sprintf("Health scrutiny committee %d", i), URL: fmt.Sprintf("https://council.example/%d", i),
			Fields: map[string]string{store.FieldVenue: "Town Hall"},
		})
	}
	for _, when := range []time.Time{townStart(), townStart().Add(24 * time.Hour)} {
		var out outcome
		seen := store.Sighting{Source: "big", At: when, Whole: true, Items: items, Last: true}
		if when.Equal(townStart()) {
			seen.Items = nil
		}
		if err := a.commit(ctx, source{ID: "big"}, seen, store.Health{Source: "big"}, map[store.Kind]int{}, &store.Tally{Seen: map[string]int{}}, &out); err != nil {
			b.Fatal(err)
		}
	}
	if err := a.follow(ctx, townStart().Add(25*time.Hour)); err != nil {
		b.Fatal(err)
	}
	return a
}

func benchCount(env string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(env)); err == nil {
		return n
	}
	return usual
}

// bareClients send so many messages with the standard library over some connections.
func bareClients(b *testing.B, s *sink, connections, messages, size int) (took, cpu time.Duration) {
	b.Helper()
	begun, was := time.Now(), cpuTime()
	var all sync.WaitGroup
	errs := make([]error, connections)
	for i := range connections {
		all.Go(func() { errs[i] = bareClient(s, messages/connections+min(1, max(0, messages%connections-i)), size) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun), cpuTime() - was
}

func bareClient(s *sink, messages, size int) error {
	message := []byte("Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", size/72+1))[:size]
	c, err := smtp.Dial(s.l.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	for i := range messages {
		if err := c.Mail("watch@example.org"); err != nil {
			return err
		}
		if err := c.Rcpt(fmt.Sprintf("reader%d@example.net", i)); err != nil {
			return err
		}
		w, err := c.Data()
		if err != nil {
			return err
		}
		if _, err := w.Write(message); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
	}
	return nil
}
