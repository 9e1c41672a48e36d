package admin

import (
	"log/slog"
	"net/http"
	"strings"
)

// Local returns a handler that serves the console beside the routes, on a listener at a loopback address. The page is at / too,
// unless a route is. All other requests go to next.
//
// The console has the same checks as on the listener for administrators: a request must name a host of loopback and must not come
// from a page of another origin. There is no token, as there is none for the routes.
func Local(console Console, next http.Handler, taken func(path string) bool, log *slog.Logger) http.Handler {
	guard := newGuard("127.0.0.1", "", log)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside := strings.HasPrefix(r.URL.Path, ConsolePrefix)
		home := r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead) && !taken("/")
		if !inside && !home {
			next.ServeHTTP(w, r)
			return
		}
		protect(w.Header())
		if refused := guard.check(r); refused != nil {
			refused.write(w)
			return
		}
		if home {
			http.Redirect(w, r, ConsolePrefix, http.StatusFound)
			return
		}
		console.ServeHTTP(w, r)
	})
}
