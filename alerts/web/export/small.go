package export

import (
	"net/url"
	"strings"
)

// cmpOr is the first of comparisons that tells two things apart.
func cmpOr(all ...int) int {
	for _, c := range all {
		if c != 0 {
			return c
		}
	}
	return 0
}

func pathEscape(s string) string { return url.PathEscape(s) }

func itemPath(source, key string) string {
	return "/item?" + url.Values{"source": {source}, "key": {key}}.Encode()
}

// oneLine is a text in one line of at most so many characters.
func oneLine(s string, most int) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func queryEscape(s string) string { return url.QueryEscape(s) }
