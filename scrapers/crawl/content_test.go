package crawl

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestToUTF8(t *testing.T) {
	const curly = "The Council\u2019s \u00a3"
	late := strings.Repeat("a", 2000)
	tests := []struct{ name, kind, body, want string }{
		{"plain", "text/html", "abc", "abc"},
		{"header", "text/html; charset=iso-8859-1", "\xa31m", "£1m"}, // windows-1252 to the WHATWG
		{"header, curly", "text/html; charset=ISO-8859-1", "The Council\x92s \xa3", curly},
		{"declared in the page", "text/html", "<meta charset=windows-1252>The Council\x92s \xa3", "<meta charset=windows-1252>" + curly},
		{"the header goes before the page", "text/html; charset=utf-8", "<meta charset=windows-1252>" + curly, "<meta charset=windows-1252>" + curly},
		{"the mark goes before the header", "text/html; charset=windows-1252", "\xef\xbb\xbf" + curly, curly},
		{"UTF-16 with a mark", "text/html", "\xff\xfea\x00\xa3\x00", "a£"},
		{"nothing declared, UTF-8", "text/html", curly, curly},
		{"nothing declared, UTF-8 after the first 1,024 bytes", "text/html", late + curly, late + curly},
		{"nothing declared, not UTF-8", "text/html", "The Council\x92s \xa3", curly},
		{"UTF-8 claimed and not kept", "text/html; charset=utf-8", "The Council\x92s \u00a3 and \xa3", curly + " and £"},
		{"an unknown charset", "text/html; charset=klingon", curly, curly},
		{"a broken header", "text/html; charset", curly, curly},
		{"JSON is UTF-8", "application/json", `{"a":"` + late + "\u00a3\"}", `{"a":"` + late + "\u00a3\"}"},
		{"JSON with a mark", "application/json", "\ufeff{}", "{}"},
		{"JSON with bad bytes", "application/json", "{\"a\":\"\xa3\"}", `{"a":"£"}`},
		{"XML declares", "text/xml", `<?xml version="1.0" encoding="iso-8859-1"?><a>` + "\xa3</a>", `<?xml version="1.0" encoding="UTF-8"?><a>£</a>`},
		{"XML declares windows-1252", "application/atom+xml", `<?xml version='1.0' encoding='windows-1252' standalone='yes'?><a>` + "\x92</a>", `<?xml version='1.0' encoding='UTF-8' standalone='yes'?><a>` + "\u2019</a>"},
		{"XML, the header goes first", "text/xml; charset=iso-8859-1", `<?xml version="1.0" encoding="utf-8"?><a>` + "\xa3</a>", `<?xml version="1.0" encoding="UTF-8"?><a>£</a>`},
		{"XML in UTF-8 is left alone", "text/xml", `<?xml version="1.0"?><a>£</a>`, `<?xml version="1.0"?><a>£</a>`},
		{"no type, text", "", "<html>The Council\x92s \xa3", "<html>" + curly},
		{"no type, PDF", "", "%PDF-1.4\xa3\xff", "%PDF-1.4\xa3\xff"},
		{"PDF", "application/pdf", "%PDF\x92", "%PDF\x92"},
		{"calendar", "text/calendar", "SUMMARY:\xa3", "SUMMARY:£"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := toUTF8([]byte(tt.body), tt.kind)
			if err != nil || string(got) != tt.want {
				t.Errorf("%q: %q, want %q (%v)", tt.body, got, tt.want, err)
			}
		})
	}
}

func TestChallenge(t *testing.T) {
	for body, want := range map[string]bool{
		"<!DOCTYPE html><html><head><title>Just a moment...</title>":                                       true,
		"<html><script>window._cf_chl_opt={}</script>":                                                     true,
		"<html><body>Request unsuccessful. Incapsula incident ID: 1-2":                                     true,
		"<html><title>Agenda</title><script src=/cdn-cgi/challenge-platform/scripts/jsd/main.js></script>": false,
		`{"title":"Just a moment..."}`:                                                                     false,
		"<html><title>Minutes</title><p>The chair asked for just a moment...</p>":                          false,
	} {
		if got := isChallenge([]byte(body)); got != want {
			t.Errorf("%q: %v", body, got)
		}
	}
}

func FuzzToUTF8(f *testing.F) {
	f.Add([]byte("\xff\xfea\x00"), "text/html")
	f.Add([]byte(`<?xml version="1.0" encoding="shift_jis"?>`+"\x83"), "text/xml; charset=x")
	f.Add([]byte("\x1b$)C"), "text/plain; charset=iso-2022-kr")
	f.Fuzz(func(t *testing.T, body []byte, kind string) {
		got, err := toUTF8(body, kind)
		if err == nil && isText(strings.ToLower(kind)) && !utf8.Valid(got) {
			t.Errorf("%q (%s) came out as %q", body, kind, got)
		}
	})
}
