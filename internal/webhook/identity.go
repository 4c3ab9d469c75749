package webhook

import (
	"context"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
	ctrl "sigs.k8s.io/controller-runtime"
)

// mastersGroup is the Kubernetes group whose members A7 does not bind.
const mastersGroup = "system:masters"

// identityTimeout bounds the request for the manager's own user.
const identityTimeout = 2 * time.Second

// identity is the Kubernetes user of the manager. The API server names it by whatever the manager authenticates with: the
// service account in a cluster, a certificate outside of one. Nobody else can be that user without the credential or the
// right to impersonate it.
type identity struct {
	reviews authenticationv1client.SelfSubjectReviewInterface

	mu   sync.Mutex
	name string
}

// is reports whether a user is the manager itself. It is false as long as the manager's user is not known.
func (i *identity) is(ctx context.Context, user string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.name == "" {
		requesting, cancel := context.WithTimeout(ctx, identityTimeout)
		defer cancel()
		review, err := i.reviews.Create(requesting, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Failed to determine the manager's own user; until then A7 binds it as everybody else")
			return false
		}
		i.name = review.Status.UserInfo.Username
	}
	return i.name != "" && i.name == user
}
