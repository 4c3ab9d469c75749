package cli

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/filter"
)

// A remedy is a way from a deny to an allow: one step, or as few as it takes. Every remedy has been tried: its
// changes were applied to the domain, and the request was decided again.
type remedy struct {
	Steps []step `json:"steps"`
	// OthersAffected are the other known users whose effective permissions change with it.
	OthersAffected int `json:"othersAffected"`
	// Gained and Lost are actions that it gives to the user, or takes from it, on any type, besides the one that
	// was asked for.
	Gained int `json:"gained"`
	Lost   int `json:"lost"`
	// Apply are the objects to write. An object that is to be deleted is not among them.
	Apply []engine.Object `json:"apply,omitempty"`
}

// step is one thing to do.
type step struct {
	// Object and Field to change; empty where the request is to be another.
	Object string `json:"object,omitempty"`
	Field  string `json:"field,omitempty"`
	// Change says what to do.
	Change string `json:"change"`
}

const (
	// mostSteps is how long a remedy may be.
	mostSteps = 3
	// mostRemedies is how many are told.
	mostRemedies = 5
	// mostTried bounds how many changes are tried at all.
	mostTried = 5000
	// mostUnfinished bounds from how many denials a further step is looked for.
	mostUnfinished = 20
)

// attempt is a state on the way: what was changed so far, and what is decided then.
type attempt struct {
	domain   *engine.Domain
	request  *engine.Request
	decision engine.Decision
	steps    []step
	apply    []engine.Object
	deltas   []*engine.Delta
	// user is the User of the subject, once somebody has looked.
	user *v1alpha1.User
}

// remedies finds the smallest changes that allow a request which is denied, the narrowest first.
func remedies(d *engine.Domain, request *engine.Request, decision *engine.Decision, now time.Time) []remedy {
	finder := &remedyFinder{before: d, now: now}
	states := []*attempt{{domain: d, request: request, decision: *decision}}
	for range mostSteps {
		var unfinished []*attempt
		var found []remedy
		for _, state := range states {
			for _, next := range finder.expand(state) {
				if next.decision.Allow {
					found = append(found, finder.measure(next))
				} else if further(&state.decision, &next.decision) && len(unfinished) < mostUnfinished {
					unfinished = append(unfinished, next)
				}
			}
		}
		if len(found) > 0 {
			slices.SortStableFunc(found, compareRemedies)
			return found[:min(len(found), mostRemedies)]
		}
		states = unfinished
	}
	return nil
}

// further says whether a change brought a decision further: a later stage denies, or the same for less.
func further(before, after *engine.Decision) bool {
	return before.Reason != after.Reason || len(after.Violations) < len(before.Violations) ||
		len(after.StepUp) < len(before.StepUp) || len(after.MissingProperties) < len(before.MissingProperties) ||
		len(after.DecidedBy) < len(before.DecidedBy)
}

func compareRemedies(a, b remedy) int {
	return cmp.Or(cmp.Compare(a.OthersAffected, b.OthersAffected), cmp.Compare(a.Gained+a.Lost, b.Gained+b.Lost),
		cmp.Compare(len(a.Steps), len(b.Steps)))
}

type remedyFinder struct {
	before *engine.Domain
	now    time.Time
	tried  int
}

// expand tries every change that might help against what denies.
func (f *remedyFinder) expand(from *attempt) []*attempt {
	e := &expansion{remedyFinder: f, from: from}
	switch from.decision.Reason {
	case engine.ReasonUserDisabled:
		e.enable()
	case engine.ReasonStaffRequired:
		e.makeStaff()
	case engine.ReasonSpecialPermission:
		e.changeSpecialPermissions()
	case engine.ReasonNoRule, engine.ReasonRoleRestricted, engine.ReasonConditionNotMet, engine.ReasonValidationFailed:
		if from.decision.Reason == engine.ReasonConditionNotMet {
			e.otherRecord()
		}
		e.stepUp()
		e.grant(nil)
	case engine.ReasonUserPermission:
		e.permitRecords()
	case engine.ReasonFieldNotAllowed:
		e.askForLess()
		e.stepUp()
		e.grant(from.decision.Fields)
	}
	return e.next
}

// expansion collects what one attempt may become.
type expansion struct {
	*remedyFinder
	from *attempt
	next []*attempt
}

// try decides again after a change. object is what to apply; nil for a change of the request or a deletion.
func (e *expansion) try(s step, request *engine.Request, object engine.Object, changes ...engine.Change) {
	if e.tried++; e.tried > mostTried {
		return
	}
	domain, deltas := e.from.domain, slices.Clone(e.from.deltas)
	if len(changes) > 0 {
		var delta *engine.Delta
		domain, delta = domain.With(changes...)
		deltas = append(deltas, delta)
	}
	if request == nil {
		request = e.from.request
	}
	decision, err := domain.Decide(request, e.now)
	if err != nil {
		return // the changed request is malformed
	}
	next := &attempt{
		domain: domain, request: request, decision: decision,
		steps: append(slices.Clone(e.from.steps), s), deltas: deltas,
	}
	for _, applied := range e.from.apply {
		if object == nil || applied.GetName() != object.GetName() || kindOf(applied) != kindOf(object) {
			next.apply = append(next.apply, applied)
		}
	}
	for _, change := range changes {
		if change.Object != nil {
			next.apply = append(next.apply, change.Object)
		}
	}
	e.next = append(e.next, next)
}

// put tries an object as it would be.
func (e *expansion) put(field, change string, object engine.Object) {
	e.try(step{refOf(object).String(), field, change}, nil, object, engine.Put(object))
}

func refOf(object engine.Object) engine.Ref {
	kind, _ := engine.KindOf(object)
	return engine.Ref{Kind: kind, Name: object.GetName()}
}

func kindOf(object engine.Object) engine.Kind { return refOf(object).Kind }

// measure counts what a remedy changes besides.
func (f *remedyFinder) measure(a *attempt) remedy {
	r := remedy{Steps: a.steps, Apply: a.apply}
	user := a.request.Subject.ID
	touched := map[string]bool{}
	for _, delta := range a.deltas {
		affected := delta.Affected()
		users := affected.Users
		if affected.All {
			users = a.domain.Users()
		}
		for _, name := range users {
			touched[name] = true
		}
	}
	for name := range touched {
		if name == user {
			continue
		}
		if gained, lost := f.difference(a.domain, name, nil); gained+lost > 0 {
			r.OthersAffected++
		}
	}
	if touched[user] {
		r.Gained, r.Lost = f.difference(a.domain, user, a.request)
	}
	return r
}

// difference counts the actions that a user gains or loses, conditionally or not, but for the one asked for.
func (f *remedyFinder) difference(after *engine.Domain, user string, but *engine.Request) (gained, lost int) {
	actions := func(d *engine.Domain) map[[2]string]int {
		levels := map[[2]string]int{}
		status := d.Effective(user, f.now)
		for i := range status.Permissions {
			p := &status.Permissions[i]
			for _, action := range p.Conditional {
				levels[[2]string{p.Resource, action}] = 1
			}
			for _, action := range p.Allowed {
				levels[[2]string{p.Resource, action}] = 2
			}
		}
		return levels
	}
	was, is := actions(f.before), actions(after)
	asked := [2]string{}
	if but != nil {
		asked = [2]string{but.Resource.Type, but.Action.Name}
	}
	for key, level := range is {
		if level > was[key] && key != asked {
			gained++
		}
	}
	for key, level := range was {
		if level > is[key] && key != asked {
			lost++
		}
	}
	return gained, lost
}

// account is a copy of the User of the subject, or a new one.
func (e *expansion) account() *v1alpha1.User {
	id := e.from.request.Subject.ID
	if e.from.user != nil {
		return e.from.user.DeepCopy()
	}
	if known := e.from.domain.UserObjects(id); len(known) > 0 {
		e.from.user = known[0]
		return known[0].DeepCopy()
	}
	user := &v1alpha1.User{}
	user.Name = e.freeName(engine.KindUser, v1alpha1.EffectivePermissionsName(id))
	if user.Name != id {
		user.Spec.ID = v1alpha1.UserID(id)
	}
	e.from.user = user
	return user.DeepCopy()
}

// freeName is a name that no object of the kind has.
func (e *expansion) freeName(kind engine.Kind, base string) string {
	name := base
	for n := 2; ; n++ {
		if _, _, taken := e.from.domain.Version(engine.Ref{Kind: kind, Name: name}); !taken {
			return name
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}

// ownName is the name of a new object about the subject and the type.
func (e *expansion) ownName(kind engine.Kind) string {
	user := e.account()
	return e.freeName(kind, user.Name+"-"+e.from.request.Resource.Type)
}

func (e *expansion) enable() {
	user := e.account()
	user.Spec.Disabled = false
	e.put("spec.disabled", "enable the account", user)
}

func (e *expansion) makeStaff() {
	user := e.account()
	user.Spec.Staff = true
	e.put("spec.staff", "make the user staff", user)
}

// stepUp tries to do what a role that is held asks for: a second factor, and another address.
func (e *expansion) stepUp() {
	needs := e.from.decision.StepUp
	networks := []network{{}}
	if slices.Contains(needs, engine.StepUpNetwork) {
		networks = append(networks, e.networks()...)
	}
	for _, mfa := range []bool{false, true} {
		if mfa && !slices.Contains(needs, engine.StepUpMFA) {
			continue
		}
		for _, from := range networks {
			if !mfa && from.cidr == "" {
				continue
			}
			request := *e.from.request
			request.Context = cloneMap(request.Context)
			var how []string
			if mfa {
				request.Context["mfa"] = true
				how = append(how, "sign in with a second factor (context mfa=true)")
			}
			if from.cidr != "" {
				request.Context["ip"] = firstAddress(from.cidr)
				how = append(how, fmt.Sprintf("come from a network of %s, such as %s (context ip=%s)", from.role, from.cidr, firstAddress(from.cidr)))
			}
			e.try(step{Change: strings.Join(how, ", and ")}, &request, nil)
		}
	}
}

// network is one from which a role may be used.
type network struct {
	cidr string
	role engine.Ref
}

// networks are the first of each role.
func (e *expansion) networks() []network {
	var networks []network
	for _, object := range e.from.domain.Objects(engine.KindRole) {
		role, ok := object.(*v1alpha1.Role)
		if ok && role.Spec.Restrictions != nil && len(role.Spec.Restrictions.AllowedCIDRs) > 0 {
			networks = append(networks, network{string(role.Spec.Restrictions.AllowedCIDRs[0]), refOf(role)})
		}
	}
	return networks
}

func firstAddress(network string) string {
	if prefix, err := netip.ParsePrefix(network); err == nil {
		return prefix.Addr().String()
	}
	return network
}

func cloneMap(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return maps.Clone(m)
}

// mostValues is how many values of properties are tried.
const mostValues = 10

// otherRecord tries values of properties that conditions compare with. What may be read or deleted has a filter,
// which tells them.
func (e *expansion) otherRecord() {
	list, err := e.from.domain.Filter(e.from.request, e.now)
	if err != nil {
		return // another class, or a condition that no filter can say
	}
	tried := 0
	var look func(*filter.Tree)
	look = func(t *filter.Tree) {
		for _, arg := range t.Args {
			look(arg)
		}
		value := t.Value
		if t.Op == filter.In && len(t.Values) > 0 {
			value = t.Values[0]
		} else if t.Op != filter.Eq || t.Other != nil {
			return
		}
		if t.Field == nil || t.Field.ID || len(t.Field.Path) != 1 || value == nil || tried == mostValues {
			return
		}
		tried++
		name := t.Field.Path[0]
		request := *e.from.request
		request.Resource.Properties = cloneMap(request.Resource.Properties)
		request.Resource.Properties[name] = value
		e.try(step{Change: fmt.Sprintf("a record whose %s is %s (property %s)", name, compactJSON(value), name)}, &request, nil)
	}
	look(list.Condition)
}

// grant tries what gives the action: a new role with the one rule, the roles and groups that there are, and a
// special permission. fields are those that are not covered; nil where it is not about fields.
func (e *expansion) grant(fields []string) {
	e.grantNew(fields)
	e.grantRoles()
	e.joinGroups()
	e.grantException()
}

// grantNew makes a role with one rule: for the one record where there is one, and for all.
func (e *expansion) grantNew(fields []string) {
	request := e.from.request
	rule := v1alpha1.Rule{
		Resources: []v1alpha1.NameOrAny{v1alpha1.NameOrAny(request.Resource.Type)},
		Actions:   []v1alpha1.Token{v1alpha1.Token(request.Action.Name)},
	}
	for _, field := range fields {
		rule.Fields = append(rule.Fields, v1alpha1.FieldPath(field))
	}
	what := fmt.Sprintf("%s on %s", request.Action.Name, request.Resource.Type)
	if len(fields) > 0 {
		what += ", fields " + strings.Join(fields, ", ")
	}
	give := func(rule v1alpha1.Rule, what string) {
		role := &v1alpha1.Role{}
		role.Name = e.ownName(engine.KindRole)
		role.Spec.Rules = []v1alpha1.Rule{rule}
		user := e.account()
		user.Spec.Roles = append(user.Spec.Roles, v1alpha1.RoleRef{Name: v1alpha1.Name(role.Name)})
		e.try(step{refOf(user).String(), "spec.roles", fmt.Sprintf("add a new role %s with one rule: %s", role.Name, what)},
			nil, user, engine.Put(role), engine.Put(user))
	}
	if id := request.Resource.ID; id != "" && id != v1alpha1.Any {
		one := rule
		one.Condition = v1alpha1.Expression("resource.id == " + celString(id))
		give(one, what+", for the record "+id+" alone")
	}
	give(rule, what)
}

// celString writes a text as CEL does.
func celString(s string) string { return compactJSON(s) }

// grantRoles tries to give the user a role that is there. Admin roles are no narrow grant.
func (e *expansion) grantRoles() {
	for _, object := range e.from.domain.Objects(engine.KindRole) {
		role, ok := object.(*v1alpha1.Role)
		if !ok || role.Spec.AdminAccess || !e.mayGive(role) {
			continue
		}
		user := e.account()
		ref := v1alpha1.RoleRef{Name: v1alpha1.Name(role.Name)}
		at := slices.IndexFunc(user.Spec.Roles, func(r v1alpha1.RoleRef) bool { return r.Name == ref.Name })
		how := "add the role " + role.Name
		switch {
		case at < 0:
			user.Spec.Roles = append(user.Spec.Roles, ref)
		case engine.WindowReason(user.Spec.Roles[at].TimeWindow, e.now) != v1alpha1.ReasonActive:
			user.Spec.Roles[at] = ref
			how = "let the role " + role.Name + " be in force now"
		default:
			continue
		}
		e.put("spec.roles", how, user)
	}
}

// joinGroups tries to make the user a member of a group that is there.
func (e *expansion) joinGroups() {
	id := v1alpha1.UserID(e.from.request.Subject.ID)
	for _, object := range e.from.domain.Objects(engine.KindGroup) {
		known, ok := object.(*v1alpha1.Group)
		if !ok || !e.groupMayGive(known) {
			continue
		}
		group := known.DeepCopy()
		member := v1alpha1.Member{User: id}
		at := slices.IndexFunc(group.Spec.Members, func(m v1alpha1.Member) bool { return m.User == id })
		how := "add the member " + string(id)
		switch {
		case at < 0:
			group.Spec.Members = append(group.Spec.Members, member)
		case engine.WindowReason(group.Spec.Members[at].TimeWindow, e.now) != v1alpha1.ReasonActive:
			group.Spec.Members[at] = member
			how = "let the membership of " + string(id) + " be in force now"
		default:
			continue
		}
		e.put("spec.members", how, group)
	}
}

// mayGive says whether a role has a rule that names the type; the rest is for the engine to say.
func (e *expansion) mayGive(role *v1alpha1.Role) bool {
	return e.anyNames(role.Spec.Rules) || role.Spec.AppAccess && e.anyNames(e.from.domain.Policy().AppAccessRules)
}

// groupMayGive is the same of a group and its roles; not of one that gives everything.
func (e *expansion) groupMayGive(group *v1alpha1.Group) bool {
	gives := e.anyNames(group.Spec.Rules)
	for _, ref := range group.Spec.Roles {
		object, _ := e.from.domain.Lookup(engine.Ref{Kind: engine.KindRole, Name: string(ref.Name)})
		role, ok := object.(*v1alpha1.Role)
		if ok && role.Spec.AdminAccess {
			return false
		}
		gives = gives || ok && e.mayGive(role)
	}
	return gives
}

func (e *expansion) anyNames(rules []v1alpha1.Rule) bool {
	return slices.ContainsFunc(rules, func(rule v1alpha1.Rule) bool { return e.names(rule.Resources, rule.Areas) })
}

// grantException tries a new special permission for the type alone.
func (e *expansion) grantException() {
	request := e.from.request
	for _, level := range []v1alpha1.Access{v1alpha1.AccessReadOnly, v1alpha1.AccessFull} {
		special := &v1alpha1.SpecialPermission{}
		special.Name = e.ownName(engine.KindSpecialPermission)
		special.Spec.User = v1alpha1.UserID(request.Subject.ID)
		special.Spec.Permissions = []v1alpha1.SpecialPermissionEntry{{
			Resources: []v1alpha1.NameOrAny{v1alpha1.NameOrAny(request.Resource.Type)}, Access: level,
		}}
		e.put("", fmt.Sprintf("a new special permission: %s on %s, whatever roles say (give it an end with expiresAt)", level, request.Resource.Type), special)
	}
}

// changeSpecialPermissions tries to give the type another level in those that deny, and to end them.
func (e *expansion) changeSpecialPermissions() {
	resourceType := e.from.request.Resource.Type
	for _, ref := range e.from.decision.DecidedBy {
		object, _ := e.from.domain.Lookup(ref)
		known, ok := object.(*v1alpha1.SpecialPermission)
		if !ok {
			continue
		}
		for _, level := range []v1alpha1.Access{v1alpha1.AccessReadOnly, v1alpha1.AccessFull, v1alpha1.AccessNotApplicable} {
			special := known.DeepCopy()
			e.relevel(special, level)
			e.put("spec.permissions", fmt.Sprintf("let it say %s on %s", level, resourceType), special)
		}
		e.try(step{ref.String(), "", "delete it, or let it end (expiresAt)"}, nil, nil, engine.Remove(ref))
	}
}

// relevel takes the type out of what the entries name, and gives it a level of its own.
func (e *expansion) relevel(special *v1alpha1.SpecialPermission, level v1alpha1.Access) {
	resourceType := v1alpha1.NameOrAny(e.from.request.Resource.Type)
	var entries []v1alpha1.SpecialPermissionEntry
	for _, entry := range special.Spec.Permissions {
		if entry.Access == v1alpha1.AccessNotApplicable || !e.names(entry.Resources, entry.Areas) {
			entries = append(entries, entry)
			continue
		}
		others := v1alpha1.SpecialPermissionEntry{Access: entry.Access}
		for _, object := range e.from.domain.Objects(engine.KindResourceType) {
			other, ok := object.(*v1alpha1.ResourceType)
			if ok && other.Name != string(resourceType) && nameType(entry.Resources, entry.Areas, other) {
				others.Resources = append(others.Resources, v1alpha1.NameOrAny(other.Name))
			}
		}
		if len(others.Resources) > 0 {
			entries = append(entries, others)
		}
	}
	entries = append(entries, v1alpha1.SpecialPermissionEntry{Resources: []v1alpha1.NameOrAny{resourceType}, Access: level})
	special.Spec.Permissions = entries
}

// names says whether resources and areas name the type of the request.
func (e *expansion) names(resources []v1alpha1.NameOrAny, areas []v1alpha1.Token) bool {
	object, _ := e.from.domain.Lookup(engine.Ref{Kind: engine.KindResourceType, Name: e.from.request.Resource.Type})
	resourceType, ok := object.(*v1alpha1.ResourceType)
	return ok && nameType(resources, areas, resourceType)
}

func nameType(resources []v1alpha1.NameOrAny, areas []v1alpha1.Token, t *v1alpha1.ResourceType) bool {
	return slices.Contains(resources, v1alpha1.Any) || slices.Contains(resources, v1alpha1.NameOrAny(t.Name)) ||
		slices.ContainsFunc(areas, func(area v1alpha1.Token) bool { return slices.Contains(t.Spec.Areas, area) })
}

// permitRecords tries user permissions of the user's own, on the type alone, for the values that failed; and
// for those that are empty or unknown, values that are permitted.
func (e *expansion) permitRecords() {
	request := e.from.request
	for _, v := range e.from.decision.Violations {
		value := recordID(v.Value)
		if v.Field == "id" {
			value = request.Resource.ID
		}
		switch {
		case v.Cause == engine.CauseEmpty || v.Cause == engine.CauseMissing:
			e.fillIn(v)
		case value != "":
			e.permit(v.Allow, value)
		}
	}
}

// recordID is a value as the id of a record; empty for what can be none.
func recordID(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64, float64:
		return compactJSON(v)
	}
	return ""
}

func (e *expansion) permit(allow, value string) {
	request := e.from.request
	permission := &v1alpha1.UserPermission{}
	user := e.account()
	permission.Name = e.freeName(engine.KindUserPermission, user.Name+"-"+allow)
	permission.Spec = v1alpha1.UserPermissionSpec{
		User: v1alpha1.UserID(request.Subject.ID), Allow: v1alpha1.Name(allow), ForValues: []v1alpha1.RecordID{v1alpha1.RecordID(value)},
		ApplicableFor: []v1alpha1.Name{v1alpha1.Name(request.Resource.Type)},
	}
	e.put("", fmt.Sprintf("a new user permission for the %s %s, applicable for %s alone", allow, value, request.Resource.Type), permission)
	for _, ref := range e.from.decision.DecidedBy {
		object, _ := e.from.domain.Lookup(ref)
		known, ok := object.(*v1alpha1.UserPermission)
		if !ok || string(known.Spec.Allow) != allow || known.Spec.Group != "" {
			continue // a group's is about others, too
		}
		wider := known.DeepCopy()
		wider.Spec.ForValues = append(wider.Spec.ForValues, v1alpha1.RecordID(value))
		e.put("spec.forValues", "add "+value, wider)
	}
}

// fillIn tries the values that the user is permitted, where the record has none.
func (e *expansion) fillIn(v engine.Violation) {
	if strings.Contains(v.Field, ".") || v.Field == "id" {
		return
	}
	for _, ref := range e.from.decision.DecidedBy {
		object, _ := e.from.domain.Lookup(ref)
		permission, ok := object.(*v1alpha1.UserPermission)
		if !ok || string(permission.Spec.Allow) != v.Allow {
			continue
		}
		value := string(permission.Spec.ForValues[0])
		request := *e.from.request
		request.Resource.Properties = cloneMap(request.Resource.Properties)
		request.Resource.Properties[v.Field] = value
		how := fmt.Sprintf("a record whose %s is a permitted %s, such as %s (property %s=%s)", v.Field, v.Allow, value, v.Field, value)
		e.try(step{Change: how}, &request, nil)
	}
}

// askForLess leaves out the fields that no rule covers.
func (e *expansion) askForLess() {
	request := *e.from.request
	request.Action.Properties = cloneMap(request.Action.Properties)
	refused := e.from.decision.Fields
	if list, ok := request.Action.Properties["fields"].([]any); ok {
		var kept []any
		for _, field := range list {
			if name, ok := field.(string); !ok || !slices.Contains(refused, name) {
				kept = append(kept, field)
			}
		}
		request.Action.Properties["fields"] = kept
	}
	if values, ok := request.Action.Properties["values"].(map[string]any); ok {
		values = maps.Clone(values)
		for _, field := range refused {
			delete(values, field)
		}
		request.Action.Properties["values"] = values
	}
	e.try(step{Change: "leave out " + strings.Join(refused, ", ")}, &request, nil)
}

// printable are copies of objects as one applies them: of the domain's namespace, without what the API server
// keeps.
func printable(objects []engine.Object, namespace string) []engine.Object {
	copies := make([]engine.Object, 0, len(objects))
	for _, object := range objects {
		typed, ok := object.(runtime.Object)
		if !ok {
			continue
		}
		typed = typed.DeepCopyObject()
		typed.GetObjectKind().SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(string(kindOf(object))))
		if fresh, ok := typed.(engine.Object); ok {
			fresh.SetNamespace(namespace)
			fresh.SetManagedFields(nil)
			fresh.SetResourceVersion("")
			fresh.SetUID("")
			fresh.SetGeneration(0)
			fresh.SetCreationTimestamp(metav1.Time{})
			copies = append(copies, fresh)
		}
	}
	return copies
}
