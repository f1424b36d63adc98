package alerts

// FormVersion is the version of the sign-up form and its words. Whoever changes
// a word of what people agree to adds a version; the words of the older ones
// stay, since consent was given to them.
const FormVersion = "1"

// ConsentText is what was agreed to on a version of the form; "" if there never
// was such a version.
func ConsentText(version string) string {
	switch version {
	case "1":
		return "I ask this group to mail me what matches my choice, as often as I chose. I can stop or change it at any time by a link in each mail. " +
			"My address is used for these mails and nothing else, is given to nobody but the service that carries the mail, " +
			"and is erased when I ask, or 28 days after I stop."
	}
	return ""
}
