package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/store"
	"github.com/remit-authz/remit/internal/testobjects"
)

// BenchmarkWriteToDecision measures how long after the API server's answer to a write a decision follows it, in
// domains of some sizes. It reports the median and the 99th percentile; the time of an operation is that of the
// write, too. A percentile needs some operations: -benchtime=1000x.
func BenchmarkWriteToDecision(b *testing.B) {
	env := newEnvironment()
	b.Cleanup(func() {
		if err := env.Stop(); err != nil {
			b.Errorf("stop the API server: %v", err)
		}
	})
	config, err := env.Start()
	if err != nil {
		b.Fatalf("start the API server: %v", err)
	}
	c, err := client.New(config, client.Options{Scheme: newScheme()})
	if err != nil {
		b.Fatal(err)
	}
	objects, err := newCache(config)
	if err != nil {
		b.Fatal(err)
	}
	domains := store.New(objects, logr.Discard())
	changed := make(chan struct{}, 1)
	domains.Subscribe(func(store.Update) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 2)
	go func() { ended <- objects.Start(ctx) }()
	go func() { ended <- domains.Start(ctx) }()
	b.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-ended; err != nil {
				b.Error(err)
			}
		}
	})
	<-domains.Synced()

	decide := func(namespace string) bool {
		snapshot, ok := domains.Domain(namespace)
		if !ok {
			return false
		}
		decision, err := snapshot.Domain.Decide(&engine.Request{
			Subject: engine.Subject{Type: "user", ID: "user-0"}, Action: engine.Action{Name: "update"}, Resource: engine.Resource{Type: "type-0", ID: "1"},
		}, time.Now())
		if err != nil {
			b.Fatalf("Decide: %v", err)
		}
		return decision.Allow
	}
	for _, users := range []int{10, 1000} {
		namespace := "default"
		if users > 10 {
			namespace = "kube-public" // exists, and is empty
		}
		for _, object := range benchDomain(users) {
			object.SetNamespace(namespace)
			object.SetGeneration(0)
			if err := c.Create(ctx, object); err != nil {
				b.Fatalf("create: %v", err)
			}
		}
		for name, write := range map[string]func(allow bool) error{
			"user": func(allow bool) error {
				return patch(ctx, c, namespace, &v1alpha1.User{}, "user-0", fmt.Sprintf(`{"spec":{"superuser":%t}}`, allow))
			},
			"role": func(allow bool) error {
				return patch(ctx, c, namespace, &v1alpha1.Role{}, "role-0", fmt.Sprintf(`{"spec":{"adminAccess":%t}}`, allow))
			},
		} {
			b.Run(fmt.Sprintf("users=%d/%s", users, name), func(b *testing.B) {
				measure := func(allow bool) time.Duration {
					if err := write(allow); err != nil {
						b.Fatalf("write: %v", err)
					}
					answered := time.Now()
					for decide(namespace) != allow {
						<-changed
					}
					return time.Since(answered)
				}
				var took []time.Duration
				for allow := true; b.Loop(); allow = !allow {
					took = append(took, measure(allow))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
				measure(false)
			})
		}
	}
}

// benchDomain are some users who all hold one of ten roles that read ten types.
func benchDomain(users int) []client.Object {
	var objects []client.Object
	for i := range 10 {
		objects = append(objects, testobjects.MakeResourceType(fmt.Sprintf("type-%d", i)).Obj(),
			testobjects.MakeRole(fmt.Sprintf("role-%d", i)).Rule(testobjects.ReadOnly("*")).Obj())
	}
	for i := range users {
		objects = append(objects, testobjects.MakeUser(fmt.Sprintf("user-%d", i)).Roles(fmt.Sprintf("role-%d", i%10)).Obj())
	}
	return objects
}

func patch(ctx context.Context, c client.Client, namespace string, object client.Object, name, change string) error {
	object.SetNamespace(namespace)
	object.SetName(name)
	return c.Patch(ctx, object, client.RawPatch("application/merge-patch+json", []byte(change)))
}
