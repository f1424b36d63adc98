package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ccgwatch/alerts/judge"
	"ccgwatch/alerts/web"
)

// mostGaps is how many bodies are named that are not followed.
const mostGaps = 40

// bodyInfos are the bodies of the register, for readers.
func (a *app) bodyInfos() []web.BodyInfo {
	out := make([]web.BodyInfo, 0, len(a.rules.Bodies))
	for _, b := range a.rules.Bodies {
		x := web.BodyInfo{ID: b.ID, Name: b.Name, Kind: b.Kind, Aliases: b.Aliases, Codes: b.Codes, Since: b.Since, Until: b.Until, Successors: b.Successors}
		for _, id := range b.Areas {
			if name := a.areaNames[id]; name != "" {
				x.Areas = append(x.Areas, name)
			}
		}
		out = append(out, x)
	}
	return out
}

// unfollowed are the bodies of the group's areas whose own pages are not read.
func (a *app) unfollowed(today string) (missing []judge.Body) {
	for _, b := range a.rules.Bodies {
		ended := b.Until != "" && b.Until < today || b.Since > today
		ours := slices.ContainsFunc(b.Areas, func(id string) bool { return slices.Contains(a.cfg.Group.Areas, id) })
		read := slices.ContainsFunc(a.sources, func(s source) bool { return s.Body == b.ID })
		if ours && !ended && !read {
			missing = append(missing, b)
		}
	}
	return missing
}

// gaps names them, for readers.
func (a *app) gaps(today string) []string {
	missing := a.unfollowed(today)
	if len(missing) == 0 {
		return nil
	}
	var names []string
	for _, b := range missing[:min(len(missing), mostGaps)] {
		names = append(names, b.Name)
	}
	more := ""
	if n := len(missing) - len(names); n > 0 {
		more = fmt.Sprintf(", and %d more", n)
	}
	return []string{"The own pages of these bodies of the area, of which only the notices on the tender services are read: " + strings.Join(names, "; ") + more + "."}
}

// standsStill says for readers what the daemon does not do at the moment and
// why, as it decides itself (diskFull, mail). Where the disk is stays with us.
func (a *app) standsStill(ctx context.Context, now time.Time) []string {
	var out []string
	if a.roomToCrawl() != nil {
		out = append(out, "Nothing is being read: the disk of this machine is nearly full. Mails go out, and whoever wants to leave can.")
	}
	if held, some, err := a.heldBack(ctx); err != nil {
		a.log.Error("pages", "err", err)
	} else if some {
		out = append(out, fmt.Sprintf("%s wait until whoever runs this has looked at them: there were more in a day than is usual. What they tell is on these pages, and digests go out as ever.", count(held.Count, "alert")))
	}
	if wrong, err := a.clockWrong(ctx, now); err != nil {
		a.log.Error("pages", "err", err)
	} else if wrong != "" {
		out = append(out, clockWords(wrong))
	}
	return append(out, a.fallen(now)...)
}
