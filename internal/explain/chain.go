package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
)

// chains finds the ways from a user to what decided about it.
type chains struct {
	domain *engine.Domain
	user   string
	trace  []engine.TraceStage
	now    time.Time
}

// all are the ways to the objects that decided, each with the rules of it that gave the action.
func (c *chains) all(decision *engine.Decision) []string {
	var lines []string
	for _, ref := range decision.DecidedBy {
		for _, way := range c.ways(ref) {
			line := strings.Join(way, " → ")
			if rules := c.rules(ref); len(rules) > 0 {
				line += " → " + strings.Join(rules, "; ")
			}
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// rules are the fields of an object that granted the action or denied it, with what was found in them.
func (c *chains) rules(of engine.Ref) []string {
	var rules []string
	for _, stage := range c.trace {
		for _, entry := range stage.Entries {
			if entry.Object != of || entry.Field == "" || entry.Code == engine.TraceRuleOtherAction || entry.Code == engine.TraceRuleNone {
				continue
			}
			switch stage.Stage {
			case "S6", "S7", "S8", "S9":
				rules = append(rules, entry.Field+" "+entry.Text())
			}
		}
	}
	return rules
}

// Expression is the text of the condition or validation that an entry of a trace is about; empty for another entry.
func Expression(d *engine.Domain, entry *engine.TraceEntry) string {
	object, _ := d.Lookup(entry.Object)
	kind, ok := kinds.Of(object)
	if !ok {
		return ""
	}
	for _, list := range kind.Parts(object).Rules {
		for i, rule := range *list.Rules {
			at := fmt.Sprintf("%s[%d]", list.Path, i)
			if entry.Field == at+".condition" {
				return string(rule.Condition)
			}
			for n := range rule.Validations {
				if entry.Field == fmt.Sprintf("%s.validations[%d]", at, n) {
					return string(rule.Validations[n].Expression)
				}
			}
		}
	}
	return ""
}

// ways are the ways from the user to an object: to a role over groups and the User, to a group over the groups in it,
// to anything else directly.
func (c *chains) ways(to engine.Ref) [][]string {
	start := []string{c.user}
	switch to.Kind {
	case engine.KindGroup:
		return [][]string{append(start, c.toGroup(to.Name, nil)...)}
	case engine.KindRole:
		var ways [][]string
		for _, via := range c.assigners(to.Name) {
			way := slices.Clone(start)
			if via.Kind == engine.KindGroup {
				way = append(way, c.toGroup(via.Name, nil)...)
			} else {
				way = append(way, via.String())
			}
			ways = append(ways, append(way, to.String()))
		}
		if len(ways) == 0 { // the public role, which no object assigns
			ways = append(ways, append(start, to.String()))
		}
		return ways
	default:
		return [][]string{append(start, to.String())}
	}
}

// groups are those that the user is in, according to the trace.
func (c *chains) groups() []string {
	var names []string
	for _, stage := range c.trace {
		if stage.Stage != "S3" {
			continue
		}
		for _, entry := range stage.Entries {
			if entry.Code == engine.TraceInGroup {
				names = append(names, entry.Object.Name)
			}
		}
	}
	return names
}

// assigners are the objects that assign the user a role now: its User, and groups that it is in.
func (c *chains) assigners(role string) []engine.Ref {
	assigns := func(refs []v1alpha1.RoleRef) bool {
		return slices.ContainsFunc(refs, func(ref v1alpha1.RoleRef) bool {
			return string(ref.Name) == role && engine.WindowReason(ref.TimeWindow, c.now) == v1alpha1.ReasonActive
		})
	}
	var assigners []engine.Ref
	for _, account := range c.domain.Accounts(c.user) {
		if assigns(account.Roles) {
			assigners = append(assigners, account.Ref)
		}
	}
	for _, name := range c.groups() {
		object, _ := c.domain.Lookup(engine.Ref{Kind: engine.KindGroup, Name: name})
		if group, ok := object.(*v1alpha1.Group); ok && assigns(group.Spec.Roles) {
			assigners = append(assigners, refOf(object))
		}
	}
	return assigners
}

// toGroup is the way to a group that the user is in, over the groups in it, innermost first.
func (c *chains) toGroup(name string, seen []string) []string {
	ref := engine.Ref{Kind: engine.KindGroup, Name: name}
	object, _ := c.domain.Lookup(ref)
	group, ok := object.(*v1alpha1.Group)
	if !ok {
		return []string{ref.String()}
	}
	direct := slices.ContainsFunc(group.Spec.Members, func(m v1alpha1.Member) bool {
		return string(m.User) == c.user && engine.WindowReason(m.TimeWindow, c.now) == v1alpha1.ReasonActive
	})
	if !direct {
		for _, inner := range group.Spec.Groups {
			if slices.Contains(c.groups(), string(inner)) && !slices.Contains(seen, string(inner)) {
				return append(c.toGroup(string(inner), append(seen, name)), ref.String())
			}
		}
	}
	return []string{ref.String()}
}
