package crawl

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/charmap"

	"ccgwatch/store"
)

// sane refuses answers that are no answer whatever their status: a challenge to
// prove we are human, and an empty 200.
func sane(status int, h http.Header, body []byte) error {
	if h.Get("Cf-Mitigated") != "" || isChallenge(body) {
		return &Error{Reason: store.ReasonRefused, Status: status, Err: errors.New("a challenge page stands in front of the site")}
	}
	if status == http.StatusOK && len(bytes.TrimSpace(body)) == 0 {
		return &Error{Reason: store.ReasonEmpty, Status: status, Err: errors.New("the answer is empty")}
	}
	return nil
}

// isChallenge knows the interstitials of Cloudflare and Imperva. The scripts
// Cloudflare adds to ordinary pages must not count.
func isChallenge(body []byte) bool {
	if len(body) > 256<<10 {
		return false
	}
	low := bytes.ToLower(body[:min(len(body), 16<<10)])
	if !bytes.Contains(low, []byte("<html")) && !bytes.Contains(low, []byte("<title")) {
		return false
	}
	for _, s := range []string{"<title>just a moment...</title>", "<title>attention required! | cloudflare</title>", "_cf_chl_opt", "incapsula incident id"} {
		if bytes.Contains(low, []byte(s)) {
			return true
		}
	}
	return false
}

// toUTF8 gives a text as UTF-8 without byte order mark, and anything else as it
// is. The encoding is found in the order of the WHATWG: byte order mark, header,
// declaration in the text, guess. A text that claims to be UTF-8 and is not has
// each offending byte read as windows-1252, which is what it nearly always is:
// a curly quote must not become a question mark in the middle of a word.
func toUTF8(body []byte, contentType string) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil || kind == "" {
		kind, _, _ = mime.ParseMediaType(http.DetectContentType(body))
	}
	if !isText(kind) {
		return body, nil
	}
	body, name := decode(body, kind, contentType)
	if isXML(kind) && name != "utf-8" {
		body = declareUTF8(body)
	}
	return body, nil
}

func isText(kind string) bool {
	return strings.HasPrefix(kind, "text/") || isXML(kind) || isJSON(kind) ||
		kind == "application/javascript" || kind == "application/x-javascript"
}

func isXML(kind string) bool {
	return kind == "text/xml" || kind == "application/xml" || strings.HasSuffix(kind, "+xml")
}

func isJSON(kind string) bool {
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// decode returns the text as UTF-8 and the encoding it was in.
func decode(body []byte, kind, contentType string) ([]byte, string) {
	e, name, certain := charset.DetermineEncoding(body, contentType)
	if !certain {
		switch {
		case isJSON(kind) || utf8.Valid(body):
			// The guess sees 1,024 bytes only, and ASCII there says nothing.
			name = "utf-8"
		case isXML(kind):
			if d := declared(body); d != "" {
				if e2, n2 := charset.Lookup(d); e2 != nil {
					e, name = e2, n2
				}
			}
		}
	}
	if name == "utf-8" {
		return repairUTF8(bytes.TrimPrefix(body, []byte("\ufeff"))), name
	}
	out, err := e.NewDecoder().Bytes(body)
	if err != nil { // no decoder of the WHATWG fails; they substitute
		return repairUTF8(body), "utf-8"
	}
	return bytes.TrimPrefix(out, []byte("\ufeff")), name
}

func repairUTF8(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	out := make([]byte, 0, len(b)+len(b)/16)
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			out = utf8.AppendRune(out, charmap.Windows1252.DecodeByte(b[0]))
		} else {
			out = append(out, b[:n]...)
		}
		b = b[n:]
	}
	return out
}

// declared is the encoding an XML declaration names, or "".
func declared(body []byte) string {
	m := declaration().FindSubmatch(body[:min(len(body), 200)])
	if m == nil {
		return ""
	}
	return string(m[2])
}

// declareUTF8 corrects the declaration of XML that is UTF-8 now, or the parser
// would decode it again.
func declareUTF8(body []byte) []byte {
	head := min(len(body), 200)
	m := declaration().FindSubmatchIndex(body[:head])
	if m == nil {
		return body
	}
	return append(append(append([]byte{}, body[:m[4]]...), "UTF-8"...), body[m[5]:]...)
}

func declaration() *regexp.Regexp {
	return regexp.MustCompile(`^\s*<\?xml\s[^>]*?encoding\s*=\s*(["'])([A-Za-z0-9._-]+)["']`)
}
