package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/manifests"
)

// source is where the objects of a domain come from: manifests, or a cluster.
type source struct {
	filenames  []string
	kubeconfig *genericclioptions.ConfigFlags
}

func newSource() source { return source{kubeconfig: genericclioptions.NewConfigFlags(true)} }

// addFlags adds those of kubectl, but for one: --context describes the circumstances of a decision, so
// that the kubeconfig's context is chosen by --kube-context.
func (s *source) addFlags(c *cobra.Command) {
	kubeContext := s.kubeconfig.Context
	s.kubeconfig.Context = nil
	s.kubeconfig.AddFlags(c.Flags())
	s.kubeconfig.Context = kubeContext
	c.Flags().StringVar(kubeContext, "kube-context", "", "The name of the kubeconfig context to use")
	addFilenames(c, &s.filenames)
	c.Flags().Lookup("namespace").Usage = "The namespace whose domain is asked; in manifests, also that of objects that name none"
}

func addFilenames(c *cobra.Command, filenames *[]string) {
	c.Flags().StringArrayVarP(filenames, "filename", "f", nil,
		"Manifests to evaluate in place of a cluster: a file, or a folder with everything below it; may be repeated")
}

// domain is a compiled domain and where it is from.
type domain struct {
	*engine.Domain
	namespace string
}

// load reads and compiles the domain that the flags name.
func (s *source) load(ctx context.Context) (domain, error) {
	if len(s.filenames) > 0 {
		return s.loadManifests()
	}
	namespace, _, err := s.kubeconfig.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return domain{}, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config, err := s.kubeconfig.ToRESTConfig()
	if err != nil {
		return domain{}, fmt.Errorf("read the kubeconfig: %w; name manifests with -f to do without a cluster", err)
	}
	objects, err := readCluster(ctx, config, namespace)
	if err != nil {
		return domain{}, err
	}
	if len(objects) == 0 {
		return domain{}, fmt.Errorf("the namespace %s has no objects of Remit; choose another with -n", namespace)
	}
	return domain{engine.Compile(objects), namespace}, nil
}

// loadManifests compiles the domain of one namespace: that of -n, else the only one there is, else "default".
func (s *source) loadManifests() (domain, error) {
	asked := *s.kubeconfig.Namespace
	domains, err := readManifests(s.filenames, asked)
	if err != nil {
		return domain{}, err
	}
	namespaces := sortedKeys(domains)
	namespace := cmp.Or(asked, metav1.NamespaceDefault)
	if asked == "" && len(namespaces) == 1 {
		namespace = namespaces[0]
	}
	objects, ok := domains[namespace]
	switch {
	case len(namespaces) == 0:
		return domain{}, fmt.Errorf("no objects of Remit in %s", strings.Join(s.filenames, ", "))
	case !ok:
		return domain{}, fmt.Errorf("no objects in the namespace %s; the manifests have %s: choose one with -n", namespace, strings.Join(namespaces, ", "))
	}
	return domain{engine.Compile(objects), namespace}, nil
}

// readManifests reads the objects of manifests by namespace. Those without one are in the given namespace,
// by default "default".
func readManifests(filenames []string, namespace string) (map[string][]engine.Object, error) {
	items, err := manifests.Load(filenames, cmp.Or(namespace, metav1.NamespaceDefault))
	if problems, ok := errors.AsType[manifests.Problems](err); ok && len(problems) > 1 {
		return nil, fmt.Errorf("the manifests have problems:\n%w", err)
	}
	if err != nil {
		return nil, err
	}
	domains := map[string][]engine.Object{}
	for _, item := range items {
		in := item.Object.GetNamespace()
		domains[in] = append(domains[in], item.Object)
	}
	return domains, nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
