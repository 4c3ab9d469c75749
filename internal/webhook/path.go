package webhook

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/remit-authz/remit/internal/webhookconfig"
)

const (
	// currentKey and previousKey are the keys of the Secret's tokens: the one that the webhook configuration has or is about
	// to have, and the one that it had before, which API servers may go on using for a while.
	currentKey, previousKey = "token", "previous"
	// pathOwner is the field owner of what the keeper writes.
	pathOwner = client.FieldOwner("remit-webhook-path")
	// madeAnnotation of the Secret tells when the current token was made.
	madeAnnotation = "permissions.remit.dev/token-made"

	// tokenLife is how long a token is used. An API server that does not reach the webhook tells the writer its URL, so that a
	// token does not stay a secret for ever.
	tokenLife = 24 * time.Hour
	// tokenSettle is how long a replica that knows a new token waits before it tells the API server: until the others know it
	// too. tokenGrace is how long the one before is accepted once the API server was told: until every API server knows.
	tokenSettle, tokenGrace = 10 * time.Second, 2 * time.Minute
)

// The keeper reads one Secret and one configuration, and writes them.
//
// +kubebuilder:rbac:groups="",namespace=system,resources=secrets,resourceNames=remit-webhook-path,verbs=list;watch;update
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingwebhookconfigurations,resourceNames=remit-validating-webhook-configuration,verbs=list;watch;patch

// PathOptions keep the webhook's URL from everybody but the API server.
type PathOptions struct {
	// Secret, in the operator's own namespace, is where replicas keep the tokens that are the first segment of the URL's path.
	// It has to exist. Empty: the path is the same everywhere.
	Secret string
	// Configuration is the ValidatingWebhookConfiguration from which the API server has the path.
	Configuration string
}

// pair is the Secret and the configuration of an operator in a namespace.
func (o PathOptions) pair(namespace string) webhookconfig.Pair {
	return webhookconfig.Pair{Secret: types.NamespacedName{Namespace: namespace, Name: o.Secret}, Configuration: o.Configuration}
}

// PathCache configures the cache of a manager for SetupWithManager with a Secret in the operator's namespace.
func PathCache(namespace string, o PathOptions) map[client.Object]cache.ByObject {
	return o.pair(namespace).ByObject()
}

// keeper keeps the tokens and tells the API server the current one. Each replica has one; whose write is late has a conflict,
// and takes what is there.
type keeper struct {
	client.Client
	clock  clock.PassiveClock
	secret types.NamespacedName

	mu sync.RWMutex
	// accepted are the tokens by which the webhook answers.
	accepted []string
	// known and told are since when this replica knows the current token, and has seen it in the configuration.
	current     string
	known, told time.Time
}

// setupPath serves a handler below the tokens only, and keeps these.
func setupPath(mgr ctrl.Manager, answers http.Handler, opts Options) error {
	pair := opts.Path.pair(opts.Namespace)
	k := &keeper{Client: mgr.GetClient(), clock: opts.Clock, secret: pair.Secret}
	mgr.GetWebhookServer().Register("/", k.guard(answers))
	if err := pair.Watch(mgr, "webhook-path", mgr, k.step); err != nil {
		return fmt.Errorf("keep the webhook's path: %w", err)
	}
	return mgr.AddReadyzCheck("webhook-path", k.check)
}

// guard answers below an accepted token, and elsewhere as if there were nothing.
func (k *keeper) guard(answers http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutSuffix(r.URL.Path, path)
		if !ok || !k.accepts(strings.TrimPrefix(token, "/")) {
			http.NotFound(w, r)
			return
		}
		answers.ServeHTTP(w, r)
	})
}

// accepts reports whether a token is one of the API server's. How long that takes tells nothing about the tokens.
func (k *keeper) accepts(token string) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	found := 0
	for _, accepted := range k.accepted {
		found |= subtle.ConstantTimeCompare([]byte(accepted), []byte(token))
	}
	return found == 1
}

// check fails while the webhook could answer nobody.
func (k *keeper) check(*http.Request) error {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if len(k.accepted) == 0 {
		return fmt.Errorf("there is no token yet in the Secret %s, or the Secret does not exist", k.secret)
	}
	return nil
}

// step takes the next step: a token where there is none or an old one, the configuration when every replica knows the
// token, and the end of the token before when every API server knows the one after it.
func (k *keeper) step(ctx context.Context, secret *corev1.Secret, configuration *admissionregistrationv1.ValidatingWebhookConfiguration) (reconcile.Result, error) {
	now := k.clock.Now()
	current, previous := token(secret.Data[currentKey]), token(secret.Data[previousKey])
	inUse, everywhere := tokenOf(configuration)
	made, err := time.Parse(time.RFC3339, secret.Annotations[madeAnnotation])
	if current == "" || err != nil || now.Sub(made) >= tokenLife {
		before := inUse
		if before == "" {
			before = current
		}
		return reconcile.Result{}, k.write(ctx, secret, newToken(), before, now)
	}
	k.accept(current, previous, inUse == current, now)
	wait := made.Add(tokenLife).Sub(now)
	switch {
	case len(configuration.Webhooks) == 0: // not installed, or removed to write without it
	case inUse != current && k.accepts(inUse) && now.Sub(k.known) < tokenSettle:
		wait = tokenSettle - now.Sub(k.known)
	case inUse != current || !everywhere:
		ctrl.LoggerFrom(ctx).Info("Giving the API server the webhook's path")
		return reconcile.Result{RequeueAfter: wait}, k.tell(ctx, configuration, current)
	case previous != "" && now.Sub(k.told) < tokenGrace:
		wait = tokenGrace - now.Sub(k.told)
	case previous != "":
		return reconcile.Result{}, k.write(ctx, secret, current, "", made)
	}
	return reconcile.Result{RequeueAfter: wait}, nil
}

// accept has the webhook answer by the Secret's tokens.
func (k *keeper) accept(current, previous string, told bool, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != current {
		k.current, k.known, k.told = current, now, time.Time{}
	}
	if told && k.told.IsZero() {
		k.told = now
	}
	k.accepted = slices.DeleteFunc([]string{current, previous}, func(token string) bool { return token == "" })
}

// write stores the tokens, unless somebody else has written the Secret in the meantime.
func (k *keeper) write(ctx context.Context, secret *corev1.Secret, current, previous string, made time.Time) error {
	secret = secret.DeepCopy()
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	secret.Data[currentKey] = []byte(current)
	if delete(secret.Data, previousKey); previous != "" {
		secret.Data[previousKey] = []byte(previous)
	}
	if secret.Annotations == nil {
		secret.Annotations = map[string]string{}
	}
	secret.Annotations[madeAnnotation] = made.UTC().Format(time.RFC3339)
	return k.Update(ctx, secret, pathOwner)
}

// tell puts a token into the configuration.
func (k *keeper) tell(ctx context.Context, configuration *admissionregistrationv1.ValidatingWebhookConfiguration, token string) error {
	at := "/" + token + path
	return webhookconfig.Patch(ctx, k.Client, pathOwner, configuration, func(webhook *admissionregistrationv1.ValidatingWebhook) (string, any, error) {
		address := webhook.ClientConfig.URL
		if address == nil {
			return "clientConfig/service/path", at, nil
		}
		with, err := url.Parse(*address)
		if err != nil {
			return "", nil, err
		}
		with.Path = at
		return "clientConfig/url", with.String(), nil
	})
}

// tokenOf returns the token of a configuration, and whether all its webhooks have it.
func tokenOf(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) (found string, everywhere bool) {
	everywhere = true
	for i, webhook := range configuration.Webhooks {
		var at string
		switch to := webhook.ClientConfig; {
		case to.URL != nil:
			if address, err := url.Parse(*to.URL); err == nil {
				at = address.Path
			}
		case to.Service != nil:
			at = ptr.Deref(to.Service.Path, "")
		}
		segment, ok := strings.CutSuffix(strings.TrimPrefix(at, "/"), path)
		if segment = token([]byte(segment)); !ok {
			segment = ""
		}
		if i == 0 {
			found = segment
		}
		everywhere = everywhere && segment == found
	}
	return found, everywhere
}

// tokens are what newToken makes: the API server takes lower case only.
var tokens = regexp.MustCompile(`^[a-z2-7]{26}$`)

// token is a text if that is a token, else empty: nothing that can be guessed becomes one.
func token(text []byte) string { return string(tokens.Find(text)) }

func newToken() string { return strings.ToLower(rand.Text()) }
