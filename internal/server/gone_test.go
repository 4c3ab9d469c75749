package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr"

	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/testobjects"
)

// costlyObjects are a domain in which each decision about a report costs as much as one may.
func costlyObjects() []engine.Object {
	role := testobjects.MakeRole("r")
	for i := range 9 {
		role = role.Rule(testobjects.MakeRule("report").Access("Full").Condition(fmt.Sprintf(
			"context.l.exists(a, context.l.exists(b, context.l.exists(c, a == -%d)))", i+1)).Obj())
	}
	objects := []engine.Object{testobjects.MakeResourceType("report").Obj(), role.Obj()}
	records := testobjects.MakeRecordSet("reports", "report")
	for i := range 300 {
		records = records.Record(fmt.Sprintf("r-%d", i), "", nil)
		objects = append(objects, testobjects.MakeUser(fmt.Sprintf("u-%d", i)).Roles("r").Obj())
	}
	return append(objects, records.Obj())
}

// TestWorkEndsWithItsCaller: when a caller has gone, what was being computed for it ends, and its place is free. Each of the
// requests would take longer than the test waits.
func TestWorkEndsWithItsCaller(t *testing.T) {
	s, err := New(fixed{"shop": compiled("shop", "17", costlyObjects()...)}, Options{Listener: listen(t), PlainHTTP: true, Authn: AuthnNone, Log: logr.Discard()})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	running, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Start(running) }()
	t.Cleanup(func() {
		stop()
		if err := ignore(<-ended, http.ErrServerClosed); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	eventually(t, "the server listens", func() bool { return s.Addr() != nil })
	answering := func() int {
		s.load.mu.Lock()
		defer s.load.mu.Unlock()
		return s.load.all
	}
	list, err := json.Marshal(make([]int, 55))
	if err != nil {
		t.Fatal(err)
	}
	question := fmt.Sprintf(`"subject": {"type": "user", "id": "u-1"}, "action": {"name": "read"}, "context": {"l": %s}`, list)
	for path, body := range map[string]string{
		"evaluations":     `{` + question + `, "resource": {"type": "report", "id": "r-1"}, "evaluations": [` + strings.Repeat(`{}, `, 999) + `{}]}`,
		"search/resource": `{` + question + `, "resource": {"type": "report"}}`,
		"search/subject":  strings.Replace(`{`+question+`, "resource": {"type": "report", "id": "r-1"}}`, `, "id": "u-1"`, "", 1),
	} {
		t.Run(path, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.Addr().String()+"/domains/shop/access/v1/"+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			answered := make(chan error, 1)
			go func() {
				response, err := http.DefaultClient.Do(request)
				if err == nil {
					err = fmt.Errorf("it is answered with %s", response.Status)
					response.Body.Close() //nolint:errcheck,gosec // nobody reads it
				}
				answered <- err
			}()
			eventually(t, "it is being computed", func() bool { return answering() == 1 && s.load.long.count() == 1 })
			leave()
			if err := <-answered; !errors.Is(err, context.Canceled) {
				t.Fatalf("the request: %v", err)
			}
			eventually(t, "its work has ended", func() bool { return answering() == 0 && s.load.long.count() == 0 })
		})
	}
}
