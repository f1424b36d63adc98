package judge

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"ccgwatch/store"
)

// worthOf is what a notice says the procurement is worth. Nothing, a penny and
// a pound are what forms are filled with where nobody says; one value for each
// kind of notice, since an estimate, an award and a contract are never the same
// thing, and never a sum of any.
func worthOf(s *Step) *Worth {
	n := s.item.Notice
	w := Worth{Value: n.Value, Max: n.ValueMax, Currency: n.Currency, Gross: strings.Contains(strings.ToLower(s.item.Fields["value"]), "vat"), Release: s.Release}
	if !told(w.Value) {
		w.Value, w.Max = w.Max, ""
	}
	if !told(w.Value) {
		return nil
	}
	switch s.Stage {
	case stagePipeline, stageEngagement, stagePlanned, stageTender, stageTenderUpdate:
		w.Of = "estimate"
	case stageIntention, stageAward, stageConfirmation:
		w.Of = "award"
	case stageContract:
		w.Of = "contract"
	case stageModification:
		w.Of = "modification"
	default:
		return nil
	}
	return &w
}

// told tells a real amount from a filler.
func told(digits string) bool {
	x, ok := new(big.Rat).SetString(digits)
	return ok && x.Cmp(big.NewRat(1, 1)) > 0
}

// takeWorth compares like with like: the same kind of value, of the same
// process, to the same suppliers. Everything else is another lot or another
// measure.
func (st *state) takeWorth(s *Step) *store.Move {
	w := s.Worth
	if w == nil {
		return nil
	}
	key := strings.Join([]string{s.OCID, w.Of, w.Currency, suppliersKey(s), fmt.Sprint(w.Gross)}, " ")
	before := st.worth[key]
	st.worth[key] = s
	if before == nil || sameAmount(before.Worth.Value, w.Value) && sameAmount(before.Worth.Max, w.Max) {
		return nil
	}
	if w.Of != "estimate" && !s.item.Notice.Updates() && s.Stage == before.Stage {
		return nil // a further lot to the same provider
	}
	return &store.Move{Kind: moveValue, Was: before.Worth.String(), Now: w.String(), Since: before.Release,
		Words: fmt.Sprintf("Value: the notice says %s; the one of %s said %s.", w, dayName(before.At), before.Worth)}
}

func suppliersKey(s *Step) string {
	var names []string
	if s.Worth.Of != "estimate" {
		for _, p := range s.Suppliers {
			names = append(names, firmName(p.Name))
		}
	}
	slices.Sort(names)
	return strings.Join(names, "|")
}

func sameAmount(a, b string) bool {
	x, ok1 := new(big.Rat).SetString(a)
	y, ok2 := new(big.Rat).SetString(b)
	return ok1 == ok2 && (!ok1 || x.Cmp(y) == 0)
}

// String is "£1,200,000" or "£1,200,000 to £2,000,000", with what is known of VAT.
func (w Worth) String() string {
	s := money(w.Value, w.Currency)
	if w.Max != "" && !sameAmount(w.Max, w.Value) {
		s += " to " + money(w.Max, w.Currency)
	}
	if w.Gross {
		s += " including VAT"
	}
	return s
}

func money(digits, currency string) string {
	whole, rest, _ := strings.Cut(digits, ".")
	var b strings.Builder
	for i, r := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if strings.Trim(rest, "0") != "" {
		b.WriteString("." + (rest + "0")[:max(2, min(len(rest), 2))])
	}
	switch currency {
	case "GBP", "":
		return "£" + b.String()
	}
	return b.String() + " " + currency
}
