package expr

import (
	"testing"
)

// TestUnknown evaluates conditions about every record: the question gives known, and nothing else.
func TestUnknown(t *testing.T) {
	type verdict string
	const (
		yes     verdict = "true"  // for every record
		no      verdict = "false" // for every record
		depends verdict = "depends"
	)
	tests := map[string]verdict{
		// Properties by name.
		`resource.properties.known == 'k'`:                  yes,
		`resource.properties.known == 'x'`:                  no,
		`resource.properties.known.startsWith('k')`:         yes,
		`resource.properties.deep.below == 1`:               yes,
		`has(resource.properties.deep.other)`:               no,
		`resource.properties.other == 'k'`:                  depends,
		`resource.properties['other'] == 'k'`:               depends,
		`resource.properties[context.name] == 'k'`:          depends,
		`has(resource.properties.other)`:                    depends,
		`!has(resource.properties.other)`:                   depends,
		`has(resource.properties.known)`:                    yes,
		`!has(resource.properties.other.below)`:             depends,
		`resource.properties.?other.orValue('k') == 'k'`:    depends,
		`resource.properties[?'other'].orValue('k') == 'k'`: depends,
		`!resource.properties.?other.hasValue()`:            depends,
		`resource.properties.?known.orValue('x') == 'k'`:    yes,
		`'other' in resource.properties`:                    depends,
		`!('other' in resource.properties)`:                 depends,
		`'known' in resource.properties`:                    yes,
		`resource.?properties.?other.hasValue()`:            depends,
		`dyn(resource).properties.other == 1`:               depends,
		`!has(dyn(resource.properties).other)`:              depends,
		`(true ? resource.properties : {})['other'] == 1`:   depends,
		`!('other' in (true ? resource.properties : {}))`:   depends,
		`proposed.other == 'k' || !has(proposed.other)`:     depends,
		`proposed.known == 'k'`:                             yes,
		// All of them.
		`resource.properties.size() == 1`:                           depends,
		`size(resource.properties) < 0`:                             depends,
		`resource.properties == {}`:                                 depends,
		`resource.properties != {'known': 'k'}`:                     depends,
		`{'known': 'k'} != resource.properties`:                     depends,
		`{} != dyn(resource.properties)`:                            depends,
		`!(resource.properties in [{'known': 'k'}])`:                depends,
		`!({'known': 'k'} in [resource.properties])`:                depends,
		`[resource.properties] != [{'known': 'k'}]`:                 depends,
		`{'p': resource.properties} != {'p': {'known': 'k'}}`:       depends,
		`optional.of(resource.properties) != optional.of({'a': 1})`: depends,
		`resource.properties.all(k, k == 'known')`:                  depends,
		`!resource.properties.exists(k, k == 'other')`:              depends,
		`resource.properties.map(k, k).size() >= 0`:                 depends,
		`resource.properties.filter(k, true).size() >= 0`:           depends,
		`'%s'.format([resource.properties]) != 'x'`:                 depends,
		`dyn(resource.properties) != null`:                          depends,
		`type(resource.properties) == map`:                          depends,
		`dyn(resource) != null`:                                     depends,
		`proposed == {}`:                                            depends,
		`proposed.all(k, true)`:                                     depends,
		`[1].exists(resource, resource == 1)`:                       depends, // shadowed: no answer is better than a wrong one
		// The id.
		`resource.id == 'x'`:               depends,
		`resource.id != 'x'`:               depends,
		`has(resource.id)`:                 depends,
		`!has(resource.id)`:                depends,
		`dyn(resource).id != 'x'`:          depends,
		`!has(dyn(resource).id)`:           depends,
		`resource.?id.orValue('x') == 'x'`: depends,
		`resource.type == 'order'`:         yes,
		// CEL's logic.
		`true || resource.properties.other == 1`:                 yes,
		`resource.properties.other == 1 || true`:                 yes,
		`resource.properties.other == 1 && false`:                no,
		`resource.properties.size() == 0 || subject.id == 'ann'`: yes,
		`resource.id == 'x' || subject.id == 'ann'`:              yes,
		`subject.id == 'ann' ? true : resource.id == 'x'`:        yes,
		`resource.id == 'x' ? true : true`:                       depends,
		`subject.id == 'bob' && resource.id == 'x'`:              no,
		// Errors that have nothing to do with the record.
		`context.absent == 1`: no,
		`subject.id == 'ann'`: yes,
	}
	for source, want := range tests {
		t.Run(source, func(t *testing.T) {
			p, err := Compile(Validation, source)
			if err != nil {
				t.Fatal(err)
			}
			unknown := &Unknown{}
			given := Properties{Over: map[string]any{"known": "k", "deep": map[string]any{"below": int64(1)}}, Unknown: unknown}
			in := &Input{
				Subject: Subject{Type: "user", ID: "ann"}, Context: map[string]any{"name": "other"},
				Resource: Resource{Type: "order", Properties: given, Unknown: unknown}, Proposed: given,
			}
			holds, err := p.Bool(in)
			got := no
			switch {
			case holds && err == nil:
				got = yes
			case unknown.Met() && err != nil:
				got = depends
			case holds:
				t.Fatalf("true, and %v", err)
			}
			if got != want {
				t.Errorf("got %s (%v), want %s", got, err, want)
			}
		})
	}
}
