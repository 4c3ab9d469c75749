package expr

import "testing"

func TestGlance(t *testing.T) {
	in := Input{
		Subject: Subject{
			Type: "user", ID: "ann", Attributes: map[string]any{"level": int64(3), "teams": []any{"crew", "night"}, "share": 0.5},
			Properties: map[string]any{"tier": "gold"},
		},
		Action: Action{Name: "read", Properties: map[string]any{"mode": "all"}},
		Resource: Resource{Type: "order", ID: "o1", Properties: Properties{
			Over: map[string]any{"owner": "ann", "amount": int64(5), "public": true, "team": "crew", "note": nil, "rate": 1.0},
			Base: map[string]any{"owner": "bob", "status": "open"},
		}},
		Context: map[string]any{"mfa": false},
	}
	type answer struct{ holds, sure bool }
	yes, no, unsure := answer{true, true}, answer{false, true}, answer{}
	cases := map[string]answer{
		"resource.properties.owner == subject.id":                                                            yes,
		"resource.properties['owner'] != 'ann'":                                                              no,
		"resource.properties.status == 'open'":                                                               yes,
		"resource.properties.amount <= subject.attributes.level":                                             no,
		"resource.properties.amount > 4":                                                                     yes,
		"resource.properties.rate >= subject.attributes.share":                                               yes,
		"resource.properties.owner < 'bob'":                                                                  yes,
		"resource.properties.public":                                                                         yes,
		"!resource.properties.public || context['mfa']":                                                      no,
		"resource.properties.note == null":                                                                   yes,
		"resource.properties.note != 'x'":                                                                    yes,
		"resource.properties.owner in ['ann', 'bob', 3]":                                                     yes,
		"resource.properties.amount in [5.0]":                                                                yes,
		"resource.properties.team in subject.attributes.teams":                                               yes,
		"subject.id in subject.attributes.teams":                                                             no,
		"subject.properties.tier == 'gold' && action.properties.mode == ''":                                  no,
		"subject.type == 'user' && resource.type == 'order' && resource.id == 'o1' && action.name == 'read'": yes,
		"true": yes,
		// What decides may come before what is not known, as in the fast path; what is not known never before what decides.
		"resource.properties.public || resource.properties.nope":  yes,
		"resource.properties.nope || resource.properties.public":  unsure,
		"resource.properties.nope == 1 && subject.id == 'nobody'": unsure,
		"!resource.properties.nope":                               unsure,
		"resource.properties.amount == 5.0":                       unsure,
		"resource.properties.amount < 5.5":                        unsure,
		"resource.properties.owner < 3":                           unsure,
		"resource.properties.owner":                               unsure,
		"subject.id in resource.properties.owner":                 unsure,
		"resource.properties.team == subject.attributes.teams":    unsure,
		"context.mfa < true":                                      unsure,
		// What is too much for a glance.
		"has(resource.properties.owner)":                  unsure,
		"resource.properties.?owner.orValue('') == 'ann'": unsure,
		"resource.properties.owner.startsWith('a')":       unsure,
		"subject.staff":                                            unsure,
		"subject.id in subject.groups":                             unsure,
		"'owner' in resource.properties":                           unsure,
		"subject.id in [resource.properties.owner]":                unsure,
		"subject.id in []":                                         unsure,
		"subject.id.matches('^a') || true":                         unsure,
		"resource.properties[subject.id] == 'x'":                   unsure,
		"subject.attributes.teams[0] == 'crew'":                    unsure,
		"now < timestamp('2027-01-01T00:00:00Z') && 'a' == 'a'":    unsure,
		"resource.properties.public ? true : context.mfa":          unsure,
		"resource.properties.owner == subject.id && subject.staff": unsure,
	}
	for source, want := range cases {
		t.Run(source, func(t *testing.T) {
			p, err := Compile(Condition, source)
			if err != nil {
				t.Fatal(err)
			}
			var got answer
			if got.holds, got.sure = p.Glance(&in); !got.sure {
				got.holds = false // it says nothing
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if allocations := testing.AllocsPerRun(10, func() { p.Glance(&in) }); allocations != 0 {
				t.Errorf("%v allocations, want none", allocations)
			}
		})
	}
}
