package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// This file is the set of restrictions (S9): what user permissions and strict link types ask of the records of a type.
// Deciding, plans, filters, effective permissions, differences and traces fold over it.

// restriction is what is asked of one link field, or of the record itself.
type restriction struct {
	*principal
	// on is the type that is asked about, and action the action of it; nil: any.
	on     *resourceType
	action *action
	// link is the field; nil for the record itself.
	link *link
	// to is the type of the record that a dynamic link may name; empty for others.
	to string
	// first of the user permissions; nil where there are none, and the type is strict.
	first *userPermission
}

// restrictions are those of a principal on an action of a type, or on any of its actions.
type restrictions struct {
	*principal
	on     *resourceType
	action *action // nil: any
	// types are those that a dynamic link may lead to: all of the domain. Nil where there is none.
	types []*resourceType
}

func (p *principal) restrictionsOn(d *Domain, t *resourceType, a *action) restrictions {
	r := restrictions{p, t, a, nil}
	if len(t.dynamic) > 0 {
		r.types = d.typeList
	}
	return r
}

// places is the number of places that may be restricted, dynamic links aside: the record itself, and every declared link.
func (r restrictions) places() int { return 1 + len(r.on.links) }

// len is the number of places, once for the principal and once for each group that restricts by itself.
func (r restrictions) len() int { return r.places() * (1 + len(r.alsoRestricted)) }

// place is the restriction of one of them, the record itself first, then the links in the order of their declaration;
// false where nothing is asked of it.
func (r restrictions) place(i int) (restriction, bool) {
	if i >= r.places() {
		// What is surely allowed is so whether or not the subject is in the group, which adds to it if anything.
		also := restrictions{r.alsoRestricted[i/r.places()-1], r.on, r.action, r.types}
		restriction, _ := also.place(i % r.places())
		return restriction, restriction.first != nil && r.firstFor(restriction.target()) == nil
	}
	if i == 0 {
		own := restriction{r.principal, r.on, r.action, nil, "", r.firstFor(r.on.name)}
		return own, own.first != nil
	}
	l := &r.on.links[i-1]
	if l.ignored || l.parent || l.by != "" {
		return restriction{}, false
	}
	linked := restriction{r.principal, r.on, r.action, l, "", r.firstFor(l.target)}
	return linked, linked.first != nil || r.policy.strict(l.target)
}

// dynamicTo yields the restrictions of the kth dynamic link where it leads to a type: one for the principal, and one for each
// group that restricts by itself. A type that the domain does not have is not restricted.
func (r restrictions) dynamicTo(k int, to string) func(yield func(restriction) bool) {
	return func(yield func(restriction) bool) {
		if !r.hasType(to) {
			return
		}
		linked := restriction{r.principal, r.on, r.action, &r.on.links[r.on.dynamic[k]], to, r.firstFor(to)}
		if (linked.first != nil || r.policy.strict(to)) && !yield(linked) || linked.first != nil {
			return
		}
		for _, also := range r.alsoRestricted {
			linked.principal, linked.first = also, restrictions{also, r.on, r.action, r.types}.firstFor(to)
			if linked.first != nil && !yield(linked) {
				return
			}
		}
	}
}

// dynamicToAny yields the restrictions of the kth dynamic link, whichever type it leads to, by type.
func (r restrictions) dynamicToAny(k int) func(yield func(restriction) bool) {
	return func(yield func(restriction) bool) {
		for _, to := range r.restrictedTypes() {
			for restriction := range r.dynamicTo(k, to) {
				if !yield(restriction) {
					return
				}
			}
		}
	}
}

func (r restrictions) hasType(name string) bool {
	_, found := slices.BinarySearchFunc(r.types, name, func(t *resourceType, name string) int { return strings.Compare(t.name, name) })
	return found
}

// restrictedTypes are the types of the domain that are strict, or that user permissions act on; sorted. They are few among
// many types.
func (r restrictions) restrictedTypes() []string {
	if len(r.on.dynamic) == 0 {
		return nil
	}
	var names []string
	r.eachRestrictedType(func(name string) bool { names = append(names, name); return true })
	return sortedUnique(names)
}

// restrictsDynamic reports whether there is a type that a dynamic link may not lead to as it pleases.
func (r restrictions) restrictsDynamic() bool {
	found := false
	if len(r.on.dynamic) > 0 {
		r.eachRestrictedType(func(string) bool { found = true; return false })
	}
	return found
}

// eachRestrictedType yields restrictedTypes, in any order and perhaps more than once.
func (r restrictions) eachRestrictedType(yield func(name string) bool) {
	if r.policy.spec.StrictUserPermissions {
		if len(r.policy.spec.StrictFor) == 0 {
			for _, t := range r.types {
				if !yield(t.name) {
					return
				}
			}
		}
		for _, name := range r.policy.spec.StrictFor {
			if r.hasType(string(name)) && !yield(string(name)) {
				return
			}
		}
	}
	acting := func(of *principal) bool {
		for _, list := range of.permissionLists() {
			for _, p := range list {
				if p.restricts(p.allow, r.on, r.action, r.at) && r.hasType(p.allow) && !yield(p.allow) {
					return false
				}
			}
		}
		return true
	}
	if !acting(r.principal) {
		return
	}
	for _, also := range r.alsoRestricted {
		if !acting(also) {
			return
		}
	}
}

// own yields the restrictions of the record itself.
func (r restrictions) own(yield func(restriction) bool) {
	for i := 0; i < r.len(); i += r.places() {
		if restriction, ok := r.place(i); ok && !yield(restriction) {
			return
		}
	}
}

// each yields the restrictions in the order of place, and then those of dynamic links, once for each type.
func (r restrictions) each(yield func(restriction) bool) {
	for i := range r.len() {
		if restriction, ok := r.place(i); ok && !yield(restriction) {
			return
		}
	}
	for k := range r.on.dynamic {
		for restriction := range r.dynamicToAny(k) {
			if !yield(restriction) {
				return
			}
		}
	}
}

// any reports whether there is any restriction.
func (r restrictions) any() bool {
	for i := range r.len() {
		if _, ok := r.place(i); ok {
			return true
		}
	}
	return r.restrictsDynamic()
}

// firstFor is the first of UP(T), nil if there is none.
func (r restrictions) firstFor(target string) *userPermission {
	for _, list := range r.permissionLists() {
		for _, p := range list {
			if p.restricts(target, r.on, r.action, r.at) {
				return p
			}
		}
	}
	return nil
}

// target is the type whose records are restricted: T, or C for the record itself.
func (r *restriction) target() string {
	if r.link == nil {
		return r.on.name
	}
	if r.to != "" {
		return r.to
	}
	return r.link.target
}

// field is the restricted field as the type declares it; "id" for the record itself.
func (r *restriction) field() string {
	if r.link == nil {
		return "id"
	}
	return r.link.field
}

// strict reports whether links to the target must be allowed by a user permission.
func (r *restriction) strict() bool { return r.link != nil && r.policy.strict(r.target()) }

// deniesEmpty reports whether an empty link fails.
func (r *restriction) deniesEmpty() bool { return r.link != nil && r.policy.deniesEmpty(r.target()) }

// permissions are UP(T).
func (r *restriction) permissions(yield func(*userPermission) bool) {
	r.userPermissions(r.target(), r.on, r.action)(yield)
}

// allows reports whether a record is in Allowed(T).
func (r *restriction) allows(d *Domain, id string) bool {
	if r.first == nil {
		return false
	}
	if r.first.allows(d, id) {
		return true
	}
	for _, list := range r.permissionLists() {
		for _, p := range list {
			if p != r.first && p.restricts(r.first.allow, r.on, r.action, r.at) && p.allows(d, id) {
				return true
			}
		}
	}
	return false
}

// allowsBelow reports whether a record is in Allowed(T) as computed from the permissions that do not hide descendants:
// whether a new record may stand below it.
func (r *restriction) allowsBelow(d *Domain, id string) bool {
	for p := range r.permissions {
		if !p.hideDescendants && p.allows(d, id) {
			return true
		}
	}
	return false
}

// appendBy appends the objects that ask for it: the user permissions, or the policy where the type is strict.
func (r *restriction) appendBy(by []Ref) []Ref {
	if r.first == nil {
		return append(by, PolicyRef)
	}
	for _, list := range r.permissionLists() {
		for _, p := range list {
			if p == r.first || p.restricts(r.first.allow, r.on, r.action, r.at) {
				by = append(by, p.ref())
			}
		}
	}
	return by
}

// ids are Allowed(T), sorted. More than MaxFilterValues of them are a *FilterError.
func (r *restriction) ids(d *Domain) ([]string, error) {
	ids := map[string]bool{}
	for p := range r.permissions {
		for id := range p.allowed(d) {
			ids[id] = true
			if len(ids) > MaxFilterValues {
				return nil, &FilterError{p.ref(), "spec.forValues", fmt.Sprintf(
					"more than %d records of %s are allowed (S9), too many to name in a filter; restrict by a property instead, or ask about single records",
					MaxFilterValues, r.target())}
			}
		}
	}
	return sortedKeys(ids), nil
}

// restricts reports whether the permission is for a type of link, in force, and acts on requests about an action of a type;
// nil is any action.
func (p *userPermission) restricts(allow string, on *resourceType, a *action, now int64) bool {
	return p.allow == allow && p.actsOn(on.name, a) && p.window.inForce(now)
}

// actsOn reports whether the permission restricts requests about an action of a type; nil is any action.
func (p *userPermission) actsOn(resourceType string, a *action) bool {
	if len(p.applicableFor) > 0 && !slices.Contains(p.applicableFor, resourceType) {
		return false
	}
	return p.rare == nil || !slices.Contains(p.rare.exceptFor, resourceType) &&
		(len(p.rare.actions) == 0 || a == nil || p.rare.named.name(a.name))
}

// allowed yields the ids that the permission allows: its values and, unless it hides them, the records below them. An
// id may come twice.
func (p *userPermission) allowed(d *Domain) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, value := range p.values {
			if !yield(value) {
				return
			}
		}
		of, ok := d.records.get(p.allow)
		if !ok || p.hideDescendants {
			return
		}
		for id := range of.byID.all() {
			if p.allows(d, id) && !yield(id) {
				return
			}
		}
	}
}

// allows reports whether a record is one of the values or, unless the permission hides them, below one.
func (p *userPermission) allows(d *Domain, id string) bool {
	if p.hideDescendants || len(p.values) > fewValues {
		of, _ := d.records.get(p.allow)
		return p.names(id) || !p.hideDescendants && of.below(id, p.names)
	}
	roots := p.rootsIn(d)
	current := roots.of.get(id)
	if current == nil {
		return p.names(id)
	}
	if slices.Contains(roots.records, current) {
		return true
	}
	mark, steps := current, 0 // as in ancestors
	for {
		for _, next := range &roots.of.above(current).records {
			if next == nil {
				return current.parent != "" && p.names(current.parent) // which is in no set
			}
			for _, root := range roots.records {
				if next == root {
					return true
				}
			}
			current = next
		}
		if current == mark {
			return false
		}
		if steps++; steps&(steps-1) == 0 {
			mark = current
		}
	}
}

// roots are the records that a user permission names, in one state of the RecordSets.
type roots struct {
	state   uint64
	of      *records
	records []*record
}

// rootsIn finds the roots; the user permission remembers them for as long as no record changes.
func (p *userPermission) rootsIn(d *Domain) *roots {
	if last := p.roots.Load(); last != nil && last.state == d.recordState {
		return last
	}
	found := &roots{state: d.recordState}
	found.of, _ = d.records.get(p.allow)
	for _, value := range p.values {
		if r := found.of.get(value); r != nil {
			found.records = append(found.records, r)
		}
	}
	p.roots.Store(found)
	return found
}

// Restricts reports whether a user permission, while it is in force, restricts records of a type: its own, or by a link.
func Restricts(p *v1alpha1.UserPermission, t *v1alpha1.ResourceType) bool {
	permission := &compileUserPermission(p).permission
	permission.window = always
	who := principal{user: &user{permissions: []*userPermission{permission}}, roleSet: &roleSet{}, policy: empty.policy}
	on := restrictions{&who, compileResourceType(t), nil, []*resourceType{{name: permission.allow}}}
	return on.any()
}

// IsStrict reports whether links to a type are strict.
func (d *Domain) IsStrict(resourceType string) bool { return d.policy.strict(resourceType) }

// names reports whether a record is one of the values.
func (p *userPermission) names(id string) bool {
	if len(p.values) <= fewValues {
		return slices.Contains(p.values, id)
	}
	_, found := slices.BinarySearch(p.values, id)
	return found
}

// below reports whether a record above one meets a condition.
func (r *records) below(id string, meets func(id string) bool) bool {
	found := false
	r.ancestors(id, func(ancestor string) bool { found = meets(ancestor); return found })
	return found
}
