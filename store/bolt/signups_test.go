package bolt_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ccgwatch/store"
	"ccgwatch/store/bolt"
)

func yes([]store.Past) (bool, error) { return true, nil }

// ask queues a confirmation to an address.
func ask(t *testing.T, s *bolt.Store, id, address string) {
	t.Helper()
	now := time.Unix(1_800_000_000, 0).UTC()
	sub := store.Subscription{ID: id, Address: address, Query: "of " + id, Often: store.Weekly, State: store.StatePending, Created: now,
		Proof: &store.Proof{Form: "1", Asked: now, Client: "fingerprint"}}
	_, err := s.Post(t.Context(), store.Post{
		At: now, Pending: &sub,
		Delivery: store.Delivery{ID: "mail" + id, Subscription: id, Kind: store.MailConfirm, Raw: []byte("To: " + address + "\r\n\r\n" + address), Created: now, Due: now},
		Token:    store.Token{Hash: fmt.Sprintf("%064x", []byte(id)), Kind: store.MailConfirm, Subscription: id, Made: now, Expires: now.Add(time.Hour)},
		Counts:   []store.Count{{Of: "person", Key: address, Keep: time.Hour, Person: true}, {Of: "client", Key: "192.0.2.7", Keep: time.Hour}},
	}, yes)
	must(t, err)
}

// A store written before strangers could sign up opens, passes its check as it
// is, and takes sign-ups.
func TestStoreFromBeforeSignUps(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	fill(t, s, 3)
	must(t, s.Close())
	db, err := bbolt.Open(filepath.Join(dir, bolt.File), 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{"tokens", "tokens_of", "counts"} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, db.Close())
	_, err = bolt.Check(t.Context(), dir)
	must(t, err)
	s = open(t, dir)
	ask(t, s, "0a", "bea@example.net")
	subs, err := s.Subscriptions(t.Context(), "", 0)
	must(t, err)
	if len(subs) != 2 {
		t.Errorf("%d subscriptions, want the old one and the new one", len(subs))
	}
	must(t, s.Close())
	r, err := bolt.Check(t.Context(), dir)
	must(t, err)
	if r.Subscriptions != 2 {
		t.Error(r)
	}
}

// encodings are the ways in which an address may lie in bytes.
func encodings(t *testing.T, address string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, a := range []string{address, strings.ToLower(address), strings.ToUpper(address)} {
		out["plain "+a], out["hex "+a], out["HEX "+a] = a, hex.EncodeToString([]byte(a)), strings.ToUpper(hex.EncodeToString([]byte(a)))
		out["percent "+a] = strings.ReplaceAll(a, "@", "%40")
		out["json "+a] = strings.ReplaceAll(a, "@", `\u0040`)
		out["QP "+a] = strings.ReplaceAll(a, "@", "=40")
		var qp bytes.Buffer
		w := quotedprintable.NewWriter(&qp)
		_, err := w.Write([]byte(a))
		must(t, err)
		must(t, w.Close())
		out["quoted-printable "+a] = qp.String()
		out["utf-16 "+a] = strings.Join(strings.Split(a, ""), "\x00")
		for offset := range 3 {
			for name, e := range map[string]*base64.Encoding{"std": base64.StdEncoding, "url": base64.URLEncoding} {
				enc := e.EncodeToString([]byte(strings.Repeat("x", offset) + a))
				// What surrounds it changes the first and the last letters.
				out[fmt.Sprint("base64 ", name, offset, a)] = strings.TrimRight(enc, "=")[[3]int{0, 2, 3}[offset] : len(enc)-4]
			}
		}
	}
	return out
}

// After erasing and compacting nothing of an address is in the file, neither of
// one that confirmed nor of one that never did; before, it is.
func TestErasedAddressIsNotInTheFile(t *testing.T) {
	const address = "Imogen.Featherstonehaugh@Example.net"
	for name, rid := range map[string]func(*bolt.Store) error{
		"erased": func(s *bolt.Store) error { _, err := s.Erase(t.Context(), strings.ToLower(address)); return err },
		"forgotten": func(s *bolt.Store) error {
			of, err := s.Of(t.Context(), address)
			for _, sub := range of {
				if err == nil {
					err = s.Forget(t.Context(), sub)
				}
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			fill(t, s, 10)
			ask(t, s, "0b", address)
			ask(t, s, "0c", strings.ToLower(address))
			if name == "erased" {
				_, err := s.Confirm(t.Context(), fmt.Sprintf("%064x", []byte("0b")), time.Unix(1_800_000_001, 0), store.Count{Of: "person", Key: address})
				must(t, err)
			}
			traces := func() (found []string) {
				b, err := os.ReadFile(filepath.Join(dir, bolt.File))
				must(t, err)
				for how, e := range encodings(t, address) {
					if bytes.Contains(b, []byte(e)) {
						found = append(found, how)
					}
				}
				return found
			}
			if len(traces()) == 0 {
				t.Fatal("the search finds nothing even while the address is there")
			}
			must(t, rid(s))
			must(t, s.Compact(t.Context()))
			if found := traces(); len(found) > 0 {
				t.Errorf("still there: %q", found)
			}
			must(t, s.Close())
			_, err := bolt.Check(t.Context(), dir)
			must(t, err)
		})
	}
}
