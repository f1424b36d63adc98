package main

import (
	"fmt"

	"ccgwatch/alerts/judge"
	"ccgwatch/config/catalogue"
	"ccgwatch/store"
)

// withVocabulary adds the words and the bank holidays of the catalogue.
func withVocabulary(r judge.Rules) (judge.Rules, error) {
	v, err := catalogue.Terms()
	if err != nil {
		return r, fmt.Errorf("catalogue: %w", err)
	}
	if r.Holidays, err = catalogue.Holidays(); err != nil {
		return r, fmt.Errorf("catalogue: %w", err)
	}
	procedures, err := catalogue.Procedures()
	if err != nil {
		return r, err
	}
	for _, p := range procedures {
		r.Procedures = append(r.Procedures, judge.Procedure{Bodies: p.Bodies, Kinds: p.Kinds, Committee: p.Committee, Statement: p.Statement, Source: p.Source})
	}
	r.Version, r.Lists = v.Version, v.Lists
	for _, t := range v.Terms {
		r.Terms = append(r.Terms, judge.Term{
			Term: t.Term, Also: t.Also, Weak: t.Weak, Caps: t.Caps, Weight: t.Weight, Topic: store.Topic(t.Topic), Needs: t.Needs, Not: t.Not, Why: t.Why,
		})
	}
	for _, a := range v.Acts {
		act := judge.Act{Name: a.Name, Tier: store.Tier(a.Tier), Plain: a.Plain, Any: a.Any, With: a.With, Not: a.Not, Why: a.Why}
		for _, topic := range a.Topics {
			act.Topics = append(act.Topics, store.Topic(topic))
		}
		r.Acts = append(r.Acts, act)
	}
	r.Notices = judge.Notices{Care: noticeRules(v.Notices.Care), Outsourcing: noticeRules(v.Notices.Outsourcing), Supplier: noticeRules(v.Notices.Supplier)}
	return r, nil
}

func noticeRules(list []catalogue.Rule) []judge.Rule {
	out := make([]judge.Rule, len(list))
	for i, r := range list {
		out[i] = judge.Rule(r)
	}
	return out
}
