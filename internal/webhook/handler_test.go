package webhook

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testingclock "k8s.io/utils/clock/testing"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/kinds"
)

// TestOneRuleForEveryKind holds the webhook's configuration against the table of kinds.
func TestOneRuleForEveryKind(t *testing.T) {
	text, err := os.ReadFile("../../config/webhook/manifests.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var configuration admissionregistrationv1.ValidatingWebhookConfiguration
	if err := yaml.UnmarshalStrict(text, &configuration); err != nil {
		t.Fatal(err)
	}
	if len(configuration.Webhooks) != 1 || len(configuration.Webhooks[0].Rules) != 1 {
		t.Fatalf("there are %d webhooks, want one with one rule", len(configuration.Webhooks))
	}
	hook := configuration.Webhooks[0]
	for _, kind := range kinds.Table {
		if !slices.Contains(hook.Rules[0].Resources, kind.Resource) {
			t.Errorf("the marker in webhook.go lacks %s: %s would be stored unreviewed", kind.Resource, kind.Kind)
		}
	}
	if got, want := len(hook.Rules[0].Resources), len(kinds.Table); got != want {
		t.Errorf("the rule has %d resources, want %d", got, want)
	}
	if got := *hook.ClientConfig.Service.Path; got != path {
		t.Errorf("the webhook is called at %s and served at %s", got, path)
	}
	if hook.FailurePolicy == nil || *hook.FailurePolicy != admissionregistrationv1.Fail {
		t.Error("the failure policy must be Fail")
	}
	operations := []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update, admissionregistrationv1.Delete}
	if diff := cmp.Diff(operations, hook.Rules[0].Operations); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	if len(hook.MatchConditions) != 2 {
		t.Errorf("match conditions are %v", hook.MatchConditions)
	}
}

func newTestReviewer(t *testing.T) *reviewer {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return &reviewer{decoder: ctrladmission.NewDecoder(scheme), clock: testingclock.NewFakePassiveClock(time.Unix(0, 0))}
}

// requestFor is an admission request about an object in two generations.
func requestFor(t *testing.T, kind *kinds.Row, operation admissionv1.Operation) ctrladmission.Request {
	t.Helper()
	raw := func(generation int64) runtime.RawExtension {
		object := kind.New()
		object.SetName("default")
		object.SetGeneration(generation)
		object.GetObjectKind().SetGroupVersionKind(kind.GVK())
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		return runtime.RawExtension{Raw: text}
	}
	request := ctrladmission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Kind: metav1.GroupVersionKind(kind.GVK()), Operation: operation, Name: "default",
	}}
	if operation != admissionv1.Create {
		request.OldObject = raw(1)
	}
	if operation != admissionv1.Delete {
		request.Object = raw(2)
	}
	return request
}

// TestEveryKindIsDecoded walks the table of kinds through the handler's decoding.
func TestEveryKindIsDecoded(t *testing.T) {
	r := newTestReviewer(t)
	for _, kind := range kinds.Table {
		for _, operation := range []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Delete} {
			t.Run(string(kind.Kind)+" "+string(operation), func(t *testing.T) {
				change, err := r.decode(t.Context(), requestFor(t, kind, operation))
				if err != nil {
					t.Fatal(err)
				}
				if change.Operation != admission.Operation(operation) {
					t.Errorf("operation %q", change.Operation)
				}
				for name, part := range map[string]struct {
					object     kinds.Object
					want       bool
					generation int64
				}{
					"object":     {change.Object, operation != admissionv1.Delete, 2},
					"old object": {change.Old, operation != admissionv1.Create, 1},
				} {
					row, ok := kinds.Of(part.object)
					if ok != part.want || ok && (row != kind || part.object.GetGeneration() != part.generation) {
						t.Errorf("%s: %v", name, part.object)
					}
				}
			})
		}
	}
}

// TestWhatCannotBeReadIsRefused: of requests that the handler does not understand, none is admitted.
func TestWhatCannotBeReadIsRefused(t *testing.T) {
	role, _ := kinds.Find(kinds.Role)
	for name, tc := range map[string]struct {
		change func(*ctrladmission.Request)
		want   string
	}{
		"a kind of a later version": {func(r *ctrladmission.Request) { r.Kind.Kind = "Ninth" }, "this version of Remit does not know the kind"},
		"a kind of another group":   {func(r *ctrladmission.Request) { r.Kind.Group = "rbac.authorization.k8s.io" }, "this version of Remit does not know the kind"},
		"another version":           {func(r *ctrladmission.Request) { r.Kind.Version = "v1beta1" }, "this version of Remit does not know the kind"},
		"a computed kind":           {func(r *ctrladmission.Request) { r.Kind.Kind = "EffectivePermissions" }, "this version of Remit does not know the kind"},
		"no object":                 {func(r *ctrladmission.Request) { r.Object.Raw = nil }, "read the new object"},
		"no old object":             {func(r *ctrladmission.Request) { r.OldObject.Raw = nil }, "read the object before the change"},
		"an object of another kind": {func(r *ctrladmission.Request) {
			r.Object.Raw = []byte(`{"apiVersion": "permissions.remit.dev/v1alpha1", "kind": "Group"}`)
		}, "read the new object"},
		"a field of another type": {func(r *ctrladmission.Request) {
			r.Object.Raw = []byte(`{"apiVersion": "permissions.remit.dev/v1alpha1", "kind": "Role", "spec": {"adminAccess": "yes"}}`)
		}, "read the new object"},
		"another operation": {func(r *ctrladmission.Request) { r.Operation = admissionv1.Connect }, "is not one that Remit reviews"},
		"no operation":      {func(r *ctrladmission.Request) { r.Operation = "" }, "is not one that Remit reviews"},
	} {
		t.Run(name, func(t *testing.T) {
			request := requestFor(t, role, admissionv1.Update)
			tc.change(&request)
			response := newTestReviewer(t).Handle(t.Context(), request)
			if response.Allowed || response.Result == nil || response.Result.Code != http.StatusBadRequest || !strings.Contains(response.Result.Message, tc.want) {
				t.Errorf("answer %+v, want a refusal with %q", response.AdmissionResponse, tc.want)
			}
		})
	}
}

// TestLabelsAreNotReviewed lets updates through that leave the spec as it is, without a look at the domain.
func TestLabelsAreNotReviewed(t *testing.T) {
	for _, kind := range kinds.Table {
		request := requestFor(t, kind, admissionv1.Update)
		request.Object = request.OldObject
		if response := newTestReviewer(t).Handle(t.Context(), request); !response.Allowed {
			t.Errorf("%s: %+v", kind.Kind, response.AdmissionResponse)
		}
	}
}
