package cli

import (
	"fmt"
	"io"

	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/diff"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/manifests"
)

// refused is a change that a cluster refuses where the changes are applied as a set.
type refused struct {
	// Object is Kind/name.
	Object string `json:"object"`
	// Field is the path in the object, where there is one.
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
	// Remedy is ApplyAgain, ApplyApart or None.
	Remedy admission.Remedy `json:"remedy"`
}

func (r *refused) String() string {
	if r.Field == "" {
		return r.Object + ": " + r.Message
	}
	return r.Object + ": " + r.Field + ": " + r.Message
}

// remedies say what to do about refused changes.
var remedies = map[admission.Remedy]string{
	admission.ApplyAgain: "Refused at first, and taken when it is applied again after the others; Flux, which tries everything first, applies it at once:",
	admission.ApplyApart: "Refused until the others are stored, so Flux, which tries everything first, stores nothing: make two commits of it, or apply it again:",
	admission.NoRemedy:   "Refused by the cluster:",
}

// refusedOf are the changes that a cluster refuses of those between two states.
func (m moment) refusedOf(before *engine.Domain, differing []diff.Object) []refused {
	changes := make([]engine.Change, len(differing))
	for i := range differing {
		changes[i] = differing[i].Change()
	}
	var list []refused
	for _, r := range admission.ReviewSet(before, changes, m.time) {
		list = append(list, refused{r.Change.String(), manifests.Path(r.Error), manifests.Message(r.Error), r.Remedy})
	}
	return list
}

// printRefused tells people of refused changes, by what to do.
func printRefused(w io.Writer, p palette, list []refused) {
	for _, remedy := range []admission.Remedy{admission.NoRemedy, admission.ApplyApart, admission.ApplyAgain} {
		title := false
		for i := range list {
			if list[i].Remedy != remedy {
				continue
			}
			if !title {
				fmt.Fprintln(w, p.paint(yellow, remedies[remedy]))
				title = true
			}
			fmt.Fprintln(w, "  "+list[i].String())
		}
	}
}
