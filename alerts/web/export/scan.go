package export

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"slices"
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
	nhsCalled  = regexp.MustCompile(`(?i)\bNHS\s+(?:no|num|number)\b[^\d]{0,12}$`)
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
// rules of its own. What other addresses there are is for the next run, when
// others may get our mails.
func (x *run) scan(file string, body []byte) (addresses []string, err error) {
	if strings.HasSuffix(file, ".gz") && !bytes.HasPrefix(body, []byte("{")) || strings.HasPrefix(file, "search/") || strings.HasSuffix(file, ".css") {
		return nil, nil // its lines are scanned one by one; what is filed there stands on a page
	}
	digits := bytes.ContainsAny(body, "0123456789")
	at := bytes.IndexByte(body, '@') >= 0 || bytes.Contains(body, []byte("&#64;"))
	if !digits && !at {
		return nil, nil
	}
	text := string(body)
	if strings.HasSuffix(file, ".html") || strings.HasSuffix(file, ".atom") {
		text = html.UnescapeString(withoutTags(text))
		if at { // those in links, too
			text += "\n" + string(body)
		}
	}
	if digits && holdsNHSNumber(text) {
		return nil, &PrivateError{file, "an NHS number"}
	}
	if !at {
		return nil, nil
	}
	for _, a := range anyAddress.FindAllString(text, -1) {
		if x.ours(a) || slices.Contains(addresses, a) {
			continue
		}
		if x.o.Subscriber != nil && x.o.Subscriber(strings.ToLower(a)) {
			return nil, &PrivateError{file, "the address of a subscriber"}
		}
		addresses = append(addresses, a)
	}
	return addresses, nil
}

// ours tells whether an address is the group's own.
func (x *run) ours(address string) bool {
	return strings.EqualFold(address, x.o.Contact) || strings.EqualFold(address, x.o.Mailbox)
}

// withoutTags is the text of a page without what stands in angle brackets.
func withoutTags(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			break
		}
		n := strings.IndexByte(s[i:], '>')
		if n < 0 {
			break
		}
		b.WriteString(s[:i])
		s = s[i+n+1:]
	}
	b.WriteString(s)
	return b.String()
}

// holdsNHSNumber looks for ten digits whose last checks the others: with spaces
// or hyphens as they are printed (943 476 5919), or however they are written
// where they are called an NHS number. Reference numbers of ten digits are left.
func holdsNHSNumber(s string) bool {
	for i := 0; i < len(s); {
		if s[i] < '0' || s[i] > '9' {
			i++
			continue
		}
		end := i + 1
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		number, parts, ok := tenDigits(s[i:])
		if n := end - i; (n == 3 || n == 6 || n == 10) && ok && isNHSNumber(number) && (parts == 3 || nhsCalled.MatchString(s[max(0, i-48):i])) {
			return true
		}
		i = end
	}
	return false
}

// tenDigits reads three, three and four digits, with at most one space or hyphen
// between them, after which no digit stands; parts tells in how many they came.
func tenDigits(s string) (number string, parts int, ok bool) {
	parts = 1
	for _, n := range []int{3, 3, 4} {
		if number != "" {
			rest := s
			for _, sep := range []string{" ", "-", "\u00a0"} {
				if r, cut := strings.CutPrefix(s, sep); cut {
					rest = r
					parts++
					break
				}
			}
			s = rest
		}
		if len(s) < n || strings.Trim(s[:n], "0123456789") != "" {
			return "", 0, false
		}
		number, s = number+s[:n], s[n:]
	}
	return number, parts, s == "" || s[0] < '0' || s[0] > '9'
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
