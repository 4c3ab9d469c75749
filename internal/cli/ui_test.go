package cli

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// startUI runs `ui` until the test ends, or stop is called, which gives the exit code. first is the address that it printed.
func startUI(t *testing.T, args ...string) (first string, errOut *liveOutput, stop func() int) {
	t.Helper()
	var out liveOutput
	errOut = &liveOutput{}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	exited := make(chan int, 1)
	go func() {
		tool := testTool(genericiooptions.IOStreams{Out: &out, ErrOut: errOut})
		exited <- tool.Main(ctx, append([]string{"ui", "--bind-address", "127.0.0.1:0"}, args...))
	}()
	printed := regexp.MustCompile(`^The console shows the domain \S+ at\n  (http://127\.0\.0\.1:\d+/\?token=[A-Z2-7]{26,})\nCtrl-C stops it\.\n$`)
	eventually(t, "the address is printed", func() bool {
		if found := printed.FindStringSubmatch(out.String()); found != nil {
			first = found[1]
		}
		return first != ""
	})
	return first, errOut, func() int { cancel(); return <-exited }
}

// visit gives what a reader sees of a page, with blanks as they are, and its source.
func visit(t *testing.T, browser *http.Client, address string) (seen, source string) {
	t.Helper()
	response, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Errorf("%s: %s", address, response.Status)
	}
	return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(body), "|")), string(body)
}

// makeBrowser keeps cookies.
func makeBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// fields are the texts of a page, one a cell.
func fields(seen string) string {
	parts := strings.FieldsFunc(seen, func(r rune) bool { return r == '|' || r == '\n' })
	return "|" + strings.Join(parts, "|") + "|"
}

// TestUI shows in the browser what the other commands print.
func TestUI(t *testing.T) {
	const samples = "../../config/samples/"
	first, errOut, stop := startUI(t, "-f", samples+"erp")
	browser := makeBrowser(t)
	base, _, _ := strings.Cut(first, "/?")
	seen, _ := visit(t, browser, first)
	if want := "|Known users|6|Admins|1|Next change by a time window|2030-01-01T00:00:00Z|"; !strings.Contains(fields(seen), want) {
		t.Errorf("the overview has no %q:\n%s", want, fields(seen))
	}
	const jan = "jan@northwind.example"

	t.Run("explain", func(t *testing.T) {
		for _, tc := range []struct {
			query url.Values
			args  []string
		}{
			{url.Values{"user": {jan}, "action": {"delete"}, "type": {"sales-order"}, "id": {"SO-1002"}}, []string{jan, "delete", "sales-order/SO-1002"}},
			{
				url.Values{"user": {jan}, "action": {"delete"}, "type": {"sales-order"}, "id": {"SO-1002"}, "property": {"docstatus=0\r\n\r\n"}, "at": {"2026-07-01T00:00:00Z"}},
				[]string{jan, "delete", "sales-order/SO-1002", "--property", "docstatus=0", "--at", "2026-07-01T00:00:00Z"},
			},
			{url.Values{"user": {"viktor@audit.example"}, "action": {"frobnicate"}, "type": {"note"}}, []string{"viktor@audit.example", "frobnicate", "note"}},
		} {
			_, want, _ := runCommand(t, append(append([]string{"explain"}, tc.args...), "-f", samples+"erp")...)
			seen, _ := visit(t, browser, base+"/may?"+tc.query.Encode())
			if !strings.Contains(seen, "|"+want+"|") {
				t.Errorf("%v: not what explain prints:\n%s\nbut:\n%s", tc.args, want, seen)
			}
			if command := "kubectl remit explain " + strings.Join(tc.args, " ") + " -f " + samples + "erp"; !strings.Contains(seen, command) {
				t.Errorf("the page does not say %q:\n%s", command, seen)
			}
		}
	})

	t.Run("effective", func(t *testing.T) {
		_, csv, _ := runCommand(t, "effective", jan, "-o", "csv", "-f", samples+"erp")
		seen, source := visit(t, browser, base+"/user?id="+jan)
		got := fields(seen)
		for _, want := range []string{"|Groups|northwind|", "|employee, given by |Group/northwind|", "|2 full, 2 read only, 4 custom, 4 none|"} {
			if !strings.Contains(got, want) {
				t.Errorf("the page has no %q:\n%s", want, got)
			}
		}
		rows := 0
		for line := range strings.Lines(csv) {
			values := strings.Split(strings.TrimSpace(line), ",")
			if values[0] == "user" {
				continue
			}
			rows++
			if want := "|" + strings.Join(values[1:3], "|") + "|"; !strings.Contains(got, want) {
				t.Errorf("the page has no row %q:\n%s", want, got)
			}
		}
		if rows != 12 || !strings.Contains(source, `<a href="/type?name=sales-order">`) {
			t.Errorf("%d rows:\n%s", rows, source)
		}
	})

	t.Run("what can", func(t *testing.T) {
		_, csv, _ := runCommand(t, "what-can", jan, "sales-order", "-o", "csv", "-f", samples+"erp")
		seen, _ := visit(t, browser, base+"/user?id="+jan)
		cells := []string{"", "sales-order", "Custom"}
		for line := range strings.Lines(csv) {
			if values := strings.Split(line, ","); values[1] != "answer" {
				cells = append(cells, values[1])
			}
		}
		row := strings.Join(cells, "|")
		if !strings.Contains(fields(seen), row+"|") || !strings.Contains(row, "|some|") {
			t.Errorf("the page has no row %q:\n%s", row, fields(seen))
		}
	})

	t.Run("who can", func(t *testing.T) {
		_, csv, _ := runCommand(t, "who-can", "read", "customer", "-o", "csv", "-f", samples+"erp")
		seen, _ := visit(t, browser, base+"/type?name=customer&action=read")
		lines := strings.Split(strings.TrimSpace(csv), "\n")
		for _, line := range lines[1:] {
			if want := "|" + strings.ReplaceAll(line, ",", "|") + "|"; !strings.Contains(fields(seen), want) {
				t.Errorf("the page has no row %q:\n%s", want, fields(seen))
			}
		}
		if len(lines) < 3 {
			t.Errorf("nobody may: %s", csv)
		}
	})

	t.Run("records", func(t *testing.T) {
		seen, _ := visit(t, browser, base+"/records?type=customer&user="+jan)
		for _, want := range []string{
			"|Record|read|create|update|delete|", "|Chandra Stores|yes|yes|no|no|", "|3 of 3 records that RecordSets hold: read customer.|",
		} {
			if !strings.Contains(fields(seen), want) {
				t.Errorf("the page has no %q:\n%s", want, fields(seen))
			}
		}
	})

	t.Run("mistakes", func(t *testing.T) {
		for query, want := range map[string]string{
			"/may?user=a&action=read&type=note&property=x":                   "|--property x: must be name=value|",
			"/may?user=a&action=read&type=note&at=noon":                      "|--at noon: must be a time such as 2026-01-31T12:00:00Z|",
			"/may?user=a&action=&type=&id=":                                  "|A question needs an action and a resource type.|",
			"/records?user=a&type=gone":                                      `|the domain has no resource type "gone"; it has Payment Entry, company, `,
			"/type?name=note&action=fly":                                     `|the resource type note has no action "fly"; it has `,
			"/user?id=nobody":                                                "|No object names this user. It can do what everybody can.|",
			"/may?user=a&action=create&type=note&action-property=values%3D1": "|action.properties.values: must be an object",
		} {
			if seen, _ := visit(t, browser, base+query); !strings.Contains(fields(seen), want) {
				t.Errorf("%s: the page has no %q:\n%s", query, want, fields(seen))
			}
		}
	})
	t.Run("links that fill in a form", func(t *testing.T) {
		for _, path := range []string{"/may?user=" + jan, "/records?user=" + jan} {
			_, source := visit(t, browser, base+path)
			if strings.Contains(source, `role="alert"`) || !strings.Contains(source, `value="`+jan+`" list="users"`) {
				t.Errorf("%s:\n%s", path, source)
			}
		}
	})
	if code := stop(); code != ExitSuccess || errOut.String() != "" {
		t.Errorf("exit code %d: %s", code, errOut.String())
	}
}

// TestUIReloads shows what manifests are now, and says so when that cannot be.
func TestUIReloads(t *testing.T) {
	folder := t.TempDir()
	roles := filepath.Join(folder, "roles.yaml")
	writeFile(t, filepath.Join(folder, "types.yaml"), docType+"---\n"+annReads)
	writeFile(t, roles, readRole)
	first, errOut, stop := startUI(t, "-f", folder)
	browser := makeBrowser(t)
	visit(t, browser, first)
	shows := func(want string) bool {
		seen, _ := visit(t, browser, strings.Replace(first, "/?", "/user?id=ann&", 1))
		return strings.Contains(fields(seen), want)
	}
	if !shows("|doc|ReadOnly|") {
		t.Error("the role is not shown")
	}
	writeFile(t, roles, emptyRole)
	eventually(t, "the changed role is shown", func() bool { return shows("|doc|None|") })
	writeFile(t, roles, "spec: [")
	eventually(t, "the page says that it is old", func() bool {
		return shows("|This is not the newest state.| What changed cannot be read:|"+roles) && shows("|doc|None|")
	})
	writeFile(t, roles, readRole)
	eventually(t, "the mended role is shown", func() bool { return shows("|doc|ReadOnly|") && !shows("not the newest") })
	if code := stop(); code != ExitSuccess || !strings.Contains(errOut.String(), "The last good state is still shown.") {
		t.Errorf("exit code %d: %s", code, errOut.String())
	}
}

// browserTimeout is for a browser that starts on a busy machine.
const browserTimeout = 2 * time.Minute

// TestUIInABrowser opens pages in Chromium: the token lets it in, and it finds nothing against the content policy.
func TestUIInABrowser(t *testing.T) {
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && program == "" {
			program = found
		}
	}
	if program == "" {
		t.Skip("no chromium, chromium-browser or google-chrome on the PATH")
	}
	first, _, _ := startUI(t, "-f", "../../config/samples/cin7")
	for path, want := range map[string]string{
		"/?":                "<h1>Domain cin7</h1>",
		"/user?id=richard&": `<a href="/may?action=read&amp;type=purchase-order&amp;user=richard"`,
		"/may?user=richard&action=read&type=purchase-order&id=PO-1&": "no: A special permission refuses this action (SpecialPermission/richard-purchase-orders).",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), browserTimeout)
		defer cancel()
		command := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-breakpad", "--no-first-run",
			"--enable-logging=stderr", "--user-data-dir="+t.TempDir(), "--dump-dom", strings.Replace(first, "/?", path, 1))
		var page, log strings.Builder
		command.Stdout, command.Stderr = &page, &log
		if err := command.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", program, err, log.String())
		}
		if !strings.Contains(page.String(), want) {
			t.Errorf("%s: the page has no %q:\n%s", path, want, page.String())
		}
		if strings.Contains(page.String(), "token") {
			t.Errorf("%s: the page has the token:\n%s", path, page.String())
		}
		if strings.Contains(log.String(), "CONSOLE") {
			t.Errorf("%s: the browser complains:\n%s", path, log.String())
		}
	}
}
