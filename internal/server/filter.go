package server

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/filter"
	"github.com/remit-authz/remit/internal/server/wire"
)

// filterAnswer says which records of a type a subject may read or delete. A conditional one has the condition in
// the member that is called after the format.
type filterAnswer struct {
	Kind filter.Kind `json:"kind"`
	// Reason and Message are of the decision, where that is the same for every record.
	Reason  engine.Reason `json:"reason,omitempty"`
	Message string        `json:"message,omitempty"`
	// Fields may be read of every record that the filter lets through; ["*"] for all.
	// ExceptFields are, beside Fields of ["*"], those that may not.
	Fields       []string `json:"fields,omitempty"`
	ExceptFields []string `json:"except_fields,omitempty"`
	// LeftOut are parts that the format cannot express: the records that only they let through are missing.
	LeftOut  []engine.LeftOut     `json:"left_out,omitempty"`
	Revision string               `json:"revision,omitempty"`
	UCAST    *filter.UCAST        `json:"ucast,omitempty"`
	Cerbos   *filter.CerbosFilter `json:"cerbos,omitempty"`
	Postgres *filter.SQL          `json:"postgres,omitempty"`
	MySQL    *filter.SQL          `json:"mysql,omitempty"`
	SQLite   *filter.SQL          `json:"sqlite,omitempty"`
	CEL      string               `json:"cel,omitempty"`
}

// filter answers which records of a type a subject may read or delete, as a condition on them. What the format
// cannot say exactly is left out, and told, or refused: a filter never lets more through than the evaluation of each
// record would.
func (c *call) filter() (any, error) {
	body, err := c.parseBody(false)
	if err != nil {
		return nil, err
	}
	format := filter.Format(body.Rest.String("format"))
	if err := cmp.Or(body.Rest.Err(), body.Err); err != nil {
		return nil, err
	}
	if !slices.Contains(filter.Formats, format) {
		return nil, malformed("format", "must be "+oneOf(filter.Formats))
	}
	options := body.Rest.Object("options")
	relations := relationsOf(options)
	if err := c.stateFor(options); err != nil {
		return nil, err
	}
	now := c.now()
	body.Request.Interrupt = c.work.interrupt
	found, err := c.domain.Domain.Filter(&body.Request, now)
	if err != nil {
		return nil, err
	}
	encoded, err := filter.EncodeRelated(found.Condition, format, relations)
	if err != nil {
		return nil, err
	}
	c.decided(&body.Request, string(encoded.Kind), found.Reason, found.DecidedBy, now)
	return newFilterAnswer(&found, encoded, format, c.domain.Revision)
}

// relationsOf reads where the records are that properties lead to. What is none is a problem of the options'.
func relationsOf(options wire.Object) filter.Relations {
	named, _ := options.Value("relations").(map[string]any)
	relations := filter.Relations{}
	asked := options.Object("relations")
	for property := range named {
		o := asked.Object(property)
		relations[property] = filter.Relation{Table: o.String("table"), Key: o.String("key"), Column: o.String("column"), Many: o.Bool("many")}
	}
	return relations
}

func newFilterAnswer(found *engine.Filter, encoded filter.Encoded, format filter.Format, revision string) (*filterAnswer, error) {
	a := &filterAnswer{Kind: encoded.Kind, Reason: found.Reason, Revision: revision, LeftOut: found.Told(encoded)}
	if found.Reason != "" {
		a.Message = filterMessage(found)
	}
	if encoded.Kind != filter.KindNever {
		a.Fields, a.ExceptFields = found.Fields, found.ExceptFields
	}
	ok := true
	switch condition := encoded.Condition.(type) {
	case nil:
	case *filter.UCAST:
		a.UCAST = condition
	case *filter.CerbosFilter:
		a.Cerbos = condition
	case string:
		a.CEL = condition
	case *filter.SQL:
		switch format {
		case filter.FormatPostgres:
			a.Postgres = condition
		case filter.FormatMySQL:
			a.MySQL = condition
		case filter.FormatSQLite:
			a.SQLite = condition
		default:
			ok = false
		}
	default:
		ok = false
	}
	if !ok {
		return nil, fmt.Errorf("the format %s gave a %T", format, encoded.Condition)
	}
	return a, nil
}

// filterMessage is the decision's sentence, less the details that only the decision on one record has.
func filterMessage(found *engine.Filter) string {
	switch found.Reason {
	case engine.ReasonRoleRestricted:
		return "A role would give this action, but its restrictions do not hold."
	case engine.ReasonGuard:
		return "A guard of the resource type forbids this to everybody."
	case engine.ReasonFieldNotAllowed:
		return "The fields asked for are not covered by any rule."
	default:
		decision := engine.Decision{Allow: found.Condition.Op == filter.True, Reason: found.Reason, DecidedBy: found.DecidedBy}
		return decision.Message()
	}
}

// oneOf writes a list of names as a choice.
func oneOf[T ~string](names []T) string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = string(name)
	}
	last := len(texts) - 1
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}
