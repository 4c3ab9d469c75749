package server

import (
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/server/wire"
)

const (
	subjectAccessReviewKind = "SubjectAccessReview"

	// nonResourceType is the resource type of Kubernetes' URLs that are no resources.
	nonResourceType = "nonresourceurls"
	// oldReviews is the version that kube-apiserver asks in unless it is told otherwise.
	oldReviews = "authorization.k8s.io/v1beta1"
	// nameField is the field selector that names a record.
	nameField = "metadata.name"
	// kubernetesAnonymous is the user that Kubernetes makes of a request without credentials. To a domain, that is
	// the anonymous subject: it must not profit from what is open to every user.
	kubernetesAnonymous = "system:anonymous"
)

// subjectAccessReview answers as a webhook authorizer of Kubernetes, for one domain.
func (c *call) subjectAccessReview() (any, error) {
	review, err := c.readReview()
	if err != nil {
		return nil, err
	}
	if err := c.state(""); err != nil {
		return nil, err
	}
	return c.review(review)
}

// subjectAccessReviewByNamespace is the same with the domain taken from the namespace that the review is about; one
// about none is for the default domain. Where there is no domain there is no opinion, rather than an error: an API
// server asks about everything.
func (c *call) subjectAccessReviewByNamespace() (any, error) {
	review, err := c.readReview()
	if err != nil {
		return nil, err
	}
	namespace := c.server.opts.DefaultDomain
	if attributes := review.Spec.ResourceAttributes; attributes != nil && attributes.Namespace != "" {
		namespace = attributes.Namespace
	}
	if err := c.authorize(namespace, c.route.right); err != nil {
		return nil, err
	}
	found, err := c.find(namespace, "")
	if err != nil {
		return nil, err
	}
	if !found {
		review.Status = authorizationv1.SubjectAccessReviewStatus{Reason: fmt.Sprintf("the domain %q does not exist", namespace)}
		return answerReview(review)
	}
	return c.review(review)
}

func (c *call) readReview() (*authorizationv1.SubjectAccessReview, error) {
	review := &authorizationv1.SubjectAccessReview{}
	if err := wire.Decode(c.body, review); err != nil {
		return nil, err
	}
	switch review.APIVersion {
	case authorizationv1.SchemeGroupVersion.String():
	case oldReviews:
		var old struct {
			Spec struct {
				Group []string `json:"group"` // what v1 calls groups
			} `json:"spec"`
		}
		if err := wire.Decode(c.body, &old); err != nil {
			return nil, err
		}
		review.Spec.Groups = append(review.Spec.Groups, old.Spec.Group...)
	default:
		return nil, malformed("apiVersion", "must be "+authorizationv1.SchemeGroupVersion.String()+" or "+oldReviews)
	}
	if review.Kind != subjectAccessReviewKind {
		return nil, malformed("kind", "must be "+subjectAccessReviewKind)
	}
	return review, nil
}

// answerReview is the review as the caller's version writes it.
func answerReview(review *authorizationv1.SubjectAccessReview) (any, error) {
	if review.APIVersion != oldReviews {
		return review, nil
	}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(review)
	if err != nil {
		return nil, fmt.Errorf("write the review as %s: %w", oldReviews, err)
	}
	if spec, ok := object["spec"].(map[string]any); ok && spec["groups"] != nil {
		spec["group"] = spec["groups"]
		delete(spec, "groups")
	}
	return object, nil
}

// review fills in the review's status. What is not allowed is no opinion, so that other authorizers may allow it –
// unless the domain forbids it to the user for good.
func (c *call) review(review *authorizationv1.SubjectAccessReview) (any, error) {
	policy := c.domain.Domain.Policy()
	req, err := reviewRequest(&review.Spec, &policy)
	if err != nil {
		return nil, err
	}
	decided, _, err := c.decide(req, c.now(), false)
	if err != nil {
		return nil, err
	}
	review.Status = authorizationv1.SubjectAccessReviewStatus{
		Allowed: decided.Allow,
		Denied: !decided.Allow &&
			(decided.Reason == engine.ReasonUserDisabled || decided.Reason == engine.ReasonSpecialPermission),
		Reason: fmt.Sprintf("%s: %s", decided.Reason, decided.Message()),
	}
	return answerReview(review)
}

// reviewRequest is the evaluation that a review asks for.
func reviewRequest(spec *authorizationv1.SubjectAccessReviewSpec, policy *v1alpha1.PermissionPolicySpec) (*engine.Request, error) {
	req := &engine.Request{Subject: reviewSubject(spec, policy)}
	switch resource, url := spec.ResourceAttributes, spec.NonResourceAttributes; {
	case spec.User == "":
		return nil, malformed("spec.user", "is required")
	case resource != nil && url != nil, resource == nil && url == nil:
		return nil, malformed("spec", "must have one of resourceAttributes, nonResourceAttributes")
	case resource != nil:
		if resource.Verb == "" || resource.Resource == "" {
			return nil, malformed("spec.resourceAttributes", "must have a verb and a resource")
		}
		req.Action.Name = join(resource.Verb, ":", resource.Subresource)
		// Without a name it is a question about every record (see "Questions about a type" in the semantics).
		req.Resource = engine.Resource{Type: join(resource.Resource, ".", resource.Group), ID: resource.Name}
		narrow(&req.Resource, resource)
	default:
		if url.Verb == "" || url.Path == "" {
			return nil, malformed("spec.nonResourceAttributes", "must have a verb and a path")
		}
		req.Action.Name = url.Verb
		req.Resource = engine.Resource{Type: nonResourceType, ID: url.Path}
	}
	return req, nil
}

// narrow takes over what selectors ask of all records in question: one value of a field, or of a label. Other requirements
// narrow nothing, so that the question is about more records than the request.
func narrow(to *engine.Resource, resource *authorizationv1.ResourceAttributes) {
	set := func(key, value string) {
		if to.Properties == nil {
			to.Properties = map[string]any{}
		}
		to.Properties[key] = value
	}
	if fields := resource.FieldSelector; fields != nil {
		for _, r := range fields.Requirements {
			switch {
			case r.Operator != metav1.FieldSelectorOpIn || len(r.Values) != 1:
			case r.Key == nameField && to.ID == "":
				to.ID = r.Values[0]
			case r.Key != nameField:
				set(r.Key, r.Values[0])
			}
		}
	}
	if labels := resource.LabelSelector; labels != nil {
		known := map[string]any{}
		for _, r := range labels.Requirements {
			if r.Operator == metav1.LabelSelectorOpIn && len(r.Values) == 1 {
				known[r.Key] = r.Values[0]
			}
		}
		if len(known) > 0 && to.Properties["labels"] == nil {
			if to.Properties == nil {
				to.Properties = map[string]any{}
			}
			to.Properties["labels"] = known
		}
	}
}

// join joins a name with what may follow it.
func join(name, separator, more string) string {
	if more == "" {
		return name
	}
	return name + separator + more
}

// reviewSubject is the review's user: what extra tells becomes properties, and the groups become group claims.
func reviewSubject(spec *authorizationv1.SubjectAccessReviewSpec, policy *v1alpha1.PermissionPolicySpec) engine.Subject {
	if spec.User == kubernetesAnonymous {
		return engine.Subject{Type: engine.AnonymousType}
	}
	properties := make(map[string]any, len(spec.Extra)+1)
	for key, values := range spec.Extra {
		properties[key] = anys(values)
	}
	properties[policy.Claims.Groups] = anys(spec.Groups)
	return engine.Subject{Type: string(policy.SubjectTypes[0]), ID: spec.User, Properties: properties}
}

func anys(texts []string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}
