package alerts

import (
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"
	"time"

	"ccgwatch/store"
)

// How long to go on trying, how long to wait before the one repeat of an
// uncertain attempt, and of a soft refusal.
const (
	giveUp         = 5 * 24 * time.Hour
	uncertainAfter = 15 * time.Minute
	softAfter      = 24 * time.Hour
	operatorAfter  = 30 * time.Minute
	sweepEvery     = time.Hour
)

// A pause is the time in which nothing is sent to anybody. It is kept in memory:
// a process that starts again has one look at once.
type pause struct {
	until time.Time
	n     int // failures in a row that were nobody's but the relay's
	epoch int // how many pauses there were
	swept time.Time
	whole bool // all that there is was looked at once for what has waited too long
}

// holds tells whether now is in the pause. One that seems to last longer than
// any does was made by a clock that was wrong.
func (p *pause) holds(now time.Time) bool {
	return now.Before(p.until) && p.until.Sub(now) <= 2*time.Hour
}

// learn draws the conclusion from an attempt that ended with err at now. An
// uncertain one is also a relay that broke off: were it asked to take the rest
// at once, all of that might be in doubt too. Of what was under way when a pause
// began (epoch is that of its beginning) nothing more is learnt: what failed with
// others is one failure.
func (p *pause) learn(d store.Delivery, now time.Time, err error, epoch int) {
	switch {
	case epoch != p.epoch:
	case errors.Is(err, ErrOperator):
		p.n, p.epoch = p.n+1, p.epoch+1
		p.until = now.Add(jitter(operatorAfter, d, p.n))
	case errors.Is(err, ErrAway), errors.Is(err, ErrUncertain):
		p.n, p.epoch = p.n+1, p.epoch+1
		p.until = now.Add(jitter(awayAfter(p.n), d, p.n))
	default:
		p.n, p.until = 0, time.Time{}
	}
}

// sweep tells whether it is time to look for what has waited too long.
func (p *pause) sweep(now time.Time) bool {
	if since := now.Sub(p.swept); since >= 0 && since < sweepEvery {
		return false
	}
	p.swept = now
	return true
}

// outcome is the delivery after an attempt that ended with err at now, with a
// pause until then.
func outcome(d store.Delivery, now, until time.Time, err error, address string) store.Delivery {
	d.Lease = time.Time{}
	if err == nil {
		d.Attempts++
		d.State, d.SentAt, d.LastError, d.Failure = store.Sent, now, "", ""
		return d
	}
	if !errors.Is(err, ErrAway) && !errors.Is(err, ErrUncertain) {
		d.Attempts++
	}
	d.State, d.LastError = store.Queued, withoutAddress(err.Error(), address)
	switch {
	case errors.Is(err, ErrUncertain):
		d = d.Doubted()
		d.Due = now.Add(jitter(uncertainAfter, d, d.Attempts))
		return d // in doubt it may be repeated even when it is old: once
	case errors.Is(err, ErrNoAddress):
		d.State, d.Failure = store.Failed, store.FailedHard
	case errors.Is(err, ErrRefused):
		d.State, d.Failure = store.Failed, store.FailedRefused
	case errors.Is(err, ErrSoft) && d.Failure != "":
		d.State, d.Failure = store.Failed, softFailure(err)
	case now.Sub(d.Created) >= giveUp:
		return expired(d)
	case errors.Is(err, ErrSoft):
		d.Failure, d.Due = softFailure(err), now.Add(jitter(softAfter, d, d.Attempts))
	case errors.Is(err, ErrAway):
		d.Due = until // behind all that was due before, so that it holds up nobody
	default:
		d.Due = now.Add(jitter(deferFor(d.Attempts), d, d.Attempts))
	}
	if last := d.Created.Add(giveUp); d.State == store.Queued && d.Due.After(last) {
		d.Due = last // for the last time
	}
	return d
}

func softFailure(err error) string {
	if errors.Is(err, ErrPolicy) {
		return store.FailedPolicy
	}
	return store.FailedSoft
}

// expired is a delivery that was given up. One that was in doubt stays so.
func expired(d store.Delivery) store.Delivery {
	if d.State = store.Failed; d.Doubts > 0 {
		d.State = store.Uncertain
	}
	d.Failure, d.LastError = store.FailedExpired, "given up: "+d.LastError
	return d
}

// awayAfter is how long nothing is sent after the nth failure in a row: 1, 5,
// 15 minutes, then hours.
func awayAfter(n int) time.Duration {
	switch n {
	case 1:
		return time.Minute
	case 2:
		return 5 * time.Minute
	case 3:
		return 15 * time.Minute
	}
	return time.Hour
}

// deferFor is how long one message waits after its nth attempt: 15 minutes,
// doubling, 4 hours at most.
func deferFor(n int) time.Duration {
	return min(15*time.Minute<<min(max(n-1, 0), 8), 4*time.Hour)
}

// jitter lengthens a wait by up to a tenth, so that what failed together is not
// tried again together; always the same for the same attempt.
func jitter(wait time.Duration, d store.Delivery, n int) time.Duration {
	h := fnv.New32a()
	fmt.Fprint(h, d.ID, " ", n)
	return wait + wait/10*time.Duration(h.Sum32()%1000)/1000
}

// withoutAddress keeps an address out of the outbox's errors and the log,
// whatever a server answered, and the rest short and on one line.
func withoutAddress(s, address string) string {
	if address != "" {
		s = regexp.MustCompile("(?i)"+regexp.QuoteMeta(address)).ReplaceAllLiteralString(s, "<the subscriber>")
	}
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}
