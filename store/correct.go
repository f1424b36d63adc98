package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// OpCorrected marks the silent entry of the change log that says that an
// operator corrected an item: whoever keeps something of an item (an index, an
// export) reads it again. What the sources publish is never altered by it.
const OpCorrected Op = "corrected"

// An Act is what a correction does.
type Act string

// The acts.
const (
	ActHold     Act = "hold"     // out of sight until it was looked into
	ActWithdraw Act = "withdraw" // out of sight for good
	ActCorrect  Act = "correct"  // some fields read otherwise than the source has them
	ActRedact   Act = "redact"   // some words are not shown, wherever they stand in the item
	ActNote     Act = "note"     // the operator's words beside those of the source
	ActRestore  Act = "restore"  // ends what earlier corrections of the item did
)

// Acts are all of them.
func Acts() []Act {
	return []Act{ActHold, ActWithdraw, ActCorrect, ActRedact, ActNote, ActRestore}
}

// A Correction is an operator's word about an item. It stands beside what the
// source says and never in its place: the next crawl compares the source with
// itself, so that an edit survives it, and is over when it is restored.
type Correction struct {
	N      uint64    `json:"n"` // from 1, in the order they were made
	At     time.Time `json:"at"`
	Source string    `json:"source"`
	Key    string    `json:"key"`
	Kind   Kind      `json:"kind,omitempty"` // of the item
	// Title is what the source called the item when the correction was made: by it
	// the item is known where others name it. Public leaves it out.
	Title  string        `json:"title,omitempty"`
	Act    Act           `json:"act"`
	Reason string        `json:"reason"`           // public
	Note   string        `json:"note,omitempty"`   // of ActNote, public
	Fields []FieldChange `json:"fields,omitempty"` // of ActCorrect; Old is what the source said when it was made
	// Strike are the words of ActRedact: they are in no answer to anybody but the
	// operator, and Public leaves them out.
	Strike []string `json:"strike,omitempty"`
	// Mail asks for a letter to those who were told of the item.
	Mail bool `json:"mail,omitempty"`
	// Seq is the number of its entry in the log, and Judged the last change that all
	// were told of when it was made (see Teller); zero in those of before that was noted.
	Seq    uint64 `json:"seq,omitempty"`
	Judged uint64 `json:"judged,omitempty"`
}

// Teller is the name of the follower of the log that tells people of what it finds.
const Teller = "match"

// Public is the correction as anybody may read it.
func (c Correction) Public() Correction {
	c.Strike, c.Title = nil, ""
	return c
}

// Corrections keeps what the operator has said about items.
type Corrections interface {
	// Correct stores a correction and gives it back with its number. In the same
	// transaction a silent change with OpCorrected is logged, and, unless it only
	// adds a note, every message that speaks of the item and has not been sent is
	// taken back (Delivery.TakenBack): queued, claimed, to be tried again or OnHold.
	// One that speaks of nothing else, of an item that goes out of sight, is
	// suppressed; another fails, so that one can be made in its place, or a later
	// digest brings the rest. A digest that the next one can tell again, and a letter
	// about a correction, is dropped, and owed again. What was in doubt may have
	// come: it is not repeated if words of it are not shown any more, and is
	// Uncertain. What is queued later and was put into words before (Delivery.Edits)
	// is taken back as it is queued. What is at its last byte at that moment is not
	// reached. A crash before it leaves nothing, a crash after it all of it.
	// ErrNotFound unless the item is known.
	Correct(ctx context.Context, c Correction) (Correction, error)
	// Corrections returns those numbered after n, in their order.
	Corrections(ctx context.Context, after uint64) ([]Correction, error)
	// Edits are what the corrections come to. The value is not altered any more;
	// after a correction there is a new one.
	Edits(ctx context.Context) (*Edits, error)
}

// Check refuses a correction that says nothing, or not what its act needs.
func (c Correction) Check() error {
	switch {
	case !slices.Contains(Acts(), c.Act):
		return fmt.Errorf("there is no act %q", c.Act)
	case strings.TrimSpace(c.Reason) == "":
		return errors.New("a correction needs a reason: it is shown to everybody")
	case c.Act == ActNote && strings.TrimSpace(c.Note) == "":
		return errors.New("an empty note")
	case c.Act == ActCorrect && len(c.Fields) == 0:
		return errors.New("no field is corrected")
	case c.Act == ActRedact && len(c.Strike) == 0:
		return errors.New("no words are named")
	}
	for _, w := range c.Strike {
		if len(strings.Join(strings.Fields(w), "")) < 3 {
			return errors.New("words to leave out must have three letters or more")
		}
	}
	for _, f := range c.Fields {
		if f.Name == "" {
			return errors.New("a field without a name")
		}
	}
	return nil
}

// Edits are what all corrections come to, by item. A nil one is of no corrections.
type Edits struct {
	last     uint64
	by       map[ItemRef]*Edit
	process  map[string][]ItemRef // of notices, by ocid
	released map[string][]ItemRef // of notices, by release
	titled   map[string][]ItemRef // by what the source called them
	returns  []Return             // in the order of the log
}

// A Return is an item that came into sight again: what its source did in the
// meantime nobody was told of.
type Return struct {
	ItemRef
	Seq   uint64    // of the entry of the log about it
	After uint64    // the last change that all had been told of when the item went out of sight
	Since time.Time // when it did
}

// An Edit is what the corrections of one item come to.
type Edit struct {
	Hidden  Act           // ActHold or ActWithdraw, "" while it is shown
	Reason  string        // why it is hidden
	Since   time.Time     // and since when
	Fields  []FieldChange // that read otherwise, by name
	Notes   []Correction  // in the order they were made
	Log     []Correction  // all of them, restored ones included, as anybody may read them
	Struck  bool          // words are left out
	title   string        // what the source called it
	strikes []*regexp.Regexp
	away    Return // the last time it went out of sight, and came back
	noted   bool   // away says all of that
}

// FoldCorrections says what corrections come to.
func FoldCorrections(all []Correction) *Edits {
	e := &Edits{by: map[ItemRef]*Edit{}, process: map[string][]ItemRef{}, released: map[string][]ItemRef{}, titled: map[string][]ItemRef{}}
	for _, c := range all {
		ref := ItemRef{c.Source, c.Key}
		x := e.by[ref]
		if x == nil {
			x = &Edit{}
			e.by[ref] = x
			e.file(ref, c.Kind)
		}
		if c.Title != "" && !slices.Contains(e.titled[c.Title], ref) {
			e.titled[c.Title] = append(e.titled[c.Title], ref)
		}
		if back, ok := x.take(c); ok {
			e.returns = append(e.returns, back)
		}
		e.last = max(e.last, c.N)
	}
	return e
}

// Returns are those after (exclusive) an entry of the log, up to (inclusive) another.
func (e *Edits) Returns(after, upTo uint64) (out []Return) {
	if e == nil {
		return nil
	}
	for _, r := range e.returns {
		if r.Seq > after && r.Seq <= upTo {
			out = append(out, r)
		}
	}
	return out
}

// N is the number of the last correction that they are of, 0 for none.
func (e *Edits) N() uint64 {
	if e == nil {
		return 0
	}
	return e.last
}

// take adds a correction, and tells whether by it the item came into sight again.
func (x *Edit) take(c Correction) (back Return, ok bool) {
	x.Log = append(x.Log, c.Public())
	x.title = cmp.Or(c.Title, x.title)
	switch c.Act {
	case ActHold, ActWithdraw:
		// Out of sight again before all were told of what they had missed, they miss all of it.
		if again := x.away.Seq > 0 && c.Judged < x.away.Seq; x.Hidden == "" && !again {
			x.away, x.noted = Return{ItemRef: ItemRef{c.Source, c.Key}, After: c.Judged, Since: c.At}, c.Seq > 0
		}
		x.Hidden, x.Reason, x.Since = c.Act, c.Reason, c.At
	case ActCorrect:
		for _, f := range c.Fields {
			x.Fields = slices.DeleteFunc(x.Fields, func(y FieldChange) bool { return y.Name == f.Name })
			x.Fields = append(x.Fields, f)
		}
		slices.SortFunc(x.Fields, func(a, b FieldChange) int { return cmp.Compare(a.Name, b.Name) })
	case ActRedact:
		for _, w := range c.Strike {
			x.strikes = append(x.strikes, strikeOf(w))
		}
		x.Struck = true
	case ActNote:
		x.Notes = append(x.Notes, c.Public())
	case ActRestore:
		hidden := x.Hidden != ""
		*x = Edit{Log: x.Log, title: x.title, away: x.away, noted: x.noted}
		if hidden && x.noted && c.Seq > 0 {
			x.away.Seq = c.Seq
			return x.away, true
		}
	}
	return Return{}, false
}

// strikeOf finds words in any letter case, whatever white space is between them.
func strikeOf(words string) *regexp.Regexp {
	var parts []string
	for _, w := range strings.Fields(words) {
		parts = append(parts, regexp.QuoteMeta(w))
	}
	return regexp.MustCompile(`(?i)` + strings.Join(parts, `[\s\x{a0}]+`))
}

// Of is what an item's corrections come to; nil where there are none.
func (e *Edits) Of(source, key string) *Edit {
	if e == nil {
		return nil
	}
	return e.by[ItemRef{source, key}]
}

// Shows tells whether an item may be shown, mailed, searched or exported at
// all. Whoever shows anything of the store asks this, mostly by reading it
// through a Public.
func (e *Edits) Shows(source, key string) bool {
	x := e.Of(source, key)
	return x == nil || x.Hidden == ""
}

// struckWords stand where words were left out.
const struckWords = "[left out]"

// Clean is a text of the item without the words that are left out.
func (x *Edit) Clean(text string) string {
	if x == nil {
		return text
	}
	for _, re := range x.strikes {
		text = re.ReplaceAllLiteralString(text, struckWords)
	}
	return text
}

// Item is the item as it is shown. The argument stays as it is.
func (x *Edit) Item(it Item) Item {
	if x == nil || len(x.Fields) == 0 && len(x.strikes) == 0 {
		return it
	}
	if it.Notice != nil {
		n := *it.Notice
		it.Notice = &n
	}
	fields := make(map[string]string, len(it.Fields))
	for k, v := range it.Fields {
		fields[k] = v
	}
	it.Fields = fields
	for _, f := range x.Fields {
		if p := it.fixed(f.Name); p != nil {
			*p = f.New
			continue
		}
		if f.New == "" {
			delete(it.Fields, f.Name)
			continue
		}
		it.Fields[f.Name] = f.New
	}
	if it.Notice != nil && x.has("title") {
		it.Notice.Title = it.Title
	}
	if len(x.strikes) > 0 {
		x.strike(&it)
	}
	return it
}

func (x *Edit) has(field string) bool {
	return slices.ContainsFunc(x.Fields, func(f FieldChange) bool { return f.Name == field })
}

// fixed is where a field stands that is not among Fields; nil for any other.
func (it *Item) fixed(name string) *string {
	switch name {
	case "title":
		return &it.Title
	case "body":
		return &it.Body
	}
	n, ok := strings.CutPrefix(name, "notice.")
	if !ok || it.Notice == nil {
		return nil
	}
	return it.Notice.correctable()[n]
}

// correctable are the fields of a notice that a correction may name, as notice.NAME.
func (n *Notice) correctable() map[string]*string {
	return map[string]*string{
		"description": &n.Description, "value": &n.Value, "value_max": &n.ValueMax, "currency": &n.Currency,
		"method_details": &n.MethodDetails, "rationale": &n.Rationale,
		"tender_end": &n.TenderEnd, "interest_end": &n.InterestEnd, "enquiry_end": &n.EnquiryEnd, "engagement_end": &n.EngagementEnd,
		"future_notice": &n.FutureNotice, "standstill_end": &n.StandstillEnd, "signed": &n.Signed,
		"contract_start": &n.ContractStart, "contract_end": &n.ContractEnd,
	}
}

// Correctable is what a field of the item says now, and whether a correction
// may name it: title, body, any field the item has (or may have), and of a
// notice notice.value and its like.
func (it Item) Correctable(name string) (value string, ok bool) {
	if p := it.fixed(name); p != nil {
		return *p, true
	}
	if strings.HasPrefix(name, "notice.") || it.Kind == KindNotice && it.Fields[name] == "" {
		return "", false
	}
	if v, known := it.Fields[name]; known {
		return v, true
	}
	return "", slices.Contains([]string{FieldWhen, FieldVenue, FieldStatus, FieldCommittee, FieldSummary, FieldOpens, FieldCloses, FieldHeading}, name)
}

// Finding is the finding as it is shown.
func (x *Edit) Finding(f Finding) Finding {
	if x == nil || len(x.Fields) == 0 && len(x.strikes) == 0 {
		return f
	}
	for _, c := range x.Fields {
		switch {
		case c.Name == "title":
			f.Title = c.New
		case c.Name == FieldWhen:
			if t, err := time.Parse(time.RFC3339, c.New); err == nil {
				f.When = t
			}
		case f.Deadline != nil && c.Old != "" && sameInstant(f.Deadline.Stated, c.Old):
			d := *f.Deadline
			d.Stated = c.New
			f.Deadline = &d
		}
	}
	if len(x.strikes) == 0 {
		return f
	}
	x.all(&f.Title, &f.Document, &f.Quote, &f.Why, &f.Text, &f.Committee, &f.BodyName)
	f.Quotes, f.Others, f.AlsoIn = slices.Clone(f.Quotes), slices.Clone(f.Others), slices.Clone(f.AlsoIn)
	for _, list := range [][]Mention{f.Quotes, f.Others} {
		for i := range list {
			x.all(&list[i].Quote)
		}
	}
	for i := range f.AlsoIn {
		x.all(&f.AlsoIn[i].Document)
	}
	f.Joins = slices.Clone(f.Joins)
	for i := range f.Joins {
		j := &f.Joins[i]
		x.all(&j.Title, &j.Evidence, &j.Quote, &j.Where)
	}
	f.Moves = slices.Clone(f.Moves)
	for i := range f.Moves {
		x.all(&f.Moves[i].Was, &f.Moves[i].Now, &f.Moves[i].Words)
	}
	if f.Deadline != nil {
		d := *f.Deadline
		x.all(&d.Who, &d.Quote)
		f.Deadline = &d
	}
	return f
}

func sameInstant(a, b string) bool {
	x, err := time.Parse(time.RFC3339, a)
	y, err2 := time.Parse(time.RFC3339, b)
	return a == b || err == nil && err2 == nil && x.Equal(y)
}

// Change is an entry of the log as it is shown: of a hidden item only that
// there was one.
func (x *Edit) Change(c Change) Change {
	switch {
	case x == nil:
		return c
	case x.Hidden != "":
		return Change{Seq: c.Seq, At: c.At, Source: c.Source, Key: c.Key, Kind: c.Kind, Op: c.Op, What: c.What, Silent: c.Silent, Batch: c.Batch}
	}
	for _, f := range x.Fields {
		if f.Name == "title" {
			c.Title = f.New
		}
	}
	if len(x.strikes) == 0 {
		return c
	}
	x.all(&c.Title)
	c.Fields = slices.Clone(c.Fields)
	for i := range c.Fields {
		x.all(&c.Fields[i].Old, &c.Fields[i].New)
	}
	c.Documents, c.Read, c.Parts = x.documents(c.Documents), x.documents(c.Read), x.parts(c.Parts)
	if c.Due != nil {
		d := *c.Due
		x.all(&d.Words)
		c.Due = &d
	}
	return c
}

func (x *Edit) all(texts ...*string) {
	for _, t := range texts {
		*t = x.Clean(*t)
	}
}

func (x *Edit) documents(list []Document) []Document {
	list = slices.Clone(list)
	for i := range list {
		x.all(&list[i].Title, &list[i].Failed)
	}
	return list
}

func (x *Edit) parts(list []Part) []Part {
	list = slices.Clone(list)
	for i := range list {
		x.all(&list[i].Number, &list[i].Title, &list[i].Text)
	}
	return list
}

// strike leaves the words out of every text of the item. Its maps are its own.
func (x *Edit) strike(it *Item) {
	x.all(&it.Title)
	for k, v := range it.Fields {
		it.Fields[k] = x.Clean(v)
	}
	it.Parts, it.Documents = x.parts(it.Parts), x.documents(it.Documents)
	n := it.Notice
	if n == nil {
		return
	}
	was := *n // by it the notice is still known to programs
	x.deep(reflect.ValueOf(n).Elem())
	n.OCID, n.Release, n.Feed, n.NoticeType = was.OCID, was.Release, was.Feed, was.NoticeType
}

// deep leaves the words out of every text of a value. Lists are its own afterwards.
func (x *Edit) deep(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if s := x.Clean(v.String()); s != v.String() {
			v.SetString(s)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			return
		}
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(own, v)
		for i := range own.Len() {
			x.deep(own.Index(i))
		}
		v.Set(own)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				x.deep(f)
			}
		}
	default: // numbers, times and truths say no words
	}
}
