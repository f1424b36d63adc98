package judge

import "ccgwatch/store"

// Buyers are the ids of the bodies that a notice names as its buyers, in its
// order and each once; buyers that the register does not know are left out.
func (j *Judge) Buyers(n *store.Notice) []string {
	var ids []string
	seen := map[string]bool{}
	for _, p := range n.Buyers {
		if b := j.reg.find(p, n.Date); b != nil && !seen[b.ID] {
			seen[b.ID] = true
			ids = append(ids, b.ID)
		}
	}
	return ids
}
