package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
)

func TestTrim(t *testing.T) {
	applied := map[string]string{corev1.LastAppliedConfigAnnotation: "{}"}
	for name, tc := range map[string]struct {
		object      client.Object
		annotations map[string]string
		want        map[string]string
	}{
		"an object of a domain":             {&v1alpha1.User{}, applied, nil},
		"with another annotation":           {&v1alpha1.Role{}, map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "team": "a"}, map[string]string{"team": "a"}},
		"without annotations":               {&v1alpha1.Group{}, nil, nil},
		"one that somebody may write again": {&corev1.Secret{}, applied, applied},
	} {
		t.Run(name, func(t *testing.T) {
			annotations := map[string]string{}
			for key, value := range tc.annotations {
				annotations[key] = value
			}
			tc.object.SetAnnotations(annotations)
			tc.object.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl"}})
			trimmed, err := trim(tc.object)
			if err != nil || trimmed != any(tc.object) {
				t.Fatalf("trim = %v, %v, want the object itself", trimmed, err)
			}
			if len(tc.object.GetManagedFields()) > 0 {
				t.Error("managed fields are left")
			}
			got := tc.object.GetAnnotations()
			if len(got)+len(tc.want) > 0 {
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Error("annotations (-want +got)\n" + diff)
				}
			}
		})
	}
	unseen := struct{ Key string }{"a/b"}
	if got, err := trim(unseen); got != any(unseen) || err != nil {
		t.Errorf("trim of a deletion that was not seen = %v, %v", got, err)
	}
}
