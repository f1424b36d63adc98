package mail

import (
	"ccgwatch/alerts"
	"ccgwatch/store"
)

// partOf says of which procurements an item speaks, or what speaks of that of a
// notice, how sure that is and where to look. What is merely mentioned is not said.
func (w *writer) partOf(t alerts.Thing) {
	told := map[string]bool{}
	for _, f := range t.Findings {
		for _, j := range f.Joins {
			head := "Part of"
			if f.Kind == store.KindNotice {
				head = "Discussed in"
			}
			name := orElse(cut(clean(j.Title), w.titleMax()), "a procurement without a title")
			if told[name] || len(told) >= 2 {
				continue
			}
			told[name] = true
			bits := []bit{say(head + ": "), quoted(name)}
			if where := cut(clean(j.Where), 80); where != "" && f.Kind == store.KindNotice {
				bits = append(bits, say(", "), quoted(where))
			}
			bits = append(bits, say(" ("+joinWords(j.Strength)+")"))
			switch page := w.c.links.Thread(j.Thread); {
			case f.Kind == store.KindNotice && j.URL != "":
				bits = append(bits, say(": "), w.link(j.URL))
			case f.Kind != store.KindNotice && page != "":
				bits = append(bits, say(": "), bit{words: "its story", href: page})
			}
			w.para(bits...)
		}
	}
}

// joinWords say how sure a joint is.
func joinWords(strength string) string {
	switch strength {
	case store.JointOperator:
		return "joined by the people who run this"
	case store.JointCertain:
		return "certain: it is named by a reference"
	case store.JointLikely:
		return "likely: the same service and the same body or place"
	}
	return "perhaps"
}
