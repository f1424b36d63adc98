package mail

import (
	"testing"

	"ccgwatch/store"
)

// A notice on the award form that says that the procurement was abandoned was
// headed "Award notice".
func TestAbandonedProcurementIsNoAwardNotice(t *testing.T) {
	t.Parallel()
	for stage, want := range map[string]string{
		"intention": "Intention to award", "cancelled": "Cancellation notice", "modification": "Contract change", "termination": "End of a contract",
		"award": "Award notice", "contract": "Award notice", "confirmation": "Award notice", "other": "Notice of the award form", "": "Notice of the award form",
	} {
		if got := label(store.Finding{Topic: store.TopicAwards, Stage: stage}); got != want {
			t.Errorf("%q: %s, want %s", stage, got, want)
		}
	}
}
