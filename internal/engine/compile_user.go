package engine

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// user is what the domain's objects say of one known user: one that a User, a Group's members, a
// UserPermission or a SpecialPermission names.
type user struct {
	id          string
	first       *account          // the User object that counts, or nil
	memberships []membership      // by group
	permissions []*userPermission // its own, by name
	rare        *rareUser

	roleSet atomic.Pointer[roleSet] // the last one
	// exceptional means that more than rules and user permissions decide: the user is disabled or a superuser (S2, S4),
	// or there are special permissions (S6).
	exceptional bool
}

// rareUser is what few users have.
type rareUser struct {
	rivals             []*account           // the User objects of the same id that do not count, by age
	specialPermissions []*specialPermission // by name
}

// account is the User object that counts, or nil.
func (u *user) account() *account {
	if u == nil {
		return nil
	}
	return u.first
}

// accounts returns a list of the User objects of the id, the one that counts first.
func (u *user) accounts() []*account {
	if u.account() == nil {
		return nil
	}
	accounts := []*account{u.first}
	if u.rare != nil {
		accounts = append(accounts, u.rare.rivals...)
	}
	return accounts
}

// specialPermissions are those special permissions of the user, by name.
func (u *user) specialPermissions() []*specialPermission {
	if u.rare == nil {
		return nil
	}
	return u.rare.specialPermissions
}

func (u *user) setAccounts(accounts []*account) {
	u.first = nil
	if len(accounts) > 0 {
		u.first, accounts = accounts[0], accounts[1:]
	}
	u.setRare(rareUser{accounts, u.specialPermissions()})
}

func (u *user) setSpecialPermissions(specialPermissions []*specialPermission) {
	rare := rareUser{specialPermissions: specialPermissions}
	if u.rare != nil {
		rare.rivals = u.rare.rivals
	}
	u.setRare(rare)
}

func (u *user) setRare(rare rareUser) {
	u.rare = nil
	if len(rare.rivals)+len(rare.specialPermissions) > 0 {
		u.rare = &rare
	}
}

func (u *user) named() bool {
	return u.first != nil || u.rare != nil || len(u.memberships)+len(u.permissions) > 0
}

// account is a compiled User.
type account struct {
	header
	id          string
	hasID       bool // the object gives the id itself
	displayName string
	disabled    bool
	superuser   bool
	staff       bool
	roles       []roleRef
	attributes  values
}

func compileAccount(object *v1alpha1.User) *account {
	var problems []Problem
	a := &account{
		id:          object.UserID(),
		hasID:       object.Spec.ID != "",
		displayName: object.Spec.DisplayName,
		disabled:    object.Spec.Disabled,
		superuser:   object.Spec.Superuser,
		staff:       object.Spec.Staff,
		roles:       compileRoleRefs("spec.roles", object.Spec.Roles, &problems),
	}
	a.attributes.keep(object.Spec.Attributes, func(name string, value v1alpha1.JSON, err error) {
		problems = append(problems, Problem{
			Reason: v1alpha1.ReasonInvalid, Path: "spec.attributes[" + name + "]", Value: string(value.Raw), Message: err.Error(),
		})
	})
	a.header = newHeader(object, problems)
	return a
}

// object is the User, as far as it decides anything.
func (a *account) object() *v1alpha1.User {
	object := &v1alpha1.User{ObjectMeta: a.meta(), Spec: v1alpha1.UserSpec{
		DisplayName: a.displayName, Disabled: a.disabled, Superuser: a.superuser, Staff: a.staff, Attributes: a.attributes.source(),
	}}
	if a.hasID {
		object.Spec.ID = v1alpha1.UserID(a.id)
	}
	for _, ref := range a.roles {
		object.Spec.Roles = append(object.Spec.Roles, v1alpha1.RoleRef{Name: v1alpha1.Name(ref.name), TimeWindow: ref.window.source()})
	}
	return object
}

// userPermission is a compiled UserPermission.
type userPermission struct {
	header
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

func compileUserPermission(object *v1alpha1.UserPermission) *userPermission {
	var problems []Problem
	p := &userPermission{
		user:            string(object.Spec.User),
		allow:           intern(string(object.Spec.Allow)),
		values:          texts(object.Spec.ForValues),
		applicableFor:   texts(object.Spec.ApplicableFor),
		hideDescendants: object.Spec.HideDescendants,
	}
	rare := rareUserPermission{
		group: string(object.Spec.Group), standard: string(object.Spec.Default),
		exceptFor: texts(object.Spec.ExceptFor), actions: texts(object.Spec.Actions), named: namesOfActions(object.Spec.Actions),
	}
	if len(p.values) > fewValues && !slices.IsSorted(p.values) {
		rare.listed = slices.Clone(p.values)
		slices.Sort(p.values)
	}
	if rare.group != "" || rare.standard != "" || rare.listed != nil || len(rare.exceptFor)+len(rare.actions) > 0 {
		p.rare = &rare
	}
	if (p.user == "") == (rare.group == "") {
		problems = append(problems, Problem{
			Reason: v1alpha1.ReasonInvalid, Path: "spec.user", Value: p.user, Message: "give exactly one of user, group",
		})
	}
	if len(p.applicableFor) > 0 && len(rare.exceptFor) > 0 {
		problems = append(problems, Problem{
			Reason: v1alpha1.ReasonInvalid, Path: "spec.exceptFor", Message: "give applicableFor or exceptFor, not both; it acts on none of exceptFor",
		})
	}
	if at := slices.Index(rare.actions, v1alpha1.Any); at >= 0 {
		problems = append(problems, Problem{
			Reason: v1alpha1.ReasonInvalid, Path: fmt.Sprintf("spec.actions[%d]", at), Value: v1alpha1.Any, Message: `leave actions empty for all; "*" is not written`,
		})
	}
	p.window = checkedWindow("spec", object.Spec.TimeWindow, &problems)
	p.header = newHeader(object, problems)
	return p
}

// object is the UserPermission, as far as it decides anything.
func (p *userPermission) object() *v1alpha1.UserPermission {
	object := &v1alpha1.UserPermission{ObjectMeta: p.meta(), Spec: v1alpha1.UserPermissionSpec{
		User: v1alpha1.UserID(p.user), Group: v1alpha1.Name(p.group()), Allow: v1alpha1.Name(p.allow),
		ForValues: named[v1alpha1.RecordID](p.values), ApplicableFor: named[v1alpha1.Name](p.applicableFor),
		HideDescendants: p.hideDescendants, TimeWindow: p.window.source(),
	}}
	if p.rare != nil {
		object.Spec.Default = v1alpha1.RecordID(p.rare.standard)
		object.Spec.ExceptFor, object.Spec.Actions = named[v1alpha1.Name](p.rare.exceptFor), named[v1alpha1.Token](p.rare.actions)
		if p.rare.listed != nil {
			object.Spec.ForValues = named[v1alpha1.RecordID](p.rare.listed)
		}
	}
	return object
}

// group is the name of the group whose members the permission restricts, or empty.
func (p *userPermission) group() string {
	if p.rare == nil {
		return ""
	}
	return p.rare.group
}

// named is the reverse of texts.
func named[T ~string](list []string) []T {
	var converted []T
	for _, element := range list {
		converted = append(converted, T(element))
	}
	return converted
}

// fallback is the default of links to the type (S11); empty: there is none.
func (p *userPermission) fallback() string {
	if p.rare == nil || p.rare.standard == "" || !p.names(p.rare.standard) {
		return ""
	}
	return p.rare.standard
}

// specialPermission is a compiled SpecialPermission.
type specialPermission struct {
	header
	spec    v1alpha1.SpecialPermissionSpec
	entries ruleSet // each entry is a rule of its access
	window  window
}

func compileSpecialPermission(object *v1alpha1.SpecialPermission) *specialPermission {
	var problems []Problem
	p := &specialPermission{spec: object.Spec, entries: ruleSet{source: []Ref{{KindSpecialPermission, object.Name}}}}
	for i, entry := range p.spec.Permissions {
		if len(entry.Resources) == 0 && len(entry.Areas) == 0 {
			problems = append(problems, Problem{
				Reason: v1alpha1.ReasonInvalid, Path: fmt.Sprintf("spec.permissions[%d]", i), Message: "names nothing; give resources, areas, or both",
			})
		}
		p.entries.add(&rule{index: i, access: entry.Access, fields: allFields}, entry.Resources, entry.Areas)
	}
	p.window = checkedWindow("spec", object.Spec.TimeWindow, &problems)
	p.header = newHeader(object, problems)
	return p
}

// object is the SpecialPermission, as far as it decides anything.
func (p *specialPermission) object() *v1alpha1.SpecialPermission {
	return &v1alpha1.SpecialPermission{ObjectMeta: p.meta(), Spec: p.spec}
}
