package engine

import (
	"fmt"
	"slices"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/equality"

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
	accounts []*account // as they are listed; of one that is listed twice, the first
}

func compileUserSet(object *v1alpha1.UserSet) *userSet {
	var problems []Problem
	s := &userSet{accounts: make([]*account, 0, len(object.Spec.Users))}
	from := newHeader(object, nil)
	listed := make(map[v1alpha1.UserID]bool, len(object.Spec.Users))
	for i := range object.Spec.Users {
		entry := &object.Spec.Users[i]
		at := fmt.Sprintf("spec.users[%d]", i)
		if listed[entry.ID] || entry.ID == "" {
			problems = append(problems, entryProblem(at+".id", string(entry.ID)))
			continue
		}
		listed[entry.ID] = true
		a := &account{from: &from, inSet: true}
		a.compile(at, string(entry.ID), &entry.Account, &problems)
		s.accounts = append(s.accounts, a)
	}
	s.header = newHeader(object, problems)
	return s
}

// entryProblem is about an entry of a set without a name of its own.
func entryProblem(path, name string) Problem {
	message := "an entry of this name comes before, and it counts; delete one of the two"
	if name == "" {
		message = "an entry without a name does nothing; give it one"
	}
	return Problem{Reason: v1alpha1.ReasonInvalid, Path: path, Value: name, Message: message}
}

// object is the UserSet, as far as it decides anything.
func (s *userSet) object() *v1alpha1.UserSet {
	object := &v1alpha1.UserSet{ObjectMeta: s.meta()}
	for _, a := range s.accounts {
		object.Spec.Users = append(object.Spec.Users, v1alpha1.UserEntry{ID: v1alpha1.UserID(a.id), Account: a.spec()})
	}
	return object
}

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
	permissions []*userPermission // as they are listed; of one that is listed twice, the first
}

func compileUserPermissionSet(object *v1alpha1.UserPermissionSet) *userPermissionSet {
	var problems []Problem
	s := &userPermissionSet{permissions: make([]*userPermission, 0, len(object.Spec.Permissions))}
	from := newHeader(object, nil)
	listed := make(map[v1alpha1.Name]bool, len(object.Spec.Permissions))
	for i := range object.Spec.Permissions {
		entry := &object.Spec.Permissions[i]
		at := fmt.Sprintf("spec.permissions[%d]", i)
		if listed[entry.Name] || entry.Name == "" {
			problems = append(problems, entryProblem(at+".name", string(entry.Name)))
			continue
		}
		listed[entry.Name] = true
		p := &userPermission{name: object.UserPermission(entry).Name, from: &from}
		p.compile(at, &entry.UserPermissionSpec, &problems)
		s.permissions = append(s.permissions, p)
	}
	s.header = newHeader(object, problems)
	return s
}

// object is the UserPermissionSet, as far as it decides anything.
func (s *userPermissionSet) object() *v1alpha1.UserPermissionSet {
	object := &v1alpha1.UserPermissionSet{ObjectMeta: s.meta()}
	for _, p := range s.permissions {
		_, name, _ := v1alpha1.SplitEntryName(p.name)
		object.Spec.Permissions = append(object.Spec.Permissions, v1alpha1.UserPermissionEntry{Name: v1alpha1.Name(name), UserPermissionSpec: p.spec()})
	}
	return object
}

// permissionEntry is the entry of a set by its whole name, <set>/<entry>; nil if there is none.
func (d *Domain) permissionEntry(name string) *userPermission {
	of, _, ok := v1alpha1.SplitEntryName(name)
	set, known := d.userPermissionSets.get(of)
	if !ok || !known {
		return nil
	}
	if i := slices.IndexFunc(set.permissions, func(p *userPermission) bool { return p.name == name }); i >= 0 {
		return set.permissions[i]
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
