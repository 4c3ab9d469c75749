package explain

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/remit-authz/remit/internal/engine"
)

// Remedy is a way from a denial to an allow: one change, or as few as it takes. Every remedy has been tried: its
// changes were made to a copy of the domain, and the request was decided again.
type Remedy struct {
	Steps []Step `json:"steps"`
	// OthersAffected is the number of other known users whose effective permissions change with it.
	OthersAffected int `json:"othersAffected"`
	// Gained and Lost are the numbers of actions that the user gains and loses on any type, besides the one that was
	// asked for.
	Gained int `json:"gained"`
	Lost   int `json:"lost"`
	// Apply are the objects to write. An object that is to be deleted is not among them.
	Apply []engine.Object `json:"apply,omitempty"`
}

// Step is one change.
type Step struct {
	// Object, as Kind/name, and Field to change; empty where the request is to be another one.
	Object string `json:"object,omitempty"`
	Field  string `json:"field,omitempty"`
	// Change is a clause about what to do.
	Change string `json:"change"`

	// identity is what the step does, whatever a new object is called: two steps of one identity are the same.
	identity string
}

const (
	// maxSteps is how many changes a remedy has at most.
	maxSteps = 3
	// maxRemedies is how many remedies are offered.
	maxRemedies = 5
	// maxTried bounds how many changes are tried altogether.
	maxTried = 5000
	// maxUnfinished bounds from how many denials a further change is looked for.
	maxUnfinished = 20
)

// attempt is a state on the way: what was changed so far, and how the request is decided then.
type attempt struct {
	domain   *engine.Domain
	request  *engine.Request
	decision engine.Decision
	steps    []Step
	apply    []engine.Object
	deltas   []*engine.Delta
}

// FindRemedies finds the smallest changes that allow a request which is denied as of now, the narrowest first.
func FindRemedies(d *engine.Domain, request *engine.Request, denial *engine.Decision, now time.Time) []Remedy {
	s := &search{before: d, now: now, seen: map[string]bool{}}
	states := []*attempt{{domain: d, request: request, decision: *denial}}
	for range maxSteps {
		var unfinished []*attempt
		var found []Remedy
		for _, state := range states {
			for _, next := range s.expand(state) {
				if next.decision.Allow {
					found = append(found, s.measure(next))
				} else if isFurther(&state.decision, &next.decision) && len(unfinished) < maxUnfinished {
					unfinished = append(unfinished, next)
				}
			}
		}
		if len(found) > 0 {
			slices.SortStableFunc(found, compareRemedies)
			return found[:min(len(found), maxRemedies)]
		}
		states = unfinished
	}
	return nil
}

// isFurther reports whether a change brought a decision further: a later stage denies, or the same one for less.
func isFurther(before, after *engine.Decision) bool {
	return before.Reason != after.Reason || len(after.Violations) < len(before.Violations) ||
		len(after.StepUp) < len(before.StepUp) || len(after.MissingProperties) < len(before.MissingProperties) ||
		len(after.MissingContext)+len(after.MissingRequest) < len(before.MissingContext)+len(before.MissingRequest) ||
		len(after.DecidedBy) < len(before.DecidedBy)
}

func compareRemedies(a, b Remedy) int {
	return cmp.Or(cmp.Compare(a.OthersAffected, b.OthersAffected), cmp.Compare(a.Gained+a.Lost, b.Gained+b.Lost),
		cmp.Compare(len(a.Steps), len(b.Steps)))
}

// search looks for remedies.
type search struct {
	before *engine.Domain
	now    time.Time
	tried  int
	// seen are the sets of steps that have been tried, in whichever order.
	seen map[string]bool
}

// isNew reports whether a set of steps has not been tried before.
func (s *search) isNew(steps []Step) bool {
	identities := make([]string, len(steps))
	for i := range steps {
		identities[i] = steps[i].identity
	}
	slices.Sort(identities)
	set := strings.Join(identities, "\n")
	if s.seen[set] {
		return false
	}
	s.seen[set] = true
	return true
}

// measure counts what a remedy changes besides.
func (s *search) measure(a *attempt) Remedy {
	r := Remedy{Steps: a.steps, Apply: a.apply}
	user := a.request.Subject.ID
	touched := map[string]bool{}
	for _, delta := range a.deltas {
		affected := delta.Affected()
		users := affected.Users
		if affected.All {
			users = a.domain.Users()
		}
		for _, name := range users {
			touched[name] = true
		}
	}
	for name := range touched {
		if name == user {
			continue
		}
		if gained, lost := s.difference(a.domain, name, nil); gained+lost > 0 {
			r.OthersAffected++
		}
	}
	if touched[user] {
		r.Gained, r.Lost = s.difference(a.domain, user, a.request)
	}
	return r
}

// difference counts the actions that a user gains or loses, conditionally or not, but for the one asked for.
func (s *search) difference(after *engine.Domain, user string, but *engine.Request) (gained, lost int) {
	actions := func(d *engine.Domain) map[[2]string]int {
		levels := map[[2]string]int{}
		status, _ := d.Effective(user, s.now) // nothing, where it costs too much to tell
		for i := range status.Permissions {
			p := &status.Permissions[i]
			for _, action := range p.Conditional {
				levels[[2]string{p.Resource, action}] = 1
			}
			for _, action := range p.Allowed {
				levels[[2]string{p.Resource, action}] = 2
			}
		}
		return levels
	}
	was, is := actions(s.before), actions(after)
	asked := [2]string{}
	if but != nil {
		asked = [2]string{but.Resource.Type, but.Action.Name}
	}
	for key, level := range is {
		if level > was[key] && key != asked {
			gained++
		}
	}
	for key, level := range was {
		if level > is[key] && key != asked {
			lost++
		}
	}
	return gained, lost
}
