package diff

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// Restriction says which records user permissions let a user see (S9).
type Restriction struct {
	// Field of the record, "id" for itself, and the resource type that it links to.
	Field string `json:"field"`
	Allow string `json:"allow"`
	// Values that pass, with what stands below them in the tree; none where the type is strict and the user
	// has no user permission.
	Values []string `json:"values"`
	// EmptyDenied says that an empty link does not pass.
	EmptyDenied bool `json:"emptyDenied,omitempty"`
	// Defaults are values that new records start with, where the action makes them.
	Defaults []string `json:"defaults,omitempty"`
	// By are the user permissions, or Strict/<type>.
	By []string `json:"by"`

	parents []string // values under which new records may stand
}

// restrictions works out what user permissions allow, each once.
type restrictions struct {
	domain  *engine.Domain
	allowed sync.Map // by the user permission's name
}

func (l *restrictions) of(given *engine.Restriction, class v1alpha1.ActionClass) *Restriction {
	restriction := &Restriction{Field: given.Field, Allow: given.Allow, Values: []string{}, EmptyDenied: given.DeniesEmpty}
	for _, p := range given.UserPermissions {
		ids := l.allowedBy(p)
		restriction.Values = append(restriction.Values, ids...)
		writes := class == v1alpha1.ClassCreate || class == v1alpha1.ClassUpdate
		if writes && !p.Spec.HideDescendants && given.Field == "id" {
			restriction.parents = append(restriction.parents, ids...)
		}
		if class == v1alpha1.ClassCreate && p.Spec.Default != "" {
			restriction.Defaults = append(restriction.Defaults, string(p.Spec.Default))
		}
		restriction.By = append(restriction.By, "UserPermission/"+p.Name)
	}
	if len(given.UserPermissions) == 0 {
		restriction.By = []string{"Strict/" + given.Allow}
	}
	for _, list := range []*[]string{&restriction.Values, &restriction.parents} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return restriction
}

func (l *restrictions) allowedBy(p *v1alpha1.UserPermission) []string {
	if known, ok := l.allowed.Load(p.Name); ok {
		return known.([]string) //nolint:forcetypeassert // nothing else is stored
	}
	ids := l.domain.Allowed(p)
	l.allowed.Store(p.Name, ids)
	return ids
}

// restrictionChange is what became of one restriction; a side is nil where nothing restricts.
type restrictionChange struct {
	effect        Effect
	before, after *Restriction
}

// key tells changes apart that differ in what they do, not in what stays.
func (c *restrictionChange) key() string {
	var added, removed []string
	field := ""
	if c.before != nil {
		field, removed = c.before.Field, c.before.Values
	}
	if c.after != nil {
		field, added = c.after.Field, c.after.Values
	}
	if c.before != nil && c.after != nil {
		added, removed = without(added, removed), without(removed, added)
	}
	return jsonText([]any{field, c.effect, c.before == nil, c.after == nil, added, removed})
}

// compareRestrictions says what becomes of the restrictions of one user on one type. Where neither user permissions
// nor the records that they are about have changed, it is not worth working out.
func (c *comparison) compareRestrictions(before, after []engine.Restriction, class v1alpha1.ActionClass) []restrictionChange {
	var changes []restrictionChange
	find := func(list []engine.Restriction, like *engine.Restriction) *engine.Restriction {
		i := slices.IndexFunc(list, func(l engine.Restriction) bool { return l.Field == like.Field && l.Allow == like.Allow })
		if i < 0 {
			return nil
		}
		return &list[i]
	}
	for i := range before {
		old := &before[i]
		is := find(after, old)
		if is == nil {
			changes = append(changes, restrictionChange{Gain, c.restrictionsBefore.of(old, class), nil})
			continue
		}
		same := func(a, b *v1alpha1.UserPermission) bool {
			return a.Name == b.Name && equality.Semantic.DeepEqual(a.Spec, b.Spec)
		}
		if slices.EqualFunc(old.UserPermissions, is.UserPermissions, same) && old.Strict == is.Strict && old.DeniesEmpty == is.DeniesEmpty &&
			!c.recordTypes[old.Allow] {
			continue
		}
		change := restrictionChange{"", c.restrictionsBefore.of(old, class), c.restrictionsAfter.of(is, class)}
		change.effect = compareRestriction(change.before, change.after)
		if change.effect != "" {
			changes = append(changes, change)
		}
	}
	for i := range after {
		if find(before, &after[i]) == nil {
			changes = append(changes, restrictionChange{Loss, nil, c.restrictionsAfter.of(&after[i], class)})
		}
	}
	return changes
}

func compareRestriction(before, after *Restriction) Effect {
	effect := combine(
		direction(subset(before.Values, after.Values), subset(after.Values, before.Values)),
		direction(subset(before.parents, after.parents), subset(after.parents, before.parents)),
		direction(before.EmptyDenied || !after.EmptyDenied, after.EmptyDenied || !before.EmptyDenied),
	)
	if !slices.Equal(before.Defaults, after.Defaults) {
		effect = combine(effect, Change)
	}
	return effect
}

// direction of a change: what was is kept, what is was there before.
func direction(kept, old bool) Effect {
	switch {
	case kept && old:
		return ""
	case kept:
		return Gain
	case old:
		return Loss
	}
	return Change
}

// combine sums up effects; gains and losses together are neither.
func combine(effects ...Effect) Effect {
	sum := Effect("")
	for _, e := range effects {
		switch {
		case e == "" || e == sum:
		case sum == "":
			sum = e
		default:
			sum = Change
		}
	}
	return sum
}

func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		_, found := slices.BinarySearch(other, s)
		return found
	})
}
