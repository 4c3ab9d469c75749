package kinds

import (
	"fmt"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// Kind is the name of a kind, as manifests spell it.
type Kind string

// The kinds that a domain is compiled from.
const (
	ResourceType      Kind = "ResourceType"
	Role              Kind = "Role"
	Group             Kind = "Group"
	User              Kind = "User"
	UserSet           Kind = "UserSet"
	UserPermission    Kind = "UserPermission"
	UserPermissionSet Kind = "UserPermissionSet"
	SpecialPermission Kind = "SpecialPermission"
	RecordSet         Kind = "RecordSet"
	PermissionPolicy  Kind = "PermissionPolicy"
)

// Object is an object of any kind. It is the same interface as controller-runtime's client.Object.
type Object interface {
	metav1.Object
	runtime.Object
}

// Parts are what the objects of every kind have.
type Parts struct {
	// Spec and Status point at those of the object.
	Spec, Status any
	// Common points at the part of the status that all kinds share.
	Common *v1alpha1.CommonStatus
	// Rules are the object's lists of rules; none for most kinds.
	Rules []RuleList
}

// RuleList is a list of rules in an object.
type RuleList struct {
	// Path of the field, such as "spec.rules".
	Path string
	// Rules points at the list in the object.
	Rules *[]v1alpha1.Rule
	// Inert means that no decision reads the rules.
	Inert bool
}

// Row is one kind.
type Row struct {
	Kind Kind
	// Resource is the plural, as in the paths of the API server, in RBAC and in webhook rules.
	Resource string
	// Key stands for the kind in revisions. Callers keep revisions, and so does the admission ledger, across upgrades:
	// a key never changes, and the key of a kind that is removed is never given to another.
	Key string

	goType reflect.Type
	create func() Object
	parts  func(Object) Parts
}

// GVK returns the kind with the API's group and version.
func (r *Row) GVK() schema.GroupVersionKind { return v1alpha1.GroupVersion.WithKind(string(r.Kind)) }

// GroupResource returns the kind's resource, as errors of the API server name it.
func (r *Row) GroupResource() schema.GroupResource {
	return v1alpha1.GroupVersion.WithResource(r.Resource).GroupResource()
}

// New returns an empty object of the kind.
func (r *Row) New() Object { return r.create() }

// Parts returns those of an object of the kind. They are the object's own, not copies. It panics on an object of
// another kind.
func (r *Row) Parts(object Object) Parts { return r.parts(object) }

// HasRules reports whether objects of the kind have rules.
func (r *Row) HasRules() bool { return len(r.parts(r.create()).Rules) > 0 }

// row makes a row. Whatever a kind must have is a parameter, so that a row that lacks it does not compile.
func row[T any, P interface {
	*T
	Object
}](kind Kind, resource, key string, parts func(P) Parts) *Row {
	return &Row{
		Kind: kind, Resource: resource, Key: key,
		goType: reflect.TypeFor[P](),
		create: func() Object { return P(new(T)) },
		parts: func(object Object) Parts {
			typed, ok := object.(P)
			if !ok {
				panic(fmt.Sprintf("kinds: %T is no %s", object, kind)) // a caller's mistake, never input
			}
			return parts(typed)
		},
	}
}

// Table has every kind once. Its order is that in which tools list objects.
var Table = []*Row{
	row(ResourceType, "resourcetypes", "rt", func(o *v1alpha1.ResourceType) Parts {
		return Parts{&o.Spec, &o.Status, &o.Status.CommonStatus, nil}
	}),
	row(Role, "roles", "ro", func(o *v1alpha1.Role) Parts {
		return Parts{&o.Spec, &o.Status, &o.Status.CommonStatus, []RuleList{{"spec.rules", &o.Spec.Rules, false}}}
	}),
	row(Group, "groups", "gr", func(o *v1alpha1.Group) Parts {
		return Parts{&o.Spec, &o.Status, &o.Status.CommonStatus, []RuleList{{"spec.rules", &o.Spec.Rules, false}}}
	}),
	row(User, "users", "us", func(o *v1alpha1.User) Parts {
		return Parts{&o.Spec, &o.Status, &o.Status.CommonStatus, nil}
	}),
	row(UserSet, "usersets", "ux", func(o *v1alpha1.UserSet) Parts {
		return Parts{&o.Spec, &o.Status, &o.Status.CommonStatus, nil}
	}),
	row(UserPermission, "userpermissions", "up", func(o *v1alpha1.UserPermission) Parts {
		return Parts{&o.Spec, &o.Status, &o.Status.CommonStatus, nil}
	}),
	row(UserPermissionSet, "userpermissionsets", "ps", func(o *v1alpha1.UserPermissionSet) Parts {
		return Parts{&o.Spec, &o.Status, &o.Status.CommonStatus, nil}
	}),
	row(SpecialPermission, "specialpermissions", "sp", func(o *v1alpha1.SpecialPermission) Parts {
		return Parts{&o.Spec, &o.Status, &o.Status.CommonStatus, nil}
	}),
	row(RecordSet, "recordsets", "rs", func(o *v1alpha1.RecordSet) Parts {
		return Parts{&o.Spec, &o.Status, &o.Status.CommonStatus, nil}
	}),
	row(PermissionPolicy, "permissionpolicies", "pp", func(o *v1alpha1.PermissionPolicy) Parts {
		return Parts{&o.Spec, &o.Status, &o.Status.CommonStatus, []RuleList{
			{"spec.appAccessRules", &o.Spec.AppAccessRules, false},
			{"spec.recommendedRules", &o.Spec.RecommendedRules, true},
		}}
	}),
}

var (
	byKind = map[Kind]*Row{}
	byType = map[reflect.Type]*Row{}
)

func init() {
	for _, row := range Table {
		byKind[row.Kind], byType[row.goType] = row, row
	}
}

// Names returns all kinds in the order of the table.
func Names() []Kind {
	names := make([]Kind, len(Table))
	for i, row := range Table {
		names[i] = row.Kind
	}
	return names
}

// Find returns the row of a kind; false for a name that no kind has.
func Find(kind Kind) (*Row, bool) {
	r, ok := byKind[kind]
	return r, ok
}

// Of returns the row of an object's kind. It is false where there is no object, be it a nil interface or a nil pointer,
// and for types that no domain is compiled from.
func Of(object metav1.Object) (*Row, bool) {
	r, ok := byType[reflect.TypeOf(object)]
	if !ok || reflect.ValueOf(object).IsNil() {
		return nil, false
	}
	return r, true
}

// Compare orders kinds as the table does; kinds that are not in it come last.
func Compare(a, b Kind) int { return position(a) - position(b) }

func position(kind Kind) int {
	if i := slices.IndexFunc(Table, func(r *Row) bool { return r.Kind == kind }); i >= 0 {
		return i
	}
	return len(Table)
}

// SameSpec reports whether two objects have semantically equal specs. It is false for objects of two kinds, and for
// anything that is no object of a domain: a caller that skips work for equal specs does not skip it for those.
func SameSpec(a, b Object) bool {
	row, ok := Of(a)
	other, known := Of(b)
	return ok && known && row == other && equality.Semantic.DeepEqual(row.Parts(a).Spec, row.Parts(b).Spec)
}
