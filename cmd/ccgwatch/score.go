package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"ccgwatch/alerts/judge"
)

// readLabels reads labels: a JSON array of objects, or one object a line.
func readLabels(name string) ([]judge.Label, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var labels []judge.Label
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		err = json.Unmarshal(raw, &labels)
	} else {
		for d := json.NewDecoder(bytes.NewReader(raw)); ; {
			var l judge.Label
			if err = d.Decode(&l); err != nil {
				break
			}
			labels = append(labels, l)
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("labels %s: %w", name, err)
	}
	if len(labels) == 0 {
		return nil, fmt.Errorf("labels %s: there are none", name)
	}
	return labels, nil
}

// score prints how the verdicts compare with the labels, as a whole and by rule.
func (c *judgeCmd) score(e *env, labels []judge.Label) error {
	s, missing := &judge.Score{}, 0
	for _, l := range labels {
		v, ok := c.verdicts[l.OCID+" "+l.ID]
		if !ok {
			missing++
			continue
		}
		s.Add(l, v)
	}
	if missing == len(labels) {
		return fmt.Errorf("none of the %d labelled releases is in the files", missing)
	}
	if c.JSON {
		for _, r := range s.ByRule() {
			if err := printJSON(e.stdout, r); err != nil {
				return err
			}
		}
		return nil
	}
	w := e.stdout
	for _, field := range []string{"stage", "regime", "care", "supplier", "deadline"} {
		if n, ok := s.Fields[field]; ok {
			fmt.Fprintf(w, "%-9s %d/%d = %.3f\n", field, n.Right, n.Of, n.Share())
		}
	}
	for _, m := range s.Wrong {
		fmt.Fprintf(w, "  %s %s: labelled %s, judged %s (%s)\n", m.Release, m.Field, orNone(m.Want), orNone(m.Got), orNone(m.Rule))
	}
	fmt.Fprintf(w, "missing   %d of %d\nawarded-in-standstill lies: %d\n", missing, len(labels), s.Lies)
	fmt.Fprintf(w, "outsourcing tp=%d fp=%d fn=%d tn=%d precision=%.3f recall=%.3f F1=%.3f\n\n",
		s.TruePositive, s.FalsePositive, s.FalseNegative, s.TrueNegative, s.Precision(), s.Recall(), s.F1())
	fmt.Fprintln(w, "said right precision   of recall  rule")
	for _, r := range s.ByRule() {
		fmt.Fprintf(w, "%4d %5d     %.3f %4d  %.3f  %s\n", r.Said, r.Right, r.Precision, r.Of, r.Recall, r.Rule)
	}
	return nil
}
