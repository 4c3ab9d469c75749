package explain

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/engine/enginetest"
	"github.com/remit-authz/remit/internal/testobjects"
)

var now = time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)

// explained is the domain of the tests below.
func explained() *engine.Domain {
	reads := testobjects.MakeRule("order").Actions("read").Obj()
	open := testobjects.MakeRule("order").Actions("update").Condition("resource.properties.state == 'open'").Fields("state", "company").Obj()
	return engine.Compile([]engine.Object{
		testobjects.MakeResourceType("company").Obj(),
		testobjects.MakeResourceType("order").Link("company", "company").Obj(),
		testobjects.MakeResourceType("account").StaffOnly().Obj(),
		testobjects.MakeRole("admin").AdminAccess().Obj(),
		testobjects.MakeRole("reader").Rule(reads).Obj(),
		testobjects.MakeRole("clerk").Rule(reads, open).Obj(),
		testobjects.MakeRole("keeper").Rule(testobjects.Full("account")).Obj(),
		testobjects.MakeRole("office").AllowedCIDRs("10.1.0.0/16").RequireMFA().Rule(testobjects.Full("order")).Obj(),
		testobjects.MakeGroup("desk").Members("dora").Roles("clerk").Obj(),
		testobjects.MakeGroup("bosses").Members("boss").Roles("admin").Obj(),
		testobjects.MakeUser("ann").Roles("reader").Obj(),
		testobjects.MakeUser("bob").Roles("clerk").Obj(),
		testobjects.MakeUser("off").Roles("clerk").Disabled().Obj(),
		testobjects.MakeUser("otto").Roles("office").Obj(),
		testobjects.MakeRole("partner").Rule(testobjects.MakeRule("order").Actions("read").
			Condition("resource.properties.shared == true || resource.properties.state == 'sent' && resource.properties.partner == subject.id").Obj()).Obj(),
		testobjects.MakeUser("rita").Roles("partner").Obj(),
		testobjects.MakeUser("kim").Roles("keeper").Obj(),
		testobjects.MakeUser("sam").Roles("clerk").Obj(),
		testobjects.MakeUserPermission("bob-north", "company", "north").User("bob").Obj(),
		testobjects.MakeUserPermission("desk-north", "company", "north").Group("desk").Obj(),
		testobjects.MakeSpecialPermission("sam-frozen", "sam").On(v1alpha1.AccessNone, "order", "company").Obj(),
	})
}

func TestRemedies(t *testing.T) {
	tests := map[string]struct {
		user, action, resource string
		properties, context    map[string]any
		actionProperties       map[string]any
		// want are the steps of the remedies, in their order.
		want []string
	}{
		"no rule": {user: "nobody", action: "read", resource: "order/1", properties: map[string]any{"company": nil}, want: []string{
			"User/nobody spec.roles: add a new role nobody-order with one rule: read on order, only for record 1",
			"User/nobody spec.roles: add a new role nobody-order with one rule: read on order",
			"User/nobody spec.roles: add role reader",
			"SpecialPermission/nobody-order: create it with access ReadOnly on order, regardless of roles (limit it with expiresAt)",
			"User/nobody spec.roles: add role clerk",
		}},
		"a group": {user: "ann", action: "update", resource: "order/1", properties: map[string]any{"company": "north", "state": "open"}, want: []string{
			"User/ann spec.roles: add a new role ann-order with one rule: update on order, only for record 1",
			"User/ann spec.roles: add a new role ann-order with one rule: update on order",
			"User/ann spec.roles: add role clerk",
			"Group/desk spec.members: add member ann",
			"SpecialPermission/ann-order: create it with access Full on order, regardless of roles (limit it with expiresAt)",
		}},
		"a condition": {user: "bob", action: "update", resource: "order/1", properties: map[string]any{"company": "north", "state": "sent"}, want: []string{
			"User/bob spec.roles: add a new role bob-order with one rule: update on order, only for record 1",
			"User/bob spec.roles: add a new role bob-order with one rule: update on order",
			"SpecialPermission/bob-order: create it with access Full on order, regardless of roles (limit it with expiresAt)",
		}},
		"a value": {user: "rita", action: "read", resource: "order/1", properties: map[string]any{"company": nil, "state": "open", "shared": false}, want: []string{
			": use a record whose shared is true (property shared=true)",
			"User/rita spec.roles: add a new role rita-order with one rule: read on order, only for record 1",
			"User/rita spec.roles: add a new role rita-order with one rule: read on order",
			"User/rita spec.roles: add role reader",
			"SpecialPermission/rita-order: create it with access ReadOnly on order, regardless of roles (limit it with expiresAt)",
		}},
		"a field": {user: "bob", action: "update", resource: "order/1", properties: map[string]any{"company": "north", "state": "open"},
			actionProperties: map[string]any{"values": map[string]any{"margin": int64(1)}}, want: []string{
				": omit margin",
				"User/bob spec.roles: add a new role bob-order with one rule: update on order, fields margin, only for record 1",
				"User/bob spec.roles: add a new role bob-order with one rule: update on order, fields margin",
				"SpecialPermission/bob-order: create it with access Full on order, regardless of roles (limit it with expiresAt)",
			}},
		"a record": {user: "bob", action: "read", resource: "order/1", properties: map[string]any{"company": "south"}, want: []string{
			"UserPermission/bob-company: create it to allow company south, applicable only for order",
			"UserPermission/bob-north spec.forValues: add south",
		}},
		"a record, by a group": {user: "dora", action: "read", resource: "order/1", properties: map[string]any{"company": "south"}, want: []string{
			"UserPermission/dora-company: create it to allow company south, applicable only for order",
		}},
		"an unknown link": {user: "bob", action: "read", resource: "order/1", want: []string{
			": use a record whose company is a permitted company, such as north (property company=north)",
		}},
		"a second factor": {user: "otto", action: "read", resource: "order/1", context: map[string]any{"ip": "10.1.2.3"}, want: []string{
			": sign in with a second factor (context mfa=true)",
			"User/otto spec.roles: add a new role otto-order with one rule: read on order, only for record 1",
			"User/otto spec.roles: add a new role otto-order with one rule: read on order",
			"User/otto spec.roles: add role clerk",
			"User/otto spec.roles: add role reader",
		}},
		"network and factor": {user: "otto", action: "delete", resource: "order/1", want: []string{
			": sign in with a second factor (context mfa=true), and connect from a network that Role/office allows, such as 10.1.0.0/16 (context ip=10.1.0.0)",
			"User/otto spec.roles: add a new role otto-order with one rule: delete on order, only for record 1",
			"User/otto spec.roles: add a new role otto-order with one rule: delete on order",
			"SpecialPermission/otto-order: create it with access Full on order, regardless of roles (limit it with expiresAt)",
		}},
		"disabled": {user: "off", action: "read", resource: "order/1", want: []string{"User/off spec.disabled: set it to false"}},
		"staff":    {user: "kim", action: "read", resource: "account/1", want: []string{"User/kim spec.staff: set it to true"}},
		"a special permission": {user: "sam", action: "read", resource: "order/1", want: []string{
			"SpecialPermission/sam-frozen spec.permissions: set access ReadOnly on order",
			"SpecialPermission/sam-frozen spec.permissions: set access NotApplicable on order",
			"SpecialPermission/sam-frozen: delete it, or end it with expiresAt",
			"SpecialPermission/sam-frozen spec.permissions: set access Full on order",
		}},
		"two steps": {user: "kim", action: "read", resource: "company/north", want: []string{
			"User/kim spec.roles: add a new role kim-company with one rule: read on company, only for record north",
			"User/kim spec.roles: add a new role kim-company with one rule: read on company",
			"SpecialPermission/kim-company: create it with access ReadOnly on company, regardless of roles (limit it with expiresAt)",
			"SpecialPermission/kim-company: create it with access Full on company, regardless of roles (limit it with expiresAt)",
		}},
		"staff and a role": {user: "ann", action: "read", resource: "account/1", want: []string{
			"User/ann spec.staff: set it to true; User/ann spec.roles: add a new role ann-account with one rule: read on account, only for record 1",
			"User/ann spec.staff: set it to true; User/ann spec.roles: add a new role ann-account with one rule: read on account",
			"User/ann spec.staff: set it to true; SpecialPermission/ann-account: create it with access ReadOnly on account, regardless of roles (limit it with expiresAt)",
			"User/ann spec.staff: set it to true; User/ann spec.roles: add role keeper",
			"User/ann spec.staff: set it to true; SpecialPermission/ann-account: create it with access Full on account, regardless of roles (limit it with expiresAt)",
		}},
		"no such type": {user: "ann", action: "read", resource: "invoice/1"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d := explained()
			kind, id, _ := strings.Cut(tc.resource, "/")
			request := &engine.Request{
				Subject: engine.Subject{Type: "user", ID: tc.user}, Action: engine.Action{Name: tc.action, Properties: tc.actionProperties},
				Resource: engine.Resource{Type: kind, ID: id, Properties: tc.properties}, Context: tc.context,
			}
			decision, err := d.Decide(request, now)
			if err != nil || decision.Allow {
				t.Fatalf("allowed, or %v", err)
			}
			var got []string
			for _, r := range FindRemedies(d, request, &decision, now) {
				var steps []string
				for _, s := range r.Steps {
					steps = append(steps, strings.TrimSpace(s.Object+" "+s.Field)+": "+s.Change)
				}
				got = append(got, strings.Join(steps, "; "))
				if r.OthersAffected > 0 {
					t.Errorf("%s affects %d others", steps, r.OthersAffected)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("remedies (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRemediesInSets: what is to change is the entry of the set that says it, and the others stay.
func TestRemediesInSets(t *testing.T) {
	d := engine.Compile([]engine.Object{
		testobjects.MakeResourceType("company").Obj(), testobjects.MakeResourceType("order").Link("company", "company").Obj(),
		testobjects.MakeRole("reader").Rule(testobjects.MakeRule("order").Actions("read").Obj()).Obj(),
		testobjects.MakeUserSet("many", testobjects.MakeUser("ann").Roles("reader"), testobjects.MakeUser("off").Roles("reader").Disabled(), testobjects.MakeUser("new")),
		testobjects.MakeUserPermissionSet("limits", testobjects.MakeUserPermission("a", "company", "north").User("ann")),
	})
	for user, want := range map[string]string{
		"off": "UserSet/many spec.users[1].disabled",
		"new": "UserSet/many spec.users[2].roles",
		"ann": "UserPermissionSet/limits spec.permissions[0].forValues",
	} {
		request := &engine.Request{
			Subject: engine.Subject{Type: "user", ID: user}, Action: engine.Action{Name: "read"},
			Resource: engine.Resource{Type: "order", ID: "1", Properties: map[string]any{"company": "south"}},
		}
		decision, err := d.Decide(request, now)
		if err != nil {
			t.Fatal(err)
		}
		var steps []string
		for _, r := range FindRemedies(d, request, &decision, now) {
			if r.OthersAffected > 0 {
				t.Errorf("%s: %v affects %d others", user, r.Steps, r.OthersAffected)
			}
			steps = append(steps, r.Steps[0].Object+" "+r.Steps[0].Field)
		}
		if !slices.Contains(steps, want) {
			t.Errorf("%s: %q, want %s among them", user, steps, want)
		}
	}
}

// TestRemedyMeasures says what comes with a remedy.
func TestRemedyMeasures(t *testing.T) {
	d := explained()
	request := &engine.Request{Subject: engine.Subject{Type: "user", ID: "sam"}, Action: engine.Action{Name: "read"}, Resource: engine.Resource{Type: "order", ID: "1"}}
	decision, err := d.Decide(request, now)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range FindRemedies(d, request, &decision, now) {
		got = append(got, r.SideEffects("sam"))
	}
	want := []string{
		"no other user is affected",
		"no other user is affected; sam gains 1 action besides",
		"no other user is affected; sam gains 1 action besides",
		"no other user is affected; sam gains 3 actions besides",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("side effects (-want +got):\n%s", diff)
	}
}

// TestRemediesHold applies the remedies of random denials to their domains: the request is then allowed, and no
// role or group that was there gives more than before.
func TestRemediesHold(t *testing.T) {
	s := rand.New(rand.NewPCG(1, 2))
	tried := 0
	for range 60 {
		objects := enginetest.Objects(s)
		d := engine.Compile(objects)
		for range 10 {
			request, at := enginetest.Request(s, objects), enginetest.Now(s)
			decision, err := d.Decide(request, at)
			if err != nil || decision.Allow || request.Subject.Type == engine.AnonymousType {
				continue
			}
			for _, r := range FindRemedies(d, request, &decision, at) {
				if slices.ContainsFunc(r.Steps, func(s Step) bool { return s.Object == "" || strings.HasPrefix(s.Change, "delete") }) {
					continue // about the request, or a deletion
				}
				tried++
				if err := holds(d, r); err != nil {
					t.Fatalf("%v: %v\n%v\n%s", r.Steps, err, request, enginetest.Describe(objects))
				}
				var changes []engine.Change
				for _, object := range r.Apply {
					changes = append(changes, engine.Put(object))
				}
				after, _ := d.With(changes...)
				if again, err := after.Decide(request, at); err != nil || !again.Allow {
					t.Fatalf("%v: %s, %v\n%v\n%s", r.Steps, again.Reason, err, request, enginetest.Describe(objects))
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d remedies were tried", tried)
	}
}

// holds checks that a remedy leaves the rules of what is there as they are.
func holds(d *engine.Domain, r Remedy) error {
	for _, object := range r.Apply {
		before, there := d.Lookup(refOf(object))
		if !there {
			continue
		}
		var was, is []v1alpha1.Rule
		switch object := object.(type) {
		case *v1alpha1.Role:
			return fmt.Errorf("%s is changed", refOf(object))
		case *v1alpha1.Group:
			was, is = before.(*v1alpha1.Group).Spec.Rules, object.Spec.Rules
		}
		if diff := cmp.Diff(was, is); diff != "" {
			return fmt.Errorf("%s: %s", refOf(object), diff)
		}
	}
	return nil
}
