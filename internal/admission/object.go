package admission

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/internal/engine"
)

// objectAlone is A6: what an object by itself proves wrong. The engine finds it, by the code that would have
// to live with it.
func objectAlone(r *review) field.ErrorList {
	if r.Object == nil {
		return nil
	}
	var errs field.ErrorList
	for _, problem := range engine.Check(r.Object) {
		errs = append(errs, &field.Error{Type: field.ErrorTypeInvalid, Field: problem.Path, BadValue: problem.Value, Detail: problem.Message})
	}
	return errs
}

// joinNames lists names in a message.
func joinNames[T ~string](names []T) string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = string(name)
	}
	return strings.Join(texts, ", ")
}
