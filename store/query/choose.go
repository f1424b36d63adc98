package query

import "slices"

// A choice is what a query is filed under: one of some keys is there whenever
// it fits. Another may have to be there, too.
type choice struct {
	one    key   // 0: nothing has to be there
	more   []key // that may be there instead
	chance float32

	also     key
	alsoOdds float32
}

// and is the choice where both parts must fit: the rarer of the two.
func (c choice) and(d choice) choice {
	if c.one == 0 || d.one != 0 && d.chance < c.chance {
		c, d = d, c
	}
	if d.one == 0 {
		return c
	}
	if len(d.more) == 0 {
		c.mark(d.one, d.chance)
	}
	c.mark(d.also, d.alsoOdds)
	return c
}

// mark takes note of what must be there, too, if it is rarer than what was noted.
func (c *choice) mark(k key, chance float32) {
	if k != 0 && (k != c.one || len(c.more) > 0) && (c.also == 0 || chance < c.alsoOdds) {
		c.also, c.alsoOdds = k, chance
	}
}

// or is the choice where one of both parts must fit.
func (c choice) or(d choice) choice {
	if c.one == 0 || d.one == 0 {
		return choice{}
	}
	out := choice{one: c.one, more: c.more, chance: c.chance}
	for _, k := range append([]key{d.one}, d.more...) {
		if k != out.one && !slices.Contains(out.more, k) {
			out.more = append(slices.Clip(out.more), k)
		}
	}
	out.chance += d.chance
	return out
}

// A chooser reads code and chooses for one query after the other.
type chooser struct {
	reader
	chance []float32 // of each key to be there
	pairs  map[pair]key
}

// common is how likely a word is there under which no phrase is filed, but under
// two of its words. For fewer it does not pay to look every pair of a text up.
const common = 0.05

// next reads the next part.
func (c *chooser) next() choice {
	o, detail := c.kind()
	switch o {
	case opAll, opAny:
		size := c.number()
		end := c.at + size
		var all choice
		for first := true; c.at < end; first = false {
			switch part := c.next(); {
			case first:
				all = part
			case o == opAll:
				all = all.and(part)
			default:
				all = all.or(part)
			}
		}
		return all
	case opNot:
		c.next()
		return choice{}
	case opField:
		n := c.number()
		either := c.of(c.key())
		for range n - 1 {
			either = either.or(c.of(c.key()))
		}
		return either
	default:
		return c.phrase(mode(detail))
	}
}

func (c *chooser) of(k key) choice { return choice{one: k, chance: c.chance[k]} }

// phrase chooses one of the words, all of which must be there, or where all are
// common, two that stand next to each other.
func (c *chooser) phrase(m mode) choice {
	n := c.number()
	best, rarest := choice{}, choice{chance: 2}
	var last key
	for i := range n {
		k := c.key()
		if m != stems {
			c.number()
		}
		if i == 0 {
			best = c.of(k)
		} else {
			if chance := c.chance[last] * c.chance[k]; chance < rarest.chance { // they are not as independent as that
				rarest = choice{one: last, also: k, chance: chance}
			}
			best = best.and(c.of(k))
		}
		last = k
	}
	if n == 1 || best.chance < common {
		return best
	}
	two := pair{rarest.one, rarest.also}
	k, known := c.pairs[two]
	if !known {
		k = key(len(c.chance)) //nolint:gosec // fewer than there are bytes of code
		c.pairs[two] = k
		c.chance = append(c.chance, rarest.chance)
	}
	found := c.of(k)
	if best.one != two.first && best.one != two.second {
		found.mark(best.one, best.chance)
	}
	return found
}

// guess is how much of an observation it counts how often a thing is asked for.
const guess = 8

// wordsOfText is how many different words a notice may have.
const wordsOfText = 300

// chances tells of each key how likely it is there. What is asked for is
// likely there: a word the more often it is asked for; a value as if it were one
// of those asked for, of which there may be two at once. What the sample had
// counts for more, the more it has seen.
func (f *Filer) chances(s *Sample) []float32 {
	if s == nil {
		s = &Sample{}
	}
	words := 1
	for _, t := range f.things {
		if t.field == fields {
			words += int(t.asked)
		}
	}
	out := make([]float32, len(f.things))
	chance := func(k key, expected float32, met int32) {
		out[k] = (guess*min(1, expected) + float32(met)) / float32(guess+s.seen)
	}
	for w, k := range f.words {
		chance(k, wordsOfText*float32(f.things[k].asked)/float32(words), s.words[w])
	}
	for of, keys := range f.values {
		n := len(keys)
		switch of := field(of); {
		case of == tier:
			n = 1
		case of.listed():
			n = max(n, 3)
		}
		for v, k := range keys {
			chance(k, 2/float32(n), s.values[of][v])
		}
	}
	return out
}
