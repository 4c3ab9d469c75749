package expr

import (
	"testing"
	"time"
)

// FuzzBounds holds TestBounds for whatever expression comes: over the largest data that a request or an object may bring, it
// takes at most 64 MiB, and not much longer than an ordinary loop up to the limit of cost, which takes about 100 ms.
func FuzzBounds(f *testing.F) {
	for name, source := range atWorst() { // TestBounds has tried them all
		if len(name)%4 == 0 {
			f.Add(source)
		}
	}
	for _, condition := range attributeConditions {
		f.Add(condition)
	}
	run := func(program *Program) time.Duration {
		in := worstFuzzed()
		started := time.Now() //nolint:forbidigo // the bound is on time, as a ratio
		if program.place == Preset {
			_, _ = program.Value(in)
		} else {
			_, _ = program.Bool(in)
		}
		return time.Since(started) //nolint:forbidigo // likewise
	}
	loop, err := Compile(Condition, "resource.properties.many.exists(i, resource.properties.many.exists(j, i == -1))")
	if err != nil {
		f.Fatal(err)
	}
	baseline := run(loop)
	f.Fuzz(func(t *testing.T, source string) {
		const longest = 4096 // of an expression, by the CRDs
		if len(source) > longest {
			t.Skip("the CRDs refuse it")
		}
		for _, place := range []Place{Condition, Validation, MemberCondition, Preset} {
			program, err := Compile(place, source)
			if err != nil {
				continue
			}
			peak := watchHeap()
			took := run(program)
			if grown := peak(); grown > 64<<20 {
				t.Errorf("place %d: took %d MiB", place, grown>>20)
			}
			// Others use the machine as well: whatever seems to take long is measured again, each time beside the loop.
			const most = 10
			ratio := float64(took) / float64(baseline)
			for again := 0; again < 5 && ratio > most; again++ {
				ratio = min(ratio, float64(run(program))/float64(run(loop)))
			}
			if ratio > most {
				t.Errorf("place %d: took %.1f times as long as an ordinary loop up to the limit", place, ratio)
			}
		}
	})
}

// worstFuzzed is worstInput with the same data wherever an expression may find some.
func worstFuzzed() *Input {
	in := worstInput()
	data := in.Resource.Properties.Over
	in.Subject.Attributes, in.Subject.Properties = data, data
	in.Action.Properties, in.Context, in.Proposed = data, data, in.Resource.Properties
	return in
}
