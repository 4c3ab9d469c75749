package engine_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/engine/enginetest"
	"github.com/remit-authz/remit/internal/filter"
	. "github.com/remit-authz/remit/internal/testobjects"
)

// proof is how much of the proof a run does. The environment enlarges it:
//
//	REMIT_PROOF_DOMAINS=500 REMIT_PROOF_REQUESTS=1000000 REMIT_PROOF_SEED=7 go test -run Proof ./internal/engine
type proof struct {
	seed              uint64
	domains, requests int
}

func proofOf(t *testing.T) proof {
	t.Helper()
	return proof{
		seed:     uint64(fromEnvironment(t, "REMIT_PROOF_SEED", 1)),
		domains:  fromEnvironment(t, "REMIT_PROOF_DOMAINS", 120),
		requests: fromEnvironment(t, "REMIT_PROOF_REQUESTS", 24_000),
	}
}

func fromEnvironment(t *testing.T, name string, value int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return value
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s: %q is no number", name, text)
	}
	return n
}

// each runs check over the domains of the proof, each with the random numbers that it was made of. It stops
// at the first domain that fails, and shows it.
func (p proof) each(t *testing.T, check func(s *rand.Rand, objects []engine.Object) error) {
	t.Helper()
	for i := range p.domains {
		source := rand.New(rand.NewPCG(p.seed, uint64(i)))
		objects := enginetest.Objects(source)
		if err := check(source, objects); err != nil {
			t.Fatalf("seed %d, domain %d: %v\nThe domain:\n%s", p.seed, i, err, enginetest.Describe(objects))
		}
	}
}

// asRapid makes a generated check one of rapid's, which shrinks what fails.
type asRapid struct{ *rapid.T }

// IntN draws bits, all equally likely: rapid's own integers are small more often than not, and so would be
// the domains.
func (s asRapid) IntN(n int) int {
	const width = 10
	drawn := 0
	for range width {
		drawn <<= 1
		if rapid.Bool().Draw(s.T, "bit") {
			drawn++
		}
	}
	return drawn * n >> width
}

// decisionsDiffer compares answers as far as the rules fix them; nil: they are the same. Violations are a
// set; which objects decided is fixed where something allows, or a special permission denies.
func decisionsDiffer(want, got engine.Decision) error {
	want, got = fixed(want), fixed(got)
	if want.Reason == engine.ReasonAdminAccess && len(got.DecidedBy) > 0 {
		// Of several admin roles, one decides.
		want.DecidedBy = slices.DeleteFunc(want.DecidedBy, func(ref engine.Ref) bool { return !slices.Contains(got.DecidedBy, ref) })
	}
	return differ(want, got)
}

func fixed(d engine.Decision) engine.Decision {
	if !d.Allow && d.Reason != engine.ReasonSpecialPermission {
		d.DecidedBy = nil
	}
	d.DecidedBy = slices.Clone(d.DecidedBy)
	slices.SortFunc(d.DecidedBy, func(a, b engine.Ref) int { return cmp.Compare(a.String(), b.String()) })
	d.Violations = slices.Clone(d.Violations)
	slices.SortFunc(d.Violations, func(a, b engine.Violation) int { return cmp.Compare(text(a), text(b)) })
	d.Violations = slices.CompactFunc(d.Violations, func(a, b engine.Violation) bool { return text(a) == text(b) })
	return d
}

// differ compares any two; nil and empty lists are the same.
func differ(want, got any) error {
	if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		return fmt.Errorf("(-want +got):\n%s", diff)
	}
	return nil
}

// errorsDiffer reports whether just one is an error; which it is, the rules do not fix.
func errorsDiffer(want, got error) error {
	return differ(want != nil, got != nil)
}

func text(v any) string {
	json, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(json)
}

// decider is the engine or the naive evaluator.
type decider interface {
	Decide(req *engine.Request, now time.Time) (engine.Decision, error)
}

// decideAlike holds one request against both.
func decideAlike(want, got decider, req *engine.Request, now time.Time) (engine.Decision, error) {
	wantDecision, wantErr := want.Decide(req, now)
	gotDecision, gotErr := got.Decide(req, now)
	if err := cmp.Or(errorsDiffer(wantErr, gotErr), decisionsDiffer(wantDecision, gotDecision)); err != nil {
		return wantDecision, fmt.Errorf("request %s at %s %w", text(req), now.Format(time.RFC3339Nano), err)
	}
	return wantDecision, nil
}

func TestProofDecide(t *testing.T) {
	p := proofOf(t)
	counts, met := map[engine.Reason]int{}, map[string]int{}
	asked, malformed := 0, 0
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		domain, naive := engine.Compile(objects), enginetest.NewNaive(objects)
		for range (p.requests + p.domains - 1) / p.domains {
			req, now := enginetest.Request(s, objects), enginetest.Now(s)
			decision, err := decideAlike(naive, domain, req, now)
			if err != nil {
				return err
			}
			asked++
			if decision.Reason == "" {
				malformed++
			} else {
				counts[decision.Reason]++
			}
			for _, rule := range enginetest.MetRules {
				if naive.Met(rule) {
					met[rule]++
				}
			}
		}
		return nil
	})
	t.Logf("seed %d: %d requests over %d domains, %d of them malformed; reasons: %v; rules: %v", p.seed, asked, p.domains, malformed, counts, met)
	for _, reason := range reasons {
		if counts[reason]*500 < asked {
			t.Errorf("the reason %s occurs %d times in %d requests: too rarely to prove anything", reason, counts[reason], asked)
		}
	}
	const telling = 10_000 // fewer requests, over fewer domains, say little about the generator
	for _, rule := range enginetest.MetRules {
		if asked >= telling && met[rule]*10 < asked {
			t.Errorf("%s occurs %d times in %d requests: less than in a tenth", rule, met[rule], asked)
		}
	}
	if malformed*500 < asked {
		t.Errorf("%d of %d requests are malformed: too few", malformed, asked)
	}
}

// reasons are all reason codes.
var reasons = []engine.Reason{
	engine.ReasonUnknownResourceType, engine.ReasonUnknownAction, engine.ReasonUnknownSubjectType, engine.ReasonUserDisabled,
	engine.ReasonGuard, engine.ReasonSuperuser, engine.ReasonAdminAccess, engine.ReasonStaffRequired, engine.ReasonSpecialPermission,
	engine.ReasonRoleRestricted, engine.ReasonNoRule, engine.ReasonConditionNotMet, engine.ReasonValidationFailed,
	engine.ReasonUserPermission, engine.ReasonFieldNotAllowed, engine.ReasonUnrestrictedType, engine.ReasonRule,
}

// TestProofPlan holds plans against the naive evaluator, in domains which they often decide, and again after
// changes, when nothing of what was found before may be left.
func TestProofPlan(t *testing.T) {
	p := proofOf(t)
	counts := map[engine.Reason]int{}
	asked, planned := 0, 0
	for i := range p.domains {
		s := rand.New(rand.NewPCG(p.seed, uint64(i)))
		objects := enginetest.PlainObjects(s)
		domain := engine.Compile(objects)
		const states = 3
		for state := range states {
			naive := enginetest.NewNaive(objects)
			for range (p.requests + p.domains*states - 1) / (p.domains * states) {
				req, now := enginetest.PlainRequest(s, objects), enginetest.Now(s)
				want, err := decideAlike(naive, domain, req, now)
				if err != nil {
					t.Fatalf("seed %d, domain %d, state %d: %v\nThe domain:\n%s", p.seed, i, state, err, enginetest.Describe(objects))
				}
				if asked++; want.Reason == "" {
					continue // it is malformed
				}
				got, decided := domain.DecideByPlan(req, now)
				if !decided {
					continue
				}
				planned++
				counts[got.Reason]++
				staged, _, err := domain.Explain(req, now)
				if err := cmp.Or(err, differ(staged, got)); err != nil { // what the rules do not fix, too
					t.Fatalf("seed %d, domain %d, state %d: request %s at %s %v\nThe domain:\n%s", p.seed, i, state, text(req), now, err, enginetest.Describe(objects))
				}
			}
			change := enginetest.PlainChange(s, objects)
			domain, _ = domain.With(change)
			objects = enginetest.Apply(objects, change)
		}
	}
	t.Logf("seed %d: %d of %d requests were decided by plans; reasons: %v", p.seed, planned, asked, counts)
	if planned*3 < asked {
		t.Errorf("%d of %d requests were decided by plans: too few to prove anything", planned, asked)
	}
	for _, reason := range []engine.Reason{engine.ReasonNoRule, engine.ReasonConditionNotMet, engine.ReasonUserPermission, engine.ReasonRule} {
		if counts[reason]*100 < planned {
			t.Errorf("plans say %s %d times of %d: too rarely to prove anything", reason, counts[reason], planned)
		}
	}
}

// TestProofDecideShrinks is TestProofDecide with rapid's random numbers: what fails here comes out small.
func TestProofDecideShrinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := asRapid{t}
		objects := enginetest.Objects(s)
		domain, naive := engine.Compile(objects), enginetest.NewNaive(objects)
		for range 5 {
			if _, err := decideAlike(naive, domain, enginetest.Request(s, objects), enginetest.Now(s)); err != nil {
				t.Fatalf("%v\nThe domain:\n%s", err, enginetest.Describe(objects))
			}
		}
	})
}

func TestProofExplain(t *testing.T) {
	p := proofOf(t)
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		domain := engine.Compile(objects)
		for range 20 {
			req, now := enginetest.Request(s, objects), enginetest.Now(s)
			want, wantErr := domain.Decide(req, now)
			got, trace, gotErr := domain.Explain(req, now)
			if err := differ(text(wantErr), text(gotErr)); err != nil {
				return err
			}
			if err := differ(want, got); err != nil {
				return fmt.Errorf("request %s at %s %w", text(req), now, err)
			}
			if gotErr != nil {
				continue
			}
			if err := traceFits(got, trace); err != nil {
				return fmt.Errorf("request %s at %s: %w:\n%s", text(req), now, err, text(trace))
			}
		}
		return nil
	})
}

// traceFits reports whether a trace tells of the stages up to the one that decided.
func traceFits(d engine.Decision, trace []engine.TraceStage) error {
	if len(trace) == 0 {
		return fmt.Errorf("no trace")
	}
	for i, stage := range trace[:len(trace)-1] {
		if stage.Outcome != "passed" {
			return fmt.Errorf("stage %d of %d, %s, did not pass", i, len(trace), stage.Stage)
		}
	}
	last := trace[len(trace)-1]
	if last.Outcome == "passed" {
		return fmt.Errorf("no stage decided %s", d.Reason)
	}
	return nil
}

func TestProofEffective(t *testing.T) {
	p := proofOf(t)
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		domain, naive := engine.Compile(objects), enginetest.NewNaive(objects)
		if err := differ(naive.Users(), domain.Users()); err != nil {
			return fmt.Errorf("users %w", err)
		}
		now := enginetest.Now(s)
		if err := differ(naive.Admins(now), domain.Admins(now)); err != nil {
			return fmt.Errorf("admins at %s %w", now, err)
		}
		if err := differ(naive.Census(now), domain.Census(now)); err != nil {
			return fmt.Errorf("census at %s %w", now, err)
		}
		if err := countsAlike(naive, domain, now); err != nil {
			return fmt.Errorf("at %s: %w", now, err)
		}
		for _, user := range append(naive.Users(), "zoe") {
			want, got := naive.Effective(user, now), effectiveOf(domain, user, now)
			got.NextTransition = nil
			if err := differ(want, got); err != nil {
				return fmt.Errorf("user %s at %s %w", user, now, err)
			}
			for _, resourceType := range append(domain.ResourceTypes(), "gone") {
				want, wantOK := naive.EffectiveOn(user, resourceType, now)
				got, gotOK, _ := domain.EffectiveOn(user, resourceType, now)
				if err := differ(want, got); err != nil || wantOK != gotOK {
					return fmt.Errorf("user %s on %s at %s %w, %v", user, resourceType, now, err, gotOK)
				}
			}
		}
		return nil
	})
}

// TestProofNextTransition holds what is said of the next change against what does change: nothing does
// before it, at any start or end of a window.
func TestProofNextTransition(t *testing.T) {
	p := proofOf(t)
	changes := 0
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		domain, naive := engine.Compile(objects), enginetest.NewNaive(objects)
		if naive.ReadsTime() {
			return nil
		}
		now := enginetest.Now(s)
		for _, user := range naive.Users() {
			status := effectiveOf(domain, user, now)
			want := naive.NextTransition(user, now)
			if want != nil {
				changes++
			}
			switch {
			case want == nil && status.NextTransition == nil:
			case status.NextTransition == nil, want != nil && status.NextTransition.After(want.Time):
				return fmt.Errorf("user %s at %s: the next transition is said to be %v, but something changes at %v", user, now, status.NextTransition, want)
			case !status.NextTransition.After(now):
				return fmt.Errorf("user %s at %s: the next transition %v is no later", user, now, status.NextTransition)
			case !slices.ContainsFunc(naive.Instants(), status.NextTransition.Time.Equal):
				return fmt.Errorf("user %s at %s: no window starts or ends at %v", user, now, status.NextTransition)
			}
			if next, ok := domain.NextTransition(now); status.NextTransition != nil && (!ok || next.After(status.NextTransition.Time)) {
				return fmt.Errorf("at %s: the domain's next transition %v is after that of %s, %v", now, next, user, status.NextTransition)
			}
		}
		return nil
	})
	if changes == 0 {
		t.Error("no user's permissions changed by time")
	}
}

// TestProofAllowedIsAllowed holds the level against decisions: what it calls allowed, no request without
// claims can be denied while no user permission is in the way; what it does not name, none can be allowed.
func TestProofAllowedIsAllowed(t *testing.T) {
	p := proofOf(t)
	allowed, denied := 0, 0
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		domain := engine.Compile(objects)
		for range 60 {
			req, now := enginetest.Request(s, objects), enginetest.Now(s)
			if !domain.Knows(req.Subject.ID) || !slices.Contains(domain.Policy().SubjectTypes, v1alpha1.Token(req.Subject.Type)) {
				continue
			}
			req.Subject.Type = string(domain.Policy().SubjectTypes[0])
			req.Subject.Properties = nil
			delete(req.Context, "ip") // a member condition reads it
			level, ok, _ := domain.EffectiveOn(req.Subject.ID, req.Resource.Type, now)
			if !ok {
				continue
			}
			decision, err := domain.Decide(req, now)
			if err != nil {
				continue
			}
			fails := func() error {
				return fmt.Errorf("request %s at %s: %s, but the level is %s", text(req), now, text(decision), text(level))
			}
			switch {
			case slices.Contains(level.Allowed, req.Action.Name):
				if len(level.RestrictedBy) == 0 {
					if allowed++; !decision.Allow {
						return fails()
					}
				} else if !decision.Allow && decision.Reason != engine.ReasonUserPermission {
					return fails()
				}
			case !slices.Contains(level.Conditional, req.Action.Name):
				if denied++; decision.Allow {
					return fails()
				}
			}
		}
		return nil
	})
	if allowed == 0 || denied == 0 {
		t.Errorf("%d allowed and %d denied: nothing is proved", allowed, denied)
	}
}

func TestProofSearch(t *testing.T) {
	p := proofOf(t)
	found := 0
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		domain, naive := engine.Compile(objects), enginetest.NewNaive(objects)
		type search func(*engine.Request, time.Time) ([]string, error)
		searches := map[string][2]search{
			"subject":  {naive.SearchSubjects, domain.SearchSubjects},
			"resource": {naive.SearchResources, domain.SearchResources},
			"action":   {naive.SearchActions, domain.SearchActions},
		}
		for range 8 {
			req, now := enginetest.Request(s, objects), enginetest.Now(s)
			for _, kind := range []string{"subject", "resource", "action"} {
				ask := *req
				switch kind { // the part searched for may be empty
				case "subject":
					ask.Subject.ID = ""
				case "resource":
					ask.Resource.ID = ""
				case "action":
					ask.Action.Name = ""
				}
				want, wantErr := searches[kind][0](&ask, now)
				got, gotErr := searches[kind][1](&ask, now)
				found += len(want)
				if err := cmp.Or(errorsDiffer(wantErr, gotErr), differ(want, got)); err != nil {
					return fmt.Errorf("%s search %s at %s: %w", kind, text(ask), now, err)
				}
			}
		}
		return nil
	})
	if found == 0 {
		t.Error("no search found anything")
	}
}

// TestProofFilter holds filters against the evaluation of every record: those of random domains, and of domains with one
// rule and one user permission each, which has every condition in its filter whatever the seed.
func TestProofFilter(t *testing.T) {
	p := proofOf(t)
	kinds := map[string]int{}
	check := func(s *rand.Rand, domain *engine.Domain, naive *enginetest.Naive, req *engine.Request, now time.Time) error {
		f, err := domain.Filter(req, now)
		if err != nil {
			kinds[fmt.Sprintf("%T", err)]++
			return nil
		}
		kinds[string(f.Condition.Op)]++
		for range 6 {
			ask := *req
			ask.Resource.ID, ask.Resource.Properties = enginetest.Record(s, req.Resource.Type)
			decision, err := naive.Decide(&ask, now)
			if err != nil {
				return fmt.Errorf("request %s at %s: %w", text(ask), now, err)
			}
			fails := func(what string) error {
				return fmt.Errorf("filter for %s at %s: %s: evaluation %s, filter %s", text(ask), now, what, text(decision), text(f))
			}
			less := func(got bool) bool { return !got && len(f.LeftOut) > 0 } // what is left out lets it through
			if got := f.Condition.Matches(ask.Resource.ID, ask.Resource.Properties); got != decision.Allow && !less(got) {
				return fails(fmt.Sprintf("lets through: %v", got))
			}
			lacking := maps.Clone(ask.Resource.Properties)
			maps.DeleteFunc(lacking, func(_ string, value any) bool { return value == nil })
			if got := f.Condition.Matches(ask.Resource.ID, lacking); got != decision.Allow && !less(got) {
				return fails(fmt.Sprintf("what a record lacks is null; lets through: %v", got))
			}
			if decision.Allow && !coveredBy(f.Fields, decision.Fields) {
				return fails("fields")
			}
		}
		return nil
	}
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		domain, naive := engine.Compile(objects), enginetest.NewNaive(objects)
		for range 15 {
			req, now := enginetest.Request(s, objects), enginetest.Now(s)
			req.Resource.Properties = nil
			if err := check(s, domain, naive, req, now); err != nil {
				return err
			}
		}
		return nil
	})
	source := rand.New(rand.NewPCG(p.seed, 0))
	for condition := range enginetest.Conditions {
		objects := []engine.Object{
			MakeResourceType("order").Link("company", "company").Obj(), MakeResourceType("company").Obj(),
			MakeRole("r1").Rule(MakeRule("order").Actions("read").Condition(string(condition)).Obj()).Obj(), MakeUser("ann").Roles("r1").Obj(),
			MakeUserPermission("one", "company", "c1").Group("g1").Obj(), MakeGroup("g1").Members("bob").Obj(), MakeUser("bob").Roles("r1").Obj(),
		}
		domain, naive := engine.Compile(objects), enginetest.NewNaive(objects)
		for _, user := range []string{"ann", "bob"} {
			req := &engine.Request{
				Subject: engine.Subject{Type: "user", ID: user}, Action: engine.Action{Name: "read"}, Resource: engine.Resource{Type: "order"},
			}
			for range 10 {
				if err := check(source, domain, naive, req, enginetest.Now(source)); err != nil {
					t.Fatalf("seed %d, %q: %v", p.seed, condition, err)
				}
			}
		}
	}
	t.Logf("filters: %v", kinds)
	for _, kind := range []filter.Op{filter.True, filter.False, filter.And, filter.Or, filter.Link, filter.Opaque, filter.Eq} {
		if kinds[string(kind)] == 0 {
			t.Errorf("no filter was %s", kind)
		}
	}
}

// coveredBy reports whether each of some fields is among those covered, itself or what is above it.
func coveredBy(fields, covered []string) bool {
	return slices.Contains(covered, "*") || !slices.ContainsFunc(fields, func(field string) bool {
		return !slices.ContainsFunc(covered, func(c string) bool { return c == field || strings.HasPrefix(field, c+".") })
	})
}

// statements are everything that a domain says without a request.
// countsAlike holds what is asked of single users and permissions against the naive evaluator.
func countsAlike(naive *enginetest.Naive, domain *engine.Domain, now time.Time) error {
	census, admins := domain.Census(now), naive.Admins(now)
	if got, want := domain.HasAdmin(now), len(admins) > 0; got != want {
		return fmt.Errorf("HasAdmin = %t, want %t", got, want)
	}
	if got, want := domain.CountUsers(), len(naive.Users()); got != want {
		return fmt.Errorf("CountUsers = %d, want %d", got, want)
	}
	for _, user := range naive.Users() {
		if got, want := domain.IsAdmin(user, now), slices.Contains(admins, user); got != want {
			return fmt.Errorf("IsAdmin(%s) = %t, want %t", user, got, want)
		}
		status := effectiveOf(domain, user, now)
		if got, want := domain.IsUnlimited(user, now), status.Superuser || status.Admin; got != want {
			return fmt.Errorf("IsUnlimited(%s) = %t, want %t", user, got, want)
		}
	}
	for _, object := range domain.Objects(engine.KindUserPermission) {
		p, ok := object.(*v1alpha1.UserPermission)
		if !ok || p.Spec.User != "" && p.Spec.Group != "" { // which no schema admits
			continue
		}
		if got, want := census.RestrictedUsers(p, now), naive.RestrictedUsers(p, now); got != want {
			return fmt.Errorf("RestrictedUsers(%s) = %d, want %d", p.Name, got, want)
		}
	}
	return nil
}

func statements(d *engine.Domain, now time.Time) map[string]any {
	said := map[string]any{"users": d.Users(), "types": d.ResourceTypes(), "policy": d.Policy(), "hasPolicy": d.HasPolicy(), "len": d.Len()}
	said["census"] = d.Census(now)
	said["admins"] = d.Admins(now)
	next, ok := d.NextTransition(now)
	said["next"] = []any{next, ok}
	for _, user := range d.Users() {
		said["user "+user] = effectiveOf(d, user, now)
	}
	for _, kind := range engine.Kinds {
		for _, object := range d.Objects(kind) {
			ref := engine.Ref{Kind: kind, Name: object.GetName()}
			report, ok := d.Report(ref)
			said["report "+ref.String()] = []any{report, ok}
			switch kind {
			case engine.KindSpecialPermission:
				state, ok := d.SpecialPermissionState(ref.Name, now)
				said["state "+ref.Name] = []any{state, ok}
			case engine.KindRecordSet:
				said["served "+ref.Name] = d.ServedRecords(ref.Name)
			case engine.KindResourceType:
				actions, rules, records := d.Usage(ref.Name)
				said["usage "+ref.Name] = []any{actions, rules, records}
			}
		}
	}
	return said
}

// TestProofWith makes domains by changes, in batches of any size, and holds each against the same objects
// compiled anew, the domain before it against itself, and whom it names as affected against whom it affects.
func TestProofWith(t *testing.T) {
	p := proofOf(t)
	p.domains = (p.domains + 3) / 4 // each is changed several times
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		return changesAreExact(s, engine.Compile(objects), objects, 5)
	})
}

func TestProofWithShrinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := changesAreExact(asRapid{t}, engine.Compile(nil), nil, 4); err != nil {
			t.Fatal(err)
		}
	})
}

func changesAreExact(s enginetest.Source, domain *engine.Domain, objects []engine.Object, batches int) error {
	for range batches {
		now := enginetest.Now(s)
		before := statements(domain, now)
		var changes []engine.Change
		after := objects
		for range 1 + s.IntN(4) {
			change := enginetest.Change(s, after)
			changes = append(changes, change)
			after = enginetest.Apply(after, change)
		}
		next, delta := domain.With(changes...)
		fail := func(what string, err error) error {
			return fmt.Errorf("%s at %s after %s: %w\nThe domain before:\n%s", what, now, text(changes), err, enginetest.Describe(objects))
		}
		if err := differ(before, statements(domain, now)); err != nil {
			return fail("the old domain changed", err)
		}
		anew := engine.Compile(after)
		said := statements(next, now)
		if err := differ(statements(anew, now), said); err != nil {
			return fail("statements", err)
		}
		for range 15 {
			req, at := enginetest.Request(s, after), enginetest.Now(s)
			if _, err := decideAlike(anew, next, req, at); err != nil {
				return fail("a decision", err)
			}
		}
		if err := affectedIsComplete(domain, next, delta.Affected(), now); err != nil {
			return fail(fmt.Sprintf("affected %v", delta.Affected()), err)
		}
		domain, objects = next, after
	}
	return nil
}

// affectedIsComplete reports whether users that are not named have the same answers before and after.
func affectedIsComplete(before, after *engine.Domain, affected engine.Affected, now time.Time) error {
	if affected.All {
		return nil
	}
	users := slices.Concat(before.Users(), after.Users())
	slices.Sort(users)
	for _, user := range slices.Compact(users) {
		if slices.Contains(affected.Users, user) {
			continue
		}
		if before.Knows(user) != after.Knows(user) {
			return fmt.Errorf("%s is known or not known any more", user)
		}
		if err := differ(effectiveOf(before, user, now), effectiveOf(after, user, now)); err != nil {
			return fmt.Errorf("%s %w", user, err)
		}
	}
	return nil
}

// TestProofCompileOrder compiles the same objects in other orders.
func TestProofCompileOrder(t *testing.T) {
	p := proofOf(t)
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		now := enginetest.Now(s)
		shuffled := slices.Clone(objects)
		s.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		return differ(statements(engine.Compile(objects), now), statements(engine.Compile(shuffled), now))
	})
}

// TestProofOneDomainManyGoroutines asks one domain from several goroutines at once while others make the
// next ones of it; run it with the race detector.
func TestProofOneDomainManyGoroutines(t *testing.T) {
	p := proofOf(t)
	p.domains = min(p.domains, 6)
	p.each(t, func(s *rand.Rand, objects []engine.Object) error {
		domain := engine.Compile(objects)
		now := enginetest.Now(s)
		var requests []*engine.Request
		var want []engine.Decision
		for range 60 {
			req := enginetest.Request(s, objects)
			decision, err := engine.Compile(objects).Decide(req, now)
			if err == nil {
				requests, want = append(requests, req), append(want, decision)
			}
		}
		change := enginetest.Change(s, objects)
		failed := make(chan error, 4)
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				got := make([]engine.Decision, len(requests))
				for i, req := range requests {
					got[i], _ = domain.Decide(req, now) // the error is none: it was none before
				}
				domain.With(change)
				domain.Census(now)
				for i, req := range requests { // only now: a decision keeps nothing that others change
					if err := differ(want[i], got[i]); err != nil {
						failed <- fmt.Errorf("request %s at %s: %w", text(req), now, err)
						return
					}
				}
			})
		}
		wait.Wait()
		close(failed)
		return <-failed
	})
}
