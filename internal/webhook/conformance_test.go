package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/manifests"
	"github.com/remit-authz/remit/internal/permissiontest"
)

// admissionTests are the folders with PermissionTests whose admissions are put to a real API server:
// REMIT_ADMISSION_TESTS, or those of this repository.
func admissionTests() []string {
	if folder := os.Getenv("REMIT_ADMISSION_TESTS"); folder != "" {
		return []string{folder}
	}
	return []string{"testdata", "../../config/samples"}
}

var _ = Describe("The admissions of PermissionTests", func() {
	It("are the same on a real API server, with the same codes", func(ctx SpecContext) {
		defer now.set(metav1.Time{}.Time)
		files, err := manifests.Files(admissionTests())
		Expect(err).NotTo(HaveOccurred())
		count, bySchema := 0, 0
		var wrong []string
		for _, file := range files {
			tests, err := permissiontest.Admissions(file, clock.RealClock{})
			Expect(err).NotTo(HaveOccurred(), file)
			namespace, changed := "", true
			for i := range tests {
				test := &tests[i]
				if i == 0 || tests[i-1].Suite != test.Suite || changed {
					namespace = newNamespace(ctx)
					putObjects(ctx, namespace, test.Objects)
				}
				now.set(test.Now)
				err := perform(ctx, namespace, test)
				changed = err == nil || test.BuiltIn != nil
				codes := codesOf(err)
				if err != nil && !strings.Contains(err.Error(), "admission webhook") {
					bySchema++ // which comes first, and names no rule
					codes = []string{test.Code}
				}
				for _, difference := range test.Compare(err == nil, codes, len(warnings.take()) > 0) {
					wrong = append(wrong, fmt.Sprintf("%s:%d: %s: %s (%v)", test.File, test.Line, test.Test, difference, err))
				}
				count++
			}
		}
		AddReportEntry(fmt.Sprintf("%d admissions, of which the schema alone refused %d", count, bySchema), ReportEntryVisibilityAlways)
		Expect(wrong).To(BeEmpty())
		Expect(count).To(BeNumerically(">", 0))
	})
})

// putObjects stores what a test's manifests say. They may say what no webhook would let through.
func putObjects(ctx context.Context, namespace string, objects []engine.Object) {
	GinkgoHelper()
	front.open.Store(true)
	defer front.open.Store(false)
	for _, object := range objects {
		copied, ok := object.(client.Object).DeepCopyObject().(client.Object)
		Expect(ok).To(BeTrue())
		copied.SetResourceVersion("")
		copied.SetUID("")
		Expect(cluster.Create(ctx, in(namespace, copied))).To(Succeed(), object.GetName())
	}
	settle(ctx, namespace)
	warnings.take()
}

// perform does what a test asks, as its user.
func perform(ctx context.Context, namespace string, test *permissiontest.Admission) error {
	GinkgoHelper()
	if test.BuiltIn != nil {
		putObjects(ctx, namespace, []engine.Object{test.BuiltIn})
	}
	writer := cluster
	if test.User != "" || len(test.Groups) > 0 {
		user := test.User
		if user == "" {
			user = "somebody"
		}
		writer = as(user, test.Groups...)
	}
	writer = client.WithFieldValidation(writer, metav1.FieldValidationStrict)
	object := &unstructured.Unstructured{}
	Expect(object.UnmarshalJSON(test.Object)).To(Succeed())
	object.SetNamespace(namespace)
	switch test.Operation {
	case admission.Create:
		return writer.Create(ctx, object)
	case admission.Delete:
		return writer.Delete(ctx, object)
	}
	stored := object.DeepCopy()
	Expect(cluster.Get(ctx, client.ObjectKeyFromObject(object), stored)).To(Succeed())
	object.SetResourceVersion(stored.GetResourceVersion())
	return writer.Update(ctx, object)
}

var code = regexp.MustCompile(`\((A[1-7])\)`)

// codesOf are the rules that a refusal names.
func codesOf(err error) []string {
	var codes []string
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		for _, match := range code.FindAllStringSubmatch(status.Status().Message, -1) {
			codes = append(codes, match[1])
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}
