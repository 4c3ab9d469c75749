package controllers

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/kinds"
)

func TestStatusMetrics(t *testing.T) {
	m := newStatusMetrics()
	key := func(kind kinds.Kind, domain, name string) statusKey {
		return statusKey{kind, types.NamespacedName{Namespace: domain, Name: name}}
	}
	conditions := func(stalled, resolved metav1.ConditionStatus) []metav1.Condition {
		return []metav1.Condition{{Type: v1alpha1.ConditionStalled, Status: stalled}, {Type: v1alpha1.ConditionReferencesResolved, Status: resolved}}
	}
	const yes, no = metav1.ConditionTrue, metav1.ConditionFalse
	m.note(key(kinds.Role, "shop", "a"), &v1alpha1.RoleStatus{}, conditions(yes, yes))
	m.note(key(kinds.Role, "shop", "b"), &v1alpha1.RoleStatus{}, conditions(yes, no))
	m.note(key(kinds.Role, "shop", "c"), &v1alpha1.RoleStatus{}, conditions(no, yes))
	m.note(key(kinds.User, "shop", "a"), &v1alpha1.UserStatus{}, conditions(no, no))
	m.note(key(kinds.User, "clinic", "a"), &v1alpha1.UserStatus{}, conditions(no, no))
	m.note(key(kinds.PermissionPolicy, "shop", "default"), &v1alpha1.PermissionPolicyStatus{Admins: 2}, conditions(no, yes))
	m.note(key(kinds.PermissionPolicy, "clinic", "default"), &v1alpha1.PermissionPolicyStatus{}, nil)
	// What is mended, or gone, does not count any more.
	m.note(key(kinds.Role, "shop", "a"), &v1alpha1.RoleStatus{}, conditions(no, yes))
	m.forget(key(kinds.User, "clinic", "a"))

	const want = `
# HELP remit_domain_admins Known users of a domain with a policy who are superuser or hold a role with adminAccess now; of the replica that writes status.
# TYPE remit_domain_admins gauge
remit_domain_admins{domain="clinic"} 0
remit_domain_admins{domain="shop"} 2
# HELP remit_stalled_objects Objects that cannot take effect, or not as a whole, until somebody changes them; of the replica that writes status.
# TYPE remit_stalled_objects gauge
remit_stalled_objects{domain="shop",kind="Role"} 1
# HELP remit_unresolved_objects Objects that name others which do not exist; of the replica that writes status.
# TYPE remit_unresolved_objects gauge
remit_unresolved_objects{domain="shop",kind="Role"} 1
remit_unresolved_objects{domain="shop",kind="User"} 1
`
	if err := testutil.CollectAndCompare(m, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(m); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v %v", problems, err)
	}
	m.forget(key(kinds.PermissionPolicy, "clinic", "default"))
	if got := testutil.CollectAndCount(m, "remit_domain_admins"); got != 1 {
		t.Errorf("there are admins of %d domains, want 1", got)
	}
}
