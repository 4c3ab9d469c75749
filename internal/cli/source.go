package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"

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
	s.addClusterFlags(c)
	addFilenames(c, &s.filenames)
	c.Flags().Lookup("namespace").Usage = "The namespace whose domain is asked; in manifests, also that of objects that name none"
}

func (s *source) addClusterFlags(c *cobra.Command) {
	kubeContext := s.kubeconfig.Context
	s.kubeconfig.Context = nil
	s.kubeconfig.AddFlags(c.Flags())
	s.kubeconfig.Context = kubeContext
	c.Flags().StringVar(kubeContext, "kube-context", "", "The name of the kubeconfig context to use")
}

func addFilenames(c *cobra.Command, filenames *[]string) {
	c.Flags().StringArrayVarP(filenames, "filename", "f", nil,
		"Manifests to evaluate in place of a cluster: a file, a folder with everything below it, or - for standard input; may be repeated")
}

// onceFromStdin is the error of a command that would read standard input for two things.
func onceFromStdin(from, filenames []string) error {
	if slices.Contains(from, manifests.Stdin) && slices.Contains(filenames, manifests.Stdin) {
		return usagef("--from - and -f -: standard input is one of them")
	}
	return nil
}

// domain is a compiled domain and where it is from.
type domain struct {
	*engine.Domain
	namespace string
}

// load reads and compiles the domain that the flags name. It warns of objects that do not do what they say.
// All kinds are needed, but for those that the command does without.
func (s *source) load(ctx context.Context, warnings io.Writer, without ...engine.Kind) (domain, error) {
	objects, namespace, err := s.read(ctx, without...)
	if err != nil {
		return domain{}, err
	}
	d := domain{engine.Compile(objects), namespace}
	warn(warnings, d.Domain)
	return d, nil
}

// read reads the objects of one domain.
func (s *source) read(ctx context.Context, without ...engine.Kind) ([]engine.Object, string, error) {
	if len(s.filenames) > 0 {
		return s.readManifests(ctx)
	}
	return s.readCluster(ctx, without...)
}

// warn tells of what keeps objects, or parts of them, from taking effect.
func warn(w io.Writer, d *engine.Domain) {
	for _, kind := range engine.Kinds {
		for _, name := range d.Names(kind) {
			ref := engine.Ref{Kind: kind, Name: name}
			report, _ := d.Report(ref)
			for _, problem := range report.Problems {
				place := ref.String()
				if problem.Path != "" {
					place += ": " + problem.Path
				}
				fmt.Fprintf(w, "Warning: %s: %s\n", place, problem.Message)
			}
		}
	}
}

// config says how to reach the cluster, and the namespace that the flags and the kubeconfig name.
func (s *source) config() (*rest.Config, string, error) {
	namespace, _, err := s.kubeconfig.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	config, err := s.kubeconfig.ToRESTConfig()
	if err != nil {
		return nil, "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	return config, namespace, nil
}

// readCluster gives the objects of a namespace of the cluster.
func (s *source) readCluster(ctx context.Context, without ...engine.Kind) ([]engine.Object, string, error) {
	config, namespace, err := s.config()
	if err != nil {
		return nil, "", err
	}
	objects, err := readCluster(ctx, config, namespace, without...)
	if err == nil && len(objects) == 0 {
		err = fmt.Errorf("the namespace %s has no objects of Remit; choose another with -n", namespace)
	}
	return objects, namespace, err
}

// readManifests gives the objects of one namespace: that of -n, else the only one there is, else "default".
func (s *source) readManifests(context.Context) ([]engine.Object, string, error) {
	asked := *s.kubeconfig.Namespace
	domains, err := readManifests(s.filenames, asked)
	if err != nil {
		return nil, "", err
	}
	namespaces := sortedKeys(domains)
	namespace := cmp.Or(asked, metav1.NamespaceDefault)
	if asked == "" && len(namespaces) == 1 {
		namespace = namespaces[0]
	}
	objects, ok := domains[namespace]
	if !ok {
		return nil, "", fmt.Errorf("no objects in the namespace %s; the manifests have %s: choose one with -n", namespace, strings.Join(namespaces, ", "))
	}
	return objects, namespace, nil
}

// readManifests reads the objects of manifests by namespace; there is at least one. Those that name none are
// in the given namespace, by default "default".
func readManifests(filenames []string, namespace string) (map[string][]engine.Object, error) {
	items, err := manifests.Load(filenames, cmp.Or(namespace, metav1.NamespaceDefault))
	if err == nil {
		err = manifests.CheckBuiltInRoles(items)
	}
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
	if len(domains) == 0 {
		return nil, fmt.Errorf("no objects of Remit in %s", strings.Join(filenames, ", "))
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
