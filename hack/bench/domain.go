package main

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// company is a made-up domain of a large company: how many there are of each. Objects are made by number, so
// that nobody has to hold all of them.
type company struct {
	Users           int `json:"users"`
	Groups          int `json:"groups"`
	Roles           int `json:"roles"`
	Types           int `json:"types"`
	UserPermissions int `json:"userPermissions"`
	Records         int `json:"records"`
}

const (
	// everybody is a role that every User object holds.
	everybody = "everybody"
	// crowd is a group with many members; the other groups have few.
	crowd = "crowd"
	// openType has no links, so that no user permission acts on it.
	openType = "notice"
	// linkedType links to a unit.
	linkedType = "order-0"
	// unitType and placeType are trees, half of the records each.
	unitType, placeType = "unit", "place"
	// branching is how many records stand below one, perSet how many are in one RecordSet.
	branching, perSet = 8, 1000
)

func meta(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }

func text(value string) v1alpha1.JSON { return v1alpha1.JSON{Raw: fmt.Appendf(nil, "%q", value)} }

func userName(i int) string { return fmt.Sprintf("user-%06d@example.com", i) }

func orderType(i int) string { return fmt.Sprintf("order-%d", i) }

// crowdSize is how many members the crowd has: a tenth of the users.
func (c company) crowdSize() int { return c.Users / 10 }

// few are the objects that are not of a number in the ten thousands, in the order to be created.
func (c company) few() []client.Object {
	objects := []client.Object{
		&v1alpha1.PermissionPolicy{ObjectMeta: meta(v1alpha1.PolicyName)},
		&v1alpha1.ResourceType{ObjectMeta: meta(openType)},
		&v1alpha1.ResourceType{ObjectMeta: meta(unitType), Spec: v1alpha1.ResourceTypeSpec{ParentField: "parent"}},
		&v1alpha1.ResourceType{ObjectMeta: meta(placeType), Spec: v1alpha1.ResourceTypeSpec{ParentField: "parent"}},
	}
	for i := range c.Types - 3 {
		objects = append(objects, &v1alpha1.ResourceType{ObjectMeta: meta(orderType(i)), Spec: v1alpha1.ResourceTypeSpec{
			Areas:  []v1alpha1.Token{v1alpha1.Token(fmt.Sprintf("area-%d", i%20))},
			Fields: []v1alpha1.Field{{Name: "unit", LinksTo: unitType}, {Name: "place", LinksTo: placeType}},
		}})
	}
	objects = append(objects, c.everybody(false))
	for i := range c.Roles - 1 {
		objects = append(objects, c.role(i))
	}
	objects = append(objects, c.crowd(false))
	for i := range c.Groups - 1 {
		objects = append(objects, c.group(i))
	}
	for i := range (c.Records + perSet - 1) / perSet {
		objects = append(objects, c.recordSet(i))
	}
	return objects
}

// everybody is the role that all users hold; wide lets it update.
func (c company) everybody(wide bool) *v1alpha1.Role {
	access := v1alpha1.AccessReadOnly
	if wide {
		access = v1alpha1.AccessFull
	}
	return &v1alpha1.Role{ObjectMeta: meta(everybody), Spec: v1alpha1.RoleSpec{
		Rules: []v1alpha1.Rule{{Resources: []v1alpha1.NameOrAny{openType}, Access: access}},
	}}
}

// role gives an area to read, a type to change, and with every tenth role what one owns.
func (c company) role(i int) *v1alpha1.Role {
	orders := c.Types - 3
	rules := []v1alpha1.Rule{
		{Areas: []v1alpha1.Token{v1alpha1.Token(fmt.Sprintf("area-%d", i%20))}, Access: v1alpha1.AccessReadOnly},
		{Resources: []v1alpha1.NameOrAny{v1alpha1.NameOrAny(orderType(i % orders))}, Access: v1alpha1.AccessFull},
	}
	if i%10 == 0 {
		rules = append(rules, v1alpha1.Rule{
			Resources: []v1alpha1.NameOrAny{v1alpha1.NameOrAny(orderType((i + 7) % orders))},
			Actions:   []v1alpha1.Token{"read", "update"},
			Condition: "resource.properties.owner == subject.id || resource.properties.department == subject.attributes.department",
		})
	}
	return &v1alpha1.Role{ObjectMeta: meta(fmt.Sprintf("role-%d", i)), Spec: v1alpha1.RoleSpec{Rules: rules}}
}

// crowd is the group of a tenth of the users; wide lets it delete.
func (c company) crowd(wide bool) *v1alpha1.Group {
	actions := []v1alpha1.Token{"create"}
	if wide {
		actions = append(actions, "delete")
	}
	g := &v1alpha1.Group{ObjectMeta: meta(crowd), Spec: v1alpha1.GroupSpec{
		Rules: []v1alpha1.Rule{{Resources: []v1alpha1.NameOrAny{openType}, Actions: actions}},
	}}
	for i := range c.crowdSize() {
		g.Spec.Members = append(g.Spec.Members, v1alpha1.Member{User: v1alpha1.UserID(userName(i))})
	}
	return g
}

// group has its share of the users, a role, and for every tenth group another group around it.
func (c company) group(i int) *v1alpha1.Group {
	g := &v1alpha1.Group{ObjectMeta: meta(fmt.Sprintf("group-%d", i)), Spec: v1alpha1.GroupSpec{
		Roles: []v1alpha1.RoleRef{{Name: v1alpha1.Name(fmt.Sprintf("role-%d", (i*3)%(c.Roles-1)))}},
	}}
	for user := i; user < c.Users; user += c.Groups - 1 {
		g.Spec.Members = append(g.Spec.Members, v1alpha1.Member{User: v1alpha1.UserID(userName(user))})
	}
	if i%10 == 0 && i+1 < c.Groups-1 {
		g.Spec.Groups = []v1alpha1.Name{v1alpha1.Name(fmt.Sprintf("group-%d", i+1))}
	}
	return g
}

func (c company) user(i int) *v1alpha1.User {
	return &v1alpha1.User{ObjectMeta: meta(fmt.Sprintf("user-%06d", i)), Spec: v1alpha1.UserSpec{ID: v1alpha1.UserID(userName(i)), Account: v1alpha1.Account{
		DisplayName: fmt.Sprintf("User number %d", i),
		Roles:       []v1alpha1.RoleRef{{Name: everybody}, {Name: v1alpha1.Name(fmt.Sprintf("role-%d", i%(c.Roles-1)))}},
		Attributes:  map[string]v1alpha1.JSON{"department": text(fmt.Sprintf("department-%d", i%50)), "site": text(fmt.Sprintf("site-%d", i%200))},
	}}}
}

// userPermission restricts a user to a part of a tree: every other one to units, the others to places.
func (c company) userPermission(i int) *v1alpha1.UserPermission {
	tree := c.treeOf(i)
	return c.restrict(i, recordID(tree, i/3%c.recordsOf(tree)))
}

func (c company) treeOf(permission int) string {
	if permission%2 == 1 && c.recordsOf(placeType) > 0 {
		return placeType
	}
	return unitType
}

// restrict is the user permission of that number, for one record.
func (c company) restrict(i int, record string) *v1alpha1.UserPermission {
	return &v1alpha1.UserPermission{ObjectMeta: meta(fmt.Sprintf("permission-%06d", i)), Spec: v1alpha1.UserPermissionSpec{
		User: v1alpha1.UserID(userName(i)), Allow: v1alpha1.Name(c.treeOf(i)), ForValues: []v1alpha1.RecordID{v1alpha1.RecordID(record)},
	}}
}

func recordID(tree string, node int) string { return fmt.Sprintf("%s-%d", tree, node) }

// recordsOf is how many records a tree has: half of all; the sets of units come first.
func (c company) recordsOf(tree string) int {
	units := (c.Records/perSet + 1) / 2 * perSet
	if c.Records <= perSet {
		units = c.Records
	}
	if tree == unitType {
		return units
	}
	return c.Records - units
}

func (c company) recordSet(i int) *v1alpha1.RecordSet {
	tree, first := unitType, i*perSet
	if units := c.recordsOf(unitType); first >= units {
		tree, first = placeType, first-units
	}
	set := &v1alpha1.RecordSet{ObjectMeta: meta(fmt.Sprintf("records-%d", i)), Spec: v1alpha1.RecordSetSpec{ResourceType: v1alpha1.Name(tree)}}
	for node := first; node < min(first+perSet, c.recordsOf(tree)); node++ {
		record := v1alpha1.Record{
			ID: v1alpha1.RecordID(recordID(tree, node)), Properties: map[string]v1alpha1.JSON{"country": text(fmt.Sprintf("country-%d", node%40))},
		}
		if node > 0 {
			record.Parent = v1alpha1.RecordID(recordID(tree, (node-1)/branching))
		}
		set.Spec.Records = append(set.Spec.Records, record)
	}
	return set
}
