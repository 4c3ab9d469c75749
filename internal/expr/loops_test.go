package expr

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNestedLoops(t *testing.T) {
	for source, want := range map[string][]string{
		"resource.properties.labels.all(l, resource.properties.allowed.exists(a, a == l))":                                 {"resource.properties.allowed"},
		"subject.properties.teams.exists(t, context.teams.exists(u, t == u))":                                              {"context.teams"},
		"resource.properties['a'].all(l, resource.properties['b'].filter(x, x == l).size() > 0)":                           {"resource.properties.b"},
		"resource.properties.a.exists(x, subject.attributes.b.exists(y, action.properties.c.exists(z, x == y && y == z)))": {"action.properties.c", "subject.attributes.b"},
		"resource.properties.a.map(x, resource.properties.b.map(y, y)).size() > 3":                                         {"resource.properties.b"},
		"resource.properties.a.exists(x, resource.properties.a.exists(y, x == y))":                                         {"resource.properties.a"},
		"resource.properties.a.filter(x, x > 1).exists(x, resource.properties.b.filter(y, y > 1).exists(y, y == x))":       {"resource.properties.b"},
		"resource.properties.orders.exists(o, o.lines.exists(l, resource.properties.b.exists(x, x == l)))":                 {"resource.properties.b"},
		"resource.properties.a.all(x, ['r', 'w'].exists(y, resource.properties.b.exists(z, z == y)))":                      {"resource.properties.b"},
		"['r', 'w'].all(x, resource.properties.a.exists(y, resource.properties.b.exists(z, z == y)))":                      {"resource.properties.b"},
		"resource.properties.a.size() <= 1000 && resource.properties.a.all(x, resource.properties.a.exists(y, y == x))":    {"resource.properties.a"},
		"resource.properties.a.size() > 50 || resource.properties.a.all(x, resource.properties.a.exists(y, y == x))":       {"resource.properties.a"},
		"resource.properties.labels.all(l, l in resource.properties.allowed)":                                              nil,
		"resource.properties.labels.all(l, l in ['a', 'b'])":                                                               nil,
		"resource.properties.orders.exists(o, o.lines.exists(l, l.done))":                                                  nil,
		"resource.properties.a.exists(x, ['r', 'w'].exists(y, x == y))":                                                    nil,
		"['r', 'w'].exists(y, resource.properties.a.exists(x, x == y))":                                                    nil,
		"resource.properties.a.exists(x, x) && resource.properties.b.exists(x, x)":                                         nil,
		"resource.properties.a.filter(x, x > 1).exists(x, x == 2)":                                                         nil,
		"resource.properties.b.size() <= 50 && resource.properties.a.all(x, resource.properties.b.exists(y, y == x))":      nil,
		"50 >= size(resource.properties.b) && resource.properties.a.all(x, resource.properties.b.exists(y, y == x))":       nil,
		"subject.id == resource.properties.owner":                                                                          nil,
	} {
		program, err := Compile(Condition, source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		if diff := cmp.Diff(want, program.NestedLoops()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
}
