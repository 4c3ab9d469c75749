package query

import (
	"strings"

	"github.com/remit-authz/remit/internal/engine"
)

// Message is a sentence about the answer to a question about a type: what decides, and for some what limits it.
func Message(extent engine.Extent, d *engine.Decision) string {
	if extent != engine.Some {
		return d.Message()
	}
	switch d.Reason {
	case engine.ReasonConditionNotMet:
		if len(d.MissingProperties) > 0 {
			return "It depends on these properties: " + strings.Join(d.MissingProperties, ", ") + "."
		}
		if len(d.MissingContext) > 0 {
			return "It depends on what the context says of: " + strings.Join(d.MissingContext, ", ") + "."
		}
		return "It depends on the record."
	case engine.ReasonGuard:
		return "It depends on the record, by guards that bind everybody: " + strings.Join(d.ValidationMessages, "; ") + "."
	case engine.ReasonValidationFailed:
		return "It depends on the values that are submitted: " + strings.Join(d.ValidationMessages, "; ") + "."
	case engine.ReasonUserPermission:
		var links []string
		for _, v := range d.Violations {
			link := v.Field + " (" + v.Allow + ")"
			if v.Field == "id" {
				link = "the record itself"
			}
			links = append(links, link)
		}
		return "User permissions limit it to some records, by " + strings.Join(links, ", ") + "."
	case engine.ReasonFieldNotAllowed:
		return "It depends on the record whether these fields are covered: " + strings.Join(d.Fields, ", ") + "."
	default:
		return d.Message()
	}
}
