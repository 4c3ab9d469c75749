package engine

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// profile is where users with the same memberships and roles stand (S3), and what they are given (S7). It is made when
// the first of them asks, and serves as long as the domain's types, roles, groups and policy stay as they are.
type profile struct {
	// What quick looks at comes first, so that it lies together.

	era    *era
	number uint64 // of the era, as it was
	// It holds from one second until another, when a time window opens or closes.
	from, until int64
	// given is what it is given, by type and action.
	given givens
	// restrictions are the user permissions of the groups, by name.
	restrictions []*userPermission
	// admin says that some role has adminAccess, restricted that some role has restrictions.
	admin, restricted bool
	roleless          bool

	policy *policy
	groups []*group   // by name
	roles  []heldRole // those of groups first, each part by name; all taken for eligible
	// joining are the profiles of those who are, by what the request says, in more groups; by the groups' names.
	joining memo[string, *profile]
}

// era is a state of all that profiles are made of.
type era struct {
	// number is another one after the profiles have been let go of.
	number atomic.Uint64
	nobody atomic.Pointer[profile] // of users that nothing names
	given  atomic.Int64            // how many actions its profiles remember

	mu     sync.Mutex
	shared map[string]*profile
}

// mostGiven is how many actions the profiles of an era remember at the most, each about half a kilobyte.
const mostGiven = 1 << 16

var eras atomic.Uint64

func newEra() *era {
	e := &era{shared: map[string]*profile{}}
	e.number.Store(eras.Add(1))
	return e
}

// remember counts an action that a profile remembers. Where there are too many, the era lets go of all profiles: those
// that are still asked for come back.
func (e *era) remember() {
	if e.given.Add(1) <= mostGiven {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.number.Store(eras.Add(1))
	e.given.Store(0)
	clear(e.shared)
}

// find gives a profile that holds, nil if there is none yet.
func (e *era) find(key string, now int64) *profile {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p := e.shared[key]; p != nil && p.isOf(e) && p.holds(now) {
		return p
	}
	return nil
}

func (e *era) share(key string, p *profile) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p.isOf(e) {
		e.shared[key] = p
	}
}

// profileOf gives the profile of a user, or of one that nothing names where it is nil.
func (d *Domain) profileOf(u *user, now int64) *profile {
	last := &d.era.nobody
	if u != nil {
		last = &u.profile
	}
	if p := last.Load(); p != nil && p.isOf(d.era) && p.holds(now) {
		return p
	}
	key := u.standsBy()
	p := d.era.find(key, now)
	if p == nil {
		// Nobody waits while it is made. Whoever makes the same one meanwhile makes an equal one.
		p = d.newProfile(u, nil, now)
		d.era.share(key, p)
	}
	last.Store(p)
	return p
}

// findProfile finds the profile of the subject, in the groups that it joined by what the request says.
func (e *evaluation) findProfile() *profile {
	p := e.domain.profileOf(e.user, e.seconds)
	if len(e.joined) == 0 {
		return p
	}
	for _, g := range e.joined {
		e.key = append(append(e.key, g.ref.Name...), '\n')
	}
	if known := p.joining.entries.Load(); known != nil {
		if in, ok := (*known)[string(e.key)]; ok && in.holds(e.seconds) {
			return in
		}
	}
	in := e.domain.newProfile(e.user, e.joined, e.seconds)
	p.joining.put(string(e.key), in)
	return in
}

// isOf says whether the profile is one of an era that has not let go of it.
func (p *profile) isOf(e *era) bool { return p.number == e.number.Load() }

func (p *profile) holds(now int64) bool { return p.from <= now && now < p.until }

// standsBy is all that distinguishes where one user stands from where others do.
func (u *user) standsBy() string {
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

// newProfile finds a user's groups and roles.
func (d *Domain) newProfile(u *user, more []*group, now int64) *profile {
	p := &profile{era: d.era, number: d.era.number.Load(), from: always.start, until: always.end, policy: d.policy}
	p.findGroups(d, u, more, now)
	p.findRoles(d, u, now)
	for i := range p.roles {
		p.admin = p.admin || p.roles[i].role.adminAccess
		p.restricted = p.restricted || p.roles[i].role.restricted()
	}
	for _, g := range p.groups {
		held, _ := d.groupRestrictions.get(g.ref.Name)
		for _, restriction := range held {
			p.restrictions = insert(p.restrictions, restriction, byRef)
		}
	}
	return p
}

// inForce says whether a window is in force, and lets the profile hold no longer than that stays so.
func (p *profile) inForce(w window, now int64) bool {
	for _, boundary := range [...]int64{w.start, w.end} {
		if boundary <= now {
			p.from = max(p.from, boundary)
		} else {
			p.until = min(p.until, boundary)
		}
	}
	return w.inForce(now)
}

// findGroups collects the groups by listing, and those found otherwise, with the groups around them.
func (p *profile) findGroups(d *Domain, u *user, more []*group, now int64) {
	join := func(name string) {
		for _, g := range d.within[name] {
			if !slices.Contains(p.groups, g) {
				p.groups = append(p.groups, g)
			}
		}
	}
	if u != nil {
		for _, m := range u.memberships {
			if p.inForce(m.window, now) {
				join(m.group)
			}
		}
	}
	for _, g := range more {
		join(g.ref.Name)
	}
	sortGroups(p.groups)
}

// findRoles collects the roles that are held: of the User object and of the groups, in their windows; for
// the role-less the public role. Those of groups come first, each part by name.
func (p *profile) findRoles(d *Domain, u *user, now int64) {
	hold := func(refs []roleRef, direct bool) {
		for _, ref := range refs {
			if !p.inForce(ref.window, now) {
				continue
			}
			r := d.role(ref.name)
			if r == nil {
				continue // gives nothing
			}
			if i := slices.IndexFunc(p.roles, func(h heldRole) bool { return h.role == r }); i >= 0 {
				p.roles[i].direct = p.roles[i].direct || direct
				continue
			}
			p.roles = append(p.roles, heldRole{role: r, direct: direct})
		}
	}
	ruled := false
	for _, g := range p.groups {
		hold(g.roles, false)
		ruled = ruled || len(g.rules.rules) > 0
	}
	if account := u.account(); account != nil {
		hold(account.roles, true)
	}
	if len(p.roles) == 0 && !ruled {
		p.roleless = true
		if public := d.role(d.policy.spec.PublicRole); public != nil {
			p.roles = append(p.roles, heldRole{role: public})
		}
	}
	slices.SortFunc(p.roles, func(a, b heldRole) int {
		if a.direct != b.direct {
			if b.direct {
				return -1
			}
			return 1
		}
		return strings.Compare(a.role.ref.Name, b.role.ref.Name)
	})
}

// memoSize is how much a memo remembers at the most. What is asked beyond is found out each time.
const memoSize = 256

// memo is a map that is read without a lock: who adds to it makes another.
type memo[K comparable, V any] struct{ entries atomic.Pointer[map[K]V] }

func (m *memo[K, V]) get(key K) (value V, ok bool) {
	if entries := m.entries.Load(); entries != nil {
		value, ok = (*entries)[key]
	}
	return value, ok
}

// put remembers an entry, unless there are too many, or somebody else remembers another at the same time.
func (m *memo[K, V]) put(key K, value V) {
	old := m.entries.Load()
	entries := map[K]V{}
	if old != nil {
		if _, known := (*old)[key]; !known && len(*old) >= memoSize {
			return
		}
		entries = maps.Clone(*old)
	}
	entries[key] = value
	m.entries.CompareAndSwap(old, &entries)
}
