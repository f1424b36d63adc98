package mail

// copyMark begins the subject of the operator's copy of a digest, so that it can be
// told, and sorted, from a reader's.
const copyMark = "Copy: "

// copyFooter says what a copy is for. It has nobody's way out: there is nothing to
// leave.
func (w *writer) copyFooter() {
	w.rule()
	w.para(say("This is the copy of the digests for whoever runs CCGWatch: what a reader who follows everything is told. Readers who asked for less got less, and each their own links."))
	w.gap()
	w.para(say("One comes after each run of digests, over the same relay. If one stays away, a relay takes mail and loses it: look among the junk, then at 'ccgwatch status' and 'ccgwatch doctor --test-mail'. To stop the copies, take digest_copy out of [operator] in the settings."))
	w.gap()
	w.para(say("CCGWatch is run by " + w.c.group + ", " + w.c.links.Email() + "."))
}
