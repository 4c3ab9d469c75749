package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"

	"github.com/remit-authz/remit/api/v1alpha1"
	"github.com/remit-authz/remit/internal/engine"
	"github.com/remit-authz/remit/internal/manifests"
	"github.com/remit-authz/remit/internal/testobjects"
)

var (
	now = time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)
	at  = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8181}
)

const testToken = "the-token"

// makeConsole shows a state.
func makeConsole(state *State) *Console {
	return &Console{Options{
		State:  func(context.Context) (*State, error) { return state, nil },
		Source: "here", Flags: []string{"-n", "shop"}, Clock: testingclock.NewFakePassiveClock(now), Token: testToken,
	}}
}

func makeState(objects ...engine.Object) *State {
	return &State{Domain: engine.Compile(objects), Namespace: "shop", Read: now.Add(-time.Minute)}
}

// get asks as the browser does that was let in, and gives the status and the page.
func get(t *testing.T, c *Console, path string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://"+at.String()+path, nil)
	r.AddCookie(&http.Cookie{Name: "remit-console-8181", Value: testToken})
	w := httptest.NewRecorder()
	c.Handler(at).ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// text is what a reader sees of a page, blanks and line breaks as one blank.
func text(page string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(page, "<") {
		if _, seen, ok := strings.Cut(part, ">"); ok {
			b.WriteString(seen + " ")
		}
	}
	return strings.Join(strings.Fields(html.UnescapeString(b.String())), " ")
}

func TestGuard(t *testing.T) {
	tests := map[string]struct {
		method, host, path, cookie string
		want                       int
		wantText                   string
	}{
		"with the cookie":           {cookie: testToken, want: http.StatusOK, wantText: "<h1>Domain shop</h1>"},
		"by the name localhost":     {cookie: testToken, host: "localhost:8181", want: http.StatusOK, wantText: "<h1>Domain shop</h1>"},
		"the token in the URL":      {path: "/user?id=ann&token=" + testToken, want: http.StatusSeeOther, wantText: `href="/user?id=ann"`},
		"no token":                  {want: http.StatusForbidden, wantText: "Open the address that kubectl remit ui has printed"},
		"a wrong token":             {path: "/?token=guess", want: http.StatusForbidden, wantText: "Not signed in"},
		"an empty token":            {path: "/?token=", want: http.StatusForbidden, wantText: "Not signed in"},
		"a wrong cookie":            {cookie: "guess", want: http.StatusForbidden, wantText: "Not signed in"},
		"no page without the token": {path: "/users", want: http.StatusForbidden, wantText: "Not signed in"},
		"the style is no secret":    {path: "/style.css", want: http.StatusOK, wantText: "color-scheme"},
		"a foreign name":            {host: "evil.example:8181", cookie: testToken, want: http.StatusMisdirectedRequest, wantText: "no other name"},
		"a foreign name and token":  {host: "evil.example", path: "/?token=" + testToken, want: http.StatusMisdirectedRequest, wantText: "no other name"},
		"another port":              {host: "127.0.0.1:80", cookie: testToken, want: http.StatusMisdirectedRequest, wantText: "no other name"},
		"the name without the port": {host: "localhost", cookie: testToken, want: http.StatusMisdirectedRequest, wantText: "no other name"},
		"a POST":                    {method: http.MethodPost, cookie: testToken, want: http.StatusMethodNotAllowed, wantText: "only shows"},
		"a DELETE":                  {method: http.MethodDelete, cookie: testToken, want: http.StatusMethodNotAllowed, wantText: "only shows"},
		"no such page":              {path: "/secret", cookie: testToken, want: http.StatusNotFound, wantText: "There is no such page."},
		"templates are not served":  {path: "/templates/frame.html", cookie: testToken, want: http.StatusNotFound, wantText: "There is no such page."},
	}
	handler := makeConsole(makeState(testobjects.MakeUser("ann").Obj())).Handler(at)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(cmp.Or(tc.method, http.MethodGet), "http://"+cmp.Or(tc.host, at.String())+cmp.Or(tc.path, "/"), nil)
			if tc.cookie != "" {
				r.AddCookie(&http.Cookie{Name: "remit-console-8181", Value: tc.cookie})
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != tc.want || !strings.Contains(w.Body.String(), tc.wantText) {
				t.Errorf("got %d, want %d and %q:\n%s", w.Code, tc.want, tc.wantText, w.Body)
			}
			for header, want := range map[string]string{
				"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Content-Security-Policy": contentPolicy,
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s: got %q, want %q", header, got, want)
				}
			}
			cookie := w.Header().Get("Set-Cookie")
			if want := "remit-console-8181=" + testToken + "; Path=/; HttpOnly; SameSite=Strict"; tc.want == http.StatusSeeOther && cookie != want {
				t.Errorf("cookie: got %q, want %q", cookie, want)
			} else if tc.want != http.StatusSeeOther && cookie != "" {
				t.Errorf("a cookie is given: %q", cookie)
			}
		})
	}
}

// TestEscaping shows every page with names that would be HTML, were they not escaped.
func TestEscaping(t *testing.T) {
	const evil = `"><script>alert(1)</script>`
	role := testobjects.MakeRole("r").Rule(testobjects.MakeRule("doc").Actions("read").Condition("'" + `<img src=x>` + "' == ''").Obj()).Obj()
	resourceType := testobjects.MakeResourceType("doc").Obj()
	resourceType.Spec.DisplayName = evil
	special := testobjects.MakeSpecialPermission("s", evil).On(v1alpha1.AccessNone, "doc").Obj()
	special.Spec.Reason = evil
	state := makeState(resourceType, role, special, testobjects.MakeUser("ann").ID(evil).Roles("r", evil).Obj())
	state.Outdated, state.Incomplete = errors.New(evil), errors.New(evil)
	c := makeConsole(state)
	c.Source = evil
	escaped := link("", "user", evil, "id", evil, "type", evil, "name", "doc", "action", evil, "property", "x="+evil, "at", evil, "q", evil)
	check := func(path string) {
		_, page := get(t, c, path)
		if strings.Contains(page, "<script") || strings.Contains(page, "<img") {
			t.Errorf("%s: HTML in a name is not escaped:\n%s", path, page)
		}
		if !strings.Contains(page, html.EscapeString(evil)) && path != "/nope" && path != "/nope"+escaped {
			t.Errorf("%s: the name is not shown:\n%s", path, page)
		}
	}
	for _, path := range []string{"/", "/users", "/user", "/types", "/type", "/may", "/records", "/nope"} {
		check(path)
		check(path + escaped)
	}
	// Answers about records, of a state that has them all.
	state.Incomplete = nil
	for _, path := range []string{
		"/may" + escaped, link("/may", "user", evil, "action", "read", "type", "doc", "id", evil), link("/may", "user", evil, "action", evil, "type", "doc"),
		link("/type", "name", "doc", "action", "read"), link("/records", "user", evil, "type", "doc"), link("/user", "id", evil[1:]),
	} {
		check(path)
	}
}

// answersState has somebody for each answer.
func answersState() *State {
	return makeState(
		testobjects.MakeResourceType("company").Obj(),
		testobjects.MakeResourceType("order").Link("company", "company").Obj(),
		testobjects.MakeRole("seller").Rule(testobjects.MakeRule("order").Actions("read").Obj(),
			testobjects.MakeRule("order").Actions("update").Condition("resource.properties.owner == subject.id").Obj()).Obj(),
		testobjects.MakeRole("boss").RequireMFA().Rule(testobjects.Full("order")).Obj(),
		testobjects.MakeUser("jan").Roles("seller").Obj(), testobjects.MakeUser("maria").Roles("seller").Obj(), testobjects.MakeUser("carla").Roles("boss").Obj(),
		testobjects.MakeUserPermission("jan-north", "company", "North").User("jan").ApplicableFor("order").Obj(),
		testobjects.MakeRecordSet("orders", "order").Record("1", "", map[string]any{"company": "North"}).Record("2", "", map[string]any{"company": "South"}).Obj(),
	)
}

func TestAnswers(t *testing.T) {
	c := makeConsole(answersState())
	tests := map[string]struct {
		path       string
		want, none []string
	}{
		"cells: some by user permissions": {path: "/user?id=jan", want: []string{
			"order Custom some never some never Role/seller UserPermission/jan-north", `kubectl remit effective jan -n shop`,
		}},
		"cells: always":                      {path: "/user?id=maria", want: []string{"company None never never never never", "order Custom always never some never Role/seller"}},
		"cells: some with a second factor":   {path: "/user?id=carla", want: []string{"order Custom some some some some Role/boss"}},
		"a user whom no object names":        {path: "/user?id=marai", want: []string{"No object names this user.", "Did you mean maria ?"}},
		"a type that does not exist":         {path: "/type?name=ordr", want: []string{`has no resource type "ordr". Did you mean "order"?`}},
		"who can, on every record":           {path: "/type?name=order&action=read", want: []string{"jan some user_permission UserPermission/jan-north", "maria always rule Role/seller"}, none: []string{"carla always"}},
		"who can, on a record":               {path: "/type?name=order&action=read&id=2", want: []string{"maria yes rule Role/seller", "kubectl remit who-can read order/2 -n shop"}, none: []string{"jan yes"}},
		"who can what is no action":          {path: "/type?name=order&action=raed", want: []string{`the resource type order has no action "raed" (did you mean read?); it has read, create, update, delete`}},
		"explain a type":                     {path: "/may?user=jan&action=read&type=order", want: []string{"Answer: some", "some: User permissions limit it to some records, by company (company).", "kubectl remit explain jan read order -n shop"}},
		"explain a record":                   {path: "/may?user=jan&action=read&type=order&id=1", want: []string{"Answer: yes", "yes: A rule gives this action (Role/seller)."}},
		"explain a name that is misspelt":    {path: "/may?user=jna&action=read&type=order&id=1", want: []string{"Answer: no", `no object names the user "jna"; did you mean jan?`}},
		"records":                            {path: "/records?user=jan&type=order", want: []string{"1 yes no no no", "1 of 2 records that RecordSets hold: read order."}},
		"records of a name that is misspelt": {path: "/records?user=jna&type=order", want: []string{"did you mean jan?"}},
		"a question that cannot be read":     {path: "/may?user=jan&action=read&type=order&context=erp", want: []string{"--context erp: must be name=value", "--kube-context"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, page := get(t, c, tc.path)
			got := text(page)
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in:\n%s", want, got)
				}
			}
			for _, none := range tc.none {
				if strings.Contains(got, none) {
					t.Errorf("%q in:\n%s", none, got)
				}
			}
		})
	}
}

// TestWithoutRecords answers no question about records where they may not be read.
func TestWithoutRecords(t *testing.T) {
	state := answersState()
	state.Incomplete = errors.New("the right to list recordsets is missing")
	c := makeConsole(state)
	for _, path := range []string{"/may?user=jan&action=read&type=order&id=1", "/type?name=order&action=read", "/records?user=jan&type=order"} {
		_, page := get(t, c, path)
		if !strings.Contains(page, `role="alert"><pre>the right to list recordsets is missing</pre>`) || strings.Contains(page, "yes") {
			t.Errorf("%s: there is an answer:\n%s", path, page)
		}
	}
}

func TestUsersByPage(t *testing.T) {
	var objects []engine.Object
	for n := range usersOnAPage + 10 {
		objects = append(objects, testobjects.MakeUser(fmt.Sprintf("user-%03d", n)).Obj())
	}
	c := makeConsole(makeState(append(objects, testobjects.MakeUser("boss").ID("Boss@example.com").Superuser().Obj())...))
	tests := map[string]struct {
		path           string
		want, wantNone []string
	}{
		"the first":          {path: "/users", want: []string{"whom an object names: 61.", "Boss@example.com superuser", "user-048", "Page 1 of 2", "Next"}, wantNone: []string{"user-049", "Previous"}},
		"the second":         {path: "/users?page=2", want: []string{"user-049", "user-059", "Page 2 of 2", "Previous"}, wantNone: []string{"user-048", "Next"}},
		"beyond the last":    {path: "/users?page=99", want: []string{"Page 2 of 2"}},
		"no number":          {path: "/users?page=x", want: []string{"Page 1 of 2"}},
		"searched, any case": {path: "/users?q=BOSS", want: []string{"Known users whose id contains “BOSS”: 1.", "Boss@example.com", "Page 1 of 1"}, wantNone: []string{"user-"}},
		"nobody":             {path: "/users?q=nobody", want: []string{"contains “nobody”: 0."}, wantNone: []string{"Page"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			code, page := get(t, c, tc.path)
			_, main, _ := strings.Cut(page, "<main")
			got := text(main)
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("got %d without %q:\n%s", code, want, got)
				}
			}
			for _, none := range tc.wantNone {
				if strings.Contains(strings.ReplaceAll(got, "Next change", ""), none) {
					t.Errorf("got %q:\n%s", none, got)
				}
			}
		})
	}
}

func TestFindings(t *testing.T) {
	c := makeConsole(makeState(
		testobjects.MakeResourceType("doc").Obj(),
		testobjects.MakeRole("a").Rule(testobjects.MakeRule("doc", "gone").Actions("read").Obj()).Obj(),
		testobjects.MakeRole("b").Rule(testobjects.MakeRule("doc").Actions("read").Condition("subject.").Obj()).Obj(),
	))
	_, page := get(t, c, "/")
	got := text(page)
	for _, want := range []string{
		"Known users 0 Admins 0 – nobody can do everything",
		"Role/b Problem spec.rules[0].condition",
		"names ResourceType/gone, which does not exist",
		"3 objects of the domain shop, read from here at 2026-05-31T23:59:00Z . Answers are as of 2026-06-01T00:00:00Z .",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("without %q:\n%s", want, got)
		}
	}
}

// TestStates tells what could not be read.
func TestStates(t *testing.T) {
	state := makeState(testobjects.MakeUser("ann").Obj())
	state.Outdated, state.Incomplete = errors.New("a.yaml:3: no such kind"), errors.New("the right to list recordsets is missing")
	c := makeConsole(state)
	_, page := get(t, c, "/users")
	got := text(page)
	for _, want := range []string{
		"This is not the newest state. What changed cannot be read: a.yaml:3: no such kind",
		"Not everything could be read.", "the right to list recordsets is missing.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("without %q:\n%s", want, got)
		}
	}

	c.State = func(context.Context) (*State, error) { return nil, errors.New("reach the cluster: no route") }
	code, page := get(t, c, "/user?id=ann")
	if code != http.StatusServiceUnavailable || !strings.Contains(text(page), "There is no answer reach the cluster: no route") || strings.Contains(page, "ann") {
		t.Errorf("got %d:\n%s", code, page)
	}
}

// TestTypePage shows what a type is called, what guards it, and where its dynamic links lead.
func TestTypePage(t *testing.T) {
	invoice := testobjects.MakeResourceType("inv").Type("Sales Invoice").Guard("resource.properties.by != subject.id", "four eyes", "update").Obj()
	invoice.Spec.Fields = []v1alpha1.Field{{Name: "party", LinksToField: "party_type"}}
	role := testobjects.MakeRole("r").Rule(testobjects.MakeRule("Sales Invoice").Actions("read").ExceptFields("cost").Obj()).Obj()
	status, page := get(t, makeConsole(makeState(invoice, role)), "/type?name=Sales+Invoice")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, page)
	}
	said := text(page)
	for _, want := range []string{"Sales Invoice", "ResourceType/inv", "update: resource.properties.by != subject.id – four eyes", "links to the type that party_type names", "all but cost"} {
		if !strings.Contains(strings.ReplaceAll(said, "  ", " "), want) {
			t.Errorf("no %q in %s", want, said)
		}
	}
}

// TestRulesNaming lists as many rules of each type as the engine says name it.
func TestRulesNaming(t *testing.T) {
	items, err := manifests.Load([]string{"../../config/samples"}, "default")
	if err != nil {
		t.Fatal(err)
	}
	domains := map[string][]engine.Object{}
	for _, item := range items {
		domains[item.Object.GetNamespace()] = append(domains[item.Object.GetNamespace()], item.Object)
	}
	listed := 0
	for namespace, objects := range domains {
		d := engine.Compile(objects)
		for _, object := range d.Objects(engine.KindResourceType) {
			resourceType := object.(*v1alpha1.ResourceType)
			_, want, _ := d.Usage(resourceType.TypeName())
			got := len(rulesNaming(d, resourceType))
			if got != want {
				t.Errorf("%s/%s: %d rules are listed, want %d", namespace, object.GetName(), got, want)
			}
			listed += got
		}
	}
	if listed == 0 {
		t.Error("the samples have no rules")
	}
}

func TestCommand(t *testing.T) {
	c := makeConsole(makeState())
	tests := map[string]struct {
		args, flags []string
		want        string
	}{
		"plain":      {args: []string{"ann@example.com", "read", "doc/1"}, flags: []string{"--property", "a=b"}, want: "kubectl remit can ann@example.com read doc/1 --property a=b -n shop"},
		"quoted":     {args: []string{"o'neil; rm -rf $HOME", ""}, want: `kubectl remit can 'o'\''neil; rm -rf $HOME' '' -n shop`},
		"like flags": {args: []string{"-f", "read"}, want: "kubectl remit can -n shop -- -f read"},
		"expanded":   {args: []string{"~root", "=ls", "*"}, want: "kubectl remit can '~root' '=ls' '*' -n shop"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := c.command("can", tc.args, tc.flags)
			if got != tc.want {
				t.Fatalf("got %s, want %s", got, tc.want)
			}
			shell, err := exec.LookPath("sh")
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), shell, "-c", `kubectl() { printf '%s\n' "$@"; }; `+got).Output()
			if err != nil {
				t.Fatal(err)
			}
			for _, arg := range tc.args {
				if !strings.Contains("\n"+string(out), "\n"+arg+"\n") {
					t.Errorf("a shell does not read %q:\n%s", arg, out)
				}
			}
		})
	}
}

// TestServe answers until the context is done.
func TestServe(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := makeConsole(makeState(testobjects.MakeUser("ann").Obj()))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- c.Serve(ctx, listener) }()
	response, err := http.Get(strings.Replace(c.URL(listener), "token=", "token=wrong-", 1))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if closed := response.Body.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("got %s:\n%s", response.Status, body)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("after the end: %v", err)
	}
}
