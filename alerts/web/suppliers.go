package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/store"
)

// suppliersPerPage and awardsPerPage are how many a page lists.
const (
	suppliersPerPage = 60
	awardsPerPage    = 25
)

// A supplier is who notices name as one that has, or is to have, a contract:
// one register number, or one name where no notice gives a number. Names that
// differ only in what companies end in are one; a name that stands with two
// numbers of one register is not merged with either.
type supplier struct {
	ID      string // in the address of its page
	Name    string // as the latest notice prints it
	Others  []string
	Party   *judge.Party // of the latest notice that says most
	notices []*noticed   // newest first
	firm    string       // its name without what companies end in, by which lists are sorted
}

type suppliers struct {
	list []*supplier // by name
	byID map[string]*supplier
}

// Threads counts the procurements that name it.
func (x *supplier) Threads() int {
	seen := map[string]bool{}
	for _, n := range x.notices {
		seen[n.thread] = true
	}
	return len(seen)
}

// Notices counts the notices that name it.
func (x *supplier) Notices() int { return len(x.notices) }

// Last is the date of the latest.
func (x *supplier) Last() time.Time { return x.notices[0].at }

// nameID and numberID are the names under which a supplier's page is found.
func nameID(name string) string {
	var b strings.Builder
	for _, r := range judge.FirmName(name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if n := b.Len(); n > 0 && b.String()[n-1] != '-' {
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}

func numberID(scheme, number string) string {
	if number == "" {
		return ""
	}
	return strings.ToLower(scheme + "-" + strings.ReplaceAll(number, " ", ""))
}

// suppliers are those that notices name, in the order of their names. Persons
// have no page: a notice that names one is on the pages as what it is. Nobody
// alters the list.
func (v *survey) suppliers() []*supplier {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.firms.settle()
	return v.firms.grouped.list
}

// supplier is the one with an id; nil where there is none.
func (v *survey) supplier(id string) *supplier {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.firms.settle()
	return v.firms.grouped.byID[id]
}

// compare is the order of lists of suppliers.
func (x *supplier) compare(y *supplier) int {
	return cmp.Or(strings.Compare(x.firm, y.firm), strings.Compare(x.ID, y.ID))
}

// group puts together what notices, the newest first, name; of the names alone
// that are wanted, nil for all.
func group(all []*noticed, wanted func(name string) bool) suppliers {
	numbers := map[string]map[string]string{} // name -> scheme -> number, "?" where there are two
	each := func(f func(n *noticed, p *judge.Party, name string)) {
		for _, n := range all {
			for _, p := range n.suppliers {
				if name := supplierName(p); name != "" && (wanted == nil || wanted(name)) {
					f(n, p, name)
				}
			}
		}
	}
	torn := map[string]bool{} // names that stand with two numbers of one register
	each(func(_ *noticed, p *judge.Party, name string) {
		if p.Number == "" {
			return
		}
		if numbers[name] == nil {
			numbers[name] = map[string]string{}
		}
		if old, ok := numbers[name][p.Scheme]; ok && old != p.Number {
			torn[name] = true
		}
		numbers[name][p.Scheme] = p.Number
	})
	parent := map[string]string{}
	var root func(string) string
	root = func(k string) string {
		if p, ok := parent[k]; ok && p != k {
			parent[k] = root(p)
			return parent[k]
		}
		parent[k] = k
		return k
	}
	keys := func(p *judge.Party, name string) (string, string) {
		number := numberID(p.Scheme, p.Number)
		switch {
		case number == "":
			return name, name
		case torn[name]:
			return number, number
		}
		return number, name
	}
	each(func(_ *noticed, p *judge.Party, name string) {
		a, b := keys(p, name)
		parent[root(b)] = root(a)
	})
	out := suppliers{byID: map[string]*supplier{}}
	by := map[string]*supplier{}
	each(func(n *noticed, p *judge.Party, name string) {
		a, b := keys(p, name)
		x := by[root(a)]
		if x == nil {
			x = &supplier{Name: p.Name, Party: p}
			by[root(a)] = x
			out.list = append(out.list, x)
		}
		if len(x.notices) == 0 || x.notices[len(x.notices)-1] != n {
			x.notices = append(x.notices, n)
		}
		if p.Name != x.Name && !slices.Contains(x.Others, p.Name) {
			x.Others = append(x.Others, p.Name)
		}
		if rankParty(p) > rankParty(x.Party) {
			x.Party = p
		}
		out.byID[a], out.byID[b] = x, x
	})
	for id, x := range out.byID {
		// The official number names it best, and an address that was passed on keeps working.
		if x.ID == "" || rankID(id) > rankID(x.ID) || rankID(id) == rankID(x.ID) && id < x.ID {
			x.ID = id
		}
	}
	for _, x := range out.list {
		x.firm = judge.FirmName(x.Name)
	}
	slices.SortFunc(out.list, (*supplier).compare)
	return out
}

// supplierName is the name by which a party may have a page, "" for none.
func supplierName(p *judge.Party) string {
	if p.Class == "individual" {
		return ""
	}
	return nameID(p.Name)
}

func rankID(id string) int {
	switch {
	case strings.HasPrefix(id, "gb-coh-"):
		return 2
	case strings.HasPrefix(id, "gb-"):
		return 1
	}
	return 0
}

// rankParty prefers what has a company number, any number, a class.
func rankParty(p *judge.Party) int {
	n := 2 * rankID(numberID(p.Scheme, p.Number))
	if p.Class != "unknown" {
		n++
	}
	return n
}

// supplierPath is the page of a supplier that a notice or a thread names; ""
// where there is none.
func (s *site) supplierPath(name, scheme, number string) string {
	for _, id := range []string{numberID(scheme, number), nameID(name)} {
		if x := s.survey.supplier(id); id != "" && x != nil {
			return "/supplier/" + url.PathEscape(x.ID)
		}
	}
	return ""
}

// listSuppliers lists who is named, by name.
func (s *site) listSuppliers(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	page, err := pageNumber(q)
	if err != nil {
		return err
	}
	if err := s.followAll(r.Context()); err != nil {
		return err
	}
	body := struct {
		Query, Class string
		Classes      []string
		All          int
		List         []*supplier
		Pages        pages
		Behind       time.Time
	}{Query: line(q.Get("q"), 100), Class: q.Get("class"), Classes: classes(), Behind: s.behindAll()}
	if body.Class != "" && !slices.Contains(classes(), body.Class) {
		return badRequest("There is no such class.")
	}
	list := slices.Clone(s.survey.suppliers())
	body.All = len(list)
	list = slices.DeleteFunc(list, func(x *supplier) bool {
		names := strings.ToLower(strings.Join(append([]string{x.Name, x.Party.Number}, x.Others...), "\n"))
		return body.Class != "" && x.Party.Class != body.Class || !strings.Contains(names, strings.ToLower(body.Query))
	})
	if body.List, body.Pages, err = paginate(list, page, suppliersPerPage, "/suppliers", url.Values{"q": {body.Query}, "class": {body.Class}}); err != nil {
		return err
	}
	return s.render(w, http.StatusOK, "suppliers", view{Title: "Suppliers that notices name", Here: "suppliers", Body: body})
}

// classes are those of suppliers, in the order in which they are told.
func classes() []string {
	return []string{"nhs", "public", "primary_care", "charity_cic", "company", "unknown"}
}

// An award is a notice as a supplier's page tells it.
type award struct {
	store.Item
	At       time.Time
	Stage    string
	Thread   string
	Worth    string
	Signed   time.Time
	Names    []string // as this notice prints it
	Evidence string
	Others   int // suppliers it names beside this one
}

// supplier shows what notices say of one.
func (s *site) supplier(w http.ResponseWriter, r *http.Request) error {
	page, err := pageNumber(r.URL.Query())
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if len(id) > 300 {
		return store.ErrNotFound
	}
	if err := s.followAll(r.Context()); err != nil {
		return err
	}
	x := s.survey.supplier(strings.ToLower(id))
	if x == nil {
		return store.ErrNotFound
	}
	body := struct {
		*supplier
		Stated int
		List   []award
		Pages  pages
		Behind time.Time
	}{supplier: x, Behind: s.behindAll()}
	for _, n := range x.notices {
		if n.value > 0 {
			body.Stated++
		}
	}
	list, p, err := paginate(x.notices, page, awardsPerPage, "/supplier/"+url.PathEscape(x.ID), url.Values{})
	if err != nil {
		return err
	}
	body.Pages = p
	for _, n := range list {
		it, err := s.Ledger.Item(r.Context(), n.source, n.key)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		a := award{Item: it, At: n.at, Stage: n.stage, Signed: n.signed, Worth: worthOfNotice(it.Notice), Thread: n.thread}
		for _, q := range n.suppliers {
			if x.names(s.survey, q) {
				a.Names = append(a.Names, q.Name)
				a.Evidence = q.Evidence
			} else {
				a.Others++
			}
		}
		if n.stage == "intention" { // the field is filled before anything is signed
			a.Signed = time.Time{}
		}
		if s.Thread == nil || n.thread == n.key {
			a.Thread = ""
		}
		body.List = append(body.List, a)
	}
	return s.render(w, http.StatusOK, "supplier", view{Title: line(x.Name, 200), Here: "suppliers", Body: body})
}

// names tells whether a party of a notice is this supplier.
func (x *supplier) names(v *survey, p *judge.Party) bool {
	is := func(id string) bool {
		y := v.supplier(id)
		return y != nil && y.ID == x.ID
	}
	return is(numberID(p.Scheme, p.Number)) || p.Number == "" && is(nameID(p.Name))
}

// worthOfNotice is the value as the notice states it; "" where it states none.
func worthOfNotice(n *store.Notice) string {
	if n == nil {
		return ""
	}
	w := judge.Worth{Value: n.Value, Max: n.ValueMax, Currency: n.Currency}
	if amount(w.Value) == 0 {
		w.Value, w.Max = w.Max, ""
	}
	if amount(w.Value) == 0 {
		return ""
	}
	return w.String()
}
