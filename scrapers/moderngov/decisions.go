package moderngov

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ccgwatch/scrapers/crawl"
	"ccgwatch/store"
)

// Names of the fields of decisions and of items of a forward plan, beside those
// of the store. Dates are YYYY-MM-DD where they could be read, else as printed.
const (
	FieldKey        = "key decision" // yes or no
	FieldCallIn     = "call-in"      // what the site says about call-in
	FieldDecided    = "decided"      // day of the decision
	FieldDue        = "due"          // when the decision is to be made, as printed
	FieldNotice     = "notice"       // day on which the notice of the proposed decision was first published
	FieldMaker      = "made by"      // the person or committee who decides, as published
	FieldDepartment = "department"
	FieldText       = store.FieldText // what was decided, or why it is to be
)

// Decisions are listed by the day of their publication. A wide range can take
// the site minutes, or fail.
const decisionsBack = 40 * 24 * time.Hour

// mostDetails is how many pages of single decisions and plan items a visit
// reads; the others keep what their list says, and get their turn the next time.
const mostDetails = 60

// decisions is the source of a site's decisions and forward plans. Nothing in it
// has the time of a meeting, so that what drops off the lists is not withdrawn.
func decisions(rd *reader, o Options) crawl.Source {
	return crawl.Source{
		ID: o.ID, Name: o.Name, Body: o.Body, Platform: "moderngov", Base: o.Base, Kind: store.KindPaper, Whole: true, Pace: o.Pace,
		Plan: func(v crawl.Visit) []crawl.Request {
			s := &ledger{reader: rd, base: o.Base, old: v.Old.Items, now: v.Now, read: map[string]bool{}}
			return []crawl.Request{s.decided(), s.plans()}
		},
	}
}

// ledger is one visit's view of the source.
type ledger struct {
	*reader
	base string
	old  map[string]store.Item
	now  time.Time
	read map[string]bool // whose details were asked for; pages are read one at a time
}

// A part is one of the two things that the source is made of.
type part struct{ prefix, name string }

// gone takes it for an answer that a site has no such page: many councils do not
// use this part of the system, and it is asked for again at every visit. Where
// the page was there before, that is told as a fault: what was known stays, and
// what is published meanwhile is not seen.
func (s *ledger) gone(p *crawl.Page, x part) error {
	for key, it := range s.old {
		if strings.HasPrefix(key, x.prefix) && it.Withdrawn.IsZero() {
			p.Problem(store.ReasonMissing, x.name, "the site had this page and says now that there is none: nothing new of it is seen")
			break
		}
	}
	return nil
}

// offered is a request for a page that a site may not have.
func (s *ledger) offered(r crawl.Request, x part) crawl.Request {
	parse := r.Parse
	r.Absent = func(p *crawl.Page) error { return s.gone(p, x) }
	r.Parse = func(p *crawl.Page) error {
		err := parse(p)
		if e := (*crawl.Error)(nil); errors.As(err, &e) && e.Reason == store.ReasonMissing {
			return s.gone(p, x) // sent to the system's own error page
		}
		return err
	}
	return crawl.Again(r, 2)
}

// page is what inside gives, but the redirect to the error page, which the system
// sends for a page that a council does not use, is told apart.
func (s *ledger) page(p *crawl.Page) (*goquery.Selection, error) {
	if strings.Contains(strings.ToLower(p.URL.Path), "/mgerror.aspx") {
		return nil, crawl.Errorf(store.ReasonMissing, "the site sent us to its error page")
	}
	mg, _, err := s.inside(p)
	return mg, err
}

// decided asks for the decisions published of late.
func (s *ledger) decided() crawl.Request {
	day := func(t time.Time) string { return t.In(s.london).Format("02/01/2006") }
	q := url.QueryEscape(day(s.now.Add(-decisionsBack)) + "-" + day(s.now))
	return s.offered(crawl.Request{
		URL:    s.base + "/mgDelegatedDecisions.aspx?bcr=1&DM=0&DS=2&K=0&DR=" + q + "&V=0",
		Accept: htmlType,
		Parse: func(p *crawl.Page) error {
			mg, err := s.page(p)
			if err != nil {
				return err
			}
			list, err := s.decisionRows(mg)
			if err != nil {
				return err
			}
			s.cover(p)
			if len(list) == 0 {
				p.None()
			}
			for _, it := range list {
				s.offer(p, it)
			}
			return nil
		},
	}, part{"decision/", "the site's list of decisions"})
}

// cover says that nothing can be missing: nothing here has the time of a meeting.
func (s *ledger) cover(p *crawl.Page) { p.Cover(s.now, s.now.Add(time.Second)) }

// decisionRows reads the tables of decisions: some sites have one for each state
// that a decision can be in. Rows of issues stand in them too, and are none. That
// there are none is believed where the page says so.
func (s *ledger) decisionRows(mg *goquery.Selection) ([]store.Item, error) {
	table := mg.Find("table.mgTabTable")
	if table.Length() == 0 {
		text := strings.ToLower(s.line(mg.Text()))
		if slices.ContainsFunc([]string{"no decisions", "no matching decisions", "there are no "}, func(w string) bool { return strings.Contains(text, w) }) {
			return nil, nil
		}
		return nil, crawl.Errorf(store.ReasonFormat, "the page has no table of decisions")
	}
	var list []store.Item
	seen := map[string]bool{}
	for _, tr := range table.Find("tr").EachIter() {
		links(tr, "iedecisiondetails.aspx", func(a *goquery.Selection, href string) {
			// A decision has a number of its own, or goes by that of the agenda item on
			// which it was made: two sequences that overlap.
			id, by, key := s.number(query(href, "ID")), "ID", "decision/"
			if id == "" {
				id, by, key = s.number(query(href, "AIId")), "AIId", "decision/item-"
			}
			title := s.bare(a)
			if id == "" || title == "" || seen[key+id] {
				return // listed once for each of its signatories
			}
			seen[key+id] = true
			it := store.Item{Key: key + id, Kind: store.KindPaper, Title: title, Stub: true,
				URL: s.base + "/ieDecisionDetails.aspx?" + by + "=" + id, Fields: map[string]string{}}
			if t, ok := s.numeric(s.line(a.Closest("td").Next().Text()), ""); ok {
				it.Published = t
			}
			list = append(list, it)
		})
	}
	if n := table.Find("td a[href]").Length(); len(list) == 0 && n > 0 && table.Find("a[href*='IId=']").Length() == 0 {
		return nil, crawl.Errorf(store.ReasonFormat, "the table of decisions has %d links and none leads to a decision", n)
	}
	return list, nil
}

// offer hands on a list entry, and asks for its page where that is not known
// yet or, of a plan's item, once a week.
func (s *ledger) offer(p *crawl.Page, it store.Item) {
	p.Add(it)
	old, known := s.old[it.Key]
	again := strings.HasPrefix(it.Key, "issue/") && s.turn(it.Key)
	if known && !old.Stub && !again || s.read[it.Key] || len(s.read) >= mostDetails {
		return
	}
	s.read[it.Key] = true
	p.Follow(crawl.Again(crawl.Request{URL: it.URL, Accept: htmlType, Detail: it.Key, Parse: func(p *crawl.Page) error {
		mg, err := s.page(p)
		if err != nil {
			return err
		}
		d, err := s.decisionPage(mg)
		if err != nil {
			return err
		}
		p.Update(it.Key, func(it *store.Item) { s.fillDecision(it, d) })
		return nil
	}}, 1))
}

// turn spreads second looks over the days of the week.
func (s *ledger) turn(key string) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return int(h.Sum32()%7) == int(s.now.In(s.london).Weekday())
}

// A decision is what the page of a decision or of a plan's item says.
type decision struct {
	published time.Time
	fields    map[string]string
	docs      []store.Document
	meeting   bool // made at a meeting, whose own page has it too
}

// decisionPage reads labels and their values, the text and the papers.
func (s *ledger) decisionPage(mg *goquery.Selection) (decision, error) {
	d := decision{fields: map[string]string{}}
	labels := 0
	for _, label := range mg.Find("span.mgLabel").EachIter() {
		c := label.Parent().Clone()
		c.Find("span.mgLabel, span.mgHide, span.mgFileSize").Remove()
		value := s.line(c.Text())
		if value == "" {
			continue
		}
		labels++
		switch name := strings.ToLower(strings.TrimRight(s.line(label.Text()), " :?")); name {
		case "is key decision", "key decision":
			d.fields[FieldKey] = strings.ToLower(value)
		case "decision type":
			if low := strings.ToLower(value); strings.Contains(low, "key") {
				d.fields[FieldKey] = map[bool]string{true: "no", false: "yes"}[strings.Contains(low, "non")]
			}
		case "decision status", "status":
			d.fields[store.FieldStatus] = value
		case "is subject to call in", "is subject to call-in", "call-in", "call in":
			d.fields[FieldCallIn] = value
		case "date of decision":
			d.fields[FieldDecided] = s.dayOf(value)
		case "decision due", "decision due date":
			d.fields[FieldDue] = value
		case "notice of proposed decision first published", "first published":
			d.fields[FieldNotice] = s.dayOf(value)
			d.published, _ = s.numeric(value, "")
		case "publication date", "date published":
			d.published, _ = s.numeric(value, "")
		case "decision maker", "decided by", "lead member", "decision made by":
			d.fields[FieldMaker] = value
		case "department", "directorate", "service area":
			d.fields[FieldDepartment] = value
		case "decided at meeting", "made at meeting", "decision made at meeting":
			d.meeting = true
		}
	}
	var text []string
	for _, w := range mg.Find("div.mgWordPara").EachIter() {
		text = append(text, s.plain(w))
	}
	if t := strings.TrimSpace(strings.Join(text, "\n")); t != "" {
		d.fields[FieldText] = t
	}
	seen := map[string]bool{}
	for _, a := range mg.Find("ul.mgBulletList a[href]").EachIter() {
		if doc, ok := s.docHTML(a, store.Part{}, s.base); ok && !seen[doc.Key] {
			seen[doc.Key] = true
			d.docs = append(d.docs, doc)
		}
	}
	if labels == 0 && len(text) == 0 {
		return decision{}, crawl.Errorf(store.ReasonFormat, "the page is neither a decision's nor a plan item's")
	}
	return d, nil
}

func (s *ledger) dayOf(value string) string {
	if t, ok := s.numeric(value, ""); ok {
		return t.Format(time.DateOnly)
	}
	if d, ok := s.parse(value); ok {
		return d.when.Format(time.DateOnly)
	}
	return value
}

func (s *ledger) fillDecision(it *store.Item, d decision) {
	it.Stub = false
	for name, value := range d.fields {
		it.Fields[name] = value
	}
	if !d.published.IsZero() {
		it.Published = d.published
	}
	if !d.meeting { // the papers of a meeting are in its agenda
		it.Documents = d.docs
	}
}

// plans asks for the forward plans and for the items of those that are current.
func (s *ledger) plans() crawl.Request {
	return s.offered(crawl.Request{
		URL: s.base + "/mgPlansHome.aspx?bcr=1", Accept: htmlType,
		Parse: func(p *crawl.Page) error {
			mg, err := s.page(p)
			if err != nil {
				return err
			}
			s.cover(p)
			list := s.planLinks(mg)
			for _, q := range list {
				p.Follow(s.plan(q))
			}
			if len(list) == 0 {
				p.None()
				return s.gone(p, forwardPlans()) // told where there were plans before
			}
			return nil
		},
	}, forwardPlans())
}

func forwardPlans() part { return part{"issue/", "the site's forward plans"} }

// mostPlans is how many plans are read: a council has one for its cabinet, some
// one more for others.
const mostPlans = 3

// planLinks are the addresses of the current plans: those that end in the future,
// or the first ones where the names do not say.
func (s *ledger) planLinks(mg *goquery.Selection) []string {
	var current, others []string
	links(mg, "mglistplanitems.aspx", func(a *goquery.Selection, href string) {
		id, rp := s.number(query(href, "PlanId")), s.number(query(href, "RP"))
		if id == "" {
			return
		}
		q := "PlanId=" + id
		if rp != "" {
			q += "&RP=" + rp
		}
		text := s.bare(a)
		last := time.Time{}
		words := strings.Fields(text)
		for i := range words {
			for n := 3; n <= 4 && i+n <= len(words); n++ {
				if d, ok := s.parse(strings.Join(words[i:i+n], " ")); ok && d.when.After(last) {
					last = d.when
				}
			}
		}
		to := &others
		if last.After(s.now) {
			to = &current
		}
		if !slices.Contains(*to, q) {
			*to = append(*to, q)
		}
	})
	if len(current) == 0 {
		current = others[:min(len(others), 1)]
	}
	return current[:min(len(current), mostPlans)]
}

func (s *ledger) plan(q string) crawl.Request {
	return crawl.Again(crawl.Request{
		URL: s.base + "/mgListPlanItems.aspx?" + q, Accept: htmlType,
		Parse: func(p *crawl.Page) error {
			mg, err := s.page(p)
			if err != nil {
				return err
			}
			items := s.planItems(mg)
			if len(items) == 0 && !s.nothing.MatchString(s.plain(mg)) {
				return crawl.Errorf(store.ReasonFormat, "the plan lists no items, and does not say so")
			}
			for _, it := range items {
				s.offer(p, it)
			}
			return nil
		},
	}, 2)
}

// planItems are the links to the issues of a plan: to their history, which says
// when notice was given, and in older templates to their details.
func (s *ledger) planItems(mg *goquery.Selection) (list []store.Item) {
	seen := map[string]bool{}
	for _, page := range []string{"mgIssueHistoryHome.aspx", "ieIssueDetails.aspx"} {
		links(mg, strings.ToLower(page), func(a *goquery.Selection, href string) {
			id, title := s.number(query(href, "IId")), s.bare(a)
			if id == "" || title == "" || seen[id] {
				return
			}
			seen[id] = true
			list = append(list, store.Item{Key: "issue/" + id, Kind: store.KindPaper, Title: title, Stub: true,
				URL: fmt.Sprintf("%s/%s?IId=%s", s.base, page, id), Fields: map[string]string{}})
		})
	}
	return list
}
