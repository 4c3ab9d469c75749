package filter

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"
)

// equal compares as CEL does: across number types by worth, across other types never.
func equal(a, b any) bool {
	switch a := a.(type) {
	case int64, float64:
		order, ok := compareNumbers(a, b)
		return ok && order == 0
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, value := range a {
			if other, ok := b[key]; !ok || !equal(value, other) {
				return false
			}
		}
		return true
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b) && a == b
}

// compareNumbers orders two numbers, an integer and a float64 as two float64; false where one is no number.
func compareNumbers(a, b any) (int, bool) {
	switch a := a.(type) {
	case int64:
		switch b := b.(type) {
		case int64:
			return cmp.Compare(a, b), true
		case float64:
			return cmp.Compare(float64(a), b), true
		}
	case float64:
		switch b := b.(type) {
		case int64:
			return cmp.Compare(a, float64(b)), true
		case float64:
			return cmp.Compare(a, b), true
		}
	}
	return 0, false
}

// ordered says whether two values are in an order, and stand in it as the operator asks.
func ordered(op Op, a, b any) bool {
	order, ok := compareNumbers(a, b)
	if !ok {
		switch a := a.(type) {
		case string:
			b, isString := b.(string)
			order, ok = strings.Compare(a, b), isString
		case bool:
			b, isBool := b.(bool)
			order, ok = compareBools(a, b), isBool
		}
	}
	if !ok {
		return false
	}
	switch op {
	case Lt:
		return order < 0
	case Le:
		return order <= 0
	case Gt:
		return order > 0
	}
	return order >= 0
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

func (t *Tree) textHolds(value, against any) bool {
	text, isText := value.(string)
	part, ok := against.(string)
	if !isText || !ok {
		return false
	}
	holds := false
	switch t.Op {
	case StartsWith:
		holds = strings.HasPrefix(text, part)
	case EndsWith:
		holds = strings.HasSuffix(text, part)
	case Contains:
		holds = strings.Contains(text, part)
	}
	return holds != t.Negated
}

func (t *Tree) elementHolds(value any) bool {
	switch value := value.(type) {
	case []any:
		return slices.ContainsFunc(value, func(element any) bool { return equal(element, t.Value) }) != t.Negated
	case map[string]any:
		name, isName := t.Value.(string)
		_, has := value[name]
		return (isName && has) != t.Negated
	}
	return false
}

// momentHolds compares moments. What is none is not let through, as timestamp() of it is in error.
func (t *Tree) momentHolds(value any) bool {
	against, ok := momentOf(t.Value)
	moment, isMoment := momentOf(value)
	if !ok || !isMoment {
		return false
	}
	order := moment.Compare(against)
	switch t.Op {
	case Eq:
		return order == 0
	case Ne:
		return order != 0
	}
	return ordered(t.Op, int64(order), int64(0))
}

// momentOf reads a moment as CEL's timestamp() does: a text in RFC 3339, or whole seconds since 1970.
func momentOf(value any) (time.Time, bool) {
	var moment time.Time
	switch v := value.(type) {
	case string:
		var err error
		if moment, err = time.Parse(time.RFC3339, v); err != nil {
			return time.Time{}, false
		}
	case int64:
		if v < firstSecond || v > lastSecond { // before it is added to what a time counts from
			return time.Time{}, false
		}
		moment = time.Unix(v, 0)
	default:
		return time.Time{}, false
	}
	return moment.UTC(), moment.Unix() >= firstSecond && moment.Unix() <= lastSecond
}

// The seconds of the years 1 to 9999, as CEL has them.
const (
	firstSecond = -62135596800
	lastSecond  = 253402300799
)

// MomentText writes a moment as Tree.Value has it.
func MomentText(moment time.Time) string { return moment.UTC().Format(time.RFC3339Nano) }
