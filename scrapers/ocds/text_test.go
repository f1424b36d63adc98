package ocds

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlain(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"  two\u00a0\u00a0words\t", "two words"},
		{"a\r\nb\rc", "a\nb c"},
		{"a\n\n\n\nb", "a\n\nb"},
		{"one<br/>two<BR />three<br>four", "one\ntwo\nthree\nfour"},
		{"<p>A</p>\n<p>B</p>", "A\n\nB"},
		{"<ul><li>x</li><li>y</li></ul>", "x\n\ny"},
		{"<table><tr><td>a</td><td>b</td></tr></table>", "a b"},
		{"R&amp;D &#039;x&#039; &pound;5&nbsp;m", "R&D 'x' £5 m"},
		{"it&amp;apos;s", "it's"},
		{"&amp;amp;amp;", "&amp;"}, // twice, not until nothing is left
		{"&lt;p&gt;escaped&lt;/p&gt;", "escaped"},
		{"https://a.example/?a=1&para=2&copy=3", "https://a.example/?a=1&para=2&copy=3"},
		{"5 < 6 > 4 <Company Name> <3", "5 < 6 > 4 <Company Name> <3"},
		{"a <b", "a <b"},
		{"<script>alert('x')</script>ok<style>p{}</style>", "ok"},
		{"<script>never shut", "never shut"},
		{"x<!-- secret -->y", "xy"},
		{"&notit; &#0; &#x110000; &#xD800; &bogus;", "&notit; \ufffd \ufffd \ufffd &bogus;"},
		{"soft\u00adhyphen \u202eabc\u2066", "softhyphen abc"},
		{"a\u2028b", "a\nb"},
	} {
		if got, cut := plain(c.in, maxText); got != c.want || cut {
			t.Errorf("plain(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	if got, cut := plain(strings.Repeat("é", 100), 51); got != strings.Repeat("é", 25)+"…" || !cut {
		t.Errorf("cut to %q", got)
	}
}

// Text made to be slow is not.
func TestPlainHostile(t *testing.T) {
	for _, s := range []string{"<script>", "<!--", "<b ", "&", "&amp;", "<", "&lt;", "\n", "\u0301"} {
		got, _ := plain(strings.Repeat(s, 2_000_000/len(s)), maxText)
		if len(got) > maxText+10 {
			t.Errorf("%q repeated: %d bytes", s, len(got))
		}
	}
}

func FuzzPlain(f *testing.F) {
	f.Add("<p>a &amp;amp; b<br/>c</p>\u202e\x00\xff", 20)
	f.Add("&lt;script&gt;x&lt;/script&gt;", 600)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 10 + most&1023
		got, _ := plain(s, most)
		if !utf8.ValidString(got) && utf8.ValidString(s) {
			t.Errorf("broken UTF-8 %q", got)
		}
		if len(got) > most+len("…") {
			t.Errorf("%d bytes, cap %d", len(got), most)
		}
		if strings.TrimSpace(got) != got || strings.ContainsAny(got, "\r\t\x00\u00a0\u202e") {
			t.Errorf("untidy %q", got)
		}
		if l, _ := line(s, most); strings.ContainsRune(l, '\n') {
			t.Errorf("two lines %q", l)
		}
	})
}
