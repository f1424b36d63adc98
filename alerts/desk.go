package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
	"ccgwatch/store/query"
)

// A Desk is where people look after their subscriptions themselves: by the
// pages, and by mail. Nothing it answers tells whether an address is
// subscribed: a request for an address ends the same way, after the same work,
// whoever is behind it; what can be told apart is in the mail that goes there.
// All fields but Check, EraseAddress and Queued must be set. It is safe for
// concurrent use.
type Desk struct {
	Subscribers store.Subscribers
	Signups     store.Signups
	Outbox      store.Outbox
	Links       Links
	Caps        Caps

	// Compose puts a service mail into words.
	Compose func(Service) (Message, error)
	// Check refuses a query that names what nobody bears; nil: any will do.
	Check func(query string) error
	// EraseAddress erases an address everywhere; nil: in the store.
	EraseAddress func(ctx context.Context, address string) (int, error)
	// Queued is called when a mail was queued, for whoever sends it.
	Queued func()
	Log    *slog.Logger
}

// What the Desk answers.
var (
	// ErrQuery is wrapped by what is wrong with a query.
	ErrQuery = errors.New("the query cannot be used")
	// ErrLink: there is no such link, or not any more. For all the reasons there
	// may be, it is the same.
	ErrLink = errors.New("no such link")
	// ErrSame: the address has a subscription like that. Only who holds a link is told.
	ErrSame = errors.New("there is a subscription like that")
)

// A QueryError is an ErrQuery with the reason.
type QueryError struct{ Err error }

func (e *QueryError) Error() string   { return fmt.Sprintf("%v: %v", ErrQuery, e.Err) }
func (e *QueryError) Unwrap() []error { return []error{ErrQuery, e.Err} }

// An Application is what somebody sent in to be subscribed.
type Application struct {
	Address string
	Query   string
	Often   string
	Ticked  string     // what was ticked and chosen, in words
	Form    string     // FormVersion, or the way it came
	Client  netip.Addr // where it came from; the zero value if that is not known
}

// SignUp queues the mail that asks whether somebody wants a subscription. Who
// has it already is sent a link to it instead. Nobody is told who has what: an
// error is about the application itself (ErrAddress, ErrQuery), ErrBusy, or the
// store's.
func (d *Desk) SignUp(ctx context.Context, now time.Time, a Application) error {
	address, err := Address(a.Address)
	if err != nil {
		return err
	}
	if err := d.usable(a.Query, a.Often); err != nil {
		return err
	}
	return d.serve(ctx, now, address, a.Client, func(of []store.Subscription) request {
		want := store.Subscription{
			ID: newID(), Address: address, Query: strings.TrimSpace(a.Query), Often: a.Often, State: store.StatePending,
			Created: now, Consent: consentBy(a.Form), ConsentAt: now,
			Proof: &store.Proof{Form: a.Form, Asked: now, Ticked: a.Ticked, Client: d.Links.fingerprint(clientKey(a.Client))},
		}
		for _, s := range of {
			if (s.State == store.StateConfirmed || s.State == store.StatePending) && s.Often == want.Often && canonical(s.Query) == canonical(want.Query) {
				if s.State == store.StateConfirmed {
					return request{kind: KindManage, sub: s}
				}
				want.ID, want.Query = s.ID, s.Query
				break
			}
		}
		return request{kind: KindConfirm, sub: want, pending: &want}
	})
}

func consentBy(form string) string {
	if form == FormMail {
		return "mail, form " + form
	}
	return "web form " + form
}

// AskLink queues the mail with the link by which somebody changes their
// subscriptions. Who has not confirmed any is asked again whether they want
// theirs. It is as silent as SignUp about who is subscribed.
func (d *Desk) AskLink(ctx context.Context, now time.Time, address string, client netip.Addr) error {
	address, err := Address(address)
	if err != nil {
		return err
	}
	return d.serve(ctx, now, address, client, func(of []store.Subscription) request {
		last := func(state store.State) (store.Subscription, bool) {
			for _, s := range slices.Backward(of) {
				if s.State == state {
					return s, true
				}
			}
			return store.Subscription{}, false
		}
		if s, ok := last(store.StateConfirmed); ok {
			return request{kind: KindManage, sub: s}
		}
		if s, ok := last(store.StatePending); ok {
			s.Created = now // asked for anew, and kept as long from now on
			return request{kind: KindConfirm, sub: s, pending: &s}
		}
		return request{kind: KindManage, sub: store.Subscription{ID: newID(), Address: address}, silent: true}
	})
}

// AskLinkOf is AskLink for the address of a subscription, which the asker need
// not know. An unknown subscription is no error.
func (d *Desk) AskLinkOf(ctx context.Context, now time.Time, subscription string, client netip.Addr) error {
	s, err := d.Subscribers.Subscription(ctx, subscription)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.Address = d.Links.Email() // the same work for nothing: we do not write to ourselves
	case err != nil:
		return err
	}
	return d.AskLink(ctx, now, s.Address, client)
}

// Probe queues the mail that shows whether a subscription's address still
// works. Nobody asked for it, so it counts towards nobody's caps: who has it
// sent sees to it that there is one. False if there is nobody to write to.
func (d *Desk) Probe(ctx context.Context, now time.Time, subscription string) (bool, error) {
	s, err := d.Subscribers.Subscription(ctx, subscription)
	if errors.Is(err, store.ErrNotFound) || err == nil && !s.Wants(KindProbe) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	queued, err := d.post(ctx, now, request{kind: KindProbe, sub: s}, nil)
	if errors.Is(err, store.ErrConflict) {
		return false, nil // ended meanwhile
	}
	if queued && d.Queued != nil {
		d.Queued()
	}
	return queued, err
}

// A request is what a service mail is about to be.
type request struct {
	kind    string
	answer  Answer // of a KindAnswer
	sub     store.Subscription
	pending *store.Subscription // to be stored with it
	silent  bool                // there is nobody to write to
}

// serve decides, composes and queues. What it decided on may have changed when
// it is stored: then it decides again.
func (d *Desk) serve(ctx context.Context, now time.Time, address string, client netip.Addr, decide func([]store.Subscription) request) error {
	for try := 1; ; try++ {
		of, err := d.Signups.Of(ctx, address)
		if err != nil {
			return err
		}
		r := decide(of)
		// Mail that came back, or a complaint: they said no in their way (WayBack).
		r.silent = r.silent || unwritten(address, d.Links.Email()) || barred(of, now)
		queued, err := d.post(ctx, now, r, d.Caps.counts(address, client))
		switch {
		case errors.Is(err, store.ErrConflict) && try < 3:
			continue
		case err != nil:
			return err
		}
		if queued && d.Queued != nil {
			d.Queued()
		}
		return nil
	}
}

func (d *Desk) post(ctx context.Context, now time.Time, r request, counts []store.Count) (bool, error) {
	token, hash := newToken()
	id := deliveryID(r.sub.ID, r.kind, hash)
	until := now.Add(tokenLife)
	msg, err := d.Compose(Service{ID: id, Kind: r.kind, To: r.sub.Address, Often: r.sub.Often, Token: token, Date: now, Until: until, Answer: r.answer})
	if err != nil {
		return false, fmt.Errorf("compose a %s mail: %w", r.kind, err)
	}
	opens := r.kind
	if opens == KindProbe {
		opens = KindManage
	}
	p := store.Post{
		At: now, Pending: r.pending, Counts: counts,
		Token: store.Token{Hash: hash, Kind: opens, Subscription: r.sub.ID, Made: now, Expires: until},
		Delivery: store.Delivery{
			ID: id, Subscription: r.sub.ID, Kind: r.kind, MessageID: msg.MessageID, Subject: msg.Subject, Raw: msg.Raw,
			State: store.Queued, Created: now, Due: dueSince(r.kind, now),
		},
	}
	return d.Signups.Post(ctx, p, func(past []store.Past) (bool, error) {
		mail, err := d.Caps.allow(now, counts, past)
		return mail && !r.silent, err
	})
}

// usable checks what a subscription is to be.
func (d *Desk) usable(q, often string) error {
	if !store.IsOften(often) {
		return &QueryError{errors.New("how often is not said")}
	}
	if _, err := query.Parse(q); err != nil {
		return &QueryError{err}
	}
	if d.Check != nil {
		if err := d.Check(q); err != nil {
			return &QueryError{err}
		}
	}
	return nil
}

// canonical is a query as it was understood.
func canonical(q string) string {
	if parsed, err := query.Parse(q); err == nil {
		return parsed.String()
	}
	return strings.TrimSpace(q)
}

// Pending is the subscription that a token would confirm, or ErrLink.
func (d *Desk) Pending(ctx context.Context, now time.Time, token string) (store.Subscription, error) {
	t, of, err := d.token(ctx, KindConfirm, token, now)
	if err != nil {
		return store.Subscription{}, err
	}
	i := slices.IndexFunc(of, func(s store.Subscription) bool { return s.ID == t.Subscription && s.State == store.StatePending })
	if i < 0 {
		return store.Subscription{}, ErrLink
	}
	return of[i], nil
}

// Confirm confirms the subscription of a token, which works once.
func (d *Desk) Confirm(ctx context.Context, now time.Time, token string) (store.Subscription, error) {
	s, err := d.Pending(ctx, now, token)
	if err != nil {
		return s, err
	}
	s, err = d.Signups.Confirm(ctx, hashOf(token), now, personCount(s.Address))
	return s, linkError(err)
}

func (d *Desk) token(ctx context.Context, kind, token string, now time.Time) (store.Token, []store.Subscription, error) {
	hash := hashOf(token)
	if hash == "" {
		return store.Token{}, nil, ErrLink
	}
	t, of, err := d.Signups.Token(ctx, kind, hash, now)
	return t, of, linkError(err)
}

func linkError(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrLink
	}
	return err
}

// Managed is what the holder of a manage link may see and change.
type Managed struct {
	Address       string
	Subscriptions []store.Subscription // whatever their state, by id
	Until         time.Time            // when the link runs out
}

// Live are those that are not over.
func (m Managed) Live() []store.Subscription {
	return slices.DeleteFunc(slices.Clone(m.Subscriptions), func(s store.Subscription) bool { return s.State == store.StateEnded })
}

// Manage tells what a manage link opens, or ErrLink.
func (d *Desk) Manage(ctx context.Context, now time.Time, token string) (Managed, error) {
	t, of, err := d.token(ctx, KindManage, token, now)
	if err != nil {
		return Managed{}, err
	}
	if len(of) == 0 {
		return Managed{}, ErrLink
	}
	address := of[0].Address
	of = slices.DeleteFunc(of, func(s store.Subscription) bool { return !s.Subscribed() })
	return Managed{Address: address, Subscriptions: of, Until: t.Expires}, nil
}

// one is a subscription that a manage link opens.
func (d *Desk) one(ctx context.Context, now time.Time, token, id string) (store.Subscription, error) {
	m, err := d.Manage(ctx, now, token)
	if err != nil {
		return store.Subscription{}, err
	}
	i := slices.IndexFunc(m.Subscriptions, func(s store.Subscription) bool { return s.ID == id })
	if i < 0 {
		return store.Subscription{}, ErrLink
	}
	return m.Subscriptions[i], nil
}

// Change gives a confirmed subscription another query and frequency. If it gets
// digests from now on, the first one begins where alerts left off and not where
// the last digest did.
func (d *Desk) Change(ctx context.Context, now time.Time, token, id, q, often string) error {
	s, err := d.one(ctx, now, token, id)
	if err != nil {
		return err
	}
	if err := d.usable(q, often); err != nil {
		return err
	}
	since := s.Since
	if !store.Digested(s.Often) && store.Digested(often) {
		judged, err := d.Outbox.Position(ctx, Follower)
		if err != nil {
			return err
		}
		since = max(since, judged.Seq)
	}
	err = d.Signups.Change(ctx, id, strings.TrimSpace(q), often, since)
	if errors.Is(err, store.ErrConflict) {
		return ErrSame
	}
	return linkError(err)
}

// End ends one subscription that a manage link opens.
func (d *Desk) End(ctx context.Context, now time.Time, token, id string) error {
	was, err := d.one(ctx, now, token, id)
	if err != nil {
		return err
	}
	if err := d.Subscribers.End(ctx, id, now); err != nil {
		return linkError(err)
	}
	d.ended(ctx, now, was)
	return nil
}

// EndAll ends all of them. Each is an end of its own: one cut short has ended
// some, and can be asked for again.
func (d *Desk) EndAll(ctx context.Context, now time.Time, token string) error {
	m, err := d.Manage(ctx, now, token)
	if err != nil {
		return err
	}
	var last store.Subscription
	for _, s := range m.Live() {
		if err := d.Subscribers.End(ctx, s.ID, now); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if s.State == store.StateConfirmed {
			last = s
		}
	}
	d.ended(ctx, now, last)
	return nil
}

// Erase erases the address that a manage link was sent to, and with it the link.
func (d *Desk) Erase(ctx context.Context, now time.Time, token string) error {
	m, err := d.Manage(ctx, now, token)
	if err != nil {
		return err
	}
	erase := d.EraseAddress
	if erase == nil {
		erase = d.Subscribers.Erase
	}
	_, err = erase(ctx, m.Address)
	return err
}
