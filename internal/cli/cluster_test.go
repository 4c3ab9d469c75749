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
	"k8s.io/apimachinery/pkg/types"
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
		testobjects.MakeRole("spare").Rule(testobjects.MakeRule("company").Actions("read").Obj()).Obj(),
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
	computed := &v1alpha1.EffectivePermissions{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ann"}, Spec: v1alpha1.EffectivePermissionsSpec{User: "ann"},
	}
	create(computed)
	computed.Status = v1alpha1.EffectivePermissionsStatus{
		Roles: []v1alpha1.HeldRole{{Name: "reader", Via: []string{"User/ann"}}},
		Permissions: []v1alpha1.EffectivePermission{{
			Resource: "doc", Access: v1alpha1.AccessReadOnly, Allowed: []string{"read"}, DecidedBy: []string{"Role/reader"},
		}},
	}
	if err := admin.Status().Update(t.Context(), computed); err != nil {
		t.Fatal(err)
	}
	// The reader may list everything of ours in shop; the stranger all but roles and users, the clerk all but
	// records, the writer may change roles, too; ann may get what the operator computed of her, and nothing else.
	ours := func(verb string, resources ...string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{v1alpha1.GroupName}, Resources: resources, Verbs: []string{verb}}
	}
	own := ours("get", "effectivepermissions")
	own.ResourceNames = []string{"ann"}
	others := []string{"resourcetypes", "groups", "usersets", "userpermissions", "userpermissionsets", "specialpermissions", "permissionpolicies"}
	for name, rules := range map[string][]rbacv1.PolicyRule{
		"reader":   {ours("list", "*")},
		"stranger": {ours("list", append([]string{"recordsets"}, others...)...)},
		"clerk":    {ours("list", append([]string{"roles", "users"}, others...)...)},
		"writer":   {ours("list", "*"), ours("patch", "roles")},
		"ann":      {own},
	} {
		create(&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Rules: rules})
		create(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
		})
	}
	reader, stranger, master := kubeconfig("reader"), kubeconfig("stranger"), kubeconfig("master", "system:masters")
	clerk, writer, ann := kubeconfig("clerk"), kubeconfig("writer"), kubeconfig("ann")
	manifests := t.TempDir()
	for name, text := range map[string]string{
		"wider.yaml": "{kind: Role, apiVersion: permissions.remit.dev/v1alpha1, metadata: {name: reader}, spec: {rules: [{resources: [doc], access: Full}]}}",
		"same.yaml":  "{kind: User, apiVersion: permissions.remit.dev/v1alpha1, metadata: {name: ann}, spec: {roles: [{name: reader}]}}",
	} {
		if err := os.WriteFile(filepath.Join(manifests, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const missing = "the right to list roles.permissions.remit.dev, users.permissions.remit.dev in the namespace shop is missing; " +
		"it is needed, because an answer without them could be wrong"

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
			wantErr:  "error: " + missing + "\n",
		},
		"no search without a right": {
			args:     []string{"who-can", "read", "doc", "-n", "shop", "--kubeconfig", stranger},
			wantCode: ExitError, wantErr: "error: " + missing + "\n",
		},
		"no console without a right": {
			args:     []string{"ui", "-n", "shop", "--kubeconfig", stranger},
			wantCode: ExitError, wantErr: "error: " + missing + "\n",
		},
		"no difference without a right": {
			args:     []string{"diff", "-f", manifests, "-n", "shop", "--kubeconfig", stranger},
			wantCode: ExitError, wantErr: "error: " + missing + "\n",
		},
		"effective without a right": {
			args:     []string{"effective", "ann", "-n", "shop", "--kubeconfig", stranger},
			wantCode: ExitError, wantErr: "error: " + missing + "; the right to read effectivepermissions.permissions.remit.dev would do as well\n",
		},
		"effective permissions do not depend on records": {
			args:    []string{"effective", "ann", "-o", "csv", "-n", "shop", "--kubeconfig", clerk},
			wantOut: "user,resource,access,read,create,update,delete,decidedBy,overridden,restrictedBy\nann,company,None,",
		},
		"decisions depend on records": {
			args:     []string{"can", "ann", "read", "doc", "-n", "shop", "--kubeconfig", clerk},
			wantCode: ExitError, wantErr: "error: the right to list recordsets.permissions.remit.dev in the namespace shop is missing; ",
		},
		"what the operator computed": {
			args: []string{"effective", "ann", "-n", "shop", "--kubeconfig", ann},
			wantOut: "User ann\nRoles: reader (User/ann)\n\n" +
				"RESOURCE   ACCESS     READ   DECIDED BY    RESTRICTED BY\n" +
				"doc        ReadOnly   yes    Role/reader\n",
			wantErr: "Note: you may not list resourcetypes.permissions.remit.dev, ",
		},
		"not at another time": {
			args:     []string{"effective", "ann", "--at", "2030-01-01T00:00:00Z", "-n", "shop", "--kubeconfig", ann},
			wantCode: ExitError, wantErr: "error: the right to list resourcetypes.permissions.remit.dev, ",
		},
		"not of others": {
			args:     []string{"effective", "--all", "-n", "shop", "--kubeconfig", ann},
			wantCode: ExitError, wantErr: "error: the right to list resourcetypes.permissions.remit.dev, ",
		},
		"what manifests would change": {
			args:     []string{"diff", "-f", manifests, "-n", "shop", "--kubeconfig", reader},
			wantCode: ExitNegative,
			wantOut: "1 object of the domain shop differs:\n  ~ Role/reader\n\n" +
				"+ 2 users gain create, delete, update on doc\n    before: no\n    after:  always (Role/reader)\n    users:  ann, zz-last\n",
		},
		"suggestions": {
			args:    []string{"__complete", "can", "-n", "shop", "--kubeconfig", reader, "zz"},
			wantOut: "zz-last\n:4\n", wantErr: "Completion ended with directive: ShellCompDirectiveNoFileComp\n",
		},
		"a reset that may not be": {
			args:     []string{"reset", "spare", "--to", "none", "--write", "-n", "shop", "--kubeconfig", reader},
			wantCode: ExitError, wantErr: "error: apply the rules of Role spare: roles.permissions.remit.dev \"spare\" is forbidden",
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

	t.Run("reset", func(t *testing.T) {
		code, out, errOut := runCommand(t, "reset", "spare", "--to", "none", "--write", "-n", "shop", "--kubeconfig", writer)
		if want := "Role spare in shop has the rules of the preset none: 0 rules.\n"; code != ExitSuccess || out != want {
			t.Fatalf("exit code %d\n%s%s", code, out, errOut)
		}
		var role v1alpha1.Role
		if err := admin.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "spare"}, &role); err != nil {
			t.Fatal(err)
		}
		if len(role.Spec.Rules) > 0 {
			t.Errorf("rules are left: %v", role.Spec.Rules)
		}
	})

	t.Run("the console", func(t *testing.T) {
		first, _, stop := startUI(t, "-n", "shop", "--kubeconfig", clerk)
		browser := makeBrowser(t)
		visit(t, browser, first)
		ann := func() string {
			seen, _ := visit(t, browser, strings.Replace(first, "/?", "/user?id=ann&", 1))
			return fields(seen)
		}
		got := ann()
		for _, want := range []string{"|reader, given by |User/ann|", "|Not everything could be read.|", "|doc|ReadOnly|", "the right to list recordsets."} {
			if !strings.Contains(got, want) {
				t.Errorf("a clerk's page has no %q:\n%s", want, got)
			}
		}
		user := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "ann"}}
		if err := admin.Patch(t.Context(), user, client.RawPatch(types.MergePatchType, []byte(`{"spec": {"disabled": true}}`))); err != nil {
			t.Fatal(err)
		}
		if got := ann(); !strings.Contains(got, "|disabled|") {
			t.Errorf("the next page does not know what has changed:\n%s", got)
		}
		if code := stop(); code != ExitSuccess {
			t.Errorf("exit code %d", code)
		}
	})

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
