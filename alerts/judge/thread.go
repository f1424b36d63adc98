package judge

import (
	"encoding/json"
	"time"

	"ccgwatch/store"
)

// A Thread is one procurement, folded from its notices in order. It is derived
// anew each time; the order in which the notices arrived makes no difference.
type Thread struct {
	ID     string   `json:"id"`    // ocid of the earliest notice
	OCIDs  []string `json:"ocids"` // all of its processes, the earliest first
	Title  string   `json:"title"`
	Buyers []string `json:"buyers"` // as printed, in order of appearance
	Body   string   `json:"body,omitempty"`
	Areas  []string `json:"areas,omitempty"`

	Stage       string `json:"stage"`
	Regime      string `json:"regime"`
	Care        string `json:"care"`
	Outsourcing string `json:"outsourcing"`

	// Deadline is the last one that a notice gave for the stage it stands at, past or to come.
	Deadline  *store.Deadline `json:"deadline"`
	Suppliers []Party         `json:"suppliers"`
	Values    []Worth         `json:"values"` // what each kind of notice says it is worth; never to be added up
	CPV       []string        `json:"cpv"`
	Places    []string        `json:"places"`
	Signed    string          `json:"signed,omitempty"` // as the field has it; intentions have it filled too, and then it is left out
	Starts    string          `json:"starts,omitempty"`
	Ends      string          `json:"ends,omitempty"`

	Steps    []Step   `json:"steps"`
	Cut      int      `json:"cut,omitempty"`      // further notices in the middle that were not folded
	Links    []Link   `json:"links,omitempty"`    // why more than one process is in it
	Possible []Link   `json:"possible,omitempty"` // processes that may belong to it and were not joined
	Charter  []Answer `json:"charter,omitempty"`  // of an award, or intention, to a provider outside the NHS
	Interest Interest `json:"interest"`
}

// A Party is a supplier with what it takes to look it up.
type Party struct {
	Supplier
	Number  string   `json:"number,omitempty"` // in the register of Scheme, as that writes it
	Scheme  string   `json:"scheme,omitempty"`
	Release string   `json:"release"` // the first notice that names it
	Look    []Lookup `json:"look,omitempty"`
}

// A Lookup is where a reader can look something up.
type Lookup struct {
	What string `json:"what"`
	URL  string `json:"url"`
}

// A Worth is the value that the latest notice of one kind states.
type Worth struct {
	Of       string `json:"of"` // estimate, award, contract, modification
	Value    string `json:"value"`
	Max      string `json:"max,omitempty"`
	Currency string `json:"currency,omitempty"`
	Gross    bool   `json:"gross,omitempty"` // VAT included
	Release  string `json:"release"`
}

// A Step is one notice of a thread: what it says by itself, and what it changed.
type Step struct {
	Source  string    `json:"source"`
	Key     string    `json:"key"`
	OCID    string    `json:"ocid"`
	Release string    `json:"release"`
	Type    string    `json:"type,omitempty"` // UK1 to UK17
	At      time.Time `json:"at"`
	Title   string    `json:"title"`
	URL     string    `json:"url"`

	Stage     string          `json:"stage"`
	Regime    string          `json:"regime"`
	Quote     string          `json:"quote"`
	Deadline  *store.Deadline `json:"deadline,omitempty"`
	Suppliers []Supplier      `json:"suppliers,omitempty"`
	Worth     *Worth          `json:"worth,omitempty"`
	Moves     []store.Move    `json:"moves,omitempty"`
	Inherited []string        `json:"inherited,omitempty"` // what it lacks and earlier notices say: buyer, cpv, title, regime, ...
	Evidence  []Evidence      `json:"evidence,omitempty"`
	Withdrawn time.Time       `json:"withdrawn,omitzero"`
	FirstSeen time.Time       `json:"first_seen,omitzero"`

	verdict Verdict
	reading *reading
	areas   []string
	item    store.Item // with what it inherits
}

// A Link binds two processes, or might: with what speaks for it.
type Link struct {
	A        string `json:"a"` // ocids
	B        string `json:"b"`
	Strength string `json:"strength"` // operator, number, weaker, possible
	Evidence string `json:"evidence"` // in words
	Title    string `json:"title,omitempty"`
	URL      string `json:"url,omitempty"`
}

// The strengths of links. That notices share an ocid is certain and is no link.
const (
	LinkOperator = "operator" // the operator joined them
	LinkNumber   = "number"   // one notice stands under both ocids
	LinkWeaker   = "weaker"   // same title and buyer, and the same reference or one names the other
	LinkPossible = "possible" // less than that: shown, not joined
)

// Interest is what the notices say in prose about who decided and whose
// interests touched the decision. Of officials only the roles are kept.
type Interest struct {
	Conflicts string   `json:"conflicts"` // none, declared, mentioned, "" when no notice says anything
	Quote     string   `json:"quote,omitempty"`
	Release   string   `json:"release,omitempty"`
	URL       string   `json:"url,omitempty"`
	Deciders  []string `json:"deciders,omitempty"` // roles and bodies
	Decided   string   `json:"decided,omitempty"`  // release of the notice that names them
}

// Concerns tells whether a thread has to do with health, care or outsourcing.
func (t *Thread) Concerns() bool { return concerns(t.Care, t.Outsourcing) }

func concerns(care, outsourcing string) bool {
	return care == careHealth || care == careSocial || care == careSupport || outsourcing != outsourcingNone
}

// Step finds the step of an item.
func (t *Thread) Step(source, key string) *Step {
	for i := range t.Steps {
		if t.Steps[i].Source == source && t.Steps[i].Key == key {
			return &t.Steps[i]
		}
	}
	return nil
}

// Last is the latest step.
func (t *Thread) Last() *Step { return &t.Steps[len(t.Steps)-1] }

// Equal tells whether two threads say the same.
func (t *Thread) Equal(o *Thread) bool {
	a, err1 := json.Marshal(t)
	b, err2 := json.Marshal(o)
	return err1 == nil && err2 == nil && string(a) == string(b)
}
