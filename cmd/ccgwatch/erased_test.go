package main

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

// writings are ways in which bytes may hold an address. Those under "exact" are
// looked for as they are, the others in any case.
func writings(address string) (any, exact map[string][]byte) {
	local, domain, _ := strings.Cut(address, "@")
	low := strings.ToLower(address)
	each := func(format string) []byte {
		var b bytes.Buffer
		for i := range len(low) {
			fmt.Fprintf(&b, format, low[i])
		}
		return b.Bytes()
	}
	wide := func(low, high int) []byte {
		var b []byte
		for _, u := range utf16.Encode([]rune(address)) {
			pair := [2]byte{}
			pair[low], pair[high] = byte(u), byte(u>>8)
			b = append(b, pair[:]...)
		}
		return b
	}
	turned := []byte(low)
	slices.Reverse(turned)
	any = map[string][]byte{
		"plain": []byte(low), "the part before the @": []byte(local), "quoted-printable": []byte(local + "=40" + domain), "all quoted-printable": each("=%02X"), "percent": []byte(local + "%40" + domain), "all percent": each("%%%02x"),
		"hex": []byte(hex.EncodeToString([]byte(address))), "hex of the small letters": []byte(hex.EncodeToString([]byte(low))), "VERP": []byte(local + "=" + domain), "VERP with a plus": []byte(local + "+" + domain), "entity": []byte(local + "&#64;" + domain),
		"entity in hex": []byte(local + "&#x40;" + domain), "entities": each("&#%d;"), "JSON": []byte(local + `\u0040` + domain), "backwards": turned, "obfuscated": []byte(local + " at " + domain), "base32": []byte(strings.TrimRight(base32.StdEncoding.EncodeToString([]byte(address)), "=")),
	}
	exact = map[string][]byte{"UTF-16, small end first": wide(0, 1), "UTF-16, big end first": wide(1, 0)}
	for _, text := range map[string]string{"as written": address, "small": low} {
		for _, e := range map[string]*base64.Encoding{"base64": base64.StdEncoding, "base64url": base64.URLEncoding} {
			for pad := range 3 {
				// What stands around it changes the letters at both ends.
				s := e.EncodeToString([]byte(strings.Repeat("x", pad) + text + "xx"))
				from := []int{0, 2, 3}[pad]
				until := (pad + len(text)) * 8 / 6
				exact[fmt.Sprint("base64 ", pad, text == low, e == base64.URLEncoding)] = []byte(s[from:until])
			}
		}
		a, b, c := md5.Sum([]byte(text)), sha1.Sum([]byte(text)), sha256.Sum256([]byte(text))
		any["a hash without a key"+text] = []byte(hex.EncodeToString(c[:]))
		exact["bytes of a hash without a key"+text] = c[:]
		any["md5"+text], any["sha1"+text] = []byte(hex.EncodeToString(a[:])), []byte(hex.EncodeToString(b[:]))
	}
	return any, exact
}

// tracesOf are the writings of an address in some bytes.
func tracesOf(b []byte, address string) (found []string) {
	loose, exact := writings(address)
	low := bytes.ToLower(b)
	for _, name := range slices.Sorted(maps.Keys(loose)) {
		if bytes.Contains(low, bytes.ToLower(loose[name])) {
			found = append(found, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(exact)) {
		if bytes.Contains(b, exact[name]) {
			found = append(found, name)
		}
	}
	return found
}

// unpacked is what the packed values in a file hold, those in its freed pages too.
func unpacked(t *testing.T, b []byte) (all []byte) {
	t.Helper()
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	for begin := []byte{0x28, 0xb5, 0x2f, 0xfd}; ; {
		i := bytes.Index(b, begin)
		if i < 0 {
			return all
		}
		b = b[i:]
		var h zstd.Header
		if h.Decode(b) == nil {
			all, _ = dec.DecodeAll(b[:min(len(b), 1<<20)], all) // what follows the value is none of it
		}
		b = b[len(begin):]
	}
}

func TestTracesAreSeen(t *testing.T) {
	const address = "Hester.Quillfeather@readers.example.net"
	for pad := range 9 {
		x := strings.Repeat("z", pad)
		for _, s := range []string{
			x + address + x, base64.StdEncoding.EncodeToString([]byte(x + address + x)), base64.URLEncoding.EncodeToString([]byte(x + strings.ToLower(address) + "?")),
			hex.EncodeToString([]byte(x + address)), url.QueryEscape(x + address), "bounces+hester.quillfeather=readers.example.net@watch.example.org",
		} {
			if len(tracesOf([]byte(s), address)) == 0 {
				t.Errorf("not seen in %q", s)
			}
		}
	}
	a, b := writings(address)
	if n := len(a) + len(b); n < 20 {
		t.Errorf("only %d writings", n)
	}
	if got := tracesOf([]byte("Hester reads; readers.example.net"), address); got != nil {
		t.Errorf("seen where it is not: %v", got)
	}
}

// TestPromiseErasureIsReal: of whoever was erased, by themselves on the page or by
// the operator, no file of ours holds the address in any writing: not the store, not
// its freed pages, no mail, log, note of what was sent or came back, and no copy
// once the copies that are kept are newer. What is taken along before is all there is.
func TestPromiseErasureIsReal(t *testing.T) {
	const address, other = "Hester.Quillfeather@readers.example.net", "Wilf.Staysput@readers.example.net"
	for _, way := range []string{"page", "operator"} {
		t.Run(way, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			var said bytes.Buffer
			a, err := demoApp(dir, "http://127.0.0.1:8000", slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug})))
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			a.sources = nil
			d := &daemon{app: a}
			ctx, now := t.Context(), townStart()
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			mails := func() {
				t.Helper()
				_, _, err := a.deliver(ctx, now)
				must(err)
			}
			for _, who := range []string{address, other} {
				must(a.desk.SignUp(ctx, now, alerts.Application{Address: who, Query: "area:mercia-vale", Often: store.Weekly, Form: "1", Client: netip.MustParseAddr("198.51.100.7"), Ticked: "agreed: yes"}))
				mails()
				_, err := a.desk.Confirm(ctx, now, strings.TrimPrefix(newestLink(dir, "c"), "/c/"))
				must(err)
				now = now.Add(time.Minute)
			}
			// They write, and a mail to them comes back.
			_, _, err = a.clerk.Take(ctx, now, []byte("From: Hester <"+address+">\r\nTo: alerts@example.org\r\nSubject: list\r\nMessage-ID: <1@readers.example.net>\r\nDate: "+now.Format(time.RFC1123Z)+"\r\n\r\nlist\r\n"))
			must(err)
			mails()
			must(a.desk.AskLink(ctx, now, address, netip.Addr{}))
			mails()
			token := strings.TrimPrefix(newestLink(dir, "m"), "/m/")
			var link store.Delivery
			must(a.store.Deliveries(ctx, func(x store.Delivery) bool {
				if x.Kind == alerts.KindManage {
					link = x
				}
				return true
			}))
			_, _, _, err = a.store.Return(ctx, store.Returned{Note: "came back", At: now, Delivery: link.ID}, func(store.Delivery, store.Subscription, store.BounceScore) store.Ruling {
				return store.Ruling{Effect: "counted", Score: store.BounceScore{Points: 1, Last: now}}
			})
			must(err)
			exported(t, a, address, token, now)
			room := func(int64) error { return nil }
			copies := filepath.Join(dir, "backups")
			_, err = a.makeCopy(ctx, copies, now, 3, room)
			must(err)
			traces := func(who string) map[string][]string {
				t.Helper()
				out := map[string][]string{}
				must(filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
					if err != nil || !e.Type().IsRegular() {
						return err
					}
					b, err := os.ReadFile(path)
					rel, _ := filepath.Rel(dir, path)
					b = append(b, unpacked(t, b)...)
					if found := tracesOf(append(b, rel...), who); len(found) > 0 {
						out[rel] = found
					}
					return err
				}))
				if found := tracesOf(said.Bytes(), who); len(found) > 0 {
					out["the log"] = found
				}
				return out
			}
			if before := traces(address); len(before[bolt.File]) == 0 || len(before) < 4 {
				t.Fatalf("before: %v: this proves nothing", before)
			}
			if way == "page" {
				must(a.desk.Erase(ctx, now, token))
			} else if n, err := a.erase(ctx, address); n != 1 || err != nil {
				t.Fatalf("erased %d: %v", n, err)
			} else {
				must(a.store.Compact(ctx)) // as the command does
			}
			now = now.Add(25 * time.Hour)
			d.forget(ctx, now)
			for range 3 {
				now = now.Add(24 * time.Hour)
				_, err = a.makeCopy(ctx, copies, now, 3, room)
				must(err)
			}
			if left := traces(address); len(left) > 0 {
				t.Errorf("erased by the %s, and still there: %v", way, left)
			}
			noted, err := readSuppressed(filepath.Join(dir, suppressedFile))
			if err != nil || len(noted) != 2 { // the subscription, and the address
				t.Errorf("the keyed hash that stays: %v, %v", noted, err)
			}
			if stayed := traces(other); len(stayed[bolt.File]) == 0 {
				t.Error("somebody else was erased too")
			}
			must(a.desk.AskLink(ctx, now, address, netip.Addr{})) // nobody known: nothing is kept of asking
			mails()
			if left := traces(address); len(left) > 0 {
				t.Errorf("after asking for a link: %v", left)
			}
		})
	}
}

// exported compares what somebody takes along with what the store holds of them.
func exported(t *testing.T, a *app, address, token string, now time.Time) {
	t.Helper()
	ctx := t.Context()
	file, err := a.desk.Export(ctx, now, token)
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]json.RawMessage
	var x alerts.Extract
	if err := json.Unmarshal(file, &keys); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file, &x); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"address", "agreed", "bounces", "deliveries", "links", "service_mails", "subscriptions", "unconfirmed_mails"}, slices.Sorted(maps.Keys(keys))); diff != "" {
		t.Errorf("what is exported: %s", diff)
	}
	all, err := a.store.Subscriptions(ctx, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	mine := slices.DeleteFunc(all, func(s store.Subscription) bool { return s.Address != address })
	ids := map[string]bool{}
	for _, s := range mine {
		ids[s.ID] = true
	}
	var sent []store.Delivery
	if err := a.store.Deliveries(ctx, func(d store.Delivery) bool {
		if ids[d.Subscription] {
			sent = append(sent, d)
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if text(x.Subscriptions) != text(mine) || len(mine) == 0 {
		t.Errorf("subscriptions: %s", cmp.Diff(text(mine), text(x.Subscriptions)))
	}
	if len(x.Deliveries) != len(sent) || len(sent) < 2 {
		t.Errorf("%d deliveries are exported of %d", len(x.Deliveries), len(sent))
	}
	// Who, when, how and what they were told (ICO).
	if p := mine[0].Proof; p == nil || p.Ticked == "" || p.Asked.IsZero() || x.Agreed[p.Form] == "" || mine[0].ConsentAt.IsZero() {
		t.Errorf("the proof of consent is not whole: %+v", p)
	}
	if x.Bounces == nil || len(x.Links) == 0 || len(x.ServiceMails) == 0 {
		t.Errorf("bounces %v, links %v, service mails %v", x.Bounces, x.Links, x.ServiceMails)
	}
}
