package web

import (
	"regexp"
	"strings"

	"ccgwatch/store"
)

// What is given away in bulk is read by machines and kept for ever by strangers.
// So data leave out what a reader of a page would hardly look for and a collector
// of addresses does: mail addresses and telephone numbers in texts, and where a
// supplier lives (a sole trader's address is a home). Names of bodies, firms and
// people in office stay as they were published.

// impersonal is a text without mail addresses and telephone numbers.
func impersonal(s string) string {
	if strings.ContainsRune(s, '@') {
		s = mailAddress.ReplaceAllString(s, "[mail address left out]")
	}
	if strings.Count(s, "0") > 0 {
		s = telephone.ReplaceAllString(s, "${1}[telephone number left out]")
	}
	return s
}

// Both are compiled once and never change. A telephone number is told from other
// long numbers by a country code, a bracket or a space: a notice number has none.
var (
	mailAddress = regexp.MustCompile(`[\pL\pN._%+'-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+`)
	telephone   = regexp.MustCompile(`(^|[^\pL\pN/-])(?:(?:\+|\b00)44[\s.()-]*(?:\d[\s.()-]*){9,10}|\(0\d{2,5}\)[\s.-]*(?:\d[\s.-]*){5,8}\b|0[1-9]\d{1,4}[\s-](?:\d[\s-]?){5,8}\b)`)
)

// impersonalNotice is a notice as it is given away. The notice that is passed
// in stays as it is.
func impersonalNotice(n *store.Notice) *store.Notice {
	if n == nil {
		return nil
	}
	c := *n
	c.Title, c.Description, c.Rationale = impersonal(n.Title), impersonal(n.Description), impersonal(n.Rationale)
	c.MethodDetails = impersonal(n.MethodDetails)
	c.Texts = make([]store.Text, 0, len(n.Texts))
	for _, t := range n.Texts {
		c.Texts = append(c.Texts, store.Text{Where: t.Where, Text: impersonal(t.Text)})
	}
	c.Amendments = make([]store.Amendment, 0, len(n.Amendments))
	for _, a := range n.Amendments {
		c.Amendments = append(c.Amendments, store.Amendment{Description: impersonal(a.Description), Where: a.Where, Old: impersonal(a.Old), New: impersonal(a.New)})
	}
	c.Suppliers = make([]store.Party, 0, len(n.Suppliers))
	for _, p := range n.Suppliers {
		p.Postcode = ""
		c.Suppliers = append(c.Suppliers, p)
	}
	return &c
}
