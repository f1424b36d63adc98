package ocds

import (
	"strconv"
	"strings"
	"time"

	"ccgwatch/store"
)

// parties fills buyers and suppliers. Of a party only what identifies and
// places it is read, never its contact point: those are people.
func parties(n *store.Notice, r node, awards []node) {
	list := r.list("parties")
	byID := map[string]store.Party{}
	for _, p := range list {
		if id := p.line("id"); id != "" {
			if _, ok := byID[id]; !ok {
				byID[id] = party(p)
			}
		}
	}
	known := func(ref node) store.Party {
		if p, ok := byID[ref.line("id")]; ok && p.Name != "" {
			return p
		}
		return party(ref)
	}
	if r.v.get("buyer").kind != null {
		n.Buyers = onceParty(n.Buyers, known(r.obj("buyer")))
	}
	for _, role := range []string{"buyer", "procuringEntity"} {
		if role != "buyer" && len(n.Buyers) > 0 {
			break
		}
		for _, p := range list {
			if has(p.lines("roles"), role) {
				n.Buyers = onceParty(n.Buyers, party(p))
			}
		}
	}
	for _, a := range awards {
		for _, s := range a.list("suppliers") {
			n.Suppliers = onceParty(n.Suppliers, known(s))
		}
	}
	for _, p := range list { // contract changes and ends have no awards
		if has(p.lines("roles"), "supplier") {
			n.Suppliers = onceParty(n.Suppliers, party(p))
		}
	}
}

func party(p node) store.Party {
	id, addr, det := p.obj("identifier"), p.obj("address"), p.obj("details")
	out := store.Party{
		ID: p.line("id"), Name: first(p.line("name"), id.line("legalName")),
		Scheme: id.line("scheme"), Number: id.line("id"),
		Postcode: strings.ToUpper(addr.line("postalCode")), Region: addr.line("region"),
		Scale: det.line("scale"), VCSE: det.yes("vcse") || p.yes("vco"),
	}
	if out.Scale == "" && p.yes("sme") { // as written in 2019
		out.Scale = "sme"
	}
	if out.Scheme == "" { // the plain register number may stand further back
		for _, x := range p.list("additionalIdentifiers") {
			if s := x.line("scheme"); s != "" && out.Number == "" {
				out.Scheme, out.Number = s, x.line("id")
			}
		}
	}
	return out
}

// onceParty appends a party that has a name, unless one of that name is there.
func onceParty(list []store.Party, p store.Party) []store.Party {
	if p.Name == "" {
		return list
	}
	for _, x := range list {
		if strings.EqualFold(x.Name, p.Name) {
			return list
		}
	}
	return append(list, p)
}

// codes fills CPV codes and places, from wherever a form has them.
func codes(n *store.Notice, tender node, awards, contracts []node) {
	levels := append([]node{tender}, append(awards, contracts...)...)
	seenCPV, seenPlace := map[string]bool{}, map[store.Place]bool{}
	cpv := func(c node) {
		if s := c.line("scheme"); s != "" && !strings.EqualFold(s, "CPV") {
			return
		}
		id := c.line("id")
		if id == "" {
			return
		}
		code, _, _ := strings.Cut(id, "-") // the check digit says nothing
		if _, err := strconv.ParseUint(code, 10, 32); err != nil || len(code) != 8 {
			c.f.add(c.path, "%s is no CPV code", quoted(id))
			return
		}
		if !seenCPV[code] {
			seenCPV[code] = true
			n.CPV = append(n.CPV, code)
		}
	}
	place := func(p store.Place) {
		if p != (store.Place{}) && !seenPlace[p] {
			seenPlace[p] = true
			n.Places = append(n.Places, p)
		}
	}
	for _, level := range levels {
		for _, holder := range append([]node{level}, level.list("items")...) {
			for _, c := range append(holder.list("classification"), holder.list("additionalClassifications")...) {
				cpv(c)
			}
		}
		for _, item := range level.list("items") {
			for _, a := range item.list("deliveryAddresses") {
				place(store.Place{
					Region: a.line("region"), Postcode: strings.ToUpper(a.line("postalCode")),
					Country: first(a.line("countryName"), a.line("country")), Text: a.line("locality"),
				})
			}
			for _, l := range item.list("deliveryLocation") {
				place(store.Place{Text: l.line("description")})
			}
		}
	}
}

// amendments lists what a corrigendum changes. On the old forms this is all
// that it says; a confirmed award may stand nowhere else.
func amendments(tender node, awards, contracts []node) []store.Amendment {
	var out []store.Amendment
	put := func(a store.Amendment) {
		if a.Description == "" && a.Old == "" && a.New == "" {
			return
		}
		for _, x := range out {
			if x == a {
				return
			}
		}
		out = append(out, a)
	}
	for _, level := range append([]node{tender}, append(awards, contracts...)...) {
		list := append(level.list("amendments"), level.list("amendment")...)
		for _, a := range level.list("proposedAmendments") { // UK10: what the contract is to become
			period, price := a.obj("period"), a.obj("value")
			put(store.Amendment{Where: "contract period", New: between(period.date("startDate"), period.date("endDate"))})
			if digits, _ := a.money("value"); digits != "" {
				put(store.Amendment{Where: "contract value", New: strings.TrimSpace(digits + " " + price.line("currency"))})
			}
			put(store.Amendment{Where: "suppliers added", New: listed(a.list("suppliersAdded"))})
			put(store.Amendment{Where: "suppliers removed", Old: listed(a.list("suppliersRemoved"))})
			list = append(list, a)
		}
		for _, a := range list {
			put(store.Amendment{Description: paragraphs(a.plain("description"), a.plain("rationale"))})
			for _, c := range a.list("unstructuredChanges") {
				at := c.obj("where")
				where := strings.TrimSpace(at.line("section") + " " + at.line("label"))
				if lot := c.line("relatedLot"); lot != "" {
					where = strings.TrimSpace(where + " (lot " + lot + ")")
				}
				put(store.Amendment{Where: where, Old: changed(c, "oldValue"), New: changed(c, "newValue")})
			}
			for _, c := range a.list("changes") {
				put(store.Amendment{Where: c.line("property"), Old: c.plain("former_value")})
			}
		}
	}
	return out
}

func listed(list []node) string {
	var out []string
	for _, x := range list {
		out = once(out, x.line("name"))
	}
	return strings.Join(out, "; ")
}

// between shows a period.
func between(start, end string) string {
	if start == "" || end == "" {
		return first(start, end)
	}
	return start + " to " + end
}

// changed is one side of a change: its text, date, codes or amount.
func changed(c node, key string) string {
	if k := c.v.get(key).kind; k == text || k == number {
		return c.plain(key)
	}
	v := c.obj(key)
	parts := []string{v.plain("text"), v.date("date")}
	for _, x := range v.list("classifications") {
		parts = append(parts, strings.TrimSpace(x.line("id")+" "+x.line("description")))
	}
	if v.v.get("amount").kind != null {
		parts = append(parts, strings.TrimSpace(v.digits("amount")+" "+v.line("currency")))
	}
	return paragraphs(parts...)
}

// fields are what a reader wants at a glance and what is compared to tell an
// edited notice from an unchanged one.
func fields(n *store.Notice, gross bool) map[string]string {
	out := map[string]string{}
	put := func(key, s string) {
		if s != "" {
			out[key] = s
		}
	}
	put(store.FieldBuyer, names(n.Buyers))
	put("supplier", names(n.Suppliers))
	put("notice_type", n.NoticeType)
	put("tags", strings.Join(n.Tags, ", "))
	put("legal_basis", n.LegalBasis)
	put(store.FieldStatus, n.TenderStatus)
	put("cpv", strings.Join(n.CPV[:min(len(n.CPV), 50)], " "))
	put("category", n.Category)
	put("method", first(n.MethodDetails, n.Method))
	if n.Value != "" {
		s := n.Value
		if n.ValueMax != "" {
			s += " to " + n.ValueMax
		}
		s = strings.TrimSpace(s + " " + n.Currency)
		if gross {
			s += " with VAT"
		}
		put("value", s)
	}
	put("tender_end", n.TenderEnd)
	put("interest_end", n.InterestEnd)
	put("enquiry_end", n.EnquiryEnd)
	put("engagement_end", n.EngagementEnd)
	put("future_notice", n.FutureNotice)
	put("standstill_end", n.StandstillEnd)
	put("signed", n.Signed)
	put("contract_start", n.ContractStart)
	put("contract_end", n.ContractEnd)
	return out
}

func names(list []store.Party) string {
	var out []string
	for _, p := range list[:min(len(list), 20)] {
		out = append(out, p.Name)
	}
	if len(list) > 20 {
		out = append(out, "and "+strconv.Itoa(len(list)-20)+" more")
	}
	return strings.Join(out, "; ")
}

// Small helpers over nodes and strings.

func all(list []node, key string) []node {
	out := make([]node, len(list))
	for i, x := range list {
		out[i] = x.obj(key)
	}
	return out
}

// each is the first text under key that any of the nodes has.
func each(list []node, key string) string {
	for _, x := range list {
		if s := x.line(key); s != "" {
			return s
		}
	}
	return ""
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

func has(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func once(list []string, s string) []string {
	if s == "" || has(list, s) {
		return list
	}
	return append(list, s)
}

// paragraphs joins different texts by blank lines.
func paragraphs(list ...string) string {
	var out []string
	for _, s := range list {
		out = once(out, s)
	}
	return strings.Join(out, "\n\n")
}

func smaller(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x < y
}

// earlier and later choose between two dates as printed; either may be "".
func earlier(a, b string, zone *time.Location) string {
	if a == "" || b != "" && instant(b, zone).Before(instant(a, zone)) {
		return b
	}
	return a
}

func later(a, b string, zone *time.Location) string {
	if a == "" || b != "" && instant(b, zone).After(instant(a, zone)) {
		return b
	}
	return a
}
