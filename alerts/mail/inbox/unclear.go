package inbox

import (
	"slices"
	"strings"

	"ccgwatch/alerts"
)

// unclear finds the subjects that are meant for us and are no command: a verb
// with a slip of the pen, or a few words that ask to begin or to end. Anything
// else is a letter to people, and nobody is answered by a machine who did not
// write to one.
func unclear(subject string) (Verb, string, string) {
	s := strings.ToLower(strings.Trim(subject, " .!"))
	words := strings.Fields(s)
	if len(words) == 0 || len(words) > 12 {
		return "", "", ""
	}
	if slices.Contains([]string{"sign up", "signup", "sign me up", "join", "register", "remove me", "remove", "opt out", "opt-out", "cancel", "subscription"}, s) || slip(strings.Trim(words[0], ":,")) {
		return VerbUnclear, "", string(alerts.ReasonUnclear)
	}
	return "", "", ""
}

// slip tells whether a word is subscribe or unsubscribe but for a letter or two,
// and no other word.
func slip(w string) bool {
	if len(w) < 7 || len(w) > 14 || slices.Contains([]string{"subscribed", "subscriber", "subscribers", "subscribes", "unsubscribed", "subscript", "subscripts", "transcribe", "describe"}, w) {
		return false
	}
	return distance(w, "subscribe") <= 2 || distance(w, "unsubscribe") <= 2
}

// distance counts the letters that are to be put in, left out or exchanged to
// make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// brokenCode tells whether a word is a part of a token, or more than one: long,
// and mixed as no word is.
func brokenCode(text string) bool {
	for _, w := range strings.Fields(text) {
		w = strings.TrimRight(w, ".")
		if len(w) >= 15 && strings.ContainsAny(w, "0123456789_") && strings.ContainsAny(w, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") && !strings.ContainsAny(w, ":/@.") {
			return true
		}
	}
	return false
}
