package bolt

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// A token as stored, under its hash.
type token struct {
	store.Token
	Of []byte `json:"of"` // addressKey
}

// counted is what is kept under a count.
type counted struct {
	Times       []time.Time   `json:"times,omitempty"`
	Keep        time.Duration `json:"keep"`
	Unconfirmed int           `json:"unconfirmed,omitempty"`
}

// countKey hides who is counted.
func (s *Store) countKey(c store.Count) []byte {
	m := hmac.New(sha256.New, s.salt)
	m.Write([]byte("count\x00" + c.Of + "\x00" + c.Key))
	return m.Sum(nil)[:hashLen]
}

// Of is one read transaction.
func (s *Store) Of(ctx context.Context, address string) (all []store.Subscription, err error) {
	err = s.view(ctx, "read the subscriptions of an address", func(t *tx) error {
		all, err = t.of(address)
		return err
	})
	return all, err
}

// Post is one transaction.
func (s *Store) Post(ctx context.Context, p store.Post, allow func([]store.Past) (bool, error)) (queued bool, err error) {
	what := "queue a " + p.Delivery.Kind + " mail"
	err = named("delivery", p.Delivery.ID)
	if p.Token != (store.Token{}) {
		err = errors.Join(err, named("token", p.Token.Hash))
	}
	if err != nil {
		return false, wrap(what, err)
	}
	err = s.update(ctx, what, func(t *tx) error {
		past := make([]store.Past, len(p.Counts))
		for i, c := range p.Counts {
			row, err := t.counted(c, p.At)
			if err != nil {
				return err
			}
			past[i] = store.Past{Times: row.Times, Unconfirmed: row.Unconfirmed}
		}
		if queued, err = allow(past); err != nil {
			return err
		}
		known := false
		if queued {
			if known, err = t.post(p); err != nil {
				return err
			}
		}
		return t.count(p, queued, known)
	})
	return queued && err == nil, err
}

// post stores the subscription, the token and the delivery, and tells whether
// the address has confirmed anything.
func (t *tx) post(p store.Post) (known bool, err error) {
	if n := p.Pending; n != nil {
		if err := t.ask(*n); err != nil {
			return false, err
		}
	}
	var sub store.Subscription
	if _, err := t.get(bSubs, []byte(p.Delivery.Subscription), &sub); err != nil {
		return false, err
	}
	if !sub.Wants(p.Delivery.Kind) {
		return false, fmt.Errorf("subscription %s is %q: %w", p.Delivery.Subscription, sub.State, store.ErrConflict)
	}
	if err := t.addDelivery(p.Delivery); err != nil {
		return false, err
	}
	key := t.s.addressKey(sub.Address)
	if p.Token != (store.Token{}) {
		if err := t.mark(bTokensOf, join(key, []byte(p.Token.Hash))); err != nil {
			return false, err
		}
		if err := t.put(bTokens, []byte(p.Token.Hash), token{p.Token, key}); err != nil {
			return false, err
		}
	}
	of, err := t.keyed(key)
	return slices.ContainsFunc(of, func(s store.Subscription) bool { return s.State == store.StateConfirmed }), err
}

// ask stores a pending subscription, in place of what it was.
func (t *tx) ask(n store.Subscription) error {
	if err := named("subscription", n.ID); err != nil {
		return err
	}
	of, err := t.of(n.Address)
	if err != nil {
		return err
	}
	was := slices.IndexFunc(of, func(o store.Subscription) bool { return o.ID == n.ID })
	taken := t.in(bSubs).Get([]byte(n.ID)) != nil
	if n.State != store.StatePending && n.State != store.StateVisitor || taken && (was < 0 || of[was].State != n.State) {
		return fmt.Errorf("subscription %s is not pending: %w", n.ID, store.ErrConflict)
	}
	if o, ok := like(of, n); ok && live(n) {
		return fmt.Errorf("the same as %s: %w", o.ID, store.ErrConflict)
	}
	if err := t.mark(bAddresses, join(t.s.addressKey(n.Address), []byte(n.ID))); err != nil {
		return err
	}
	return t.put(bSubs, []byte(n.ID), n)
}

// like finds another live subscription of the same address with the same query
// and frequency.
func like(of []store.Subscription, n store.Subscription) (store.Subscription, bool) {
	for _, o := range of {
		if live(o) && o.ID != n.ID && o.Often == n.Often && strings.TrimSpace(o.Query) == strings.TrimSpace(n.Query) {
			return o, true
		}
	}
	return store.Subscription{}, false
}

// counted reads a count as of now. A time in the future counts: the clock was
// set back, and the mail was sent all the same.
func (t *tx) counted(c store.Count, now time.Time) (counted, error) {
	var row counted
	if _, err := t.get(bCounts, t.s.countKey(c), &row); err != nil {
		return row, err
	}
	row.Keep = c.Keep
	row.Times = slices.DeleteFunc(row.Times, func(at time.Time) bool { return now.Sub(at) >= c.Keep })
	return row, nil
}

// count counts a request, and for the person the mail: known says that they
// have confirmed something.
func (t *tx) count(p store.Post, queued, known bool) error {
	for _, c := range p.Counts {
		if c.Person && !queued {
			continue
		}
		row, err := t.counted(c, p.At)
		if err != nil {
			return err
		}
		row.Times = append(row.Times, p.At)
		slices.SortFunc(row.Times, time.Time.Compare)
		if c.Person && !known {
			row.Unconfirmed++
		}
		if err := t.put(bCounts, t.s.countKey(c), row); err != nil {
			return err
		}
	}
	return nil
}

// Token is one read transaction.
func (s *Store) Token(ctx context.Context, kind, hash string, now time.Time) (tok store.Token, of []store.Subscription, err error) {
	err = s.view(ctx, "look up a token", func(t *tx) error {
		row, err := t.token(kind, hash, now)
		if err != nil {
			return err
		}
		tok = row.Token
		of, err = t.keyed(row.Of)
		return err
	})
	return tok, of, err
}

func (t *tx) token(kind, hash string, now time.Time) (token, error) {
	var row token
	if hash == "" {
		return row, store.ErrNotFound
	}
	if err := found(t.get(bTokens, []byte(hash), &row)); err != nil {
		return row, err
	}
	if row.Kind != kind || !now.Before(row.Expires) {
		return row, store.ErrNotFound
	}
	return row, nil
}

// Confirm is one transaction.
func (s *Store) Confirm(ctx context.Context, hash string, at time.Time, person store.Count) (sub store.Subscription, err error) {
	err = s.update(ctx, "confirm a subscription", func(t *tx) error {
		row, err := t.token(store.MailConfirm, hash, at)
		if err != nil {
			return err
		}
		if err := found(t.get(bSubs, []byte(row.Subscription), &sub)); err != nil {
			return err
		}
		if sub.State != store.StatePending {
			return fmt.Errorf("subscription %s is %s: %w", sub.ID, sub.State, store.ErrNotFound)
		}
		sub.State, sub.ConsentAt, sub.Since = store.StateConfirmed, at, t.lastSeq()
		if sub.Proof != nil {
			p := *sub.Proof
			p.Confirmed, p.Token = at, hash[:min(16, len(hash))]
			sub.Proof = &p
		}
		if err := errors.Join(t.put(bSubs, []byte(sub.ID), sub), t.lift(row.Of, at)); err != nil {
			return err
		}
		err = t.dropTokens(row.Of, func(x token) bool { return x.Kind == store.MailConfirm && x.Subscription == sub.ID })
		if err != nil {
			return err
		}
		count, err := t.counted(person, at)
		if err != nil || count.Unconfirmed == 0 {
			return err
		}
		count.Unconfirmed = 0
		return t.put(bCounts, t.s.countKey(person), count)
	})
	if err != nil {
		return store.Subscription{}, err
	}
	return sub, nil
}

// lift ends what was suppressed of an address whose owner has just shown that
// mail arrives and is wanted; what came back before counts no longer.
func (t *tx) lift(of []byte, at time.Time) error {
	all, err := t.keyed(of)
	if err != nil {
		return err
	}
	for _, sub := range all {
		if sub.State != store.StateSuppressed {
			continue
		}
		sub.State, sub.Ended = store.StateEnded, at
		if err := t.put(bSubs, []byte(sub.ID), sub); err != nil {
			return err
		}
		if err := t.in(bScores).Delete(of); err != nil {
			return err
		}
	}
	return nil
}

// dropTokens removes those tokens of an address that f picks out.
func (t *tx) dropTokens(of []byte, f func(token) bool) error {
	for _, hash := range t.tokensOf(of) {
		var row token
		if err := found(t.get(bTokens, hash, &row)); err != nil {
			return fmt.Errorf("token %.8s: %w", hash, err)
		}
		if !f(row) {
			continue
		}
		if err := errors.Join(t.in(bTokens).Delete(hash), t.in(bTokensOf).Delete(join(of, hash))); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) tokensOf(of []byte) [][]byte {
	var out [][]byte
	c := t.in(bTokensOf).Cursor()
	for k, _ := c.Seek(of); bytes.HasPrefix(k, of); k, _ = c.Next() {
		out = append(out, bytes.Clone(k[len(of):]))
	}
	return out
}

// Change is one transaction.
func (s *Store) Change(ctx context.Context, id, query, often string, since uint64) error {
	return s.update(ctx, "change subscription "+id, func(t *tx) error {
		var sub store.Subscription
		if err := found(t.get(bSubs, []byte(id), &sub)); err != nil {
			return err
		}
		if sub.State != store.StateConfirmed {
			return fmt.Errorf("it is %s: %w", sub.State, store.ErrNotFound)
		}
		sub.Query, sub.Often, sub.Since = query, often, since
		of, err := t.of(sub.Address)
		if err != nil {
			return err
		}
		if o, ok := like(of, sub); ok {
			return fmt.Errorf("the same as %s: %w", o.ID, store.ErrConflict)
		}
		return t.put(bSubs, []byte(id), sub)
	})
}

// Kept is one read transaction.
func (s *Store) Kept(ctx context.Context, address string, person store.Count) (k store.Kept, err error) {
	err = s.view(ctx, "read what is kept of an address", func(t *tx) error {
		for _, hash := range t.tokensOf(s.addressKey(address)) {
			var row token
			if err := found(t.get(bTokens, hash, &row)); err != nil {
				return err
			}
			k.Tokens = append(k.Tokens, row.Token)
		}
		var row counted
		_, err := t.get(bCounts, s.countKey(person), &row)
		k.Past = store.Past{Times: row.Times, Unconfirmed: row.Unconfirmed}
		_, broken := t.get(bScores, s.addressKey(address), &k.Bounces)
		return errors.Join(err, broken)
	})
	slices.SortFunc(k.Tokens, func(a, b store.Token) int { return a.Made.Compare(b.Made) })
	return k, err
}

// Forget is one transaction. The freed pages keep the bytes until they are
// written over or the store is compacted.
func (s *Store) Forget(ctx context.Context, was store.Subscription) error {
	return s.update(ctx, "forget subscription "+was.ID, func(t *tx) error {
		var sub store.Subscription
		if err := found(t.get(bSubs, []byte(was.ID), &sub)); err != nil {
			return err
		}
		if sub.State != was.State || !sub.Created.Equal(was.Created) || !sub.Ended.Equal(was.Ended) {
			return fmt.Errorf("it has changed, it is %s: %w", sub.State, store.ErrConflict)
		}
		return t.forgetOne(sub, s.addressKey(sub.Address))
	})
}

// forgetOne removes a subscription, and what is kept of an address that has no
// other.
func (t *tx) forgetOne(sub store.Subscription, of []byte) error {
	if err := t.forget(sub, of); err != nil {
		return err
	}
	left, err := t.keyed(of)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		if err := t.in(bScores).Delete(of); err != nil {
			return err
		}
	}
	return t.dropTokens(of, func(x token) bool { return x.Subscription == sub.ID || len(left) == 0 })
}

// forget removes a subscription and its deliveries.
func (t *tx) forget(sub store.Subscription, of []byte) error {
	for _, d := range t.deliveriesOf(sub.ID) {
		if err := t.drop(d); err != nil {
			return err
		}
	}
	return errors.Join(t.stampNow(sub.ID), t.in(bSubs).Delete([]byte(sub.ID)), t.in(bAddresses).Delete(join(of, []byte(sub.ID))))
}

// Sweep is one transaction, if there is anything to do.
func (s *Store) Sweep(ctx context.Context, now, proofs time.Time) error {
	var expired []token
	var idle [][]byte
	var old []store.Subscription
	look := func(t *tx) error {
		expired, idle, old = nil, nil, nil
		err := each(t, bTokens, nil, nil, func(_ []byte, x token) (bool, error) {
			if !now.Before(x.Expires) {
				expired = append(expired, x)
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		err = each(t, bCounts, nil, nil, func(k []byte, c counted) (bool, error) {
			if c.Unconfirmed == 0 && !slices.ContainsFunc(c.Times, func(at time.Time) bool { return now.Sub(at) < c.Keep }) {
				idle = append(idle, bytes.Clone(k))
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		return each(t, bSubs, nil, nil, func(_ []byte, sub store.Subscription) (bool, error) {
			if sub.Proof != nil && sub.Proof.Client != "" && sub.Proof.Asked.Before(proofs) {
				old = append(old, sub)
			}
			return true, nil
		})
	}
	if err := s.view(ctx, "look for what has run out", look); err != nil || len(expired)+len(idle)+len(old) == 0 {
		return err
	}
	return s.update(ctx, "drop what has run out", func(t *tx) error {
		if err := look(t); err != nil { // it may have changed since
			return err
		}
		for _, x := range expired {
			if err := errors.Join(t.in(bTokens).Delete([]byte(x.Hash)), t.in(bTokensOf).Delete(join(x.Of, []byte(x.Hash)))); err != nil {
				return err
			}
		}
		for _, k := range idle {
			if err := t.in(bCounts).Delete(k); err != nil {
				return err
			}
		}
		for _, sub := range old {
			p := *sub.Proof
			p.Client, sub.Proof = "", &p
			if err := t.put(bSubs, []byte(sub.ID), sub); err != nil {
				return err
			}
		}
		return nil
	})
}

// signups checks the part of the store that this file writes.
func (c *checker) signups() {
	if c.in(bTokens) == nil || c.in(bTokensOf) == nil || c.in(bCounts) == nil {
		return // written before there was any
	}
	n := 0
	values(c, bTokens, func(k []byte, x token) {
		n++
		if string(k) != x.Hash || c.in(bTokensOf).Get(join(x.Of, k)) == nil {
			c.faultf("token %.8s is not where its index says", k)
		}
		if b, err := hex.DecodeString(x.Hash); err != nil || len(b) != sha256.Size {
			c.faultf("token %.8s has no hash", k)
		}
	})
	c.count(bTokensOf, n)
	values(c, bCounts, func([]byte, counted) {})
}
