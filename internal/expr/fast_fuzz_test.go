package expr

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// maker makes expressions and inputs from choices: pick gives a number below n. The first choice is always a
// simple one, so that a source of zeros comes to an end.
type maker struct {
	pick  func(n int) int
	place Place
}

func oneOf[T any](m maker, choices ...T) T { return choices[m.pick(len(choices))] }

// fill replaces every % of a shape.
func fill(shape string, with func() string) string {
	var text strings.Builder
	for _, r := range shape {
		if r == '%' {
			text.WriteString(with())
			continue
		}
		text.WriteRune(r)
	}
	return text.String()
}

// condition makes an expression that gives a bool, as far as the checker can tell.
func (m maker) condition(depth int) string {
	if depth <= 0 {
		return fill(oneOf(m, "true", "% == %", "% != %", "has(%.a)", "% in ['a', 'b', 1, 2.0, true]"), m.path)
	}
	condition := func() string { return m.condition(depth - 1) }
	operand := func() string { return m.operand(depth - 1) }
	switch m.pick(5) {
	case 0:
		return fill(oneOf(m, "% == %", "% != %", "% < %", "% <= %", "% > %", "% >= %"), operand)
	case 1:
		return fill(oneOf(m, "(% && %)", "(% || %)", "!(%)", "(% ? % : %)", "(!% || %)"), condition)
	case 2:
		return operand() + " in " + oneOf(m, m.container, m.list)()
	case 3:
		return fill(oneOf(m, "%.startsWith(%)", "%.endsWith(%)", "%.contains(%)"), operand)
	default:
		if m.pick(3) == 2 {
			return fill(oneOf(m, "under('t', %, %)", "under(%, %, 'b')", "linkID(%) == %", "under('t', linkID(%), %)", m.link()+" == %", "has("+m.link()+")"), operand)
		}
		return oneOf(m,
			func() string { return "has(" + m.container() + "." + m.name() + ")" },
			func() string { return m.optional() + ".hasValue()" },
			func() string { return "has(" + m.optional() + "." + m.name() + ")" },
			m.path,
		)()
	}
}

// operand makes an expression that gives any value.
func (m maker) operand(depth int) string {
	if depth <= 0 {
		return oneOf(m, m.path, m.literal)()
	}
	operand := func() string { return m.operand(depth - 1) }
	switch m.pick(8) {
	case 0, 1, 2:
		return m.path()
	case 3:
		return oneOf(m, m.literal, m.literal, m.link)()
	case 4:
		return fill(oneOf(m, "linkID(%)", "size(%)", "%.size()", "%.lowerAscii()", "%.upperAscii()", "timestamp(%)", "%.getHours()"), operand)
	case 5:
		return "now" + oneOf(m, "", ".getFullYear()", ".getMonth()", ".getDate()", ".getDayOfMonth()", ".getDayOfWeek()", ".getDayOfYear()",
			".getHours()", ".getMinutes()", ".getSeconds()", ".getMilliseconds()", ".getHours('+02:00')")
	case 6:
		return m.optional() + ".orValue(" + operand() + ")"
	default:
		return oneOf(m,
			func() string { return "(" + m.condition(depth-1) + " ? " + operand() + " : " + operand() + ")" },
			func() string { return "(" + m.condition(depth-1) + ")" },
			func() string { return m.path() + "[" + operand() + "]" },
			func() string { return operand() + oneOf(m, " + ", " - ") + operand() }, // no fast path
		)()
	}
}

func (m maker) name() string { return oneOf(m, "a", "b", "c", "missing") }

func (m maker) literal() string {
	return oneOf(m, "'a'", "''", "'b'", "'A'", "1", "0", "-1", "1.0", "0.5", "-0.0", "9007199254740993", "9007199254740992.0", "9223372036854775807",
		"true", "false", "null", "'missing'", "'2026-01-01T00:00:00Z'", "timestamp('2026-01-01T00:00:00Z')", "'é'", "2026",
		"1u", "b'a'", "['a']", "{'a': 1}", "[]") // no fast path
}

func (m maker) list() string {
	elements := make([]string, m.pick(4))
	for i := range elements {
		elements[i] = oneOf(m, m.literal, m.literal, m.path)()
	}
	return "[" + strings.Join(elements, ", ") + "]"
}

// container makes a path that may be a record's properties as a whole.
func (m maker) container() string {
	if m.pick(3) > 0 {
		return m.path()
	}
	return m.variable()
}

func (m maker) variable() string {
	variables := []string{"resource.properties", "subject.attributes", "subject.properties", "context", "action.properties", "subject.groups", "subject.roles"}
	switch m.place {
	case Validation:
		variables = append(variables, "proposed")
	case MemberCondition:
		variables = []string{"subject.attributes", "subject.properties", "context"}
	case Preset:
		variables = variables[1:]
	}
	return oneOf(m, variables...)
}

func (m maker) path() string {
	if m.pick(4) == 3 {
		return oneOf(m, "subject.id", "subject.type", "subject.staff", "resource.id", "resource.type", "action.name", "subject.groups", "now")
	}
	variable := m.variable()
	if strings.HasSuffix(variable, "groups") || strings.HasSuffix(variable, "roles") {
		return variable + oneOf(m, "[0]", "[2]")
	}
	return variable + m.step() + oneOf(m, "", "", m.step())
}

func (m maker) step() string {
	return oneOf(m, "."+m.name(), "."+m.name(), "['"+m.name()+"']", "[0]", "[subject.id]", "[-1]")
}

// link makes a path to a linked record, or to something in it.
func (m maker) link() string {
	if m.place == MemberCondition || m.place == Preset {
		return m.path()
	}
	var path strings.Builder
	path.WriteString("resource")
	for range 1 + m.pick(2) + m.pick(3) {
		path.WriteString(oneOf(m, ".links.", ".links.", ".links.?") + oneOf(m, "a", "b", "dynamic", "c"))
	}
	return path.String() + oneOf(m, ".id", ".a", ".id", "", ".links", ".missing", ".b.a", "['id']", "[subject.id]", ".?b")
}

// recordsForLinks are records of the types t and u. The links a and c lead to t and u, and dynamic to what b says.
type recordsForLinks struct{}

func (recordsForLinks) LinkField(resourceType, field string) (target, by string, ok bool) {
	switch field {
	case "a":
		return "t", "", true
	case "c":
		return "u", "", resourceType != "u"
	case "dynamic":
		return "", "b", true
	}
	return "", "", false
}

func (recordsForLinks) Stored(resourceType, id string) (map[string]any, bool) {
	switch resourceType + "/" + id {
	case "t/a":
		return map[string]any{"a": "b", "b": map[string]any{"a": int64(1)}, "id": "hidden", "links": "hidden"}, true
	case "t/b":
		return map[string]any{"a": map[string]any{"id": "a"}, "c": 1.0, "dynamic": "b"}, true
	case "u/1":
		return nil, true
	}
	return nil, false
}

var treesForLinks = map[string][]string{"a": {"b", "1"}, "b": {"1"}, "1": nil, "deep": make([]string, fastSteps+1)}

func (recordsForLinks) Depth(_, id string) int { return len(treesForLinks[id]) }

func (recordsForLinks) Under(_, id, ancestor string, most int) (under, known bool) {
	above := treesForLinks[id]
	under = id == ancestor || slices.Contains(above[:min(most, len(above))], ancestor)
	return under, under || len(above) < most
}

func (recordsForLinks) IDs(resourceType string) []string {
	return map[string][]string{"t": {"a", "b"}, "u": {"1"}}[resourceType]
}

func (recordsForLinks) Types() []string { return []string{"t", "u"} }

// optional makes a path with an optional selection.
func (m maker) optional() string {
	path := m.variable() + oneOf(m, "", m.step()) + oneOf(m, ".?"+m.name(), "[?'"+m.name()+"']", "[?0]", "[?subject.id]")
	return path + oneOf(m, "", "", m.step())
}

// input makes what an expression sees. Its names are those of the expressions, and often missing.
func (m maker) input() Input {
	zone := oneOf(m, time.UTC, time.FixedZone("", 2*3600))
	in := Input{
		Subject: Subject{
			Type: "user", ID: oneOf(m, "a", "b", "", "A", "é"), Staff: m.pick(2) == 1,
			Groups: m.texts(), Roles: m.texts(), Attributes: m.object(2), Properties: m.object(2),
		},
		Action:   Action{Name: oneOf(m, "read", "a"), Properties: m.object(1)},
		Resource: Resource{Type: "a", ID: oneOf(m, "a", "b"), Properties: Properties{Over: m.object(2), Base: m.object(2), Complete: m.pick(8) == 7}},
		Proposed: Properties{Over: m.object(1), Base: m.object(1)},
		Context:  m.object(2),
		Now:      time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(oneOf(m, 0, time.Nanosecond, -time.Millisecond, 1000*time.Hour, -time.Hour)).In(zone),
	}
	if m.pick(16) == 15 {
		in.Now = time.Time{}
	}
	if m.pick(8) > 0 {
		in.Resource.Records = recordsForLinks{}
	}
	for _, properties := range []map[string]any{in.Resource.Properties.Over, in.Resource.Properties.Base} {
		if properties != nil && m.pick(2) == 1 {
			properties["dynamic"] = oneOf[any](m, "a", "1", int64(1), map[string]any{"id": "b"}, nil)
			properties["b"] = oneOf[any](m, "t", "u", "gone", "", nil)
		}
	}
	return in
}

func (m maker) texts() []string {
	return oneOf(m, nil, []string{"a"}, []string{"b", "", "a"}, make([]string, fastSize+1))
}

func (m maker) object(depth int) map[string]any {
	if m.pick(4) == 3 {
		return nil
	}
	object := map[string]any{}
	for _, name := range []string{"a", "b", "c"} {
		if m.pick(4) < 3 {
			object[name] = m.value(depth)
		}
	}
	return object
}

func (m maker) value(depth int) any {
	if depth > 0 {
		switch m.pick(6) {
		case 4:
			return m.object(depth - 1)
		case 5:
			list := make([]any, m.pick(4))
			for i := range list {
				list[i] = m.value(depth - 1)
			}
			return list
		}
	}
	if m.pick(2) == 0 {
		return oneOf[any](m, "a", "b", int64(1), true, map[string]any{"id": "a"}, "deep")
	}
	return oneOf(m, awkward...)
}

// fromBytes picks by the bytes of a fuzzer's input; 0 once there are no more.
func fromBytes(data []byte) func(n int) int {
	return func(n int) int {
		if len(data) == 0 {
			return 0
		}
		picked := int(data[0]) % n
		data = data[1:]
		return picked
	}
}

// FuzzFastAgainstCEL holds the fast path against cel-go: on the expression given and, where there is none, on
// one made from the data; the input is made from the data too.
func FuzzFastAgainstCEL(f *testing.F) {
	for _, condition := range attributeConditions {
		f.Add(condition, []byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08"))
	}
	for _, source := range []string{
		"", "resource.properties.a == proposed.b || !has(context.c)", "'a' in resource.properties && proposed.a.b in [null, 1]",
		"resource.properties.?a.b.orValue(1) == context[subject.id]", "timestamp(context.a) < now && now.getMonth() == 0",
		"size(subject.groups) > 0 ? subject.groups[0].upperAscii() == 'A' : subject.properties.a.contains('b')",
	} {
		for _, data := range []string{"", "0123456789abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba9876543210", strings.Repeat("\x05\x03\x09\x02", 40)} {
			f.Add(source, []byte(data))
		}
	}
	f.Fuzz(func(t *testing.T, source string, data []byte) {
		m := maker{pick: fromBytes(data), place: Validation}
		if source == "" {
			source = m.condition(3)
		}
		p, err := Compile(m.place, source)
		if err != nil {
			return
		}
		compareWithCEL(t, p, m.input())
	})
}

// TestFastAgainstCEL is the fuzz test with thousands of expressions from rapid, which shrinks what it finds.
func TestFastAgainstCEL(t *testing.T) {
	compiled, fast, evaluated, answered := 0, 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		m := maker{pick: func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }}
		for range 40 {
			m.place = oneOf(m, Validation, Condition, MemberCondition, Preset)
			depth := m.pick(4)
			p, err := Compile(m.place, oneOf(m, m.condition, m.operand)(depth))
			if err != nil {
				continue
			}
			compiled++
			if p.fast == nil {
				continue
			}
			fast++
			for range 3 {
				evaluated++
				if compareWithCEL(t, p, m.input()) {
					answered++
				}
			}
		}
	})
	t.Logf("%d expressions compiled, %d with a fast path; %d evaluations, %d answered by it", compiled, fast, evaluated, answered)
	if fast*3 < compiled || answered*2 < evaluated {
		t.Errorf("the fast path answered too rarely to prove anything")
	}
}
