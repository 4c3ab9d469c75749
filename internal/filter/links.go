package filter

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
)

// Found is what stands at one place of a link's path.
type Found int

// What can stand there.
const (
	// AValue is a value other than those below.
	AValue Found = iota
	// Empty is null or "".
	Empty
	// Unknown is an object without the key.
	Unknown
	// Astray is a value on the way that has no members.
	Astray
)

// WalkLink visits everything that stands at a path below a value: a list, on the way or at the end, stands
// for each of its elements, and an empty list for nothing (S9).
func WalkLink(value any, path []string, visit func(found Found, value any)) {
	switch v := value.(type) {
	case []any:
		for _, element := range v {
			WalkLink(element, path, visit)
		}
		return
	case nil:
		visit(Empty, nil)
		return
	case string:
		if v == "" {
			visit(Empty, nil)
			return
		}
	}
	if len(path) == 0 {
		visit(AValue, value)
		return
	}
	object, ok := value.(map[string]any)
	if !ok {
		visit(Astray, value)
		return
	}
	member, ok := object[path[0]]
	if !ok {
		visit(Unknown, nil)
		return
	}
	WalkLink(member, path[1:], visit)
}

// LinkText is the text by which links are compared: a string itself, a number by its shortest JSON text, a record by its
// id. Other values, and the empty string, have none.
func LinkText(value any) (string, bool) {
	if record, ok := value.(map[string]any); ok {
		value = record["id"]
	}
	switch v := value.(type) {
	case string:
		return v, v != ""
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return strconv.FormatInt(int64(v), 10), true
		}
		text, err := json.Marshal(v)
		return string(text), err == nil
	}
	return "", false
}

// Links is the leaf that user permissions put on a link field, or on the id: everything that stands at the
// path must be one of the values, by LinkText, or empty where that passes. Values are sorted.
func Links(field *Field, values []string, emptyPasses bool) *Tree {
	t := &Tree{Op: Link, Field: field, EmptyPasses: emptyPasses, Values: make([]any, len(values))}
	for i, value := range values {
		t.Values[i] = value
	}
	return t
}

func (t *Tree) linkHolds(id string, properties map[string]any) bool {
	var value any = id
	var path []string
	if !t.Field.ID {
		value, path = properties[t.Field.Path[0]], t.Field.Path[1:]
	}
	holds := true
	WalkLink(value, path, func(found Found, value any) {
		switch found {
		case AValue:
			text, ok := LinkText(value)
			if ok {
				_, ok = slices.BinarySearchFunc(t.Values, text, compareValue)
			}
			holds = holds && ok
		case Empty:
			holds = holds && t.EmptyPasses
		default:
			holds = false
		}
	})
	return holds
}

func compareValue(value any, text string) int {
	name, _ := value.(string)
	switch {
	case name < text:
		return -1
	case name > text:
		return 1
	}
	return 0
}

// linkIDs are what a Link lets a field hold, each once: the ids as text, and those of them that are the
// LinkText of a number, as numbers. A whole number that a float64 would round is taken for an integer.
func (t *Tree) linkIDs() (ids []string, numbers []any) {
	for _, value := range t.Values {
		if id, ok := value.(string); ok && id != "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, id := range ids {
		if number, ok := numberOf(id); ok {
			numbers = append(numbers, number)
		}
	}
	return ids, numbers
}

// IDValues are the values that name some records: their ids as text, and as numbers those that are the text of one.
func IDValues(ids []string) []any {
	values := make([]any, 0, len(ids))
	for _, id := range ids {
		values = append(values, id)
		if number, ok := numberOf(id); ok {
			values = append(values, number)
		}
	}
	return values
}

// numberOf gives the number whose LinkText an id is.
func numberOf(id string) (any, bool) {
	var number any
	if i, err := strconv.ParseInt(id, 10, 64); err == nil {
		number = i
	} else if f, err := strconv.ParseFloat(id, 64); err == nil {
		number = f
	}
	text, ok := LinkText(number)
	return number, ok && text == id
}
