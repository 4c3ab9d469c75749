package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
)

// Limits keep pages of a size that a person reads.
const (
	usersOnAPage = 50
	mostRows     = 500 // of what a search found, of findings about objects
	mostSuggests = 500 // ids that a form suggests
)

// finding is what is to be known of an object.
type finding struct {
	Object engine.Ref
	// Kind is one of Problem, Missing, Advice.
	Kind, Field, Message string
}

// overview shows what the domain is made of, and what is wrong with it.
func (c *Console) overview(v *view, _ *http.Request) error {
	d := v.State
	type count struct {
		Kind    engine.Kind
		Objects int
	}
	body := struct {
		Counts             []count
		Users, Admins      int
		NextTransition     time.Time
		Findings           []finding
		MoreFindings       int
		HasPolicy, HasNext bool
	}{HasPolicy: d.HasPolicy()}
	for _, kind := range engine.Kinds {
		names := d.Names(kind)
		body.Counts = append(body.Counts, count{kind, len(names)})
		for _, name := range names {
			ref := engine.Ref{Kind: kind, Name: name}
			report, _ := d.Report(ref)
			body.Findings = append(body.Findings, findings(ref, &report)...)
		}
	}
	slices.SortStableFunc(body.Findings, func(a, b finding) int { return rank[a.Kind] - rank[b.Kind] })
	if more := len(body.Findings) - mostRows; more > 0 {
		body.Findings, body.MoreFindings = body.Findings[:mostRows], more
	}
	census := d.Census(v.Now)
	body.Users, body.Admins = census.Users, census.Admins
	body.NextTransition, body.HasNext = d.NextTransition(v.Now)
	v.Title, v.Body = "Domain "+d.Namespace, &body
	return nil
}

// rank is the order of findings: first what denies somebody something.
var rank = map[string]int{"Problem": 0, "Missing": 1, "Advice": 2}

func findings(ref engine.Ref, report *engine.Report) []finding {
	var found []finding
	for _, p := range report.Problems {
		found = append(found, finding{ref, "Problem", p.Path, p.Message})
	}
	for _, missing := range report.Missing {
		found = append(found, finding{ref, "Missing", "", "names " + missing.String() + ", which does not exist"})
	}
	for _, p := range report.Advice {
		found = append(found, finding{ref, "Advice", p.Path, p.Message})
	}
	return found
}

// userLine is a user in the list.
type userLine struct {
	ID     string
	Flags  []string
	Status v1alpha1.EffectivePermissionsStatus
}

// users lists the known users, those whose id contains what is searched for, page by page.
func (c *Console) users(v *view, r *http.Request) error {
	query := strings.TrimSpace(r.URL.Query().Get("q"))
	var found []string
	for _, user := range v.State.Users() {
		if strings.Contains(strings.ToLower(user), strings.ToLower(query)) {
			found = append(found, user)
		}
	}
	pages := max(1, (len(found)+usersOnAPage-1)/usersOnAPage)
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	page = min(max(page, 1), pages)
	body := struct {
		Query               string
		Found               int
		Users               []userLine
		Page, Pages         int
		Previous, Following string
	}{Query: query, Found: len(found), Page: page, Pages: pages}
	for _, user := range found[(page-1)*usersOnAPage : min(page*usersOnAPage, len(found))] {
		status := v.State.Effective(user, v.Now)
		body.Users = append(body.Users, userLine{user, flags(&status), status})
	}
	if page > 1 {
		body.Previous = link("/users", "q", query, "page", strconv.Itoa(page-1))
	}
	if page < pages {
		body.Following = link("/users", "q", query, "page", strconv.Itoa(page+1))
	}
	v.Title, v.Body = "Users", &body
	v.Command = c.command("effective", nil, []string{"--all"})
	return nil
}

func flags(status *v1alpha1.EffectivePermissionsStatus) []string {
	var set []string
	if status.Superuser {
		set = append(set, "superuser")
	}
	if status.Admin {
		set = append(set, "admin")
	}
	if status.Disabled {
		set = append(set, "disabled")
	}
	return set
}

// cell is what a user may do with an action of a type.
type cell struct {
	Action string
	// Mark is yes, if, no, or empty where the type does not have the action.
	Mark string
}

// matrixRow is what a user may do with a type.
type matrixRow struct {
	v1alpha1.EffectivePermission
	Cells []cell
}

// user shows who a user is, and the matrix of types by actions.
func (c *Console) user(v *view, r *http.Request) error {
	id := r.URL.Query().Get("id")
	if id == "" {
		return &notFoundError{"Which user? The address names none."}
	}
	actions, byType := actionsOf(v.State.Domain)
	body := struct {
		userLine
		Known   bool
		Actions []string
		Rows    []matrixRow
	}{userLine: userLine{ID: id, Status: v.State.Effective(id, v.Now)}, Known: v.State.Knows(id), Actions: actions}
	body.Flags = flags(&body.Status)
	for permission := range v.State.Matrix(id, v.Now) {
		row := matrixRow{EffectivePermission: permission}
		for _, action := range actions {
			row.Cells = append(row.Cells, cell{action, mark(&permission, byType[permission.Resource], action)})
		}
		body.Rows = append(body.Rows, row)
	}
	v.Title, v.Body = "User "+id, &body
	v.Command = c.command("effective", []string{id}, nil)
	return nil
}

// actionsOf gives the actions of all types, in the order in which the types declare them, and those of each.
func actionsOf(d *engine.Domain) (all []string, byType map[string][]string) {
	byType = map[string][]string{}
	for _, object := range d.Objects(engine.KindResourceType) {
		t, ok := object.(*v1alpha1.ResourceType)
		if !ok {
			continue
		}
		for _, action := range engine.ActionsOf(t) {
			name := string(action.Name)
			byType[t.Name] = append(byType[t.Name], name)
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all, byType
}

func mark(permission *v1alpha1.EffectivePermission, declared []string, action string) string {
	switch {
	case slices.Contains(permission.Allowed, action):
		return "yes"
	case slices.Contains(permission.Conditional, action):
		return "if"
	case slices.Contains(declared, action):
		return "no"
	}
	return ""
}

// typeLine is a resource type in the list.
type typeLine struct {
	*v1alpha1.ResourceType
	Flags                   []string
	Actions, Rules, Records int
}

func describe(d *engine.Domain, t *v1alpha1.ResourceType) typeLine {
	line := typeLine{ResourceType: t}
	line.Actions, line.Rules, line.Records = d.Usage(t.Name)
	for _, flag := range []struct {
		name string
		set  bool
	}{{"unrestricted", t.Spec.Unrestricted}, {"staff only", t.Spec.StaffOnly}, {"system", t.Spec.System}} {
		if flag.set {
			line.Flags = append(line.Flags, flag.name)
		}
	}
	return line
}

// types lists the resource types.
func (c *Console) types(v *view, _ *http.Request) error {
	var lines []typeLine
	for _, object := range v.State.Objects(engine.KindResourceType) {
		if t, ok := object.(*v1alpha1.ResourceType); ok {
			lines = append(lines, describe(v.State.Domain, t))
		}
	}
	v.Title, v.Body = "Resource types", lines
	return nil
}

// resourceType shows a type, what names it, and who may take an action on it.
func (c *Console) resourceType(v *view, r *http.Request) error {
	name := r.URL.Query().Get("name")
	object, _ := v.State.Lookup(engine.Ref{Kind: engine.KindResourceType, Name: name})
	t, ok := object.(*v1alpha1.ResourceType)
	if !ok {
		return &notFoundError{fmt.Sprintf("The domain %s has no resource type %q.", v.State.Namespace, name)}
	}
	body := struct {
		typeLine
		Declared []v1alpha1.Action
		RuleList []ruleLine
		Special  []specialLine
		UserPerm []userPermissionLine
		Question Question
		Found    *Table
		MoreRows int
	}{
		typeLine: describe(v.State.Domain, t), Declared: engine.ActionsOf(t),
		RuleList: rulesNaming(v.State.Domain, t), Special: specialsNaming(v.State.Domain, t, v.Now), UserPerm: userPermissionsNaming(v.State.Domain, t, v.Now),
		Question: question(r),
	}
	body.Question.Type = name
	v.Title, v.Body = "Resource type "+name, &body
	if q := &body.Question; q.Action != "" {
		var err error
		if body.Found, err = c.WhoCan(v.State, q); err != nil {
			v.Problem = err.Error()
		}
		body.MoreRows = body.Found.cut()
		v.Command = c.command("who-can", []string{q.Action, resource(q)}, q.flags())
	}
	return nil
}

// cut shortens a table to what a page shows, and says how many rows it leaves out.
func (t *Table) cut() int {
	if t == nil || len(t.Rows) <= mostRows {
		return 0
	}
	more := len(t.Rows) - mostRows
	t.Rows = t.Rows[:mostRows]
	return more
}

// question is what a form asks. In a field of many values each has a line.
func question(r *http.Request) Question {
	get := func(name string) string { return strings.TrimSpace(r.URL.Query().Get(name)) }
	lines := func(name string) []string {
		var found []string
		for line := range strings.Lines(r.URL.Query().Get(name)) {
			if line = strings.TrimSpace(line); line != "" {
				found = append(found, line)
			}
		}
		return found
	}
	return Question{
		User: get("user"), Action: get("action"), Type: get("type"), ID: get("id"),
		Properties: lines("property"), SubjectProperties: lines("subject-property"), ActionProperties: lines("action-property"),
		Context: lines("context"), At: get("at"),
	}
}

// flags are those of the command line that say the same.
func (q *Question) flags() []string {
	var flags []string
	for _, group := range []struct {
		flag   string
		values []string
	}{{"--property", q.Properties}, {"--subject-property", q.SubjectProperties}, {"--action-property", q.ActionProperties}, {"--context", q.Context}} {
		for _, value := range group.values {
			flags = append(flags, group.flag, value)
		}
	}
	if q.At != "" {
		flags = append(flags, "--at", q.At)
	}
	return flags
}

// resource is the argument TYPE[/ID].
func resource(q *Question) string {
	if q.ID == "" {
		return q.Type
	}
	return q.Type + "/" + q.ID
}

// asking is the body of a page with a form.
type asking struct {
	Question Question
	// Suggestions of the form.
	Users, Actions, Types []string
	Answer                *Explanation
	Found                 *Table
	MoreRows              int
}

func (c *Console) ask(v *view, r *http.Request) *asking {
	body := &asking{Question: question(r), Types: v.State.ResourceTypes()}
	body.Actions, _ = actionsOf(v.State.Domain)
	if v.State.CountUsers() <= mostSuggests {
		body.Users = v.State.Users()
	}
	v.Body = body
	return body
}

// may answers whether a user may take an action, and explains it.
func (c *Console) may(v *view, r *http.Request) error {
	body := c.ask(v, r)
	v.Title = "May …?"
	q := &body.Question
	if q.User == "" || q.Action == "" || q.Type == "" {
		if r.URL.Query().Has("id") { // the form was sent; a link fills in what it knows
			v.Problem = noQuestion(q)
		}
		return nil
	}
	v.Title = fmt.Sprintf("May %s %s %s?", q.User, q.Action, resource(q))
	var err error
	if body.Answer, err = c.Explain(v.State, q); err != nil {
		v.Problem = err.Error()
	}
	v.Command = c.command("explain", []string{q.User, q.Action, resource(q)}, q.flags())
	return nil
}

// noQuestion says what a question lacks.
func noQuestion(q *Question) string {
	var lacks []string
	for _, part := range []struct{ name, value string }{{"a user", q.User}, {"an action", q.Action}, {"a resource type", q.Type}} {
		if part.value == "" {
			lacks = append(lacks, part.name)
		}
	}
	return "A question needs " + strings.Join(lacks, " and ") + "."
}

// records shows the Permitted Documents for User.
func (c *Console) records(v *view, r *http.Request) error {
	body := c.ask(v, r)
	v.Title = "Permitted documents"
	q := &body.Question
	if q.User == "" || q.Type == "" {
		if r.URL.Query().Has("type") { // as above
			v.Problem = noQuestion(&Question{User: q.User, Action: "read", Type: q.Type})
		}
		return nil
	}
	v.Title = fmt.Sprintf("Permitted documents of type %s for %s", q.Type, q.User)
	var err error
	if body.Found, err = c.Records(v.State, q); err != nil {
		v.Problem = err.Error()
	}
	body.MoreRows = body.Found.cut()
	v.Command = c.command("records", []string{q.User, q.Type}, append([]string{"--show-permissions"}, q.flags()...))
	return nil
}
