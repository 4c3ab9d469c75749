package importer

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// erpnextUnread are the kinds of documents that could be about permissions and are not read, and why.
var erpnextUnread = map[string]struct {
	because string
	leftOut bool
}{
	"DocShare":               {"what is shared with a user beyond the roles is left out", true},
	"Role Profile":           {"the roles of users are in their Has Role", false},
	"Module Profile":         {"it hides modules of the desk, and restricts no documents", false},
	"User Type":              {"what its users may do is in the permissions of its role", false},
	"User Group":             {"its members are who is mentioned together", false},
	"Custom Role":            {"who opens a report or a page is no right to documents", false},
	"Report":                 {"who opens a report is no right to documents", false},
	"Page":                   {"who opens a page is no right to documents", false},
	"Permission Type":        {"rights that Frappe does not ship with are left out", true},
	"Assignment Rule":        {"what it shares with whom it assigns is left out", true},
	"Role Replication":       {"it is a tool", false},
	"DocField":               {"fields are read as a part of their DocType", false},
	"Customize Form":         {"it is a form; Custom Fields and Property Setters are what it changed", false},
	"Document Share Key":     {"who has a link reads the document, which is left out", true},
	"Web Form":               {"what visitors enter by it is left out", true},
	"Portal Settings":        {"menus of the portal are no rights", false},
	"Client Script":          {"it runs in the browser, and restricts nobody", false},
	"Notification":           {"whom it tells what is no right to documents", false},
	"Website Route Meta":     {"it decides nothing", false},
	"DocType Layout":         {"it shows fields, and restricts nobody", false},
	"Workflow State":         {"it names states", false},
	"Workflow Action Master": {"it names actions", false},
}

// erpnextRead are the kinds of documents that are read elsewhere.
var erpnextRead = []string{
	"Role", "DocPerm", "Custom DocPerm", "User Permission", "User", "Has Role", "DocType", "System Settings", "Custom Field",
	"Property Setter", "Workflow", "Server Script",
}

// nameUnread names the documents of kinds that are not read.
func (e *erpnext) nameUnread() {
	for _, docType := range sorted(e.documents) {
		if slices.Contains(erpnextRead, docType) || e.trees[docType] {
			continue
		}
		kind := erpnextUnread[docType]
		for _, r := range e.documents[docType] {
			e.unread(r.place, kind.leftOut, docType, kind.because)
		}
	}
}

// userPasses are the members of a User that decide nothing about documents.
var userPasses = strings.Fields(`email first_name middle_name last_name send_welcome_email unsubscribed username language
	time_zone user_image gender phone mobile_no birth_date location banner_image interest bio mute_sounds new_password
	logout_all_sessions reset_password_key last_password_reset_date redirect_url document_follow_notify
	document_follow_frequency thread_notify send_me_a_copy allowed_in_mentions email_signature user_emails home_settings
	defaults simultaneous_sessions last_login last_ip last_active last_known_versions social_logins api_key api_secret
	desk_theme last_reset_password_key_generated_on follow_created_documents follow_commented_documents
	follow_liked_documents follow_shared_documents follow_assigned_documents onboarding_status default_workspace
	default_app search_bar notifications list_sidebar bulk_actions view_switcher form_sidebar timeline dashboard
	code_editor_type show_absolute_datetime_in_timeline form_navigation_buttons role_profile_name role_profiles
	module_profile block_modules password`)

// writeUsers makes users with their roles, and those that Frappe gives by itself.
func (e *erpnext) writeUsers() {
	held := map[string][]string{}
	places := map[string]place{}
	for _, r := range e.documents["Has Role"] {
		if parentType := r.text("parenttype"); parentType != "" && parentType != "User" {
			continue // of a report, a page, a role profile
		}
		user, role := r.text("parent"), r.text("role")
		r.done()
		if user == "" || role == "" {
			e.leaveOut(r.place, "a Has Role without a user (parent) or a role")
			continue
		}
		held[user] = append(held[user], role)
		if _, known := places[user]; !known {
			places[user] = r.place
		}
	}
	documents := map[string]*reading{}
	for _, r := range e.documents["User"] {
		id := cmp.Or(r.text("name"), r.text("email"))
		if id == "" {
			e.leaveOut(r.place, "a User without a name")
			continue
		}
		if before := documents[id]; before != nil {
			if !before.grants("enabled") || !r.grants("enabled") {
				before.values["enabled"] = int64(0)
			}
			e.note(r.place, "the User %s is there twice, first at %s; disabled in one is disabled", id, before.place)
			continue
		}
		documents[id], places[id] = r, r.place
	}
	if len(documents) > 0 { // who is restricted and is not among them may be disabled
		for id, p := range e.restricted {
			if _, known := places[id]; !known {
				places[id] = p
			}
		}
	}
	if users := e.documents["User"]; len(users) > 0 && len(held) == 0 {
		e.leaveOut(users[0].place, "the roles of users: no User of the export has any (roles), and no Has Role is in it")
	}
	for _, id := range sorted(places) {
		if id == roleGuest {
			continue // nobody in particular
		}
		e.writeUser(id, documents[id], held[id], places[id])
	}
}

func (e *erpnext) writeUser(id string, r *reading, held []string, p place) {
	user := &v1alpha1.User{TypeMeta: typeMeta(engine.KindUser), ObjectMeta: metav1.ObjectMeta{Name: e.stableName(engine.KindUser, id)}}
	user.Spec = v1alpha1.UserSpec{Account: v1alpha1.Account{DisplayName: short(id), Superuser: id == "Administrator"}}
	if user.Name != id {
		user.Spec.ID = v1alpha1.UserID(id)
	}
	roles := append(slices.Clone(held), roleAll, roleGuest)
	if r == nil {
		user.Spec.Disabled = true
		e.leaveOut(p, "%s is not among the exported Users: whether it is enabled is not known, so it is disabled", id)
	} else {
		user.Spec.DisplayName = short(cmp.Or(r.text("full_name"), id))
		user.Spec.Disabled = !r.grants("enabled")
		if r.values["enabled"] == nil {
			e.unread(r.place, true, "users without enabled", "whether they are is not in the export, so they are disabled")
		}
		if r.text("user_type") == "System User" {
			roles = append(roles, roleDeskUser)
		}
		for _, key := range []string{"restrict_ip", "login_after", "login_before", "bypass_restrict_ip_check_if_2fa_enabled"} {
			if v := r.value(key); says(v) && v != "0" && v != int64(0) {
				e.note(r.place.at("%s", key), "restricts where or when %s signs in, which is no restriction of decisions", id)
			}
		}
		r.pass(userPasses...)
		r.done()
	}
	for _, name := range roles {
		role := e.roles[name]
		if role == nil {
			continue // nothing is given to it
		}
		for _, part := range slices.Concat([]*v1alpha1.Role{role}, e.more[name]) {
			if ref := (v1alpha1.RoleRef{Name: v1alpha1.Name(part.Name)}); !slices.Contains(user.Spec.Roles, ref) {
				user.Spec.Roles = append(user.Spec.Roles, ref)
			}
		}
	}
	e.add(user, p)
}

// writeTypes makes a resource type of each document type, with the links that user permissions look at.
func (e *erpnext) writeTypes() {
	for _, name := range sorted(e.types) {
		d := e.types[name]
		if e.isPart(d) {
			continue
		}
		e.typeNamed(name, place{}).named = true
		t := e.newType(name)
		for _, right := range erpnextRights {
			if !d.defined || d.hasRight(right.Name) {
				t.Spec.Actions = append(t.Spec.Actions, right)
			}
		}
		if module := slug(d.module); module != "" {
			t.Spec.Areas = []v1alpha1.Token{v1alpha1.Token(module)}
		}
		t.Spec.Fields = e.linksOf(d)
		if d.tree {
			t.Spec.ParentField = d.parentField
			// S9 does not look at the parent as at a link. Where Frappe does, it is a link like others, and nothing
			// is created below a permitted record.
			if slices.ContainsFunc(t.Spec.Fields, func(f v1alpha1.Field) bool { return string(f.Name) == d.parentField && !f.IgnoreUserPermissions }) {
				t.Spec.ParentField = ""
				if len(e.restricted) > 0 {
					e.leaveOut(d.place, "creating a %s below a permitted one: user permissions look at its %s as at any link", name, d.parentField)
				}
			}
		}
		e.add(t, d.place)
	}
}
