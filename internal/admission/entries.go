package admission

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// A User says what a UserSet says of each of its entries, and a UserPermission what a UserPermissionSet does. So the rules
// judge entries, of which an object has one or many.

// entryChange is what a change does to one entry: was before and is after it, nil where there is none.
type entryChange[E any] struct {
	key     string
	was, is *E
	// at is the path of the entry in the object; of one that is removed, of the object.
	at *field.Path
}

// entry is one of an object.
type entry[E any] struct {
	key  string
	says *E
	at   *field.Path
}

// changesOf are the entries that differ: as they are listed, then what is removed. An object that is a single entry is one
// that differs, or it would not be judged.
func changesOf[E any](before, after []entry[E]) []entryChange[E] {
	single := len(before) == 1 && len(after) == 1
	was := make(map[string]*E, len(before))
	for _, e := range before {
		was[e.key] = e.says
	}
	var changes []entryChange[E]
	for _, e := range after {
		if old, listed := was[e.key]; !listed || single || !equality.Semantic.DeepEqual(old, e.says) {
			changes = append(changes, entryChange[E]{e.key, old, e.says, e.at})
		}
		delete(was, e.key)
	}
	for _, e := range before {
		if old, gone := was[e.key]; gone {
			changes = append(changes, entryChange[E]{e.key, old, nil, objectName})
			delete(was, e.key)
		}
	}
	return changes
}

// accountsIn are what an object says of users, by their ids; none for other kinds.
func accountsIn(object engine.Object) []entry[v1alpha1.Account] {
	var found []entry[v1alpha1.Account]
	switch object := object.(type) {
	case *v1alpha1.User:
		found = append(found, entry[v1alpha1.Account]{object.UserID(), &object.Spec.Account, field.NewPath("spec")})
	case *v1alpha1.UserSet:
		for i := range object.Spec.Users {
			e := &object.Spec.Users[i]
			found = append(found, entry[v1alpha1.Account]{string(e.ID), &e.Account, field.NewPath("spec", fmt.Sprintf("users[%d]", i))})
		}
	}
	return found
}

// userChanges are the users of whom the object says something else after the change.
func (r *review) userChanges() []entryChange[v1alpha1.Account] {
	return changesOf(accountsIn(r.Old), accountsIn(r.Object))
}

// permissionsIn are the user permissions of an object, by their names; none for other kinds.
func permissionsIn(object engine.Object) []entry[v1alpha1.UserPermission] {
	var found []entry[v1alpha1.UserPermission]
	add := func(p *v1alpha1.UserPermission, path ...string) {
		found = append(found, entry[v1alpha1.UserPermission]{p.Name, &v1alpha1.UserPermission{ObjectMeta: metav1.ObjectMeta{Name: p.Name}, Spec: p.Spec}, field.NewPath("spec", path...)})
	}
	switch object := object.(type) {
	case *v1alpha1.UserPermission:
		add(object)
	case *v1alpha1.UserPermissionSet:
		for i := range object.Spec.Permissions {
			add(object.UserPermission(&object.Spec.Permissions[i]), fmt.Sprintf("permissions[%d]", i))
		}
	}
	return found
}

// permissionChanges are the user permissions of the object that differ.
func (r *review) permissionChanges() []entryChange[v1alpha1.UserPermission] {
	return changesOf(permissionsIn(r.Old), permissionsIn(r.Object))
}
