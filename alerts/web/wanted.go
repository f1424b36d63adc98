package web

import (
	"strings"

	"ccgwatch/store"
)

// wanted says in words what a query asks for, as the boxes of the form would: readers
// were never told of the line of topic:this and area:that. It is "" for a query that is
// empty or says more than boxes can, which is shown as it stands.
func (s *site) wanted(text string) string {
	c := choiceOf(store.Subscription{Query: text})
	if c.Beyond {
		return ""
	}
	v := s.choose(c)
	var all []string
	add := func(before, what string) {
		if what != "" {
			all = append(all, before+line(what, 300))
		}
	}
	add("", ticked(v.TopicList))
	add("in ", ticked(v.AreaList))
	add("of ", ticked(v.BodyList))
	add("of the committee ", ticked(v.CommitteeList))
	add("about the procurement ", ticked(v.ThreadList))
	add("with all of these words: ", c.Words)
	add("with exactly this: ", c.Phrase)
	add("with any of these: ", c.Any)
	add("with none of these: ", c.Without)
	said := strings.Join(all, "; ")
	if said == "" {
		return ""
	}
	return strings.ToUpper(said[:1]) + said[1:]
}

// ticked are the names of what is chosen in a list, any of which will do.
func ticked(list []option) string {
	var names []string
	for _, o := range list {
		if o.On {
			names = append(names, o.Name)
		}
	}
	return strings.Join(names, " or ")
}
