// Package importer turns exports of other permission systems – Directus, InvenTree, ERPNext, Cin7 – into
// Remit's objects. It is pure: bytes in, objects and findings out.
//
// What an export grants and Remit cannot say is left out and reported; nothing is imported wider than it was.
// Every part of an export is read, named as not read, or an error (reading). Parts that restrict somebody are never
// left out: where one cannot be said or read, what it restricts is not granted, or the import fails.
package importer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/admission"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/expr"
	"github.com/remit-authz/remit/internal/kinds"
	"github.com/remit-authz/remit/internal/manifests"
	"sigs.k8s.io/yaml"
)

// System is where an export comes from.
type System string

// The systems.
const (
	Directus  System = "directus"
	InvenTree System = "inventree"
	ERPNext   System = "erpnext"
	Cin7      System = "cin7"
)

// Systems are all of them.
var Systems = []System{Directus, InvenTree, ERPNext, Cin7}

// File is one file of an export.
type File struct {
	// Name tells files apart in findings; of some exports it tells what is in the file.
	Name string
	Data []byte
}

// Finding is something about an export that its reader should know.
type Finding struct {
	// File and Path say where it stands; the path is empty for the file as a whole.
	File string `json:"file"`
	Path string `json:"path,omitempty"`
	// LeftOut says that something that the export grants is not in the result.
	LeftOut bool `json:"leftOut"`
	// Message says what, and why.
	Message string `json:"message"`
}

// String is the finding in one line, the place first.
func (f *Finding) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Path != "" {
		b.WriteString(": " + f.Path)
	}
	if f.LeftOut {
		b.WriteString(": left out: ")
	} else {
		b.WriteString(": note: ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// Result is what became of an export.
type Result struct {
	// Objects are valid for the API server, in the order of kinds.Table, of each kind sorted by name.
	Objects []engine.Object
	// Findings are in the order of the files.
	Findings []Finding
}

// LeftOut says whether something that the export grants is missing.
func (r *Result) LeftOut() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.LeftOut })
}

// Import reads an export. The error says that it cannot be read, or that something in it restricts users in a
// way that cannot be imported. Files that were not named but found in a folder need not belong to the export; they
// come last.
func Import(system System, files []File, found ...File) (*Result, error) {
	read, known := map[System]func(*importer, []File) error{
		Directus: importDirectus, InvenTree: importInvenTree, ERPNext: importERPNext, Cin7: importCin7,
	}[system]
	if !known {
		return nil, fmt.Errorf("unknown system %q", system)
	}
	im := &importer{names: map[engine.Kind]*namer{}, found: map[string]bool{}}
	for _, f := range found {
		im.found[f.Name] = true
	}
	if files = slices.Concat(files, found); len(files) == 0 {
		return nil, errors.New("no files")
	}
	if err := read(im, files); err != nil {
		return nil, err
	}
	im.tellUnread()
	if err := im.check(); err != nil {
		return nil, err
	}
	im.sort()
	return &Result{Objects: im.objects, Findings: im.findings}, nil
}

// importer collects the result of one import.
type importer struct {
	objects  []engine.Object
	findings []Finding
	names    map[engine.Kind]*namer
	// tables says that the other system's types are tables, whose names have underscores rather than spaces.
	tables bool
	// places are where the objects were found, by kind and name.
	places map[engine.Ref]place
	// found are the files that were found in a folder rather than named.
	found map[string]bool
	// notRead are the parts of the export that were named as not read.
	notRead map[notRead]*counted
}

// place is a part of a file.
type place struct{ file, path string }

func (p place) at(format string, args ...any) place {
	part := fmt.Sprintf(format, args...)
	if p.path != "" && !strings.HasPrefix(part, "[") {
		part = "." + part
	}
	return place{p.file, p.path + part}
}

func (p place) String() string {
	if p.path == "" {
		return p.file
	}
	return p.file + ": " + p.path
}

func (p place) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: %s", p, fmt.Sprintf(format, args...))
}

// leaveOut reports that a grant is missing.
func (im *importer) leaveOut(p place, format string, args ...any) {
	im.findings = append(im.findings, Finding{p.file, p.path, true, fmt.Sprintf(format, args...)})
}

// note reports something that takes nothing away.
func (im *importer) note(p place, format string, args ...any) {
	im.findings = append(im.findings, Finding{p.file, p.path, false, fmt.Sprintf(format, args...)})
}

// name gives the name of the object of a kind that stands for something of the export, known by its key: the
// same for the same.
func (im *importer) name(kind engine.Kind, key, label string) string {
	return im.namer(kind).name(key, label)
}

// stableName gives the name of the object of a kind that stands for what the label names. It depends on the label
// alone, so that it stays when the export grows.
func (im *importer) stableName(kind engine.Kind, label string) string {
	var reserved []string
	if kind == engine.KindRole {
		reserved = []string{v1alpha1.DefaultAdminRole, v1alpha1.DefaultPublicRole}
	}
	return im.namer(kind).stable(label, label, reserved...)
}

// typeName is what requests and other objects call the resource type for what the other system calls by a name: the same.
// What no type can be called, control characters for example, has the name of the object.
func (im *importer) typeName(name string) string {
	if len(name) > maxTypeName || name == v1alpha1.Any || strings.ContainsFunc(name, unicode.IsControl) {
		return im.stableName(engine.KindResourceType, name)
	}
	return name
}

// newType starts the resource type for what the other system calls by a name.
func (im *importer) newType(name string) *v1alpha1.ResourceType {
	t := &v1alpha1.ResourceType{TypeMeta: typeMeta(engine.KindResourceType), ObjectMeta: metav1.ObjectMeta{Name: im.stableName(engine.KindResourceType, name)}}
	if called := im.typeName(name); called != t.Name {
		t.Spec.Type = v1alpha1.TypeName(called)
	}
	t.Spec.DisplayName = short(name)
	return t
}

// maxTypeName is how long spec.type may be.
const maxTypeName = 253

func (im *importer) namer(kind engine.Kind) *namer {
	n := im.names[kind]
	if n == nil {
		n = newNamer(strings.ToLower(string(kind)))
		if kind == engine.KindResourceType && im.tables {
			n.plain = plainTable
		}
		im.names[kind] = n
	}
	return n
}

// add adds an object that was found at a place. What is there already stays.
func (im *importer) add(object engine.Object, p place) {
	if im.places == nil {
		im.places = map[engine.Ref]place{}
	}
	kind, _ := engine.KindOf(object)
	ref := engine.Ref{Kind: kind, Name: object.GetName()}
	if first, twice := im.places[ref]; twice {
		im.leaveOut(p, "%s is there twice, first at %s", ref, first)
		return
	}
	im.places[ref] = p
	im.objects = append(im.objects, object)
}

// check keeps only what the API server and admission would take. A role that they would not is emptied: who
// holds it is not to be taken for somebody without a role. What restricts, or gives roles, has to be there.
func (im *importer) check() error {
	for _, object := range im.objects {
		kind, _ := engine.KindOf(object)
		p := im.places[engine.Ref{Kind: kind, Name: object.GetName()}]
		im.checkRules(object, p)
		problem := problemOf(object)
		if role, ok := object.(*v1alpha1.Role); ok && problem != "" {
			im.leaveOut(p, "what %s %s gives: it is not valid: %s", kind, role.Name, problem)
			role.Spec = v1alpha1.RoleSpec{}
			problem = problemOf(role)
		}
		if problem != "" {
			return p.errorf("%s %s is not valid: %s", kind, object.GetName(), problem)
		}
	}
	return nil
}

// checkRules leaves out the rules of an object that are not valid by themselves.
func (im *importer) checkRules(object engine.Object, p place) {
	kind, ok := kinds.Of(object)
	if !ok {
		return
	}
	for _, list := range kind.Parts(object).Rules {
		var kept []v1alpha1.Rule
		for _, rule := range *list.Rules {
			alone := &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Name: "rule"}, Spec: v1alpha1.RoleSpec{Rules: []v1alpha1.Rule{rule}}}
			if problem := problemOf(alone); problem != "" {
				im.leaveOut(p, "a rule on %s is not valid: %s", ruleOn(&rule), problem)
				continue
			}
			kept = append(kept, rule)
		}
		*list.Rules = kept
	}
}

func ruleOn(rule *v1alpha1.Rule) string {
	var names []string
	for _, resource := range rule.Resources {
		names = append(names, string(resource))
	}
	for _, area := range rule.Areas {
		names = append(names, "area "+string(area))
	}
	return strings.Join(names, ", ")
}

// problemOf is the first thing that is wrong with an object; empty for a good one.
func problemOf(object engine.Object) string {
	kind, _ := engine.KindOf(object)
	text, err := json.Marshal(object)
	if err != nil {
		return err.Error()
	}
	_, errs := manifests.Object(string(kind), text, metav1.NamespaceDefault, nil)
	errs = append(errs, admission.CheckObject(object).Errors...)
	if len(errs) == 0 {
		return ""
	}
	return errs[0].Error()
}

func (im *importer) sort() {
	slices.SortStableFunc(im.objects, func(a, b engine.Object) int {
		kindA, _ := engine.KindOf(a)
		kindB, _ := engine.KindOf(b)
		return cmp.Or(kinds.Compare(kindA, kindB), strings.Compare(a.GetName(), b.GetName()))
	})
}

// typeMeta is what stands first in a manifest.
func typeMeta(kind engine.Kind) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: string(kind)}
}

// Manifest is an object as YAML.
func Manifest(object engine.Object) ([]byte, error) { return yaml.Marshal(object) }

// value reads JSON into the Go types of expr.ParseJSON.
func value(f File) (any, error) {
	v, err := expr.ParseJSON(f.Data)
	if err != nil {
		return nil, fmt.Errorf("%s: not JSON: %w", f.Name, err)
	}
	return v, nil
}

// text is a value where it is a string, else "".
func text(v any) string {
	s, _ := v.(string)
	return s
}

// isSet is true for true, 1 and "1": databases and their exports differ.
func isSet(v any) bool {
	set, ok := yesNo(v)
	return set && ok
}

// short cuts a text to what a displayName holds.
func short(s string) string {
	runes := []rune(s)
	if len(runes) > 256 {
		return string(runes[:255]) + "…"
	}
	return s
}

func names(list []string) []v1alpha1.NameOrAny {
	out := make([]v1alpha1.NameOrAny, len(list))
	for i, name := range list {
		out[i] = v1alpha1.NameOrAny(name)
	}
	return out
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func jsonValue(v any) v1alpha1.JSON {
	text, err := json.Marshal(v)
	if err != nil { // it was read from JSON
		panic(fmt.Sprintf("importer: %v", err))
	}
	return v1alpha1.JSON{Raw: text}
}
