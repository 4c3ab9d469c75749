package store

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/remit-authz/remit/internal/testobjects"
)

func TestMetricsTellWhatIsServed(t *testing.T) {
	f := newFeed(t)
	f.add("shop", testobjects.MakeUser("alice").Obj())
	const notReady = `
# HELP remit_store_ready Whether every kind has been listed once and decisions are served (1), or not yet (0).
# TYPE remit_store_ready gauge
remit_store_ready 0
`
	if err := testutil.CollectAndCompare(f.store, strings.NewReader(notReady)); err != nil {
		t.Errorf("before the sync: %v", err)
	}

	f.drain()
	f.add("shop", testobjects.MakeGroup("staff").Members("alice", "bob").Obj())
	f.drain()
	const served = `
# HELP remit_domain_objects Objects that a domain is made of.
# TYPE remit_domain_objects gauge
remit_domain_objects{domain="shop"} 2
# HELP remit_domain_users Users that a domain knows.
# TYPE remit_domain_users gauge
remit_domain_users{domain="shop"} 2
# HELP remit_store_ready Whether every kind has been listed once and decisions are served (1), or not yet (0).
# TYPE remit_store_ready gauge
remit_store_ready 1
`
	if err := testutil.CollectAndCompare(f.store, strings.NewReader(served), "remit_domain_objects", "remit_domain_users", "remit_store_ready"); err != nil {
		t.Errorf("after the sync: %v", err)
	}
	if problems, err := testutil.CollectAndLint(f.store); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, error %v", problems, err)
	}
	snapshot := f.domain("shop")
	if snapshot.Made.IsZero() || snapshot.CompileTime <= 0 {
		t.Errorf("made %v in %v", snapshot.Made, snapshot.CompileTime)
	}
}
