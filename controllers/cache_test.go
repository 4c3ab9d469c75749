package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
	"github.com/remit-authz/remit/internal/testobjects"
)

func TestUserStatus(t *testing.T) {
	domain := engine.Compile([]engine.Object{
		testobjects.MakeResourceType("order").Obj(),
		testobjects.MakeRole("a").Rule(testobjects.Full("order")).Obj(),
		testobjects.MakeUser("u").RoleIn("a", "", "2026-06-01T12:00:01Z").Obj(),
	})
	snapshot := store.Snapshot{Domain: domain, ResourceVersion: "7"}
	full := &v1alpha1.EffectivePermissions{ObjectMeta: metav1.ObjectMeta{Name: "u", Generation: 1}, Spec: v1alpha1.EffectivePermissionsSpec{User: "u"}}
	object := &cachedPermissions{EffectivePermissions: *full}

	// current is the status as of a time, and whether the cached object has another; cached is the object as the cache
	// has it with a status.
	current := func(now time.Time) (v1alpha1.EffectivePermissionsStatus, bool) {
		t.Helper()
		status, digest, err := userStatus(snapshot, object, now)
		if err != nil {
			t.Fatalf("userStatus: %v", err)
		}
		return status, digest != object.digest
	}
	cached := func(status v1alpha1.EffectivePermissionsStatus) *cachedPermissions {
		t.Helper()
		full := full.DeepCopy()
		full.Labels, full.Status = managedLabels, status
		trimmed, err := trimPermissions(full)
		if err != nil {
			t.Fatalf("trimPermissions: %v", err)
		}
		return trimmed.(*cachedPermissions)
	}

	first, changed := current(noon)
	if !changed || first.ObservedRevision != "7" || first.ObservedGeneration != 1 || len(first.Permissions) != 1 || first.NextTransition == nil {
		t.Fatalf("userStatus = %+v, %v, want a first status", first, changed)
	}
	object = cached(first)
	if object.Status.Permissions != nil || object.Status.ObservedRevision != "" || object.Labels[v1alpha1.ManagedByLabel] != v1alpha1.ManagedBy {
		t.Errorf("the cache has %+v", object)
	}
	if again, err := trimPermissions(object); err != nil || again != any(object) {
		t.Errorf("trimPermissions of what is trimmed = %+v, error %v, want the same", again, err)
	}
	snapshot.ResourceVersion = "8"
	if status, changed := current(noon); changed {
		t.Errorf("userStatus = %+v, changed, want no change because of another revision alone", status)
	}
	next, changed := current(first.NextTransition.Time)
	if !changed || next.ObservedRevision != "8" || len(next.Permissions) != 0 || next.NextTransition != nil {
		t.Errorf("userStatus = %+v, %v, want the role gone", next, changed)
	}
	if diff := cmp.Diff(first.Conditions, next.Conditions); diff != "" {
		t.Errorf("conditions (-before +after):\n%s", diff)
	}
	for name, edit := range map[string]func(*v1alpha1.EffectivePermissionsStatus){
		"a flag":         func(s *v1alpha1.EffectivePermissionsStatus) { s.Superuser = true },
		"a permission":   func(s *v1alpha1.EffectivePermissionsStatus) { s.Permissions[0].Allowed = nil },
		"the conditions": func(s *v1alpha1.EffectivePermissionsStatus) { s.Conditions[0].Message = "All is well." },
		"everything":     func(s *v1alpha1.EffectivePermissionsStatus) { *s = v1alpha1.EffectivePermissionsStatus{} },
	} {
		edited := first.DeepCopy()
		edit(edited)
		object = cached(*edited)
		if _, changed := current(noon); !changed {
			t.Errorf("%s that somebody edited stays", name)
		}
	}
	if got, err := trimPermissions("unseen"); err != nil || got != "unseen" {
		t.Errorf("trimPermissions of what is no object = %v, %v", got, err)
	}
}
