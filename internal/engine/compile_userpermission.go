package engine

import (
	"fmt"
	"slices"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// userPermission is what a UserPermission, or an entry of a UserPermissionSet, says.
type userPermission struct {
	name            string  // of the object; of an entry <set>/<entry>
	from            *header // of the object, or of the set
	user            string
	allow           string
	values          []string // sorted if there are more than a few
	applicableFor   []string
	hideDescendants bool
	window          window
	rare            *rareUserPermission

	roots atomic.Pointer[roots] // the last ones
}

// rareUserPermission is what few user permissions have.
type rareUserPermission struct {
	group    string
	standard string   // spec.default, which is a default if it is one of the values
	listed   []string // the values as they are listed; nil: in their order

	exceptFor []string
	actions   []string
	named     actionNames // of actions
}

// fewValues is up to how many values of a user permission are compared one by one.
const fewValues = 8

func (p *userPermission) ref() Ref { return Ref{KindUserPermission, p.name} }

// permissionObject is the object that a user permission is in, by its name: a UserPermission, or for <set>/<entry> a
// UserPermissionSet.
func permissionObject(name string) Ref {
	if set, _, ok := v1alpha1.SplitEntryName(name); ok {
		return Ref{KindUserPermissionSet, set}
	}
	return Ref{KindUserPermission, name}
}

func (p *userPermission) compile(at string, spec *v1alpha1.UserPermissionSpec, problems *[]Problem) {
	p.user = string(spec.User)
	p.allow = intern(string(spec.Allow))
	p.values = texts(spec.ForValues)
	p.applicableFor = texts(spec.ApplicableFor)
	p.hideDescendants = spec.HideDescendants
	rare := rareUserPermission{
		group: string(spec.Group), standard: string(spec.Default),
		exceptFor: texts(spec.ExceptFor), actions: texts(spec.Actions), named: namesOfActions(spec.Actions),
	}
	if len(p.values) > fewValues && !slices.IsSorted(p.values) {
		rare.listed = slices.Clone(p.values)
		slices.Sort(p.values)
	}
	if rare.group != "" || rare.standard != "" || rare.listed != nil || len(rare.exceptFor)+len(rare.actions) > 0 {
		p.rare = &rare
	}
	if (p.user == "") == (rare.group == "") {
		*problems = append(*problems, Problem{
			Reason: v1alpha1.ReasonInvalid, Path: at + ".user", Value: p.user, Message: "give exactly one of user, group",
		})
	}
	if len(p.applicableFor) > 0 && len(rare.exceptFor) > 0 {
		*problems = append(*problems, Problem{
			Reason: v1alpha1.ReasonInvalid, Path: at + ".exceptFor", Message: "give applicableFor or exceptFor, not both; it acts on none of exceptFor",
		})
	}
	if i := slices.Index(rare.actions, v1alpha1.Any); i >= 0 {
		*problems = append(*problems, Problem{
			Reason: v1alpha1.ReasonInvalid, Path: fmt.Sprintf("%s.actions[%d]", at, i), Value: v1alpha1.Any, Message: `leave actions empty for all; "*" is not written`,
		})
	}
	p.window = checkedWindow(at, spec.TimeWindow, problems)
}

// spec is the permission as it is written.
func (p *userPermission) spec() v1alpha1.UserPermissionSpec {
	spec := v1alpha1.UserPermissionSpec{
		User: v1alpha1.UserID(p.user), Group: v1alpha1.Name(p.group()), Allow: v1alpha1.Name(p.allow),
		ForValues: named[v1alpha1.RecordID](p.values), ApplicableFor: named[v1alpha1.Name](p.applicableFor),
		HideDescendants: p.hideDescendants, TimeWindow: p.window.source(),
	}
	if p.rare != nil {
		spec.Default = v1alpha1.RecordID(p.rare.standard)
		spec.ExceptFor, spec.Actions = named[v1alpha1.Name](p.rare.exceptFor), named[v1alpha1.Token](p.rare.actions)
		if p.rare.listed != nil {
			spec.ForValues = named[v1alpha1.RecordID](p.rare.listed)
		}
	}
	return spec
}

// object is the UserPermission, or what an entry counts as, as far as it decides anything.
func (p *userPermission) object() *v1alpha1.UserPermission {
	object := &v1alpha1.UserPermission{ObjectMeta: p.from.meta(), Spec: p.spec()}
	object.Name = p.name
	return object
}

// same reports whether two permissions are the same entry of the same set.
func (p *userPermission) same(q *userPermission) bool {
	return p.from.sameObject(q.from) && p.name == q.name && equality.Semantic.DeepEqual(p.spec(), q.spec())
}

// userPermissionObject is a compiled UserPermission.
type userPermissionObject struct {
	header
	permission userPermission
}

func compileUserPermission(object *v1alpha1.UserPermission) *userPermissionObject {
	var problems []Problem
	p := &userPermissionObject{permission: userPermission{name: object.Name}}
	p.permission.compile("spec", &object.Spec, &problems)
	p.header = newHeader(object, problems)
	p.permission.from = &p.header
	return p
}

// userPermissionSet is a compiled UserPermissionSet.
type userPermissionSet struct {
	header
	entries []*userPermission
}

func compileUserPermissionSet(object *v1alpha1.UserPermissionSet) *userPermissionSet {
	var problems []Problem
	from := newHeader(object, nil)
	name := func(e *v1alpha1.UserPermissionEntry) (field, key string) { return "name", string(e.Name) }
	s := &userPermissionSet{entries: compileEntries("spec.permissions", object.Spec.Permissions, name, &problems,
		func(at string, e *v1alpha1.UserPermissionEntry) *userPermission {
			p := &userPermission{name: object.UserPermission(e).Name, from: &from}
			p.compile(at, &e.UserPermissionSpec, &problems)
			return p
		})}
	s.header = newHeader(object, problems)
	return s
}

// permissions are the entries; a nil set has none.
func (s *userPermissionSet) permissions() []*userPermission {
	if s == nil {
		return nil
	}
	return s.entries
}

// object is the UserPermissionSet, as far as it decides anything.
func (s *userPermissionSet) object() *v1alpha1.UserPermissionSet {
	object := &v1alpha1.UserPermissionSet{ObjectMeta: s.meta()}
	for _, p := range s.entries {
		_, name, _ := v1alpha1.SplitEntryName(p.name)
		object.Spec.Permissions = append(object.Spec.Permissions, v1alpha1.UserPermissionEntry{Name: v1alpha1.Name(name), UserPermissionSpec: p.spec()})
	}
	return object
}

// permissionEntry is the entry of a set by its whole name, <set>/<entry>; nil if there is none.
func (d *Domain) permissionEntry(name string) *userPermission {
	set, _ := d.userPermissionSets.get(permissionObject(name).Name)
	for _, p := range set.permissions() {
		if p.name == name {
			return p
		}
	}
	return nil
}

// group is the name of the group whose members the permission restricts, or empty.
func (p *userPermission) group() string {
	if p.rare == nil {
		return ""
	}
	return p.rare.group
}

// fallback is the default of links to the type (S11); empty: there is none.
func (p *userPermission) fallback() string {
	if p.rare == nil || p.rare.standard == "" || !p.names(p.rare.standard) {
		return ""
	}
	return p.rare.standard
}
