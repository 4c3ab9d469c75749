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
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/testobjects"
)

// sameObject compares what the domain promises to store of an object.
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
		return fmt.Errorf("%s: (-given +stored)\n%s", want.GetName(), diff)
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
		ID: "alice", Account: v1alpha1.Account{DisplayName: "Alice", Disabled: true, Superuser: true, Staff: true,
			Roles:      []v1alpha1.RoleRef{{Name: "b"}, {Name: "a", TimeWindow: v1alpha1.TimeWindow{StartsAt: at(2), ExpiresAt: at(3)}}},
			Attributes: map[string]v1alpha1.JSON{"level": number, "broken": {Raw: []byte("{")}, "absent": {}},
		}}
	plain := testobjects.MakeUser("bob").Obj()
	plain.DeletionTimestamp = at(4)
	permission := &v1alpha1.UserPermission{ObjectMeta: metav1.ObjectMeta{Name: "many"}, Spec: v1alpha1.UserPermissionSpec{
		User: "alice", Allow: "unit", Default: "elsewhere", HideDescendants: true, ApplicableFor: []v1alpha1.Name{"z", "a"},
		ForValues:  []v1alpha1.RecordID{"9", "8", "7", "6", "5", "4", "3", "2", "1", "0"},
		TimeWindow: v1alpha1.TimeWindow{StartsAt: at(4), ExpiresAt: at(5)},
	}}
	except := &v1alpha1.UserPermission{ObjectMeta: metav1.ObjectMeta{Name: "except"}, Spec: v1alpha1.UserPermissionSpec{
		User: "ann", Allow: "company", ForValues: []v1alpha1.RecordID{"c1"}, ExceptFor: []v1alpha1.Name{"leave"}, Actions: []v1alpha1.Token{"update", "get:*"},
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
		stamped(permission, "0B5E7D9C-6A43-4D0E-8F0A-2F1F6D1C9A77"), stamped(both, "no UUID"), stamped(except, ""), stamped(special, ""), stamped(set, "another"),
		testobjects.MakeRole("a").Obj(), testobjects.MakeGroup("staff").Obj(),
	}
	d := engine.Compile(objects)
	for _, object := range objects {
		kind, _ := engine.KindOf(object)
		ref := engine.Ref{Kind: kind, Name: object.GetName()}
		stored, ok := d.Lookup(ref)
		if !ok {
			t.Errorf("%s is not stored", ref)
			continue
		}
		if err := sameObject(object, stored); err != nil {
			t.Error(err)
		}
		uid, generation, ok := d.Version(ref)
		if !ok || uid != object.GetUID() || generation != object.GetGeneration() {
			t.Errorf("%s: version is %s, %d, %t", ref, uid, generation, ok)
		}
	}
	for _, kind := range [][]any{{user.Spec}, {set.Spec}, {set.Spec.Records[0]}, {special.Spec}, {permission.Spec, both.Spec, except.Spec}} {
		for _, field := range reflect.VisibleFields(reflect.TypeOf(kind[0])) {
			tried := func(spec any) bool {
				value := reflect.ValueOf(spec).FieldByName(field.Name)
				return value.IsValid() && !value.IsZero()
			}
			if !field.Anonymous && !slices.ContainsFunc(kind, tried) {
				t.Errorf("no object here has %s of %T: nothing shows that it is stored", field.Name, kind[0])
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

// TestEveryFieldIsStored fills each field of the spec of each kind, and finds it again in the domain.
func TestEveryFieldIsStored(t *testing.T) {
	for _, kind := range kinds.Table {
		object := kind.New()
		object.SetName("default")
		fill(t, reflect.ValueOf(kind.Parts(object).Spec).Elem())
		ref := engine.Ref{Kind: kind.Kind, Name: "default"}
		stored, ok := engine.Compile([]engine.Object{object}).Lookup(ref)
		if !ok {
			t.Errorf("%s is not stored", ref)
		} else if err := sameObject(object, stored); err != nil {
			t.Errorf("%s: %v", kind.Kind, err)
		}
	}
}

// fill gives a value, and everything in it, something that is not its zero value.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch into := v.Addr().Interface().(type) {
	case *v1alpha1.JSON:
		into.Raw = []byte("1.50")
		return
	case *metav1.Time:
		into.Time = time.Date(2026, 5, 1, 2, 3, 4, 0, time.UTC)
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("x")
	case reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key)
		fill(t, value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	default:
		t.Fatalf("no value for a %s", v.Type())
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
			stored, _ := d.Lookup(ref)
			if err := sameObject(object, stored); err != nil {
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
