package engine

import (
	"fmt"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// compileEntries compiles the entries of a set, which are listed at a path, in their order. key returns the field that an
// entry is told from others by, and what it has there. An entry without it does nothing, and of two with the same one the
// first counts; each of the others is a problem.
func compileEntries[S, E any](path string, specs []S, key func(*S) (field, key string), problems *[]Problem, compile func(at string, spec *S) *E) []*E {
	entries := make([]*E, 0, len(specs))
	listed := make(map[string]bool, len(specs))
	for i := range specs {
		at := fmt.Sprintf("%s[%d]", path, i)
		field, key := key(&specs[i])
		if listed[key] || key == "" {
			*problems = append(*problems, entryProblem(at+"."+field, key))
			continue
		}
		listed[key] = true
		entries = append(entries, compile(at, &specs[i]))
	}
	return entries
}

func entryProblem(path, key string) Problem {
	message := "an entry of this name comes before, and it counts; delete one of the two"
	if key == "" {
		message = "an entry without a name does nothing; give it one"
	}
	return Problem{Reason: v1alpha1.ReasonInvalid, Path: path, Value: key, Message: message}
}
