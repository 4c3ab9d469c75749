package controllers

import (
	"context"
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/remit-authz/remit/api/v1alpha1"
)

// LeaseName is the name of the Lease that replicas compete for.
const LeaseName = "leader.permissions.remit.dev"

// Lease is what replicas compete for.
type Lease struct {
	// Namespace of the Lease object.
	Namespace string
	// Duration is how long after the leader's last sign of life another takes over. 0: 30 s. The leader tries to
	// renew the lease for a third of it, and gives up leading then. It is also how long after a replica's last sign
	// of life the leader no longer waits for it to serve what is newest.
	Duration time.Duration
}

// duration is how long the lease lasts.
func (l Lease) duration() time.Duration {
	if l.Duration == 0 {
		return defaultLeaseDuration
	}
	return l.Duration
}

const (
	defaultLeaseDuration = 30 * time.Second
	// retries is how often, while the leader's sign of life is awaited, the others look whether it came.
	retries = 15
)

// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=system,resources=leases,verbs=get;list;watch;create;update;patch;delete

// leader runs something while this replica holds a lease, and again each time it gets it back.
//
// The manager has leader election of its own, but ends when the lease is lost. That happens to every leader
// while the API server is away, when decisions must go on.
type leader struct {
	config leaderelection.LeaderElectionConfig
	cache  cache.Cache
	run    func(context.Context) error
}

func newLeader(mgr ctrl.Manager, lease Lease, run func(context.Context) error) (*leader, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("leader election: %w", err)
	}
	// Renewing and giving up together must end before others may take over.
	duration := lease.duration()
	deadline := duration / 3
	config := rest.CopyConfig(mgr.GetConfig())
	config.Timeout = deadline / 2
	leases, err := coordinationv1client.NewForConfig(config) // a connection of its own, which nothing else delays
	if err != nil {
		return nil, fmt.Errorf("leader election: %w", err)
	}
	return &leader{
		config: leaderelection.LeaderElectionConfig{
			Name: LeaseName,
			Lock: &resourcelock.LeaseLock{
				LeaseMeta:  metav1.ObjectMeta{Namespace: lease.Namespace, Name: LeaseName},
				Client:     leases,
				LockConfig: resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())},
			},
			LeaseDuration:   duration,
			RenewDeadline:   deadline,
			RetryPeriod:     duration / retries,
			ReleaseOnCancel: true,
		},
		cache: mgr.GetCache(),
		run:   run,
	}, nil
}

// NeedLeaderElection says that the manager need not be the leader: this is how it becomes one.
func (l *leader) NeedLeaderElection() bool { return false }

// Start competes for the lease until ctx is done.
func (l *leader) Start(ctx context.Context) error {
	ctx = klog.NewContext(ctx, ctrl.LoggerFrom(ctx).WithName("leader"))
	// Whoever waits for the lease keeps what the controllers read, and needs no time to get it later.
	if _, err := l.cache.GetInformer(ctx, &v1alpha1.EffectivePermissions{}, cache.BlockUntilSynced(false)); err != nil {
		return fmt.Errorf("watch EffectivePermissions: %w", err)
	}
	for ctx.Err() == nil {
		if err := l.term(ctx); err != nil {
			return err
		}
	}
	return nil
}

// term waits for the lease, and runs until it is lost or ctx is done.
func (l *leader) term(ctx context.Context) error {
	electing, end := context.WithCancel(ctx)
	defer end()
	ended := make(chan error, 1)
	config := l.config
	config.Callbacks = leaderelection.LeaderCallbacks{
		OnStartedLeading: func(leading context.Context) {
			defer end() // who does not run should not lead
			err := l.run(leading)
			if leading.Err() != nil {
				err = nil // stopping was asked for
			}
			ended <- err
		},
		OnStoppedLeading: func() {},
	}
	elector, err := leaderelection.NewLeaderElector(config)
	if err != nil {
		return fmt.Errorf("leader election: %w", err)
	}
	elector.Run(electing)
	if ctx.Err() != nil {
		return nil // perhaps before this replica ever led
	}
	return <-ended
}
