package engine

import "github.com/remit-authz/remit/api/v1alpha1"

// kindRow is what the engine does with the objects of one kind.
type kindRow interface {
	// check compiles an object, and returns what is wrong with it.
	check(object Object) []Problem
	// objects are those of the kind in a domain.
	objects(d *Domain) kindTable
	// begin prepares a builder for changes of the kind, apply makes one, and finish moves the outcome into the next domain.
	begin(b *builder)
	apply(b *builder, name string, object Object)
	finish(b *builder, d *Domain)
	// sharedChange reports whether the builder changed an object that role sets are made of.
	sharedChange(b *builder) bool
	// namesAbout returns the names of the objects that are about a user. It is nil for kinds that are not about users whom
	// they name.
	namesAbout() func(*user) []string
}

// kindRows has a row for each kind of kinds.Table.
var kindRows = map[Kind]kindRow{
	KindResourceType: kindOf[*v1alpha1.ResourceType, *resourceType]{
		compile: compileResourceType,
		table:   func(d *Domain) *table[*resourceType] { return &d.types },
		edits:   func(b *builder) **tableEdit[*resourceType] { return &b.types },
	},
	KindRole: kindOf[*v1alpha1.Role, *role]{
		compile: compileRole,
		table:   func(d *Domain) *table[*role] { return &d.roles },
		edits:   func(b *builder) **tableEdit[*role] { return &b.roles },
		changed: (*builder).role,
	},
	KindGroup: kindOf[*v1alpha1.Group, *group]{
		compile: compileGroup,
		table:   func(d *Domain) *table[*group] { return &d.groups },
		edits:   func(b *builder) **tableEdit[*group] { return &b.groups },
		changed: (*builder).group,
	},
	KindUser: kindOf[*v1alpha1.User, *userObject]{
		compile:  compileUser,
		table:    func(d *Domain) *table[*userObject] { return &d.userObjects },
		edits:    func(b *builder) **tableEdit[*userObject] { return &b.userObjects },
		changed:  (*builder).userObject,
		unshared: true,
		about:    func(u *user) []string { return namesOf(KindUser, u.accounts()) },
	},
	KindUserSet: kindOf[*v1alpha1.UserSet, *userSet]{
		compile:  compileUserSet,
		table:    func(d *Domain) *table[*userSet] { return &d.userSets },
		edits:    func(b *builder) **tableEdit[*userSet] { return &b.userSets },
		changed:  (*builder).userSet,
		unshared: true,
		about:    func(u *user) []string { return namesOf(KindUserSet, u.accounts()) },
	},
	KindUserPermission: kindOf[*v1alpha1.UserPermission, *userPermissionObject]{
		compile:  compileUserPermission,
		table:    func(d *Domain) *table[*userPermissionObject] { return &d.userPermissions },
		edits:    func(b *builder) **tableEdit[*userPermissionObject] { return &b.userPermissions },
		changed:  (*builder).userPermissionObject,
		unshared: true, // those of groups are in groupRestrictions
		about:    func(u *user) []string { return namesOfPermissions(KindUserPermission, u.permissions) },
	},
	KindUserPermissionSet: kindOf[*v1alpha1.UserPermissionSet, *userPermissionSet]{
		compile:  compileUserPermissionSet,
		table:    func(d *Domain) *table[*userPermissionSet] { return &d.userPermissionSets },
		edits:    func(b *builder) **tableEdit[*userPermissionSet] { return &b.userPermissionSets },
		changed:  (*builder).userPermissionSet,
		unshared: true,
		about:    func(u *user) []string { return namesOfPermissions(KindUserPermissionSet, u.permissions) },
	},
	KindSpecialPermission: kindOf[*v1alpha1.SpecialPermission, *specialPermission]{
		compile:  compileSpecialPermission,
		table:    func(d *Domain) *table[*specialPermission] { return &d.specialPermissions },
		edits:    func(b *builder) **tableEdit[*specialPermission] { return &b.specialPermissions },
		changed:  (*builder).specialPermission,
		unshared: true,
		about:    func(u *user) []string { return namesOf(KindSpecialPermission, u.specialPermissions()) },
	},
	KindRecordSet: kindOf[*v1alpha1.RecordSet, *recordSet]{
		compile:  compileRecordSet,
		table:    func(d *Domain) *table[*recordSet] { return &d.recordSets },
		edits:    func(b *builder) **tableEdit[*recordSet] { return &b.recordSets },
		changed:  (*builder).recordSet,
		unshared: true, // whoever remembers something of records compares recordState
	},
	KindPermissionPolicy: kindOf[*v1alpha1.PermissionPolicy, *policy]{
		compile: compilePolicy,
		table:   func(d *Domain) *table[*policy] { return &d.policies },
		edits:   func(b *builder) **tableEdit[*policy] { return &b.policies },
	},
}

// kindOf is the row of a kind with objects of type O that compile to C.
type kindOf[O Object, C compiled] struct {
	compile func(O) C
	// table and edits point at the place of the objects in a domain and in a builder.
	table func(*Domain) *table[C]
	edits func(*builder) **tableEdit[C]
	// changed makes what follows from a change of an object, and notes whose permissions it may affect. before or after is
	// nil for an object that is created or deleted. Nil: everybody is affected, and nothing else follows.
	changed func(b *builder, name string, before, after C)
	// unshared means that no role set is made of objects of the kind, so that role sets outlive a change of one.
	unshared bool
	// about are the names of the objects that are about a user. Nil: the kind is not about users whom it names.
	about func(*user) []string
}

func (k kindOf[O, C]) check(object Object) []Problem {
	typed, ok := object.(O)
	if !ok {
		return notChecked(object)
	}
	return k.compile(typed).faults()
}

func (k kindOf[O, C]) objects(d *Domain) kindTable { return tableOf[C]{*k.table(d)} }

func (k kindOf[O, C]) begin(b *builder) { *k.edits(b) = edit(*k.table(b.old)) }

func (k kindOf[O, C]) finish(b *builder, d *Domain) { *k.table(d) = (*k.edits(b)).next }

func (k kindOf[O, C]) apply(b *builder, name string, object Object) {
	edits := *k.edits(b)
	before, known := edits.get(name)
	if known {
		b.specSize -= specSize(before)
	}
	var after C
	if typed, ok := object.(O); ok {
		after = k.compile(typed)
		b.specSize += specSize(after)
		edits.set(name, after)
	} else {
		edits.delete(name)
	}
	if k.changed == nil {
		b.all = true
		return
	}
	k.changed(b, name, before, after)
}

func (k kindOf[O, C]) sharedChange(b *builder) bool { return !k.unshared && (*k.edits(b)).dirty }

func (k kindOf[O, C]) namesAbout() func(*user) []string { return k.about }

// namesOf are the names of those that are of a kind.
func namesOf[C interface{ ref() Ref }](kind Kind, list []C) []string {
	names := make([]string, 0, len(list))
	for _, c := range list {
		if ref := c.ref(); ref.Kind == kind {
			names = append(names, ref.Name)
		}
	}
	return names
}

// namesOfPermissions are the names of the objects of a kind, UserPermission or UserPermissionSet, that say user permissions;
// sorted, each once.
func namesOfPermissions(kind Kind, list []*userPermission) []string {
	var names []string
	for _, p := range list {
		if object := permissionObject(p.name); object.Kind == kind {
			names = append(names, object.Name)
		}
	}
	return sortedUnique(names)
}
