package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Each function below reads one kind of value out of what TOML gave, and says
// what was expected when it cannot.

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	default:
		return "a date or time"
	}
}

// asText is a text that is safe to print on one line and to put into a header.
func asText(v any, expected string) (string, error) {
	s, ok := v.(string)
	switch {
	case !ok:
		return "", fmt.Errorf("is %s; expected %s in quotes", kindOf(v), expected)
	case len(s) > 1000:
		return "", fmt.Errorf("is %d bytes long; expected %s", len(s), expected)
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return "", fmt.Errorf("holds the control character %U; expected %s on one line", r, expected)
		}
	}
	if s != strings.TrimSpace(s) {
		return "", fmt.Errorf("%q begins or ends with a space; expected %s", s, expected)
	}
	return s, nil
}

func text(v any) (string, error) {
	s, err := asText(v, "a text")
	if err == nil && s == "" {
		err = errors.New("is empty; expected a text")
	}
	return s, err
}

// empty allows "" besides what read allows.
func empty(read func(any) (string, error)) func(any) (string, error) {
	return func(v any) (string, error) {
		if v == "" {
			return "", nil
		}
		return read(v)
	}
}

func boolean(v any) (bool, error) {
	b, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("is %s; expected true or false, without quotes", kindOf(v))
	}
	return b, nil
}

func portNumber(v any) (int, error) {
	n, ok := v.(int64)
	if !ok || n < 1 || n > 65535 {
		return 0, fmt.Errorf("is %v; expected a port, 1 to 65535, without quotes", clip(v))
	}
	return int(n), nil
}

func perMinute(v any) (int, error) {
	n, ok := v.(int64)
	if !ok || n < 1 || n > 600_000 {
		return 0, fmt.Errorf("is %v; expected a number of messages a minute, 1 to 600000, without quotes", clip(v))
	}
	return int(n), nil
}

// connections is how many a relay is asked for at a time.
func connections(v any) (int, error) {
	n, ok := v.(int64)
	if !ok || n < 1 || n > 32 {
		return 0, fmt.Errorf("is %v; expected a number of connections, 1 to 32, without quotes", clip(v))
	}
	return int(n), nil
}

// limit is a number of messages; 0 is none.
func limit(span string) func(any) (int, error) {
	return func(v any) (int, error) {
		n, ok := v.(int64)
		if !ok || n < 0 || n > 1_000_000 {
			return 0, fmt.Errorf("is %v; expected a number of messages %s, 0 for no limit, without quotes", clip(v), span)
		}
		return int(n), nil
	}
}

// knownRelay is the name of a mail service.
func knownRelay(relays []Relay) func(any) (string, error) {
	return func(v any) (string, error) {
		var names []string
		for _, r := range relays {
			names = append(names, r.Name)
		}
		s, err := id(v)
		if err != nil || relays == nil || slices.Contains(names, s) {
			return s, err
		}
		hint := "; for any other, set host"
		if near := nearest(s, names); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		return "", fmt.Errorf("%q is no known relay; expected one of %s%s", s, strings.Join(names, ", "), hint)
	}
}

func clip(v any) string {
	s := fmt.Sprintf("%#v", v)
	if t, ok := v.(string); ok {
		s = strconv.QuoteToGraphic(t)
	}
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "..."
	}
	return s
}

func oneOf(words ...string) func(any) (string, error) {
	return func(v any) (string, error) {
		s, err := asText(v, "one of "+strings.Join(words, ", "))
		if err != nil || slices.Contains(words, s) {
			return s, err
		}
		if near := nearest(s, words); near != "" {
			return "", fmt.Errorf("%s is unknown; did you mean %q?", clip(s), near)
		}
		return "", fmt.Errorf("%s is unknown; expected one of %s", clip(s), strings.Join(words, ", "))
	}
}

// known is an id out of the catalogue; with nothing known, any id.
func known(what string, ids []string) func(any) (string, error) {
	return func(v any) (string, error) {
		s, err := id(v)
		if err != nil || ids == nil || slices.Contains(ids, s) {
			return s, err
		}
		if near := nearest(s, ids); near != "" {
			return "", fmt.Errorf("%q is no known %s; did you mean %q?", s, what, near)
		}
		if len(ids) > 20 {
			return "", fmt.Errorf("%q is no known %s; expected an id of the catalogue", s, what)
		}
		return "", fmt.Errorf("%q is no known %s; expected one of %s", s, what, strings.Join(ids, ", "))
	}
}

// body names an organisation, by any of the names it is known by.
func body(names []string) func(any) (string, error) {
	return func(v any) (string, error) {
		const expected = "an id, official code or name of a body, such as leicester-city-council or QK1"
		s, err := asText(v, expected)
		if err != nil {
			return "", err
		}
		if s == "" || len(s) > 200 || strings.ContainsFunc(s, unicode.IsControl) {
			return "", fmt.Errorf("%s names no body; expected %s", clip(s), expected)
		}
		if names == nil || slices.Contains(names, s) {
			return s, nil
		}
		if near := nearest(s, names); near != "" {
			return "", fmt.Errorf("%q is no known body; did you mean %q?", s, near)
		}
		return "", fmt.Errorf("%s is no known body; expected %s", clip(s), expected)
	}
}

// id is a name that can stand in a file name, a key and an address.
func id(v any) (string, error) {
	const expected = "1 to 64 of a-z, 0-9 and -"
	s, err := asText(v, expected)
	if err != nil {
		return "", err
	}
	if s == "" || len(s) > 64 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "", fmt.Errorf("%s is no id; expected %s", clip(s), expected)
	}
	return s, nil
}

type elementError struct {
	index int
	err   error
}

type elementErrors []elementError

func (e elementErrors) Error() string { return fmt.Sprintf("%d elements are wrong", len(e)) }

// list reads each element and refuses one that stands there twice.
func list[T any](read func(any) (T, error)) func(any) ([]T, error) {
	return func(v any) ([]T, error) {
		elements, ok := v.([]any)
		if !ok {
			return nil, fmt.Errorf("is %s; expected a list in [ ]", kindOf(v))
		}
		all := make([]T, 0, len(elements))
		seen := map[string]bool{}
		var wrong elementErrors
		for i, e := range elements {
			x, err := read(e)
			if s := fmt.Sprint(x); err == nil && seen[s] {
				err = fmt.Errorf("%q stands there twice", s)
			} else {
				seen[s] = true
			}
			if err != nil {
				wrong = append(wrong, elementError{i, err})
				continue
			}
			all = append(all, x)
		}
		if wrong != nil {
			return nil, wrong
		}
		return all, nil
	}
}

// committee is an id, which may be written as a number, or a name.
func committee(v any) (string, error) {
	if n, ok := v.(int64); ok && n >= 0 {
		return strconv.FormatInt(n, 10), nil
	}
	return text(v)
}

// emailAddress is one bare address that every relay and every header takes.
func emailAddress(v any) (string, error) {
	const expected = "one address such as alerts@example.org"
	s, err := asText(v, expected)
	if err != nil {
		return "", err
	}
	fail := func(why string) (string, error) { return "", fmt.Errorf("%s %s; expected %s", clip(s), why, expected) }
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		return fail("is no address")
	}
	at := strings.LastIndexByte(s, '@')
	local, domain := s[:at], s[at+1:]
	switch {
	case len(s) > 254 || len(local) > 64:
		return fail("is too long")
	case strings.ContainsAny(local, `"\ (),:;<>[]@`) || strings.IndexFunc(local, func(r rune) bool { return r > 126 }) >= 0:
		return fail("has a part before the @ that many servers refuse")
	case !strings.Contains(domain, ".") && domain != "localhost":
		return fail("has a domain without a dot")
	}
	if _, err := hostName(domain); err != nil || ipLike(domain) {
		return fail("has no proper domain")
	}
	return s, nil
}

// publicURL is where the world sees the pages: the base of every link in a mail.
func publicURL(v any) (string, error) {
	const expected = "https:// and a host name, without a path, such as https://watch.example.org"
	s, u, err := parseURL(v, expected)
	if err != nil {
		return "", err
	}
	here := loopback(u.Hostname())
	switch {
	case u.Path != "" && u.Path != "/", u.RawQuery != "" || u.ForceQuery, u.Fragment != "" || strings.Contains(s, "#"):
		return "", fmt.Errorf("%s goes beyond the host; expected %s", clip(s), expected)
	case u.Scheme == "http" && !here:
		return "", fmt.Errorf("%s is not https; expected %s", clip(s), expected)
	case ipLike(u.Hostname()) && !here:
		return "", fmt.Errorf("%s is a number, not a name; expected %s", clip(s), expected)
	}
	return u.Scheme + "://" + u.Host, nil
}

// filesURL is where files are read: unlike pages they may stand below a path.
func filesURL(v any) (string, error) {
	const expected = "http:// or https://, a host name and perhaps a path, such as https://example.org/watch"
	s, u, err := parseURL(v, expected)
	if err != nil {
		return "", err
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(s, "#") {
		return "", fmt.Errorf("%s goes beyond a directory; expected %s", clip(s), expected)
	}
	return strings.TrimRight(s, "/"), nil
}

// pingAddress is whom the daemon tells that it is alive. Its path often is a
// password, so no message repeats it.
func pingAddress(v any) (Secret, error) {
	const expected = "https:// and the address that a watching service gave you"
	s, ok := v.(string)
	if !ok {
		return Secret{}, fmt.Errorf("is %s; expected %s", kindOf(v), expected)
	}
	if s == "" {
		return Secret{}, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return Secret{}, fmt.Errorf("is no address that can be asked; expected %s", expected)
	}
	return NewSecret(s), nil
}

// siteURL is the root of a site to follow; its trailing slash is dropped.
func siteURL(v any) (string, error) {
	const expected = "the address of the site, https:// or http://"
	s, u, err := parseURL(v, expected)
	if err != nil {
		return "", err
	}
	if u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return "", fmt.Errorf("%s has a query or a fragment; expected %s", clip(s), expected)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// parseURL is an http or https address with a sound host and no credentials.
func parseURL(v any, expected string) (string, *url.URL, error) {
	s, err := asText(v, expected)
	if err != nil {
		return "", nil, err
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Opaque != "" || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", nil, fmt.Errorf("%s is no web address; expected %s", clip(s), expected)
	case u.User != nil:
		return "", nil, fmt.Errorf("holds a user name or password; expected %s", expected)
	}
	if _, err := hostName(u.Hostname()); err != nil {
		return "", nil, fmt.Errorf("%s has no proper host; expected %s", clip(s), expected)
	}
	if _, port, err := net.SplitHostPort(u.Host); err == nil && !soundPort(port, 1) || strings.HasSuffix(u.Host, ":") {
		return "", nil, fmt.Errorf("%s has no proper port; expected %s", clip(s), expected)
	}
	return s, u, nil
}

func soundPort(s string, least int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= least && n <= 65535 && strconv.Itoa(n) == s
}

// pagePath is a path on the site, or the whole address of a page elsewhere.
func pagePath(v any) (string, error) {
	const expected = "a path on the site such as /about/board-meetings/"
	s, err := asText(v, expected)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
		s, _, err = parseURL(v, expected)
		return s, err
	}
	u, err := url.Parse(s)
	if err != nil || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || u.Fragment != "" {
		return "", fmt.Errorf("%s is no path; expected %s", clip(s), expected)
	}
	if p := strings.TrimSuffix(u.Path, "/"); p != "" && path.Clean(p) != p {
		return "", fmt.Errorf("%s holds . or .. or //; expected %s", clip(s), expected)
	}
	return s, nil
}

// hostName is a DNS name in ASCII, or an IP address.
// selector is one label of a name (RFC 6376, 3.1).
func selector(v any) (string, error) {
	const expected = "a short name of a-z, 0-9 and - such as ccgwatch"
	s, err := asText(v, expected)
	if err != nil {
		return "", err
	}
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "", fmt.Errorf("%s is no selector; expected %s", clip(s), expected)
	}
	return s, nil
}

func hostName(v any) (string, error) {
	const expected = "a host name such as mail.example.org"
	s, err := asText(v, expected)
	if err != nil {
		return "", err
	}
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		return s, nil
	}
	if s == "" || len(s) > 253 || ipLike(s) {
		return "", fmt.Errorf("%s is no host name; expected %s", clip(s), expected)
	}
	for label := range strings.SplitSeq(strings.ToLower(s), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", fmt.Errorf("%s is no host name; expected %s", clip(s), expected)
		}
	}
	return s, nil
}

// ipLike is an address as a number, the odd forms that some resolvers take
// ("127.1", "0x7f000001") included: no name ends in a label of digits.
func ipLike(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	last := s[strings.LastIndexByte(s, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil
}

// network is an address or a network, e.g. 127.0.0.1 or 10.1.0.0/16.
func network(v any) (netip.Prefix, error) {
	const expected = "an address or a network such as 127.0.0.1 or 10.1.0.0/16"
	s, err := asText(v, expected)
	if err != nil {
		return netip.Prefix{}, err
	}
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return p, fmt.Errorf("%s is no network; expected %s", clip(s), expected)
	case p != p.Masked():
		return p, fmt.Errorf("%s has bits beyond its mask; expected %s", clip(s), p.Masked())
	case p.Bits() == 0:
		return p, fmt.Errorf("%s is every address; expected %s", clip(s), expected)
	}
	return p, nil
}

func proxy(v any) (string, error) {
	const expected = "a proxy such as http://127.0.0.1:3128"
	s, u, err := parseURL(v, expected)
	if err != nil {
		return "", err
	}
	if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%s goes beyond the host; expected %s", clip(s), expected)
	}
	return s, nil
}

func listenAddress(v any) (string, error) {
	const expected = "a host and port such as 127.0.0.1:8080"
	s, err := asText(v, expected)
	if err != nil {
		return "", err
	}
	host, port, err := net.SplitHostPort(s)
	if err == nil && host != "" {
		_, err = hostName(host)
	}
	if err != nil || !soundPort(port, 0) {
		return "", fmt.Errorf("%s is no address to listen on; expected %s", clip(s), expected)
	}
	return s, nil
}

func schedule(v any) (Schedule, error) {
	s, err := asText(v, "a schedule such as 5 7,12,17 * * *")
	if err != nil {
		return Schedule{}, err
	}
	return ParseSchedule(s)
}

// maxDuration: a longer wait between two requests is a schedule, or a mistake.
const maxDuration = 24 * time.Hour

func duration(v any) (Duration, error) {
	const expected = `a time with its unit such as "5s" or "1m30s"`
	s, ok := v.(string)
	if !ok {
		return 0, fmt.Errorf("is %s; expected %s in quotes", kindOf(v), expected)
	}
	var d Duration
	err := d.UnmarshalText([]byte(s))
	return d, err
}
