package engine_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/engine/enginetest"
	"github.com/remit-authz/remit/internal/filter"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// noonOfType is the time of the answers below.
var noonOfType = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// typeDomain has a user for each way to be answered about a type, with the name of its only role.
func typeDomain(change func(*v1alpha1.PermissionPolicySpec)) *engine.Domain {
	objects := []engine.Object{
		MakePolicy().Spec(change).Obj(),
		MakeResourceType("order").Link("company", "company").Obj(),
		MakeResourceType("note").Obj(),
		MakeResourceType("company").Tree("parent").Obj(),
		MakeResourceType("memo").Unrestricted().Obj(),
		MakeResourceType("payroll").StaffOnly().Obj(),
		MakeRole("root").AdminAccess().Obj(),
		MakeRole("all").Rule(Full("*")).Obj(),
		MakeRole("office").RequireMFA().Rule(Full("*")).Obj(),
		MakeRole("drafts").Rule(MakeRule("note").Actions("create").Preset("status", "draft").Condition("resource.properties.status == 'draft'").Obj()).Obj(),
		MakeRole("valid").Rule(MakeRule("note").Actions("create", "update").Validation("!has(proposed.status) || proposed.status == 'draft'", "drafts").Obj()).Obj(),
		MakeRole("setter").Rule(
			MakeRule("note").Actions("update").Validation("proposed.status == 'draft'", "drafts").Obj(),
			MakeRule("note").Actions("update").Condition("resource.properties.urgent").PresetExpression("status", "subject.id").Obj(),
		).Obj(),
		MakeRole("title").Rule(MakeRule("note").Actions("read", "update").Fields("title").Obj()).Obj(),
		MakeRole("either").Rule(
			MakeRule("note").Actions("read").Fields("title").Obj(),
			MakeRule("note").Actions("read").Condition("resource.properties.owner == subject.id").Obj(),
		).Obj(),
		MakeUser("sue").Superuser().Obj(),
		MakeUser("off").Disabled().Obj(),
		MakeUserPermission("north-company", "company", "North").User("north").ApplicableFor("order").Obj(),
		MakeUserPermission("one-order", "order", "O-1").User("one").Obj(),
		MakeUserPermission("tree-company", "company", "North").User("tree").Obj(),
		MakeUserPermission("free-company", "company", "North").User("free").ApplicableFor("memo").Obj(),
		MakeSpecialPermission("none", "none").On(v1alpha1.AccessNone, "note").On(v1alpha1.AccessReadOnly, "order").Obj(),
		MakeRecordSet("companies", "company").Record("North", "", nil).Record("North-1", "North", nil).Obj(),
	}
	conditions := map[string]string{
		"own": "resource.properties.owner == subject.id", "open": "!has(resource.properties.status) || resource.properties.status != 'closed'",
		"optional": "resource.properties.?status.orValue('open') == 'open'", "lacking": "!('status' in resource.properties)",
		"having": "has(resource.properties.status)", "size": "resource.properties.size() == 0", "id": "resource.id != 'secret'",
		"web": "context.channel == 'web'", "true": "true || resource.properties.x == 1", "listed": "resource.properties.territory in subject.groups",
		"false": "resource.properties.x == 1 && subject.id == 'nobody'", "never": "false",
		"unset": "!has(resource.properties.status)", "both": "resource.properties.owner == subject.id && resource.properties.status == 'open'",
	}
	for name, condition := range conditions {
		objects = append(objects, MakeRole(name).Rule(MakeRule("note", "order").Access(v1alpha1.AccessFull).Condition(condition).Obj()).Obj(),
			MakeUser(name).Roles(name).Obj())
	}
	for _, name := range []string{"root", "all", "office", "drafts", "valid", "setter", "title", "either"} {
		objects = append(objects, MakeUser("u-"+name).ID(name).Roles(name).Obj())
	}
	for _, name := range []string{"north", "one", "tree", "free", "none"} {
		objects = append(objects, MakeUser("u-"+name).ID(name).Roles("all").Obj())
	}
	return engine.Compile(objects)
}

func TestAskType(t *testing.T) {
	type object = map[string]any
	strict := func(p *v1alpha1.PermissionPolicySpec) { p.StrictUserPermissions = true }
	tests := map[string]struct {
		user, action, resource string
		properties, context    object
		asks                   object // the properties of the action
		policy                 func(*v1alpha1.PermissionPolicySpec)

		want       engine.Extent
		wantReason engine.Reason
		// wantFilter is the CEL of the filter; wantNone: none can be said.
		wantFilter string
		wantNone   bool
		wantBy     string
		wantMissed string
	}{
		"every record":                     {user: "all", action: "read", resource: "note", want: engine.Always, wantReason: engine.ReasonRule},
		"every record, to delete":          {user: "all", action: "delete", resource: "note", want: engine.Always, wantReason: engine.ReasonRule},
		"an admin":                         {user: "root", action: "delete", resource: "order", want: engine.Always, wantReason: engine.ReasonAdminAccess},
		"a superuser":                      {user: "sue", action: "delete", resource: "order", want: engine.Always, wantReason: engine.ReasonSuperuser},
		"an unrestricted type":             {user: "own", action: "update", resource: "memo", want: engine.Always, wantReason: engine.ReasonUnrestrictedType},
		"a condition on the context":       {user: "web", action: "read", resource: "note", context: object{"channel": "web"}, want: engine.Always, wantReason: engine.ReasonRule},
		"the same, not met":                {user: "web", action: "read", resource: "note", context: object{"channel": "app"}, want: engine.Never, wantReason: engine.ReasonConditionNotMet},
		"an error whatever the record is":  {user: "web", action: "update", resource: "note", want: engine.Never, wantReason: engine.ReasonConditionNotMet},
		"a condition that is always true":  {user: "true", action: "update", resource: "note", want: engine.Always, wantReason: engine.ReasonRule},
		"a condition that is always false": {user: "never", action: "read", resource: "note", want: engine.Never, wantReason: engine.ReasonConditionNotMet},
		"false whatever the record is":     {user: "false", action: "update", resource: "note", want: engine.Never, wantReason: engine.ReasonConditionNotMet, wantMissed: "[x]"},
		"no value that could do":           {user: "listed", action: "read", resource: "note", want: engine.Never, wantReason: engine.ReasonConditionNotMet, wantMissed: "[territory]"},
		"no rule":                          {user: "own", action: "read", resource: "company", want: engine.Never, wantReason: engine.ReasonNoRule},
		"a role that is not eligible":      {user: "office", action: "read", resource: "note", want: engine.Never, wantReason: engine.ReasonRoleRestricted},
		"the same with a second factor":    {user: "office", action: "read", resource: "note", context: object{"mfa": true}, want: engine.Always, wantReason: engine.ReasonRule},
		"a disabled user":                  {user: "off", action: "read", resource: "memo", want: engine.Never, wantReason: engine.ReasonUserDisabled},
		"a type for staff":                 {user: "all", action: "read", resource: "payroll", want: engine.Never, wantReason: engine.ReasonStaffRequired},
		"a type that does not exist":       {user: "all", action: "read", resource: "notes", want: engine.Never, wantReason: engine.ReasonUnknownResourceType},
		"an action that does not exist":    {user: "all", action: "fly", resource: "note", want: engine.Never, wantReason: engine.ReasonUnknownAction},
		"a special permission that denies": {user: "none", action: "read", resource: "note", want: engine.Never, wantReason: engine.ReasonSpecialPermission},
		"one that grants reading":          {user: "none", action: "read", resource: "order", want: engine.Always, wantReason: engine.ReasonSpecialPermission},
		"and nothing else":                 {user: "none", action: "update", resource: "order", want: engine.Never, wantReason: engine.ReasonSpecialPermission},

		"a condition on a property":      {user: "own", action: "read", resource: "note", want: engine.Some, wantReason: engine.ReasonConditionNotMet, wantMissed: "[owner]", wantFilter: `resource.properties.owner == "own"`},
		"of a property that is given":    {user: "own", action: "read", resource: "note", properties: object{"owner": "own"}, want: engine.Always, wantReason: engine.ReasonRule},
		"of one that is given and fails": {user: "own", action: "read", resource: "note", properties: object{"owner": "x"}, want: engine.Never, wantReason: engine.ReasonConditionNotMet},
		"the same to update":             {user: "own", action: "update", resource: "note", properties: object{"owner": "x"}, want: engine.Never, wantReason: engine.ReasonConditionNotMet},
		"has()":                          {user: "open", action: "read", resource: "note", want: engine.Some, wantReason: engine.ReasonConditionNotMet, wantMissed: "[status]", wantFilter: `resource.properties.status != "closed"`},
		"an optional":                    {user: "optional", action: "delete", resource: "note", want: engine.Some, wantReason: engine.ReasonConditionNotMet, wantMissed: "[status]", wantFilter: `(resource.properties.?status.orValue("open") == "open")`},
		"in":                             {user: "lacking", action: "update", resource: "note", want: engine.Some, wantReason: engine.ReasonConditionNotMet, wantMissed: "[status]"},
		"that a property is there":       {user: "having", action: "read", resource: "note", want: engine.Some, wantReason: engine.ReasonConditionNotMet, wantMissed: "[status]", wantNone: true},
		"that a property is not there":   {user: "unset", action: "read", resource: "note", want: engine.Some, wantReason: engine.ReasonConditionNotMet, wantMissed: "[status]", wantNone: true},
		"what one that is given leaves":  {user: "both", action: "read", resource: "note", properties: object{"status": "open"}, want: engine.Some, wantReason: engine.ReasonConditionNotMet, wantMissed: "[owner]", wantFilter: `resource.properties.owner == "both"`},
		"the number of properties":       {user: "size", action: "read", resource: "note", want: engine.Some, wantReason: engine.ReasonConditionNotMet, wantNone: true},
		"the id":                         {user: "id", action: "read", resource: "note", want: engine.Some, wantReason: engine.ReasonConditionNotMet, wantFilter: `resource.id != "secret"`},

		"a link to a restricted type": {user: "north", action: "read", resource: "order", want: engine.Some, wantReason: engine.ReasonUserPermission, wantMissed: "[company]", wantBy: "[UserPermission/north-company]",
			wantFilter: `(type(resource.properties.company) == list ? resource.properties.company : [resource.properties.company]).all(e1, e1 in ["North", "North-1", null, ""])`},
		"a link that is given":           {user: "north", action: "read", resource: "order", properties: object{"company": "North-1"}, want: engine.Always, wantReason: engine.ReasonRule},
		"a link outside":                 {user: "north", action: "update", resource: "order", properties: object{"company": "South"}, want: engine.Never, wantReason: engine.ReasonUserPermission},
		"a link of what is created":      {user: "north", action: "create", resource: "order", asks: object{"values": object{"title": "x"}}, want: engine.Some, wantReason: engine.ReasonUserPermission, wantMissed: "[company]", wantBy: "[UserPermission/north-company]"},
		"a link of it that is given":     {user: "north", action: "create", resource: "order", asks: object{"values": object{"company": "North"}}, want: engine.Always, wantReason: engine.ReasonRule},
		"a link of it outside":           {user: "north", action: "create", resource: "order", asks: object{"values": object{"company": "South"}}, want: engine.Never, wantReason: engine.ReasonUserPermission},
		"a type without the link":        {user: "north", action: "read", resource: "note", want: engine.Always, wantReason: engine.ReasonRule},
		"a restriction for another type": {user: "free", action: "read", resource: "order", want: engine.Always, wantReason: engine.ReasonRule},
		"a strict type": {user: "all", action: "read", resource: "order", policy: strict, want: engine.Some, wantReason: engine.ReasonUserPermission, wantMissed: "[company]", wantBy: "[Strict/company]",
			wantFilter: `(type(resource.properties.company) == list ? resource.properties.company : [resource.properties.company]).all(e1, e1 in [])`},
		"the records themselves":          {user: "one", action: "read", resource: "order", want: engine.Some, wantReason: engine.ReasonUserPermission, wantBy: "[UserPermission/one-order]", wantFilter: `resource.id in ["O-1"]`},
		"creating them":                   {user: "one", action: "create", resource: "order", want: engine.Never, wantReason: engine.ReasonUserPermission},
		"creating them below another":     {user: "tree", action: "create", resource: "company", want: engine.Some, wantReason: engine.ReasonUserPermission, wantBy: "[UserPermission/tree-company]"},
		"creating them below one outside": {user: "tree", action: "create", resource: "company", properties: object{"parent": "South"}, want: engine.Never, wantReason: engine.ReasonUserPermission},
		"another type than theirs":        {user: "one", action: "read", resource: "note", want: engine.Always, wantReason: engine.ReasonRule},

		"a preset may be another":           {user: "drafts", action: "create", resource: "note", want: engine.Some, wantReason: engine.ReasonConditionNotMet, wantMissed: "[status]"},
		"but not what is submitted":         {user: "drafts", action: "create", resource: "note", asks: object{"values": object{"status": "draft"}}, want: engine.Always, wantReason: engine.ReasonRule},
		"what is submitted fails":           {user: "drafts", action: "create", resource: "note", asks: object{"values": object{"status": "final"}}, want: engine.Never, wantReason: engine.ReasonConditionNotMet},
		"a validation":                      {user: "valid", action: "create", resource: "note", want: engine.Some, wantReason: engine.ReasonValidationFailed},
		"a validation of what is submitted": {user: "valid", action: "update", resource: "note", asks: object{"values": object{"status": "draft"}}, want: engine.Always, wantReason: engine.ReasonRule},
		"of what is submitted and fails":    {user: "valid", action: "update", resource: "note", asks: object{"values": object{"status": "final"}}, want: engine.Never, wantReason: engine.ReasonValidationFailed},
		"what another rule may set":         {user: "setter", action: "update", resource: "note", properties: object{"status": "draft"}, want: engine.Some, wantReason: engine.ReasonValidationFailed},

		"some fields":                    {user: "title", action: "read", resource: "note", want: engine.Always, wantReason: engine.ReasonRule},
		"fields that are not covered":    {user: "title", action: "read", resource: "note", asks: object{"fields": []any{"title", "body"}}, want: engine.Never, wantReason: engine.ReasonFieldNotAllowed},
		"fields covered of some records": {user: "either", action: "read", resource: "note", asks: object{"fields": []any{"body"}}, want: engine.Some, wantReason: engine.ReasonFieldNotAllowed, wantFilter: `resource.properties.owner == "either"`},
		"a field to write, not covered":  {user: "title", action: "update", resource: "note", asks: object{"values": object{"body": "x"}}, want: engine.Never, wantReason: engine.ReasonFieldNotAllowed},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			change := tc.policy
			if change == nil {
				change = func(*v1alpha1.PermissionPolicySpec) {}
			}
			domain := typeDomain(change)
			req := &engine.Request{
				Subject: engine.Subject{Type: "user", ID: tc.user}, Action: engine.Action{Name: tc.action, Properties: tc.asks},
				Resource: engine.Resource{Type: tc.resource, ID: "does not count", Properties: tc.properties}, Context: tc.context,
			}
			got, err := domain.AskType(req, noonOfType)
			if err != nil {
				t.Fatal(err)
			}
			if got.Extent != tc.want || got.Decision.Reason != tc.wantReason || got.Decision.Allow != (tc.want == engine.Always) {
				t.Errorf("got %s, %t %s; want %s, %s", got.Extent, got.Decision.Allow, got.Decision.Reason, tc.want, tc.wantReason)
			}
			text := ""
			if got.Filter != nil {
				encoded, err := filter.Encode(got.Filter.Condition, filter.FormatCEL)
				if err != nil {
					t.Fatal(err)
				}
				text, _ = encoded.Condition.(string)
			}
			if diff := gocmp.Diff(tc.wantFilter, text); diff != "" || (got.NoFilter != nil) != tc.wantNone {
				t.Errorf("filter (-want +got):\n%s\nand %v", diff, got.NoFilter)
			}
			by, missed := "", ""
			if got.RestrictedBy != nil {
				by = fmt.Sprint(got.RestrictedBy)
			}
			if got.Decision.MissingProperties != nil {
				missed = fmt.Sprint(got.Decision.MissingProperties)
			}
			if by != tc.wantBy || missed != tc.wantMissed {
				t.Errorf("restricted by %q, want %q; missing %q, want %q", by, tc.wantBy, missed, tc.wantMissed)
			}
		})
	}
}

// TestExplainType holds the trace of a question about a type: what depends on the record says so.
func TestExplainType(t *testing.T) {
	domain := typeDomain(func(*v1alpha1.PermissionPolicySpec) {})
	for user, want := range map[string]engine.TraceCode{
		"own": engine.TraceConditionMissing, "id": engine.TraceConditionUnknown, "size": engine.TraceConditionUnknown,
		"never": engine.TraceConditionFalse, "true": engine.TraceConditionTrue, "web": engine.TraceConditionMissing,
	} {
		req := &engine.Request{Subject: engine.Subject{Type: "user", ID: user}, Action: engine.Action{Name: "read"}, Resource: engine.Resource{Type: "note"}}
		_, trace, err := domain.Explain(req, noonOfType)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, stage := range trace {
			for _, entry := range stage.Entries {
				found = found || entry.Code == want
			}
		}
		if !found {
			t.Errorf("%s: no %s in %v", user, want, trace)
		}
	}
}

// TestProofAskType holds answers about a type against evaluations of records: always is every one of them, never is
// none, and the filter of some lets through those that are allowed.
func TestProofAskType(t *testing.T) {
	p := proofOf(t)
	extents, filters := map[engine.Extent]int{}, 0
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		domain, naive := engine.Compile(objects), enginetest.NewNaive(objects)
		for range 15 {
			req, now := enginetest.Request(s, objects), enginetest.Now(s)
			req.Resource.ID = ""
			if s.IntN(2) == 0 {
				req.Resource.Properties = nil
			}
			answer, err := domain.AskType(req, now)
			want, wantErr := naive.Decide(req, now)
			if err := errorsDiffer(wantErr, err); err != nil {
				return fmt.Errorf("request %s at %s %w", text(req), now, err)
			}
			if err != nil {
				continue
			}
			if err := decisionsDiffer(want, answer.Decision); err != nil {
				return fmt.Errorf("request %s at %s %w", text(req), now, err)
			}
			extents[answer.Extent]++
			_, submits := req.Action.Properties["values"].(map[string]any)
			for range 6 {
				ask := *req
				id, properties := enginetest.Record(s, req.Resource.Type)
				maps.DeleteFunc(properties, func(string, any) bool { return answer.Filter == nil && s.IntN(3) == 0 })
				maps.Copy(properties, req.Resource.Properties)
				ask.Resource.ID, ask.Resource.Properties = id, properties
				if req.Action.Name == "create" && !submits { // its properties are what it submits
					ask.Resource.Properties = req.Resource.Properties
				}
				decision, err := naive.Decide(&ask, now)
				if err != nil {
					continue // a key with a dot, which a Create may not submit
				}
				fails := func(what string) error {
					return fmt.Errorf("%s, but %s\n%s\nis %s", text(answer), what, text(ask), text(decision))
				}
				switch {
				case answer.Extent == engine.Always && !decision.Allow:
					return fails("this record is denied")
				case answer.Extent == engine.Never && decision.Allow:
					return fails("this record is allowed")
				case answer.Filter != nil:
					filters++
					got := answer.Filter.Condition.Matches(id, properties)
					if less := !got && len(answer.Filter.LeftOut) > 0; got != decision.Allow && !less {
						return fails("the filter says otherwise")
					}
				}
			}
		}
		return nil
	})
	t.Logf("%v, %d records by filters", extents, filters)
	if extents[engine.Always] == 0 || extents[engine.Some] == 0 || extents[engine.Never] == 0 || filters == 0 {
		t.Errorf("%v, %d records by filters: too little to prove anything", extents, filters)
	}
}
