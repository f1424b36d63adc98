package ocds

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/tools/txtar"

	"ccgwatch/store"
)

// Whatever bytes come: no panic, no endless loop; an item has ids that are
// safe in keys and addresses, texts within their caps and in good UTF-8; the
// same bytes give the same items; what is sound JSON is never called unreadable
// when it is a package.
func FuzzDecodePackage(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(a.Files[0].Data)
	}
	for _, s := range []string{
		`{"releases":[{"ocid":"a","id":"b","tender":{"x":1e9999,"value":{"amount":000}}}]}`,
		`{"releases":[{"ocid":"a","id":"b","id":"c"}],"links":{"next":"x"}}`,
		`{"records":[{"releases":[{}]},{"compiledRelease":{"ocid":"a","id":1}}]}`,
		`{"results":[{"releases":[{"ocid":"a","id":"b","awards":{"0":{}}}]}],"maxPage":3}`,
		`{"ocid":"a","id":"b","date":"2026-08-10T09:00:00"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		items, problems, err := DecodePackage(b, "")
		if err != nil {
			if len(items)+len(problems) > 0 {
				t.Error("items beside an error")
			}
			var top struct{ Releases []json.RawMessage }
			if json.Unmarshal(b, &top) == nil && len(top.Releases) > 0 && bytes.Count(b, []byte("eleases")) == 1 && bytes.Contains(b, []byte(`"releases"`)) &&
				!strings.Contains(err.Error(), "stands twice") {
				t.Errorf("sound JSON refused: %v", err)
			}
			return
		}
		for _, it := range items {
			if it.Key != it.Notice.OCID+"/"+it.Notice.Release || it.Title == "" || it.Kind != store.KindNotice || strings.ContainsAny(it.Key, " \r\n\\\"<>?#") || strings.Count(it.Key, "/") != 1 {
				t.Errorf("item %+v", it)
			}
			out, err := json.Marshal(it)
			if err != nil || !utf8.Valid(out) {
				t.Errorf("marshalling: %v", err)
			}
			if len(it.Title) > maxLine+4 || len(it.Notice.Description) > 2*maxText+10 || len(it.Notice.Flags) > maxFlags+1 {
				t.Error("over a cap")
			}
			for _, d := range []string{it.Notice.TenderEnd, it.Notice.StandstillEnd, it.Notice.Signed, it.Notice.ContractEnd} {
				if d != "" && instant(d, time.UTC).IsZero() {
					t.Errorf("date %q", d)
				}
			}
		}
		again, _, err := DecodePackage(b, "")
		x, _ := json.Marshal(items)
		y, _ := json.Marshal(again)
		if err != nil || !bytes.Equal(x, y) {
			t.Error("not the same twice")
		}
	})
}

// The windows of a walk, whatever their lengths, leave out no second between
// its ends, for a service that takes the doubled hour for the first and for
// one that takes it for the second; they never name a time that does not exist
// and they come to an end.
func FuzzWindow(f *testing.F) {
	at := func(s string) int64 {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			f.Fatal(err)
		}
		return t.Unix()
	}
	newYear := at("2026-01-01T00:00:00Z")
	f.Add(at("2026-08-10T00:00:00Z"), int64(86400), uint16(3600), uint8(7))
	f.Add(at("2026-10-24T22:00:00Z"), int64(6*3600), uint16(1800), uint8(3))
	f.Add(at("2026-10-25T00:30:00Z"), int64(1800), uint16(60), uint8(0))
	f.Add(at("2026-10-25T00:30:00Z"), int64(1), uint16(1), uint8(255))
	f.Add(at("2026-03-29T00:59:59Z"), int64(4000), uint16(1), uint8(1))
	f.Add(at("2026-03-29T00:30:00Z"), int64(4000), uint16(3000), uint8(1))
	f.Fuzz(func(t *testing.T, start, length int64, size uint16, grow uint8) {
		const year = 365 * 24 * 3600
		start = newYear + ((start-newYear)%year+year)%year
		length = 1 + (length%(30*3600)+30*3600)%(30*3600)
		fd := testFeed(t)
		from, to := time.Unix(start, 0).UTC(), time.Unix(start+length, 0).UTC()
		first, second := &service{t: t}, &service{t: t, second: true}
		var reached [2]time.Time // all before is covered, as each service reads it
		reached[0], reached[1] = from, from
		w, n := fd.newWalk(from, to, false), 0
		step := time.Duration(size%7200+60) * time.Second
		for {
			end := w.until(step)
			if !end.After(w.pos) {
				t.Fatalf("no way on from %s", w.pos)
			}
			a, b := w.bounds(end)
			for i, s := range []*service{first, second} {
				lo, hi := s.instant("from", a), s.instant("to", b)
				if lo.After(reached[i]) {
					t.Fatalf("window %s to %s leaves out %s to %s", a, b, reached[i], lo)
				}
				if hi = hi.Add(time.Second); hi.After(reached[i]) {
					reached[i] = hi
				}
			}
			c, err := time.Parse(time.RFC3339, w.cursor(end))
			if err != nil || c.After(to) || c.After(reached[0]) || c.After(reached[1]) {
				t.Fatalf("cursor %s after a window to %s (%v)", c, b, err)
			}
			if !end.Before(w.end) {
				break
			}
			w.pos = end
			step = max(5*time.Second, step+time.Duration(int8(grow))*time.Second)
			if n++; n > 30*3600 {
				t.Fatal("no end")
			}
		}
		if reached[0].Before(to) || reached[1].Before(to) {
			t.Fatalf("read to %v, not to %s", reached, to)
		}
	})
}
