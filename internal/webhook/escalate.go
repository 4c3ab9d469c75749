package webhook

import (
	"context"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// escalateTimeout bounds the request for the writer's right. The API server waits 5 s for the webhook.
const escalateTimeout = time.Second

// mayEscalate reports whether Kubernetes' RBAC lets the writer give what it does not hold (A7): the verb escalate on
// roles.permissions.remit.dev, as for roles of Kubernetes' own. An API server that does not say is a no.
//
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
func (r *reviewer) mayEscalate(ctx context.Context, request ctrladmission.Request) bool {
	ctx, cancel := context.WithTimeout(ctx, escalateTimeout)
	defer cancel()
	extra := map[string]authorizationv1.ExtraValue{}
	for key, values := range request.UserInfo.Extra {
		extra[key] = authorizationv1.ExtraValue(values)
	}
	review, err := r.rights.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: request.UserInfo.Username, UID: request.UserInfo.UID, Groups: request.UserInfo.Groups, Extra: extra,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: request.Namespace, Verb: "escalate", Group: v1alpha1.GroupName, Resource: "roles", Version: v1alpha1.GroupVersion.Version,
		},
	}}, metav1.CreateOptions{})
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Failed to determine whether the writer may escalate roles; A7 binds it")
		return false
	}
	return review.Status.Allowed
}
