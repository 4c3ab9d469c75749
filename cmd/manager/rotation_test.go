package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/remit-authz/remit/internal/testobjects"
)

// certOverlap is --cert-overlap in tests.
const certOverlap = 5 * time.Second

// testRotation: the authority is replaced under load, and callers who learn the authorities as they are published get every
// answer. Then all that the Secret has is replaced at once, which callers may notice. The API server refuses no change because of
// either.
func testRotation(t *testing.T, c *cluster, m *replica, shop caller) {
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()

	// The node shows the Secret to the pod some time after it changed, callers learn the authorities.
	var learned atomic.Pointer[x509.CertPool]
	learned.Store(shop.authority)
	running.Go(func() {
		wait.UntilWithContext(ctx, func(ctx context.Context) {
			var secret corev1.Secret
			if err := c.Get(ctx, client.ObjectKey{Namespace: home, Name: "remit-certs"}, &secret); err != nil || len(secret.Data["tls.key"]) == 0 {
				return
			}
			pool := x509.NewCertPool()
			pool.AppendCertsFromPEM(secret.Data["ca.crt"])
			learned.Store(pool)
			for _, name := range []string{"ca.crt", "tls.crt", "tls.key"} {
				file := filepath.Join(c.certs, name)
				if err := errors.Join(os.WriteFile(file+"~", secret.Data[name], 0o600), os.Rename(file+"~", file)); err != nil {
					t.Error(err)
				}
			}
		}, 500*time.Millisecond)
	})
	var writes, asked atomic.Int64
	var atOnce atomic.Bool
	running.Go(func() {
		for ctx.Err() == nil {
			role := testobjects.MakeRole("rotating").Obj()
			role.Namespace, role.Generation = "default", 0
			if err := c.Create(ctx, role, client.DryRunAll); err != nil && ctx.Err() == nil {
				t.Errorf("write %d: %v", writes.Load(), err)
			}
			writes.Add(1)
		}
	})
	running.Go(func() {
		for ctx.Err() == nil {
			if err := (caller{token: shop.token, authority: learned.Load()}).mayRead(t, m); err != nil && ctx.Err() == nil && !atOnce.Load() {
				t.Errorf("request %d: %v", asked.Load(), err)
			}
			asked.Add(1)
		}
	})
	authorities := func() int { return bytes.Count(c.secret(t).Data["ca.crt"], []byte("BEGIN CERTIFICATE")) }
	served := func() []byte { return c.secret(t).Data["tls.crt"] }
	patch := func(text string) {
		t.Helper()
		secret := &corev1.Secret{}
		secret.Namespace, secret.Name = home, "remit-certs"
		if err := c.Patch(t.Context(), secret, client.RawPatch(types.MergePatchType, []byte(text))); err != nil {
			t.Fatal(err)
		}
	}
	goesOn := func() {
		t.Helper()
		eventually(t, "who knows the newest authority alone is answered", func() error {
			block, _ := pem.Decode(c.secret(t).Data["ca.crt"])
			newest := x509.NewCertPool()
			newest.AppendCertsFromPEM(pem.EncodeToMemory(block))
			return (caller{token: shop.token, authority: newest}).mayRead(t, m)
		})
		before, askedBefore := writes.Load(), asked.Load()
		eventually(t, "the load goes on", func() error {
			if writes.Load() < before+20 || asked.Load() < askedBefore+20 {
				return fmt.Errorf("%d writes and %d requests", writes.Load(), asked.Load())
			}
			return nil
		})
	}
	trusted := func() error {
		var configuration admissionregistrationv1.ValidatingWebhookConfiguration
		if err := c.Get(t.Context(), client.ObjectKey{Name: "remit-validating-webhook-configuration"}, &configuration); err != nil {
			return err
		}
		if !bytes.Equal(configuration.Webhooks[0].ClientConfig.CABundle, c.secret(t).Data["ca.crt"]) {
			return errors.New("the API server trusts others")
		}
		return nil
	}

	old := served()
	patch(`{"data": {"ca.key": null}}`)
	eventually(t, "there are two authorities", func() error {
		if n := authorities(); n != 2 {
			return fmt.Errorf("there are %d", n)
		}
		return nil
	})
	eventually(t, "the API server trusts both", trusted)
	if !bytes.Equal(served(), old) {
		t.Error("the certificate changed before callers could learn the new authority")
	}
	eventually(t, "the certificate is by the new one", func() error {
		if bytes.Equal(served(), old) {
			return errors.New("it is the old one")
		}
		return nil
	})
	goesOn()

	old = served()
	atOnce.Store(true)
	patch(`{"data": null}`)
	eventually(t, "the certificate is another", func() error {
		if now := served(); len(now) == 0 || bytes.Equal(now, old) {
			return errors.New("it is the old one")
		}
		return nil
	})
	eventually(t, "the API server trusts it", trusted)
	goesOn()
	t.Logf("%d writes and %d requests while the authority was replaced twice", writes.Load(), asked.Load())
}
