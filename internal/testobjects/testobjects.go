// Package testobjects builds the API's objects in tests, one short line each:
//
//	testobjects.MakeRole("clerk").Rule(testobjects.Full("order")).Obj()
//
// Every method changes the builder and returns it. Times are RFC 3339 text; "" leaves a side open. What
// cannot be read panics: it is a mistake in the test.
package testobjects

import (
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// Namespace is where the objects are, unless the test moves them.
const Namespace = "test"

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: Namespace, Generation: 1}
}

func kind(name string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: name}
}

// Window is the time window from startsAt to expiresAt.
func Window(startsAt, expiresAt string) v1alpha1.TimeWindow {
	return v1alpha1.TimeWindow{StartsAt: instant(startsAt), ExpiresAt: instant(expiresAt)}
}

func instant(text string) *metav1.Time {
	if text == "" {
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(fmt.Sprintf("testobjects: %v", err))
	}
	return &metav1.Time{Time: at}
}

// JSON is a value as the API holds it.
func JSON(value any) v1alpha1.JSON {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("testobjects: %v", err))
	}
	return v1alpha1.JSON{Raw: raw}
}

func jsonMap(values map[string]any) map[string]v1alpha1.JSON {
	made := make(map[string]v1alpha1.JSON, len(values))
	for key, value := range values {
		made[key] = JSON(value)
	}
	return made
}

func as[T ~string](names []string) []T {
	if len(names) == 0 {
		return nil
	}
	typed := make([]T, len(names))
	for i, name := range names {
		typed[i] = T(name)
	}
	return typed
}

// RoleRef refers to a role for all time.
func RoleRef(role string) v1alpha1.RoleRef { return v1alpha1.RoleRef{Name: v1alpha1.Name(role)} }
