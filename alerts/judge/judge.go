// Package judge says what a text or a notice says: stage, regime, care,
// outsourcing, suppliers, deadlines, and the sentence that shows it. It is
// pure: rules and registers come in as values, verdicts go out.
package judge

import "ccgwatch/store"

// Rules are the data the judge works by; config/catalogue holds them.
type Rules struct {
	Version  string
	Terms    []Term
	Bodies   []Body
	Areas    []Area
	Holidays []string // bank holidays in England and Wales, YYYY-MM-DD
}

// A Body is an organisation we watch or that buys.
type Body struct {
	ID         string // "leicester-city-council"
	Name       string
	Aliases    []string // other names, as printed in notices
	Codes      []string // ODS, GSS, GB-PPON-..., as printed
	Kind       string   // icb, ccg, trust, council, nhs-england, csu, other
	Areas      []string // ids of areas it serves
	Since      string   // YYYY-MM-DD, "" unknown
	Until      string   // last day, "" still there
	Successors []string // ids
}

// An Area is a place people follow.
type Area struct {
	ID        string // "leicester"
	Name      string
	Regions   []string // ITL/NUTS codes that lie in it, e.g. UKF21
	Postcodes []string // outward codes or areas that lie in it, e.g. LE1
	Names     []string // words that name it in a text
}

// A Term is one entry of the vocabulary. Its fields are settled by the data
// file; see config/catalogue.
type Term struct {
	Term   string
	Also   []string
	Weight int // 3 alone, 2 with a second term near, 1 context only
	Topic  store.Topic
}

// A Verdict is what the rules make of one release: one line of judge --json.
type Verdict struct {
	OCID        string          `json:"ocid"`
	Release     string          `json:"release"`
	Title       string          `json:"title"`
	Buyer       string          `json:"buyer"`
	Stage       string          `json:"stage"`
	Regime      string          `json:"regime"`
	Care        string          `json:"care"`
	Outsourcing string          `json:"outsourcing"`
	Suppliers   []Supplier      `json:"suppliers"`
	Places      []string        `json:"places"`
	Deadline    *store.Deadline `json:"deadline"`
	Evidence    []Evidence      `json:"evidence"`
}

// A Supplier is a party a contract goes to, with its class and what shows it.
type Supplier struct {
	Name     string `json:"name"`
	Class    string `json:"class"` // nhs, public, primary_care, charity_cic, company, individual, unknown
	Evidence string `json:"evidence"`
}

// Evidence is one rule that spoke, the words it spoke for, and where they stand.
type Evidence struct {
	Rule  string `json:"rule"`
	Quote string `json:"quote"`
	Where string `json:"where"`
}

// A Passage is a sentence of a paper that the rules noticed.
type Passage struct {
	Page  int         `json:"page"`
	Tier  store.Tier  `json:"tier"`
	Rule  string      `json:"rule"`
	Quote string      `json:"quote"`
	Topic store.Topic `json:"-"`
}
