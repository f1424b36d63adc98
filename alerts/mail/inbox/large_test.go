package inbox_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"ccgwatch/alerts/mail/inbox"
)

// A bigBox is an IMAP server that makes up its messages, so that a mailbox of any
// size takes no memory here: what is measured is ours.
type bigBox struct {
	uids    func(yield func(uid uint32) bool) // in their order
	message func(uid uint32) string
	notes   string                  // what it says unasked after each command, lines that begin with "* "
	search  func(tag string) string // says what it likes instead of what it found

	mu       sync.Mutex
	validity uint32
	cut      map[uint32]string // the connection ends once at this message: before, in or after it
	fetched  []uint32
	searched []uint32 // from where
	changed  []string // commands that would change anything
}

func (b *bigBox) open(t *testing.T) *inbox.IMAP {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); b.serve(c) }()
		}
	}()
	return &inbox.IMAP{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: "none", Username: "alerts", Password: func() string { return "secret" }}
}

// asked is what was fetched, and from where was searched.
func (b *bigBox) asked() (fetched, searched []uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.fetched), slices.Clone(b.searched)
}

func (b *bigBox) serve(c net.Conn) {
	out := bufio.NewWriterSize(c, 64<<10)
	fmt.Fprint(out, "* OK [CAPABILITY IMAP4rev1] ready\r\n")
	_ = out.Flush()
	number := regexp.MustCompile(`\d+`)
	for in := bufio.NewScanner(c); in.Scan(); _ = out.Flush() {
		tag, line, _ := strings.Cut(in.Text(), " ")
		verb, rest, _ := strings.Cut(strings.TrimPrefix(strings.ToUpper(line), "UID "), " ")
		first := uint64(0)
		if n := number.FindString(rest); n != "" {
			first, _ = strconv.ParseUint(n, 10, 32)
		}
		b.mu.Lock()
		validity := b.validity
		switch verb {
		case "SEARCH":
			b.searched = append(b.searched, uint32(first))
		case "FETCH":
			b.fetched = append(b.fetched, uint32(first))
			if !strings.Contains(rest, "BODY.PEEK[") {
				b.changed = append(b.changed, line)
			}
		case "LOGIN", "CAPABILITY", "EXAMINE", "LOGOUT":
		default:
			b.changed = append(b.changed, line)
		}
		how := b.cut[uint32(first)]
		if verb == "FETCH" {
			delete(b.cut, uint32(first))
		}
		b.mu.Unlock()
		fmt.Fprint(out, b.notes)
		switch verb {
		case "CAPABILITY":
			fmt.Fprint(out, "* CAPABILITY IMAP4rev1\r\n")
		case "EXAMINE":
			fmt.Fprintf(out, "* 1 EXISTS\r\n* OK [UIDVALIDITY %d] ok\r\n", validity)
		case "SEARCH":
			fmt.Fprint(out, b.found(tag, uint32(first)))
		case "FETCH":
			if how == "before" {
				return
			}
			m := b.message(uint32(first))
			m = m[:min(len(m), inbox.MaxMessage)] // as it was asked for
			fmt.Fprintf(out, "* 1 FETCH (UID %d BODY[]<0> {%d}\r\n", first, len(m))
			if how == "in" {
				_, _ = out.WriteString(m[:len(m)/2])
				_ = out.Flush()
				return
			}
			fmt.Fprintf(out, "%s)\r\n", m)
			if how == "after" {
				_ = out.Flush()
				return
			}
		}
		fmt.Fprintf(out, "%s OK done\r\n", tag)
	}
}

func (b *bigBox) found(tag string, from uint32) string {
	if b.search != nil {
		return b.search(tag)
	}
	var s strings.Builder
	s.WriteString("* SEARCH")
	last, said := uint32(0), uint32(0)
	for uid := range b.uids {
		if last = uid; uid >= from {
			said = uid
			s.WriteString(" " + strconv.FormatUint(uint64(uid), 10))
		}
	}
	if said == 0 && last > 0 { // "n:*" holds the last one always
		fmt.Fprintf(&s, " %d", last)
	}
	return s.String() + "\r\n"
}

// numbered are n UIDs with gaps between them.
func numbered(n int) func(func(uint32) bool) {
	return func(yield func(uint32) bool) {
		for i := range n {
			if !yield(uint32(3*i + 2)) {
				return
			}
		}
	}
}

// B12: a mailbox of 100,000 messages is read in visits of 200, in memory that does
// not grow with it; connections that end before, in and behind a message cost
// nothing and do nothing twice; where one visit ended the next begins, by UID; and
// when all UIDs are new, all is known again. It runs with 450 messages, with 2,000
// as CCGWATCH_PROMISES=1 and with 100,000 as CCGWATCH_SOAK=1. It is not parallel:
// memory is of the whole program.
func TestPromiseAMailboxOfAHundredThousand(t *testing.T) {
	n := 450
	switch {
	case os.Getenv("CCGWATCH_SOAK") != "":
		n = 100_000
	case os.Getenv("CCGWATCH_PROMISES") != "":
		n = 2000
	}
	const each = 16 << 10 // bytes: 450 of them kept would be 7 MB
	o := newOffice(t)
	asks := map[uint32]bool{2: true, uint32(3*(n/3) + 2): true, uint32(3*(n-1) + 2): true}
	date := "Date: " + o.now.Format("Mon, 02 Jan 2006 15:04:05 -0700") + "\r\n"
	padding := strings.Repeat("A line of a letter to the people of the group.\r\n", each/48)
	cut := map[uint32]string{}
	for at, how := range map[int]string{40: "before", 300: "in", 430: "after"} {
		cut[uint32(3*at+2)] = how
	}
	cuts := len(cut)
	b := &bigBox{uids: numbered(n), validity: 7, cut: cut, message: func(uid uint32) string {
		subject := "A question"
		if asks[uid] {
			subject = "subscribe dialysis"
		}
		return fmt.Sprintf("From: reader%d@example.net\r\nTo: alerts@example.org\r\nSubject: %s\r\n%sMessage-ID: <%d@example.net>\r\n\r\n%s", uid, subject, date, uid, padding)
	}}
	box := b.open(t)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	base := heap()
	var mark inbox.Mark
	var most int64
	// read visits until there is no more, and counts what was new and what was known.
	read := func() (fresh, known, visits, broke int) {
		t.Helper()
		for more := true; more; visits++ {
			var err error
			from := mark
			taken := 0
			mark, more, err = box.Each(t.Context(), mark, func(raw []byte) error {
				effect, met, err := o.Take(t.Context(), o.now, raw)
				if met {
					known++
				} else if fresh++; effect != inbox.EffectLeft && effect != inbox.EffectAsked || len(raw) < each-100 {
					t.Errorf("%s of %d bytes", effect, len(raw))
				}
				if taken++; taken == 1 || taken == 200 {
					most = max(most, heap()-base)
				}
				return err
			})
			if taken > 200 || mark.Last < from.Last && mark.Validity == from.Validity || visits > n {
				t.Fatalf("%d messages in a visit, from %+v to %+v: %v", taken, from, mark, err)
			}
			if err != nil {
				broke, more = broke+1, true
			}
		}
		return fresh, known, visits, broke
	}
	fresh, known, visits, broke := read()
	if fresh != n || known != 0 || broke != cuts {
		t.Errorf("%d messages new, %d known, over %d broken connections", fresh, known, broke)
	}
	if want := int64(4 << 20); most > want {
		t.Errorf("%d bytes more than before, want at most %d", most, want)
	}
	if mark != (inbox.Mark{Validity: 7, Last: uint32(3*(n-1) + 2)}) {
		t.Errorf("the mark is %+v", mark)
	}
	fetched, searched := b.asked()
	if len(fetched) != n+cuts || len(searched) != visits {
		t.Errorf("%d messages fetched in %d visits", len(fetched), len(searched))
	}
	if !slices.IsSorted(fetched) {
		t.Error("messages were fetched out of order")
	}
	for i := 1; i < len(searched); i++ {
		if searched[i] <= searched[i-1] {
			t.Fatalf("the search of visit %d begins at %d, the one before at %d", i, searched[i], searched[i-1])
		}
	}
	t.Logf("%d messages in %d visits, %d bytes of memory at most", n, visits, most)
	_, known, _, _ = read()
	if fetched, _ := b.asked(); known != 0 || len(fetched) != n+cuts {
		t.Errorf("%d messages were fetched again", len(fetched)-n-cuts)
	}
	letters := len(o.send())
	if letters != len(asks) {
		t.Errorf("%d letters, want %d", letters, len(asks))
	}
	b.mu.Lock()
	b.validity = 8
	b.mu.Unlock()
	if fresh, known, _, _ := read(); fresh != 0 || known != n {
		t.Errorf("with new UIDs %d messages are new, %d known", fresh, known)
	}
	if l := o.send(); len(l) != 0 {
		t.Errorf("with new UIDs %d letters more", len(l))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.changed) != 0 {
		t.Errorf("the mailbox may be changed by %q", b.changed)
	}
}

// B12: a mailbox that is full says so at every turn, and is read as any other.
func TestAMailboxThatIsFull(t *testing.T) {
	t.Parallel()
	b := &bigBox{uids: numbered(3), validity: 1, notes: "* NO [OVERQUOTA] the mailbox is full\r\n* OK [ALERT] 100% of 1 GB\r\n", message: func(uid uint32) string {
		return fmt.Sprintf("Subject: %d\r\n\r\n", uid)
	}}
	var got []string
	mark, more, err := b.open(t).Each(t.Context(), inbox.Mark{}, func(raw []byte) error { got = append(got, strings.TrimSpace(string(raw))); return nil })
	if err != nil || more || mark.Last != 8 || fmt.Sprint(got) != "[Subject: 2 Subject: 5 Subject: 8]" {
		t.Errorf("%q, %+v, %v, %v", got, mark, more, err)
	}
}

// A connection that ended in the middle of a message was read on from while the
// library closed it: a data race, and half a message without an error.
func TestAConnectionCutInAMessageIsNotReadOn(t *testing.T) {
	t.Parallel()
	large := "Subject: large\r\n\r\n" + strings.Repeat("x", inbox.MaxMessage+100_000)
	b := &bigBox{uids: numbered(20), validity: 1, cut: map[uint32]string{}, message: func(uid uint32) string {
		switch uid {
		case 8:
			return large
		case 11:
			return large[:inbox.MaxMessage]
		}
		return fmt.Sprintf("Subject: %d\r\n\r\n%s", uid, strings.Repeat("x", 9000))
	}}
	for uid := range b.uids {
		b.cut[uid] = "in"
	}
	box := b.open(t)
	var mark inbox.Mark
	var got []int
	for broke := 0; len(got) < 20 && broke <= 20; {
		var err error
		if mark, _, err = box.Each(t.Context(), mark, func(raw []byte) error { got = append(got, len(raw)); return nil }); err != nil {
			broke++
		}
	}
	if len(got) != 20 || got[2] != inbox.MaxMessage || got[3] != inbox.MaxMessage {
		t.Fatalf("%d messages: %v", len(got), got)
	}
	for i, n := range got {
		if want := len(b.message(uint32(3*i + 2))); n != min(want, inbox.MaxMessage) {
			t.Errorf("message %d has %d bytes, want %d", i, n, want)
		}
	}
}

// A server that finds a range as large as all numbers took 16 GB; one without an end
// is an error.
func TestAMailServerThatFindsEverything(t *testing.T) {
	t.Parallel()
	for found, want := range map[string]struct {
		messages int
		more     bool
		wrong    string
	}{
		"1:4294967295": {messages: 200, more: true},
		"4294967295":   {messages: 1},
		"1:*":          {wrong: "dynamic"},
		"*":            {wrong: "dynamic"},
	} {
		b := &bigBox{validity: 1, message: func(uint32) string { return "Subject: x\r\n\r\n" }, search: func(tag string) string {
			return fmt.Sprintf("* ESEARCH (TAG %q) UID ALL %s\r\n", tag, found)
		}}
		box, n := b.open(t), 0
		count := func([]byte) error { n++; return nil }
		mark, more, err := box.Each(t.Context(), inbox.Mark{}, count)
		if n != want.messages || more != want.more || (err != nil) != (want.wrong != "") || err != nil && !strings.Contains(err.Error(), want.wrong) {
			t.Errorf("%s: %d messages, %+v, %v, %v", found, n, mark, more, err)
		}
		end := inbox.Mark{Validity: 1, Last: 4294967295}
		if mark, more, _ := box.Each(t.Context(), end, count); more || n != want.messages || mark != end {
			t.Errorf("%s, behind all of it: %v, %d messages, %+v", found, more, n, mark)
		}
	}
}
