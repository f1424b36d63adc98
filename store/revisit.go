package store

import (
	"maps"
	"slices"
	"time"
)

// A second look at one item: what was known of it, what is known now, and what
// that means.
type second struct {
	delta
	was, seen, now Item
	at             time.Time // of the second look
	// first: the item was only a list entry until now, and this is the first
	// look at its details. How long they have been there nobody knows.
	first bool
	// news: new details count as news. On a first look they do if the meeting
	// lies ahead; of one that is over they are merely learned.
	news bool
}

// revisit compares a known item with a new look at it.
func revisit(was, seen Item, at time.Time) (Item, Change, bool) {
	s := second{was: was, seen: seen, now: seen, at: at}
	s.now.FirstSeen, s.now.Changed, s.now.Missing, s.now.Withdrawn = was.FirstSeen, was.Changed, 0, time.Time{}
	s.first = was.Stub && !seen.Stub
	s.news = !s.first || upcoming(seen, at) || (seen.Fields[FieldWhen] == "" && upcoming(was, at))
	if s.now.Kind == "" {
		s.now.Kind = was.Kind
	}
	if s.now.Body == "" {
		s.now.Body = was.Body
	}
	if s.now.Published.IsZero() {
		s.now.Published = was.Published
	}
	s.now.Stub = was.Stub && seen.Stub

	s.now.Title = s.text("title", was.Title, seen.Title)
	if s.now.URL = seen.URL; !sameSite(was.URL, seen.URL) {
		s.now.URL = s.text("url", was.URL, seen.URL)
	}
	s.values()
	if seen.Stub {
		s.now.Parts, s.now.Documents, s.now.Notice = was.Parts, was.Documents, was.Notice
	} else {
		s.agendaItems()
		s.papers()
		s.notice()
	}
	if minutesOut(s.now) && !minutesOut(was) && s.news {
		s.say(MinutesPublished)
		for _, d := range s.now.Documents {
			if d.Role == RoleMinutes {
				s.documents = append(s.documents, d)
			}
		}
	}
	changed := s.meaning()
	return s.now, s.change(s.now, OpAmended, at), changed
}

// meaning adds the whats that follow from the kind of item, and tells whether
// there is anything to report at all.
func (s *second) meaning() bool {
	back := !s.was.Withdrawn.IsZero()
	if s.empty() && !back {
		return false
	}
	substance := back || len(s.whats) > 0 || len(s.documents) > 0 || slices.ContainsFunc(s.fields, func(f FieldChange) bool { return f.Name != "url" })
	switch s.now.Kind {
	case KindMeeting:
		if back {
			s.say(MeetingRestored)
		}
	case KindPaper:
		if back {
			s.say(DocumentAdded)
			s.documents = s.now.Documents
		}
	case KindNotice:
		if substance {
			s.say(NoticeUpdated)
		}
	case KindRequest:
		if substance {
			s.say(RequestEvent)
		}
	case KindPage:
		if substance {
			s.say(PageChanged)
		}
	}
	return true
}

// text compares a printed text and returns the one to keep: the known one
// unless the difference is one. Nothing printed is no text and changes nothing.
func (s *second) text(name, was, now string) string {
	if now == "" || same(was, now) {
		return was
	}
	if was != "" || !s.first {
		s.field(name, was, now)
	}
	return now
}

// values compares the named fields. A stub that lacks one says nothing about it.
func (s *second) values() {
	now := maps.Clone(s.seen.Fields)
	if now == nil {
		now = map[string]string{}
	}
	names := map[string]bool{}
	for n := range s.was.Fields {
		names[n] = true
	}
	for n := range s.seen.Fields {
		names[n] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		o := s.was.Fields[name]
		n, shown := s.seen.Fields[name]
		switch {
		case !shown && (s.seen.Stub || s.first):
			now[name] = o
		case name == FieldListedIn: // where it stands is no news
		case name == FieldWhen && o != "" && sameWhen(o, n):
			now[name] = exact(o, n)
		case same(o, n):
			if now[name] = o; o == "" {
				delete(now, name)
			}
		default:
			s.value(name, o, n)
		}
	}
	if len(now) == 0 {
		now = nil
	}
	s.now.Fields = now
}

// value says what it means that a field differs.
func (s *second) value(name, o, n string) {
	meeting := s.now.Kind == KindMeeting
	switch {
	case meeting && name == FieldStatus && n == StatusCancelled:
		if !s.news {
			return
		}
		s.say(MeetingCancelled)
	case meeting && name == FieldStatus && o == StatusCancelled:
		s.say(MeetingRestored)
	case meeting && name == FieldWhen && o != "" && n != "":
		s.say(MeetingMoved)
	case meeting && name == FieldAgenda && n == Published:
		if s.news {
			s.agenda(s.seen.Parts)
		}
		return
	case meeting && name == FieldMinutes && n == Published:
		return // see revisit
	case s.first && o == "":
		return // learned, not changed
	}
	s.field(name, o, n)
}

// agendaItems compares the parts by key, whatever their order and numbers.
func (s *second) agendaItems() {
	was := map[string]Part{}
	for _, p := range s.was.Parts {
		was[partID(p)] = p
	}
	out := s.was.Fields[FieldAgenda] == Published
	isOut := s.now.Fields[FieldAgenda] == Published
	parts := make([]Part, 0, len(s.seen.Parts))
	shown := map[string]bool{}
	for _, p := range s.seen.Parts {
		id := partID(p)
		if shown[id] {
			continue
		}
		shown[id] = true
		if o, known := was[id]; known {
			p = s.part(o, p)
		} else if !s.whats[AgendaPublished] {
			s.newPart(p, out, isOut)
		}
		parts = append(parts, p)
	}
	for _, p := range s.was.Parts {
		if !shown[partID(p)] {
			s.field("part "+partID(p), p.Title, "")
		}
	}
	if len(parts) == 0 {
		parts = nil
	}
	s.now.Parts = parts
}

// newPart says what an agenda item means that was not there before.
func (s *second) newPart(p Part, out, isOut bool) {
	switch {
	case out && isOut && (len(s.was.Parts) > 0 || p.Late) && !s.first:
		s.say(ItemAdded)
		s.parts = append(s.parts, p)
	case out && isOut && s.news: // the agenda is no news, what stands in it was not known
		s.parts = append(s.parts, p)
	case s.first || isOut:
	default: // a draft, before the agenda is published
		s.field("part "+partID(p), "", p.Title)
	}
}

func (s *second) part(o, n Part) Part {
	id := "part " + partID(n)
	if same(o.Title, n.Title) {
		n.Title = o.Title
	} else {
		s.field(id, o.Title, n.Title)
	}
	if same(o.Text, n.Text) {
		n.Text = o.Text
	} else {
		s.field(id+" text", o.Text, n.Text)
	}
	if o.Restricted != n.Restricted {
		s.field(id+" restricted", yes(o.Restricted), yes(n.Restricted))
	}
	return n
}

// partID identifies a part within its item; where the source gives no id, its
// title has to do.
func partID(p Part) string {
	if p.Key != "" {
		return p.Key
	}
	return plain(p.Title)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// papers compares the documents by key. Their addresses do not count: some
// systems print new ones every day.
func (s *second) papers() {
	was := map[string]Document{}
	for _, d := range s.was.Documents {
		was[docID(d)] = d
	}
	out := make([]Document, 0, len(s.seen.Documents))
	shown := map[string]bool{}
	for _, d := range s.seen.Documents {
		id := docID(d)
		if shown[id] {
			continue
		}
		shown[id] = true
		if o, known := was[id]; known {
			d = s.paper(o, d)
		} else {
			d = d.kept(s.at)
			s.newPaper(d)
		}
		out = append(out, d)
	}
	for _, d := range s.was.Documents {
		if !shown[docID(d)] {
			s.say(DocumentRemoved)
			s.documents = append(s.documents, d)
		}
	}
	if len(out) == 0 {
		out = nil
	}
	s.now.Documents = out
}

func (s *second) newPaper(d Document) {
	switch {
	case s.news && d.Role != RoleMinutes:
		s.say(DocumentAdded)
		s.documents = append(s.documents, d)
	case s.news && !minutesOut(s.was): // minutes_published speaks for it
	default:
		if !s.first {
			s.field("document "+docID(d), "", d.Title) // further minutes
		}
		if d.SHA256 != "" {
			s.read = append(s.read, d)
		}
	}
}

// paper merges two looks at a document: a look that did not read the file
// takes nothing away from one that did.
func (s *second) paper(o, n Document) Document {
	if same(o.Title, n.Title) || n.Title == "" {
		n.Title = o.Title
	} else {
		s.field("document "+docID(n)+" title", o.Title, n.Title)
	}
	if n.Role == "" {
		n.Role = o.Role
	}
	if n.SHA256 == "" {
		n.SHA256, n.Pages, n.Size, n.ETag, n.Modified = o.SHA256, o.Pages, o.Size, o.ETag, o.Modified
	}
	switch {
	case n.SHA256 != o.SHA256:
		n.Since = s.at
	case n.Pages == 0:
		n.Pages, n.Unread, n.Since = o.Pages, o.Unread, o.Since
	default:
		n.Since = o.Since
	}
	if n.Fetched.IsZero() && n.FailedAt.IsZero() {
		n.Fetched, n.Failed, n.FailedReason, n.FailedAt = o.Fetched, o.Failed, o.FailedReason, o.FailedAt
	}
	switch {
	case o.SHA256 != "" && n.SHA256 != o.SHA256:
		s.say(DocumentReplaced)
		s.field("document "+docID(n), o.SHA256, n.SHA256)
		s.documents = append(s.documents, n)
	case n.SHA256 != o.SHA256, o.Pages == 0 && n.Pages > 0:
		s.read = append(s.read, n)
	}
	return n
}

// kept notes since when a file is there whose bytes are known.
func (d Document) kept(at time.Time) Document {
	d.Since = time.Time{}
	if d.SHA256 != "" {
		d.Since = at
	}
	return d
}

// docID identifies a document within its item.
func docID(d Document) string {
	if d.Key != "" {
		return d.Key
	}
	return d.URL
}

func (s *second) notice() {
	if s.seen.Notice == nil || s.was.Notice == nil {
		if s.seen.Notice == nil {
			s.now.Notice = s.was.Notice
		}
		return
	}
	titled := slices.ContainsFunc(s.fields, func(f FieldChange) bool { return f.Name == "title" })
	changes := noticeChanges(s.was.Notice, s.seen.Notice)
	for _, f := range changes {
		if f.Name != "title" || !titled {
			s.fields = append(s.fields, f)
		}
	}
	if len(changes) == 0 {
		n := *s.was.Notice
		n.Flags = s.seen.Notice.Flags
		s.now.Notice = &n
	}
}
