package web

import (
	"sync/atomic"
	"time"
)

// A naming is what the followed sources are called and whose they are, for
// lists that ask it of every line.
type naming struct {
	at         time.Time
	sources    map[string]SourceInfo
	publishers map[string]string // the name that a source has, by its publisher
}

// namings remembers it for a moment: Sources reads the store.
type namings struct{ known atomic.Pointer[naming] }

// namesFor is for how long.
const namesFor = time.Second

func (s *site) names() *naming {
	now := s.Now()
	if x := s.naming.known.Load(); x != nil && now.Sub(x.at).Abs() < namesFor {
		return x
	}
	x := &naming{at: now, sources: map[string]SourceInfo{}, publishers: map[string]string{}}
	for _, info := range s.Sources() {
		if _, ok := x.sources[info.ID]; !ok {
			x.sources[info.ID] = info
		}
		if _, ok := x.publishers[info.publisher()]; !ok {
			x.publishers[info.publisher()] = info.Name
		}
	}
	s.naming.known.Store(x)
	return x
}
