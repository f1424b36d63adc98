package web

import (
	"bytes"
	"testing"
)

// An export writes what the pages answer, byte for byte.
func TestDataElsewhereAreTheSame(t *testing.T) {
	s, _ := rich()
	h := s.Handler()
	d := NewData(s)
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
	for path, x := range map[string]DatesWant{"/calendar.ics": {}, "/body/leicester-city-council/calendar.ics": {Body: "leicester-city-council"}} {
		var b bytes.Buffer
		if err := d.WriteCalendar(t.Context(), &b, x, s.URL, path); err != nil {
			t.Fatal(err)
		}
		if w := ask(h, "GET", path); !bytes.Equal(b.Bytes(), w.Body.Bytes()) {
			t.Errorf("%s differs\n%s\n%s", path, b.Bytes(), w.Body)
		}
	}
	if bodies, err := d.Bodies(t.Context()); err != nil || len(bodies) != 3 {
		t.Error(bodies, err)
	}
	if x, err := d.Thread(t.Context(), "ocds-h6vhtk-0000bb"); err != nil || x.ID != "ocds-h6vhtk-0000aa" {
		t.Error(x.ID, err)
	}
}
