package main

import (
	"context"
	"fmt"

	"ccgwatch/store"
)

// brakeTrouble is no id of a source.
const brakeTrouble = "(alerts)"

// heldBack is what the operator is told of alerts that wait for a word; ok is
// false where none do.
func (a *app) heldBack(ctx context.Context) (t store.Trouble, ok bool, err error) {
	h, err := a.matcher.Brake.Held(ctx)
	if err != nil || h.Alerts == 0 {
		return t, false, err
	}
	return store.Trouble{Source: brakeTrouble, Condition: store.HeldBack, Since: h.Since, Count: h.Alerts}, true, nil
}

// sayHeld says in a line, if there is need, what the operator can do about it.
func (a *app) sayHeld(e *env, before string) error {
	h, err := a.matcher.Brake.Held(e.ctx)
	if err != nil || h.Alerts == 0 {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "%sHELD BACK: %s since %s: so many in a day as never in three months.\n"+
		"'ccgwatch findings' shows what they tell; 'ccgwatch send --release' sends them, 'ccgwatch send --drop' gives them up\n", before, count(h.Alerts, "alert"), stamp(h.Since))
	return err
}
