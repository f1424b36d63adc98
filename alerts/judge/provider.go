package judge

import "ccgwatch/store"

// Provider is what is known of a supplier that a notice names: its class with
// what shows it, the number by which a register has it, and where to look it up.
// cpv are the notice's classifications.
func (j *Judge) Provider(p store.Party, cpv []string) Party {
	class, _, evidence := j.classify(p, cpv[:min(1, len(cpv))])
	out := Party{Supplier: Supplier{Name: p.Name, Class: class, Evidence: evidence}}
	out.Scheme, out.Number = registered(p)
	out.Look = lookups(out)
	return out
}

// FirmName is a supplier's name as names are compared: in small letters,
// without brackets and without what companies end in.
func FirmName(name string) string { return firmName(name) }

// Plain is a text as it may be quoted: without contacts and without what looks
// like the name of a person. It is careful rather than sure.
func (j *Judge) Plain(text string) string {
	return j.withoutNames(Redact(text))
}
