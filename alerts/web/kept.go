package web

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store/query"
)

// A kept remembers what was worked out, as long as the log and the matcher stand
// where they stood, for a few minutes at most: what an operator decides about
// procurements, and time, are not in the log. Nobody alters what it gives.
type kept[T any] struct {
	mu    sync.Mutex
	state feedState
	at    time.Time
	known map[string]T
}

// keptMost is how many things a kept remembers before it begins again.
const keptMost = 512

func (k *kept[T]) get(key string, state feedState, now time.Time) (T, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if age := now.Sub(k.at); k.state != state || age < 0 || age >= feedFresh {
		k.known = nil
	}
	x, ok := k.known[key]
	return x, ok
}

// put remembers what was worked out while the record stood at a state.
func (k *kept[T]) put(key string, x T, state feedState, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || k.state != state || len(k.known) >= keptMost {
		k.known, k.state, k.at = map[string]T{}, state, now
	}
	k.known[key] = x
}

// fold is a procurement for a list, in which nobody needs the latest minute.
func (s *site) fold(ctx context.Context, id string) (judge.Thread, error) {
	state, err := s.feedState(ctx)
	if err != nil {
		return judge.Thread{}, err
	}
	now := s.Now()
	if t, ok := s.folds.get(id, state, now); ok {
		return t, nil
	}
	fold := s.Thread
	if s.Listed.Fold != nil {
		fold = s.Listed.Fold
	}
	t, err := fold(ctx, id)
	if err == nil {
		s.folds.put(id, t, state, now)
	}
	return t, err
}

// foldsAtOnce is how many procurements are folded side by side.
const foldsAtOnce = 4

// foldAll has procurements folded of which fold is asked next, side by side. What
// fails fails there.
func (s *site) foldAll(ctx context.Context, ids []string) {
	if s.Thread == nil || len(ids) < 2 {
		return
	}
	next := make(chan string, len(ids))
	for _, id := range ids {
		next <- id
	}
	close(next)
	var wg sync.WaitGroup
	for range min(foldsAtOnce, runtime.GOMAXPROCS(0), len(ids)) {
		wg.Go(func() {
			for id := range next {
				if ctx.Err() == nil {
					_, _ = s.fold(ctx, id)
				}
			}
		})
	}
	wg.Wait()
}

// threadsKept is listThreads, remembered.
func (s *site) threadsKept(r *http.Request, body *threadsBody, q query.Query, from int) error {
	state, err := s.feedState(r.Context())
	if err != nil {
		return err
	}
	key, now := "/threads?"+withFrom(body.values(), from), s.Now()
	if known, ok := s.threadLists.get(key, state, now); ok {
		// Who asked has its own form: a page and the interface share the list.
		body.List, body.Older, body.Paused = known.List, known.Older, known.Paused
		return nil
	}
	if err = s.listThreads(r, body, q, from); err == nil {
		s.threadLists.put(key, *body, state, now)
	}
	return err
}
