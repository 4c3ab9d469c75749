package permissiontest

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/remit-authz/remit/internal/engine"
)

// Coverage says which objects of some manifests decide in a test.
type Coverage struct {
	// Manifests are the files and folders.
	Manifests []string
	// Deciding objects do in at least one test; Others are roles, special permissions and user permissions that do in none.
	Deciding, Others []string
	// Asked are the types and actions that a test asks about, as type/action; Unasked those that none does.
	Asked, Unasked []string
}

// covered is what tests have used.
type covered struct {
	ran      bool
	deciding map[string]bool // by Kind/name
	asked    map[string]bool // by type/action
}

var countedKinds = []engine.Kind{engine.KindRole, engine.KindSpecialPermission, engine.KindUserPermission}

// note takes what one test has used.
func (c *covered) note(t *test, got answer) {
	c.ran = true
	for _, ref := range got.decidedBy {
		c.deciding[ref] = true
	}
	if asked := t.asked(); asked != nil {
		c.asked[asked.Resource.Type+"/"+asked.Action.Name] = true
	}
}

// asked is the request of a test, as far as it has one; nil where it asks about an admission.
func (t *test) asked() *request {
	switch {
	case t.Request != nil:
		return t.Request
	case t.Search != nil:
		return &t.Search.Request
	case t.Filter != nil:
		return &t.Filter.Request
	case t.Effective != nil:
		asked := &request{}
		asked.Subject.ID, asked.Resource.Type = t.Effective.User, t.Effective.Resource
		return asked
	}
	return nil
}

// countedNames are the names of the objects of a kind; of user permissions, also those of sets' entries.
func countedNames(d *engine.Domain, kind engine.Kind) []string {
	if kind != engine.KindUserPermission {
		return d.Names(kind)
	}
	var names []string
	for _, p := range d.UserPermissions() {
		names = append(names, p.Name)
	}
	return names
}

// Coverage is that of all manifests of which tests have run, in the order of their names.
func (r *Runner) Coverage() []Coverage {
	var found []Coverage
	for _, key := range slices.Sorted(maps.Keys(r.domains)) {
		c := r.domains[key]
		if !c.ran {
			continue
		}
		of := Coverage{Manifests: c.manifests}
		for _, kind := range countedKinds {
			for _, name := range countedNames(c.domain, kind) {
				list := &of.Others
				if c.deciding[string(kind)+"/"+name] {
					list = &of.Deciding
				}
				*list = append(*list, string(kind)+"/"+name)
			}
		}
		for _, name := range c.domain.ResourceTypes() {
			t, _ := c.domain.ResourceType(name)
			for _, action := range engine.ActionsOf(t) {
				list, pair := &of.Unasked, name+"/"+string(action.Name)
				if c.asked[pair] {
					list = &of.Asked
				}
				*list = append(*list, pair)
			}
		}
		found = append(found, of)
	}
	slices.SortStableFunc(found, func(a, b Coverage) int {
		return cmp.Compare(strings.Join(a.Manifests, " "), strings.Join(b.Manifests, " "))
	})
	return found
}
