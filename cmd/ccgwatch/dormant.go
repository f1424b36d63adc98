package main

import "time"

// dormant builds a row of the catalogue, the operator's own rows included, that
// is not followed: a body that is no more may have left its papers where they
// were, or in an archive of the web. It is read once, silently, for its record;
// it gets no date in the diary and is never mailed about.
func (a *app) dormant(id string) (source, bool, error) {
	national, err := nationalFor(a.cfg.Path)
	if err != nil {
		return source{}, false, err
	}
	row, ok := nationalRow(national, id)
	if !ok {
		return source{}, false, nil
	}
	if a.cfg.Fetch.DelayGiven {
		row.Delay = notZero(time.Duration(a.cfg.Fetch.Delay))
	}
	s, err := build(row, nil, nil)
	return s, err == nil, err
}
