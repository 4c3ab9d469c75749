package importer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// userPermission is a User Permission.
type userPermission struct {
	user, allow, applicableFor, value string
	hides, isDefault                  bool
	place                             place
}

// readUserPermissions reads the User Permissions. They restrict, so one that is not understood is an error.
func (e *erpnext) readUserPermissions() ([]*userPermission, error) {
	var list []*userPermission
	for _, r := range e.documents["User Permission"] {
		p := &userPermission{
			user: r.text("user"), allow: r.text("allow"), applicableFor: r.text("applicable_for"), value: r.text("for_value"),
			hides: r.restricts("hide_descendants"), isDefault: r.grants("is_default"), place: r.place,
		}
		if p.user == "" || p.allow == "" || p.value == "" {
			return nil, r.place.errorf("a User Permission without user, allow or for_value")
		}
		if p.applicableFor == "" && r.has("applicable_for") {
			return nil, r.place.at("applicable_for").errorf("the User Permission is for document types that cannot be read")
		}
		// Frappe looks at applicable_for alone: apply_to_all_doctypes is for its form.
		r.pass("apply_to_all_doctypes", "linked_doctypes")
		r.done()
		list = append(list, p)
		if _, known := e.restricted[p.user]; !known {
			e.restricted[p.user] = p.place
		}
		for _, docType := range []string{p.allow, p.applicableFor} {
			if docType != "" {
				e.typeNamed(docType, p.place).named = true
			}
		}
	}
	return list, nil
}

// effect is what the User Permissions of one user and value do on a document type.
type effect struct{ given, hides, isDefault bool }

// userAllow is what belongs together: the restrictions of a user to records of one document type.
type userAllow struct{ user, allow string }

// writeUserPermissions makes user permissions. In Frappe all those that apply to a document type count together, so
// for each value and document type it is looked at what they do, and those that do the same are one.
func (e *erpnext) writeUserPermissions(list []*userPermission) {
	groups := map[userAllow][]*userPermission{}
	var order []userAllow
	for _, p := range list {
		key := userAllow{p.user, p.allow}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], p)
	}
	for _, key := range order {
		e.writeAllow(key, groups[key])
	}
	e.noteOwners(list)
}

func (e *erpnext) writeAllow(key userAllow, list []*userPermission) {
	var scopes, values []string
	for _, p := range list {
		if p.applicableFor != "" && !slices.Contains(scopes, p.applicableFor) {
			scopes = append(scopes, p.applicableFor)
		}
		if !slices.Contains(values, p.value) {
			values = append(values, p.value)
		}
	}
	slices.Sort(scopes)
	defaults := map[string]string{}
	for _, scope := range append([]string{""}, scopes...) {
		defaults[scope] = e.defaultFor(key, list, scope)
	}
	type shared struct {
		scopes string
		hides  bool
	}
	objects := map[shared][]*v1alpha1.UserPermission{}
	put := func(scopes []string, value string, does effect, p place) {
		const perObject = 1000
		const scopesPerObject = 256
		parts := [][]string{nil}
		if len(scopes) > 0 {
			parts = slices.Collect(slices.Chunk(scopes, scopesPerObject))
		}
		for _, part := range parts {
			at := shared{strings.Join(part, "\x00"), does.hides}
			last := len(objects[at]) - 1
			if last < 0 || len(objects[at][last].Spec.ForValues) == perObject {
				label := key.user + " " + key.allow
				if len(part) > 0 {
					label += " for " + part[0]
				}
				object := &v1alpha1.UserPermission{TypeMeta: typeMeta(engine.KindUserPermission)}
				object.Name = e.namer(engine.KindUserPermission).stable(fmt.Sprint(label, part, does.hides, last+1), label)
				object.Spec = v1alpha1.UserPermissionSpec{User: v1alpha1.UserID(key.user), Allow: v1alpha1.Name(e.typeName(key.allow)), HideDescendants: does.hides}
				for _, docType := range part {
					object.Spec.ApplicableFor = append(object.Spec.ApplicableFor, v1alpha1.Name(e.typeName(docType)))
				}
				objects[at] = append(objects[at], object)
				e.add(object, p)
				last++
			}
			object := objects[at][last]
			object.Spec.ForValues = append(object.Spec.ForValues, v1alpha1.RecordID(value))
			if does.isDefault {
				object.Spec.Default = v1alpha1.RecordID(value)
			}
		}
	}
	for _, value := range values {
		p := list[slices.IndexFunc(list, func(p *userPermission) bool { return p.value == value })].place
		rest := effectOf(list, value, "", defaults)
		var apart []string
		by := map[effect][]string{}
		for _, scope := range scopes {
			if does := effectOf(list, value, scope, defaults); does != rest {
				apart = append(apart, scope)
				by[does] = append(by[does], scope)
			}
		}
		if rest.given {
			put(e.allBut(apart, p), value, rest, p)
		}
		for _, does := range []effect{{true, false, false}, {true, false, true}, {true, true, false}, {true, true, true}} {
			if len(by[does]) > 0 {
				put(by[does], value, does, p)
			}
		}
	}
}

// effectOf is what the User Permissions do with a value on a document type; "" stands for those that none names.
func effectOf(list []*userPermission, value, docType string, defaults map[string]string) effect {
	does := effect{hides: true}
	for _, p := range list {
		if p.value == value && (p.applicableFor == "" || p.applicableFor == docType) {
			does.given = true
			does.hides = does.hides && p.hides
		}
	}
	if !does.given {
		return effect{}
	}
	does.isDefault = defaults[docType] == value
	return does
}

// defaultFor is the value that new documents of a type start with: one for this type comes before one for all.
func (e *erpnext) defaultFor(key userAllow, list []*userPermission, docType string) string {
	for _, scope := range []string{docType, ""} {
		found := ""
		for _, p := range list {
			if !p.isDefault || p.applicableFor != scope {
				continue
			}
			if found != "" && found != p.value && scope == docType {
				e.note(p.place.at("is_default"), "the default of %s for %s is %s already", key.user, key.allow, found)
				continue
			}
			found = cmp.Or(found, p.value)
		}
		if found != "" {
			return found
		}
	}
	return ""
}

// allBut are all document types but some; none stands for all.
func (e *erpnext) allBut(some []string, p place) []string {
	if len(some) == 0 {
		return nil
	}
	var all []string
	for _, name := range sorted(e.types) {
		if t := e.types[name]; !e.isPart(t) && !slices.Contains(some, name) {
			all = append(all, name)
		}
	}
	e.note(p, "this User Permission is not for %s: it names all other document types of the export, and not those that come later", strings.Join(some, ", "))
	return all
}

// noteOwners tells what rights of owners do not outlast.
func (e *erpnext) noteOwners(list []*userPermission) {
	allowed := map[string]bool{}
	for _, p := range list {
		allowed[e.typeName(p.allow)] = true
	}
	if len(allowed) == 0 {
		return
	}
	for _, docType := range sorted(e.ownerRights) {
		t := e.types[docType]
		concerned := allowed[e.typeName(docType)] || slices.ContainsFunc(e.linksOf(t), func(f v1alpha1.Field) bool {
			return allowed[f.LinksTo] && !f.IgnoreUserPermissions
		})
		if concerned {
			e.leaveOut(e.ownerRights[docType], "%s: what its owner may do (if_owner) outlasts a User Permission in Frappe, and does not here", docType)
		}
	}
}

// readTrees makes records of the documents of trees, so that User Permissions reach what stands below.
func (e *erpnext) readTrees() {
	for _, docType := range sorted(e.documents) {
		documents := e.documents[docType]
		t := e.types[docType]
		if t == nil || !t.defined {
			if !isNested(documents) {
				continue
			}
			t = e.typeNamed(docType, documents[0].place)
			t.tree, t.parentField = true, cmp.Or(t.parentField, "parent_"+scrub(docType))
		}
		if !t.tree {
			continue
		}
		t.named = true
		e.trees[docType] = true
		records := map[string]*v1alpha1.Record{}
		var order []*v1alpha1.Record
		for _, r := range documents {
			id := r.text("name")
			if id == "" {
				e.note(r.place, "a %s without a name", docType)
				continue
			}
			parent := r.text(t.parentField)
			if parent == "" && r.values[t.parentField] == nil {
				parent = r.text("parent_" + scrub(docType))
			}
			if known := records[id]; known != nil {
				if string(known.Parent) != parent {
					e.leaveOut(r.place, "%s %q is there twice, with different parents: it is taken to have none", docType, id)
					known.Parent = ""
				}
				continue
			}
			records[id] = &v1alpha1.Record{ID: v1alpha1.RecordID(id), Parent: v1alpha1.RecordID(parent)}
			order = append(order, records[id])
		}
		slices.SortFunc(order, func(a, b *v1alpha1.Record) int { return strings.Compare(string(a.ID), string(b.ID)) })
		e.dropCircles(docType, documents[0].place, records)
		const perSet = 5000
		i := 0
		for chunk := range slices.Chunk(order, perSet) {
			i++
			label := docType
			if i > 1 {
				label = fmt.Sprintf("%s %d", docType, i)
			}
			set := &v1alpha1.RecordSet{TypeMeta: typeMeta(engine.KindRecordSet), ObjectMeta: metav1.ObjectMeta{Name: e.stableName(engine.KindRecordSet, label)}}
			set.Spec.ResourceType = v1alpha1.Name(e.typeName(docType))
			for _, record := range chunk {
				set.Spec.Records = append(set.Spec.Records, *record)
			}
			e.add(set, documents[0].place)
		}
	}
}

// isNested reports whether documents are nodes of a tree, where their DocType does not say so.
func isNested(documents []*reading) bool {
	return len(documents) > 0 && !slices.ContainsFunc(documents, func(r *reading) bool {
		_, left := r.values["lft"]
		_, right := r.values["rgt"]
		return !left || !right
	})
}

// dropCircles takes the parents of records that stand below themselves.
func (e *erpnext) dropCircles(docType string, p place, records map[string]*v1alpha1.Record) {
	for _, id := range sorted(records) {
		seen := map[string]bool{id: true}
		for at := records[id]; at != nil && at.Parent != ""; at = records[string(at.Parent)] {
			if seen[string(at.Parent)] {
				e.leaveOut(p, "%s %q stands below itself: its parent", docType, at.ID)
				at.Parent = ""
				break
			}
			seen[string(at.Parent)] = true
		}
	}
}

// workflow is one that restricts who writes the state of documents.
type workflow struct {
	field          string
	create, update v1alpha1.Validation
}

// readWorkflows reads the active workflows: the field of the state changes by a transition of a role alone. Conditions
// of transitions are code, so transitions that have one are left out.
func (e *erpnext) readWorkflows() {
	for _, r := range e.documents["Workflow"] {
		name := cmp.Or(r.text("workflow_name"), r.text("name"))
		r.pass(strings.Fields("override_status send_email_alert workflow_data enable_action_confirmation")...)
		docType := r.text("document_type")
		if !r.restricts("is_active") {
			e.note(r.place, "the Workflow %q is not active", name)
			continue
		}
		if docType == "" {
			e.leaveOut(r.place, "the Workflow %q says not what document type it is about", name)
			continue
		}
		field := cmp.Or(r.text("workflow_state_field"), "workflow_state")
		first, steps := e.transitions(r, name, field)
		q := literal(field)
		create := fmt.Sprintf("!(%[1]s in proposed) || proposed[%[1]s] in [null, '', %[2]s]", q, literal(first))
		update := moves(q, first, steps)
		if len(update) > 4096 {
			e.leaveOut(r.place, "the Workflow %q: its %d transitions are too many for one expression; nobody changes %s.%s", name, len(steps), docType, field)
			update = moves(q, first, nil)
		}
		e.note(r.place, "the Workflow %q: whoever writes %s.%s makes one of %d transitions that roles are allowed", name, docType, field, len(steps))
		message := short("the workflow " + name + " has no such transition for you")
		e.workflows[docType] = append(e.workflows[docType], &workflow{
			field:  field,
			create: v1alpha1.Validation{Expression: v1alpha1.Expression(create), Message: message},
			update: v1alpha1.Validation{Expression: v1alpha1.Expression(update), Message: message},
		})
		r.done()
	}
}

// moves holds where the state stays, or changes by one of the steps. What has no state yet is in the first.
func moves(field, first string, steps []string) string {
	from := fmt.Sprintf("(%[1]s in resource.properties && resource.properties[%[1]s] != null && resource.properties[%[1]s] != '' ? "+
		"resource.properties[%[1]s] : %[2]s)", field, literal(first))
	list := []string{fmt.Sprintf("!(%[1]s in proposed) || %[1]s in resource.properties && proposed[%[1]s] == resource.properties[%[1]s]", field)}
	for _, step := range steps {
		list = append(list, from+" == "+step)
	}
	return strings.Join(list, " || ")
}

// transitions are the first state of a workflow and what it lets whom change.
func (e *erpnext) transitions(r *reading, name, field string) (first string, steps []string) {
	states, _ := r.list("states", "Workflow Document State")
	for _, state := range states {
		state.pass(erpnextMeta...)
		first = cmp.Or(first, state.text("state"))
		state.pass(strings.Fields(`doc_status update_field update_value allow_edit message next_action_email_template
			is_optional_state workflow_builder_id avoid_status_override send_email evaluate_as_expression`)...)
		state.done()
	}
	transitions, _ := r.list("transitions", "Workflow Transition")
	for _, t := range transitions {
		t.pass(append(erpnextMeta, "action", "workflow_builder_id", "send_email_to_creator")...)
		from, to, role := t.text("state"), t.text("next_state"), t.text("allowed")
		if t.has("condition") || t.has("transition_tasks") {
			e.leaveOut(t.place, "the Workflow %q: the transition from %q to %q has a condition, which is code", name, from, to)
			continue
		}
		if from == "" || to == "" || role == "" || e.disabled[role] {
			continue
		}
		step := fmt.Sprintf("%s && proposed[%s] == %s && %s", literal(from), literal(field), literal(to), holds([]string{e.role(role, t.place).Name}))
		if !t.grants("allow_self_approval") {
			step += " && has(resource.properties.owner) && resource.properties.owner != subject.id"
		}
		t.done()
		steps = append(steps, step)
	}
	return first, steps
}

// readScripts reads which lists scripts restrict. What reads such documents is left out.
func (e *erpnext) readScripts() {
	for _, r := range e.documents["Server Script"] {
		docType, kind := r.text("reference_doctype"), r.text("script_type")
		switch {
		case kind != "Permission Query" || r.grants("disabled"):
			e.unread(r.place, false, "Server Script", cmp.Or(kind, "of no type"))
		case docType == "":
			e.leaveOut(r.place, "the Server Script %q says not whose list it restricts", r.text("name"))
		default:
			e.leaveOut(r.place, "the Server Script %q restricts the list of %s by code: all rights to read %[2]s", r.text("name"), docType)
			e.listed[docType] = r.place
		}
	}
}
