package diff

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/engine/enginetest"
)

// TestNoDecisionChangesUnsaid makes domains and changes at random, and asks for decisions before and after:
// where the answers differ, the comparison has said so, of that user or of those whom it does not know by name.
func TestNoDecisionChangesUnsaid(t *testing.T) {
	s := rand.New(rand.NewPCG(6, 2026))
	said := 0
	for range 250 {
		objects := enginetest.Objects(s)
		before, now := engine.Compile(objects), enginetest.Now(s)
		var changes []engine.Change
		for range 1 + s.IntN(3) {
			changes = append(changes, enginetest.Change(s, objects))
		}
		after, differing := Apply(before, enginetest.Apply(objects, changes...), true, now)
		result := Compare(before, after, differing, now, func(int, int) {})
		for range 60 {
			req := enginetest.Request(s, objects)
			was, err := before.Decide(req, now)
			is, afterErr := after.Decide(req, now)
			if err != nil || afterErr != nil || was.Allow == is.Allow {
				continue
			}
			if !says(result, req) {
				t.Fatalf("%s %s %s: was %s %v, is %s %v\nchanged: %v\nrequest: %s\nThe domain:\n%s", req.Subject.ID, req.Action.Name, req.Resource.Type,
					was.Reason, was.DecidedBy, is.Reason, is.DecidedBy, result.Objects, jsonText(req), enginetest.Describe(objects))
			}
			said++
		}
	}
	if said < 100 {
		t.Errorf("only %d decisions differed", said)
	}
}

// says looks for a change that a request may have to do with.
func says(r *Result, req *engine.Request) bool {
	return len(r.Records)+len(r.Settings) > 0 || slices.ContainsFunc(r.Changes, func(e Entry) bool {
		return slices.Contains(e.Resources, req.Resource.Type) && slices.Contains(e.Actions, req.Action.Name) &&
			(slices.Contains(e.Users, req.Subject.ID) || len(e.Others) > 0)
	})
}
