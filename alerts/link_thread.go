package alerts

import "net/url"

// Thread is the address of the page about a procurement, or "" where there are
// no pages.
func (l Links) Thread(ocid string) string {
	if l.base == "" || ocid == "" {
		return ""
	}
	return l.base + "/thread/" + url.PathEscape(ocid)
}
