package store

// A Joint says that an item (a paper, an agenda, a request, a consultation)
// speaks of a procurement, how sure that is and what shows it. It is derived
// and never stored by itself; only an operator's Decision is anybody's word.
type Joint struct {
	Thread   string `json:"thread"` // ocid
	Title    string `json:"title"`  // of the procurement; in a finding about one, of the item that speaks of it
	Strength string `json:"strength"`
	Evidence string `json:"evidence"` // in words
	Quote    string `json:"quote,omitempty"`
	Where    string `json:"where,omitempty"` // title of the document, or the agenda item
	Page     int    `json:"page,omitempty"`
	URL      string `json:"url,omitempty"` // of what the quote stands in
	// Source and Key are of the item that Title names, in a finding about a
	// procurement; "" in what was found before they were noted.
	Source string `json:"source,omitempty"`
	Key    string `json:"key,omitempty"`
}

// The strengths of a Joint, the strongest first.
const (
	JointOperator = "operator" // the operator joined them
	JointCertain  = "certain"  // the item names the procurement by a reference
	JointLikely   = "likely"   // the same service, named, and the same body or place
	JointMention  = "mention"  // less than that: shown, and no more
)

// JointRank orders strengths, the strongest last; an unknown one is 0.
func JointRank(strength string) int {
	switch strength {
	case JointOperator:
		return 4
	case JointCertain:
		return 3
	case JointLikely:
		return 2
	case JointMention:
		return 1
	}
	return 0
}

// DecisionItem is how a Decision names an item, where it binds one to a
// procurement or parts it from one.
func DecisionItem(source, key string) string { return "item " + source + "/" + key }
