package importer

import (
	"regexp"
	"strconv"
	"strings"
)

// Validations are about the payload: what is not in it passes every operator but _submitted, and what is null
// passes the negative ones. The payload is what the request submits, over the presets of all policies that the
// user holds.

// validationTranslator turns validations of an action on a collection into CEL.
type validationTranslator struct {
	schema    *directusSchema
	attribute func(name string)
	payload   func(field string) payload
}

// payload is where a validation finds a field.
type payload struct {
	// x is the expression of its value, given is true where the request, or a preset that counts, has it.
	x     string
	given clause
	// presets are those that may be in the payload where given is false.
	presets []heldPreset
}

// heldPreset is what somebody's policy presets.
type heldPreset struct {
	// held is true for who has the policy; x the value, empty where it cannot be said. What is unsure may not be
	// in the payload.
	held   clause
	x      string
	unsure bool
}

func (t *validationTranslator) translate(filter any, path string) (clause, error) {
	node, err := parseFilter(filter, path)
	if err != nil {
		return never, err
	}
	return t.clause(node, true)
}

func (t *validationTranslator) clause(n *filterNode, top bool) (clause, error) {
	switch n.kind {
	case nodeSome, nodeNone:
		return never, cannotAt(n.at, "validations of linked records have no counterpart")
	case nodeTest:
		return t.test(n)
	}
	if len(n.parts) == 0 && !top && n.kind == nodeAll && strings.HasSuffix(n.at, "]") {
		return never, cannotAt(n.at, "an empty rule, on which Directus fails")
	}
	var parts []clause
	for _, part := range n.parts {
		c, err := t.clause(part, false)
		if err != nil {
			return never, err
		}
		parts = append(parts, c)
	}
	if n.kind == nodeAny {
		return or(parts...), nil
	}
	return and(parts...), nil
}

func (t *validationTranslator) test(n *filterNode) (clause, error) {
	if len(n.path) > 1 {
		return never, cannotAt(n.at, "validations of linked records have no counterpart")
	}
	field := t.payload(n.path[0])
	if n.op == "_submitted" {
		parts := []clause{field.given}
		for _, preset := range field.presets {
			if !preset.unsure {
				parts = append(parts, preset.held)
			}
		}
		return or(parts...), nil
	}
	check := &payloadLeaf{translator: t, x: field.x, op: n.op, path: n.at}
	holds, err := check.holds(n.v)
	if err != nil {
		return never, err
	}
	all := []clause{or(not(field.given), holds)}
	for _, preset := range field.presets {
		holds := never
		if preset.x != "" {
			check.x = preset.x
			if holds, err = check.holds(n.v); err != nil {
				return never, err
			}
		}
		all = append(all, or(field.given, not(preset.held), holds))
	}
	return and(all...), nil
}

// payloadLeaf is one operator of a validation, for a field that is in the payload.
type payloadLeaf struct {
	translator *validationTranslator
	x          string
	op         string
	path       string
}

func (f *payloadLeaf) cannot(format string, args ...any) error {
	return cannotAt(f.path, format, args...)
}

func (f *payloadLeaf) is(format string, args ...any) clause { return atom(f.x+" "+format, args...) }

func (f *payloadLeaf) holds(v any) (clause, error) {
	switch f.op {
	case "_null", "_nnull", "_empty", "_nempty":
		if v == false {
			return never, f.cannot("Directus ignores the false")
		}
	}
	switch f.op {
	case "_null":
		return f.is("== null"), nil
	case "_nnull":
		return f.is("!= null"), nil
	case "_empty":
		return f.is(`== ""`), nil
	case "_nempty":
		return f.is(`!= ""`), nil
	case "_eq", "_neq":
		return f.sameOrNot(v)
	case "_in", "_nin":
		return f.among(v)
	case "_gt", "_gte", "_lt", "_lte":
		return f.compare(order[f.op], v)
	case "_between":
		from, to, ok := bounds(v)
		if !ok {
			return never, f.cannot("needs two values")
		}
		_, first := asNumber(from)
		_, second := asNumber(to)
		if first != second {
			return never, f.cannot("needs two numbers or two times")
		}
		above, err := f.compare(">=", from)
		if err != nil {
			return never, err
		}
		below, err := f.compare("<=", to)
		return and(above, below), err
	case "_regex":
		pattern, err := regularExpression(text(v))
		if err != nil {
			return never, f.cannot("%v", err)
		}
		return and(f.is(`!= ""`), atom("%s.matches(%s)", f.x, literal(pattern))), nil
	case "_nbetween", "_ieq", "_nieq", "_nicontains":
		return never, f.cannot("Directus does not check %s in validations", f.op)
	}
	if test, ok := textTests[f.op]; ok {
		return f.textTest(test, v)
	}
	return never, f.cannot("the operator %s has no counterpart", f.op)
}

func (f *payloadLeaf) among(v any) (clause, error) {
	list, ok := v.([]any)
	if s, isText := v.(string); isText && !strings.Contains(s, ",") {
		list, ok = []any{s}, true
	}
	if !ok {
		return never, f.cannot("needs a list")
	}
	for _, element := range list {
		if s, ok := element.(string); ok && strings.HasPrefix(s, "$") {
			return never, f.cannot("variables in lists have no counterpart in validations")
		}
		switch element.(type) {
		case map[string]any, []any:
			return never, f.cannot("compares with an object")
		}
	}
	if f.op == "_nin" {
		return not(f.is("in %s", literal(list))), nil
	}
	return f.is("in %s", literal(list)), nil
}

// textTest is the test of a value that is a text and not empty; of any other it is an error.
func (f *payloadLeaf) textTest(test textTest, v any) (clause, error) {
	s, ok := v.(string)
	switch {
	case !ok:
		return never, f.cannot("needs a text")
	case strings.HasPrefix(s, "$"):
		return never, f.cannot("variables in texts have no counterpart")
	case test.anyCase && !asciiText(s):
		return never, f.cannot("texts with letters beyond ASCII cannot be compared without their case")
	}
	x := f.x
	if test.anyCase {
		x, s = x+".lowerAscii()", strings.ToLower(s)
	}
	c := atom("%s.%s(%s)", x, test.function, literal(s))
	if test.negative {
		c = clause{text: "!" + c.text}
		if test.anyCase { // other letters may have these as their lower case
			c = and(atom(`%s.matches("^[[:ascii:]]*$")`, f.x), c)
		}
	}
	return and(f.is(`!= ""`), c), nil
}

// numberForm is what JavaScript and CEL both read as one number.
const numberForm = `^ *[+-]?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,2})? *$`

// compare translates an order. A text that is a number counts as one.
func (f *payloadLeaf) compare(operator string, v any) (clause, error) {
	if number, ok := asNumber(v); ok {
		return or(f.is("%s %s", operator, literal(number)),
			and(atom("%s.matches(%s)", f.x, literal(numberForm)), atom("double(%s.trim()) %s %s", f.x, operator, double(number)))), nil
	}
	s, ok := v.(string)
	switch {
	case !ok:
		return never, f.cannot("needs a number or a time")
	case strings.HasPrefix(s, "$") && !strings.HasPrefix(s, "$NOW"):
		return never, f.cannot("%s has no order here", s)
	}
	moment, problem := momentOf(s, true)
	if problem != "" {
		return never, f.cannot("%s", problem)
	}
	return and(f.is("!= null"), atom("timestamp(%s) %s %s", f.x, operator, moment)), nil
}

// sameOrNot translates _eq and _neq, to which a number and its text are the same.
func (f *payloadLeaf) sameOrNot(v any) (clause, error) {
	lookup := leaf{translator: &itemTranslator{schema: f.translator.schema, attribute: f.translator.attribute}, path: f.path}
	dynamic, err := lookup.variable(v)
	if err != nil {
		return never, err
	}
	accepted := []string{dynamic}
	if dynamic == "" {
		switch v.(type) {
		case map[string]any, []any:
			return never, f.cannot("compares with an object or a list")
		}
		accepted = []string{literal(v)}
		switch v := v.(type) {
		case int64, float64:
			accepted = append(accepted, strconv.Quote(numberText(v)))
		case string:
			trimmed := strings.TrimSpace(v)
			if number, ok := numeric(v); ok {
				accepted = append(accepted, literal(number))
			} else if trimmed == "" && v != "" || oddNumber.MatchString(trimmed) {
				return never, f.cannot("%q is a number to JavaScript alone", v)
			}
		}
	}
	if f.op == "_eq" {
		var same []clause
		for _, value := range accepted {
			same = append(same, f.is("== %s", value))
		}
		return or(same...), nil
	}
	var different []clause
	for _, value := range accepted {
		different = append(different, f.is("!= %s", value))
	}
	if dynamic != "" { // else a number and its text would differ
		different = append(different, or(f.is("== null"), atom("type(%s) == type(%s)", f.x, dynamic)))
	}
	return and(different...), nil
}

var oddNumber = regexp.MustCompile(`^([+-]?Infinity|0[xXbBoO].*)$`)
