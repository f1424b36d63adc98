package main

import (
	"fmt"

	"ccgwatch/alerts/judge"
	"ccgwatch/config/catalogue"
)

// withCharter adds the questions that an award to a provider outside the NHS is asked.
func withCharter(r judge.Rules) (judge.Rules, error) {
	c, err := catalogue.ReadCharter()
	if err != nil {
		return r, fmt.Errorf("catalogue: %w", err)
	}
	for _, q := range c.Questions {
		r.Charter.Questions = append(r.Charter.Questions, judge.Question(q))
	}
	r.Charter.Conflicts, r.Charter.NoConflicts, r.Charter.Told = c.Conflicts.Any, c.Conflicts.None, c.Conflicts.Declared
	r.Charter.Deciders, r.Charter.NotDeciders = c.Deciders.Any, c.Deciders.Not
	r.Charter.Heads, r.Charter.Before = c.Deciders.Heads, c.Deciders.Before
	return r, nil
}
