package web

import (
	"bytes"
	"testing"
)

// An export writes what the pages answer, byte for byte.
func TestDataElsewhereAreTheSame(t *testing.T) {
	s, _ := rich()
	h := s.Handler()
	d, err := s.Static(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files, err := d.Files(t.Context())
	if err != nil || len(files) != len(bulkFiles())+1 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		var b bytes.Buffer
		if err := d.WriteFile(t.Context(), &b, name, s.URL, false); err != nil {
			t.Fatal(name, err)
		}
		if w := ask(h, "GET", "/data/"+name); !bytes.Equal(b.Bytes(), w.Body.Bytes()) || b.Len() == 0 {
			t.Errorf("%s differs", name)
		}
	}
	for _, path := range []string{"/calendar.ics", "/body/leicester-city-council/calendar.ics"} {
		a, err := d.Get(t.Context(), path)
		if err != nil {
			t.Fatal(path, err)
		}
		if w := ask(h, "GET", path); !bytes.Equal(a.Body, w.Body.Bytes()) || len(a.Body) == 0 {
			t.Errorf("%s differs\n%s\n%s", path, a.Body, w.Body)
		}
	}
}
