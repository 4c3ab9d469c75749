package controllers_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/leader"
	"github.com/remit-authz/remit/internal/testobjects"
)

// gate holds the watches of PermissionPolicies back while it is closed.
type gate struct {
	mu     sync.Mutex
	opened *sync.Cond
	closed bool
}

func newGate() *gate {
	g := &gate{}
	g.opened = sync.NewCond(&g.mu)
	DeferCleanup(func() { g.set(false) })
	return g
}

func (g *gate) set(closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = closed
	g.opened.Broadcast()
}

// pass returns when the gate is open.
func (g *gate) pass() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.closed {
		g.opened.Wait()
	}
}

// option puts the gate between a manager and the API server.
func (g *gate) option(config *rest.Config) {
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(request)
			if err == nil && request.URL.Query().Get("watch") == "true" && strings.HasSuffix(request.URL.Path, "/permissionpolicies") {
				response.Body = &gatedBody{response.Body, g}
			}
			return response, err
		})
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type gatedBody struct {
	io.ReadCloser
	gate *gate
}

// Read reads what has been sent, and gives it when the gate is open.
func (b *gatedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.gate.pass()
	return n, err
}

var _ = Describe("A PermissionPolicy's status", func() {
	It("tells when all replicas serve the newest generation", func(ctx SpecContext) {
		lease := &leader.Lease{Namespace: cluster.newNamespace(ctx), Duration: 3 * time.Second}
		d := &domain{testCluster: cluster, manager: startManager(ctx, cluster, lease), namespace: cluster.newNamespace(ctx)}
		leases := func() ([]coordinationv1.Lease, error) {
			var list coordinationv1.LeaseList
			err := d.List(ctx, &list, client.InNamespace(lease.Namespace), client.MatchingLabels{leader.ReplicaLabel: "true"})
			return list.Items, err
		}
		policy := testobjects.MakePolicy().Obj()
		d.create(ctx, policy)
		Eventually(reading(ctx, d, policy)).Should(haveMessage("Served", "1 of 1 replicas serve generation 1."))
		Expect(policy).To(haveConditions(served, resolved, "Served=True/AllReplicas"))

		By("starting another replica")
		held := newGate()
		other := startManager(ctx, cluster, lease, held.option)
		Eventually(reading(ctx, d, policy)).Should(haveMessage("Served", "2 of 2 replicas serve generation 1."))
		Expect(leases()).To(HaveEach(And(
			HaveField("Spec.HolderIdentity", Not(BeNil())),
			HaveField("Annotations", HaveKeyWithValue(leader.PoliciesAnnotation, ContainSubstring(`"%s":1`, policy.UID))),
		)))

		By("holding it back")
		held.set(true)
		change(ctx, d, policy, func(p *v1alpha1.PermissionPolicy) { p.Spec.StrictUserPermissions = true })
		Eventually(reading(ctx, d, policy)).Should(And(
			haveConditions(served, resolved, "Served=False/WaitingForReplicas"),
			haveMessage("Served", "1 of 2 replicas serve generation 2; "), haveMessage("Served", " serves generation 1."),
		))
		version := policy.ResourceVersion
		Consistently(reading(ctx, d, policy)).Should(HaveField("ResourceVersion", version))
		held.set(false)
		Eventually(reading(ctx, d, policy)).Should(haveMessage("Served", "2 of 2 replicas serve generation 2."))

		By("leaving a lease that nobody renews")
		gone := &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{
				Name: "gone", Namespace: lease.Namespace, Labels: map[string]string{leader.ReplicaLabel: "true"},
				Annotations: map[string]string{leader.PoliciesAnnotation: `{"` + string(policy.UID) + `":1}`},
			},
			Spec: coordinationv1.LeaseSpec{HolderIdentity: new("crashed"), LeaseDurationSeconds: new(int32(2)), RenewTime: new(metav1.NowMicro())},
		}
		Expect(d.Create(ctx, gone)).To(Succeed())
		Eventually(reading(ctx, d, policy)).Should(haveMessage("Served", "2 of 3 replicas serve generation 2; crashed serves generation 1."))
		Eventually(reading(ctx, d, policy)).Should(haveMessage("Served", "2 of 2 replicas serve generation 2."))
		Eventually(leases).Should(HaveLen(2))

		By("making the policy anew")
		d.remove(ctx, policy)
		policy = testobjects.MakePolicy().Obj()
		d.create(ctx, policy)
		Eventually(reading(ctx, d, policy)).Should(haveMessage("Served", "2 of 2 replicas serve generation 1."))

		By("ending the replicas")
		other.stop()
		Expect(leases()).To(HaveLen(1))
		Eventually(reading(ctx, d, policy)).Should(haveMessage("Served", "1 of 1 replicas serve generation 1."))
		d.stop()
		Expect(leases()).To(BeEmpty())
	})
})
