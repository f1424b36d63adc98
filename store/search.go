package store

import (
	"context"
	"time"

	"ccgwatch/store/query"
)

// An Index answers searches. It follows the change log and is never the truth:
// it can be deleted, and is built again from the Ledger, the Archive and what
// was found.
type Index interface {
	// Search looks in what is published: items, the parts of agendas, papers
	// page by page. What is no longer listed is not found.
	Search(ctx context.Context, s Search) (SearchResult, error)
	// Found calls f with the findings that may fit the query, newest first,
	// from the one before a place on (zero: from the newest), until f returns
	// false. Where Found.Ask is set the query must be asked about the finding
	// itself; where it is not, it fits.
	Found(ctx context.Context, q query.Query, before FoundPlace, f func(Found) bool) error
	// Things are the items in which something found may fit the query, as Found
	// has them in Thing, in no order and some of them twice; ask: the query must be
	// asked about the findings themselves. It costs far less a finding than Found.
	Things(ctx context.Context, q query.Query) (things []uint64, ask bool, err error)
	// Place tells up to which change the index has come, and how far the log
	// can be indexed. What lies between is not found yet.
	Place(ctx context.Context) (done, end uint64, err error)
}

// A Search is what is asked of an Index.
type Search struct {
	Query  query.Query
	Since  time.Time // date of the item: of a meeting when it is, else when it was published or first seen; zero: no bound
	Until  time.Time // exclusive
	ByDate bool      // newest first, else best first
	From   int       // so many items are passed over
	Limit  int       // so many at most
	Text   int       // characters of each piece of text shown; 0: none is read
}

// A SearchResult is what fits a Search.
type SearchResult struct {
	Hits   []Hit
	Items  int  // that fit, all pages of the list together
	Places int  // agenda items, pages and so on of these
	Partly bool // more may fit: there was too much to ask the query about
	ByDate bool // the order; it is by date also where too much fits to say what is best
	Facets Facets
	Done   uint64 // as by Place, at the moment of the search
	End    uint64
}

// Facets count the items of a result.
type Facets struct {
	Kinds, Sources, Bodies, Topics, Years []FacetCount // most first; years latest first
}

// A FacetCount is one value that items of a result have.
type FacetCount struct {
	Value string
	Count int
}

// A Hit is an item that fits.
type Hit struct {
	Source string    `json:"source"`
	Key    string    `json:"key"`
	Kind   Kind      `json:"kind"`
	Title  string    `json:"title"`
	URL    string    `json:"url"`
	Date   time.Time `json:"date,omitzero"`
	Bodies []string  `json:"bodies,omitempty"` // ids
	Topics []Topic   `json:"topics,omitempty"` // of what was found in it
	Places []Spot    `json:"places"`           // the best, or where no order says which: the first
	More   int       `json:"more,omitempty"`   // further places
}

// A Spot is where in an item a query fits: the item itself, a part of the
// agenda, or a page of a document.
type Spot struct {
	Part     string        `json:"part,omitempty"`     // key of the agenda item
	Name     string        `json:"name,omitempty"`     // its title, or the document's
	Document string        `json:"document,omitempty"` // key of the document
	URL      string        `json:"url,omitempty"`      // of the document
	SHA256   string        `json:"sha256,omitempty"`
	Page     int           `json:"page,omitempty"` // 1 is the first; 0 where there are none
	Text     []query.Piece `json:"text,omitempty"`
}

// A FoundPlace is a place in the list of findings: older than this one;
// without an id, this change's and older.
type FoundPlace struct {
	Change uint64
	ID     string
}

// A Found is a finding as an Index knows it.
type Found struct {
	ID     string
	Change uint64
	At     time.Time // to the second
	Source string
	Thing  uint64 // the same for findings in one item
	Topic  Topic
	AtOnce bool // certain or likely
	Silent bool
	Ask    bool // it may fit
}
