package engine_test

import (
	"fmt"
	"testing"

	"github.com/remit-authz/remit/internal/engine"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// BenchmarkDecideCondition decides with one condition for each shape of the fast path, and where one of them ends in a
// denial. Whatever allocates nothing must stay so.
func BenchmarkDecideCondition(b *testing.B) {
	cases := map[string]struct {
		condition string
		denied    bool
	}{
		"owner":             {condition: "resource.properties.owner == subject.id"},
		"owner, denied":     {condition: "resource.properties.owner == resource.id", denied: true},
		"three":             {condition: "resource.properties.owner == subject.id && resource.properties.status in ['open', 'draft'] && resource.properties.total <= subject.attributes.limit"},
		"has, present":      {condition: "!has(resource.properties.status) || resource.properties.status != 'archived'"},
		"has, absent":       {condition: "!has(resource.properties.nope) || resource.properties.nope != 'archived'"},
		"has, denied":       {condition: "!has(resource.properties.status) || resource.properties.status == 'archived'", denied: true},
		"optional":          {condition: "resource.properties.?status.orValue('') == 'open'"},
		"staff":             {condition: "subject.staff || resource.properties.owner == subject.id"},
		"roles":             {condition: "'r' in subject.roles"},
		"groups":            {condition: "resource.properties.team in subject.groups"},
		"text":              {condition: "resource.properties.owner.startsWith('a')"},
		"list":              {condition: "subject.id in [resource.properties.owner, resource.properties.team]"},
		"choice":            {condition: "resource.properties.total > 1000 ? false : resource.properties.status == 'open'"},
		"hours":             {condition: "now.getHours() < 18"},
		"context, missing":  {condition: "context.mfa == true", denied: true},
		"property, missing": {condition: "resource.properties.nope == 1", denied: true},
		"link":              {condition: "resource.links.customer.country == 'DE'"},
		"link, denied":      {condition: "resource.links.customer.country == 'FR'", denied: true},
		"link, three":       {condition: "resource.links.customer.links.territory.links.manager.id == subject.id"},
		"link, has":         {condition: "has(resource.links.customer) && resource.links.customer.country != 'FR'"},
		"link, id":          {condition: "linkID(resource.properties.customer) == 'C-1'"},
		"link, dynamic":     {condition: "resource.links.about.country == 'DE'"},
		"under":             {condition: "under('place', resource.properties.place, 'P-1')"},
		"under, far":        {condition: "under('place', resource.properties.deep, 'P-1')"},
		"under, denied":     {condition: "under('place', resource.properties.deep, 'P-0')", denied: true},
	}
	places := MakeRecordSet("places", "place").Record("P-1", "", nil)
	for i := 2; i < 10; i++ {
		places.Record(fmt.Sprintf("P-%d", i), fmt.Sprintf("P-%d", i-1), nil)
	}
	for name, tc := range cases {
		d := engine.Compile([]engine.Object{
			MakeResourceType("doc").Link("customer", "customer").DynamicLink("about", "about_type").Obj(),
			MakeResourceType("customer").Link("territory", "territory").Obj(), MakeResourceType("territory").Link("manager", "person").Obj(),
			MakeRecordSet("customers", "customer").Record("C-1", "", map[string]any{"country": "DE", "territory": "T-1"}).Obj(),
			MakeRecordSet("territories", "territory").Record("T-1", "", map[string]any{"manager": "ann"}).Obj(),
			MakeRecordSet("people", "person").Record("ann", "", nil).Obj(),
			places.Obj(),
			MakeRole("r").Rule(MakeRule("doc").Actions("*").Condition(tc.condition).Obj()).Obj(),
			MakeUser("ann").Roles("r").Attribute("limit", 100).Obj(),
			MakeGroup("sales").Members("ann").Obj(), MakeGroup("crew").Members("ann").Obj(),
		})
		req := &engine.Request{
			Subject: engine.Subject{Type: "user", ID: "ann"},
			Action:  engine.Action{Name: "read"},
			Resource: engine.Resource{Type: "doc", ID: "d1", Properties: map[string]any{
				"owner": "ann", "status": "open", "team": "sales", "total": int64(99), "kind": "invoice",
				"customer": "C-1", "about": "C-1", "about_type": "customer", "place": "P-3", "deep": "P-9",
			}},
			Context: map[string]any{"ip": "192.0.2.1"},
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if decision, err := d.Decide(req, benchNow); err != nil || decision.Allow == tc.denied {
					b.Fatal(decision, err)
				}
			}
		})
	}
}
