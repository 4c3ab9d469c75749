package engine

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/remit-authz/remit/internal/expr"
)

// stages in their order; evaluation stops at the first that decides. Each is in a file of its own, named by its number.
var stages = []stage{
	{"S0", "Open", (*evaluation).open, false},
	{"S1", "Known", (*evaluation).known, false},
	{"S2", "Subject", (*evaluation).subject, false},
	{"S3", "Groups and roles", (*evaluation).groupsAndRoles, false},
	{"S3a", "Guards", (*evaluation).guards, true},
	{"S4", "Superuser, admin", (*evaluation).superuserOrAdmin, false},
	{"S5", "Staff", (*evaluation).staffOnly, false},
	{"S6", "Special permission", (*evaluation).specialPermission, false},
	{"S7", "Rules", (*evaluation).ruleGrants, false},
	{"S8", "Conditions", (*evaluation).conditions, true},
	{"S9", "User permissions", (*evaluation).checkUserPermissions, true},
	{"S10", "Fields", (*evaluation).checkFields, true},
	{"S11", "Presets and defaults", (*evaluation).presetsAndDefaults, true},
	{"S12", "Allow", (*evaluation).allow, true},
}

// stage is one of them.
type stage struct {
	code, name string
	run        func(*evaluation) (decided bool)
	// record means that the stage looks at the record; filters carry those stages over to all records at once.
	record bool
}

// runStages runs some of the stages, until one decides.
func (e *evaluation) runStages(which func(*stage) bool) (decided bool) {
	for i := range stages {
		if !which(&stages[i]) {
			continue
		}
		e.trace.enter(stages[i].code, stages[i].name)
		decided = stages[i].run(e)
		e.trace.leave(e, decided)
		if decided || e.failure() != nil {
			return true
		}
	}
	return false
}

// decide runs the stages; the request is well-formed.
func (d *Domain) decide(req *Request, now time.Time, found lookup, t *trace) (Decision, error) {
	e := newEvaluation(d, req, now, t)
	defer e.release()
	e.lookup = found
	if req.Resource.ID == "" {
		e.unknown = &expr.Unknown{}
	}
	e.runStages(func(*stage) bool { return true })
	if err := e.failure(); err != nil {
		return Decision{}, err
	}
	return e.decision, nil
}

// evaluation is one request on its way through the stages. Each stage reads what earlier ones left. The decision,
// which leaves it, shares nothing with it that is used again.
type evaluation struct {
	domain  *Domain
	request *Request
	now     time.Time
	trace   *trace        // nil: nobody asked for one
	unknown *expr.Unknown // the record, where the request is about all records of the type; else nil

	// decision grows with the stages; it holds once one has decided.
	decision Decision
	err      error
	budget   expr.Budget
	shared   *expr.Budget // taken instead of budget, where it is not nil

	lookup                   // S1, S2
	submitted map[string]any // S1: by a Create or Update
	joined    []*group       // S3: by what the request says
	unsure    []*group       // S3: whose member condition is in error
	key       []byte         // S3: of the role set
	checked   []heldRole     // S3: the roles, where some have restrictions
	principal                // S2, S3
	ruling    ruling         // S4
	matched   []matchedRule  // S6, S7: the cases; from S8 on the live ones
	stepUp    []string       // S7

	input           expr.Input // what expressions see: filled in when the first asks
	inputFilled     filled
	missed          []string       // properties that one expression looked up and did not find
	missedOfRequest []string       // the same of the rest of the request, by paths
	storedRecord    map[string]any // S8: the RecordSet's properties of the record, if any
	storedLooked    bool
	defaultValues   map[string]any // S11, by field
	defaultsMade    bool
	settable        map[string]bool // where the record is unknown: what presets may set
}

// lookup holds the objects that a request names, once they have been looked up.
type lookup struct {
	resourceType *resourceType
	action       *action
	named        *user // nil: nothing names the user, if looked
	looked       bool
}

// matchedRule is a grant of the action that is asked for: a *case* (S7).
type matchedRule struct {
	rule    *rule
	source  *ruleSet
	presets map[string]any // made by presetsOf
	made    bool
	dead    bool // S8: it did not pass
}

// path is where the rule stands in its object.
func (m *matchedRule) path() string { return rulePath(m.source, m.rule) }

// filled tells which parts of the input of expressions have been set.
type filled int

const (
	filledMember filled = iota + 1 // what member conditions see
	filledAll
)

var evaluations = sync.Pool{New: func() any { return new(evaluation) }}

func newEvaluation(d *Domain, req *Request, now time.Time, t *trace) *evaluation {
	e, _ := evaluations.Get().(*evaluation)
	e.domain, e.request, e.now, e.trace = d, req, now, t
	e.at, e.policy = now.Unix(), d.policy
	e.budget.Interrupt = req.Interrupt
	return e
}

// release returns the evaluation to the pool, emptied but for the memory of its lists.
func (e *evaluation) release() {
	clear(e.joined)
	clear(e.unsure)
	clear(e.checked)
	clear(e.matched[:cap(e.matched)])
	*e = evaluation{
		joined:          e.joined[:0],
		unsure:          e.unsure[:0],
		key:             e.key[:0],
		checked:         e.checked[:0],
		matched:         e.matched[:0],
		missed:          e.missed[:0],
		missedOfRequest: e.missedOfRequest[:0],
		input:           expr.Input{Subject: expr.Subject{Groups: e.input.Subject.Groups[:0], Roles: e.input.Subject.Roles[:0]}},
	}
	evaluations.Put(e)
}

// failure returns why there is no decision: a malformed request, or what ended the evaluation of expressions.
func (e *evaluation) failure() error {
	if e.err != nil {
		return e.err
	}
	err := e.budget.Err()
	if err == nil {
		return nil // before errors.As, whose target is on the heap
	}
	if over := (*BudgetError)(nil); errors.As(err, &over) && over.Where == "" {
		over.Where = e.placeOf(over.Program)
	}
	return err
}

// placeOf is where an expression stands that the evaluation has asked: an object and a field; "" where it is not known.
func (e *evaluation) placeOf(program *expr.Program) string {
	for _, g := range e.domain.conditional {
		if g.condition.program == program {
			return g.ref.String() + " spec.memberCondition"
		}
	}
	if e.resourceType != nil {
		for i := range e.resourceType.guards {
			if e.resourceType.guards[i].program == program {
				return fmt.Sprintf("%s spec.guards[%d].condition", e.resourceType.ref, i)
			}
		}
	}
	for i := range e.matched {
		m := &e.matched[i]
		at := m.source.source[0].String() + " " + m.path()
		if m.rule.condition != nil && m.rule.condition.program == program {
			return at + ".condition"
		}
		for j := range m.rule.validations {
			if m.rule.validations[j].program == program {
				return fmt.Sprintf("%s.validations[%d].expression", at, j)
			}
		}
		for _, preset := range m.rule.computed {
			if preset.program == program {
				return at + ".presetExpressions[" + preset.key + "]"
			}
		}
	}
	return ""
}

func (e *evaluation) deny(reason Reason, by ...Ref) bool {
	e.decision.Allow = false
	e.decision.Reason = reason
	e.decision.DecidedBy = by
	e.decision.StepUp = e.stepUp
	return true
}

// sortRefs sorts references as Kind/name reads, and drops repetitions.
func sortRefs(list []Ref) []Ref {
	slices.SortFunc(list, func(a, b Ref) int {
		return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Name, b.Name))
	})
	return slices.Compact(list)
}
