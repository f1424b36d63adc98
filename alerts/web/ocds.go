package web

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"ccgwatch/store"
)

// Notices as OCDS 1.1 release packages (standard.open-contracting.org). What is
// kept of a notice is what our rules read: names of buyer and supplier, title,
// texts, dates, value, codes, method, status. Lots, criteria, documents and
// contact points are not kept, so that a release here is a part of the original,
// which each one links to as a document. Values are given as the notice has them
// for the stage that it is of; several that form a range are given by the lowest.

// OCDSVersion is the version of the standard.
const OCDSVersion = "1.1"

// OCDSPackage is a release package.
type OCDSPackage struct {
	URI               string        `json:"uri"`
	Version           string        `json:"version"`
	PublishedDate     string        `json:"publishedDate"`
	Publisher         OCDSPublisher `json:"publisher"`
	License           string        `json:"license"`
	PublicationPolicy string        `json:"publicationPolicy"`
	Releases          []OCDSRelease `json:"releases"`
}

// OCDSPublisher is who publishes a package.
type OCDSPublisher struct {
	Name string `json:"name"`
	URI  string `json:"uri,omitempty"`
}

// OCDSRelease is one notice.
type OCDSRelease struct {
	OCID             string         `json:"ocid"`
	ID               string         `json:"id"`
	Date             string         `json:"date"`
	Tag              []string       `json:"tag"`
	InitiationType   string         `json:"initiationType"`
	Language         string         `json:"language"`
	Parties          []OCDSParty    `json:"parties,omitempty"`
	Buyer            *OCDSReference `json:"buyer,omitempty"`
	Planning         *OCDSPlanning  `json:"planning,omitempty"`
	Tender           *OCDSTender    `json:"tender,omitempty"`
	Awards           []OCDSAward    `json:"awards,omitempty"`
	Contracts        []OCDSContract `json:"contracts,omitempty"`
	RelatedProcesses []OCDSRelated  `json:"relatedProcesses,omitempty"`
}

// OCDSReference names a party.
type OCDSReference struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// OCDSParty is a buyer or supplier. Of a supplier there is no address.
type OCDSParty struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Identifier *OCDSIdentifier `json:"identifier,omitempty"`
	Address    *OCDSAddress    `json:"address,omitempty"`
	Roles      []string        `json:"roles"`
}

// OCDSIdentifier is a number in a register.
type OCDSIdentifier struct {
	Scheme    string `json:"scheme"`
	ID        string `json:"id"`
	LegalName string `json:"legalName,omitempty"`
}

// OCDSAddress is where a buyer is.
type OCDSAddress struct {
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postalCode,omitempty"`
}

// OCDSPlanning holds the links and dates of an announcement.
type OCDSPlanning struct {
	Milestones []OCDSMilestone `json:"milestones,omitempty"`
	Documents  []OCDSDocument  `json:"documents,omitempty"`
}

// OCDSMilestone is a date in planning.
type OCDSMilestone struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Type    string `json:"type"`
	DueDate string `json:"dueDate"`
}

// OCDSDocument is the original.
type OCDSDocument struct {
	ID           string `json:"id"`
	DocumentType string `json:"documentType"`
	Title        string `json:"title"`
	URL          string `json:"url"`
	Language     string `json:"language"`
}

// OCDSTender is the tender.
type OCDSTender struct {
	ID                         string          `json:"id"`
	Title                      string          `json:"title,omitempty"`
	Description                string          `json:"description,omitempty"`
	Status                     string          `json:"status,omitempty"`
	Items                      []OCDSItem      `json:"items,omitempty"`
	Value                      *OCDSValue      `json:"value,omitempty"`
	ProcurementMethod          string          `json:"procurementMethod,omitempty"`
	ProcurementMethodDetails   string          `json:"procurementMethodDetails,omitempty"`
	ProcurementMethodRationale string          `json:"procurementMethodRationale,omitempty"`
	MainProcurementCategory    string          `json:"mainProcurementCategory,omitempty"`
	TenderPeriod               *OCDSPeriod     `json:"tenderPeriod,omitempty"`
	EnquiryPeriod              *OCDSPeriod     `json:"enquiryPeriod,omitempty"`
	Documents                  []OCDSDocument  `json:"documents,omitempty"`
	Amendments                 []OCDSAmendment `json:"amendments,omitempty"`
	ContractPeriod             *OCDSPeriod     `json:"contractPeriod,omitempty"`
}

// OCDSItem carries a CPV code.
type OCDSItem struct {
	ID             string             `json:"id"`
	Classification OCDSClassification `json:"classification"`
}

// OCDSClassification is a code.
type OCDSClassification struct {
	Scheme string `json:"scheme"`
	ID     string `json:"id"`
}

// OCDSNumber is an amount with the digits that the notice has.
type OCDSNumber = json.Number

// OCDSValue is an amount of money.
type OCDSValue struct {
	Amount   OCDSNumber `json:"amount"`
	Currency string     `json:"currency,omitempty"`
}

// OCDSPeriod is a time from and until.
type OCDSPeriod struct {
	StartDate string `json:"startDate,omitempty"`
	EndDate   string `json:"endDate,omitempty"`
}

// OCDSAmendment is what a notice changes.
type OCDSAmendment struct {
	ID          string `json:"id"`
	Description string `json:"description"`
}

// OCDSAward is an award; one for all suppliers of a notice, whose lots are not kept.
type OCDSAward struct {
	ID        string          `json:"id"`
	Status    string          `json:"status,omitempty"`
	Value     *OCDSValue      `json:"value,omitempty"`
	Suppliers []OCDSReference `json:"suppliers,omitempty"`
	Items     []OCDSItem      `json:"items,omitempty"`
	Documents []OCDSDocument  `json:"documents,omitempty"`
}

// OCDSContract is a contract.
type OCDSContract struct {
	ID         string         `json:"id"`
	AwardID    string         `json:"awardID"`
	Status     string         `json:"status,omitempty"`
	Period     *OCDSPeriod    `json:"period,omitempty"`
	Value      *OCDSValue     `json:"value,omitempty"`
	DateSigned string         `json:"dateSigned,omitempty"`
	Documents  []OCDSDocument `json:"documents,omitempty"`
}

// OCDSRelated is another process that the notice names; how they are related is
// not kept.
type OCDSRelated struct {
	ID         string `json:"id"`
	Scheme     string `json:"scheme"`
	Identifier string `json:"identifier"`
}

// ocdsTags is the closed list of release tags.
func ocdsTags() []string {
	return []string{
		"planning", "planningUpdate", "tender", "tenderAmendment", "tenderUpdate", "tenderCancellation", "award", "awardUpdate", "awardCancellation",
		"contract", "contractUpdate", "contractAmendment", "implementation", "implementationUpdate", "contractTermination", "compiled",
	}
}

// A Publication is who publishes packages, and from where.
type Publication struct {
	Name string // of the group
	Base string // address of the pages, without a slash at the end
	Zone *time.Location
}

// Release is a kept notice as an OCDS release; ok is false of an item without a
// notice, and of one that cannot be one: without ocid, id, date or a tag of the
// standard.
func (p Publication) Release(it store.Item) (OCDSRelease, bool) {
	n := impersonalNotice(it.Notice)
	if n == nil || n.OCID == "" || n.Release == "" || n.Date.IsZero() {
		return OCDSRelease{}, false
	}
	r := OCDSRelease{OCID: n.OCID, ID: n.Release, Date: n.Date.In(p.Zone).Format(time.RFC3339), InitiationType: "tender", Language: "en"}
	for _, t := range n.Tags {
		if slices.Contains(ocdsTags(), t) && !slices.Contains(r.Tag, t) {
			r.Tag = append(r.Tag, t)
		}
	}
	if len(r.Tag) == 0 {
		return OCDSRelease{}, false
	}
	stage := func(prefix string) bool {
		return slices.ContainsFunc(r.Tag, func(t string) bool { return strings.HasPrefix(t, prefix) })
	}
	award, contract := stage("award"), stage("contract") || stage("implementation")
	buyers := r.parties(n.Buyers, "buyer")
	if len(buyers) > 0 {
		r.Buyer = &buyers[0]
	}
	suppliers := r.parties(n.Suppliers, "supplier")
	items := cpvItems(n.CPV)
	value := ocdsValue(n)
	original := func(kind string) []OCDSDocument {
		if u := safeURL(it.URL); u != "" {
			return []OCDSDocument{{ID: n.Release, DocumentType: kind, Title: "Original notice", URL: u, Language: "en"}}
		}
		return nil
	}
	tender := p.tender(n)
	r.Tender = &tender
	run := p.period(n.ContractStart, n.ContractEnd)
	if !award && !contract {
		tender.Value, tender.Items, tender.ContractPeriod = value, items, run
		tender.Documents = original("tenderNotice")
	}
	if stage("planning") {
		r.Planning = p.planning(n)
		r.Planning.Documents = original("plannedProcurementNotice")
		tender.Documents = nil
	}
	if award || contract || len(suppliers) > 0 {
		a := OCDSAward{ID: n.Release, Suppliers: suppliers, Status: among(n.AwardStatus, "pending", "active", "cancelled", "unsuccessful")}
		if award || !contract {
			a.Documents = original("awardNotice")
			a.Value, a.Items = value, items
			if tender.Value != nil { // it is the tender's
				a.Value, a.Items, a.Documents = nil, nil, nil
			}
		}
		r.Awards = []OCDSAward{a}
	}
	if contract || award && (run != nil || n.Signed != "") {
		c := OCDSContract{ID: n.Release, AwardID: n.Release, Period: run, Status: among(n.ContractStatus, "pending", "active", "cancelled", "terminated")}
		if contract {
			c.Value, c.DateSigned, c.Documents = value, p.moment(n.Signed, false), original("contractNotice")
			if len(items) > 0 {
				r.Awards[0].Items = items
			}
		}
		r.Contracts = []OCDSContract{c}
	}
	for i, id := range n.Related {
		r.RelatedProcesses = append(r.RelatedProcesses, OCDSRelated{ID: fmt.Sprint(i + 1), Scheme: "ocid", Identifier: id})
	}
	return r, true
}

// tender is what a notice says of the tender, whatever it is a notice of.
func (p Publication) tender(n *store.Notice) OCDSTender {
	id := n.Reference
	if id == "" {
		id = n.OCID
	}
	t := OCDSTender{
		ID: id, Title: n.Title, Description: n.Description,
		Status:                   among([]string{n.TenderStatus}, "planning", "planned", "active", "cancelled", "unsuccessful", "complete", "withdrawn"),
		ProcurementMethod:        among([]string{n.Method}, "open", "selective", "limited", "direct"),
		ProcurementMethodDetails: n.MethodDetails, ProcurementMethodRationale: n.Rationale,
		MainProcurementCategory: among([]string{n.Category}, "goods", "works", "services"),
		TenderPeriod:            p.period("", n.TenderEnd), EnquiryPeriod: p.period("", n.EnquiryEnd),
	}
	for i, a := range n.Amendments {
		said := strings.TrimSpace(a.Description)
		if a.Old != "" || a.New != "" {
			said = strings.TrimSpace(said + " " + strings.TrimSpace(a.Where+": ") + " was “" + a.Old + "”, is “" + a.New + "”")
		}
		t.Amendments = append(t.Amendments, OCDSAmendment{ID: fmt.Sprintf("%s-%d", n.Release, i+1), Description: said})
	}
	return t
}

func (p Publication) planning(n *store.Notice) *OCDSPlanning {
	var x OCDSPlanning
	for _, m := range []struct{ id, title, kind, at string }{
		{"engagement", "Early engagement ends", "engagement", n.EngagementEnd}, {"future-notice", "The next notice is expected", "preProcurement", n.FutureNotice},
	} {
		if due := p.moment(m.at, true); due != "" {
			x.Milestones = append(x.Milestones, OCDSMilestone{m.id, m.title, m.kind, due})
		}
	}
	return &x
}

// parties adds parties to a release and returns how they are referred to.
func (r *OCDSRelease) parties(list []store.Party, role string) []OCDSReference {
	var out []OCDSReference
	for i, b := range list {
		x := OCDSParty{ID: b.ID, Name: b.Name, Roles: []string{role}}
		if x.ID == "" {
			x.ID = fmt.Sprintf("%s-%d", role, i+1)
		}
		if b.Scheme != "" && b.Number != "" {
			x.Identifier = &OCDSIdentifier{b.Scheme, b.Number, b.Name}
		}
		if a := (OCDSAddress{b.Region, b.Postcode}); a != (OCDSAddress{}) {
			x.Address = &a
		}
		at := slices.IndexFunc(r.Parties, func(p OCDSParty) bool { return p.ID == x.ID })
		switch {
		case at >= 0 && r.Parties[at].Name == x.Name:
			r.Parties[at].Roles = slices.Compact(append(r.Parties[at].Roles, role))
		case at >= 0: // two parties under one id, as printed
			x.ID = fmt.Sprintf("%s-%s-%d", x.ID, role, i+1)
			r.Parties = append(r.Parties, x)
		default:
			r.Parties = append(r.Parties, x)
		}
		out = append(out, OCDSReference{x.ID, x.Name})
	}
	return out
}

// among is the first of the values that is on a closed list of the standard.
func among(values []string, list ...string) string {
	for _, v := range values {
		if slices.Contains(list, v) {
			return v
		}
	}
	return ""
}

func cpvItems(codes []string) []OCDSItem {
	var out []OCDSItem
	for i, c := range codes {
		out = append(out, OCDSItem{fmt.Sprint(i + 1), OCDSClassification{"CPV", c}})
	}
	return out
}

func ocdsValue(n *store.Notice) *OCDSValue {
	if n.Value == "" || !json.Valid([]byte(n.Value)) || strings.Trim(n.Value, "0123456789.") != "" {
		return nil
	}
	v := OCDSValue{Amount: OCDSNumber(n.Value)}
	if len(n.Currency) == 3 && strings.ToUpper(n.Currency) == n.Currency {
		v.Currency = n.Currency
	}
	return &v
}

func (p Publication) period(start, end string) *OCDSPeriod {
	x := OCDSPeriod{p.moment(start, false), p.moment(end, true)}
	if x == (OCDSPeriod{}) {
		return nil
	}
	return &x
}

// moment is a date with a time, as the standard wants it: a bare date begins, or
// ends, a day of London. What is no date is left out.
func (p Publication) moment(s string, end bool) string {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.Format(time.RFC3339)
	}
	t, err := time.ParseInLocation(time.DateOnly, s, p.Zone)
	if err != nil {
		return ""
	}
	if end {
		t = time.Date(t.Year(), t.Month(), t.Day(), 23, 59, 59, 0, p.Zone)
	}
	return t.Format(time.RFC3339)
}

// Package wraps releases. Its date is that of the newest release, not today's: a
// package of the same notices is the same.
func (p Publication) Package(uri string, releases []OCDSRelease) OCDSPackage {
	x := OCDSPackage{
		URI: uri, Version: OCDSVersion, License: licence, PublicationPolicy: p.Base + "/data#ocds",
		Publisher: OCDSPublisher{Name: p.Name, URI: p.Base + "/"}, Releases: releases,
	}
	var newest time.Time
	for _, r := range releases {
		if t, err := time.Parse(time.RFC3339, r.Date); err == nil && t.After(newest) {
			newest, x.PublishedDate = t, r.Date
		}
	}
	return x
}

// WriteOCDS writes a package of one release a line for each item that is a
// notice, and passes over the others.
func WriteOCDS(w io.Writer, p Publication, items iter.Seq2[store.Item, error]) error {
	for it, err := range items {
		if err != nil {
			return err
		}
		r, ok := p.Release(it)
		if !ok {
			continue
		}
		uri := p.Base + apiRoot + "threads/" + r.OCID + "/ocds#" + r.ID
		if err := writeLine(w, p.Package(uri, []OCDSRelease{r})); err != nil {
			return err
		}
	}
	return nil
}

func (s *site) publication(base string) Publication {
	name := plain(s.Group, 200)
	if name == "" {
		name = "CCGWatch"
	}
	return Publication{Name: name, Base: base, Zone: s.zone}
}

// apiOCDS gives the notices of a procurement.
func (s *site) apiOCDS(w http.ResponseWriter, r *http.Request) error {
	t, err := s.threadOf(r)
	if err != nil {
		return err
	}
	p := s.publication(s.address(r))
	releases := []OCDSRelease{}
	seen := map[string]bool{}
	for _, step := range t.Steps {
		it, err := s.Ledger.Item(r.Context(), step.Source, step.Key)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		if x, ok := p.Release(it); ok && !seen[x.OCID+" "+x.ID] {
			seen[x.OCID+" "+x.ID] = true
			releases = append(releases, x)
		}
	}
	if len(releases) == 0 {
		return store.ErrNotFound
	}
	return s.answer(w, r, p.Package(p.Base+apiRoot+"threads/"+t.ID+"/ocds", releases))
}
