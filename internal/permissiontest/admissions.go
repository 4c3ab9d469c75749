package permissiontest

import (
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/manifests"
)

// Admission is a test of an admission, for whoever asks a real API server instead of this package.
type Admission struct {
	// Suite and Test name the test, File and Line its place.
	Suite, Test, File string
	Line              int
	// Objects are those of the manifests.
	Objects []engine.Object
	Now     time.Time
	// Operation and Object are what is done; of a Delete, Object is only a name. BuiltIn is the role that the operator
	// would have made for it to be done to; nil if none is missing.
	Operation admission.Operation
	Object    json.RawMessage
	BuiltIn   engine.Object
	// User and Groups are those of the Kubernetes user who writes; both empty: one whom A7 does not bind.
	User   string
	Groups []string

	// Code is the rule that a refusal is expected to name; empty: none.
	Code string

	want values
}

// Compare gives what is not as expected: codes are the rules that a refusal names.
func (a *Admission) Compare(admitted bool, codes []string, warned bool) []Difference {
	return compare(a.want, map[string]any{"admitted": admitted, "code": oneOf(codes), "warnings": warned})
}

// Admissions gives the tests of admissions among those of a file, in their order.
func Admissions(file string, clock clock.PassiveClock) ([]Admission, error) {
	suites, err := suitesIn(file)
	if err != nil {
		return nil, err
	}
	var found []Admission
	for _, s := range suites {
		var objects []engine.Object
		for i := range s.tests {
			t := &s.tests[i]
			if t.Admit == nil {
				continue
			}
			if objects == nil {
				items, err := manifests.Load(s.manifests, metav1.NamespaceDefault)
				if err != nil {
					return nil, err
				}
				objects = manifests.Objects(items)
			}
			a := Admission{
				Suite: s.name, Test: t.Name, File: file, Line: t.line, Objects: objects, Now: t.moment(s, clock),
				Code: t.Expect.Code, Operation: t.Admit.Operation, Object: t.Admit.Object, User: t.Admit.As.User, Groups: t.Admit.As.Groups, want: t.want,
			}
			domain := engine.Compile(objects)
			ref := engine.Ref{Kind: engine.Kind(t.Admit.named.Kind), Name: t.Admit.named.Name}
			if _, exists := domain.Lookup(ref); !exists && t.Admit.Operation != admission.Create {
				a.BuiltIn, _ = builtIn(domain, ref)
			}
			found = append(found, a)
		}
	}
	return found, nil
}

// moment is the time of a test.
func (t *test) moment(s *suite, clock clock.PassiveClock) time.Time {
	switch {
	case !t.now.IsZero():
		return t.now
	case !s.now.IsZero():
		return s.now
	}
	return clock.Now()
}
