// Package console is the web console of kubectl remit: pages for a person who looks at one permission domain.
//
// It is read-only. Every page is rendered on this machine from the state that the reader may see, without scripts
// or anything from elsewhere. Its answers come from internal/query and internal/explain, as those of the command line
// do.
package console

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"html/template"
	"net"
	"net/http"
	"time"

	"k8s.io/utils/clock"

	"github.com/remit-authz/remit/internal/engine"
)

// State is a domain at one moment.
type State struct {
	*engine.Domain
	Namespace string
	// Read is when the objects were read.
	Read time.Time
	// Outdated says why a newer state cannot be shown; nil: this is the newest.
	Outdated error
	// Incomplete says what could not be read that decisions about records depend on; nil: all is there. What
	// users are and what their roles give does not depend on it.
	Incomplete error
}

// Options of a console. All but Flags are required.
type Options struct {
	// State is asked for each page.
	State func(context.Context) (*State, error)
	// Source says where the objects come from, in the end of a sentence: "config/samples/cin7".
	Source string
	// Flags make the command line read from the same place.
	Flags []string
	Clock clock.PassiveClock
	// Token is what a browser has to show before it sees anything.
	Token string
}

// Console serves the pages.
type Console struct{ Options }

//go:embed style.css templates
var files embed.FS

// templates are those of the pages by name, each with the frame around it.
var templates = func() map[string]*template.Template {
	made := map[string]*template.Template{}
	for _, name := range []string{"overview", "users", "user", "types", "type", "may", "records", "error"} {
		made[name] = template.Must(template.New("frame.html").Funcs(template.FuncMap{
			"time": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
			"link": link,
		}).ParseFS(files, "templates/frame.html", "templates/"+name+".html"))
	}
	return made
}()

// URL is the address to open first; it has the token.
func (c *Console) URL(listener net.Listener) string {
	return "http://" + listener.Addr().String() + "/?" + tokenParameter + "=" + c.Token
}

// readTimeout is how long a browser may take to send a request.
const readTimeout = 10 * time.Second

// Serve serves until ctx is done; requests under way are broken off then. The listener must be one of this
// machine alone.
func (c *Console) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           c.Handler(listener.Addr()),
		ReadHeaderTimeout: readTimeout,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() }) // nothing is left to be told
	defer stopped()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Handler answers requests that came in at an address.
func (c *Console) Handler(at net.Addr) http.Handler {
	mux := http.NewServeMux()
	for pattern, p := range map[string]struct {
		template string
		make     func(*Console, *view, *http.Request) error
	}{
		"/{$}":     {"overview", (*Console).overview},
		"/users":   {"users", (*Console).users},
		"/user":    {"user", (*Console).user},
		"/types":   {"types", (*Console).types},
		"/type":    {"type", (*Console).resourceType},
		"/may":     {"may", (*Console).may},
		"/records": {"records", (*Console).records},
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			v := &view{Source: c.Source, Here: r.URL.Path, Now: c.Clock.Now()}
			var err error
			if v.State, err = c.State(r.Context()); err == nil {
				err = p.make(c, v, r)
			}
			if err != nil {
				fail(w, v, err)
				return
			}
			render(w, http.StatusOK, p.template, v)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, &view{Source: c.Source, Here: r.URL.Path}, &notFoundError{"There is no such page."})
	})
	styled := http.NewServeMux()
	styled.HandleFunc("/style.css", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "style.css") })
	styled.Handle("/", c.requireToken(at, mux))
	return guard(at, styled)
}

// view is what a template is filled with.
type view struct {
	Title string
	// Here is the path of the page.
	Here   string
	Source string
	Now    time.Time
	State  *State
	// Command shows the same at the terminal.
	Command string
	// Problem is what a form got wrong.
	Problem string
	// Body is what only this page has.
	Body any
}

// notFoundError is about something that is not there.
type notFoundError struct{ message string }

func (e *notFoundError) Error() string { return e.message }

// fail shows an error in place of a page.
func fail(w http.ResponseWriter, v *view, err error) {
	status := http.StatusServiceUnavailable
	v.Title = "There is no answer"
	if _, ok := errors.AsType[*notFoundError](err); ok {
		status, v.Title = http.StatusNotFound, "Not found"
	}
	v.Problem, v.Command = err.Error(), ""
	render(w, status, "error", v)
}

// render fills in a template; what is sent is whole.
func render(w http.ResponseWriter, status int, name string, v *view) {
	var page bytes.Buffer
	if err := templates[name].Execute(&page, v); err != nil {
		http.Error(w, "The page cannot be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the reader has gone
}
