package ocds

import (
	"strconv"
	"strings"
	"unicode"

	"ccgwatch/store"
)

// texts gathers what else a notice says in words, each with the place it
// stands in: Provider Selection Regime wording turns up in lots, procedure
// features, review details, award status, and wherever a buyer found room. So
// the release is walked, and what is left out is listed rather than what is kept.
// The tender's description, the titles and what has a field of its own are
// not repeated; release.description is, beside Notice.Description.
func texts(n *store.Notice, r node) []store.Text {
	w := &walker{seen: map[string]bool{
		"": true, n.Title: true, r.obj("tender").plain("description"): true, n.MethodDetails: true, n.Rationale: true,
	}}
	if s := r.plain("description"); s != "" && !w.seen[s] {
		w.put("release.description", s)
	}
	for i, key := range r.v.keys {
		if v := r.v.vals[i]; v.kind == object || v.kind == list {
			w.walk(v, key, key)
		}
	}
	if w.full {
		r.f.add("", "its texts are longer than %d bytes together, the rest is left out", maxTexts)
	}
	return w.out
}

type walker struct {
	out  []store.Text
	seen map[string]bool
	size int
	full bool
}

func (w *walker) put(where, s string) {
	if w.size+len(s) > maxTexts {
		w.full = true
		return
	}
	w.seen[s] = true
	w.size += len(s)
	w.out = append(w.out, store.Text{Where: where, Text: s})
}

func (w *walker) walk(v value, key, path string) {
	switch v.kind {
	case list:
		for i, x := range v.vals[:min(len(v.vals), maxList)] {
			if x.kind != null {
				w.walk(x, key, path+"["+strconv.Itoa(i)+"]")
			}
		}
	case object:
		if !enters(key) {
			return
		}
		for i, k := range v.keys {
			if x := v.vals[i]; x.kind != null {
				w.walk(x, k, path+"."+k)
			}
		}
	case text:
		if !worded(key) || path == "tender.title" || path == "tender.description" {
			return
		}
		if s, _ := plain(v.s, maxText); !w.seen[s] && strings.IndexFunc(s, unicode.IsLetter) >= 0 {
			w.put(path, s)
		}
	}
}

// enters tells whether the texts under a key belong to the notice: not the
// parties with their contact points, not the descriptions of codes and files,
// not what has fields of its own.
func enters(key string) bool {
	switch key {
	case "parties", "buyer", "suppliers", "tenderers", "mainContractors", "contactPoint", "additionalContactPoints", "bids", "links",
		"relatedProcesses", "documents", "classification", "additionalClassifications", "deliveryAddresses", "deliveryLocation",
		"legalBasis", "amendment", "amendments", "proposedAmendments", "awardCriteria", "agreedMetrics", "metrics", "gazetteer",
		"communication", "xClassifications", "measureClassification":
		return false
	}
	return true
}

// worded tells by its name whether a member holds prose.
func worded(key string) bool {
	k := strings.ToLower(key)
	for _, end := range []string{"description", "title", "rationale", "details", "features", "terms", "requirement", "criteria", "categories", "category"} {
		if strings.HasSuffix(k, end) {
			return k != "mainprocurementcategory" && k != "additionalprocurementcategories" && k != "procurementmethoddetails" && k != "submissionmethoddetails"
		}
	}
	return false
}
