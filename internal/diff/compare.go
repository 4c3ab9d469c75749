package diff

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// Effect is what a change does to those whom it concerns.
type Effect string

// The effects. Change is one that gives and takes, or of which it cannot be said: another condition, other
// presets.
const (
	Gain   Effect = "gain"
	Loss   Effect = "loss"
	Change Effect = "change"
)

// Access is how far an action is allowed.
type Access string

// The levels: on every record that user permissions let through, depending on what the grants ask, or not.
const (
	Always Access = "always"
	If     Access = "if"
	No     Access = "no"
)

// State is how it is before or after, as far as it is so for everybody whom the change concerns.
type State struct {
	Access Access `json:"access"`
	// Grants are what gives the action: where it is always allowed, those that alone suffice.
	Grants []*Grant `json:"ways,omitempty"`
	// RefusedBy are the objects because of which nothing gives it.
	RefusedBy []string `json:"refusedBy,omitempty"`
	// More says that for some there are further grants, each its own.
	More bool `json:"more,omitempty"`
	// Restrictions are those of the user permissions that change.
	Restrictions []*Restriction `json:"limits,omitempty"`
	// Subject are the user's data that change and that conditions look at.
	Subject map[string]any `json:"subject,omitempty"`
}

// Entry is a change of permissions, for everybody whom it concerns alike.
type Entry struct {
	Effect    Effect   `json:"effect"`
	Resources []string `json:"resources"`
	Actions   []string `json:"actions"`
	Before    State    `json:"before"`
	After     State    `json:"after"`
	// Users are known users, sorted. Others are who is not known by name, each in words.
	Users  []string `json:"users"`
	Others []string `json:"others,omitempty"`
	// Parts say who is concerned by what, where not all of these are by all of it. Something else gives it to
	// the others, or its types do not have the action.
	Parts []Part `json:"parts,omitempty"`
}

// Part is what concerns the same users.
type Part struct {
	Resources []string `json:"resources"`
	Actions   []string `json:"actions"`
	Users     []string `json:"users"`
	Others    []string `json:"others,omitempty"`
}

// Result is the difference between two states of a domain.
type Result struct {
	// Objects that differ.
	Objects []Object `json:"objects"`
	// Changes of permissions: losses first, then gains, then the others; of each, those that concern the most
	// users first.
	Changes []Entry `json:"changes"`
	// Records that differ.
	Records []Records `json:"records,omitempty"`
	// Settings are what differs and acts by what callers say, whoever they are: fields of the PermissionPolicy on
	// reading requests, and user permissions, or groups that have some, of members by claims. Decisions about any
	// caller may differ.
	Settings []string `json:"settings,omitempty"`
	// NextTransition is when a time window next changes something that this comparison cannot see yet.
	NextTransition *time.Time `json:"nextTransition,omitempty"`
	// Later are the differences at later moments, where these are asked for.
	Later []Later `json:"later,omitempty"`
}

// Has reports whether something has an effect. A change that may be a gain or a loss counts as both, and so do
// records and settings that differ. Later are those alone that have it.
func (r *Result) Has(effect Effect) bool {
	return len(r.Later)+len(r.Records)+len(r.Settings) > 0 || slices.ContainsFunc(r.Changes, func(e Entry) bool {
		return effect == Change || e.Effect == effect || e.Effect == Change
	})
}

// who is somebody whose permissions are compared: a known user, or in words, others.
type who struct {
	name          string
	other         bool
	before, after engine.Who
}

// comparison is of two states.
type comparison struct {
	before, after                         *engine.Domain
	now                                   time.Time
	classes                               map[string]map[string]v1alpha1.ActionClass // by type and action
	grants                                grants
	restrictionsBefore, restrictionsAfter restrictions
	// recordTypes are those of which RecordSets differ; linking the types that link to them, or are them.
	recordTypes map[string]bool
	linking     []string
}

// Compare says what the permissions of all known users, and of everybody else, have become as of now. after
// comes from before by Apply, with the objects that it gives. advance is told how many of how many users are
// done.
func Compare(before, after *engine.Domain, objects []Object, now time.Time, advance func(done, total int)) *Result {
	c := &comparison{before: before, after: after, now: now, classes: map[string]map[string]v1alpha1.ActionClass{}}
	c.restrictionsBefore.domain, c.restrictionsAfter.domain = before, after
	result := &Result{Objects: objects, Changes: []Entry{}}
	if objects == nil {
		result.Objects = []Object{}
	}
	if len(objects) == 0 {
		return result
	}
	result.Records, c.recordTypes = changedRecords(objects)
	result.Settings = changedSettings(before.Policy(), after.Policy())
	for i := range objects {
		if c.restrictsByClaims(&objects[i]) {
			result.Settings = append(result.Settings, objects[i].Object)
		}
	}
	for _, d := range []*engine.Domain{before, after} {
		c.lookAtTypes(d)
	}
	if next, ok := after.NextTransition(now); ok {
		result.NextTransition = &next
	}
	subjects := c.subjects()
	groups := newGrouping(subjects)
	const batch = 1024
	found := make([][]*difference, batch)
	for first := 0; first < len(subjects); first += batch {
		some := subjects[first:min(first+batch, len(subjects))]
		var workers errgroup.Group
		workers.SetLimit(runtime.GOMAXPROCS(0))
		const share = 32
		for from := 0; from < len(some); from += share {
			workers.Go(func() error {
				for i := from; i < min(from+share, len(some)); i++ {
					found[i] = c.compare(&some[i])
				}
				return nil
			})
		}
		_ = workers.Wait() // there is no error
		for i := range some {
			groups.add(first+i, found[i])
		}
		advance(first+len(some), len(subjects))
	}
	result.Changes = groups.entries()
	return result
}

// restrictsByClaims reports whether an object restricts users of whom only their claims tell: a user permission for
// a group, or a group, where the group or one in it takes in users by claims or circumstances.
func (c *comparison) restrictsByClaims(o *Object) bool {
	for _, side := range []struct {
		d      *engine.Domain
		object engine.Object
	}{{c.before, o.before}, {c.after, o.after}} {
		for _, name := range restrictedGroups(side.d, side.object) {
			if len(side.d.ClaimedGroups(name)) > 0 {
				return true
			}
		}
	}
	return false
}

// restrictedGroups are the groups whose members an object may restrict.
func restrictedGroups(d *engine.Domain, object engine.Object) []string {
	var names []string
	add := func(p *v1alpha1.UserPermissionSpec) {
		if p.Group != "" {
			names = append(names, string(p.Group))
		}
	}
	switch object := object.(type) {
	case *v1alpha1.UserPermission:
		add(&object.Spec)
	case *v1alpha1.UserPermissionSet:
		for i := range object.Spec.Permissions {
			add(&object.Spec.Permissions[i].UserPermissionSpec)
		}
	case *v1alpha1.Group:
		if d.RestrictsGroups() {
			names = append(names, object.Name)
		}
	}
	return names
}

// changedSettings are the fields that say how requests are read.
func changedSettings(before, after v1alpha1.PermissionPolicySpec) []string {
	var fields []string
	for _, field := range []struct {
		name          string
		before, after any
	}{
		{"PermissionPolicy/default: spec.subjectTypes", before.SubjectTypes, after.SubjectTypes},
		{"PermissionPolicy/default: spec.subjectProperties", before.SubjectProperties, after.SubjectProperties},
		{"PermissionPolicy/default: spec.claims", before.Claims, after.Claims},
		{"PermissionPolicy/default: spec.staffScopes", before.StaffScopes, after.StaffScopes},
	} {
		if jsonText(field.before) != jsonText(field.after) {
			fields = append(fields, field.name)
		}
	}
	return fields
}

// lookAtTypes notes the classes of actions, and which types depend on records that differ.
func (c *comparison) lookAtTypes(d *engine.Domain) {
	for _, name := range d.ResourceTypes() {
		t, _ := d.ResourceType(name)
		classes := c.classes[name]
		if classes == nil {
			classes = map[string]v1alpha1.ActionClass{}
			c.classes[name] = classes
		}
		for _, action := range engine.ActionsOf(t) {
			classes[string(action.Name)] = action.Class
		}
		if c.recordTypes[name] || slices.ContainsFunc(t.Spec.Fields, func(f v1alpha1.Field) bool {
			return c.recordTypes[f.LinksTo] || f.LinksToField != "" && len(c.recordTypes) > 0
		}) {
			c.linking = append(c.linking, name)
		}
	}
}

// subjects are all known users, sorted, and then who else there may be.
func (c *comparison) subjects() []who {
	known := map[string]bool{}
	for _, d := range []*engine.Domain{c.before, c.after} {
		for _, user := range d.Users() {
			known[user] = true
		}
	}
	var subjects []who
	for _, user := range slices.Sorted(maps.Keys(known)) {
		subjects = append(subjects, who{name: user, before: engine.Who{User: user}, after: engine.Who{User: user}})
	}
	other := func(name string, before, after engine.Who) {
		subjects = append(subjects, who{name, true, before, after})
	}
	nobody := engine.Who{User: "(a user whom no object names)"}
	other("users whom no object names", nobody, nobody)
	other("who is not signed in", engine.Who{}, engine.Who{})
	claims := map[string]bool{}
	conditions := map[[2]string][2]bool{} // by group and condition: before, after
	for i, d := range []*engine.Domain{c.before, c.after} {
		for _, object := range d.Objects(engine.KindGroup) {
			if group, ok := object.(*v1alpha1.Group); ok {
				for _, claim := range group.Spec.ExternalGroups {
					claims[string(claim)] = true
				}
			}
		}
		for _, group := range d.ConditionalGroups() {
			key := [2]string{group.Name, string(group.Spec.MemberCondition)}
			there := conditions[key]
			there[i] = true
			conditions[key] = there
		}
	}
	for _, claim := range slices.Sorted(maps.Keys(claims)) {
		claiming := engine.Who{Claim: claim}
		other("who claims the group "+claim, claiming, claiming)
	}
	for _, key := range slices.SortedFunc(maps.Keys(conditions), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		member, noMember := engine.Who{Member: key[0]}, engine.Who{Member: notAGroup}
		sides := [2]engine.Who{noMember, noMember}
		for i, there := range conditions[key] {
			if there {
				sides[i] = member
			}
		}
		other(fmt.Sprintf("whom Group/%s takes in by %s", key[0], key[1]), sides[0], sides[1])
	}
	return subjects
}

// notAGroup is no name that a Group can have.
const notAGroup = "-"

// difference is what became of one action of one type for one user.
type difference struct {
	resource, action string
	effect           Effect
	key              string // what changes, and not what stays
	before, after    side
	restrictions     []restrictionChange
	subject          [2]map[string]any
}

// side is what there is on one of the two sides.
type side struct {
	access    Access
	grants    []*Grant
	refusedBy []engine.Ref
}

func newSide(grants []*Grant, refusedBy []engine.Ref) side {
	s := side{access: No, grants: grants}
	switch sufficient := slices.DeleteFunc(slices.Clone(grants), func(w *Grant) bool { return !w.unconditional }); {
	case len(sufficient) > 0:
		s.access, s.grants = Always, sufficient
	case len(grants) > 0:
		s.access = If
	default:
		s.refusedBy = refusedBy
	}
	return s
}

func (s *side) exempt() bool {
	return slices.ContainsFunc(s.grants, func(w *Grant) bool { return w.unconditional && w.given.Exempt })
}

// compare says what became of all that somebody may do.
func (c *comparison) compare(w *who) []*difference {
	before, after := c.before.Principal(w.before, c.now), c.after.Principal(w.after, c.now)
	types := before.DiffersOn(after)
	if len(c.linking) > 0 {
		types = append(types, c.linking...)
		slices.Sort(types)
		types = slices.Compact(types)
	}
	if len(types) == 0 {
		return nil
	}
	subject := compareSubjects(before, after)
	var found []*difference
	for _, resource := range types {
		grantsBefore, refusedBefore := before.Grants(resource)
		grantsAfter, refusedAfter := after.Grants(resource)
		if len(grantsBefore)+len(grantsAfter) == 0 {
			continue
		}
		for action, class := range c.classes[resource] {
			restrictions := c.restrictionsOn(before, after, resource, action)
			restricted := len(before.Restrictions(resource, action))+len(after.Restrictions(resource, action)) > 0
			was, is := c.all(grantsBefore[action], class), c.all(grantsAfter[action], class)
			d := &difference{
				resource: resource, action: action,
				before: newSide(was, refusedBefore), after: newSide(is, refusedAfter),
			}
			if d.classify(class, uncovered(was, is, class, restricted), uncovered(is, was, class, restricted), restrictions, subject); d.effect != "" {
				found = append(found, d)
			}
		}
	}
	return found
}

func (c *comparison) all(given []engine.Grant, class v1alpha1.ActionClass) []*Grant {
	found := make([]*Grant, len(given))
	for i := range given {
		found[i] = c.grants.of(&given[i], class)
	}
	return found
}

// restrictionsOn returns what becomes of the restrictions on an action of a type, for a user whom they bind, or do not, on each side.
func (c *comparison) restrictionsOn(before, after *engine.Principal, resource, action string) func(exemptBefore, exemptAfter bool, class v1alpha1.ActionClass) []restrictionChange {
	was, is := before.Restrictions(resource, action), after.Restrictions(resource, action)
	return func(exemptBefore, exemptAfter bool, class v1alpha1.ActionClass) []restrictionChange {
		was, is := was, is
		if exemptBefore {
			was = nil
		}
		if exemptAfter {
			is = nil
		}
		return c.compareRestrictions(was, is, class)
	}
}

// classify finds the effect, if there is one, and the key.
func (d *difference) classify(class v1alpha1.ActionClass, lost, gained []*Grant, restrictions func(exemptBefore, exemptAfter bool, class v1alpha1.ActionClass) []restrictionChange, subject map[string][2]any) {
	effect := direction(len(lost) == 0, len(gained) == 0)
	if effect != "" && d.before.access != No && d.after.access != No {
		// Presets of one grant are stored whatever grant gives the action, and may not pass what others ask.
		moreThanAccess := func(w *Grant) bool { return len(w.Presets) > 0 }
		if d.before.access == Always && d.after.access == Always || slices.ContainsFunc(lost, moreThanAccess) || slices.ContainsFunc(gained, moreThanAccess) {
			effect = Change
		}
	}
	if d.before.access != No && d.after.access != No {
		d.restrictions = restrictions(d.before.exempt(), d.after.exempt(), class)
		for i := range d.restrictions {
			effect = combine(effect, d.restrictions[i].effect)
		}
		if read := d.subjectRead(subject); len(read) > 0 {
			effect = Change
			if len(lost)+len(gained) == 0 {
				d.subject = [2]map[string]any{{}, {}}
				for name, values := range read {
					d.subject[0][name], d.subject[1][name] = values[0], values[1]
				}
			}
		}
	}
	d.effect = effect
	if effect == "" {
		return
	}
	var key strings.Builder
	fmt.Fprintf(&key, "%s\x00%s\x00%s\x00%s", effect, d.before.access, d.after.access, jsonText(d.subject))
	for _, list := range [][]*Grant{lost, gained} {
		keys := make([]string, len(list))
		for i, w := range list {
			keys[i] = w.key
		}
		slices.Sort(keys)
		fmt.Fprintf(&key, "\x00%s", strings.Join(slices.Compact(keys), "\x01"))
	}
	for i := range d.restrictions {
		key.WriteString("\x00" + d.restrictions[i].key())
	}
	d.key = key.String()
}

// subjectRead are the data of the user that differ and that a grant looks at which is there on both sides.
func (d *difference) subjectRead(subject map[string][2]any) map[string][2]any {
	read := map[string][2]any{}
	for name, values := range subject {
		if slices.ContainsFunc(d.after.grants, func(w *Grant) bool { return w.given.Reads("subject", name) }) {
			read[name] = values
		}
	}
	return read
}

// compareSubjects returns what expressions see of the user and that differs, before and after.
func compareSubjects(before, after *engine.Principal) map[string][2]any {
	groupsBefore, rolesBefore, staffBefore, attributesBefore := before.Subject()
	groupsAfter, rolesAfter, staffAfter, attributesAfter := after.Subject()
	differing := map[string][2]any{}
	if !slices.Equal(groupsBefore, groupsAfter) {
		differing["groups"] = [2]any{groupsBefore, groupsAfter}
	}
	if !slices.Equal(rolesBefore, rolesAfter) {
		differing["roles"] = [2]any{rolesBefore, rolesAfter}
	}
	if staffBefore != staffAfter {
		differing["staff"] = [2]any{staffBefore, staffAfter}
	}
	if !reflect.DeepEqual(attributesBefore, attributesAfter) {
		differing["attributes"] = [2]any{attributesBefore, attributesAfter}
	}
	return differing
}

// grouping gathers alike differences of users.
type grouping struct {
	subjects []who
	groups   map[string]*group
}

// group is what is alike for some users.
type group struct {
	*difference
	subjects  []int32
	more      [2]bool
	resources []string
	actions   []string
}

func newGrouping(subjects []who) *grouping { return &grouping{subjects, map[string]*group{}} }

func (g *grouping) add(subject int, differences []*difference) {
	for _, d := range differences {
		key := d.resource + "\x00" + d.action + "\x00" + d.key
		known, ok := g.groups[key]
		if !ok {
			g.groups[key] = &group{difference: d, subjects: []int32{int32(subject)}}
			continue
		}
		known.subjects = append(known.subjects, int32(subject))
		for i, sides := range [2][2]*side{{&known.before, &d.before}, {&known.after, &d.after}} {
			common := slices.DeleteFunc(slices.Clone(sides[0].grants), func(w *Grant) bool { return !slices.Contains(sides[1].grants, w) })
			known.more[i] = known.more[i] || len(common) < len(sides[0].grants) || len(common) < len(sides[1].grants)
			sides[0].grants = common
			sides[0].refusedBy = slices.DeleteFunc(slices.Clone(sides[0].refusedBy), func(ref engine.Ref) bool { return !slices.Contains(sides[1].refusedBy, ref) })
		}
	}
}

// entries merges the actions of a type that change alike for the same users, and then such types.
func (g *grouping) entries() []Entry {
	merge := func(groups []*group, key func(*group) string, into func(known, g *group)) []*group {
		var merged []*group
		found := map[string]*group{}
		for _, group := range groups {
			k := key(group)
			if known, ok := found[k]; ok {
				into(known, group)
				continue
			}
			found[k] = group
			merged = append(merged, group)
		}
		return merged
	}
	groups := make([]*group, 0, len(g.groups))
	for _, key := range slices.Sorted(maps.Keys(g.groups)) {
		group := g.groups[key]
		group.resources, group.actions = []string{group.resource}, []string{group.action}
		groups = append(groups, group)
	}
	signature := func(g *group) string {
		return g.key + "\x00" + fmt.Sprint(g.subjects) + "\x00" + jsonText(g.states())
	}
	groups = merge(groups, func(g *group) string { return g.resource + "\x00" + signature(g) },
		func(known, g *group) { known.actions = append(known.actions, g.action) })
	groups = merge(groups, func(g *group) string { return strings.Join(g.actions, ",") + "\x00" + signature(g) },
		func(known, g *group) { known.resources = append(known.resources, g.resource) })
	var entries []Entry
	causes := map[string]int{} // the entry of each cause
	for _, group := range groups {
		cause := group.key + "\x00" + jsonText(group.states())
		i, ok := causes[cause]
		if !ok {
			i = len(entries)
			causes[cause] = i
			states := group.states()
			entries = append(entries, Entry{Effect: group.effect, Before: states[0], After: states[1]})
		}
		entries[i].Parts = append(entries[i].Parts, g.part(group))
	}
	entries = split(entries)
	for i := range entries {
		entries[i].sumUp()
	}
	if entries == nil {
		entries = []Entry{}
	}
	order := []Effect{Loss, Gain, Change}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return cmp.Or(
			slices.Index(order, a.Effect)-slices.Index(order, b.Effect),
			len(b.Users)-len(a.Users),
			slices.Compare(a.Resources, b.Resources),
			slices.Compare(a.Actions, b.Actions),
			slices.Compare(a.Users, b.Users),
		)
	})
	return entries
}

func (g *grouping) part(group *group) Part {
	p := Part{Resources: group.resources, Actions: group.actions, Users: []string{}}
	for _, i := range group.subjects {
		if s := &g.subjects[i]; s.other {
			p.Others = append(p.Others, s.name)
		} else {
			p.Users = append(p.Users, s.name)
		}
	}
	return p
}

// split takes entries apart that concern the same users in all their parts.
func split(entries []Entry) []Entry {
	var all []Entry
	for _, e := range entries {
		if slices.ContainsFunc(e.Parts, func(p Part) bool {
			return !slices.Equal(p.Users, e.Parts[0].Users) || !slices.Equal(p.Others, e.Parts[0].Others)
		}) {
			all = append(all, e)
			continue
		}
		for i := range e.Parts {
			one := e
			one.Parts = e.Parts[i : i+1]
			all = append(all, one)
		}
	}
	return all
}

// sumUp puts together what the parts say; a single one need not be said twice.
func (e *Entry) sumUp() {
	for _, of := range []struct {
		sum  *[]string
		part func(p *Part) []string
	}{
		{&e.Resources, func(p *Part) []string { return p.Resources }},
		{&e.Actions, func(p *Part) []string { return p.Actions }},
		{&e.Users, func(p *Part) []string { return p.Users }},
		{&e.Others, func(p *Part) []string { return p.Others }},
	} {
		all := map[string]bool{}
		for i := range e.Parts {
			for _, name := range of.part(&e.Parts[i]) {
				all[name] = true
			}
		}
		if *of.sum = slices.Sorted(maps.Keys(all)); *of.sum == nil {
			*of.sum = []string{}
		}
	}
	if len(e.Parts) == 1 {
		e.Parts = nil
	}
}

func (g *group) states() [2]State {
	var states [2]State
	for i, s := range []*side{&g.before, &g.after} {
		states[i] = State{Access: s.access, Grants: slices.Clone(s.grants), More: g.more[i], Subject: g.subject[i]}
		slices.SortFunc(states[i].Grants, func(a, b *Grant) int { return cmp.Compare(a.key, b.key) })
		states[i].Grants = slices.Compact(states[i].Grants)
		for _, ref := range s.refusedBy {
			states[i].RefusedBy = append(states[i].RefusedBy, ref.String())
		}
	}
	for i := range g.restrictions {
		if l := g.restrictions[i].before; l != nil {
			states[0].Restrictions = append(states[0].Restrictions, l)
		}
		if l := g.restrictions[i].after; l != nil {
			states[1].Restrictions = append(states[1].Restrictions, l)
		}
	}
	return states
}
