package expr

import "testing"

// Whether an evaluation met what is unknown is not what an earlier one of the same input met.
func TestUnknownMetIsOfTheLastEvaluation(t *testing.T) {
	unknown := &Unknown{}
	in := &Input{}
	in.Resource.Unknown, in.Resource.Properties.Unknown = unknown, unknown
	for _, step := range []struct {
		source string
		met    bool
	}{{"resource.id == 'x'", true}, {"context.mfa == true", false}, {"resource.properties.a == 1", true}, {"subject.id == 'x'", false}} {
		program, err := Compile(Condition, step.source)
		if err != nil {
			t.Fatal(err)
		}
		if holds, _ := program.Bool(in); holds || unknown.Met() != step.met {
			t.Errorf("%s: %t, met: %t", step.source, holds, unknown.Met())
		}
	}
}
