package crawl

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// rules is what a robots.txt says to us (RFC 9309).
type rules struct {
	lines []rule
	delay time.Duration // Crawl-delay, which is outside the RFC and still meant
}

type rule struct {
	pattern string // normalised
	allow   bool
}

// maxRobots is how much of a robots.txt is read (RFC 9309, 2.5).
const maxRobots = 500 << 10

// parseRobots reads the groups for a product token, all of them together, or
// those for "*" where it is not named. A web page in place of robots.txt has no
// rules.
func parseRobots(body []byte, token string) rules {
	if len(body) > maxRobots {
		body = body[:maxRobots]
		// A line cut in two would say something else.
		body = body[:bytes.LastIndexAny(body, "\r\n")+1]
	}
	text := strings.TrimPrefix(string(body), "\ufeff")
	if strings.HasPrefix(strings.TrimSpace(text), "<") {
		return rules{}
	}
	var ours, all rules
	var named bool // a group for us exists, even without rules
	var forUs, forAll, open bool
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line, _, _ = strings.Cut(line, "#")
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
		switch key {
		case "user-agent":
			if !open { // the first of the lines that head a group
				forUs, forAll, open = false, false, true
			}
			switch {
			case value == "*":
				forAll = true
			case strings.EqualFold(product(value), token):
				forUs, named = true, true
			}
		case "allow", "disallow", "crawl-delay":
			open = false
			if forUs {
				ours.add(key, value)
			}
			if forAll {
				all.add(key, value)
			}
		}
	}
	if named {
		return ours
	}
	return all
}

func (r *rules) add(key, value string) {
	if key == "crawl-delay" {
		if s, err := strconv.ParseFloat(value, 64); err == nil && s > 0 {
			r.delay = max(r.delay, time.Duration(min(s, century.Seconds())*float64(time.Second)))
		}
		return
	}
	if value == "" {
		return
	}
	if value[0] != '/' && value[0] != '*' {
		value = "/" + value // meant, though the RFC wants the slash
	}
	r.lines = append(r.lines, rule{normalise(value, true), key == "allow"})
}

// allows decides about a path with its query: the longest pattern that matches
// wins, of equally long ones the one that allows.
func (r *rules) allows(pathQuery string) bool {
	path := normalise(pathQuery, false)
	if path == "/robots.txt" {
		return true
	}
	allowed, longest := true, -1
	for _, l := range r.lines {
		if n := len(l.pattern); (n > longest || n == longest && l.allow) && matches(l.pattern, path) {
			allowed, longest = l.allow, n
		}
	}
	return allowed
}

// matches: a pattern is a prefix, "*" is any run of characters, "$" at its end
// is the end. Leftmost matching of each piece is enough, and linear in pieces.
func matches(pattern, path string) bool {
	pattern, anchored := strings.CutSuffix(pattern, "$")
	pieces := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(path, pieces[0])
	if !ok {
		return false
	}
	if len(pieces) == 1 {
		return !anchored || rest == ""
	}
	last := len(pieces) - 1
	for _, p := range pieces[1:last] {
		i := strings.Index(rest, p)
		if i < 0 {
			return false
		}
		rest = rest[i+len(p):]
	}
	if anchored {
		return strings.HasSuffix(rest, pieces[last])
	}
	return strings.Contains(rest, pieces[last])
}

// normalise spells a path so that equal ones are equal bytes (RFC 9309, 2.2.2):
// unreserved characters plain, everything outside printable ASCII escaped. "*"
// and a final "$" mean something in a pattern and are escaped in a path.
func normalise(s string, pattern bool) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		c, escaped := s[i], false
		if c == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				c, escaped = byte(v), true
				i += 2
			}
		}
		switch {
		case unreserved(c):
			b.WriteByte(c)
		case escaped, c <= ' ', c >= 0x7f, c == '*' && !pattern, c == '$' && (!pattern || i < len(s)-1):
			const hex = "0123456789ABCDEF"
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// product is the product token a User-Agent begins with.
func product(agent string) string {
	end := strings.IndexFunc(agent, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
	if end < 0 {
		return agent
	}
	return agent[:end]
}
