package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/testobjects"
)

// runCommand runs a command line to its end.
func runCommand(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	streams, _, outText, errText := genericiooptions.NewTestIOStreams()
	code = testTool(streams).Main(t.Context(), args)
	return code, outText.String(), errText.String()
}

// TestCluster asks a real API server.
func TestCluster(t *testing.T) {
	env := &envtest.Environment{CRDDirectoryPaths: []string{"../../config/crd/bases"}, ErrorIfCRDPathMissing: true}
	config, err := env.Start()
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	if err != nil {
		t.Fatalf("start the API server: %v", err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme, rbacv1.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	config.QPS = -1 // there is much to create
	admin, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	create := func(object client.Object) {
		t.Helper()
		if err := admin.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
	kubeconfig := func(user string, groups ...string) string {
		t.Helper()
		known, err := env.AddUser(envtest.User{Name: user, Groups: groups}, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := known.KubeConfig()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}

	for _, namespace := range []string{"shop", "bare"} {
		create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	}
	objects := []client.Object{
		testobjects.MakeResourceType("doc").Link("company", "company").Obj(),
		testobjects.MakeResourceType("company").Obj(),
		testobjects.MakeRole("reader").Rule(testobjects.MakeRule("doc").Actions("read").Preset("weight", 12.5).Obj()).Obj(),
		testobjects.MakeUserPermission("ann-north", "company", "north").User("ann").Obj(),
		testobjects.MakeUser("zz-last").Roles("reader").Obj(),
		testobjects.MakeUser("ann").Roles("reader").Obj(),
	}
	for n := range pageSize { // more than one page of users
		objects = append(objects, testobjects.MakeUser(fmt.Sprintf("user-%d", n)).Obj())
	}
	for _, object := range objects {
		object.SetNamespace("shop")
		create(object)
	}
	// The reader may list everything of ours in shop; the stranger all but roles and users.
	for name, resources := range map[string][]string{
		"reader": {"*"},
		"stranger": {
			"resourcetypes", "groups", "userpermissions", "specialpermissions", "recordsets", "permissionpolicies",
		},
	} {
		create(&rbacv1.Role{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupName}, Resources: resources, Verbs: []string{"list"}}},
		})
		create(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
		})
	}
	reader, stranger, master := kubeconfig("reader"), kubeconfig("stranger"), kubeconfig("master", "system:masters")

	cases := map[string]struct {
		args     []string
		wantCode int
		wantOut  string // what the output begins with
		wantErr  string
	}{
		"yes": {
			args:    []string{"can", "ann", "read", "doc/d-1", "--property", "company=north", "-n", "shop", "--kubeconfig", reader},
			wantOut: "yes: A rule gives this action (Role/reader).\n",
		},
		"no": {
			args:     []string{"can", "ann", "read", "doc/d-1", "--property", "company=south", "-n", "shop", "--kubeconfig", reader},
			wantCode: ExitNegative, wantOut: "no: User permissions do not allow this record: company (company).\n",
		},
		"an object of the last page": {
			args:    []string{"can", "zz-last", "read", "doc/d-1", "-n", "shop", "--kubeconfig", reader},
			wantOut: "yes: ",
		},
		"effective": {
			args:    []string{"effective", "ann", "-n", "shop", "--kubeconfig", reader},
			wantOut: "User ann\nRoles: reader (User/ann)\n\nRESOURCE ",
		},
		"a right is missing": {
			args:     []string{"can", "ann", "read", "doc/d-1", "-n", "shop", "--kubeconfig", stranger},
			wantCode: ExitError,
			wantErr: "error: the right to list roles.permissions.remit.dev, users.permissions.remit.dev in the namespace shop is missing; " +
				"it is needed, because an answer without them could be wrong\n",
		},
		"no domain": {
			args:     []string{"effective", "--all", "-n", "bare", "--kubeconfig", master},
			wantCode: ExitError, wantErr: "error: the namespace bare has no objects of Remit; choose another with -n\n",
		},
		"the namespace of the kubeconfig": {
			args:     []string{"can", "ann", "read", "doc", "--kubeconfig", master},
			wantCode: ExitError, wantErr: "error: the namespace default has no objects of Remit; choose another with -n\n",
		},
		"an unknown context": {
			args:     []string{"can", "ann", "read", "doc", "--kubeconfig", master, "--kube-context", "nowhere"},
			wantCode: ExitError, wantErr: "error: read the kubeconfig: invalid configuration: context was not found for specified context: nowhere",
		},
		"no API server": {
			args:     []string{"can", "ann", "read", "doc", "-n", "shop", "--kubeconfig", master, "--server", "https://127.0.0.1:1"},
			wantCode: ExitError, wantErr: "error: reach the cluster: Get \"https://127.0.0.1:1/",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := runCommand(t, tc.args...)
			if code != tc.wantCode {
				t.Errorf("exit code %d, want %d", code, tc.wantCode)
			}
			if !strings.HasPrefix(out, tc.wantOut) || (tc.wantOut == "") != (out == "") {
				t.Errorf("output (-want +got):\n%s", cmp.Diff(tc.wantOut, out))
			}
			if !strings.HasPrefix(errOut, tc.wantErr) || (tc.wantErr == "") != (errOut == "") {
				t.Errorf("errors (-want +got):\n%s", cmp.Diff(tc.wantErr, errOut))
			}
		})
	}

	t.Run("a kind that the cluster does not know", func(t *testing.T) {
		definition := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "recordsets." + v1alpha1.GroupName}}
		if err := admin.Delete(t.Context(), definition); err != nil {
			t.Fatal(err)
		}
		want := "error: the cluster does not know recordsets.permissions.remit.dev: install Remit's CustomResourceDefinitions\n"
		eventually(t, "the definition is gone", func() bool {
			code, _, errOut := runCommand(t, "can", "ann", "read", "doc", "-n", "shop", "--kubeconfig", reader)
			return code == ExitError && errOut == want
		})
	})
}
