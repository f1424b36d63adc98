package query

// A Token is one word of a text, for an index outside this program: whoever
// files Raw (or Word) under Stem can answer what Match answers.
type Token struct {
	Raw  string // as printed, with compatibility forms resolved
	Word string // in small letters
	Stem string
}

// Tokens cuts a text as queries do.
func Tokens(text string) []Token {
	ts := tokenise(text)
	out := make([]Token, len(ts))
	for i, t := range ts {
		out[i] = Token{t.raw, t.word, t.stem}
	}
	return out
}
