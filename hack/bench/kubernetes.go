package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	kuser "k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
	toolscache "k8s.io/client-go/tools/cache"
	rbachelpers "k8s.io/kubernetes/pkg/apis/rbac/v1"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// kubernetesRBAC is Kubernetes' own workload for its RBAC authorizer, BenchmarkAuthorize: the roles and
// bindings that every cluster has, and three requests of a node. Before these are timed, the two engines must
// agree on every verb on every resource for a number of users.
type kubernetesRBAC struct {
	roles    []*rbacv1.ClusterRole
	bindings []*rbacv1.ClusterRoleBinding
}

func bootstrapPolicy() *kubernetesRBAC {
	k := &kubernetesRBAC{}
	for _, role := range slices.Concat(bootstrappolicy.ControllerRoles(), bootstrappolicy.ClusterRoles()) {
		k.roles = append(k.roles, &role)
	}
	for _, binding := range slices.Concat(bootstrappolicy.ClusterRoleBindings(), bootstrappolicy.ControllerRoleBindings()) {
		k.bindings = append(k.bindings, &binding)
	}
	return k
}

// timed are the requests of BenchmarkAuthorize.
func (k *kubernetesRBAC) timed() []authorizer.AttributesRecord {
	node := &kuser.DefaultInfo{Name: "system:node:node1", Groups: []string{"system:nodes", "system:authenticated"}}
	return []authorizer.AttributesRecord{
		{ResourceRequest: true, User: node, Verb: "list", Resource: "pods", APIVersion: "v1"},
		{ResourceRequest: true, User: node, Verb: "update", Resource: "pods", Subresource: "status", Name: "mypods", Namespace: "myns", APIVersion: "v1"},
		{ResourceRequest: true, User: node, Verb: "educate", Resource: "dolphins", APIVersion: "v1"},
	}
}

// all are the timed requests, and every verb on every resource that the roles name.
func (k *kubernetesRBAC) all() []authorizer.AttributesRecord {
	requests := k.timed()
	users := []kuser.Info{
		requests[0].User,
		&kuser.DefaultInfo{Name: "root", Groups: []string{"system:masters", "system:authenticated"}},
		&kuser.DefaultInfo{Name: "somebody", Groups: []string{"system:authenticated"}},
		&kuser.DefaultInfo{Name: "system:kube-scheduler", Groups: []string{"system:authenticated"}},
		&kuser.DefaultInfo{Name: "system:kube-controller-manager", Groups: []string{"system:authenticated"}},
		&kuser.DefaultInfo{Name: "system:serviceaccount:kube-system:generic-garbage-collector", Groups: []string{"system:serviceaccounts", "system:authenticated"}},
		&kuser.DefaultInfo{Name: "system:serviceaccount:kube-system:deployment-controller", Groups: []string{"system:serviceaccounts", "system:authenticated"}},
	}
	types := k.types()
	for _, name := range slices.Sorted(maps.Keys(types)) {
		resource, group, _ := strings.Cut(name, ".")
		for _, action := range slices.Sorted(maps.Keys(types[name])) {
			verb, subresource, _ := strings.Cut(action, ":")
			for _, u := range users {
				requests = append(requests, authorizer.AttributesRecord{
					ResourceRequest: true, User: u, Verb: verb, APIGroup: group, APIVersion: "v1", Resource: resource, Subresource: subresource, Name: "x", Namespace: "ns",
				})
			}
		}
	}
	return requests
}

// setUp is the authorizer as the API server has it: over listers of informers, with objects of its own.
func (k *kubernetesRBAC) setUp(requests []authorizer.AttributesRecord) (decide, error) {
	index := func() toolscache.Indexer {
		return toolscache.NewIndexer(toolscache.MetaNamespaceKeyFunc, toolscache.Indexers{toolscache.NamespaceIndex: toolscache.MetaNamespaceIndexFunc})
	}
	roles, bindings := index(), index()
	for _, role := range k.roles {
		if err := roles.Add(role.DeepCopy()); err != nil {
			return nil, err
		}
	}
	for _, binding := range k.bindings {
		if err := bindings.Add(binding.DeepCopy()); err != nil {
			return nil, err
		}
	}
	authorize := rbac.New(
		&rbac.RoleGetter{Lister: rbaclisters.NewRoleLister(index())},
		&rbac.RoleBindingLister{Lister: rbaclisters.NewRoleBindingLister(index())},
		&rbac.ClusterRoleGetter{Lister: rbaclisters.NewClusterRoleLister(roles)},
		&rbac.ClusterRoleBindingLister{Lister: rbaclisters.NewClusterRoleBindingLister(bindings)},
	)
	ctx := context.Background()
	return func(i int) (bool, error) {
		decision, _, err := authorize.Authorize(ctx, requests[i])
		return decision == authorizer.DecisionAllow, err
	}, nil
}

func anys[T any](list []T) []any {
	values := make([]any, len(list))
	for i := range list {
		values[i] = list[i]
	}
	return values
}

// setUpRemit is the same in Remit: requests become evaluations as its SubjectAccessReview endpoint makes them.
func (k *kubernetesRBAC) setUpRemit(requests []authorizer.AttributesRecord) (decide, error) {
	return remitDecide(engine.Compile(k.objects()), requests, func(r *authorizer.AttributesRecord) *engine.Request {
		groups := anys(r.User.GetGroups())
		return &engine.Request{
			Subject:  engine.Subject{Type: "user", ID: r.User.GetName(), Properties: map[string]any{"groups": groups}},
			Action:   engine.Action{Name: joined(r.Verb, ":", r.Subresource)},
			Resource: engine.Resource{Type: joined(r.Resource, ".", r.APIGroup), ID: cmp.Or(r.Name, "*")},
		}
	})
}

func joined(a, separator, b string) string {
	if b == "" {
		return a
	}
	return a + separator + b
}

// types are the resources that roles name, and for each the verbs that they name with it, subresources included.
// For "*" stand the usual verbs.
func (k *kubernetesRBAC) types() map[string]map[string]bool {
	usual := []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
	types := map[string]map[string]bool{}
	for _, role := range k.roles {
		for _, rule := range role.Rules {
			verbs := rule.Verbs
			if slices.Contains(verbs, rbacv1.VerbAll) {
				verbs = usual
			}
			for _, group := range rule.APIGroups {
				for _, named := range rule.Resources {
					resource, subresource, _ := strings.Cut(named, "/")
					if group == rbacv1.APIGroupAll || resource == rbacv1.ResourceAll {
						continue
					}
					name := joined(resource, ".", group)
					if types[name] == nil {
						types[name] = map[string]bool{}
					}
					for _, verb := range verbs {
						types[name][joined(verb, ":", subresource)] = true
					}
				}
			}
		}
	}
	return types
}

// objects are types, a role for each ClusterRole, a group with the roles of each bound group, and a user with
// those of each bound user.
func (k *kubernetesRBAC) objects() []engine.Object {
	var objects []engine.Object
	types := k.types()
	for name, actions := range types {
		t := &v1alpha1.ResourceType{ObjectMeta: meta(name)}
		for action := range actions {
			class := v1alpha1.ClassUpdate
			if verb, _, _ := strings.Cut(action, ":"); verb == "get" || verb == "list" || verb == "watch" {
				class = v1alpha1.ClassRead
			}
			t.Spec.Actions = append(t.Spec.Actions, v1alpha1.Action{Name: v1alpha1.Token(action), Class: class})
		}
		objects = append(objects, t)
	}
	for _, role := range k.roles {
		r := &v1alpha1.Role{ObjectMeta: meta(remitName(role.Name))}
		for _, rule := range role.Rules {
			r.Spec.Rules = append(r.Spec.Rules, remitRules(&rule, types)...)
		}
		objects = append(objects, r)
	}
	holders := map[string]engine.Object{}
	for _, binding := range k.bindings {
		ref := v1alpha1.RoleRef{Name: v1alpha1.Name(remitName(binding.RoleRef.Name))}
		for _, subject := range binding.Subjects {
			name := subject.Name
			if subject.Kind == rbacv1.ServiceAccountKind {
				name = "system:serviceaccount:" + subject.Namespace + ":" + subject.Name
			}
			key := subject.Kind + remitName(name)
			if subject.Kind == rbacv1.GroupKind {
				if holders[key] == nil {
					holders[key] = &v1alpha1.Group{ObjectMeta: meta(remitName(name)), Spec: v1alpha1.GroupSpec{ExternalGroups: []v1alpha1.ExternalGroup{v1alpha1.ExternalGroup(name)}}}
				}
				g, _ := holders[key].(*v1alpha1.Group)
				g.Spec.Roles = append(g.Spec.Roles, ref)
				continue
			}
			if holders[key] == nil {
				holders[key] = &v1alpha1.User{ObjectMeta: meta(remitName(name)), Spec: v1alpha1.UserSpec{ID: v1alpha1.UserID(name)}}
			}
			u, _ := holders[key].(*v1alpha1.User)
			u.Spec.Roles = append(u.Spec.Roles, ref)
		}
	}
	for _, holder := range holders {
		objects = append(objects, holder)
	}
	return objects
}

func remitName(name string) string { return strings.ReplaceAll(name, ":", ".") }

// remitRules are one rule for each resource type that a rule of RBAC is about. Rules about names become
// conditions; those about URLs are left out, for no request here is about one.
func remitRules(rule *rbacv1.PolicyRule, types map[string]map[string]bool) []v1alpha1.Rule {
	var condition v1alpha1.Expression
	if len(rule.ResourceNames) > 0 {
		condition = v1alpha1.Expression(fmt.Sprintf("resource.id in ['%s']", strings.Join(rule.ResourceNames, "', '")))
	}
	var rules []v1alpha1.Rule
	for name, actions := range types {
		resource, group, _ := strings.Cut(name, ".")
		var gives []v1alpha1.Token
		for action := range actions {
			verb, subresource, _ := strings.Cut(action, ":")
			if rbachelpers.VerbMatches(rule, verb) && rbachelpers.APIGroupMatches(rule, group) &&
				rbachelpers.ResourceMatches(rule, joined(resource, "/", subresource), subresource) {
				gives = append(gives, v1alpha1.Token(action))
			}
		}
		if len(gives) > 0 {
			rules = append(rules, v1alpha1.Rule{Resources: []v1alpha1.NameOrAny{v1alpha1.NameOrAny(name)}, Actions: gives, Condition: condition})
		}
	}
	return rules
}
