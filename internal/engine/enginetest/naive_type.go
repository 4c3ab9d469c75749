package enginetest

import (
	"maps"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// aboutType reports whether the request names no record, and so is about every record of the type.
func (e *evaluation) aboutType() bool { return e.req.Resource.ID == "" }

// proposedForAll is what would be stored, as far as it is known of every record: what is submitted, and the
// properties that the question gives; not what a preset of any case, or a default, would set.
func (e *evaluation) proposedForAll() map[string]any {
	known := map[string]any{}
	if e.act.Class == v1alpha1.ClassUpdate {
		maps.Copy(known, e.req.Resource.Properties)
	}
	for _, c := range e.cases {
		for key := range c.rule.Presets {
			delete(known, key)
		}
		for key := range c.rule.PresetExpressions {
			delete(known, key)
		}
	}
	return overlay(known, e.submitted())
}

// unknownRecordViolations is any record, or any new one, against UP(C).
func (e *evaluation) unknownRecordViolations(permissions []*v1alpha1.UserPermission) []engine.Violation {
	if len(permissions) == 0 {
		return nil
	}
	return []engine.Violation{{Field: "id", Allow: e.target.TypeName(), Cause: engine.CauseMissing}}
}

// isRecordItself reports whether a violation is that of unknownRecordViolations.
func (e *evaluation) isRecordItself(v engine.Violation) bool {
	return e.aboutType() && v.Field == "id" && v.Allow == e.target.TypeName()
}
