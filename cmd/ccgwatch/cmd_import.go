package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ccgwatch/alerts"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

// Limits of a list that is imported.
const (
	maxImportBytes = 20 << 20
	maxImportRows  = 100_000
	maxConsent     = 1000 // characters
)

// importColumns are those that the first line names, in any order; the last
// two must be there and filled in, and so must the address.
func importColumns() []string {
	return []string{"address", "query", "often", "consent", "consent_at"}
}

type subscribersImport struct {
	File   string `arg:""`
	DryRun bool   `name:"dry-run"`
}

// Run takes over a list. Each row is a subscription that becomes confirmed, as
// if it had been added by itself; nobody is mailed by it. A row that cannot be
// taken is named by its line, never by its address, and the others are taken;
// the same file may be imported again when it is put right.
func (c *subscribersImport) Run(e *env) error {
	if c.File != "-" {
		path, err := filepath.Abs(c.File)
		if err != nil {
			return err
		}
		e.args = slices.Clone(e.args)
		if i := slices.Index(e.args, c.File); i >= 0 {
			e.args[i] = path
		}
		c.File = path
	}
	return e.query(func(a *app) error {
		b, err := readInput(e, c.File)
		if err != nil {
			return err
		}
		rows, refused, err := readImport(b, e.now())
		if err != nil {
			return usagef("%s: %w", filepath.Base(c.File), err)
		}
		added, there, err := a.takeOver(e.ctx, rows, &refused, e.now(), c.DryRun)
		slices.SortStableFunc(refused, func(x, y importFault) int { return x.line - y.line })
		for _, f := range refused {
			fmt.Fprintf(e.stderr, "line %d: %v\n", f.line, f.err)
		}
		did := "added"
		if c.DryRun {
			did = "would be added"
		}
		fmt.Fprintf(e.stdout, "%d %s, %d there already, %d refused; nobody was mailed\n", added, did, there, len(refused))
		if err == nil && len(refused) > 0 {
			err = &exitError{code: exitFailed}
		}
		return err
	})
}

// An importRow is a line that says enough.
type importRow struct {
	line int
	store.Subscription
}

// An importFault is why a line is not taken. It holds no address.
type importFault struct {
	line int
	err  error
}

// readImport reads a list as CSV (RFC 4180, UTF-8) whose first line names the
// columns. An error is about the file as a whole.
func readImport(b []byte, now time.Time) (rows []importRow, refused []importFault, err error) {
	switch {
	case len(b) > maxImportBytes:
		return nil, nil, fmt.Errorf("it is larger than %d bytes", maxImportBytes)
	case !utf8.Valid(b):
		return nil, nil, errors.New("it is not in UTF-8: save it as CSV UTF-8")
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	r.FieldsPerRecord, r.TrimLeadingSpace = -1, true
	head, err := r.Read()
	if err != nil {
		return nil, nil, errors.New("it has no first line that names the columns: " + strings.Join(importColumns(), ","))
	}
	at := map[string]int{}
	for i, name := range head {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, twice := at[name]; twice || !slices.Contains(importColumns(), name) {
			return nil, nil, fmt.Errorf("line 1: the columns are %s, each once", strings.Join(importColumns(), ","))
		}
		at[name] = i
	}
	for _, name := range []string{"address", "consent", "consent_at"} {
		if _, ok := at[name]; !ok {
			return nil, nil, fmt.Errorf("line 1: there is no column %s: nobody is mailed without a recorded consent", name)
		}
	}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, refused, nil
		}
		if err != nil {
			var p *csv.ParseError
			if errors.As(err, &p) { // its text may quote the line
				return nil, nil, fmt.Errorf("line %d: this is not CSV: %w", p.Line, p.Err)
			}
			return nil, nil, err
		}
		line, _ := r.FieldPos(0)
		if len(rows)+len(refused) >= maxImportRows {
			return nil, nil, fmt.Errorf("it has more than %d rows", maxImportRows)
		}
		if len(fields) == 1 && strings.TrimSpace(fields[0]) == "" {
			continue
		}
		sub, err := importedRow(at, fields, now)
		if err != nil {
			refused = append(refused, importFault{line, err})
			continue
		}
		rows = append(rows, importRow{line, sub})
	}
}

// importedRow reads one row. No error names the address.
func importedRow(at map[string]int, fields []string, now time.Time) (store.Subscription, error) {
	get := func(name string) string {
		if i, ok := at[name]; ok && i < len(fields) {
			return strings.TrimSpace(fields[i])
		}
		return ""
	}
	s := store.Subscription{State: store.StateConfirmed, Created: now, Query: get("query"), Often: store.Weekly, Consent: get("consent")}
	if len(fields) > len(at) {
		return s, fmt.Errorf("it has %d fields, the first line has %d", len(fields), len(at))
	}
	var err error
	if s.Address, err = alerts.Address(get("address")); err != nil {
		return s, errors.New("the address is none that mail can be sent to")
	}
	if o := get("often"); o != "" {
		ok := false
		if s.Often, ok = store.OftenOf(o); !ok {
			return s, fmt.Errorf("often: expected %s", strings.Join(store.Oftens(), ", "))
		}
	}
	if _, err := query.Parse(s.Query); err != nil {
		return s, fmt.Errorf("query: %w", err)
	}
	switch {
	case s.Consent == "":
		return s, errors.New("there is no consent: say how this person agreed; without a record nobody is mailed")
	case utf8.RuneCountInString(s.Consent) > maxConsent:
		return s, fmt.Errorf("consent: more than %d characters", maxConsent)
	case get("consent_at") == "":
		return s, errors.New("there is no consent_at: say when this person agreed")
	}
	if s.ConsentAt, err = parseTime(get("consent_at")); err != nil {
		return s, fmt.Errorf("consent_at: %w", err)
	}
	if s.ConsentAt.After(now) {
		return s, errors.New("consent_at is still to come")
	}
	return s, nil
}

// takeOver stores what may be stored, each row in a transaction of its own: a
// run cut short has stored some, and is made good by the next.
func (a *app) takeOver(ctx context.Context, rows []importRow, refused *[]importFault, now time.Time, dry bool) (added, there int, err error) {
	left, err := a.store.left()
	if err != nil {
		return 0, 0, err
	}
	since, err := a.store.LastSeq(ctx)
	if err != nil {
		return 0, 0, err
	}
	seen := map[string]bool{} // of this file
	for _, r := range rows {
		s := r.Subscription
		refuse := func(err error) { *refused = append(*refused, importFault{r.line, err}) }
		if err := a.checkQuery(s.Query); err != nil {
			refuse(fmt.Errorf("query: %w", err))
			continue
		}
		of, err := a.store.Of(ctx, s.Address)
		if err != nil {
			return added, there, err
		}
		if err := mayTakeOver(s, of, left(s.Address)); err != nil {
			refuse(err)
			continue
		}
		key := strings.ToLower(s.Address) + "\x00" + s.Often + "\x00" + canonicalQuery(s.Query)
		if seen[key] || slices.ContainsFunc(of, func(o store.Subscription) bool {
			return o.State == store.StateConfirmed && o.Often == s.Often && canonicalQuery(o.Query) == canonicalQuery(s.Query)
		}) {
			there++
			continue
		}
		seen[key] = true
		if added++; dry {
			continue
		}
		id := make([]byte, 16)
		if _, err := rand.Read(id); err != nil {
			return added - 1, there, err
		}
		s.ID, s.Since, s.Created = hex.EncodeToString(id), since, now
		if err := a.forgetPending(ctx, s); err != nil {
			return added - 1, there, err
		}
		if err := a.store.Subscribe(ctx, s); err != nil {
			return added - 1, there, fmt.Errorf("line %d: %w", r.line, err)
		}
	}
	return added, there, nil
}

// mayTakeOver refuses whoever has left, complained, or whose mail came back,
// since they agreed: an old list knows nothing of it. left is when the address
// last left, zero if never.
func mayTakeOver(s store.Subscription, of []store.Subscription, left time.Time) error {
	for _, o := range of {
		if o.State == store.StateSuppressed {
			return errors.New("mail to this address came back or was complained of; its owner can sign up again")
		}
		if o.State == store.StateEnded && o.Ended.After(left) {
			left = o.Ended
		}
	}
	live := slices.ContainsFunc(of, func(o store.Subscription) bool { return o.State == store.StateConfirmed })
	if !live && !left.Before(s.ConsentAt) {
		return fmt.Errorf("this address was taken off on %s, after the consent recorded here; its owner can sign up again", left.In(london()).Format(time.DateOnly))
	}
	return nil
}

func canonicalQuery(q string) string {
	if parsed, err := query.Parse(q); err == nil {
		return parsed.String()
	}
	return strings.TrimSpace(q)
}
