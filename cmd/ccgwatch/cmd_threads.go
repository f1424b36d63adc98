package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts"
	"ccgwatch/alerts/judge"
	"ccgwatch/store"
	"ccgwatch/store/query"
)

type threadsCmd struct {
	List threadsListCmd `cmd:"" default:"withargs"`
	Join threadsJoinCmd `cmd:""`
	Part threadsPartCmd `cmd:""`
}

type threadsListCmd struct {
	listing
	Stage string
	Query string
	All   bool
}

// threadStages are the stages a thread can stand at.
func threadStages() []string {
	return []string{"pipeline", "engagement", "planned", "tender", "intention", "award", "contract", "confirmation", "modification",
		"performance", "termination", "cancelled", "other"}
}

// jsonThread is a line of threads --json, and what show --json prints of one.
type jsonThread struct {
	judge.Thread
	Overdue []judge.Overdue `json:"overdue"`
	Who     string          `json:"who,omitempty"`
	// Discussed is what speaks of it: papers, agendas, requests, consultations.
	Discussed []alerts.Mention `json:"discussed"`
}

func (a *app) threadJSON(ctx context.Context, th judge.Thread, now time.Time) (jsonThread, error) {
	overdue := a.judge.Overdue(&th, now)
	if overdue == nil {
		overdue = []judge.Overdue{}
	}
	x := jsonThread{Thread: th, Overdue: overdue, Discussed: []alerts.Mention{}}
	if th.Deadline != nil {
		x.Who = th.Deadline.Who
	}
	list, err := a.joined.OfThread(ctx, &th)
	if list != nil {
		x.Discussed = list
	}
	return x, err
}

func (a *app) printThreadJSON(e *env, th judge.Thread) error {
	x, err := a.threadJSON(e.ctx, th, e.now())
	if err != nil {
		return err
	}
	return printJSON(e.stdout, x)
}

func (c *threadsListCmd) Run(e *env) error {
	return e.look(func(a *app) error {
		since, err := c.filter(a)
		if err != nil {
			return err
		}
		if err := oneOf("--stage", c.Stage, threadStages()...); err != nil {
			return err
		}
		q, err := query.Parse(c.Query)
		if err == nil {
			err = a.checkQuery(c.Query)
		}
		if err != nil {
			return usagef("--query: %w", err)
		}
		var latest []store.Finding
		err = a.threads.Recent(e.ctx, 0, func(x store.Finding) bool {
			if c.keeps(x.Source, x.Kind, x.At, since) {
				latest = append(latest, x)
			}
			return true
		})
		if err != nil {
			return err
		}
		done := map[string]bool{}
		hidden := map[string]bool{}
		for _, x := range latest {
			th, err := a.threads.Of(e.ctx, x.Thread, false)
			switch {
			case errors.Is(err, store.ErrNotFound):
				continue
			case err != nil:
				return err
			case done[th.ID], c.Stage != "" && th.Stage != c.Stage, !q.Match(a.threadFacts(&th, x)):
				continue
			case !c.All && !th.Concerns():
				hidden[th.ID] = true
				continue
			}
			done[th.ID] = true
			if err := a.printThread(e, th, c.JSON); err != nil {
				return err
			}
		}
		sayEmpty(e, c.JSON, len(done), len(hidden), "no procurements fit", "about neither health nor care")
		return nil
	})
}

func (a *app) printThread(e *env, th judge.Thread, asJSON bool) error {
	if asJSON {
		for i := range th.Steps {
			th.Steps[i].Evidence = nil
		}
		return a.printThreadJSON(e, th)
	}
	last := th.Last()
	_, err := fmt.Fprintf(e.stdout, "%s  %s  %s: %s\n    %s; %s, the latest of %s\n", th.ID, th.Stage, strings.Join(th.Buyers, " / "), th.Title,
		count(len(th.Steps)+th.Cut, "notice"), last.At.In(london()).Format("2 January 2006"), last.URL)
	for _, l := range th.Links {
		fmt.Fprintf(e.stdout, "    %s\n", linkWords(l))
	}
	for _, o := range a.judge.Overdue(&th, e.now()) {
		fmt.Fprintf(e.stdout, "    %s\n", o.Words)
	}
	if err != nil {
		return err
	}
	return a.printDiscussed(e.ctx, e.stdout, &th, "    ")
}

// threadFacts are what a query is asked about a thread: what it is asked about
// its latest finding, and the words of all its notices.
func (a *app) threadFacts(th *judge.Thread, latest store.Finding) query.Facts {
	x := a.facts(latest)
	x.Stages = []string{th.Stage}
	x.Text += "\n" + th.Names() + "\n" + strings.Join(th.CPV, " ")
	for _, s := range th.Steps {
		x.Text += "\n" + s.Quote
	}
	for _, area := range th.Areas {
		if !slices.Contains(x.Areas, area) {
			x.Areas = append(x.Areas, area, a.areaNames[area])
		}
	}
	return x
}

// linkWords say what binds two processes, and how sure that is.
func linkWords(l judge.Link) string {
	sure := map[string]string{
		judge.LinkOperator: "joined", judge.LinkNumber: "joined", judge.LinkWeaker: "probably the same procurement", judge.LinkPossible: "may belong to it",
	}[l.Strength]
	return fmt.Sprintf("%s and %s: %s (%s)", l.A, l.B, sure, l.Evidence)
}

type threadsJoinCmd struct {
	A   string `arg:""`
	B   string `arg:""`
	Why string
}

func (c *threadsJoinCmd) Run(e *env) error { return decide(e, c.A, c.B, c.Why, true) }

type threadsPartCmd struct {
	A   string `arg:""`
	B   string `arg:""`
	Why string
}

func (c *threadsPartCmd) Run(e *env) error { return decide(e, c.A, c.B, c.Why, false) }

// decide stores the operator's word that two procurements are one, or are not.
func decide(e *env, nameA, nameB, why string, join bool) error {
	if strings.TrimSpace(why) == "" {
		return usagef("--why is missing: the pages show it beside the decision")
	}
	return e.query(func(a *app) error {
		why = strings.Join(strings.Fields(why), " ")
		var ids [2]string
		for i, name := range []string{nameA, nameB} {
			found, err := a.threads.Named(e.ctx, name)
			switch {
			case err != nil:
				return err
			case len(found) == 0 && i == 1:
				items, err := a.itemsByKey(e, "", name)
				if err != nil {
					return err
				}
				items = slices.DeleteFunc(items, func(it store.Item) bool { return it.Kind == store.KindNotice })
				switch len(items) {
				case 0:
					return fmt.Errorf("no procurement is known under %q, and no item: give an ocid, a notice number, or the key or address of an item", name)
				case 1:
					return a.decideItem(e, ids[0], items[0], why, join)
				}
				return usagef("%q is the key of more than one item: give its address", name)
			case len(found) == 0:
				return fmt.Errorf("no procurement is known under %q: give an ocid or a notice number", name)
			case len(found) > 1:
				return usagef("%q is in %s: say which", name, strings.Join(found, " and "))
			}
			ids[i] = found[0]
		}
		if ids[0] == ids[1] {
			return usagef("%s and %s are one process: what shares an ocid cannot be joined or parted", nameA, nameB)
		}
		d := store.Decision{A: ids[0], B: ids[1], Join: join, Why: why, At: e.now()}
		if err := a.store.Decide(e.ctx, d); err != nil {
			return err
		}
		th, err := a.threads.Of(e.ctx, ids[0], false)
		if err != nil {
			return err
		}
		together := slices.Contains(th.OCIDs, ids[1])
		switch {
		case join && together:
			fmt.Fprintf(e.stdout, "%s is now one thread of %d processes: %s\n", th.ID, len(th.OCIDs), strings.Join(th.OCIDs, ", "))
		case join:
			fmt.Fprintf(e.stdout, "noted; they stay apart as long as another of your decisions parts them\n")
		default:
			fmt.Fprintf(e.stdout, "%s and %s are now apart\n", ids[0], ids[1])
		}
		return nil
	})
}

// threadByID is the thread of an ocid; ok tells whether the key is one that is known.
func (a *app) threadByID(e *env, key string) (th judge.Thread, ok bool, err error) {
	if strings.Contains(key, "/") || !strings.HasPrefix(key, "ocds-") {
		return th, false, nil
	}
	th, err = a.threads.Of(e.ctx, key, true)
	if errors.Is(err, store.ErrNotFound) {
		return th, false, nil
	}
	return th, err == nil, err
}

func (a *app) showThread(e *env, th judge.Thread, asJSON bool) error {
	if asJSON {
		return a.printThreadJSON(e, th)
	}
	w := e.stdout
	fmt.Fprintf(w, "%s\n%s\n\n", th.Title, strings.Join(th.Buyers, " / "))
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-11s %s\n", name, value)
		}
	}
	row("thread", th.ID)
	row("stage", th.Stage)
	row("regime", th.Regime)
	row("care", th.Care)
	row("outsourcing", th.Outsourcing)
	if d := th.Deadline; d != nil {
		row("deadline", fmt.Sprintf("%s: the notice says %s; by the rule %s", d.Kind, orNone(readableTime(d.Stated)), orNone(readableTime(d.Computed))))
		row("who", d.Who)
	}
	for _, v := range th.Values {
		row("value", fmt.Sprintf("%s: %s (notice %s)", v.Of, v, v.Release))
	}
	row("contract", contractWords(&th))
	for _, p := range th.Suppliers {
		row("supplier", fmt.Sprintf("%s: %s, %s (notice %s)", p.Name, p.Class, p.Evidence, p.Release))
		for _, l := range p.Look {
			row("", "  look up: "+l.What+": "+l.URL)
		}
	}
	for _, o := range a.judge.Overdue(&th, e.now()) {
		row("overdue", o.Words)
	}
	for _, l := range th.Links {
		row("link", linkWords(l))
	}
	fmt.Fprintf(w, "\nIts story:\n")
	for i, s := range th.Steps {
		fmt.Fprintf(w, "\n  %s  %s  notice %s\n", s.At.In(london()).Format("2 January 2006"), s.Stage, s.Release)
		if len(th.OCIDs) > 1 {
			fmt.Fprintf(w, "    of %s\n", s.OCID)
		}
		if s.Title != th.Title {
			fmt.Fprintf(w, "    %s\n", s.Title)
		}
		if s.Quote != "" {
			fmt.Fprintf(w, "    “%s”\n", s.Quote)
		}
		for _, m := range s.Moves {
			fmt.Fprintf(w, "    %s\n", m.Words)
		}
		if !s.Withdrawn.IsZero() {
			fmt.Fprintf(w, "    no longer listed since %s\n", s.Withdrawn.In(london()).Format("2 January 2006"))
		}
		fmt.Fprintf(w, "    %s\n", s.URL)
		if th.Cut > 0 && i == 19 {
			fmt.Fprintf(w, "\n  ... %s are not shown here ...\n", count(th.Cut, "further notice"))
		}
	}
	fmt.Fprintln(w)
	if err := a.printDiscussed(e.ctx, w, &th, ""); err != nil {
		return err
	}
	printCharter(w, &th, "\n")
	if len(th.Possible) > 0 {
		fmt.Fprintf(w, "\nMay belong to it (ccgwatch threads join %s OCID --why ...):\n", th.ID)
		for _, l := range th.Possible {
			fmt.Fprintf(w, "  %s  %s\n    %s\n    %s\n", l.B, l.Title, l.Evidence, l.URL)
		}
	}
	return nil
}

func contractWords(th *judge.Thread) string {
	var parts []string
	for _, x := range []struct{ name, value string }{{"signed", th.Signed}, {"from", th.Starts}, {"until", th.Ends}} {
		if x.value != "" {
			parts = append(parts, x.name+" "+x.value[:min(10, len(x.value))])
		}
	}
	return strings.Join(parts, ", ")
}

// printCharter lists what the notices of an award say and do not say.
func printCharter(w io.Writer, th *judge.Thread, before string) {
	in := th.Interest
	if len(th.Charter) == 0 && in.Deciders == nil && in.Conflicts == "" {
		return
	}
	fmt.Fprint(w, before)
	if len(th.Charter) > 0 {
		fmt.Fprintln(w, "An award to a provider outside the NHS; what the notices say, and do not say:")
	}
	for _, a := range th.Charter {
		fmt.Fprintf(w, "  %s\n", a.Ask)
		if !a.Stated {
			fmt.Fprintf(w, "    not stated\n")
		}
		for _, s := range a.Says {
			if s.Field != "" {
				fmt.Fprintf(w, "    %s: %s (notice %s)\n", s.Field, s.Words, s.Release)
			} else {
				fmt.Fprintf(w, "    “%s” (notice %s)\n", s.Words, s.Release)
			}
		}
		for _, l := range a.Look {
			fmt.Fprintf(w, "    look up: %s: %s\n", l.What, l.URL)
		}
		if a.Note != "" {
			fmt.Fprintf(w, "    %s\n", a.Note)
		}
	}
	if in.Conflicts != "" {
		fmt.Fprintf(w, "conflicts   %s: “%s” (notice %s)\n", in.Conflicts, in.Quote, in.Release)
	}
	if len(in.Deciders) > 0 {
		fmt.Fprintf(w, "decided by  %s (roles as notice %s names them)\n", strings.Join(in.Deciders, "; "), in.Decided)
	}
}

// showInThread prints what a notice says, read in its thread.
func (a *app) showInThread(e *env, it store.Item) error {
	w := e.stdout
	th, err := a.threads.Of(e.ctx, it.Notice.OCID, false)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if s := th.Step(it.Source, it.Key); s != nil {
		fmt.Fprintf(w, "stage       %s\nregime      %s\ncare        %s\noutsourcing %s\n", s.Stage, s.Regime, th.Care, th.Outsourcing)
		for _, m := range s.Moves {
			fmt.Fprintf(w, "changed     %s\n", m.Words)
		}
		fmt.Fprintf(w, "thread      %s, now at %s (ccgwatch show %s)\n", th.ID, th.Stage, th.ID)
		return nil
	}
	v := a.judge.Notice(it.Notice)
	fmt.Fprintf(w, "stage       %s\nregime      %s\ncare        %s\noutsourcing %s\n", v.Stage, v.Regime, v.Care, v.Outsourcing)
	return nil
}

// explainThread tells how a finding stands in its thread.
func (a *app) explainThread(e *env, f store.Finding) error {
	if f.Kind != store.KindNotice || f.Thread == "" {
		return nil
	}
	th, err := a.threads.Of(e.ctx, f.Thread, false)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "thread   %s, %s, now at %s\n", th.ID, count(len(th.Steps)+th.Cut, "notice"), th.Stage)
	for _, l := range th.Links {
		fmt.Fprintf(e.stdout, "link     %s\n", linkWords(l))
	}
	if noticeOfAward(f.Stage) {
		printCharter(e.stdout, &th, "")
	}
	return nil
}

func noticeOfAward(stage string) bool {
	return slices.Contains([]string{"intention", "award", "contract", "confirmation", "modification"}, stage)
}
