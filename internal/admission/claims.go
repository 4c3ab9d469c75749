package admission

import (
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// Claim is something that a change touches and that A1 to A5 protect. Two changes with the same claim that are judged
// at the same time, each by a state without the other, could break a rule together; so one has to wait until the other
// is known. Claims that are shared on both sides do not stand in each other's way.
type Claim struct {
	Key    string `json:"key"`
	Shared bool   `json:"shared,omitempty"`
}

// ConflictsWith reports whether changes with the two claims have to be judged one after the other.
func (c Claim) ConflictsWith(other Claim) bool {
	return c.Key == other.Key && (!c.Shared || !other.Shared)
}

// IsAdmins reports whether the claim is that of a change that may make somebody admin or no longer one.
func (c Claim) IsAdmins() bool { return c.Key == adminsKey && !c.Shared }

// adminsKey is the claim on who is admin, and on what the built-in roles are (A1, A2).
const adminsKey = "admins"

// Independent reports whether no change of a kind can break A1 to A5, alone or together with others: records make nobody
// known, and nobody admin.
func Independent(kind engine.Kind) bool { return kind == engine.KindRecordSet }

// claims are those of a change.
//
// Whatever may make somebody admin or no longer one, now or together with others, claims the admins: alone if it does
// so in the state that it is judged by, or the state after it, else shared. So a change that takes an admin away is
// judged by a state with every change admitted before it, and every other change by one that has the same admins.
func claims(r *review) []Claim {
	switch r.ref.Kind {
	case engine.KindRecordSet:
		return nil
	case engine.KindResourceType:
		return typeClaims(r)
	default:
	}
	all := []Claim{{Key: adminsKey, Shared: !r.touchesAdmins()}}
	add := func(key string) {
		if claim := (Claim{Key: key}); !slices.Contains(all, claim) {
			all = append(all, claim)
		}
	}
	if r.Operation != Update { // which leaves the id as it is (A3)
		for _, object := range []engine.Object{r.Old, r.Object} {
			if user, ok := object.(*v1alpha1.User); ok {
				add("id " + user.UserID())
			}
		}
	}
	return append(all, permissionClaims(r)...)
}

// permissionsKey is the claim on all user permissions: alone by a change of more than maxPermissionClaims, shared by
// every other.
const (
	permissionsKey      = "user permissions"
	maxPermissionClaims = 16
)

// permissionClaims are those of changes to user permissions (A4, A5): whom they restrict, to which type of record.
func permissionClaims(r *review) []Claim {
	var all []Claim
	for _, c := range r.permissionChanges() {
		for _, p := range []*v1alpha1.UserPermission{c.was, c.is} {
			if p == nil {
				continue
			}
			if claim := (Claim{Key: string(p.Spec.Allow) + " of " + subject(p)}); !slices.Contains(all, claim) {
				all = append(all, claim)
			}
		}
		if len(all) > maxPermissionClaims {
			return []Claim{{Key: permissionsKey}}
		}
	}
	if len(all) > 0 {
		all = append(all, Claim{Key: permissionsKey, Shared: true})
	}
	return all
}

// typeClaims are those of a change to a resource type, which makes nobody admin: what it is called (A3).
func typeClaims(r *review) []Claim {
	if r.Operation == Update { // which leaves the name as it is
		return nil
	}
	for _, object := range []engine.Object{r.Object, r.Old} {
		if t, ok := object.(*v1alpha1.ResourceType); ok {
			return []Claim{{Key: "type " + t.TypeName()}}
		}
	}
	return nil
}
