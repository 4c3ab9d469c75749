package engine

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// Domain is one permission domain at one moment: its objects, compiled. It never changes, and any number of
// goroutines may use it.
type Domain struct {
	policy   *policy
	policies table[*policy] // every PermissionPolicy object by name, the one that counts included

	types              table[*resourceType]
	roles              table[*role]
	groups             table[*group]
	userObjects        table[*userObject] // by object name, as all of these
	userSets           table[*userSet]
	userPermissions    table[*userPermissionObject]
	userPermissionSets table[*userPermissionSet]
	specialPermissions table[*specialPermission]
	recordSets         table[*recordSet]

	// What follows is derived from the above.

	specSize int64 // of all objects

	users table[*user] // known users by id
	// oddUsers are those among them that are not their own plainID, sorted, by that.
	oddUsers table[[]string]
	records  table[*records]
	// recordState identifies one state of all records.
	recordState uint64
	// admin and public are the built-in roles, if there is a policy and no object defines them.
	admin, public *role
	// within has, for each group, the groups that its members are in, itself included.
	within map[string][]*group
	// external and conditional are the groups whose members are found in the request.
	external    map[string][]*group
	conditional []*group
	// groupRestrictions are the user permissions of groups, by group, then by name.
	groupRestrictions table[[]*userPermission]
	// typeList has the types that count sorted by what they are called, typeIndex by that name.
	typeList   []*resourceType
	typeIndex  map[string]*resourceType
	linked     string // the declared links of all types: what conditions that follow links depend on
	generation *generation
	// terminating means that the namespace is being deleted (S0).
	terminating bool
}

// Affected is the users whose effective permissions a change may have altered.
type Affected struct {
	// All means everybody.
	All bool
	// Users are sorted, and empty if All is set. Users that are no longer known are among them.
	Users []string
}

// Compile returns the domain of the objects, in any order. Of two objects of one kind and name, the later in the list
// counts. A faulty object stalls itself (see Report) and nothing else: what it would have granted is not granted.
func Compile(objects []Object) *Domain {
	changes := make([]Change, len(objects))
	for i, object := range objects {
		changes[i] = Put(object)
	}
	d, _ := empty.With(changes...)
	return d
}

var empty = &Domain{policy: compilePolicy(nil), generation: newGeneration()}

// Len returns the number of objects. A domain without objects does not exist for callers.
func (d *Domain) Len() int {
	total := 0
	for _, row := range kindRows {
		total += row.objects(d).len()
	}
	return total
}

// Lookup returns an object as the domain stores it: its spec, and of its metadata the name, namespace, UID, generation
// and timestamps, in whole seconds. For kinds with many objects, each call makes a new one. It must not be changed. A
// UserPermission of the name <set>/<entry> is that entry of a UserPermissionSet.
func (d *Domain) Lookup(ref Ref) (Object, bool) {
	if c, ok := d.objects(ref.Kind).find(ref.Name); ok {
		return c.stored(), true
	}
	if ref.Kind == KindUserPermission {
		if p := d.permissionEntry(ref.Name); p != nil {
			return p.object(), true
		}
	}
	return nil, false
}

// Version identifies one state of an object by its UID and generation; false if the domain does not have it.
func (d *Domain) Version(ref Ref) (uid types.UID, generation int64, ok bool) {
	c, ok := d.objects(ref.Kind).find(ref.Name)
	if !ok {
		return "", 0, false
	}
	uid, generation = c.version()
	return uid, generation, true
}

// Terminating returns the objects that are being deleted and wait for finalizers, in no particular order.
func (d *Domain) Terminating() []Ref {
	var refs []Ref
	for kind, row := range kindRows {
		for name, c := range row.objects(d).each {
			if c.terminating() {
				refs = append(refs, Ref{kind, name})
			}
		}
	}
	return refs
}

// Names returns the names of the objects of a kind, sorted.
func (d *Domain) Names(kind Kind) []string { return d.objects(kind).keys() }

// EachName iterates over the names in no particular order; use it to avoid sorting large sets.
func (d *Domain) EachName(kind Kind) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range d.objects(kind).each {
			if !yield(name) {
				return
			}
		}
	}
}

// Objects returns those of a kind, sorted by name, as Lookup does.
func (d *Domain) Objects(kind Kind) []Object {
	names := d.Names(kind)
	objects := make([]Object, 0, len(names))
	for _, name := range names {
		object, _ := d.Lookup(Ref{kind, name})
		objects = append(objects, object)
	}
	return objects
}

// eachAccount yields what Users and UserSets say of users, in no particular order, also what does not count.
func (d *Domain) eachAccount(yield func(*account) bool) {
	for _, u := range d.userObjects.all() {
		if !yield(&u.account) {
			return
		}
	}
	for _, s := range d.userSets.all() {
		for _, a := range s.entries {
			if !yield(a) {
				return
			}
		}
	}
}

// countAccounts is how many eachAccount yields.
func (d *Domain) countAccounts() int {
	count := d.userObjects.size
	for _, s := range d.userSets.all() {
		count += len(s.entries)
	}
	return count
}

// eachUserPermission yields the user permissions and the entries of sets, in no particular order.
func (d *Domain) eachUserPermission(yield func(*userPermission) bool) {
	for _, p := range d.userPermissions.all() {
		if !yield(&p.permission) {
			return
		}
	}
	for _, s := range d.userPermissionSets.all() {
		for _, p := range s.entries {
			if !yield(p) {
				return
			}
		}
	}
}

// RestrictsGroups reports whether any user permission names a group.
func (d *Domain) RestrictsGroups() bool { return d.groupRestrictions.size > 0 }

// NamesOfGroupPermissions returns the names of the objects of a kind, UserPermission or UserPermissionSet, that restrict any
// group; sorted. None for other kinds.
func (d *Domain) NamesOfGroupPermissions(kind Kind) []string {
	var names []string
	if kind == KindUserPermission || kind == KindUserPermissionSet {
		for _, restrictions := range d.groupRestrictions.all() {
			names = append(names, namesOfPermissions(kind, restrictions)...)
		}
	}
	return sortedUnique(names)
}

// AboutUsers reports whether each object of a kind is about users whom it names, as a User, a UserSet, a UserPermission or a
// SpecialPermission is.
func AboutUsers(kind Kind) bool {
	row, ok := kindRows[kind]
	return ok && row.namesAbout() != nil
}

// NamesAbout returns the names of the objects of a kind that are about a user; none for kinds that are not AboutUsers.
func (d *Domain) NamesAbout(user string, kind Kind) []string {
	u, known := d.users.get(user)
	if !known || !AboutUsers(kind) {
		return nil
	}
	return kindRows[kind].namesAbout()(u)
}

func userPermissionObjects(list []*userPermission) []*v1alpha1.UserPermission {
	objects := make([]*v1alpha1.UserPermission, len(list))
	for i, p := range list {
		objects[i] = p.object()
	}
	return objects
}

// Users returns the known users, sorted: those named by a User, a Group's members, a UserPermission or a
// SpecialPermission.
func (d *Domain) Users() []string { return d.users.keys() }

// EachUser iterates over the known users in no particular order.
func (d *Domain) EachUser() iter.Seq[string] {
	return func(yield func(string) bool) {
		for user := range d.users.all() {
			if !yield(user) {
				return
			}
		}
	}
}

// CountUsers returns the number of known users.
func (d *Domain) CountUsers() int { return d.users.size }

// Knows reports whether a user is known.
func (d *Domain) Knows(user string) bool {
	_, ok := d.users.get(user)
	return ok
}

// ResourceTypes returns what the domain calls its resource types, sorted.
func (d *Domain) ResourceTypes() []string {
	names := make([]string, len(d.typeList))
	for i, t := range d.typeList {
		names[i] = t.name
	}
	return names
}

// ResourceType returns the object of a resource type, by what the domain calls it; false if there is none. It must not be
// changed.
func (d *Domain) ResourceType(name string) (*v1alpha1.ResourceType, bool) {
	t, ok := d.typeIndex[name]
	if !ok {
		return nil, false
	}
	return t.object, true
}

// Policy returns the domain's policy with the defaults filled in; it must not be changed.
func (d *Domain) Policy() v1alpha1.PermissionPolicySpec { return d.policy.spec }

// HasPolicy reports whether the domain has a PermissionPolicy, and with it the built-in roles.
func (d *Domain) HasPolicy() bool { return d.policy.object != nil }

// role returns a role by name, built-in ones included; nil if there is none.
func (d *Domain) role(name string) *role {
	if r, ok := d.roles.get(name); ok {
		return r
	}
	switch {
	case d.public != nil && d.public.ref.Name == name:
		return d.public
	case d.admin != nil && d.admin.ref.Name == name:
		return d.admin
	}
	return nil
}

// RoleSpec is what a role says, built-in ones included (S3); false if there is none of that name.
func (d *Domain) RoleSpec(name string) (v1alpha1.RoleSpec, bool) {
	r := d.role(name)
	switch {
	case r == nil:
		return v1alpha1.RoleSpec{}, false
	case r.object == nil:
		return v1alpha1.RoleSpec{AdminAccess: r.adminAccess}, true
	}
	return r.object.Spec, true
}

// Delta is the difference between a domain and the next.
type Delta struct{ affected func() Affected }

// Affected returns the users whose effective permissions the changes may have altered. It is computed when it is first
// called, so that the next domain can be served before: for changes of groups and roles it looks at every known user.
func (d *Delta) Affected() Affected { return d.affected() }

// With returns the domain after some changes, applied in their order; d stays as it is. It recompiles what the changes
// touch, and the result equals that of compiling everything anew. It panics on a change of an unknown kind.
func (d *Domain) With(changes ...Change) (*Domain, *Delta) {
	b := newBuilder(d)
	for _, change := range changes {
		b.apply(change)
	}
	return b.finish()
}

// builder makes the next domain.
type builder struct {
	old *Domain

	policies           *tableEdit[*policy]
	types              *tableEdit[*resourceType]
	roles              *tableEdit[*role]
	groups             *tableEdit[*group]
	userObjects        *tableEdit[*userObject]
	userSets           *tableEdit[*userSet]
	userPermissions    *tableEdit[*userPermissionObject]
	userPermissionSets *tableEdit[*userPermissionSet]
	specialPermissions *tableEdit[*specialPermission]
	recordSets         *tableEdit[*recordSet]
	users              *tableEdit[*user]
	records            *tableEdit[*records]
	groupRestrictions  *tableEdit[[]*userPermission]
	oddUsers           *tableEdit[[]string]

	specSize      int64
	ownUsers      map[string]*user // copies that the builder may change
	recordEdits   map[string]recordsEdit
	all           bool            // everybody is affected
	changedGroups map[string]bool // whose members are affected
	changedRoles  map[string]bool // whose holders are affected
}

func newBuilder(d *Domain) *builder {
	b := &builder{
		old:               d,
		specSize:          d.specSize,
		users:             edit(d.users),
		records:           edit(d.records),
		groupRestrictions: edit(d.groupRestrictions),
		oddUsers:          edit(d.oddUsers),
		ownUsers:          map[string]*user{},
		recordEdits:       map[string]recordsEdit{},
		changedGroups:     map[string]bool{},
		changedRoles:      map[string]bool{},
	}
	for _, row := range kindRows {
		row.begin(b)
	}
	return b
}

func (b *builder) apply(change Change) {
	row, ok := kindRows[change.Ref.Kind]
	if !ok {
		panic(fmt.Sprintf("engine: %q is not a kind of a domain", change.Ref.Kind)) // a caller's mistake, never input
	}
	row.apply(b, change.Ref.Name, change.Object)
}

func (b *builder) role(name string, _, _ *role) { b.changedRoles[name] = true }

func (b *builder) group(name string, before, after *group) {
	b.changedGroups[name] = true
	was, listed := listing(before), listing(after)
	for id, w := range was {
		is, still := listed[id]
		if still && is == w {
			delete(listed, id) // nothing to do
			continue
		}
		if !still {
			u := b.user(id)
			u.memberships = slices.DeleteFunc(u.memberships, func(m membership) bool { return m.group == name })
		}
	}
	for id, w := range listed {
		u := b.user(id)
		u.memberships = insert(u.memberships, membership{name, w}, func(a, b membership) int { return cmp.Compare(a.group, b.group) })
	}
}

// listing returns the users that a group lists, with their windows. If a user is listed twice, the last entry counts.
func listing(g *group) map[string]window {
	listed := map[string]window{}
	if g != nil {
		for _, m := range g.members {
			listed[string(m.User)] = compileWindow(m.TimeWindow)
		}
	}
	return listed
}

func (b *builder) userObject(_ string, before, after *userObject) {
	if before != nil {
		b.removeAccount(&before.account)
	}
	if after != nil {
		b.addAccount(&after.account)
	}
}

// userSet replaces the entries that differ.
func (b *builder) userSet(_ string, before, after *userSet) {
	replaceEntries(before.accounts(), after.accounts(), func(a *account) string { return a.id }, (*account).same, b.removeAccount, b.addAccount)
}

// replaceEntries makes one list of entries of another: what is the same stays as it is, also in the new list.
func replaceEntries[E any](was, is []*E, name func(*E) string, same func(a, b *E) bool, remove, add func(*E)) {
	old := make(map[string]*E, len(was))
	for _, e := range was {
		old[name(e)] = e
	}
	var added []*E
	for i, e := range is {
		before := old[name(e)]
		if before == nil || !same(before, e) {
			added = append(added, e)
			continue
		}
		is[i] = before
		delete(old, name(e))
	}
	for _, e := range was {
		if old[name(e)] == e {
			remove(e)
		}
	}
	for _, e := range added {
		add(e)
	}
}

func (b *builder) removeAccount(a *account) {
	u := b.user(a.id)
	u.setAccounts(slices.DeleteFunc(u.accounts(), func(other *account) bool { return other == a }))
}

func (b *builder) addAccount(a *account) {
	u := b.user(a.id)
	a.id = u.id // shares the string
	u.setAccounts(insert(u.accounts(), a, (*account).before))
}

func (b *builder) userPermissionObject(_ string, before, after *userPermissionObject) {
	if before != nil {
		b.removePermission(&before.permission)
	}
	if after != nil {
		b.addPermission(&after.permission)
	}
}

// userPermissionSet replaces the entries that differ.
func (b *builder) userPermissionSet(_ string, before, after *userPermissionSet) {
	replaceEntries(before.permissions(), after.permissions(), func(p *userPermission) string { return p.name }, (*userPermission).same, b.removePermission, b.addPermission)
}

func (b *builder) removePermission(p *userPermission) {
	gone := func(list []*userPermission) []*userPermission {
		return slices.DeleteFunc(slices.Clone(list), func(q *userPermission) bool { return q == p })
	}
	if p.user != "" {
		u := b.user(p.user)
		u.permissions = gone(u.permissions)
	}
	if group := p.group(); group != "" {
		restrictions, _ := b.groupRestrictions.get(group)
		b.restrictGroup(group, gone(restrictions))
	}
}

func (b *builder) addPermission(p *userPermission) {
	if p.user != "" {
		u := b.user(p.user)
		p.user = u.id // shares the string
		u.permissions = insert(u.permissions, p, byRef)
	}
	if group := p.group(); group != "" {
		restrictions, _ := b.groupRestrictions.get(group)
		b.restrictGroup(group, insert(slices.Clone(restrictions), p, byRef))
	}
}

// restrictGroup sets the user permissions of a group.
func (b *builder) restrictGroup(group string, restrictions []*userPermission) {
	b.changedGroups[group] = true
	if len(restrictions) == 0 {
		b.groupRestrictions.delete(group)
	} else {
		b.groupRestrictions.set(group, restrictions)
	}
}

func byRef(a, b *userPermission) int { return cmp.Compare(a.name, b.name) }

func (b *builder) specialPermission(name string, before, after *specialPermission) {
	for _, p := range []*specialPermission{before, after} {
		if p == nil {
			continue
		}
		u := b.user(string(p.spec.User))
		specials := slices.DeleteFunc(u.specialPermissions(), func(q *specialPermission) bool { return q.name == name })
		if p == after {
			specials = insert(specials, after, func(a, b *specialPermission) int { return cmp.Compare(a.name, b.name) })
		}
		u.setSpecialPermissions(specials)
	}
}

func (b *builder) recordSet(_ string, before, after *recordSet) {
	if before != nil {
		of := b.recordsOf(before.resourceType)
		for i := range before.records {
			of.remove(&before.records[i])
		}
	}
	if after != nil {
		of := b.recordsOf(after.resourceType)
		for i := range after.records {
			of.add(&after.records[i])
		}
	}
}

func (b *builder) recordsOf(resourceType string) recordsEdit {
	if of, ok := b.recordEdits[resourceType]; ok {
		return of
	}
	old, _ := b.records.get(resourceType)
	of := editRecords(old)
	b.recordEdits[resourceType] = of
	return of
}

// user returns a copy of a user that the builder may change.
func (b *builder) user(id string) *user {
	if u, ok := b.ownUsers[id]; ok {
		return u
	}
	u := &user{id: id}
	if old, ok := b.old.users.get(id); ok {
		u.setAccounts(old.accounts())
		u.memberships = slices.Clone(old.memberships)
		u.permissions = slices.Clone(old.permissions)
		u.setSpecialPermissions(slices.Clone(old.specialPermissions()))
	}
	b.ownUsers[id] = u
	return u
}

// insert puts an element into a sorted list, replacing an equal one.
func insert[E any](list []E, element E, compare func(a, b E) int) []E {
	i, found := slices.BinarySearchFunc(list, element, compare)
	if found {
		list[i] = element
		return list
	}
	return slices.Insert(list, i, element)
}

func (b *builder) finish() (*Domain, *Delta) {
	for id, u := range b.ownUsers {
		if u.named() {
			who := principal{user: u}
			u.exceptional = len(u.specialPermissions()) > 0 || who.disabled() || who.superuser()
			b.users.set(id, u)
		} else {
			b.users.delete(id)
		}
		b.oddUser(id, u.named())
	}
	for name, of := range b.recordEdits {
		if next := of.next(); next.byID.size == 0 {
			b.records.delete(name)
		} else {
			b.records.set(name, next)
		}
	}
	d := &Domain{
		specSize:          b.specSize,
		users:             b.users.next,
		records:           b.records.next,
		groupRestrictions: b.groupRestrictions.next,
		oddUsers:          b.oddUsers.next,

		policy:      b.old.policy,
		within:      b.old.within,
		external:    b.old.external,
		conditional: b.old.conditional,
		typeList:    b.old.typeList,
		typeIndex:   b.old.typeIndex,
		linked:      b.old.linked,
		generation:  b.old.generation,
		recordState: b.old.recordState,
	}
	if b.records.dirty {
		d.recordState = recordStates.Add(1)
	}
	shared := b.groupRestrictions.dirty
	for _, row := range kindRows {
		row.finish(b, d)
		shared = shared || row.sharedChange(b)
	}
	if shared {
		d.generation = newGeneration()
	}
	if b.policies.dirty {
		var ok bool
		if d.policy, ok = d.policies.get(v1alpha1.PolicyName); !ok {
			d.policy = empty.policy
		}
	}
	d.buildRoles()
	if b.groups.dirty {
		d.buildGroups()
	}
	if b.types.dirty {
		d.buildTypes()
	}
	return d, &Delta{sync.OnceValue(func() Affected { return b.affected(d) })}
}

// buildTypes finds the types by what they are called. Of several that are called the same, the oldest counts, then the
// first by the object's name.
func (d *Domain) buildTypes() {
	d.typeIndex = make(map[string]*resourceType, d.types.size)
	for _, t := range d.types.sorted() {
		if known := d.typeIndex[t.name]; known == nil || t.object.CreationTimestamp.Unix() < known.object.CreationTimestamp.Unix() {
			d.typeIndex[t.name] = t
		}
	}
	d.typeList = slices.SortedFunc(maps.Values(d.typeIndex), func(a, b *resourceType) int { return cmp.Compare(a.name, b.name) })
	var linked strings.Builder
	for _, t := range d.typeList {
		for i := range t.links {
			if l := &t.links[i]; len(l.path) == 1 {
				fmt.Fprintf(&linked, "%q %q %q %q\n", t.name, l.field, l.target, l.by)
			}
		}
	}
	d.linked = linked.String()
}

// buildRoles adds the built-in roles (S3): they exist with a policy, and objects of their names replace them.
func (d *Domain) buildRoles() {
	if d.policy.object == nil {
		return
	}
	d.admin = builtInRole(d.policy.spec.AdminRole, true)
	d.public = builtInRole(d.policy.spec.PublicRole, false)
}

func (d *Domain) buildGroups() {
	d.within = closure(d.groups)
	d.external = map[string][]*group{}
	d.conditional = nil
	for _, g := range d.groups.sorted() {
		for _, claim := range g.external {
			d.external[claim] = append(d.external[claim], g)
		}
		if g.condition != nil {
			d.conditional = append(d.conditional, g)
		}
	}
}

// affected returns the users whose effective permissions may differ between the old domain and the new.
func (b *builder) affected(d *Domain) Affected {
	if b.all || b.changedRoles[d.policy.spec.PublicRole] {
		return Affected{All: true}
	}
	users := map[string]bool{}
	for id := range b.ownUsers {
		users[id] = true
	}
	if len(b.changedGroups)+len(b.changedRoles) > 0 {
		for _, domain := range []*Domain{b.old, d} {
			touched := b.touchedGroups(domain)
			for _, g := range domain.conditional {
				if touched[g.ref.Name] {
					return Affected{All: true}
				}
			}
			for id, u := range domain.users.all() {
				if !users[id] && b.touches(u, touched) {
					users[id] = true
				}
			}
		}
	}
	return Affected{Users: sortedKeys(users)}
}

// touchedGroups returns the groups whose members are affected, by the group itself or by one around it.
func (b *builder) touchedGroups(d *Domain) map[string]bool {
	touched := map[string]bool{}
	for name, groups := range d.within {
		touched[name] = slices.ContainsFunc(groups, func(g *group) bool {
			return b.changedGroups[g.ref.Name] || slices.ContainsFunc(g.roles, func(ref roleRef) bool { return b.changedRoles[ref.name] })
		})
	}
	return touched
}

func (b *builder) touches(u *user, touched map[string]bool) bool {
	for _, a := range u.accounts() {
		if slices.ContainsFunc(a.roles, func(ref roleRef) bool { return b.changedRoles[ref.name] }) {
			return true
		}
	}
	return slices.ContainsFunc(u.memberships, func(m membership) bool { return touched[m.group] })
}
