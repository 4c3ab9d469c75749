package permissiontest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/manifests"
)

// Kind is the kind of the documents that this package reads.
const Kind = "PermissionTest"

// suite is a PermissionTest.
type suite struct {
	document  *manifests.Document
	name      string
	manifests []string  // paths as they can be opened
	now       time.Time // zero: not fixed
	tests     []test
}

// test is one of a suite. Of the pointers to what it asks, exactly one is set.
type test struct {
	Name      string         `json:"name"`
	Now       string         `json:"now"`
	Request   *request       `json:"request"`
	Search    *searchAsked   `json:"search"`
	Effective *effectiveUser `json:"effective"`
	Admit     *admitted      `json:"admit"`
	Filter    *filterAsked   `json:"filter"`
	// Expect is for the decoder to refuse what no test knows; want is what is compared.
	Expect expectation `json:"expect"`

	path string         // of the test in its document
	line int            // of the test in its file
	now  time.Time      // zero: not fixed by the test
	want map[string]any // the keys expected, as they are written
}

type request struct {
	Subject struct {
		Type       string `json:"type"`
		ID         string `json:"id"`
		Properties values `json:"properties"`
	} `json:"subject"`
	Action struct {
		Name       string `json:"name"`
		Properties values `json:"properties"`
	} `json:"action"`
	Resource struct {
		Type       string `json:"type"`
		ID         string `json:"id"`
		Properties values `json:"properties"`
	} `json:"resource"`
	Context values `json:"context"`
}

func (r *request) forEngine() *engine.Request {
	return &engine.Request{
		Subject:  engine.Subject{Type: r.Subject.Type, ID: r.Subject.ID, Properties: r.Subject.Properties},
		Action:   engine.Action{Name: r.Action.Name, Properties: r.Action.Properties},
		Resource: engine.Resource{Type: r.Resource.Type, ID: r.Resource.ID, Properties: r.Resource.Properties},
		Context:  r.Context,
	}
}

type searchAsked struct {
	Kind    string  `json:"kind"`
	Request request `json:"request"`
}

type effectiveUser struct {
	User     string `json:"user"`
	Resource string `json:"resource"`
}

type admitted struct {
	Operation admission.Operation `json:"operation"`
	Object    json.RawMessage     `json:"object"`
	As        struct {
		User   string   `json:"user"`
		Groups []string `json:"groups"`
	} `json:"as"`

	named metav1.PartialObjectMetadata // what Object calls itself
}

type filterAsked struct {
	Request request  `json:"request"`
	Records []record `json:"records"`
}

type record struct {
	ID         string `json:"id"`
	Properties values `json:"properties"`
}

// values are JSON values as decisions see them: numbers are integers or not by how they are written.
type values map[string]any

// UnmarshalJSON reads an object, or null.
func (v *values) UnmarshalJSON(data []byte) error {
	value, err := expr.ParseJSON(data)
	if err != nil {
		return err
	}
	object, ok := value.(map[string]any)
	if !ok && value != nil {
		return &json.UnmarshalTypeError{Value: "value", Type: reflect.TypeFor[values]()}
	}
	*v = object
	return nil
}

// expectation has every key that some kind of test knows.
type expectation struct {
	Decision           string   `json:"decision"`
	Reason             string   `json:"reason"`
	Fields             []string `json:"fields"`
	ExceptFields       []string `json:"exceptFields"`
	Presets            values   `json:"presets"`
	MissingProperties  []string `json:"missingProperties"`
	MissingContext     []string `json:"missingContext"`
	Violations         []string `json:"violations"`
	StepUp             []string `json:"stepUp"`
	ValidationMessages []string `json:"validationMessages"`

	Results []string `json:"results"`

	Access       string   `json:"access"`
	Allowed      []string `json:"allowed"`
	Conditional  []string `json:"conditional"`
	DecidedBy    []string `json:"decidedBy"`
	Overridden   []string `json:"overridden"`
	RestrictedBy []string `json:"restrictedBy"`

	Superuser      bool                           `json:"superuser"`
	Admin          bool                           `json:"admin"`
	Disabled       bool                           `json:"disabled"`
	Groups         []string                       `json:"groups"`
	Roles          []v1alpha1.HeldRole            `json:"roles"`
	Summary        v1alpha1.AccessSummary         `json:"summary"`
	Permissions    []v1alpha1.EffectivePermission `json:"permissions"`
	NextTransition string                         `json:"nextTransition"`

	Admitted bool   `json:"admitted"`
	Code     string `json:"code"`
	Warnings bool   `json:"warnings"`

	Matches []string `json:"matches"`
}

// The keys that each kind of test can expect.
var (
	ofDecision  = []string{"decision", "reason", "fields", "exceptFields", "presets", "missingProperties", "missingContext", "violations", "stepUp", "validationMessages"}
	ofSearch    = []string{"results"}
	ofLevel     = []string{"access", "allowed", "conditional", "decidedBy", "overridden", "restrictedBy"}
	ofStatus    = []string{"superuser", "admin", "disabled", "groups", "roles", "summary", "permissions", "nextTransition"}
	ofAdmission = []string{"admitted", "code", "warnings"}
	ofFilter    = []string{"matches"}
)

// reporter takes a problem with the field at a path of a document.
type reporter func(path, format string, args ...any)

// suitesIn reads the PermissionTests of a file. The error is of type manifests.Problems.
func suitesIn(file string) ([]*suite, error) {
	documents, err := manifests.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var suites []*suite
	for _, document := range documents {
		if group, _, _ := strings.Cut(document.APIVersion, "/"); document.Kind != Kind || group != v1alpha1.GroupName {
			continue
		}
		s, err := newSuite(document)
		if err != nil {
			return nil, err
		}
		suites = append(suites, s)
	}
	return suites, nil
}

func newSuite(document *manifests.Document) (*suite, error) {
	var content struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name string `json:"name"`
		} `json:"metadata"`
		Spec struct {
			Manifests []string `json:"manifests"`
			Now       string   `json:"now"`
			Tests     []test   `json:"tests"`
		} `json:"spec"`
	}
	if err := document.Decode(&content); err != nil {
		return nil, err
	}
	var problems manifests.Problems
	problem := func(path, format string, args ...any) {
		problems = append(problems, document.Problem(path, fmt.Sprintf(format, args...)))
	}
	if document.APIVersion != v1alpha1.GroupVersion.String() {
		problem("apiVersion", "the version does not exist; use %s", v1alpha1.GroupVersion)
	}
	if len(content.Spec.Manifests) == 0 {
		problem("spec.manifests", "is required: files or folders, relative to this file")
	}
	if len(content.Spec.Tests) == 0 {
		problem("spec.tests", "is required: a file without tests proves nothing")
	}
	s := &suite{document: document, name: content.Metadata.Name, tests: content.Spec.Tests}
	s.now = parseTime("spec.now", content.Spec.Now, problem)
	for _, path := range content.Spec.Manifests {
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(document.File), path)
		}
		s.manifests = append(s.manifests, path)
	}
	written, err := expectationsOf(document)
	if err != nil {
		return nil, manifests.Problems{document.Problem("spec.tests", err.Error())}
	}
	names := map[string]bool{}
	for i := range s.tests {
		t := &s.tests[i]
		t.path = fmt.Sprintf("spec.tests[%d]", i)
		t.line = document.Problem(t.path, "").Line
		t.want = written[i]
		if t.Name == "" {
			problem(t.path+".name", "is required")
		} else if names[t.Name] {
			problem(t.path+".name", "another test has the same name; a failure must tell which it is")
		}
		names[t.Name] = true
		t.check(problem)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return s, nil
}

// expectationsOf are what the tests of a document expect, as it is written: the keys that are there.
func expectationsOf(document *manifests.Document) ([]values, error) {
	var content struct {
		Spec struct {
			Tests []struct {
				Expect values `json:"expect"`
			} `json:"tests"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(document.JSON, &content); err != nil {
		return nil, err
	}
	expectations := make([]values, len(content.Spec.Tests))
	for i, t := range content.Spec.Tests {
		expectations[i] = t.Expect
	}
	return expectations, nil
}

// check reports what is wrong with a test by itself, and completes it.
func (t *test) check(problem reporter) {
	t.now = parseTime(t.path+".now", t.Now, problem)
	var asked, known []string
	for _, kind := range []struct {
		name  string
		asked bool
		known []string
	}{
		{"request", t.Request != nil, ofDecision},
		{"search", t.Search != nil, ofSearch},
		{"effective", t.Effective != nil && t.Effective.Resource != "", ofLevel},
		{"effective", t.Effective != nil && t.Effective.Resource == "", ofStatus},
		{"admit", t.Admit != nil, ofAdmission},
		{"filter", t.Filter != nil, ofFilter},
	} {
		if kind.asked {
			asked, known = append(asked, kind.name), kind.known
		}
	}
	if len(asked) != 1 {
		problem(t.path, "needs exactly one of request, search, effective, admit, filter")
		return
	}
	if len(t.want) == 0 {
		problem(t.path+".expect", "is required: one or more of %s", strings.Join(known, ", "))
	}
	for key := range t.want {
		if !slices.Contains(known, key) {
			problem(t.path+".expect."+key, "is nothing that this test (%s) can expect; use %s", asked[0], strings.Join(known, ", "))
		}
	}
	switch {
	case t.Request != nil:
		if _, given := t.want["decision"]; given && t.Expect.Decision != allow && t.Expect.Decision != deny {
			problem(t.path+".expect.decision", "must be %s or %s", allow, deny)
		}
	case t.Search != nil:
		if !slices.Contains([]string{searchSubject, searchResource, searchAction}, t.Search.Kind) {
			problem(t.path+".search.kind", "must be %s, %s or %s", searchSubject, searchResource, searchAction)
		}
	case t.Effective != nil:
		if t.Effective.User == "" {
			problem(t.path+".effective.user", "is required")
		}
		// The same time can be written in other ways than the status has it.
		if next := parseTime(t.path+".expect.nextTransition", t.Expect.NextTransition, problem); !next.IsZero() {
			t.want["nextTransition"] = next.UTC().Format(time.RFC3339)
		}
	case t.Admit != nil:
		t.Admit.check(t.path+".admit", problem)
	}
}

// parseTime is zero for a time that is not given.
func parseTime(path, text string, problem reporter) time.Time {
	if text == "" {
		return time.Time{}
	}
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		problem(path, "%q is no time; write it as 2026-01-31T12:00:00Z", text)
	}
	return parsed
}
