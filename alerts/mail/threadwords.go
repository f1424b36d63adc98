package mail

import (
	"slices"
	"strings"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// fellDue tells whether a finding is about a date that has come, and not about
// something that was published.
func fellDue(f store.Finding) bool {
	return slices.ContainsFunc(f.Moves, func(m store.Move) bool { return m.Kind == store.DueReminder || m.Kind == store.DueOverdue })
}

// deadlineLabel is what a finding about a date is.
func deadlineLabel(f store.Finding) string {
	for _, m := range f.Moves {
		switch m.Kind {
		case store.DueReminder:
			return "Reminder"
		case store.DueOverdue:
			return "No further notice"
		case "deadline":
			return "Date moved"
		}
	}
	return "Deadline"
}

// moveWords are what a notice changed in its procurement, or what fell due,
// each once; they are our words about the notices, and hold names from them.
func moveWords(t alerts.Thing) []string {
	var out []string
	for _, f := range t.Findings {
		for _, m := range f.Moves {
			if !slices.Contains(out, m.Words) {
				out = append(out, m.Words)
			}
		}
	}
	return out
}

// unsaidWords name what the notices of an award do not say.
func unsaidWords(t alerts.Thing) string {
	for _, f := range t.Findings {
		if len(f.Unsaid) > 0 {
			return "The notices do not say: " + strings.Join(f.Unsaid, "; ") + "."
		}
	}
	return ""
}
