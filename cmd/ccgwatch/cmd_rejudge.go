package main

import (
	"context"
	"fmt"
)

type rejudgeCmd struct {
	JSON bool `name:"json"`
}

// Run judges what is stored by the rules as they are now. Nothing is mailed by
// it. While the daemon runs, the daemon does it, between two steps of its own.
func (c rejudgeCmd) Run(e *env) error {
	return e.withApp(func(a *app) error {
		a.following.Lock()
		defer a.following.Unlock()
		version := a.judge.Version()
		got, err := a.matcher.Rejudge(e.ctx, version, nil)
		// Cut short it has altered some, too.
		a.rejudged.Add(1)
		if err := a.derived.Clear(context.WithoutCancel(e.ctx)); err != nil {
			a.log.Error("what was worked out", "err", err)
		}
		if err := a.forgetIndex("what was found has been judged again"); err != nil {
			a.log.Error("search index", "err", err)
		}
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(e.stdout, map[string]any{
				"rules": version, "changes": got.Changes, "findings": got.Findings, "new": got.New, "retired": got.Retired,
			})
		}
		fmt.Fprintf(e.stdout, "%s judged again by rules %s: %s, %d new, %d no longer found; nothing was mailed\n",
			plural(got.Changes, "change", "changes"), version, plural(got.Findings, "finding", "findings"), got.New, got.Retired)
		return nil
	})
}
