package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilcache "k8s.io/apimachinery/pkg/util/cache"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// Callers need the right to create this resource, or a subresource, in the namespace of the domain that they ask. It
// exists in RBAC only.
const decisionResource = "decisions"

// subresource is a part of decisionResource: what a caller asks for.
type subresource string

const (
	decisions                    subresource = ""
	decisionSearches             subresource = "search"
	decisionFilters              subresource = "filter"
	decisionEffectivePermissions subresource = "effectivepermissions"
)

// Answers of the API server are kept for a while, so that decisions do not wait for it. A right that is taken away, or a
// token that is revoked, works until then; a right that is given starts soon. See reviews for when it is away.
const (
	callerTTL    = time.Minute
	forbiddenTTL = 5 * time.Second
	askTimeout   = 5 * time.Second
	// admittedTTL is how long a caller who was let in comes in again without any of that; mostAdmitted is how many.
	admittedTTL  = 5 * time.Second
	mostAdmitted = 4096
)

// callers says who asks, and whether they may. Errors are refusals.
type callers struct {
	authenticator authenticator.Request
	authorizer    authorizer.Authorizer
	audiences     authenticator.Audiences
	admitted      *utilcache.LRUExpireCache // user.Info by pass
}

// authorization is the header that a caller shows a token in.
const authorization = "Authorization"

// pass stands for a token and a right in a namespace, without telling the token.
type pass [sha256.Size]byte

func newCallers(config *rest.Config, audiences []string) (*callers, error) {
	if config == nil {
		return nil, errors.New("there is no API server to ask about callers")
	}
	config = rest.CopyConfig(config)
	config.QPS = -1 // the API server's own fairness limits us; a queue here would only hide that
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return newReviews(next) })
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	tokens, err := authenticationclient.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	rights, err := authorizationclient.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	retries := &wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 3}
	c := &callers{audiences: audiences, admitted: utilcache.NewLRUExpireCache(mostAdmitted)}
	c.authenticator, _, err = authenticatorfactory.DelegatingAuthenticatorConfig{
		TokenAccessReviewClient:  tokens,
		TokenAccessReviewTimeout: askTimeout,
		WebhookRetryBackoff:      retries,
		CacheTTL:                 callerTTL,
		APIAudiences:             c.audiences,
	}.New()
	if err != nil {
		return nil, err
	}
	c.authorizer, err = authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: rights,
		AllowCacheTTL:             callerTTL,
		DenyCacheTTL:              forbiddenTTL,
		WebhookRetryBackoff:       retries,
	}.New()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// admit says who makes a request, if they have a right in a namespace.
func (c *callers) admit(r *http.Request, namespace string, right subresource) (user.Info, error) {
	shown := pass(sha256.Sum256([]byte(namespace + "\n" + string(right) + "\n" + r.Header.Get(authorization))))
	if known, ok := c.admitted.Get(shown); ok {
		caller, _ := known.(user.Info)
		return caller, nil
	}
	caller, err := c.authenticate(r)
	if err != nil {
		return nil, err
	}
	if err := c.authorize(r.Context(), caller, namespace, right); err != nil {
		return nil, err
	}
	c.admitted.Add(shown, caller, admittedTTL)
	return caller, nil
}

// authenticate says who makes a request by its Authorization header, and by nothing else: what Kubernetes would take
// from other headers, such as those of a websocket, admit does not see and so would remember for everybody.
func (c *callers) authenticate(r *http.Request) (user.Info, error) {
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	if len(c.audiences) > 0 {
		ctx = authenticator.WithAudiences(ctx, c.audiences)
	}
	shown := (&http.Request{Header: http.Header{authorization: r.Header.Values(authorization)}}).WithContext(ctx)
	caller, ok, err := c.authenticator.AuthenticateRequest(shown)
	switch {
	case errors.Is(err, errBusy):
		return nil, statusErrorf(http.StatusTooManyRequests, "%s; ask again", errBusy)
	case err != nil && cannotAsk(err):
		return nil, statusErrorf(http.StatusServiceUnavailable, "the API server cannot say who you are")
	case err != nil || !ok:
		return nil, statusErrorf(http.StatusUnauthorized, "a bearer token that the API server accepts is required")
	}
	return caller.User, nil
}

// authorize returns nil for a caller who has a right in a namespace.
func (c *callers) authorize(ctx context.Context, caller user.Info, namespace string, right subresource) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	decided, _, err := c.authorizer.Authorize(ctx, authorizer.AttributesRecord{
		User:            caller,
		Verb:            "create",
		Namespace:       namespace,
		APIGroup:        v1alpha1.GroupName,
		APIVersion:      v1alpha1.GroupVersion.Version,
		Resource:        decisionResource,
		Subresource:     string(right),
		ResourceRequest: true,
	})
	switch {
	case errors.Is(err, errBusy):
		return statusErrorf(http.StatusTooManyRequests, "%s; ask again", errBusy)
	case err != nil:
		return statusErrorf(http.StatusServiceUnavailable, "the API server cannot say whether you may ask")
	case decided != authorizer.DecisionAllow:
		return statusErrorf(http.StatusForbidden, "%q may not create %s.%s in the namespace %q",
			caller.GetName(), join(decisionResource, "/", string(right)), v1alpha1.GroupName, namespace)
	}
	return nil
}

// cannotAsk tells a failure to reach the API server, or a refusal by it to review, from its verdict on a token.
func cannotAsk(err error) bool {
	if all, ok := errors.AsType[utilerrors.Aggregate](err); ok {
		return slices.ContainsFunc(all.Errors(), cannotAsk)
	}
	var status apierrors.APIStatus
	_, network := errors.AsType[*url.Error](err)
	return network || errors.As(err, &status) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
