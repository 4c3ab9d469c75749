package engine

import (
	"hash/maphash"
	"slices"
	"sync/atomic"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/expr"
)

// given is what a profile is given of one action of a type, where all of its roles are eligible: the cases of S7,
// and the answers that they come to.
type given struct {
	resourceType *resourceType
	action       *action
	cases        []kase

	// quick says that S5 to S8, S10 to S12 come to nothing but conditions: see answer.
	quick bool
	// always is the answer on every record, where no condition changes it; nil elsewhere.
	always *Decision
	// alike is the answer wherever some condition holds, where it does not matter which; nil elsewhere.
	alike *Decision
	// none is the answer where no condition holds, each for a property's value.
	none *Decision
	// attributes says that some condition reads the user's.
	attributes bool
	// some are the answers where some conditions hold, by the bits of the cases that are live.
	some memo[uint64, *Decision]
}

// giving finds what the profile is given of an action of a type.
func (p *profile) giving(t *resourceType, a *action) *given {
	if g := p.given.find(t.name, a.name); g != nil {
		return g
	}
	g := &given{resourceType: t, action: a}
	s := standing{groups: p.groups, roles: p.roles, policy: p.policy}
	for source := range s.sources {
		for _, r := range source.naming(t) {
			if r.gives(a) {
				g.cases = append(g.cases, kase{rule: r, source: source})
			}
		}
	}
	if g.quick = g.onlyConditions(); g.quick {
		g.answerAhead()
	}
	if p.given.put(g) {
		p.era.remember()
	}
	return g
}

// onlyConditions says whether nothing else decides: the type is neither for staff only (S5) nor open (S7), and nothing
// that is stored depends on the cases (S8, S11).
func (g *given) onlyConditions() bool {
	const most = 64 // cases that have a bit
	if g.resourceType.staffOnly || g.resourceType.unrestricted || g.action.class == v1alpha1.ClassCreate || len(g.cases) > most {
		return false
	}
	return !g.action.writes() || !slices.ContainsFunc(g.cases, func(c kase) bool {
		return len(c.rule.validations)+len(c.rule.presets)+len(c.rule.computed) > 0
	})
}

// answerAhead makes the answers that do not depend on which conditions hold.
func (g *given) answerAhead() {
	everything := uint64(1)<<len(g.cases) - 1
	always, conditional := false, false
	alike := true
	for i := range g.cases {
		c := &g.cases[i]
		always = always || c.rule.condition == nil
		conditional = conditional || c.rule.condition != nil
		g.attributes = g.attributes || c.rule.condition.reads("subject", "attributes")
		alike = alike && c.source == g.cases[0].source && (c.rule.allFields || g.action.class == v1alpha1.ClassDelete)
	}
	switch {
	case !conditional, alike && always:
		g.always = g.answer(everything)
		return
	case alike:
		g.alike = g.answer(everything)
	}
	g.none = g.answer(0)
}

// answer is what S7, S8, S10 and S12 say where the cases of some bits are live. It keeps nothing else of the evaluation.
func (g *given) answer(live uint64) *Decision {
	e := evaluation{cases: slices.Clone(g.cases), found: found{action: g.action}}
	switch {
	case len(e.cases) == 0:
		e.deny(ReasonNoRule)
	case live == 0:
		e.deny(ReasonConditionNotMet, e.caseSources()...)
	default:
		e.cases = e.cases[:0]
		for i, c := range g.cases {
			if live&(1<<i) != 0 {
				e.cases = append(e.cases, c)
			}
		}
		if g.action.class != v1alpha1.ClassDelete {
			e.decision.Fields = e.coveredFields()
		}
		e.allow()
	}
	answer := e.decision
	return &answer
}

// where finds the answer where it is not always the same: by the conditions of S8, as far as a glance at them is enough.
// It is nil where it is not: where a property is missing, for example, which an answer may have to name.
func (g *given) where(d *Domain, req *Request, u *user) *Decision {
	var in expr.Input
	in.Subject.Type, in.Subject.ID = req.Subject.Type, req.Subject.ID
	in.Action.Name, in.Action.Properties = req.Action.Name, req.Action.Properties
	in.Resource.Type, in.Resource.ID, in.Resource.Properties.Over = req.Resource.Type, req.Resource.ID, req.Resource.Properties
	in.Context = req.Context
	if account := u.account(); account != nil && g.attributes {
		in.Subject.Attributes = account.attributes.get()
	}
	if d.policy.spec.SubjectProperties == v1alpha1.SubjectPropertiesTrust {
		in.Subject.Properties = req.Subject.Properties
	}
	var live uint64
	looked, unsure := false, false
	for i := range g.cases {
		condition := g.cases[i].rule.condition
		holds, sure := condition.glance(&in)
		if !sure && !looked { // it may be about a property that a RecordSet has
			looked = true
			if in.Resource.Properties.Base = d.storedRecord(g.resourceType, req.Resource.ID); in.Resource.Properties.Base != nil {
				holds, sure = condition.glance(&in)
			}
		}
		switch {
		case !sure && g.alike == nil:
			return nil
		case !sure:
			unsure = true
		case holds && g.alike != nil:
			return g.alike
		case holds:
			live |= 1 << i
		}
	}
	switch {
	case unsure:
		return nil
	case live == 0:
		return g.none
	}
	if answer, known := g.some.get(live); known {
		return answer
	}
	answer := g.answer(live)
	g.some.put(live, answer)
	return answer
}

// reads says whether a condition names a path, or anything below it.
func (c *condition) reads(path ...string) bool {
	return c != nil && c.program != nil && c.program.Reads(path...)
}

// glance says whether a condition holds, where it is sure without a full evaluation.
func (c *condition) glance(in *expr.Input) (holds, sure bool) {
	switch {
	case c == nil:
		return true, true
	case c.program == nil:
		return false, true
	}
	return c.program.Glance(in)
}

// givens are found by the names of type and action, without a lock: who adds one makes another table.
type givens struct{ table atomic.Pointer[[]givenEntry] }

// givenEntry has the names beside it, so that a look-up need not go and get them.
type givenEntry struct {
	resourceType, action string
	given                *given // nil: the place is empty
}

// find gives nil for what nobody asked for yet.
func (g *givens) find(resourceType, action string) *given {
	table := g.table.Load()
	if table == nil {
		return nil
	}
	entries := *table
	for i := givenPlace(resourceType, action); ; i++ {
		entry := &entries[i&(len(entries)-1)]
		if entry.given == nil || entry.action == action && entry.resourceType == resourceType {
			return entry.given
		}
	}
}

func givenPlace(resourceType, action string) int {
	place := int(maphash.String(tableSeed, resourceType) >> 1)
	if action != "" {
		place += int(action[0]) // few actions of a type start alike
	}
	return place
}

// put remembers what is given, unless that is too much already, or somebody else puts something at the same time: then it
// is false.
func (g *givens) put(another *given) bool {
	old := g.table.Load()
	all := []*given{another}
	if old != nil {
		for _, known := range *old {
			if known.given != nil {
				all = append(all, known.given)
			}
		}
	}
	if len(all) > memoSize {
		return false
	}
	size := 2 // a power of two, and half of the places stay empty
	for size < 2*len(all) {
		size *= 2
	}
	entries := make([]givenEntry, size)
	for _, known := range all {
		entry := givenEntry{known.resourceType.name, known.action.name, known}
		i := givenPlace(entry.resourceType, entry.action)
		for entries[i&(size-1)].given != nil {
			i++
		}
		entries[i&(size-1)] = entry
	}
	return g.table.CompareAndSwap(old, &entries)
}
