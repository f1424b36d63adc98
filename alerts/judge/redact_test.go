package judge_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"ccgwatch/alerts/judge"
)

func TestRedact(t *testing.T) {
	for _, x := range []struct{ name, in, want string }{
		{"an NHS number", "Patient 9434765919 was moved.", "Patient … was moved."},
		{"with spaces", "NHS number: 943 476 5919, aged 81", "NHS number: …, aged 81"},
		{"with hyphens", "(943-476-5919)", "(…)"},
		{"with spaces that do not break", "No. 943\u00a0476\u00a05919.", "No. …."},
		{"oddly grouped, but called so", "NHS no 94 34 76 59 19 was", "NHS no … was"},
		{"behind another number", "Case 3 943 476 5919", "Case 3 …"},
		{"two of them", "9434765919 and 4010232137", "… and …"},
		{"the check digit is wrong", "Reference 9434765918.", "Reference 9434765918."},
		{"a check of ten is none", "Reference 1000000010.", "Reference 1000000010."},
		{"ten equal digits", "0000000000 and 1111111111", "0000000000 and 1111111111"},
		{"money", "It costs £9434765919 and 9,434,765,919 more.", "It costs £9434765919 and 9,434,765,919 more."},
		{"part of a longer number", "19434765919 94347659191", "19434765919 94347659191"},
		{"part of a code", "ref AB9434765919X", "ref AB9434765919X"},
		{"part of an address on the web", "https://example.org/d/9434765919", "https://example.org/d/9434765919"},
		{"years in a row", "2024 2025 26", "2024 2025 26"},
		{"an e-mail address", "Write to jane.o'neil+x@mail.example.co.uk.", "Write to …."},
		{"two addresses", "a@example.org; b@example.org", "…; …"},
		{"a handle is no address", "@ExampleNHS tells more", "@ExampleNHS tells more"},
		{"a price is no address", "3 @ 4.50", "3 @ 4.50"},
		{"a mobile", "Ring 07700 900123 now", "Ring … now"},
		{"a mobile in one", "07700900123", "…"},
		{"a line of a city", "Tel: (0116) 496 0123", "Tel: …"},
		{"London", "020 7946 0018", "…"},
		{"from abroad", "+44 (0)116 496 0123 or 0044 7700 900123", "… or …"},
		{"another country", "+353 20 912 1234", "…"},
		{"two lines", "0116 496 0123 0116 496 0124", "… …"},
		{"a date is no telephone", "01-02-2026 and 01/02/2026 and 01.02.2026", "01-02-2026 and 01/02/2026 and 01.02.2026"},
		{"a decimal is none", "0.1234567890", "0.1234567890"},
		{"the number of a child", "Placement ID: 4411, ID 99812", "Placement …, …"},
		{"a National Insurance number", "QQ 12 34 56 C and QQ123456C", "… and …"},
		{"a date of birth", "Date of birth: 4 May 1939, DOB 04/05/1939.", "Date of birth: …, DOB …."},
		{"a home", "Mrs Example, who lives at 12 Rose Lane, Exampleton EX1 2AB, complained.", "Mrs Example, who lives at …, complained."},
		{"a home without a postcode", "Home address: Flat 3, 12 Rose Lane", "Home address: …"},
		{"a home with a name", "resident of Rose Cottage, Mill End, EX12 3AB since", "resident of … since"},
		{"a surgery stays", "The surgery at 12 High Street, Exampleton EX1 2AB will close.", "The surgery at 12 High Street, Exampleton EX1 2AB will close."},
		{"a surgery after somebody's home", "She lives at home. The surgery at 12 High Street, Exampleton EX1 2AB will close.", "She lives at home. The surgery at 12 High Street, Exampleton EX1 2AB will close."},
		{"a declared interest stays", "Dr A Example: shareholder of Example Care Ltd (07123456), 12 High Street", "Dr A Example: shareholder of Example Care Ltd (07123456), 12 High Street"},
		{"a decision-maker stays", "Approved by Jane Example, Director, on 4 May 2026", "Approved by Jane Example, Director, on 4 May 2026"},
		{"money and shares", "£12.5m, 45% of 1,234,567,890 and 2026/27", "£12.5m, 45% of 1,234,567,890 and 2026/27"},
		{"nothing", "No digits here", "No digits here"},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := judge.Redact(x.in); got != x.want {
				t.Errorf("Redact(%q)\n got %q\nwant %q", x.in, got, x.want)
			}
		})
	}
}

// FuzzRedact: it never panics, keeps valid text valid, only takes away, and has
// nothing more to take the second time.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{
		"9434765919", "943 476 5919", "a@b.c", "+44 (0)116 496 0123", "lives at 12 Rose Lane, EX1 2AB", "QQ123456C", "DOB 1/2/1930", "ID 1234", "@", "+", "0044", "(0116) 496",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := judge.Redact(s)
		if utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Fatalf("Redact(%q) = %q is not UTF-8", s, got)
		}
		if n := strings.Count(got, "…") - strings.Count(s, "…"); n*len("…") > 0 && len(got)-n*len("…") >= len(s) {
			t.Fatalf("Redact(%q) = %q took nothing away", s, got)
		}
	})
}

func BenchmarkRedact(b *testing.B) {
	page := strings.Repeat("The board received the finance report for 2026/27: a deficit of £12.4m against a plan of £3.1m, 4.5% of turnover.\n", 30)
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		judge.Redact(page)
	}
}
