package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/engine/enginetest"
)

// TestProofGrants holds the ways that give actions against the levels that Effective gives.
func TestProofGrants(t *testing.T) {
	p := proofOf(t)
	compared := 0
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		d, now := engine.Compile(objects), enginetest.Now(s)
		classes := map[string]map[string]v1alpha1.ActionClass{}
		for _, object := range d.Objects(engine.KindResourceType) {
			classes[object.GetName()] = map[string]v1alpha1.ActionClass{}
			for _, a := range engine.ActionsOf(object.(*v1alpha1.ResourceType)) {
				classes[object.GetName()][string(a.Name)] = a.Class
			}
		}
		for _, user := range d.Users() {
			principal := d.Principal(engine.Who{User: user}, now)
			for _, resource := range d.ResourceTypes() {
				want, _, err := d.EffectiveOn(user, resource, now)
				if err != nil {
					t.Fatal(err)
				}
				ways, _ := principal.Grants(resource)
				var allowed, conditional []string
				for action, given := range ways {
					given = slices.DeleteFunc(slices.Clone(given), func(w engine.Grant) bool { return w.StaffScope })
					switch {
					case slices.ContainsFunc(given, func(w engine.Grant) bool { return w.Unconditional(classes[resource][action]) }):
						allowed = append(allowed, action)
					case len(given) > 0:
						conditional = append(conditional, action)
					}
				}
				slices.Sort(allowed)
				slices.Sort(conditional)
				compared++
				if err := differ([][]string{want.Allowed, want.Conditional}, [][]string{allowed, conditional}); err != nil {
					return fmt.Errorf("user %s on %s: %w", user, resource, err)
				}
			}
		}
		return nil
	})
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// TestProofDiffersOn looks for types on which permissions differ and that DiffersOn leaves out.
func TestProofDiffersOn(t *testing.T) {
	p := proofOf(t)
	differing := 0
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		before, now := engine.Compile(objects), enginetest.Now(s)
		after, _ := before.With(enginetest.Change(s, objects))
		for _, user := range append(before.Users(), "nobody") {
			who := engine.Who{User: user}
			types := before.Principal(who, now).DiffersOn(after.Principal(who, now))
			for _, resource := range append(before.ResourceTypes(), after.ResourceTypes()...) {
				if slices.Contains(types, resource) {
					continue
				}
				was, _, _ := before.EffectiveOn(user, resource, now)
				is, _, _ := after.EffectiveOn(user, resource, now)
				if err := differ(was, is); err != nil {
					return fmt.Errorf("user %s on %s, said to be the same: %w", user, resource, err)
				}
			}
			differing += len(types)
		}
		return nil
	})
	if differing == 0 {
		t.Error("nothing ever differed")
	}
}
