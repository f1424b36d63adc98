package mail

import (
	"crypto/sha256"
	"encoding/hex"

	"ccgwatch/alerts"
	"ccgwatch/store"
)

// root is the Message-ID, with its angle brackets, that all mails about one
// procurement name in References and In-Reply-To, so that mail programs show them
// together, and those about an item that belongs to none; "" for what tells of
// several, which would be threads tied together for ever, and for digests. No
// message has that ID (RFC 5322, 3.6.4 wants none: Alertmanager does the same).
// It holds nothing of the reader and of the time, and so never changes.
func (c *Composer) root(l alerts.Letter) string {
	var about []store.Finding
	switch {
	case l.Alert != nil && l.Alert.More == 0:
		for _, t := range l.Alert.Things {
			about = append(about, t.Lead())
		}
	case l.Correction != nil:
		about = l.Correction.About
	}
	one := ""
	for i, f := range about {
		of := story(f)
		if i > 0 && of != one {
			return ""
		}
		one = of
	}
	if one == "" {
		return ""
	}
	h := sha256.Sum256([]byte(one))
	return "<about-" + hex.EncodeToString(h[:16]) + "@" + c.domain + ">"
}

// story names the procurement that a finding belongs to for certain, else its item.
func story(f store.Finding) string {
	if f.Thread != "" && f.Thread != f.Source+"/"+f.Key {
		return "thread\x00" + f.Thread
	}
	thread := ""
	for _, j := range f.Joins {
		if j.Strength != store.JointCertain && j.Strength != store.JointOperator {
			continue
		}
		if thread != "" && thread != j.Thread {
			thread = ""
			break
		}
		thread = j.Thread
	}
	if thread != "" {
		return "thread\x00" + thread
	}
	return "item\x00" + f.Source + "\x00" + f.Key
}
