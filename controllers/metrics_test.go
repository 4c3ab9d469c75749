package controllers

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/testobjects"
)

func TestStatusMetrics(t *testing.T) {
	m := newStatusMetrics(nil)
	with := func(domain string, object kinds.Object, stalled, resolved metav1.ConditionStatus) kinds.Object {
		kind, _ := kinds.Of(object)
		object.SetNamespace(domain)
		kind.Parts(object).Common.ObservedGeneration = 1
		kind.Parts(object).Common.Conditions = []metav1.Condition{
			{Type: v1alpha1.ConditionStalled, Status: stalled}, {Type: v1alpha1.ConditionReferencesResolved, Status: resolved},
		}
		return object
	}
	const yes, no = metav1.ConditionTrue, metav1.ConditionFalse
	role := func(name string) kinds.Object { return testobjects.MakeRole(name).Obj() }
	user := func(name string) kinds.Object { return testobjects.MakeUser(name).Obj() }
	policy := func(admins int32) kinds.Object {
		p := testobjects.MakePolicy().Obj()
		p.Status.Admins = admins
		return p
	}
	a, gone := with("shop", role("a"), yes, yes), with("clinic", user("a"), no, no)
	unserved := testobjects.MakePolicy().Obj()
	unserved.Namespace = "shop"
	for _, object := range []kinds.Object{a, with("shop", role("b"), yes, no), with("shop", role("c"), no, yes), with("shop", user("a"), no, no), gone, unserved,
		with("clinic", policy(0), no, yes)} {
		m.replace(nil, object)
	}
	// What is mended, or gone, does not count any more.
	m.replace(a, with("shop", role("a"), no, yes))
	m.replace(unserved, with("shop", policy(2), no, yes))
	m.replace(gone, nil)
	m.replace(toolscache.DeletedFinalStateUnknown{}, nil)

	const want = `
# HELP remit_domain_admins Known users of a domain with a policy who are superuser or hold a role with adminAccess, as the policy's status says.
# TYPE remit_domain_admins gauge
remit_domain_admins{domain="clinic"} 0
remit_domain_admins{domain="shop"} 2
# HELP remit_stalled_objects Objects that cannot take effect, or not as a whole, until somebody changes them, as their status says.
# TYPE remit_stalled_objects gauge
remit_stalled_objects{domain="clinic",kind="PermissionPolicy"} 0
remit_stalled_objects{domain="shop",kind="PermissionPolicy"} 0
remit_stalled_objects{domain="shop",kind="Role"} 1
remit_stalled_objects{domain="shop",kind="User"} 0
# HELP remit_unresolved_objects Objects that name others which do not exist, as their status says.
# TYPE remit_unresolved_objects gauge
remit_unresolved_objects{domain="clinic",kind="PermissionPolicy"} 0
remit_unresolved_objects{domain="shop",kind="PermissionPolicy"} 0
remit_unresolved_objects{domain="shop",kind="Role"} 1
remit_unresolved_objects{domain="shop",kind="User"} 1
`
	if err := testutil.CollectAndCompare(m, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(m); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
}
