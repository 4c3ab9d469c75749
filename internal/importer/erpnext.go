package importer

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// erpnextRights are the rights of a DocPerm, as actions.
var erpnextRights = []v1alpha1.Action{
	{Name: "select", Class: v1alpha1.ClassRead},
	{Name: "read", Class: v1alpha1.ClassRead},
	{Name: "print", Class: v1alpha1.ClassRead},
	{Name: "email", Class: v1alpha1.ClassRead},
	{Name: "report", Class: v1alpha1.ClassRead},
	{Name: "export", Class: v1alpha1.ClassRead},
	{Name: "share", Class: v1alpha1.ClassRead},
	{Name: "write", Class: v1alpha1.ClassUpdate},
	{Name: "create", Class: v1alpha1.ClassCreate},
	{Name: "import", Class: v1alpha1.ClassCreate},
	{Name: "delete", Class: v1alpha1.ClassDelete},
	{Name: "submit", Class: v1alpha1.ClassUpdate},
	{Name: "cancel", Class: v1alpha1.ClassUpdate},
	{Name: "amend", Class: v1alpha1.ClassUpdate},
}

// erpnextSubmit are the rights that only submittable document types have.
var erpnextSubmit = []v1alpha1.Token{"submit", "cancel", "amend"}

// erpnextStandard are the fields that every document has, at level 0. The system sets them.
var erpnextStandard = []string{"name", "owner", "creation", "modified", "modified_by", "docstatus", "idx"}

// Roles that Frappe gives by itself: to everybody, to every user, and to who uses the desk.
const (
	roleGuest    = "Guest"
	roleAll      = "All"
	roleDeskUser = "Desk User"
)

// erpnext is an import from ERPNext, or another application on Frappe.
type erpnext struct {
	*importer
	// documents are those of the export by their DocType, in its order.
	documents map[string][]*reading
	// added are the fields of DocTypes that other documents add.
	added map[*reading][]addedField
	// customized are the customizations that are files of their own.
	customized []customization
	// types are all document types that something names, defined or not.
	types map[string]*docType
	// roles are all roles that something names.
	roles map[string]*v1alpha1.Role
	// disabled roles give nothing.
	disabled map[string]bool
	// rules are those of the roles, before equal ones are put together.
	rules map[string][]typeRule
	// more are the roles that have the rules that one role has no room for.
	more map[string][]*v1alpha1.Role
	// restricted are the users with User Permissions.
	restricted map[string]place
	// marker are the groups of all restricted users, if a rule needs them.
	marker []string
	// workflows by the document type that they are about.
	workflows map[string][]*workflow
	// listed are the document types whose lists a script restricts.
	listed map[string]place
	// trees are the document types whose documents became records.
	trees map[string]bool
	// ownerRights are the document types that give their owners something, and where.
	ownerRights map[string]place
	// sharing is off when nobody shares documents.
	sharing bool
}

// importERPNext reads documents as JSON (fixtures, answers of the REST interface, the files of apps) or CSV.
// DocTypes, as they are customized, become resource types; permissions rules; User Permissions user permissions.
// Documents of other kinds are named.
func importERPNext(im *importer, files []File) error {
	e := &erpnext{
		importer: im, documents: map[string][]*reading{}, added: map[*reading][]addedField{}, types: map[string]*docType{},
		roles: map[string]*v1alpha1.Role{}, disabled: map[string]bool{}, rules: map[string][]typeRule{},
		more: map[string][]*v1alpha1.Role{}, restricted: map[string]place{},
		workflows: map[string][]*workflow{}, listed: map[string]place{}, trees: map[string]bool{},
		ownerRights: map[string]place{}, sharing: true,
	}
	for _, f := range files {
		if err := e.readFile(f); err != nil {
			return err
		}
	}
	e.customize()
	e.defineTypes()
	settings := e.readSettings()
	e.readRoles()
	e.readTrees()
	e.readWorkflows()
	e.readScripts()
	permissions, err := e.readUserPermissions()
	if err != nil {
		return err
	}
	e.readPermissions()
	e.writeUserPermissions(permissions)
	e.writeRules()
	e.writeUsers()
	e.writeTypes()
	e.writePolicy(settings)
	e.nameUnread()
	e.noteMissing(files)
	return nil
}

// noteMissing tells of documents without which nobody knows of restrictions.
func (e *erpnext) noteMissing(files []File) {
	if len(e.objects) == 0 {
		return
	}
	for _, missing := range []struct{ docType, what string }{
		{"User Permission", "nobody is restricted to records"},
		{"Role", "no role is disabled"},
		{"Custom DocPerm", "the standard permissions are taken to be those in force"},
	} {
		if len(e.documents[missing.docType]) == 0 {
			e.note(place{file: files[0].Name}, "no %s is in the export: %s", missing.docType, missing.what)
		}
	}
}

// settings are what of the System Settings matters.
type settings struct {
	exported, strict bool
	place            place
}

func (e *erpnext) readSettings() settings {
	var s settings
	for _, r := range e.documents["System Settings"] {
		if !s.exported {
			s = settings{exported: true, place: r.place}
		}
		s.strict = r.restricts("apply_strict_user_permissions") || s.strict
		if r.restricts("disable_document_sharing") {
			e.sharing = false
		}
	}
	if !s.exported {
		e.sharing = false // it may be off
	}
	return s
}

// writePolicy makes the policy: what a visitor has, and whether a restricted user may leave a link empty.
func (e *erpnext) writePolicy(s settings) {
	var policy v1alpha1.PermissionPolicySpec
	var p place
	if guest := e.roles[roleGuest]; guest != nil {
		policy.PublicRole, p = guest.Name, e.places[engine.Ref{Kind: engine.KindRole, Name: guest.Name}]
	}
	switch {
	case s.exported && s.strict:
		policy.EmptyLinks, p = v1alpha1.EmptyLinksDeny, s.place
	case !s.exported && len(e.restricted) > 0:
		policy.EmptyLinks, p = v1alpha1.EmptyLinksDeny, e.documents["User Permission"][0].place
		e.note(place{file: p.file}, "whether user permissions are strict is in the System Settings, which are not in the export; they are taken to be: restricted users may not leave links empty (emptyLinks)")
	}
	if policy.EmptyLinks == v1alpha1.EmptyLinksDeny && len(e.restricted) > 0 {
		for _, name := range sorted(e.types) {
			if t := e.types[name]; t.single && t.defined && slices.ContainsFunc(e.linksOf(t), func(f v1alpha1.Field) bool { return !f.IgnoreUserPermissions }) {
				e.leaveOut(t.place, "%s, for who has User Permissions, while one of its links is empty: Frappe exempts Singles from strict user permissions, which cannot be said for one type", name)
			}
		}
	}
	if policy.PublicRole != "" || policy.EmptyLinks != "" {
		e.add(&v1alpha1.PermissionPolicy{TypeMeta: typeMeta(engine.KindPermissionPolicy), ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.PolicyName}, Spec: policy}, p)
	}
}

// scrub is the usual name of a field that links to a document type.
func scrub(docType string) string { return strings.ReplaceAll(slug(docType), "-", "_") }
