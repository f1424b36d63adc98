package export

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// longest is how long the path of a file may be, with its directories.
const longest = 120

// A target is what an address of the pages becomes in an export.
type target struct {
	File string // "" for what is no file of ours
	Get  string // the address that is asked for it; "" where the export makes it itself
	Tail string // query and fragment that stay, with their signs
}

// targetOf says what becomes of an address of the pages, without a host. ok is
// false for what an export has not: forms, sign-up, the interface for programs.
func targetOf(raw string) (t target, ok bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(u.Path, "/") {
		return t, false
	}
	t, ok = pageOf(u, u.Query())
	if ok && u.Fragment != "" {
		t.Tail += "#" + u.EscapedFragment()
	}
	return t, ok
}

func pageOf(u *url.URL, q url.Values) (target, bool) {
	parts := strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	for i, p := range parts {
		s, err := url.PathUnescape(p)
		if err != nil || s == "" && u.Path != "/" {
			return target{}, false
		}
		parts[i] = s
	}
	only := func(names ...string) bool {
		for n := range q {
			if !slices.Contains(names, n) {
				return false
			}
		}
		return true
	}
	switch first := parts[0]; {
	case u.Path == "/":
		return target{File: "index.html", Get: "/"}, true
	case u.Path == "/style.css":
		return target{File: "style.css", Get: "/style.css"}, true
	case u.Path == "/threads" && q.Get("from") != "" && q.Get("from") != "0":
		return target{File: threadList}, only("from", "body")
	case len(parts) == 1:
		return listOf(first, q, only)
	case first == "data" && len(parts) == 2:
		return target{File: "data/" + parts[1]}, safePath("data/"+parts[1]) && !strings.Contains(parts[1], "..")
	case len(parts) == 2 && slices.Contains([]string{"body", "finding", "thread", "supplier"}, first) && only("page"):
		return fetched("/"+first+"/"+url.PathEscape(parts[1]), first+"/"+safe(parts[1], 70), q, ".html"), true
	case len(parts) == 3 && first == "body" && parts[2] == "calendar.ics" && q.Has("from"):
		return laterDates(), true
	case len(parts) == 3 && (first == "body" || first == "thread") && len(q) == 0:
		return besides(first, parts[1], parts[2])
	case u.Path == "/api/v1/sources" || u.Path == "/api/v1/bodies":
		return target{File: "data/" + parts[2] + ".json", Get: u.Path}, len(q) == 0
	case len(parts) == 5 && u.Path == "/api/v1/threads/"+parts[3]+"/ocds":
		return target{File: "thread/" + safe(parts[3], 70) + ".ocds.json", Get: u.EscapedPath()}, true
	}
	return target{}, false
}

// laterDates stand in for what a calendar has no room for: cut into parts by day
// they would all be other files as soon as one date comes.
func laterDates() target { return target{File: "data/meetings.csv"} }

// besides are the feed and the calendar of a body or a procurement.
func besides(of, id, what string) (target, bool) {
	end := map[string]string{"feed.atom": ".atom", "calendar.ics": ".ics"}[what]
	return target{File: of + "/" + safe(id, 70) + end, Get: "/" + of + "/" + url.PathEscape(id) + "/" + what}, end != ""
}

// listOf are the addresses of one part.
func listOf(name string, q url.Values, only func(...string) bool) (target, bool) {
	at := "/" + name
	switch name {
	case "deadlines", "numbers", "corrections", "help", "about", "sources", "coverage", "data", "register", "suppliers", "meetings", "bodies", "threads":
		return fetched(at, name, q, ".html"), only("page", "of", "from", "body")
	case "feed.atom":
		return fetched(at, "feed", q, ".atom"), only("topic")
	case "calendar.ics":
		if q.Has("from") {
			return laterDates(), true
		}
		return fetched(at, "calendar", q, ".ics"), only("what", "area")
	case "item":
		return itemFile(q), q.Get("source") != "" && q.Get("key") != "" && only("source", "key", "older", "documents")
	case "paper":
		return paperFile(q), q.Get("sha") != "" && only("source", "key", "sha", "page")
	case "search":
		t := target{File: "search.html"}
		if len(q) > 0 {
			t.Tail = "?" + q.Encode()
		}
		return t, true
	case "items":
		return target{File: listFile(q)}, true
	case "findings":
		switch {
		case q.Get("q") != "":
			return target{File: "search.html", Tail: "?" + url.Values{"q": {q.Get("q")}}.Encode()}, true
		case q.Get("topic") != "":
			return target{File: "list/topic/" + safe(q.Get("topic"), 40) + ".html"}, true
		case q.Get("source") != "":
			return target{File: "list/findings-of/" + safe(q.Get("source"), 70) + ".html"}, true
		case q.Get("before") != "":
			return target{File: "list/findings.html"}, true
		}
		return target{File: "findings.html", Get: at}, true
	}
	return target{}, false
}

// listFile is the list that holds what a filter of the record would show.
func listFile(q url.Values) string {
	switch {
	case q.Get("body") != "":
		return "list/body/" + safe(q.Get("body"), 70) + ".html"
	case q.Get("source") != "":
		return "list/source/" + safe(q.Get("source"), 70) + ".html"
	}
	return "list/index.html"
}

// fetched is a page by its address: parameters become part of the name. The
// first page of a list has none.
func fetched(at, file string, q url.Values, end string) target {
	v := url.Values{}
	for n, vals := range q {
		if x := vals[0]; x != "" && (n != "page" || x != "1") && (n != "from" || x != "0") && (n != "of" || x != "notices") {
			v.Set(n, x)
		}
	}
	for _, n := range sorted(v) {
		file += "-" + n + "-" + safe(v.Get(n), 40)
	}
	if len(v) > 0 {
		at += "?" + v.Encode()
	}
	return target{File: file + end, Get: at}
}

func sorted(v url.Values) []string {
	var out []string
	for n := range v {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func itemFile(q url.Values) target {
	v := url.Values{"source": {q.Get("source")}, "key": {q.Get("key")}}
	file := "item/" + safe(q.Get("source"), 30) + "/" + safe(q.Get("key"), 55)
	for _, n := range []string{"older", "documents"} {
		if x := q.Get(n); x != "" {
			v.Set(n, x)
			file += "-" + n + "-" + safe(x, 12)
		}
	}
	return target{File: file + ".html", Get: "/item?" + v.Encode()}
}

func paperFile(q url.Values) target {
	v := url.Values{"source": {q.Get("source")}, "key": {q.Get("key")}, "sha": {q.Get("sha")}}
	name := digest(q.Get("source")+"\x00"+q.Get("key")+"\x00"+q.Get("sha"), 20)
	n := "1"
	if p := q.Get("page"); p != "" && p != "1" {
		n = p
		v.Set("page", p)
	}
	return target{File: "paper/" + name[:2] + "/" + name + "-" + safe(n, 8) + ".html", Get: "/paper?" + v.Encode()}
}

func digest(s string, n int) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:n]
}

// safe makes part of a path that any file system takes and keeps apart from all
// others: small letters, digits, hyphens, at most so many of them. A name that
// had to be altered ends with a part of its hash, so that no two become one.
func safe(s string, most int) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			b.WriteRune(r)
		case r >= 'A' && r <= 'Z':
			b.WriteRune(r - 'A' + 'a')
		default:
			b.WriteByte('-')
		}
	}
	out := b.String()
	if out == s && len(out) <= most && out != "" && !reserved(out) && !hashed(out) {
		return out
	}
	out = strings.Trim(out[:min(len(out), max(0, most-11))], "-")
	return strings.TrimPrefix(out+"-"+digest(s, 10), "-")
}

// hashed tells whether a name looks like one that was altered.
func hashed(s string) bool {
	return len(s) >= 10 && strings.Trim(s[len(s)-10:], "0123456789abcdef") == "" && (len(s) == 10 || s[len(s)-11] == '-')
}

// reserved are the names that Windows keeps for devices.
func reserved(s string) bool {
	switch s {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(s) == 4 && (strings.HasPrefix(s, "com") || strings.HasPrefix(s, "lpt")) && s[3] >= '0' && s[3] <= '9'
}

// relative is the way from a file of the export to another.
func relative(from, to string) string {
	up := strings.Count(from, "/")
	dir := path.Dir(from)
	if dir != "." && strings.HasPrefix(to, dir+"/") {
		return to[len(dir)+1:]
	}
	return strings.Repeat("../", up) + to
}

// numbered is the nth file of a list, from 1; the newest has no number.
func numbered(file string, n int) string {
	return strings.TrimSuffix(file, ".html") + "-" + strconv.Itoa(n) + ".html"
}

// resolve is the file to which a relative way leads.
func resolve(from, to string) string {
	to, _, _ = strings.Cut(to, "#")
	to, _, _ = strings.Cut(to, "?")
	return path.Join(path.Dir(from), to)
}

// ItemFile is the page of an item in an export.
func ItemFile(source, key string) string {
	return itemFile(url.Values{"source": {source}, "key": {key}}).File
}
