package ocds

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ccgwatch/store"
)

// The feeds, as sources name their platform and notices their feed.
const (
	feedFTS = "find-a-tender"
	feedCF  = "contracts-finder"
)

// maxTexts bounds the further texts of one notice, in bytes.
const maxTexts = 400_000

// A decoder turns releases into items.
type decoder struct {
	feed string // "" tells by the ocid
	zone *time.Location
}

// An itemiser decodes the releases of one page.
type itemiser struct {
	decoder
	p parser
}

// item decodes one release. Whatever is wrong with it beyond its two ids is a
// flag of the notice; an error means that not even they can be read.
func (d *itemiser) item(raw []byte) (store.Item, error) {
	f := &flags{}
	r := node{v: d.members(raw, f), f: f, zone: d.zone}
	ocid, id := r.raw("ocid"), r.raw("id")
	for _, err := range []error{checkID("ocid", ocid), checkID("id", id)} {
		if err != nil {
			said, _ := line(strings.Join(append([]string{err.Error()}, f.list...), "; "), maxLine)
			return store.Item{}, errors.New(said)
		}
	}
	n := &store.Notice{OCID: ocid, Release: id, Feed: d.feed}
	if n.Feed == "" {
		n.Feed = feedOf(ocid)
	}
	gross := fill(n, r)
	n.Flags = f.list
	it := store.Item{
		Key: ocid + "/" + id, Kind: store.KindNotice, Title: n.Title, URL: address(n, r),
		Published: n.Date, Fields: fields(n, gross), Notice: n,
	}
	return it, nil
}

// members reads a release key by key, so that a fault in one costs no other.
func (d *itemiser) members(raw []byte, f *flags) value {
	top := value{kind: object}
	list, err := splitObject(raw)
	if err != nil {
		f.add("", "broken: %v", err)
	}
	for _, m := range list {
		v, err := d.p.parse(m.raw, f, m.key)
		if err != nil {
			f.add(m.key, "broken: %v", err)
			v = rescue(m, f)
		}
		if err := top.put(m.key, v, f, ""); err != nil {
			f.add("", "%v", err)
			break
		}
	}
	return top
}

// rescue reads what can be read directly under a broken member.
func rescue(m member, f *flags) value {
	v := value{kind: object}
	list, _ := splitObject(m.raw)
	for _, x := range list {
		if val, err := parse(x.raw, &flags{}, ""); err == nil {
			_ = v.put(x.key, val, f, m.key) // the cap was flagged with the member
		}
	}
	if len(v.keys) == 0 {
		return value{}
	}
	return v
}

// checkID refuses what cannot be part of a key or an address.
func checkID(name, id string) error {
	if id == "" {
		return errors.New("no readable " + name)
	}
	if len(id) > 200 {
		return errors.New(name + " is longer than 200 characters")
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && strings.IndexByte("-._:(),", c) >= 0:
		default:
			return errors.New(name + " " + quoted(id) + " holds a character that no id has")
		}
	}
	return nil
}

func feedOf(ocid string) string {
	switch {
	case strings.HasPrefix(ocid, "ocds-h6vhtk"):
		return feedFTS
	case strings.HasPrefix(ocid, "ocds-b5fd17"):
		return feedCF
	}
	return ""
}

// address is the notice's public page. On Contracts Finder a release id is the
// notice's GUID and a counter; older ones have their own, and only the
// documents know the page.
func address(n *store.Notice, r node) string {
	const (
		ftsPage = "https://www.find-tender.service.gov.uk/Notice/"
		cfSite  = "https://www.contractsfinder.service.gov.uk"
	)
	switch n.Feed {
	case feedFTS:
		return ftsPage + url.PathEscape(n.Release)
	case feedCF:
		if isGUID(n.Release) {
			return cfSite + "/Notice/" + n.Release[:36]
		}
		for _, doc := range documents(r) {
			_, guid, ok := strings.Cut(doc.raw("url"), "contractsfinder.service.gov.uk/Notice/")
			if ok && isGUID(guid) {
				return cfSite + "/Notice/" + guid[:36]
			}
		}
		return cfSite + "/Published/OCDS/Record/" + url.PathEscape(n.OCID)
	}
	return ""
}

// isGUID tells whether s begins with a GUID.
func isGUID(s string) bool {
	if len(s) < 36 || (len(s) > 36 && s[36] != '-') {
		return false
	}
	for i := range 36 {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && strings.IndexByte("0123456789abcdefABCDEF", s[i]) < 0 {
			return false
		}
	}
	return true
}

// fill reads everything that the judge wants of a release. It tells whether the
// value includes VAT.
func fill(n *store.Notice, r node) (gross bool) {
	tender, planning := r.obj("tender"), r.obj("planning")
	awards, contracts := r.list("awards"), r.list("contracts")

	n.Date = r.instant("date")
	if n.Date.IsZero() && r.v.get("date").kind == null {
		r.f.add("date", "missing")
	}
	n.Tags = r.lines("tag")
	basis := tender.obj("legalBasis")
	n.LegalBasis = strings.Trim(basis.line("scheme")+"/"+basis.line("id"), "/")
	n.NoticeType, n.DocumentTypes = noticeTypes(r, n.Release)
	n.Description = paragraphs(tender.plain("description"), r.plain("description"))
	n.Title = title(n, r, tender, awards, contracts)
	if ref := tender.line("id"); ref != n.OCID && ref != n.Release && len(ref) >= 3 && len(ref) <= 100 {
		n.Reference = ref
	}

	n.Category = first(tender.line("mainProcurementCategory"), each(awards, "mainProcurementCategory"), tender.obj("xClassifications").line("ojeuContractType"))
	n.Method = tender.line("procurementMethod")
	n.MethodDetails = tender.plain("procurementMethodDetails")
	n.Rationale = tender.plain("procurementMethodRationale")
	n.SpecialRegime = strings.Join(tender.lines("specialRegime"), ", ")
	n.PlanningStatus, n.TenderStatus = planning.line("status"), tender.line("status")
	for _, a := range awards {
		n.AwardStatus = once(n.AwardStatus, a.line("status"))
	}
	for _, c := range contracts {
		n.ContractStatus = once(n.ContractStatus, c.line("status"))
	}

	dates(n, tender, planning, awards, contracts)
	gross = worth(n, tender, awards, contracts)
	parties(n, r, awards)
	codes(n, tender, awards, contracts)
	n.Amendments = amendments(tender, awards, contracts)
	n.Texts = texts(n, r)
	n.Bids = bids(r.obj("bids"))
	for _, rel := range r.list("relatedProcesses") {
		if id := rel.line("identifier"); checkID("", id) == nil && id != n.OCID {
			n.Related = once(n.Related, id)
		}
	}
	return gross
}

// title is the tender's, an award's or contract's, the release's own, or the
// beginning of the description: corrigenda have little else.
func title(n *store.Notice, r, tender node, awards, contracts []node) string {
	if t := first(tender.line("title"), each(awards, "title"), each(contracts, "title"), r.line("title")); t != "" {
		return t
	}
	t, _, _ := strings.Cut(n.Description, "\n")
	if len(t) > 120 {
		t = shorten(t, 120)
		if i := strings.LastIndexByte(t, ' '); i > 60 {
			t = t[:i]
		}
		t += "…"
	}
	return first(t, "Notice "+n.Release)
}

// bids is how many bids there were, of a lot where they are counted by lot;
// those of the last stage where the others are not told.
func bids(r node) string {
	for _, measure := range []string{"bids", "finalStageBids"} {
		low, high := -1, -1
		for _, s := range r.list("statistics") {
			n, err := strconv.Atoi(s.line("value"))
			if s.line("measure") != measure || err != nil || n < 0 {
				continue
			}
			if low < 0 || n < low {
				low = n
			}
			high = max(high, n)
		}
		switch {
		case low < 0:
		case low == high:
			return strconv.Itoa(low)
		default:
			return strconv.Itoa(low) + " to " + strconv.Itoa(high)
		}
	}
	return ""
}

// documents are all of a release's, in the order in which a procurement goes.
func documents(r node) []node {
	out := append(r.obj("planning").list("documents"), r.obj("tender").list("documents")...)
	for _, a := range append(r.list("awards"), r.list("contracts")...) {
		out = append(out, a.list("documents")...)
	}
	return out
}

// noticeTypes finds the UK1 to UK17 type, which the document of the notice
// itself carries; a restatement may list earlier notices' documents too.
func noticeTypes(r node, id string) (own string, types []string) {
	mine := false
	for _, d := range documents(r) {
		types = once(types, d.line("documentType"))
		if t := d.line("noticeType"); t != "" && (!mine || d.raw("id") == id) {
			own, mine = t, mine || d.raw("id") == id
		}
	}
	return own, types
}

func dates(n *store.Notice, tender, planning node, awards, contracts []node) {
	n.TenderEnd = tender.obj("tenderPeriod").date("endDate")
	n.InterestEnd = tender.date("expressionOfInterestDeadline")
	n.EnquiryEnd = tender.obj("enquiryPeriod").date("endDate")
	n.FutureNotice = tender.obj("communication").date("futureNoticeDate")
	for _, m := range planning.list("milestones") {
		if m.line("type") == "engagement" {
			n.EngagementEnd = earlier(n.EngagementEnd, m.date("dueDate"), tender.zone)
		}
	}
	for _, a := range awards {
		for _, s := range a.list("standstillPeriod") {
			n.StandstillEnd = earlier(n.StandstillEnd, s.date("endDate"), tender.zone)
		}
	}
	for _, c := range contracts {
		n.Signed = earlier(n.Signed, c.date("dateSigned"), tender.zone)
	}
	// The nearest to signature wins: contracts, awards, the tender, its lots.
	for _, level := range [][]node{
		all(contracts, "period"), all(awards, "contractPeriod"), {tender.obj("contractPeriod")}, all(tender.list("lots"), "contractPeriod"),
	} {
		start, end := "", ""
		for _, p := range level {
			start = earlier(start, p.date("startDate"), tender.zone)
			end = later(end, p.date("endDate"), tender.zone)
		}
		if start != "" || end != "" {
			n.ContractStart, n.ContractEnd = start, end
			return
		}
	}
}

// A sum is an amount of money as printed.
type sum struct {
	digits, currency string
	gross            bool // VAT included
}

// worth finds what the notice is worth: the contracts' or awards' value once
// there are any, else the tender's, else the lots'. Several are a range and
// never added: frameworks repeat their whole value on every lot. It tells
// whether the amount includes VAT.
func worth(n *store.Notice, tender node, awards, contracts []node) (gross bool) {
	for _, level := range [][]node{contracts, awards, {tender}, tender.list("lots")} {
		low, high := spread(level)
		if low.digits == "" || n.Value != "" && high.digits == "0" {
			continue
		}
		n.Value, n.ValueMax, n.Currency = low.digits, "", low.currency
		if high.digits != low.digits {
			n.ValueMax = high.digits
		}
		gross = low.gross
		if high.digits != "0" { // a zero may stand for "not told"
			break
		}
	}
	return gross
}

// spread returns the smallest and the largest value in the first one's currency.
func spread(level []node) (low, high sum) {
	for _, x := range level {
		for _, key := range []string{"minValue", "value"} {
			digits, gross := x.money(key)
			if digits == "" {
				continue
			}
			s := sum{digits: digits, gross: gross}
			if x.v.get(key).kind == object {
				s.currency = x.obj(key).line("currency")
			}
			if low.digits == "" {
				low, high = s, s
			}
			if s.currency != low.currency {
				continue
			}
			if smaller(s.digits, low.digits) {
				low = s
			}
			if smaller(high.digits, s.digits) {
				high = s
			}
		}
	}
	return low, high
}
