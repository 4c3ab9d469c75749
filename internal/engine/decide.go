package engine

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// Decide answers a request as of now. The error is a *RequestError: the request is malformed, and there is
// no decision.
func (d *Domain) Decide(req *Request, now time.Time) (Decision, error) {
	if err := req.validate(everything); err != nil {
		return Decision{}, err
	}
	var f found
	switch decision, refused := d.quick(req, now, &f); {
	case decision != nil:
		return *decision, nil
	case refused != nil:
		return refused.decision(), nil
	}
	return d.decide(req, now, f, nil)
}

// Explain is Decide with the trace of the stages: which objects each looked at, and what they said.
func (d *Domain) Explain(req *Request, now time.Time) (Decision, []TraceStage, error) {
	if err := req.validate(everything); err != nil {
		return Decision{}, nil, err
	}
	t := &trace{}
	decision, err := d.decide(req, now, found{}, t)
	return decision, t.stages, err
}

// stages in their order; the first that decides, decides.
var stages = []struct {
	code, name string
	run        func(*evaluation) (decided bool)
}{
	{"S1", "Known", (*evaluation).known},
	{"S2", "Subject", (*evaluation).subject},
	{"S3", "Groups and roles", (*evaluation).groupsAndRoles},
	{"S4", "Superuser, admin", (*evaluation).superuserOrAdmin},
	{"S5", "Staff", (*evaluation).staffOnly},
	{"S6", "Special permission", (*evaluation).specialPermission},
	{"S7", "Rules", (*evaluation).ruleCases},
	{"S8", "Conditions", (*evaluation).conditions},
	{"S9", "User permissions", (*evaluation).userPermissions},
	{"S10", "Fields", (*evaluation).fields},
	{"S11", "Presets and defaults", (*evaluation).presetsAndDefaults},
	{"S12", "Allow", (*evaluation).allow},
}

// decide goes through the stages; the request is well-formed.
func (d *Domain) decide(req *Request, now time.Time, f found, t *trace) (Decision, error) {
	e := newEvaluation(d, req, now, t)
	defer e.release()
	e.found = f
	for i := range stages {
		t.enter(stages[i].code, stages[i].name)
		decided := stages[i].run(e)
		t.leave(e, decided)
		if e.err != nil {
			return Decision{}, e.err
		}
		if decided {
			break
		}
	}
	return e.decision, nil
}

// evaluation is one request on its way through the stages. Each stage reads what earlier ones left. What
// leaves it, the decision, shares nothing with it that is used again.
type evaluation struct {
	domain  *Domain
	request *Request
	now     time.Time
	seconds int64
	trace   *trace // nil: nobody wants to know

	// decision grows with the stages; it holds once one has decided.
	decision Decision
	err      error

	found                       // S1, S2
	submitted    map[string]any // S1: by a Create or Update
	joined       []*group       // S3: by what the request says
	key          []byte         // S3: of the profile
	checked      []heldRole     // S3: the roles, where some have restrictions
	standing                    // S2, S3
	exceptional  bool           // S6: a special permission decides instead of rules
	unrestricted bool           // S7: the type is open
	cases        []kase         // S6, S7; from S8 on the live ones
	stepUp       []string       // S7

	input         expr.Input // what expressions see: filled in when the first asks
	inputFilled   filled
	missed        []string       // what one expression did not find
	storedRecord  map[string]any // S8: the RecordSet's properties of the record, if any
	storedLooked  bool
	defaultValues map[string]any // S11, by field
	defaultsMade  bool
}

// kase is a case (S7): one thing that gives the action.
type kase struct {
	rule    *rule
	source  *ruleSet
	presets map[string]any // made by casePresets
	made    bool
	dead    bool // S8: it did not pass
}

// filled says how much of the input is there.
type filled int

const (
	filledMember filled = iota + 1 // what member conditions see
	filledAll
)

var evaluations = sync.Pool{New: func() any { return new(evaluation) }}

func newEvaluation(d *Domain, req *Request, now time.Time, t *trace) *evaluation {
	e, _ := evaluations.Get().(*evaluation)
	e.domain, e.request, e.now, e.seconds, e.trace = d, req, now, now.Unix(), t
	return e
}

// release gives the evaluation back for another request, emptied but for the memory of its lists.
func (e *evaluation) release() {
	clear(e.joined)
	clear(e.checked)
	clear(e.cases[:cap(e.cases)])
	*e = evaluation{
		joined:  e.joined[:0],
		key:     e.key[:0],
		checked: e.checked[:0],
		cases:   e.cases[:0],
		missed:  e.missed[:0],
		input:   expr.Input{Subject: expr.Subject{Groups: e.input.Subject.Groups[:0], Roles: e.input.Subject.Roles[:0]}},
	}
	evaluations.Put(e)
}

// freely is the case of special permissions and unrestricted types: no condition, all fields, no presets.
var freely = &rule{allFields: true}

func (e *evaluation) deny(reason Reason, by ...Ref) bool {
	e.decision.Allow = false
	e.decision.Reason = reason
	e.decision.DecidedBy = by
	e.decision.StepUp = e.stepUp
	return true
}

// known is S1: what does not exist cannot be allowed.
func (e *evaluation) known() bool {
	if e.resourceType == nil {
		e.resourceType = e.domain.typeIndex[e.request.Resource.Type]
	}
	if e.resourceType == nil {
		return e.deny(ReasonUnknownResourceType)
	}
	if e.action == nil {
		e.action = e.resourceType.actions[e.request.Action.Name]
	}
	if e.action == nil {
		return e.deny(ReasonUnknownAction, Ref{KindResourceType, e.resourceType.name})
	}
	if e.action.writes() {
		// What a Create submits is known only now; a malformed submission is an error whoever submits it.
		e.submitted, e.err = e.request.submitted(e.action.class == v1alpha1.ClassCreate)
		if e.err != nil {
			return true
		}
	}
	if e.trace != nil {
		e.trace.say(Ref{KindResourceType, e.resourceType.name}, "spec.actions", "declares %s, of class %s", e.action.name, e.action.class)
	}
	return false
}

// subject is S2.
func (e *evaluation) subject() bool {
	e.anonymous = e.request.Subject.Type == AnonymousType
	if e.anonymous {
		return false
	}
	if !e.domain.policy.isUser(e.request.Subject.Type) {
		return e.deny(ReasonUnknownSubjectType)
	}
	if e.user = e.named; !e.looked {
		e.user, _ = e.domain.users.get(e.request.Subject.ID)
	}
	if account := e.account(); account != nil && account.disabled {
		return e.deny(ReasonUserDisabled, account.ref())
	}
	if e.trace != nil {
		e.traceSubject()
	}
	return false
}

// groupsAndRoles is S3.
func (e *evaluation) groupsAndRoles() bool {
	e.takeStanding(true)
	if e.trace != nil {
		e.traceStanding()
	}
	return false
}

// superuserOrAdmin is S4: nothing below can limit them.
func (e *evaluation) superuserOrAdmin() bool {
	if account := e.account(); account != nil && account.superuser {
		return e.allowEverything(ReasonSuperuser, account.ref())
	}
	var admins []Ref
	for i := range e.roles {
		if held := &e.roles[i]; held.role.adminAccess && held.eligible() {
			admins = append(admins, held.role.ref)
		}
	}
	return len(admins) > 0 && e.allowEverything(ReasonAdminAccess, sortRefs(admins)...)
}

func (e *evaluation) allowEverything(reason Reason, by ...Ref) bool {
	e.decision = Decision{Allow: true, Reason: reason, DecidedBy: by}
	if e.action.class != v1alpha1.ClassDelete {
		e.decision.Fields = everyField
	}
	return true
}

// everyField is what covers everything. It is shared, as all of a Decision that does not depend on the
// request is: see Decision.
var everyField = []string{v1alpha1.Any}

// staffOnly is S5.
func (e *evaluation) staffOnly() bool {
	if e.resourceType.staffOnly && !e.staff {
		return e.deny(ReasonStaffRequired, Ref{KindResourceType, e.resourceType.name})
	}
	return false
}

// specialPermission is S6.
func (e *evaluation) specialPermission() bool {
	level, winners := e.exception(e.resourceType)
	if e.trace != nil && e.user != nil {
		e.traceExceptions(level)
	}
	if len(winners) == 0 {
		return false
	}
	e.exceptional = true
	if level == v1alpha1.AccessFull || level == v1alpha1.AccessReadOnly && e.action.class == v1alpha1.ClassRead {
		for _, ref := range winners {
			e.cases = append(e.cases, kase{rule: freely, source: &ruleSet{source: []Ref{ref}}})
		}
		return false
	}
	return e.deny(ReasonSpecialPermission, winners...)
}

// exception is the level that the user's special permissions give on a type, and the objects that give it;
// none where they say nothing (S6).
func (s *standing) exception(t *resourceType) (level v1alpha1.Access, winners []Ref) {
	if s.user == nil {
		return "", nil
	}
	for _, p := range s.user.exceptions() {
		if !p.window.inForce(s.at) {
			continue
		}
		l, says := p.on(t)
		switch {
		case !says:
		case len(winners) == 0 || severity(l) > severity(level):
			level, winners = l, []Ref{p.ref()}
		case severity(l) == severity(level):
			winners = append(winners, p.ref())
		}
	}
	return level, winners
}

// ruleCases is S7.
func (e *evaluation) ruleCases() bool {
	if e.exceptional {
		return false
	}
	if e.resourceType.unrestricted && !e.anonymous {
		e.unrestricted = true
		e.cases = append(e.cases, kase{rule: freely, source: &e.resourceType.open})
		return false
	}
	if e.trace == nil && !slices.ContainsFunc(e.checked, func(h heldRole) bool { return !h.eligible() }) {
		e.cases = append(e.cases, e.profile.giving(e.resourceType, e.action).cases...)
		return len(e.cases) == 0 && e.deny(ReasonNoRule)
	}
	for source := range e.sources {
		for _, r := range source.naming(e.resourceType) {
			if r.gives(e.action) {
				e.cases = append(e.cases, kase{rule: r, source: source})
			}
			if e.trace != nil {
				e.traceRule(source, r)
			}
		}
	}
	wouldGive, lacks := e.wouldGive(e.resourceType, e.action)
	e.stepUp = lacks.parts()
	if e.trace != nil {
		e.traceIneligible()
	}
	if len(e.cases) > 0 {
		return false
	}
	if len(wouldGive) > 0 {
		return e.deny(ReasonRoleRestricted, wouldGive...)
	}
	return e.deny(ReasonNoRule)
}

// fields is S10.
func (e *evaluation) fields() bool {
	var asked []string
	switch e.action.class {
	case v1alpha1.ClassDelete:
		return false
	case v1alpha1.ClassRead:
		asked = e.request.askedFields()
	case v1alpha1.ClassCreate, v1alpha1.ClassUpdate:
		for name := range e.submitted {
			asked = append(asked, name)
		}
	}
	var refused []string
	for _, field := range asked {
		if !e.covered(field) && !slices.Contains(refused, field) {
			refused = append(refused, field)
		}
	}
	if len(refused) > 0 {
		slices.Sort(refused)
		if e.trace != nil {
			e.traceFields(refused)
		}
		e.decision.Fields = refused
		return e.deny(ReasonFieldNotAllowed, e.caseSources()...)
	}
	e.decision.Fields = e.coveredFields()
	return false
}

func (e *evaluation) covered(field string) bool {
	return slices.ContainsFunc(e.cases, func(c kase) bool { return c.rule.covers(field) })
}

// coveredFields is the sorted union of what the live cases cover.
func (e *evaluation) coveredFields() []string {
	var union []string
	for i := range e.cases {
		if e.cases[i].rule.allFields {
			return everyField
		}
		union = append(union, e.cases[i].rule.fields...)
	}
	slices.Sort(union)
	return slices.Compact(union)
}

// allow is S12.
func (e *evaluation) allow() bool {
	e.decision.Allow = true
	e.decision.DecidedBy = e.caseSources()
	switch {
	case e.exceptional:
		e.decision.Reason = ReasonSpecialPermission
	case e.unrestricted:
		e.decision.Reason = ReasonUnrestrictedType
	default:
		e.decision.Reason = ReasonRule
	}
	return true
}

// caseSources are the objects that gave the cases, sorted.
func (e *evaluation) caseSources() []Ref {
	if !slices.ContainsFunc(e.cases, func(c kase) bool { return c.source != e.cases[0].source }) && len(e.cases) > 0 {
		return e.cases[0].source.source
	}
	sources := make([]Ref, 0, len(e.cases))
	for i := range e.cases {
		sources = append(sources, e.cases[i].source.source...)
	}
	return sortRefs(sources)
}

// sortRefs sorts references as Kind/name reads, and drops repetitions.
func sortRefs(list []Ref) []Ref {
	slices.SortFunc(list, func(a, b Ref) int {
		if a.Kind != b.Kind {
			return strings.Compare(string(a.Kind), string(b.Kind))
		}
		return strings.Compare(a.Name, b.Name)
	})
	return slices.Compact(list)
}
