package engine_test

import (
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
		"two links":         {condition: "resource.links.customer.links.territory.region == 'emea'"},
		"tree":              {condition: "under('territory', resource.properties.territory, 't1')"},
	}
	for name, tc := range cases {
		d := engine.Compile([]engine.Object{
			MakeResourceType("doc").Link("customer", "customer").Obj(), MakeResourceType("customer").Link("territory", "territory").Obj(),
			MakeResourceType("territory").Tree("parent").Obj(),
			MakeRecordSet("customers", "customer").Record("c1", "", map[string]any{"country": "DE", "territory": "t3"}).Obj(),
			MakeRecordSet("territories", "territory").Record("t1", "", nil).Record("t2", "t1", nil).Record("t3", "t2", map[string]any{"region": "emea"}).Obj(),
			MakeRole("r").Rule(MakeRule("doc").Actions("*").Condition(tc.condition).Obj()).Obj(),
			MakeUser("ann").Roles("r").Attribute("limit", 100).Obj(),
			MakeGroup("sales").Members("ann").Obj(), MakeGroup("crew").Members("ann").Obj(),
		})
		req := &engine.Request{
			Subject: engine.Subject{Type: "user", ID: "ann"},
			Action:  engine.Action{Name: "read"},
			Resource: engine.Resource{Type: "doc", ID: "d1", Properties: map[string]any{
				"owner": "ann", "status": "open", "team": "sales", "total": int64(99), "kind": "invoice", "customer": "c1", "territory": "t3",
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
