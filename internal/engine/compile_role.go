package engine

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// role is a compiled Role, or a built-in one without an object.
type role struct {
	whole[*v1alpha1.Role]
	ref          Ref
	adminAccess  bool
	appAccess    bool
	requireMFA   bool
	anywhere     bool // no allowedCIDRs
	allowedCIDRs []netip.Prefix
	rules        ruleSet
}

// asks is what the role's restrictions ask for.
func (r *role) asks() lack {
	var asks lack
	if r.requireMFA {
		asks |= lacksMFA
	}
	if !r.anywhere {
		asks |= lacksNetwork
	}
	return asks
}

func builtInRole(name string, admin bool) *role {
	ref := Ref{KindRole, name}
	return &role{ref: ref, adminAccess: admin, anywhere: true, rules: ruleSet{source: []Ref{ref}}}
}

func compileRole(object *v1alpha1.Role) *role {
	r := &role{
		whole:       whole[*v1alpha1.Role]{object: object},
		ref:         Ref{KindRole, object.Name},
		adminAccess: object.Spec.AdminAccess,
		appAccess:   object.Spec.AppAccess,
		anywhere:    true,
	}
	if restrictions := object.Spec.Restrictions; restrictions != nil {
		r.requireMFA = restrictions.RequireMFA
		r.anywhere = len(restrictions.AllowedCIDRs) == 0
		for i, text := range restrictions.AllowedCIDRs {
			prefix, err := parseNetwork(string(text))
			if err != nil {
				r.problems = append(r.problems, Problem{
					Reason: v1alpha1.ReasonInvalid, Path: fmt.Sprintf("spec.restrictions.allowedCIDRs[%d]", i), Value: string(text),
					Message: "must be a network such as 10.0.0.0/8 or 2001:db8::/32, or a single IP address",
				})
				continue // nobody is in it
			}
			r.allowedCIDRs = append(r.allowedCIDRs, prefix)
		}
	}
	r.rules = compileRules(r.ref, "spec.rules", object.Spec.Rules, &r.problems)
	return r
}

// parseNetwork reads a CIDR or a single address; IPv4-mapped IPv6 is IPv4.
func parseNetwork(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		address, err := parseAddress(text)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	if mapped := 128 - 32; prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	return prefix.Masked(), nil
}

// parseAddress reads an address; one with a zone is unreadable.
func parseAddress(text string) (netip.Addr, error) {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}, err
	}
	if address.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("address %s has a zone", text)
	}
	return address.Unmap(), nil
}

// roleRef is a compiled RoleRef.
type roleRef struct {
	name   string
	window window
}

func compileRoleRefs(path string, refs []v1alpha1.RoleRef, problems *[]Problem) []roleRef {
	if len(refs) == 0 {
		return nil
	}
	compiled := make([]roleRef, len(refs))
	for i, ref := range refs {
		compiled[i] = roleRef{intern(string(ref.Name)), checkedWindow(fmt.Sprintf("%s[%d]", path, i), ref.TimeWindow, problems)}
	}
	return compiled
}

// checkedWindow compiles a window that must not end before it starts. One that does is never in force.
func checkedWindow(path string, w v1alpha1.TimeWindow, problems *[]Problem) window {
	if w.StartsAt != nil && w.ExpiresAt != nil && !w.ExpiresAt.After(w.StartsAt.Time) {
		*problems = append(*problems, Problem{
			Reason: v1alpha1.ReasonInvalid, Path: join(path, "expiresAt"), Value: w.ExpiresAt.UTC().Format("2006-01-02T15:04:05Z"),
			Message: "must be after startsAt",
		})
	}
	return compileWindow(w)
}

func join(path, field string) string {
	if path == "" {
		return field
	}
	return path + "." + field
}
