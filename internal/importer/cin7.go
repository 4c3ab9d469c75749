package importer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// cin7 is an import from Cin7 Core.
type cin7 struct {
	*importer
	roles map[string]*v1alpha1.Role
	users map[string]bool
	areas map[string]bool
	// specials are the special permissions by user; they are made once.
	specials map[string]*v1alpha1.SpecialPermission
}

// importCin7 reads tables, each a CSV file told by its head:
//
//   - Area, then a column for each role (or Role, then a column for each area): the levels of the roles
//   - User (or Email), Roles, and perhaps Name, Status: users, with roles separated by semicolons or commas
//   - User, Area, Access: special permissions
//
// Areas become areas, each with a resource type of its own; roles and special permissions give levels on them.
func importCin7(im *importer, files []File) error {
	c := &cin7{
		importer: im, roles: map[string]*v1alpha1.Role{}, users: map[string]bool{}, areas: map[string]bool{},
		specials: map[string]*v1alpha1.SpecialPermission{},
	}
	type table struct {
		file  File
		head  []string
		lines [][]string
	}
	var users, specials []table
	for _, f := range files {
		head, lines, err := readCSV(f)
		if err != nil {
			return err
		}
		user, area, access := column(head, "user", "email", "username"), column(head, "area", "permission"), column(head, "access", "level")
		t := table{f, head, lines}
		switch {
		case user >= 0 && area >= 0 && access >= 0:
			specials = append(specials, t)
		case user >= 0 && column(head, "roles", "role") >= 0:
			users = append(users, t)
		case area == 0:
			c.readRoles(f, head, lines)
		case column(head, "role") == 0:
			flippedHead, flipped := flip(head, lines)
			c.readRoles(f, flippedHead, flipped)
		default:
			return fmt.Errorf("%s: the first line must have Area and the roles, Role and the areas, User and Roles, or User, Area and Access", f.Name)
		}
	}
	for _, t := range users {
		c.readUsers(t.file, t.head, t.lines)
	}
	if len(specials) == 0 {
		c.note(place{file: files[0].Name}, "no special permissions are in the export; where there are some, users may do more or less than their roles say")
	}
	for _, t := range specials {
		if err := c.readSpecials(t.file, t.head, t.lines); err != nil {
			return err
		}
	}
	return nil
}

// flip makes rows of columns.
func flip(head []string, lines [][]string) ([]string, [][]string) {
	all := append([][]string{head}, lines...)
	flipped := make([][]string, len(head))
	for i := range head {
		for _, line := range all {
			flipped[i] = append(flipped[i], cell(line, i))
		}
	}
	return flipped[0], flipped[1:]
}

// levels are what cells say.
var levels = map[string]v1alpha1.Access{
	"full": v1alpha1.AccessFull, "full-access": v1alpha1.AccessFull,
	"read-only": v1alpha1.AccessReadOnly, "read-only-access": v1alpha1.AccessReadOnly, "readonly": v1alpha1.AccessReadOnly,
	"none": v1alpha1.AccessNone, "no-access": v1alpha1.AccessNone, "no": v1alpha1.AccessNone, "": v1alpha1.AccessNone,
	"n-a": v1alpha1.AccessNotApplicable, "not-applicable": v1alpha1.AccessNotApplicable,
}

func (c *cin7) readRoles(f File, head []string, lines [][]string) {
	for i := 1; i < len(head); i++ {
		if head[i] != "" {
			c.role(head[i], place{f.Name, head[i]})
		}
	}
	for _, line := range lines {
		area := cell(line, 0)
		if area == "" {
			continue
		}
		for i := 1; i < len(head); i++ {
			if head[i] == "" {
				continue
			}
			p := place{f.Name, head[i] + ", " + area}
			level, known := levels[slug(cell(line, i))]
			if !known {
				c.leaveOut(p, "%q is no level; write Full access, Read-only access or No access", cell(line, i))
				continue
			}
			token := c.area(area, p)
			if level == v1alpha1.AccessFull || level == v1alpha1.AccessReadOnly {
				c.grant(c.roles[head[i]], token, level)
			}
		}
	}
}

// role is the role of a name; it is made when it is first named.
func (c *cin7) role(name string, p place) *v1alpha1.Role {
	role := c.roles[name]
	if role == nil {
		role = &v1alpha1.Role{TypeMeta: typeMeta(engine.KindRole), ObjectMeta: metav1.ObjectMeta{Name: c.name(engine.KindRole, name, name)}}
		role.Spec.DisplayName = short(name)
		c.roles[name] = role
		c.add(role, p)
	}
	return role
}

// area is the area of a name, with the resource type that stands for it.
func (c *cin7) area(name string, p place) v1alpha1.Token {
	token := c.name("Area", name, name)
	if !c.areas[name] {
		c.areas[name] = true
		t := c.newType(name)
		t.Spec.Areas = []v1alpha1.Token{v1alpha1.Token(token)}
		c.add(t, p)
	}
	return v1alpha1.Token(token)
}

// grant gives a level on an area; areas of the same level share a rule.
func (c *cin7) grant(role *v1alpha1.Role, area v1alpha1.Token, level v1alpha1.Access) {
	const perRule = 64
	for i := range role.Spec.Rules {
		rule := &role.Spec.Rules[i]
		if rule.Access == level && len(rule.Areas) < perRule {
			if !slices.Contains(rule.Areas, area) {
				rule.Areas = append(rule.Areas, area)
			}
			return
		}
	}
	role.Spec.Rules = append(role.Spec.Rules, v1alpha1.Rule{Areas: []v1alpha1.Token{area}, Access: level})
}

func (c *cin7) readUsers(f File, head []string, lines [][]string) {
	id, roles := column(head, "email", "user", "username"), column(head, "roles", "role")
	label, status := column(head, "name", "full-name", "display-name"), column(head, "status", "active")
	for i, title := range head {
		if title != "" && !slices.Contains([]int{id, roles, label, status}, i) {
			c.note(place{f.Name, title}, "the column is not read")
		}
	}
	for i, line := range lines {
		user := cell(line, id)
		p := place{f.Name, fmt.Sprintf("line %d", i+2)}
		switch {
		case user == "":
			continue
		case c.users[user]:
			c.leaveOut(p, "the user %s is there twice", user)
			continue
		}
		c.users[user] = true
		object := &v1alpha1.User{TypeMeta: typeMeta(engine.KindUser), ObjectMeta: metav1.ObjectMeta{Name: c.name(engine.KindUser, user, user)}}
		object.Spec.DisplayName = short(cmp.Or(cell(line, label), user))
		if object.Name != user {
			object.Spec.ID = v1alpha1.UserID(user)
		}
		if status >= 0 && !isSet(cell(line, status)) && !slices.Contains([]string{"active", "enabled"}, slug(cell(line, status))) {
			object.Spec.Disabled = true
		}
		for _, name := range c.roleNames(cell(line, roles)) {
			role := c.roles[name]
			if role == nil {
				c.leaveOut(p, "the role %q of %s is in no table of roles", name, user)
				continue
			}
			ref := v1alpha1.RoleRef{Name: v1alpha1.Name(role.Name)}
			if !slices.Contains(object.Spec.Roles, ref) {
				object.Spec.Roles = append(object.Spec.Roles, ref)
			}
		}
		c.add(object, p)
	}
}

// roleNames splits a list of roles. A name may have commas and semicolons in it: of the roles that are known, the
// longest name that fits is meant.
func (c *cin7) roleNames(list string) []string {
	separator := func(r rune) bool { return r == ';' || r == ',' || r == '\n' }
	var found []string
	rest := strings.TrimSpace(list)
	for rest != "" {
		name := ""
		for known := range c.roles {
			after, ok := strings.CutPrefix(rest, known)
			after = strings.TrimLeftFunc(after, unicode.IsSpace)
			if ok && len(known) > len(name) && (after == "" || strings.HasPrefix(rest[len(known):], "\n") || strings.IndexFunc(after, separator) == 0) {
				name = known
			}
		}
		if name == "" { // none that is known
			end := strings.IndexFunc(rest, separator)
			if end < 0 {
				end = len(rest)
			}
			name = strings.TrimSpace(rest[:end])
			rest = rest[end:]
		} else {
			rest = rest[len(name):]
		}
		if name != "" {
			found = append(found, name)
		}
		rest = strings.TrimLeftFunc(rest, func(r rune) bool { return separator(r) || unicode.IsSpace(r) })
	}
	return found
}

// readSpecials reads special permissions. They may take away, so what is not understood is an error.
func (c *cin7) readSpecials(f File, head []string, lines [][]string) error {
	user, area, access := column(head, "user", "email", "username"), column(head, "area", "permission"), column(head, "access", "level")
	for i, line := range lines {
		p := place{f.Name, fmt.Sprintf("line %d", i+2)}
		id, name := cell(line, user), cell(line, area)
		if id == "" && name == "" {
			continue
		}
		level, known := levels[slug(cell(line, access))]
		if id == "" || name == "" || !known || cell(line, access) == "" {
			return p.errorf("not a special permission: give the user, the area, and Full access, Read-only access, No access or N/A")
		}
		special := c.specials[id]
		if special == nil {
			special = &v1alpha1.SpecialPermission{TypeMeta: typeMeta(engine.KindSpecialPermission)}
			special.Name = c.name(engine.KindSpecialPermission, id, id)
			special.Spec.User = v1alpha1.UserID(id)
			c.specials[id] = special
			c.add(special, p)
		}
		token := c.area(name, p)
		c.except(special, token, level)
	}
	return nil
}

// except adds an entry; areas of the same level share one.
func (c *cin7) except(special *v1alpha1.SpecialPermission, area v1alpha1.Token, level v1alpha1.Access) {
	const perEntry = 64
	for i := range special.Spec.Permissions {
		entry := &special.Spec.Permissions[i]
		if entry.Access == level && len(entry.Areas) < perEntry {
			if !slices.Contains(entry.Areas, area) {
				entry.Areas = append(entry.Areas, area)
			}
			return
		}
	}
	special.Spec.Permissions = append(special.Spec.Permissions, v1alpha1.SpecialPermissionEntry{Areas: []v1alpha1.Token{area}, Access: level})
}
