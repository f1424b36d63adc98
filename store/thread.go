package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Threads keeps what binds notices into threads beyond the notices themselves:
// an index of items by their marks, the operator's decisions, and what has
// fallen due. Threads are derived each time; of all this only the decisions
// are anybody's word.
type Threads interface {
	// Marked returns where the items stand that bear a mark (see Marks), ordered
	// by source and key, up to limit (limit <= 0: all).
	Marked(ctx context.Context, mark string, limit int) ([]ItemRef, error)

	// Decide stores an operator's decision about a pair; the last one counts.
	Decide(ctx context.Context, d Decision) error
	// Decisions returns all of them in the order in which they were made.
	Decisions(ctx context.Context) ([]Decision, error)

	// FallDue appends what has fallen due to the change log, as one batch, and
	// sets the date of a job, in one transaction. An entry whose key was logged
	// before is left out, so that a second run logs nothing twice. It returns
	// how many were logged. A crash before leaves nothing, a crash after all of it.
	FallDue(ctx context.Context, due []Change, job string, next time.Time) (int, error)
}

// An ItemRef names an item.
type ItemRef struct {
	Source string `json:"source"`
	Key    string `json:"key"`
}

// A Decision is an operator's word that two procurements are one, or are not.
type Decision struct {
	A    string    `json:"a"` // ocids; the order means nothing
	B    string    `json:"b"`
	Join bool      `json:"join"` // false: part
	Why  string    `json:"why"`
	At   time.Time `json:"at"`
}

// A Due says what has fallen due, in a change with OpDue. Key tells it from
// everything else that ever falls due.
type Due struct {
	Key   string    `json:"key"`
	Kind  string    `json:"kind"`  // DueReminder or DueOverdue
	Step  string    `json:"step"`  // of a reminder the kind of deadline; of an overdue step intention, award or tender
	Days  int       `json:"days"`  // working days left, or days since the notice that waits for an answer
	On    time.Time `json:"on"`    // the deadline, or since when the step has been overdue
	Words string    `json:"words"` // one sentence
}

// The kinds of Due.
const (
	DueReminder = "reminder"
	DueOverdue  = "overdue"
)

// A Move is one thing about a procurement that a notice changed against what
// earlier notices said, or that has fallen due.
type Move struct {
	Kind  string `json:"kind"` // stage, deadline, value, supplier, late, reminder, overdue
	Was   string `json:"was,omitempty"`
	Now   string `json:"now,omitempty"`
	Since string `json:"since,omitempty"` // release id of the notice that said what was
	Words string `json:"words"`           // one sentence, ours and not the source's
}

// namedMost is how many other notices one notice can name; marksMost bounds
// the text in which they are looked for, in bytes.
const (
	namedMost = 8
	marksMost = 60_000
)

// Marks are the words under which an item is found again when its thread is put
// together: its process, its own number, the numbers it names, and hashes of
// its title and reference. Only notices have marks.
func Marks(it Item) []string {
	n := it.Notice
	if n == nil {
		return nil
	}
	marks := []string{MarkProcess(n.OCID), MarkNumber(n.Release)}
	if title := plain(n.Title); title != "" {
		marks = append(marks, MarkTitle(n.Title))
		if n.Reference != "" {
			marks = append(marks, MarkReference(n.Reference), MarkSame(n.Reference, n.Title))
		}
	}
	for _, named := range Named(n) {
		marks = append(marks, MarkNames(named))
	}
	slices.Sort(marks)
	return slices.DeleteFunc(slices.Compact(marks), func(m string) bool { return strings.ContainsRune(m, 0) })
}

// MarkProcess is borne by the notices of a process, by its ocid.
func MarkProcess(ocid string) string { return "process " + ocid }

// MarkNumber is borne by the notices with that release id.
func MarkNumber(release string) string { return "number " + release }

// MarkNames is borne by the notices that name another one by its number, or its process by the ocid.
func MarkNames(id string) string { return "names " + id }

// MarkTitle is borne by the notices with that title.
func MarkTitle(title string) string { return "title " + short(plain(title)) }

// MarkReference is borne by the notices with that reference of the buyer's.
func MarkReference(ref string) string { return "reference " + short(plain(ref)) }

// MarkSame is borne by the notices with that reference and that title.
func MarkSame(ref, title string) string { return "same " + short(plain(ref), plain(title)) }

func short(parts ...string) string {
	h := sha256.Sum256([]byte(strings.ToLower(strings.Join(parts, "\x00"))))
	return hex.EncodeToString(h[:10])
}

// Named are the numbers of other notices, and the ocids of other processes,
// that a notice names: 012345-2026, also where it is printed as 2026/S
// 000-012345, and ocds-... .
func Named(n *Notice) []string {
	var find *regexp.Regexp
	var out []string
	add := func(id string) {
		if id != "" && id != n.Release && id != n.OCID && !slices.Contains(out, id) && len(out) < namedMost {
			out = append(out, id)
		}
	}
	left := marksMost
	scan := func(text string) {
		text = text[:min(len(text), left)]
		left -= len(text)
		if !strings.Contains(text, "-20") && !strings.Contains(text, "/S 000-") && !strings.Contains(text, "ocds-") {
			return // nearly every text; the expression below is slow
		}
		if find == nil {
			find = regexp.MustCompile(`\b(20\d\d)/S 000-(\d{6})\b|\b(\d{6}-20\d\d)\b|\b(ocds-[a-z0-9]{6}-[0-9a-f][0-9a-f-]{4,38}[0-9a-f])\b`)
		}
		for _, m := range find.FindAllStringSubmatch(text, -1) {
			if m[1] != "" {
				add(m[2] + "-" + m[1])
				continue
			}
			add(m[3] + m[4])
		}
	}
	scan(n.Description)
	for _, a := range n.Amendments {
		scan(a.Description)
		scan(a.New)
	}
	scan(n.Rationale)
	for _, t := range n.Texts {
		scan(t.Text)
	}
	return out
}
