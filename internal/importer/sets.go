package importer

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
)

// IntoSets puts Users into UserSets and UserPermissions into UserPermissionSets. Which set an entry is in follows from its id or
// name alone, and from how many sets there are, which is a power of two: when an export grows, entries stay where they are
// until there have to be twice as many sets. Of objects of other kinds nothing changes.
func IntoSets(objects []engine.Object) []engine.Object {
	var others []engine.Object
	var users []v1alpha1.UserEntry
	var permissions []v1alpha1.UserPermissionEntry
	namespace := ""
	for _, object := range objects {
		switch object := object.(type) {
		case *v1alpha1.User:
			users = append(users, v1alpha1.UserEntry{ID: v1alpha1.UserID(object.UserID()), Account: object.Spec.Account})
			namespace = cmp.Or(namespace, object.Namespace)
		case *v1alpha1.UserPermission:
			permissions = append(permissions, v1alpha1.UserPermissionEntry{Name: v1alpha1.Name(object.Name), UserPermissionSpec: object.Spec})
			namespace = cmp.Or(namespace, object.Namespace)
		default:
			others = append(others, object)
		}
	}
	for name, entries := range divide("users", users, func(e v1alpha1.UserEntry) string { return string(e.ID) }) {
		set := &v1alpha1.UserSet{TypeMeta: typeMeta(engine.KindUserSet), Spec: v1alpha1.UserSetSpec{Users: entries}}
		set.Name, set.Namespace = name, namespace
		others = append(others, set)
	}
	for name, entries := range divide("user-permissions", permissions, func(e v1alpha1.UserPermissionEntry) string { return string(e.Name) }) {
		set := &v1alpha1.UserPermissionSet{TypeMeta: typeMeta(engine.KindUserPermissionSet), Spec: v1alpha1.UserPermissionSetSpec{Permissions: entries}}
		set.Name, set.Namespace = name, namespace
		others = append(others, set)
	}
	slices.SortStableFunc(others, func(a, b engine.Object) int {
		kindA, _ := engine.KindOf(a)
		kindB, _ := engine.KindOf(b)
		return cmp.Or(kinds.Compare(kindA, kindB), cmp.Compare(a.GetName(), b.GetName()))
	})
	return others
}

// mostEntries is how many entries a set may have (its schema's maxItems); divide makes sets of about half as many.
const mostEntries = 1000

// divide puts entries into sets, each sorted, by the names of the sets.
func divide[E any](name string, entries []E, key func(E) string) map[string][]E {
	for count := uint32(1); ; count *= 2 {
		sets := map[string][]E{}
		fits := len(entries) <= int(count)*mostEntries/2
		for _, e := range entries {
			hash := fnv.New32a()
			_, _ = hash.Write([]byte(key(e))) // it never fails
			in := name
			if count > 1 {
				in = fmt.Sprintf("%s-%04d", name, hash.Sum32()%count)
			}
			sets[in] = append(sets[in], e)
			fits = fits && len(sets[in]) <= mostEntries
		}
		if !fits {
			continue
		}
		for _, set := range sets {
			slices.SortFunc(set, func(a, b E) int { return cmp.Compare(key(a), key(b)) })
		}
		return sets
	}
}
