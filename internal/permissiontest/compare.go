package permissiontest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/remit-authz/remit/internal/expr"
)

// Difference is a key that is not as expected.
type Difference struct {
	Key string
	// Want and Got are JSON values. Of lists, Missing are the elements that are only wanted, and Unexpected
	// those that are only there.
	Want, Got           any
	Missing, Unexpected []any
}

// String is the difference in one line, or of lists, which may be long, in one line for each side.
func (d Difference) String() string {
	if d.Missing == nil && d.Unexpected == nil {
		return fmt.Sprintf("%s: want %s, got %s", d.Key, jsonText(d.Want), jsonText(d.Got))
	}
	var lines []string
	if len(d.Missing) > 0 {
		lines = append(lines, fmt.Sprintf("%s: missing %s", d.Key, jsonText(d.Missing)))
	}
	if len(d.Unexpected) > 0 {
		lines = append(lines, fmt.Sprintf("%s: not expected %s", d.Key, jsonText(d.Unexpected)))
	}
	return strings.Join(lines, "\n")
}

// The values that compare otherwise than JSON does.
type (
	// exact is an object of which every key is compared, not only the expected ones.
	exact map[string]any
	// oneOf is several texts of which one is expected.
	oneOf []string
)

// value is the text where there is one.
func (o oneOf) value() any {
	switch len(o) {
	case 0:
		return nil
	case 1:
		return o[0]
	}
	return list(o)
}

// compare gives the differences of the keys that are wanted, sorted by key.
func compare(want, got map[string]any) []Difference {
	var differences []Difference
	for key, wanted := range want {
		if matches(wanted, got[key]) {
			continue
		}
		d := Difference{Key: key, Want: wanted, Got: got[key]}
		if codes, ok := d.Got.(oneOf); ok {
			d.Got = codes.value()
		}
		wantList, wantsList := wanted.([]any)
		gotList, isList := got[key].([]any)
		if wantsList && (isList || got[key] == nil) {
			d.Missing = without(wantList, func(w any) bool { return contains(gotList, w) })
			d.Unexpected = without(gotList, func(g any) bool { return contained(g, wantList) })
		}
		differences = append(differences, d)
	}
	slices.SortFunc(differences, func(a, b Difference) int { return cmp.Compare(a.Key, b.Key) })
	return differences
}

// matches compares a wanted JSON value with what there is: of objects the wanted keys, of lists the
// elements in any order. An absent value, an empty list and an empty object are the same.
func matches(want, got any) bool {
	switch got := got.(type) {
	case exact:
		wanted, _ := want.(map[string]any)
		return matches(want, map[string]any(got)) && matches(map[string]any(got), wanted)
	case oneOf:
		text, ok := want.(string)
		return ok && slices.Contains(got, text)
	}
	if isEmpty(want) || isEmpty(got) {
		return isEmpty(want) && isEmpty(got)
	}
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		for key := range want {
			ok = ok && matches(want[key], got[key])
		}
		return ok
	case []any:
		got, ok := got.([]any)
		return ok && !slices.ContainsFunc(want, func(w any) bool { return !contains(got, w) }) &&
			!slices.ContainsFunc(got, func(g any) bool { return !contained(g, want) })
	case int64:
		if got, ok := got.(float64); ok {
			return float64(want) == got
		}
	case float64:
		if got, ok := got.(int64); ok {
			return want == float64(got)
		}
	}
	return want == got
}

func isEmpty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	}
	return false
}

func contains(got []any, want any) bool {
	return slices.ContainsFunc(got, func(g any) bool { return matches(want, g) })
}

func contained(got any, want []any) bool {
	return slices.ContainsFunc(want, func(w any) bool { return matches(w, got) })
}

func without(values []any, drop func(any) bool) []any {
	kept := []any{} // not nil: a list was compared
	for _, value := range values {
		if !drop(value) {
			kept = append(kept, value)
		}
	}
	return kept
}

func jsonText(value any) string {
	if value == nil {
		return "nothing"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}

// asJSON is a Go value as the object that it is in JSON.
func asJSON(value any) (map[string]any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	parsed, err := expr.ParseJSON(text)
	if err != nil {
		return nil, err
	}
	object, ok := parsed.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%T is no object", value)
	}
	return object, nil
}
