package engine_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/engine/enginetest"
	"github.com/remit-authz/remit/internal/testobjects"
)

// sameObject compares what the domain promises to hold of an object.
func sameObject(want, got engine.Object) error {
	metadata := func(o engine.Object) metav1.ObjectMeta {
		return metav1.ObjectMeta{
			Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(), Generation: o.GetGeneration(),
			CreationTimestamp: o.GetCreationTimestamp(), DeletionTimestamp: o.GetDeletionTimestamp(),
		}
	}
	spec := func(o engine.Object) any { return reflect.ValueOf(o).Elem().FieldByName("Spec").Interface() }
	diff := cmp.Diff(metadata(want), metadata(got)) + cmp.Diff(spec(want), spec(got), cmpopts.EquateEmpty())
	if diff != "" {
		return fmt.Errorf("%s: (-given +held)\n%s", want.GetName(), diff)
	}
	return nil
}

func TestLookupGivesWhatWasPut(t *testing.T) {
	at := func(day int) *metav1.Time { return new(metav1.NewTime(time.Date(2026, 5, day, 1, 2, 3, 0, time.UTC))) }
	number := v1alpha1.JSON{Raw: []byte("1.50")}
	stamped := func(o engine.Object, uid types.UID) engine.Object {
		o.SetUID(uid)
		o.SetGeneration(7)
		o.SetCreationTimestamp(*at(1))
		return o
	}
	user := testobjects.MakeUser("alice").Obj()
	user.Spec = v1alpha1.UserSpec{
		ID: "alice", DisplayName: "Alice", Disabled: true, Superuser: true, Staff: true,
		Roles:      []v1alpha1.RoleRef{{Name: "b"}, {Name: "a", TimeWindow: v1alpha1.TimeWindow{StartsAt: at(2), ExpiresAt: at(3)}}},
		Attributes: map[string]v1alpha1.JSON{"level": number, "broken": {Raw: []byte("{")}, "absent": {}},
	}
	plain := testobjects.MakeUser("bob").Obj()
	plain.DeletionTimestamp = at(4)
	permission := &v1alpha1.UserPermission{ObjectMeta: metav1.ObjectMeta{Name: "many"}, Spec: v1alpha1.UserPermissionSpec{
		User: "alice", Allow: "unit", Default: "elsewhere", HideDescendants: true, ApplicableFor: []v1alpha1.Name{"z", "a"},
		ForValues:  []v1alpha1.RecordID{"9", "8", "7", "6", "5", "4", "3", "2", "1", "0"},
		TimeWindow: v1alpha1.TimeWindow{StartsAt: at(4), ExpiresAt: at(5)},
	}}
	both := &v1alpha1.UserPermission{ObjectMeta: metav1.ObjectMeta{Name: "both"}, Spec: v1alpha1.UserPermissionSpec{
		User: "alice", Group: "staff", Allow: "unit", ForValues: []v1alpha1.RecordID{"2", "1"}, Default: "1",
	}}
	special := testobjects.MakeSpecialPermission("special", "alice").On(v1alpha1.AccessNone, "unit").Obj()
	special.Spec.Reason, special.Spec.ExpiresAt = "a ticket", at(6)
	special.Spec.StartsAt = at(5)
	set := &v1alpha1.RecordSet{ObjectMeta: metav1.ObjectMeta{Name: "units"}, Spec: v1alpha1.RecordSetSpec{
		ResourceType: "unit",
		Records:      []v1alpha1.Record{{ID: "2", Parent: "1", Properties: map[string]v1alpha1.JSON{"size": number}}, {ID: "1"}},
	}}
	objects := []engine.Object{
		stamped(user, "0b5e7d9c-6a43-4d0e-8f0a-2f1f6d1c9a77"), stamped(plain, "00000000-0000-0000-0000-000000000000"),
		stamped(permission, "0B5E7D9C-6A43-4D0E-8F0A-2F1F6D1C9A77"), stamped(both, "no UUID"), stamped(special, ""), stamped(set, "another"),
		testobjects.MakeRole("a").Obj(), testobjects.MakeGroup("staff").Obj(),
	}
	d := engine.Compile(objects)
	for _, object := range objects {
		kind, _ := engine.KindOf(object)
		ref := engine.Ref{Kind: kind, Name: object.GetName()}
		held, ok := d.Lookup(ref)
		if !ok {
			t.Errorf("%s is not held", ref)
			continue
		}
		if err := sameObject(object, held); err != nil {
			t.Error(err)
		}
		uid, generation, ok := d.Version(ref)
		if !ok || uid != object.GetUID() || generation != object.GetGeneration() {
			t.Errorf("%s: version is %s, %d, %t", ref, uid, generation, ok)
		}
	}
	for _, kind := range [][]any{{user.Spec}, {set.Spec}, {set.Spec.Records[0]}, {special.Spec}, {permission.Spec, both.Spec}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(kind[0])) {
			tried := func(spec any) bool {
				value := reflect.ValueOf(spec).FieldByName(field.Name)
				return value.IsValid() && !value.IsZero()
			}
			if !field.Anonymous && !slices.ContainsFunc(kind, tried) {
				t.Errorf("no object here has %s of %T: nothing shows that it is held", field.Name, kind[0])
			}
		}
	}
	if diff := cmp.Diff([]engine.Ref{{Kind: engine.KindUser, Name: "bob"}}, d.Terminating()); diff != "" {
		t.Error("being deleted (-want +got)\n" + diff)
	}
	if _, _, ok := d.Version(engine.Ref{Kind: "Unknown", Name: "alice"}); ok {
		t.Error("there is a version of an unknown kind")
	}
}

// TestProofLookup holds what domains give back against the objects that they were made of.
func TestProofLookup(t *testing.T) {
	p := proofOf(t)
	p.each(t, func(_ *rand.Rand, objects []engine.Object) error {
		d := engine.Compile(objects)
		last := map[engine.Ref]engine.Object{}
		for _, object := range objects {
			last[engine.Put(object).Ref] = object
		}
		for ref, object := range last {
			held, _ := d.Lookup(ref)
			if err := sameObject(object, held); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestSharedAttributes asks at once for attributes that nobody has asked for before.
func TestSharedAttributes(t *testing.T) {
	user := testobjects.MakeUser("alice").Obj()
	user.Spec.Attributes = map[string]v1alpha1.JSON{"site": {Raw: []byte(`"oslo"`)}}
	d := engine.Compile([]engine.Object{user})
	got := make(chan map[string]any)
	const askers = 8
	for range askers {
		go func() {
			_, _, _, attributes := d.Principal(engine.Who{User: "alice"}, enginetest.Start).Subject()
			got <- attributes
		}()
	}
	for range askers {
		if diff := cmp.Diff(map[string]any{"site": "oslo"}, <-got); diff != "" {
			t.Error("attributes (-want +got)\n" + diff)
		}
	}
}
