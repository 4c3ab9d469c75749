package engine_test

import (
	"errors"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/engine/enginetest"
	. "github.com/remit-authz/remit/internal/testobjects"
)

func TestMalformedRequests(t *testing.T) {
	objects := domain{
		MakeResourceType("doc").Obj(), MakeRole("all").Rule(Full("*")).Obj(), MakeUser("ann").Roles("all").Obj(),
		MakeUser("gone").Disabled().Obj(), MakeUser("root").Superuser().Obj(), MakeRole("public").Rule(Full("*")).Obj(),
	}
	dotted := object{"items.price": int64(1)}
	cases := map[string]struct {
		req *engine.Request
		// want is the field; empty: the request is well formed.
		want string
	}{
		"no subject.type":                          {ask("ann", "read", "doc/1", subjectType("")), "subject.type"},
		"no subject.id":                            {ask("", "read", "doc/1"), "subject.id"},
		"no subject.id, but anonymous":             {ask("", "read", "doc/1", anonymous), ""},
		"no action.name":                           {ask("ann", "", "doc/1"), "action.name"},
		"no resource.type":                         {ask("ann", "read", "/1"), "resource.type"},
		"no resource.id, which only HTTP asks for": {ask("ann", "read", "doc"), ""},
		"values that are a list":                   {ask("ann", "update", "doc/1", actionProperty("values", list{})), "action.properties.values"},
		"values that are a string":                 {ask("ann", "update", "doc/1", actionProperty("values", "x")), "action.properties.values"},
		"values with a dot":                        {ask("ann", "update", "doc/1", submitting(dotted)), "action.properties.values"},
		"values with a dot further down":           {ask("ann", "update", "doc/1", submitting(object{"items": dotted})), ""},
		"values that are null":                     {ask("ann", "update", "doc/1", actionProperty("values", nil)), ""},
		"a Create's properties with a dot":         {ask("ann", "create", "doc/1", having(dotted)), "resource.properties"},
		"a Create's properties, values are null":   {ask("ann", "create", "doc/1", having(dotted), actionProperty("values", nil)), "resource.properties"},
		"a Create's properties, beside values":     {ask("ann", "create", "doc/1", having(dotted), submitting(object{})), ""},
		"an Update's properties with a dot":        {ask("ann", "update", "doc/1", having(dotted)), ""},
		"a Read's properties with a dot":           {ask("ann", "read", "doc/1", having(dotted)), ""},
		"fields that are a string":                 {ask("ann", "read", "doc/1", actionProperty("fields", "title")), "action.properties.fields"},
		"fields that are an object":                {ask("ann", "read", "doc/1", actionProperty("fields", object{})), "action.properties.fields"},
		"fields with a number":                     {ask("ann", "read", "doc/1", actionProperty("fields", list{"title", int64(1)})), "action.properties.fields"},
		"fields with a null":                       {ask("ann", "read", "doc/1", actionProperty("fields", list{nil})), "action.properties.fields"},
		"fields that are null":                     {ask("ann", "read", "doc/1", actionProperty("fields", nil)), ""},
		"fields that are empty":                    {ask("ann", "read", "doc/1", actionProperty("fields", list{})), ""},
		"before S1: an unknown type":               {ask("ann", "read", "nope/1", actionProperty("fields", "title")), "action.properties.fields"},
		"before S2: a disabled user":               {ask("gone", "update", "doc/1", submitting(dotted)), "action.properties.values"},
		"before S2: a disabled user's Create":      {ask("gone", "create", "doc/1", having(dotted)), "resource.properties"},
		"before S2: an unknown subject type":       {ask("ann", "create", "doc/1", having(dotted), subjectType("robot")), "resource.properties"},
		"before S4: a superuser":                   {ask("root", "create", "doc/1", having(dotted)), "resource.properties"},
	}
	d, naive := engine.Compile(objects), enginetest.NewNaive(objects)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := d.Decide(tc.req, moment(t, noon))
			if got := malformedField(err); got != tc.want {
				t.Errorf("Decide: %v, want a malformed %q", err, tc.want)
			}
			_, trace, err := d.Explain(tc.req, moment(t, noon))
			if got := malformedField(err); got != tc.want || tc.want == "" && len(trace) == 0 {
				t.Errorf("Explain: %v and %d stages, want a malformed %q", err, len(trace), tc.want)
			}
			_, err = naive.Decide(tc.req, moment(t, noon))
			if got := malformedField(err); got != tc.want {
				t.Errorf("the naive evaluator: %v, want a malformed %q", err, tc.want)
			}
		})
	}
}

// malformedField is the field that a *engine.RequestError names; empty: there is no error.
func malformedField(err error) string {
	if malformed := (*engine.RequestError)(nil); errors.As(err, &malformed) {
		return malformed.Field
	}
	if err != nil {
		return "no RequestError"
	}
	return ""
}

func TestMalformedRequestsAbsentAndNullAreTheSame(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj(), MakeRole("all").Rule(Full("*")).Obj(), MakeUser("ann").Roles("all").Obj()}
	null := func(req *engine.Request) {
		req.Action.Properties = object{"values": nil, "fields": nil}
		req.Subject.Properties, req.Resource.Properties, req.Context = nil, nil, nil
	}
	want := allow(engine.ReasonRule)
	cases := map[string]deciding{}
	for _, action := range []string{"read", "create", "update"} {
		cases[action+", absent"] = deciding{req: ask("ann", action, "doc/1"), want: want}
		cases[action+", null"] = deciding{req: ask("ann", action, "doc/1", null), want: want}
	}
	decide(t, common, cases)
}

// searching is one search and what it finds.
type searching struct {
	domain domain
	req    *engine.Request
	want   []string
	// malformed is the field of an error.
	malformed string
}

type search func(*engine.Request, time.Time) ([]string, error)

func searches(t *testing.T, common domain, pick func(*engine.Domain) search, naive func(*enginetest.Naive) search, cases map[string]searching) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			objects := join(common, tc.domain)
			for who, find := range map[string]search{"the engine": pick(engine.Compile(objects)), "the naive evaluator": naive(enginetest.NewNaive(objects))} {
				got, err := find(tc.req, moment(t, noon))
				if diff := gocmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", who, diff)
				}
				if field := malformedField(err); field != tc.malformed {
					t.Errorf("%s: %v, want a malformed %q", who, err, tc.malformed)
				}
			}
		})
	}
}

func TestSearchSubjects(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Obj(), MakeRole("public").Obj(),
		MakeRole("r").Rule(when("resource.properties.owner == subject.id || subject.id == 'ann'")).Obj(), MakeRole("vip").RequireMFA().Rule(Full("doc")).Obj(),
		MakeUser("a1").ID("ann").Roles("r").Obj(), MakeUser("gone").Roles("r").Disabled().Obj(), MakeUser("vic").Roles("vip").Obj(),
		MakeGroup("g").Members("bob").Roles("r").Obj(), MakeGroup("claimed").ExternalGroups("idp:x").Rule(Full("doc")).Obj(),
		MakeUserPermission("up", "other", "1").User("dee").Obj(), MakeSpecialPermission("sp", "eve").On(full, "doc").Obj(),
	}
	owned := having(object{"owner": "bob"})
	searches(t, common, func(d *engine.Domain) search { return d.SearchSubjects }, func(n *enginetest.Naive) search { return n.SearchSubjects }, map[string]searching{
		"every known user that is allowed, sorted": {req: ask("", "read", "doc/1", owned), want: []string{"ann", "bob", "eve"}},
		"a subject.id does not count":              {req: ask("zoe", "read", "doc/1", owned), want: []string{"ann", "bob", "eve"}},
		"properties apply to every candidate":      {req: ask("", "read", "doc/1", claims(object{"groups": list{"idp:x"}})), want: []string{"ann", "bob", "dee", "eve", "vic"}},
		"the context applies to every candidate":   {req: ask("", "read", "doc/1", about(object{"mfa": true})), want: []string{"ann", "eve", "vic"}},
		"unknown users are not found":              {domain: domain{MakeRole("public").Rule(Full("doc")).Obj()}, req: ask("", "read", "doc/1"), want: []string{"ann", "dee", "eve"}},
		"a type that is not one of users":          {req: ask("", "read", "doc/1", owned, subjectType("robot"))},
		"the anonymous subject":                    {req: ask("", "read", "doc/1", anonymous)},
		"one of the policy's types":                {domain: policyOf(func(p *v1alpha1.PermissionPolicySpec) { p.SubjectTypes = []v1alpha1.Token{"employee"} }), req: ask("", "read", "doc/1", subjectType("employee")), want: []string{"ann", "eve"}},
		"an unknown type":                          {req: ask("", "read", "nope/1")},
		"an unknown action":                        {req: ask("", "fly", "doc/1")},
		"no subject.type":                          {req: ask("", "read", "doc/1", subjectType("")), malformed: "subject.type"},
		"no action.name":                           {req: ask("", "", "doc/1"), malformed: "action.name"},
		"malformed whatever the candidates":        {req: ask("", "create", "doc/1", having(object{"a.b": int64(1)})), malformed: "resource.properties"},
		"malformed, and nobody is known":           {domain: domain{}, req: ask("", "read", "doc/1", actionProperty("fields", "x")), malformed: "action.properties.fields"},
	})
	searches(t, domain{MakeResourceType("doc").Obj()}, func(d *engine.Domain) search { return d.SearchSubjects }, func(n *enginetest.Naive) search { return n.SearchSubjects }, map[string]searching{
		"nobody is known": {req: ask("", "read", "doc/1")},
		"nobody is known, and a Create is malformed": {req: ask("", "create", "doc/1", having(object{"a.b": int64(1)})), malformed: "resource.properties"},
	})
}

func TestSearchResources(t *testing.T) {
	common := join(ruled(when("resource.properties.status == 'open'")), domain{
		MakeResourceType("doc").Obj(), MakeResourceType("bare").Obj(),
		createdAt(early, MakeRecordSet("s1", "doc").Record("2", "", map[string]any{"status": "open"}).Record("10", "", map[string]any{"status": "open"}).Record("3", "", map[string]any{"status": "done"}).Obj()),
		createdAt(late, MakeRecordSet("s2", "doc").Record("3", "", map[string]any{"status": "open"}).Record("4", "", map[string]any{"status": "open"}).Record("5", "", nil).Obj()),
		MakeRecordSet("s3", "other").Record("9", "", map[string]any{"status": "open"}).Obj(),
	})
	searches(t, common, func(d *engine.Domain) search { return d.SearchResources }, func(n *enginetest.Naive) search { return n.SearchResources }, map[string]searching{
		"every record that is allowed, sorted": {req: ask("ann", "read", "doc"), want: []string{"10", "2", "4"}},
		"a resource.id does not count":         {req: ask("ann", "read", "doc/3"), want: []string{"10", "2", "4"}},
		"properties apply to every candidate":  {req: ask("ann", "read", "doc", having(object{"status": "open"})), want: []string{"10", "2", "3", "4", "5"}},
		"user permissions restrict it":         {domain: domain{MakeUserPermission("up", "doc", "2", "3").User("ann").Obj()}, req: ask("ann", "read", "doc"), want: []string{"2"}},
		"the anonymous subject":                {domain: domain{MakeRole("public").Rule(when("resource.id == '5'")).Obj()}, req: ask("", "read", "doc", anonymous), want: []string{"5"}},
		"nobody that is known":                 {req: ask("zoe", "read", "doc")},
		"a type without records":               {req: ask("ann", "read", "bare")},
		"a type that does not exist":           {req: ask("ann", "read", "other")},
		"an unknown action":                    {req: ask("ann", "fly", "doc")},
		"an unknown subject type":              {req: ask("ann", "read", "doc", subjectType("robot"))},
		"no subject.id":                        {req: ask("", "read", "doc"), malformed: "subject.id"},
		"no resource.type":                     {req: ask("ann", "read", ""), malformed: "resource.type"},
		"malformed whatever the records":       {req: ask("ann", "create", "bare", having(object{"a.b": int64(1)})), malformed: "resource.properties"},
	})
}

func TestSearchActions(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Action("view", v1alpha1.ClassRead).Action("add", v1alpha1.ClassCreate).Action("edit", v1alpha1.ClassUpdate, "view").Action("drop", v1alpha1.ClassDelete).Obj(),
		MakeUser("ann").Roles("r").Obj(), MakeRole("r").Rule(MakeRule("doc").Actions("edit").Obj(), MakeRule("doc").Actions("add").Obj(), MakeRule("doc").Actions("drop").Condition("resource.properties.status == 'open'").Obj()).Obj(),
	}
	searches(t, common, func(d *engine.Domain) search { return d.SearchActions }, func(n *enginetest.Naive) search { return n.SearchActions }, map[string]searching{
		"every declared action that is allowed, sorted": {req: ask("ann", "", "doc/1", having(object{"status": "open"})), want: []string{"add", "drop", "edit", "view"}},
		"on this record":                      {req: ask("ann", "", "doc/1"), want: []string{"add", "edit", "view"}},
		"an action.name does not count":       {req: ask("ann", "fly", "doc/1"), want: []string{"add", "edit", "view"}},
		"fields apply to those that read":     {domain: domain{MakeRole("r").Rule(MakeRule("doc").Actions("*").Fields("a").Obj()).Obj()}, req: ask("ann", "", "doc/1", reading("b")), want: []string{"add", "drop", "edit"}},
		"nothing is allowed":                  {req: ask("zoe", "", "doc/1")},
		"an unknown type":                     {req: ask("ann", "", "nope/1")},
		"an unknown subject type":             {req: ask("ann", "", "doc/1", subjectType("robot"))},
		"an action for which it is malformed": {req: ask("ann", "", "doc/1", having(object{"a.b": int64(1)})), want: []string{"edit", "view"}},
		"no subject.id":                       {req: ask("", "", "doc/1"), malformed: "subject.id"},
		"values that are no object":           {req: ask("ann", "", "doc/1", actionProperty("values", "x")), malformed: "action.properties.values"},
	})
}

func TestFiltersAreTheEvaluation(t *testing.T) {
	common := domain{
		MakeResourceType("doc").Link("company", "company").Obj(),
		MakeRecordSet("docs", "doc").Record("stored", "", map[string]any{"status": "open"}).Obj(),
		MakeRecordSet("companies", "company").Record("12", "1", nil).Obj(),
	}
	open, done := object{"status": "open"}, object{"status": "done"}
	yes, no := true, false
	type record struct {
		id         string
		properties object
		want       bool
	}
	cases := map[string]struct {
		domain  domain
		req     *engine.Request
		records []record
		// always: it lets everything through (true), nothing (false), or it depends (nil).
		always *bool
	}{
		"always":               {domain: ruled(Full("doc")), req: ask("ann", "read", "doc"), always: &yes, records: []record{{"1", nil, true}}},
		"always, a superuser":  {domain: domain{MakeUser("ann").Superuser().Obj()}, req: ask("ann", "read", "doc"), always: &yes, records: []record{{"1", nil, true}}},
		"never":                {req: ask("ann", "read", "doc"), always: &no, records: []record{{"1", open, false}}},
		"never, by its type":   {req: ask("ann", "read", "nope"), always: &no, records: []record{{"1", open, false}}},
		"never, by no match":   {domain: ruled(when("subject.id == 'bob'")), req: ask("ann", "read", "doc"), always: &no, records: []record{{"1", open, false}}},
		"an expression":        {domain: ruled(when("resource.properties.status == 'open'")), req: ask("ann", "read", "doc"), records: []record{{"1", open, true}, {"1", done, false}, {"1", object{"status": nil}, false}}},
		"of a Delete":          {domain: ruled(when("resource.properties.status == 'open'")), req: ask("ann", "delete", "doc"), records: []record{{"1", open, true}, {"1", done, false}}},
		"by what is not null":  {domain: ruled(when("resource.properties.status != 'open'")), req: ask("ann", "read", "doc"), records: []record{{"1", open, false}, {"1", done, true}}},
		"one that lacks it":    {domain: ruled(when("resource.properties.status != 'open'")), req: ask("ann", "read", "doc"), records: []record{{"1", object{}, true}, {"1", object{"status": nil}, true}}},
		"every one is known":   {domain: ruled(when("has(resource.properties.status)")), req: ask("ann", "read", "doc"), always: &yes, records: []record{{"1", object{}, true}}},
		"no RecordSet overlay": {domain: ruled(when("resource.properties.status == 'open'")), req: ask("ann", "read", "doc"), records: []record{{"stored", object{"status": "done"}, false}, {"stored", object{}, false}}},
		"the request's record does not count": {
			domain: ruled(when("resource.properties.status == 'open'")), req: ask("ann", "read", "doc/stored", having(object{"status": "open"})), records: []record{{"1", done, false}},
		},
		"by the id":           {domain: ruled(when("resource.id == '1'")), req: ask("ann", "read", "doc"), records: []record{{"1", nil, true}, {"2", nil, false}}},
		"by user permissions": {domain: join(ruled(Full("doc")), domain{MakeUserPermission("up", "company", "1").User("ann").Obj()}), req: ask("ann", "read", "doc"), records: []record{{"1", object{"company": "1"}, true}, {"1", object{"company": int64(12)}, true}, {"1", object{"company": "2"}, false}, {"1", object{}, true}, {"1", object{"company": list{"1", "2"}}, false}}},
		"by strictness":       {domain: join(ruled(Full("doc")), strictly("")), req: ask("ann", "read", "doc"), records: []record{{"1", object{"company": "1"}, false}, {"1", object{}, false}, {"1", object{"company": list{}}, true}}},
		"by its own records":  {domain: join(ruled(Full("doc")), domain{MakeUserPermission("up", "doc", "1").User("ann").Obj()}), req: ask("ann", "read", "doc"), records: []record{{"1", nil, true}, {"2", nil, false}}},
		"by fields asked for": {domain: ruled(on("title"), MakeRule("doc").Actions("read").Condition("resource.properties.status == 'open'").Fields("body").Obj()), req: ask("ann", "read", "doc", reading("title", "body")), records: []record{{"1", open, true}, {"1", done, false}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f, err := engine.Compile(join(common, tc.domain)).Filter(tc.req, moment(t, noon))
			if err != nil {
				t.Fatal(err)
			}
			if constant := f.Condition.Op == "true" || f.Condition.Op == "false"; constant != (tc.always != nil) {
				t.Errorf("the condition is %s", f.Condition.Op)
			} else if constant && *tc.always != (f.Condition.Op == "true") {
				t.Errorf("the condition is always %s", f.Condition.Op)
			}
			for _, r := range tc.records {
				if got := f.Condition.Matches(r.id, r.properties); got != r.want {
					t.Errorf("record %s %v: let through: %v, want %v", r.id, r.properties, got, r.want)
				}
			}
		})
	}
}

func TestFiltersRefuse(t *testing.T) {
	common := domain{MakeResourceType("doc").Obj()}
	cases := map[string]struct {
		domain domain
		req    *engine.Request
		// malformed is the field of the error; empty: the condition cannot be expressed.
		malformed string
	}{
		"an action that writes":           {domain: ruled(Full("doc")), req: ask("ann", "update", "doc"), malformed: "action.name"},
		"a malformed request":             {domain: ruled(Full("doc")), req: ask("ann", "read", "doc", actionProperty("fields", "x")), malformed: "action.properties.fields"},
		"the properties taken as a whole": {domain: ruled(when("resource.properties.exists(k, k == 'a')")), req: ask("ann", "read", "doc")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := engine.Compile(join(common, tc.domain)).Filter(tc.req, moment(t, noon))
			unsaid := (*engine.FilterError)(nil)
			if tc.malformed == "" && !errors.As(err, &unsaid) || tc.malformed != "" && malformedField(err) != tc.malformed {
				t.Errorf("got %v", err)
			}
		})
	}
}
