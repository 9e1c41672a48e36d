package console

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// streamPrefix is followed by the path of a route. Below it the console serves the streams of another listener.
const streamPrefix = Prefix + "stream/"

// headerPrefix stands before the name of a header that the page gives to the route, such as X-Console-Authorization. The header
// without the prefix is for the console's own listener.
const headerPrefix = "X-Console-"

// stream serves the stream of a route. The request that the bridge sees has the path of the route, the headers of the page for the
// route, and nothing that the listener of the console has asked for, such as its token.
func (c *Console) stream(w http.ResponseWriter, r *http.Request) {
	inner := r.Clone(r.Context())
	path, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), strings.TrimSuffix(streamPrefix, "/")))
	if err != nil || strings.HasPrefix(path, Prefix) {
		write(w, http.StatusNotFound, map[string]string{"error": "expected the path of a route"})
		return
	}
	inner.URL.Path = path
	inner.URL.RawPath = strings.TrimPrefix(r.URL.EscapedPath(), strings.TrimSuffix(streamPrefix, "/"))
	inner.RequestURI = inner.URL.RequestURI()
	inner.Header = passedOn(r.Header)
	if host := c.publicHost(); host != "" {
		inner.Host = host
	}
	// The listener bounds how long a request may take. A stream takes as long as the route allows.
	controller := http.NewResponseController(w)
	_ = controller.SetReadDeadline(time.Time{})  // a ResponseWriter without deadlines has none to extend
	_ = controller.SetWriteDeadline(time.Time{}) // likewise
	c.Bridge.ServeHTTP(w, inner)
}

// passedOn returns the headers of a request that are for the route.
func passedOn(from http.Header) http.Header {
	to := http.Header{}
	for _, name := range []string{"Accept", "Last-Event-Id", "Content-Type", "Content-Length", "User-Agent"} {
		if values := from[name]; values != nil {
			to[name] = values
		}
	}
	for name, values := range from {
		if given, ok := strings.CutPrefix(name, headerPrefix); ok && mayPass(given) {
			to[http.CanonicalHeaderKey(given)] = values
		}
	}
	return to
}

// mayPass reports whether the page may give a header to a route. The headers of proxies would claim another client.
func mayPass(name string) bool {
	name = http.CanonicalHeaderKey(name)
	switch name {
	case "", "Host", "Forwarded", "X-Real-Ip", "Connection", "Upgrade", "Te", "Trailer", "Transfer-Encoding", "Content-Length",
		"Origin", "Keep-Alive", "Proxy-Connection", "Accept-Encoding":
		return false
	}
	return !strings.HasPrefix(name, "X-Forwarded-") && !strings.HasPrefix(name, "Sec-") && !strings.HasPrefix(name, headerPrefix)
}

// publicHost returns a host that the listener of the routes answers for. It is "" where any host will do.
func (c *Console) publicHost() string {
	for _, host := range c.Config().Server.Hosts {
		if !strings.ContainsAny(host, "*/") {
			return host
		}
	}
	return ""
}
