package webhook

import (
	"context"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	authorizationv1client "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/remit-authz/remit/api/v1alpha1"
)

const (
	// escalateTimeout bounds the request for a writer's right. The API server waits 5 s for the webhook.
	escalateTimeout = time.Second
	// escalateTTL is how long a right that was given counts without being asked about again, and deniedTTL one that was not.
	escalateTTL, deniedTTL = 10 * time.Second, 2 * time.Second
	// escalateRest is how long nobody is asked after there was no answer.
	escalateRest = 5 * time.Second
)

// escalation knows from Kubernetes' RBAC who may give what it does not hold (A7): the verb escalate on
// roles.permissions.remit.dev, as for roles of Kubernetes' own.
//
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
type escalation struct {
	authorizer authorizer.Authorizer
	clock      clock.PassiveClock
	mu         sync.Mutex
	failed     time.Time
}

func newEscalation(reviews authorizationv1client.AuthorizationV1Interface, clock clock.PassiveClock) (*escalation, error) {
	cached, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: reviews,
		AllowCacheTTL:             escalateTTL,
		DenyCacheTTL:              deniedTTL,
		WebhookRetryBackoff:       &wait.Backoff{Steps: 1},
	}.New()
	if err != nil {
		return nil, err
	}
	return &escalation{authorizer: cached, clock: clock}, nil
}

// may reports whether the writer of a request has the right in its namespace. An API server that does not say is a no, and
// changes do not wait for it one after the other.
func (e *escalation) may(ctx context.Context, request ctrladmission.Request) bool {
	if e.rests() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, escalateTimeout)
	defer cancel()
	extra := map[string][]string{}
	for key, values := range request.UserInfo.Extra {
		extra[key] = authorizationv1.ExtraValue(values)
	}
	decided, _, err := e.authorizer.Authorize(ctx, authorizer.AttributesRecord{
		User:            &user.DefaultInfo{Name: request.UserInfo.Username, UID: request.UserInfo.UID, Groups: request.UserInfo.Groups, Extra: extra},
		Verb:            "escalate",
		Namespace:       request.Namespace,
		APIGroup:        v1alpha1.GroupName,
		APIVersion:      v1alpha1.GroupVersion.Version,
		Resource:        "roles",
		ResourceRequest: true,
	})
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Failed to determine whether the writer may escalate roles; A7 binds it")
		e.mu.Lock()
		defer e.mu.Unlock()
		e.failed = e.clock.Now()
		return false
	}
	return decided == authorizer.DecisionAllow
}

// rests reports whether there was no answer a moment ago.
func (e *escalation) rests() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	since := e.clock.Now().Sub(e.failed)
	return since >= 0 && since < escalateRest
}
