package console

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
)

// tokenParameter is where the first URL has the token; then it is in a cookie.
const tokenParameter = "token"

// contentPolicy lets a page load its style sheet and send its forms to where it is from, and nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard refuses what no page of the console asks for. The Host header has to name the address that was
// connected to: the page of a stranger that gives its own name this address (DNS rebinding) is none of ours.
func guard(at net.Addr, next http.Handler) http.Handler {
	hosts := map[string]bool{at.String(): true}
	if _, port, err := net.SplitHostPort(at.String()); err == nil {
		hosts["localhost:"+port] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy":      contentPolicy,
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"Referrer-Policy":              "no-referrer",
			"Cache-Control":                "no-store",
		} {
			w.Header().Set(name, value)
		}
		switch {
		case !hosts[r.Host]:
			http.Error(w, "The console answers by the address that it printed, and by no other name.", http.StatusMisdirectedRequest)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "The console only shows: GET is the only method.", http.StatusMethodNotAllowed)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// requireToken lets through who has the token in a cookie, and makes it one for who has it in the URL.
func (c *Console) requireToken(at net.Addr, next http.Handler) http.Handler {
	name := "remit-console"
	if _, port, err := net.SplitHostPort(at.String()); err == nil {
		name += "-" + port // cookies know no ports; several consoles may be open
	}
	is := func(token string) bool { return subtle.ConstantTimeCompare([]byte(token), []byte(c.Token)) == 1 }
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if is(r.URL.Query().Get(tokenParameter)) {
			http.SetCookie(w, &http.Cookie{Name: name, Value: c.Token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			query := r.URL.Query()
			query.Del(tokenParameter) // addresses are kept in the browser's history
			there := url.URL{Path: r.URL.Path, RawQuery: query.Encode()}
			http.Redirect(w, r, there.String(), http.StatusSeeOther)
			return
		}
		cookie, err := r.Cookie(name)
		if err != nil || !is(cookie.Value) {
			render(w, http.StatusForbidden, "error", &view{
				Title: "Not signed in", Problem: "Open the address that kubectl remit ui has printed: it lets this browser in.",
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}
