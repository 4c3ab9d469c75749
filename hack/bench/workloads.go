package main

import "fmt"

// workload is a set of permissions and questions about them, in nobody's language. Each engine's file puts it
// into its own.
type workload struct {
	name string
	// about says what it is, in a few words.
	about string
	// unconditional decisions must not allocate in Remit.
	unconditional bool
	model
	requests []request
}

// model is who may do what. Every name is unique among its sort.
type model struct {
	types  []string
	roles  []role
	groups []group
	users  []user
	// parents makes the records of the type unit a tree: the unit above each, "" at the top. With a tree, a
	// record belongs to a unit, and users may use the records of their units and of those below, only.
	parents map[string]string
}

// role has rules, each about one type.
type role struct {
	name  string
	rules []rule
}

type rule struct {
	resourceType, action string
	when                 condition
}

// condition is one of those that the workloads have; each engine has its own words for it.
type condition string

const (
	always condition = ""
	// isOwner: the record's owner is the user.
	isOwner condition = "owner"
	// isColleague: the record is of the user's department, and not archived.
	isColleague condition = "colleague"
	// isCleared: the record's level is at most the user's clearance.
	isCleared condition = "cleared"
)

// group has members (users name their groups), and is itself in other groups, whose roles its members hold.
type group struct {
	name      string
	in, roles []string
}

type user struct {
	id            string
	roles, groups []string
	department    string
	clearance     int
	units         []string
}

// request asks whether a user may take an action on a record.
type request struct {
	user, action, resourceType, id string
	record                         record
	want                           bool
}

// record is what is known of the record: in a workload either all properties count or only the unit.
type record struct {
	owner, department, status string
	level                     int
	unit                      string
}

// workloads are those that all engines run.
func workloads(short bool) []*workload {
	all := []*workload{
		roleSizes("small", 100, 10, 1000),
		roleSizes("medium", 1000, 100, 10_000),
		roleSizes("large", 10_000, 1000, 100_000),
		attributes("attribute", "one condition on a record's attribute", isOwner),
		attributes("attributes", "three rules with conditions on attributes", isOwner, isColleague, isCleared),
		tree(10_000),
		nestedGroups(50, 20),
	}
	if short {
		all = append(all[:2:2], all[3:]...)
	}
	return all
}

// roleSizes is casbin's BenchmarkRBACModelSizes: each role reads one resource, each user holds one role, and
// 17 requests alternate between what is allowed and what is not.
func roleSizes(name string, roles, resources, users int) *workload {
	const questions = 17
	roleName := func(i int) string { return fmt.Sprintf("group-has-a-very-long-name-%d", i) }
	resource := func(i int) string { return fmt.Sprintf("data-has-a-very-long-name-%d", i) }
	userID := func(i int) string { return fmt.Sprintf("user-has-a-very-long-name-%d", i) }
	w := &workload{
		name: "roles-" + name, about: fmt.Sprintf("%d roles, %d resources, %d users", roles, resources, users), unconditional: true,
	}
	for i := range resources {
		w.types = append(w.types, resource(i))
	}
	for i := range roles {
		w.roles = append(w.roles, role{roleName(i), []rule{{resource(i % resources), "read", always}}})
	}
	for i := range users {
		w.users = append(w.users, user{id: userID(i), roles: []string{roleName(i % roles)}})
	}
	for i := range questions {
		of := users / questions * i
		about := of % roles % resources
		if i%2 == 0 {
			about = (about + 1) % resources
		}
		w.requests = append(w.requests, request{user: userID(of), action: "read", resourceType: resource(about), id: "1", want: i%2 == 1})
	}
	return w
}

// attributes is a type for each role, and on it one rule for each condition.
func attributes(name, about string, conditions ...condition) *workload {
	const roles, users, questions = 100, 1000, 24
	w := &workload{name: name, about: fmt.Sprintf("%s; %d roles and types, %d users", about, roles, users)}
	has := map[condition]bool{}
	for _, c := range conditions {
		has[c] = true
	}
	for i := range roles {
		resourceType := fmt.Sprintf("document-%d", i)
		w.types = append(w.types, resourceType)
		r := role{name: fmt.Sprintf("author-%d", i)}
		for _, c := range conditions {
			r.rules = append(r.rules, rule{resourceType, "update", c})
		}
		w.roles = append(w.roles, r)
	}
	for i := range users {
		w.users = append(w.users, user{
			id: fmt.Sprintf("user-%d", i), roles: []string{fmt.Sprintf("author-%d", i%roles)},
			department: fmt.Sprintf("department-%d", i%7), clearance: i % 5,
		})
	}
	for i := range questions {
		u := &w.users[i*37%users]
		r := record{owner: fmt.Sprintf("user-%d", i*37%users+i%2), department: fmt.Sprintf("department-%d", i%7), status: "open", level: 1 + i%6}
		if i%3 == 0 {
			r.department = u.department
		}
		if i%9 == 0 {
			r.status = "archived"
		}
		about := i * 37 % users % roles
		if i%8 == 5 {
			about = (about + 1) % roles // of which the user holds no role
		}
		want := about == i*37%users%roles && (has[isOwner] && r.owner == u.id ||
			has[isColleague] && r.department == u.department && r.status != "archived" ||
			has[isCleared] && r.level <= u.clearance)
		w.requests = append(w.requests, request{user: u.id, action: "update", resourceType: fmt.Sprintf("document-%d", about), id: "1", record: r, want: want})
	}
	return w
}

// tree is of units; one role reads orders, and each user those of a part of the tree.
func tree(nodes int) *workload {
	const users, questions, branching = 100, 24, 4
	unit := func(i int) string { return fmt.Sprintf("unit-%d", i) }
	w := &workload{name: "tree", about: fmt.Sprintf("records restricted by a tree of %d nodes, %d levels; %d users", nodes, levels(nodes, branching), users)}
	w.types = []string{"order"}
	w.roles = []role{{"clerk", []rule{{"order", "read", always}}}}
	w.parents = map[string]string{unit(0): ""}
	for i := 1; i < nodes; i++ {
		w.parents[unit(i)] = unit((i - 1) / branching)
	}
	for i := range users {
		w.users = append(w.users, user{id: fmt.Sprintf("user-%d", i), roles: []string{"clerk"}, units: []string{unit(1 + i), unit(300 + 7*i)}})
	}
	for i := range questions {
		u := &w.users[i*13%users]
		at := nodes - 1 - i*331%(nodes/2) // somewhere in the lower half
		if i%2 == 0 {                     // below the first unit of the user, as deep as it goes
			for at = 1 + i*13%users; at*branching+1 < nodes; {
				at = at*branching + 1 + i%branching
				at = min(at, nodes-1)
			}
		}
		r := record{unit: unit(at)}
		want := false
		for above := r.unit; above != ""; above = w.parents[above] {
			want = want || above == u.units[0] || above == u.units[1]
		}
		w.requests = append(w.requests, request{user: u.id, action: "read", resourceType: "order", id: "1", record: r, want: want})
	}
	return w
}

func levels(nodes, branching int) int {
	count := 0
	for width := 1; nodes > 0; width *= branching {
		nodes -= width
		count++
	}
	return count
}

// nestedGroups are chains of groups, each inside the next; the last of a chain has a role, the first members.
func nestedGroups(chains, depth int) *workload {
	const users, questions = 1000, 24
	name := func(chain, level int) string { return fmt.Sprintf("team-%d-%d", chain, level) }
	w := &workload{name: "groups", about: fmt.Sprintf("%d chains of groups, %d deep; %d users", chains, depth, users), unconditional: true}
	for c := range chains {
		resourceType := fmt.Sprintf("area-%d", c)
		w.types = append(w.types, resourceType)
		w.roles = append(w.roles, role{fmt.Sprintf("reader-%d", c), []rule{{resourceType, "read", always}}})
		for level := range depth {
			g := group{name: name(c, level)}
			if level+1 < depth {
				g.in = []string{name(c, level+1)}
			} else {
				g.roles = []string{fmt.Sprintf("reader-%d", c)}
			}
			w.groups = append(w.groups, g)
		}
	}
	for i := range users {
		w.users = append(w.users, user{id: fmt.Sprintf("user-%d", i), groups: []string{name(i%chains, 0)}})
	}
	for i := range questions {
		of := i * 37 % users
		about := of % chains
		if i%2 == 0 {
			about = (about + 1) % chains
		}
		w.requests = append(w.requests, request{user: w.users[of].id, action: "read", resourceType: fmt.Sprintf("area-%d", about), id: "1", want: i%2 == 1})
	}
	return w
}
