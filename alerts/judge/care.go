package judge

// care tells what is bought, by the care rules. A classification alone never
// makes care of what nobody who buys care has bought: buyers of scanners and of
// software use the health codes too.
func (r *reading) care() string {
	d, e := decide(r.j.care, r)
	r.note("care: "+d.name, e.or(r.n.Title, "tender.title"))
	return d.gives
}

// outsourcing tells whether care that the public pays for is offered to, going
// to or with somebody outside the NHS; insourcing is that too. "mention" is for
// what is near it. It reads care and suppliers as judged before.
func (r *reading) outsourcing(v Verdict) string {
	r.cared, r.found = v.Care, v.Suppliers
	d, e := decide(r.j.outsourcing, r)
	if v.Care != careNone {
		r.note("outsourcing: "+d.name, e.or(r.n.Title, "tender.title"))
	}
	return d.gives
}

// or is e, or a field where e quotes nothing.
func (e Evidence) or(value, where string) Evidence {
	if e.Quote == "" {
		return Evidence{Quote: value, Where: where}
	}
	return e
}
