package engine

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// roleSet is the groups and roles of users with the same memberships and roles (S3), and the plans prepared for them. It
// is made when the first of them asks, and serves as long as the domain's types, roles, groups and policy stay as they are.
type roleSet struct {
	// What decideByPlan reads comes first, so that it lies together in memory.

	generation *generation
	number     uint64 // of the generation when it was made
	// It holds from one second until another, when a time window opens or closes.
	from, until int64
	plans       planTable
	// permissions are the user permissions of the groups, by name.
	permissions []*userPermission
	// admin means that some role has adminAccess, restricted that some role has restrictions.
	admin, restricted bool
	roleless          bool

	policy *policy
	groups []*group // by name
	// outward are the groups in the order of presets (S11): those farther from the user first, then by name.
	outward  []*group
	distance map[string]int // of the groups, by name
	roles    []heldRole     // in the order of presets: those of groups first; none lacks anything
	// joining are the role sets of users who are in more groups by what the request says; by the groups' names.
	joining memo[string, *roleSet]
}

// generation is one state of everything that role sets are made of.
type generation struct {
	// number changes when the role sets are dropped.
	number atomic.Uint64
	nobody atomic.Pointer[roleSet] // of users that nothing names
	plans  atomic.Int64            // how many its role sets have

	mu     sync.Mutex
	shared map[string]*roleSet
}

// maxPlans is how many plans the role sets of a generation keep at most, each about half a kilobyte.
const maxPlans = 1 << 16

var generations atomic.Uint64

func newGeneration() *generation {
	g := &generation{shared: map[string]*roleSet{}}
	g.number.Store(generations.Add(1))
	return g
}

// count counts a plan. Beyond maxPlans, the generation drops all role sets: those that are still asked about come back.
func (g *generation) count() {
	if g.plans.Add(1) <= maxPlans {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.number.Store(generations.Add(1))
	g.plans.Store(0)
	clear(g.shared)
}

// find returns a role set that holds; nil if there is none yet.
func (g *generation) find(key string, now int64) *roleSet {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.shared[key]; s != nil && s.isOf(g) && s.holds(now) {
		return s
	}
	return nil
}

func (g *generation) share(key string, s *roleSet) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.isOf(g) {
		g.shared[key] = s
	}
}

// roleSetOf returns the role set of a user; of users that nothing names where it is nil.
func (d *Domain) roleSetOf(u *user, now int64) *roleSet {
	last := &d.generation.nobody
	if u != nil {
		last = &u.roleSet
	}
	if s := last.Load(); s != nil && s.isOf(d.generation) && s.holds(now) {
		return s
	}
	key := u.roleSetKey()
	s := d.generation.find(key, now)
	if s == nil {
		// No lock is held meanwhile: two who make the same one make equal ones.
		s = d.newRoleSet(u, nil, now)
		d.generation.share(key, s)
	}
	last.Store(s)
	return s
}

// findRoleSet finds the role set of the subject, with the groups that it joined by what the request says.
func (e *evaluation) findRoleSet() *roleSet {
	s := e.domain.roleSetOf(e.user, e.at)
	if len(e.joined) == 0 {
		return s
	}
	for _, g := range e.joined {
		e.key = append(append(e.key, g.ref.Name...), '\n')
	}
	if known := s.joining.entries.Load(); known != nil {
		if in, ok := (*known)[string(e.key)]; ok && in.holds(e.at) {
			return in
		}
	}
	in := e.domain.newRoleSet(e.user, e.joined, e.at)
	s.joining.put(string(e.key), in)
	return in
}

// isOf reports whether the role set is one of a generation that has not dropped it.
func (s *roleSet) isOf(g *generation) bool { return s.number == g.number.Load() }

func (s *roleSet) holds(now int64) bool { return s.from <= now && now < s.until }

// roleSetKey is equal for users with the same memberships and roles.
func (u *user) roleSetKey() string {
	if u == nil {
		return ""
	}
	var key []byte
	add := func(mark byte, name string, w window) {
		key = append(append(key, mark), name...)
		if w != always {
			key = strconv.AppendInt(append(key, 0), w.start, 36)
			key = strconv.AppendInt(append(key, 0), w.end, 36)
		}
		key = append(key, '\n')
	}
	for _, m := range u.memberships {
		add('g', m.group, m.window)
	}
	if account := u.account(); account != nil {
		for _, ref := range account.roles {
			add('r', ref.name, ref.window)
		}
	}
	return string(key)
}

// newRoleSet finds a user's groups and roles. joined are groups that it is in besides those that list it.
func (d *Domain) newRoleSet(u *user, joined []*group, now int64) *roleSet {
	s := &roleSet{generation: d.generation, number: d.generation.number.Load(), from: always.start, until: always.end, policy: d.policy}
	s.findGroups(d, u, joined, now)
	s.findRoles(d, u, now)
	for i := range s.roles {
		s.admin = s.admin || s.roles[i].role.adminAccess
		s.restricted = s.restricted || s.roles[i].role.asks() != 0
	}
	for _, g := range s.groups {
		permissions, _ := d.groupRestrictions.get(g.ref.Name)
		for _, permission := range permissions {
			s.permissions = insert(s.permissions, permission, byRef)
		}
	}
	return s
}

// inForce reports whether a window is in force, and lets the role set hold no longer than that stays so.
func (s *roleSet) inForce(w window, now int64) bool {
	for _, boundary := range [...]int64{w.start, w.end} {
		if boundary <= now {
			s.from = max(s.from, boundary)
		} else {
			s.until = min(s.until, boundary)
		}
	}
	return w.inForce(now)
}

// findGroups collects the groups by listing, and those found otherwise, with the groups around them.
func (s *roleSet) findGroups(d *Domain, u *user, joined []*group, now int64) {
	join := func(name string) {
		for _, g := range d.within[name] {
			if !slices.Contains(s.groups, g) {
				s.groups = append(s.groups, g)
			}
		}
	}
	near := map[string]bool{} // groups that have the user by themselves
	if u != nil {
		for _, m := range u.memberships {
			if s.inForce(m.window, now) {
				near[m.group] = true
			}
		}
	}
	for _, g := range joined {
		near[g.ref.Name] = true
	}
	for name := range near {
		join(name)
	}
	sortGroups(s.groups)
	s.outward = slices.Clone(s.groups)
	s.distance = distances(s.groups, near)
	slices.SortStableFunc(s.outward, func(a, b *group) int { return s.distance[b.ref.Name] - s.distance[a.ref.Name] })
}

// distances are the fewest steps to each of some groups, by the groups that each names, from one of those at hand.
func distances(groups []*group, near map[string]bool) map[string]int {
	found := make(map[string]int, len(groups))
	for name := range near {
		found[name] = 0
	}
	for step := 1; len(found) < len(groups); step++ {
		var reached []string
		for _, g := range groups {
			if _, known := found[g.ref.Name]; !known && slices.ContainsFunc(g.nested, func(name string) bool { _, ok := found[name]; return ok }) {
				reached = append(reached, g.ref.Name)
			}
		}
		if len(reached) == 0 {
			break
		}
		for _, name := range reached {
			found[name] = step
		}
	}
	return found
}

// findRoles collects the roles that are held: of the User object and of the groups, in their windows; for
// the role-less the public role. Those of groups come first, in the order of the nearest that gives each.
func (s *roleSet) findRoles(d *Domain, u *user, now int64) {
	order := map[*role]int{} // of the nearest group
	hold := func(refs []roleRef, direct bool, distance int) {
		for _, ref := range refs {
			if !s.inForce(ref.window, now) {
				continue
			}
			r := d.role(ref.name)
			if r == nil {
				continue // gives nothing
			}
			order[r] = -distance // the last group is the nearest
			if i := slices.IndexFunc(s.roles, func(h heldRole) bool { return h.role == r }); i >= 0 {
				s.roles[i].direct = s.roles[i].direct || direct
				continue
			}
			s.roles = append(s.roles, heldRole{role: r, direct: direct})
		}
	}
	ruled := false
	for _, g := range s.outward {
		hold(g.roles, false, s.distance[g.ref.Name])
		ruled = ruled || len(g.rules.rules) > 0
	}
	if account := u.account(); account != nil {
		hold(account.roles, true, 0)
	}
	if len(s.roles) == 0 && !ruled {
		s.roleless = true
		if public := d.role(d.policy.spec.PublicRole); public != nil {
			s.roles = append(s.roles, heldRole{role: public})
		}
	}
	slices.SortFunc(s.roles, func(a, b heldRole) int {
		if a.direct != b.direct {
			if b.direct {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(order[a.role], order[b.role]), strings.Compare(a.role.ref.Name, b.role.ref.Name))
	})
}
