package admission

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
)

// Operation is what happens to the object, as admission requests name it.
type Operation string

// The operations.
const (
	Create Operation = "CREATE"
	Update Operation = "UPDATE"
	Delete Operation = "DELETE"
)

// UserInfo is the Kubernetes user who writes.
type UserInfo struct {
	Name   string
	Groups []string
	// MayEscalate reports whether Kubernetes' RBAC lets the user escalate roles.permissions.remit.dev in the namespace
	// (A7). It is called only if the answer matters; nil means that it does not.
	MayEscalate func() bool
}

// Change is one object written or deleted.
type Change struct {
	Operation Operation
	// Object is the new object. For a Delete it is not needed; if Old is nil, it names what is deleted.
	Object engine.Object
	// Old is the object before an Update or Delete. Where it is nil, the domain's own is taken.
	Old engine.Object
	// User who writes; only A7 looks at it.
	User UserInfo
	// Promised are objects that the same user is about to store, as it has tried in a dry run: A2 counts on those that no
	// rule is against.
	Promised []engine.Object
	// MemoryLimit is how many bytes of memory the domain may take after the change, by engine.Domain.Size; 0: any number. A
	// change that does not make the domain larger is within it.
	MemoryLimit int64
	// NamespaceTerminating says that the namespace is itself being deleted.
	NamespaceTerminating bool
	// Now is the time at which time windows are read.
	Now time.Time
}

// Result is what admission says of a change.
type Result struct {
	// Errors reject the change. Each names the path, the value, what is wrong, the other object where there
	// is one, and what to do; and at its end the rule, in parentheses.
	Errors field.ErrorList
	// Codes are the rules broken ("A1" to "A7"), sorted, each once. Errors without a rule, about a change
	// that is none, have no code.
	Codes []string
	// Warnings are a sentence each, about an object that is admitted and may not do what its author wants.
	Warnings []string
	// Claims are what no other change may touch while this one is admitted and not yet known to be stored.
	Claims []Claim
}

type rule struct {
	code  string
	check func(*review) field.ErrorList
}

// rules are those of the section "Object rules", in their order. Each returns its errors without the code.
func rules() []rule {
	return []rule{
		{"A1", builtInRoles},
		{"A2", lastAdmin},
		{"A3", identities},
		{"A4", defaults},
		{"A5", duplicates},
		{"A6", objectAlone},
		{"A7", escalation},
	}
}

// Review judges a change to a domain by all rules. d is the domain before the change; it may be empty.
//
// An Update that leaves the spec as it is breaks no rule: labels, finalizers and owner references can change
// on objects that were stored before a rule forbade them.
func Review(d *engine.Domain, change Change) Result {
	r, err := newReview(d, change)
	if err != nil {
		return Result{Errors: field.ErrorList{err}}
	}
	var result Result
	r.judge(&result)
	result.Warnings = warnings(r)
	if len(result.Errors) == 0 && len(r.handedOver) > 0 {
		result.Warnings = append(result.Warnings, fmt.Sprintf("%s the last admin of the domain, and nobody is until what you have tried in a dry run is stored: %s.",
			are(r.handedOver), listed(r.Promised)))
	}
	result.Claims = claims(r)
	return result
}

// Promises reports whether A2 may admit another change for the sake of this one: see Change.Promised.
func Promises(d *engine.Domain, change Change) bool {
	r, err := newReview(d, change)
	return err == nil && r.promises()
}

// judge applies the rules, but for some.
func (r *review) judge(result *Result, except ...string) {
	if r.Exempt() || r.Operation == Update && kinds.SameSpec(r.Old, r.Object) {
		return
	}
	for _, rule := range rules() {
		if !slices.Contains(except, rule.code) {
			result.add(rule.code, rule.check(r))
		}
	}
	result.Errors = append(result.Errors, memory(r)...)
}

// CheckObject judges an object by itself (A6): what a webhook can refuse without knowing the domain.
func CheckObject(object engine.Object) Result {
	r, err := newReview(nil, Change{Operation: Create, Object: object})
	if err != nil {
		return Result{Errors: field.ErrorList{err}}
	}
	var result Result
	result.add("A6", objectAlone(r))
	return result
}

func (r *Result) add(code string, errs field.ErrorList) {
	for _, err := range errs {
		err.Detail += " (" + code + ")"
	}
	if len(errs) > 0 {
		r.Errors = append(r.Errors, errs...)
		r.Codes = append(r.Codes, code) // rules come in the order of their codes
	}
}

// review is a change between two states of a domain.
type review struct {
	// Change has Object nil for a Delete; Old nil for a Create, and for what the domain does not know.
	Change
	ref           engine.Ref
	before, after *engine.Domain
	// delta finds the users whose answers the change may alter.
	delta *engine.Delta
	// handedOver are the last admins, if the change takes that away and is admitted for the sake of what is promised.
	handedOver []string
}

func newReview(d *engine.Domain, change Change) (*review, *field.Error) {
	object := change.Object
	kind, ok := kinds.Of(object)
	if !ok && change.Operation == Delete {
		object = change.Old
		kind, ok = kinds.Of(object)
	}
	if !ok {
		return nil, field.InternalError(field.NewPath("object"), fmt.Errorf("an object of type %T has no rules to be judged by", object))
	}
	if d == nil {
		d = engine.Compile(nil)
	}
	r := &review{Change: change, ref: engine.Ref{Kind: kind.Kind, Name: object.GetName()}, before: d}
	stored, known := d.Lookup(r.ref)
	if oldKind, ok := kinds.Of(r.Old); !ok || oldKind != kind {
		r.Old = nil
	}
	switch change.Operation {
	case Create:
		r.Old = nil
		r.after, r.delta = d.With(engine.Put(object))
	case Update:
		if r.Old == nil {
			r.Old = stored
		} else if !known || !kinds.SameSpec(stored, r.Old) {
			// The API server knows better than the domain what is replaced.
			r.before, _ = d.With(engine.Put(r.Old))
		}
		r.after, r.delta = r.before.With(engine.Put(object))
	case Delete:
		r.Object = nil
		if known {
			r.Old = stored
		} else {
			if r.Old == nil {
				r.Old = object
			}
			r.before, _ = d.With(engine.Put(r.Old))
		}
		r.after, r.delta = r.before.With(engine.Remove(r.ref))
	default:
		return nil, field.InternalError(field.NewPath("object"), fmt.Errorf("the operation %q has no rules to be judged by", change.Operation))
	}
	return r, nil
}

// Kubernetes' own identities that delete what is to go anyway: what has no owner any more, and what is in a namespace
// that is being deleted. kube-controller-manager does both under its own name unless it is told to use service accounts.
var collectors = []string{
	"system:kube-controller-manager",
	"system:serviceaccount:kube-system:generic-garbage-collector",
	"system:serviceaccount:kube-system:namespace-controller",
}

// Exempt reports whether no rule applies: a deletion in a namespace that is itself being deleted, whoever asks, or by the
// garbage collector.
func (c *Change) Exempt() bool {
	return c.Operation == Delete && (c.NamespaceTerminating || slices.Contains(collectors, c.User.Name))
}

// resourceTypes are those of a domain that count, sorted by what it calls them.
func resourceTypes(d *engine.Domain) []*v1alpha1.ResourceType {
	var types []*v1alpha1.ResourceType
	for _, name := range d.ResourceTypes() {
		t, _ := d.ResourceType(name)
		types = append(types, t)
	}
	return types
}

// objectsOf returns the objects of a kind, sorted by name.
func objectsOf[O engine.Object](d *engine.Domain, kind engine.Kind) []O {
	objects := d.Objects(kind)
	typed := make([]O, 0, len(objects))
	for _, object := range objects {
		if o, ok := object.(O); ok {
			typed = append(typed, o)
		}
	}
	return typed
}
