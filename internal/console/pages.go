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
	"github.com/remit-authz/remit/internal/explain"
	"github.com/remit-authz/remit/internal/query"
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
		found = append(found, finding{ref, "Missing", missing.Path, missingText(&missing)})
	}
	for _, p := range report.Advice {
		found = append(found, finding{ref, "Advice", p.Path, p.Message})
	}
	return found
}

func missingText(missing *engine.MissingRef) string {
	text := "names " + missing.Ref.String() + ", which does not exist"
	if missing.Nearest != "" {
		text += "; did you mean " + missing.Nearest + "?"
	}
	return text
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
		status, err := v.State.Effective(user, v.Now)
		if err != nil {
			return fmt.Errorf("the permissions of %s: %w", user, err)
		}
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

// cell is what a user can do with an action of a type.
type cell struct {
	Action string
	// Answer is empty where the type does not have the action.
	Answer engine.Extent
}

// matrixRow is what a user can do with a type.
type matrixRow struct {
	query.TypeFound
	Cells []cell
}

// user shows who a user is, and the matrix of types by actions.
func (c *Console) user(v *view, r *http.Request) error {
	id := r.URL.Query().Get("id")
	if id == "" {
		return &notFoundError{"Which user? The address names none."}
	}
	actions := actionsOf(v.State.Domain)
	status, err := v.State.Effective(id, v.Now)
	if err != nil {
		return err
	}
	body := struct {
		userLine
		Known bool
		// Near is a known user of nearly that id, where this one is not known.
		Near    string
		Actions []string
		Rows    []matrixRow
	}{
		userLine: userLine{ID: id, Status: status},
		Known:    v.State.Knows(id), Near: query.NearUser(v.State.Domain, id), Actions: actions,
	}
	body.Flags = flags(&body.Status)
	for _, found := range query.Overview(v.State.Domain, id, v.Now) {
		row := matrixRow{TypeFound: found}
		for _, action := range actions {
			row.Cells = append(row.Cells, cell{action, found.Extent(v.State.Domain, action)})
		}
		body.Rows = append(body.Rows, row)
	}
	v.Title, v.Body = "User "+id, &body
	v.Command = c.command("effective", []string{id}, nil)
	return nil
}

// actionsOf are the actions of all types, in the order in which the types declare them.
func actionsOf(d *engine.Domain) []string {
	var all []string
	for _, resourceType := range d.ResourceTypes() {
		for _, action := range query.ActionNames(d, resourceType) {
			if !slices.Contains(all, action) {
				all = append(all, action)
			}
		}
	}
	return all
}

// typeLine is a resource type in the list.
type typeLine struct {
	*v1alpha1.ResourceType
	Flags                   []string
	Actions, Rules, Records int
}

func describe(d *engine.Domain, t *v1alpha1.ResourceType) typeLine {
	line := typeLine{ResourceType: t}
	line.Actions, line.Rules, line.Records = d.Usage(t.TypeName())
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
	for _, name := range v.State.ResourceTypes() {
		t, _ := v.State.ResourceType(name)
		lines = append(lines, describe(v.State.Domain, t))
	}
	v.Title, v.Body = "Resource types", lines
	return nil
}

// resourceType shows a type, what names it, and who can take an action on it.
func (c *Console) resourceType(v *view, r *http.Request) error {
	name := r.URL.Query().Get("name")
	t, ok := v.State.ResourceType(name)
	if !ok {
		message := fmt.Sprintf("The domain %s has no resource type %q.", v.State.Namespace, name)
		if near := engine.Nearest(name, v.State.ResourceTypes()); near != "" {
			message += fmt.Sprintf(" Did you mean %q?", near)
		}
		return &notFoundError{message}
	}
	body := struct {
		typeLine
		Declared []v1alpha1.Action
		RuleList []ruleLine
		Special  []specialLine
		UserPerm []userPermissionLine
		Question query.Question
		Found    *table
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
		if body.Found, err = whoCan(v, q); err != nil {
			v.Problem = err.Error()
		}
		body.MoreRows = body.Found.cut()
		v.Command = c.command("who-can", []string{q.Action, q.Resource()}, q.Flags())
	}
	return nil
}

// table is what a search found.
type table struct {
	Head []string
	Rows [][]string
	// Notes are sentences about what the rows do not show.
	Notes []string
}

// cut shortens a table to what a page shows, and gives the number of rows that it leaves out.
func (t *table) cut() int {
	if t == nil || len(t.Rows) <= mostRows {
		return 0
	}
	more := len(t.Rows) - mostRows
	t.Rows = t.Rows[:mostRows]
	return more
}

// read reads a question about records; nobody can answer one while the records are not all there.
func (v *view) read(q *query.Question) (*query.Asked, error) {
	if v.State.Incomplete != nil {
		return nil, v.State.Incomplete
	}
	return q.Read(v.State.Domain, v.Now)
}

// whoCan lists the users who can.
func whoCan(v *view, q *query.Question) (*table, error) {
	asked, err := v.read(q)
	if err != nil {
		return nil, err
	}
	users, err := query.WhoCan(v.State.Domain, asked)
	if err != nil {
		return nil, err
	}
	found := &table{Head: []string{"User", "Answer", "Reason", "Decided by"}, Notes: users.Notes}
	for i := range users.Can {
		user := &users.Can[i]
		answer := string(user.Extent)
		if !asked.IsAboutType() {
			answer = "yes"
		}
		var by []string
		for _, ref := range user.Decision.DecidedBy {
			by = append(by, ref.String())
		}
		found.Rows = append(found.Rows, []string{user.User, answer, string(user.Decision.Reason), strings.Join(by, " ")})
	}
	return found, nil
}

// permittedRecords lists the records that a user can read, and what else the user can do with each.
func permittedRecords(v *view, q *query.Question) (*table, error) {
	asked, err := v.read(q)
	if err != nil {
		return nil, err
	}
	records, err := query.PermittedRecords(v.State.Domain, asked, true)
	if err != nil {
		return nil, err
	}
	actions := query.ActionNames(v.State.Domain, q.Type)
	found := &table{Head: append([]string{"Record"}, actions...), Notes: append(records.Notes, query.Unknown(v.State.Domain, q.User, "", "")...)}
	for i := range records.Found {
		row := []string{records.Found[i].ID}
		for _, action := range actions {
			answer := "no"
			if slices.Contains(records.Found[i].Actions, action) {
				answer = "yes"
			}
			row = append(row, answer)
		}
		found.Rows = append(found.Rows, row)
	}
	return found, nil
}

// explanation is a decision and why, as kubectl remit explain prints it.
type explanation struct {
	// Answer is yes, no, always, some or never.
	Answer string
	Text   string
}

func explained(v *view, q *query.Question) (*explanation, error) {
	asked, err := v.read(q)
	if err != nil {
		return nil, err
	}
	found, err := explain.Explain(v.State.Domain, asked)
	if err != nil {
		return nil, err
	}
	made := &explanation{Answer: "no"}
	switch {
	case found.About != nil:
		made.Answer = string(found.About.Extent)
	case found.Decision.Allow:
		made.Answer = "yes"
	}
	var text strings.Builder
	found.WriteText(&text, nil)
	made.Text = text.String()
	return made, nil
}

// question is what a form asks. In a field of many values each has a line.
func question(r *http.Request) query.Question {
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
	return query.Question{
		User: get("user"), Action: get("action"), Type: get("type"), ID: get("id"),
		Properties: lines("property"), SubjectProperties: lines("subject-property"), ActionProperties: lines("action-property"),
		Context: lines("context"), At: get("at"),
	}
}

// asking is the body of a page with a form.
type asking struct {
	Question query.Question
	// Suggestions of the form.
	Users, Actions, Types []string
	Answer                *explanation
	Found                 *table
	MoreRows              int
}

func (c *Console) ask(v *view, r *http.Request) *asking {
	body := &asking{Question: question(r), Types: v.State.ResourceTypes()}
	body.Actions = actionsOf(v.State.Domain)
	if v.State.CountUsers() <= mostSuggests {
		body.Users = v.State.Users()
	}
	v.Body = body
	return body
}

// may answers whether a user can take an action, and explains it.
func (c *Console) may(v *view, r *http.Request) error {
	body := c.ask(v, r)
	v.Title = "Can …?"
	q := &body.Question
	if q.User == "" || q.Action == "" || q.Type == "" {
		if r.URL.Query().Has("id") { // the form was sent; a link fills in what it knows
			v.Problem = noQuestion(q)
		}
		return nil
	}
	v.Title = fmt.Sprintf("Can %s %s %s?", q.User, q.Action, q.Resource())
	var err error
	if body.Answer, err = explained(v, q); err != nil {
		v.Problem = err.Error()
	}
	v.Command = c.command("explain", []string{q.User, q.Action, q.Resource()}, q.Flags())
	return nil
}

// noQuestion says what a question lacks.
func noQuestion(q *query.Question) string {
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
			v.Problem = noQuestion(&query.Question{User: q.User, Action: "read", Type: q.Type})
		}
		return nil
	}
	v.Title = fmt.Sprintf("Permitted documents of type %s for %s", q.Type, q.User)
	var err error
	if body.Found, err = permittedRecords(v, q); err != nil {
		v.Problem = err.Error()
	}
	body.MoreRows = body.Found.cut()
	v.Command = c.command("records", []string{q.User, q.Type}, append([]string{"--show-permissions"}, q.Flags()...))
	return nil
}
