package enginetest

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
)

// Naive answers from the objects as they are written: every answer reads all of them anew, nothing is
// indexed or kept. It is slow and plain on purpose.
type Naive struct {
	objects []engine.Object
	met     map[string]bool
}

// The rules of which Met tells.
const (
	MetGuard        = "a guard"
	MetLink         = "a link in an expression"
	MetTree         = "a place in a tree in an expression"
	MetDynamicLink  = "a dynamic link"
	MetExceptFields = "exceptFields"
	MetExceptFor    = "exceptFor"
	MetActions      = "actions of a user permission"
)

// MetRules are all of them.
var MetRules = []string{MetGuard, MetLink, MetTree, MetDynamicLink, MetExceptFields, MetExceptFor, MetActions}

// Met returns which of MetRules had anything to say to the last request.
func (n *Naive) Met(rule string) bool { return n.met[rule] }

func (n *Naive) meet(rule string) {
	if n.met != nil {
		n.met[rule] = true
	}
}

// NewNaive takes the objects of a domain. Of two of one kind and name, the later in the list counts.
func NewNaive(objects []engine.Object) *Naive {
	n := &Naive{}
	for i, object := range objects {
		later := slices.ContainsFunc(objects[i+1:], func(other engine.Object) bool { return refOf(other) == refOf(object) })
		if !later {
			n.objects = append(n.objects, object)
		}
	}
	slices.SortFunc(n.objects, func(a, b engine.Object) int { return strings.Compare(refOf(a).String(), refOf(b).String()) })
	return n
}

func refOf(object engine.Object) engine.Ref {
	kind, _ := engine.KindOf(object)
	return engine.Ref{Kind: kind, Name: object.GetName()}
}

// objectsOf are the objects of one type, by name.
func objectsOf[T engine.Object](n *Naive) []T {
	var found []T
	for _, object := range n.objects {
		if typed, ok := object.(T); ok {
			found = append(found, typed)
		}
	}
	return found
}

func named[T engine.Object](n *Naive, name string) (T, bool) {
	for _, object := range objectsOf[T](n) {
		if object.GetName() == name {
			return object, true
		}
	}
	var none T
	return none, false
}

// olderFirst orders objects as contradictions are decided: by age, then by name.
func olderFirst[T engine.Object](objects []T) []T {
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(a, b T) int {
		if c := a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time); c != 0 {
			return c
		}
		return strings.Compare(a.GetName(), b.GetName())
	})
	return sorted
}

// policy is the domain's policy with every empty field at its default; false: there is none.
func (n *Naive) policy() (v1alpha1.PermissionPolicySpec, bool) {
	object, exists := named[*v1alpha1.PermissionPolicy](n, v1alpha1.PolicyName)
	var spec v1alpha1.PermissionPolicySpec
	if exists {
		spec = *object.Spec.DeepCopy()
	}
	orDefault(&spec.AdminRole, "admin")
	orDefault(&spec.PublicRole, "public")
	if len(spec.SubjectTypes) == 0 {
		spec.SubjectTypes = []v1alpha1.Token{"user"}
	}
	if spec.Claims == nil {
		spec.Claims = &v1alpha1.Claims{}
	}
	orDefault(&spec.Claims.Groups, "groups")
	orDefault(&spec.Claims.MFA, "mfa")
	orDefault(&spec.Claims.Scopes, "scopes")
	return spec, exists
}

func orDefault(value *string, text string) {
	if *value == "" {
		*value = text
	}
}

// resourceType is the type that is called by a name; the older object wins.
func (n *Naive) resourceType(name string) (*v1alpha1.ResourceType, bool) {
	for _, t := range olderFirst(objectsOf[*v1alpha1.ResourceType](n)) {
		if t.TypeName() == name {
			return t, true
		}
	}
	return nil, false
}

// resourceTypes are those that count, by what they are called.
func (n *Naive) resourceTypes() []*v1alpha1.ResourceType {
	byName := map[string]*v1alpha1.ResourceType{}
	for _, t := range objectsOf[*v1alpha1.ResourceType](n) {
		byName[t.TypeName()], _ = n.resourceType(t.TypeName())
	}
	var types []*v1alpha1.ResourceType
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		types = append(types, byName[name])
	}
	return types
}

// account is what an object says of a user.
type account struct {
	v1alpha1.Account
	ref engine.Ref
}

// account is what counts of an id: the User, or the entry of a UserSet; nil: there is none.
func (n *Naive) account(id string) *account {
	for _, user := range olderFirst(objectsOf[*v1alpha1.User](n)) {
		if user.UserID() == id {
			return &account{user.Spec.Account, refOf(user)}
		}
	}
	for _, set := range olderFirst(objectsOf[*v1alpha1.UserSet](n)) {
		for _, entry := range set.Spec.Users {
			if string(entry.ID) == id {
				return &account{entry.Account, refOf(set)}
			}
		}
	}
	return nil
}

// allUserPermissions are those of the domain, with the entries of sets, by name.
func (n *Naive) allUserPermissions() []*v1alpha1.UserPermission {
	all := objectsOf[*v1alpha1.UserPermission](n)
	for _, set := range objectsOf[*v1alpha1.UserPermissionSet](n) {
		for _, entry := range set.Spec.Permissions {
			all = append(all, &v1alpha1.UserPermission{
				ObjectMeta: metav1.ObjectMeta{Name: set.Name + "/" + string(entry.Name)}, Spec: entry.UserPermissionSpec,
			})
		}
	}
	slices.SortFunc(all, func(a, b *v1alpha1.UserPermission) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// role is the role of a name, the built-in ones included; nil: there is none.
func (n *Naive) role(name string) *v1alpha1.Role {
	if role, ok := named[*v1alpha1.Role](n, name); ok {
		return role
	}
	policy, exists := n.policy()
	builtIn := &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}}
	switch {
	case exists && name == policy.AdminRole:
		builtIn.Spec.AdminAccess = true
		return builtIn
	case exists && name == policy.PublicRole:
		return builtIn
	}
	return nil
}

// actions of a type, its own or the usual four.
func actions(t *v1alpha1.ResourceType) []v1alpha1.Action {
	if len(t.Spec.Actions) > 0 {
		return t.Spec.Actions
	}
	return []v1alpha1.Action{
		{Name: "read", Class: v1alpha1.ClassRead},
		{Name: "create", Class: v1alpha1.ClassCreate},
		{Name: "update", Class: v1alpha1.ClassUpdate},
		{Name: "delete", Class: v1alpha1.ClassDelete},
	}
}

func action(t *v1alpha1.ResourceType, name string) (v1alpha1.Action, bool) {
	for _, a := range actions(t) {
		if string(a.Name) == name {
			return a, true
		}
	}
	return v1alpha1.Action{}, false
}

func inForce(w v1alpha1.TimeWindow, now time.Time) bool {
	started := w.StartsAt == nil || !now.Before(w.StartsAt.Time)
	ended := w.ExpiresAt != nil && !now.Before(w.ExpiresAt.Time)
	return started && !ended
}

// evaluation is one request on its way through the stages.
type evaluation struct {
	*Naive
	req       *engine.Request
	now       time.Time
	settings  v1alpha1.PermissionPolicySpec
	anonymous bool
	// id of the subject as it counts; claims are its properties as they count.
	id     string
	claims map[string]any
	// account is what counts of the user; nil: nothing.
	account *account
	staff   bool
	groups  []*v1alpha1.Group
	// unsure are the groups that the user may be in: a member condition is in error. only is the one whose user
	// permissions are looked at, where it restricts by itself.
	unsure []*v1alpha1.Group
	only   *v1alpha1.Group
	// distance is how many steps each group is from one that has the user by itself, by name.
	distance map[string]int
	held     []heldRole
	// missedTypes are the fields beside dynamic links that are unknown.
	missedTypes []string
	// anyAction means that restrictions are asked about without an action.
	anyAction bool

	target *v1alpha1.ResourceType
	act    v1alpha1.Action
	// overrides are the special permissions that decide the type (S6).
	overrides []*v1alpha1.SpecialPermission
	// open says that the type is decided by being unrestricted (S7).
	open  bool
	cases []ruleCase
	// lacks is what roles that are not eligible lack that would have helped (S7).
	lacks []string
	live  []ruleCase
}

// heldRole is a role that the subject holds.
type heldRole struct {
	*v1alpha1.Role
	// byUser: the User object gives it; via: all objects that do; roleless: it is the public role of who
	// has no other.
	byUser   bool
	via      []engine.Ref
	roleless bool
	// lacks is empty for an eligible role.
	lacks []string
}

// ruleCase is a rule that gives the action.
type ruleCase struct {
	rule   v1alpha1.Rule
	source engine.Ref
	// rank, the distance of groups, the source's name and index order the presets (S11).
	rank, distance, index int
}

// Decide answers a request as of now; the error is a malformed request.
func (n *Naive) Decide(req *engine.Request, now time.Time) (engine.Decision, error) {
	n.met = map[string]bool{}
	if err := n.malformed(req); err != nil {
		return engine.Decision{}, err
	}
	e := n.evaluation(req, now)
	stages := []func() *engine.Decision{
		e.known, e.subject, e.groupsAndRoles, e.guards, e.superuserAdmin, e.staffOnly, e.specialPermission, e.rules, e.conditions,
		e.userPermissions, e.fields,
	}
	for _, stage := range stages {
		if decision := stage(); decision != nil {
			return *decision, nil
		}
	}
	return e.allow(), nil
}

func (n *Naive) evaluation(req *engine.Request, now time.Time) *evaluation {
	e := &evaluation{Naive: n, req: req, now: now, anonymous: req.Subject.Type == "anonymous", claims: req.Subject.Properties}
	e.settings, _ = n.policy()
	if e.settings.SubjectProperties == v1alpha1.SubjectPropertiesIgnore {
		e.claims = nil
	}
	if !e.anonymous {
		e.id = req.Subject.ID
		e.account = n.account(e.id)
	}
	e.staff = e.isStaff()
	e.target, _ = n.resourceType(req.Resource.Type)
	if e.target != nil {
		e.act, _ = action(e.target, req.Action.Name)
	}
	return e
}

func deny(reason engine.Reason) *engine.Decision { return &engine.Decision{Reason: reason} }

// malformed is the section "Malformed requests".
func (n *Naive) malformed(req *engine.Request) error {
	bad := func(field string) error { return &engine.RequestError{Field: field, Message: "is malformed"} }
	if req.Subject.Type == "" {
		return bad("subject.type")
	}
	if req.Subject.ID == "" && req.Subject.Type != "anonymous" {
		return bad("subject.id")
	}
	if req.Action.Name == "" {
		return bad("action.name")
	}
	if req.Resource.Type == "" {
		return bad("resource.type")
	}
	if strings.Contains(req.Subject.ID, "\x00") {
		return bad("subject.id")
	}
	if strings.Contains(req.Resource.ID, "\x00") {
		return bad("resource.id")
	}
	for _, name := range slices.Sorted(maps.Keys(req.Action.Properties)) {
		if lower := strings.ToLower(name); name != lower && (lower == "values" || lower == "fields") {
			return bad("action.properties." + name)
		}
	}
	values := req.Action.Properties["values"]
	if values != nil {
		object, ok := values.(map[string]any)
		if !ok || hasDot(object) {
			return bad("action.properties.values")
		}
	}
	if fields := req.Action.Properties["fields"]; fields != nil {
		list, ok := fields.([]any)
		if !ok {
			return bad("action.properties.fields")
		}
		for _, field := range list {
			if _, ok := field.(string); !ok {
				return bad("action.properties.fields")
			}
		}
	}
	// A Create without values submits resource.properties.
	if t, ok := n.resourceType(req.Resource.Type); ok && values == nil {
		if a, ok := action(t, req.Action.Name); ok && a.Class == v1alpha1.ClassCreate && hasDot(req.Resource.Properties) {
			return bad("resource.properties")
		}
	}
	return nil
}

func hasDot(object map[string]any) bool {
	for key := range object {
		if strings.Contains(key, ".") {
			return true
		}
	}
	return false
}

// known is S1.
func (e *evaluation) known() *engine.Decision {
	if e.target == nil {
		return deny(engine.ReasonUnknownResourceType)
	}
	if _, ok := action(e.target, e.req.Action.Name); !ok {
		return deny(engine.ReasonUnknownAction)
	}
	return nil
}

// subject is S2.
func (e *evaluation) subject() *engine.Decision {
	if e.anonymous {
		return nil
	}
	if !slices.Contains(e.settings.SubjectTypes, v1alpha1.Token(e.req.Subject.Type)) {
		return deny(engine.ReasonUnknownSubjectType)
	}
	if e.account != nil && e.account.Disabled {
		d := deny(engine.ReasonUserDisabled)
		d.DecidedBy = []engine.Ref{e.account.ref}
		return d
	}
	return nil
}

// groupsAndRoles is S3. It decides nothing.
func (e *evaluation) groupsAndRoles() *engine.Decision {
	if !e.anonymous {
		e.groups = e.findGroups(func(group *v1alpha1.Group) bool {
			holds, err := e.memberCondition(group)
			return holds && err == nil
		})
		all := e.findGroups(func(group *v1alpha1.Group) bool {
			holds, err := e.memberCondition(group)
			return holds || err != nil
		})
		for _, group := range all {
			if !slices.Contains(e.groups, group) {
				e.unsure = append(e.unsure, group)
			}
		}
	}
	e.distance = e.distances()
	e.held = e.findRoles()
	return nil
}

// distances counts the steps to each group that has the user: none to those that have it by themselves, one more than to
// the nearest of its groups to one that has it through these.
func (e *evaluation) distances() map[string]int {
	steps := map[string]int{}
	for _, group := range e.groups {
		steps[group.Name] = len(e.groups)
		if holds, err := e.memberCondition(group); e.isMember(group) || e.hasGroupClaim(group) || holds && err == nil {
			steps[group.Name] = 0
		}
	}
	for range e.groups {
		for _, group := range e.groups {
			for _, nested := range group.Spec.Groups {
				if to, in := steps[string(nested)]; in {
					steps[group.Name] = min(steps[group.Name], to+1)
				}
			}
		}
	}
	return steps
}

// guards is S3a.
func (e *evaluation) guards() *engine.Decision {
	var messages, missed, missedOfRequest []string
	proposed := map[string]any(nil)
	if e.writes() {
		proposed = overlay(e.submitted())
		if e.act.Class == v1alpha1.ClassUpdate && e.aboutType() {
			proposed = overlay(e.req.Resource.Properties, e.submitted())
		} else if e.act.Class == v1alpha1.ClassUpdate {
			proposed = overlay(e.stored(), e.submitted())
		}
	}
	for _, guard := range e.target.Spec.Guards {
		if !guards(&guard, e.act) {
			continue
		}
		e.meet(MetGuard)
		var ofRecord, ofRequest []string
		in := e.input(proposed, &ofRecord)
		if !e.writes() {
			in.Proposed = expr.Properties{} // nothing is stored
		}
		in.Proposed.Missed, in.Missed = &ofRecord, &ofRequest
		if holds(expr.Validation, guard.Condition, in) {
			continue
		}
		message := guard.Message
		if message == "" {
			message = string(guard.Condition)
		}
		messages = append(messages, message)
		missed, missedOfRequest = append(missed, ofRecord...), append(missedOfRequest, ofRequest...)
	}
	if len(messages) == 0 {
		return nil
	}
	d := deny(engine.ReasonGuard)
	d.DecidedBy = []engine.Ref{refOf(e.target)}
	d.ValidationMessages, d.MissingProperties = sortedSet(messages), sortedSet(missed)
	d.MissingContext, d.MissingRequest = e.missingOf(missedOfRequest)
	return d
}

// guards reports whether a guard names an action.
func guards(guard *v1alpha1.Guard, act v1alpha1.Action) bool {
	return len(guard.Actions) == 0 || slices.ContainsFunc(guard.Actions, func(name v1alpha1.Token) bool { return means(name, act.Name) })
}

// means reports whether a name in a list of actions stands for an action.
func means(listed, action v1alpha1.Token) bool {
	return listed == v1alpha1.Any || listed == action ||
		strings.HasSuffix(string(listed), ":*") && strings.HasPrefix(string(action), strings.TrimSuffix(string(listed), "*"))
}

// findGroups finds the groups of the user, whose member conditions are taken for true as meets says.
func (e *evaluation) findGroups(meets func(*v1alpha1.Group) bool) []*v1alpha1.Group {
	all := objectsOf[*v1alpha1.Group](e.Naive)
	in := map[string]bool{}
	for _, group := range all {
		in[group.Name] = e.isMember(group) || e.hasGroupClaim(group) || meets(group)
	}
	// Members of a group named under groups are members too: until nothing changes.
	for changed := true; changed; {
		changed = false
		for _, group := range all {
			for _, nested := range group.Spec.Groups {
				if in[string(nested)] && !in[group.Name] {
					in[group.Name], changed = true, true
				}
			}
		}
	}
	var groups []*v1alpha1.Group
	for _, group := range all {
		if in[group.Name] {
			groups = append(groups, group)
		}
	}
	return groups
}

func (e *evaluation) isMember(group *v1alpha1.Group) bool {
	for _, member := range group.Spec.Members {
		if string(member.User) == e.id && inForce(member.TimeWindow, e.now) {
			return true
		}
	}
	return false
}

func (e *evaluation) hasGroupClaim(group *v1alpha1.Group) bool {
	claims, _ := e.claims[e.settings.Claims.Groups].([]any)
	for _, claim := range claims {
		text, ok := claim.(string)
		if ok && slices.Contains(group.Spec.ExternalGroups, v1alpha1.ExternalGroup(text)) {
			return true
		}
	}
	return false
}

func (e *evaluation) memberCondition(group *v1alpha1.Group) (bool, error) {
	if group.Spec.MemberCondition == "" {
		return false, nil
	}
	program, err := compile(expr.MemberCondition, group.Spec.MemberCondition)
	if err != nil {
		return false, err
	}
	return program.Bool(&expr.Input{
		Subject: expr.Subject{Type: e.req.Subject.Type, ID: e.id, Staff: e.staff, Attributes: e.attributes(), Properties: e.claims},
		Context: e.req.Context,
		Now:     e.now,
	})
}

func (e *evaluation) attributes() map[string]any {
	if e.account == nil {
		return nil
	}
	return jsonValues(e.account.Attributes)
}

func (e *evaluation) findRoles() []heldRole {
	held := map[string]*heldRole{}
	hold := func(ref v1alpha1.RoleRef, via engine.Ref) {
		role := e.role(string(ref.Name))
		if role == nil || !inForce(ref.TimeWindow, e.now) {
			return
		}
		if held[role.Name] == nil {
			held[role.Name] = &heldRole{Role: role}
		}
		h := held[role.Name]
		h.byUser = h.byUser || via.Kind != engine.KindGroup
		if !slices.Contains(h.via, via) {
			h.via = append(h.via, via)
		}
	}
	groupHasRules := false
	for _, group := range e.groups {
		groupHasRules = groupHasRules || len(group.Spec.Rules) > 0
		for _, ref := range group.Spec.Roles {
			hold(ref, refOf(group))
		}
	}
	if e.account != nil {
		for _, ref := range e.account.Roles {
			hold(ref, e.account.ref)
		}
	}
	if public := e.role(e.settings.PublicRole); len(held) == 0 && !groupHasRules && public != nil {
		held[public.Name] = &heldRole{Role: public, roleless: true}
	}
	var roles []heldRole
	for _, name := range slices.Sorted(maps.Keys(held)) {
		held[name].lacks = e.lacking(held[name].Role)
		roles = append(roles, *held[name])
	}
	return roles
}

// lacking is what keeps a role from being eligible.
func (e *evaluation) lacking(role *v1alpha1.Role) []string {
	restrictions := role.Spec.Restrictions
	if restrictions == nil {
		return nil
	}
	var lacks []string
	if restrictions.RequireMFA && !e.hasMFA() {
		lacks = append(lacks, engine.StepUpMFA)
	}
	if len(restrictions.AllowedCIDRs) > 0 && !e.inNetwork(restrictions.AllowedCIDRs) {
		lacks = append(lacks, engine.StepUpNetwork)
	}
	return lacks
}

func (e *evaluation) hasMFA() bool {
	if e.claims[e.settings.Claims.MFA] == true || e.req.Context["mfa"] == true {
		return true
	}
	methods, _ := e.claims["amr"].([]any)
	return slices.Contains(methods, any("mfa"))
}

func (e *evaluation) inNetwork(networks []v1alpha1.CIDR) bool {
	text, _ := e.req.Context["ip"].(string)
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return false
	}
	address = address.Unmap()
	for _, network := range networks {
		if prefix, ok := readNetwork(string(network)); ok && prefix.Contains(address) {
			return true
		}
	}
	return false
}

// readNetwork reads a network or one address; what is IPv4 mapped to IPv6 is IPv4.
func readNetwork(text string) (netip.Prefix, bool) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		if address := prefix.Addr(); address.Is4In6() && prefix.Bits() >= 96 {
			return netip.PrefixFrom(address.Unmap(), prefix.Bits()-96), true
		}
		return prefix, true
	}
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return netip.Prefix{}, false
	}
	address = address.Unmap()
	return netip.PrefixFrom(address, address.BitLen()), true
}

// superuserAdmin is S4.
func (e *evaluation) superuserAdmin() *engine.Decision {
	d := &engine.Decision{Allow: true}
	if e.act.Class != v1alpha1.ClassDelete {
		d.Fields = []string{"*"}
	}
	if e.account != nil && e.account.Superuser {
		d.Reason = engine.ReasonSuperuser
		d.DecidedBy = []engine.Ref{e.account.ref}
		return d
	}
	for _, role := range e.held {
		if role.Spec.AdminAccess && len(role.lacks) == 0 {
			d.Reason = engine.ReasonAdminAccess
			d.DecidedBy = append(d.DecidedBy, engine.Ref{Kind: engine.KindRole, Name: role.Name})
		}
	}
	if d.Reason == "" {
		return nil
	}
	return d
}

func (e *evaluation) isStaff() bool {
	if e.anonymous {
		return false
	}
	if e.account != nil && e.account.Staff {
		return true
	}
	var scopes []string
	switch claim := e.claims[e.settings.Claims.Scopes].(type) {
	case string:
		scopes = strings.Split(claim, " ")
	case []any:
		for _, scope := range claim {
			if text, ok := scope.(string); ok {
				scopes = append(scopes, text)
			}
		}
	}
	for _, scope := range scopes {
		if slices.Contains(e.settings.StaffScopes, v1alpha1.Token(scope)) {
			return true
		}
	}
	return false
}

// staffOnly is S5.
func (e *evaluation) staffOnly() *engine.Decision {
	if e.target.Spec.StaffOnly && !e.staff {
		return deny(engine.ReasonStaffRequired)
	}
	return nil
}

// names reports whether a list of resources, or of areas, names the type.
func names(resources []v1alpha1.NameOrAny, areas []v1alpha1.Token, t *v1alpha1.ResourceType) bool {
	if slices.Contains(resources, v1alpha1.Any) || slices.Contains(resources, v1alpha1.NameOrAny(t.TypeName())) {
		return true
	}
	return slices.ContainsFunc(areas, func(area v1alpha1.Token) bool { return slices.Contains(t.Spec.Areas, area) })
}

// overridesOf are the special permissions that decide the type, and their level; "": none.
func (e *evaluation) overridesOf() (v1alpha1.Access, []*v1alpha1.SpecialPermission) {
	if e.anonymous {
		return "", nil
	}
	for _, level := range []v1alpha1.Access{v1alpha1.AccessNone, v1alpha1.AccessReadOnly, v1alpha1.AccessFull} {
		var deciding []*v1alpha1.SpecialPermission
		for _, special := range objectsOf[*v1alpha1.SpecialPermission](e.Naive) {
			if string(special.Spec.User) != e.id || !inForce(special.Spec.TimeWindow, e.now) {
				continue
			}
			if slices.ContainsFunc(special.Spec.Permissions, func(entry v1alpha1.SpecialPermissionEntry) bool {
				return entry.Access == level && names(entry.Resources, entry.Areas, e.target)
			}) {
				deciding = append(deciding, special)
			}
		}
		if len(deciding) > 0 {
			return level, deciding
		}
	}
	return "", nil
}

// specialPermission is S6.
func (e *evaluation) specialPermission() *engine.Decision {
	level, deciding := e.overridesOf()
	if level == "" {
		return nil
	}
	e.overrides = deciding
	if level == v1alpha1.AccessNone || level == v1alpha1.AccessReadOnly && e.act.Class != v1alpha1.ClassRead {
		d := deny(engine.ReasonSpecialPermission)
		d.DecidedBy = refsOf(deciding)
		return d
	}
	e.cases = []ruleCase{{}}
	return nil
}

func refsOf[T engine.Object](objects []T) []engine.Ref {
	var refs []engine.Ref
	for _, object := range objects {
		refs = append(refs, refOf(object))
	}
	return refs
}

// gives reports whether a rule gives an action of a type.
func gives(rule *v1alpha1.Rule, t *v1alpha1.ResourceType, act v1alpha1.Action) bool {
	if !names(rule.Resources, rule.Areas, t) {
		return false
	}
	switch rule.Access {
	case v1alpha1.AccessFull:
		return true
	case v1alpha1.AccessReadOnly:
		return act.Class == v1alpha1.ClassRead
	case v1alpha1.AccessNone, v1alpha1.AccessNotApplicable, v1alpha1.AccessCustom:
		return false
	}
	given := slices.Clone(rule.Actions)
	// The list grows by what its actions imply, until its end.
	for i := 0; i < len(given); i++ {
		if means(given[i], act.Name) {
			return true
		}
		for _, a := range actions(t) {
			if !means(given[i], a.Name) {
				continue
			}
			for _, implied := range a.Implies {
				if implied == act.Name {
					return true
				}
				if _, declared := action(t, string(implied)); declared && !slices.Contains(given, implied) {
					given = append(given, implied)
				}
			}
		}
	}
	return false
}

// The order of the presets (S11).
const (
	rankAppAccess = iota
	rankPublic
	rankGroupRole
	rankGroup
	rankUserRole
)

// roleCases are the cases that a role gives, were it eligible.
func (e *evaluation) roleCases(role *heldRole) []ruleCase {
	var cases []ruleCase
	rank := rankGroupRole
	switch {
	case role.roleless:
		rank = rankPublic
	case role.byUser:
		rank = rankUserRole
	}
	distance := len(e.groups)
	for _, via := range role.via {
		if via.Kind == engine.KindGroup {
			distance = min(distance, e.distance[via.Name])
		}
	}
	for i, rule := range role.Spec.Rules {
		if gives(&rule, e.target, e.act) {
			cases = append(cases, ruleCase{rule: rule, source: engine.Ref{Kind: engine.KindRole, Name: role.Name}, rank: rank, distance: distance, index: i})
		}
	}
	if role.Spec.AppAccess {
		for i, rule := range e.settings.AppAccessRules {
			if gives(&rule, e.target, e.act) {
				cases = append(cases, ruleCase{
					rule: rule, source: engine.Ref{Kind: engine.KindPermissionPolicy, Name: v1alpha1.PolicyName}, rank: rankAppAccess, index: i,
				})
			}
		}
	}
	return cases
}

func (e *evaluation) groupCases(group *v1alpha1.Group) []ruleCase {
	var cases []ruleCase
	for i, rule := range group.Spec.Rules {
		if gives(&rule, e.target, e.act) {
			cases = append(cases, ruleCase{rule: rule, source: refOf(group), rank: rankGroup, distance: e.distance[group.Name], index: i})
		}
	}
	return cases
}

// rules is S7.
func (e *evaluation) rules() *engine.Decision {
	if len(e.overrides) > 0 {
		return nil
	}
	if e.target.Spec.Unrestricted && !e.anonymous {
		e.open = true
		e.cases = []ruleCase{{}}
		return nil
	}
	lacks := map[string]bool{}
	for _, role := range e.held {
		given := e.roleCases(&role)
		if len(role.lacks) == 0 {
			e.cases = append(e.cases, given...)
		} else if len(given) > 0 || role.Spec.AdminAccess {
			for _, lack := range role.lacks {
				lacks[lack] = true
			}
		}
	}
	for _, group := range e.groups {
		e.cases = append(e.cases, e.groupCases(group)...)
	}
	e.lacks = slices.Sorted(maps.Keys(lacks))
	if len(e.cases) > 0 {
		return nil
	}
	if len(e.lacks) > 0 {
		return e.denyWithStepUp(engine.ReasonRoleRestricted)
	}
	return deny(engine.ReasonNoRule)
}

func (e *evaluation) denyWithStepUp(reason engine.Reason) *engine.Decision {
	return &engine.Decision{Reason: reason, StepUp: e.lacks}
}

func (e *evaluation) writes() bool {
	return e.act.Class == v1alpha1.ClassCreate || e.act.Class == v1alpha1.ClassUpdate
}

// stored are the properties of the record: those of its RecordSet overlaid by those of the request.
func (e *evaluation) stored() map[string]any {
	record := e.record(e.target.TypeName(), e.req.Resource.ID)
	return overlay(jsonValues(record.Properties), e.req.Resource.Properties)
}

// record finds a record among the sets of its type; the older set wins. One that none has is empty.
func (n *Naive) record(resourceType, id string) v1alpha1.Record {
	for _, set := range olderFirst(objectsOf[*v1alpha1.RecordSet](n)) {
		if string(set.Spec.ResourceType) != resourceType {
			continue
		}
		for _, record := range set.Spec.Records {
			if string(record.ID) == id {
				return record
			}
		}
	}
	return v1alpha1.Record{}
}

func overlay(layers ...map[string]any) map[string]any {
	whole := map[string]any{}
	for _, layer := range layers {
		maps.Copy(whole, layer)
	}
	return whole
}

// submitted are the values that a Create or Update submits.
func (e *evaluation) submitted() map[string]any {
	if values, ok := e.req.Action.Properties["values"].(map[string]any); ok {
		return values
	}
	if e.act.Class == v1alpha1.ClassCreate {
		return e.req.Resource.Properties
	}
	return nil
}

// proposedWith is what would be stored with some presets.
func (e *evaluation) proposedWith(presets map[string]any) map[string]any {
	if e.aboutType() {
		return e.proposedForAll()
	}
	if e.act.Class == v1alpha1.ClassCreate {
		return overlay(e.defaults(), presets, e.submitted())
	}
	return overlay(e.stored(), presets, e.submitted())
}

// input is what the expressions of a rule see.
func (e *evaluation) input(proposed map[string]any, missed *[]string) *expr.Input {
	properties := e.stored()
	if e.act.Class == v1alpha1.ClassCreate {
		properties = proposed
	}
	var groups, roles []string
	for _, group := range e.groups {
		groups = append(groups, group.Name)
	}
	for _, role := range e.held {
		if len(role.lacks) == 0 {
			roles = append(roles, role.Name)
		}
	}
	var unknown *expr.Unknown
	if e.aboutType() {
		unknown = &expr.Unknown{}
	}
	return &expr.Input{
		Subject: expr.Subject{
			Type: e.req.Subject.Type, ID: e.id, Groups: groups, Roles: roles, Staff: e.staff,
			Attributes: e.attributes(), Properties: e.claims,
		},
		Action: expr.Action{Name: e.req.Action.Name, Properties: e.req.Action.Properties},
		Resource: expr.Resource{
			Type: e.req.Resource.Type, ID: e.req.Resource.ID, Records: naiveRecords{e.Naive}, Unknown: unknown,
			Properties: expr.Properties{Over: properties, Missed: missed, Unknown: unknown},
		},
		Proposed: expr.Properties{Over: proposed, Unknown: unknown},
		Context:  e.req.Context,
		Now:      e.now,
	}
}

// presetsOf are the presets of some cases together, the later over the earlier.
func (e *evaluation) presetsOf(cases []ruleCase) map[string]any {
	presets := map[string]any{}
	for _, c := range inPresetOrder(cases) {
		maps.Copy(presets, jsonValues(c.rule.Presets))
		for key, source := range c.rule.PresetExpressions {
			program, err := compile(expr.Preset, source)
			if err != nil {
				continue
			}
			if value, err := program.Value(e.input(nil, nil)); err == nil {
				presets[key] = value
			}
		}
	}
	return presets
}

func inPresetOrder(cases []ruleCase) []ruleCase {
	sorted := slices.Clone(cases)
	slices.SortStableFunc(sorted, func(a, b ruleCase) int {
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		if a.distance != b.distance && (a.rank == rankGroup || a.rank == rankGroupRole) {
			return b.distance - a.distance // the nearest last
		}
		if a.source != b.source {
			return strings.Compare(a.source.Name, b.source.Name)
		}
		return a.index - b.index
	})
	return sorted
}

// outcome is what one case says of what would be stored.
type outcome struct {
	condition bool
	// missed are the unknown properties that a condition that failed looked up, lacking what it looked up elsewhere in the
	// request; invalid is that of validations.
	missed, lacking, invalid []string
	// messages are those of the validations that failed.
	messages []string
}

func (o *outcome) passes() bool { return o.condition && len(o.messages) == 0 }

// try evaluates a case with what would be stored.
func (e *evaluation) try(c ruleCase, proposed map[string]any) outcome {
	var o outcome
	var missed, lacking []string
	in := e.input(proposed, &missed)
	in.Missed = &lacking
	o.condition = c.rule.Condition == "" || holds(expr.Condition, c.rule.Condition, in)
	if !o.condition {
		o.missed, o.lacking = missed, lacking
		return o
	}
	if !e.writes() {
		return o
	}
	for _, validation := range c.rule.Validations {
		var lacking []string
		in := e.input(proposed, nil)
		in.Missed = &lacking
		if holds(expr.Validation, validation.Expression, in) {
			continue
		}
		o.invalid = append(o.invalid, lacking...)
		message := validation.Message
		if message == "" {
			message = string(validation.Expression)
		}
		o.messages = append(o.messages, message)
	}
	return o
}

// conditions is S8.
func (e *evaluation) conditions() *engine.Decision {
	var missed, lacking, invalid, messages []string
	note := func(o outcome) bool {
		missed = append(missed, o.missed...)
		lacking, invalid = append(lacking, o.lacking...), append(invalid, o.invalid...)
		messages = append(messages, o.messages...)
		return o.passes()
	}
	for _, c := range e.cases {
		if note(e.try(c, e.proposedWith(e.presetsOf([]ruleCase{c})))) {
			e.live = append(e.live, c)
		}
	}
	// What is stored must itself be allowed.
	for e.writes() {
		together := e.proposedWith(e.presetsOf(e.live))
		var passing []ruleCase
		for _, c := range e.live {
			if note(e.try(c, together)) {
				passing = append(passing, c)
			}
		}
		stable := len(passing) == len(e.live)
		e.live = passing
		if stable {
			break
		}
	}
	if len(e.live) > 0 {
		return nil
	}
	if len(messages) > 0 {
		d := e.denyWithStepUp(engine.ReasonValidationFailed)
		d.ValidationMessages = sortedSet(messages)
		d.MissingContext, d.MissingRequest = e.missingOf(invalid)
		return d
	}
	d := e.denyWithStepUp(engine.ReasonConditionNotMet)
	d.MissingProperties = sortedSet(missed)
	d.MissingContext, d.MissingRequest = e.missingOf(lacking)
	return d
}

// missingOf tells names of the context from other paths of a request; claims that do not count are not missing.
func (e *evaluation) missingOf(paths []string) (ofContext, others []string) {
	for _, path := range sortedSet(paths) {
		if rest := strings.TrimPrefix(path, "context."); rest != path {
			ofContext = append(ofContext, rest)
		} else if e.settings.SubjectProperties != v1alpha1.SubjectPropertiesIgnore || !strings.HasPrefix(path, "subject.") {
			others = append(others, path)
		}
	}
	return ofContext, others
}

// sortedSet is the list sorted and without repetitions; nil if it is empty.
func sortedSet(list []string) []string {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	if len(sorted) == 0 {
		return nil
	}
	return sorted
}

// permissionsFor are UP(T): the user's own before those of its groups, then by name.
func (e *evaluation) permissionsFor(allow string) []*v1alpha1.UserPermission {
	if e.anonymous {
		return nil
	}
	in := e.groups
	if only := e.only; only != nil {
		e.only = nil
		sure := e.permissionsFor(allow)
		if e.only = only; len(sure) > 0 {
			return nil
		}
		in = []*v1alpha1.Group{only}
	}
	var own, ofGroups []*v1alpha1.UserPermission
	for _, permission := range e.allUserPermissions() {
		spec := &permission.Spec
		on := v1alpha1.Name(e.target.TypeName())
		applies := (len(spec.ApplicableFor) == 0 || slices.Contains(spec.ApplicableFor, on)) && !slices.Contains(spec.ExceptFor, on)
		if len(spec.Actions) > 0 && !e.anyAction {
			applies = applies && slices.ContainsFunc(spec.Actions, func(name v1alpha1.Token) bool { return means(name, e.act.Name) })
		}
		if string(spec.Allow) == allow && inForce(spec.TimeWindow, e.now) && (spec.User == "" || string(spec.User) == e.id) {
			if len(spec.ExceptFor) > 0 {
				e.meet(MetExceptFor)
			}
			if len(spec.Actions) > 0 {
				e.meet(MetActions)
			}
		}
		if string(spec.Allow) != allow || !applies || !inForce(spec.TimeWindow, e.now) {
			continue
		}
		if spec.User != "" {
			if string(spec.User) == e.id && e.only == nil {
				own = append(own, permission)
			}
		} else if slices.ContainsFunc(in, func(g *v1alpha1.Group) bool { return g.Name == string(spec.Group) }) {
			ofGroups = append(ofGroups, permission)
		}
	}
	return append(own, ofGroups...)
}

// allowedBy are the ids that permissions for a type allow.
func (n *Naive) allowedBy(permissions []*v1alpha1.UserPermission, allow string) map[string]bool {
	allowed := map[string]bool{}
	for _, permission := range permissions {
		below := map[string]bool{}
		for _, id := range permission.Spec.ForValues {
			below[string(id)] = true
		}
		for grown := !permission.Spec.HideDescendants; grown; {
			grown = false
			for _, set := range objectsOf[*v1alpha1.RecordSet](n) {
				if string(set.Spec.ResourceType) != allow {
					continue
				}
				for _, listed := range set.Spec.Records {
					record := n.record(allow, string(listed.ID)) // the one of the older set
					if record.Parent != "" && below[string(record.Parent)] && !below[string(record.ID)] {
						below[string(record.ID)], grown = true, true
					}
				}
			}
		}
		maps.Copy(allowed, below)
	}
	return allowed
}

func (e *evaluation) strict(allow string) bool {
	return e.settings.StrictUserPermissions &&
		(len(e.settings.StrictFor) == 0 || slices.Contains(e.settings.StrictFor, v1alpha1.Name(allow)))
}

func (e *evaluation) deniesEmpty(allow string) bool {
	if e.settings.EmptyLinks == "" {
		return e.strict(allow)
	}
	return e.settings.EmptyLinks == v1alpha1.EmptyLinksDeny
}

// restrictingLinks are the declared link fields that user permissions look at.
func restrictingLinks(t *v1alpha1.ResourceType) []v1alpha1.Field {
	var links []v1alpha1.Field
	for _, field := range t.Spec.Fields {
		if field.LinksTo != "" && !field.IgnoreUserPermissions && string(field.Name) != t.Spec.ParentField {
			links = append(links, field)
		}
	}
	return links
}

// userPermissions is S9.
func (e *evaluation) userPermissions() *engine.Decision {
	stored, proposed := e.stored(), e.proposedWith(e.presetsOf(e.live))
	check := func() []engine.Violation {
		switch e.act.Class {
		case v1alpha1.ClassCreate:
			return append(e.parentViolations(proposed), e.linkViolations(proposed)...)
		case v1alpha1.ClassUpdate:
			violations := append(e.recordViolations(), e.linkViolations(stored)...)
			violations = append(violations, e.linkViolations(proposed)...)
			if parent := e.target.Spec.ParentField; parent != "" && differs(stored, proposed, parent) {
				violations = append(violations, e.parentViolations(proposed)...)
			}
			return violations
		default:
			return append(e.recordViolations(), e.linkViolations(stored)...)
		}
	}
	violations := check()
	for _, group := range e.unsure { // each by itself
		e.only = group
		violations = append(violations, check()...)
	}
	e.only = nil
	if len(violations) == 0 {
		return nil
	}
	d := e.denyWithStepUp(engine.ReasonUserPermission)
	var missing []string
	for i, v := range violations {
		again := func(w engine.Violation) bool { return jsonText(w) == jsonText(v) }
		if !slices.ContainsFunc(violations[:i], again) {
			d.Violations = append(d.Violations, v)
		}
		if v.Cause == engine.CauseMissing && !e.isRecordItself(v) && v.Allow != v1alpha1.Any {
			missing = append(missing, v.Field)
		}
	}
	d.MissingProperties = sortedSet(append(missing, e.missedTypes...))
	return d
}

// differs reports whether two records differ in a property.
func differs(a, b map[string]any, key string) bool {
	before, known := a[key]
	after, stillKnown := b[key]
	if known != stillKnown {
		return true
	}
	if isEmpty(before) && isEmpty(after) {
		return false
	}
	beforeText, ok := recordID(before)
	afterText, alsoOK := recordID(after)
	if ok && alsoOK {
		return beforeText != afterText
	}
	return jsonText(before) != jsonText(after)
}

// recordViolations is the record itself against UP(C).
func (e *evaluation) recordViolations() []engine.Violation {
	permissions := e.permissionsFor(e.target.TypeName())
	if e.aboutType() {
		return e.unknownRecordViolations(permissions)
	}
	id := e.req.Resource.ID
	if len(permissions) == 0 || e.allowedBy(permissions, e.target.TypeName())[id] {
		return nil
	}
	return []engine.Violation{{Field: "id", Value: id, Allow: e.target.TypeName(), Cause: engine.CauseNotAllowed}}
}

// parentViolations is the parent that a Create, or a move, names.
func (e *evaluation) parentViolations(proposed map[string]any) []engine.Violation {
	permissions := e.permissionsFor(e.target.TypeName())
	if e.aboutType() {
		return e.unknownRecordViolations(permissions)
	}
	if len(permissions) == 0 {
		return nil
	}
	permissions = slices.DeleteFunc(permissions, func(p *v1alpha1.UserPermission) bool { return p.Spec.HideDescendants })
	field := e.target.Spec.ParentField
	if field == "" {
		return []engine.Violation{{Field: "id", Value: e.req.Resource.ID, Allow: e.target.TypeName(), Cause: engine.CauseNotAllowed}}
	}
	parent := proposed[field]
	if isEmpty(parent) {
		return []engine.Violation{{Field: field, Allow: e.target.TypeName(), Cause: engine.CauseEmpty}}
	}
	if id, ok := recordID(parent); ok && e.allowedBy(permissions, e.target.TypeName())[id] {
		return nil
	}
	return []engine.Violation{{Field: field, Value: parent, Allow: e.target.TypeName(), Cause: engine.CauseNotAllowed}}
}

// recordID is the shortest JSON text of a string or number, or of a record's id; false for anything else.
func recordID(value any) (string, bool) {
	if record, ok := value.(map[string]any); ok {
		value = record["id"] // a link may come as the record
	}
	switch v := value.(type) {
	case string:
		return v, v != ""
	case int64, float64:
		return jsonText(v), true
	}
	return "", false
}

func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func isEmpty(value any) bool { return value == nil || value == "" }

// found is something at the end of a path: a value, or nothing.
type found struct {
	value   any
	unknown bool
	// odd values stand where an object should be.
	odd bool
}

// follow finds every value at a path below value.
func follow(value any, path []string) []found {
	switch v := value.(type) {
	case []any:
		var all []found
		for _, element := range v {
			all = append(all, follow(element, path)...)
		}
		return all
	case map[string]any:
		if len(path) > 0 {
			below, ok := v[path[0]]
			if !ok {
				return []found{{unknown: true}}
			}
			return follow(below, path[1:])
		}
	}
	return []found{{value: value, odd: len(path) > 0}}
}

// linkViolations is every declared link field against UP(T).
func (e *evaluation) linkViolations(properties map[string]any) []engine.Violation {
	violations := e.dynamicViolations(properties)
	for _, field := range restrictingLinks(e.target) {
		allow := field.LinksTo
		permissions := e.permissionsFor(allow)
		if len(permissions) == 0 && (!e.strict(allow) || e.only != nil) {
			continue
		}
		allowed := e.allowedBy(permissions, allow)
		fail := func(value any, cause engine.ViolationCause) {
			violations = append(violations, engine.Violation{Field: string(field.Name), Value: value, Allow: allow, Cause: cause})
		}
		for _, at := range follow(properties, strings.Split(string(field.Name), ".")) {
			if at.unknown && e.act.Class == v1alpha1.ClassCreate && !e.aboutType() {
				at = found{}
			}
			id, isID := recordID(at.value)
			switch {
			case at.unknown:
				fail(nil, engine.CauseMissing)
			case isEmpty(at.value):
				if e.deniesEmpty(allow) {
					fail(nil, engine.CauseEmpty)
				}
			case len(permissions) == 0:
				fail(at.value, engine.CauseStrict)
			case at.odd || !isID || !allowed[id]:
				fail(at.value, engine.CauseNotAllowed)
			}
		}
	}
	return violations
}

// covers reports whether a case covers a field.
func covers(c ruleCase, field string) bool {
	if len(c.rule.ExceptFields) > 0 {
		return field != "*" && !slices.ContainsFunc(c.rule.ExceptFields, func(left v1alpha1.FieldPath) bool {
			return string(left) == field || strings.HasPrefix(field, string(left)+".") || strings.HasPrefix(string(left), field+".")
		})
	}
	if len(c.rule.Fields) == 0 {
		return true
	}
	return slices.ContainsFunc(c.rule.Fields, func(covered v1alpha1.FieldPath) bool {
		return covered == v1alpha1.Any || string(covered) == field || strings.HasPrefix(field, string(covered)+".")
	})
}

// fields is S10.
func (e *evaluation) fields() *engine.Decision {
	var asked []string
	switch e.act.Class {
	case v1alpha1.ClassRead:
		list, _ := e.req.Action.Properties["fields"].([]any)
		for _, field := range list {
			if name, ok := field.(string); ok {
				asked = append(asked, name)
			}
		}
	case v1alpha1.ClassCreate, v1alpha1.ClassUpdate:
		asked = slices.Collect(maps.Keys(e.submitted()))
	case v1alpha1.ClassDelete:
	}
	if slices.ContainsFunc(e.live, func(c ruleCase) bool { return len(c.rule.ExceptFields) > 0 }) {
		e.meet(MetExceptFields)
	}
	var uncovered []string
	for _, field := range asked {
		if !slices.ContainsFunc(e.live, func(c ruleCase) bool { return covers(c, field) }) {
			uncovered = append(uncovered, field)
		}
	}
	if len(uncovered) == 0 {
		return nil
	}
	d := e.denyWithStepUp(engine.ReasonFieldNotAllowed)
	d.Fields = sortedSet(uncovered)
	return d
}

// coveredFields is what an allow says of fields: "*", or what the live cases cover; and what they do not cover of "*".
func (e *evaluation) coveredFields() (fields, except []string) {
	var union, left []string
	all := false
	for _, c := range e.live {
		if len(c.rule.ExceptFields) == 0 && (len(c.rule.Fields) == 0 || slices.Contains(c.rule.Fields, v1alpha1.Any)) {
			return []string{"*"}, nil
		}
		all = all || len(c.rule.ExceptFields) > 0
		for _, field := range c.rule.Fields {
			union = append(union, string(field))
		}
		for _, field := range c.rule.ExceptFields {
			left = append(left, string(field))
		}
	}
	if !all {
		return sortedSet(union), nil
	}
	// A field is left out if nothing covers what is below it and nobody names.
	left = slices.DeleteFunc(left, func(field string) bool {
		return slices.ContainsFunc(e.live, func(c ruleCase) bool { return covers(c, field+".something else") })
	})
	below := func(field string) bool {
		return slices.ContainsFunc(left, func(other string) bool { return strings.HasPrefix(field, other+".") })
	}
	var topmost []string
	for _, field := range left {
		if !below(field) {
			topmost = append(topmost, field)
		}
	}
	return []string{"*"}, sortedSet(topmost)
}

// defaults are the values that user permissions give a new record (S11).
func (e *evaluation) defaults() map[string]any {
	values := map[string]any{}
	for _, field := range e.target.Spec.Fields {
		if field.LinksTo == "" || field.IgnoreUserPermissions || strings.Contains(string(field.Name), ".") {
			continue
		}
		for _, permission := range e.permissionsFor(field.LinksTo) {
			if permission.Spec.Default != "" {
				values[string(field.Name)] = string(permission.Spec.Default)
				break
			}
		}
	}
	return values
}

// presets is S11.
func (e *evaluation) presets() map[string]any {
	values := e.presetsOf(e.live)
	if e.act.Class == v1alpha1.ClassCreate {
		values = overlay(e.defaults(), values)
	}
	for key := range e.submitted() {
		delete(values, key)
	}
	if len(values) == 0 {
		return nil
	}
	return values
}

// allow is S12.
func (e *evaluation) allow() engine.Decision {
	d := engine.Decision{Allow: true}
	switch {
	case len(e.overrides) > 0:
		d.Reason, d.DecidedBy = engine.ReasonSpecialPermission, refsOf(e.overrides)
	case e.open:
		d.Reason, d.DecidedBy = engine.ReasonUnrestrictedType, []engine.Ref{refOf(e.target)}
	default:
		d.Reason = engine.ReasonRule
		for _, c := range e.live {
			if !slices.Contains(d.DecidedBy, c.source) {
				d.DecidedBy = append(d.DecidedBy, c.source)
			}
		}
		slices.SortFunc(d.DecidedBy, func(a, b engine.Ref) int { return strings.Compare(a.String(), b.String()) })
	}
	if e.act.Class != v1alpha1.ClassDelete {
		d.Fields, d.ExceptFields = e.coveredFields()
	}
	if e.writes() {
		d.Presets = e.presets()
	}
	return d
}

// holds evaluates an expression that must be true: one that does not compile, or is in error, is not.
func holds(place expr.Place, source v1alpha1.Expression, in *expr.Input) bool {
	program, err := compile(place, source)
	if err != nil {
		return false
	}
	result, err := program.Bool(in)
	return err == nil && result
}

type compiled struct {
	program *expr.Program
	err     error
}

var programs sync.Map

// compile is expr.Compile. What it gives depends on its arguments alone, so it is kept: the proof would
// otherwise spend its time here.
func compile(place expr.Place, source v1alpha1.Expression) (*expr.Program, error) {
	type key struct {
		place  expr.Place
		source v1alpha1.Expression
	}
	if kept, ok := programs.Load(key{place, source}); ok {
		if c, ok := kept.(compiled); ok {
			return c.program, c.err
		}
	}
	program, err := expr.Compile(place, string(source))
	programs.Store(key{place, source}, compiled{program, err})
	return program, err
}

// jsonValues are values as decisions see them; what cannot be read is null.
func jsonValues(values map[string]v1alpha1.JSON) map[string]any {
	read := make(map[string]any, len(values))
	for key, value := range values {
		read[key] = nil
		if parsed, err := expr.ParseJSON(value.Raw); err == nil {
			read[key] = parsed
		}
	}
	return read
}
