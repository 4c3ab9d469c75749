package controllers_test

import (
	"context"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/leader"
	"github.com/remit-authz/remit/internal/testobjects"
)

var _ = Describe("Two managers", func() {
	It("both decide, one writes, and the other takes over", func(ctx SpecContext) {
		lease := &leader.Lease{Namespace: cluster.newNamespace(ctx), Duration: 3 * time.Second}
		leading := startManager(ctx, cluster, lease)
		d := &domain{testCluster: cluster, manager: leading, namespace: cluster.newNamespace(ctx)}
		holder := func() (string, error) {
			var object coordinationv1.Lease
			err := d.Get(ctx, client.ObjectKey{Namespace: lease.Namespace, Name: leader.LeaseName}, &object)
			if object.Spec.HolderIdentity == nil {
				return "", err
			}
			return *object.Spec.HolderIdentity, err
		}
		Eventually(holder).ShouldNot(BeEmpty())
		first, err := holder()
		Expect(err).NotTo(HaveOccurred())
		follower := startManager(ctx, cluster, lease)

		d.create(ctx, shop()...)
		Eventually(func() engine.Reason { return leading.decide(d.namespace, "richard", "update", nil) }).Should(Equal(engine.ReasonRule))
		Eventually(func() engine.Reason { return follower.decide(d.namespace, "richard", "update", nil) }).Should(Equal(engine.ReasonRule))
		Eventually(d.effective(ctx, "richard")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))
		Expect(holder()).To(Equal(first))
		snapshot, ok := leading.store.Domain(d.namespace)
		Expect(ok).To(BeTrue())
		Expect(follower.store.WaitFor(ctx, d.namespace, snapshot.Revision)).To(Succeed())

		By("stopping the leader")
		leading.stop()
		Expect(follower.decide(d.namespace, "richard", "update", nil)).To(Equal(engine.ReasonRule))
		d.create(ctx, testobjects.MakeSpecialPermission("freeze", "richard").On(v1alpha1.AccessNone, "order").Obj())
		Eventually(func() engine.Reason { return follower.decide(d.namespace, "richard", "update", nil) }).Should(Equal(engine.ReasonSpecialPermission))
		Eventually(d.effective(ctx, "richard")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessNone)))
		Eventually(holder).ShouldNot(Or(BeEmpty(), Equal(first)))
	})
})

var _ = Describe("An API server that is away", func() {
	It("changes no decision, and is caught up with when it is back", func(ctx SpecContext) {
		// While somebody watches, an API server takes a minute to stop by itself.
		c := startCluster(func(env *envtest.Environment) { env.ControlPlaneStopTimeout = time.Second })
		lease := &leader.Lease{Namespace: c.newNamespace(ctx), Duration: 3 * time.Second}
		d := &domain{testCluster: c, manager: startManager(ctx, c, lease), namespace: c.newNamespace(ctx)}
		d.create(ctx, shop()...)
		Eventually(d.effective(ctx, "richard")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))

		// Somebody asks all the time.
		asking, stop := context.WithCancel(ctx)
		var asked, wrong atomic.Int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for asking.Err() == nil {
				<-tick.C
				asked.Add(1)
				if d.decide("richard", "update", nil) != engine.ReasonRule || d.store.ReadyzCheck(nil) != nil {
					wrong.Add(1)
				}
			}
		}()

		apiServer := c.env.ControlPlane.APIServer
		Expect(apiServer.Stop()).To(Or(Succeed(), MatchError(ContainSubstring("timeout waiting")))) // and killed
		before := asked.Load()
		// Longer than the lease, so that the only manager loses it.
		Consistently(func() error { return d.store.ReadyzCheck(nil) }).WithTimeout(2 * lease.Duration).Should(Succeed())
		Expect(asked.Load()).To(BeNumerically(">", before))
		Expect(d.ended).NotTo(Receive(), "the manager ended")

		apiServer.StopTimeout = patience
		Expect(apiServer.Start()).To(Succeed())
		Eventually(d.users(ctx)).Should(HaveLen(2))
		d.create(ctx, testobjects.MakeUser("mary").Roles("buyer").Obj())
		Eventually(func() engine.Reason { return d.decide("mary", "update", nil) }).Should(Equal(engine.ReasonRule))
		Eventually(d.effective(ctx, "mary")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))
		stop()
		<-done
		Expect(wrong.Load()).To(BeZero(), "of %d decisions", asked.Load())
	})
})
