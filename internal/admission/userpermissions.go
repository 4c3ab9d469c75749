package admission

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// defaults is A4: a default is one of the values, and for a user (or group) and type of record the only one
// wherever it applies, whatever the time windows.
func defaults(r *review) field.ErrorList {
	return r.eachPermission(func(c *entryChange[v1alpha1.UserPermission], others []*v1alpha1.UserPermission) field.ErrorList {
		p := c.is
		if p.Spec.Default == "" {
			return nil
		}
		path := c.at.Child("default")
		var errs field.ErrorList
		if !slices.Contains(p.Spec.ForValues, p.Spec.Default) {
			errs = append(errs, field.Invalid(path, p.Spec.Default, "is none of forValues; add it there, or choose one of them"))
		}
		for _, other := range others {
			if other.Spec.Default != "" {
				errs = append(errs, field.Invalid(path, p.Spec.Default, fmt.Sprintf(
					"UserPermission %s already gives %s a default for %s%s; remove one of the two, or let them apply to different types",
					other.Name, subject(p), p.Spec.Allow, scope(other))))
			}
		}
		return errs
	})
}

// duplicates is A5: no value is allowed twice to a user (or group) for the same use, in one object or two,
// whatever the time windows.
func duplicates(r *review) field.ErrorList {
	return r.eachPermission(func(c *entryChange[v1alpha1.UserPermission], others []*v1alpha1.UserPermission) field.ErrorList {
		p := c.is
		path := c.at.Child("forValues")
		var errs field.ErrorList
		first := make(map[v1alpha1.RecordID]int, len(p.Spec.ForValues))
		for i, value := range p.Spec.ForValues {
			if at, twice := first[value]; twice {
				errs = append(errs, field.Invalid(path.Index(i), value, fmt.Sprintf("is already forValues[%d]; remove one of the two", at)))
				continue
			}
			first[value] = i
		}
		for _, other := range others {
			shared := -1 // the first value that both have
			count := 0
			for _, value := range other.Spec.ForValues {
				if at, both := first[value]; both {
					count++
					if shared < 0 || at < shared {
						shared = at
					}
				}
			}
			if count == 0 {
				continue
			}
			more := ""
			if count > 1 {
				more = fmt.Sprintf(", and %d more of these values", count-1)
			}
			errs = append(errs, field.Invalid(path.Index(shared), p.Spec.ForValues[shared], fmt.Sprintf(
				"UserPermission %s already allows %s this %s%s%s; remove it from one of the two, or let them apply to different types",
				other.Name, subject(p), p.Spec.Allow, more, scope(other))))
		}
		return errs
	})
}

// eachPermission judges each user permission that the change creates or alters, beside its rivals: of two that it alters
// both, only the later one.
func (r *review) eachPermission(judge func(c *entryChange[v1alpha1.UserPermission], others []*v1alpha1.UserPermission) field.ErrorList) field.ErrorList {
	changes := r.permissionChanges()
	judged := make(map[string]bool, len(changes))
	for _, c := range changes {
		judged[c.key] = false
	}
	var errs field.ErrorList
	for i := range changes {
		c := &changes[i]
		if c.is == nil {
			continue
		}
		others := slices.DeleteFunc(rivals(r.after, c.is), func(other *v1alpha1.UserPermission) bool {
			before, altered := judged[other.Name]
			return altered && !before
		})
		errs = append(errs, judge(c, others)...)
		judged[c.key] = true
	}
	return errs
}

// rivals are the other permissions for the same user (or group) and type of record that apply to a type that
// p applies to, by name.
func rivals(d *engine.Domain, p *v1alpha1.UserPermission) []*v1alpha1.UserPermission {
	all := d.UserPermissionsOf(string(p.Spec.User))
	if p.Spec.User == "" {
		all = d.UserPermissionsOfGroup(string(p.Spec.Group))
	}
	var found []*v1alpha1.UserPermission
	for _, other := range all {
		if other.Name != p.Name && other.Spec.User == p.Spec.User && other.Spec.Group == p.Spec.Group &&
			other.Spec.Allow == p.Spec.Allow && overlap(other, p) {
			found = append(found, other)
		}
	}
	return found
}

// overlap reports whether there may be a type on which two permissions both act.
func overlap(a, b *v1alpha1.UserPermission) bool {
	if len(a.Spec.ApplicableFor) == 0 {
		a, b = b, a
	}
	return len(a.Spec.ApplicableFor) == 0 || slices.ContainsFunc(a.Spec.ApplicableFor, func(name v1alpha1.Name) bool {
		return actsOn(&a.Spec, name) && actsOn(&b.Spec, name)
	})
}

// actsOn reports whether a permission acts on a type (S9).
func actsOn(p *v1alpha1.UserPermissionSpec, name v1alpha1.Name) bool {
	return (len(p.ApplicableFor) == 0 || slices.Contains(p.ApplicableFor, name)) && !slices.Contains(p.ExceptFor, name)
}

// subject is whom a permission restricts, for messages.
func subject(p *v1alpha1.UserPermission) string {
	if p.Spec.Group != "" {
		return "group " + string(p.Spec.Group)
	}
	return "user " + string(p.Spec.User)
}

// scope is where a permission applies, for messages.
func scope(p *v1alpha1.UserPermission) string {
	switch {
	case len(p.Spec.ApplicableFor) > 0:
	case len(p.Spec.ExceptFor) > 0:
		return fmt.Sprintf(" on every type but %s", joinNames(p.Spec.ExceptFor))
	default:
		return " on every type"
	}
	return fmt.Sprintf(" on %s", joinNames(p.Spec.ApplicableFor))
}
