package kinds_test

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
)

// computed are the kinds of the API that no domain is compiled from.
var computed = []string{"EffectivePermissions"}

// TestTableHasEveryKindOfTheAPI holds the table against the scheme: a type that is registered has a row.
func TestTableHasEveryKindOfTheAPI(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	meta := runtime.NewScheme()
	metav1.AddToGroupVersion(meta, v1alpha1.GroupVersion)
	for name, goType := range scheme.KnownTypes(v1alpha1.GroupVersion) {
		if meta.Recognizes(v1alpha1.GroupVersion.WithKind(name)) || strings.HasSuffix(name, "List") || slices.Contains(computed, name) {
			continue
		}
		row, ok := kinds.Find(kinds.Kind(name))
		if !ok {
			t.Errorf("%s is a kind of the API and has no row in kinds.Table", name)
			continue
		}
		if got := reflect.TypeOf(row.New()).Elem(); got != goType {
			t.Errorf("%s: New makes a %s, want a %s", name, got, goType)
		}
	}
}

func TestRows(t *testing.T) {
	keys, resources, names := map[string]kinds.Kind{}, map[string]kinds.Kind{}, map[kinds.Kind]bool{}
	key := regexp.MustCompile(`^[a-z]{2,}$`)
	for i, row := range kinds.Table {
		t.Run(string(row.Kind), func(t *testing.T) {
			if other, twice := keys[row.Key]; twice || !key.MatchString(row.Key) {
				t.Errorf("the key %q must be letters that no other kind has; it is that of %q", row.Key, other)
			}
			if other, twice := resources[row.Resource]; twice || row.Resource != strings.ToLower(row.Resource) {
				t.Errorf("the resource %q must be in lower case and of no other kind; it is that of %q", row.Resource, other)
			}
			if names[row.Kind] {
				t.Error("has two rows")
			}
			keys[row.Key], resources[row.Resource], names[row.Kind] = row.Kind, row.Kind, true

			object := row.New()
			if found, ok := kinds.Of(object); !ok || found.Kind != row.Kind {
				t.Errorf("Of(New()) = %v, %t", found, ok)
			}
			if found, ok := kinds.Find(row.Kind); !ok || found.Kind != row.Kind {
				t.Errorf("Find = %v, %t", found, ok)
			}
			if row.New() == object {
				t.Error("New made the same object twice")
			}
			if got, want := row.GVK().String(), "permissions.remit.dev/v1alpha1, Kind="+string(row.Kind); got != want {
				t.Errorf("GVK = %s, want %s", got, want)
			}
			if got, want := row.GroupResource().String(), row.Resource+".permissions.remit.dev"; got != want {
				t.Errorf("GroupResource = %s, want %s", got, want)
			}
			if got := kinds.Names()[i]; got != row.Kind {
				t.Errorf("Names()[%d] = %s", i, got)
			}
		})
	}
}

// TestParts writes through what Parts returns, and finds it in the object. It looks for lists of rules in the type of the
// spec: the ones that a row does not name would be left out wherever rules are gone through.
func TestParts(t *testing.T) {
	for _, row := range kinds.Table {
		t.Run(string(row.Kind), func(t *testing.T) {
			object := row.New()
			fields := reflect.ValueOf(object).Elem()
			parts := row.Parts(object)
			if parts.Spec != fields.FieldByName("Spec").Addr().Interface() {
				t.Errorf("Spec is a %T, and not that of the object", parts.Spec)
			}
			if parts.Status != fields.FieldByName("Status").Addr().Interface() {
				t.Errorf("Status is a %T, and not that of the object", parts.Status)
			}
			if any(parts.Common) != fields.FieldByName("Status").FieldByName("CommonStatus").Addr().Interface() {
				t.Error("Common is not that of the object's status")
			}
			spec := fields.FieldByName("Spec")
			lists := map[string]any{}
			for _, field := range reflect.VisibleFields(spec.Type()) {
				if field.Type == reflect.TypeFor[[]v1alpha1.Rule]() {
					name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
					lists["spec."+name] = spec.FieldByIndex(field.Index).Addr().Interface()
				}
			}
			for _, list := range parts.Rules {
				if lists[list.Path] != any(list.Rules) {
					t.Errorf("Rules has %s, which is no list of rules at that path", list.Path)
				}
				delete(lists, list.Path)
			}
			for path := range lists {
				t.Errorf("Rules lacks %s", path)
			}
		})
	}
}

func TestOfNothing(t *testing.T) {
	for name, object := range map[string]metav1.Object{
		"nil":                       nil,
		"a nil pointer":             (*v1alpha1.Role)(nil),
		"a computed kind":           &v1alpha1.EffectivePermissions{},
		"a kind of somebody else's": &metav1.PartialObjectMetadata{},
	} {
		if row, ok := kinds.Of(object); ok || row != nil {
			t.Errorf("Of(%s) = %v, %t, want none", name, row, ok)
		}
	}
	if row, ok := kinds.Find("EffectivePermissions"); ok {
		t.Errorf("Find of a computed kind = %v", row)
	}
}

func TestCompare(t *testing.T) {
	got := []kinds.Kind{"Unknown", kinds.PermissionPolicy, kinds.Role, kinds.ResourceType}
	slices.SortFunc(got, kinds.Compare)
	want := []kinds.Kind{kinds.ResourceType, kinds.Role, kinds.PermissionPolicy, "Unknown"}
	if !slices.Equal(got, want) {
		t.Errorf("sorted: %v, want %v", got, want)
	}
}

// TestSameSpec fails closed: what is not known to be the same is not.
func TestSameSpec(t *testing.T) {
	role := func(description string) *v1alpha1.Role {
		return &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Name: description}, Spec: v1alpha1.RoleSpec{Description: description}}
	}
	renamed := role("a")
	renamed.Name = "b"
	for name, tc := range map[string]struct {
		a, b kinds.Object
		want bool
	}{
		"equal specs":                  {role("a"), renamed, true},
		"other specs":                  {role("a"), role("b"), false},
		"a list that is nil and empty": {&v1alpha1.Group{}, &v1alpha1.Group{Spec: v1alpha1.GroupSpec{Rules: []v1alpha1.Rule{}}}, true},
		"two kinds":                    {&v1alpha1.Role{}, &v1alpha1.Group{}, false},
		"nothing":                      {nil, nil, false},
		"nil pointers":                 {(*v1alpha1.Role)(nil), (*v1alpha1.Role)(nil), false},
		"a kind without a row":         {&v1alpha1.EffectivePermissions{}, &v1alpha1.EffectivePermissions{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := kinds.SameSpec(tc.a, tc.b); got != tc.want {
				t.Errorf("SameSpec = %t, want %t", got, tc.want)
			}
		})
	}
	for _, row := range kinds.Table {
		if !kinds.SameSpec(row.New(), row.New()) {
			t.Errorf("%s: two empty objects do not have the same spec", row.Kind)
		}
	}
}
