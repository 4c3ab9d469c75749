package testobjects

import "github.com/remit-authz/remit/api/v1alpha1"

// ResourceTypeBuilder builds a ResourceType.
type ResourceTypeBuilder struct{ obj v1alpha1.ResourceType }

// MakeResourceType starts a type with the usual four actions.
func MakeResourceType(name string) *ResourceTypeBuilder {
	return &ResourceTypeBuilder{v1alpha1.ResourceType{TypeMeta: kind("ResourceType"), ObjectMeta: meta(name)}}
}

// Type sets what the domain calls the type.
func (b *ResourceTypeBuilder) Type(name string) *ResourceTypeBuilder {
	b.obj.Spec.Type = v1alpha1.TypeName(name)
	return b
}

// Guard adds a guard of some actions; of all where none are given.
func (b *ResourceTypeBuilder) Guard(condition, message string, actions ...string) *ResourceTypeBuilder {
	b.obj.Spec.Guards = append(b.obj.Spec.Guards, v1alpha1.Guard{Actions: as[v1alpha1.Token](actions), Condition: v1alpha1.Expression(condition), Message: message})
	return b
}

// Areas adds areas.
func (b *ResourceTypeBuilder) Areas(areas ...string) *ResourceTypeBuilder {
	b.obj.Spec.Areas = append(b.obj.Spec.Areas, as[v1alpha1.Token](areas)...)
	return b
}

// Action declares an action and what it implies.
func (b *ResourceTypeBuilder) Action(name string, class v1alpha1.ActionClass, implies ...string) *ResourceTypeBuilder {
	b.obj.Spec.Actions = append(b.obj.Spec.Actions, v1alpha1.Action{Name: v1alpha1.Token(name), Class: class, Implies: as[v1alpha1.Token](implies)})
	return b
}

// Link declares a field that links to records of a type.
func (b *ResourceTypeBuilder) Link(field, linksTo string) *ResourceTypeBuilder {
	b.obj.Spec.Fields = append(b.obj.Spec.Fields, v1alpha1.Field{Name: v1alpha1.FieldPath(field), LinksTo: linksTo})
	return b
}

// DynamicLink declares a field that links to records of the type that the field called by names beside it.
func (b *ResourceTypeBuilder) DynamicLink(field, by string) *ResourceTypeBuilder {
	b.obj.Spec.Fields = append(b.obj.Spec.Fields, v1alpha1.Field{Name: v1alpha1.FieldPath(field), LinksToField: by})
	return b
}

// IgnoredLink declares a link field that user permissions ignore.
func (b *ResourceTypeBuilder) IgnoredLink(field, linksTo string) *ResourceTypeBuilder {
	b.obj.Spec.Fields = append(b.obj.Spec.Fields, v1alpha1.Field{Name: v1alpha1.FieldPath(field), LinksTo: linksTo, IgnoreUserPermissions: true})
	return b
}

// Tree makes the type a tree.
func (b *ResourceTypeBuilder) Tree(parentField string) *ResourceTypeBuilder {
	b.obj.Spec.ParentField = parentField
	return b
}

// RequiredReadFields adds fields that clients always need.
func (b *ResourceTypeBuilder) RequiredReadFields(fields ...string) *ResourceTypeBuilder {
	b.obj.Spec.RequiredReadFields = append(b.obj.Spec.RequiredReadFields, as[v1alpha1.FieldPath](fields)...)
	return b
}

// StaffOnly makes the type one for staff.
func (b *ResourceTypeBuilder) StaffOnly() *ResourceTypeBuilder {
	b.obj.Spec.StaffOnly = true
	return b
}

// Unrestricted opens the type to every user.
func (b *ResourceTypeBuilder) Unrestricted() *ResourceTypeBuilder {
	b.obj.Spec.Unrestricted = true
	return b
}

// Obj is the object; each call gives another copy.
func (b *ResourceTypeBuilder) Obj() *v1alpha1.ResourceType { return b.obj.DeepCopy() }

// RoleBuilder builds a Role.
type RoleBuilder struct{ obj v1alpha1.Role }

// MakeRole starts a role that gives nothing.
func MakeRole(name string) *RoleBuilder {
	return &RoleBuilder{v1alpha1.Role{TypeMeta: kind("Role"), ObjectMeta: meta(name)}}
}

// AdminAccess makes it an admin role.
func (b *RoleBuilder) AdminAccess() *RoleBuilder {
	b.obj.Spec.AdminAccess = true
	return b
}

// AppAccess adds the policy's app access rules.
func (b *RoleBuilder) AppAccess() *RoleBuilder {
	b.obj.Spec.AppAccess = true
	return b
}

// Rule adds rules.
func (b *RoleBuilder) Rule(rules ...v1alpha1.Rule) *RoleBuilder {
	b.obj.Spec.Rules = append(b.obj.Spec.Rules, rules...)
	return b
}

// RequireMFA asks for a second factor.
func (b *RoleBuilder) RequireMFA() *RoleBuilder {
	b.restrictions().RequireMFA = true
	return b
}

// AllowedCIDRs adds networks.
func (b *RoleBuilder) AllowedCIDRs(cidrs ...string) *RoleBuilder {
	r := b.restrictions()
	r.AllowedCIDRs = append(r.AllowedCIDRs, as[v1alpha1.CIDR](cidrs)...)
	return b
}

func (b *RoleBuilder) restrictions() *v1alpha1.Restrictions {
	if b.obj.Spec.Restrictions == nil {
		b.obj.Spec.Restrictions = &v1alpha1.Restrictions{}
	}
	return b.obj.Spec.Restrictions
}

// Obj is the object; each call gives another copy.
func (b *RoleBuilder) Obj() *v1alpha1.Role { return b.obj.DeepCopy() }

// GroupBuilder builds a Group.
type GroupBuilder struct{ obj v1alpha1.Group }

// MakeGroup starts a group without members.
func MakeGroup(name string) *GroupBuilder {
	return &GroupBuilder{v1alpha1.Group{TypeMeta: kind("Group"), ObjectMeta: meta(name)}}
}

// Members adds users.
func (b *GroupBuilder) Members(users ...string) *GroupBuilder {
	for _, user := range users {
		b.Member(user, "", "")
	}
	return b
}

// Member adds a user in a time window.
func (b *GroupBuilder) Member(user, startsAt, expiresAt string) *GroupBuilder {
	b.obj.Spec.Members = append(b.obj.Spec.Members, v1alpha1.Member{User: v1alpha1.UserID(user), TimeWindow: Window(startsAt, expiresAt)})
	return b
}

// Groups adds groups whose members are members too.
func (b *GroupBuilder) Groups(groups ...string) *GroupBuilder {
	b.obj.Spec.Groups = append(b.obj.Spec.Groups, as[v1alpha1.Name](groups)...)
	return b
}

// ExternalGroups adds group claims.
func (b *GroupBuilder) ExternalGroups(claims ...string) *GroupBuilder {
	b.obj.Spec.ExternalGroups = append(b.obj.Spec.ExternalGroups, as[v1alpha1.ExternalGroup](claims)...)
	return b
}

// MemberCondition sets the condition for being a member.
func (b *GroupBuilder) MemberCondition(source string) *GroupBuilder {
	b.obj.Spec.MemberCondition = v1alpha1.Expression(source)
	return b
}

// Roles adds roles.
func (b *GroupBuilder) Roles(roles ...string) *GroupBuilder {
	for _, role := range roles {
		b.RoleIn(role, "", "")
	}
	return b
}

// RoleIn adds a role in a time window.
func (b *GroupBuilder) RoleIn(role, startsAt, expiresAt string) *GroupBuilder {
	b.obj.Spec.Roles = append(b.obj.Spec.Roles, v1alpha1.RoleRef{Name: v1alpha1.Name(role), TimeWindow: Window(startsAt, expiresAt)})
	return b
}

// Rule adds rules.
func (b *GroupBuilder) Rule(rules ...v1alpha1.Rule) *GroupBuilder {
	b.obj.Spec.Rules = append(b.obj.Spec.Rules, rules...)
	return b
}

// Obj is the object; each call gives another copy.
func (b *GroupBuilder) Obj() *v1alpha1.Group { return b.obj.DeepCopy() }

// UserBuilder builds a User.
type UserBuilder struct{ obj v1alpha1.User }

// MakeUser starts a user whose id is the object's name.
func MakeUser(name string) *UserBuilder {
	return &UserBuilder{v1alpha1.User{TypeMeta: kind("User"), ObjectMeta: meta(name)}}
}

// ID sets the user's id.
func (b *UserBuilder) ID(id string) *UserBuilder {
	b.obj.Spec.ID = v1alpha1.UserID(id)
	return b
}

// Disabled sets the flag.
func (b *UserBuilder) Disabled() *UserBuilder {
	b.obj.Spec.Disabled = true
	return b
}

// Superuser sets the flag.
func (b *UserBuilder) Superuser() *UserBuilder {
	b.obj.Spec.Superuser = true
	return b
}

// Staff sets the flag.
func (b *UserBuilder) Staff() *UserBuilder {
	b.obj.Spec.Staff = true
	return b
}

// Roles adds roles.
func (b *UserBuilder) Roles(roles ...string) *UserBuilder {
	for _, role := range roles {
		b.RoleIn(role, "", "")
	}
	return b
}

// RoleIn adds a role in a time window.
func (b *UserBuilder) RoleIn(role, startsAt, expiresAt string) *UserBuilder {
	b.obj.Spec.Roles = append(b.obj.Spec.Roles, v1alpha1.RoleRef{Name: v1alpha1.Name(role), TimeWindow: Window(startsAt, expiresAt)})
	return b
}

// Attribute sets an attribute.
func (b *UserBuilder) Attribute(key string, value any) *UserBuilder {
	if b.obj.Spec.Attributes == nil {
		b.obj.Spec.Attributes = map[string]v1alpha1.JSON{}
	}
	b.obj.Spec.Attributes[key] = JSON(value)
	return b
}

// Obj is the object; each call gives another copy.
func (b *UserBuilder) Obj() *v1alpha1.User { return b.obj.DeepCopy() }

// MakeUserSet is a set of users.
func MakeUserSet(name string, users ...*UserBuilder) *v1alpha1.UserSet {
	set := &v1alpha1.UserSet{TypeMeta: kind("UserSet"), ObjectMeta: meta(name)}
	for _, b := range users {
		user := b.Obj()
		set.Spec.Users = append(set.Spec.Users, v1alpha1.UserEntry{ID: v1alpha1.UserID(user.UserID()), Account: user.Spec.Account})
	}
	return set
}

// UserPermissionBuilder builds a UserPermission.
type UserPermissionBuilder struct{ obj v1alpha1.UserPermission }

// MakeUserPermission starts a permission that restricts records of a type.
func MakeUserPermission(name, allow string, values ...string) *UserPermissionBuilder {
	return &UserPermissionBuilder{v1alpha1.UserPermission{
		TypeMeta: kind("UserPermission"), ObjectMeta: meta(name),
		Spec: v1alpha1.UserPermissionSpec{Allow: v1alpha1.Name(allow), ForValues: as[v1alpha1.RecordID](values)},
	}}
}

// User sets whom it restricts.
func (b *UserPermissionBuilder) User(id string) *UserPermissionBuilder {
	b.obj.Spec.User = v1alpha1.UserID(id)
	return b
}

// Group sets whose members it restricts.
func (b *UserPermissionBuilder) Group(name string) *UserPermissionBuilder {
	b.obj.Spec.Group = v1alpha1.Name(name)
	return b
}

// Default sets the value that new records start with.
func (b *UserPermissionBuilder) Default(value string) *UserPermissionBuilder {
	b.obj.Spec.Default = v1alpha1.RecordID(value)
	return b
}

// ApplicableFor adds types on which it acts.
func (b *UserPermissionBuilder) ApplicableFor(types ...string) *UserPermissionBuilder {
	b.obj.Spec.ApplicableFor = append(b.obj.Spec.ApplicableFor, as[v1alpha1.Name](types)...)
	return b
}

// ExceptFor adds types on which it does not act.
func (b *UserPermissionBuilder) ExceptFor(types ...string) *UserPermissionBuilder {
	b.obj.Spec.ExceptFor = append(b.obj.Spec.ExceptFor, as[v1alpha1.Name](types)...)
	return b
}

// Actions adds actions that it restricts.
func (b *UserPermissionBuilder) Actions(actions ...string) *UserPermissionBuilder {
	b.obj.Spec.Actions = append(b.obj.Spec.Actions, as[v1alpha1.Token](actions)...)
	return b
}

// HideDescendants sets the flag.
func (b *UserPermissionBuilder) HideDescendants() *UserPermissionBuilder {
	b.obj.Spec.HideDescendants = true
	return b
}

// In sets the time window.
func (b *UserPermissionBuilder) In(startsAt, expiresAt string) *UserPermissionBuilder {
	b.obj.Spec.TimeWindow = Window(startsAt, expiresAt)
	return b
}

// Obj is the object; each call gives another copy.
func (b *UserPermissionBuilder) Obj() *v1alpha1.UserPermission { return b.obj.DeepCopy() }

// MakeUserPermissionSet is a set of user permissions.
func MakeUserPermissionSet(name string, permissions ...*UserPermissionBuilder) *v1alpha1.UserPermissionSet {
	set := &v1alpha1.UserPermissionSet{TypeMeta: kind("UserPermissionSet"), ObjectMeta: meta(name)}
	for _, b := range permissions {
		permission := b.Obj()
		set.Spec.Permissions = append(set.Spec.Permissions, v1alpha1.UserPermissionEntry{Name: v1alpha1.Name(permission.Name), UserPermissionSpec: permission.Spec})
	}
	return set
}

// SpecialPermissionBuilder builds a SpecialPermission.
type SpecialPermissionBuilder struct{ obj v1alpha1.SpecialPermission }

// MakeSpecialPermission starts a special permission for a user.
func MakeSpecialPermission(name, user string) *SpecialPermissionBuilder {
	return &SpecialPermissionBuilder{v1alpha1.SpecialPermission{
		TypeMeta: kind("SpecialPermission"), ObjectMeta: meta(name),
		Spec: v1alpha1.SpecialPermissionSpec{User: v1alpha1.UserID(user)},
	}}
}

// On adds an entry for resource types, or "*".
func (b *SpecialPermissionBuilder) On(access v1alpha1.Access, resources ...string) *SpecialPermissionBuilder {
	b.obj.Spec.Permissions = append(b.obj.Spec.Permissions, v1alpha1.SpecialPermissionEntry{Access: access, Resources: as[v1alpha1.NameOrAny](resources)})
	return b
}

// OnAreas adds an entry for areas.
func (b *SpecialPermissionBuilder) OnAreas(access v1alpha1.Access, areas ...string) *SpecialPermissionBuilder {
	b.obj.Spec.Permissions = append(b.obj.Spec.Permissions, v1alpha1.SpecialPermissionEntry{Access: access, Areas: as[v1alpha1.Token](areas)})
	return b
}

// In sets the time window.
func (b *SpecialPermissionBuilder) In(startsAt, expiresAt string) *SpecialPermissionBuilder {
	b.obj.Spec.TimeWindow = Window(startsAt, expiresAt)
	return b
}

// Obj is the object; each call gives another copy.
func (b *SpecialPermissionBuilder) Obj() *v1alpha1.SpecialPermission { return b.obj.DeepCopy() }

// RecordSetBuilder builds a RecordSet.
type RecordSetBuilder struct{ obj v1alpha1.RecordSet }

// MakeRecordSet starts a set of records of a type.
func MakeRecordSet(name, resourceType string) *RecordSetBuilder {
	return &RecordSetBuilder{v1alpha1.RecordSet{
		TypeMeta: kind("RecordSet"), ObjectMeta: meta(name),
		Spec: v1alpha1.RecordSetSpec{ResourceType: v1alpha1.Name(resourceType)},
	}}
}

// Record adds a record; "" is no parent, and properties may be nil.
func (b *RecordSetBuilder) Record(id, parent string, properties map[string]any) *RecordSetBuilder {
	record := v1alpha1.Record{ID: v1alpha1.RecordID(id), Parent: v1alpha1.RecordID(parent)}
	if properties != nil {
		record.Properties = jsonMap(properties)
	}
	b.obj.Spec.Records = append(b.obj.Spec.Records, record)
	return b
}

// Obj is the object; each call gives another copy.
func (b *RecordSetBuilder) Obj() *v1alpha1.RecordSet { return b.obj.DeepCopy() }

// PolicyBuilder builds a PermissionPolicy.
type PolicyBuilder struct{ obj v1alpha1.PermissionPolicy }

// MakePolicy starts a policy of the name that a policy has, with every field empty.
func MakePolicy() *PolicyBuilder {
	return &PolicyBuilder{v1alpha1.PermissionPolicy{TypeMeta: kind("PermissionPolicy"), ObjectMeta: meta(v1alpha1.PolicyName)}}
}

// Spec changes the settings.
func (b *PolicyBuilder) Spec(change func(*v1alpha1.PermissionPolicySpec)) *PolicyBuilder {
	change(&b.obj.Spec)
	return b
}

// IgnoreSubjectProperties has what callers say about the subject not count.
func (b *PolicyBuilder) IgnoreSubjectProperties() *PolicyBuilder {
	b.obj.Spec.SubjectProperties = v1alpha1.SubjectPropertiesIgnore
	return b
}

// PreventEscalation sets the flag.
func (b *PolicyBuilder) PreventEscalation() *PolicyBuilder {
	b.obj.Spec.PreventEscalation = true
	return b
}

// AppAccessRule adds app access rules.
func (b *PolicyBuilder) AppAccessRule(rules ...v1alpha1.Rule) *PolicyBuilder {
	b.obj.Spec.AppAccessRules = append(b.obj.Spec.AppAccessRules, rules...)
	return b
}

// Obj is the object; each call gives another copy.
func (b *PolicyBuilder) Obj() *v1alpha1.PermissionPolicy { return b.obj.DeepCopy() }
