package filter

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Format is a language that filters are written in.
type Format string

// The formats. docs/filters.md shows each of them, and what it assumes about the data.
const (
	// FormatUCAST is the tree of conditions of the ucast project, as JSON; Encoded.Condition is a *UCAST.
	FormatUCAST Format = "ucast"
	// FormatCerbos is the filter of Cerbos' PlanResources; Encoded.Condition is a *CerbosFilter.
	FormatCerbos Format = "cerbos"
	// FormatPostgres, FormatMySQL and FormatSQLite are conditions for a WHERE clause; Encoded.Condition is
	// an *SQL.
	FormatPostgres Format = "postgres"
	FormatMySQL    Format = "mysql"
	FormatSQLite   Format = "sqlite"
	// FormatCEL is a CEL expression over resource; Encoded.Condition is a string.
	FormatCEL Format = "cel"
)

// Formats are all formats.
var Formats = []Format{FormatUCAST, FormatCerbos, FormatPostgres, FormatMySQL, FormatSQLite, FormatCEL}

// Kind says whether a filter depends on the record.
type Kind string

// The kinds.
const (
	// KindAlways lets every record through.
	KindAlways Kind = "always"
	// KindNever lets no record through.
	KindNever Kind = "never"
	// KindConditional lets through the records for which the condition holds.
	KindConditional Kind = "conditional"
)

// Encoded is a filter in one of the formats.
type Encoded struct {
	Kind Kind `json:"kind"`
	// Condition is nil unless the kind is conditional. Cerbos' shape says the kind in its own words too, so
	// in that format it is never nil.
	Condition any `json:"condition,omitempty"`
	// LeftOut are the alternatives that the format cannot express: records that only they let through are missing.
	LeftOut []*UnsupportedError `json:"-"`
}

// UnsupportedError says that a format cannot express a part of a filter. Where something else lets records through, the
// part is left out, and else there is no encoded filter: one that let more through than the tree would not be one.
type UnsupportedError struct {
	Format Format
	// Leaf is the part of the condition, in CEL.
	Leaf string
	// Reason says why, and what to do.
	Reason string
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("the format %s cannot express %s: %s", e.Format, e.Leaf, e.Reason)
}

// Encode writes a filter in a format, such that it lets through exactly the records that the tree matches, less those
// that only what is LeftOut does, as far as the data is what docs/filters.md assumes for the format. The error is an *UnsupportedError,
// unless the format is none or the tree is malformed.
func Encode(t *Tree, format Format) (Encoded, error) { return EncodeRelated(t, format, nil) }

// EncodeRelated is Encode for properties that lead to records in other tables, which only SQL asks for. The error may be
// a *RelationError, too.
func EncodeRelated(t *Tree, format Format, relations Relations) (Encoded, error) {
	encode, ok := encoders[format]
	if !ok {
		return Encoded{}, fmt.Errorf("there is no filter format %q", format)
	}
	relations, err := relations.complete()
	if err != nil {
		return Encoded{}, err
	}
	if err := t.validate(); err != nil {
		return Encoded{}, fmt.Errorf("malformed filter: %w", err)
	}
	t = simplify(t.ofColumns(format == FormatCEL))
	found, err := encode(t, format, relations)
	if !isUnsupported(err) {
		return found, err
	}
	p := pruner{encode: func(t *Tree) error { _, err := encode(t, format, relations); return err }}
	narrower, refusal := p.prune(t)
	if refusal != nil {
		return Encoded{}, refusal
	}
	if found, err = encode(narrower, format, relations); err != nil {
		return Encoded{}, err
	}
	found.LeftOut = p.leftOut
	return found, nil
}

// pruner leaves out of alternatives what a format cannot express: without it they let through less.
type pruner struct {
	encode  func(*Tree) error
	leftOut []*UnsupportedError
}

// prune gives the tree without the alternatives that cannot be expressed; the error is why one cannot that all need.
func (p *pruner) prune(t *Tree) (*Tree, error) {
	switch t.Op {
	case And:
		args := make([]*Tree, len(t.Args))
		for i, arg := range t.Args {
			var err error
			if args[i], err = p.prune(arg); err != nil {
				return nil, err
			}
		}
		return All(args...), nil
	case Or:
		var args []*Tree
		var refusals []error
		for _, arg := range t.Args {
			pruned, err := p.prune(arg)
			switch {
			case err == nil:
				args = append(args, pruned)
			case isUnsupported(err):
				refusals = append(refusals, err)
			default:
				return nil, err
			}
		}
		if len(args) == 0 {
			return nil, refusals[0]
		}
		for _, err := range refusals {
			p.leave(err)
		}
		return AnyOf(args...), nil
	}
	return t, p.encode(t)
}

func (p *pruner) leave(err error) {
	refusal, ok := errors.AsType[*UnsupportedError](err)
	if ok && !slices.ContainsFunc(p.leftOut, func(had *UnsupportedError) bool { return *had == *refusal }) {
		p.leftOut = append(p.leftOut, refusal)
	}
}

func isUnsupported(err error) bool {
	_, ok := errors.AsType[*UnsupportedError](err)
	return ok
}

// ofColumns is the tree for properties that hold one value each, as columns do: what asks for an object's members
// is not true of them. Where objects can be said, only what has no source is left out.
func (t *Tree) ofColumns(objects bool) *Tree {
	switch t.Op {
	case Opaque:
		if t.OfObjects && (!objects || t.Source == "") {
			return Constant(false)
		}
	case And, Or:
		args := make([]*Tree, len(t.Args))
		for i, arg := range t.Args {
			args[i] = arg.ofColumns(objects)
		}
		if t.Op == And {
			return All(args...)
		}
		return AnyOf(args...)
	}
	return t
}

var encoders = map[Format]func(*Tree, Format, Relations) (Encoded, error){
	FormatUCAST:    encodeUCAST,
	FormatCerbos:   encodeCerbos,
	FormatPostgres: encodeSQL,
	FormatMySQL:    encodeSQL,
	FormatSQLite:   encodeSQL,
	FormatCEL:      encodeCEL,
}

// encoded is a filter whose condition is asked for only where there is one.
func encoded[T any](t *Tree, condition func(*Tree) (T, error)) (Encoded, error) {
	switch t.Op {
	case True:
		return Encoded{Kind: KindAlways}, nil
	case False:
		return Encoded{Kind: KindNever}, nil
	}
	made, err := condition(t)
	if err != nil {
		return Encoded{}, err
	}
	return Encoded{Kind: KindConditional, Condition: made}, nil
}

func unsupported(format Format, leaf *Tree, reason string) error {
	return &UnsupportedError{Format: format, Leaf: leaf.describe(), Reason: reason}
}

// validate refuses trees that no condition comes from.
func (t *Tree) validate() error {
	if t == nil {
		return errors.New("a part is missing")
	}
	switch t.Op {
	case True, False, Opaque:
		return nil
	case And, Or:
		for _, arg := range t.Args {
			if err := arg.validate(); err != nil {
				return err
			}
		}
		return nil
	case Any, Every:
		if len(t.Args) != 1 {
			return fmt.Errorf("%s has one part", t.Op)
		}
		if err := t.Args[0].validate(); err != nil {
			return err
		}
	case Eq, Ne, Lt, Le, Gt, Ge, In, NotIn, StartsWith, EndsWith, Contains, Element, Link, Has:
	default:
		return fmt.Errorf("there is no operator %q", t.Op)
	}
	if t.Field == nil {
		return errors.New("a field is missing")
	}
	fields := []*Field{t.Field}
	if t.Other != nil {
		if t.Timed || slices.Contains([]Op{In, NotIn, Element, Link, Any, Every, Has}, t.Op) {
			return fmt.Errorf("%s compares no two fields", t.Op)
		}
		fields = append(fields, t.Other)
	}
	for _, field := range fields {
		if err := field.validate(); err != nil {
			return err
		}
	}
	for _, value := range append([]any{t.Value}, t.Values...) {
		if err := validateValue(value); err != nil {
			return err
		}
	}
	_, isText := t.Value.(string)
	switch _, isMoment := momentOf(t.Value); {
	case t.Timed && (!isText || !isMoment):
		return fmt.Errorf("the moment %v is not in RFC 3339", t.Value)
	case t.Op == Has && len(t.Field.Path) == 0:
		return errors.New("nothing is asked for")
	}
	return nil
}

func (f *Field) validate() error {
	if !f.ID && !f.Element && len(f.Path) == 0 {
		return errors.New("a field without a path")
	}
	for _, name := range f.Path {
		if !utf8.ValidString(name) {
			return fmt.Errorf("the name %q is no valid UTF-8", name)
		}
	}
	return nil
}

func validateValue(value any) error {
	switch v := value.(type) {
	case nil, bool, int64:
		return nil
	case float64:
		if v-v == 0 { // neither infinite nor not a number
			return nil
		}
		return fmt.Errorf("the number %v is not finite", v)
	case string:
		if utf8.ValidString(v) {
			return nil
		}
		return fmt.Errorf("the text %q is no valid UTF-8", v)
	}
	return fmt.Errorf("a value of type %T", value)
}
