package web

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"ccgwatch/alerts/judge"
)

// A chart is bars with the numbers that they are of. It is drawn as SVG here,
// without a script, in lengths relative to the page, so that words keep their
// size on a phone; the table behind it says the same.
type chart struct {
	ID      string
	Title   string
	Of      string // count and denominator, a sentence
	Columns []string
	Bars    []bar
	Notes   []string // what is counted and what is not
	Whole   float64  // length of a full bar; 0: the longest one
	long    bool     // labels above the bars
}

// A bar is one of a chart.
type bar struct {
	Label string
	Show  string   // beside the bar
	Cells []string // of the table, after the label
	Size  float64
	// Percent and Y are for drawing: of the longest bar, and pixels from the top.
	Percent string
	Y       int
}

// Height is that of the drawing in pixels.
func (c chart) Height() int { return len(c.Bars)*c.step() + 4 }

func (c chart) step() int {
	if c.long {
		return 46
	}
	return 24
}

// Long tells whether labels stand above the bars.
func (c chart) Long() bool { return c.long }

// Words is what the drawing shows, for who cannot see it.
func (c chart) Words() string {
	s := c.Of
	for _, b := range c.Bars {
		s += " " + b.Label + ": " + b.Show + "."
	}
	return s
}

// draw sets what is needed for drawing.
func (c chart) draw() chart {
	most := c.Whole
	for _, b := range c.Bars {
		most = max(most, b.Size)
	}
	for i := range c.Bars {
		b := &c.Bars[i]
		share := 0.0
		if most > 0 {
			share = 100 * b.Size / most
		}
		if b.Size > 0 {
			share = max(share, 0.5) // something is not nothing
		}
		b.Percent = strconv.FormatFloat(math.Round(10*share)/10, 'f', -1, 64) + "%"
		b.Y = i * c.step()
	}
	return c
}

// monthsShown is how many months the chart of notices goes back.
const monthsShown = 18

// numbers counts what the notices say. It draws no conclusion.
func (s *site) numbers(w http.ResponseWriter, r *http.Request) error {
	if err := s.followAll(r.Context()); err != nil {
		return err
	}
	body := struct {
		Charts []chart
		Behind time.Time
	}{Behind: s.behindAll()}
	body.Charts = s.charts()
	return s.render(w, http.StatusOK, "numbers", view{Title: "Numbers", Here: "numbers", Body: body})
}

// charts are counted anew when there is something new, and when a day begins.
func (s *site) charts() []chart {
	all, last := s.record.noticesAdded()
	day := dayOf(s.Now(), s.zone)
	s.survey.mu.Lock()
	defer s.survey.mu.Unlock()
	if c := s.survey.counted; c != nil && c.version == s.survey.version && c.last == last && c.day.Equal(day) {
		return c.charts
	}
	t := &s.survey.tally
	t.settle(s.survey.awards.threads)
	charts := []chart{valueByClass(t), noticesByMonth(t, all, s.Now().In(s.zone)), signedBefore(t), papersBefore(s.record.leadDays())}
	for i := range charts {
		charts[i] = charts[i].draw()
	}
	s.survey.counted = &tallied{version: s.survey.version, last: last, day: day, charts: charts}
	return charts
}

// awarded is the latest notice of each procurement that awards, makes or
// confirms a contract. An intention is none: it may come to nothing. What the
// notice does not repeat, value or suppliers, is as the latest of its procurement
// says, an intention included: confirmations of the Provider Selection Regime may
// leave out what they confirm.
func awarded(rows []*noticed) []*noticed {
	last, said := map[string]*noticed{}, map[string][]*noticed{}
	for _, n := range rows {
		if awarding(n.stage) && n.stage != "modification" {
			said[n.thread] = append(said[n.thread], n)
		}
		if n.stage != "award" && n.stage != "contract" && n.stage != "confirmation" {
			continue
		}
		if old := last[n.thread]; old == nil || better(n, old) {
			last[n.thread] = n
		}
	}
	out := make([]*noticed, 0, len(last))
	for thread, n := range last {
		whole := *n
		for _, x := range said[thread] { // the latest that says it
			if x.value > 0 && (whole.value == 0 || n.value == 0 && x.at.After(whole.at)) {
				whole.value, whole.currency, whole.at = x.value, x.currency, x.at
			}
		}
		named := time.Time{}
		for _, x := range said[thread] {
			if len(n.suppliers) == 0 && len(x.suppliers) > 0 && !x.at.Before(named) {
				whole.suppliers, named = x.suppliers, x.at
			}
		}
		out = append(out, &whole)
	}
	return out
}

// better prefers a notice that states a value, then the later one.
func better(a, b *noticed) bool {
	if (a.value > 0) != (b.value > 0) {
		return a.value > 0
	}
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.key, b.key)) > 0
}

func pounds(n *noticed) bool { return n.value > 0 && (n.currency == "" || n.currency == "GBP") }

// valueByClass adds up what awards state, by what the suppliers are.
func valueByClass(t *tallies) chart {
	c := chart{ID: "value", Title: "Value of awards, by what the supplier is", Columns: []string{"What the supplier is", "Procurements", "of these with a value in pounds", "Values stated, added up"}, long: true}
	all, named, stated := 0, 0, 0
	for class, x := range t.classes {
		all, stated = all+x.all, stated+x.stated
		if class != "none" {
			named += x.all
		}
	}
	c.Of = fmt.Sprintf("Of %s with a notice of an award or a contract, %d name a supplier and %d state a value in pounds.", plural(all, "procurement", "procurements"), named, stated)
	for _, class := range append(classes(), "individual", "several", "none") {
		x := t.classes[class]
		if x.all == 0 {
			continue
		}
		value := x.value()
		worth := judge.Worth{Value: strconv.FormatFloat(value, 'f', 0, 64), Currency: "GBP"}.String()
		c.Bars = append(c.Bars, bar{Label: classLabel(class), Show: fmt.Sprintf("%s in %d of %d", worth, x.stated, x.all), Size: value,
			Cells: []string{strconv.Itoa(x.all), strconv.Itoa(x.stated), worth}})
	}
	c.Notes = []string{
		"Each procurement counts once, with the latest notice that states a value, of an award or else of the intention that became one. Many values are ceilings of frameworks, for many years or several suppliers, and some include options: the sum is of what notices state and not of what is paid.",
		"Not counted: values in other currencies, values of a pound or less, intentions of which no award was read, and contracts of which no notice was published or read.",
	}
	return c
}

func classLabel(class string) string {
	switch class {
	case "several":
		return "suppliers of different kinds in one notice"
	case "none":
		return "no supplier named"
	}
	return classWords(class)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// noticesByMonth counts notices by the month that they are dated.
func noticesByMonth(t *tallies, all int, now time.Time) chart {
	c := chart{ID: "months", Title: "Notices by month", Columns: []string{"Month", "Notices"}}
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, now.Location()).AddDate(0, 1-monthsShown, 0)
	shown := 0
	for i := range monthsShown {
		m := first.AddDate(0, i, 0)
		n := t.upTo(monthOf(m), now)
		shown += n
		c.Bars = append(c.Bars, bar{Label: m.Format("Jan 2006"), Show: strconv.Itoa(n), Cells: []string{strconv.Itoa(n)}, Size: float64(n)})
	}
	c.Of = fmt.Sprintf("%s on health and care dated since %s, of %d that are on these pages, and of %d notices read in all.", plural(shown, "notice", "notices"), first.Format("January 2006"), t.shown, all)
	c.Notes = []string{
		"On health and care means: our rules found something in the notice. Months from before this installation began to read are incomplete, and so is the present one.",
	}
	return c
}

// signedBefore counts the days between the date on which a contract is said to
// have been signed and the notice that announces it.
func signedBefore(t *tallies) chart {
	c := chart{ID: "late", Title: "From signature to notice", Columns: []string{"The notice is dated", "Notices"}, long: true}
	labels := []string{"before the day of signature or on it", "1 to 30 days after it", "31 to 90 days after it", "91 to 365 days after it", "more than a year after it"}
	dated := 0
	for _, n := range t.signed {
		dated += n
	}
	c.Of = fmt.Sprintf("Of %s of an award or a contract, %d say when the contract was signed.", plural(t.contracts, "notice", "notices"), dated)
	c.Whole = float64(dated)
	for i, label := range labels {
		c.Bars = append(c.Bars, bar{Label: label, Show: fmt.Sprintf("%d of %d", t.signed[i], dated), Cells: []string{strconv.Itoa(t.signed[i])}, Size: float64(t.signed[i])})
	}
	c.Notes = []string{
		"Both dates are as the notices have them. How soon a notice must follow depends on the law that a contract is under, and on when it was made: what is allowed is not counted here.",
		"Not counted: intentions to award, in which the field for the signature is filled before there is one.",
	}
	return c
}

// binOf is the place of a number among ascending bounds, each included.
func binOf(n int, bounds ...int) int {
	for i, b := range bounds {
		if n <= b {
			return i
		}
	}
	return len(bounds)
}

// papersBefore counts how long before a meeting its first papers came.
func papersBefore(days []int) chart {
	c := chart{ID: "papers", Title: "Papers before a meeting", Columns: []string{"The first papers came", "Meetings"}, long: true}
	var counts [4]int
	for _, d := range days {
		counts[binOf(d, -1, 4, 7)]++
	}
	c.Of = fmt.Sprintf("%s whose first papers came while we watched.", plural(len(days), "meeting", "meetings"))
	c.Whole = float64(len(days))
	for i, label := range []string{"after it had begun", "0 to 4 days before", "5 to 7 days before", "8 days or more before"} {
		c.Bars = append(c.Bars, bar{Label: label, Show: fmt.Sprintf("%d of %d", counts[i], len(days)), Cells: []string{strconv.Itoa(counts[i])}, Size: float64(counts[i])})
	}
	slices.Reverse(c.Bars)
	c.Notes = []string{
		"Days of the calendar between the look at which we first saw an agenda or papers and the meeting; the papers may have been there some hours longer. Councils must publish an agenda five clear days before; not every board has such a duty.",
		"Not counted: meetings whose papers were there when we began to watch, cancelled ones, and those without papers.",
	}
	return c
}

// noticesAdded counts the notices in the table of contents, and says which is
// the last entry counted.
func (r *record) noticesAdded() (n int, last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.notices, r.last
}

// leadDays are the days between first papers and meetings, in no order.
func (r *record) leadDays() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]int, 0, len(r.leads))
	for _, d := range r.leads {
		out = append(out, d)
	}
	return out
}
