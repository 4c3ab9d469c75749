package engine

import (
	"slices"
	"sync/atomic"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// user is what the domain's objects say of one known user: one that a User, a Group's members, a
// UserPermission or a SpecialPermission names.
type user struct {
	id          string
	first       *account          // the one that counts, or nil
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
	rivals             []*account           // those of the same id that do not count, in the order in which they would
	specialPermissions []*specialPermission // by name
}

// account is what counts of the user, or nil.
func (u *user) account() *account {
	if u == nil {
		return nil
	}
	return u.first
}

// accounts returns a list of what Users and UserSets say of the id, the one that counts first.
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

// account is what a User, or an entry of a UserSet, says of a user.
type account struct {
	from        *header // of the object
	inSet       bool    // the object is a UserSet
	id          string
	displayName string
	disabled    bool
	superuser   bool
	staff       bool
	roles       []roleRef
	attributes  values
}

func (a *account) ref() Ref {
	if a.inSet {
		return Ref{KindUserSet, a.from.name}
	}
	return Ref{KindUser, a.from.name}
}

// before compares two accounts of the same id: that of a User comes before those of UserSets, then the older one.
func (a *account) before(b *account) int {
	switch {
	case a.inSet && !b.inSet:
		return 1
	case b.inSet && !a.inSet:
		return -1
	}
	return a.from.older(b.from)
}

func (a *account) compile(at, id string, spec *v1alpha1.Account, problems *[]Problem) {
	a.id, a.displayName, a.disabled, a.superuser, a.staff = id, spec.DisplayName, spec.Disabled, spec.Superuser, spec.Staff
	a.roles = compileRoleRefs(at+".roles", spec.Roles, problems)
	a.attributes.keep(spec.Attributes, func(name string, value v1alpha1.JSON, err error) {
		*problems = append(*problems, Problem{
			Reason: v1alpha1.ReasonInvalid, Path: at + ".attributes[" + name + "]", Value: string(value.Raw), Message: err.Error(),
		})
	})
}

// spec is the account as it is written.
func (a *account) spec() v1alpha1.Account {
	spec := v1alpha1.Account{
		DisplayName: a.displayName, Disabled: a.disabled, Superuser: a.superuser, Staff: a.staff, Attributes: a.attributes.source(),
	}
	for _, ref := range a.roles {
		spec.Roles = append(spec.Roles, v1alpha1.RoleRef{Name: v1alpha1.Name(ref.name), TimeWindow: ref.window.source()})
	}
	return spec
}

// same reports whether two accounts are the same entry of the same set.
func (a *account) same(b *account) bool {
	return a.from.sameObject(b.from) && a.id == b.id && a.displayName == b.displayName &&
		a.disabled == b.disabled && a.superuser == b.superuser && a.staff == b.staff &&
		slices.Equal(a.roles, b.roles) && a.attributes.written == b.attributes.written
}

// userObject is a compiled User.
type userObject struct {
	header
	account account
	hasID   bool // the object gives the id itself
}

func compileUser(object *v1alpha1.User) *userObject {
	var problems []Problem
	u := &userObject{hasID: object.Spec.ID != ""}
	u.account.compile("spec", object.UserID(), &object.Spec.Account, &problems)
	u.header = newHeader(object, problems)
	u.account.from = &u.header
	return u
}

// object is the User, as far as it decides anything.
func (u *userObject) object() *v1alpha1.User {
	object := &v1alpha1.User{ObjectMeta: u.meta(), Spec: v1alpha1.UserSpec{Account: u.account.spec()}}
	if u.hasID {
		object.Spec.ID = v1alpha1.UserID(u.account.id)
	}
	return object
}

// userSet is a compiled UserSet.
type userSet struct {
	header
	entries []*account
}

func compileUserSet(object *v1alpha1.UserSet) *userSet {
	var problems []Problem
	from := newHeader(object, nil)
	id := func(e *v1alpha1.UserEntry) (field, key string) { return "id", string(e.ID) }
	s := &userSet{entries: compileEntries("spec.users", object.Spec.Users, id, &problems, func(at string, e *v1alpha1.UserEntry) *account {
		a := &account{from: &from, inSet: true}
		a.compile(at, string(e.ID), &e.Account, &problems)
		return a
	})}
	s.header = newHeader(object, problems)
	return s
}

// accounts are the entries; a nil set has none.
func (s *userSet) accounts() []*account {
	if s == nil {
		return nil
	}
	return s.entries
}

// object is the UserSet, as far as it decides anything.
func (s *userSet) object() *v1alpha1.UserSet {
	object := &v1alpha1.UserSet{ObjectMeta: s.meta()}
	for _, a := range s.entries {
		object.Spec.Users = append(object.Spec.Users, v1alpha1.UserEntry{ID: v1alpha1.UserID(a.id), Account: a.spec()})
	}
	return object
}
