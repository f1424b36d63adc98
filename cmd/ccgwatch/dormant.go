package main

import (
	"slices"
	"strings"

	"ccgwatch/config"
	"ccgwatch/config/catalogue"
	"ccgwatch/scrapers"
	"ccgwatch/scrapers/crawl"
)

// dormant builds a row that is not followed: one of the settings that is
// switched off, or one of the catalogue, the operator's own rows included. A
// body that is no more may have left its papers where they were, or in an
// archive of the web. It is read once, silently, for its record; it gets no date
// in the diary and is never mailed about.
func (a *app) dormant(id string) (source, bool, error) {
	row := config.Source{ID: id}
	if i := slices.IndexFunc(a.cfg.Sources, func(s config.Source) bool { return s.ID == id && s.Enabled != nil && !*s.Enabled }); i >= 0 {
		row = a.cfg.Sources[i]
		row.Enabled = nil
	} else {
		national, err := nationalFor(a.cfg.Path)
		if err != nil {
			return source{}, false, err
		}
		i := slices.IndexFunc(national, func(n catalogue.Listing) bool { return n.ID == id })
		if i < 0 {
			return source{}, false, nil
		}
		if _, ok := nationalRow(national, id); !ok {
			return source{}, false, usagef("%s: the catalogue knows no address of it that can be read%s", id, after(": ", national[i].Note))
		}
	}
	only := a.cfg
	only.Group.BuiltinSources, only.Sources = false, []config.Source{row}
	list, err := followed(only, scrapers.Sites())
	if err != nil || len(list) != 1 {
		return source{}, false, err
	}
	return list[0], true, nil
}

// after is a text with something before it, "" for none.
func after(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// isArchived tells a base that is in an archive of the web: what stands there
// does not change any more.
func isArchived(base string) bool {
	_, ok := crawl.ParseCapture(base)
	return ok
}

// bareHost is the host of an address without www, which sites leave out as they please.
func bareHost(base string) string { return strings.TrimPrefix(hostOf(base), "www.") }
