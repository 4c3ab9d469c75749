package engine

import (
	"hash/maphash"
	"slices"
	"sync/atomic"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// plan is S7 for a role set and one action of a type, worked out ahead by the walk of grants, and the decisions that its
// rules come to. All roles of the set count as eligible.
type plan struct {
	resourceType *resourceType
	action       *action
	matched      []matchedRule

	// complete means that S5 to S8 and S10 to S12 come to nothing but the conditions of the matched rules.
	complete bool
	// always is the decision on every record, where no condition changes it; nil elsewhere.
	always *Decision
	// any is the decision wherever some condition holds, where it does not matter which; nil elsewhere.
	any *Decision
	// none is the decision where no condition holds and every property that they looked up is known.
	none *Decision
	// attributes and staff mean that some condition reads them.
	attributes, staff bool
	// groupNames and roleNames are the role set's, sorted, where some condition reads them.
	groupNames, roleNames []string
	// some are the decisions where some conditions hold, by the bits of the rules that are live.
	some memo[uint64, *Decision]
}

// planFor finds the plan for an action of a type, or makes it.
func (s *roleSet) planFor(t *resourceType, a *action) *plan {
	if p := s.plans.find(t.name, a.name); p != nil {
		return p
	}
	p := &plan{resourceType: t, action: a}
	who := principal{roleSet: s, groups: s.groups, roles: s.roles, policy: s.policy}
	rules := ruling{principal: &who, resourceType: t, basis: byRules}
	for g := range rules.settled {
		if g.rule.grants(a) {
			p.matched = append(p.matched, matchedRule{rule: g.rule, source: g.source})
		}
	}
	if p.complete = p.onlyConditions(); p.complete {
		p.prepare()
		p.readNames(&who)
	}
	if s.plans.put(p) {
		s.generation.count()
	}
	return p
}

// onlyConditions reports whether conditions alone decide: no guard does (S3a), the type is neither for staff only (S5) nor
// unrestricted (S7), and nothing that is stored depends on the matched rules (S8, S11).
func (p *plan) onlyConditions() bool {
	const most = 64 // rules that have a bit
	if p.resourceType.guarded(p.action) || p.resourceType.staffOnly || p.resourceType.unrestricted || p.action.class == v1alpha1.ClassCreate || len(p.matched) > most {
		return false
	}
	if !p.fieldsByOne() {
		return false
	}
	return !p.action.writes() || !slices.ContainsFunc(p.matched, func(m matchedRule) bool {
		return len(m.rule.validations)+len(m.rule.presets)+len(m.rule.computed) > 0
	})
}

// fieldsByOne reports whether the fields that a decision lists are covered as if one rule covered them (S10): "*" is not,
// and neither is what contains a field that a rule excepts, where several rules cover everything only together.
func (p *plan) fieldsByOne() bool {
	excepting, naming := 0, 0
	for i := range p.matched {
		switch fields := &p.matched[i].rule.fields; {
		case !fields.all:
			naming++
		case !fields.everything():
			excepting++
		}
	}
	return excepting == 0 || excepting == 1 && naming == 0
}

// prepare makes the decisions that do not depend on which conditions hold.
func (p *plan) prepare() {
	everyRule := uint64(1)<<len(p.matched) - 1
	unconditional, conditional, alike := false, false, true
	for i := range p.matched {
		m := &p.matched[i]
		unconditional = unconditional || m.rule.condition == nil
		conditional = conditional || m.rule.condition != nil
		p.attributes = p.attributes || m.rule.condition.reads("subject", "attributes")
		p.staff = p.staff || m.rule.condition.reads("subject", "staff")
		alike = alike && m.source == p.matched[0].source && (m.rule.fields.everything() || p.action.class == v1alpha1.ClassDelete)
	}
	switch {
	case !conditional, alike && unconditional:
		p.always = p.decision(everyRule)
		return
	case alike:
		p.any = p.decision(everyRule)
	}
	p.none = p.decision(0)
}

// decision is what S7, S8, S10 and S12 say where the rules of some bits are live. It shares nothing with the evaluation
// that makes it.
func (p *plan) decision(live uint64) *Decision {
	e := evaluation{matched: slices.Clone(p.matched), lookup: lookup{action: p.action}}
	switch {
	case len(e.matched) == 0:
		e.deny(ReasonNoRule)
	case live == 0:
		e.deny(ReasonConditionNotMet, e.matchedSources()...)
	default:
		e.matched = e.matched[:0]
		for i, m := range p.matched {
			if live&(1<<i) != 0 {
				e.matched = append(e.matched, m)
			}
		}
		if p.action.class != v1alpha1.ClassDelete {
			e.decision.Fields, e.decision.ExceptFields = e.matchedFields()
		}
		e.allow()
	}
	decision := e.decision
	return &decision
}

// readNames takes over the names of the groups and roles, where conditions read them.
func (p *plan) readNames(who *principal) {
	reads := func(field string) bool {
		return slices.ContainsFunc(p.matched, func(m matchedRule) bool { return m.rule.condition.reads("subject", field) })
	}
	if reads("groups") {
		p.groupNames = who.groupNames()
	}
	if reads("roles") {
		p.roleNames = who.roleNames()
	}
}

// answerTo finds the decision where it is not always the same: by the conditions of S8, as far as TryBool evaluates them.
// It is nil where it does not: where a property is missing, for example, which an answer may have to name.
func (p *plan) answerTo(d *Domain, req *Request, u *user, now time.Time) *Decision {
	var in expr.Input
	in.Subject.Type, in.Subject.ID = req.Subject.Type, req.Subject.ID
	in.Subject.Groups, in.Subject.Roles = p.groupNames, p.roleNames
	in.Action.Name, in.Action.Properties = req.Action.Name, req.Action.Properties
	in.Resource.Type, in.Resource.ID, in.Resource.Properties.Over = req.Resource.Type, req.Resource.ID, req.Resource.Properties
	in.Resource.Records = recordsOf{d}
	in.Context, in.Now = req.Context, now
	if account := u.account(); account != nil && p.attributes {
		in.Subject.Attributes = account.attributes.get()
	}
	if d.policy.trustsCallers() {
		in.Subject.Properties = req.Subject.Properties
	}
	if p.staff {
		in.Subject.Staff = d.policy.isStaff(u.account(), in.Subject.Properties)
	}
	in.Resource.Properties.Partial = true // until a RecordSet is asked
	var live uint64
	looked, unsure := false, false
	for i := range p.matched {
		condition := p.matched[i].rule.condition
		holds, ok := condition.try(&in)
		if !ok && !looked { // it may be about a property that a RecordSet has
			looked = true
			in.Resource.Properties.Base, in.Resource.Properties.Partial = d.storedRecord(p.resourceType, req.Resource.ID), false
			holds, ok = condition.try(&in)
		}
		switch {
		case !ok && p.any == nil:
			return nil
		case !ok:
			unsure = true
		case holds && p.any != nil:
			return p.any
		case holds:
			live |= 1 << i
		}
	}
	switch {
	case unsure:
		return nil
	case live == 0:
		return p.none
	}
	if decision, known := p.some.get(live); known {
		return decision
	}
	decision := p.decision(live)
	p.some.put(live, decision)
	return decision
}

// reads reports whether a condition names a path, or anything below it.
func (c *condition) reads(path ...string) bool {
	return c != nil && c.program != nil && c.program.Reads(path...)
}

// try is holds where TryBool is enough; a condition that is nil holds.
func (c *condition) try(in *expr.Input) (holds, ok bool) {
	switch {
	case c == nil:
		return true, true
	case c.program == nil:
		return false, true
	}
	return c.program.TryBool(in)
}

// planTable finds plans by the names of type and action, without a lock: adding one copies the table.
type planTable struct{ table atomic.Pointer[[]planEntry] }

// planEntry has the names beside the plan, so that a look-up need not follow the pointer.
type planEntry struct {
	resourceType, action string
	plan                 *plan // nil: the slot is empty
}

// find returns nil for what nobody has asked about yet.
func (t *planTable) find(resourceType, action string) *plan {
	table := t.table.Load()
	if table == nil {
		return nil
	}
	entries := *table
	for i := planSlot(resourceType, action); ; i++ {
		entry := &entries[i&(len(entries)-1)]
		if entry.plan == nil || entry.action == action && entry.resourceType == resourceType {
			return entry.plan
		}
	}
}

func planSlot(resourceType, action string) int {
	slot := int(maphash.String(tableSeed, resourceType) >> 1)
	if action != "" {
		slot += int(action[0]) // few actions of a type start alike
	}
	return slot
}

// put adds a plan, unless there are too many already, or another goroutine adds one at the same time: then it is false.
func (t *planTable) put(another *plan) bool {
	old := t.table.Load()
	all := []*plan{another}
	if old != nil {
		for _, known := range *old {
			if known.plan != nil {
				all = append(all, known.plan)
			}
		}
	}
	if len(all) > memoSize {
		return false
	}
	size := 2 // a power of two, and half of the slots stay empty
	for size < 2*len(all) {
		size *= 2
	}
	entries := make([]planEntry, size)
	for _, known := range all {
		entry := planEntry{known.resourceType.name, known.action.name, known}
		i := planSlot(entry.resourceType, entry.action)
		for entries[i&(size-1)].plan != nil {
			i++
		}
		entries[i&(size-1)] = entry
	}
	return t.table.CompareAndSwap(old, &entries)
}
