package explain

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/filter"
)

// expand tries every change that might help against the reason of a denial.
func (s *search) expand(from *attempt) []*attempt {
	e := &expansion{search: s, from: from}
	switch from.decision.Reason {
	case engine.ReasonUserDisabled:
		e.enable()
	case engine.ReasonGuard: // which no permission gets around
		e.otherRecord()
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
	default: // unknown names, which no change of permissions helps, and reasons of an allow
	}
	return e.next
}

// expansion collects the attempts that one may be continued with.
type expansion struct {
	*search
	from *attempt
	next []*attempt
}

// try decides again after a change. object is the one to apply; nil for a change of the request or a deletion.
func (e *expansion) try(step Step, request *engine.Request, object engine.Object, changes ...engine.Change) {
	if step.identity == "" {
		step.identity = step.Text()
	}
	steps := append(slices.Clone(e.from.steps), step)
	if e.tried >= maxTried || !e.isNew(steps) {
		return
	}
	e.tried++
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
		domain: domain, request: request, decision: decision, steps: steps, deltas: deltas,
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

// update tries an object as it would be.
func (e *expansion) update(field, change string, object engine.Object) {
	e.try(Step{Object: refOf(object).String(), Field: field, Change: change}, nil, object, engine.Put(object))
}

// create tries a new object. What it is called makes no difference.
func (e *expansion) create(change string, object engine.Object) {
	step := Step{Object: refOf(object).String(), Change: change, identity: string(kindOf(object)) + ": " + change}
	e.try(step, nil, object, engine.Put(object))
}

func refOf(object engine.Object) engine.Ref {
	kind, _ := engine.KindOf(object)
	return engine.Ref{Kind: kind, Name: object.GetName()}
}

func kindOf(object engine.Object) engine.Kind { return refOf(object).Kind }

// withAccount is what counts of the subject, a User or a UserSet, with a change, and the path of what is said of it; a new
// User where there is none.
func (e *expansion) withAccount(change func(*v1alpha1.Account)) (object engine.Object, at string) {
	id := e.from.request.Subject.ID
	if object, at, ok := e.from.domain.WithAccount(id, change); ok {
		return object, at
	}
	user := &v1alpha1.User{}
	user.Name = e.freeName(engine.KindUser, v1alpha1.EffectivePermissionsName(id))
	if user.Name != id {
		user.Spec.ID = v1alpha1.UserID(id)
	}
	change(&user.Spec.Account)
	return user, "spec"
}

// account is what counts of the subject.
func (e *expansion) account() v1alpha1.Account {
	if accounts := e.from.domain.Accounts(e.from.request.Subject.ID); len(accounts) > 0 {
		return accounts[0].Account
	}
	return v1alpha1.Account{}
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
	return e.freeName(kind, e.subjectName()+"-"+e.from.request.Resource.Type)
}

// subjectName is how new objects about the subject begin: with the name of its User, if it has one.
func (e *expansion) subjectName() string {
	id := e.from.request.Subject.ID
	if accounts := e.from.domain.Accounts(id); len(accounts) > 0 && accounts[0].Ref.Kind == engine.KindUser {
		return accounts[0].Ref.Name
	}
	return v1alpha1.EffectivePermissionsName(id)
}

func (e *expansion) enable() {
	object, at := e.withAccount(func(a *v1alpha1.Account) { a.Disabled = false })
	e.update(at+".disabled", "set it to false", object)
}

func (e *expansion) makeStaff() {
	object, at := e.withAccount(func(a *v1alpha1.Account) { a.Staff = true })
	e.update(at+".staff", "set it to true", object)
}

// stepUp tries what the restrictions of roles that the user holds ask for: a second factor, and another address.
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
				how = append(how, fmt.Sprintf("connect from a network that %s allows, such as %s (context ip=%s)", from.role, from.cidr, firstAddress(from.cidr)))
			}
			e.try(Step{Change: strings.Join(how, ", and ")}, &request, nil)
		}
	}
}

// network is one that a role allows.
type network struct {
	cidr string
	role engine.Ref
}

// networks are the first network of each role that is restricted to some.
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

// maxValues is how many values of properties are tried.
const maxValues = 10

// otherRecord tries values that conditions compare properties with, found in the filter of a Read or Delete.
func (e *expansion) otherRecord() {
	list, err := e.from.domain.Filter(e.from.request, e.now)
	if err != nil {
		return // another class, or a condition that no filter can express
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
		if t.Field == nil || t.Field.ID || len(t.Field.Path) != 1 || value == nil || tried == maxValues {
			return
		}
		tried++
		name := t.Field.Path[0]
		request := *e.from.request
		request.Resource.Properties = cloneMap(request.Resource.Properties)
		request.Resource.Properties[name] = value
		text := expr.FormatJSON(value)
		e.try(Step{Change: fmt.Sprintf("%s %s is %s (property %s=%s)", e.recordsWhose(), name, text, name, text)}, &request, nil)
	}
	look(list.Condition)
}

// recordsWhose begins a clause about another record, or about fewer records of the type.
func (e *expansion) recordsWhose() string {
	if e.from.request.Resource.ID == "" {
		return "ask only about records whose"
	}
	return "use a record whose"
}

// grant tries what grants the action: a new role with one rule, the existing roles and groups, and a special permission.
// fields are those that are not covered; nil where it is not about fields.
func (e *expansion) grant(fields []string) {
	e.grantNew(fields)
	e.grantRoles()
	e.joinGroups()
	e.grantSpecialPermission()
}

// grantNew makes a role with one rule: for the one record, if the request names one, and for all.
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
	grant := func(rule v1alpha1.Rule, what string) {
		role := &v1alpha1.Role{}
		role.Name = e.ownName(engine.KindRole)
		role.Spec.Rules = []v1alpha1.Rule{rule}
		user, at := e.withAccount(func(a *v1alpha1.Account) {
			a.Roles = append(a.Roles, v1alpha1.RoleRef{Name: v1alpha1.Name(role.Name)})
		})
		e.try(Step{
			Object: refOf(user).String(), Field: at + ".roles", Change: fmt.Sprintf("add a new role %s with one rule: %s", role.Name, what),
			identity: "a new role: " + what,
		}, nil, user, engine.Put(role), engine.Put(user))
	}
	if id := request.Resource.ID; id != "" && id != v1alpha1.Any {
		one := rule
		one.Condition = v1alpha1.Expression("resource.id == " + expr.FormatJSON(id))
		grant(one, what+", only for record "+id)
	}
	grant(rule, what)
}

// grantRoles tries to assign an existing role to the user. Admin roles are no narrow grant.
func (e *expansion) grantRoles() {
	for _, object := range e.from.domain.Objects(engine.KindRole) {
		role, ok := object.(*v1alpha1.Role)
		if !ok || role.Spec.AdminAccess || !e.mayGrant(role) {
			continue
		}
		ref := v1alpha1.RoleRef{Name: v1alpha1.Name(role.Name)}
		held := e.account().Roles
		i := slices.IndexFunc(held, func(r v1alpha1.RoleRef) bool { return r.Name == ref.Name })
		how := "add role " + role.Name
		switch {
		case i < 0:
		case engine.WindowReason(held[i].TimeWindow, e.now) != v1alpha1.ReasonActive:
			how = "remove the time window of role " + role.Name
		default:
			continue
		}
		user, at := e.withAccount(func(a *v1alpha1.Account) {
			if i < 0 {
				a.Roles = append(a.Roles, ref)
			} else {
				a.Roles[i] = ref
			}
		})
		e.update(at+".roles", how, user)
	}
}

// joinGroups tries to make the user a member of an existing group.
func (e *expansion) joinGroups() {
	id := v1alpha1.UserID(e.from.request.Subject.ID)
	for _, object := range e.from.domain.Objects(engine.KindGroup) {
		known, ok := object.(*v1alpha1.Group)
		if !ok || !e.groupMayGrant(known) {
			continue
		}
		group := known.DeepCopy()
		member := v1alpha1.Member{User: id}
		at := slices.IndexFunc(group.Spec.Members, func(m v1alpha1.Member) bool { return m.User == id })
		how := "add member " + string(id)
		switch {
		case at < 0:
			group.Spec.Members = append(group.Spec.Members, member)
		case engine.WindowReason(group.Spec.Members[at].TimeWindow, e.now) != v1alpha1.ReasonActive:
			group.Spec.Members[at] = member
			how = "remove the time window of member " + string(id)
		default:
			continue
		}
		e.update("spec.members", how, group)
	}
}

// mayGrant reports whether a role has a rule that names the type. Whether it helps is for the engine to decide.
func (e *expansion) mayGrant(role *v1alpha1.Role) bool {
	return e.anyNames(role.Spec.Rules) || role.Spec.AppAccess && e.anyNames(e.from.domain.Policy().AppAccessRules)
}

// groupMayGrant reports the same of a group and its roles, none of which is an admin role.
func (e *expansion) groupMayGrant(group *v1alpha1.Group) bool {
	grants := e.anyNames(group.Spec.Rules)
	for _, ref := range group.Spec.Roles {
		object, _ := e.from.domain.Lookup(engine.Ref{Kind: engine.KindRole, Name: string(ref.Name)})
		role, ok := object.(*v1alpha1.Role)
		if ok && role.Spec.AdminAccess {
			return false
		}
		grants = grants || ok && e.mayGrant(role)
	}
	return grants
}

func (e *expansion) anyNames(rules []v1alpha1.Rule) bool {
	return slices.ContainsFunc(rules, func(rule v1alpha1.Rule) bool { return e.names(rule.Resources, rule.Areas) })
}

// grantSpecialPermission tries a new special permission for the type alone.
func (e *expansion) grantSpecialPermission() {
	request := e.from.request
	for _, level := range []v1alpha1.Access{v1alpha1.AccessReadOnly, v1alpha1.AccessFull} {
		special := &v1alpha1.SpecialPermission{}
		special.Name = e.ownName(engine.KindSpecialPermission)
		special.Spec.User = v1alpha1.UserID(request.Subject.ID)
		special.Spec.Permissions = []v1alpha1.SpecialPermissionEntry{{
			Resources: []v1alpha1.NameOrAny{v1alpha1.NameOrAny(request.Resource.Type)}, Access: level,
		}}
		e.create(fmt.Sprintf("create it with access %s on %s, regardless of roles (limit it with expiresAt)", level, request.Resource.Type), special)
	}
}

// changeSpecialPermissions tries to set another access on the type in those that deny, and to end them.
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
			e.setAccess(special, level)
			e.update("spec.permissions", fmt.Sprintf("set access %s on %s", level, resourceType), special)
		}
		e.try(Step{Object: ref.String(), Change: "delete it, or end it with expiresAt"}, nil, nil, engine.Remove(ref))
	}
}

// setAccess takes the type out of the entries that name it, and gives it an entry of its own.
func (e *expansion) setAccess(special *v1alpha1.SpecialPermission, level v1alpha1.Access) {
	resourceType := v1alpha1.NameOrAny(e.from.request.Resource.Type)
	var entries []v1alpha1.SpecialPermissionEntry
	for _, entry := range special.Spec.Permissions {
		if entry.Access == v1alpha1.AccessNotApplicable || !e.names(entry.Resources, entry.Areas) {
			entries = append(entries, entry)
			continue
		}
		others := v1alpha1.SpecialPermissionEntry{Access: entry.Access}
		for _, name := range e.from.domain.ResourceTypes() {
			other, ok := e.from.domain.ResourceType(name)
			if ok && name != string(resourceType) && engine.Names(entry.Resources, entry.Areas, other) {
				others.Resources = append(others.Resources, v1alpha1.NameOrAny(name))
			}
		}
		if len(others.Resources) > 0 {
			entries = append(entries, others)
		}
	}
	entries = append(entries, v1alpha1.SpecialPermissionEntry{Resources: []v1alpha1.NameOrAny{resourceType}, Access: level})
	special.Spec.Permissions = entries
}

// names reports whether resources and areas name the type of the request.
func (e *expansion) names(resources []v1alpha1.NameOrAny, areas []v1alpha1.Token) bool {
	resourceType, ok := e.from.domain.ResourceType(e.from.request.Resource.Type)
	return ok && engine.Names(resources, areas, resourceType)
}

// permitRecords tries user permissions for the user, applicable to the type alone, for the values that failed; and for
// those that are empty or unknown, values that are permitted.
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
		return expr.FormatJSON(v)
	}
	return ""
}

func (e *expansion) permit(allow, value string) {
	request := e.from.request
	permission := &v1alpha1.UserPermission{}
	permission.Name = e.freeName(engine.KindUserPermission, e.subjectName()+"-"+allow)
	permission.Spec = v1alpha1.UserPermissionSpec{
		User: v1alpha1.UserID(request.Subject.ID), Allow: v1alpha1.Name(allow), ForValues: []v1alpha1.RecordID{v1alpha1.RecordID(value)},
		ApplicableFor: []v1alpha1.Name{v1alpha1.Name(request.Resource.Type)},
	}
	e.create(fmt.Sprintf("create it to allow %s %s, applicable only for %s", allow, value, request.Resource.Type), permission)
	for _, ref := range e.from.decision.DecidedBy {
		object, _ := e.from.domain.Lookup(ref)
		known, ok := object.(*v1alpha1.UserPermission)
		if !ok || string(known.Spec.Allow) != allow || known.Spec.Group != "" {
			continue // that of a group is about others, too
		}
		if _, existed := e.before.Lookup(ref); !existed {
			continue // an earlier step created it: the same as another one
		}
		wider, at, ok := e.from.domain.WithUserPermission(ref.Name, func(p *v1alpha1.UserPermissionSpec) {
			p.ForValues = append(p.ForValues, v1alpha1.RecordID(value))
		})
		if ok {
			e.update(at+".forValues", "add "+value, wider)
		}
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
		how := fmt.Sprintf("%s %s is a permitted %s, such as %s (property %s=%s)", e.recordsWhose(), v.Field, v.Allow, value, v.Field, value)
		e.try(Step{Change: how}, &request, nil)
	}
}

// askForLess omits the fields that no rule covers.
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
	e.try(Step{Change: "omit " + strings.Join(refused, ", ")}, &request, nil)
}
