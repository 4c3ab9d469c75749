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

// askTimeout is how long the API server may take to say who we are.
const askTimeout = 2 * time.Second

// self knows the Kubernetes user that the manager is. The API server says it, by whatever the manager authenticates
// with: the service account in a cluster, a certificate outside of one. Nobody else can be it without that credential
// or the right to impersonate it.
type self struct {
	reviews authenticationv1client.SelfSubjectReviewInterface

	mu   sync.Mutex
	name string
}

// is says whether a user is the manager itself. While that is not known, nobody is.
func (s *self) is(ctx context.Context, user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.name == "" {
		asking, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		review, err := s.reviews.Create(asking, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Cannot find out which user the manager is; it may write no more than others for now")
			return false
		}
		s.name = review.Status.UserInfo.Username
	}
	return s.name != "" && s.name == user
}
