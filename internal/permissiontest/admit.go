package permissiontest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/manifests"
)

// groupMasters are the Kubernetes users that A7 does not bind; who writes counts as one where a test does not say.
const groupMasters = "system:masters"

// admit judges a change as an API server does: by the schema, which has no codes, and by the object rules.
func admit(domain *engine.Domain, asked *admitted, now time.Time) (answer, error) {
	ref := engine.Ref{Kind: engine.Kind(asked.named.Kind), Name: asked.named.Name}
	old, exists := domain.Lookup(ref)
	if !exists && asked.Operation != admission.Create {
		old, exists = builtIn(domain, ref)
	}
	creates := asked.Operation == admission.Create
	if !creates && !exists {
		return answer{}, fmt.Errorf("the manifests have no %s to %s", ref, asked.Operation)
	}
	replaced := old
	if creates {
		old = nil
	}
	change := admission.Change{
		Operation: asked.Operation, Old: old, Now: now,
		User: admission.UserInfo{Name: asked.As.User, Groups: asked.As.Groups},
	}
	if change.User.Name == "" && len(change.User.Groups) == 0 {
		change.User.Groups = []string{groupMasters}
	}
	if asked.Operation == admission.Delete { // what is deleted is what is stored
		return outcome(nil, admission.Review(domain, change)), nil
	}
	object, schemaErrs := manifests.Object(asked.named.Kind, asked.Object, metav1.NamespaceDefault, old)
	if object == nil {
		return outcome(schemaErrs, admission.Result{}), nil
	}
	change.Object = object
	reviewed := admission.Review(domain, change)
	if creates && replaced != nil && len(schemaErrs)+len(reviewed.Errors) == 0 {
		// The API server asks admission before it finds that the name is taken.
		return answer{}, fmt.Errorf("the manifests have %s already; UPDATE it", ref)
	}
	return outcome(schemaErrs, reviewed), nil
}

// builtIn is a role that a domain with a policy has without an object in the manifests (S3): in a cluster, the
// operator makes it.
func builtIn(domain *engine.Domain, ref engine.Ref) (engine.Object, bool) {
	policy := domain.Policy()
	if ref.Kind != engine.KindRole || !domain.HasPolicy() || ref.Name != policy.AdminRole && ref.Name != policy.PublicRole {
		return nil, false
	}
	role := &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Name: ref.Name, Namespace: metav1.NamespaceDefault}}
	role.Spec.AdminAccess = ref.Name == policy.AdminRole
	return role, true
}

func outcome(schemaErrs field.ErrorList, reviewed admission.Result) answer {
	a := answer{values: map[string]any{
		"admitted": len(schemaErrs) == 0 && len(reviewed.Errors) == 0,
		"code":     oneOf(reviewed.Codes),
		"warnings": len(reviewed.Warnings) > 0,
	}}
	for _, err := range slices.Concat(schemaErrs, reviewed.Errors) {
		note := "error: " + manifests.Message(err)
		if path := manifests.Path(err); path != "" {
			note = "error: " + path + ": " + manifests.Message(err)
		}
		a.notes = append(a.notes, note)
	}
	for _, warning := range reviewed.Warnings {
		a.notes = append(a.notes, "warning: "+warning)
	}
	return a
}

// check reports what is wrong with the question by itself, and completes it.
func (a *admitted) check(path string, problem reporter) {
	if !slices.Contains([]admission.Operation{admission.Create, admission.Update, admission.Delete}, a.Operation) {
		problem(path+".operation", "must be %s, %s or %s", admission.Create, admission.Update, admission.Delete)
	}
	if err := json.Unmarshal(a.Object, &a.named); err != nil || a.named.Name == "" {
		problem(path+".object", "must be an object with apiVersion, kind and metadata.name")
		return
	}
	if a.named.APIVersion != v1alpha1.GroupVersion.String() {
		problem(path+".object.apiVersion", "must be %s", v1alpha1.GroupVersion)
	}
	if _, ok := kinds.Find(kinds.Kind(a.named.Kind)); !ok {
		problem(path+".object.kind", "must be one of %v", kinds.Names())
	}
}
