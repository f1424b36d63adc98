package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"ccgwatch/alerts"
)

// SecondRelay tells the operator that mail goes through the second relay. The same
// time gives the same bytes and the same id.
func (c *Composer) SecondRelay(now time.Time, s alerts.Switch) (id string, m alerts.Message, err error) {
	sum := sha256.Sum256([]byte("second relay " + now.UTC().Format(time.RFC3339Nano)))
	id = hex.EncodeToString(sum[:])
	to, from := defuse(cut(clean(s.To), 100)), defuse(cut(clean(s.From), 100))
	paras := []string{
		"This goes to whoever runs CCGWatch for " + defuse(c.group) + ", and not to readers.",
		"Your first relay, " + from + ", cannot be used. Since " + c.moment(now) + " mail goes through the second, " + to + ". Nothing is lost, and readers notice nothing.",
	}
	if s.Why != "" {
		paras = append(paras, "What came of the last attempt at the first:\n"+defuse(cut(clean(s.Why), 400)))
	}
	paras = append(paras,
		"The first is asked again after a few minutes, later once an hour, and mail goes back to it as soon as it takes a message. A message that it may have taken already waits for it, and is not sent through the second.",
		"What to do: nothing, if it comes back by itself. 'ccgwatch doctor' asks both and says what is wrong; 'ccgwatch status' says which is used. There is at most one such mail a day.")
	m, err = c.toOperator(now, id, "CCGWatch: mail goes through the second relay", paras)
	return id, m, err
}
