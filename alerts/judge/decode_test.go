package judge

import (
	"bytes"
	"encoding/json"
	"html"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ccgwatch/store"
)

// A tree is decoded JSON; its methods never fail, so that a test can read
// releases of any shape. The real decoder is the ocds platform's.
type tree struct{ v any }

func (t tree) get(path ...string) tree {
	for _, key := range path {
		m, ok := t.v.(map[string]any)
		if !ok {
			return tree{}
		}
		t = tree{m[key]}
	}
	return t
}

func (t tree) list() []tree {
	l, ok := t.v.([]any)
	if !ok {
		if t.v == nil {
			return nil
		}
		return []tree{t} // an object where a list belongs
	}
	out := make([]tree, len(l))
	for i, x := range l {
		out[i] = tree{x}
	}
	return out
}

func (t tree) text() string { s, _ := t.v.(string); return s }

func (t tree) plain() string {
	s := strings.NewReplacer("<br/>", "\n", "<br />", "\n", "<br>", "\n", "<p>", "\n", "</p>", "\n", "<li>", "\n", "</li>", "").Replace(t.text())
	return strings.TrimSpace(html.UnescapeString(s))
}

// decodeReleases reads a release package well enough to judge its releases.
func decodeReleases(t testing.TB, raw []byte, feed string) []*store.Notice {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var pkg map[string]any
	if err := d.Decode(&pkg); err != nil {
		t.Fatal(err)
	}
	var out []*store.Notice
	for _, r := range (tree{pkg}).get("releases").list() {
		out = append(out, decodeRelease(r, feed))
	}
	return out
}

func decodeRelease(r tree, feed string) *store.Notice {
	tender := r.get("tender")
	n := &store.Notice{
		OCID: r.get("ocid").text(), Release: r.get("id").text(), Feed: feed, Title: tender.get("title").plain(),
		Description: joinTexts(r.get("description").plain(), tender.get("description").plain()),
		Category:    tender.get("mainProcurementCategory").text(), Method: tender.get("procurementMethod").text(),
		MethodDetails: tender.get("procurementMethodDetails").text(), Rationale: tender.get("procurementMethodRationale").plain(),
		TenderStatus: tender.get("status").text(), TenderEnd: tender.get("tenderPeriod", "endDate").text(),
		InterestEnd: tender.get("expressionOfInterestDeadline").text(), EnquiryEnd: tender.get("enquiryPeriod", "endDate").text(),
		FutureNotice: tender.get("communication", "futureNoticeDate").text(),
	}
	n.Date, _ = time.Parse(time.RFC3339, r.get("date").text())
	for _, x := range r.get("tag").list() {
		n.Tags = append(n.Tags, x.text())
	}
	if scheme := tender.get("legalBasis", "scheme").text(); scheme != "" {
		n.LegalBasis = scheme + "/" + tender.get("legalBasis", "id").text()
	}
	decodeParties(n, r)
	levels := append(append([]tree{tender}, r.get("awards").list()...), r.get("contracts").list()...)
	for i, level := range append([]tree{r.get("planning")}, levels...) {
		decodeLevel(n, level, i)
	}
	for _, m := range r.get("planning", "milestones").list() {
		if m.get("type").text() == "engagement" {
			n.EngagementEnd = m.get("dueDate").text()
		}
	}
	for _, a := range r.get("awards").list() {
		n.AwardStatus = append(n.AwardStatus, a.get("status").text())
		for _, s := range a.get("standstillPeriod").list() {
			n.StandstillEnd = max(n.StandstillEnd, s.get("endDate").text())
		}
	}
	for _, a := range tender.get("amendments").list() {
		n.Amendments = append(n.Amendments, store.Amendment{Description: joinTexts(a.get("description").plain(), a.get("rationale").plain())})
		for _, c := range a.get("unstructuredChanges").list() {
			n.Amendments = append(n.Amendments, store.Amendment{
				Where: c.get("where", "section").text() + " " + c.get("where", "label").text(),
				Old:   c.get("oldValue", "text").plain() + c.get("oldValue", "date").text(),
				New:   c.get("newValue", "text").plain() + c.get("newValue", "date").text(),
			})
		}
	}
	return n
}

func joinTexts(parts ...string) string {
	return strings.Join(slices.Compact(slices.DeleteFunc(parts, func(s string) bool { return s == "" })), "\n\n")
}

func decodeParties(n *store.Notice, r tree) {
	byID := map[string]store.Party{}
	for _, p := range r.get("parties").list() {
		party := store.Party{
			ID: p.get("id").text(), Name: p.get("name").plain(), Scheme: p.get("identifier", "scheme").text(), Number: p.get("identifier", "id").text(),
			Postcode: p.get("address", "postalCode").text(), Region: p.get("address", "region").text(), Scale: p.get("details", "scale").text(),
		}
		party.VCSE, _ = p.get("details", "vcse").v.(bool)
		byID[party.ID] = party
		for _, role := range p.get("roles").list() {
			if role.text() == "buyer" {
				n.Buyers = append(n.Buyers, party)
			}
		}
	}
	if len(n.Buyers) == 0 && r.get("buyer", "name").text() != "" {
		n.Buyers = []store.Party{{ID: r.get("buyer", "id").text(), Name: r.get("buyer", "name").plain()}}
	}
	for _, a := range r.get("awards").list() {
		for _, s := range a.get("suppliers").list() {
			party, ok := byID[s.get("id").text()]
			if !ok {
				party = store.Party{ID: s.get("id").text(), Name: s.get("name").plain()}
			}
			if !slices.ContainsFunc(n.Suppliers, func(x store.Party) bool { return strings.EqualFold(x.Name, party.Name) }) {
				n.Suppliers = append(n.Suppliers, party)
			}
		}
	}
}

// decodeLevel reads what tender, awards and contracts have alike.
func decodeLevel(n *store.Notice, level tree, i int) {
	name := "level" + strconv.Itoa(i)
	for _, d := range level.get("documents").list() {
		if nt := d.get("noticeType").text(); nt != "" {
			n.NoticeType = nt
		}
		n.DocumentTypes = append(n.DocumentTypes, d.get("documentType").text())
	}
	cpv := func(c tree) {
		if id := c.get("id").text(); id != "" && !slices.Contains(n.CPV, id) {
			n.CPV = append(n.CPV, id)
		}
	}
	cpv(level.get("classification"))
	for _, c := range level.get("additionalClassifications").list() {
		cpv(c)
	}
	for _, it := range level.get("items").list() {
		cpv(it.get("classification"))
		for _, c := range it.get("additionalClassifications").list() {
			cpv(c)
		}
		for _, a := range it.get("deliveryAddresses").list() {
			n.Places = append(n.Places, store.Place{Region: a.get("region").text(), Postcode: a.get("postalCode").text(), Country: a.get("countryName").text()})
		}
		if s := it.get("deliveryLocation", "description").plain(); s != "" {
			n.Places = append(n.Places, store.Place{Text: s})
		}
	}
	put := func(where, s string) {
		if s != "" && s != n.Rationale && !strings.Contains(n.Description, s) {
			n.Texts = append(n.Texts, store.Text{Where: where, Text: s})
		}
	}
	if i > 1 {
		put(name+".title", level.get("title").plain())
		put(name+".description", level.get("description").plain())
	}
	for k, lot := range level.get("lots").list() {
		where := name + ".lots[" + strconv.Itoa(k) + "]"
		put(where+".title", lot.get("title").plain())
		put(where+".description", lot.get("description").plain())
	}
	put(name+".features", level.get("procedure", "features").plain())
	put(name+".accelerated", level.get("procedure", "acceleratedRationale").plain())
	put(name+".rationale", level.get("rationale").plain())
	put(name+".statusDetails", level.get("statusDetails").plain())
}
