package main

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/remit-authz/remit/hack/render"
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/permissiontest"
)

// The samples are what newcomers copy: everything in them takes effect and nothing that they name is missing.
func TestSamplesHaveNoProblems(t *testing.T) {
	t.Chdir("../..")
	objects, err := render.Kustomization("config/samples")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, time.June, 1, 9, 0, 0, 0, time.UTC)
	compiled, err := domains(objects)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"cin7", "cms", "erp", "inventree"}, slices.Sorted(maps.Keys(compiled))); diff != "" {
		t.Errorf("domains (-want +got):\n%s", diff)
	}
	for namespace, domain := range compiled {
		if len(domain.Users()) < 5 || len(domain.ResourceTypes()) < 5 {
			t.Errorf("%s: %d users and %d resource types tell no story", namespace, len(domain.Users()), len(domain.ResourceTypes()))
		}
		for _, kind := range engine.Kinds {
			for _, object := range domain.Objects(kind) {
				ref := engine.Ref{Kind: kind, Name: object.GetName()}
				report, _ := domain.Report(ref)
				if len(report.Problems) > 0 || len(report.Missing) > 0 {
					t.Errorf("%s: %s has problems %v and names %v, which do not exist", namespace, ref, report.Problems, report.Missing)
				}
				// One sample shows what access None does, and says so.
				wantAdvice := namespace == "cin7" && ref.String() == "Role/sales-rep"
				if wantAdvice != (len(report.Advice) > 0) {
					t.Errorf("%s: %s has advice %v, want some: %t", namespace, ref, report.Advice, wantAdvice)
				}
				review := admission.Review(domain, admission.Change{
					Operation: admission.Update, Object: object, Old: object, Now: now, User: admission.UserInfo{Groups: []string{"system:masters"}},
				})
				if len(review.Errors) > 0 || wantAdvice != (len(review.Warnings) > 0) {
					t.Errorf("%s: %s is applied with errors %v and warnings %q, want warnings: %t", namespace, ref, review.Errors, review.Warnings, wantAdvice)
				}
			}
		}
	}
}

func TestSamplesPassTheirTests(t *testing.T) {
	files, err := filepath.Glob("../../config/samples/*/tests/*.test.yaml")
	if err != nil || len(files) != 4 {
		t.Fatalf("found %v (%v), want the tests of four samples", files, err)
	}
	runner := permissiontest.Runner{Clock: clock.RealClock{}}
	for _, file := range files {
		results, err := runner.Run(file)
		if err != nil {
			t.Error(err)
		}
		if len(results) < 10 {
			t.Errorf("%s has %d tests, want 10 at least", file, len(results))
		}
		for i := range results {
			if result := &results[i]; !result.Passed() {
				t.Errorf("%s:%d: %s: %v %v %v", result.File, result.Line, result.Test, result.Differences, result.Err, result.Notes)
			}
		}
	}
}
