package engine

import (
	"cmp"
	"slices"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// policy is the compiled PermissionPolicy, or the defaults where the domain has none.
type policy struct {
	whole[*v1alpha1.PermissionPolicy]
	// spec has the defaults filled in.
	spec        v1alpha1.PermissionPolicySpec
	app         ruleSet // appAccessRules
	recommended ruleSet // recommendedRules; no decision reads them
}

// PolicyRef names the domain's only PermissionPolicy.
var PolicyRef = Ref{KindPermissionPolicy, v1alpha1.PolicyName}

func compilePolicy(object *v1alpha1.PermissionPolicy) *policy {
	p := &policy{whole: whole[*v1alpha1.PermissionPolicy]{object: object}, app: ruleSet{source: []Ref{PolicyRef}}}
	if object != nil {
		p.spec = *object.Spec.DeepCopy()
		if object.Name != v1alpha1.PolicyName {
			p.problems = append(p.problems, Problem{
				Reason: v1alpha1.ReasonNotTheDefault, Path: "metadata.name", Value: object.Name,
				Message: `a domain has one PermissionPolicy, named "default"; this one has no effect`,
			})
		}
		p.app = compileRules(PolicyRef, "spec.appAccessRules", object.Spec.AppAccessRules, &p.problems)
		p.recommended = compileRules(PolicyRef, "spec.recommendedRules", object.Spec.RecommendedRules, &p.problems)
	}
	s := &p.spec
	s.AdminRole = cmp.Or(s.AdminRole, v1alpha1.DefaultAdminRole)
	s.PublicRole = cmp.Or(s.PublicRole, v1alpha1.DefaultPublicRole)
	s.SubjectProperties = cmp.Or(s.SubjectProperties, v1alpha1.SubjectPropertiesTrust)
	if len(s.SubjectTypes) == 0 {
		s.SubjectTypes = []v1alpha1.Token{v1alpha1.DefaultSubjectType}
	}
	if s.Claims == nil {
		s.Claims = &v1alpha1.Claims{}
	}
	s.Claims.Groups = cmp.Or(s.Claims.Groups, v1alpha1.DefaultGroupsClaim)
	s.Claims.MFA = cmp.Or(s.Claims.MFA, v1alpha1.DefaultMFAClaim)
	s.Claims.Scopes = cmp.Or(s.Claims.Scopes, v1alpha1.DefaultScopesClaim)
	return p
}

// strict reports whether links to a type are strict (S9).
func (p *policy) strict(target string) bool {
	return p.spec.StrictUserPermissions &&
		(len(p.spec.StrictFor) == 0 || slices.Contains(p.spec.StrictFor, v1alpha1.Name(target)))
}

// deniesEmpty reports whether an empty link to a type fails where the type is restricted (S9).
func (p *policy) deniesEmpty(target string) bool {
	if p.spec.EmptyLinks == "" {
		return p.strict(target)
	}
	return p.spec.EmptyLinks != v1alpha1.EmptyLinksAllow
}

// trustsCallers reports whether what callers say about the subject counts.
func (p *policy) trustsCallers() bool {
	return p.spec.SubjectProperties == v1alpha1.SubjectPropertiesTrust
}
