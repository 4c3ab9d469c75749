package admission

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// restrictionsWithin says whether one set of restrictions holds only where another does.
func restrictionsWithin(inner, outer *v1alpha1.Restrictions) bool {
	if outer == nil {
		return true
	}
	if inner == nil {
		inner = &v1alpha1.Restrictions{}
	}
	if outer.RequireMFA && !inner.RequireMFA {
		return false
	}
	if len(outer.AllowedCIDRs) == 0 {
		return true
	}
	return len(inner.AllowedCIDRs) > 0 && !slices.ContainsFunc(inner.AllowedCIDRs, func(network v1alpha1.CIDR) bool {
		return !slices.ContainsFunc(outer.AllowedCIDRs, func(around v1alpha1.CIDR) bool { return networkWithin(network, around) })
	})
}

// networkWithin says whether one network lies in another. Of what does not parse only the same text does.
func networkWithin(inner, outer v1alpha1.CIDR) bool {
	if inner == outer {
		return true
	}
	in, inOK := parseNetwork(inner)
	out, outOK := parseNetwork(outer)
	return inOK && outOK && in.Bits() >= out.Bits() && out.Contains(in.Addr())
}

// parseNetwork reads a network or a single address; IPv4-mapped IPv6 is IPv4.
func parseNetwork(network v1alpha1.CIDR) (netip.Prefix, bool) {
	text := string(network)
	if !strings.Contains(text, "/") {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, false
		}
		address = address.Unmap()
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	if mapped := 128 - 32; prefix.Addr().Is4In6() && prefix.Bits() >= mapped {
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-mapped)
	}
	return prefix.Masked(), true
}
