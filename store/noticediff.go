package store

import (
	"slices"
	"strings"
)

// noticeChanges names the fields in which two readings of one notice differ,
// with their values as text. The order of a list is none of its content. Date
// and flags do not count by themselves: the first changes when a platform
// touches a release, the second when we learn to read it.
func noticeChanges(a, b *Notice) []FieldChange {
	was, now := noticeValues(a), noticeValues(b)
	var out []FieldChange
	for i, o := range was {
		if n := now[i]; !same(o[1], n[1]) {
			out = append(out, FieldChange{Name: o[0], Old: o[1], New: n[1]})
		}
	}
	if len(out) > 0 && !a.Date.Equal(b.Date) {
		out = append(out, FieldChange{Name: "date", Old: a.Date.Format("2006-01-02T15:04:05Z07:00"), New: b.Date.Format("2006-01-02T15:04:05Z07:00")})
	}
	return out
}

// noticeValues lists the fields of a notice by their JSON names.
func noticeValues(n *Notice) [][2]string {
	return [][2]string{
		{"ocid", n.OCID}, {"release", n.Release}, {"tags", set(n.Tags)}, {"notice_type", n.NoticeType},
		{"legal_basis", n.LegalBasis}, {"feed", n.Feed}, {"title", n.Title}, {"description", n.Description},
		{"texts", set(each(n.Texts, func(t Text) string { return t.Where + ": " + t.Text }))},
		{"buyers", set(each(n.Buyers, party))}, {"suppliers", set(each(n.Suppliers, party))},
		{"cpv", set(n.CPV)}, {"category", n.Category}, {"places", set(each(n.Places, place))},
		{"method", n.Method}, {"method_details", n.MethodDetails}, {"rationale", n.Rationale}, {"special_regime", n.SpecialRegime},
		{"planning_status", n.PlanningStatus}, {"tender_status", n.TenderStatus},
		{"award_status", set(n.AwardStatus)}, {"contract_status", set(n.ContractStatus)}, {"document_types", set(n.DocumentTypes)},
		{"tender_end", n.TenderEnd}, {"interest_end", n.InterestEnd}, {"enquiry_end", n.EnquiryEnd},
		{"engagement_end", n.EngagementEnd}, {"future_notice", n.FutureNotice}, {"standstill_end", n.StandstillEnd},
		{"signed", n.Signed}, {"contract_start", n.ContractStart}, {"contract_end", n.ContractEnd},
		{"value", n.Value}, {"value_max", n.ValueMax}, {"currency", n.Currency},
		{"amendments", set(each(n.Amendments, func(a Amendment) string { return words(a.Where, a.Description, a.Old, a.New) }))},
		{"related", set(n.Related)},
	}
}

func party(p Party) string {
	return words(p.Name, p.ID, p.Scheme, p.Number, p.Postcode, p.Region, p.Scale, vcse(p.VCSE))
}

func vcse(is bool) string {
	if is {
		return "VCSE"
	}
	return ""
}

func place(p Place) string { return words(p.Region, p.Postcode, p.Country, p.Text) }

// words joins what is not empty.
func words(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

func each[T any](in []T, f func(T) string) []string {
	out := make([]string, len(in))
	for i, x := range in {
		out[i] = f(x)
	}
	return out
}

// set prints a list whose order means nothing.
func set(in []string) string {
	return strings.Join(slices.Sorted(slices.Values(in)), "; ")
}
