package permissiontest

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/manifests"
)

// Result is how one test went.
type Result struct {
	// File and Line are where the test stands; Suite is the name of its PermissionTest.
	File  string
	Line  int
	Suite string
	Test  string
	// Differences are the keys that are not as expected.
	Differences []Difference
	// Err is why there is nothing to compare.
	Err error
	// Notes help to understand a difference: the errors and warnings of an admission.
	Notes []string
	// Warnings tell of names that the domain does not know.
	Warnings []string
	Duration time.Duration
}

// Passed says that everything is as expected.
func (r *Result) Passed() bool { return r.Err == nil && len(r.Differences) == 0 }

// Runner runs tests. Manifests that several of them name are read and compiled once.
type Runner struct {
	// Clock is for tests that fix no time.
	Clock clock.PassiveClock
	// Only are the tests to run, by "suite/test"; nil: all.
	Only *regexp.Regexp

	domains map[string]*compiled // by the paths of the manifests
}

// compiled are the manifests that tests name, and what of them the tests have used.
type compiled struct {
	manifests []string
	domain    *engine.Domain
	err       error
	covered
}

// Manifests are the existing files and folders that the PermissionTests below paths name, sorted. What cannot
// be read names none.
func Manifests(paths []string) []string {
	files, _ := manifests.Files(paths) // running them tells
	named := map[string]bool{}
	for _, file := range files {
		suites, _ := suitesIn(file)
		for _, s := range suites {
			for _, path := range s.manifests {
				if _, err := os.Stat(path); err == nil {
					named[path] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(named))
}

// Run runs the PermissionTests of a file; a file without one has no results. The error, of type
// manifests.Problems, is about the file or the manifests that it names: of that PermissionTest no test
// has run.
func (r *Runner) Run(file string) ([]Result, error) {
	suites, err := suitesIn(file)
	if err != nil {
		return nil, err
	}
	var results []Result
	var problems manifests.Problems
	for _, s := range suites {
		c := r.compiledFor(s)
		if c.err != nil {
			problems = append(problems, s.document.Problem("spec.manifests", c.err.Error()))
			continue
		}
		for i := range s.tests {
			if t := &s.tests[i]; r.Only == nil || r.Only.MatchString(s.name+"/"+t.Name) {
				results = append(results, r.run(s, t, c))
			}
		}
	}
	if len(problems) > 0 {
		return results, problems
	}
	return results, nil
}

func (r *Runner) compiledFor(s *suite) *compiled {
	key := strings.Join(s.manifests, "\x00")
	c, ok := r.domains[key]
	if !ok {
		c = &compiled{manifests: s.manifests, covered: covered{deciding: map[string]bool{}, asked: map[string]bool{}}}
		c.domain, c.err = compile(s.manifests)
		if r.domains == nil {
			r.domains = map[string]*compiled{}
		}
		r.domains[key] = c
	}
	return c
}

// compile makes the domain of manifests, whose objects must all be of one namespace.
func compile(paths []string) (*engine.Domain, error) {
	items, err := manifests.Load(paths, metav1.NamespaceDefault)
	if err == nil {
		err = manifests.CheckBuiltInRoles(items)
	}
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		if first := items[0]; item.Object.GetNamespace() != first.Object.GetNamespace() {
			return nil, fmt.Errorf("the objects are of several domains: %s:%d is in namespace %s, %s:%d in %s; name those of one",
				first.File, first.Line, first.Object.GetNamespace(), item.File, item.Line, item.Object.GetNamespace())
		}
	}
	return engine.Compile(manifests.Objects(items)), nil
}

func (r *Runner) run(s *suite, t *test, c *compiled) Result {
	began := time.Now()
	got, err := t.evaluate(c.domain, t.moment(s, r.Clock))
	c.note(t, got)
	result := Result{Warnings: t.unknownNames(c.domain), File: s.document.File, Line: t.line, Suite: s.name, Test: t.Name, Err: err, Duration: time.Since(began)}
	if err == nil {
		result.Differences, result.Notes = compare(t.want, got.values), got.notes
	}
	return result
}

// answer is what a test compares: values by the keys that it may expect.
type answer struct {
	values map[string]any
	notes  []string
	// decidedBy are the objects that it comes from, as Kind/name.
	decidedBy []string
}

func (t *test) evaluate(domain *engine.Domain, now time.Time) (answer, error) {
	switch {
	case t.Request != nil:
		return decide(domain, t.Request.forEngine(), now)
	case t.Search != nil:
		return search(domain, t.Search, now)
	case t.Effective != nil:
		return effective(domain, t.Effective, now)
	case t.Admit != nil:
		return admit(domain, t.Admit, now)
	}
	return filtered(domain, t.Filter, now)
}

// The decisions.
const (
	allow = "allow"
	deny  = "deny"
)

func decide(domain *engine.Domain, req *engine.Request, now time.Time) (answer, error) {
	d, err := domain.Decide(req, now)
	if err != nil {
		return answer{}, err
	}
	decision := deny
	if d.Allow {
		decision = allow
	}
	violations := make([]string, len(d.Violations))
	for i, v := range d.Violations {
		violations[i] = v.Field
	}
	return answer{decidedBy: engine.RefTexts(d.DecidedBy), values: map[string]any{
		"decision":           decision,
		"reason":             string(d.Reason),
		"fields":             list(d.Fields),
		"exceptFields":       list(d.ExceptFields),
		"presets":            exact(d.Presets),
		"missingProperties":  list(d.MissingProperties),
		"missingContext":     list(d.MissingContext),
		"violations":         list(violations),
		"stepUp":             list(d.StepUp),
		"validationMessages": list(d.ValidationMessages),
	}}, nil
}

// The kinds of searches.
const (
	searchSubject  = "subject"
	searchResource = "resource"
	searchAction   = "action"
)

func search(domain *engine.Domain, asked *searchAsked, now time.Time) (answer, error) {
	find := map[string]func(*engine.Request, time.Time) ([]string, error){
		searchSubject:  domain.SearchSubjects,
		searchResource: domain.SearchResources,
		searchAction:   domain.SearchActions,
	}[asked.Kind]
	results, err := find(asked.Request.forEngine(), now)
	if err != nil {
		return answer{}, err
	}
	return answer{values: map[string]any{"results": list(results)}}, nil
}

// filtered runs a filter over the records of the test.
func filtered(domain *engine.Domain, asked *filterAsked, now time.Time) (answer, error) {
	filter, err := domain.Filter(asked.Request.forEngine(), now)
	if err != nil {
		return answer{}, err
	}
	var ids []string
	for _, r := range asked.Records {
		if filter.Condition.Matches(r.ID, r.Properties) {
			ids = append(ids, r.ID)
		}
	}
	return answer{values: map[string]any{"matches": list(ids)}, decidedBy: engine.RefTexts(filter.DecidedBy)}, nil
}

func effective(domain *engine.Domain, asked *effectiveUser, now time.Time) (answer, error) {
	if asked.Resource == "" {
		found, err := domain.Effective(asked.User, now)
		if err != nil {
			return answer{}, err
		}
		status, err := asJSON(found)
		return answer{values: status}, err
	}
	permission, ok, err := domain.EffectiveOn(asked.User, asked.Resource, now)
	if err != nil {
		return answer{}, err
	}
	if !ok {
		return answer{}, fmt.Errorf("the manifests have no resource type %q", asked.Resource)
	}
	level, err := asJSON(permission)
	return answer{values: level, decidedBy: slices.Concat(permission.DecidedBy, permission.RestrictedBy)}, err
}

func list(texts []string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}
