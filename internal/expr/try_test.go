package expr

import "testing"

// tried is what TryBool gives.
type tried struct{ value, ok bool }

var (
	yes    = tried{true, true}
	no     = tried{false, true}
	unsure = tried{}
)

func try(t *testing.T, source string, in *Input) (got tried) {
	t.Helper()
	p, err := Compile(Condition, source)
	if err != nil {
		t.Fatal(err)
	}
	if got.value, got.ok = p.TryBool(in); !got.ok {
		return unsure // the value says nothing
	}
	return got
}

func TestTryBool(t *testing.T) {
	in := Input{
		Subject: Subject{
			Type: "user", ID: "ann", Groups: []string{"crew"}, Roles: []string{"clerk"}, Staff: true,
			Attributes: map[string]any{"level": int64(3), "teams": []any{"crew", "night"}, "share": 0.5},
			Properties: map[string]any{"tier": "gold"},
		},
		Action: Action{Name: "read", Properties: map[string]any{"mode": "all"}},
		Resource: Resource{Type: "order", ID: "o1", Properties: Properties{
			Over: map[string]any{"owner": "ann", "amount": int64(5), "public": true, "team": "crew", "note": nil, "rate": 1.0},
			Base: map[string]any{"owner": "bob", "status": "open"},
		}},
		Context: map[string]any{"mfa": false},
		Now:     attributeInput().Now,
	}
	cases := map[string]tried{
		"resource.properties.owner == subject.id":                  yes,
		"resource.properties['owner'] != 'ann'":                    no,
		"resource.properties.status == 'open'":                     yes,
		"resource.properties.amount <= subject.attributes.level":   no,
		"resource.properties.amount > 4":                           yes,
		"resource.properties.amount == 5.0":                        yes,
		"resource.properties.amount < 5.5":                         yes,
		"resource.properties.rate >= subject.attributes.share":     yes,
		"resource.properties.owner < 'bob'":                        yes,
		"resource.properties.public":                               yes,
		"!resource.properties.public || context['mfa']":            no,
		"context.mfa < true":                                       yes,
		"resource.properties.note == null":                         yes,
		"resource.properties.note != 'x'":                          yes,
		"resource.properties.owner in ['ann', 'bob', 3]":           yes,
		"resource.properties.amount in [5.0]":                      yes,
		"subject.id in [resource.properties.owner]":                yes,
		"subject.id in []":                                         no,
		"resource.properties.team in subject.attributes.teams":     yes,
		"subject.id in subject.attributes.teams":                   no,
		"subject.id in subject.groups || 'clerk' in subject.roles": yes,
		"subject.staff":                         yes,
		"subject.attributes.teams[0] == 'crew'": yes,
		"subject.properties.tier == 'gold' && action.properties.mode == ''":                                  no,
		"subject.type == 'user' && resource.type == 'order' && resource.id == 'o1' && action.name == 'read'": yes,
		"resource.properties.owner.startsWith('a')":                                                          yes,
		"resource.properties.public ? true : context.mfa":                                                    yes,
		"now < timestamp('2027-01-01T00:00:00Z')":                                                            yes,
		"has(resource.properties.owner) && 'owner' in resource.properties":                                   yes,
		"resource.properties.?owner.orValue('') == 'ann'":                                                    yes,
		"true": yes,
		// An error is false, as for Bool; what decides may come before and after it.
		"resource.properties.owner < 3":           no,
		"resource.properties.owner":               no,
		"subject.id in resource.properties.owner": no,
		"context.nope == 1":                       unsure,
		"!(context.nope == 1)":                    unsure,
		"context.nope == 1 || true":               yes,
		// Where nothing comes of it, a property may be unknown; but the answer of false would have to name it.
		"resource.properties.public || resource.properties.nope":                yes,
		"resource.properties.nope || resource.properties.public":                yes,
		"!has(resource.properties.nope) || resource.properties.nope == 1":       yes,
		"resource.properties.?nope.orValue(1) == 1":                             yes,
		"has(resource.properties.nope)":                                         unsure,
		"resource.properties.nope == 1 && subject.id == 'nobody'":               unsure,
		"!resource.properties.nope":                                             unsure,
		"resource.properties[subject.id] == 'x'":                                unsure,
		"has(resource.properties.nope) ? true : resource.properties.amount < 5": unsure,
		// What is left to cel-go.
		"resource.properties.team == subject.attributes.teams": no,
		"subject.attributes.teams == subject.attributes.teams": unsure,
		"subject.id.matches('^a') || true":                     unsure,
		"resource.properties.amount + 1 == 6":                  unsure,
	}
	for source, want := range cases {
		t.Run(source, func(t *testing.T) {
			if got := try(t, source, &in); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// TestTryBoolPartial asks about a record of which only some properties are at hand: status is not.
func TestTryBoolPartial(t *testing.T) {
	some := Properties{Over: map[string]any{"owner": "ann"}, Partial: true}
	found := Properties{Over: some.Over, Base: map[string]any{"status": "archived"}}
	nothing := Properties{Over: some.Over}
	cases := map[string]struct{ some, found, nothing tried }{
		"resource.properties.owner == 'ann'":                                                 {some: yes, found: yes, nothing: yes},
		"resource.properties.owner == 'bob'":                                                 {some: no, found: no, nothing: no},
		"resource.properties.owner == 'ann' || has(resource.properties.status)":              {some: yes, found: yes, nothing: yes},
		"resource.properties.status == 'archived'":                                           {some: unsure, found: yes, nothing: unsure},
		"resource.properties.status == 'archived' || true":                                   {some: unsure, found: yes, nothing: yes},
		"!has(resource.properties.status) || resource.properties.status != 'archived'":       {some: unsure, found: no, nothing: yes},
		"!('status' in resource.properties)":                                                 {some: unsure, found: no, nothing: yes},
		"resource.properties.?status.orValue('') == ''":                                      {some: unsure, found: no, nothing: yes},
		"has(resource.properties.status) ? resource.properties.owner == 'ann' : true":        {some: unsure, found: yes, nothing: yes},
		"resource.properties[context.name] == 'archived' || resource.properties.owner == ''": {some: unsure, found: yes, nothing: unsure},
	}
	for source, tc := range cases {
		t.Run(source, func(t *testing.T) {
			for properties, want := range map[*Properties]tried{&some: tc.some, &found: tc.found, &nothing: tc.nothing} {
				in := Input{Resource: Resource{Properties: *properties}, Context: map[string]any{"name": "status"}}
				if got := try(t, source, &in); got != want {
					t.Errorf("%+v: got %+v, want %+v", *properties, got, want)
				}
			}
		})
	}
}
