package leader

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
)

// LeaseName is the name of the Lease that replicas compete for.
const LeaseName = "leader.permissions.remit.dev"

// Lease configures the election.
type Lease struct {
	// Namespace of the Leases: the operator's own.
	Namespace string
	// Duration is how long after the leader's last renewal another replica takes over. 0: 30 s. The leader tries to
	// renew for a third of it, and then stops leading. It is also how long after a replica's last renewal the leader
	// no longer waits for that replica to serve the newest generation.
	Duration time.Duration
}

const (
	defaultDuration = 30 * time.Second
	// retries is how often the other replicas try to acquire the lease while it lasts.
	retries = 15
)

func (l Lease) duration() time.Duration {
	if l.Duration == 0 {
		return defaultDuration
	}
	return l.Duration
}

// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=system,resources=leases,verbs=get;list;watch;create;update;patch;delete

// Elector runs a function while this replica holds the lease, and again each time it acquires the lease anew. It is a
// Runnable.
//
// The manager's own leader election ends the process when the lease is lost. That happens to every leader while the
// API server is away, when decisions must go on.
type Elector struct {
	config leaderelection.LeaderElectionConfig
	run    func(context.Context) error
}

// NewElector returns an Elector for run, which must return when its context is done.
func NewElector(config *rest.Config, lease Lease, run func(context.Context) error) (*Elector, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("leader election: %w", err)
	}
	// Renewing and giving up together must end before others may take over.
	duration := lease.duration()
	deadline := duration / 3
	config = rest.CopyConfig(config)
	config.Timeout = deadline / 2
	leases, err := coordinationv1client.NewForConfig(config) // its own connection, so that nothing else delays a renewal
	if err != nil {
		return nil, fmt.Errorf("leader election: %w", err)
	}
	return &Elector{
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
		run: run,
	}, nil
}

// NeedLeaderElection reports that the manager's own leader election is not needed.
func (e *Elector) NeedLeaderElection() bool { return false }

// Start competes for the lease until ctx is done, or the function returns although it still leads.
func (e *Elector) Start(ctx context.Context) error {
	ctx = klog.NewContext(ctx, ctrl.LoggerFrom(ctx).WithName("leader"))
	for ctx.Err() == nil {
		if err := e.term(ctx); err != nil {
			return err
		}
	}
	return nil
}

// term waits for the lease, and runs until it is lost or ctx is done.
func (e *Elector) term(ctx context.Context) error {
	electing, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	config := e.config
	config.Callbacks = leaderelection.LeaderCallbacks{
		OnStartedLeading: func(leading context.Context) {
			defer stop() // a replica whose function has returned must not keep the lease
			err := e.run(leading)
			if leading.Err() != nil {
				err = nil // it was asked to return
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
