package controllers_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/leader"
	"github.com/remit-authz/remit/internal/testobjects"
)

// faultSize is how many objects a fault is tried with: REMIT_FAULT_SIZE, or some hundreds.
func faultSize() int {
	if size, err := strconv.Atoi(os.Getenv("REMIT_FAULT_SIZE")); err == nil {
		return size
	}
	return 300
}

// signalled has a process of the control plane started in a way that tells its id, which is the last line of the file.
func signalled(path *string, name string) (pid func() int) {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	ids := filepath.Join(dir, "pid")
	wrapper := filepath.Join(dir, name)
	script := fmt.Sprintf("#!/bin/sh\necho $$ >%q\nexec %q \"$@\"\n", ids, filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), name))
	Expect(os.WriteFile(wrapper, []byte(script), 0o700)).To(Succeed())
	*path = wrapper
	return func() int {
		GinkgoHelper()
		text, err := os.ReadFile(ids)
		Expect(err).NotTo(HaveOccurred())
		id, err := strconv.Atoi(strings.TrimSpace(string(text)))
		Expect(err).NotTo(HaveOccurred())
		return id
	}
}

// asking asks all the time whether richard may update an order, which he always may.
type asking struct {
	asked, wrong atomic.Int64
	stop         func()
}

func ask(ctx context.Context, d *domain) *asking {
	a := &asking{}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			<-tick.C
			a.asked.Add(1)
			if d.decide("richard", "update", nil) != engine.ReasonRule || d.store.ReadyzCheck(nil) != nil {
				a.wrong.Add(1)
			}
		}
	}()
	a.stop = sync.OnceFunc(func() { end(); <-done })
	DeferCleanup(a.stop)
	return a
}

// report tells what a fault did, for docs/faults.md.
func (a *asking) report(fault string, decided, written time.Duration) {
	GinkgoHelper()
	a.stop()
	Expect(a.wrong.Load()).To(BeZero(), "of %d decisions", a.asked.Load())
	Expect(a.asked.Load()).To(BeNumerically(">", 0))
	AddReportEntry(fmt.Sprintf("%s: %d decisions during, none wrong; then a change is decided by after %.2f s, in status after %.2f s",
		fault, a.asked.Load(), decided.Seconds(), written.Seconds()), ReportEntryVisibilityAlways)
}

// heals writes a user as soon as the API server takes it, and gives how long after the end of the fault decisions and
// status followed.
func heals(ctx context.Context, d *domain, user string) (decided, written time.Duration) {
	GinkgoHelper()
	began := time.Now()
	object := testobjects.MakeUser(user).Roles("buyer").Obj()
	object.SetNamespace(d.namespace)
	object.SetGeneration(0)
	Eventually(func() error { return client.IgnoreAlreadyExists(d.Create(ctx, object.DeepCopy())) }).Should(Succeed())
	Eventually(func() engine.Reason { return d.decide(user, "update", nil) }).Should(Equal(engine.ReasonRule))
	decided = time.Since(began)
	Eventually(d.effective(ctx, user)).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))
	return decided, time.Since(began)
}

// settled waits until the shop is served.
func settled(ctx context.Context, d *domain) {
	GinkgoHelper()
	Eventually(d.effective(ctx, "richard")).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))
}

var _ = Describe("A control plane that fails", Ordered, func() {
	var c *testCluster
	var etcd, apiServer func() int
	var d *domain
	var wire *proxy
	BeforeAll(func(ctx SpecContext) {
		c = startCluster(func(env *envtest.Environment) {
			env.ControlPlaneStopTimeout = time.Second
			env.ControlPlane.Etcd = &envtest.Etcd{}
			etcd = signalled(&env.ControlPlane.Etcd.Path, "etcd")
			apiServer = signalled(&env.ControlPlane.APIServer.Path, "kube-apiserver")
		})
		wire = startProxy(strings.TrimPrefix(strings.TrimPrefix(c.config.Host, "https://"), "http://"))
		through := *c
		through.config = rest.CopyConfig(c.config)
		through.config.Host = "https://" + wire.address
		lease := &leader.Lease{Namespace: c.newNamespace(ctx), Duration: 3 * time.Second}
		d = &domain{testCluster: c, manager: startManager(ctx, &through, lease), namespace: c.newNamespace(ctx)}
		d.create(ctx, shop()...)
		settled(ctx, d)
	})

	It("changes no decision when the API server is killed", func(ctx SpecContext) {
		a := ask(ctx, d)
		server := c.env.ControlPlane.APIServer
		Expect(syscall.Kill(apiServer(), syscall.SIGKILL)).To(Succeed())
		_ = server.Stop() // it is gone, and so may the answer be
		Consistently(func() error { return d.store.ReadyzCheck(nil) }).WithTimeout(4 * time.Second).Should(Succeed())
		server.StopTimeout = patience
		Expect(server.Start()).To(Succeed())
		decided, written := heals(ctx, d, "after-kill")
		a.report("API server killed for 4 s, and started", decided, written)
	})

	It("changes no decision when etcd hangs", func(ctx SpecContext) {
		a := ask(ctx, d)
		id := etcd()
		Expect(syscall.Kill(id, syscall.SIGSTOP)).To(Succeed())
		defer syscall.Kill(id, syscall.SIGCONT) //nolint:errcheck // it may go on already
		hurry, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "never-"}}
		Expect(d.Create(hurry, namespace)).NotTo(Succeed(), "nothing can be written")
		Consistently(func() error { return d.store.ReadyzCheck(nil) }).WithTimeout(3 * time.Second).Should(Succeed())
		Expect(syscall.Kill(id, syscall.SIGCONT)).To(Succeed())
		decided, written := heals(ctx, d, "after-pause")
		a.report("etcd stopped for 6 s", decided, written)
	})

	It("changes no decision when the connection is cut", func(ctx SpecContext) {
		a := ask(ctx, d)
		wire.cut()
		d.create(ctx, testobjects.MakeSpecialPermission("meanwhile", "leisa@example.com").On(v1alpha1.AccessFull, "order").Obj())
		Consistently(func() error { return d.store.ReadyzCheck(nil) }).WithTimeout(4 * time.Second).Should(Succeed())
		Expect(d.decide("leisa@example.com", "update", nil)).To(Equal(engine.ReasonNoRule), "what is not heard is not given")
		wire.mend()
		decided, written := heals(ctx, d, "after-cut")
		a.report("connection cut for 4 s", decided, written)
		Eventually(func() engine.Reason { return d.decide("leisa@example.com", "update", nil) }).Should(Equal(engine.ReasonSpecialPermission))
	})
})

var _ = Describe("A leader that is killed amid many writes", func() {
	It("is followed by one that finishes, and never by two", func(ctx SpecContext) {
		lease := &leader.Lease{Namespace: cluster.newNamespace(ctx), Duration: 3 * time.Second}
		wire := startProxy(strings.TrimPrefix(cluster.config.Host, "https://"))
		through := *cluster
		through.config = rest.CopyConfig(cluster.config)
		through.config.Host = "https://" + wire.address
		leading := startManager(ctx, &through, lease)
		d := &domain{testCluster: cluster, manager: leading, namespace: cluster.newNamespace(ctx)}
		holder := func() string {
			var object coordinationv1.Lease
			if d.Get(ctx, client.ObjectKey{Namespace: lease.Namespace, Name: leader.LeaseName}, &object) != nil || object.Spec.HolderIdentity == nil {
				return ""
			}
			return *object.Spec.HolderIdentity
		}
		Eventually(holder).ShouldNot(BeEmpty())
		first := holder()
		follower := startManager(ctx, cluster, lease)
		users := make([]string, faultSize())
		for i := range users {
			users[i] = fmt.Sprintf("user-%05d", i)
		}
		d.create(ctx, shop()...)
		settled(ctx, d)
		a := ask(ctx, &domain{testCluster: cluster, manager: follower, namespace: d.namespace})
		d.create(ctx, testobjects.MakeGroup("many").Members(users...).Roles("buyer").Obj())
		Eventually(func() (int, error) { list, err := d.users(ctx)(); return len(list), err }).Should(BeNumerically(">", len(users)/10))
		By("cutting it off, which is what the others see of a leader that is killed")
		wire.cut()
		began := time.Now()
		Eventually(holder).ShouldNot(Or(BeEmpty(), Equal(first)))
		taken := time.Since(began)
		Eventually(d.users(ctx)).Should(HaveLen(len(users) + 2))
		for _, user := range []string{users[0], users[len(users)/2], users[len(users)-1]} {
			Eventually(d.effective(ctx, user)).Should(WithTransform(orderAccess, Equal(v1alpha1.AccessFull)))
		}
		finished := time.Since(began)
		a.report(fmt.Sprintf("leader cut off amid the status of %d users; another leads after %.1f s", len(users), taken.Seconds()), 0, finished)

		By("letting the first one hear again: it follows now")
		second := holder()
		wire.mend()
		Eventually(func() engine.Reason { return leading.decide(d.namespace, users[0], "update", nil) }).Should(Equal(engine.ReasonRule))
		Consistently(holder).Should(Equal(second))
	})
})

var _ = Describe("A domain with many broken objects", func() {
	It("keeps no other from being served", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)
		settled(ctx, d)
		broken := &domain{testCluster: cluster, manager: d.manager, namespace: cluster.newNamespace(ctx)}
		a := ask(ctx, d)
		var done sync.WaitGroup
		for part := range slices.Chunk(slices.Collect(upTo(faultSize())), max(1, faultSize()/8)) {
			done.Go(func() {
				defer GinkgoRecover()
				for _, i := range part {
					broken.create(ctx, testobjects.MakeRole(fmt.Sprintf("broken-%d", i)).Rule(testobjects.MakeRule("order").Actions("read").Condition("1 +").Obj()).Obj())
				}
			})
		}
		decided, written := heals(ctx, d, "meanwhile")
		done.Wait()
		last := testobjects.MakeRole(fmt.Sprintf("broken-%d", faultSize()-1)).Obj()
		began := time.Now()
		Eventually(reading(ctx, broken, last)).Should(haveMessage(v1alpha1.ConditionStalled, "condition"))
		a.report(fmt.Sprintf("%d broken objects in the domain beside, the last of them reported %.1f s after", faultSize(), time.Since(began).Seconds()), decided, written)
	})
})

func upTo(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

var _ = Describe("A writer of status that others get in the way of", func() {
	It("loses nothing to conflicts", func(ctx SpecContext) {
		d := newDomain(ctx)
		d.create(ctx, shop()...)
		settled(ctx, d)
		a := ask(ctx, d)
		began := time.Now()
		for i := range 50 {
			user := testobjects.MakeUser("richard").Obj()
			change(ctx, d, user, func(u *v1alpha1.User) {
				u.Labels = map[string]string{"round": strconv.Itoa(i)}
				u.Spec.Staff = i%2 == 0
			})
		}
		changed := time.Since(began)
		user := testobjects.MakeUser("richard").Obj()
		Eventually(reading(ctx, d, user)).Should(And(haveConditions(served, resolved), WithTransform(func(u *v1alpha1.User) bool {
			return u.Status.ObservedGeneration == u.Generation
		}, BeTrue())))
		a.report("an object written 50 times while its status is", 0, time.Since(began)-changed)
	})
})

// proxy is a wire between a manager and its API server that can be cut.
type proxy struct {
	address, to string
	mu          sync.Mutex
	down        bool
	open        map[net.Conn]bool
}

func startProxy(to string) *proxy {
	GinkgoHelper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	p := &proxy{address: listener.Addr().String(), to: strings.TrimSuffix(to, "/"), open: map[net.Conn]bool{}}
	DeferCleanup(listener.Close)
	DeferCleanup(p.cut)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			go p.carry(conn)
		}
	}()
	return p
}

func (p *proxy) carry(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // either side may have ended it
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.to)
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // as above
	p.mu.Lock()
	if p.down {
		p.mu.Unlock()
		return
	}
	p.open[conn], p.open[server] = true, true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, conn)
		delete(p.open, server)
	}()
	go func() {
		_, _ = io.Copy(server, conn)
		_ = server.Close()
	}()
	_, _ = io.Copy(conn, server)
}

// cut ends all connections, and lets none be made.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for conn := range p.open {
		_ = conn.Close()
	}
}

// mend lets connections be made again.
func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}
