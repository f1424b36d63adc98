package export

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strings"
)

// A PrivateError says that a file would have held what is nobody's business. It
// does not repeat it.
type PrivateError struct{ File, What string }

func (e *PrivateError) Error() string {
	return fmt.Sprintf("%s would hold %s; nothing was changed. 'ccgwatch correct --redact' takes it out of the item", e.File, e.What)
}

// Both are compiled once and never change.
var (
	tags       = regexp.MustCompile(`<[^>]*>`)
	nhsNumber  = regexp.MustCompile(`(?:^|[^\d])(\d{3}[ \x{a0}-]\d{3}[ \x{a0}-]\d{4})(?:[^\d]|$)`)
	nhsCalled  = regexp.MustCompile(`(?i)\bNHS\s+(?:no|num|number)\b[^\d]{0,12}(\d{3}[ \x{a0}-]?\d{3}[ \x{a0}-]?\d{4})(?:[^\d]|$)`)
	anyAddress = regexp.MustCompile(`[\pL\pN._%+'-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+`)
)

// clean is a text as the export shows it.
func (x *run) clean(s string) string {
	if x.o.Redact == nil || x.o.Contact != "" && strings.Contains(s, x.o.Contact) {
		return s
	}
	return x.o.Redact(s)
}

// scan looks through a file for what must not be published: numbers of patients
// and addresses of subscribers. It looks again at what was taken out before, by
// rules of its own.
func (x *run) scan(file string, body []byte) error {
	if strings.HasSuffix(file, ".gz") && !bytes.HasPrefix(body, []byte("{")) || strings.HasPrefix(file, "search/") || strings.HasSuffix(file, ".css") {
		return nil // its lines are scanned one by one; what is filed there stands on a page
	}
	digits := bytes.ContainsAny(body, "0123456789")
	at := bytes.IndexByte(body, '@') >= 0 || bytes.Contains(body, []byte("&#64;"))
	if !digits && !at {
		return nil
	}
	text := string(body)
	if strings.HasSuffix(file, ".html") || strings.HasSuffix(file, ".atom") {
		text = html.UnescapeString(tags.ReplaceAllString(text, ""))
		if at { // those in links, too
			text += "\n" + string(body)
		}
	}
	for _, find := range []*regexp.Regexp{nhsNumber, nhsCalled} {
		for _, m := range find.FindAllStringSubmatch(text, -1) {
			if isNHSNumber(m[1]) {
				return &PrivateError{file, "an NHS number"}
			}
		}
	}
	if !at || x.o.Subscriber == nil {
		return nil
	}
	for _, a := range anyAddress.FindAllString(text, -1) {
		if !strings.EqualFold(a, x.o.Contact) && !strings.EqualFold(a, x.o.Mailbox) && x.o.Subscriber(strings.ToLower(a)) {
			return &PrivateError{file, "the address of a subscriber"}
		}
	}
	return nil
}

// isNHSNumber tells whether the last of ten digits checks the others.
func isNHSNumber(s string) bool {
	var d []int
	for _, r := range s {
		if r >= '0' && r <= '9' {
			d = append(d, int(r-'0'))
		}
	}
	if len(d) != 10 {
		return false
	}
	sum := 0
	for i, n := range d[:9] {
		sum += n * (10 - i)
	}
	check := (11 - sum%11) % 11
	return check != 10 && check == d[9]
}
