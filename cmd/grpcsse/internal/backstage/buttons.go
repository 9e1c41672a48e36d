package backstage

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"github.com/grpcsse/grpcsse/cmd/grpcsse/internal/crowd"
)

// prefix is the path of the buttons.
const prefix = "/backstage/"

// Buttons returns a handler that presses a button for each POST below /backstage/, and passes all other requests to next. Pages
// of other origins may not press a button. The answer is 204 where the button did something, and 409 with the reason where it
// changed nothing.
//
//	POST /backstage/crowd/start?browsers=500
//	POST /backstage/crowd/double
//	POST /backstage/crowd/stall?browsers=50
//	POST /backstage/crowd/stop
//	POST /backstage/upstream/kill
//	POST /backstage/upstream/restart
//	POST /backstage/bridge/restart
//	POST /backstage/bridge/kill
//
// The buttons work while there is no bridge. The two of the bridge answer when the next life of the bridge has begun.
//
// GET /backstage/upstream answers whether the gRPC server runs: {"running":true}.
func (s *Show) Buttons(b *Bridge, next http.Handler) http.Handler {
	mux := http.NewServeMux()
	button := func(path string, press func() error) {
		mux.HandleFunc("POST "+prefix+path, func(w http.ResponseWriter, _ *http.Request) { answer(w, press()) })
	}
	counted := func(path string, press func(browsers int) error) {
		mux.HandleFunc("POST "+prefix+path, func(w http.ResponseWriter, r *http.Request) {
			n, err := strconv.Atoi(r.URL.Query().Get("browsers"))
			if err != nil || n < 1 || n > crowd.Most {
				http.Error(w, fmt.Sprintf("browsers: expected a number from 1 to %d", crowd.Most), http.StatusBadRequest)
				return
			}
			answer(w, press(n))
		})
	}
	counted("crowd/start", s.Start)
	button("crowd/double", s.Double)
	counted("crowd/stall", s.Stall)
	button("crowd/stop", func() error { s.Stop(); return nil })
	button("upstream/kill", s.upstream.Kill)
	button("upstream/restart", s.upstream.Restart)
	button("bridge/restart", b.Restart)
	mux.HandleFunc("POST "+prefix+"bridge/kill", func(w http.ResponseWriter, r *http.Request) {
		presser, _ := netip.ParseAddrPort(r.RemoteAddr) // a server that is not net/http's may say anything
		answer(w, b.Kill(presser))
	})

	mux.HandleFunc("GET "+prefix+"upstream", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = fmt.Fprintf(w, "{\"running\":%t}\n", s.upstream.Running()) // the browser has left
	})

	guarded := localNames(http.NewCrossOriginProtection().Handler(mux))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, prefix) {
			guarded.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// localNames refuses requests that came over loopback with a name that is not this machine's own. A page from elsewhere sends
// such requests when its name resolves to a loopback address (DNS rebinding). To the browser they are of the page's own origin.
func localNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
		if ok && local.IP.IsLoopback() && !localName(r.Host) {
			http.Error(w, fmt.Sprintf("expected localhost or a loopback address in the header Host, found %.100q", r.Host),
				http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// localName reports whether a Host, with or without a port, can only mean this machine.
func localName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func answer(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
