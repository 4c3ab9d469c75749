package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"

	"github.com/remit-authz/remit/internal/kinds"
)

// oddValues take the place of every value of a sound object.
var oddValues = []any{
	nil, true, "", "x", "*", "Full", "None", strings.Repeat("long", 2000), "2026-01-01T00:00:00Z", "noon", " . ", int64(0), int64(-1), int64(1) << 40, 1.5,
	[]any{}, []any{"x"}, []any{"x", "x"}, []any{nil}, map[string]any{}, map[string]any{"name": "x"}, map[string]any{"unknown": "x"},
	[]any{map[string]any{"name": "x"}, map[string]any{"name": "x"}}, []any{map[string]any{"user": "x"}, map[string]any{"user": "x"}},
	[]any{map[string]any{"id": "x"}, map[string]any{"id": "x"}},
}

// TestShapeAcceptsNothingUnsound holds the quick look at schemas against the API server's validation: on the
// samples, and on the samples with each value left out, doubled or replaced by odd ones.
func TestShapeAcceptsNothingUnsound(t *testing.T) {
	files, err := Files([]string{"../../config/samples"})
	if err != nil {
		t.Fatal(err)
	}
	accepted, refused := 0, 0
	seen := map[string]bool{} // places, so that not every sample tries the same
	for _, file := range files {
		documents, err := ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range documents {
			kind, ok := kinds.Find(kinds.Kind(document.Kind))
			if !ok {
				continue
			}
			object, err := asMap(document.JSON)
			if err != nil {
				t.Fatal(err)
			}
			schema := schemas[kind.Kind]()
			check := func(what string) {
				rules := false
				if !schema.shape.accepts(object, &rules) {
					refused++
					return
				}
				accepted++
				errs := validation.ValidateCustomResource(nil, object, schema.values)
				errs = append(errs, listtype.ValidateListSetsAndMaps(nil, schema.structural, object)...)
				if len(errs) > 0 {
					t.Errorf("%s:%d: %s: accepted, though: %v", file, document.Line, what, errs)
				}
			}
			check("as it is")
			if rules := false; !schema.shape.accepts(object, &rules) {
				t.Errorf("%s:%d: a sound object is not recognised", file, document.Line)
			}
			mutate(object["spec"], func(value any) { object["spec"] = value }, document.Kind+".spec", seen, check)
		}
	}
	if accepted < 100 || refused < 100 {
		t.Errorf("%d accepted, %d refused: too few to say anything", accepted, refused)
	}
}

// mutate puts odd values into the place of a value and of every value in it, once for each kind of place.
func mutate(value any, set func(any), place string, seen map[string]bool, check func(what string)) {
	if !seen[place] {
		seen[place] = true
		for _, odd := range oddValues {
			set(odd)
			check(fmt.Sprintf("%s = %.40v", place, odd))
		}
		set(value)
	}
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			member := value[name]
			mutate(member, func(odd any) { value[name] = odd }, place+"."+name, seen, check)
			delete(value, name)
			check(place + " without " + name)
			value[name] = member
		}
	case []any:
		for i := range value {
			item := value[i]
			mutate(item, func(odd any) { value[i] = odd }, place+"[]", seen, check)
		}
		if len(value) > 0 {
			set(append(slices.Clone(value), value[0]))
			check(place + " with an item twice")
			set(value)
		}
	}
}
