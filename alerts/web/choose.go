package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

// mostChosen is how many entries of a list can be ticked.
const mostChosen = 100

// A chosen is what the form says somebody wants. The boxes and the line mean
// the same: whichever was changed last counts, and the other follows when the
// page is shown again. That needs no script: Was says how both stood before.
type chosen struct {
	query.Form
	Line  string // one query
	Was   string // marks of the boxes and the line as they were handed out
	Often string

	Query   string   // what counts
	Mistake *mistake // in the line
	Wrong   string   // in the boxes, or in a name
	Beyond  bool     // the line says more than boxes can
}

// readChosen reads the form's fields: topic, body, area, committee, thread, words, phrase, any,
// without, q, was, often.
func readChosen(v url.Values) chosen {
	list := func(name string) []string {
		var out []string
		for _, x := range v[name] {
			if x = line(x, 200); x != "" && len(out) <= mostChosen {
				out = append(out, x)
			}
		}
		return out
	}
	c := chosen{
		Form: query.Form{
			Topics: list("topic"), Bodies: list("body"), Areas: list("area"), Committees: list("committee"), Threads: list("thread"),
			Words: box(v, "words"), Phrase: box(v, "phrase"), Any: box(v, "any"), Without: box(v, "without"),
		},
		Line: box(v, "q"), Was: v.Get("was"), Often: v.Get("often"),
	}
	return c
}

// box is one line of text out of a form; one that is too long is refused later,
// not cut.
func box(v url.Values, name string) string { return line(v.Get(name), query.MaxLength+1) }

// mark stands for a text in Was.
func mark(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:6])
}

// settle finds out what counts, and makes the boxes and the line say it.
func (c *chosen) settle() {
	for _, list := range [][]string{c.Topics, c.Bodies, c.Areas, c.Committees, c.Threads} {
		if len(list) > mostChosen {
			c.Wrong = "That is too many to choose: leave the list empty for all of them."
			return
		}
	}
	asBoxes, err := c.Form.Query()
	if err != nil {
		c.Wrong = "We found " + err.Error() + "."
		return
	}
	parsed, wrong := parse(c.Line)
	if wrong != nil {
		c.Mistake = wrong
		return
	}
	c.Query = c.which(asBoxes.String(), parsed)
	if utf8.RuneCountInString(c.Query) > query.MaxLength {
		c.Wrong = "That is too long to be kept."
		return
	}
	final, err := query.Parse(c.Query)
	if err != nil { // two good queries side by side make a good one, but for its length and depth
		c.Wrong = "That is too much for one subscription."
		return
	}
	c.show(final)
}

// which is the query that counts, given what the boxes say and the line.
func (c *chosen) which(boxes string, parsed query.Query) string {
	wasBoxes, wasLine, _ := strings.Cut(c.Was, ".")
	if c.Was == "" {
		wasBoxes, wasLine = mark(""), mark("")
	}
	boxesNew, lineNew := mark(boxes) != wasBoxes, mark(c.Line) != wasLine
	_, fits := query.FormOf(parsed)
	switch {
	case c.Line == "":
		return boxes
	case !boxesNew, boxes == "" && lineNew:
		return c.Line
	case lineNew, !fits: // both were changed; or the boxes, beside a line they cannot show
		return join(c.Line, boxes)
	}
	return boxes
}

// join asks for both.
func join(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return "(" + a + ") " + b
}

// show fills both the boxes and the line with a query, and notes how they stand.
func (c *chosen) show(q query.Query) {
	c.Line = c.Query
	f, ok := query.FormOf(q)
	c.Form, c.Beyond = f, !ok
	boxes := ""
	if b, err := f.Query(); err == nil {
		boxes = b.String()
	}
	c.Was = mark(boxes) + "." + mark(c.Line)
}

// of is the choice that a subscription stands for.
func choiceOf(s store.Subscription) chosen {
	c := chosen{Query: s.Query, Line: s.Query, Often: s.Often}
	if q, err := query.Parse(s.Query); err == nil {
		c.show(q)
	}
	return c
}

// fine tells whether it can be used.
func (c *chosen) fine() bool { return c.Mistake == nil && c.Wrong == "" }

// refused notes what the desk did not like about the query.
func (c *chosen) refused(err error) bool {
	var q *alerts.QueryError
	if !errors.As(err, &q) {
		return false
	}
	c.Wrong = strings.TrimRight("We cannot use this: "+q.Err.Error(), ".") + "."
	return true
}

// An option is an entry of a list on the form.
type option struct {
	Value, Name string
	On          bool
}

func options(all []Choice, on []string) []option {
	var out []option
	left := slices.Clone(on)
	for _, x := range all {
		i := slices.Index(left, x.Value)
		if i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
		out = append(out, option{x.Value, x.Name, i >= 0})
	}
	for _, v := range left { // chosen by a line, by another of its names
		out = append(out, option{v, strings.ReplaceAll(v, "-", " "), true})
	}
	return out
}

// tickList is a list on the form. A long one is folded up until something in it
// is ticked.
type tickList struct {
	Name, Legend string
	List         []option
	Fold, Ticked bool
}

// mostUnfolded is how many entries are shown without being asked for.
const mostUnfolded = 16

func ticks(name, legend string, list []option) tickList {
	ticked := slices.ContainsFunc(list, func(o option) bool { return o.On })
	return tickList{name, legend, list, len(list) > mostUnfolded, ticked}
}

// chooseView is the part of a page with which one chooses.
type chooseView struct {
	chosen
	TopicList, BodyList, AreaList []option
	CommitteeList, ThreadList     []option // those chosen, by a link or in words
}

func (s *site) choose(c chosen) chooseView {
	var ts []Choice
	for _, t := range topics() {
		ts = append(ts, Choice{string(t), topicWords(t)})
	}
	v := chooseView{chosen: c, TopicList: options(ts, c.Topics)}
	var bodies, areas []Choice
	if s.Choices != nil {
		bodies, areas = s.Choices()
	}
	v.BodyList, v.AreaList = options(bodies, c.Bodies), options(areas, c.Areas)
	v.CommitteeList, v.ThreadList = options(nil, c.Committees), options(nil, nil)
	for _, id := range c.Threads {
		v.ThreadList = append(v.ThreadList, option{id, s.threadName(id), true})
	}
	return v
}

// oftenWords says how often mail comes.
func oftenWords(often string) string {
	switch often {
	case store.Instant:
		return "as things appear"
	case store.Daily:
		return "once a day, in the morning, on days with something to tell"
	case store.Weekly:
		return "once a week, on Friday morning"
	case store.Both:
		return "as things appear, and once a week"
	}
	return ""
}
