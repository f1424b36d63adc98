package query

// A Sample tells how often words and values turn up, from facts that were seen.
// The zero value has seen none. It is not safe for concurrent use.
type Sample struct {
	seen   int
	words  map[string]int32 // by stem: in how many facts
	values [fields]map[string]int32
}

// Add takes note of facts.
func (s *Sample) Add(p *Prepared) {
	if s.words == nil {
		s.words = map[string]int32{}
		for f := range s.values {
			s.values[f] = map[string]int32{}
		}
	}
	s.seen++
	for _, w := range p.lexicon.stems {
		s.words[w]++
	}
	for f, list := range p.lists {
		for _, v := range list {
			s.values[f][v]++
		}
	}
}
