package web

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"ccgwatch/store"
)

// CSV as RFC 4180 has it: CRLF, one header line, UTF-8. A cell is one line of
// text; one that a spreadsheet would take for a formula begins with an
// apostrophe, which the spreadsheet shows and a program can take off.

// A Table writes CSV line by line.
type Table struct {
	w    *csv.Writer
	cols int
	room []string
}

// bom tells spreadsheets that a file is UTF-8.
const bom = "\ufeff"

// NewTable begins a file with its header; with mark it begins with the sign by
// which Excel knows UTF-8.
func NewTable(w io.Writer, mark bool, columns []string) (*Table, error) {
	if mark {
		if _, err := io.WriteString(w, bom); err != nil {
			return nil, err
		}
	}
	t := &Table{w: csv.NewWriter(w), cols: len(columns), room: make([]string, len(columns))}
	t.w.UseCRLF = true
	return t, t.w.Write(columns)
}

// Row writes one line; cells that are missing are empty.
func (t *Table) Row(cells ...string) error {
	for i := range t.room {
		t.room[i] = ""
		if i < len(cells) {
			t.room[i] = cell(cells[i])
		}
	}
	return t.w.Write(t.room)
}

// Close writes what is still held.
func (t *Table) Close() error {
	t.w.Flush()
	return t.w.Error()
}

// cellMost is how many characters a cell holds; spreadsheets take 32,767.
const cellMost = 30_000

// cell is a text that no spreadsheet computes (OWASP ASVS 1.2.10): what begins
// with = + - @, a tab or a line's end, or with their wide forms, gets an
// apostrophe before it. The control characters are looked for before they go.
func cell(s string) string {
	danger := strings.ContainsAny(first(strings.TrimLeft(s, " \u00a0\u200b\ufeff")), "=+-@\t\r\n\x00＝＋－＠'") && s != ""
	s = line(s, cellMost)
	if danger || strings.ContainsAny(first(s), "=+-@＝＋－＠") && s != "" {
		return "'" + s
	}
	return s
}

// first is the first character, "" of none.
func first(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

// ItemColumns are those of a table of items.
func ItemColumns() []string {
	return []string{"source", "key", "kind", "body", "title", "url", "published", "first_seen", "changed", "withdrawn", "when", "venue", "committee", "status", "documents"}
}

// Item writes a line of ItemColumns.
func (t *Table) Item(x ItemLine) error {
	return t.Row(x.Source, x.Key, string(x.Kind), x.Body, x.Title, x.URL, x.Published, x.FirstSeen, x.Changed, x.Withdrawn,
		x.Fields[store.FieldWhen], x.Fields[store.FieldVenue], x.Fields[store.FieldCommittee], x.Fields[store.FieldStatus], strconv.Itoa(len(x.Documents)))
}

// FindingColumns are those of a table of findings.
func FindingColumns() []string {
	return []string{"id", "at", "source", "key", "kind", "topic", "tier", "title", "url", "document", "page", "quote", "stage", "regime", "deadline_kind", "deadline_stated", "deadline_computed", "deadline_who", "thread", "body", "body_name", "areas", "silent"}
}

// Finding writes a line of FindingColumns.
func (t *Table) Finding(x FindingLine) error {
	var d store.Deadline
	if x.Deadline != nil {
		d = *x.Deadline
	}
	return t.Row(x.ID, x.At, x.Source, x.Key, string(x.Kind), string(x.Topic), string(x.Tier), x.Title, x.URL, x.Document, strconv.Itoa(x.Page), x.Quote, x.Stage, x.Regime,
		d.Kind, d.Stated, d.Computed, d.Who, x.Thread, x.Body, x.BodyName, strings.Join(x.Areas, "; "), strconv.FormatBool(x.Silent))
}

// NoticeColumns are those of a table of procurement notices.
func NoticeColumns() []string {
	return []string{"ocid", "release", "feed", "date", "tags", "notice_type", "legal_basis", "title", "buyers", "suppliers", "supplier_numbers", "value", "value_max", "currency", "cpv", "category", "method", "method_details", "tender_end", "standstill_end", "signed", "contract_start", "contract_end", "bids", "url", "first_seen", "withdrawn"}
}

// Notice writes a line of NoticeColumns; n is one that may be given away.
func (t *Table) Notice(x ItemLine, n *store.Notice, date string) error {
	names := func(list []store.Party) (names, numbers string) {
		var a, b []string
		for _, p := range list {
			a = append(a, p.Name)
			if p.Number != "" {
				b = append(b, strings.TrimPrefix(p.Scheme+" ", " ")+p.Number)
			}
		}
		return strings.Join(a, "; "), strings.Join(b, "; ")
	}
	buyers, _ := names(n.Buyers)
	suppliers, numbers := names(n.Suppliers)
	return t.Row(n.OCID, n.Release, n.Feed, date, strings.Join(n.Tags, "; "), n.NoticeType, n.LegalBasis, n.Title, buyers, suppliers, numbers, n.Value, n.ValueMax, n.Currency,
		strings.Join(n.CPV, "; "), n.Category, n.Method, n.MethodDetails, n.TenderEnd, n.StandstillEnd, n.Signed, n.ContractStart, n.ContractEnd, n.Bids, x.URL, x.FirstSeen, x.Withdrawn)
}

// DateColumns are those of a table of meetings and deadlines.
func DateColumns() []string {
	return []string{"uid", "kind", "source", "key", "body", "body_name", "committee", "title", "start", "all_day", "venue", "status", "agenda", "doubt", "thread", "sequence", "modified", "url", "page_url"}
}

// Date writes a line of DateColumns.
func (t *Table) Date(x DateLine) error {
	return t.Row(x.UID, x.Kind, x.Source, x.Key, x.Body, x.BodyName, x.Committee, x.Title, x.Start, strconv.FormatBool(x.AllDay), x.Venue, x.Status, strconv.FormatBool(x.Agenda), x.Doubt, x.Thread,
		strconv.Itoa(x.Sequence), x.Modified, x.URL, x.PageURL)
}
